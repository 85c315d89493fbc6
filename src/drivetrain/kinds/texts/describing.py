"""What can be told of a text without reading it: its length, language, capitals, digits, marks, and how it was written.

Columns of the audit for shortcuts. Where classes differ in how texts were collected and stored (encoding, HTML, blanks
at the ends, a full stop behind each), a model can learn that instead of what they say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drivetrain.data.check import open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import InputError
from drivetrain.kinds.texts.encodings import decoded
from drivetrain.kinds.texts.html_text import has_html
from drivetrain.kinds.texts.languages import language_of, script_of
from drivetrain.kinds.texts.spec import MOST_LETTERS, Spec, content_of

METADATA = "length, language, capitals, digits, punctuation, and how it was written"
CONTENTS = frozenset(
    (
        *("characters", "words", "lines", "language", "script", "last sign"),
        *("share of capitals", "share of digits", "share of punctuation", "share of other signs"),
    )
)
"""Columns that may rightly tell classes apart: what is asked ends in "?", names have capitals, prices digits."""
_ENDS = re.compile(r"[\w\s]")

Told = dict[str, Any]


def told_of(text: str, written: str, encoding: str | None) -> Told:
    """The columns of one text.

    Args:
        text: Cleaned.
        written: As it was written.
        encoding: Of its file.

    Example:
        >>> found = told_of("Where is it?", " Where is it? ", None)
        >>> found["words"], found["language"], found["last sign"], found["blanks at the ends"]
        (3.0, 'en', '?', 'yes')
    """
    n = max(1, len(text))
    last = text[-1:]
    return {
        "characters": float(len(text)),
        "words": float(len(text.split())),
        "lines": float(text.count("\n") + 1),
        "language": language_of(text),
        "script": script_of(text),
        "share of capitals": sum(map(str.isupper, text)) / n,
        "share of digits": sum(map(str.isdigit, text)) / n,
        "share of punctuation": len(_PUNCTUATION.findall(text)) / n,
        "share of other signs": len(_SIGNS.findall(text)) / n,
        "first letter": "capital" if text[:1].isupper() else "small" if text[:1].islower() else "other",
        "last sign": "letter" if _ENDS.match(last) else last,
        "blanks at the ends": "yes" if written != written.strip() else "no",
        "HTML": "yes" if has_html(written) else "no",
        "line breaks": "\\r\\n" if "\r\n" in written else "\\n" if "\n" in written else "none",
        "encoding": encoding,
    }


_POINTS = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011"
_PUNCTUATION = re.compile(f"[{_POINTS}]")
_SIGNS = re.compile(rf"[^\w\s{_POINTS}]")


def metadata(rows: Examples, /) -> Mapping[str, Sequence[Any]]:
    """Column → a value per row, None where it is not known."""
    html = bool(rows.options.get("html", True))
    if isinstance(rows.inputs, Cells):
        spec = Spec(columns=tuple(rows.inputs.columns), html=html)
        found = [_of_row(spec, row) for row in rows.inputs]
    else:
        found = open_each(list(rows.inputs), lambda path: _of_file(Spec(html=html), path), noun="texts")
    names = next((tuple(one) for one in found if one is not None), ())
    return {name: [None if one is None else one[name] for one in found] for name in names}


def _of_row(spec: Spec, row: Mapping[str, Any]) -> Told | None:
    try:
        text = spec.read(row)
    except InputError:
        return None
    return told_of(text, "\n".join(cell for cell in row.values() if isinstance(cell, str))[:MOST_LETTERS], None)


def _of_file(spec: Spec, path: Any) -> Told | None:
    try:
        found = decoded(content_of(path))
        return told_of(spec.read({"text": found.text}), found.text[:MOST_LETTERS], found.encoding)
    except InputError:
        return None
