"""Where the words of a text stand, in any script: what is left out of it when a model is asked what it rests on.

A word is a run of letters and digits with the marks that belong to it; an emoji, and a run of other signs, count as
words, too, since a model may read them. Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese) give pieces of two letters: their words cannot be told without a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

PIECE = 2
"""Letters of a piece of a script without spaces."""
LONGEST = 64
"""Letters of a word; a longer run, such as a link or a key, is cut into pieces."""
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]+"
)


class Word(NamedTuple):
    """A word, wherever it stands."""

    said: str
    """As it stands at the first of its places."""
    places: tuple[tuple[int, int], ...]
    """First letter, and the one behind the last, of each."""


@cache
def _word() -> re.Pattern[str]:
    r"""What a word is; the marks of all scripts, which Python's ``\w`` leaves out, are looked up once."""
    marks = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
    more = rf"[\w\u200c\u200d{marks}]*"
    return re.compile(
        rf"(?:(?<!\w)[#@])?\w{more}(?:['’\-]\w{more}|(?<=\d)[.,](?=\d)\w{more})*"  # a word, don't, e-mail, 3.14, #tag
        "|[\U0001f1e6-\U0001f1ff]{2}"  # a flag
        r"|[^\w\s]\ufe0f?(?:\u200d[^\w\s]\ufe0f?|[\U0001f3fb-\U0001f3ff])*"  # a sign, or an emoji made of several
    )


def places(text: str) -> list[tuple[int, int]]:
    """First letter, and the one behind the last, of each word, in their order.

    Example:
        >>> [text[a:b] for text in ["Isn't it 3.50 €?"] for a, b in places(text)]
        ["Isn't", 'it', '3.50', '€', '?']
        >>> [text[a:b] for text in ["我的卡 card"] for a, b in places(text)]
        ['我的', '卡', 'card']
    """
    found: list[tuple[int, int]] = []
    for match in _word().finditer(text):
        start, end = match.span()
        if match[0].isascii() and end - start <= LONGEST:
            found.append((start, end))
            continue
        at = start
        for run in _NO_SPACES.finditer(text, start, end):
            found += _cut(at, run.start(), LONGEST)
            found += _cut(run.start(), run.end(), PIECE)
            at = run.end()
        found += _cut(at, end, LONGEST)
    return found


def _cut(start: int, end: int, most: int) -> list[tuple[int, int]]:
    return [(at, min(at + most, end)) for at in range(start, end, most)]


def words_of(text: str) -> list[Word]:
    """Each different word once, with all its places; upper and lower case are the same word.

    Example:
        >>> [(word.said, word.places) for word in words_of("My card. my pin")]
        [('My', ((0, 2), (9, 11))), ('card', ((3, 7),)), ('.', ((7, 8),)), ('pin', ((12, 15),))]
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for start, end in places(text):
        found.setdefault(same(text[start:end]), []).append((start, end))
    return [Word(text[own[0][0] : own[0][1]], tuple(own)) for own in found.values()]


def same(word: str) -> str:
    """What all ways to write one word have in common."""
    return unicodedata.normalize("NFKC", word).casefold()


def without(text: str, words: list[Word]) -> str:
    """The text with these words left out, and no blank where two would meet.

    Example:
        >>> without("lost my card", words_of("lost my card")[1:2])
        'lost card'
    """
    spans = sorted(place for word in words for place in word.places)
    kept: list[str] = []
    at, after_blank = 0, True
    for start, end in [*spans, (len(text), len(text))]:
        piece = text[at:start]
        if after_blank and at and piece[:1].isspace():
            piece = piece[1:]
        kept.append(piece)
        after_blank = piece[-1].isspace() if piece else after_blank
        at = end
    return "".join(kept)
