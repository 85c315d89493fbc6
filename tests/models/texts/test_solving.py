"""The line on texts against scikit-learn's, on the same rows and penalty."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from drivetrain.models.deadline import Deadline
from drivetrain.models.texts.design import Design, Weights, no_terms, terms_matrix, vector_means
from drivetrain.models.texts.solving import solve, zeros


def rows(n=200, v=40, d=6, seed=0):
    rng = np.random.default_rng(seed)
    terms = sparse.random(n, v, 0.2, random_state=seed, dtype=np.float32, format="csr")
    return Design(terms, rng.normal(size=(n, d)).astype(np.float32)), rng


def both(design):
    return np.concatenate([design.terms.toarray(), design.dense], axis=1).astype(np.float64)


def log_loss(raw, truth):
    return float((np.log(np.exp(raw).sum(axis=1)) - raw[np.arange(len(raw)), truth]).mean())


@pytest.mark.parametrize("strength", [0.3, 10.0])
def test_categories_as_scikit_learn_has_them(strength):
    design, rng = rows()
    truth = rng.integers(0, 4, 200)
    ours = solve(design, truth, "one of many", strength, width=4).weights
    line = LogisticRegression(C=strength, max_iter=2000, tol=1e-8).fit(both(design), truth)

    def minimised(raw, weights):
        return log_loss(raw, truth) + float(np.square(weights).sum()) / (2 * strength * len(truth))

    found = minimised(design.raw(ours).astype(float), np.concatenate([ours.terms, ours.dense]))
    best = minimised(line.decision_function(both(design)), line.coef_)
    assert best - 1e-6 <= found <= best * 1.002
    assert np.abs(design.raw(ours).argmax(axis=1) == line.predict(both(design))).mean() > 0.98


def test_of_two_categories_and_of_labels_one_line_each():
    design, rng = rows(seed=1)
    truth = rng.integers(0, 2, (200, 3))
    ours = solve(design, truth, "labels", 1.0, width=3).weights
    for at in range(3):
        line = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(both(design), truth[:, at])
        theirs = line.decision_function(both(design))
        assert np.corrcoef(design.raw(ours)[:, at], theirs)[0, 1] > 0.995
        assert np.abs(design.raw(ours)[:, at] - theirs).mean() < 0.1 * np.abs(theirs).mean()


def test_numbers_as_ridge_has_them():
    design, rng = rows(seed=2)
    truth = rng.normal(size=(200, 2)) + design.dense[:, :2] * 2
    ours = solve(design, truth, "numbers", 0.5, width=2).weights
    ridge = Ridge(alpha=2.0).fit(both(design), truth)
    lost = [float(np.square(truth - raw).mean()) for raw in (design.raw(ours), ridge.predict(both(design)))]
    assert lost[0] == pytest.approx(lost[1], rel=0.01)


def test_it_ends_when_the_time_is_up_and_says_so():
    design, rng = rows()
    found = solve(design, rng.integers(0, 4, 200), "one of many", 1e6, width=4, deadline=Deadline(0))
    assert not found.steady


def test_one_block_may_be_empty():
    design, rng = rows()
    truth = rng.integers(0, 2, (200, 1))
    for one in (Design(design.terms, design.dense[:, :0]), Design(no_terms(200), design.dense)):
        found = solve(one, truth, "labels", 1.0, width=1).weights
        assert one.raw(found).shape == (200, 1) and np.abs(one.raw(found)).max() > 0
        assert zeros(one, 1).flat.size == found.flat.size


def test_weights_are_views_of_one_array():
    flat = np.arange(7, dtype=np.float32)
    shapes = Weights(np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    found = shapes.like(flat)
    assert found.terms.tolist() == [[0, 1], [2, 3]] and found.dense.tolist() == [[4, 5]] and found.start.tolist() == [6]
    assert np.shares_memory(found.dense, flat) and found.flat.tolist() == flat.tolist()


def test_ids_from_elsewhere_count_as_none():
    found = terms_matrix([np.array([0, 3, 9])], [np.array([1, 2, 3], np.float32)], 3).toarray()
    assert found.tolist() == [[0, 0, 2]]


def test_the_mean_of_windows_is_that_of_their_pieces():
    table = np.array([[0.0], [1.0], [4.0]], np.float32)
    ids, mask = np.array([[1, 2], [2, 0]]), np.array([[1, 1], [1, 0]])
    assert vector_means([ids, np.array([0])], [mask, np.array([0])], table).tolist() == [[3.0], [0.0]]
