"""Names of variables as people write them: a column, or a function of one, such as ``log:gdp``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.tables.columns import known_column
from drivetrain.data.tables.labels import same_name
from drivetrain.errors import DataError, SettingError, did_you_mean
from drivetrain.settings import shown
from drivetrain.text import agreeing

Array = NDArray[np.float64]

TRANSFORMS: Mapping[str, Callable[[Array], Array]] = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": np.square,
}
CATEGORY = "category"
"""Before the name of a control: its numbers are codes, each a category of its own."""
LOGARITHMS = frozenset({"log", "log2", "log10"})
"""Of numbers above 0."""


@dataclass(frozen=True)
class Term:
    """A column and what is done to it.

    Example:
        >>> str(term_of("log:gdp", ["gdp"], "controls")), str(term_of("gdp", ["gdp"], "controls"))
        ('log:gdp', 'gdp')
    """

    column: str
    transform: str = ""

    def __str__(self) -> str:
        return f"{self.transform}:{self.column}" if self.transform else self.column

    @property
    def words(self) -> str:
        """As a sentence says it: log gdp."""
        return f"{self.transform} {self.column}" if self.transform else self.column

    def apply(self, values: Array) -> Array:
        """The function of the values; NaN stays NaN.

        Raises:
            DataError: It is not defined for some of them; the message names the first.
        """
        if self.transform not in TRANSFORMS:
            return values
        if self.transform != "square":
            bound, wrong = _outside(self.transform, values)
            if wrong.any():
                first = values[int(np.argmax(wrong))]
                raise DataError(
                    f"{self} needs numbers {bound}, but {agreeing(int(wrong.sum()), 'rows', 'have')} others, the first "
                    f"{first:g}. To fix: leave these rows out of the table, or take {self.column!r} as it is."
                )
        return TRANSFORMS[self.transform](values)


def _outside(transform: str, values: Array) -> tuple[str, NDArray[np.bool_]]:
    """Where a function is defined, in words, and which values lie elsewhere."""
    if transform in LOGARITHMS:
        return "above 0", values <= 0
    return ("of at least 0", values < 0) if transform == "sqrt" else ("above -1", values <= -1)


def term_of(written: Any, columns: Collection[str], setting: str) -> Term:
    """What a name means: a column of that very name first, then a function of one.

    Raises:
        SettingError: The name is no text, or the function is not known.
        DataError: There is no such column.

    Example:
        >>> term_of("log:gdb", ["gdp"], "controls")
        Traceback (most recent call last):
        drivetrain.errors.DataError: there is no column 'gdb', named by controls=; the columns are 'gdp'. ...
    """
    if not isinstance(written, str) or not written.strip():
        raise SettingError(
            f"{setting}={shown(written)} cannot be used: expected the name of a column, or a function of one such as "
            f"'log:gdp'. To fix: pass one of {', '.join(map(repr, list(columns)[:8]))}."
        )
    found = same_name(written, list(columns))
    if found is not None:
        return Term(found)
    function, colon, rest = written.partition(":")
    if colon and rest.strip():
        function = function.strip().casefold()
        if function not in TRANSFORMS and not (function == CATEGORY and setting == "controls"):
            known = [*TRANSFORMS, *([CATEGORY] if setting == "controls" else [])]
            raise SettingError(
                f"{setting}={shown(written)} cannot be used: expected a column, or one of "
                f"{', '.join(f'{name}:' for name in known)} before its name."
                f"{did_you_mean(function, TRANSFORMS)} To fix: write it so."
            )
        return Term(known_column(columns, rest.strip(), setting), function)
    return Term(known_column(columns, written, setting))
