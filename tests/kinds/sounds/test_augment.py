"""Random views of training sounds: what they change, what they leave, and by which numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivetrain.errors import SettingError
from drivetrain.kinds.sounds.bodies.augment import (
    BEHIND,
    BEHIND_SNR,
    GAIN,
    N_DRAWS,
    NO_AUGMENTATION,
    NOISE_SEED,
    NOISE_SNR,
    NOISY,
    SPEED,
    START,
    SoundAugmentation,
    asked_augmentation,
    cut_at,
    longest_cut,
    masked,
    random_windows,
)

RATE = 8000


def tone(hertz: float, seconds: float = 1.0, level: float = 0.3) -> torch.Tensor:
    return level * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def draws(n: int, **chosen: float) -> torch.Tensor:
    names = {"start": START, "speed": SPEED, "gain": GAIN, "noisy": NOISY, "noise_snr": NOISE_SNR,
             "noise_seed": NOISE_SEED, "behind": BEHIND, "behind_snr": BEHIND_SNR}  # fmt: skip
    made = torch.full((n, N_DRAWS), 0.5)
    for name, value in chosen.items():
        made[:, names[name]] = value
    return made


def only(**settings: object) -> SoundAugmentation:
    return NO_AUGMENTATION.model_copy(update=settings)


def pitch(wave: torch.Tensor) -> float:
    """The strongest frequency, in hertz."""
    power = np.abs(np.fft.rfft(wave.numpy() * np.hanning(len(wave)), 1 << 16))
    return float(power.argmax()) * RATE / (1 << 16)


def windows(
    waves: torch.Tensor, lengths: list[int], made: torch.Tensor, by: SoundAugmentation, window: int
) -> torch.Tensor:
    return random_windows(waves, torch.tensor(lengths), made, by, window)


def test_without_augmentation_a_window_is_the_beginning_as_it_was_recorded() -> None:
    waves = torch.stack([tone(440), tone(880)])
    waves[1, 3000:] = 0
    assert torch.equal(windows(waves, [8000, 3000], draws(2), NO_AUGMENTATION, 4000), waves[:, :4000])
    assert torch.equal(
        windows(waves[:, :2000], [2000, 2000], draws(2), NO_AUGMENTATION, 4000)[:, 2000:], torch.zeros(2, 2000)
    )


@pytest.mark.parametrize(("start", "first"), [(0.0, 0), (0.5, 1000), (0.999999, 2000)])
def test_a_window_of_a_long_sound_begins_anywhere(start: float, first: int) -> None:
    wave = torch.arange(3000.0)[None] / 3000
    found = windows(wave, [3000], draws(1, start=start), only(shift=True), 1000)
    assert torch.allclose(found, wave[:, first : first + 1000], atol=1e-3)


def test_a_short_sound_is_whole_wherever_it_lies_in_its_window() -> None:
    wave = torch.zeros(3, 4000)
    wave[:, :1000] = 0.5
    made = draws(3)
    made[:, START] = torch.tensor([0.0, 0.5, 0.999])
    found = windows(wave, [1000] * 3, made, only(shift=True), 4000)
    assert found.gt(0).sum(dim=1).tolist() == [1000] * 3
    assert [int(row.nonzero()[0, 0]) for row in found] == [0, 1500, 2997]


@pytest.mark.parametrize(("draw", "factor"), [(0.0, 1 / 1.25), (0.5, 1.0), (1.0, 1.25)])
def test_speed_changes_pitch_and_length_by_its_factor(draw: float, factor: float) -> None:
    wave = torch.zeros(1, 8000)
    wave[0, :4000] = tone(600, 0.5)
    found = windows(wave, [4000], draws(1, speed=draw), only(speed=1.25), 8000)[0]
    assert pitch(found) == pytest.approx(600 * factor, rel=0.01)
    assert int(found.abs().gt(1e-6).nonzero().max()) == pytest.approx(4000 / factor, abs=3)


@pytest.mark.parametrize(("draw", "decibels"), [(0.0, -12), (0.5, 0), (1.0, 12)])
def test_gain_is_in_decibels(draw: float, decibels: float) -> None:
    wave = tone(440, level=0.1)[None]
    found = windows(wave, [8000], draws(1, gain=draw), only(gain_db=12), 8000)
    assert 20 * float((found.norm() / wave.norm()).log10()) == pytest.approx(decibels, abs=0.01)


@pytest.mark.parametrize(("draw", "over"), [(0.0, 6.0), (0.5, 18.0)])
def test_noise_lies_as_far_below_the_sound_as_drawn(draw: float, over: float) -> None:
    wave = torch.stack([tone(440), torch.zeros(8000)])
    made = draws(2, noisy=0.0, noise_snr=draw)
    found = windows(wave, [8000, 8000], made, only(p_noise=1.0), 8000)
    added = found - wave
    assert 20 * float((wave[0].norm() / added[0].norm()).log10()) == pytest.approx(over, abs=0.1)
    assert not found[1].any()  # silence stays silence
    again = windows(wave[:1], [8000], made[:1], only(p_noise=1.0), 8000)
    assert torch.equal(again[0], found[0])  # whatever else is in the batch
    other = windows(wave[:1], [8000], draws(1, noisy=0.0, noise_snr=draw, noise_seed=0.25), only(p_noise=1.0), 8000)
    assert not torch.allclose(other[0], found[0], atol=1e-3)


def test_another_sound_of_the_batch_is_heard_behind_some() -> None:
    wave = torch.stack([tone(440), tone(1000), tone(2000)])
    made = draws(3, behind=1.0, behind_snr=0.0)
    made[0, BEHIND] = 0.0
    found = windows(wave, [8000] * 3, made, only(p_background=0.5), 8000)
    assert torch.equal(found[1:], wave[1:])
    behind = found[0] - wave[0]
    assert round(pitch(behind)) in (1000, 2000)
    assert 20 * float((wave[0].norm() / behind.norm()).log10()) == pytest.approx(6.0, abs=0.01)
    assert torch.allclose(windows(wave[:1], [8000], made[:1], only(p_background=0.5), 8000), wave[:1] * (1 + 10**-0.3))


def test_masks_cover_at_most_their_share_of_bands_and_frames_with_the_mean() -> None:
    random = torch.Generator().manual_seed(1)
    pictures = torch.rand(64, 100, 50, generator=random)
    made = torch.rand(64, N_DRAWS, generator=random)
    changed = masked(pictures, made, only(bands=0.1)) != pictures
    whole = changed.all(dim=2)
    assert torch.equal(changed.any(dim=2), whole)  # a band is covered from end to end
    assert 0 < int(whole.sum(dim=1).max()) <= 2 * 11 and float(whole.float().mean()) == pytest.approx(0.1, abs=0.03)
    changed = masked(pictures, made, only(frames=0.2)) != pictures
    assert torch.equal(changed.any(dim=1), changed.all(dim=1))
    both = masked(pictures, made, only(bands=0.1, frames=0.2))
    for picture, before in zip(both, pictures, strict=True):
        assert picture[picture != before].unique().numel() == 1
        assert float(picture[picture != before][0]) == pytest.approx(float(before.mean()), abs=1e-5)
    assert torch.equal(masked(pictures, made, NO_AUGMENTATION), pictures)


def test_what_is_cut_of_a_long_sound_holds_a_window_at_every_speed() -> None:
    by = SoundAugmentation(speed=1.25)
    assert longest_cut(1000, by) == 1251
    assert [cut_at(5000, 1251, draw) for draw in (0.0, 0.999999)] == [0, 3749]
    assert cut_at(100, 1251, 0.7) == 0


@pytest.mark.parametrize("given", ["yes", 3, {"flip": True}, {"speed": 0.5}, {"speed": "fast"}], ids=str)
def test_what_augment_cannot_mean(given: object) -> None:
    with pytest.raises(SettingError, match=r"To fix|expected"):
        asked_augmentation(given)


def test_what_augment_means() -> None:
    assert asked_augmentation({"gain_db": 3}) == SoundAugmentation(gain_db=3)
    assert asked_augmentation(np.True_) is True and asked_augmentation("None") is False
    assert "not shifted" in str(NO_AUGMENTATION) and "15% faster" in str(SoundAugmentation())
