"""What a fitted model of ratings answers with: plain arrays, whether it was just fitted or comes from an artefact.

Legend: N rows, U users, I items, F factors, H items of a history. A user's code is 0 where the user is not known, else
from 1; the scores of all items stand in the order of the codes from 1: that of code c is at c - 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.sparse import shape_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Scores = NDArray[np.float32]
Codes = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]
NEAR, LEAST_NEAR = 1e-3, 1e-12
AT_ONCE = 1 << 22
"""Numbers that are gathered at once."""


class Ranker(ABC):
    """Scores of items, ratings of pairs.

    Args:
        arrays: What was learnt, by name.
        seen: (U + 1, I) what each user has had in training, row 0 empty; entries are ratings (events: 1).
    """

    name: ClassVar[str]
    """By which an artefact names it."""
    folds_in: ClassVar[bool] = True
    """Whether what a new user has had moves the order of items."""

    def __init__(self, arrays: Arrays, seen: csr_matrix) -> None:
        self.arrays, self.seen = arrays, seen

    @abstractmethod
    def scores(self, user_codes: Codes, /) -> Scores:
        """(U, I) how much each user is expected to like each item."""

    @abstractmethod
    def fold_in(self, item_codes: Codes, ratings: Floats | None, /) -> Scores:
        """(I,) for a new user who has had these items."""

    @abstractmethod
    def pairs(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) the score of each pair; codes may be 0."""

    def rates(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) the rating of each pair, before it is kept within the scale."""
        start, slope = self.arrays["line"]
        return start + slope * self.pairs(user_codes, item_codes)

    def places(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) the share of all items that score less than this one for that user: 1 is the first place, 0 no place.

        An item that scores the same counts half, one that scores nearly the same (within a thousandth of how far the
        user's scores vary) a part: that rounding moves nothing.
        """
        found = np.zeros(len(user_codes))
        for users, rows_of in by_user(user_codes, shape_of(self.seen)[1]):
            for scores, rows in zip(self.scores(users), rows_of, strict=True):
                own = scores[np.maximum(item_codes[rows] - 1, 0)]
                said = _places(own.astype(np.float64), np.sort(scores).astype(np.float64), float(scores.std()))
                found[rows] = np.where(item_codes[rows] > 0, said, 0.0)
        return found

    def item_vectors(self) -> NDArray[np.float32] | None:
        """(I, F), or None."""
        return None


def by_user(user_codes: Codes, n_items: int) -> Iterator[tuple[Codes, list[Codes]]]:
    """Users some at a time, so that the scores of all items fit, and the rows of each."""
    order = np.argsort(user_codes, kind="stable")
    users, starts = np.unique(user_codes[order], return_index=True)
    rows = np.split(order, starts[1:]) if len(users) else []
    step = max(1, AT_ONCE // max(n_items, 1))
    for start in range(0, len(users), step):
        yield users[start : start + step], rows[start : start + step]


def _places(own: Floats, scores: Floats, spread: float) -> Floats:
    """(N,) the share of scores (I,), which increase, that lie below each of one user's; near ones count by a line."""
    near = 2 * NEAR * spread + LEAST_NEAR
    middle = scores[len(scores) // 2]  # so that sums stay small
    own, scores = own - middle, scores - middle
    first = np.searchsorted(scores, own - near / 2, side="right")
    last = np.maximum(np.searchsorted(scores, own + near / 2, side="left"), first)
    sums = np.concatenate([[0.0], np.cumsum(scores)])
    line = (last - first) * (0.5 + own / near) - (sums[last] - sums[first]) / near
    return np.clip((first + line) / len(scores), 0, 1)


class SumRanker(Ranker):
    """Mean and biases of users and items: the same order for everybody."""

    name = "sum"
    folds_in = False

    def scores(self, user_codes: Codes, /) -> Scores:
        """Of each user (U, I)."""
        own = self.arrays["mean"][0] + self.arrays["user_bias"][user_codes]
        return (own[:, None] + self.arrays["item_bias"][None, 1:]).astype(np.float32)

    def fold_in(self, item_codes: Codes, ratings: Floats | None, /) -> Scores:
        """(I,) as for a user who is not known: what somebody has had does not change the order."""
        return self.scores(np.zeros(1, np.int64))[0]

    def pairs(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """Of each pair (N,)."""
        mean, users, items = (self.arrays[name] for name in ("mean", "user_bias", "item_bias"))
        return mean[0] + users[user_codes].astype(np.float64) + items[item_codes]


class FactorRanker(SumRanker):
    """Biases and factors; a new user's are solved for while the items stay as they are."""

    name = "factors"
    folds_in = True

    def scores(self, user_codes: Codes, /) -> Scores:
        """Of each user (U, I)."""
        found = self.arrays["user_factors"][user_codes] @ self.arrays["item_factors"][1:].T
        found += self.arrays["mean"][0].astype(np.float32) + self.arrays["item_bias"][1:]
        found += self.arrays["user_bias"][user_codes][:, None]
        return found

    def pairs(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """Of each pair (N,)."""
        found = super().pairs(user_codes, item_codes)
        step = max(1, AT_ONCE // self.arrays["item_factors"].shape[1])
        for start in range(0, len(found), step):
            part = slice(start, start + step)
            users, items = self.arrays["user_factors"][user_codes[part]], self.arrays["item_factors"][item_codes[part]]
            found[part] += np.einsum("nk,nk->n", users, items)
        return found

    def item_vectors(self) -> NDArray[np.float32]:
        """(I, F) the factors of the items."""
        return self.arrays["item_factors"][1:]

    def fold_in(self, item_codes: Codes, ratings: Floats | None, /) -> Scores:
        """Of a new user (I,)."""
        items = np.asarray(item_codes, np.int64)
        if "events" in self.arrays:
            return self.item_vectors() @ self._solved_events(items)
        given = np.full(len(items), self.arrays["scale"][1]) if ratings is None else np.asarray(ratings, np.float64)
        bias, own = self._solved_ratings(items, given)
        start = self.arrays["mean"][0] + bias + self.arrays["item_bias"][1:]
        return (start + self.item_vectors() @ own).astype(np.float32)

    def _solved_ratings(self, items: Codes, ratings: Floats) -> tuple[float, Floats]:
        """Bias and factors of a user with these ratings, together; drawn to 0 as those of users in training were."""
        noise, bias_spread, *spread = self.arrays["prior"].tolist()
        vectors = np.column_stack([np.ones(len(items)), self.arrays["item_factors"][items].astype(np.float64)])
        unsure = np.diag(np.concatenate([[0.0], self.arrays["item_sure"][items].sum(axis=0, dtype=np.float64)]))
        left = (vectors.T @ vectors + unsure) / noise + np.diag(1 / np.array([bias_spread, *spread]))
        off = ratings - self.arrays["mean"][0] - self.arrays["item_bias"][items]
        solved = np.linalg.solve(left, vectors.T @ off / noise)
        return float(solved[0]), solved[1:]

    def _solved_events(self, items: Codes) -> NDArray[np.float32]:
        """As `alternating.solve` solves a user."""
        alpha, strength, average = self.arrays["events"].tolist()
        every = self.arrays["item_factors"].astype(np.float64)
        own = every[items]
        left = every.T @ every + alpha * own.T @ own + strength * (len(items) + average) * np.eye(every.shape[1])
        return np.linalg.solve(left, (1 + alpha) * own.sum(axis=0)).astype(np.float32)


class NetRanker(SumRanker):
    """A network: biases, and a hidden layer of both embeddings, whose sum a sigmoid keeps within the scale.

    The hidden layer is linear in each embedding, so that what each side adds to it is known beforehand: `user_hidden`
    (U, H) and `item_hidden` (I, H). Somebody new is an unknown user.
    """

    name = "net"

    def scores(self, user_codes: Codes, /) -> Scores:
        """Of each user (U, I)."""
        found = super().scores(user_codes)
        items, last = self.arrays["item_hidden"][1:], self.arrays["last"]
        for row, own in enumerate(self.arrays["user_hidden"][user_codes]):
            found[row] += np.maximum(items + own, 0) @ last
        return self._within(found).astype(np.float32)

    def pairs(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """Of each pair (N,)."""
        found = super().pairs(user_codes, item_codes)
        step = max(1, AT_ONCE // len(self.arrays["last"]))
        for start in range(0, len(found), step):
            part = slice(start, start + step)
            hidden = self.arrays["user_hidden"][user_codes[part]] + self.arrays["item_hidden"][item_codes[part]]
            found[part] += np.maximum(hidden, 0) @ self.arrays["last"]
        return self._within(found)

    def item_vectors(self) -> NDArray[np.float32]:
        """(I, E) the embeddings of the items."""
        return self.arrays["item_embeddings"][1:]

    def _within(self, logits: NDArray[Any]) -> NDArray[Any]:
        low, high = self.arrays["ends"].tolist()
        return low + (high - low) * 0.5 * (1 + np.tanh(0.5 * logits))


class ItemRanker(Ranker):
    """Weights between items: what somebody has had speaks for other items.

    The arrays are `base` (I,), what speaks for an item where nothing is known, and the weights, from the row's item to
    the column's: `weights` (I, I) dense, or `starts`, `others`, `values`, a sparse matrix by rows.
    """

    name = "items"

    @property
    def weights(self) -> Any:
        """(I, I), dense or sparse."""
        if "weights" in self.arrays:
            return self.arrays["weights"]
        if not hasattr(self, "_weights"):
            from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

            n = len(self.arrays["base"])
            parts = (self.arrays["values"], self.arrays["others"], self.arrays["starts"])
            self._weights = csr_matrix(parts, (n, n))
        return self._weights

    def _of(self, histories: csr_matrix) -> Scores:
        """(U, I) of what each has had, all alike."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415

        ones = csr_matrix((np.ones(histories.nnz, np.float32), histories.indices, histories.indptr), histories.shape)
        found: Any = ones @ self.weights
        dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
        return (dense + self.arrays["base"]).astype(np.float32)

    def scores(self, user_codes: Codes, /) -> Scores:
        """Of each user (U, I)."""
        return self._of(self.seen[np.asarray(user_codes, np.int64)])

    def fold_in(self, item_codes: Codes, ratings: Floats | None, /) -> Scores:
        """Of a new user (I,)."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415

        items = np.unique(np.asarray(item_codes, np.int64)) - 1
        row = csr_matrix((np.ones(len(items), np.float32), items, [0, len(items)]), (1, shape_of(self.seen)[1]))
        return self._of(row)[0]

    def pairs(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) all items of a user are scored together."""
        found = np.zeros(len(user_codes))
        users, at = np.unique(user_codes, return_inverse=True)
        order = np.argsort(at.reshape(-1), kind="stable")
        ends = np.searchsorted(at.reshape(-1)[order], np.arange(len(users) + 1))
        step = max(1, AT_ONCE // max(len(self.arrays["base"]), 1))
        for start in range(0, len(users), step):
            scores = self.scores(users[start : start + step])
            rows = order[ends[start] : ends[min(start + step, len(users))]]
            items = item_codes[rows] - 1
            said = scores[at.reshape(-1)[rows] - start, np.maximum(items, 0)]
            found[rows] = np.where(items >= 0, said, 0.0)
        return found


RANKERS: Mapping[str, type[Ranker]] = {each.name: each for each in (SumRanker, FactorRanker, NetRanker, ItemRanker)}
