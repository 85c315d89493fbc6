"""Which column of a table is the path and which the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from drivetrain.data.kind import SourceKind, source_kind
from drivetrain.data.notices import warn
from drivetrain.data.tables.cells import column_of
from drivetrain.data.tables.labels import same_name, tidy
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import one_of

Columns = Mapping[str, Sequence[Any]]

PATH_NAMES = (
    *("path", "file", "filename", "file_name", "filepath", "file_path", "fname"),
    *("image", "img", "image_path", "img_path", "image_file", "picture", "photo"),
)
"""And the kind's own name and noun, see `_path_names`."""
TARGET_NAMES = ("label", "labels", "target", "class", "category", "categories", "tags", "y")
ENOUGH_PATHS = 0.9
"""A column is one of paths when at least this fraction of its cells end like a file of the kind."""
CELLS_LOOKED_AT = 1000


class UnusableError(Exception):
    """Why one cell cannot be used; the row is left out."""


def choose_path(
    columns: Columns,
    asked: str | None,
    names_files: Callable[[str], bool] | None = None,
    *,
    kind: SourceKind | None = None,
) -> tuple[str, Decision | None]:
    """The column with the paths of the files, and why, where it was not named.

    Args:
        columns: Of the table.
        asked: What the user named.
        names_files: Whether there are files by the cells of a column, where they do not look like it.
        kind: Of the files; None stands for images.

    Example:
        >>> choose_path({"name": ["a.jpg", "b.png"], "n": [1, 2]}, None)[1].reason
        'the only column whose cells look like picture files'
    """
    if asked is not None:
        return known_column(columns, asked, "path"), None
    kind = source_kind("images") if kind is None else kind
    one, usual = one_of(kind.noun), _path_names(kind)
    files = "files" if one == "file" else f"{one} files"
    likely = columns_of_paths(columns, kind.suffixes)
    if (name := _first_named(likely, usual, "path")) is not None:
        return name, Decision(value=name, reason=f"its name, and its cells look like {files}")
    if len(likely) == 1:
        return likely[0], Decision(value=likely[0], reason=f"the only column whose cells look like {files}")
    if (name := _first_named(columns, usual, "path")) is not None:
        return name, Decision(value=name, reason="its name")
    found = [name for name in columns if names_files is not None and not likely and names_files(name)]
    if len(found) == 1:
        return found[0], Decision(value=found[0], reason=f"the only column whose cells are names of {files}")
    what = f"{len(likely)} columns ({first_few(map(repr, likely))}) look" if likely else "no column looks"
    raise DataError(
        f"{what} like {one} paths; the columns are {_names(columns)}. To fix: pass path=, the name of the column."
    )


def choose_targets(
    columns: Columns, asked: str | Sequence[str] | None, taken: Sequence[str]
) -> tuple[tuple[str, ...], Decision | None]:
    """The target columns, and why, where they were not named."""
    if asked is not None:
        names = (asked,) if isinstance(asked, str) else tuple(asked)
        names = tuple(known_column(columns, name, "target") for name in names)
        if not names or len(set(names)) < len(names):
            raise SettingError(
                f"target is {asked!r}; expected one or more different column names. To fix: name each column once."
            )
        for name in names:
            if name in taken:
                raise SettingError(
                    f"target names {name!r}, which is the path or split column; expected another. "
                    "To fix: name the column of what is to be predicted, or pass path= or split= too."
                )
        return names, None
    rest = [name for name in columns if name not in taken]
    if (name := _first_named(rest, TARGET_NAMES, "target")) is not None:
        return (name,), Decision(value=name, reason="its name")
    if len(rest) == 1:
        return (rest[0],), Decision(value=rest[0], reason="the only column left")
    yes_no = [name for name in rest if column_of(name, columns[name]).is_yes_no]
    several = f" (for labels in columns of yes and no: target={yes_no[:4]!r})" if len(yes_no) > 1 else ""
    raise DataError(
        f"it is not clear which column is the target; the columns are {_names(columns)}. "
        f"To fix: pass target=, the name of one or more columns{several}."
    )


def known_column(columns: Iterable[str], name: str, setting: str) -> str:
    """The column that `name` means; else a DataError that lists them.

    Example:
        >>> known_column(["path", "label"], " label", "target")
        'label'
    """
    columns = list(columns)
    found = same_name(name, columns) if isinstance(name, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if found is None:
        hint = did_you_mean(str(name), columns)
        raise DataError(
            f"there is no column {name!r}, named by {setting}=; the columns are {_names(columns)}.{hint} "
            "To fix: name one of them."
        )
    return found


def _path_names(kind: SourceKind) -> tuple[str, ...]:
    own = (kind.name, kind.noun, one_of(kind.name), one_of(kind.noun))
    return (*PATH_NAMES, *(name for name in own if name not in PATH_NAMES))


def columns_of_paths(columns: Columns, suffixes: frozenset[str]) -> list[str]:
    """The columns whose cells end like such files.

    Example:
        >>> columns_of_paths({"name": ["a.jpg", "b.jpg"], "n": [1, 2]}, frozenset({".jpg"}))
        ['name']
    """
    return [name for name, cells in columns.items() if _looks_like_paths(cells, suffixes)]


def _looks_like_paths(cells: Sequence[Any], suffixes: frozenset[str]) -> bool:
    present = [cell for cell in cells[:CELLS_LOOKED_AT] if cell is not None]
    hits = sum(
        isinstance(cell, str | PurePath) and PurePath(cell).suffix.strip().lower() in suffixes for cell in present
    )
    return hits > 0 and hits >= ENOUGH_PATHS * len(present)


def _first_named(names: Iterable[str], usual: Sequence[str], setting: str) -> str | None:
    """The name that comes first in `usual`, whatever its case; where two differ by case alone, it says which."""
    known = [name for name in names if tidy(name).casefold() in usual]
    best = min(known, key=lambda name: (usual.index(tidy(name).casefold()), name != name.lower()), default=None)
    alike = [name for name in known if best is not None and tidy(name).casefold() == tidy(best).casefold()]
    if len(alike) > 1:
        warn(
            f"columns {first_few(map(repr, alike))} differ by case or blanks alone, and {best!r} was taken. "
            f"To fix: pass {setting}=, the one that is meant."
        )
    return best


def _names(columns: Iterable[str]) -> str:
    return first_few((repr(name[:60]) for name in columns), most=20)
