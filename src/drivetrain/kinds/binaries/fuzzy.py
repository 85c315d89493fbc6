"""Files that share most of their bytes: a fingerprint of the sequences that occur in a file, wherever they stand.

Min-wise hashing (see `drivetrain.kinds.minhash`) of all sequences of eight bytes. Padding with zeros or appending a
little changes few bins; what is compressed or encrypted anew changes all of them. Chosen over ssdeep, whose licence
(GPL) does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.binaries.drawing import Bytes
from drivetrain.kinds.minhash import BINS, LENGTH, MinHash, Pairs, mixed

__all__ = ["BINS", "LENGTH", "NEAR", "SURE", "VERSION", "Pairs", "fingerprint", "near_copies", "near_pairs", "shared"]

VERSION = 2
"""First byte of a fingerprint, which tells it from what other kinds of input have there (pictures: 1)."""
SEQUENCE = 8
"""Bytes: an instruction with its neighbour, a short word."""
FEWEST = 64
"""Different sequences: of a file with fewer nothing can be told."""
NEAR = 32
"""Bins that may differ between near-duplicates: half of all sequences are in both."""
SURE = 13
"""Bins that may differ where there is no second look: four in five are in both."""
_HASH = MinHash(VERSION, FEWEST, NEAR)


def sequences(content: Bytes) -> NDArray[np.uint64]:
    """Hashes of the different sequences of eight bytes, sorted.

    Example:
        >>> len(sequences(np.zeros(100, np.uint8))), len(sequences(np.arange(100, dtype=np.uint8)))
        (1, 93)
    """
    if len(content) < SEQUENCE:
        return np.zeros(0, np.uint64)
    words = np.lib.stride_tricks.sliding_window_view(content, SEQUENCE)
    return mixed(np.ascontiguousarray(words).view(np.uint64)[:, 0])


def fingerprint(content: Bytes) -> bytes:
    """`LENGTH` bytes, or one where the file has too few different sequences to be told from others."""
    return _HASH.fingerprint(sequences(content))


def tells(fingerprint: bytes) -> bool:
    """Whether there were different sequences enough."""
    return _HASH.tells(fingerprint)


def shared(one: Bytes, other: Bytes) -> float:
    """Share of the sequences of the smaller file that are also in the larger one, 0 to 1."""
    first, second = sequences(one), sequences(other)
    least = min(len(first), len(second))
    return len(np.intersect1d(first, second, assume_unique=True)) / least if least else 0.0


def near_pairs(fingerprints: Sequence[bytes], most: int = NEAR) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P, 2) rows, the smaller first, whose fingerprints differ in at most so many bins, and (P,) in how many."""
    return _HASH.pairs(fingerprints, most)


def near_copies(fingerprints: Sequence[bytes], others: Sequence[bytes]) -> Pairs:
    """Rows of one list that are near rows of the other."""
    return _HASH.copies(fingerprints, others)
