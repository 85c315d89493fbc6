"""What may reach the decoder: JPEG, PNG and WebP of bounded size, judged by their first bytes and their headers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from drivetrain.runtime.picture_faults import UnreadableError, faults_explained, pillow_is_quiet
from drivetrain.serving.refusals import Refusal
from drivetrain.serving.settings import Limits

Format = Literal["JPEG", "PNG", "WEBP"]
SUFFIXES: dict[Format, str] = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
MOST_EMBEDDED = 16
"""Pictures in one JPEG file: telephones add previews and depth maps, of which none is decoded."""


@dataclass(frozen=True)
class Admitted:
    """A picture that may be decoded."""

    data: bytes
    format: Format
    width: int
    height: int
    large: bool
    """Decoded only while no other large one is."""


def admit(data: bytes, limits: Limits) -> Admitted:
    r"""Look at a picture's header.

    Raises:
        Refusal: 413 too large, 415 another format or an animation, 422 damaged.

    Example:
        >>> admit(b"GIF89a", Limits())
        Traceback (most recent call last):
        drivetrain.serving.refusals.Refusal: this is not a JPEG, PNG or WebP picture
    """
    if not data:
        raise Refusal(422, "the picture is empty: there are no bytes in it")
    if len(data) > limits.picture_bytes:
        raise too_many_bytes(limits)
    kind = format_of(data)
    if kind is None:
        raise Refusal(415, "this is not a JPEG, PNG or WebP picture")
    if kind == "WEBP":  # Pillow would make room for the whole canvas before it says how large it is
        _check_pixels(kind, *_webp_size(data), limits)
    width, height, frames = _opened(data, kind)
    _check_pixels(kind, width, height, limits)
    if frames > (MOST_EMBEDDED if kind == "JPEG" else 1):
        raise Refusal(415, f"this is an animation of {frames} frames; send one picture")
    return Admitted(data, kind, width, height, width * height > limits.large_pixels)


def too_many_bytes(limits: Limits) -> Refusal:
    """413 for one picture."""
    return Refusal(413, f"the picture has more than {limits.picture_bytes:,} bytes")


def format_of(data: bytes) -> Format | None:
    r"""By the first bytes, whatever the name says.

    Example:
        >>> format_of(b"\xff\xd8\xff\xe0"), format_of(b"%PDF-1.7")
        ('JPEG', None)
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _opened(data: bytes, kind: Format) -> tuple[int, int, int]:
    """Width, height and number of frames; no pixel is decoded."""
    formats = (kind, "MPO") if kind == "JPEG" else (kind,)
    try:
        with pillow_is_quiet(), faults_explained(data), Image.open(io.BytesIO(data), formats=formats) as image:
            return image.width, image.height, int(getattr(image, "n_frames", 1))
    except UnreadableError as fault:
        status = 413 if str(fault).startswith("too many pixels") else 422
        raise Refusal(status, f"the picture cannot be read: {fault}") from fault


def _check_pixels(kind: Format, width: int, height: int, limits: Limits) -> None:
    most = limits.jpeg_pixels if kind == "JPEG" else limits.other_pixels
    if width * height > most:
        raise Refusal(413, f"the picture has {width} × {height} pixels; at most {most:,} are taken of {kind}")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that the first chunk claims (RFC 9649, sections 2.5 to 2.7)."""
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and len(data) >= 30:
        width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        return width & 0x3FFF, height & 0x3FFF
    raise Refusal(422, "the picture cannot be read: truncated or damaged WebP")
