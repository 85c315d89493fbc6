"""What all figures share: the canvas, colours that colour-blind readers can tell apart, and short names."""

from __future__ import annotations

import io
import math
import os
from typing import Any

import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from drivetrain.evaluation.figures._fonts import make_legible
from drivetrain.runtime.own_output import FIGURE_MARK

RIGHT, WRONG, DARK, GREY = "#00785A", "#C03A00", "#222222", "#767676"
BLUE, ORANGE = "#0072B2", "#D55E00"
"""From Okabe & Ito (2008), green and red darkened until small text is easy to read on white."""
SERIES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows as a picture, whether or not pyplot was imported.

    Saved as PNG or JPEG it says whose it is, so that it is not taken for data in the folder it is saved to.
    Names in any script are drawn in a font that has their letters, see `drivetrain.evaluation.figures._fonts`.
    """

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's."""
        form = str(options.get("format") or os.path.splitext(str(fname))[1][1:] or "png").lower()  # noqa: PTH122
        if form == "png":
            options["metadata"] = {"Source": FIGURE_MARK.decode()} | (options.get("metadata") or {})
        elif form in ("jpg", "jpeg"):
            options["pil_kwargs"] = {"comment": FIGURE_MARK} | (options.get("pil_kwargs") or {})
        super().savefig(fname, **options)

    def draw(self, renderer: Any) -> None:
        """As matplotlib does, once all its texts can be read."""
        make_legible(self, self.__dict__.setdefault("_numbered_names", {}))
        super().draw(renderer)

    def _repr_png_(self) -> bytes:
        """PNG, as IPython asks for it."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, which makes room for its own labels."""
    engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), dpi=100, layout=engine, facecolor="white")


def new_grid(n: int, *, width: float, height: float, most_columns: int = 5) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels, each that many inches, in a grid as square as it can be.

    Example:
        >>> figure, axes = new_grid(7, width=2, height=2)
        >>> len(axes), figure.get_size_inches().tolist()
        (7, [6.0, 6.0])
    """
    columns = min(most_columns, n if n <= 3 else math.ceil(math.sqrt(n)))
    rows = math.ceil(n / columns)
    figure = new_figure(width * columns, height * rows)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(n)]


def tidy(axes: Axes) -> None:
    """Only the lines that carry information: a light grid, no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E3E3E3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=10)


def label_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Labels and title in the sizes used everywhere, taken literally (a ``$`` is no formula)."""
    axes.set_xlabel(x, fontsize=11, parse_math=False)
    axes.set_ylabel(y, fontsize=11, parse_math=False)
    if title:
        axes.set_title(title, fontsize=12, loc="left", parse_math=False)


def short(text: Any, most: int = 22) -> str:
    """Long names lose their middle, for both ends tell them apart; line breaks become spaces.

    Example:
        >>> short("american_staffordshire_terrier", 20)
        'american_s…e_terrier'
    """
    line = " ".join(str(text).split())
    if len(line) <= most:
        return line
    return f"{line[: most // 2]}…{line[len(line) - (most - most // 2 - 1) :]}"


def ending(text: str, most: int = 34) -> str:
    """Long paths lose their beginning.

    Example:
        >>> ending("a/very/long/path/to/cat.jpg", 12)
        '…/to/cat.jpg'
    """
    return text if len(text) <= most else f"…{text[len(text) - most + 1 :]}"
