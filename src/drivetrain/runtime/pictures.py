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
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from drivetrain.errors import PictureError, SettingError
from drivetrain.runtime.picture_faults import MENDS, UnreadableError, faults_explained, pillow_is_quiet
from drivetrain.runtime.signatures import GRID_PX, signature_of
from drivetrain.settings import whole
from drivetrain.text import readable, short_reason

PictureSource = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "MPO": (".mpo",),
    "AVIF": (".avif",),
}
"""What Pillow may open (nothing that starts another program, as EPS would), and the usual suffixes."""

PICTURE_SUFFIXES = frozenset({suffix for group in FORMATS.values() for suffix in group} | {".npy", ".heic", ".heif"})
"""What a folder scan takes, in lower case. HEIC is taken so that it is reported rather than overlooked."""

MAX_PIXELS = 80_000_000
SHRINK_FACTORS = (8, 4, 2)
"""What a JPEG decoder can divide height and width by without decoding every pixel."""

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
    """What the picture looks like, see `drivetrain.runtime.signatures`; b"" where it cannot be read."""


def read_picture(
    source: PictureSource, *, channels: int = 3, shrink_to_px: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode one picture, upright, into a contiguous array of shape (H, W, channels), 0–255.

    EXIF orientation is applied (damaged EXIF is ignored); of an animation the first frame is read; 16-bit values
    keep their upper 8 bits (integer modes are taken as 0–65535). May be called from several threads.

    Args:
        source: Path, encoded bytes, PIL image, or an array (H, W) or (H, W, C) of uint8 or uint16.
        channels: 1 luminance, 3 RGB, 4 RGBA; with 1 and 3 transparency is laid on white. Any other number needs
            an array or `.npy` file with that many channels.
        shrink_to_px: The short side wanted later. Large pictures are then halved up to three times while the
            short side stays at least twice this (JPEG: while decoding, which is faster); None keeps every pixel.
        max_pixels: Pictures with more are refused before they are decoded; above 178 million Pillow refuses as well.

    Raises:
        PictureError: The file is missing, not a picture, damaged, too large, or has other channels.
        SettingError: `channels`, `shrink_to_px` or `max_pixels` is below 1, or `source` is of another type.

    Example:
        >>> read_picture(np.zeros((20, 30), dtype=np.uint8)).shape
        (20, 30, 3)
    """
    with _faults_named(source, channels=channels, shrink_to_px=shrink_to_px, max_pixels=max_pixels):
        return _read(source, channels, shrink_to_px, max_pixels)[0]


def read_picture_file(
    path: str | os.PathLike[str], *, channels: int = 3, shrink_to_px: int | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], str]:
    """As `read_picture`, and the digest of the very bytes that were decoded.

    Example:
        >>> read_picture_file("/no/such.jpg")
        Traceback (most recent call last):
        drivetrain.errors.PictureError: /no/such.jpg ...
    """
    with _faults_named(path, channels=channels, shrink_to_px=shrink_to_px, max_pixels=max_pixels):
        data = _file_bytes(path, channels, max_pixels)
        return _decode(data, channels, shrink_to_px, max_pixels)[0], digest(data)


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
        mend = MENDS.get(
            str(fault).split(":")[0], "open it in a viewer and save it again as JPEG or PNG, or leave it out"
        )
        raise PictureError(
            f"{_name(source)} cannot be read as a picture: {fault}. To fix: {mend}."
        ) from fault.__cause__


def probe_picture(path: str | os.PathLike[str], *, channels: int = 3, max_pixels: int = MAX_PIXELS) -> Probe:
    """Read a file once, decode it as `read_picture` would, and tell its digest, size and looks, or what is wrong.

    Large JPEGs are decoded at up to an eighth of their size: every byte is still read, so truncation is found.

    Example:
        >>> probe_picture("/no/such.jpg").problem
        'file is missing'
    """
    try:
        data = _file_bytes(path, channels, max_pixels)
        with pillow_is_quiet():
            pixels, (height, width) = _decode(data, channels, GRID_PX, max_pixels)
    except UnreadableError as fault:
        return Probe(problem=str(fault))
    return Probe(digest=digest(data), height=height, width=width, signature=signature_of(pixels))


def digest(data: bytes) -> str:
    """Identity of a file's content: the first 32 hexadecimal digits of its SHA-256.

    Example:
        >>> digest(b"")
        'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(data).hexdigest()[:32]


def _name(source: PictureSource) -> str:
    if isinstance(source, str | os.PathLike):
        return readable(source)
    return "this array" if isinstance(source, np.ndarray) else "this picture"


def _read(
    source: PictureSource, channels: int, shrink_to_px: int | None, max_pixels: int
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Pixels (H, W, channels) and the height and width before shrinking."""
    if isinstance(source, bytes):
        return _decode(source, channels, shrink_to_px, max_pixels)
    if isinstance(source, np.ndarray):
        return _from_array(source, channels, shrink_to_px, max_pixels)
    if isinstance(source, Image.Image):
        with faults_explained():
            _check_size(source.height, source.width, max_pixels)
            return _from_image(source, channels, shrink_to_px, source.size)
    if isinstance(source, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        return _decode(_file_bytes(source, channels, max_pixels), channels, shrink_to_px, max_pixels)
    raise SettingError(
        f"a picture was given as {type(source).__name__}; expected a path, bytes, a PIL image or a numpy array."
    )


def _file_bytes(path: str | os.PathLike[str], channels: int, max_pixels: int) -> bytes:
    """The content of a regular file; never waits for a pipe."""
    most_bytes = 2 * max(channels, 4) * max_pixels + 2**24
    try:
        status = os.stat(path)  # noqa: PTH116  Path(...) would refuse what os.stat explains
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableError("not a file: it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a file: it is a pipe, socket or device")
        if status.st_size > most_bytes:
            raise UnreadableError(f"file is too large: {status.st_size:,} bytes for at most {max_pixels:,} pixels")
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableError("file is missing") from error
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableError(f"cannot be opened: {short_reason(error)}") from error


def _decode(
    data: bytes, channels: int, shrink_to_px: int | None, max_pixels: int
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    if not data:
        raise UnreadableError("file is empty")
    if data.startswith(NUMPY_MAGIC):
        return _from_array(_npy(data, max_pixels), channels, shrink_to_px, max_pixels)
    with faults_explained(data), Image.open(io.BytesIO(data), formats=_formats()) as image:
        _check_size(image.height, image.width, max_pixels)
        full_size = image.size
        if shrink_to_px is not None:
            image.draft(None, (2 * shrink_to_px, 2 * shrink_to_px))
        return _from_image(image, channels, shrink_to_px, full_size)


def _from_image(
    image: Image.Image, channels: int, shrink_to_px: int | None, full_size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Pixels, and the height and width that `full_size` (width, height as Pillow opened it) has when upright."""
    if channels not in (1, 3, 4):
        raise UnreadableError(f"other channels: only .npy files and arrays have {channels}")
    image.load()
    orientation = _orientation(image)
    image = _convert(image, channels)
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
    factor = _shrink_factor(image.height, image.width, shrink_to_px)
    if factor > 1:
        image = image.reduce(factor)
    pixels = np.array(image, dtype=np.uint8, order="C").reshape(image.height, image.width, channels)
    width, height = full_size[::-1] if orientation in SIDEWAYS else full_size
    return pixels, (height, width)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, or 1 where the EXIF block is absent or damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  Pillow's EXIF parser raises whatever it trips over
        return 1


def _convert(image: Image.Image, channels: int) -> Image.Image:
    """The same picture in mode L, RGB or RGBA."""
    if image.mode == "F":
        raise UnreadableError("unknown range of values: 32-bit floats; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray(_upper_byte(np.asarray(image)))
    elif image.mode in ("LAB", "HSV", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    if image.has_transparency_data or image.mode in ("RGBa", "La"):
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        if channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])


def _from_array(
    array: NDArray[Any], channels: int, shrink_to_px: int | None, max_pixels: int
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    if array.ndim not in (2, 3) or array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise UnreadableError(
            f"not an array of pixels: {array.dtype} of shape {array.shape}; "
            "expected uint8 or uint16 of shape (H, W) or (H, W, C)"
        )
    height, width = int(array.shape[0]), int(array.shape[1])
    _check_size(height, width, max_pixels)
    pixels_HWC = _upper_byte(array).reshape(height, width, -1)
    count = pixels_HWC.shape[2]
    if count != channels and count in (1, 3, 4) and channels in (1, 3, 4):
        image = Image.fromarray(pixels_HWC[:, :, 0] if count == 1 else np.ascontiguousarray(pixels_HWC))
        return _from_image(image, channels, shrink_to_px, image.size)
    if count != channels:
        raise UnreadableError(f"other channels: the array has {count}")
    factor = _shrink_factor(height, width, shrink_to_px)
    if factor > 1:
        planes = [Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, c])).reduce(factor) for c in range(count)]
        pixels_HWC = np.stack([np.asarray(plane) for plane in planes], axis=2)
    return np.array(pixels_HWC, dtype=np.uint8, order="C"), (height, width)


def _upper_byte(array: NDArray[Any]) -> NDArray[np.uint8]:
    """8-bit values as they are; wider integers, taken as 0–65535, divided by 256."""
    if array.dtype == np.uint8:
        return array
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 65_535:
        raise UnreadableError(f"unknown range of values: {array.min()} to {array.max()}; expected 0 to 65535")
    return (array >> 8).astype(np.uint8)


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


@cache
def _formats() -> tuple[str, ...]:
    """The formats that this build of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
