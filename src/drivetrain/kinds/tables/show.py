"""What a page shows of a row: a small table, a line for each column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, cast

import numpy as np

from drivetrain.errors import InputError
from drivetrain.kinds.tables.parsing import is_gap
from drivetrain.pages.html import Html, tag
from drivetrain.pages.svg import text
from drivetrain.settings import shown
from drivetrain.text import readable

SIDE_PX = 192
LINES = 12
"""At most; more columns are counted."""
LINE_PX = 18
LETTER_PX = 7.0
NAME = 0.5
"""Share of the width that names may take."""
LONGEST = 200
"""Letters of a cell that are told where it cannot be seen."""


def show_source(source: Any, /, *, alt: str = "", side_px: int = SIDE_PX, **_: Any) -> Html:
    """An ``svg`` element: the name of each column and its cell, a gap as a dash.

    Args:
        source: Column → cell.
        alt: What stands for it where it cannot be seen; "" tells the cells.
        side_px: Its width.

    Raises:
        InputError: It is no row.

    Example:
        >>> "town" in show_source({"town": "Bern", "age": None})
        True
    """
    if not isinstance(source, Mapping):
        raise InputError(f"not a row: {shown(source)}; expected column → cell. To fix: pass a mapping.")
    cells = [(readable(str(name)), said(cell)) for name, cell in cast("Mapping[Any, Any]", source).items()]
    seen = cells if len(cells) <= LINES else cells[: LINES - 1]
    letters = max(4, int((side_px - 12) / LETTER_PX))
    drawn: list[Html] = []
    for at, (name, cell) in enumerate(seen):
        y = LINE_PX * (at + 1) - 4
        left = cut(name, max(round(letters * NAME), letters - len(cell) - 1))
        drawn += [text(4, y, left, "tick"), text(side_px - 4, y, cut(cell, letters - len(left) - 1), "end")]
    if len(seen) < len(cells):
        drawn.append(text(4, LINE_PX * (len(seen) + 1) - 4, f"… {len(cells) - len(seen)} more", "tick"))
    told = alt or "; ".join(f"{name}: {cell}" for name, cell in cells[:LINES])
    height = LINE_PX * min(len(cells), LINES) + 4
    return tag(
        "svg", tag("title", told), *drawn, viewBox=f"0 0 {side_px} {height}", width=str(side_px), height=str(height),
        role="img", aria_label=told,
    )  # fmt: skip


def said(cell: Any) -> str:
    """A cell in words.

    Example:
        >>> [said(cell) for cell in (None, 1234567.0, 0.123456, True, 12)]
        ['–', '1,234,567', '0.1235', 'yes', '12']
    """
    if is_gap(cell):
        return "–"
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, float | np.floating):
        value = float(cell)
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(cell, datetime | date | time):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return cut(readable(str(cell)[: 2 * LONGEST]), LONGEST)


def cut(words: str, letters: int) -> str:
    """As many letters as there is room for."""
    return words if len(words) <= letters else f"{words[: max(letters - 1, 1)]}…"
