"""What a page shows of a text: its beginning, to be read; and texts whose words are marked by what they did."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from drivetrain.kinds.texts.spec import Spec
from drivetrain.pages.html import Child, Html, tag
from drivetrain.runtime.spec import Arrays

FROM_SOURCE = True
"""Pages show the text itself: what a network reads of it are numbers."""
SIDE_PX = 192
LETTERS = 1.4
"""Of a text that are shown, for each pixel of the side that was asked for."""
STRENGTHS = 4
"""Of a mark."""
FAINTEST = 0.08
"""Of the largest change: a part that did less is not marked."""
LEFT_OUT = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"))
"""Letters that are not seen; some would turn round what stands beside them, and a page shows a sign for each."""


class Marked(NamedTuple):
    """A part of a text, and what it did: above 0 it spoke for the answer, below 0 against it."""

    start: int
    end: int
    change: float
    told: str
    """Of the change, in words."""


def show(loaded: Arrays, /, *, alt: str = "", side_px: int = SIDE_PX) -> Html:
    """What was loaded of a text, as `show_source` shows it."""
    text = loaded[0].tobytes().decode("utf-8", "replace")
    return _shown(text, alt, side_px)


def show_source(source: Any, /, *, alt: str = "", side_px: int = SIDE_PX, **options: Any) -> Html:
    """A paragraph with the beginning of a text, and how much of it there is.

    Args:
        source: Column → cell, a path, bytes, or the text.
        alt: What is said of it elsewhere on the page, told while the pointer rests on it.
        side_px: How much room there is: more letters of the text are shown.
        options: Of the description: `columns`, `html`.

    Raises:
        InputError: It cannot be read.

    Example:
        >>> show_source({"question": "Where is my <card>?"})
        '<p class="text" dir="auto">Where is my &lt;card&gt;?</p>'
    """
    return _shown(text_of_source(source, **options), alt, side_px)


def text_of_source(source: Any, /, **options: Any) -> str:
    """All of a text; raises InputError."""
    asked = {name: value for name, value in options.items() if name in Spec.model_fields and value is not None}
    if isinstance(source, Mapping) and "columns" not in asked:
        asked["columns"] = tuple(cast("Mapping[str, Any]", source))
    return Spec(**asked).read(source)


def _shown(text: str, alt: str, side_px: int) -> Html:
    most = max(40, round(LETTERS * side_px))
    begun = beginning(text, most)
    rest = len(text) - len(begun)
    more = tag("span", f" … {rest:,} more letters", class_="soft") if rest > 0 else None
    return tag("p", seen(begun), more, class_="text", dir="auto", title=alt or None)


def beginning(text: str, most: int) -> str:
    """So many letters of a text, or a few less: words are not broken, and no letter from its marks.

    Example:
        >>> beginning("one two three", 9), beginning("one two", 9)
        ('one two', 'one two')
    """
    if len(text) <= most:
        return text
    at = text.rfind(" ", most // 2, most + 1)
    end = most if at < 0 else at
    while end > 1 and (unicodedata.category(text[end])[0] == "M" or text[end - 1] == "\u200d" or text[end] == "\u200d"):
        end -= 1
    return text[:end]


def seen(text: str) -> str:
    r"""A text for a page: no letters that are not seen, and one blank for several.

    Example:
        >>> seen("ab\u202ec\n\n\n  d\u00ad")
        'abc d'
    """
    return " ".join(text.translate(LEFT_OUT).split())


def marked(text: str, marks: Iterable[Marked], *, most: int | None = None) -> Html:
    """A paragraph whose parts are marked by what they did, stronger where they did more.

    Args:
        text: Of which the parts are.
        marks: Parts, which do not overlap.
        most: Letters that are shown; None: all. Of a longer text those around the strongest mark.

    Example:
        >>> marked("my card", [Marked(3, 7, 0.5, "+50 points")])
        '<p class="text" dir="auto">my <mark class="for s4" title="+50 points">card</mark></p>'
    """
    found = sorted(marks)
    largest = max((abs(one.change) for one in found), default=0.0)
    first, behind = _window(text, found, most)
    pieces: list[Child] = ["… " if first else None]
    at = first
    for one in found:
        if one.start < first or one.end > behind or abs(one.change) <= FAINTEST * largest:
            continue
        strength = max(1, -(-STRENGTHS * abs(one.change) // largest))
        look = f"{'for' if one.change > 0 else 'against'} s{min(STRENGTHS, int(strength))}"
        pieces += [
            _piece(text[at : one.start]),
            tag("mark", _piece(text[one.start : one.end]), class_=look, title=one.told),
        ]
        at = one.end
    pieces += [_piece(text[at:behind]), " …" if behind < len(text) else None]
    return tag("p", *pieces, class_="text", dir="auto")


def _window(text: str, marks: list[Marked], most: int | None) -> tuple[int, int]:
    if most is None or len(text) <= most:
        return 0, len(text)
    strongest = max(marks, key=lambda one: abs(one.change), default=None)
    middle = 0 if strongest is None else (strongest.start + strongest.end) // 2
    first = max(0, min(middle - most // 2, len(text) - most))
    for one in marks:  # no mark is cut
        if one.start < first < one.end:
            first = one.start
    return first, min(len(text), first + most)


def _piece(text: str) -> str:
    """A part of a text, whose blanks at its ends stay."""
    inner = seen(text)
    before = " " if text[:1].isspace() else ""
    after = " " if text[-1:].isspace() and inner else ""
    return f"{before}{inner}{after}"
