"""What validation looked like, kept with the model, so that a service can tell when life has become different.

Everything is counted, nothing is kept of a single row: which categories were said, how sure the model was, and a few
plain numbers of each input (of a picture how bright, how sharp, how long). Legend: N rows, K outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivetrain.errors import DataError
from drivetrain.runtime import calibration
from drivetrain.runtime.spec import Statistic
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target

CONFIDENCE_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Finer towards 1, where good models are most of the time."""

BINS = 10
"""Of a histogram whose edges are taken from the values: each holds about a tenth of the rows."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Histogram(_Record):
    """Counts between edges; the first and the last bin are open.

    Example:
        >>> seen = Histogram.of([1.0, 2.0, 9.0], edges=(1.5, 3.0))
        >>> seen.counts, seen.n, seen.mean
        ((1, 1, 1), 3, 4.0)
        >>> seen.count([-7.0, 3.0, 99.0]).tolist()
        [1, 0, 2]
    """

    edges: tuple[float, ...] = Field(max_length=1000)
    """Rising; a value on an edge belongs to the bin above it."""
    counts: tuple[int, ...]
    """One more than there are edges."""
    mean: float
    std: float = Field(ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Histogram:
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.counts)}")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must rise")
        if min(self.counts) < 0:
            raise ValueError("a count is below 0")
        return self

    @property
    def n(self) -> int:
        """Rows counted."""
        return sum(self.counts)

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[Any], edges: Sequence[float] | None = None) -> Histogram:
        """Count values between the edges given, or between their own tenths.

        Raises:
            DataError: There are no values, or one is not finite.
        """
        found = np.asarray(values, dtype=np.float64)
        if not found.size or not np.isfinite(found).all():
            raise DataError(f"a histogram was asked of {found.size} values: expected some, all of them finite.")
        edges = _tenths(found) if edges is None else edges
        counts = _counts(found, edges)
        return cls(edges=tuple(edges), counts=tuple(counts.tolist()), mean=float(found.mean()), std=float(found.std()))

    def count(self, values: Sequence[float] | NDArray[Any]) -> NDArray[np.int64]:
        """Other values in the same bins."""
        return _counts(np.asarray(values, dtype=np.float64), self.edges)


def _tenths(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Edges between tenths of the rows; a value that fills a tenth (an aspect of 4:3, say) gets a bin of its own."""
    between = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    distinct, times = np.unique(between, return_counts=True)
    common = distinct[times > 1]
    light = distinct[(times == 1) & (distinct > values.min())]  # below the minimum the first bin would hold nothing
    return tuple(np.unique(np.concatenate([light, common, np.nextafter(common, np.inf)])).tolist())


def _counts(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(np.asarray(edges), values, side="right"), minlength=len(edges) + 1)


class Reference(_Record):
    """What the model said of the validation rows, and what these looked like, as counts.

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> sure = np.array([[0.97, 0.03], [0.30, 0.70], [0.91, 0.09]])
        >>> seen = Reference.of(fruit, sure, [{"aspect": aspect} for aspect in (1.0, 1.5, 2.0)])
        >>> seen.predicted, seen.inputs["aspect"].mean
        ({'apple': 2, 'pear': 1}, 1.5)
    """

    n: int = Field(ge=1, le=10**12)
    """Validation rows."""
    predicted: dict[str, int] = {}
    """Category → rows of which it was said, in the order of the vocabulary; empty for numbers."""
    confidence: Histogram | None = None
    """How sure the model was (see `confidences`); None for numbers."""
    numbers: dict[str, Histogram] = {}
    """Column → predicted values, in the user's units; empty for categories."""
    inputs: dict[str, Histogram] = {}
    """Name → numbers of `InputSpec.statistics` of the rows."""
    names: dict[str, dict[str, int]] = {}
    """Name → what it says in words → rows of each."""
    gaps: dict[str, int] = {}
    """Name, as of `inputs` → rows that say nothing of it."""

    @classmethod
    def of(
        cls, target: Target, activated_NK: NDArray[Any], statistics: Sequence[Mapping[str, Statistic]] = ()
    ) -> Reference:
        """Count validation rows.

        Args:
            target: What the outputs mean.
            activated_NK: Probabilities **as the deployed model says them**, so calibrated where it calibrates; or
                values in the user's units.
            statistics: For each row `InputSpec.statistics` of what was loaded; empty: inputs are not watched.

        Raises:
            DataError: There are no rows, or not as many statistics as rows.
        """
        n = len(activated_NK)
        if n == 0 or (statistics and len(statistics) != n):
            raise DataError(f"a reference was asked of {n} outputs and {len(statistics)} statistics of inputs.")
        seen = _seen(statistics)
        if isinstance(target, NumberTarget):
            columns = np.asarray(activated_NK, dtype=np.float64).T
            numbers = {name: Histogram.of(values) for name, values in zip(target.names, columns, strict=True)}
            return cls(n=n, numbers=numbers, **seen)
        sure = confidences(target, activated_NK)
        assert sure is not None
        return cls(
            n=n,
            predicted=dict(zip(target.vocab, said(target, activated_NK).sum(axis=0).tolist(), strict=True)),
            confidence=Histogram.of(sure, CONFIDENCE_EDGES),
            **seen,
        )


def _seen(statistics: Sequence[Mapping[str, Statistic]]) -> dict[str, Any]:
    """What the inputs looked like: `inputs`, `names` and `gaps`."""
    inputs: dict[str, Histogram] = {}
    names: dict[str, dict[str, int]] = {}
    gaps: dict[str, int] = {}
    for name in dict.fromkeys(name for row in statistics for name in row):
        told = [row.get(name) for row in statistics]
        words = Counter(each for each in told if isinstance(each, str))
        numbers = [float(each) for each in told if each is not None and not isinstance(each, str)]
        if words:
            names[name] = dict(words.most_common())
            continue
        gaps[name] = len(told) - len(numbers)
        if numbers:
            inputs[name] = Histogram.of(numbers)
    return {"inputs": inputs, "names": names, "gaps": gaps}


def said(target: CategoryTarget | CategoriesTarget, activated_NK: NDArray[Any]) -> NDArray[np.bool_]:
    """(N, K): whether a category was said of a row.

    Example:
        >>> tags = CategoriesTarget(name="tags", vocab=("red", "round"))
        >>> said(tags, np.array([[0.9, 0.8], [0.1, 0.2]])).tolist()
        [[True, True], [False, False]]
    """
    if isinstance(target, CategoriesTarget):
        return np.asarray(activated_NK >= target.threshold)
    chosen = np.zeros(activated_NK.shape, dtype=np.bool_)
    chosen[np.arange(len(activated_NK)), activated_NK.argmax(axis=1)] = True
    return chosen


def confidences(target: Target, activated_NK: NDArray[Any]) -> NDArray[np.float64] | None:
    """(N,): how sure each answer is, 0–1, as calibration counts it; None for numbers, which come without.

    Example:
        >>> tags = CategoriesTarget(name="tags", vocab=("red", "round"))
        >>> confidences(tags, np.array([[0.9, 0.2]])).tolist()
        [0.8]
    """
    return None if isinstance(target, NumberTarget) else calibration.confidences(target.kind, activated_NK)
