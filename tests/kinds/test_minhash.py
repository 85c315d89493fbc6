"""Near sets found among many: the pairs that comparing all with all finds."""

from __future__ import annotations

import numpy as np
import pytest

from drivetrain.kinds.minhash import BINS, CROWD, LENGTH, MinHash, mixed


def sets(n: int, size: int, seed: int = 0) -> list[np.ndarray]:
    """Random sets; every fifth shares nine in ten parts with the one before it."""
    rng = np.random.default_rng(seed)
    made = [mixed(rng.integers(0, 1 << 40, size).astype(np.uint64)) for _ in range(n)]
    for at in range(1, n, 5):
        keep = rng.permutation(len(made[at - 1]))[: int(0.95 * size)]
        made[at] = np.sort(np.concatenate([made[at - 1][keep], made[at][: size // 20]]))
    return made


@pytest.mark.parametrize("band", [2, 4])
@pytest.mark.parametrize("size", [20, 400])
def test_pairs_are_those_that_differ_in_few_bins(size: int, band: int) -> None:
    kind = MinHash(version=9, fewest=4, near=24, band=band)
    prints = [kind.fingerprint(one) for one in sets(80, size)]
    table = np.stack([np.frombuffer(one[1:], "<u2") for one in prints])
    apart = (table[:, None] != table[None]).sum(axis=2)
    every = [(i, j, int(apart[i, j])) for i in range(80) for j in range(i + 1, 80) if apart[i, j] <= 24]
    pairs, distances = kind.pairs(prints)
    assert [(*pair, distance) for pair, distance in zip(pairs.tolist(), distances.tolist(), strict=True)] == every
    assert len(every) >= 14
    copies = kind.copies(prints[:40], prints[40:])
    between = [(i, j, int(apart[i, 40 + j])) for i in range(40) for j in range(40) if apart[i, 40 + j] <= 24]
    found = zip(copies.first.tolist(), copies.second.tolist(), copies.distance.tolist(), strict=True)
    assert list(found) == between and not copies.turn.any()


def test_the_share_of_equal_bins_estimates_the_share_of_parts() -> None:
    kind, rng = MinHash(version=9, fewest=4, near=BINS), np.random.default_rng(1)
    equal = []
    for _ in range(60):
        both, rest = (
            rng.integers(0, 1 << 60, 300).astype(np.uint64),
            rng.integers(0, 1 << 60, (2, 100)).astype(np.uint64),
        )
        one, other = (kind.fingerprint(mixed(np.concatenate([both, own]))) for own in rest)
        equal.append(np.mean(np.frombuffer(one[1:], "<u2") == np.frombuffer(other[1:], "<u2")))
    assert np.mean(equal) == pytest.approx(300 / 500, abs=0.03)  # 300 of 500 parts are in both


def test_what_is_no_fingerprint_of_the_kind_is_passed_over() -> None:
    kind, other = MinHash(9, 4, 10), MinHash(8, 4, 10)
    one = mixed(np.arange(50, dtype=np.uint64))
    prints = [b"", other.fingerprint(one), kind.fingerprint(one), b"\x09", kind.fingerprint(one)]
    assert kind.pairs(prints)[0].tolist() == [[2, 4]] and len(prints[2]) == LENGTH
    assert kind.pairs([])[0].shape == (0, 2) and len(kind.copies([], prints).first) == 0
    assert len(kind.copies(prints, []).first) == 0


def test_a_crowd_of_equal_ones_is_paired_with_neighbours_alone() -> None:
    kind = MinHash(9, 4, 10)
    one = kind.fingerprint(mixed(np.arange(50, dtype=np.uint64)))
    assert len(kind.pairs([one] * (CROWD + 1))[0]) == CROWD
    assert len(kind.pairs([one] * 10)[0]) == 45
