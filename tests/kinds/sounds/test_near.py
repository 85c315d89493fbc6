"""Fingerprints: copies are near, other takes are not; a second look at the waveforms decides."""

import numpy as np
import pytest

from drivetrain.kinds.sounds.near import NEAREST, SAME, SURE, distances, fingerprint, near, small_wave, waveforms_agree
from tests.kinds.sounds import hostile


def spoken(seed: int, seconds: float = 0.6, rate: int = 8000) -> np.ndarray:
    """Something like a word: formants that glide, over a pitch, with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    wave = np.zeros(len(t))
    for _ in range(4):
        glide = np.interp(t, np.linspace(0, seconds, 6), rng.uniform(200, 3200, 6))
        swell = np.interp(t, np.linspace(0, seconds, 9), rng.random(9) ** 2)
        wave += swell * np.sin(2 * np.pi * np.cumsum(glide) / rate + rng.uniform(0, 6))
    return (0.2 * wave).astype(np.float32)


COPIES = {
    "quiet": lambda wave: hostile.encoded(0.1 * wave),
    "turned over": lambda wave: hostile.encoded(-wave),
    "ogg": lambda wave: hostile.encoded(wave, form="OGG"),
    "mp3": lambda wave: hostile.encoded(wave, form="MP3"),
    "8 bits": lambda wave: hostile.encoded(wave, subtype="PCM_U8"),
    "silence in front": lambda wave: hostile.encoded(np.concatenate([np.zeros(1600), wave])),
    "twice the rate": lambda wave: hostile.encoded(
        np.interp(np.arange(2 * len(wave)) / 2, np.arange(len(wave)), wave), 16_000
    ),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_are_near_and_the_same(how: str) -> None:
    for seed in range(5):
        wave, copy = small_wave((spoken(seed), 8000)), small_wave(COPIES[how](spoken(seed)))
        assert distances([fingerprint(wave)], [fingerprint(copy)])[0, 0] <= NEAREST
        assert waveforms_agree(wave, copy) >= SAME
        assert near.same((spoken(seed), 8000), COPIES[how](spoken(seed)))


def test_other_words_are_neither() -> None:
    waves = [small_wave((spoken(seed), 8000)) for seed in range(40)]
    apart = distances(*[[fingerprint(wave) for wave in waves]] * 2)
    assert (apart[~np.eye(40, dtype=bool)] > SURE).all() and (np.diag(apart) == 0).all()
    assert max(waveforms_agree(waves[0], other) for other in waves[1:]) < SAME
    assert not near.same((spoken(0), 8000), (spoken(1), 8000))


def test_what_tells_nothing_has_no_fingerprint_and_seals_take_the_others() -> None:
    assert fingerprint(np.zeros(8000, np.float32)) == b"\3" == fingerprint(np.ones(10, np.float32))
    one = fingerprint(spoken(0))
    assert len(one) <= 255 and one[0] == 3 and near.tells(one) and not near.tells(b"\3")
    assert distances([b"", one], [one, b"\1" * 82]).tolist() == [[1000, 1000], [0, 1000]]


def test_candidates_and_copies_name_rows() -> None:
    prints = [fingerprint(spoken(seed)) for seed in (0, 1, 0, 2)]
    assert [(one.first, one.second) for one in near.candidates(prints)] == [(0, 2)]
    found = near.copies(prints[:2], [prints[1], b"", prints[0]])
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, 2), (1, 0)]
    assert found.distance.tolist() == found.turn.tolist() == [0, 0]
