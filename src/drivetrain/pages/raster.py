"""A chart as pixels or PDF: matplotlib draws the elements of our SVG, for it has fonts, formats and smooth edges.

It knows the elements and style rules that `drivetrain.pages` writes. What it does not know is left out, and told.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path as File
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import matplotlib.figure
import numpy as np
from matplotlib.image import BboxImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.notices import warn
from drivetrain.pages.chart import colours, style
from drivetrain.pages.fonts import legible, note, tell
from drivetrain.pages.html import Html
from drivetrain.pages.svg import size_of

PX_PER_INCH = 96.0
POINTS = 72 / PX_PER_INCH
"""Of a px."""
DOTS_PER_INCH = 2 * PX_PER_INCH
NOTE_PX = 18.0
USUAL = ("DejaVu Sans",)
"""Comes with matplotlib."""
SILENT = {"title", "desc", "style", "defs"}

Rule = dict[str, str]


def rasterise(drawn: Html, file: File, *, mark: str, numbers: dict[str, str]) -> None:
    """Write a drawing as .png, .jpg or .pdf.

    Args:
        drawn: An ``<svg>`` with width and height.
        file: Where to.
        mark: Of the maker, for the file's metadata.
        numbers: Names that no font has → their numbers, added to; new ones are told.

    Raises:
        DataError: The drawing is no XML, which a kind of input from elsewhere may cause.
    """
    try:
        root = fromstring(drawn)
    except ParseError as error:
        raise DataError(f"the drawing cannot be read as XML ({error}). To fix: save it as .html.") from error
    before, (width, height) = len(numbers), size_of(drawn)
    for element in root.iter():
        if element.tag == "text" and element.text:
            legible(element.text, USUAL, numbers)  # numbered before the size is known: a note needs room
    total = height + (NOTE_PX if numbers else 0)
    canvas = matplotlib.figure.Figure(figsize=(width / PX_PER_INCH, total / PX_PER_INCH), facecolor=colours()["paper"])
    painter = _Painter(canvas, Affine2D().scale(1 / width, -1 / total).translate(0, 1) + canvas.transFigure, numbers)
    painter.draw(root, Affine2D())
    if numbers:
        painter.text(note(numbers), 6, total - 6, _style_of("text", {"small"}), Affine2D())
    if painter.unknown:
        warn(f"{file.name}: a drawing has {', '.join(sorted(painter.unknown))}, which pixels leave out. To fix: .svg.")
    ending = file.suffix.lower()
    kept: dict[str, Any] = {"metadata": {"Source": mark}} if ending == ".png" else {}
    if ending in (".jpg", ".jpeg"):
        kept = {"pil_kwargs": {"comment": mark.encode()}}
    canvas.savefig(file, dpi=DOTS_PER_INCH, **kept)
    if len(numbers) > before:
        tell(numbers)


class _Painter:
    def __init__(self, canvas: matplotlib.figure.Figure, to_figure: Any, numbers: dict[str, str]) -> None:
        self.canvas, self.to_figure, self.numbers = canvas, to_figure, numbers
        self.unknown: set[str] = set()

    def draw(self, element: Element, place: Any) -> None:
        """An element and what is inside it; `place` maps its coordinates to px of the drawing."""
        name = element.tag.rpartition("}")[2]
        if name in SILENT:
            return
        place = _moved(element, name) + place
        if name in ("svg", "g"):
            for child in element:
                self.draw(child, place)
            return
        paint: dict[str, Callable[[Element, Rule, Any], None]] = {
            "line": self._line,
            "rect": self._rectangle,
            "circle": self._circle,
            "path": self._path,
            "text": self._text,
            "image": self._image,
        }
        if name not in paint:
            self.unknown.add(f"<{name}>")
            return
        look = _style_of(name, set((element.get("class") or "").split()))
        paint[name](element, look, place)

    def text(self, said: str, x: float, y: float, look: Rule, place: Any) -> None:
        """A line of text on its base line."""
        said, fonts = legible(said, USUAL, self.numbers)
        (left, top), (right, bottom) = place.transform([(x, y), (x + 1, y)])
        artist = Text(
            left,
            top,
            said,
            transform=self.to_figure,
            color=_colour(look, "fill"),
            fontsize=float(look["font-size"].removesuffix("px")) * POINTS,
            fontweight="bold" if look.get("font-weight") == "600" else "normal",
            ha={"middle": "center", "end": "right"}.get(look.get("text-anchor", ""), "left"),
            va="baseline",
            rotation=-np.degrees(np.arctan2(bottom - top, right - left)),
            rotation_mode="anchor",
            parse_math=False,
        )
        artist.set_fontfamily(fonts)
        self._add(artist)

    def _add(self, artist: Any) -> None:
        """In front of what was drawn before."""
        artist.set_zorder(len(self.canvas.get_children()))
        self.canvas.add_artist(artist)

    def _text(self, element: Element, look: Rule, place: Any) -> None:
        self.text(element.text or "", _number(element, "x"), _number(element, "y"), look, place)

    def _line(self, element: Element, look: Rule, place: Any) -> None:
        ends = place.transform([[_number(element, f"{axis}{i}") for axis in "xy"] for i in (1, 2)])
        dashes = (0, [float(n) for n in look["stroke-dasharray"].split()]) if "stroke-dasharray" in look else "-"
        self._add(
            Line2D(ends[:, 0], ends[:, 1], transform=self.to_figure, color=_colour(look, "stroke"), linestyle=dashes,
                   linewidth=float(look.get("stroke-width", 1)) * POINTS, solid_capstyle="butt"),
        )  # fmt: skip

    def _rectangle(self, element: Element, look: Rule, place: Any) -> None:
        x, y, width, height = (_number(element, key) for key in ("x", "y", "width", "height"))
        self._patch(Rectangle((x, y), width, height), look, place)

    def _circle(self, element: Element, look: Rule, place: Any) -> None:
        x, y, radius = (_number(element, key) for key in ("cx", "cy", "r"))
        self._patch(Circle((x, y), radius), look, place)

    def _path(self, element: Element, look: Rule, place: Any) -> None:
        points = _points(element.get("d") or "")
        if points is None:
            self.unknown.add("a curved <path>")
        else:
            self._patch(PathPatch(Path(points)), look, place)

    def _patch(self, patch: Any, look: Rule, place: Any) -> None:
        width = float(look.get("stroke-width", 1)) * POINTS
        patch.set(
            facecolor=_colour(look, "fill"),
            edgecolor=_colour(look, "stroke") if width and "stroke" in look else "none",
            linewidth=width,
            transform=place + self.to_figure,
            joinstyle="round" if look.get("stroke-linejoin") == "round" else "miter",
        )
        if "stroke-dasharray" in look:
            patch.set_linestyle((0, [float(n) for n in look["stroke-dasharray"].split()]))
        self._add(patch)

    def _image(self, element: Element, look: Rule, place: Any) -> None:
        x, y, width, height = (_number(element, key) for key in ("x", "y", "width", "height"))
        data = (element.get("href") or "").partition("base64,")[2]
        with Image.open(io.BytesIO(base64.b64decode(data))) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        box = TransformedBbox(Bbox([[x, y + height], [x + width, y]]), place + self.to_figure)
        pixelated = look.get("image-rendering") == "pixelated"
        self._add(BboxImage(box, data=pixels[::-1], interpolation="nearest" if pixelated else "bilinear"))


def _points(said: str) -> list[tuple[float, float]] | None:
    """The points of a path of straight lines, ``M… L… L…``; None of another one."""
    if not re.fullmatch(r"M[^A-Za-z]+(L[^A-Za-z]+)*", said):
        return None
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", said)]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _moved(element: Element, name: str) -> Affine2D:
    """Where an element's own coordinates lie in those of its parent."""
    own = Affine2D()
    box = element.get("viewBox")
    if name == "svg":
        left, top, width, height = map(
            float, (box or f"0 0 {_number(element, 'width')} {_number(element, 'height')}").split()
        )
        own.translate(-left, -top).scale(_number(element, "width") / width, _number(element, "height") / height)
        own.translate(_number(element, "x"), _number(element, "y"))
    for what, numbers in reversed(re.findall(r"(\w+)\(([^)]*)\)", element.get("transform") or "")):
        by = [float(n) for n in re.findall(r"-?[\d.]+", numbers)]
        if what == "rotate":
            x, y = by[1:] or (0.0, 0.0)
            own.rotate_deg_around(x, y, by[0])
        elif what == "translate":
            own.translate(by[0], by[1] if len(by) > 1 else 0)
        elif what == "scale":
            own.scale(by[0], by[-1])
    return own


def _number(element: Element, key: str) -> float:
    return float(element.get(key) or 0)


@cache
def _rules() -> list[tuple[str, frozenset[str], Rule]]:
    """Of the style sheet, in its order: the element or "", the classes it needs, what it sets."""
    found: list[tuple[str, frozenset[str], Rule]] = []
    for selectors, body in re.findall(r"([^{}]+)\{([^}]*)\}", style()):
        pairs = (pair.split(":", 1) for pair in body.split(";") if ":" in pair)
        sets = {key.strip(): value.strip() for key, value in pairs}
        if "font" in sets:
            sets["font-size"] = sets.pop("font").split()[0]
        for selector in selectors.split(","):
            name, *classes = selector.split()[-1].split(".")
            found.append((name, frozenset(classes), sets))
    return found


def _style_of(name: str, classes: set[str]) -> Rule:
    look: Rule = {}
    for element, needed, sets in _rules():
        if element in ("", name) and needed <= classes:
            look |= sets
    return look


def _colour(look: Rule, what: str) -> Any:
    """As matplotlib takes it, with what the opacities leave of it."""
    colour = look.get(what, "black" if what == "fill" else "none")
    alpha = float(look.get("opacity", 1)) * float(look.get(f"{what}-opacity", 1))
    return "none" if colour == "none" else (colour, alpha)
