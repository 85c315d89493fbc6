"""A text as words, in one form: what scores count, and what names of objects are looked for in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

MOST_LETTERS = 5_000
"""Of a caption that are read: nobody's caption is longer, and a whole book in a cell would take minutes."""

_SQUARE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Letters of Chinese and Japanese, which stand without blanks between words: each counts as a word."""
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1-\u05c2\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0963\u0966-\u0dff\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u0f18-\u0fbc\u1000-\u1049\u1780-\u17d3"
)
"""Accents and vowels that are written as letters of their own and belong to the word that they stand in."""
_LETTER = rf"(?:[^\W_{_SQUARE}]|[{_MARKS}])"
_WORD = re.compile(rf"[{_SQUARE}]|{_LETTER}+(?:['’]{_LETTER}+)*")

_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth",
    "mice": "mouse", "geese": "goose", "knives": "knife", "leaves": "leaf", "loaves": "loaf", "shelves": "shelf",
    "wolves": "wolf", "wives": "wife", "lives": "life", "halves": "half", "calves": "calf", "scarves": "scarf",
    "oxen": "ox", "cacti": "cactus", "thieves": "thief", "hooves": "hoof", "buses": "bus",
    "gases": "gas", "lenses": "lens",
}  # fmt: skip
_ES = ("ches", "shes", "sses", "xes", "zzes", "oes")
_SAME = (
    *(("ie", "y"), ("che", "ch"), ("she", "sh"), ("sse", "ss"), ("xe", "x"), ("zze", "zz"), ("oe", "o")),
    *(("use", "us"), ("ise", "i"), ("men", "man"), ("children", "child")),
)
"""Endings that a plural does not tell apart: cookies and cherries, caches and peaches, shoes and potatoes;
octopuses and houses; kiwis and irises; and compounds, such as firemen."""
_NO_PLURAL = ("ss", "us")
_SHORTEST = 4
"""Letters of a plural: "gas" and "bus" are none."""

Gram = tuple[str, ...]


class Word(NamedTuple):
    """A word of a caption and where it stands."""

    form: str
    """Without capitals, composed (NFC)."""
    start: int
    end: int


def placed_words(text: str) -> list[Word]:
    """The words of a text with their places in it.

    Example:
        >>> placed_words("A dog's  bed")
        [Word(form='a', start=0, end=1), Word(form="dog's", start=2, end=7), Word(form='bed', start=9, end=12)]
    """
    read = text[:MOST_LETTERS]
    return [
        Word(unicodedata.normalize("NFC", found[0].casefold().replace("’", "'")), found.start(), found.end())
        for found in _WORD.finditer(read)
    ]


def words_of(text: str) -> list[str]:
    """The words of a text without capitals and punctuation; letters of Chinese and Japanese are words each.

    Example:
        >>> words_of("Two red apples, on a table."), words_of("赤いリンゴ2個")
        (['two', 'red', 'apples', 'on', 'a', 'table'], ['赤', 'い', 'リ', 'ン', 'ゴ', '2', '個'])
    """
    return [word.form for word in placed_words(text)]


_CLITIC = re.compile(r"(n't|'(?:s|m|d|re|ve|ll))$")
_SCORED = re.compile(
    rf"(?:[^\W\d_]\.){{2,}}|\d+(?:[.,:/]\d+)*(?![^\W\d_])|[{_SQUARE}]|{_LETTER}+(?:['’.\-]{_LETTER}+)*|[$&%#()]"
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-"}


def scored_words(text: str) -> list[str]:
    """The words that scores count, as the Penn Treebank tokeniser of coco-caption has them, but for the stop of "Dr.".

    Words with hyphens, fractions and times of day are one; 's and n't are words; brackets, $, & and % stay, other marks
    do not.

    Example:
        >>> scored_words("A man's black-and-white dog can't run; 3/4 of $5.00.")
        ['a', 'man', "'s", 'black-and-white', 'dog', 'ca', "n't", 'run', '3/4', 'of', '$', '5.00']
    """
    found: list[str] = []
    for each in _SCORED.finditer(text[:MOST_LETTERS]):
        word = unicodedata.normalize("NFC", each[0].casefold().replace("’", "'"))
        word = _BRACKETS.get(word, word)
        parts = _CLITIC.split(word) if "'" in word else [word]
        found += [part for part in parts if part]
    return found


def singular(word: str) -> str:
    """What an English word and its plural have in common; another word may lose an ending, on both sides compared.

    Example:
        >>> [singular(word) for word in ("apples", "cherries", "boxes", "tomatoes", "glass", "bus", "people", "dog's")]
        ['apple', 'cherry', 'box', 'tomato', 'glass', 'bus', 'person', 'dog']
    """
    word = word.removesuffix("'s").removesuffix("'")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) >= _SHORTEST and word.endswith("s") and not word.endswith(_NO_PLURAL):
        word = word[:-2] if word.endswith(_ES) else word[:-1]
    for ending, common in _SAME:
        if word.endswith(ending):
            return word.removesuffix(ending) + common
    return word


def grams(words: list[str], n: int) -> Counter[Gram]:
    """How often each run of `n` words occurs.

    Example:
        >>> grams(["a", "b", "a", "b"], 2)[("a", "b")]
        2
    """
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


_STOP = (
    "a about above across after against all along also although am among an and another any are around as at away back "
    "be beautiful because been before behind being below beneath beside between both but by can close clear containing "
    "contains could depicted depicts did do does down during each few find for from front full get getting go going "
    "good group had has have having he her here hers high his how i if image in inside into is it its just large "
    "left like little long look looking looks lot lots made make many may me middle more most much my near new next "
    "nice no nor not of off old on one only onto or other our out outside over own part photo photograph picture "
    "piece pile placed portrait right scene see seen several she show showing shown shows side sits sitting small "
    "some someone something stand standing stands still such taken than that the their them there these they this "
    "those three through to together too top two under up upon us very view was way we well were what when where "
    "which while who whole will with within without you your four five six seven eight nine ten young"
)
STOPWORDS = frozenset(_STOP.split())
"""Words that name nothing that could be there or not."""
