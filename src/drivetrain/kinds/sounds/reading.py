"""Sounds decoded: from a file, its bytes, a part of it, or an array with its sample rate, to one channel."""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import InputError, MissingExtraError
from drivetrain.kinds.sounds.announced import LENGTH_SAID, SIZES_IN_HEADER, cut_short, kind_of_content, samples_of_mp3
from drivetrain.kinds.sounds.mel import Samples
from drivetrain.kinds.sounds.resampling import resampled
from drivetrain.runtime.files.members import opened as opened_file
from drivetrain.runtime.spans import Span, short
from drivetrain.text import readable, short_reason

SUFFIXES = frozenset(
    (
        *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd"),
        *(".caf", ".w64", ".rf64"),
        *(".m4a", ".aac", ".wma"),  # cannot be read, and are taken so that they are reported rather than overlooked
    )
)
"""What a folder scan takes, in lower case."""
LEAST_RATE, MOST_RATE = 1000, 384_000
MOST_CHANNELS = 64
MOST_HOURS = 4
"""Of a sound that is held in memory at once."""
FRAMES = 1 << 16
"""Decoded at a time."""
LAST_PAGE = 255 * 4096
"""Samples of a page of Ogg at most: 255 packets of Vorbis. After a seek into the last page, libsndfile 1.2 reads other
samples than are there."""
MP3_EDGE = 4 * 1152
"""Samples that decoders may leave out around an MP3."""
MOST_SAMPLE = 1e10
"""Integers of 32 bits that were never scaled are below."""
CANCELS = 1e-3
"""Channels cancel each other where their mean has less than this share of the loudest one's power."""
FIX = "To fix: give a sound file (WAV, FLAC, OGG, MP3), its bytes, or (samples, sample rate)."

Source = Any
"""A path or `drivetrain.Span`, the bytes of a file, or (samples, sample rate)."""


@dataclass(frozen=True)
class SoundFacts:
    """What a file says of itself."""

    sample_rate: int
    channels: int
    n_frames: int
    """Samples per channel, as announced; of a span, those of the whole file."""
    container: str
    """ "WAV", "FLAC", "OGG", "MP3", …"""
    codec: str
    """ "PCM_16", "FLOAT", "VORBIS", …"""


class Opened:
    """A sound that can be read block by block.

    Args:
        facts: What it says of itself.
        blocks: Frames of the span, (n, channels) float32.
        n_frames: How many these are.
        first: How many of the file lie before them.
    """

    def __init__(self, facts: SoundFacts, blocks: Iterator[Samples], *, n_frames: int, first: int = 0) -> None:
        self.facts = facts
        self.n_frames = n_frames
        """Of the span."""
        self.begin_s = first / facts.sample_rate
        """Where in the file the span begins, seconds."""
        self._blocks = blocks

    def mono(self, channel: int | None) -> Iterator[Samples]:
        """One channel: the mean of all, or the one that is asked for, counted from 0. Raises InputError."""
        if channel is not None and channel >= self.facts.channels:
            raise InputError(
                f"the sound has {self.facts.channels} channels, and channel {channel} (counted from 0) was asked for. "
                "To fix: pass channel=None for the mean of all."
            )
        mixed, power, each = 0.0, 0.0, np.zeros(self.facts.channels)
        for block in self._blocks:
            largest = float(np.abs(block).max(initial=0.0))
            if not largest <= MOST_SAMPLE:  # also where it is not a number
                what = f"samples up to {largest:.0e}" if np.isfinite(largest) else "samples that are not finite"
                raise InputError(f"not a sound: {what}; expected values from -1 to 1. {FIX}")
            one = block[:, channel] if channel is not None else block.mean(axis=1, dtype=np.float32)
            if self.facts.channels > 1 and channel is None:
                each += np.square(block, dtype=np.float64).sum(axis=0)
                mixed += float(np.square(one, dtype=np.float64).sum())
            yield np.ascontiguousarray(one)
        power = float(each.max(initial=0.0))
        if power and mixed < CANCELS * power:
            raise InputError(
                f"the {self.facts.channels} channels cancel each other: their mean is "
                f"{'silent' if not mixed else 'far below each of them'}. To fix: pass channel=0, the first, or another."
            )


def library() -> ModuleType:
    """The module soundfile.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import soundfile  # noqa: PLC0415 - an extra, and half of the time that an import takes
    except (ImportError, OSError) as error:  # OSError: there is no libsndfile for this system
        raise MissingExtraError(
            f"sounds are read by soundfile, which cannot be used here ({short_reason(error)}). "
            "To fix: pip install 'drivetrain[sound]'"
        ) from error
    return soundfile


@contextmanager
def opened(source: Source) -> Generator[Opened]:
    """A sound, to be read in blocks.

    Raises:
        InputError: It is no sound, is empty, is cut short, or its span lies outside; some faults are found by reading.
        MissingExtraError: soundfile is not installed.
    """
    given = as_array(source)
    if given is not None:
        samples, rate = given
        facts = SoundFacts(rate, samples.shape[1], len(samples), "array", str(samples.dtype))
        yield Opened(facts, iter([samples]), n_frames=len(samples))
        return
    span = source if isinstance(source, Span) else None
    content, name, head, size = _content(source)
    what = kind_of_content(head)
    if what is not None:
        raise InputError(f"not a sound that can be read: {what}. {FIX}")
    try:
        file = library().SoundFile(content)
    except MissingExtraError:
        raise
    except Exception as error:
        raise InputError(f"not a sound that can be read{name}: {_reason(error)}. {FIX}") from error
    with file:
        facts = SoundFacts(file.samplerate, file.channels, file.frames, file.format, file.subtype)
        _check(facts, head, size, name)
        if facts.container == "MP3" and not any(mark in head for mark in LENGTH_SAID):
            _check_length(facts, content, name)
        first, last = _frames_of(span, facts)
        yield Opened(facts, _decoded(file, first, last, name), n_frames=last - first, first=first)


def _content(source: Source) -> tuple[Any, str, bytes, int]:
    """What soundfile opens, the name for messages, the first bytes, and how many there are in all."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        if not data:
            raise InputError(f"not a sound: there are no bytes. {FIX}")
        return io.BytesIO(data), "", data[:SIZES_IN_HEADER], len(data)
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"not a sound: {type(source).__name__}. {FIX}")
    path = Path(os.fsdecode(cast("str | os.PathLike[str]", source)))
    try:
        if path.is_dir():
            raise InputError(f"{readable(path)} is a folder. {FIX}")
        with opened_file(path) as file:
            head = file.read(SIZES_IN_HEADER)
            size = file.seek(0, os.SEEK_END)
            inside = io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else None
    except (OSError, ValueError) as error:
        raise InputError(f"{readable(path)} cannot be read ({short_reason(error)}). {FIX}") from error
    if not size:
        raise InputError(f"{readable(path)}: file is empty. {FIX}")
    return inside or os.fspath(path), f" ({readable(path.name)})", head, size


def _check(facts: SoundFacts, head: bytes, size: int, name: str) -> None:
    if not facts.n_frames:
        raise InputError(f"the sound{name} is empty: it holds no samples. To fix: leave it out, or get it again.")
    if not LEAST_RATE <= facts.sample_rate <= MOST_RATE:
        raise InputError(
            f"the sound{name} says {facts.sample_rate:,} samples a second; expected {LEAST_RATE:,} to {MOST_RATE:,}. "
            "To fix: mend its header, or leave it out."
        )
    if facts.channels > MOST_CHANNELS:
        raise InputError(
            f"the sound{name} has {facts.channels} channels; expected at most {MOST_CHANNELS}. "
            "To fix: write the channels that matter into a file of their own."
        )
    if said := cut_short(head, size):
        raise InputError(f"the sound{name} is cut short: {said}. To fix: get the file again, or leave it out.")


def _check_length(facts: SoundFacts, content: str | io.BytesIO, name: str) -> None:
    """Libsndfile reads no more of an MP3 than it guesses, which is too little where the bit rate varies."""
    there = samples_of_mp3(content.getvalue() if isinstance(content, io.BytesIO) else Path(content).read_bytes())
    if there > max(1.01 * facts.n_frames, facts.n_frames + MP3_EDGE):
        raise InputError(
            f"the sound{name} does not say how long it is, and only {facts.n_frames / facts.sample_rate:.2f} of its "
            f"{there / facts.sample_rate:.2f} seconds would be read: its bit rate varies, and its beginning is "
            "missing. To fix: write it anew, such as ffmpeg -i sound.mp3 sound.flac."
        )


def _frames_of(span: Span | None, facts: SoundFacts) -> tuple[int, int]:
    """The first frame of a span, and the one behind its last."""
    if span is None or span.is_whole:
        return 0, facts.n_frames
    start, end = span.start or 0.0, span.end
    length = facts.n_frames / facts.sample_rate
    first = round(start * facts.sample_rate) if 0 <= start < length else facts.n_frames  # also where it is no number
    last = round(end * facts.sample_rate) if end is not None and end < length else facts.n_frames
    if end != end or first >= facts.n_frames or last <= first:  # noqa: PLR0124 - not a number
        raise InputError(
            f"the span {short(span.start or 0.0)}–{short(span.end)} s lies outside of the sound, which is "
            f"{length:.2f} s long. To fix: give times in seconds within it."
        )
    return first, last


def _decoded(file: Any, first: int, last: int, name: str) -> Iterator[Samples]:
    missing = last - first
    try:
        at = max(0, min(first, file.frames - LAST_PAGE)) if file.format == "OGG" else first
        if at:
            file.seek(at)
        while at < first and (n := len(file.read(min(FRAMES, first - at), dtype="float32"))):
            at += n
        while missing:
            block: Samples = file.read(min(FRAMES, missing), dtype="float32", always_2d=True)
            if not len(block):
                break
            missing -= len(block)
            yield block
    except Exception as error:
        raise InputError(
            f"the sound{name} cannot be decoded: {_reason(error)}. To fix: get the file again, or leave it out."
        ) from error
    if missing:
        there = last - missing
        raise InputError(
            f"the sound{name} is cut short: it says {last:,} samples, and {there:,} are there. "
            "To fix: get the file again, or leave it out."
        )


def _reason(error: Exception) -> str:
    """Libsndfile's words, without the path or the address of an object in memory that stand before them."""
    said = str(getattr(error, "error_string", None) or error)
    return short_reason(ValueError(said.rpartition(": ")[2] if "Error opening" in said else said))


def as_array(source: Source) -> tuple[Samples, int] | None:
    """Samples (N, C) float32 and their rate, where a sound is given as an array; None where it is something else.

    Integers count as shares of the largest: int16 of 32,768. Of two sides the shorter one is channels.

    Raises:
        InputError: It is an array without a rate, or no array of samples.

    Example:
        >>> samples, rate = as_array((np.array([0, 16_384], np.int16), 8000))
        >>> samples.tolist(), rate
        ([[0.0], [0.5]], 8000)
    """
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or callable(
        getattr(source, "read", None)
    ):
        return None
    both = cast("Sequence[Any]", source) if isinstance(source, tuple | list) else ()
    if len(both) != 2 or sum(_is_rate(one) for one in both) != 1:
        if source is not None and (isinstance(source, list | tuple) or hasattr(source, "shape")):
            raise InputError(
                "samples without their sample rate can be a sound of any pitch. To fix: pass (samples, sample rate), "
                "such as soundfile.read and librosa.load give."
            )
        return None
    given, rate = both if _is_rate(both[1]) else (both[1], both[0])
    return _samples(given), int(rate)


def _is_rate(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | np.integer) or (isinstance(value, float) and value.is_integer())


def _samples(given: Any) -> Samples:
    for step in ("detach", "cpu"):  # a tensor
        given = getattr(given, step)() if hasattr(given, step) else given
    try:
        found: NDArray[Any] = np.asarray(given)
    except Exception as error:  # lists of different lengths, what offers itself as an array and fails
        raise InputError(f"not a sound: {short_reason(error)}. {FIX}") from error
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or not found.size:
        raise InputError(f"not a sound: an array of shape {found.shape}; expected (samples,) or (samples, channels).")
    if found.shape[0] < found.shape[1]:
        found = found.T
    if found.shape[1] > MOST_CHANNELS:
        raise InputError(f"not a sound: {found.shape[1]} channels; expected at most {MOST_CHANNELS}. {FIX}")
    if found.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return found.astype(np.float32)
    if str(found.dtype) == "uint8":
        return ((found.astype(np.float32) - 128) / 128).astype(np.float32)
    if str(found.dtype) in ("int16", "int32"):
        return (found / -float(np.iinfo(found.dtype).min)).astype(np.float32)
    raise InputError(f"not a sound: samples of type {found.dtype}; expected floats from -1 to 1, int16 or int32. {FIX}")


def at_rate(sound: Opened, sample_rate: int, channel: int | None) -> Iterator[Samples]:
    """One channel at another sample rate, in blocks. Raises InputError."""
    return resampled(sound.mono(channel), sound.facts.sample_rate, sample_rate)
