"""Items by how they are rated: loved beyond their genre, and dividing.

Legend: N ratings, I items, G values of a column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.recommending.catalogue import Attribute, Catalogue

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
GENRES = ("genre", "genres", "kind", "kinds", "category", "categories", "class", "type", "topic", "subject", "style")
"""Names of columns that say what sort of thing an item is."""
FEWEST = 10
"""Ratings below which an item is in no table."""
LIKE_SO_MANY = 10.0
"""Ratings that the usual spread counts as, where the spread of one item is told."""


@dataclass(frozen=True)
class Liked:
    """How an item is liked against others, in units of the ratings."""

    item: int
    own: float
    """How far its ratings lie above those that its users usually give, drawn to 0 where it has few."""
    genre: float
    """The same of the other items of its genre; 0 where no column says it."""
    n: int

    @property
    def beyond(self) -> float:
        """How far it is liked beyond its genre."""
        return self.own - self.genre


@dataclass(frozen=True)
class Dividing:
    """How an item divides those who rate it."""

    item: int
    spread: float
    """Standard deviation of its ratings around what its users usually give, drawn to the usual one where it has few."""
    low: float
    """Share of ratings at least one point (a quarter of the scale) below what its user usually gives."""
    high: float
    """… above."""
    n: int


def genre_of(names: Iterable[str]) -> str | None:
    """The column that says what sort of thing an item is, by its name.

    Example:
        >>> genre_of(["title", "Genres"]), genre_of(["title"])
        ('Genres', None)
    """
    return next((name for name in names if name.strip().casefold() in GENRES), None)


def above_usual(catalogue: Catalogue) -> tuple[Codes, Floats]:
    """(N,) the item of each rating, and how far it lies above the mean of its user.

    Example:
        >>> from drivetrain.kinds.ratings.recommending.catalogue import Seen
        >>> seen = Seen(np.array([0, 2]), np.array([0, 1]), np.array([5, 2], np.float32))
        >>> above_usual(Catalogue(("a", "b"), ("u",), seen))[1].tolist()
        [1.5, -1.5]
    """
    seen = catalogue.seen
    lengths = np.diff(seen.starts)
    user = np.repeat(np.arange(len(seen)), lengths)
    totals = np.bincount(user, weights=seen.values, minlength=len(seen))
    means = totals / np.maximum(lengths, 1)
    return seen.items.astype(np.int64), seen.values - means[user]


def liked_beyond(catalogue: Catalogue, genre: Attribute | None) -> list[Liked]:
    """All items with enough ratings, those liked most beyond their genre first.

    Bias of an item: n / (n + k) of the mean of its ratings above usual, with k the variance of a rating by that of
    items (empirical Bayes). Its genre's: the mean of the biases of the other items that share a value.

    Args:
        catalogue: With ratings.
        genre: The column; None: items are compared with none.
    """
    items, above = above_usual(catalogue)
    n_items = len(catalogue.items)
    counts = np.bincount(items, minlength=n_items)
    means = np.bincount(items, weights=above, minlength=n_items) / np.maximum(counts, 1)
    noise = float(((above - means[items]) ** 2).sum() / max(1, len(above) - (counts > 0).sum()))
    there = counts > 0
    between = max(float((means[there] ** 2).mean() - (noise / counts[there]).mean()), 1e-6) if there.any() else 1e-6
    own = counts / (counts + noise / between) * means
    around = _of_genre(own, counts > 0, genre) if genre is not None else np.zeros(n_items)
    found = [
        Liked(int(item), float(own[item]), float(around[item]), int(counts[item]))
        for item in np.flatnonzero(counts >= FEWEST)
    ]
    return sorted(found, key=lambda one: (-one.beyond, one.item))


def _of_genre(own: Floats, there: NDArray[np.bool_], genre: Attribute) -> Floats:
    """(I,) mean of the biases of other items that share a value, averaged over an item's values."""
    known = there[genre.items]
    items, codes = genre.items[known], genre.codes[known]
    sums = np.bincount(codes, weights=own[items], minlength=len(genre.values))
    sizes = np.bincount(codes, minlength=len(genre.values))
    others = sizes[codes] - 1
    each = np.divide(sums[codes] - own[items], others, out=np.zeros(len(codes)), where=others > 0)
    total = np.bincount(items, weights=each, minlength=len(own))
    return total / np.maximum(np.bincount(items, minlength=len(own)), 1)


def dividing(catalogue: Catalogue, scale: tuple[float, float]) -> list[Dividing]:
    """All items with enough ratings, those that divide most first.

    Args:
        catalogue: With ratings.
        scale: The smallest and the largest rating.
    """
    items, above = above_usual(catalogue)
    n_items = len(catalogue.items)
    counts = np.bincount(items, minlength=n_items)
    means = np.bincount(items, weights=above, minlength=n_items) / np.maximum(counts, 1)
    squares = np.bincount(items, weights=(above - means[items]) ** 2, minlength=n_items)
    usual = float(squares.sum() / max(1, len(above) - (counts > 0).sum()))
    variance = (squares + LIKE_SO_MANY * usual) / (np.maximum(counts - 1, 0) + LIKE_SO_MANY)
    step = (scale[1] - scale[0]) / 4
    low = np.bincount(items, weights=above <= -step, minlength=n_items) / np.maximum(counts, 1)
    high = np.bincount(items, weights=above >= step, minlength=n_items) / np.maximum(counts, 1)
    found = [
        Dividing(int(item), float(variance[item] ** 0.5), float(low[item]), float(high[item]), int(counts[item]))
        for item in np.flatnonzero(counts >= FEWEST)
    ]
    return sorted(found, key=lambda one: (-one.spread, one.item))
