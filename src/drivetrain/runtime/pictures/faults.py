"""What can be wrong with a picture, in words; and silence from Pillow about it, which does not know our words."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from PIL import Image, UnidentifiedImageError

from drivetrain.runtime.files.sniffing import HEIC, HEIC_BRANDS, UNREAD, unread_format
from drivetrain.text import short_reason

LOOKS_LIKE = (
    (b"%PDF", "a PDF file"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"<", "a web page"),
)

MENDS = {
    "file is missing": "check the path",
    "not a file": "pass the path of one picture",
    "cannot be opened": "check its name and permissions",
    "too many pixels": "make it smaller",
    "other channels": "give a picture with as many channels as are read (train and open data with channels=)",
    "too much work": "open it in a viewer and save it again as an ordinary JPEG or PNG, or leave it out",
    "too much memory": "make it smaller, or save it as PNG or as a JPEG that is not progressive",
    "not an array of pixels": "scale the values to 0-255 and convert them with astype('uint8')",
}
"""Group of reasons → what to do, where it is something else than saving the picture anew."""


class UnreadableError(Exception):
    """Why a picture cannot be read, as "group: detail"; `read_picture` makes a PictureError of it."""


@contextmanager
def faults_explained(data: bytes = b"") -> Generator[None]:
    """Whatever Pillow raises, as one short reason."""
    try:
        yield
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        if found := unread_format(data):
            raise UnreadableError(UNREAD[found]) from error
        if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
            raise UnreadableError(HEIC) from error
        raise UnreadableError(f"not a picture: {_kind_of_file(data)}") from error
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"too many pixels: {short_reason(error)}") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, ValueError, KeyError, ...
        raise UnreadableError(f"truncated or damaged: {short_reason(error)}") from error


def _kind_of_file(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    for beginning, kind in LOOKS_LIKE:
        if start.startswith(beginning.lower()):
            return f"it looks like {kind}"
    return "it looks like text" if start and all(9 <= byte < 127 for byte in start) else "no known format"


_quiet_lock = threading.Lock()
_quiet_count = 0
_PILLOW_FILTER = ("ignore", None, Warning, re.compile(r"PIL(\.|$)"), 0)


@contextmanager
def pillow_is_quiet() -> Generator[None]:
    """No warnings from Pillow inside: what matters of them is in the errors raised here.

    ``warnings.catch_warnings`` is not safe in threads (two that overlap leave each other's filters behind), so one
    filter is put in front while anyone reads and taken away after the last.
    """
    global _quiet_count  # noqa: PLW0603  counts readers across threads, under the lock
    with _quiet_lock:
        _quiet_count += 1
        filters = cast("list[Any]", warnings.filters)
        if _PILLOW_FILTER not in filters:
            filters.insert(0, _PILLOW_FILTER)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_count -= 1
            filters = cast("list[Any]", warnings.filters)
            if _quiet_count == 0 and _PILLOW_FILTER in filters:
                filters.remove(_PILLOW_FILTER)
