"""One picture, from wherever it comes, as an array of bytes: the only place where drivetrain decodes pictures.

Checking, training, evaluation and prediction all read through here, so they see the same pixels. Nothing but
numpy and Pillow is needed. Legend: H rows, W columns, C channels.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from drivetrain.errors import PictureError
from drivetrain.runtime.files.formats import readable_formats
from drivetrain.runtime.files.members import bytes_of, status_of
from drivetrain.runtime.files.odd_paths import mend
from drivetrain.runtime.files.own_output import is_own_figure
from drivetrain.runtime.files.sniffing import HEIC, UNREAD, why_not_read
from drivetrain.runtime.pictures.faults import UnreadableError, faults_explained, pillow_is_quiet
from drivetrain.runtime.pictures.intake import PictureSource, picture_source
from drivetrain.runtime.pictures.signatures import GRID_PX, signatures_of
from drivetrain.runtime.pictures.wide import (
    ValueRange,
    is_wide_colour,
    joined_colours,
    lower_bytes,
    to_bytes,
    values_in,
    values_of,
)
from drivetrain.runtime.pictures.work import MOST, check_directory, check_headers, work_of
from drivetrain.runtime.trust.system_limits import patiently
from drivetrain.settings import whole
from drivetrain.text import readable, short_reason

LONGEST_NAME = 1024
"""Letters of a path that a message repeats."""
MAX_PIXELS = 80_000_000
STRIP_PIXELS = 2**20
"""Pixels that are converted at once: whole copies of a large picture would take several times its memory."""
SHRINK_FACTORS = (8, 4, 2)
"""What a JPEG decoder can divide height and width by without decoding every pixel."""

FLAT = 2
"""Levels of 256 by which the pixels of one colour differ at most."""
DARKEST = 16
"""Of 256: below this a picture looks black."""
MOST_FRAMES = 100
"""Frames that are looked through for one that is not blank; all together have no more than `max_pixels`."""

OPAQUE = 255
WHITE = (255, 255, 255, 255)
NUMPY_MAGIC = b"\x93NUMPY"
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what brings the picture upright."""
SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True)
class Probe:
    """What a trial reading of one file found; height and width are of the full upright picture."""

    digest: str = ""
    height: int = 0
    width: int = 0
    problem: str | None = None
    """None for a good picture, else a short reason without the file's name."""
    signature: bytes = b""
    """What the picture looks like, see `drivetrain.runtime.pictures.signatures`; b"" where it cannot be read."""
    values: ValueRange | None = None
    """Smallest and largest value, where the file has more than 8 bits per value."""
    brightest: int = 255
    """Largest value of what came out, seen small."""
    flat: str = ""
    """Why the picture is one colour, as far as that is known; empty where it is not."""
    frame: int = 0
    """Which picture of the file was read: the first that is not blank."""


class Decoded(NamedTuple):
    """A picture, and what was noticed while it was decoded."""

    pixels: NDArray[np.uint8]
    """(H, W, channels)"""
    size: tuple[int, int]
    """Height and width before shrinking, upright."""
    values: ValueRange | None = None
    alpha: tuple[int, int] = (OPAQUE, OPAQUE)
    """The least and the most opaque pixel; what is transparent came out white."""
    frame: int = 0


class _How(NamedTuple):
    """How a picture is asked for."""

    channels: int
    shrink_to_px: int | None
    max_pixels: int
    value_range: ValueRange | None


def read_picture(
    source: PictureSource,
    *,
    channels: int = 3,
    shrink_to_px: int | None = None,
    max_pixels: int = MAX_PIXELS,
    value_range: ValueRange | None = None,
) -> NDArray[np.uint8]:
    """Decode one picture, upright, into a contiguous array of shape (H, W, channels), 0–255.

    EXIF orientation is applied (damaged EXIF is ignored); of an animation the first frame is read that is not blank.
    May be called from several threads.

    Args:
        source: Path, encoded bytes, file opened with ``rb``, PIL image, or an array (H, W), (H, W, C) or (C, H, W) of
            uint8 or uint16, its channels in the order red, green, blue.
        channels: 1 luminance, 3 RGB, 4 RGBA; with 1 and 3 transparency is laid on white. Any other number needs
            an array or `.npy` file with that many channels.
        shrink_to_px: The short side wanted later. Large pictures are then halved up to three times while the
            short side stays at least twice this (JPEG: while decoding, which is faster); None keeps every pixel.
        max_pixels: Pictures with more are refused before they are decoded; above 178 million Pillow refuses as well.
        value_range: What becomes 0 and what 255 of values with more than 8 bits; None keeps the upper 8 of 16 bits
            (integer modes are taken as 0–65535).

    Raises:
        PictureError: The file is missing, not a picture, damaged, too large, or has other channels.
        SystemLimitError: Too many files are open.
        SettingError: `channels`, `shrink_to_px` or `max_pixels` is below 1, or `source` is of another type.

    Example:
        >>> read_picture(np.zeros((20, 30), dtype=np.uint8)).shape
        (20, 30, 3)
    """
    source = picture_source(source, channels=channels)
    how = _How(channels, shrink_to_px, max_pixels, value_range)
    with _faults_named(source, channels=channels, shrink_to_px=shrink_to_px, max_pixels=max_pixels):
        return _read(source, how).pixels


def read_picture_file(
    path: str | os.PathLike[str],
    *,
    channels: int = 3,
    shrink_to_px: int | None = None,
    max_pixels: int = MAX_PIXELS,
    value_range: ValueRange | None = None,
) -> tuple[NDArray[np.uint8], str]:
    """As `read_picture`, and the digest of the very bytes that were decoded.

    Example:
        >>> read_picture_file("/no/such.jpg")
        Traceback (most recent call last):
        drivetrain.errors.PictureError: /no/such.jpg ...
    """
    how = _How(channels, shrink_to_px, max_pixels, value_range)
    with _faults_named(path, channels=channels, shrink_to_px=shrink_to_px, max_pixels=max_pixels):
        data = _file_bytes(path, how)
        return _decode(data, how).pixels, digest(data)


@contextmanager
def _faults_named(source: PictureSource, **settings: int | None) -> Generator[None]:
    """What is wrong with the settings as SettingError, with the picture as PictureError that names it."""
    for setting, value in settings.items():
        if value is not None:
            whole(setting, value, least=1)
    try:
        with pillow_is_quiet():
            yield
    except UnreadableError as fault:
        reason, _, detail = str(fault).partition(": ")
        said, fix = (reason, detail) if str(fault) in (HEIC, *UNREAD.values()) else mend(source, fault)
        raise PictureError(f"{_name(source)} cannot be read as a picture: {said}. To fix: {fix}.") from fault.__cause__


def probe_picture(
    path: str | os.PathLike[str],
    *,
    channels: int = 3,
    max_pixels: int = MAX_PIXELS,
    value_range: ValueRange | None = None,
) -> Probe:
    """Read a file once, decode it as `read_picture` would, and tell its digest, size and looks, or what is wrong.

    Large JPEGs are decoded at up to an eighth of their size: every byte is still read, so truncation is found.

    Raises:
        SystemLimitError: Too many files are open.

    Example:
        >>> probe_picture("/no/such.jpg").problem
        'file is missing'
    """
    how = _How(channels, GRID_PX, max_pixels, value_range)
    try:
        data = _file_bytes(path, how)
        content = digest(data)
        if is_own_figure(data):
            raise UnreadableError("own output: a figure that drivetrain saved")
        with pillow_is_quiet():
            found = _decode(data, how)
    except UnreadableError as fault:
        return Probe(problem=str(fault))
    return Probe(
        digest=content,
        height=found.size[0],
        width=found.size[1],
        signature=signatures_of(found.pixels),
        values=found.values,
        brightest=int(found.pixels.max()),
        flat=_why_flat(found),
        frame=found.frame,
    )


def _why_flat(found: Decoded) -> str:
    """The likely cause where what came out is one colour, else an empty string."""
    if not _is_flat(found.pixels):
        return ""
    if found.alpha[1] == 0:
        return "every pixel is transparent"
    if found.values is not None and found.values[0] < found.values[1]:
        return f"the file's values, {found.values[0]} to {found.values[1]}, are a small part of 16 bits"
    low, high = int(found.pixels.min()), int(found.pixels.max())
    if found.alpha[0] < OPAQUE and low >= OPAQUE - FLAT:
        return "what is not transparent is as white as the ground it is laid on"
    if low < high < DARKEST:
        return "values from 0 to a few of 255, as label masks have"
    return "the picture itself is blank"


def _is_flat(pixels_HWC: NDArray[np.uint8]) -> bool:
    """Whether it is one colour, but for what rounding leaves."""
    by_channel = pixels_HWC.reshape(-1, pixels_HWC.shape[2])
    return bool((by_channel.max(axis=0) - by_channel.min(axis=0) <= FLAT).all())


def digest(data: bytes) -> str:
    """Identity of a file's content: the first 32 hexadecimal digits of its SHA-256.

    Example:
        >>> digest(b"")
        'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(data).hexdigest()[:32]


def _name(source: PictureSource) -> str:
    if isinstance(source, str | os.PathLike):
        text, part = os.fspath(source), LONGEST_NAME // 2
        return readable(text if len(text) <= LONGEST_NAME else f"{text[:part]}…{text[-part:]}")
    return "this array" if isinstance(source, np.ndarray) else "this picture"


def _read(source: PictureSource, how: _How) -> Decoded:
    """Pixels, and what was noticed."""
    if isinstance(source, bytes):
        return _decode(source, how)
    if isinstance(source, np.ndarray):
        return _from_array(source, how)
    if isinstance(source, Image.Image):
        with faults_explained():
            _check_size(source.height, source.width, how.max_pixels)
            source.load()
            return _from_image(source, how, source.size)
    return _decode(_file_bytes(source, how), how)


def _file_bytes(path: str | os.PathLike[str], how: _How) -> bytes:
    """The content of a regular file; never waits for a pipe."""
    most_bytes = 2 * max(how.channels, 4) * how.max_pixels + 2**24
    try:
        status = status_of(path)
        if stat.S_ISDIR(status.st_mode):
            with patiently(lambda: os.scandir(path), path):
                raise UnreadableError("not a file: it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a file: it is a pipe, socket or device")
        if refused := why_not_read(path):
            raise UnreadableError(refused)
        if status.st_size > most_bytes:
            raise UnreadableError(f"file is too large: {status.st_size:,} bytes for at most {how.max_pixels:,} pixels")
        return patiently(lambda: bytes_of(path), path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableError("file is missing") from error
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableError(f"cannot be opened: {short_reason(error)}") from error


def _decode(data: bytes, how: _How) -> Decoded:
    if not data:
        raise UnreadableError("file is empty")
    if data.startswith(NUMPY_MAGIC):
        return _from_array(_npy(data, how.max_pixels), how)
    with faults_explained(data):
        scans = check_headers(data, how.max_pixels)
    with faults_explained(data), _opened(data) as image:
        _check_size(image.height, image.width, how.max_pixels)
        full_size = image.size
        work_of(image, data, scans, shrink=jpeg_shrink(image, how.shrink_to_px)).check(MOST)
        if how.shrink_to_px is not None:
            image.draft(None, (2 * how.shrink_to_px, 2 * how.shrink_to_px))
        found = _from_frame(data, image, how, 0, full_size)
        if not getattr(image, "is_animated", False) or not _is_flat(found.pixels):
            return found
        return _later_frame(data, image, how) or found


def _later_frame(data: bytes, image: Image.Image, how: _How) -> Decoded | None:
    """The first frame that is not blank, of a file whose first is; None where there is none within the bound."""
    left = how.max_pixels
    for frame in range(1, MOST_FRAMES):
        try:
            image.seek(frame)
        except EOFError:
            return None
        _check_size(image.height, image.width, how.max_pixels)
        left -= image.height * image.width
        if left < 0:
            return None
        found = _from_frame(data, image, how, frame, image.size)
        if not _is_flat(found.pixels):
            return found
    return None


def _from_frame(data: bytes, image: Image.Image, how: _How, frame: int, full_size: tuple[int, int]) -> Decoded:
    """The picture that an opened file is at, its colours of 16 bits put together where a range is asked for."""
    wide = is_wide_colour(image)
    image.load()
    values = values_of(image, wide_colour=wide)
    shown = image
    if wide and how.value_range is not None:
        with _opened(data) as again:
            again.seek(frame)
            lower = lower_bytes(again)
            lower.load()
            shown = joined_colours(image, lower, how.value_range)
    return _from_image(shown, how, full_size, upright_as=image)._replace(values=values, frame=frame)


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=readable_formats())


def _from_image(
    image: Image.Image, how: _How, full_size: tuple[int, int], *, upright_as: Image.Image | None = None
) -> Decoded:
    """A loaded image's pixels; `full_size` is (width, height) as opened, `upright_as` says the orientation."""
    if how.channels not in (1, 3, 4):
        raise UnreadableError(f"other channels: only .npy files and arrays have {how.channels}")
    orientation = _orientation(upright_as or image)
    if image.mode.startswith("I"):
        image = Image.fromarray(to_bytes(np.asarray(image), how.value_range))
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
    factor = _shrink_factor(image.height, image.width, how.shrink_to_px)
    width, height = full_size[::-1] if orientation in SIDEWAYS else full_size
    pixels, alpha = _converted(image, how, factor)
    return Decoded(pixels, (height, width), alpha=alpha)


def _converted(image: Image.Image, how: _How, factor: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Pixels (H, W, channels) of a picture divided by `factor`, and how opaque they are; by strips."""
    pixels_HWC = np.empty((-(-image.height // factor), -(-image.width // factor), how.channels), np.uint8)
    rows = max(1, STRIP_PIXELS // (image.width * factor)) * factor
    least, most = OPAQUE, 0
    for top in range(0, image.height, rows):
        whole = rows >= image.height
        strip = image if whole else image.crop((0, top, image.width, min(top + rows, image.height)))
        strip, (low, high) = _convert(strip, how)
        least, most = min(least, low), max(most, high)
        if factor > 1:
            strip = strip.reduce(factor)
        at = top // factor
        pixels_HWC[at : at + strip.height] = np.asarray(strip).reshape(strip.height, strip.width, how.channels)
    return pixels_HWC, (least, most)


def jpeg_shrink(image: Image.Image, shrink_to_px: int | None) -> int:
    """What a JPEG's decoder divides the sides by where `shrink_to_px` is wanted; 1 for other formats."""
    if shrink_to_px is None or image.format not in ("JPEG", "MPO"):
        return 1
    most = min(image.size) // (2 * shrink_to_px)
    return next((factor for factor in SHRINK_FACTORS if factor <= most), 1)


def lies_sideways(image: Image.Image) -> bool:
    """Whether width and height change places when the picture is brought upright."""
    return _orientation(image) in SIDEWAYS


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, or 1 where the EXIF block is absent or damaged."""
    try:
        block = image.info.get("exif") or bytes.fromhex(
            "".join(str(image.info.get("Raw profile type exif", "")).split("\n")[3:])
        )
        check_directory(block.removeprefix(b"Exif\0\0"))
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  Pillow's EXIF parser raises whatever it trips over
        return 1


def _convert(image: Image.Image, how: _How) -> tuple[Image.Image, tuple[int, int]]:
    """The same picture in mode L, RGB or RGBA, and its least and most opaque pixel, 0 to 255."""
    if image.mode == "F":
        raise UnreadableError("unknown range of values: 32-bit floats; save it with 8 or 16 bits")
    if image.mode in ("LAB", "HSV", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    alpha = (OPAQUE, OPAQUE)
    if image.has_transparency_data or image.mode in ("RGBa", "La"):
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        low, high = image.getchannel("A").getextrema()
        alpha = int(cast("float", low)), int(cast("float", high))
        if how.channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image.convert({1: "L", 3: "RGB", 4: "RGBA"}[how.channels]), alpha


def _from_array(array: NDArray[Any], how: _How) -> Decoded:
    channels, shrink_to_px = how.channels, how.shrink_to_px
    if array.ndim not in (2, 3) or array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise UnreadableError(
            f"not an array of pixels: {array.dtype} of shape {array.shape}; "
            "expected uint8 or uint16 of shape (H, W) or (H, W, C)"
        )
    height, width = int(array.shape[0]), int(array.shape[1])
    _check_size(height, width, how.max_pixels)
    values = values_in(array)
    pixels_HWC = to_bytes(array, how.value_range).reshape(height, width, -1)
    count = pixels_HWC.shape[2]
    if count != channels and count in (1, 3, 4) and channels in (1, 3, 4):
        image = Image.fromarray(pixels_HWC[:, :, 0] if count == 1 else np.ascontiguousarray(pixels_HWC))
        return _from_image(image, how, image.size)._replace(values=values)
    if count != channels:
        raise UnreadableError(f"other channels: the array has {count}")
    factor = _shrink_factor(height, width, shrink_to_px)
    if factor > 1:
        planes = [Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, c])).reduce(factor) for c in range(count)]
        pixels_HWC = np.stack([np.asarray(plane) for plane in planes], axis=2)
    return Decoded(np.array(pixels_HWC, dtype=np.uint8, order="C"), (height, width), values)


def _npy(data: bytes, max_pixels: int) -> NDArray[Any]:
    """The array of an `.npy` file; nothing is unpickled and nothing allocated before the header is believed."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, by_column, dtype = read_header[version](stream)
        if dtype.hasobject or any(side < 1 for side in shape):
            raise ValueError(f"{dtype} of shape {shape}")
        _check_size(shape[0], shape[1] if len(shape) > 1 else 1, max_pixels)
        array = np.frombuffer(data, dtype=dtype, offset=stream.tell())
        return array.reshape(shape, order="F" if by_column else "C")
    except UnreadableError:
        raise
    except Exception as error:  # the header is Python source, parsed by numpy: anything can trip over it
        raise UnreadableError(f"truncated or damaged: {short_reason(error)}") from error


def _check_size(height: int, width: int, max_pixels: int) -> None:
    if height < 1 or width < 1:
        raise UnreadableError(f"no pixels: {width}×{height}")
    if height * width > max_pixels:
        raise UnreadableError(f"too many pixels: {width}×{height}; expected at most {max_pixels:,}")


def _shrink_factor(height: int, width: int, shrink_to_px: int | None) -> int:
    if shrink_to_px is None:
        return 1
    most = min(height, width) // (2 * shrink_to_px)
    return next((factor for factor in SHRINK_FACTORS if factor <= most), 1)
