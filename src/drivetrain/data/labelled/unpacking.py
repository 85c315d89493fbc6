"""Pictures that lie inside other files, written once into the cache folder, under names that are made here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from drivetrain.errors import DataError
from drivetrain.runtime.files.sniffing import picture_format
from drivetrain.runtime.files.zipped import CACHE_DIR, cache_folder
from drivetrain.text import readable, short_reason

SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp", "PPM": ".ppm",
    "HEIF": ".avif", "NPY": ".npy",
}  # fmt: skip
SOUNDS = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"), (b"\xff\xfb", ".mp3"))


class Unpacked:
    """A folder of the cache that holds files by their content.

    Files that are there already are not written again, so that the same source costs nothing the second time.
    """

    def __init__(self) -> None:
        self.folder = cache_folder().absolute() / "unpacked" / "contents"

    def put(self, content: bytes) -> Path:
        """Write a file, unless it is there.

        Raises:
            DataError: It cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()[:32]
        suffix = SUFFIXES.get(picture_format(content[:512]), "") or next(
            (suffix for begins, suffix in SOUNDS if content.startswith(begins)), ".bin"
        )
        place = self.folder / digest[:2] / f"{digest}{suffix}"
        try:
            if not place.is_file() or place.stat().st_size != len(content):
                place.parent.mkdir(parents=True, exist_ok=True)
                beside = place.with_name(f".{place.name}.{os.getpid()}")
                beside.write_bytes(content)
                beside.replace(place)
        except OSError as error:
            raise DataError(
                f"{readable(place)} cannot be written: {short_reason(error)}; expected room in the cache folder. To "
                f"fix: make some, or name another folder in {CACHE_DIR}."
            ) from error
        return place


def names_of(numbers: Sequence[object], names: Sequence[str]) -> list[str | None]:
    """Numbers of classes as their names; one that is none of them, such as -1, says nothing.

    Example:
        >>> names_of([1, -1, 0, None], ["fig", "pear"])
        ['pear', None, 'fig', None]
    """
    known = dict(enumerate(names))
    return [known.get(number) if isinstance(number, int) else None for number in numbers]
