"""One door for every kind of source: a folder, a table file, or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from drivetrain.data.cells import MISSING_WORDS, Column, column_of, typed, written
from drivetrain.data.check import LeftOut
from drivetrain.data.columns import UnusableError, choose_path, choose_targets, known_column
from drivetrain.data.finding import Folders, find_files, nothing_found, resolved
from drivetrain.data.folders import read_folder
from drivetrain.data.frames import EXPECTED, DataFrame, is_table, table_of
from drivetrain.data.grouping import with_groups_again
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import Kind, Listed, SourceSpec
from drivetrain.data.notices import warn
from drivetrain.data.own_split import OwnSplit, choose_split, parts_of
from drivetrain.data.split import Part
from drivetrain.data.tables import read_table
from drivetrain.data.target_values import values_of, warn_of_labels
from drivetrain.data.task import Task, settle
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue
from drivetrain.settings import choice, refuse
from drivetrain.text import readable

Source = str | os.PathLike[str] | DataFrame | Mapping[str, Any] | Sequence[Any]
"""A folder, a table file, or a table in memory of any library (see `drivetrain.data.frames`)."""
ENOUGH_FILES = 0.9
"""A column without suffixes is one of paths when at least this fraction of its cells are files."""


def read_source(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
    own_split: bool = True,
    labels_from: LabelsFrom | None = None,
) -> Listed:
    """List the rows of a source; no picture is opened. The arguments are those of `images`.

    `aside` names columns that say something else, and so are not guessed to be the target; without `own_split`, no
    column is looked for that names parts.

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
    choice("labels_from", labels_from, (None, "top", "leaf"))
    if label_delim is not None and (not isinstance(label_delim, str) or not label_delim):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse("label_delim", label_delim, "what separates the labels in a cell", fix="To fix: pass such as ';'.")
    targets = None if target is None else _column_names("target", target)
    path, split = (
        None if one is None else _column_name(setting, one) for setting, one in (("path", path), ("split", split))
    )
    if (folder := _folder(source)) is not None:
        return _read_folder(folder, kind, labels_from, target=target, path=path, split=split, label_delim=label_delim)
    if labels_from is not None:
        raise SettingError(
            f"labels_from={labels_from!r} says which folders name the classes, but the source is a table. "
            "To fix: leave labels_from out, or pass a folder."
        )
    table = _open_table(source)
    spec, decisions = _choose(
        table,
        target=targets,
        path=path,
        split=split,
        kind=kind,
        label_delim=label_delim,
        aside=aside,
        own_split=own_split,
    )
    return _rows(table, spec, decisions, tell=True)


def reread_source(source: Source, spec: SourceSpec, *, with_parts: bool = True, known: Collection[str] = ()) -> Listed:
    """List a source the way an earlier one was listed; a folder may stand in for a table of one category.

    Args:
        source: As for `read_source`.
        spec: What the earlier `Listed` says.
        with_parts: Also read the split column, if it is still there.
        known: The model's classes, which settle what the folders mean.

    Example:
        >>> import pandas as pd
        >>> spec = SourceSpec(layout="table", path="file", target=("n",), kind="category")
        >>> reread_source(pd.DataFrame({"file": ["a.jpg"], "n": [3], "m": [4]}), spec).values
        ('3',)
    """
    return with_groups_again(_reread(source, spec, with_parts, known), spec)


def _reread(source: Source, spec: SourceSpec, with_parts: bool, known: Collection[str]) -> Listed:
    kept = {"relabelled": spec.relabelled, "value_range": spec.value_range}
    if (folder := _folder(source)) is not None:
        listed = _read_folder(folder, spec.kind, spec.labels_from, known)
        return replace(listed, spec=listed.spec.model_copy(update=kept))
    table = _open_table(source)
    spec = spec.model_copy(update={"group": None, "group_by": None})
    if spec.path is None or not spec.target:
        found, decisions = _choose(table, path=spec.path, target=spec.target or None, kind=spec.kind)
        return _rows(table, found.model_copy(update=kept), decisions)
    again = {
        "path": known_column(table.columns, spec.path, "path"),
        "target": tuple(known_column(table.columns, name, "target") for name in spec.target),
    }
    keeps_split = with_parts and spec.split in table.columns and all(name in table.columns for name in spec.split_flags)
    without = {} if keeps_split else {"split": None, "split_flags": ()}
    return _rows(table, spec.model_copy(update=again | without), {})


@dataclass(frozen=True)
class _Table:
    """A table's columns, and what paths in it start from."""

    columns: Mapping[str, list[Any]]
    stated: frozenset[str]
    base: Path
    description: str
    decisions: Mapping[str, Decision]

    def column(self, name: str) -> Column:
        """A column with its cells in one form."""
        return column_of(name, self.columns[name], stated=name in self.stated)

    @property
    def bases(self) -> list[Path]:
        """Where relative paths may start, the usual place first."""
        return list(dict.fromkeys([self.base, Path.cwd()]))


def _column_names(setting: str, asked: object) -> list[str]:
    """The columns that an argument names: one, or several."""
    if isinstance(asked, str | int) or not isinstance(asked, Iterable):
        return [_column_name(setting, asked)]
    return [_column_name(setting, one) for one in cast("Iterable[object]", asked)]


def _column_name(setting: str, asked: object) -> str:
    """The name of a column; pandas counts columns without one, so a whole number is a name as well."""
    if isinstance(asked, bool) or not isinstance(asked, str | int):
        refuse(setting, asked, "the name of a column", fix="To fix: pass it as text.")
    return str(asked)


def _open_table(source: Source) -> _Table:
    decisions: dict[str, Decision] = {}
    if is_table(source):
        table, base = table_of(source), Path.cwd()
        n_rows = len(next(iter(table.columns.values())))
        description = f"{_kind_of(source)} of {n_rows} rows"
    else:
        place = _place(source)
        table, decisions = read_table(place)
        base, description = place.absolute().parent, f"table {readable(place)}"
    return _Table(table.columns, table.stated, base, description, decisions)


def _kind_of(source: object) -> str:
    return "list" if isinstance(source, list | tuple) else "dict" if isinstance(source, dict) else type(source).__name__


def _folder(source: Source) -> Path | None:
    """The folder that the source is, if it is one."""
    if is_table(source):
        return None
    place = _place(source)
    return place if place.is_dir() else None


def _place(source: object) -> Path:
    """The path of something that exists."""
    if not isinstance(source, str | os.PathLike):
        raise SettingError(f"source is {type(source).__name__}; expected {EXPECTED}. To fix: pass one of these.")
    if not os.fspath(source).strip():
        refuse("source", source, EXPECTED, fix="To fix: '.' is the working directory.")
    place = Path(os.fsdecode(source))
    if "://" in str(source)[:12]:
        raise DataError(
            f"{readable(str(source)[:200])} is a web address; expected a folder of pictures or a table file. Pictures "
            "are never fetched. To fix: download them, and pass the folder or the table on this machine."
        )
    try:
        found = place.exists()
    except (OSError, ValueError):  # the name is too long, has a NUL byte, or its folder may not be entered
        found = False
    if not found:
        raise DataError(
            f"{readable(place)} does not exist; expected a folder of pictures or a table file. To fix: check the path."
        )
    return place


def _read_folder(
    place: Path,
    kind: Kind | None,
    labels_from: LabelsFrom | None,
    known: Collection[str] = (),
    **table_settings: object,
) -> Listed:
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
    return read_folder(place, labels_from, known)


def _choose(
    table: _Table,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
    own_split: bool = True,
) -> tuple[SourceSpec, dict[str, Decision]]:
    """Settle what was not asked for, say why, and warn of what may be meant otherwise."""
    columns = table.columns
    asked = [target] if isinstance(target, str) else list(target or [])
    asked = [known_column(columns, name, "target") for name in asked]
    path, why_path = choose_path(columns, path, lambda name: _names_files(table, name))
    brought = choose_split(columns, split, [path, *asked, *aside]) if own_split or split else OwnSplit()
    taken = [path, *brought.columns]
    apart = taken if asked else [*taken, *brought.seeming, *aside]
    targets, why_targets = choose_targets(columns, None if target is None else asked, apart)
    task = settle(
        [table.column(name) for name in targets], kind, label_delim, gap_words=_gap_words(table, {path, *targets})
    )
    for note in (*brought.notes, *task.notes):
        warn(note)
    spec = SourceSpec(
        layout="table",
        path=path,
        target=targets,
        split=brought.columns[0] if brought.columns else None,
        split_flags=brought.columns if len(brought.columns) > 1 else (),
        kind=task.kind,
        label_delim=task.delim,
        flags=task.flags,
        bracketed=task.bracketed,
        missing=task.missing,
    )
    reasons = {
        "path": why_path,
        "target": why_targets,
        "split column": brought.decision,
        "kind": Decision(value=task.kind, reason=task.reason),
    }
    return spec, {name: why for name, why in reasons.items() if why is not None}


def _gap_words(table: _Table, apart: set[str]) -> dict[str, str]:
    """Words that stand for "no value" in columns of numbers, with the column."""
    found: dict[str, str] = {}
    for name, cells in table.columns.items():
        has_words = any(isinstance(cell, str) and cell.strip().casefold() in MISSING_WORDS for cell in cells)
        if name not in apart and has_words:
            found |= {word: name for word in column_of(name, cells).gaps if word not in found}
    return found


def _names_files(table: _Table, name: str) -> bool:
    texts = [cell for cell in written(table.columns[name]) if isinstance(cell, str)]
    if len(set(texts)) < len(texts) / 2:
        return False
    found = find_files(texts, table.bases, Folders())
    return found.n_found >= ENOUGH_FILES * found.n_names


def _rows(table: _Table, spec: SourceSpec, decisions: Mapping[str, Decision], *, tell: bool = False) -> Listed:
    """The rows of a table, those without path, target or part left out."""
    assert spec.path is not None
    targets = [table.column(name) for name in spec.target]
    task = Task(spec.kind, "", spec.label_delim, spec.bracketed, spec.flags, spec.missing)
    read = values_of(targets, task)
    names = _path_texts(table.columns[spec.path], spec.path)
    paths, how, hint = _paths(table, names, spec.path, tell=tell)
    split_columns = spec.split_flags or ((spec.split,) if spec.split else ())
    named = parts_of(table.columns, split_columns) if split_columns else None
    kept: list[int] = []
    left_out: list[LeftOut] = []
    for row, name in enumerate(names):
        fault = name if isinstance(name, UnusableError) else read.faults.get(row)
        if fault is None and named is not None and named[row] is None:
            fault = f"split is missing: {', '.join(split_columns)}"
        if fault is None:
            kept.append(row)
        else:
            cell = table.columns[spec.path][row]
            left_out.append(LeftOut(readable(f"row {row + 1}" if cell is None else str(cell)[:200]), str(fault)))
    values: list[TargetValue] = [value for row in kept if (value := read.values[row]) is not None]
    parts: list[Part] | None = None
    if named is not None:
        parts = [part for row in kept if (part := named[row]) is not None]
    if tell:
        warn_of_labels(targets, task, values)
        for note in read.notes:
            warn(note)
    apart = {spec.path, *split_columns, *spec.target}
    others = {name: typed(cells) for name, cells in table.columns.items() if name not in apart}
    return Listed(
        description=table.description,
        spec=spec,
        paths=tuple(paths[row] for row in kept),
        values=tuple(values),
        parts=None if parts is None else tuple(parts),
        columns={name: [cells[row] for row in kept] for name, cells in others.items()},
        root=table.base,
        hint=hint,
        left_out=tuple(left_out),
        decisions={**table.decisions, **decisions, **how},
    )


def _paths(
    table: _Table, names: Sequence[str | UnusableError], column: str, *, tell: bool
) -> tuple[dict[int, Path], dict[str, Decision], str]:
    """A path for each row that names one, by one rule for all of them."""
    rows = [row for row, name in enumerate(names) if isinstance(name, str)]
    texts = [str(names[row]) for row in rows]
    if not texts:
        return {}, {}, ""
    folders = Folders()
    found = find_files(texts, table.bases, folders)
    how: dict[str, Decision] = {}
    hint = "" if found.n_found else nothing_found(found, column, texts, table.base)
    said = found.rule.said(table.base)
    if tell and found.also:
        warn(
            f"the names in column {column!r} are found {said}, but most of them also in other places: "
            f"{first_few(map(readable, found.also))}. The former were taken. To fix: write the folder and the suffix "
            "into the column, if others are meant."
        )
    if said != "as written":
        reason = f"finds {found.n_found} of {found.n_names} files; as written: {found.n_as_written}"
        how["paths"] = Decision(value=said, reason=reason)
    return dict(zip(rows, resolved(texts, found.rule, folders), strict=True)), how, hint


def _path_texts(cells: Sequence[Any], column: str) -> list[str | UnusableError]:
    """What each cell says of its path; numbers are names as well, such as 7 for 7.jpg."""
    are_numbers = all(cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells)
    if are_numbers:
        return [UnusableError(f"path is missing: {column}") if cell is None else str(cell) for cell in written(cells)]
    texts: list[str | UnusableError] = []
    for cell in cells:
        try:
            texts.append(_path_text(cell, column))
        except UnusableError as fault:
            texts.append(fault)
    return texts


def _path_text(cell: Any, column: str) -> str:
    if cell is None:
        raise UnusableError(f"path is missing: {column}")
    if not isinstance(cell, str | PurePath):
        raise UnusableError(f"path is not text: {type(cell).__name__}")
    text = str(cell).strip()
    if text.startswith("file://"):
        text = url2pathname(urlsplit(text).path)
    if "://" in text[:12]:
        raise UnusableError("path is a web address: pictures are never fetched")
    return text
