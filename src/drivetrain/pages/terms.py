"""What the words of the field mean, read from docs/terms.md alone: for pages, and for `drivetrain docs TERM`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

PLACES = (Path(__file__).parent / "terms.md", Path(__file__).parents[3] / "docs" / "terms.md")
"""Where the reference is: a wheel brings it along, a clone has it among its documentation."""

PLAIN = frozenset({"row", "example", "input", "model", "label", "target", "group", "batch", "fit", "train", "metric"})
"""Words that are in every sentence: no message points to what they mean, and in sentences they are not marked."""

_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
_ALSO = re.compile(r"\s*\bAlso: ([^.]+)\.$")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]*)(#[^)]*)?\)")


@dataclass(frozen=True)
class Term:
    """A word of the reference."""

    heading: str
    names: tuple[str, ...]
    """By which it goes: those of its heading, then those that its text gives after "Also:"."""
    anchor: str
    """Of its heading on the page of terms."""
    meaning: str
    """Plain text; between backticks stands what can be typed."""


@cache
def reference() -> Mapping[str, Term]:
    """Every name in small letters → its term; empty where the reference did not come along.

    Example:
        >>> reference()["epoch"].meaning
        'One pass over the training set, every row once.'
        >>> reference()["recall"].anchor
        'precision-recall'
    """
    found = next((place for place in PLACES if place.is_file()), None)
    terms = read_terms(found.read_text(encoding="utf-8")) if found else []
    return {name.lower(): term for term in terms for name in term.names}


def read_terms(text: str) -> list[Term]:
    r"""The terms of a page: each a heading of the third level, with its names, and the paragraph that follows.

    Example:
        >>> read_terms("### Sum, total\n\nAll of them; see [data](data.md#rows). Also: whole.")[0].names
        ('Sum', 'total', 'whole')
    """
    pieces = _HEADING.split(text)[1:]
    return [_read_term(heading, body) for heading, body in zip(pieces[::2], pieces[1::2], strict=True)]


def _read_term(heading: str, body: str) -> Term:
    paragraph = " ".join(body.strip().partition("\n\n")[0].split())
    also = _ALSO.search(paragraph)
    names = [*heading.split(", "), *(also[1].split(", ") if also else ())]
    meaning = _LINK.sub(_link_as_text, paragraph[: also.start()] if also else paragraph)
    return Term(heading, tuple(names), anchor_of(heading), meaning)


def _link_as_text(link: re.Match[str]) -> str:
    return f"`drivetrain docs {link[2].removesuffix('.md')}`" if link[2].endswith(".md") else link[1]


def anchor_of(heading: str) -> str:
    """The anchor that the documentation gives a heading.

    Example:
        >>> anchor_of("Precision, recall"), anchor_of("p-value")
        ('precision-recall', 'p-value')
    """
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def reference_as_json() -> str:
    """A list of all terms, for `terms.js`, which marks them in sentences; without the words that every sentence has.

    Example:
        >>> [term["anchor"] for term in json.loads(reference_as_json()) if "ECE" in term["names"]]
        ['calibration']
    """
    told = [
        (term, [name for name in term.names if name.lower() not in PLAIN])
        for term in dict.fromkeys(reference().values())
    ]
    return json.dumps([{**asdict(term), "names": names} for term, names in told if names], ensure_ascii=False)


def term_named(asked: str) -> Term | None:
    """The term of a name, however it is written: with blanks, hyphens or neither, in capitals, in the plural.

    Example:
        >>> term_named("Confidence-Intervals").heading, term_named("logloss").heading, term_named("soup")
        ('Confidence interval', 'Log loss, cross-entropy', None)
        >>> term_named("bodies").heading
        'Body, head'
    """

    def folded(name: str) -> str:
        return re.sub(r"[\s_-]+", "", name.lower())

    by_name = {folded(name): term for name, term in reference().items()}
    by_anchor = {folded(term.anchor): term for term in reference().values()}
    one = folded(asked)
    spellings = [one, one.removesuffix("s"), one.removesuffix("es"), re.sub("ies$", "y", one)]
    return next((found for each in spellings if (found := by_name.get(each) or by_anchor.get(each))), None)


def terms_in(text: str) -> list[Term]:
    """The terms that a text uses, each once, in the order of the text.

    Example:
        >>> [term.heading for term in terms_in("the loss of each Epoch, and the losses of all epochs")]
        ['Loss', 'Epoch']
    """
    return list(dict.fromkeys(reference()[match[1].lower()] for match in pattern().finditer(text)))


def names_in(text: str) -> list[str]:
    """The names by which a text uses terms, one for each term; "row" and the like, which need none, are passed over.

    Example:
        >>> names_in("rows of the test set: Log loss 0.2, calibration error 0.1, ECE 0.1")
        ['test set', 'log loss', 'calibration error']
    """
    found = [match[1].lower() for match in pattern().finditer(text)]
    by_term = {reference()[name].anchor: name for name in reversed(found) if name not in PLAIN}
    return list(reversed(by_term.values()))


@cache
def pattern() -> re.Pattern[str]:
    """Of any name that is a word of its own, in the plural too; its first group is the name."""
    names = "|".join(re.escape(name) for name in sorted(reference(), key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({names})(?:e?s)?(?![\w-])" if names else r"(?!)()", re.IGNORECASE)
