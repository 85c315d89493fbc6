"""A model of ratings, fitted or saved, as a recommender: items and users by name, scores, reasons.

Legend: U users, I items, H what one user has, n items that are explained, K length of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from drivetrain.kinds.ratings.rankers import FactorRanker, ItemRanker, Ranker, SumRanker
from drivetrain.kinds.ratings.recommending.catalogue import Attribute, Catalogue, Seen, attribute, title_of
from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.recommending.scoring import Contributions, left_out
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.ratings.spec import Spec

RATING, PREFERENCE, SCORE = "rating predicted", "preference predicted, about 0 to 1", "score, which has no unit"
LENGTH = 32
"""Of vectors that are made of who has what, for a model that has none of its own."""
LEAST_MOVED = 1e-3
"""Factors that move ratings by less than this share of the scale tell nothing of the items."""


@dataclass(frozen=True)
class RankerScorer:
    """What a model answers with, by places from 0 as a recommender counts."""

    ranker: Ranker
    rated: bool
    """Whether rows are ratings."""

    @property
    def of_events(self) -> bool:
        """Whether it has learnt who had what, and nothing else."""
        return isinstance(self.ranker, ItemRanker) or "events" in self.ranker.arrays

    @property
    def folds_in(self) -> bool:
        """Whether a new user's items move its scores."""
        return self.ranker.folds_in

    @property
    def reads_values(self) -> bool:
        """Whether ratings count, rather than that there are some."""
        return self.rated and not self.of_events

    @property
    def is_share(self) -> bool:
        """Whether scores are preferences, of which 1 is a pair that happened."""
        return "events" in self.ranker.arrays or "weights" in self.ranker.arrays

    @property
    def says(self) -> str:
        """What a score is."""
        if self.is_share:
            return PREFERENCE
        is_rating = self.reads_values and isinstance(self.ranker, SumRanker)
        return RATING if is_rating and self.ranker.arrays["line"].tolist() == [0.0, 1.0] else SCORE

    def scores(self, users: Codes, /) -> Floats:
        """(U, I) of users by place."""
        return self.ranker.scores(users + 1)

    def fold_in(self, items: Codes, values: Floats, /) -> Floats:
        """(I,) of somebody with these items."""
        return self.ranker.fold_in(items + 1, values.astype(np.float64) if self.rated else None)

    def contributions(self, items: Codes, values: Floats, wanted: Codes, /) -> Contributions:
        """(n, H) parts of a sum where the score is one; else by leaving one out."""
        ranker = self.ranker
        if isinstance(ranker, ItemRanker):
            found: Any = ranker.weights[np.ix_(items, wanted)]
            return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64).T
        if isinstance(ranker, FactorRanker) and "events" in ranker.arrays:
            return _of_event_factors(ranker, items, wanted)
        return left_out(self, items, values, wanted)


def _of_event_factors(ranker: FactorRanker, items: Codes, wanted: Codes) -> Contributions:
    """Exact, as the score is a sum over what the user has (Hu, Koren & Volinsky 2008, section 5)."""
    alpha, strength, average = ranker.arrays["events"].tolist()
    every = ranker.item_vectors().astype(np.float64)
    own = every[items]
    left = every.T @ every + alpha * own.T @ own + strength * (len(items) + average) * np.eye(every.shape[1])
    return (1 + alpha) * every[wanted] @ np.linalg.solve(left, own.T)


def recommender_of(spec: Spec, ranker: Ranker, items: SideTable, rating: str | None) -> Recommender:
    """What recommends by a model.

    Args:
        spec: Users and items by name.
        ranker: What the model answers with.
        items: What is known of items.
        rating: The column of ratings; None of events.
    """
    scale = None if spec.low is None or spec.high is None else (spec.low, spec.high)
    columns = (spec.user, spec.item) if rating is None or scale is None else (spec.user, spec.item, rating)
    catalogue = catalogue_of(spec, ranker, items)
    return Recommender(catalogue, RankerScorer(ranker, scale is not None), lambda: vectors_of(ranker), scale, columns)


def catalogue_of(spec: Spec, ranker: Ranker, items: SideTable) -> Catalogue:
    """Items, users and what they have, by name."""
    attributes: dict[str, Attribute] = {}
    for name in items.columns:
        made = attribute(name, items.of(spec.items, name).tolist())
        if made.values:
            attributes[name] = made
    known: Any = ranker.seen  # its first row is of users who are not known
    seen = Seen(known.indptr[1:].astype(np.int64), known.indices.astype(np.int32), known.data.astype(np.float32))
    return Catalogue(spec.items, spec.users, seen, not spec.is_events, attributes, title_of(attributes))


def vectors_of(ranker: Ranker) -> Floats | None:
    """(I, K) of items: factors, each as large as it moves scores; or else of who has what, by singular vectors.

    Of who has what each user counts alike, however much they have, and popular items no more than others. So it is too
    where the factors of a model move nothing, as it found no tastes.
    """
    own = _of_factors(ranker) if isinstance(ranker, FactorRanker) else ranker.item_vectors()
    if own is not None:
        return own
    from scipy.sparse import diags  # noqa: PLC0415 - slow to import
    from scipy.sparse.linalg import svds  # noqa: PLC0415

    seen: Any = ranker.seen[1:].copy()
    length = min(LENGTH, *(side - 1 for side in seen.shape))
    if length < 1:
        return None
    seen.data = np.ones_like(seen.data)
    users, items = (np.asarray(seen.sum(axis=axis)).ravel() for axis in (1, 0))
    scaled = diags(1 / np.sqrt(np.maximum(users, 1))) @ seen @ diags(1 / np.sqrt(np.maximum(items, 1)))
    found: Any = svds(scaled, k=length, v0=np.ones(min(scaled.shape)))
    _, sizes, vectors = found
    return (vectors * sizes[:, None]).T.astype(np.float32)


def _of_factors(ranker: FactorRanker) -> Floats | None:
    """Factors of items times how far those of users reach; None where all of them move a rating by next to nothing."""
    users = ranker.arrays["user_factors"][1:].astype(np.float64)
    found = ranker.item_vectors() * np.sqrt((users**2).mean(axis=0))
    if "events" in ranker.arrays or not found.size:
        return found.astype(np.float32)
    low, high = ranker.arrays["scale"].tolist()
    moved = float(np.sqrt((found**2).sum(axis=1).mean()))
    return found.astype(np.float32) if moved > LEAST_MOVED * (high - low) else None
