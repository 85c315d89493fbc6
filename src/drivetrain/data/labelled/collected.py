"""The table that `drivetrain collect` writes: its labels are classes, and read as the lists said them."""

from __future__ import annotations

import csv
from pathlib import Path

from drivetrain.data.labelled.table import Labelled
from drivetrain.data.tables.labels import label_text
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, from_cell, readable, short_reason

WHAT = "table of drivetrain collect"
BEGINS = ("path", "label", "url", "final_url")


def is_collected(header: str) -> bool:
    """Whether the first line of a CSV file is that of such a table with labels."""
    names = header.lstrip("\ufeff").strip().split(",")
    return tuple(names[: len(BEGINS)]) == BEGINS and "sha256" in names


def read_collected(where: Path) -> Labelled:
    """The rows; what was marked as text for spreadsheets is as it was.

    Raises:
        DataError: It cannot be read, or has no rows.
    """
    try:
        with where.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = csv.reader(file, strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"{readable(where)} cannot be read as a {WHAT}: {short_reason(error)}; expected CSV in UTF-8. To fix: run "
            "the same drivetrain collect again, which writes it anew."
        ) from error
    whole = [row for row in rows if row]
    odd = next((row for row in whole if len(row) != len(names)), None)
    if odd is not None or not whole:
        what = "no rows" if odd is None else f"a row of {counted(len(odd), 'cell')}, and {len(names)} in the header"
        raise DataError(
            f"{readable(where)} ({WHAT}) has {what}; expected rows as it writes them. To fix: run the same drivetrain "
            "collect again, which writes it anew."
        )
    columns = {name: [from_cell(row[at]) or None for row in whole] for at, name in enumerate(names)}
    columns["label"] = [None if label is None else label_text(label) for label in columns["label"]]
    decisions = {"read as": Decision(value=WHAT, reason=counted(len(whole), "row"))}
    return Labelled(columns, where.parent, f"{WHAT} {readable(where)}", decisions, frozenset(["label"]))
