"""Texts that say nearly the same: a fingerprint of the sequences of letters in a text, and a second look at two texts.

Case, punctuation, marks of accents and the number of blanks do not count. Compared are all sequences of six letters,
digits and blanks: near-duplicates have four of five of those that either has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.check import open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells, Inputs
from drivetrain.data.kind import Candidate
from drivetrain.errors import InputError
from drivetrain.kinds.minhash import BINS, MinHash, Pairs, mixed
from drivetrain.kinds.texts.spec import Spec

VERSION = 4
SEQUENCE = 6
"""Letters: a short word with the blank behind it."""
FEWEST = 12
"""Different sequences: of a shorter text nothing can be told but whether it is the same."""
NEAR = 28
"""Bins that may differ for two texts to be looked at again."""
SURE = 6
"""Bins that may differ where there is no second look: nine of ten sequences are in both."""
SAME = 0.8
"""Of the sequences that either of two texts has, the share that both have."""
_HASH = MinHash(VERSION, FEWEST, NEAR, band=4)
_MULTIPLIERS = np.array([pow(0x100000001B3, power, 1 << 64) for power in range(SEQUENCE)], np.uint64)
_WORD = re.compile(r"\w+")


def plain_words(text: str) -> str:
    r"""The words of a text in lower case with one blank between them.

    Example:
        >>> plain_words("  Où est MA carte?!\n– Merci.")
        'ou est ma carte merci'
    """
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(text.casefold()))


def sequences(text: str) -> NDArray[np.uint64]:
    """Hashes of the different sequences of letters in a text, sorted; of a shorter text one of all of it."""
    plain = plain_words(text)
    if not plain:
        return np.zeros(0, np.uint64)
    letters = np.frombuffer(plain.ljust(SEQUENCE).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, SEQUENCE)
    with np.errstate(over="ignore"):
        return mixed((windows * _MULTIPLIERS).sum(axis=1, dtype=np.uint64))


def fingerprint(text: str) -> bytes:
    """Of one text; the first byte alone of one that is too short."""
    return _HASH.fingerprint(sequences(text))


def shared(one: str, other: str) -> float:
    """Share of the sequences in either of two texts that both have, 0 to 1.

    Example:
        >>> round(shared("Where is my card, please?", "where is my card please"), 2)
        1.0
        >>> shared("Where is my card?", "How much does a transfer cost?")
        0.0
    """
    first, second = sequences(one), sequences(other)
    both = len(np.intersect1d(first, second, assume_unique=True))
    return both / max(1, len(first) + len(second) - both)


class _Near:
    version = VERSION
    sure = SURE
    most_looks = 20_000
    """Pairs that a split looks at again: a look at two texts takes a tenth of a millisecond."""

    def fingerprints(self, inputs: Inputs, /, *, html: bool = True, **_: Any) -> list[bytes]:
        """Of each text; b"" where it is too short or cannot be read."""
        if not isinstance(inputs, Cells):
            return open_each(list(inputs), lambda row: fingerprint(_text_of(row, html=html)), noun="texts")
        spec = Spec(columns=tuple(inputs.columns), html=html)
        return [fingerprint(_read(spec, row)) for row in inputs]

    def pairs(self, rows: Examples, /) -> list[tuple[int, int]]:
        """Pairs that are near-duplicates on a second look, each text read once."""
        found, distances = _HASH.pairs(rows.signatures)
        order = np.argsort(distances, kind="stable")[: self.most_looks].tolist()
        html = bool(rows.options.get("html", True))
        looked_at = {row for at in order for row in found[at].tolist()}
        read = {row: sequences(_text_of(rows.inputs[row], html=html)) for row in sorted(looked_at)}
        kept: list[tuple[int, int]] = []
        for at in order:
            first, second = found[at].tolist()
            both = len(np.intersect1d(read[first], read[second], assume_unique=True))
            if both >= SAME * (len(read[first]) + len(read[second]) - both):
                kept.append((first, second))
        return sorted(kept)

    def candidates(self, fingerprints: Sequence[bytes], /) -> list[Candidate]:
        """Pairs to be looked at again."""
        pairs, distances = _HASH.pairs(fingerprints)
        return [
            Candidate(first, second, apart / BINS, "nearly the same words")
            for (first, second), apart in zip(pairs.tolist(), distances.tolist(), strict=True)
        ]

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether the text is long enough."""
        return _HASH.tells(fingerprint)

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes], /) -> Pairs:
        """Texts of two lists that are near."""
        return _HASH.copies(fingerprints, others)

    def same(self, one: Any, other: Any, /, *, turn: int = 0) -> bool:
        """Whether two texts have most of their sequences in common."""
        del turn
        return shared(_text_of(one), _text_of(other)) >= SAME


def _text_of(row: Any, *, html: bool = True) -> str:
    """A text as a file, or as the cells of a row."""
    columns = tuple(row) if isinstance(row, dict) else ("text",)
    return _read(Spec(columns=columns, html=html), row)


def _read(spec: Spec, row: Any) -> str:
    try:
        return spec.read(row)
    except InputError:
        return ""


near = _Near()
