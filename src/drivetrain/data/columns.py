"""Which column of a table is the path, which the target, which the split, and what kind of target it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

from drivetrain.data.listing import Kind
from drivetrain.data.split import SYNONYMS
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures import PICTURE_SUFFIXES
from drivetrain.runtime.targets import TargetValue
from drivetrain.text import readable

Columns = Mapping[str, Sequence[Any]]

PATH_NAMES = (
    *("path", "file", "filename", "file_name", "filepath", "file_path", "fname"),
    *("image", "img", "image_path", "img_path", "image_file", "picture", "photo"),
)
TARGET_NAMES = ("label", "labels", "target", "class", "category", "categories", "tags", "y")
SPLIT_NAMES = ("split", "set", "subset", "part", "partition")
MOST_CATEGORIES_AS_INTEGERS = 20
ENOUGH_PATHS = 0.9
"""A column is one of paths when at least this fraction of its cells end like a picture."""
CELLS_LOOKED_AT = 1000


class UnusableError(Exception):
    """Why one cell cannot be a target value; the row is left out."""


def choose_path(columns: Columns, asked: str | None) -> tuple[str, Decision | None]:
    """The column with the pictures' paths, and why, where it was not named.

    Example:
        >>> choose_path({"name": ["a.jpg", "b.png"], "n": [1, 2]}, None)[1].reason
        'the only column whose cells look like picture files'
    """
    if asked is not None:
        return known_column(columns, asked, "path"), None
    likely = [name for name, cells in columns.items() if _looks_like_paths(cells)]
    if (name := _first_named(likely, PATH_NAMES)) is not None:
        return name, Decision(value=name, reason="its name, and its cells look like picture files")
    if len(likely) == 1:
        return likely[0], Decision(value=likely[0], reason="the only column whose cells look like picture files")
    if (name := _first_named(columns, PATH_NAMES)) is not None:
        return name, Decision(value=name, reason="its name")
    what = f"{len(likely)} columns ({first_few(map(repr, likely))}) look" if likely else "no column looks"
    raise DataError(
        f"{what} like picture paths; the columns are {_names(columns)}. To fix: pass path=, the name of the column."
    )


def choose_split(columns: Columns, asked: str | None, taken: Sequence[str]) -> tuple[str | None, Decision | None]:
    """The column that names each row's part, if there is one."""
    if asked is not None:
        return known_column(columns, asked, "split"), None
    for name, cells in columns.items():
        if name.strip().casefold() not in SPLIT_NAMES or name in taken:
            continue
        present = {str(cell).strip().casefold() for cell in cells if cell is not None}
        if present and present <= SYNONYMS.keys():
            return name, Decision(value=name, reason="its name, and its cells are " + first_few(sorted(present)))
    return None, None


def choose_targets(
    columns: Columns, asked: str | Sequence[str] | None, taken: Sequence[str]
) -> tuple[tuple[str, ...], Decision | None]:
    """The target columns, and why, where they were not named."""
    if asked is not None:
        names = (asked,) if isinstance(asked, str) else tuple(asked)
        if not names or len(set(names)) < len(names):
            raise SettingError(f"target is {asked!r}; expected one or more different column names.")
        for name in names:
            known_column(columns, name, "target")
            if name in taken:
                raise SettingError(f"target names {name!r}, which is the path or split column; expected another.")
        return names, None
    rest = [name for name in columns if name not in taken]
    if (name := _first_named(rest, TARGET_NAMES)) is not None:
        return (name,), Decision(value=name, reason="its name")
    if len(rest) == 1:
        return (rest[0],), Decision(value=rest[0], reason="the only column left")
    raise DataError(
        f"it is not clear which column is the target; the columns are {_names(columns)}. "
        "To fix: pass target=, the name of one or more columns."
    )


def known_column(columns: Columns, name: str, setting: str) -> str:
    """`name`, if there is such a column; else a DataError that lists them."""
    if name not in columns:
        raise DataError(
            f"there is no column {name!r}, named by {setting}=; the columns are {_names(columns)}."
            f"{did_you_mean(name, columns)}"
        )
    return name


def choose_kind(columns: Columns, targets: Sequence[str], asked: Kind | None, delim: str | None) -> Decision:
    """category, categories or number, and why.

    Example:
        >>> str(choose_kind({"age": [1.5, 2.5]}, ["age"], None, None))
        'number (the values are numbers with decimals)'
    """
    for name in targets:
        if all(cell is None for cell in columns[name]):
            raise DataError(f"target column {name!r} has no value in any row. To fix: choose another target column.")
    forms = {_form([cell for cell in columns[name] if cell is not None]) for name in targets}
    if asked is not None:
        _check_kind(asked, targets, forms, delim)
        return Decision(value=asked, reason="asked for")
    _check_mixed(columns, targets, delim)
    kind, reason = _infer_kind([cell for cell in columns[targets[0]] if cell is not None], len(targets), forms, delim)
    return Decision(value=kind, reason=reason)


def _check_mixed(columns: Columns, targets: Sequence[str], delim: str | None) -> None:
    """Raise a DataError where text beside many different decimals would make as many classes of them."""
    present = {name: [cell for cell in columns[name] if cell is not None] for name in targets}
    text = {name: next((cell for cell in cells if _as_number(cell) is None), None) for name, cells in present.items()}
    for name, cells in present.items():
        numbers = [number for number in map(_as_number, cells) if number is not None]
        decimals = {number for number in numbers if math.isfinite(number) and not number.is_integer()}
        if delim is not None or len(decimals) <= MOST_CATEGORIES_AS_INTEGERS or len(numbers) < len(cells) / 2:
            continue
        mend = "correct or empty such cells; or pass kind='number', which leaves their rows out, or kind='category'"
        other = name if text[name] is not None else next((each for each in targets if text[each] is not None), None)
        if other is None:
            continue
        if other != name:
            mend = "name columns of one kind, and train a model for each kind"
        raise DataError(
            f"target {name!r} holds numbers ({len(numbers)} of {len(cells)} cells, such as {numbers[0]:g}), target "
            f"{other!r} text, such as {readable(str(text[other])[:30])!r}; expected one kind. To fix: {mend}."
        )


def _as_number(cell: Any) -> float | None:
    """A number, also where it is written as text; infinity is one, though no target (see `_number`)."""
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if isinstance(cell, bool) or _is_list(cell) else number


def _infer_kind(cells: Sequence[Any], n_columns: int, forms: set[str], delim: str | None) -> tuple[Kind, str]:
    """`cells` are the values of the first target column, `forms` what each column holds."""
    n_distinct = len({str(cell) for cell in cells})
    if delim is not None or "list" in forms:
        found = "categories", "the cells are lists" if delim is None else f"label_delim={delim!r} separates labels"
    elif n_columns > 1 and "text" in forms:
        found = "categories", f"{n_columns} columns; a label is written column=value"
    elif n_columns > 1:
        found = "number", f"{n_columns} columns of numbers"
    elif "number" in forms:
        found = "number", "the values are numbers with decimals"
    elif "text" in forms:
        found = "category", f"{n_distinct} distinct values, not numbers (such as {_first_text(cells)!r})"
    elif n_distinct <= MOST_CATEGORIES_AS_INTEGERS:
        found = "category", f"{n_distinct} distinct integers; else pass kind='number'"
    else:
        found = "number", f"{n_distinct} distinct integers; else pass kind='category'"
    return found


def _first_text(cells: Sequence[Any]) -> str:
    """The first cell that is no number, shortened: it tells why a column of numbers is taken for text."""
    for cell in cells:
        try:
            float(cell)
        except (TypeError, ValueError):
            return readable(str(cell)[:30])
    return readable(str(cells[0])[:30])


def target_value(cells: Sequence[Any], targets: Sequence[str], kind: Kind, delim: str | None) -> TargetValue:
    """One row's target; raises UnusableError with the reason where there is none."""
    for name, cell in zip(targets, cells, strict=True):
        if cell is None:
            raise UnusableError(f"target is missing: {name}")
    if kind == "number":
        return tuple(_number(cell, name) for name, cell in zip(targets, cells, strict=True))
    if kind == "category":
        return label_text(cells[0])
    labels: list[str] = []
    for name, cell in zip(targets, cells, strict=True):
        found = [label for label in (label_text(part) for part in _several(cell, delim)) if label]
        labels += found if len(targets) == 1 else [f"{name}={label}" for label in found]
    return tuple(dict.fromkeys(labels))


def label_text(cell: Any) -> str:
    r"""A label as valid text without surrounding spaces; 3 and 3.0 are both "3".

    Example:
        >>> label_text(3.0), label_text(" pear "), label_text("a\udcff")
        ('3', 'pear', 'a\\xff')
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode().replace("\\udc", "\\x")


def _check_kind(kind: Kind, targets: Sequence[str], forms: set[str], delim: str | None) -> None:
    if delim is not None and kind != "categories":
        raise SettingError(f"label_delim={delim!r} has no effect with kind={kind!r}; expected kind='categories'.")
    if kind == "category" and len(targets) > 1:
        raise SettingError(
            f"kind='category' needs one target column, got {len(targets)}: {first_few(map(repr, targets))}. "
            "To fix: pass one, or kind='categories'."
        )
    if kind != "categories" and "list" in forms:
        raise SettingError(f"kind={kind!r} cannot read cells that are lists; expected kind='categories'.")


def _form(cells: Sequence[Any]) -> str:
    """What a column holds: list, integer, number or text."""
    if any(_is_list(cell) for cell in cells):
        return "list"
    if any(isinstance(cell, bool) or not isinstance(cell, Real | Decimal) for cell in cells):
        return "text"
    return "integer" if all(isinstance(cell, Integral) for cell in cells) else "number"  # bool was text above


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple | set | frozenset) or getattr(cell, "ndim", 0) > 0


def _several(cell: Any, delim: str | None) -> Iterable[Any]:
    if _is_list(cell):
        parts = cell.tolist() if hasattr(cell, "tolist") else cell
        return sorted(parts, key=str) if isinstance(parts, set | frozenset) else parts
    return str(cell).split(delim) if delim is not None else [cell]


def _number(cell: Any, name: str) -> float:
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnusableError(f"target is not a number: {name} is {str(cell)[:40]!r}") from error
    if not math.isfinite(value):
        raise UnusableError(f"target is not finite: {name} is {value}")
    return value


def _looks_like_paths(cells: Sequence[Any]) -> bool:
    present = [cell for cell in cells[:CELLS_LOOKED_AT] if cell is not None]
    hits = sum(
        isinstance(cell, str | PurePath) and PurePath(cell).suffix.strip().lower() in PICTURE_SUFFIXES
        for cell in present
    )
    return hits > 0 and hits >= ENOUGH_PATHS * len(present)


def _first_named(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """The name that comes first in `usual`, whatever its case."""
    known = [name for name in names if name.strip().casefold() in usual]
    return min(known, key=lambda name: usual.index(name.strip().casefold()), default=None)


def _names(columns: Columns) -> str:
    return first_few((repr(name[:60]) for name in columns), most=20)
