"""The best of many scores: the same as sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from drivetrain.kinds.ratings.recommending.catalogue import attribute
from drivetrain.kinds.ratings.recommending.picking import Limit, pick, unit
from drivetrain.kinds.ratings.recommending.ranking import NOTHING, scaled, top

SCORES = st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 1.0, 3.0])


@settings(max_examples=200, deadline=None)
@given(
    scores=st.tuples(st.integers(0, 4), st.integers(0, 40)).flatmap(
        lambda shape: arrays.arrays(np.float32, shape, elements=SCORES)
    ),
    n=st.integers(1, 12),
)
def test_best_are_those_of_a_stable_sort(scores: np.ndarray, n: int) -> None:
    codes, values = top(scores, n)
    assert codes.shape == values.shape == (len(scores), n)
    for row, found, said in zip(scores, codes, values, strict=True):
        right = [at for at in np.argsort(-row, kind="stable")[:n].tolist() if row[at] > -np.inf]
        assert found[found != NOTHING].tolist() == right
        assert said[: len(right)].tolist() == row[right].tolist()
        assert (said[len(right) :] == -np.inf).all()


@pytest.mark.parametrize("items", [1, 39, 40, 41, 4001])
def test_distinct_scores_of_many_items(items: int) -> None:
    scores = np.random.default_rng(items).permutation(items).astype(np.float32)[None].repeat(3, axis=0)
    codes, _ = top(scores, 10)
    assert codes[2][: min(10, items)].tolist() == np.argsort(-scores[0])[:10].tolist()


def test_a_view_of_other_order_is_read_as_it_is() -> None:
    scores = np.asfortranarray(np.random.default_rng(0).random((5, 70), np.float32))
    assert top(scores, 4)[0].tolist() == np.argsort(-scores, axis=1)[:, :4].tolist()


def test_scaled_keeps_what_is_forbidden() -> None:
    assert scaled(np.array([2, 2, -np.inf], np.float32)).tolist() == [0.5, 0.5, -np.inf]
    assert scaled(np.array([-np.inf], np.float32)).tolist() == [-np.inf]


def best_by_looking_at_all(relevance: np.ndarray, n: int, diversity: float, vectors: np.ndarray, most: dict) -> list:
    """Maximal marginal relevance as the paper has it: every item at every step; of equal ones the more relevant."""
    chosen: list[int] = []
    order = np.argsort(-relevance, kind="stable").tolist()
    for _ in range(n):
        best, value = None, -np.inf
        for item in order:
            same = sum(most["group"][item] == most["group"][one] for one in chosen)
            if item in chosen or relevance[item] == -np.inf or same >= most["n"]:
                continue
            near = max((max(0.0, float(vectors[item] @ vectors[one])) for one in chosen), default=0.0)
            worth = (1 - diversity) * relevance[item] - diversity * near
            if worth > value + 1e-12:
                best, value = item, worth
        if best is None:
            break
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("most", [1, 2, 50])
def test_picking_is_exact_though_it_looks_at_few(diversity: float, most: int) -> None:
    rng = np.random.default_rng(3)
    relevance = rng.random(900).astype(np.float32)
    relevance[::7] = -np.inf
    group = rng.integers(0, 30, 900)
    group[np.argsort(-relevance)[:300]] = 3  # the best of one group alone: the first pool does not settle it
    vectors = unit(rng.normal(size=(900, 3)).astype(np.float32) + 0.5)
    limit = Limit(attribute("group", group.tolist()), most)
    found = pick(relevance, 8, limits=[limit], diversity=diversity, unit_IK=vectors)
    right = best_by_looking_at_all(relevance, 8, diversity, vectors, {"group": group, "n": most})
    assert found == right


def test_a_limit_counts_each_of_several_values_and_none_of_a_gap() -> None:
    limit = Limit(attribute("genre", ["war|love", "love", None, None, "war"]), 1)
    assert pick(np.array([5, 4, 3, 2, 1], np.float32), 5, limits=[limit]) == [0, 2, 3]
    assert pick(np.full(3, -np.inf, np.float32), 5) == []
