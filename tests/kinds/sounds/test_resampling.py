"""Resampling against scipy's polyphase filter, and piece by piece against at once."""

import math

import numpy as np
import pytest
from scipy.signal import resample_poly

from drivetrain.kinds.sounds.resampling import BETA, _cutoff, reach, resampled

RATES = [(8000, 32_000), (44_100, 32_000), (48_000, 16_000), (11_025, 16_000), (22_050, 44_100), (96_000, 8000)]


def prototype(up: int, down: int) -> np.ndarray:
    """The filter of windowed sincs at `up` times the rate."""
    half = reach(up, down)
    at = np.arange(-half * up, half * up + 1) / up
    window = np.i0(BETA * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None))) / np.i0(BETA)
    return _cutoff(up, down) * np.sinc(_cutoff(up, down) * at) * window


@pytest.mark.parametrize(("rate", "to"), [*RATES, (7919, 8000)], ids=str)
def test_it_is_scipys_polyphase_filter(rate: int, to: int) -> None:
    sound = np.random.default_rng(0).standard_normal(3 * rate + 37).astype(np.float32)
    common = math.gcd(rate, to)
    up, down = to // common, rate // common
    right = resample_poly(sound.astype(np.float64), up, down, window=prototype(up, down)) / up
    found = np.concatenate(list(resampled([sound], rate, to)))
    assert found.dtype == np.float32 and len(found) == -(-len(sound) * to // rate)
    np.testing.assert_allclose(found, right, atol=1e-5)


@pytest.mark.parametrize(("rate", "to"), RATES, ids=str)
def test_pieces_are_the_whole_bit_for_bit(rate: int, to: int) -> None:
    sound = np.random.default_rng(1).standard_normal(rate).astype(np.float32)
    whole = np.concatenate(list(resampled([sound], rate, to)))
    for ends in ([1, 2, 5], [777, 778, 4000], list(range(0, rate, rate // 7))):
        pieces = np.concatenate(list(resampled(np.split(sound, ends), rate, to)))
        np.testing.assert_array_equal(pieces, whole)


def test_what_is_heard_stays_and_what_would_be_mirrored_goes() -> None:
    t = np.arange(44_100) / 44_100
    for hertz, share in ((1000, 1.0), (6900, 1.0), (8400, 0.0), (15_000, 0.0)):
        tone = np.sin(2 * np.pi * hertz * t).astype(np.float32)
        found = np.concatenate(list(resampled([tone], 44_100, 16_000)))[800:-800]
        assert math.isclose(np.sqrt(2 * np.mean(found**2)), share, abs_tol=2e-3), hertz


def test_the_same_rate_changes_nothing_and_nothing_stays_nothing() -> None:
    sound = np.ones(5, np.float32)
    assert [part.tolist() for part in resampled([sound], 8000, 8000)] == [[1.0] * 5]
    assert list(resampled([], 8000, 16_000)) == []
    assert np.concatenate(list(resampled([np.ones(1, np.float32)], 8000, 16_000))).shape == (2,)
