"""What may reach the decoder: JPEG, PNG and WebP of bounded size, judged by their first bytes and their headers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

from drivetrain.runtime.pictures.faults import UnreadableError, faults_explained, pillow_is_quiet
from drivetrain.runtime.pictures.read import jpeg_shrink, lies_sideways
from drivetrain.runtime.pictures.work import Work, check_headers, work_of
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import too_many_bytes

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

Format = Literal["JPEG", "PNG", "WEBP"]
SUFFIXES: dict[Format, str] = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
MOST_EMBEDDED = 16
"""Pictures in one JPEG file: telephones add previews and depth maps, of which none is decoded."""

HEAVY_S, HEAVY_BYTES = 0.25, 80_000_000
"""Estimated: what is more than this counts as large, however few pixels it has."""


@dataclass(frozen=True)
class Admitted:
    """A picture that may be decoded."""

    data: bytes
    format: Format
    width: int
    height: int
    large: bool
    """Decoded in a process of its own, one at a time."""
    sideways: bool = False
    """Width and height change places when it is brought upright."""

    @property
    def suffix(self) -> str:
        """Of a file that holds it."""
        return SUFFIXES[self.format]

    @property
    def upright(self) -> tuple[int, int]:
        """(height, width) of the picture as it is seen."""
        return (self.width, self.height) if self.sideways else (self.height, self.width)


def admit(data: bytes, limits: Limits, shrink_to_px: int | None = None) -> Admitted:
    r"""Look at a picture's header.

    Args:
        data: The encoded picture.
        limits: What it may cost.
        shrink_to_px: The short side wanted later: large JPEGs are decoded to fewer pixels, which takes less memory.

    Raises:
        Refusal: 413 too large, 415 another format or an animation, 422 damaged.

    Example:
        >>> from drivetrain.serving.settings import Limits
        >>> admit(b"GIF89a", Limits())
        Traceback (most recent call last):
        drivetrain.runtime.refusals.Refusal: this is not a JPEG, PNG or WebP picture
    """
    if not data:
        raise Refusal(422, "the picture is empty: there are no bytes in it")
    if len(data) > limits.picture_bytes:
        raise too_many_bytes("picture", limits.picture_bytes)
    kind = format_of(data)
    if kind is None:
        raise Refusal(415, "this is not a JPEG, PNG or WebP picture")
    width, height, sideways, frames, work = _opened(data, kind, limits, shrink_to_px)
    _check_pixels(kind, width, height, limits)
    if frames > (MOST_EMBEDDED if kind == "JPEG" else 1):
        raise Refusal(415, f"this is an animation of {frames} frames; send one picture")
    _check_work(work, limits)
    heavy = work.seconds > HEAVY_S or work.bytes > HEAVY_BYTES
    large = heavy or width * height > limits.large_pixels
    return Admitted(data, kind, width, height, large, sideways)


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


def _opened(data: bytes, kind: Format, limits: Limits, shrink_to_px: int | None) -> tuple[int, int, bool, int, Work]:
    """Width, height, whether these change places, number of frames, and what decoding costs; no pixel is decoded."""
    formats = (kind, "MPO") if kind == "JPEG" else (kind,)
    try:
        with pillow_is_quiet(), faults_explained(data):
            scans = check_headers(data, limits.jpeg_pixels if kind == "JPEG" else limits.other_pixels)
            with Image.open(io.BytesIO(data), formats=formats) as image:
                work = work_of(image, data, scans, shrink=jpeg_shrink(image, shrink_to_px))
                frames = int(getattr(image, "n_frames", 1))
                return image.width, image.height, lies_sideways(image), frames, work
    except UnreadableError as fault:
        status = 413 if str(fault).startswith("too m") else 422
        raise Refusal(status, f"the picture cannot be read: {fault}") from fault


def _check_pixels(kind: Format, width: int, height: int, limits: Limits) -> None:
    most = limits.jpeg_pixels if kind == "JPEG" else limits.other_pixels
    if width * height > most:
        raise Refusal(413, f"the picture has {width} × {height} pixels; at most {most:,} are taken of {kind}")


def _check_work(work: Work, limits: Limits) -> None:
    try:
        work.check(Work(limits.decode_s, limits.decode_bytes))
    except UnreadableError as fault:
        raise Refusal(413, f"the picture is not decoded: {fault}; send a smaller or simpler one") from fault
