"""Columns of names as numbers that a tree or a net can use: what the target was like where the name occurred.

A name's own target must not be in its statistic: of training rows the statistics are those of the other folds
(cross-fitted), of all later rows those of the whole training set. This, for columns and for pairs of columns, is what
carries columns of very many names; embeddings alone do not.

Source: Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes (2001), eq. 3 with a constant
weight m of the overall mean; m is the one of `WEIGHTS` under which the other folds predict each training row best.

Legend: N rows, Q columns of codes, V codes of one column, S statistics of one code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Rows that the overall mean counts for."""
FOLDS = 10
MOST_PAIRS = 40
MOST_TOLD = 8
"""Outputs whose mean is a statistic: of more classes the most frequent."""
MOST_PAIRED = 30
"""Columns among which pairs are looked for: those that tell most alone."""


@dataclass(frozen=True)
class Statistics:
    """What the target was like, code by code."""

    tables: tuple[NDArray[np.float32], ...]
    """Of each column (V, S): the mean of each output, then the logarithm of 1 + how often the code occurs."""
    weights: tuple[float, ...]
    """Of each column, the m that was chosen."""

    def of(self, codes: Codes) -> NDArray[np.float32]:
        """(N, Q·S) statistics of rows that were not trained on."""
        if not self.tables:
            return np.zeros((len(codes), 0), np.float32)
        return np.concatenate([table[codes[:, at]] for at, table in enumerate(self.tables)], axis=1)


def fit_statistics(
    codes: Codes, n_codes: Sequence[int], outputs: Floats, folds: Codes, weights: Sequence[float] = ()
) -> tuple[Statistics, NDArray[np.float32]]:
    """The statistics, and those of the training rows themselves, cross-fitted.

    Args:
        codes: (N, Q).
        n_codes: (Q,) how many codes each column has.
        outputs: (N, K) what is predicted, as numbers: 0 and 1 for a class.
        folds: (N,) 0 … F−1; rows of one group are in one fold.
        weights: (Q,) of the overall mean, where they are known already.

    Returns:
        The statistics, and (N, Q·S) float32.

    Example:
        >>> codes, said = np.array([[2], [2], [3], [3]]), np.array([[1.0], [1.0], [0.0], [0.0]])
        >>> statistics, crossed = fit_statistics(codes, [4], said, np.array([0, 1, 0, 1]))
        >>> statistics.tables[0][:, 0].astype(float).round(2).tolist()
        [0.5, 0.5, 0.83, 0.17]
    """
    tables: list[NDArray[np.float32]] = []
    chosen: list[float] = []
    crossed: list[NDArray[np.float32]] = []
    for at, (column, size) in enumerate(zip(codes.T, n_codes, strict=True)):
        known = (weights[at],) if weights else WEIGHTS
        weight, own = _best_weight(column, size, outputs, folds, known)
        sums, counts = _sums(column, size, outputs)
        tables.append(_told(sums, counts, outputs.mean(axis=0), weight))
        chosen.append(weight)
        crossed.append(own)
    found = np.concatenate(crossed, axis=1) if crossed else np.zeros((len(codes), 0), np.float32)
    return Statistics(tuple(tables), tuple(chosen)), found


def fold_tables(
    codes: Codes, n_codes: Sequence[int], outputs: Floats, folds: Codes, weights: Sequence[float]
) -> list[NDArray[np.float32]]:
    """Of each fold the statistics of all rows outside it, those of all columns below each other: (V of all columns, S).

    Args:
        codes: (N, Q).
        n_codes: (Q,).
        outputs: (N, K).
        folds: (N,).
        weights: (Q,) as `fit_statistics` chose them.

    Example:
        >>> codes, said = np.array([[2], [2], [3], [3]]), np.array([[1.0], [1.0], [0.0], [0.0]])
        >>> [table[2:, 0].tolist() for table in fold_tables(codes, [4], said, np.array([0, 1, 0, 1]), [1.0])]
        [[0.75, 0.25], [0.75, 0.25]]
    """
    made: list[NDArray[np.float32]] = []
    whole = [_sums(column, size, outputs) for column, size in zip(codes.T, n_codes, strict=True)]
    total, n = outputs.sum(axis=0), len(outputs)
    for fold in range(int(folds.max(initial=0)) + 1):
        inside = folds == fold
        mean = (total - outputs[inside].sum(axis=0)) / max(1, n - int(inside.sum()))
        tables: list[NDArray[np.float32]] = []
        for at, (sums, counts) in enumerate(whole):
            own_sums, own_counts = _sums(codes[inside, at], n_codes[at], outputs[inside])
            tables.append(_told(sums - own_sums, counts - own_counts, mean, weights[at]))
        made.append(np.concatenate(tables))
    return made


def told_numbers(target: Target, values: Sequence[Any], *, width: int | None = None) -> Floats:
    """(N, S − 1) what is predicted, as numbers: 0 and 1 for classes and labels, the most frequent of many.

    Args:
        target: What is predicted.
        values: One per row.
        width: S − 1 of a saved description. Where an update has added classes since, it knows the first ones alone.

    Example:
        >>> grown = CategoryTarget(name="fruit", vocab=("apple", "pear", "plum"))
        >>> told_numbers(grown, ["pear", "plum"], width=1).tolist()
        [[1.0], [0.0]]
    """
    truth = target.encode(values)
    if width is not None and width < min(target.n_outputs, MOST_TOLD) and not isinstance(target, NumberTarget):
        if not isinstance(target, CategoryTarget):
            return truth[:, :width].astype(np.float64)
        if width > 1 or target.n_outputs > 2:
            known = [1] if width == 1 else np.arange(width)
            return (truth[:, None] == known).astype(np.float64)
    if isinstance(target, NumberTarget):
        return target.training_form(truth).astype(np.float64)[:, :MOST_TOLD]
    if isinstance(target, CategoryTarget) and target.n_outputs == 2:
        return truth.astype(np.float64)[:, None]
    if isinstance(target, CategoryTarget):
        truth = truth[:, None] == np.arange(target.n_outputs)
    frequent = np.sort(np.argsort(-truth.sum(axis=0), kind="stable")[:MOST_TOLD])
    return truth[:, frequent].astype(np.float64)


def strongest_pairs(
    codes: Codes,
    n_codes: Sequence[int],
    outputs: Floats,
    folds: Codes,
    *,
    most: int = MOST_PAIRS,
) -> list[tuple[int, int]]:
    """Pairs of columns, those first whose cross-fitted statistics improve most on the better of the two columns.

    The others are taken as well: beside each other they tell more than alone.

    Args:
        codes: (N, Q).
        n_codes: (Q,).
        outputs: (N, K).
        folds: (N,).
        most: Pairs at most, the strongest first.
    """
    errors = [_error(column, size, outputs, folds) for column, size in zip(codes.T, n_codes, strict=True)]
    columns = sorted(range(len(errors)), key=lambda at: errors[at])[:MOST_PAIRED]
    gains: list[tuple[float, tuple[int, int]]] = []
    for first, second in combinations(sorted(columns), 2):
        _, both = np.unique(codes[:, first] * n_codes[second] + codes[:, second], return_inverse=True)
        gain = min(errors[first], errors[second]) - _error(both, int(both.max()) + 1, outputs, folds)
        gains.append((gain, (first, second)))
    return [pair for _, pair in sorted(gains, key=lambda each: -each[0])[:most]]


def folds_of(n: int, groups: Sequence[str], *, seed: int) -> Codes:
    """(n,) folds 0 … `FOLDS` − 1 by chance; rows of one group are in one fold."""
    rng = np.random.default_rng(seed)
    if not len(groups):
        return rng.permutation(n) % FOLDS
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    return (rng.permutation(int(place.max()) + 1) % FOLDS)[place]


def _sums(column: Codes, size: int, outputs: Floats) -> tuple[Floats, Floats]:
    sums = np.stack([np.bincount(column, output, minlength=size).astype(np.float64) for output in outputs.T], axis=1)
    counts = np.bincount(column, np.ones(len(column)), minlength=size)
    return sums, np.asarray(counts, np.float64)


def _best_weight(
    column: Codes, size: int, outputs: Floats, folds: Codes, weights: Sequence[float] = WEIGHTS
) -> tuple[float, NDArray[np.float32]]:
    """The weight under which the other folds predict best, and what they then say of each row, (N, S)."""
    others = _of_others(column, size, outputs, folds)
    tried = [(weight, _told(*others, weight)) for weight in weights]
    return min(tried, key=lambda each: float(((each[1][:, :-1] - outputs) ** 2).mean()))


def _error(column: Codes, size: int, outputs: Floats, folds: Codes) -> float:
    return float(((_best_weight(column, size, outputs, folds)[1][:, :-1] - outputs) ** 2).mean())


def _of_others(column: Codes, size: int, outputs: Floats, folds: Codes) -> tuple[Floats, Floats, Floats]:
    """Of each row's code in the other folds: (N, K) sums, (N,) how often it occurs; and (N, K) the mean of all."""
    sums, counts = _sums(column, size, outputs)
    n_folds = int(folds.max()) + 1 if len(folds) else 1
    _, here = np.unique(folds * size + column, return_inverse=True)  # fold by fold the codes that occur there
    own_sums, own_counts = _sums(here, int(here.max()) + 1 if len(here) else 1, outputs)
    fold_sums, fold_counts = _sums(folds, n_folds, outputs)
    means = (outputs.sum(axis=0) - fold_sums) / np.maximum(1.0, len(outputs) - fold_counts)[:, None]
    return sums[column] - own_sums[here], counts[column] - own_counts[here], means[folds]


def _told(sums: Floats, counts: Floats, means: Floats, weight: float) -> NDArray[np.float32]:
    """(N, S)."""
    said = (sums + weight * means) / (counts + weight)[:, None]
    return np.column_stack([said, np.log1p(counts)]).astype(np.float32)
