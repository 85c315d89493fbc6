"""How much a caption sounds like captions: the mean probability of its words, by pairs of words of other pictures.

It knows nothing of the picture. So it says how a caption *sounds*, for want of the model's own likelihood; whether it
is right is another question, and the report holds the two against each other.

Source: smoothing of Witten & Bell, The zero-frequency problem (1991), method C: how much a pair of words is believed
depends on how many different words have followed the first one.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from drivetrain.captions.judging.words import words_of

START, END = "<", ">"
"""Stand for the beginning and the end of a caption; no word holds such letters."""

Pair = tuple[str, str]


class Bigrams:
    """Pairs of words of the texts of many pictures.

    Args:
        texts: Picture → its texts.

    Example:
        >>> usual = Bigrams({"a": ["a red apple"], "b": ["a red pear"], "c": ["a green pear"]})
        >>> usual.sounds("a red pear", "d") > usual.sounds("pear a red", "d")
        True
    """

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self.n_texts = sum(map(len, texts.values()))
        self._of_picture = {name: _pairs(several) for name, several in texts.items()}
        self._pairs: Counter[Pair] = Counter()
        for counts in self._of_picture.values():
            self._pairs.update(counts)
        self._n_words = len({second for _, second in self._pairs}) + 1  # and one that was never seen
        self._second, self._first, self._follows = _margins(self._pairs)

    def sounds(self, text: str, picture: str) -> float:
        """Mean probability (geometric) of the words of a text, in (0, 1); texts of its own picture are left out.

        Args:
            text: The caption.
            picture: Whose texts do not count: they would know the caption.
        """
        own = self._of_picture.get(picture, Counter())
        second, first, _ = _margins(own)
        gone: Counter[str] = Counter(pair[0] for pair, times in own.items() if self._pairs[pair] == times)
        total = self._second.total() - second.total()
        words = [START, *words_of(text), END]
        logs = 0.0
        for before, word in pairwise(words):
            alone = (self._second[word] - second[word] + 1) / (total + self._n_words)
            seen, kinds = self._first[before] - first[before], self._follows[before] - gone[before]
            together = self._pairs[before, word] - own[before, word]
            logs += math.log((together + kinds * alone) / (seen + kinds) if seen else alone)
        return math.exp(logs / (len(words) - 1))


def _pairs(texts: Sequence[str]) -> Counter[Pair]:
    found: Counter[Pair] = Counter()
    for text in texts:
        words = [START, *words_of(text), END]
        found.update(pairwise(words))
    return found


def _margins(pairs: Counter[Pair]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """How often each word is second, how often it is first, and how many different words follow it."""
    second: Counter[str] = Counter()
    first: Counter[str] = Counter()
    follows: defaultdict[str, int] = defaultdict(int)
    for (before, word), times in pairs.items():
        second[word] += times
        first[before] += times
        follows[before] += 1
    return second, first, Counter(follows)
