"""What shares most of its parts with something else: fingerprints of sets, and how near ones are found among many.

Min-wise hashing: of 64 bins the smallest hash in each, 16 bits of it. The share of equal bins estimates how many parts
two sets share of those that either has (Jaccard). What the parts are, the kind of input says: sequences of bytes or of
letters.

Sources: Broder 1997 (On the resemblance and containment of documents); one permutation, Li, Owen and Zhang 2012; empty
bins filled from a neighbour, Shrivastava and Li 2014.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LENGTH = 129
"""Of a fingerprint, bytes."""
BINS = 64
CROWD = 400
"""Sets with equal bins: beyond, they share what all of their kind have, and only neighbours are compared."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class Pairs(NamedTuple):
    """Pairs of rows of two lists that are near."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    turn: NDArray[np.int64]
    """Nothing: these are not turned."""


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers spread evenly over 64 bits, the different ones, sorted."""
    with np.errstate(over="ignore"):
        found = (numbers ^ (numbers >> np.uint64(29))) * _MULTIPLIER
        found = (found ^ (found >> np.uint64(32))) * _MULTIPLIER
    return np.unique(found ^ (found >> np.uint64(31)))


@dataclass(frozen=True)
class MinHash:
    r"""Fingerprints of one kind of input.

    Example:
        >>> kind = MinHash(version=9, fewest=10, near=32)
        >>> one, other = (kind.fingerprint(mixed(np.arange(at, at + 100, dtype=np.uint64))) for at in (0, 4))
        >>> len(one), len(kind.pairs([one, other, b""])[0]), kind.fingerprint(mixed(np.arange(5, dtype=np.uint64)))
        (129, 1, b'\t')
    """

    version: int
    """First byte of a fingerprint, which tells it from what other kinds of input have there."""
    fewest: int
    """Different parts: of a set with fewer nothing can be told."""
    near: int
    """Bins that may differ between near-duplicates."""
    band: int = 2
    """Neighbouring bins that have to be equal together for two sets to be compared at all: 2 or 4."""

    def fingerprint(self, hashes: NDArray[np.uint64]) -> bytes:
        """`LENGTH` bytes of the hashes that `mixed` gave; `version` alone where they are too few.

        A seal takes a row without any fingerprint for one that was altered.
        """
        if len(hashes) < self.fewest:
            return bytes([self.version])
        bins = (hashes >> np.uint64(58)).astype(np.int64)  # sorted, as the hashes are
        first = np.searchsorted(bins, np.arange(BINS))
        smallest = np.full(BINS, _EMPTY)
        there = (first < len(hashes)) & (bins[np.minimum(first, len(hashes) - 1)] == np.arange(BINS))
        smallest[there] = hashes[first[there]]
        places = np.flatnonzero(there)
        empty = np.flatnonzero(~there)  # filled from the next bin that is not, with its distance
        later = places[np.searchsorted(places, empty) % len(places)]
        with np.errstate(over="ignore"):
            smallest[empty] = smallest[later] + ((later - empty) % BINS).astype(np.uint64)
        return bytes([self.version]) + (smallest & np.uint64(0xFFFF)).astype("<u2").tobytes()

    def tells(self, fingerprint: bytes) -> bool:
        """Whether there were hashes enough."""
        return len(fingerprint) == LENGTH

    def pairs(
        self, fingerprints: Sequence[bytes], most: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(P, 2) rows, the smaller first, that differ in at most so many bins (`near`), and (P,) in how many."""
        rows, table = self._table(fingerprints)
        found, distances = _near(table, table, _candidates(table, self.band), self.near if most is None else most)
        return rows[found], distances

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes]) -> Pairs:
        """Rows of one list that are near rows of the other."""
        rows, table = self._table(fingerprints)
        other_rows, other = self._table(others)
        found, distances = _near(table, other, _between(table, other, self.band), self.near)
        return Pairs(rows[found[:, 0]], other_rows[found[:, 1]], distances, np.zeros(len(found), np.int64))

    def _table(self, fingerprints: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        rows = [row for row, one in enumerate(fingerprints) if len(one) == LENGTH and one[0] == self.version]
        told = b"".join(fingerprints[row][1:] for row in rows)
        return np.array(rows, np.int64), np.frombuffer(told, "<u2").reshape(len(rows), BINS)


def _bands(table: NDArray[np.uint16], width: int) -> Iterable[NDArray[Any]]:
    """(N,) so many neighbouring bins of each row as one number, for each place."""
    for start in range(0, BINS, width):
        yield np.ascontiguousarray(table[:, start : start + width]).view(f"<u{2 * width}")[:, 0]


def _candidates(table: NDArray[np.uint16], width: int) -> NDArray[np.int64]:
    """(P, 2) the different pairs of rows, the smaller first, that have a band in common; sorted."""
    found: list[NDArray[np.int64]] = []
    for band in _bands(table, width):
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=band[order][:1] + 1))
        sizes = np.diff(starts, append=len(band))
        for size in np.unique(sizes[sizes > 1]).tolist():
            members = order[starts[sizes == size][:, None] + np.arange(size)]  # rows in order, one group a line
            first, second = np.triu_indices(size, 1) if size <= CROWD else (np.arange(size - 1), np.arange(1, size))
            pairs = members[:, first].astype(np.int64) * len(table) + members[:, second]
            found.append(np.unique(pairs))
    return _apart(found, len(table))


def _between(table: NDArray[np.uint16], other: NDArray[np.uint16], width: int) -> NDArray[np.int64]:
    """(P, 2) pairs of a row of one table and one of another; of many equal ones the first."""
    found: list[NDArray[np.int64]] = []
    for band, of_other in zip(_bands(table, width), _bands(other, width), strict=True):
        order = np.argsort(of_other, kind="stable")
        low, high = (np.searchsorted(of_other[order], band, side=side) for side in ("left", "right"))
        n = np.minimum(high - low, CROWD)
        first = np.repeat(np.arange(len(band)), n)
        place = np.arange(len(first)) - np.repeat(np.cumsum(n) - n, n)
        found.append(np.unique(first * max(1, len(other)) + order[np.repeat(low, n) + place]))
    return _apart(found, len(other))


def _apart(found: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """Pairs that were written as one number each, each of them once."""
    packed = np.unique(np.concatenate([*found, np.zeros(0, np.int64)]))
    return np.stack(np.divmod(packed, max(1, n)), axis=1)


def _near(
    table: NDArray[np.uint16], other: NDArray[np.uint16], pairs: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs that differ in at most so many bins, and in how many."""
    parts = np.array_split(pairs, max(1, len(pairs) // 100_000))
    distances = np.concatenate([(table[part[:, 0]] != other[part[:, 1]]).sum(axis=1) for part in parts])
    kept = distances <= most
    return pairs[kept], distances[kept].astype(np.int64)
