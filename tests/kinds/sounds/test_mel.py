"""Mel spectrograms against librosa's numbers, and against a computation of the audio body's front end in torch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from drivetrain.kinds.sounds.mel import FrontEnd, efficientat_front, pcen, picture_front, to_hertz, to_mel

ORACLE = json.loads((Path(__file__).parent / "librosa.json").read_text())["of"]


def wave(rate: int, seconds: float = 0.25) -> NDArray[np.float32]:
    t = np.arange(round(rate * seconds)) / rate
    swept = 0.5 * np.sin(2 * np.pi * (150 * t + rate / 3 * t * t)) * np.exp(-4 * t)
    return (swept + 0.01 * np.sin(2 * np.pi * rate / 5 * t)).astype(np.float32)


@pytest.mark.parametrize("said", ORACLE, ids=[str(said["sample_rate"]) for said in ORACLE])
def test_decibels_and_pcen_are_librosas(said: dict) -> None:
    front = FrontEnd(**{name: value for name, value in said.items() if name not in ("decibel", "pcen")})
    found = front.bands(wave(front.sample_rate))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, said["decibel"], atol=1e-4, rtol=0)
    leveled = pcen(front.energy(wave(front.sample_rate)), front.sample_rate / front.hop)
    np.testing.assert_allclose(leveled, said["pcen"], atol=1e-4, rtol=0)
    same = front.model_copy(update={"scale": "pcen"})
    np.testing.assert_array_equal(same.bands(wave(front.sample_rate)), leveled)


def kaldi_banks(n_mels: int, n_fft: int, rate: int, lowest: float, highest: float) -> NDArray[np.float64]:
    """Triangles whose sides are straight in mel, as Kaldi makes them."""

    def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    step = (mel(highest) - mel(lowest)) / (n_mels + 1)
    left = mel(lowest) + step * np.arange(n_mels)[:, None]
    at = mel(rate / n_fft * np.arange(n_fft // 2))[None]
    up, down = (at - left) / step, (left + 2 * step - at) / step
    return np.pad(np.maximum(0, np.minimum(up, down)), ((0, 0), (0, 1)))


def test_the_audio_bodys_front_end_is_what_its_description_says() -> None:
    samples = wave(32_000, 1.0)
    emphasised = samples[1:] - np.float32(0.97) * samples[:-1]
    window = torch.hann_window(800, periodic=False)
    spectrum = torch.stft(torch.from_numpy(emphasised), 1024, 320, 800, window, center=True, return_complex=True)
    energy = kaldi_banks(128, 1024, 32_000, 0, 15_000) @ spectrum.abs().square().double().numpy()
    right = (np.log(energy + 1e-5) + 4.5) / 5
    found = efficientat_front()(samples)
    assert found.shape == (128, 100)
    np.testing.assert_allclose(found, right, atol=1e-4)


@pytest.mark.parametrize("rate", [4000, 8000, 11_025, 16_000, 44_100, 96_000])
def test_a_picture_has_no_empty_band_and_is_about_as_wide_as_pictures_are(rate: int) -> None:
    front = picture_front(rate)
    assert front.filters().any(axis=1).all() and front.f_max == rate / 2
    found = front(wave(rate))
    assert found.max() == 2.0 and found.min() >= -2.0
    assert found.shape == (128, front.n_frames(len(wave(rate))))
    louder = front(0.25 * wave(rate))
    np.testing.assert_allclose(found, louder, atol=1e-3)


def test_full_scale_is_kept_where_the_level_counts() -> None:
    front = picture_front(8000).model_copy(update={"loudest_is_0": False, "range_db": None})
    assert front(wave(8000)).max() - front(0.1 * wave(8000)).max() == pytest.approx(1.0, abs=1e-4)  # 20 dB are 1


@pytest.mark.parametrize("n", [0, 1, 7, 160, 1000])
def test_the_shortest_sounds_have_a_spectrogram(n: int) -> None:
    for front in (picture_front(16_000), efficientat_front()):
        found = front(np.zeros(n, np.float32))
        assert found.shape[1] == front.n_frames(n) >= 1 and np.isfinite(found).all()


@pytest.mark.parametrize("scale", ["slaney", "logarithmic"])
def test_mel_scales_are_undone(scale: str) -> None:
    hertz = np.array([0.0, 20.0, 999.0, 1000.0, 1001.0, 20_000.0])
    np.testing.assert_allclose(to_hertz(to_mel(hertz, scale), scale), hertz, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"window": 2000}, "longer than n_fft"), ({"f_max": 9000}, "f_min < f_max"), ({"f_min": 8000}, "f_min < f_max")],
    ids=["window", "above", "below"],
)
def test_what_cannot_be_is_refused(change: dict, message: str) -> None:
    said = {"sample_rate": 16_000, "n_fft": 512, "window": 400, "hop": 160, "n_mels": 64, "f_max": 8000.0}
    with pytest.raises(ValueError, match=message):
        FrontEnd(**(said | change))
