"""An experiment as it is handed over: what to collect, in words and as a table."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from drivetrain.calls import named
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.places import file_to_write
from drivetrain.settings import place, refuse
from drivetrain.text import cell, does, in_digits, readable


@dataclass(frozen=True)
class Experiment:
    """What to collect: printed, it says so in words."""

    lever: str
    values: tuple[Any, ...]
    """Drawn with equal chances."""
    units: int | None
    """Rows (groups, where rows come in groups) that are needed; None where no number would do."""
    assigned: int
    """Units that the table assigns."""
    unit: str
    """"row", or the column of the groups."""
    power: float
    """Chance that the effect is seen, with the units assigned."""
    power_asked: float
    effect: float
    """Difference of the objective that is to be seen, per row."""
    noise: float
    """Standard deviation of the objective that comes out, among units alike."""
    level: float
    cost_per_row: float | None
    """Objective expected at the baseline, less that at the values drawn; None without models."""
    cost: float | None
    """Of all rows assigned."""
    designs: pd.DataFrame
    """The same with a narrower range: `share` of it, `lowest`, `highest`, `units`, `cost_per_row`, `cost`."""
    table: pd.DataFrame
    """Indexed as the rows: `in_experiment`, the levers' values, `propensity` of the value drawn (NaN of other rows).
    Keep it: logged with what comes of the rows, it lets a plan be proved."""
    warnings: tuple[str, ...] = ()
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """In words."""
        what = "rows" if self.unit == "row" else f"groups ({readable(self.unit)})"
        listed = ", ".join(_shown(value) for value in self.values)
        if self.units is None:
            first = f"No number of {what} would show a difference of {in_digits(self.effect)}."
        else:
            first = (
                f"To see a difference of {in_digits(self.effect)} in the objective per row with a chance of "
                f"{100 * self.power_asked:.0f} %, {self.units:,} {what} are needed."
            )
        second = (
            f"{self.assigned:,} {does(self.assigned, 'are')} assigned, {readable(self.lever)} drawn from {listed} with "
            f"equal chances: the chance to see it is {100 * self.power:.0f} %."
        )
        parts = [first, second]
        if self.cost is not None and self.cost_per_row is not None:
            parts.append(
                f"That is expected to cost {in_digits(self.cost)} of the objective in all, "
                f"{in_digits(self.cost_per_row)} a row, against the baseline."
            )
        return "\n".join([*parts, *self.warnings])

    @named
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the assignment table: a row's label, and what the table holds.

        Args:
            path: Of a .csv or .parquet file.

        Raises:
            SettingError: It cannot be written there, or ends otherwise.
        """
        target = file_to_write(place("path", path), "path")
        kind = target.suffix.casefold()
        if kind not in (".csv", ".parquet"):
            refuse("path", path, "a path that ends with .csv or .parquet")
        names = [str(name or "row") for name in self.table.index.names]
        table = self.table.set_axis(self.table.index.set_names(names), axis=0).reset_index()
        made = io.BytesIO()
        if kind == ".csv":
            texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
            safe = table.assign(**{str(name): [cell(str(each)) for each in table[name]] for name in texts})
            safe.columns = [cell(str(name)) for name in safe.columns]
            made.write(safe.to_csv(index=False).encode())
        else:
            table.to_parquet(made)
        write_durably(target, made.getvalue())


Experiment.__module__ = "drivetrain"  # where people find it, so that messages and help say so


def _shown(value: Any) -> str:
    return in_digits(value) if isinstance(value, int | float) and not isinstance(value, bool) else readable(str(value))
