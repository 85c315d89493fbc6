"""Whether inputs of unseen classes are noticed, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.targets import CategoryTarget, NumberTarget

FRUIT = CategoryTarget(name="fruit", vocab=("fig", "kiwi", "pear"))


def probabilities(n: int, sharp: float, seed: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, sharp, (n, 3))
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def known(n: int = 200, sharp: float = 3) -> dt.Predictions:
    return dt.Predictions(tuple(map(str, range(n))), FRUIT, np.arange(n) % 3, probabilities(n, sharp, 0))


def test_auc_and_share_are_those_of_scikit_learn_and_counting():
    said, unseen = known(), probabilities(80, 1, 1)
    found = dt.open_set(said, unseen, keep=0.9)
    sure = np.concatenate([said.output.max(1), unseen.max(1)])
    assert found.auc.value == pytest.approx(roc_auc_score(np.repeat([0, 1], [200, 80]), -sure))
    assert found.auc.low < found.auc.value < found.auc.high
    assert found.kept == pytest.approx((said.output.max(1) >= found.threshold).mean()) and 0.9 <= found.kept < 0.92
    assert found.noticed.value == pytest.approx((unseen.max(1) < found.threshold).mean()) and found.noticed.n == 80


def test_what_cannot_be_told_is_a_half():
    found = dt.open_set(known(400), probabilities(400, 3, 7))
    assert found.auc.low < 0.5 < found.auc.high and found.noticed.value < 0.1


@pytest.mark.parametrize("wrong", [[0.5, 0.5], [[0.5, 0.5]], np.zeros((0, 3)), [["a", "b", "c"]]], ids=range(4))
def test_other_shapes_are_refused(wrong):
    with pytest.raises(DataError, match="unseen"):
        dt.open_set(known(), wrong)


def test_other_targets_and_shares_are_refused():
    size = dt.Predictions(("a",), NumberTarget(names=("cm",), mean=(0.0,), std=(1.0,)), [[1.0]], [[1.0]])
    with pytest.raises(DataError, match="another target than one category"):
        dt.open_set(size, [[1.0]])
    with pytest.raises(SettingError, match="keep"):
        dt.open_set(known(), probabilities(3, 1, 0), keep=1)
