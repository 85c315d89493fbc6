"""What a model of sounds hears, as data: the same code reads a sound for validation, test and prediction.

::

    file ── load ──▶ waveform (N,) int16 at the body's rate, its scale ── view ──▶ (W, C, M, T) float32

Legend: N samples, W windows of `clip_s` seconds, C equal channels, M mel bands, T frames.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drivetrain.errors import InputError, SettingError
from drivetrain.kinds.drawn.spec import DrawnSpec
from drivetrain.kinds.sounds.mel import FrontEnd, Samples
from drivetrain.kinds.sounds.reading import MOST_HOURS, SUFFIXES, as_array, at_rate, library, opened
from drivetrain.kinds.sounds.windows import Stretches
from drivetrain.runtime.files.below import holds_inputs, inputs_below
from drivetrain.runtime.files.zipped import in_folder
from drivetrain.runtime.spans import Span
from drivetrain.runtime.spec import Arrays, Statistic
from drivetrain.text import readable, short_reason

VERSION = 1
"""Raise it whenever `load` makes other samples of the same file: waveforms kept from before are then not used."""
SILENT = 10 ** (-100 / 20)
"""Largest sample below which a sound is silent: 100 dB below full scale, less than a bit of 16."""
FULL = 32_768
CLIPPED = 0.9999
LEAST_DB = -120.0


class SoundInput(DrawnSpec):
    """How a sound becomes what the network reads.

    Make one with `SoundInput.of`.

    Example:
        >>> from drivetrain.kinds.sounds.mel import picture_front
        >>> spec = SoundInput.of(picture_front(8000), clip_s=0.5, windows=3)
        >>> tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
        >>> loaded = spec.load((tone, 16_000))
        >>> loaded[0].shape, loaded[0].dtype, spec.view(loaded)[0].shape
        ((8000,), dtype('int16'), (3, 3, 128, 51))
    """

    kind: Literal["sounds"] = "sounds"
    front: FrontEnd
    """From a waveform to a spectrogram; belongs to the body."""
    clip_s: float = Field(gt=0, le=60)
    """Seconds of a window."""
    hop_s: float = Field(gt=0, le=60)
    """Seconds from one window to the next, where a long sound is answered with times."""
    channel: int | None = Field(default=None, ge=0, lt=64)
    """Of several channels this one is heard, counted from 0; None: the mean of all."""
    keep_silent: bool = False
    """Whether silence is a sound; else it is an error, as of a microphone that is off."""
    dtype: Literal["float32"] = "float32"  # pyright: ignore[reportIncompatibleVariableOverride] - frozen

    @model_validator(mode="after")
    def _fits(self) -> SoundInput:
        shape = (self.front.n_mels, self.front.n_frames(self.window()))
        if (self.height_px, self.width_px) != shape:
            raise ValueError(f"height_px and width_px must be those of the front end's picture, {shape}")
        if not 0 < self.hop_s <= self.clip_s:
            raise ValueError("hop_s must not be longer than clip_s: what lies between windows would not be heard")
        return self

    @classmethod
    def of(
        cls,
        front: FrontEnd,
        *,
        clip_s: float,
        hop_s: float | None = None,
        windows: int = 1,
        channels: int = 3,
        channel: int | None = None,
        keep_silent: bool = False,
    ) -> SoundInput:
        """The description for a front end, with pictures of its size.

        Args:
            front: Of the body.
            clip_s: Seconds of a window.
            hop_s: Seconds from one to the next; None: half a window.
            windows: Read of each row when it is judged.
            channels: Of the picture, all equal: 3 for a body that reads colours.
            channel: Of the sound; None: the mean of all.
            keep_silent: Whether silence is a sound.
        """
        window = round(clip_s * front.sample_rate)
        return cls(
            front=front,
            clip_s=clip_s,
            hop_s=clip_s / 2 if hop_s is None else hop_s,
            windows=windows,
            channels=channels,
            height_px=front.n_mels,
            width_px=front.n_frames(window),
            channel=channel,
            keep_silent=keep_silent,
        )

    @property
    def sample_rate(self) -> int:
        """Samples a second that are heard."""
        return self.front.sample_rate

    def window(self) -> int:
        """Samples of a window."""
        return round(self.clip_s * self.front.sample_rate)

    def length(self, loaded: Arrays, /) -> int:
        """Samples of a row."""
        return len(loaded[0])

    def draw(self, loaded: Arrays, start: int, /) -> NDArray[np.float32]:
        """(C, M, T) of the window that begins at that sample."""
        part = loaded[0][start : start + self.window()]
        return self.picture(part.astype(np.float32) * np.float32(loaded[1][0]))

    def picture(self, samples: Samples) -> NDArray[np.float32]:
        """(C, M, T) of a waveform, with silence behind it up to a window."""
        whole = np.zeros(self.window(), np.float32)
        whole[: len(samples)] = samples
        return np.repeat(self.front(whole)[None], self.channels, axis=0)

    def load(self, source: Any, /) -> Arrays:
        """(N,) int16 and (1,) float32, whose product is the waveform from -1 to 1.

        The scale is a power of two, so that samples of 16 bits at the right rate stay what they are, and those of quiet
        recordings and of floats above 1 lose nothing.

        Raises:
            InputError: It is no sound, is cut short, is silent, or too long for one row.
        """
        with opened(self.source(source)) as sound:
            hours = sound.n_frames / sound.facts.sample_rate / 3600
            if hours > MOST_HOURS:
                raise InputError(
                    f"the sound is {hours:.1f} hours long; a row has at most {MOST_HOURS}. To fix: train on labelled "
                    "spans of it, or cut it; predict answers files of any length."
                )
            parts = list(at_rate(sound, self.sample_rate, self.channel))
        peak = max((float(np.abs(part).max(initial=0.0)) for part in parts), default=0.0)
        self.require_sound(peak)
        scale = scale_for(peak)
        return np.concatenate([quantised(part, scale) for part in parts]), np.array([scale], np.float32)

    def as_kept(self, wave: Samples, peak: float) -> Samples:
        """Part of a waveform as `load` keeps it in 16 bits, where that is the largest sample of the whole."""
        scale = scale_for(peak)
        return quantised(wave, scale).astype(np.float32) * np.float32(scale)

    def require_sound(self, peak: float) -> None:
        """Raises InputError where the largest sample says that nothing is heard."""
        if peak < SILENT and not self.keep_silent:
            raise InputError(
                f"the sound is silent: {'all samples are 0' if not peak else 'it stays 100 dB below full scale'}. "
                "To fix: look at the microphone or the export; keep_silent=True takes silence for a sound."
            )

    def stretches(self, source: Any, /) -> Stretches | None:
        """A sound that is longer than a window, to be answered piece by piece and never read whole; else None.

        Raises:
            InputError: It is no sound.
        """
        with opened(source) as sound:
            seconds = sound.n_frames / sound.facts.sample_rate
        return None if seconds <= self.clip_s + 0.5 / self.sample_rate else Stretches(self, source)

    def over_time(self, loaded: Arrays, /) -> Iterator[Arrays] | None:
        """The windows that `predict` answers a sound of this length by, (1, C, M, T) each; None: `view` has all of it.

        Example:
            >>> from drivetrain.kinds.sounds.mel import picture_front
            >>> spec = SoundInput.of(picture_front(8000), clip_s=0.5, windows=3)
            >>> tone = np.sin(np.arange(20_000) / 5).astype(np.float32)
            >>> [None if parts is None else len(list(parts))
            ...  for parts in (spec.over_time(spec.load((tone[:n], 8000))) for n in (12_000, 12_001, 20_000))]
            [None, 6, 9]
        """
        length = self.length(loaded)
        if self.covers(length):
            return None
        return ((self.draw(loaded, start)[None],) for start in self.starts_over_time(length))

    def covers(self, length: int) -> bool:
        """Whether the view of a row of so many samples leaves nothing of it out."""
        return length <= self.windows * self.window()

    def starts_over_time(self, length: int) -> list[int]:
        """Where the windows of a long sound begin, `hop_s` apart, in samples; the last one ends with the sound."""
        hop, last = max(1, round(self.hop_s * self.sample_rate)), max(length - self.window(), 0)
        return [*range(0, last, hop), last]

    def cache_key(self) -> str:
        """All that `load` depends on besides the file."""
        said = {
            "version": VERSION,
            "kind": self.kind,
            "sample_rate": self.sample_rate,
            "channel": self.channel,
            "keep_silent": self.keep_silent,
            "libsndfile": library().__libsndfile_version__,
        }
        return json.dumps(said, sort_keys=True)

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """A WAV file of floats, which `load` reads back exactly."""
        wave = loaded[0].astype(np.float32) * np.float32(loaded[1][0])
        return wav_of(wave, self.sample_rate), ".wav"

    def statistics(self, loaded: Arrays, /) -> Mapping[str, Statistic]:
        """`sound_statistics` of a waveform."""
        return sound_statistics(loaded[0].astype(np.float32) * np.float32(loaded[1][0]), self.sample_rate)

    def source(self, given: Any, /) -> Any:
        """One sound in a form that stays what it is; raises InputError."""
        if isinstance(given, Span):
            place = in_folder(given.path)
            return given if place is None else Span(place, given.start, given.end)
        if isinstance(given, str | os.PathLike):
            path = cast("str | os.PathLike[str]", given)
            return in_folder(path) or path
        if not callable(getattr(given, "read", None)):
            return given
        try:
            return given.read()
        except Exception as error:  # a file opened for writing, a connection that broke
            raise InputError(
                f"an open file cannot be read: {short_reason(error)}. To fix: pass a file opened with 'rb', or its "
                "bytes."
            ) from error

    def is_table(self, given: Any, /) -> bool:
        """Whether something is several sounds: a list of (samples, sample rate) is, which looks like numbers."""
        return isinstance(given, list) and any(isinstance(one, tuple) for one in cast("list[Any]", given))

    def sources(self, given: Any, /) -> Iterator[Any]:
        """Many sounds one by one: all below a folder or in a tar file, or what a list holds; raises SettingError."""
        if isinstance(given, str | os.PathLike) and not isinstance(given, Span):
            path = cast("str | os.PathLike[str]", given)
            folder = Path(in_folder(path) or path)
            if not holds_inputs(folder):
                return iter([given])
            found = inputs_below(folder, _sounds_below, lambda name: name.endswith(tuple(SUFFIXES)))
            if not found:
                raise SettingError(f"{readable(folder)} holds no sounds ({', '.join(sorted(SUFFIXES))}).")
            return iter(found)
        if isinstance(given, bytes | bytearray | Span) or callable(getattr(given, "read", None)) or _is_sound(given):
            return iter([given])
        try:
            return iter(given)
        except TypeError:
            raise SettingError(
                f"{type(given).__name__} holds no sounds; expected a folder, or a list of paths, of bytes or of "
                "(samples, sample rate). To fix: pass one of these."
            ) from None

    def made_up(self, n: int, /) -> list[Arrays]:
        """Noise that swells, of one window."""
        rng = np.random.default_rng(0)
        swell = np.linspace(0, 16_000, self.window())
        scale = np.array([1 / FULL], np.float32)
        return [((rng.uniform(-1, 1, self.window()) * swell).astype(np.int16), scale) for _ in range(n)]


Spec = SoundInput
"""By this name `drivetrain.runtime.spec.read_spec` finds it."""


def _sounds_below(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file()]


def _is_sound(given: Any) -> bool:
    try:
        return as_array(given) is not None
    except InputError:
        return False


def scale_for(peak: float) -> float:
    """The power of two that 16 bits are counted in, so that the largest sample fits.

    Example:
        >>> [scale_for(peak) * 32_768 for peak in (1.0, 0.6, 0.5, 3.0, 0.0)]
        [1.0, 1.0, 0.5, 4.0, 1.0]
    """
    return math.ldexp(1.0, math.ceil(math.log2(peak)) - 15) if peak > 0 else 1 / FULL


def quantised(wave: Samples, scale: float) -> NDArray[np.int16]:
    """In units of `scale`."""
    return np.clip(np.rint(wave * np.float32(1 / scale)), -FULL, FULL - 1).astype(np.int16)


def wav_of(wave: Samples, sample_rate: int) -> bytes:
    """A WAV file of one channel of 32-bit floats.

    Example:
        >>> len(wav_of(np.zeros(10, np.float32), 8000))
        84
    """
    data = wave.astype("<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, sample_rate, 4 * sample_rate, 4, 32)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


def sound_statistics(wave: Samples, sample_rate: int) -> dict[str, float]:
    """A few plain numbers of a sound that change when microphones, rooms or habits do; name → finite value.

    ========== ==================================================================================
    seconds    how long it is
    level      root of the mean square, dB below full scale, at least -120
    peak       largest sample, dB
    clipped    share of samples at the largest one, where these are many
    quiet      share of tenths of a second that are 40 dB below the loudest one
    crossings  changes of sign a second, in Hz: half of it is the pitch of a pure tone
    ========== ==================================================================================

    Example:
        >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
        >>> {name: round(value) for name, value in sound_statistics(tone, 8000).items()}
        {'seconds': 1, 'level': -3, 'peak': 0, 'clipped': 0, 'quiet': 0, 'crossings': 879}
    """
    if not len(wave):
        return {"seconds": 0.0, "level": LEAST_DB, "peak": LEAST_DB, "clipped": 0.0, "quiet": 1.0, "crossings": 0.0}
    square = np.square(wave, dtype=np.float64)
    peak = float(np.abs(wave).max())
    tenth = max(1, sample_rate // 10)
    tenths = np.add.reduceat(square, np.arange(0, len(square), tenth))
    return {
        "seconds": len(wave) / sample_rate,
        "level": decibel(float(square.mean())),
        "peak": decibel(peak**2),
        "clipped": clipped_share(wave),
        "quiet": float((tenths < 1e-4 * max(float(tenths.max()), 1e-30)).mean()),
        "crossings": float((np.signbit(wave[1:]) != np.signbit(wave[:-1])).sum() * sample_rate / len(wave)),
    }


def clipped_share(wave: Samples) -> float:
    """Share of samples in runs of at least three at the largest or smallest value: what was louder was cut off.

    Example:
        >>> tone = np.sin(np.arange(1000) / 9).astype(np.float32)
        >>> round(clipped_share(np.clip(2 * tone, -1, 1)), 1), clipped_share(tone)
        (0.7, 0.0)
    """
    peak = float(np.abs(wave).max(initial=0.0))
    if len(wave) < 3 or peak <= 0.1:
        return 0.0
    at_peak = np.abs(wave) >= CLIPPED * peak
    run = at_peak[:-2] & at_peak[1:-1] & at_peak[2:]
    inside = np.zeros(len(wave), np.bool_)
    for shift in range(3):
        inside[shift : shift + len(run)] |= run
    return float(inside.mean())


def decibel(power: float) -> float:
    """Of a power, at least -120."""
    return max(LEAST_DB, 10 * math.log10(power)) if power > 0 else LEAST_DB


def stacked_waves(loaded: Sequence[Arrays]) -> list[Samples]:
    """The waveforms of a batch, from -1 to 1."""
    return [samples.astype(np.float32) * np.float32(scale[0]) for samples, scale in loaded]
