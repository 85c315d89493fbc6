"""Words and sequences of characters of a text, weighted by how rare they are (TF-IDF); no library but numpy.

Equal to scikit-learn's `TfidfVectorizer`, one for words and one for characters within words (`char_wb`), side by side,
each with smoothed inverse document frequencies and rows of length 1.

Legend: V terms, L of them in a text.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.text import short_reason

Ids = NDArray[np.int64]
Weights = NDArray[np.float32]
Range = tuple[int, int]
"""Shortest and longest sequence."""

WORD = re.compile(r"(?u)\b\w\w+\b")
LONGEST = 5
MOST_KEPT = 1 << 17
"""Words whose sequences of characters are kept."""
MOST_LETTERS = 64
"""Of a word whose sequences are kept; longer ones are read anew each time."""
MOST_FILE_BYTES = 1 << 28
WORDS_LEAST, CHARACTERS_LEAST = 2, 2
"""Documents that a term has to be in, where nothing else was asked for."""
MOST = 60_000
"""Terms of words, and as many of characters."""


def folded(text: str) -> str:
    """A text as terms are found in it: composed letters, lower case."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).lower()


def word_terms(text: str, lengths: Range) -> list[str]:
    """Words, and sequences of words with a blank between them, of a folded text.

    Example:
        >>> word_terms("my card is lost", (1, 2))
        ['my', 'card', 'is', 'lost', 'my card', 'card is', 'is lost']
    """
    words = WORD.findall(text)
    found = list(words) if lengths[0] == 1 else []
    for n in range(max(2, lengths[0]), min(lengths[1], len(words)) + 1):
        found += [" ".join(words[at : at + n]) for at in range(len(words) - n + 1)]
    return found


def character_terms(word: str, lengths: Range) -> list[str]:
    """Sequences of the characters of one word, with a blank before and behind it.

    Example:
        >>> character_terms("is", (2, 3)), character_terms("a", (2, 5))
        ([' i', 'is', 's ', ' is', 'is '], [' a', 'a ', ' a '])
    """
    padded = f" {word} "
    found: list[str] = []
    for n in range(lengths[0], lengths[1] + 1):
        found += [padded[at : at + n] for at in range(len(padded) - n + 1)] or [padded]
        if n >= len(padded):  # a word that is no longer is counted once
            break
    return found


@dataclass(frozen=True)
class Block:
    """One vocabulary, of words or of characters."""

    lengths: Range
    terms: tuple[str, ...]
    idf: tuple[float, ...]

    @cached_property
    def at(self) -> dict[str, int]:
        """Term → place."""
        return {term: at for at, term in enumerate(self.terms)}


@dataclass(frozen=True)
class Terms:
    """The vocabulary, fitted on training texts: terms of words, then those of characters.

    Example:
        >>> terms = fit_terms(["my card is lost", "my card came"], least=1)
        >>> ids, weights = terms.of("card lost")
        >>> [terms.names[at - 1] for at in ids[:2]], len(ids) == len(weights)
        (['card', 'lost'], True)
    """

    words: Block
    characters: Block
    sublinear: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """(V,) of each term; the id of a term is its place from 1."""
        return (*self.words.terms, *self.characters.terms)

    def __len__(self) -> int:
        return len(self.words.terms) + len(self.characters.terms)

    @property
    def n_words(self) -> int:
        """The first so many terms are of words, the others of characters."""
        return len(self.words.terms)

    def of(self, text: str) -> tuple[Ids, Weights]:
        """(L,) ids of the terms of a text, from 1, and their weights; one id 0 of weight 0 where there is none."""
        text = folded(text)
        at, known = self.words.at, word_terms(text, self.words.lengths)
        of_words = np.array([place for term in known if (place := at.get(term)) is not None], np.int64)
        parts = [self._weighted(*np.unique(of_words, return_counts=True), self.words, 1)]
        words = Counter(text.split())
        within = [self._within(word) for word in words]
        of_characters = np.concatenate([*within, np.zeros(0, np.int64)])
        ids, inverse = np.unique(of_characters, return_inverse=True)
        n = np.bincount(inverse, np.repeat([*words.values()], [len(one) for one in within]), len(ids))
        parts.append(self._weighted(ids, n, self.characters, 1 + self.n_words))
        ids, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
        if not len(ids):
            return np.zeros(1, np.int64), np.zeros(1, np.float32)
        return ids, weights.astype(np.float32)

    def known_share(self, text: str) -> float | None:
        """Share of the words of a text that the vocabulary has; None where it has no words."""
        words = WORD.findall(folded(text))
        return sum(word in self.words.at for word in words) / len(words) if words else None

    def to_bytes(self) -> bytes:
        """As a file of the artefact."""
        said = {name: _block_said(block) for name, block in (("words", self.words), ("characters", self.characters))}
        return json.dumps({**said, "sublinear": self.sublinear}, ensure_ascii=False).encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, content: bytes) -> Terms:
        """Of what `to_bytes` made. Raises ArtefactError where it is something else."""
        try:
            said: Any = read_json(content, most_bytes=MOST_FILE_BYTES)
            blocks = [_block_of(said[name]) for name in ("words", "characters")]
            if type(said["sublinear"]) is not bool:
                raise ValueError("sublinear is neither true nor false")
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactError(
                f"the vocabulary of terms cannot be read: {short_reason(error)}. To fix: get the model again from "
                "whoever made it, or save it anew."
            ) from error
        return cls(*blocks, sublinear=said["sublinear"])

    def _within(self, word: str) -> Ids:
        """Places of the sequences of characters of a word, with repetitions."""
        found = self._kept.get(word)
        if found is None:
            at, terms = self.characters.at, character_terms(word, self.characters.lengths)
            found = np.array([place for term in terms if (place := at.get(term)) is not None], np.int64)
            if len(word) <= MOST_LETTERS and len(self._kept) < MOST_KEPT:
                self._kept[word] = found
        return found

    @cached_property
    def _kept(self) -> dict[str, Ids]:
        return {}

    def _weighted(self, at: Ids, n: NDArray[Any], block: Block, first: int) -> tuple[Ids, NDArray[np.float64]]:
        """Ids of the terms at these places, and their weights, which together have the length 1."""
        weights = (1 + np.log(n) if self.sublinear else n) * self._idf(block)[at]
        return at + first, weights / max(math.sqrt(float(weights @ weights)), 1e-300)

    def _idf(self, block: Block) -> NDArray[np.float64]:
        return self._arrays[block is self.characters]

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array(self.words.idf, np.float64), np.array(self.characters.idf, np.float64)


def fit_terms(
    texts: Iterable[str],
    *,
    words: Range = (1, 2),
    characters: Range = (2, 5),
    least: int = WORDS_LEAST,
    most: int = MOST,
    sublinear: bool = True,
) -> Terms:
    """The vocabulary of training texts.

    Args:
        texts: Cleaned.
        words: Shortest and longest sequence of words.
        characters: Shortest and longest sequence of characters within a word.
        least: Texts that a term has to be in.
        most: Terms of words, and as many of characters: those that are in most texts, of equal ones those that come
            first in the alphabet.
        sublinear: A term that occurs n times counts 1 + log n times.
    """
    of_words: Counter[str] = Counter()
    of_characters: Counter[str] = Counter()
    within: dict[str, tuple[str, ...]] = {}
    n = 0
    for each in texts:
        n += 1
        text = folded(each)
        of_words.update(set(word_terms(text, words)))
        found: set[str] = set()
        for word in set(text.split()):
            if (terms := within.get(word)) is None:
                terms = tuple(dict.fromkeys(character_terms(word, characters)))
                if len(word) <= MOST_LETTERS and len(within) < MOST_KEPT:
                    within[word] = terms
            found.update(terms)
        of_characters.update(found)
    return Terms(
        _chosen(of_words, n, words, least, most), _chosen(of_characters, n, characters, least, most), sublinear
    )


def _chosen(counts: Mapping[str, int], n: int, lengths: Range, least: int, most: int) -> Block:
    many = [(term, count) for term, count in counts.items() if count >= least]
    if len(many) > most:
        many = sorted(many, key=lambda each: (-each[1], each[0]))[:most]
    many.sort()
    return Block(
        lengths, tuple(term for term, _ in many), tuple(math.log((1 + n) / (1 + count)) + 1 for _, count in many)
    )


def stacked_terms(found: Sequence[tuple[Ids, Weights]]) -> Iterator[NDArray[Any]]:
    """Ids and weights of several texts, padded with 0."""
    longest = max((len(ids) for ids, _ in found), default=1)
    for place, dtype in ((0, np.int64), (1, np.float32)):
        made = np.zeros((len(found), longest), dtype)
        for row, pair in enumerate(found):
            made[row, : len(pair[place])] = pair[place]
        yield made


def _block_said(block: Block) -> dict[str, Any]:
    return {"lengths": list(block.lengths), "terms": list(block.terms), "idf": list(block.idf)}


def _block_of(said: Any) -> Block:
    low, high = said["lengths"]
    terms, idf = said["terms"], np.asarray(said["idf"], np.float64)
    if type(low) is not int or type(high) is not int or not 1 <= low <= high <= 16:
        raise ValueError(f"sequences of {low!r} to {high!r}")
    if not all(type(term) is str for term in terms) or len(set(terms)) < len(terms):
        raise ValueError("its terms are not each there once, as text")
    if idf.shape != (len(terms),) or not np.isfinite(idf).all():
        raise ValueError("it has not one finite weight for each term")
    return Block((low, high), tuple(terms), tuple(idf.tolist()))
