"""Where the gain of a plan comes from: by what moves, and by groups of rows that a column tells apart.

Legend: n rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.table import EXPECTED, EXPECTED_NOW, Part, changed, joined, now
from drivetrain.decisions.plan.words import amount, value_said
from drivetrain.text import readable

MOST_COLUMNS = 4
"""That are shown: those whose groups differ most."""
MOST_GROUPS = 8
"""Of a column of words; the rarest together are "others"."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Rows that have something in common."""

    name: str
    rows: int
    gain: float
    """Mean per row, as promised."""
    total: float


@dataclass(frozen=True)
class Source:
    """The gain by one thing."""

    by: str
    """"what moves", or a column."""
    groups: tuple[Group, ...]
    explains: float
    """Share of the spread of the rows' gains that lies between the groups."""


def gain_of(table: pd.DataFrame) -> Array:
    """(n,) expected less expected today."""
    return table[EXPECTED].to_numpy(np.float64) - table[EXPECTED_NOW].to_numpy(np.float64)


def sources_of(table: pd.DataFrame, levers: Sequence[Lever], rows: pd.DataFrame) -> tuple[Source, ...]:
    """By what moves; then by the columns of `rows` that tell the gain apart best."""
    gain = gain_of(table)
    found = [_source("what moves", _moves(table, levers), gain)]
    own = {lever.name for lever in levers}
    by_column = [
        _source(readable(str(name)), labels, gain)
        for i, name in enumerate(rows.columns)
        if str(name) not in own and (labels := _labels(rows.iloc[:, i])) is not None
    ]
    for source in sorted(by_column, key=lambda source: -source.explains):
        is_new = all(_sizes(source) != _sizes(other) for other in found)  # a brand and its number say the same
        if is_new and source.explains > 0.01 and len(found) <= MOST_COLUMNS:
            found.append(source)
    return tuple(found)


def _sizes(source: Source) -> list[tuple[int, float]]:
    return sorted((group.rows, group.total) for group in source.groups)


def _source(by: str, labels: pd.Series, gain: Array) -> Source:
    codes, names = labels.cat.codes.to_numpy(), labels.cat.categories.tolist()
    sizes = np.bincount(codes, minlength=len(names))
    totals = np.bincount(codes, weights=gain, minlength=len(names))
    places = [i for i in range(len(names)) if sizes[i]]
    if not labels.cat.ordered:
        places.sort(key=lambda i: -totals[i])
    groups = tuple(Group(str(names[i]), int(sizes[i]), float(totals[i] / sizes[i]), float(totals[i])) for i in places)
    spread = float(((gain - gain.mean()) ** 2).sum()) if len(gain) else 0.0
    between = sum(group.rows * (group.gain - float(gain.mean())) ** 2 for group in groups)
    return Source(by, groups, between / spread if spread > 0 else 0.0)


def _moves(table: pd.DataFrame, levers: Sequence[Lever]) -> pd.Series:
    """For each row which levers move, and where to."""
    parts: list[Part] = []
    for lever in levers:
        moved = changed(table, lever.name).astype(np.int64)
        name = readable(lever.name)
        if lever.is_choice or now(lever.name) not in table:
            codes, values = pd.factorize(table[lever.name], use_na_sentinel=False)
            options = [None if missing else one for one, missing in zip(values, pd.isna(values), strict=True)]
            parts.append((moved * (1 + codes), ["", *[f"{name}: {value_said(one)}" for one in options]]))
        else:
            up = table[lever.name].to_numpy(np.float64) > table[now(lever.name)].to_numpy(np.float64)
            parts.append((moved * (1 + up), ["", f"lower {name}", f"higher {name}"]))
    return _rare_together(pd.Series(joined(parts, ", ", "nothing moves")))


def _labels(column: pd.Series) -> pd.Series | None:
    """A group for each row; None where the column tells too little apart, or every row from every other."""
    if pd.api.types.is_datetime64_any_dtype(column) or not len(column):
        return None
    is_number = pd.api.types.is_numeric_dtype(column)
    return _quarters(column) if is_number and column.nunique() > MOST_GROUPS else _each_value(column, is_number)


def _quarters(column: pd.Series) -> pd.Series | None:
    """Numbers by their quartiles."""
    values = pd.Series(column.to_numpy(np.float64, na_value=np.nan))
    edges: list[float] = np.unique(np.nanquantile(values, [0, 0.25, 0.5, 0.75, 1])).tolist()
    names = [f"{amount(low)} to {amount(high)}" for low, high in pairwise(edges)]
    if len(names) < 2 or not np.isfinite(edges).all() or len(set(names)) < len(names):
        return None
    cut = pd.cut(values, edges, include_lowest=True, labels=names)
    return cut.cat.add_categories("missing").fillna("missing") if cut.isna().any() else cut


def _each_value(column: pd.Series, is_number: bool) -> pd.Series | None:
    """Words, and a few numbers in their order."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    if not 1 < len(values) + (codes < 0).any() <= max(MOST_GROUPS, len(column) // 20):
        return None
    known = [*map(value_said, values.tolist()), "missing"]
    words = pd.Series(np.array(known, dtype=object)[codes])
    if not is_number:
        return _rare_together(words)
    order = [*map(value_said, sorted(values.tolist())), "missing"]
    return words.astype(pd.CategoricalDtype(list(dict.fromkeys(order)), ordered=True))


def _rare_together(words: pd.Series) -> pd.Series:
    counts = words.value_counts()
    kept = set(counts.index[: MOST_GROUPS if len(counts) <= MOST_GROUPS else MOST_GROUPS - 1])
    return words.where(words.isin(kept), "others").astype("category")
