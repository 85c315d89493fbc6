"""Rankings of all items against sums that are done by hand, and against scikit-learn."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

import drivetrain as dt
from drivetrain.evaluation.ranking import beyond, of_one, rank, top

SCORES = np.array([[0.9, 0.8, 0.7, 0.6, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]], np.float32)


def sparse(rows):
    return csr_matrix(np.array(rows, np.float32))


def ranked(held_out, seen, **asked):
    return rank(
        lambda codes: SCORES[codes], sparse(held_out), sparse(seen), codes=np.arange(2), ids=["a", "b"], **asked
    )


def test_values_by_hand():
    # a has had item 0; its hits are 2 (second place) and 4 (fourth); b's hit is 4, in the first place
    found = ranked([[0, 0, 1, 0, 1], [0, 0, 0, 0, 1]], [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], k=2)
    best = 1 + 1 / math.log2(3)
    assert found.values[0] == pytest.approx([1 / math.log2(3) / best, 1 / 2, (1 / 2) / 2, 1 / 4])
    assert found.values[1] == pytest.approx([1, 1, 1, 1])
    assert found.lists.tolist() == [[1, 2], [4, 3]]


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = rng.integers(0, 9, 30).astype(np.float32)
        hits = rng.choice(30, 7, replace=False)
        truth = np.isin(np.arange(30), hits)
        assert of_one(scores, top(scores[None], 5)[0], hits, 0, 5)[3] == pytest.approx(roc_auc_score(truth, scores))


def test_items_that_training_does_not_know_are_missed():
    found = ranked([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], np.zeros((2, 5)), k=2, n_unknown=np.array([1, 1]))
    best = 1 + 1 / math.log2(3)
    assert found.values[:, 0] == pytest.approx([0, 1 / best])
    assert found.values[:, 1] == pytest.approx([0, 0.5])


def test_liked_counts_hits_by_rating():
    found = ranked([[0, 5, 1, 0, 0], [2, 0, 0, 0, 0]], np.zeros((2, 5)), k=2, liked=4)
    assert found.ids == ("a",)
    assert found.values[0, 1] == 1
    assert "rated 4 or more" in str(found.protocol)


def test_no_hit_is_an_error():
    with pytest.raises(dt.DataError, match="no user has a held-out item"):
        ranked([[0, 2, 1, 0, 0], [2, 0, 0, 0, 0]], np.zeros((2, 5)), liked=3)


def test_users_are_drawn_where_they_are_many():
    found = ranked(np.ones((2, 5)), np.zeros((2, 5)), most_users=1)
    assert (len(found.ids), found.protocol.n_left) == (1, 1)
    assert "1 user, drawn from 2" in str(found.protocol)


@pytest.mark.parametrize("k", [1, 3, 5, 9])
def test_top_is_that_of_a_full_sort(k):
    rng = np.random.default_rng(k)
    scores = rng.integers(0, 4, (50, 5)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    by_hand = [[at for at in np.argsort(-row, kind="stable") if row[at] > -np.inf][:k] for row in scores]
    assert [[one for one in row if one >= 0] for row in top(scores, k).tolist()] == by_hand


def test_scores_have_intervals_over_users_and_say_how():
    rng = np.random.default_rng(0)
    held_out = csr_matrix((rng.random((80, 30)) < 0.1).astype(np.float32))
    scores = rng.random((80, 30)).astype(np.float32)
    found = rank(lambda codes: scores[codes], held_out, sparse(np.zeros((80, 30))), codes=np.arange(80),
                 ids=[str(at) for at in range(80)], k=5)  # fmt: skip
    score = found.scores()["ndcg@5"]
    assert score.low < score.value < score.high
    assert score.value == pytest.approx(found.values[:, 0].mean())
    assert score.n == len(found.ids)
    assert "among all 30 items" in score.note
    assert dt.compare(found.predictions(), found.predictions(), found.metrics()[0]).difference == 0


def test_beyond_by_hand():
    lists = np.array([[0, 1], [0, -1]])
    seen = sparse([[1, 1, 0, 0], [1, 0, 1, 0]])
    found = beyond(lists, seen, np.array([0, 1]), classes=sparse([[1, 0], [1, 0], [0, 1], [0, 1]]))
    assert found.coverage == 0.5
    assert found.novelty == pytest.approx(-(2 * math.log2(3 / 3) + math.log2(2 / 3)) / 3)
    assert found.diversity == pytest.approx(1 - 1 / math.sqrt(2 * 1))
    assert found.popularity == pytest.approx(((1.5 + 2) / 2) / 1.5)
    assert found.concentration == pytest.approx(2 * (3 * 1 + 4 * 2) / (4 * 3) - 5 / 4)
    q = 0.99 + 0.01 * 0.5  # the second user had one of each class, and gets the first class alone
    assert found.taste == pytest.approx((0 + 0.5 * math.log2(0.5 / q) + 0.5 * math.log2(0.5 / (0.01 * 0.5))) / 2)


def test_classes_that_recommendations_keep_are_calibrated():
    lists, seen = np.array([[2, 3]]), sparse([[1, 1, 0, 0]])
    assert beyond(lists, seen, np.array([0]), classes=sparse([[1, 0], [0, 1], [1, 0], [0, 1]])).taste == pytest.approx(
        0
    )
