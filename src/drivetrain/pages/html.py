"""HTML that cannot be broken by what it shows: text is escaped unless it was made here.

File names, categories and column names come from outside. `tag` escapes every child and attribute that is not
`Html`, and joining `Html` with other text gives plain text again, which is then escaped: a mistake shows up as
visible ``&lt;`` on the page, never as a script that runs.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from drivetrain.pages import terms

Child = Any
"""`Html`, text, a number, None (nothing), or a list of these."""

_VOID = {"br", "col", "hr", "img", "input", "link", "meta", "wbr"}
_UNSHOWABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that change how their neighbours are shown (direction, lines), or cannot be encoded."""

_RUN = re.compile(r"[^/\\_\s-]*[/\\_\s-]+|[^/\\_\s-]+")
"""Of a file name, up to a slash, hyphen, underscore or blank."""
LONGEST_PIECE = 12
"""Letters that are not broken anywhere: fewer than fit beneath a small picture."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """A cell of a table that is sorted by something else than its text."""

    child: Child
    value: float | str | None
    """None comes last."""


def plain(text: object) -> str:
    r"""Text with everything made visible that could disturb its neighbours: controls, direction marks, broken bytes.

    Example:
        >>> plain("a\nb\u202ec.jpg\udcff")
        'a b�c.jpg�'
    """
    said = str(text)
    if said.isascii() and said.isprintable():
        return said
    return "".join(
        " " if char in "\t\n\r" else "\ufffd" if unicodedata.category(char) in _UNSHOWABLE else char for char in said
    )


def escape(child: Child) -> Html:
    """HTML of a child of `tag`.

    Example:
        >>> escape(["<script>", Html("<br>"), None, 3])
        '&lt;script&gt;<br>3'
    """
    if child is None or child is False:
        return Html("")
    if isinstance(child, Html):
        return child
    if isinstance(child, Iterable) and not isinstance(child, str):
        return Html("".join(escape(item) for item in child))
    return Html(html.escape(plain(child)))


def breakable(name: str) -> Html:
    """A file name that, where its place is too narrow, is broken at its seams, and long pieces of it in their middle.

    Example:
        >>> breakable("cats/IMG_1.jpg"), breakable("20240611153412.jpg")
        ('cats/<wbr>IMG_<wbr>1.jpg', '202406111<wbr>53412.jpg')
    """
    return Html("<wbr>".join(escape(piece) for run in _RUN.findall(name) for piece in _evenly(run)))


def _evenly(run: str) -> list[str]:
    """Pieces of about the same length; letters of other alphabets may be of several characters, and stay together."""
    n = -(-len(run) // LONGEST_PIECE) if run.isascii() else 1
    ends = [round(i * len(run) / n) for i in range(n + 1)]
    return [run[start:end] for start, end in pairwise(ends)]


def with_code(said: str) -> Html:
    """Words of ours, in which what stands between two backticks is code.

    Example:
        >>> with_code("run `drivetrain review`, or a < b")
        'run <code>drivetrain review</code>, or a &lt; b'
    """
    pieces = said.split("`")
    if len(pieces) % 2 == 0:  # one is without its partner
        return escape(said)
    return escape([tag("code", piece) if i % 2 else piece for i, piece in enumerate(pieces)])


def tag(name: str, /, *children: Child, **attributes: Any) -> Html:
    """One element; ``class_`` gives ``class``, ``aria_label`` gives ``aria-label``; None and False leave one out.

    Example:
        >>> tag("a", "5 < 6", class_="wide", href='"x', hidden=False)
        '<a class="wide" href="&quot;x">5 &lt; 6</a>'
        >>> tag("img", alt="")
        '<img alt="">'
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None and value is not False:
            written = key.rstrip("_").replace("_", "-")
            words.append(written if value is True else f'{written}="{html.escape(plain(value))}"')
    opening = f"<{' '.join(words)}>"
    return Html(opening if name in _VOID else f"{opening}{escape(children)}</{name}>")


def explained(words: Child) -> Child:
    """Words of ours, such as a heading, in which each known term opens its meaning; anything but text is left as it is.

    Not for names that come from outside: a class called "prior" is none. `page.document` adds what the buttons open.

    Example:
        >>> explained("found (recall)")
        'found (<button type="button" class="term" popovertarget="term-precision-recall">recall</button>)'
    """
    if not isinstance(words, str) or isinstance(words, Html):
        return words
    made: list[Child] = []
    end = 0
    for match in terms.pattern().finditer(words):
        anchor = terms.reference()[match[1].lower()].anchor
        button = tag("button", match[0], type="button", class_="term", popovertarget=f"term-{anchor}")
        made += [words[end : match.start()], button]
        end = match.end()
    return escape([*made, words[end:]])


def table(
    head: Iterable[Child], rows: Iterable[Iterable[Child]], *, caption: Child, numeric: Iterable[int] = (), **more: Any
) -> Html:
    """A data table whose first column names the row.

    Args:
        head: One heading per column; in words of ours terms are `explained`, a name from outside comes `escape`d.
        rows: As many cells per row, each a child of `tag` or a `Cell`.
        caption: What the table shows.
        numeric: Columns of numbers, set to the right.
        more: Attributes of the table.

    Example:
        >>> table(["a", "b"], [["x", Cell("5 %", 0.05)]], caption="c", numeric=[1])
        '<table><caption>c</caption><thead>...<th scope="row">x</th><td class="n" data-value="0.05">5 %</td>...'
    """
    right = set(numeric)
    columns = [
        tag("th", explained(cell), scope="col", class_="n" if i in right else None) for i, cell in enumerate(head)
    ]
    body = [tag("tr", [_cell(cell, i, i in right) for i, cell in enumerate(row)]) for row in rows]
    return tag("table", tag("caption", caption), tag("thead", tag("tr", columns)), tag("tbody", body), **more)


def _cell(cell: Child, column: int, right: bool) -> Html:
    child, sort = (
        (cell.child, {"data_value": "" if cell.value is None else cell.value}) if isinstance(cell, Cell) else (cell, {})
    )
    name, scope = ("td", None) if column else ("th", "row")
    return tag(name, child, scope=scope, class_="n" if right else None, **sort)


def section(name: str, title: str, lead: Child, *children: Child) -> Html:
    """A part of the page: its heading, in which terms are `explained`, and what it is about beside what it shows."""
    return tag(
        "section",
        tag("div", tag("h2", explained(title), id=f"{name}-title"), tag("p", lead) if lead else None, class_="aside"),
        tag("div", *children, class_="main"),
        id=name,
        aria_labelledby=f"{name}-title",
    )


def scrolling(label: str, *children: Child, tall: bool = False) -> Html:
    """What may be wider (or taller) than its place; reached and scrolled with the keyboard as well."""
    class_ = "scroll tall" if tall else "scroll"
    return tag("div", *children, class_=class_, tabindex="0", role="region", aria_label=label)


def figure(drawing: Html, caption: Child = None, *, fixed: bool = False) -> Html:
    """A chart with its caption; a fixed one keeps its size and scrolls where the page is narrower."""
    inner = scrolling("chart, scrolls sideways", drawing) if fixed else drawing
    return tag(
        "figure", inner, tag("figcaption", caption) if caption else None, class_="chart fixed" if fixed else "chart"
    )


def details(summary: str, *children: Child) -> Html:
    """Something to open for who wants to know more."""
    return tag("details", tag("summary", summary), *children)
