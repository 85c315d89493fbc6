"""The pictures of the captions: a folder, a list, a mapping, or the names in the captions themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from drivetrain.captions.reading.columns import cell_text
from drivetrain.captions.reading.matching import match
from drivetrain.errors import DataError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.scanning import folder_pictures
from drivetrain.settings import refuse, shown
from drivetrain.text import counted, readable

PICTURES = (
    "a folder of pictures, a list of their paths, or a dict of name → picture (path, bytes, array or Pillow image)"
)

Pictures = dict[str, Any]
"""Name of a picture in the captions → the picture."""


def listed_pictures(source: Any) -> Pictures:
    """Name → picture, of all that were given.

    Raises:
        DataError: A folder is missing or holds no pictures.
        SettingError: It is nothing of the kind.

    Example:
        >>> listed_pictures(["a/1.jpg"])
        {'a/1.jpg': 'a/1.jpg'}
    """
    if isinstance(source, str | os.PathLike):
        folder = Path(cast("str | os.PathLike[str]", source))
        if folder.is_file():
            return {folder.name: folder}
        if not folder.is_dir():
            raise DataError(
                f"pictures: {readable(folder)} does not exist; expected {PICTURES}. To fix: pass such a folder."
            )
        found: Pictures = {path.relative_to(folder).as_posix(): path for path in folder_pictures(folder)}
        if not found:
            raise DataError(f"{readable(folder)} holds no pictures; expected some. To fix: pass another folder.")
        return found
    if isinstance(source, Mapping):
        pairs = cast("Mapping[Any, Any]", source)
        made = {str(cell_text(name)): picture for name, picture in pairs.items() if cell_text(name) is not None}
    elif isinstance(source, Sequence) and not isinstance(source, bytes | bytearray):
        names = [cell_text(one) if isinstance(one, str | os.PathLike) else None for one in source]
        if any(name is None for name in names):
            refuse("pictures", source, PICTURES)
        made = {str(name): name for name in names}
    else:
        return refuse("pictures", source, PICTURES)
    if not made:
        raise DataError(f"pictures={shown(source)} holds none; expected {PICTURES}. To fix: pass some.")
    return made


def pictures_of(source: Any, names: Sequence[str], table: Any) -> tuple[Pictures, dict[str, Decision]]:
    """Name in the captions → picture, of those that are found, and how they were found.

    Args:
        source: What the user passed; None takes the names as paths, beside the table or from here.
        names: Of the pictures in the captions.
        table: Where the captions come from.

    Raises:
        DataError: Pictures were given, and none belongs to a caption.
        SettingError: They are nothing of the kind.
    """
    if source is None:
        beside = Path(table).parent if isinstance(table, str | os.PathLike) else Path()
        found = {name: path for name in names if (path := _file(name, beside)) is not None}
        if not found:
            return {}, {"pictures": Decision(value=None, reason="none were given, and no caption names a file here")}
        return found, {
            "pictures": Decision(value=f"{len(found):,} of {len(set(names)):,}", reason="files that the captions name")
        }
    known = listed_pictures(source)
    pairs, way = match(names, list(known), "pictures", "captions")
    missing = len(set(names)) - len(pairs)
    if missing:
        warn(
            f"{counted(missing, 'picture')} of {len(set(names)):,} that have captions are not among the pictures that "
            "were given; these captions are judged without their picture."
        )
    told = {"pictures": Decision(value=f"{len(pairs):,} of {len(set(names)):,}", reason=f"names compared {way}")}
    return {name: known[other] for name, other in pairs.items()}, told


def _file(name: str, beside: Path) -> Path | None:
    try:
        for path in (beside / name, Path(name)):
            if path.is_file():
                return path
    except (OSError, ValueError):
        return None
    return None
