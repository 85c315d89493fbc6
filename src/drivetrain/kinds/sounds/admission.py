"""What may reach the decoder of a service: WAV, FLAC, OGG and MP3 of bounded size, judged by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivetrain.errors import InputError
from drivetrain.kinds.sounds.reading import opened
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import too_many_bytes

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

MPEG_LAYER_3 = 0b001
"""In the second byte of a frame of MP3, in its third and second last bits."""


@dataclass(frozen=True)
class Admitted:
    """A sound that may be decoded."""

    data: bytes
    suffix: str
    large: bool = False


BYTES_PER_SAMPLE = 10
"""While a sound is loaded: floats twice, and what is kept of them."""


def admit(data: bytes, limits: Limits, sample_rate: int) -> Admitted:
    r"""Look at the first bytes of a sound, and at how long it says it is.

    Args:
        data: The encoded sound.
        limits: What it may cost.
        sample_rate: At which it will be held.

    Raises:
        Refusal: 413 too large or too long, 415 another format, 422 empty or damaged.

    Example:
        >>> from drivetrain.serving.settings import Limits
        >>> admit(b"GIF89a", Limits(), 16_000)
        Traceback (most recent call last):
        drivetrain.runtime.refusals.Refusal: this is not a WAV, FLAC, OGG or MP3 sound
    """
    if not data:
        raise Refusal(422, "the sound is empty: there are no bytes in it")
    if len(data) > limits.picture_bytes:
        raise too_many_bytes("sound", limits.picture_bytes)
    suffix = suffix_of(data)
    if suffix is None:
        raise Refusal(415, "this is not a WAV, FLAC, OGG or MP3 sound")
    try:
        with opened(data) as sound:
            seconds = sound.n_frames / sound.facts.sample_rate
    except InputError as error:
        raise Refusal(422, str(error)) from error
    most = limits.decode_bytes / BYTES_PER_SAMPLE / sample_rate
    if seconds > most:  # a compressed hour of silence is a few kilobytes
        raise Refusal(413, f"the sound is {seconds:,.0f} seconds long; at most {most:,.0f} are taken")
    return Admitted(data, suffix)


def suffix_of(data: bytes) -> str | None:
    r"""By the first bytes, whatever the name says.

    Example:
        >>> suffix_of(b"fLaC\x00"), suffix_of(b"ID3\x04"), suffix_of(b"\xff\xfb\x90\x64"), suffix_of(b"%PDF-1.7")
        ('.flac', '.mp3', '.mp3', None)
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return ".wav"
    if data[:4] == b"fLaC":
        return ".flac"
    if data[:4] == b"OggS":
        return ".ogg"
    frame = len(data) > 1 and data[0] == 0xFF and data[1] >> 5 == 0b111 and data[1] >> 1 & 0b11 == MPEG_LAYER_3
    return ".mp3" if frame or data[:3] == b"ID3" else None
