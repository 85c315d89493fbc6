"""Files that share most of their bytes: a fingerprint of the sequences that occur in a file, wherever they stand.

Min-wise hashing of all sequences of eight bytes: of 64 bins the smallest hash in each, 16 bits of it. The share of
equal bins estimates how many sequences two files share of those that either has (Jaccard). Padding with zeros or
appending a little changes few bins; what is compressed or encrypted anew changes all of them.

Sources: Broder 1997 (On the resemblance and containment of documents); one permutation, Li, Owen and Zhang 2012; empty
bins filled from a neighbour, Shrivastava and Li 2014. Chosen over ssdeep, whose licence (GPL) does not fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.binaries.drawing import Bytes

VERSION = 2
"""First byte of a fingerprint, which tells it from what other kinds of input have there (pictures: 1)."""
LENGTH = 129
SEQUENCE = 8
"""Bytes: an instruction with its neighbour, a short word."""
BINS = 64
FEWEST = 64
"""Different sequences: of a file with fewer nothing can be told."""
NEAR = 32
"""Bins that may differ between near-duplicates: half of all sequences are in both."""
SURE = 13
"""Bins that may differ where there is no second look: four in five are in both."""
BAND = 2
"""Bins that have to be equal together for two files to be compared at all."""
CROWD = 400
"""Files with equal bins: beyond, they share what all files of their kind have, and only neighbours are compared."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class Pairs(NamedTuple):
    """Pairs of files of two lists that are near."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    turn: NDArray[np.int64]
    """Nothing: bytes are not turned."""


def sequences(content: Bytes) -> NDArray[np.uint64]:
    """Hashes of the different sequences of eight bytes, sorted.

    Example:
        >>> len(sequences(np.zeros(100, np.uint8))), len(sequences(np.arange(100, dtype=np.uint8)))
        (1, 93)
    """
    if len(content) < SEQUENCE:
        return np.zeros(0, np.uint64)
    words = np.lib.stride_tricks.sliding_window_view(content, SEQUENCE)
    packed = np.ascontiguousarray(words).view(np.uint64)[:, 0]
    with np.errstate(over="ignore"):
        mixed = (packed ^ (packed >> np.uint64(29))) * _MULTIPLIER
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIER
    return np.unique(mixed ^ (mixed >> np.uint64(31)))


def fingerprint(content: Bytes) -> bytes:
    """`LENGTH` bytes, or b"" where the file has too few different sequences to be told from others."""
    found = sequences(content)
    if len(found) < FEWEST:
        return b""
    bins = (found >> np.uint64(58)).astype(np.int64)  # sorted, as the hashes are
    first = np.searchsorted(bins, np.arange(BINS))
    smallest = np.full(BINS, _EMPTY)
    there = (first < len(found)) & (bins[np.minimum(first, len(found) - 1)] == np.arange(BINS))
    smallest[there] = found[first[there]]
    for at in np.flatnonzero(~there).tolist():  # filled from the next bin that is not empty, with its distance
        step = next(step for step in range(1, BINS) if there[(at + step) % BINS])
        smallest[at] = smallest[(at + step) % BINS] + np.uint64(step)
    return bytes([VERSION]) + (smallest & np.uint64(0xFFFF)).astype("<u2").tobytes()


def shared(one: Bytes, other: Bytes) -> float:
    """Share of the sequences of the smaller file that are also in the larger one, 0 to 1."""
    first, second = sequences(one), sequences(other)
    least = min(len(first), len(second))
    return len(np.intersect1d(first, second, assume_unique=True)) / least if least else 0.0


def near_pairs(fingerprints: Sequence[bytes], most: int = NEAR) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P, 2) rows, the smaller first, whose fingerprints differ in at most so many bins, and (P,) in how many."""
    rows, table = _table(fingerprints)
    found = _distances(table, table, _candidates(table))
    kept = [(int(rows[i]), int(rows[j]), int(d)) for i, j, d in found if d <= most]
    kept.sort()
    array = np.array(kept, np.int64).reshape(-1, 3)
    return array[:, :2], array[:, 2]


def near_copies(fingerprints: Sequence[bytes], others: Sequence[bytes]) -> Pairs:
    """Rows of one list that are near rows of the other."""
    rows, table = _table(fingerprints)
    other_rows, other = _table(others)
    found = _distances(table, other, _between(table, other))
    kept = sorted((int(rows[i]), int(other_rows[j]), int(d)) for i, j, d in found if d <= NEAR)
    array = np.array(kept, np.int64).reshape(-1, 3)
    return Pairs(array[:, 0], array[:, 1], array[:, 2], np.zeros(len(array), np.int64))


def _table(fingerprints: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    rows = [row for row, one in enumerate(fingerprints) if len(one) == LENGTH and one[0] == VERSION]
    told = b"".join(fingerprints[row][1:] for row in rows)
    return np.array(rows, np.int64), np.frombuffer(told, "<u2").reshape(len(rows), BINS)


def _bands(table: NDArray[np.uint16]) -> Iterable[NDArray[np.uint32]]:
    """(N,) two neighbouring bins of each row as one number, for each pair of bins."""
    for start in range(0, BINS, BAND):
        yield np.ascontiguousarray(table[:, start : start + BAND]).view(np.uint32)[:, 0]


def _candidates(table: NDArray[np.uint16]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for band in _bands(table):
        for members in _equal(band):
            if len(members) > CROWD:
                found.update(pairwise(members))
            else:
                found.update(combinations(members, 2))
    return found


def _equal(band: NDArray[np.uint32]) -> Iterable[list[int]]:
    """Rows that have the same number, where there are several, in order."""
    order = np.argsort(band, kind="stable")
    edges = np.flatnonzero(np.diff(band[order])) + 1
    for members in np.split(order, edges):
        if len(members) > 1:
            yield members.tolist()


def _between(table: NDArray[np.uint16], other: NDArray[np.uint16]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for band, of_other in zip(_bands(table), _bands(other), strict=True):
        known: dict[int, list[int]] = defaultdict(list)
        for row, number in enumerate(of_other.tolist()):
            known[number].append(row)
        for row, number in enumerate(band.tolist()):
            found.update((row, second) for second in known.get(number, ())[:CROWD])
    return found


def _distances(
    table: NDArray[np.uint16], other: NDArray[np.uint16], pairs: set[tuple[int, int]]
) -> Iterable[tuple[int, int, int]]:
    if not pairs:
        return []
    array = np.array(sorted(pairs), np.int64)
    parts = np.array_split(array, max(1, len(array) // 100_000))
    distances = [(table[part[:, 0]] != other[part[:, 1]]).sum(axis=1) for part in parts]
    return zip(array[:, 0].tolist(), array[:, 1].tolist(), np.concatenate(distances).tolist(), strict=True)
