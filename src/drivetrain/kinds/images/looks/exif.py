"""What cameras write into pictures: which camera, and when. Only headers are read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from PIL import ExifTags, Image

from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.files.members import opened
from drivetrain.runtime.pictures.faults import pillow_is_quiet
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import readable

FORMATS = ("JPEG", "MPO", "TIFF", "PNG")
TAKEN = re.compile(r"(\d{4}):(\d\d):(\d\d)\b")


class Exif(NamedTuple):
    """What is known of one picture; empty where nothing is."""

    camera: str = ""
    """Maker, model and serial number."""
    taken: str = ""
    """As EXIF writes it: 2024:01:31 18:30:00, in the camera's own time."""

    @property
    def day(self) -> str:
        """Camera and day, or empty.

        Example:
            >>> Exif("Canon EOS", "2024:01:31 18:30:00").day
            'Canon EOS 2024-01-31'
        """
        found = TAKEN.match(self.taken)
        return f"{self.camera} {'-'.join(found.groups())}".strip() if found and found[1] != "0000" else ""


def read_exif(path: str | os.PathLike[str]) -> Exif:
    """Camera and time of one picture; nothing where the file has none or cannot be read.

    Example:
        >>> read_exif("/no/such.jpg")
        Exif(camera='', taken='')
    """
    try:
        with pillow_is_quiet(), opened(path) as file, Image.open(file, formats=FORMATS) as image:
            if image.format != "TIFF" and "exif" not in image.info:  # Pillow would decode a whole PNG to look for it
                return Exif()
            tags = image.getexif()
            inner = tags.get_ifd(ExifTags.IFD.Exif)
            camera = [tags.get(ExifTags.Base.Make), tags.get(ExifTags.Base.Model)]
            camera.append(inner.get(ExifTags.Base.BodySerialNumber))
            taken = inner.get(ExifTags.Base.DateTimeOriginal) or tags.get(ExifTags.Base.DateTime)
            return Exif(" ".join(filter(None, map(_text, camera))), _text(taken))
    except Exception as error:  # noqa: BLE001  Pillow's EXIF parser raises whatever it trips over
        raise_if_limit(error, path)
        return Exif()


def read_all_exif(paths: Sequence[str | os.PathLike[str]]) -> list[Exif]:
    """As `read_exif`, for many files at once."""
    with ThreadPoolExecutor(min(16, usable_cpus())) as pool:
        return list(pool.map(read_exif, paths))


def cameras_of(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The camera of each picture, or an empty text."""
    return [found.camera for found in read_all_exif(paths)]


def days_of(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The camera and day of each picture, or an empty text."""
    return [found.day for found in read_all_exif(paths)]


def _text(value: object) -> str:
    """A tag's text without the padding that cameras add."""
    return readable(value.replace("\0", " ").strip()) if isinstance(value, str) else ""
