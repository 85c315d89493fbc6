"""How well the items that each user really had are ranked among all items, and what is recommended besides.

All items are candidates, not a sample of them: a sample changes which model is best (Krichene & Rendle 2020). What a
user had in training is left out. One number of the same model moves by half with the protocol, so that `Protocol` goes
with every number.

Legend: U users that are judged, I items, k places of a list. Columns are items; an item that training does not know has
no column, and cannot be found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.evaluation.intervals import Ratios, one_ratio
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import counted

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
K = 10
USERS_AT_ONCE = 256
MOST_USERS = 10_000
"""Users who are judged; of more so many are drawn."""
MEASURES = ("ndcg", "recall", "map", "auc")


@dataclass(frozen=True)
class Protocol:
    """How a ranking was judged."""

    k: int
    n_items: int
    n_users: int
    """Users that were judged."""
    n_left: int = 0
    """Users that could have been judged and were not drawn."""
    liked: float | None = None
    """The least rating that counts as a hit; None: every held-out item does."""

    def __str__(self) -> str:
        hit = "every held-out item" if self.liked is None else f"held-out items rated {self.liked:g} or more"
        drawn = f", drawn from {self.n_users + self.n_left:,}" if self.n_left else ""
        return (
            f"candidates: all {self.n_items:,} items but those the user had before; {hit} is a hit; "
            f"{counted(self.n_users, 'user')}{drawn}"
        )

    @property
    def brief(self) -> str:
        """In a few words, beside a number."""
        return f"among all {self.n_items:,} items but those had before"


@dataclass(frozen=True)
class Ranking:
    """What a model ranks for each user, and how good that is."""

    protocol: Protocol
    ids: tuple[str, ...]
    """(U,)"""
    values: Floats
    """(U, 4) NDCG, recall, average precision at k, and AUC of each user."""
    lists: Codes
    """(U, k) columns of the items in the first places; -1 where no candidate is left."""
    is_known: NDArray[np.bool_]
    """(U,) whether training knows the user."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `values`."""
        return tuple(name if name == "auc" else f"{name}@{self.protocol.k}" for name in MEASURES)

    def predictions(self) -> Predictions:
        """The same as a table with a row for each user, which scores and comparisons read."""
        target = NumberTarget(names=self.names, mean=(0.0,) * 4, std=(1.0,) * 4)
        return Predictions(ids=self.ids, target=target, truth=np.ones_like(self.values), output=self.values)

    def metrics(self) -> tuple[Metric, ...]:
        """What reads that table."""
        return tuple(measure(name, at) for at, name in enumerate(self.names))

    def scores(self) -> dict[str, Score]:
        """Each measure with its interval over users, and the protocol."""
        if not self.ids:
            return {}
        found = score(self.predictions(), self.metrics())
        return {
            name: one.model_copy(update={"note": "; ".join(part for part in (one.note, self.protocol.brief) if part)})
            for name, one in found.items()
        }


def measure(name: str, column: int) -> Metric:
    """The mean over users of one column of such a table."""
    label = {"ndcg": "NDCG", "recall": "recall", "map": "MAP", "auc": "AUC"}[name.partition("@")[0]]
    return Metric(
        name,
        name.replace(name.partition("@")[0], label),
        ("number",),
        True,
        lambda predictions: float(predictions.output[:, column].mean()),
        influence=lambda predictions: _ratio(predictions, column).influence(),
        resampled=lambda predictions: _ratio(predictions, column).statistic(),
    )


def _ratio(predictions: Predictions, column: int) -> Ratios:
    return one_ratio(predictions.output[:, column].astype(np.float64), np.ones(len(predictions)))


def rank(
    scores: Callable[[Codes], NDArray[np.float32]],
    held_out: csr_matrix,
    seen: csr_matrix,
    *,
    codes: Codes,
    ids: Sequence[str],
    n_unknown: Codes | None = None,
    k: int = K,
    liked: float | None = None,
    most_users: int = MOST_USERS,
    seed: int = 0,
) -> Ranking:
    """Judge the ranking of all items for each user who has held-out items.

    Args:
        scores: Codes of users → (U, I) score of each item.
        held_out: (U, I) the held-out items of each user; entries are their ratings.
        seen: (C, I) what each code had before, which is no candidate; row 0 of users who are not known.
        codes: (U,) of each user.
        ids: (U,) what each user is called.
        n_unknown: (U,) held-out items of each user that have no column: they are missed.
        k: Places of the list.
        liked: The least rating that counts as a hit; None: every held-out item is one.
        most_users: Of more so many are drawn.
        seed: Of the draw.

    Raises:
        DataError: No user has a hit that could be found.
    """
    hits = _liked(held_out, liked)
    missed = np.zeros(len(codes), np.int64) if n_unknown is None else n_unknown
    judged = np.flatnonzero(np.diff(hits.indptr) + missed > 0)
    if not len(judged):
        raise DataError(
            "no user has a held-out item that counts as a hit, so that no ranking can be judged. To fix: lower liked=, "
            "or hold out more rows."
        )
    n_left = max(0, len(judged) - most_users)
    if n_left:
        judged = np.sort(np.random.default_rng(seed).choice(judged, most_users, replace=False))
    values: list[Floats] = []
    lists: list[Codes] = []
    for start in range(0, len(judged), USERS_AT_ONCE):
        users = judged[start : start + USERS_AT_ONCE]
        had: Any = seen[codes[users]]
        given = of_candidates(scores(codes[users]), had)
        lists.append(top(given, k))
        values.append(_values(hits, missed, users, given, lists[-1]))
    return Ranking(
        Protocol(k, _shape(hits)[1], len(judged), n_left, liked),
        tuple(ids[one] for one in judged.tolist()),
        np.concatenate(values),
        np.concatenate(lists),
        codes[judged] > 0,
    )


def _shape(matrix: csr_matrix) -> tuple[int, int]:
    shape: Any = matrix.shape
    return int(shape[0]), int(shape[1])


def _liked(held_out: csr_matrix, liked: float | None) -> csr_matrix:
    if liked is None:
        return held_out
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    rows = np.repeat(np.arange(_shape(held_out)[0]), np.diff(held_out.indptr))
    kept = held_out.data >= liked
    return csr_matrix((held_out.data[kept], (rows[kept], held_out.indices[kept])), _shape(held_out))


def _values(hits: csr_matrix, missed: Codes, users: Codes, given: NDArray[np.float32], lists: Codes) -> Floats:
    """(B, 4) of some users, whose scores and lists are given."""
    values = np.zeros((len(users), 4))
    for at, user in enumerate(users.tolist()):
        wanted = np.asarray(hits.indices[hits.indptr[user] : hits.indptr[user + 1]], np.int64)
        values[at] = of_one(given[at], lists[at], wanted, int(missed[user]), lists.shape[1])
    return values


def of_candidates(given: NDArray[np.float32], had: csr_matrix) -> NDArray[np.float32]:
    """(B, I) scores of the candidates; what a user had before scores minus infinity."""
    found = np.array(given, np.float32)
    found[np.repeat(np.arange(len(found)), np.diff(had.indptr)), had.indices] = -np.inf
    return found


def top(scores: NDArray[np.float32], k: int) -> Codes:
    """(U, k) columns of the highest scores, the highest first, of equal ones the first; -1 behind the candidates.

    Example:
        >>> top(np.array([[0.1, 0.9, -np.inf, 0.5]], np.float32), 4).tolist()
        [[1, 3, 0, -1]]
    """
    n = scores.shape[1]
    kept = min(k, n)
    if kept < n:
        least = np.partition(scores, n - kept, axis=1)[:, n - kept, None]
        # of items that tie for the last place the first ones: those above it, then as many of the ties as there is room
        above, ties = scores > least, scores == least
        room = kept - above.sum(axis=1, keepdims=True)
        taken = above | (ties & (np.cumsum(ties, axis=1) <= room))
        columns = np.nonzero(taken)[1].reshape(len(scores), kept)
    else:
        columns = np.broadcast_to(np.arange(n), (len(scores), n))
    own = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-own, axis=1, kind="stable")
    found = np.take_along_axis(columns, order, axis=1)
    found = np.where(np.isneginf(np.take_along_axis(own, order, axis=1)), -1, found).astype(np.int64)
    return found if kept == k else np.pad(found, ((0, 0), (0, k - kept)), constant_values=-1)


def of_one(scores: NDArray[np.float32], listed: Codes, wanted: Codes, n_missed: int, k: int) -> Floats:
    """(4,) NDCG, recall and average precision at k, and AUC, of one user.

    Args:
        scores: (I,) of all items; minus infinity is no candidate.
        listed: (k,) the first places.
        wanted: Columns of the hits.
        n_missed: Hits that have no column.
        k: Places.

    Example:
        >>> of_one(np.array([3, 2, 1, 0], np.float32), np.array([0, 1]), np.array([1, 3]), 0, 2).round(3).tolist()
        [0.387, 0.5, 0.25, 0.25]
    """
    n_hits = len(wanted) + n_missed
    is_hit = np.isin(listed, wanted)
    places = np.flatnonzero(is_hit)
    best = (1 / np.log2(np.arange(2, min(n_hits, k) + 2))).sum()
    ndcg = (1 / np.log2(places + 2)).sum() / best
    precision = ((np.arange(len(places)) + 1) / (places + 1)).sum() / min(n_hits, k)
    candidates = scores[~np.isneginf(scores)]
    own = scores[wanted]
    n_others = len(candidates) - int((~np.isneginf(own)).sum())
    if n_others <= 0:
        return np.array([ndcg, len(places) / n_hits, precision, 0.5])
    below = (candidates[None, :] < own[:, None]).sum(axis=1) + 0.5 * (candidates[None, :] == own[:, None]).sum(axis=1)
    among = (own[None, :] < own[:, None]).sum(axis=1) + 0.5 * (own[None, :] == own[:, None]).sum(axis=1)
    auc = (float((below - among).sum()) / n_others + 0.5 * n_missed) / n_hits
    return np.array([ndcg, len(places) / n_hits, precision, auc])


# ── beyond hits ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Beyond:
    """What is recommended, whether it is hit or not; printing it tells."""

    coverage: float
    """Share of the items that are recommended to anybody."""
    novelty: float
    """Bits: minus the binary logarithm of the share of users who had the item, on average."""
    diversity: float
    """1 minus the cosine, by who had them, of two items of a list, on average."""
    popularity: float
    """How often the recommended items were had, over how often the items were that the same users had before; 1: as
    popular as what they know."""
    concentration: float
    """Gini coefficient of how often each item is recommended: 1 where all get the same items."""
    taste: float | None
    """How far the classes of the recommended items lie from those of what the user had before: Kullback-Leibler
    divergence in bits (Steck 2018); None where items have no classes."""

    def as_json(self) -> dict[str, float | None]:
        """All by name."""
        return {
            "coverage": self.coverage,
            "novelty": self.novelty,
            "diversity": self.diversity,
            "popularity": self.popularity,
            "concentration": self.concentration,
            "taste": self.taste,
        }

    def __str__(self) -> str:
        taste = "" if self.taste is None else f", taste off by {self.taste:.2f} bits"
        return (
            f"recommends {100 * self.coverage:.1f} % of the items, novelty {self.novelty:.1f} bits, diversity "
            f"{self.diversity:.2f}, {self.popularity:.2f} times as popular as what the same users knew, concentration "
            f"{self.concentration:.2f}{taste}"
        )


MOST_LISTS = 2000
"""Whose diversity is looked at."""


def beyond(
    lists: Codes, seen: csr_matrix, codes: Codes, *, classes: csr_matrix | None = None, smoothing: float = 0.01
) -> Beyond:
    """Coverage, novelty, diversity, popularity, concentration and calibration of tastes.

    Args:
        lists: (U, k) columns of recommended items, -1 for none.
        seen: (C, I) what each code had in training.
        codes: (U,) of the users of the lists.
        classes: (I, G) which classes (genres) each item has.
        smoothing: How much of the user's own classes is mixed into those of the list, so that it is finite (Steck).
    """
    n = _shape(seen)[1]
    counts = np.bincount(seen.indices, minlength=n).astype(np.float64)
    n_users = max(1, int((np.diff(seen.indptr) > 0).sum()))
    there = lists >= 0
    items = lists[there]
    told = np.bincount(items, minlength=n).astype(np.float64)
    share = (counts + 1) / (n_users + 1)
    before = _mean_of_history(seen, codes, counts)
    known = np.isfinite(before)
    with np.errstate(invalid="ignore"):
        own = np.where(there, counts[np.maximum(lists, 0)], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    popularity = float(own[known].mean() / before[known].mean()) if known.any() and before[known].mean() > 0 else 1.0
    return Beyond(
        float((told > 0).mean()),
        float(-np.log2(share[items]).mean()) if len(items) else 0.0,
        _diversity(lists[:MOST_LISTS], seen, counts),
        popularity,
        _gini(told),
        None if classes is None else _taste(lists, seen, codes, classes, smoothing),
    )


def _mean_of_history(seen: csr_matrix, codes: Codes, counts: Floats) -> Floats:
    sizes = np.diff(seen.indptr)[codes]
    sums: Any = seen[codes].astype(bool).astype(np.float64) @ counts
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sizes > 0, sums / sizes, np.nan)


def _gini(amounts: Floats) -> float:
    """0 where all are equal, towards 1 where one has all."""
    rising = np.sort(amounts)
    total = rising.sum()
    if not total:
        return 0.0
    n = len(rising)
    return float((2 * (np.arange(1, n + 1) * rising).sum() / (n * total)) - (n + 1) / n)


def _diversity(lists: Codes, seen: csr_matrix, counts: Floats) -> float:
    if lists.shape[1] < 2 or not len(lists):
        return 0.0
    first, second = np.triu_indices(lists.shape[1], 1)
    pairs = np.stack([lists[:, first].ravel(), lists[:, second].ravel()])
    pairs = np.sort(pairs[:, (pairs >= 0).all(axis=0)], axis=0)
    if not pairs.shape[1]:
        return 0.0
    distinct, at = np.unique(pairs, axis=1, return_inverse=True)
    by_item: Any = seen.astype(bool).astype(np.float32).T.tocsr()
    common = np.zeros(distinct.shape[1])
    for start in range(0, distinct.shape[1], 50_000):
        part = slice(start, start + 50_000)
        both = by_item[distinct[0, part]].multiply(by_item[distinct[1, part]])
        common[part] = np.asarray(both.sum(axis=1)).ravel()
    cosine = common / np.sqrt(np.maximum(counts[distinct[0]] * counts[distinct[1]], 1))
    return float(1 - cosine[at.reshape(-1)].mean())


def _taste(lists: Codes, seen: csr_matrix, codes: Codes, classes: csr_matrix, smoothing: float) -> float | None:
    each: Any = classes.multiply(1 / np.maximum(np.asarray(classes.sum(axis=1)), 1)).tocsr()
    history: Any = np.asarray((seen[codes].astype(bool).astype(np.float64) @ each).todense())
    told = np.zeros_like(history)
    for place in range(lists.shape[1]):
        which = np.flatnonzero(lists[:, place] >= 0)
        told[which] += np.asarray(each[lists[which, place]].todense())
    both = (history.sum(axis=1) > 0) & (told.sum(axis=1) > 0)
    if not both.any():
        return None
    p = history[both] / history[both].sum(axis=1, keepdims=True)
    q = told[both] / told[both].sum(axis=1, keepdims=True)
    q = (1 - smoothing) * q + smoothing * p
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / q), 0.0)
    return float(terms.sum(axis=1).mean())
