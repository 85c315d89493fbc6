"""What a sound is like, found by decoding it once: length, level, silence in front, clipping, bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.sounds.mel import Samples
from drivetrain.kinds.sounds.reading import Opened, SoundFacts
from drivetrain.kinds.sounds.spec import clipped_share, decibel

FFT = 1024
MOST_SPECTRA = 2000
"""Frames that the bandwidth is taken from, of the beginning."""
STEP_S = 0.01
"""Resolution of the silence in front."""
LOUD_DB = 40.0
"""What is this far below the loudest hundredth of a second is silence."""
BAND_DB = 70.0
"""Frequencies this far below the loudest one are not there."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was noticed when a sound was decoded."""

    file: SoundFacts
    seconds: float
    """Of the row, which may be a span of the file."""
    peak: float
    """Largest sample."""
    level_db: float
    """Root of the mean square, below full scale."""
    clipped: float
    """Share of samples that are cut off."""
    lead_s: float
    """Silence in front."""
    bandwidth_hz: float
    """Highest frequency that is there."""


def listen(sound: Opened, channel: int | None = None) -> Heard:
    """Decode a sound to its end. Raises InputError."""
    rate = sound.facts.sample_rate
    step = max(1, round(STEP_S * rate))
    peak, total, clipped, n = 0.0, 0.0, 0.0, 0
    steps: list[NDArray[np.float64]] = []
    spectrum, n_spectra = np.zeros(FFT // 2 + 1), 0
    rest: Samples = np.zeros(0, np.float32)
    for block in sound.mono(channel):
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        clipped += clipped_share(block) * len(block)
        n += len(block)
        rest = np.concatenate([rest, block])
        whole = len(rest) // step * step
        square = np.square(rest[:whole].reshape(-1, step), dtype=np.float64).mean(axis=1)
        steps.append(square)
        total += float(square.sum()) * step
        rest = rest[whole:]
        if n_spectra < MOST_SPECTRA:
            found, more = _spectrum(block)
            spectrum += found
            n_spectra += more
    total += float(np.square(rest, dtype=np.float64).sum())
    steps.append(np.square(rest[None], dtype=np.float64).mean(axis=1) if len(rest) else np.zeros(0))
    power = np.concatenate(steps)
    loud = np.flatnonzero(power > 10 ** (-LOUD_DB / 10) * power.max(initial=0.0))
    there = np.flatnonzero(spectrum > 10 ** (-BAND_DB / 10) * spectrum.max())
    return Heard(
        file=sound.facts,
        seconds=n / rate,
        peak=peak,
        level_db=decibel(total / max(n, 1)),
        clipped=clipped / max(n, 1),
        lead_s=float(loud[0]) * step / rate if len(loud) else n / rate,
        bandwidth_hz=float(there[-1]) * rate / FFT if len(there) else 0.0,
    )


def _spectrum(block: Samples) -> tuple[NDArray[np.float64], int]:
    """Power by frequency, summed over frames side by side, and how many these are."""
    n = max(1, len(block) // FFT)
    frames = np.zeros((n, FFT), np.float32)
    frames.reshape(-1)[: min(len(block), n * FFT)] = block[: n * FFT]
    found = np.fft.rfft(frames * np.hanning(FFT).astype(np.float32))
    return (np.square(found.real, dtype=np.float64) + np.square(found.imag, dtype=np.float64)).sum(axis=0), n
