"""The text of HTML: whole pages, and the tags that stand in texts that were taken from pages."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_INLINE = (
    "a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd mark q s samp small span strike strong sub "
    "sup tt u var wbr"
)
_BLOCK = (
    "address article aside blockquote br caption center dd details div dl dt fieldset figcaption figure footer form h1 "
    "h2 h3 h4 h5 h6 header hr li main nav ol optgroup option p pre section select summary table tbody td tfoot th "
    "thead tr ul"
)
_PAGE = "html head body title meta link base"
_HIDDEN = "script style template noscript svg math iframe object textarea"
BLOCK = frozenset((*_BLOCK.split(), *_PAGE.split()))
CELLS = frozenset(("td", "th"))
HIDDEN = frozenset(_HIDDEN.split())
"""What is between their tags is no text."""
_ATTRIBUTES = r"""(?:\s+[\w:.@-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+))*"""
TAG = re.compile(
    rf"</?(?:{'|'.join([*_INLINE.split(), *_BLOCK.split(), *_PAGE.split(), *HIDDEN])}){_ATTRIBUTES}\s*/?>",
    re.IGNORECASE,
)
"""Of HTML; "<3", "a<b and b>c" and "<name>" are none."""
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL
)
LOOKED_AT = 4096
_KEPT = str.maketrans("\n \t", "\ufdd0\ufdd1\ufdd2")
"""Blanks that count, while the others are put together; no text has these."""
_BACK = str.maketrans("\ufdd0\ufdd1\ufdd2", "\n \t")


def is_page(text: str) -> bool:
    """Whether it begins as a page of HTML.

    Example:
        >>> is_page("<!DOCTYPE html><p>x"), is_page("I wrote <html> once")
        (True, False)
    """
    return PAGE.match(text[:LOOKED_AT]) is not None


def has_html(text: str) -> bool:
    """Whether tags or entities of HTML stand in it.

    Example:
        >>> [has_html(text) for text in ("a<br />b", "fish &amp; chips", "a < b > c", "I <3 you", "AT&T; <name>")]
        [True, True, False, False, False]
    """
    if "<" in text and TAG.search(text):
        return True
    return "&" in text and any(html.unescape(found) != found for found in ENTITY.findall(text))


class _Reader(HTMLParser):
    def __init__(self, *, collapse: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._kept = 0 if collapse else 1
        """Open elements in which blanks count."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN:
            self._hidden += 1
        elif not self._hidden:
            self._break(tag)
            self._kept += tag == "pre"
            if tag == "img":
                self.parts.append(next((value for name, value in attrs if name == "alt" and value), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif not self._hidden:
            self._break(tag if tag not in CELLS else "")
            self._kept -= tag == "pre" and self._kept > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.translate(_KEPT) if self._kept else re.sub(r"[ \t\r\n\f]+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in BLOCK:
            self.parts.append("\t" if tag in CELLS else "\n")


def text_of_html(source: str) -> str:
    r"""The text that a browser shows, without scripts, styles and comments; lines where blocks end.

    In a page blanks and line breaks of the source count for one blank, as in a browser; in a text that merely has some
    tags they stay. What is no tag of HTML stays as well.

    Args:
        source: A page, or a text with tags.

    Example:
        >>> text_of_html("<html><body><h1>Hello</h1>\n<p>you &amp;\nme<script>x()</script></p></body></html>")
        'Hello\nyou & me'
        >>> text_of_html("Great film.<br /><br />I <3 it, if x < y")
        'Great film.\n\nI <3 it, if x < y'
    """
    page = is_page(source)
    reader = _Reader(collapse=page)
    source = without_comments(re.sub("[\ufdd0-\ufdd2]", "", source), rest=page)
    reader.feed(source if page else _shielded(source))
    reader.close()
    text = "".join(reader.parts)
    if page:
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
        text = re.sub(r"\n{2,}", "\n", text)
    return text.translate(_BACK).strip()


def without_comments(source: str, *, rest: bool) -> str:
    """HTML without its comments; one without an end goes on to the end of a page, and is none in another text.

    Example:
        >>> without_comments("a<!-- b -->c<!-- d", rest=True), without_comments("a<!-- b", rest=False)
        ('ac', 'a<!-- b')
    """
    kept: list[str] = []
    at = 0
    while (start := source.find("<!--", at)) >= 0:
        end = source.find("-->", start + 4)
        if end < 0:
            return "".join([*kept, source[at : start if rest else None]])
        kept.append(source[at:start])
        at = end + 3
    return "".join([*kept, source[at:]])


def _shielded(source: str) -> str:
    """A text with tags, in which each "<" that begins no tag of HTML is written as an entity."""
    made: list[str] = []
    end = 0
    for found in TAG.finditer(source):
        made += [source[end : found.start()].replace("<", "&lt;"), found.group()]
        end = found.end()
    return "".join([*made, source[end:].replace("<", "&lt;")])
