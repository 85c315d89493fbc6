"""Texts in a service: plain text or JSON in, many as CSV or JSON; a page to write in, and the words that mattered."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from drivetrain.kinds.tables.serve import rows as rows_of_table
from drivetrain.kinds.texts.explaining import explain
from drivetrain.kinds.texts.spec import Spec
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import too_many_bytes

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

__all__ = [
    "ENCODED", "EXAMPLES", "MEDIA_TYPES", "NOUN", "PAGE", "REFUSED", "Explained", "about", "admit", "explain", "rows",
    "source",
]  # fmt: skip

NOUN = "text"
JSON, CSV = "application/json", ("text/csv", "text/tab-separated-values")
LINES = ("application/jsonl", "application/x-ndjson")
MEDIA_TYPES = ("text/plain", "text/html", "text/markdown", JSON, *LINES, *CSV)
REFUSED = "Not text, JSON, CSV or a type of body that is taken."
ENCODED = "texts"
EXAMPLES = ("question.txt", "letter.html")
PAGE = files("drivetrain.kinds.texts") / "page"


class MarkedWord(BaseModel):
    """A word at one of its places, and what leaving it out (everywhere) takes from the answer."""

    start: int
    """First letter of it, counted in code points of `text`."""
    end: int
    change: float


class Explained(BaseModel):
    """Which words an answer rests on, each left out alone, wherever it stands."""

    of: str
    """Whose probability or value `change` counts."""
    text: str
    """As the model reads it."""
    words: list[MarkedWord]
    least: float
    """Changes below it are none."""
    asked: int
    """Different words that were left out."""
    different: int
    """Different words of the text."""
    agreement: float | None
    """Rank correlation with the marks of copies of the model whose parameters were shuffled; None: not checked."""


@dataclass(frozen=True)
class Text:
    """A text as it was sent, and what `Spec.load` reads of it."""

    data: bytes
    value: Any
    suffix: str = ".txt"
    large: bool = False


def admit(data: bytes, limits: Limits, spec: Spec) -> Text:
    """The text that the bytes hold: plain, or in JSON as a row or a string; raises Refusal."""
    del spec
    if len(data) > limits.picture_bytes:
        raise too_many_bytes(NOUN, limits.picture_bytes)
    found = _in_json(data, limits.picture_bytes)
    return Text(data, data) if found is None else Text(data, found, ".json")


def _in_json(data: bytes, most: int) -> Any:
    """What is said as JSON; None: it is no JSON, so the text itself, even where it begins like it."""
    if data.lstrip()[:1] not in (b"{", b'"'):
        return None
    try:
        value = read_json(data, most_bytes=most)
    except ValueError:
        return None
    return value if isinstance(value, str | dict) else None


def source(admitted: Text) -> Any:
    """What `Spec.load` reads: bytes, a string, or column → cell."""
    return admitted.value


def rows(data: bytes, media_type: str) -> list[bytes] | None:
    r"""The texts of a body that holds several, each as JSON; None of one that holds a single text.

    Raises:
        Refusal: 413 too many, 422 they cannot be read.

    Example:
        >>> rows(b"text,stars\nGood,5\nBad,1\n", "text/csv")
        [b'{"text": "Good", "stars": "5"}', b'{"text": "Bad", "stars": "1"}']
        >>> rows(b'["Good", "Bad"]', "application/json"), rows(b"[1] Good", "text/plain")
        ([b'"Good"', b'"Bad"'], None)
        >>> rows(b'{"text": "Good"}\n{"text": "Bad"}\n', "application/json")
        [b'{"text": "Good"}', b'{"text": "Bad"}']
    """
    if media_type in CSV:
        return rows_of_table(data, media_type)
    if media_type not in (JSON, *LINES):
        return None
    if data.lstrip()[:1] == b"[":
        return _checked(rows_of_table(data, JSON) or [])
    lines = [line for line in data.splitlines() if line.strip()]
    if media_type == JSON and _in_json(data, len(data)) is not None:  # one text or row, perhaps over several lines
        return None
    if len(lines) < 2 and media_type == JSON:
        raise Refusal(422, f"the body is no JSON that holds a text, a row or a list of these: {_begins(data)}")
    return _checked(rows_of_table(b"[" + b",".join(lines) + b"]", JSON) or [])


def _checked(found: list[bytes]) -> list[bytes]:
    """Texts and rows alone: null or a number, taken as the text that it is written with, would be answered."""
    for at, row in enumerate(found, start=1):
        if row[:1] not in (b"{", b'"'):
            raise Refusal(422, f"row {at} of the JSON is neither a text nor an object of cells: {_begins(row)}")
    return found


def _begins(data: bytes) -> str:
    return data[:60].decode("utf-8", "replace")


def about(spec: Spec) -> dict[str, Any]:
    """What the page says of the input."""
    return {"columns": list(cast("Any", spec).columns)}
