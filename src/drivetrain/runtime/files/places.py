"""Places for a file that is to be written: looked at before the work, not after it."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.text import readable, short_reason

MANIFEST = "manifest.json"
PAGES = (".html", ".htm")
"""What a page may be written over."""


def file_to_write(path: str | os.PathLike[str], setting: str, *, over: Collection[str] = ()) -> Path:
    """A place where a file can be written; the folders above it are made.

    Args:
        path: Where.
        setting: Its name, for the message.
        over: Suffixes of files that may be written over; none stands for any.

    Raises:
        SettingError: It is a folder, a device or a pipe, lies inside a saved model, may not be written, or holds a file
            of another kind.

    Example:
        >>> file_to_write("/dev/null", "--out")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: --out /dev/null cannot be written: it is a device or a pipe. To fix: ...
    """
    place = Path(path)
    try:
        above = next(folder for folder in place.absolute().parents if os.path.lexists(folder))
        if not above.is_dir():
            reason, fix = f"{readable(above)} is a file, not a folder", "give another place"
        else:
            place.absolute().parent.mkdir(parents=True, exist_ok=True)
            reason, fix = _against(place, over)
    except (OSError, ValueError) as error:
        reason, fix = short_reason(error), "give another place"
    if reason:
        raise SettingError(f"{setting} {readable(place)} cannot be written: {reason}. To fix: {fix}.")
    return place


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be put into a folder that may not exist yet; None where something can.

    Example:
        >>> why_not_writable(Path("/dev/null/models"))
        '/dev/null is a file, not a folder'
    """
    above = next(each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each))
    if not above.is_dir():
        return f"{readable(above)} is a file, not a folder"
    return None if os.access(above, os.W_OK | os.X_OK) else f"{readable(above)} is not writable"


def _against(place: Path, over: Collection[str]) -> tuple[str, str]:
    """What speaks against a place, and what to do; two empty texts where nothing does."""
    parent = place.absolute().parent
    if (parent / MANIFEST).is_file():
        return "it lies inside a saved model, which holds only what was saved", "give a place beside it"
    if place.is_dir():
        return "it is a folder", "give the name of a file in it"
    if place.exists() and not stat.S_ISREG(place.stat().st_mode):
        return "it is a device or a pipe", "give the name of a file"
    if place.exists() and over and place.suffix.lower() not in over:
        return "there is a file of another kind", f"give a name that ends in {' or '.join(over)}"
    if not os.access(place if place.exists() else parent, os.W_OK):
        return "it is not writable", "give another place"
    return "", ""
