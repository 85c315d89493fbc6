"""A guided notebook as one page that loads nothing: prose, code, what it printed, figures; answers are folded."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from markdown_it import MarkdownIt

from drivetrain import __version__
from drivetrain.gallery.reading import Guide, Part, away_from_docs
from drivetrain.gallery.running import Run, Shown, data_uri
from drivetrain.pages.html import Html, explained, figure, scrolling, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.svg import size_of

_STYLE = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)
_ATTRIBUTE = re.compile(r'\s(?:style|border|on\w+)="[^"]*"')
SHRINKS_PX = 560
"""A chart up to this width shrinks on a narrow page; a wider one keeps its size and scrolls."""
TALLEST_OUTPUT = 40
"""Lines of output; a longer one scrolls."""


def page_of(done: Run) -> str:
    """The page, as HTML to be encoded as UTF-8."""
    guide = done.guide
    outputs = iter(done.shown)
    pieces: list[Html] = []
    for part in guide.parts:
        pieces.append(prose(part.text) if part.kind == "prose" else code(part))
        if part.kind == "code":
            pieces += [output(shown, f"f{len(pieces)}-{i}") for i, shown in enumerate(next(outputs))]
    made = f"Made by drivetrain {__version__} in {done.seconds:,.0f} s: every number and figure is from this run."
    again = ["Again: ", tag("code", f"drivetrain demo {guide.name}")]
    return document(
        guide.title,
        page_header(guide.title, guide.question, skip="To the text"),
        tag("main", tag("article", *pieces, _own_data(guide), class_="guide"), id="main"),
        page_footer(made, again),
        style=style(),
    )


def _own_data(guide: Guide) -> Html:
    return tag("aside", tag("h2", "With your own data"), tag("pre", tag("code", guide.next)), class_="own")


_MARKED = re.compile(r"<(strong|em|h2)>([^<]+)</\1>")
"""Where a guide stresses a term, or names a part by it."""


def prose(markdown: str) -> Html:
    r"""HTML of Markdown of this package; where it stresses a term, the term opens its meaning.

    Example:
        >>> prose("A *net*, see [terms](../../../docs/terms.md).")
        '<p>A <em>net</em>, see terms (<code>drivetrain docs terms</code>).</p>\n'
    """
    return Html(_MARKED.sub(_with_term, _reader().render(away_from_docs(markdown))))


def _with_term(marked: re.Match[str]) -> str:
    return f"<{marked[1]}>{explained(html.unescape(marked[2]))}</{marked[1]}>"


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")  # its own text: HTML in it is meant


def code(part: Part) -> Html:
    """A block of Python, coloured."""
    from pygments import highlight  # noqa: PLC0415 - next to its only use
    from pygments.formatters.html import HtmlFormatter  # noqa: PLC0415
    from pygments.lexers.python import PythonLexer  # noqa: PLC0415

    coloured = highlight(part.text, PythonLexer(), HtmlFormatter(nowrap=True))
    return tag("pre", tag("code", Html(coloured.rstrip("\n"))), class_="code", tabindex="0")


def output(shown: Shown, name: str) -> Html:
    """What a block has shown; `name` is unique on the page."""
    if shown.chart is not None:
        wide = size_of(shown.chart.drawn)[0] > SHRINKS_PX
        return figure(own_names(shown.chart.drawn, name), fixed=wide)
    if shown.png:
        return tag("figure", tag("img", src=data_uri(shown.png), alt=shown.text, class_="picture"))
    if shown.html:
        return scrolling("output", clean(shown.html))
    tall = shown.text.count("\n") >= TALLEST_OUTPUT
    kind = "out warning" if shown.warning else "out tall" if tall else "out"
    return tag("pre", shown_lines(shown.text), class_=kind, tabindex="0")


def shown_lines(text: str) -> Sequence[Html]:
    """Printed lines; each is made safe on its own, so that the ends of lines stay."""
    lines = text.split("\n")
    return [Html(tag("span", line) + ("\n" if i < len(lines) else "")) for i, line in enumerate(lines, start=1)]


def own_names(drawn: Html, name: str) -> Html:
    """A drawing whose names are its own on a page that holds several of the same kind.

    Example:
        >>> own_names(Html('<svg aria-labelledby="a b"><title id="a"></title><desc id="b">'), "f1")
        '<svg aria-labelledby="f1-a f1-b"><title id="f1-a"></title><desc id="f1-b">'
    """
    known = re.findall(r'\sid="([^"]+)"', drawn)
    for one in sorted(set(known), key=len, reverse=True):
        quoted = re.escape(one)
        drawn = Html(re.sub(rf'(?<=["\s#]){quoted}(?=["\s)])', f"{name}-{one}", drawn))
    return drawn


def clean(html: str) -> Html:
    """HTML that a value brought along, without what the page's policy would refuse: styles, scripts."""
    return Html(_ATTRIBUTE.sub("", _STYLE.sub("", html)))


@cache
def style() -> str:
    """The style sheet that these pages have beside the kit's."""
    return files("drivetrain.gallery").joinpath("guide.css").read_text(encoding="utf-8")
