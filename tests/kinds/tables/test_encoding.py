"""Statistics of names: counted again here row by row, without the shortcuts."""

import numpy as np
import pytest

from drivetrain.kinds.tables.encoding import fit_statistics, folds_of, strongest_pairs


def by_hand(codes, outputs, folds, weight):
    """Of each row, (N, S): the other folds' smoothed mean of its code, and log(1 + how often it occurs there)."""
    told = np.zeros((len(codes), outputs.shape[1] + 1))
    for row, (code, fold) in enumerate(zip(codes, folds, strict=True)):
        others = folds != fold
        same = others & (codes == code)
        mean = outputs[others].mean(axis=0)
        told[row, :-1] = (outputs[same].sum(axis=0) + weight * mean) / (same.sum() + weight)
        told[row, -1] = np.log1p(same.sum())
    return told


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_row_is_told_what_the_other_folds_say(n_outputs):
    rng = np.random.default_rng(0)
    codes, outputs = rng.integers(0, 12, (200, 2)), rng.random((200, n_outputs))
    folds = folds_of(200, (), seed=1)
    found, crossed = fit_statistics(codes, [12, 15], outputs, folds)
    expected = [by_hand(codes[:, at], outputs, folds, found.weights[at]) for at in range(2)]
    np.testing.assert_allclose(crossed, np.concatenate(expected, axis=1), rtol=1e-5)


def test_later_rows_are_told_what_all_training_rows_say():
    codes, outputs = np.array([[2], [2], [3], [2]]), np.array([[1.0], [1.0], [0.0], [0.0]])
    found, _ = fit_statistics(codes, [5], outputs, np.array([0, 1, 0, 1]), [2.0])
    (table,) = found.tables
    assert table[2].tolist() == [pytest.approx((2 + 2 * 0.5) / 5), pytest.approx(np.log(4))]
    assert table[4].tolist() == [0.5, 0.0]  # it never occurred: the mean of all
    assert found.of(np.array([[3]]))[0].tolist() == table[3].tolist()


def test_the_weight_is_the_one_that_predicts_best():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 50, (3000, 1))
    folds = folds_of(3000, (), seed=0)
    noise, signal = rng.random((3000, 1)), (codes % 2).astype(float)
    weights = [fit_statistics(codes, [50], outputs, folds)[0].weights[0] for outputs in (noise, signal)]
    assert weights == [100.0, 1.0]


def test_a_group_is_in_one_fold():
    groups = [f"g{at % 7}" for at in range(70)]
    folds = folds_of(70, groups, seed=0)
    assert all(len({fold for fold, one in zip(folds, groups, strict=True) if one == name}) == 1 for name in set(groups))


def test_the_pair_that_tells_most_comes_first():
    """y is whether the first two columns agree: neither tells anything alone."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (900, 3))
    outputs = (codes[:, 0] == codes[:, 1]).astype(float)[:, None]
    found = strongest_pairs(codes, [3, 3, 3], outputs, folds_of(900, (), seed=0))
    assert found[0] == (0, 1)
