"""From a table to a trial: who was treated, what came of it, what is known of each row, which rows belong together.

Legend: n rows, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.table import as_numbers, frame_of, is_number, known_column
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse, several
from drivetrain.text import agreeing, counted, does, readable

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
NO = frozenset(
    (
        *("0", "0.0", "n", "no", "f", "false", "off", "none", "nothing", "control", "controls", "ctrl", "placebo"),
        *("untreated", "baseline", "holdout", "not treated", "not shown", "no treatment", "no e-mail", "no email"),
    )
)
"""What says no, in columns of two words."""
MOST_NAMES = 0.5
"""Share of rows with a text of their own from which a column is a name, not a property."""
FEWEST = 5
"""Rows of each kind, treated or not, that a fold needs at least on average."""


@dataclass(frozen=True)
class Trial:
    """Rows whose treatment and outcome are known."""

    frame: pd.DataFrame
    """(n) rows of the table, its index kept."""
    features: tuple[str, ...]
    treatment: str
    outcome: str
    treated: NDArray[np.bool_]
    """(n,)."""
    y: Array
    """(n,)."""
    is_yes_no: bool
    """Whether the outcome is 0 or 1."""
    group: Codes
    """(n,) 0 … G − 1; each row its own where none was named."""
    group_column: str | None
    told: Array | None
    """(n,) the probability of being treated that was told; None: to be found."""
    n_read: int
    words: tuple[str, str]
    """What the treatment column says of who is not treated, and of who is."""

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_groups(self) -> int:
        """Groups."""
        return int(self.group.max()) + 1


def read_trial(
    table: Any,
    *,
    treatment: Any,
    outcome: Any,
    features: Any,
    group: Any,
    propensity: Any,
    treated: Any,
    folds: int,
    decisions: dict[str, Decision],
) -> Trial:
    """Read and check; what was decided goes to `decisions`.

    Raises:
        DataError: Columns cannot be used, or there are too few rows.
        SettingError: An argument cannot be used.
    """
    read = frame_of(table)
    treatment = known_column(read, treatment, "treatment")
    outcome = known_column(read, outcome, "outcome")
    if treatment == outcome:
        refuse("outcome", outcome, "another column than treatment=", fix="To fix: name what came of the treatment.")
    group = None if group is None else known_column(read, group, "group")
    drawn = propensity if isinstance(propensity, str) and propensity != "estimate" else None
    drawn = None if drawn is None else known_column(read, drawn, "propensity")
    yes, keep, words = _treated(read[treatment], treatment, treated)
    y, known, is_yes_no = _outcome(read[outcome], outcome)
    keep = keep & known
    if group is not None:
        keep = keep & read[group].notna().to_numpy()
    lost = len(read) - int(keep.sum())
    if lost:
        reason = f"{lost:,} of {counted(len(read), 'row')} {does(lost, 'have')} no value of treatment, outcome or group"
        decisions["rows left out"] = Decision(value=f"{lost:,}", reason=reason)
        warn(f"{reason}: left out. To fix: fill the cells, or leave such rows out yourself.")
    frame, yes, y = read[keep], yes[keep], y[keep]
    _enough(yes, folds, treatment, words)
    if np.ptp(y) == 0:
        raise DataError(
            f"the outcome {readable(outcome)!r} is {y[0]:g} in all {len(y):,} rows: nothing was changed by anything; "
            "expected an outcome that differs. To fix: name another column, or collect rows until it has happened."
        )
    apart = {treatment, outcome, *(each for each in (group, drawn) if each is not None)}
    if group is None:
        codes = np.arange(len(frame), dtype=np.int64)
    else:
        codes = pd.factorize(frame[group])[0].astype(np.int64)
        if (n_groups := int(codes.max()) + 1) < 2 * folds:
            raise DataError(
                f"group={readable(group)!r} has {n_groups} values, and rows are predicted by models that learned from "
                f"other groups; expected at least {2 * folds}. To fix: name a finer column, or leave group= out if "
                "rows are independent of each other."
            )
    return Trial(
        frame=frame,
        features=_features(frame, features, apart, decisions),
        treatment=treatment,
        outcome=outcome,
        treated=yes,
        y=y,
        is_yes_no=is_yes_no,
        group=codes,
        group_column=group,
        told=_told(propensity, drawn, frame, yes, codes),
        n_read=len(read),
        words=words,
    )


def _treated(
    cells: pd.Series[Any], name: str, which: Any
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[str, str]]:
    """(n,) who was treated, (n,) of whom that is known, and what the column calls both."""
    known = cells.notna().to_numpy()
    values = list(pd.unique(cells[known]))
    said = {str(value): value for value in values}
    several_said = first_few(map(readable, said), 6)
    if len(values) != 2:
        more = (
            "To fix: keep the rows of two of them; for a lever of many values, such as a price, take dt.decide."
            if len(values) > 2
            else "To fix: add rows that were treated otherwise: chance should decide which."
        )
        raise DataError(
            f"treatment={readable(name)!r} has {counted(len(values), 'value')} "
            f"({several_said or 'all cells are empty'}); expected two: treated and not. {more}"
        )
    if which is not None:
        if str(which) not in said:
            refuse("treated", which, f"the value of {readable(name)!r} that says treated: one of {several_said}")
        yes = said[str(which)]
    else:
        yes = _yes(values)
        if yes is None:
            raise SettingError(
                f"treatment={readable(name)!r} says {several_said}: which of them is the treatment cannot be told; "
                f"expected 0 and 1, or treated= beside it. To fix: pass treated={values[0]!r} or "
                f"treated={values[1]!r}."
            )
    no = next(value for value in values if value is not yes)
    return (cells == yes).fillna(False).to_numpy(dtype=bool), known, (readable(str(no)), readable(str(yes)))


def _yes(values: Sequence[Any]) -> Any:
    """Which of two values says yes; None where that cannot be told."""
    says_no = [str(value).strip().casefold() in NO for value in values]
    return values[1 - says_no.index(True)] if sum(says_no) == 1 else None


def _outcome(cells: pd.Series[Any], name: str) -> tuple[Array, NDArray[np.bool_], bool]:
    """(n,) numbers, (n,) where they are known, and whether they are yes and no."""
    if is_number(cells):
        y = as_numbers(cells)
        known = ~np.isnan(y)
        if np.isinf(y).any():
            raise DataError(
                f"the outcome {readable(name)!r} is infinite in {counted(int(np.isinf(y).sum()), 'row')}; expected "
                "finite numbers. To fix: leave these rows out."
            )
        return np.where(known, y, 0.0), known, bool(np.isin(y[known], (0.0, 1.0)).all())
    known = cells.notna().to_numpy()
    values = list(pd.unique(cells[known]))
    yes = _yes(values) if len(values) == 2 else None
    if yes is None:
        raise DataError(
            f"the outcome {readable(name)!r} holds {first_few(map(readable, map(str, values)), 4)}; expected numbers, "
            "or yes and no. To fix: make a column of 0 and 1."
        )
    return (cells == yes).fillna(False).to_numpy(dtype=np.float64), known, True


def _enough(yes: NDArray[np.bool_], folds: int, name: str, words: tuple[str, str]) -> None:
    n_yes = int(yes.sum())
    for n, word in ((n_yes, words[1]), (len(yes) - n_yes, words[0])):
        if n < FEWEST * folds:
            raise DataError(
                f"{agreeing(n, 'rows', 'have')} {readable(name)!r} = {word}; expected at least {FEWEST * folds} of "
                f"either kind, {FEWEST} for each of {folds} folds. To fix: collect more rows, or pass folds=2."
            )


def _features(frame: pd.DataFrame, asked: Any, apart: set[str], decisions: dict[str, Decision]) -> tuple[str, ...]:
    """What models read: what was asked for, or all columns that can be properties of a row."""
    if asked is not None:
        names = [
            known_column(frame, each, "features") for each in several("features", asked, "names of columns", single=str)
        ]
        wrong = [name for name in names if name in apart]
        if wrong:
            refuse("features", wrong, "columns that are neither treatment, outcome, group nor propensity")
        if not names:
            refuse("features", asked, "at least one column")
        return tuple(dict.fromkeys(names))
    found, left = [str(name) for name in frame.columns if name not in apart], dict[str, str]()
    for name in found:
        cells = frame[name]
        if pd.api.types.is_datetime64_any_dtype(cells.dtype) or pd.api.types.is_timedelta64_dtype(cells.dtype):
            left[name] = "it holds times"
        elif not cells.notna().any():
            left[name] = "it is empty"
        elif not is_number(cells):
            kinds = cells.astype(str).nunique()
            if kinds > MOST_NAMES * len(frame):
                left[name] = f"it names rows: {kinds:,} texts in {len(frame):,} rows"
        elif np.isinf(as_numbers(cells)).any():
            left[name] = "it holds infinite numbers"
    kept = tuple(name for name in found if name not in left)
    if left:
        said = first_few(f"{readable(name)} ({why})" for name, why in left.items())
        decisions["columns left out"] = Decision(value=said, reason="models cannot read them as properties of a row")
        warn(f"these columns are left out: {said}. To fix: pass features= to name the columns that models read.")
    if not kept:
        raise DataError(
            "no column is left that describes a row, beside treatment, outcome and group; expected at least one. To "
            "fix: add what was known of each row before the treatment."
        )
    decisions["features"] = Decision(
        value=first_few(map(readable, kept), 12),
        reason="all other columns; each must have been known before the treatment",
    )
    return kept


def _told(
    propensity: Any, column: str | None, frame: pd.DataFrame, yes: NDArray[np.bool_], group: Codes
) -> Array | None:
    """(n,) probability of being treated, as it was told."""
    if propensity is None or propensity == "estimate":
        return None
    if column is None:
        share = refused_share(propensity)
        given = np.where(yes, share, 1 - share)
    else:
        given = as_numbers(frame[column]) if is_number(frame[column]) else np.full(len(frame), np.nan)
        wrong = ~((given > 0) & (given < 1))
        if wrong.any():
            raise DataError(
                f"propensity={readable(column)!r} is no probability between 0 and 1 in {int(wrong.sum()):,} of "
                f"{len(frame):,} rows; expected the probability with which each row's own treatment was drawn. To fix: "
                "leave out rows that could not have been treated otherwise: they say nothing of the effect."
            )
    off = _weights_off(np.where(yes, given, 1 - given), yes, group)
    if off is None:
        return np.where(yes, given, 1 - given)
    other = column is not None and _weights_off(given, yes, group) is None
    fix = (
        f"They fit if {readable(column)!r} is the probability of being treated. To fix: pass the probability of what "
        "was done: 1 less it where a row was not treated."
        if other and column is not None
        else 'To fix: correct it, or pass propensity="estimate".'
    )
    raise DataError(
        f"propensity={readable(str(propensity))!r} cannot be right: {off}; expected the probability with which each "
        f"row's own treatment was drawn (of a number: of being treated). {fix}"
    )


def refused_share(value: Any) -> float:
    """A propensity that is one number for all.

    Raises:
        SettingError: It is none.
    """
    from drivetrain.settings import number  # noqa: PLC0415 - beside its message

    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return number("propensity", value, above=0, below=1)
    return refuse("propensity", value, 'a number above 0 and below 1, the name of a column, or "estimate"')


def _weights_off(share: Array, yes: NDArray[np.bool_], group: Codes) -> str | None:
    """Why these probabilities of being treated cannot be those that chance worked with; None where they can.

    Treated rows, each counted 1/probability times, are as many as all rows, but for chance: four standard errors of
    which are allowed.
    """
    for weights, word in ((yes / share, "treated"), (~yes / (1 - share), "untreated")):
        sums = np.bincount(group, weights - 1)
        error = float(np.sqrt((sums**2).sum())) / len(yes)
        off = float(weights.mean()) - 1
        if abs(off) > 4 * error + 1e-9:
            return f"{word} rows, each counted 1/propensity times, are {1 + off:.2f} times all rows instead of once"
    return None
