"""One drawing, or several beside each other, as something to look at in a notebook and to keep in a file."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Sequence
from functools import cache
from html import unescape
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from drivetrain.errors import DataError, SettingError, did_you_mean
from drivetrain.notices import warn
from drivetrain.pages.html import Html, figure, tag
from drivetrain.pages.page import document, page_header, resource
from drivetrain.pages.svg import drawing, group, placed, rectangle, size_of, text, width_px
from drivetrain.runtime.files.own_output import FIGURE_MARK
from drivetrain.settings import place
from drivetrain.text import readable

FORMATS = (".svg", ".html", ".png", ".jpg", ".jpeg", ".pdf")
PAD = 16.0
"""Around the panels and between them, px."""
LINE = 17.0
"""From one line of text to the next, px."""
WIDEST_LINE = 640.0


class Chart:
    """A drawing with its title; the last line of a notebook cell shows it.

    Args:
        drawn: An ``<svg>`` of `drivetrain.pages.charts`, or of `panels`.

    Example:
        >>> from drivetrain.pages.svg import dot, drawing
        >>> print(Chart(drawing("d", 20, 20, "A dot", "It is blue.", dot(10, 10, 5, "accent"))))
        A dot: It is blue.
    """

    def __init__(self, drawn: Html) -> None:
        self.drawn = drawn
        self._numbered: dict[str, str] = {}

    def __str__(self) -> str:
        said = [re.search(f"<{name}[^>]*>([^<]*)<", self.drawn) for name in ("title", "desc")]
        return ": ".join(unescape(found[1]) for found in said if found and found[1])

    def __repr__(self) -> str:
        return f"Chart({self})"

    @property
    def svg(self) -> str:
        """The drawing as a file of its own, in the light theme's colours."""
        width, height = size_of(self.drawn)
        inside = Html(f"<style>{style()}</style>") + rectangle(0, 0, width, height, "paper")
        opened = self.drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return re.sub("(<svg [^>]*>)", lambda found: found[1] + inside, opened, count=1)

    def _repr_html_(self) -> str:
        """As notebooks ask for it: a picture, so that neither its style nor its names meet those of the page."""
        width, height = size_of(self.drawn)
        data = base64.b64encode(self.svg.encode()).decode()
        shown = {"width": round(width), "height": round(height), "alt": str(self)}
        return tag("img", src=f"data:image/svg+xml;base64,{data}", **shown)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as .svg, .html (follows the reader's light or dark theme), .png, .jpg or .pdf.

        PNG and JPEG hold two pixels per px, and say whose they are, so that they are not taken for data where they lie.

        Raises:
            SettingError: The path ends otherwise.
        """
        file = Path(place("path", path))
        ending = file.suffix.lower()
        if ending not in FORMATS:
            raise SettingError(
                f"path is {file.name!r}: a chart is saved as {', '.join(FORMATS)}.{did_you_mean(ending, FORMATS)} "
                'To fix: end it with one of these, such as "chart.svg".'
            )
        try:
            self._write(file, ending)
        except OSError as error:
            raise DataError(f"{readable(file)} cannot be written: {error.strerror or error}.") from error
        return file

    def _write(self, file: Path, ending: str) -> None:
        if ending == ".svg":
            file.write_text(self.svg, encoding="utf-8")
        elif ending == ".html":
            header = page_header(str(self).partition(":")[0], "", skip="To the chart")
            page = document(str(self), header, tag("main", figure(self.drawn, fixed=True), id="main"))
            file.write_text(page, encoding="utf-8")
        else:
            from drivetrain.pages.raster import rasterise  # noqa: PLC0415 - matplotlib, for pixels alone

            rasterise(self.drawn, file, mark=FIGURE_MARK.decode(), numbers=self._numbered)

    def savefig(self, path: str | os.PathLike[str]) -> Path:
        """The name that `save` had; it goes with the next version."""
        warn("savefig is called save now. To fix: chart.save(path).")
        return self.save(path)


class Panel(NamedTuple):
    """One of several drawings: what stands above it, itself, and what stands below it, a line each."""

    drawn: Html
    above: Sequence[tuple[str, str]] = ()
    """Text and its class; what is too long is shortened."""
    below: str = ""


def panels(several: Sequence[Panel], title: str, description: str, *, most_columns: int = 5) -> Html:
    """Drawings in a grid as square as it can be, with their lines; columns are as wide as the widest needs.

    Example:
        >>> from drivetrain.pages.svg import dot, drawing
        >>> one = Panel(drawing("d", 84, 84, "A dot", "", dot(10, 10, 5, "accent")), [("left", "")])
        >>> size_of(panels([one, one], "Dots", "Two."))
        (216.0, 133.0)
    """
    columns = min(most_columns, len(several) if len(several) <= 3 else math.ceil(math.sqrt(len(several))))
    wide = max(size_of(panel.drawn)[0] for panel in several)
    if columns == 1:  # lines may be wider than what they are about
        wide = max(wide, *(min(width_px(said), WIDEST_LINE) for panel in several for said, _ in panel.above), 0)
    marks: list[Html] = []
    y = PAD
    for start in range(0, len(several), columns):
        row = several[start : start + columns]
        top = y + LINE * max(len(panel.above) for panel in row)
        marks += [_captioned(panel, PAD + (wide + PAD) * i, top, wide) for i, panel in enumerate(row)]
        y = top + max(size_of(panel.drawn)[1] + (LINE if panel.below else 0) for panel in row) + PAD
    return drawing("panels", PAD + (wide + PAD) * columns, y, title, description, marks)


def _captioned(panel: Panel, x: float, top: float, wide: float) -> Html:
    first, bottom = top - LINE * len(panel.above) + 12, top + size_of(panel.drawn)[1] + 13
    above = [text(x, first + LINE * j, fitting(said, wide), class_) for j, (said, class_) in enumerate(panel.above)]
    below = text(x, bottom, fitting(panel.below, wide, 10, end=True), "small") if panel.below else None
    return group(above, placed(panel.drawn, x, top), below)


def picture_panel(shown: Html, side: float) -> Html:
    """What a kind of input shows of a row in a square: an ``<img>``, an ``<svg>``, or the words of other HTML.

    Example:
        >>> picture_panel(tag("img", src="data:,", width=50, height=100, alt=""), 200)
        '<svg width="200" height="200"...<image href="data:," x="50" y="0" width="100" height="200"...'
    """
    box = {"width": f"{side:g}", "height": f"{side:g}", "viewBox": f"0 0 {side:g} {side:g}"}
    if shown.startswith("<img"):
        known = dict(re.findall(r'(\w+)="([^"]*)"', shown))
        width, height = float(known.get("width", side)), float(known.get("height", side))
        scale = side / max(width, height)
        width, height = width * scale, height * scale
        inner = tag(
            "image",
            href=Html(known["src"]),
            x=f"{(side - width) / 2:g}",
            y=f"{(side - height) / 2:g}",
            width=f"{width:g}",
            height=f"{height:g}",
            class_=known.get("class"),
        )
        return tag("svg", inner, **box)
    if shown.startswith("<svg"):
        width, height = size_of(shown)
        scale = side / max(width, height)
        x, y = (side - width * scale) / 2, (side - height * scale) / 2
        moved = f"translate({x:g} {y:g}) scale({scale:g})"
        return tag("svg", group(shown, transform=moved), **box)
    words = " ".join(unescape(re.sub("<[^>]*>", " ", shown)).split())
    lines = wrap(words, max(8, int(side / 7.2)), max_lines=int(side / LINE) - 1, placeholder=" …")
    return tag("svg", [text(0, LINE * (i + 1), line) for i, line in enumerate(lines)], **box)


def as_file(shown: Html, side: float) -> tuple[bytes, str]:
    r"""What a kind of input shows of a row as a file of its own, and its media type: a picture as it is, else SVG.

    Example:
        >>> as_file(tag("img", src="data:image/jpeg;base64,/9g=", alt=""), 100)
        (b'\xff\xd8', 'image/jpeg')
    """
    held = re.match(r'<img src="data:(image/\w+);base64,([^"]+)"', shown)
    if held is not None:
        return base64.b64decode(held[2]), held[1]
    return Chart(picture_panel(shown, side)).svg.encode(), "image/svg+xml"


def sound_of(shown: Html) -> tuple[bytes, str] | None:
    r"""What can be heard of what a kind of input shows of a row, and its media type; None where nothing can.

    Example:
        >>> sound_of(tag("audio", src="data:audio/wav;base64,UklG"))
        (b'RIF', 'audio/wav')
    """
    held = re.search(r'<audio[^>]* src="data:(audio/\w+);base64,([^"]+)"', shown)
    return None if held is None else (base64.b64decode(held[2]), held[1])


def fitting(said: str, width: float, size_px: float = 12, *, end: bool = False) -> str:
    """Text on one line, its middle (or with `end` its beginning) left out where it is too long.

    Example:
        >>> fitting("american_staffordshire_terrier", 150), fitting("a/very/long/path/to/cat.jpg", 90, end=True)
        ('american_s…e_terrier', '…/to/cat.jpg')
    """
    line = " ".join(said.split())
    if width_px(line, size_px) <= width:
        return line
    for n in range(len(line) - 1, 0, -1):
        cut = f"…{line[len(line) - n :]}" if end else f"{line[: (n + 1) // 2]}…{line[len(line) - n // 2 :]}"
        if width_px(cut, size_px) <= width:
            return cut
    return "…"


@cache
def colours() -> dict[str, str]:
    """Name → colour of the light theme."""
    light = resource("theme.css").partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#\w+)", light))


@cache
def style() -> str:
    """The style sheet of charts with the light theme's colours written out, which every program of drawings reads."""
    return re.sub(r"var\(--([\w-]+)\)", lambda found: colours()[found[1]], resource("charts.css"))


Chart.__module__ = "drivetrain"  # where people find it, so that messages and help say so
