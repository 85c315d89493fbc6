"""Which files are taken for pictures: formats that Pillow may open, and suffixes that a scan takes."""

from __future__ import annotations

from functools import cache

from PIL import Image

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


@cache
def readable_formats() -> tuple[str, ...]:
    """The formats that this build of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
