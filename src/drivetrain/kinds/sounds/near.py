"""Which sounds are the same recording: candidates by a small picture of each, and a second look at the waveforms.

A copy that is louder, was encoded or resampled anew, or has more silence around it is found; another take is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.check import open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Inputs
from drivetrain.data.kind import Candidate
from drivetrain.errors import InputError
from drivetrain.kinds.sounds.mel import FrontEnd, Samples
from drivetrain.kinds.sounds.reading import at_rate, opened

VERSION = 1
RATE = 8000
BANDS, TIMES = 12, 20
MARK = b"\x03"
"""Fingerprints of sounds begin with it; seals tell kinds apart by it."""
MOST_S = 20.0
"""Of the beginning of a sound, without the silence in front, is looked at."""
RANGE_DB = 50.0
LEAST_SPREAD = 2.0
"""Decibels; what varies less, such as noise, is not told from others."""
NEAREST, LIKELY, SURE = 30, 15, 6
"""Thousandths by which the correlation of two pictures may be below 1: to be looked at by an audit, by whoever opens
the data, and to be sure without another look."""
MOST_LOOKS = 2000
NOUN = "likely copies"
LENGTHS = 1.08
"""Ratio of the lengths of two sounds that may be copies."""
SAME = 0.95
"""Correlation of the waveforms, at the best shift, from which on they are one recording. Of 3,000 spoken digits the
largest of two takes was .925, of a vowel of steady pitch; a copy as OGG, as MP3 or at twice the rate reached .99."""
BLOCK = 1024
FRONT = FrontEnd(sample_rate=RATE, n_fft=256, window=256, hop=80, n_mels=BANDS, f_min=100, f_max=3600, range_db=60.0)


@dataclass(frozen=True)
class SoundPairs:
    """Pairs of rows of two lists, as `drivetrain.data.kind.Pairs`."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    turn: NDArray[np.int64]


def fingerprint(wave: Samples) -> bytes:
    r"""A small picture of a sound at 8 kHz and its length: 245 bytes; its first alone where nothing can be told.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> swept = np.sin(np.cumsum(np.linspace(0.1, 1.5, 8000))).astype(np.float32)
        >>> padded = np.concatenate([np.zeros(800, np.float32), swept / 9])
        >>> one, other = fingerprint(swept), fingerprint(padded)
        >>> len(one), bool(distances([one], [other])[0, 0] <= SURE), fingerprint(np.zeros(8000, np.float32))
        (245, True, b'\x03')
    """
    wave = trimmed(wave)
    if len(wave) < RATE // 20:
        return MARK  # a seal takes a row without any fingerprint for one that was altered
    bands = FRONT.bands(wave[: round(MOST_S * RATE)])
    edges = np.linspace(0, bands.shape[1], TIMES + 1)
    columns = [bands[:, int(a) : max(int(np.ceil(b)), int(a) + 1)].mean(axis=1) for a, b in pairwise(edges)]
    small = np.maximum(np.stack(columns, axis=1), -RANGE_DB)
    small -= small.mean()
    if small.std() < LEAST_SPREAD:
        return MARK
    return MARK + np.float32(len(wave)).tobytes() + np.rint(np.clip(2 * small, -127, 127)).astype(np.int8).tobytes()


def trimmed(wave: Samples) -> Samples:
    """Without the silence around it: what is 40 dB below the loudest hundredth of a second."""
    step = RATE // 100
    whole = len(wave) // step
    if not whole:
        return wave
    power = np.square(wave[: whole * step].reshape(whole, step), dtype=np.float64).mean(axis=1)
    loud = np.flatnonzero(power > 1e-4 * power.max())
    return wave[loud[0] * step : (loud[-1] + 1) * step] if len(loud) and power.max() > 0 else wave[:0]


def small_wave(source: Any, *, channel: int | None = None) -> Samples:
    """The beginning of a sound at 8 kHz; nothing where it cannot be read."""
    try:
        with opened(source) as sound:
            parts: list[Samples] = []
            for part in at_rate(sound, RATE, channel):
                parts.append(part)
                if sum(map(len, parts)) > (MOST_S + 5) * RATE:
                    break
            return np.concatenate(parts)
    except InputError:
        return np.zeros(0, np.float32)


def distances(some: Sequence[bytes], others: Sequence[bytes]) -> NDArray[np.int64]:
    """Thousandths that the pictures' correlation is below 1, (N, M); 1000 where lengths differ or one tells nothing."""
    (a, a_length), (b, b_length) = _pictures(some), _pictures(others)
    found = np.rint(1000 * (1 - a @ b.T)).astype(np.int64)
    apart = np.abs(a_length[:, None] - b_length[None]) > np.log(LENGTHS)
    return np.where(apart, 1000, np.clip(found, 0, 1000))


def _pictures(fingerprints: Sequence[bytes]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Pictures of mean 0 and length 1, and logarithms of how long the sounds are."""
    n = BANDS * TIMES
    pictures, lengths = np.zeros((len(fingerprints), n), np.float32), np.full(len(fingerprints), np.nan)
    for row, one in enumerate(fingerprints):
        if len(one) == n + 5 and one[:1] == MARK:
            picture = np.frombuffer(one, np.int8, n, 5).astype(np.float32)
            picture -= picture.mean()
            pictures[row] = picture / max(float(np.linalg.norm(picture)), 1e-9)
            lengths[row] = np.log(np.frombuffer(one, np.float32, 1, 1)[0])
    return pictures, np.nan_to_num(lengths, nan=-1e3)


class _Near:
    version = VERSION
    sure = SURE

    def fingerprints(self, inputs: Inputs, /, *, channel: int | None = None, **_: Any) -> list[bytes]:
        """Of each sound; see `fingerprint`."""
        return open_each(list(inputs), lambda row: fingerprint(small_wave(row, channel=channel)), noun="sounds")

    def pairs(self, rows: Examples, /) -> list[tuple[int, int]]:
        """Pairs that are one recording, on a second look at the likely ones: simple sounds have one picture."""
        found = sorted(self._near(rows.signatures, LIKELY), key=lambda pair: pair.apart)
        looked_at, rest = found[:MOST_LOOKS], found[MOST_LOOKS:]
        channel = rows.options.get("channel")
        seen = sorted({row for one in looked_at for row in (one.first, one.second)})
        heard = open_each([rows.inputs[row] for row in seen], lambda row: small_wave(row, channel=channel), noun=NOUN)
        waves = dict(zip(seen, heard, strict=True))
        same = [one for one in looked_at if waveforms_agree(waves[one.first], waves[one.second]) >= SAME]
        sure = [one for one in rest if 1000 * one.apart <= SURE]
        return sorted((one.first, one.second) for one in (*same, *sure))

    def candidates(self, fingerprints: Sequence[bytes], /) -> list[Candidate]:
        """Pairs to be looked at again."""
        return self._near(fingerprints, NEAREST)

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether there is more than the mark of the kind."""
        return len(fingerprint) > len(MARK)

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes], /) -> SoundPairs:
        """Pairs of two lists."""
        found: list[tuple[int, int, int]] = []
        for start in range(0, len(fingerprints), BLOCK):
            apart = distances(fingerprints[start : start + BLOCK], others)
            for first, second in np.argwhere(apart <= NEAREST).tolist():
                found.append((start + first, second, int(apart[first, second])))
        columns = np.array(found, np.int64).reshape(-1, 3)
        return SoundPairs(columns[:, 0], columns[:, 1], columns[:, 2], np.zeros(len(columns), np.int64))

    def same(self, one: Any, other: Any, /, *, turn: int = 0) -> bool:
        """Whether the waveforms agree, whatever their level, shift and sign."""
        return waveforms_agree(small_wave(one), small_wave(other)) >= SAME

    def _near(self, fingerprints: Sequence[bytes], most: int) -> list[Candidate]:
        found = self.copies(fingerprints, fingerprints)
        return [
            Candidate(first, second, distance / 1000, f"spectrograms correlate at {1 - distance / 1000:.3f}")
            for first, second, distance in zip(
                found.first.tolist(), found.second.tolist(), found.distance.tolist(), strict=True
            )
            if first < second and distance <= most
        ]


def waveforms_agree(one: Samples, other: Samples) -> float:
    """Largest correlation over all shifts, from 0 to 1.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
        >>> shifted = np.concatenate([np.zeros(500, np.float32), -noise / 3])
        >>> round(waveforms_agree(noise, shifted), 2), waveforms_agree(noise, noise[::-1].copy()) < 0.2
        (1.0, True)
    """
    one, other = trimmed(one)[: round(MOST_S * RATE)], trimmed(other)[: round(MOST_S * RATE)]
    power = float(np.square(one, dtype=np.float64).sum() * np.square(other, dtype=np.float64).sum())
    if power <= 0:
        return 0.0
    n = 1 << (len(one) + len(other) - 1).bit_length()
    product = np.fft.rfft(one.astype(np.float64), n) * np.conj(np.fft.rfft(other.astype(np.float64), n))
    return float(np.abs(np.fft.irfft(product, n)).max() / np.sqrt(power))


near = _Near()
