"""The rows that a regression is made of: read from a table, checked, what is left out counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.data.tables.columns import known_column
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.statistics.fitting.cells import Cells
from drivetrain.statistics.fitting.terms import CATEGORY, Term, term_of
from drivetrain.text import counted, does

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Family = Literal["linear", "logistic", "poisson"]

MOST_CATEGORIES = 50
"""Of a control; more are what `within` is for."""
NAMES = ("name", "city", "label", "title", "id", "row")


@dataclass(frozen=True)
class Control:
    """A control: one column of numbers, or one indicator per category but the first."""

    term: Term
    columns: Array
    """(n, d)"""
    names: tuple[str, ...]
    raw: Array | None = None
    """(n,) before the function, of numbers."""

    @property
    def is_category(self) -> bool:
        """Whether it stands for categories."""
        return self.raw is None

    def take(self, rows: NDArray[Any]) -> Control:
        """Some of its rows."""
        return replace(self, columns=self.columns[rows], raw=None if self.raw is None else self.raw[rows])


@dataclass(frozen=True)
class Rows:
    """Everything a fit needs, and what happened to the rows of the table."""

    outcome: Term
    of: Term
    y: Array
    x: Array
    controls: tuple[Control, ...] = ()
    cluster: Codes | None = None
    cluster_names: tuple[str, ...] = ()
    cluster_column: str = ""
    within: Codes | None = None
    within_names: tuple[str, ...] = ()
    within_column: str = ""
    weights: Array | None = None
    weights_column: str = ""
    family: Family = "linear"
    names: tuple[str, ...] = ()
    """What people call each row."""
    positions: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp), repr=False)
    """(n,) of each row in the table."""
    n_read: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason → rows of the table that were not used."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_clusters(self) -> int:
        """Clusters that have rows; 0 without any."""
        return 0 if self.cluster is None else len(np.unique(self.cluster))

    @cached_property
    def control_names(self) -> list[str]:
        """What the controls are called."""
        return [str(control.term) for control in self.controls]

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows, by a mask or by position."""

        def cut(values: Any) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            y=self.y[rows],
            x=self.x[rows],
            controls=tuple(control.take(rows) for control in self.controls),
            cluster=cut(self.cluster),
            within=cut(self.within),
            weights=cut(self.weights),
            positions=self.positions[rows] if len(self.positions) else self.positions,
            names=tuple(np.array(self.names, dtype=object)[rows].tolist()) if self.names else (),
        )

    def without_controls(self) -> Rows:
        """The same rows with the one variable alone."""
        return replace(self, controls=())


def read_rows(
    source: Any,
    *,
    outcome: Any,
    of: Any,
    controls: Sequence[Any] = (),
    cluster: str | None = None,
    within: str | None = None,
    weights: str | None = None,
    family: str = "auto",
    keep_missing: bool = False,
) -> Rows:
    """The rows of a table that can be used.

    Args:
        source: See `Cells`.
        outcome: Column of what is explained, or a function of one.
        of: Column whose slope is wanted, or a function of one.
        controls: Columns held fixed, or functions of them; texts become indicators.
        cluster: Column whose equal values belong together.
        within: Column whose values each get a level of their own.
        weights: Column of precisions, 1/variance up to a factor.
        family: "linear", "logistic", "poisson", or "auto": logistic where the outcome says yes or no in words.
        keep_missing: Keep rows with empty cells among the numbers, as NaN, to be imputed.

    Raises:
        DataError: A column is missing, no number, infinite, or constant; or no rows remain.
    """
    table = source if isinstance(source, Cells) else Cells(source)
    target, variable = term_of(outcome, table.names, "outcome"), term_of(of, table.names, "of")
    terms = [term_of(each, table.names, "controls") for each in controls]
    _check_roles(target, variable, terms)
    decisions: dict[str, Decision] = {}
    missing: dict[str, NDArray[np.bool_]] = {}
    y_raw = _numbers(table, target.column, "outcome")
    x_raw = _numbers(table, variable.column, "of")
    found_family = _family(family, y_raw, table, target, decisions)
    soft: list[str] = []
    for name, values in ((target.column, y_raw), (variable.column, x_raw)):
        missing[name] = np.isnan(values)
        soft.append(name)
    made = [_control(table, term, missing, soft, decisions) for term in terms]
    groups: dict[str, tuple[Codes, tuple[str, ...]]] = {}
    for setting, name in (("cluster", cluster), ("within", within)):
        if name is not None:
            column = known_column(table.names, name, setting)
            groups[setting] = _codes(table, column, missing)
    weight_column = None if weights is None else known_column(table.names, weights, "weights")
    w = None if weight_column is None else _weights(table, weight_column, missing)
    gone = np.zeros(table.n, dtype=bool)
    left_out: dict[str, int] = {}
    for name, empty in missing.items():
        if empty.any() and not (keep_missing and name in soft):
            left_out[f"no value in {name!r}"] = int(empty.sum())
            gone |= empty
    if w is not None and (w == 0).any():
        left_out[f"weight 0 in {weight_column!r}"] = int((w == 0).sum())
        gone |= w == 0
    kept = ~gone
    if not kept.any():
        said = first_few(f"{reason}: {n:,}" for reason, n in left_out.items())
        raise DataError(
            f"no row has a value in every column that is used ({said}). To fix: fill cells, or leave out a column."
        )
    _tell(table.n, int(gone.sum()), left_out)
    if cluster is None:
        _tell_of_copies(table, kept, y_raw, x_raw, made)
    cluster_codes, cluster_names = groups.get("cluster", (None, ()))
    within_codes, within_names = groups.get("within", (None, ()))
    return Rows(
        outcome=target,
        of=variable,
        y=target.apply(y_raw[kept]),
        x=variable.apply(x_raw[kept]),
        controls=tuple(control.take(kept) for control in made),
        cluster=None if cluster_codes is None else cluster_codes[kept],
        cluster_names=cluster_names,
        cluster_column=cluster or "",
        within=None if within_codes is None else within_codes[kept],
        within_names=within_names,
        within_column=within or "",
        weights=None if w is None else w[kept],
        weights_column=weights or "",
        family=found_family,
        names=_row_names(table, kept, (cluster, within)),
        positions=np.flatnonzero(kept),
        n_read=table.n,
        left_out=left_out,
        decisions=dict(table.decisions) | decisions,
    )


def _check_roles(target: Term, variable: Term, terms: Sequence[Term]) -> None:
    for term in (variable, *terms):
        if term.column == target.column:
            raise SettingError(
                f"{target.column!r} is the outcome and is named as an explanation too; expected another column. "
                "To fix: leave it out of of= and controls=."
            )
    if variable in terms:
        raise SettingError(
            f"{variable} is the variable whose slope is wanted; expected other columns among "
            "controls=. To fix: leave it out there."
        )
    twice = [str(term) for i, term in enumerate(terms) if term in terms[:i]]
    if twice:
        raise SettingError(f"controls= names {first_few(twice)} twice; expected each once. To fix: leave one out.")


def _numbers(table: Cells, name: str, setting: str) -> Array:
    values = table.numbers(name)
    if values is None:
        raise DataError(
            f"{name!r}, named by {setting}=, holds text such as {table.example_of_text(name)}; "
            "expected numbers in every "
            "cell that is not empty. To fix: clean the column, or name another."
        )
    return _finite(name, values)


def _finite(name: str, values: Array) -> Array:
    infinite = np.isinf(values)
    if infinite.any():
        first = int(np.argmax(infinite)) + 1
        raise DataError(
            f"{name!r} is infinite in {counted(int(infinite.sum()), 'row')}, the first is row {first}; expected finite "
            "numbers. To fix: leave these cells empty, or correct them."
        )
    return values


def _family(asked: str, y: Array, table: Cells, target: Term, decisions: dict[str, Decision]) -> Family:
    known = y[~np.isnan(y)]
    two = bool(len(known)) and bool(np.isin(known, (0.0, 1.0)).all())
    if asked == "auto":
        words = two and not target.transform and _is_words(table, target.column)
        chosen: Family = "logistic" if words else "linear"
        reason = (
            f"{target.column!r} says yes or no"
            if words
            else "a straight line, in the outcome's units"
            + ("; family='logistic' takes 0 and 1 as no and yes" if two else "")
        )
        decisions["family"] = Decision(value=chosen, reason=reason)
        return chosen
    if asked == "logistic":
        if not two:
            others = known[~np.isin(known, (0.0, 1.0))]
            raise DataError(
                f"family='logistic' needs an outcome of yes and no, or 1 and 0, but {target} has other values, such as "
                f"{others[0] if len(others) else float('nan'):g}. To fix: pass family='linear', or make a "
                "column of 0 and 1."
            )
        return "logistic"
    if asked == "poisson":
        if (known < 0).any():
            raise DataError(
                f"family='poisson' needs counts of at least 0, but {target} has {known.min():g}. To fix: "
                "pass family='linear'."
            )
        return "poisson"
    return "linear"


def _is_words(table: Cells, name: str) -> bool:
    return any(
        isinstance(cell, bool | str) and str(cell).strip().casefold() not in ("0", "1", "0.0", "1.0")
        for cell in table.cells(name)[:200]
        if cell is not None
    )


def _control(
    table: Cells, term: Term, missing: dict[str, Any], soft: list[str], decisions: dict[str, Decision]
) -> Control:
    values = None if term.transform == CATEGORY else table.numbers(term.column)
    if values is not None:
        _finite(term.column, values)
        missing[term.column] = np.isnan(values)
        soft.append(term.column)
        known = ~np.isnan(values)
        made = np.full(len(values), np.nan)
        made[known] = term.apply(values[known])
        return Control(term, made[:, None], (str(term),), values)
    if term.transform and term.transform != CATEGORY:
        raise DataError(
            f"{term}: {term.column!r} holds text such as {table.example_of_text(term.column)}; expected numbers. "
            f"To fix: name {term.column!r} alone, whose texts are taken as categories."
        )
    texts = table.texts(term.column)
    missing[term.column] = np.array([text is None for text in texts])
    counts: dict[str, int] = {}
    for text in texts:
        if text is not None:
            counts[text] = counts.get(text, 0) + 1
    levels = sorted(counts, key=lambda level: (-counts[level], level))
    if len(levels) > MOST_CATEGORIES or len(levels) > max(10, len(texts) // 3):
        raise DataError(
            f"the control {term.column!r} holds text with {len(levels):,} different values, such as "
            f"{levels[0][:40]!r}; "
            f"expected numbers, or at most {MOST_CATEGORIES} categories. To fix: pass "
            f"within={term.column!r}, which gives each value a "
            "level of its own, or leave the control out."
        )
    decisions[f"control {term.column}"] = Decision(
        value=counted(len(levels), "category", "categories"),
        reason=f"it holds text; each is compared with {levels[0]!r}, the most frequent" if levels else "it is empty",
    )
    columns = np.array([[float(text == level) for level in levels[1:]] for text in texts]).reshape(len(texts), -1)
    return Control(term, columns, tuple(f"{term.column}={level}" for level in levels[1:]))


def _codes(table: Cells, name: str, missing: dict[str, Any]) -> tuple[Codes, tuple[str, ...]]:
    if (quick := table.codes(name)) is not None:
        missing.setdefault(name, np.zeros(len(quick[0]), dtype=bool))
        return quick
    texts = table.texts(name)
    missing.setdefault(name, np.zeros(len(texts), dtype=bool))
    missing[name] = missing[name] | np.array([text is None for text in texts])
    names = sorted({text for text in texts if text is not None})
    place = {text: i for i, text in enumerate(names)}
    return np.array([-1 if text is None else place[text] for text in texts], dtype=np.intp), tuple(names)


def _weights(table: Cells, name: str, missing: dict[str, Any]) -> Array:
    values = _numbers(table, name, "weights")
    missing[name] = np.isnan(values)
    if (values < 0).any():
        raise DataError(
            f"{name!r}, named by weights=, has {counted(int((values < 0).sum()), 'value')} below 0; expected "
            "precisions, such as "
            "1/variance. To fix: correct the column."
        )
    return values


def _tell(n: int, n_gone: int, left_out: Mapping[str, int]) -> None:
    if not n_gone:
        return
    said = "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items())
    more = ""
    if any(reason.startswith("no value") for reason in left_out):
        more = (
            " Where cells are missing for a reason that has to do with the outcome, the slope of the rest is another "
            "one. To fix: fill the cells, or pass missing='impute'."
        )
    warn(f"{n_gone:,} of {counted(n, 'row')} {does(n_gone, 'are')} left out ({said}).{more}")


def _tell_of_copies(table: Cells, kept: NDArray[np.bool_], y: Array, x: Array, controls: Sequence[Control]) -> None:
    """Warn where half of the rows repeat other rows in every column of the table: one measurement, counted often."""
    measured = y[kept][~np.isnan(y[kept])]
    if not len(measured) or (measured == np.round(measured)).all():
        return  # whole numbers repeat by themselves
    used = pd.DataFrame(np.column_stack([y[kept], x[kept], *(control.columns[kept] for control in controls)]))
    if 2 * int(used.duplicated().sum()) < len(used):
        return
    copies = int(table.frame()[kept].astype(str).duplicated().sum())
    if 2 * copies >= len(used):
        warn(
            f"{copies:,} of {counted(len(used), 'row')} {does(copies, 'repeat')} another row in every column: if they "
            "are copies of one measurement, they count as independent ones and make the slope look surer than it is. "
            "To fix: leave the copies out, or pass cluster=, a column that says what belongs together."
        )


def _row_names(table: Cells, kept: NDArray[np.bool_], groups: Sequence[str | None]) -> tuple[str, ...]:
    """What people call the rows: the column of text that tells most of them apart; else their number."""
    best: tuple[float, list[Any]] | None = None
    for name in table.names:
        cells = table.cells(name)[:500]
        if name in groups or not all(cell is None or isinstance(cell, str) for cell in cells):
            continue
        texts = [cell for cell in cells if isinstance(cell, str) and any(letter.isalpha() for letter in cell)]
        share = len(set(texts)) / max(len(cells), 1)
        score = share + (0.3 if name.casefold() in NAMES else 0) + (0.1 if any(" " in text for text in texts) else 0)
        if share > 0.5 and (best is None or score > best[0]):
            best = score, list(table.cells(name))
    rows = np.flatnonzero(kept)
    if best is None:
        return tuple(f"row {row + 1}" for row in rows.tolist())
    return tuple(str(best[1][row]).strip() if best[1][row] is not None else f"row {row + 1}" for row in rows.tolist())
