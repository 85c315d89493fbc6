"""From a waveform to a mel spectrogram, without torch; what a body's front end does is data.

Legend: N samples, F frequencies of the short-time Fourier transform, M mel bands, T frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Samples = NDArray[np.float32]
MOST_FFT = 1 << 15
BANDS_AT_ONCE, FRAMES_AT_ONCE = 16, 32
"""What stays in the processor's cache."""
PCEN_GAIN, PCEN_BIAS, PCEN_POWER, PCEN_SECONDS, PCEN_FLOOR = 0.98, 2.0, 0.5, 0.4, 1e-6
PCEN_FULL_SCALE = 2.0**31
"""The values of Lostanlen et al. 2018 (IEEE Signal Processing Letters 26:1), which are for samples up to this."""


class FrontEnd(BaseModel, frozen=True, extra="forbid"):
    """What is done to a waveform before a network reads it; it belongs to the weights of the network.

    Frames are centred: the first one has its middle at the first sample. The defaults are librosa's ``melspectrogram``
    and ``power_to_db`` (Slaney's mel scale and areas), from the loudest value down.

    Example:
        >>> front = FrontEnd(sample_rate=16_000, n_fft=512, window=400, hop=160, n_mels=64, f_max=8000)
        >>> front(np.zeros(16_000, np.float32)).shape, front.n_frames(16_000)
        ((64, 101), 101)
    """

    model_config = ConfigDict(allow_inf_nan=False)

    sample_rate: int = Field(ge=1000, le=384_000)
    """Samples a second that it reads; what was recorded at another rate is resampled."""
    n_fft: int = Field(ge=16, le=MOST_FFT)
    window: int = Field(ge=8, le=MOST_FFT)
    """Samples of a frame: a Hann window, with zeros around it up to `n_fft`."""
    periodic: bool = True
    """Whether the Hann window is one period; else its last sample is 0 as its first."""
    hop: int = Field(ge=1, le=MOST_FFT)
    """Samples from a frame to the next."""
    edge: Literal["zeros", "mirrored"] = "zeros"
    """What frames see in front of the first and behind the last sample."""
    preemphasis: float = Field(default=0.0, ge=0, lt=1)
    """This share of the sample before is taken off each, which leaves one sample less; 0: none."""
    n_mels: int = Field(ge=1, le=1024)
    f_min: float = Field(default=0.0, ge=0)
    f_max: float
    mel: Literal["slaney", "logarithmic"] = "slaney"
    """Slaney's scale, linear below 1 kHz; or 1127 ln(1 + f/700), as HTK and Kaldi have it."""
    slopes: Literal["hertz", "mel"] = "hertz"
    """In what unit the sides of the triangles are straight."""
    equal_areas: bool = True
    """Slaney's norm: wide triangles are lower. Else all are 1 at their peak."""
    scale: Literal["decibel", "log", "pcen"] = "decibel"
    """10 log10; natural logarithm; or per-channel energy normalisation, which follows the level of each band."""
    floor: float = Field(default=1e-10, gt=0, le=1)
    """Decibel: power below this counts as this. Log: is added. PCEN has its own."""
    loudest_is_0: bool = True
    """Decibel: the loudest value becomes 0, so that the level of the recording does not count; else full scale is."""
    range_db: float | None = Field(default=80.0, gt=0, le=400)
    """Decibel: what is this far below the loudest is raised to it; None: nothing is."""
    offset: float = 0.0
    spread: float = Field(default=1.0, gt=0)
    """The network reads (value + offset) / spread."""

    @model_validator(mode="after")
    def _fits(self) -> FrontEnd:
        if self.window > self.n_fft:
            raise ValueError(f"window={self.window} is longer than n_fft={self.n_fft}")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"bands reach from f_min={self.f_min:g} to f_max={self.f_max:g} Hz: expected f_min < f_max ≤ half of "
                f"sample_rate={self.sample_rate}"
            )
        return self

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """The spectrogram of a waveform of any length, (N,) from -1 to 1 → (M, T) float32."""
        return ((self.bands(samples) + np.float32(self.offset)) / np.float32(self.spread)).astype(np.float32)

    def n_frames(self, n_samples: int) -> int:
        """How many frames so many samples make."""
        return 1 + max(n_samples - (self.preemphasis > 0), 0) // self.hop

    def bands(self, samples: Samples) -> NDArray[np.float32]:
        """(M, T) before offset and spread: decibels, logarithms, or as PCEN leaves them."""
        energy = self.energy(samples)
        if self.scale == "log":
            return np.log(energy + np.float32(self.floor))
        if self.scale == "pcen":
            return pcen(energy, self.sample_rate / self.hop)
        found = 10 * np.log10(np.maximum(energy, np.float32(self.floor)))
        loudest = found.max()
        if self.range_db is not None:
            found = np.maximum(found, loudest - np.float32(self.range_db))
        return found - loudest if self.loudest_is_0 else found

    def energy(self, samples: Samples) -> NDArray[np.float32]:
        """Power in each band, (M, T)."""
        samples = samples.astype(np.float32, copy=False)
        if self.preemphasis:
            samples = np.subtract(samples[1:], np.float32(self.preemphasis) * samples[:-1], dtype=np.float32)
        half = self.n_fft // 2
        padded: Samples = np.zeros(len(samples) + 2 * half, np.float32)
        padded[half : half + len(samples)] = samples
        if self.edge == "mirrored" and len(samples) > 1:
            padded = np.pad(samples, half, mode="reflect")
        lead = (self.n_fft - self.window) // 2
        frames = sliding_window_view(padded[lead:], self.window)[:: self.hop][: 1 + len(samples) // self.hop]
        found = np.empty((self.n_mels, len(frames)), np.float32)
        hann = _hann(self.window, self.periodic)
        windowed = np.zeros((min(FRAMES_AT_ONCE, len(frames)), self.n_fft))  # double: NumPy transforms it faster
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            some = frames[start : start + FRAMES_AT_ONCE]
            np.multiply(some, hann, out=windowed[: len(some), lead : lead + self.window])
            spectrum = np.fft.rfft(windowed[: len(some)])
            power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
            for bands, frequencies, weights in _in_parts(self):
                found[bands, start : start + len(some)] = weights @ power[:, frequencies].T
        return found

    def hann(self) -> NDArray[np.float32]:
        """The window, (window,)."""
        return _hann(self.window, self.periodic).astype(np.float32)

    def filters(self) -> NDArray[np.float32]:
        """The triangles, (M, F) with F = n_fft / 2 + 1."""
        return _filters(self)


def picture_front(
    sample_rate: int, *, pcen: bool = False, n_mels: int = 128, hop_s: float = 0.01, window_s: float = 0.025
) -> FrontEnd:
    """For a body that reads pictures: Slaney's mel bands over all frequencies that the rate holds, about -2 to 2.

    The Fourier transform is made so long that every band has at least one frequency.

    Example:
        >>> front = picture_front(16_000)
        >>> front.hop, front.window, front.n_fft, bool(front.filters().any(axis=1).all())
        (160, 400, 512, True)
    """
    window, hop = max(8, round(window_s * sample_rate)), max(1, round(hop_s * sample_rate))
    n_fft = 1 << (max(window, 16) - 1).bit_length()
    while True:
        front = FrontEnd(
            sample_rate=sample_rate,
            n_fft=n_fft,
            window=window,
            hop=hop,
            n_mels=n_mels,
            f_min=0.0,
            f_max=sample_rate / 2,
            scale="pcen" if pcen else "decibel",
            offset=-0.5 if pcen else 40.0,  # of PCEN the usual mean; its deviation is about 1
            spread=1.0 if pcen else 20.0,
        )
        if n_fft >= MOST_FFT or front.filters().any(axis=1).all():
            return front
        n_fft *= 2


def efficientat_front() -> FrontEnd:
    """Of EfficientAT's bodies (Schmid et al., ICASSP 2023): 32 kHz, 128 bands up to 15 kHz, logarithms.

    Example:
        >>> efficientat_front().n_frames(320_000)
        1000
    """
    return FrontEnd(
        sample_rate=32_000,
        n_fft=1024,
        window=800,
        periodic=False,
        hop=320,
        edge="mirrored",
        preemphasis=0.97,
        n_mels=128,
        f_min=0.0,
        f_max=15_000.0,
        mel="logarithmic",
        slopes="mel",
        equal_areas=False,
        scale="log",
        floor=1e-5,
        offset=4.5,
        spread=5.0,
    )


def pcen(energy: NDArray[np.float32], frames_per_second: float) -> NDArray[np.float32]:
    """Per-channel energy normalisation (Wang et al. 2017), as librosa's ``pcen`` of energies times 2³¹.

    Args:
        energy: (M, T) of samples from -1 to 1.
        frames_per_second: Of the spectrogram.
    """
    scaled = energy.astype(np.float64) * PCEN_FULL_SCALE
    t = PCEN_SECONDS * frames_per_second
    follow = (np.sqrt(1 + 4 * t**2) - 1) / (2 * t**2)
    smooth, level = np.empty_like(scaled), np.ones(len(scaled))
    for frame in range(scaled.shape[1]):
        level = level + follow * (scaled[:, frame] - level)
        smooth[:, frame] = level
    gained = np.exp(-PCEN_GAIN * (np.log(PCEN_FLOOR) + np.log1p(smooth / PCEN_FLOOR)))
    found = PCEN_BIAS**PCEN_POWER * np.expm1(PCEN_POWER * np.log1p(scaled * gained / PCEN_BIAS))
    return found.astype(np.float32)


def to_mel(hertz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Frequencies on a mel scale.

    Example:
        >>> to_mel(np.array([0.0, 500.0, 1000.0]), "slaney").round(3).tolist()
        [0.0, 7.5, 15.0]
        >>> to_mel(np.array([1000.0]), "logarithmic").round(2).tolist()
        [999.99]
    """
    if scale == "logarithmic":
        return 1127.0 * np.log1p(hertz / 700.0)
    above = 15.0 + 27.0 * np.log(np.maximum(hertz, 1000.0) / 1000.0) / np.log(6.4)
    return np.where(hertz < 1000.0, hertz * 3 / 200, above)


def to_hertz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """And back.

    Example:
        >>> to_hertz(to_mel(np.array([30.0, 4000.0]), "slaney"), "slaney").round(6).tolist()
        [30.0, 4000.0]
    """
    if scale == "logarithmic":
        return 700.0 * np.expm1(mel / 1127.0)
    return np.where(mel < 15.0, mel * 200 / 3, 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) / 27.0 * np.log(6.4)))


@lru_cache(maxsize=32)
def _hann(window: int, periodic: bool) -> NDArray[np.float64]:
    turns = np.arange(window) / (window if periodic else window - 1)
    found = 0.5 - 0.5 * np.cos(2 * np.pi * turns)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=32)
def _filters(front: FrontEnd) -> NDArray[np.float32]:
    frequencies = np.arange(front.n_fft // 2 + 1) * front.sample_rate / front.n_fft
    lowest, highest = to_mel(np.array([front.f_min, front.f_max]), front.mel)
    corners = np.linspace(lowest, highest, front.n_mels + 2)
    corners_hz = to_hertz(corners, front.mel)
    at, edges = (to_mel(frequencies, front.mel), corners) if front.slopes == "mel" else (frequencies, corners_hz)
    up = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    made = np.maximum(0, np.minimum(up, down))
    if front.equal_areas:
        made *= (2.0 / (corners_hz[2:] - corners_hz[:-2]))[:, None]
    found = made.astype(np.float32)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=32)
def _in_parts(front: FrontEnd) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """The triangles, some bands at a time with the frequencies that they reach: most weights of all are 0."""
    filters = front.filters()
    parts: list[tuple[slice, slice, NDArray[np.float32]]] = []
    for start in range(0, len(filters), BANDS_AT_ONCE):
        some = filters[start : start + BANDS_AT_ONCE]
        there = np.flatnonzero(some.any(axis=0))
        reached = slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, 1)
        parts.append((slice(start, start + len(some)), reached, np.ascontiguousarray(some[:, reached])))
    return tuple(parts)
