"""Fingerprints of files: how much two files share, wherever it stands."""

import numpy as np
import pytest

from drivetrain.kinds.binaries.fuzzy import (
    BINS,
    LENGTH,
    NEAR,
    SURE,
    fingerprint,
    near_copies,
    near_pairs,
    sequences,
    shared,
    tells,
)
from drivetrain.kinds.images.looks.signatures import near_copies as near_pictures


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, n).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    first, second = (np.frombuffer(fingerprint(each)[1:], "<u2") for each in (one, other))
    return int((first != second).sum())


FILE = noise(20_000, 0)


@pytest.mark.parametrize(
    ("other", "low", "high"),
    [
        (np.concatenate([FILE, np.zeros(50_000, np.uint8)]), 0, 2),
        (np.concatenate([noise(500, 1), FILE]), 0, 8),
        (np.concatenate([FILE[10_000:], FILE[:10_000]]), 0, 2),
        (np.concatenate([FILE[:10_000], noise(10_000, 2)]), 28, 56),
        (noise(20_000, 3), 62, 64),
        ((FILE ^ 0x55).astype(np.uint8), 62, 64),
    ],
    ids=["zeros appended", "noise before", "halves exchanged", "half replaced", "another file", "encrypted"],
)
def test_bins_that_differ(other, low, high):
    assert low <= distance(FILE, other) <= high


def test_the_share_of_equal_bins_estimates_the_sequences_that_are_shared():
    rng, estimates = np.random.default_rng(0), []
    for seed in range(40):
        one, other = noise(3000, seed), np.concatenate([noise(3000, seed)[:2400], rng.integers(0, 256, 600)])
        estimates.append(1 - distance(one, other.astype(np.uint8)) / BINS)
    first, second = set(range(2993)), {*range(2393), *range(9000, 9600)}
    assert abs(np.mean(estimates) - len(first & second) / len(first | second)) < 0.03


def test_pairs_are_found_among_many():
    files = [noise(3000, seed) for seed in range(60)]
    files += [np.concatenate([files[7], noise(200, 99)]), files[3][:2900]]
    pairs, apart = near_pairs([fingerprint(each) for each in files])
    assert pairs.tolist() == [[3, 61], [7, 60]] and (apart <= SURE).all()


def test_copies_between_lists_and_fingerprints_of_others_are_passed_over():
    files = [fingerprint(noise(3000, seed)) for seed in range(5)]
    found = near_copies([b"", files[2], b"\1" + bytes(81)], [files[0], b"", files[2]])
    assert (found.first.tolist(), found.second.tolist(), found.distance.tolist()) == ([1], [2], [0])
    assert len(near_copies([], files).first) == len(near_copies(files, []).first) == 0
    assert len(near_pictures(files, files).first) == 0  # pictures do not take them for their own


def test_files_that_tell_nothing_have_no_fingerprint():
    assert fingerprint(np.zeros(9000, np.uint8)) == fingerprint(noise(5, 0)) == fingerprint(noise(70, 0))
    assert len(fingerprint(noise(5, 0))) == 1, "a seal takes none for altered"
    assert not tells(fingerprint(noise(5, 0))) and tells(fingerprint(noise(9000, 0)))
    assert len(fingerprint(noise(72, 0))) == LENGTH


def test_how_much_is_shared():
    assert shared(FILE, FILE[:5000]) == 1 and shared(FILE, noise(900, 5)) == 0 and shared(FILE[:3], FILE) == 0
    assert len(sequences(FILE)) == len(FILE) - 7


def test_a_crowd_of_equal_files_costs_no_square():
    crowd = [fingerprint(FILE)] * 2000
    pairs, _ = near_pairs(crowd)
    assert len(pairs) == 1999 and NEAR > SURE
