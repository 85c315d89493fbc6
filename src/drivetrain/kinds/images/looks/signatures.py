"""Which pictures look alike: signatures compared, by the hundred thousand.

A signature (see `runtime.pictures.signatures`) is far from that of any other picture, and near to that of a copy
which was saved anew, resized, brightened or mirrored; compared in all its `TURNS`, also to that of one which was turned
or inverted. Crops are found by other means: `same_picture` for one pair, neighbours among features for many.
Legend: N signatures, M other signatures, P pairs, W words of 64 signs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.images.looks.turns import AS_IT_IS, INVERTED, MIRRORED, TURNED, TURNS, UPSIDE_DOWN
from drivetrain.runtime.pictures.signatures import (
    ACROSS,
    FLIP_BITS,
    HEAD_BYTES,
    MIRROR_BITS,
    N_WAVES,
    SIGNATURE_BYTES,
    VERSION,
    WAVE_BYTES,
    signature_of,
)

__all__ = [
    "FAR",
    "NEAR",
    "Pairs",
    "distance",
    "informative",
    "near_arrays",
    "near_copies",
    "near_pairs",
    "signature_of",
]

NEAR = 31
"""Two pictures are near when at most this many of 256 signs differ; of unrelated pictures about 128 do."""
FAR = N_WAVES
"""The distance of what cannot be compared: flat pictures, and pictures of other colours."""
CLEAR_WAVES = 150
"""A picture with fewer clear waves says too little to be told from others: flat ones, simple drawings. Of photographs
of 64 px 2 in 100 have fewer, of handwritten digits 1 in 3."""
CLEAR_IN_ONE_INK = 192
"""The same for pictures in shades of one colour (grey ones, ink on paper): strokes of many hands are near each other,
and no colours tell them apart. Of 1,797 handwritten digits, enlarged in five ways, no two near ones had more than 184
clear waves; of photographs made grey, 1 in 100 of full size has fewer than 192, and 1 in 4 of those of 64 px."""
SAME_COLOURS = 0.7
"""Least correlation of the mean colours of two near pictures."""
GREY = 2.0
"""Mean distance of colours from grey, in levels, up to which a picture counts as grey."""

N_BANDS = 16
BAND_BITS = N_WAVES // N_BANDS
FLIPS = (0, *(1 << bit for bit in range(BAND_BITS)))
"""With at most 31 of 256 signs different, one of 16 bands has at most one different: all pairs are met."""
BIG_BUCKET = 4096
REACH = 8
"""In a bucket of more rows than BIG_BUCKET (a camera that stands still), how far a row looks to either side."""
PAIRS_AT_ONCE = 1 << 20

assert NEAR < 2 * N_BANDS


class Pairs(NamedTuple):
    """P near pairs: row of the one, row of the other, how many signs differ, and how the one is turned."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    turn: NDArray[np.int64]
    """What was done to the first: one of `drivetrain.kinds.images.looks.turns`."""

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """Whether the two are mirror images, and nothing else."""
        return self.turn == MIRRORED


class _Table(NamedTuple):
    """Signatures as arrays, without those that cannot be compared."""

    rows: NDArray[np.int64]
    """(N,) where each stands in the list given."""
    words: NDArray[np.uint64]
    """(N, W)."""
    colours: NDArray[np.uint8]
    """(N, 48) mean colours of a grid of 4 × 4."""


def informative(signature: bytes) -> bool:
    """Whether a signature tells its picture from others: False for flat pictures and simple drawings, and for b"".

    Example:
        >>> informative(signature_of(np.full((64, 64, 3), 200, dtype=np.uint8)))
        False
    """
    return bool(_informative([signature])[0])


def _informative(signatures: Sequence[bytes]) -> NDArray[np.bool_]:
    """(N,) whether each tells its picture from others."""
    found = np.array([len(s) >= SIGNATURE_BYTES and s[0] == VERSION and s[1] >= CLEAR_WAVES for s in signatures], bool)
    doubtful = [row for row in np.flatnonzero(found).tolist() if signatures[row][1] < CLEAR_IN_ONE_INK]
    if doubtful:
        colours = _array([signatures[row] for row in doubtful])[:, HEAD_BYTES + WAVE_BYTES :]
        found[doubtful] = ~_in_one_ink(colours)
    return found


def _in_one_ink(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,) whether mean colours are shades of one: they lie on a line, but for `GREY` levels in the mean."""
    shades = colours.reshape(-1, 16, 3).astype(np.float64)
    shades -= shades.mean(axis=1, keepdims=True)
    spread = np.linalg.eigvalsh(shades.swapaxes(1, 2) @ shades / 16)
    return np.sqrt(np.maximum(spread[:, :-1].sum(axis=1), 0)) <= GREY


def distance(a: bytes, b: bytes) -> int:
    """How many of 256 signs differ, the one as it is or mirrored; 256 where the two cannot be compared.

    Near (`NEAR` or less) means that the pictures look the same; pictures that are not `informative`, or whose
    colours lie elsewhere, are never near, not even to themselves.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        >>> distance(signature_of(noise), signature_of(noise[:, ::-1]))
        0
        >>> distance(signature_of(noise), b"")
        256
    """
    if not (informative(a) and informative(b)):
        return FAR
    one, other = _table([a]), _table([b])
    best = FAR
    for turn in (AS_IT_IS, MIRRORED):
        words, colours = _turned(one, turn)
        differ = int(np.bitwise_count(words ^ other.words).sum())
        if differ < best and _colours_agree(colours, other.colours)[0]:
            best = differ
    return best


def near_pairs(signatures: Sequence[bytes], others: Sequence[bytes] | None = None) -> list[tuple[int, int]]:
    """Pairs (i, j) of signatures at most `NEAR` apart, sorted.

    Args:
        signatures: N signatures; those that are not `informative` are in no pair.
        others: M signatures that j counts in; None compares the N with each other, and i < j.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
        >>> a, b, c = (signature_of(picture) for picture in noise)
        >>> near_pairs([a, b, c, a]), near_pairs([a, b], [b])
        ([(0, 3)], [(1, 0)])
    """
    found = near_arrays(signatures, others)
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


def near_arrays(
    signatures: Sequence[bytes], others: Sequence[bytes] | None = None, *, turns: Sequence[int] = (AS_IT_IS, MIRRORED)
) -> Pairs:
    """As `near_pairs`, as arrays, with distances.

    All pairs are found by multi-index hashing, in memory of some tens of megabytes and 100,000 pictures in a
    minute or so. One case is cut short: where more than `BIG_BUCKET` rows share a band of signs, each meets only
    the `REACH` next to it in order; its pairs still join such a crowd together.

    Args:
        signatures: N signatures.
        others: M signatures, as of `near_pairs`.
        turns: In which the first are compared with the second, see `drivetrain.kinds.images.looks.turns`.

    Source: Norouzi, Punjani and Fleet (2012), "Fast search in Hamming space with multi-index hashing".
    """
    queries = _table(signatures)
    index = queries if others is None else _table(others)
    within = others is None
    keys, distances = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    turned: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for turn in turns:
        words, colours = _turned(queries, turn)
        bands = _bands(words)
        for band, of_index in enumerate(_bands(index.words).T):
            for first, second in _meetings(bands[:, band], of_index, within):
                differ = np.bitwise_count(words[first] ^ index.words[second]).sum(axis=1)
                near = np.flatnonzero(differ <= NEAR)
                near = near[_colours_agree(colours[first[near]], index.colours[second[near]])]
                keys.append(first[near] * len(index.rows) + second[near])
                distances.append(differ[near].astype(np.int64))
                turned.append(np.full(len(near), turn, dtype=np.int64))
    key, differ, turn_of = np.concatenate(keys), np.concatenate(distances), np.concatenate(turned)
    order = np.lexsort((turn_of, differ, key))  # of several meetings the nearest comes first, upright before turned
    key, kept = np.unique(key[order], return_index=True)
    first, second = np.divmod(key, max(1, len(index.rows)))
    return Pairs(queries.rows[first], index.rows[second], differ[order][kept], turn_of[order][kept])


def near_copies(signatures: Sequence[bytes], others: Sequence[bytes]) -> Pairs:
    """Pairs of pictures that are near in any of the `TURNS`, with or without their borders; the nearest of each pair.

    Args:
        signatures: N of `drivetrain.runtime.pictures.signatures.signatures_of`.
        others: M of the same.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        >>> found = near_copies([signature_of(np.rot90(noise))], [signature_of(noise)])
        >>> found.first.tolist(), found.second.tolist(), bool(found.distance[0] <= 2)
        ([0], [0], True)
    """
    rows, own = _with_and_without_border(signatures)
    other_rows, their = _with_and_without_border(others)
    found = near_arrays(own, their, turns=TURNS)
    first, second = rows[found.first], other_rows[found.second]
    order = np.lexsort((found.turn, found.distance, second, first))
    key = first[order] * max(1, len(others)) + second[order]
    _, kept = np.unique(key, return_index=True)
    kept = order[kept]
    return Pairs(first[kept], second[kept], found.distance[kept], found.turn[kept])


def _with_and_without_border(signatures: Sequence[bytes]) -> tuple[NDArray[np.int64], list[bytes]]:
    """Every signature of each picture, and whose it is."""
    parts = [
        (row, signature[at : at + SIGNATURE_BYTES])
        for row, signature in enumerate(signatures)
        for at in range(0, len(signature), SIGNATURE_BYTES)
    ]
    return np.array([row for row, _ in parts], dtype=np.int64), [part for _, part in parts]


def _array(signatures: Sequence[bytes]) -> NDArray[np.uint8]:
    """(N, SIGNATURE_BYTES) of pictures as they are, with their borders."""
    joined = np.frombuffer(b"".join(each[:SIGNATURE_BYTES] for each in signatures), dtype=np.uint8)
    return joined.reshape(len(signatures), SIGNATURE_BYTES)


def _table(signatures: Sequence[bytes]) -> _Table:
    rows = np.flatnonzero(_informative(signatures))
    table = _array([signatures[row] for row in rows.tolist()])
    signs = np.ascontiguousarray(table[:, HEAD_BYTES : HEAD_BYTES + WAVE_BYTES])
    return _Table(rows.astype(np.int64), signs.view(np.uint64), table[:, HEAD_BYTES + WAVE_BYTES :])


def _turned(table: _Table, turn: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Words and colours of the pictures in one of their turns."""
    if turn == AS_IT_IS:
        return table.words, table.colours
    signs, colours = table.words.view(np.uint8), table.colours.reshape(-1, 4, 4, 3)
    if turn & TURNED:
        signs = np.packbits(np.unpackbits(signs, axis=1)[:, ACROSS], axis=1)
        colours = colours.swapaxes(1, 2)
    if turn & MIRRORED:
        signs, colours = signs ^ MIRROR_BITS, colours[:, :, ::-1]
    if turn & UPSIDE_DOWN:
        signs, colours = signs ^ FLIP_BITS, colours[:, ::-1]
    if turn & INVERTED:
        signs, colours = ~signs, 255 - colours
    return np.ascontiguousarray(signs).view(np.uint64), colours.reshape(-1, 48)


def _bands(words: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """(N, N_BANDS) numbers of BAND_BITS signs, slow and fast waves in each, since slow ones tell less."""
    signs = np.unpackbits(words.view(np.uint8), axis=1).reshape(-1, BAND_BITS, N_BANDS)
    packed = np.packbits(np.ascontiguousarray(signs.transpose(0, 2, 1)).reshape(-1, BAND_BITS), axis=1)
    return np.ascontiguousarray(packed).view(np.uint16).reshape(-1, N_BANDS)


def _meetings(
    queries: NDArray[np.uint16], index: NDArray[np.uint16], within: bool
) -> Generator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows of queries and of the index whose numbers differ in at most one bit, PAIRS_AT_ONCE or so at a time."""
    order = np.argsort(index, kind="stable")
    size = np.bincount(index, minlength=1 << BAND_BITS)
    start = np.cumsum(size) - size
    big = size > BIG_BUCKET
    in_order = index[order].astype(np.int64) * len(index) + order
    for flip in FLIPS:
        wanted = queries ^ np.uint16(flip)
        low, high = start[wanted], start[wanted] + size[wanted]
        if big.any():
            own = np.arange(len(wanted)) * len(index) // len(wanted)
            place = np.searchsorted(in_order, wanted.astype(np.int64) * len(index) + own)
            crowded = big[wanted]
            low = np.where(crowded, np.maximum(low, place - REACH), low)
            high = np.where(crowded, np.minimum(high, place + REACH if flip == 0 else low), high)
        counts = high - low
        ends = np.cumsum(counts)
        begin = 0
        while begin < len(wanted):
            before = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, before + PAIRS_AT_ONCE, side="right")))
            part = counts[begin:end]
            first = np.repeat(np.arange(begin, end), part)
            second = order[np.arange(len(first)) + np.repeat(low[begin:end] - (ends[begin:end] - part - before), part)]
            if within:
                kept = first < second
                first, second = first[kept], second[kept]
            if len(first):
                yield first, second
            begin = end


def _colours_agree(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(P,) whether the mean colours of pairs lie alike; more or less light and contrast change nothing.

    Where one is grey, only light and dark are compared: it may be a grey copy.
    """
    a, b = one.reshape(-1, 16, 3).astype(np.float32), other.reshape(-1, 16, 3).astype(np.float32)
    light_a, light_b = a.mean(axis=2, keepdims=True), b.mean(axis=2, keepdims=True)
    grey = np.minimum(np.abs(a - light_a).mean(axis=(1, 2)), np.abs(b - light_b).mean(axis=(1, 2))) <= GREY
    light_agrees = _correlated(light_a[:, :, 0], light_b[:, :, 0])
    return np.where(grey, light_agrees, _correlated(a.reshape(-1, 48), b.reshape(-1, 48)))


def _correlated(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(P,) whether rows are correlated by at least SAME_COLOURS; constant rows are, with all."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    both = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return (a * b).sum(axis=1) >= SAME_COLOURS * both
