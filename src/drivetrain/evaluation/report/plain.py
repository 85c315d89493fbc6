"""What a page shows of a row whose kind of input draws nothing itself: a curve, or its values in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.pages.html import Child, Html, tag
from drivetrain.pages.svg import Scale, path, text
from drivetrain.runtime.kinds import face
from drivetrain.runtime.spec import Arrays
from drivetrain.text import counted

CURVE = 8
"""A row of numbers at least this long is drawn as a curve."""
LINES = 8
"""Of values that are shown in words."""
LINE_PX = 18
SIDE_PX = 192
LETTER_PX = 7.4


class PlainShow:
    """The face `show` of a kind that has none.

    Args:
        kind: Of the input.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def show(self, loaded: Arrays, /, *, alt: str = "", side_px: int = SIDE_PX) -> Html:
        """A row of numbers as a curve, all else as its first values."""
        first = np.asarray(loaded[0])
        if first.ndim == 1 and len(first) >= CURVE and first.dtype.kind in "fiub":
            return _curve(first.astype(np.float64), alt, side_px)
        return _lines([_in_words(array) for array in loaded], alt, side_px)

    def show_source(self, source: Any, /, *, alt: str = "", side_px: int = SIDE_PX, **options: Any) -> Html:
        """Cells by their names; a file as its description loads it. Raises InputError."""
        if isinstance(source, Mapping):
            cells = cast("Mapping[str, Any]", source)
            return _lines([f"{name}: {_value(cell)}" for name, cell in cells.items()], alt, side_px)
        made = face(self.kind, "spec").Spec
        spec = made(**{name: value for name, value in options.items() if name in made.model_fields})
        return self.show(spec.load(source), alt=alt, side_px=side_px)


def _curve(values: NDArray[np.float64], alt: str, side_px: int) -> Html:
    height = side_px / 2
    x = Scale(0, len(values) - 1, 2, side_px - 2)
    y = Scale(float(values.min()), float(values.max()), height - 2, 2)
    drawn = path([(x.at(i), y.at(value)) for i, value in enumerate(values.tolist())], "accent curve")
    return _drawing(side_px, height, alt or f"a curve of {counted(len(values), 'value')}", drawn)


def _lines(said: Sequence[str], alt: str, side_px: int) -> Html:
    fits = max(int((side_px - 8) / LETTER_PX), 1)
    shown = [line if len(line) <= fits else f"{line[: fits - 1]}…" for line in said[:LINES]]
    if len(said) > LINES:
        shown[-1] = f"… {len(said) - LINES + 1} more"
    drawn = [text(4, LINE_PX * (at + 1) - 4, line, "tick") for at, line in enumerate(shown)]
    return _drawing(side_px, LINE_PX * len(shown) + 4, alt or "; ".join(shown), *drawn)


def _in_words(array: NDArray[Any]) -> str:
    return ", ".join(_value(value) for value in array.ravel()[:LINES].tolist())


def _value(cell: Any) -> str:
    return "–" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _drawing(width: float, height: float, alt: str, *children: Child) -> Html:
    return tag(
        "svg", tag("title", alt), *children, viewBox=f"0 0 {width:g} {height:g}", width=f"{width:g}",
        height=f"{height:g}", role="img", aria_label=alt,
    )  # fmt: skip
