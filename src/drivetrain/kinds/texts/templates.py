"""Texts that were made of one template: the same words with other numbers, addresses, names of files and quotations.

A model that has seen a template knows it again. Where a random split has it on both sides, a score says how well the
model does on templates that it knows.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess, Grouping
from drivetrain.data.inputs import Cells
from drivetrain.data.splitting.split import Part
from drivetrain.errors import InputError
from drivetrain.kinds.texts.spec import Spec

FEWEST_WORDS = 4
"""Of a template, beside what changes; shorter ones are said by chance."""
LIKELY = 0.2
"""Share of the rows in templates of several different texts, from which on they are likely groups."""
SEVERAL = 3
"""Different texts of one template, which then is hardly a template by chance."""
_QUOTED = re.compile('["“„«][^"”“»\n]{1,80}["”“»]')
_NO_WORD = re.compile(r"[^\w#]+")
SLOT = "#"


def template_of(text: str) -> str:
    """A text with what changes between texts of one template taken out; "" where little is left.

    Example:
        >>> template_of("Your order 4711 was shipped on 2026-11-29."), template_of("Room 12")
        ('your order # was shipped on #', '')
    """
    words = [SLOT if _changes(word) else word for word in _QUOTED.sub(f" {SLOT} ", text).split()]
    plain = _NO_WORD.sub(" ", " ".join(words)).casefold().split()
    return " ".join(plain) if sum(word != SLOT for word in plain) >= FEWEST_WORDS else ""


def _changes(word: str) -> bool:
    """Whether it is a number, a date, an identifier or an address."""
    return "@" in word or "://" in word or any(map(str.isdigit, word))


def templates(rows: Examples) -> Sequence[str]:
    """The template of each row, as a name; "" of those that no other text shares."""
    columns = tuple(rows.inputs.columns) if isinstance(rows.inputs, Cells) else ("text",)
    spec = Spec(columns=columns, html=bool(rows.options.get("html", True)))
    found = [template_of(_read(spec, row)) for row in rows.inputs]
    counts = Counter(found)
    return [_name(one) if one and counts[one] > 1 else "" for one in found]


def guess_groups(rows: Examples, classes: Sequence[str], parts: Sequence[Part], /) -> list[GroupGuess]:
    """Templates that several different texts have."""
    names = templates(rows)
    contents: dict[str, set[str]] = {}
    for name, digest in zip(names, rows.digests, strict=True):
        if name:
            contents.setdefault(name, set()).add(digest)
    several = {name for name, digests in contents.items() if len(digests) >= SEVERAL}
    if not several:
        return []
    kept = [name if name in several else "" for name in names]
    share = sum(map(bool, kept)) / len(kept)
    guess = Grouping(kept, classes).guess("templates of texts", "template", parts, likely=share >= LIKELY)
    alone = guess.n_groups - len(several)
    where = f"templates of texts ({alone} more are alone)" if alone else "templates of texts"
    return [replace(guess, where=where, n_groups=len(several))]


def _name(template: str) -> str:
    """Its first words, and what tells it from others that begin so."""
    said = " ".join(template.split()[:5])
    return f"{said} … {hashlib.sha256(template.encode()).hexdigest()[:6]}"


def _read(spec: Spec, row: object) -> str:
    try:
        return spec.read(row)
    except InputError:
        return ""
