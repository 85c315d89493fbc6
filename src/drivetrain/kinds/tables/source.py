"""Rows of a table as the source of rows: what each column is, told with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drivetrain.data.check import Checked, check_cells
from drivetrain.data.inputs import Cells
from drivetrain.data.kind import Settled
from drivetrain.kinds.tables.inference.typing import decisions_of, notes_of, type_columns

noun = "rows"


def check(
    inputs: Cells, /, *, types: Mapping[str, Any] | None = None, stated: Mapping[str, Sequence[Any]] | None = None
) -> list[Checked]:
    """The digest of each row; any row can be used."""
    del types, stated  # what the columns are does not change what is in them
    return check_cells(inputs)


def settle(inputs: Cells, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """What each column is, by all rows."""
    if not decide:
        return Settled(checked, options)
    typed = type_columns(inputs.columns, options.get("types"), stated=options.get("stated"))
    kept = {name: value for name, value in options.items() if name != "stated"}
    found = {**kept, "types": {name: one.as_option() for name, one in typed.items()}}
    return Settled(checked, found, decisions_of(typed), tuple(notes_of(typed)))
