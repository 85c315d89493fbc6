"""Each caption held against what is known of its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drivetrain.captions.judging.agreement import cider_d, overlap
from drivetrain.captions.judging.fluency import Bigrams
from drivetrain.captions.judging.vocabulary import Vocabulary
from drivetrain.captions.reading.captions import Said
from drivetrain.captions.reading.objects import Known
from drivetrain.runtime.decisions import Decision


@dataclass(frozen=True)
class Mark:
    """An object named in a caption, and whether it is there."""

    name: str
    start: int
    end: int
    there: bool
    denied: bool
    """The caption says that it is not there."""


@dataclass(frozen=True)
class Judged:
    """A caption and what was found out about it."""

    said: Said
    sounds: float
    """Mean probability of its words, by its model or by pairs of words."""
    marks: tuple[Mark, ...] | None = None
    """None where nothing is known of what is in the picture."""
    present: frozenset[str] = frozenset()
    """Objects in the picture."""
    references: tuple[str, ...] = ()
    cider: float | None = None
    overlap: float | None = None
    """Share of words in common with the nearest reference (F1)."""

    @property
    def named(self) -> tuple[str, ...]:
        """Objects that it says are there, each once."""
        return tuple(dict.fromkeys(mark.name for mark in self.marks or () if not mark.denied))

    @property
    def absent(self) -> tuple[str, ...]:
        """Those of them that are not there."""
        return tuple(name for name in self.named if name not in self.present)

    @property
    def missed(self) -> tuple[str, ...]:
        """Objects in the picture that it does not name."""
        return tuple(sorted(self.present - set(self.named)))

    @property
    def wrong(self) -> bool:
        """It names something that is not there."""
        return bool(self.absent)

    def as_json(self) -> dict[str, Any]:
        """Plain data; None for what is not known."""
        known = self.marks is not None
        return {
            "picture": self.said.picture,
            "caption": self.said.text,
            "likelihood": self.said.sure,
            "sounds": self.sounds,
            "named": list(self.named) if known else None,
            "absent": list(self.absent) if known else None,
            "missed": list(self.missed) if known else None,
            "cider_d": self.cider,
        }


def judge(
    rows: Sequence[Said], known: Known | None, references: Mapping[str, Sequence[str]]
) -> tuple[list[Judged], Decision]:
    """Every caption judged, and what says how it sounds.

    Args:
        rows: The captions.
        known: What is in the pictures; None: nobody says.
        references: Picture → references, named as in the captions.
    """
    sounds, told = _sounds(rows, references)
    found: list[Judged] = []
    for row, sound in zip(rows, sounds, strict=True):
        one = Judged(row, sound, references=tuple(references.get(row.picture, ())))
        if known is not None and row.picture in known.present:
            present = known.present[row.picture]
            one = replace(one, marks=marks_of(row.text, known.vocabulary, present), present=present)
        if one.references:
            one = replace(one, overlap=max(overlap(row.text, text) for text in one.references))
        found.append(one)
    return _with_cider(found), told


def marks_of(text: str, vocabulary: Vocabulary, present: frozenset[str]) -> tuple[Mark, ...]:
    """The objects named in a text, and whether each is there."""
    return tuple(Mark(m.name, m.start, m.end, m.name in present, m.denied) for m in vocabulary.mentions(text))


def _with_cider(rows: Sequence[Judged]) -> list[Judged]:
    """CIDEr-D where there are references of two pictures at least: one alone has no words that tell it from others."""
    at = [i for i, row in enumerate(rows) if row.references]
    found = list(rows)
    if len({rows[i].said.picture for i in at}) < 2:
        return found
    values = cider_d(
        [rows[i].said.text for i in at], [rows[i].references for i in at], [rows[i].said.picture for i in at]
    )
    for i, value in zip(at, values.tolist(), strict=True):
        found[i] = replace(rows[i], cider=value)
    return found


def _sounds(rows: Sequence[Said], references: Mapping[str, Sequence[str]]) -> tuple[list[float], Decision]:
    """How each caption sounds: by its model where that says it of each caption, else by pairs of words."""
    sure = [row.sure for row in rows]
    if all(value is not None for value in sure):
        return [value for value in sure if value is not None], Decision(
            value="the model's own likelihood", reason="it says it of each caption"
        )
    if references:
        usual = Bigrams(references)
        reason = f"of {usual.n_texts:,} references; those of a caption's own picture are left out"
    else:
        texts: dict[str, list[str]] = {}
        for row in rows:
            texts.setdefault(row.picture, []).append(row.text)
        usual = Bigrams(texts)
        reason = "of the captions of other pictures, for want of references and likelihoods"
    return [usual.sounds(row.text, row.picture) for row in rows], Decision(value="pairs of words", reason=reason)


def not_looked_at(rows: Sequence[Judged], vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Words that captions use often and no object is called, most frequent first: what may be named and is not there.

    Example:
        >>> rows = [Judged(Said("a", "an apple on a table"), 0.5)]
        >>> not_looked_at(rows, Vocabulary(("apple",), {}))
        [('table', 1)]
    """
    counts = Counter(word for row in rows for word in set(vocabulary.rest(row.said.text)))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
