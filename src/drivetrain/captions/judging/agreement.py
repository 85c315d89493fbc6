"""How much captions read like the references: CIDEr-D and BLEU-4, as the published code has them.

CIDEr-D: Vedantam, Zitnick & Parikh, CIDEr: Consensus-based Image Description Evaluation (2015), sec. 5 and 6; BLEU:
Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation (2002), sec. 2. Both in the form of
coco-caption (github.com/tylin/coco-caption), with whose figures those of papers are compared: the length that CIDEr-D
punishes is counted in pairs of words, and the reference of BLEU is that whose length is closest. Words are those of
`scored_words`.

Legend: N captions, C columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.captions.judging.words import Gram, grams, scored_words, words_of
from drivetrain.errors import DataError

N = 4
"""Longest run of words that is counted."""
SIGMA = 6.0
"""Words by which a caption's length may be off before CIDEr-D falls."""
_TINY, _SMALL = 1e-15, 1e-9
"""As in the published code: of no hit, and of no run of words."""

Floats = NDArray[np.float64]
Counts = list[Counter[Gram]]
References = Sequence[Sequence[str]]
"""For each caption the references of its picture."""


def _counts(text: str) -> Counts:
    words = scored_words(text)
    return [grams(words, n + 1) for n in range(N)]


def check_same_length(captions: Sequence[str], references: References) -> None:
    """Raise DataError unless each caption has a list of references with something in it."""
    if len(captions) != len(references) or not captions or not all(references):
        raise DataError(
            f"{len(captions)} captions and references of {sum(map(bool, references))} of {len(references)} pictures; "
            "expected one caption or more, and of each the references. To fix: leave out captions without references."
        )


def cider_d(captions: Sequence[str], references: References, pictures: Sequence[str] | None = None) -> Floats:
    """CIDEr-D of each caption, 0 to 10: how much it agrees with the references in words that tell pictures apart.

    Args:
        captions: (N,) texts.
        references: (N,) lists of texts.
        pictures: (N,) names: captions of one picture count its references once; None: every caption has its own.

    Returns:
        (N,) values; all are 0 where there is one picture, as no word tells it from another.

    Raises:
        DataError: A caption has no references.

    Example:
        >>> cider_d(["a red cat", "two dogs"], [["a red cat"], ["three birds fly"]]).round(3).tolist()
        [7.5, 0.0]
    """
    check_same_length(captions, references)
    names = list(map(str, range(len(captions)))) if pictures is None else list(pictures)
    of_picture = {name: [_counts(text) for text in texts] for name, texts in zip(names, references, strict=True)}
    occurs: Counter[Gram] = Counter()
    for several in of_picture.values():
        occurs.update({gram for counts in several for by_n in counts for gram in by_n})
    log_n = math.log(len(of_picture))

    def weighted(counts: Counts) -> tuple[list[dict[Gram, float]], list[float], int]:
        vectors = [
            {gram: times * (log_n - math.log(max(1, occurs[gram]))) for gram, times in by_n.items()} for by_n in counts
        ]
        return vectors, [math.sqrt(sum(w * w for w in v.values())) for v in vectors], counts[1].total()

    made = {name: [weighted(counts) for counts in several] for name, several in of_picture.items()}
    return np.array(
        [_cider_of(weighted(_counts(text)), made[name]) for text, name in zip(captions, names, strict=True)]
    )


def _cider_of(
    said: tuple[list[dict[Gram, float]], list[float], int],
    references: Sequence[tuple[list[dict[Gram, float]], list[float], int]],
) -> float:
    vectors, norms, length = said
    total = 0.0
    for others, other_norms, other_length in references:
        penalty = math.exp(-((length - other_length) ** 2) / (2 * SIGMA**2))
        for mine, theirs, norm, other_norm in zip(vectors, others, norms, other_norms, strict=True):
            if norm and other_norm:
                shared = sum(min(w, theirs[gram]) * theirs[gram] for gram, w in mine.items() if gram in theirs)
                total += penalty * shared / (norm * other_norm)
    return 10 * total / (N * len(references))


def bleu_columns(captions: Sequence[str], references: References) -> Floats:
    """(N, 10) what BLEU-4 is made of: words, words of the closest reference, then hits and runs of 1 to 4 words.

    Raises:
        DataError: A caption has no references.
    """
    check_same_length(captions, references)
    rows: list[list[float]] = []
    for caption, texts in zip(captions, references, strict=True):
        said, others = _counts(caption), [_counts(text) for text in texts]
        length = said[0].total()
        closest = min((abs(other[0].total() - length), other[0].total()) for other in others)[1]
        hits = [sum((by_n & _most(others, n)).values()) for n, by_n in enumerate(said)]
        rows.append([length, closest, *hits, *(by_n.total() for by_n in said)])
    return np.array(rows, dtype=np.float64)


def _most(others: Sequence[Counts], n: int) -> Counter[Gram]:
    found: Counter[Gram] = Counter()
    for counts in others:
        found |= counts[n]
    return found


def bleu_of(sums_BC: Floats) -> Floats:
    """BLEU-4 of (B, 10) sums of `bleu_columns`.

    Example:
        >>> columns = bleu_columns(["the cat is on the mat"], [["the cat is on the mat", "there is a cat on the mat"]])
        >>> bleu_of(columns).round(4).tolist()
        [1.0]
    """
    hits, runs = sums_BC[:, 2 : 2 + N], sums_BC[:, 2 + N : 2 + 2 * N]
    precise = np.exp(np.log((hits + _TINY) / (runs + _SMALL)).mean(axis=1))
    ratio = (sums_BC[:, 0] + _TINY) / (sums_BC[:, 1] + _SMALL)
    with np.errstate(over="ignore"):
        return precise * np.exp(np.minimum(0.0, 1 - 1 / ratio))


def overlap(one: str, other: str) -> float:
    """Share of words that two captions have in common (F1), 0 to 1.

    Example:
        >>> round(overlap("a red apple", "a green apple on a table"), 3)
        0.444
    """
    mine, theirs = Counter(words_of(one)), Counter(words_of(other))
    total = mine.total() + theirs.total()
    return 2 * (mine & theirs).total() / total if total else 1.0
