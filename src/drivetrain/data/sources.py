"""One door for every kind of source: a folder, a table file, or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, cast

from drivetrain.data.check import LeftOut
from drivetrain.data.columns import (
    UnusableError,
    choose_kind,
    choose_path,
    choose_split,
    choose_targets,
    known_column,
    target_value,
)
from drivetrain.data.folders import read_folder
from drivetrain.data.grouping import with_groups_again
from drivetrain.data.listing import Kind, Listed, SourceSpec
from drivetrain.data.split import parts_from_names
from drivetrain.data.tables import DataFrame, columns_of, read_table
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue
from drivetrain.settings import refuse
from drivetrain.text import readable

Source = str | os.PathLike[str] | DataFrame


def read_source(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
) -> Listed:
    """List the rows of a source; no picture is opened. The arguments are those of `images`.

    `aside` names columns that say something else, and so are not guessed to be the target.

    Raises:
        DataError: The source cannot be read, or a column is missing or unclear.
        SplitError: The split column has a value that names no part.
        SettingError: An argument does not go with this source.

    Example:
        >>> import pandas as pd
        >>> listed = read_source(pd.DataFrame({"file": ["a.jpg"], "fruit": ["pear"]}))
        >>> listed.values, str(listed.decisions["target"])
        (('pear',), 'fruit (the only column left)')
    """
    if label_delim == "":
        raise SettingError("label_delim is empty; expected what separates the labels in a cell, such as ';'.")
    if not isinstance(source, DataFrame) and _place(source).is_dir():
        return _read_folder(Path(source), kind, target=target, path=path, split=split, label_delim=label_delim)
    table = _open_table(source)
    spec, decisions = _choose(
        table.columns, target=target, path=path, split=split, kind=kind, label_delim=label_delim, aside=aside
    )
    return _rows(table, spec, decisions)


def reread_source(source: Source, spec: SourceSpec, *, with_parts: bool = True) -> Listed:
    """List a source the way an earlier one was listed; a folder may stand in for a table of one category.

    Args:
        source: As for `read_source`.
        spec: What the earlier `Listed` says.
        with_parts: Also read the split column, if it is still there.

    Example:
        >>> import pandas as pd
        >>> spec = SourceSpec(layout="table", path="file", target=("n",), kind="category")
        >>> reread_source(pd.DataFrame({"file": ["a.jpg"], "n": [3], "m": [4]}), spec).values
        ('3',)
    """
    return with_groups_again(_reread(source, spec, with_parts), spec)


def _reread(source: Source, spec: SourceSpec, with_parts: bool) -> Listed:
    if not isinstance(source, DataFrame) and _place(source).is_dir():
        listed = _read_folder(Path(source), spec.kind)
        return replace(listed, spec=listed.spec.model_copy(update={"relabelled": spec.relabelled}))
    table = _open_table(source)
    spec = spec.model_copy(update={"group": None, "group_by": None})
    if spec.path is None or not spec.target:
        found, decisions = _choose(table.columns, path=spec.path, target=spec.target or None, kind=spec.kind)
        return _rows(table, found.model_copy(update={"relabelled": spec.relabelled}), decisions)
    known_column(table.columns, spec.path, "path")
    for name in spec.target:
        known_column(table.columns, name, "target")
    keeps_split = with_parts and spec.split in table.columns
    return _rows(table, spec if keeps_split else spec.model_copy(update={"split": None}), {})


@dataclass(frozen=True)
class _Table:
    """A table's columns, and what paths in it start from."""

    columns: Mapping[str, list[Any]]
    base: Path
    description: str
    decisions: Mapping[str, Decision]


def _open_table(source: Source) -> _Table:
    if isinstance(source, DataFrame):
        return _Table(columns_of(source), Path.cwd(), f"DataFrame of {len(source)} rows", {})
    place = _place(source)
    columns, decisions = read_table(place)
    return _Table(columns, place.absolute().parent, f"table {readable(place)}", decisions)


def _place(source: str | os.PathLike[str]) -> Path:
    """The path of something that exists."""
    if not isinstance(source, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingError(
            f"source is {type(source).__name__}; expected a folder, a table file or a DataFrame. To fix: pass its path."
        )
    if not os.fspath(source).strip():
        refuse("source", source, "a folder, a table file or a DataFrame", fix="To fix: '.' is the working directory.")
    place = Path(source)
    try:
        found = place.exists()
    except (OSError, ValueError):  # the name is too long, has a NUL byte, or its folder may not be entered
        found = False
    if not found:
        raise DataError(f"{readable(place)} does not exist; expected a folder of pictures or a table file.")
    return place


def _read_folder(place: Path, kind: Kind | None, **table_settings: object) -> Listed:
    """A folder has no use for what names something in a table."""
    for name, value in table_settings.items():
        if value is not None:
            raise SettingError(
                f"{name}={value!r} names something in a table, but the source is a folder, whose sub-folders are the "
                f"classes. To fix: leave {name} out, or pass a table."
            )
    if kind not in (None, "category"):
        raise SettingError(
            f"kind={kind!r} cannot be read from a folder, whose sub-folders give one category per picture. "
            "To fix: pass a table of paths and targets."
        )
    return read_folder(place)


def _choose(
    columns: Mapping[str, list[Any]],
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
) -> tuple[SourceSpec, dict[str, Decision]]:
    """Settle what was not asked for, and say why."""
    asked = [target] if isinstance(target, str) else list(target or [])
    path, why_path = choose_path(columns, path)
    split, why_split = choose_split(columns, split, [path, *asked])
    taken = [path] if split is None else [path, split]
    targets, why_targets = choose_targets(columns, target, taken if asked else [*taken, *aside])
    why_kind = choose_kind(columns, targets, kind, label_delim)
    spec = SourceSpec(
        layout="table",
        path=path,
        target=targets,
        split=split,
        kind=cast("Kind", why_kind.value),
        label_delim=label_delim,
    )
    reasons = {"path": why_path, "target": why_targets, "split column": why_split, "kind": why_kind}
    return spec, {name: why for name, why in reasons.items() if why is not None}


def _rows(table: _Table, spec: SourceSpec, decisions: Mapping[str, Decision]) -> Listed:
    """The rows of a table, those without path, target or part left out."""
    assert spec.path is not None
    part_names = None if spec.split is None else table.columns[spec.split]
    targets = [table.columns[name] for name in spec.target]
    paths: list[Path] = []
    values: list[TargetValue] = []
    parts: list[str] = []
    left_out: list[LeftOut] = []
    kept: list[int] = []
    for row, cell in enumerate(table.columns[spec.path]):
        try:
            path = table.base / _path_text(cell, spec.path)
            value = target_value([cells[row] for cells in targets], spec.target, spec.kind, spec.label_delim)
            if part_names is not None and part_names[row] is None:
                raise UnusableError(f"split is missing: {spec.split}")
        except UnusableError as fault:
            name = f"row {row + 1}" if cell is None else str(cell)[:200]
            left_out.append(LeftOut(readable(name), str(fault)))
            continue
        kept.append(row)
        paths.append(path)
        values.append(value)
        parts.append("" if part_names is None else str(part_names[row]))
    return Listed(
        description=table.description,
        spec=spec,
        paths=tuple(paths),
        values=tuple(values),
        parts=None if spec.split is None else tuple(parts_from_names(parts, f"column {spec.split!r}")),
        columns={
            name: [cells[row] for row in kept]
            for name, cells in table.columns.items()
            if name not in (spec.path, spec.split, *spec.target)
        },
        root=table.base,
        left_out=tuple(left_out),
        decisions={**table.decisions, **decisions},
    )


def _path_text(cell: Any, column: str) -> str:
    if cell is None:
        raise UnusableError(f"path is missing: {column}")
    if not isinstance(cell, str | PurePath):
        raise UnusableError(f"path is not text: {type(cell).__name__}")
    text = str(cell).strip()
    if "://" in text[:12]:
        raise UnusableError("path is a web address: pictures are never fetched")
    return text
