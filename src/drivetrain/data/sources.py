"""One door for every kind of source: a folder, a table file, or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, cast

import pandas as pd

from drivetrain.data.check import LeftOut
from drivetrain.data.columns import (
    UnusableError,
    choose_kind,
    choose_path,
    choose_split,
    choose_targets,
    target_value,
)
from drivetrain.data.folders import read_folder
from drivetrain.data.listing import Kind, Listed, SourceSpec
from drivetrain.data.split import Part, parts_from_names
from drivetrain.data.tables import columns_of, read_table
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures import readable
from drivetrain.runtime.targets import TargetValue

Source = str | os.PathLike[str] | pd.DataFrame


def read_source(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
) -> Listed:
    """List the rows of a source; no picture is opened. The arguments are those of `images`.

    Raises:
        DataError: The source cannot be read, or a column is missing or unclear.
        SplitError: The split column has a value that names no part.
        SettingError: An argument does not go with this source.

    Example:
        >>> listed = read_source(pd.DataFrame({"file": ["a.jpg"], "fruit": ["pear"]}))
        >>> listed.values, str(listed.decisions["target"])
        (('pear',), 'fruit (the only column left)')
    """
    if label_delim == "":
        raise SettingError("label_delim is empty; expected what separates the labels in a cell, such as ';'.")
    if isinstance(source, pd.DataFrame):
        return _read_columns(
            columns_of(source),
            Path.cwd(),
            f"DataFrame of {len(source)} rows",
            {},
            target,
            path,
            split,
            kind,
            label_delim,
        )
    if not isinstance(source, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingError(f"source is {type(source).__name__}; expected a folder, a table file or a DataFrame.")
    place = Path(source)
    if not _exists(place):
        raise DataError(f"{readable(place)} does not exist; expected a folder of pictures or a table file.")
    if not place.is_dir():
        columns, decisions = read_table(place)
        base = place.absolute().parent
        return _read_columns(
            columns, base, f"table {readable(place)}", decisions, target, path, split, kind, label_delim
        )
    _check_folder_settings(target=target, path=path, split=split, label_delim=label_delim)
    if kind not in (None, "category"):
        raise SettingError(
            f"kind={kind!r} cannot be read from a folder; expected 'category'. Mend it: pass a table of paths and targets."
        )
    return read_folder(place)


def reread_source(source: Source, spec: SourceSpec) -> Listed:
    """List a source the way an earlier one was listed; a folder may stand in for a table of one category.

    Example:
        >>> spec = SourceSpec(layout="table", path="file", target=("n",), kind="category")
        >>> reread_source(pd.DataFrame({"file": ["a.jpg"], "n": [3], "m": [4]}), spec).values
        ('3',)
    """
    is_folder = not isinstance(source, pd.DataFrame) and Path(source).is_dir()
    if is_folder or spec.layout == "folder":
        return read_source(source, kind=spec.kind)
    columns_known = isinstance(source, pd.DataFrame) or _exists(Path(source))
    assert columns_known or spec.layout == "table"
    return read_source(
        source, target=spec.target, path=spec.path, split=spec.split, kind=spec.kind, label_delim=spec.label_delim
    )


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # too long, a NUL byte, a link in a circle
        return False


def _check_folder_settings(**settings: object) -> None:
    for name, value in settings.items():
        if value is not None:
            raise SettingError(
                f"{name}={value!r} names something in a table, but the source is a folder, whose sub-folders are the "
                f"classes. Mend it: leave {name} out, or pass a table."
            )


def _read_columns(
    columns: Mapping[str, list[Any]],
    base: Path,
    description: str,
    decisions: Mapping[str, Decision],
    target: str | Sequence[str] | None,
    path: str | None,
    split: str | None,
    kind: Kind | None,
    label_delim: str | None,
) -> Listed:
    """The rows of a table, those without path, target or part left out."""
    asked = [target] if isinstance(target, str) else list(target or [])
    path, why_path = choose_path(columns, path)
    split, why_split = choose_split(columns, split, [path, *asked])
    targets, why_target = choose_targets(columns, target, [path] if split is None else [path, split])
    why_kind = choose_kind(columns, targets, kind, label_delim)
    kind = cast("Kind", why_kind.value)
    paths: list[Path] = []
    values: list[TargetValue] = []
    parts: list[str] = []
    left_out: list[LeftOut] = []
    for row, cell in enumerate(columns[path]):
        name = f"row {row + 1}" if cell is None else str(cell).strip()
        try:
            value = target_value([columns[column][row] for column in targets], targets, kind, label_delim)
            part = None if split is None else columns[split][row]
            if cell is None:
                raise UnusableError(f"path is missing: {path}")
            if not isinstance(cell, str | PurePath):
                raise UnusableError(f"path is not text: {type(cell).__name__}")
            if "://" in name[:12]:
                raise UnusableError("path is a web address: pictures are never fetched")
            if split is not None and part is None:
                raise UnusableError(f"split is missing: {split}")
        except UnusableError as fault:
            left_out.append(LeftOut(readable(name[:200]), str(fault)))
            continue
        paths.append(base / name)
        values.append(value)
        parts.append(str(part))
    reasons = {"path": why_path, "target": why_target, "split column": why_split, "kind": why_kind}
    return Listed(
        description=description,
        spec=SourceSpec(layout="table", path=path, target=targets, split=split, kind=kind, label_delim=label_delim),
        paths=tuple(paths),
        values=tuple(values),
        parts=None if split is None else tuple(cast("list[Part]", parts_from_names(parts, f"column {split!r}"))),
        left_out=tuple(left_out),
        decisions=dict(decisions) | {name: why for name, why in reasons.items() if why is not None},
    )
