"""What a page shows of a sound: its spectrogram, and a player; both travel inside the page."""

from __future__ import annotations

import base64
import io
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.kinds.sounds.mel import picture_front
from drivetrain.kinds.sounds.reading import at_rate, opened
from drivetrain.pages.html import Html, tag
from drivetrain.runtime.spans import Span
from drivetrain.runtime.spec import Arrays

FROM_SOURCE = True
"""Pages draw a row from its file, which can be played; what a network sees is drawn where training views are."""
SIDE_PX = 192
"""Width of a spectrogram."""
SHAPE = 0.5
"""Height over width."""
MOST_PLAYED_S = 10.0
"""Of a longer sound the middle is shown and played."""
PLAYED_HZ = 32_000
"""More than this takes room in a page and tells little."""
MOST_WAV_BYTES = 60_000
"""A sound that needs more is coded as MP3, where libsndfile can."""
COLOURS = np.array(
    [[7, 9, 26], [54, 18, 92], [134, 38, 110], [212, 72, 84], [250, 140, 60], [252, 232, 160]], np.float64
)
"""From quiet to loud; each is lighter than the one before."""


def show(loaded: Arrays, /, *, alt: str = "", side_px: int = SIDE_PX) -> Html:
    """What the network sees of a sound: an ``img`` element with the spectrogram of its first window.

    Args:
        loaded: One array, (windows, C, bands, frames) or (C, bands, frames).
        alt: What stands for it where it cannot be seen.
        side_px: Of its longest side.

    Raises:
        DataError: The array is no spectrogram.
    """
    array = np.asarray(loaded[0])
    if array.ndim not in (3, 4) or not array.size:
        raise DataError(
            f"an array of shape {array.shape} is no spectrogram: (windows, C, bands, frames) is expected. "
            "To fix: give what the description draws."
        )
    return _picture((array[0] if array.ndim == 4 else array)[0], alt, side_px)


def show_source(source: Any, /, *, alt: str = "", side_px: int = SIDE_PX, channel: int | None = None, **_: Any) -> Html:
    """The spectrogram of a sound, and what plays it.

    Args:
        source: A path, a span of a file, bytes, or samples.
        alt: As for `show`.
        side_px: As for `show`.
        channel: Which is read, from 0; None: the mean of all.

    Raises:
        InputError: It cannot be read.
    """
    samples, rate = heard(source, channel)
    level = picture_front(rate).bands(samples)
    return Html(_picture(level, alt, side_px) + player(samples, rate))


AS_PICTURE = (
    "of each sound the window in its middle is looked at ({clip_s:g} s), as the spectrogram that the network reads: "
    "time from left to right, low pitches at the bottom, the loudest brightest; projections and maps lie likewise"
)
"""What a look inside says of its pictures, filled in from the description."""


def as_picture(window: NDArray[Any]) -> NDArray[np.uint8]:
    """(C, bands, frames) of one window → (bands, frames, 3), the first line the lowest band.

    Example:
        >>> as_picture(np.linspace(0, 1, 6).reshape(1, 2, 3)).shape
        (2, 3, 3)
    """
    level = window[0].astype(np.float64)
    lowest, highest = float(level.min()), float(level.max())
    share = (level - lowest) / max(highest - lowest, 1e-9)
    return _palette()[(255 * share).round().astype(np.uint8)]


def window_player(spec: Any, loaded: Arrays, start: int) -> Html:
    """What plays the window that begins at that sample."""
    samples = loaded[0][start : start + spec.window()].astype(np.float32) * np.float32(loaded[1][0])
    return player(samples, spec.sample_rate)


def heard(source: Any, channel: int | None = None) -> tuple[NDArray[np.float32], int]:
    """What of a sound is shown and played, (N,) from -1 to 1, and its rate; the middle of a long file.

    Raises:
        InputError: It cannot be read.
    """
    with opened(source) as sound:
        seconds, rate = sound.n_frames / sound.facts.sample_rate, sound.facts.sample_rate
    if seconds > MOST_PLAYED_S and isinstance(source, str | os.PathLike):
        span = source if isinstance(source, Span) else Span(Path(source))
        start = (span.start or 0.0) + (seconds - MOST_PLAYED_S) / 2
        source = Span(span.path, start, start + MOST_PLAYED_S)
    rate = min(rate, PLAYED_HZ)
    with opened(source) as sound:
        return np.concatenate(list(at_rate(sound, rate, channel))), rate


def player(samples: NDArray[np.float32], rate: int) -> Html:
    """An ``audio`` element that holds the sound.

    Example:
        >>> player(np.zeros(8, np.float32), 8000)[:50]
        '<audio controls preload="none" src="data:audio/wav'
    """
    data, media = encoded(samples, rate)
    return tag("audio", controls=True, preload="none", src=f"data:{media};base64,{base64.b64encode(data).decode()}")


def encoded(samples: NDArray[np.float32], rate: int) -> tuple[bytes, str]:
    """A sound as a file that browsers play, and its media type: WAV of 16 bits; MP3 of a long one."""
    stream = io.BytesIO()
    if 2 * len(samples) > MOST_WAV_BYTES:
        try:
            import soundfile  # noqa: PLC0415 - of the extra `sound`

            soundfile.write(stream, samples, rate, format="MP3")
            return stream.getvalue(), "audio/mpeg"
        except (ImportError, OSError, ValueError, RuntimeError):  # a libsndfile without MP3, a rate that it lacks
            stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return stream.getvalue(), "audio/wav"


def _picture(level: NDArray[Any], alt: str, side_px: int) -> Html:
    """(bands, frames) of any unit as a PNG, the loudest brightest, low frequencies at the bottom."""
    width, height = side_px, round(side_px * SHAPE)
    lowest, highest = float(level.min()), float(level.max())
    share = (level[::-1].astype(np.float64) - lowest) / max(highest - lowest, 1e-9)
    grey = Image.fromarray((share * 255).round().astype(np.uint8)).resize((width, height), Image.Resampling.BOX)
    stream = io.BytesIO()
    palette = grey.convert("P")
    palette.putpalette(_palette().tobytes())
    palette.save(stream, "PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode()
    return tag(
        "img",
        src=f"data:image/png;base64,{data}",
        alt=alt,
        width=width,
        height=height,
        class_="sound",
        decoding="async",
    )


def _palette() -> NDArray[np.uint8]:
    """(256, 3)."""
    at = np.linspace(0, len(COLOURS) - 1, 256)
    return (
        np.stack([np.interp(at, np.arange(len(COLOURS)), colour) for colour in COLOURS.T], 1).round().astype(np.uint8)
    )
