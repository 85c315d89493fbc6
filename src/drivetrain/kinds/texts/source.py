"""Texts as the source of rows: cells of a table or files; which are empty or no text, and how they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivetrain.data.check import Checked, open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells, Files, Inputs
from drivetrain.data.kind import Settled
from drivetrain.errors import InputError
from drivetrain.kinds.texts.columns import choose_cells
from drivetrain.kinds.texts.describing import CONTENTS, METADATA, metadata
from drivetrain.kinds.texts.encodings import decoded
from drivetrain.kinds.texts.handing import TEXT_SUFFIXES
from drivetrain.kinds.texts.html_text import has_html, is_page
from drivetrain.kinds.texts.languages import language_of
from drivetrain.kinds.texts.leaks import findings
from drivetrain.kinds.texts.near import fingerprint, near
from drivetrain.kinds.texts.personal import found_in
from drivetrain.kinds.texts.spec import MOST_LETTERS, Spec, content_of
from drivetrain.kinds.texts.templates import guess_groups, templates
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import agreeing, does

__all__ = [
    "ALIKE",
    "AS_WRITTEN",
    "CELLS",
    "COLUMNS_ARGUMENT",
    "METADATA",
    "SEEM",
    "TELLER",
    "check",
    "choose_cells",
    "contents",
    "findings",
    "groupings",
    "guess_groups",
    "metadata",
    "name",
    "near",
    "noun",
    "settle",
    "suffixes",
]

name = "texts"
noun = "texts"
suffixes = frozenset(TEXT_SUFFIXES)
COLUMNS_ARGUMENT = "text"
CELLS = True
"""Rows may also be cells of a table."""
AS_WRITTEN = True
"""Cells stay as they were written: "NA" and "007" are texts, too."""
contents = CONTENTS
ALIKE = "nearly the same words"
SEEM = "read"
"""They read alike."""
TELLER = "its words"
"""What tells the template."""
NAMED = 6
"""Languages that are told of."""
SHARE = 5
"""Per cent of the texts from which on a further language deserves a word."""


@dataclass(frozen=True)
class Facts:
    """What was noticed of a text as it was written."""

    encoding: str | None
    """Of a file's bytes."""
    guessed: bool
    html: bool
    letters: int
    language: str | None = None
    personal: frozenset[str] = frozenset()


def check(inputs: Inputs, /, *, html: bool = True) -> list[Checked]:
    """Read each text once: its digest, and what is wrong with it."""
    if isinstance(inputs, Files):
        return open_each(inputs.paths, lambda path: look_at_file(path, html=html), noun=noun)
    assert isinstance(inputs, Cells)
    spec = Spec(columns=tuple(inputs.columns), html=html)
    return [_look(row, digest, spec) for row, digest in zip(inputs, inputs.digests(), strict=True)]


def look_at_file(path: Path, *, html: bool) -> Checked:
    """What is in one file."""
    spec = Spec(html=html)
    try:
        content = content_of(path)
        found = decoded(content)
        text = spec.read(found.text)
    except InputError as error:
        raise_if_limit(error, path)
        return Checked(problem=_short(error))
    facts = Facts(found.encoding, found.guessed, is_page(found.text) or has_html(found.text), len(found.text))
    return _checked(Files([path]).digest(0), text, facts)


def _look(row: Mapping[str, Any], digest: str, spec: Spec) -> Checked:
    try:
        text = spec.read(row)
    except InputError as error:
        return Checked(digest, _short(error))
    written = [cell for cell in row.values() if isinstance(cell, str)]
    facts = Facts(None, False, any(map(has_html, written)), sum(map(len, written)))
    return _checked(digest, text, facts)


def _checked(digest: str, text: str, facts: Facts) -> Checked:
    facts = replace(facts, language=language_of(text), personal=found_in(text))
    return Checked(digest, None if text else "the text is empty", fingerprint(text), facts)


def _short(error: InputError) -> str:
    return str(error).partition(". To fix:")[0].partition("; expected")[0]


def settle(inputs: Inputs, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """Whether there is HTML in the texts, in what encodings the files are, and how long texts are."""
    del inputs
    facts = [one.facts for one in checked if isinstance(one.facts, Facts)]
    html = bool(options.get("html", True))
    decisions: dict[str, Decision] = {}
    notes: list[str] = []
    with_html = sum(one.html for one in facts)
    if with_html:
        what = "their tags are left out, and entities read" if html else "they stay as they are, as was asked for"
        decisions["html"] = Decision(
            value=html, reason=f"{with_html:,} of {len(facts):,} texts {does(with_html, 'hold')} HTML: {what}"
        )
    encodings = Counter(one.encoding for one in facts if one.encoding is not None)
    if set(encodings) - {"utf-8"}:
        said = ", ".join(f"{n:,} × {encoding}" for encoding, n in encodings.most_common())
        decisions["encoding"] = Decision(value=encodings.most_common(1)[0][0], reason=said)
    if languages := Counter(one.language for one in facts if one.language is not None):
        decisions["languages"] = _languages_told(languages, len(facts))
        notes += _several_languages(languages, len(facts))
    notes += _personal_told(facts)
    if guessed := Counter(one.encoding for one in facts if one.guessed):
        said = ", ".join(f"{n:,} as {encoding}" for encoding, n in guessed.most_common())
        notes.append(f"files that are not UTF-8 were read {said}, so some letters may be wrong; save them in UTF-8")
    if long := sum(one.letters > MOST_LETTERS for one in facts):
        notes.append(
            f"{agreeing(long, 'texts', 'are')} longer than {MOST_LETTERS:,} characters; what comes behind is not read"
        )
    told = {**options, "html": html} if decide else options
    return Settled(checked, told, decisions, tuple(notes))


def _languages_told(languages: Counter[str], n: int) -> Decision:
    most = languages.most_common()
    said = ", ".join(f"{language} {count:,}" for language, count in most[:NAMED])
    more = f", {len(most) - NAMED} more" if len(most) > NAMED else ""
    unknown = n - languages.total()
    rest = f"; of {unknown:,} it cannot be told" if unknown else ""
    return Decision(value=most[0][0], reason=f"by letters and small words: {said}{more}{rest}")


def _several_languages(languages: Counter[str], n: int) -> list[str]:
    many = [(language, count) for language, count in languages.most_common() if 100 * count >= SHARE * n]
    if len(many) < 2:
        return []
    said = ", ".join(f"{language} {count:,}" for language, count in many)
    return [
        f"the texts are in several languages ({said}): what is pretrained on one of them reads the others poorly, and "
        "one score stands for all; the report has a score for each"
    ]


def _personal_told(facts: Sequence[Facts]) -> list[str]:
    """That personal data are in the texts, since models and pages made of them carry some along."""
    counts = Counter(what for one in facts for what in one.personal)
    if not counts:
        return []
    n = sum(bool(one.personal) for one in facts)
    said = ", ".join(f"{what} in {count:,}" for what, count in counts.most_common())
    return [
        f"{n:,} of {len(facts):,} texts {does(n, 'seem')} to hold personal data ({said}); a saved model has no such "
        "text among its "
        "golden examples, but reports and reviews show texts as they are. Mask them first, if pages are passed on"
    ]


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """The template of each text, where several texts have it: the same words with other numbers."""
    return {"template": templates}
