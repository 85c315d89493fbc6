"""How well a model does on short and long texts, in each language, and where words are unknown to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score

FEWEST = 8
"""Rows of a slice; smaller ones are put together."""
MOST_NAMES = 12
OTHERS = "others"


class Slice(NamedTuple):
    """Some rows, and how well the model does on them."""

    by: str
    name: str
    score: Score


def slices(judged: Predictions, columns: Mapping[str, Sequence[Any]], metric: Metric) -> list[Slice]:
    """Scores by each column: numbers in thirds of the rows, names by name.

    Args:
        judged: What the model says of labelled rows.
        columns: Name → a number, a name, or None for each row.
        metric: Of the score.
    """
    found: list[Slice] = []
    for by, values in columns.items():
        parts = _parts(values)
        if len(parts) > 1:
            found += [Slice(by, name, _score(judged, rows, metric)) for name, rows in parts.items()]
    return found


def _score(judged: Predictions, rows: list[int], metric: Metric) -> Score:
    return score(judged.subset(rows), [metric])[metric.name]


def _parts(values: Sequence[Any]) -> dict[str, list[int]]:
    """Name of each slice → its rows."""
    known = [(at, value) for at, value in enumerate(values) if value is not None]
    if all(isinstance(value, int | float) for _, value in known):
        return _thirds([at for at, _ in known], np.array([float(value) for _, value in known]))
    by_name: dict[str, list[int]] = {}
    for at, value in known:
        by_name.setdefault(str(value), []).append(at)
    often = sorted(by_name, key=lambda name: -len(by_name[name]))
    kept = [name for name in often[:MOST_NAMES] if len(by_name[name]) >= FEWEST]
    found = {name: by_name[name] for name in kept}
    rest = sorted(at for name in often if name not in kept for at in by_name[name])
    return {**found, OTHERS: rest} if rest else found


def _thirds(rows: Sequence[int], values: np.ndarray) -> dict[str, list[int]]:
    """Of whole numbers "up to 8", "9 to 14", "15 and more"."""
    if len(values) < 3 * FEWEST:
        return {}
    edges = np.unique(np.quantile(values, [1 / 3, 2 / 3], method="lower"))
    edges = edges[edges < values.max()]
    part = np.searchsorted(edges, values, side="left")
    found: dict[str, list[int]] = {}
    for at in range(len(edges) + 1):
        own = values[part == at]
        if not len(own):
            continue
        low, high = f"{own.min():,.0f}", f"{own.max():,.0f}"
        name = f"up to {high}" if at == 0 else f"{low} and more" if at == len(edges) else f"{low} to {high}"
        found[name] = [rows[place] for place in np.flatnonzero(part == at).tolist()]
    return found
