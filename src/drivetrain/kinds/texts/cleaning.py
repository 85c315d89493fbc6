"""What people have as a text in one form: valid Unicode, one kind of line break, no control characters, no HTML."""

from __future__ import annotations

import re

from drivetrain.kinds.texts.html_text import has_html, is_page, text_of_html

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufdd0-\ufdef\ufffe\uffff]")
"""Never shown, and left out by tokenisers; but not joiners, marks of direction and soft hyphens, which are in words."""
LINES = re.compile("\r\n?|\u2028|\u2029")
SURROGATES = re.compile("[\ud800-\udfff]")


def cleaned(text: str, *, html: bool) -> str:
    r"""A text as all that follows reads it.

    Args:
        text: Any.
        html: Leave out the tags of HTML, and read its entities.

    Example:
        >>> cleaned("one\r\ntwo\x00 <b>three</b> &amp; a < b", html=True)
        'one\ntwo three & a < b'
    """
    if SURROGATES.search(text):  # pairs of them become the letter they stand for, single ones a question mark
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if html and (is_page(text) or has_html(text)):
        text = text_of_html(text)
    return CONTROLS.sub("", LINES.sub("\n", text)).strip()
