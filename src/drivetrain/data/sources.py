"""One door for every kind of source: a folder, a table file, or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.folders import read_folder
from drivetrain.data.groups.grouping import with_groups_again
from drivetrain.data.inputs import Cells, Files, Inputs, Spans
from drivetrain.data.kind import SourceKind, first_of_pairs, hook, source_kind
from drivetrain.data.labelled.reading import Labelled, brought
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TASK_NAMES, Kind, Listed, SourceSpec
from drivetrain.data.notices import warn
from drivetrain.data.splitting.split import Part
from drivetrain.data.tables.cells import Column, column_of, written
from drivetrain.data.tables.columns import (
    TARGET_NAMES,
    UnusableError,
    choose_path,
    choose_targets,
    columns_of_paths,
    known_column,
)
from drivetrain.data.tables.finding import Folders, find_files, nothing_found, path_texts, resolved
from drivetrain.data.tables.frames import DataFrame, as_cells, as_texts, expected, has_gap_words, is_table, table_of
from drivetrain.data.tables.own_split import OwnSplit, choose_split, parts_of
from drivetrain.data.tables.reading import read_table
from drivetrain.data.tables.spans import NO_SPAN, choose_span, known_span, outside_zips, times_in_file
from drivetrain.data.tables.target_values import values_of, warn_of_labels
from drivetrain.data.tables.task import Task, settle
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.zipped import in_folder
from drivetrain.runtime.targets import TargetValue
from drivetrain.settings import choice, refuse
from drivetrain.text import one_of, readable

Source = str | os.PathLike[str] | DataFrame | Mapping[str, Any] | Sequence[Any]
"""A folder, a table file, or a table in memory of any library (see `drivetrain.data.tables.frames`)."""
ENOUGH_FILES = 0.9
"""A column without suffixes is one of paths when at least this fraction of its cells are files."""


def read_source(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    span: tuple[str, str] | Literal[False] | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
    own_split: bool = True,
    labels_from: LabelsFrom | None = None,
    columns: Sequence[str] | None = None,
    input_kind: str = "images",
    options: Mapping[str, Any] | None = None,
) -> Listed:
    """List the rows of a source; none is opened. The arguments are those of `images`.

    `aside` names columns that say something else, and so are not guessed to be the target or an input; without
    `own_split`, no column is looked for that names parts. `columns` are the inputs of a kind whose rows are cells of a
    table; None takes all that say nothing else. `options` go to the kind, see `SourceSpec.options`.

    Raises:
        DataError: The source cannot be read, or a column is missing or unclear.
        SplitError: The split column has a value that names no part.
        SettingError: An argument does not go with this source.

    Example:
        >>> import pandas as pd
        >>> listed = read_source(pd.DataFrame({"file": ["a.jpg"], "fruit": ["pear"]}))
        >>> listed.rows.values, str(listed.decisions["target"])
        (('pear',), 'fruit (the only column left)')
    """
    choice("labels_from", labels_from, (None, "top", "leaf"))
    if label_delim is not None and (not isinstance(label_delim, str) or not label_delim):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse("label_delim", label_delim, "what separates the labels in a cell", fix="To fix: pass such as ';'.")
    targets = None if target is None else _column_names("target", target)
    path = None if path is None else _column_name("path", path)
    split = None if split is None else _column_name("split", split)
    if (folder := _folder(source := brought(input_kind, source, options or {}), input_kind)) is not None:
        named = {"target": target, "path": path, "span": span or None, "split": split, "columns": columns}
        listed = _read_folder(folder, input_kind, kind, labels_from, (), label_delim=label_delim, **named)
        return _with_options(listed, options or {})
    if labels_from is not None:
        raise SettingError(
            f"labels_from={labels_from!r} says which folders name the classes, but the source is a table. "
            "To fix: leave labels_from out, or pass a folder."
        )
    table = _open_table(source, input_kind)
    spec, decisions = _choose(
        table,
        input_kind=input_kind,
        target=targets,
        path=path,
        span=span,
        inputs=columns,
        split=split,
        kind=kind,
        label_delim=label_delim,
        aside=aside,
        own_split=own_split,
    )
    return _with_options(_rows(table, spec, decisions, tell=True), options or {})


def _with_options(listed: Listed, options: Mapping[str, Any]) -> Listed:
    spec = listed.spec.model_copy(update={"options": dict(options)})
    return replace(listed, spec=spec, rows=replace(listed.rows, options=spec.options))


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
        >>> reread_source(pd.DataFrame({"file": ["a.jpg"], "n": [3], "m": [4]}), spec).rows.values
        ('3',)
    """
    return with_groups_again(_reread(source, spec, with_parts, known), spec)


def _reread(source: Source, spec: SourceSpec, with_parts: bool, known: Collection[str]) -> Listed:
    if own := hook(source_kind(spec.input), "reread"):
        listed: Listed = own(source, spec, with_parts=with_parts)
        return replace(listed, spec=listed.spec.model_copy(update={"relabelled": spec.relabelled}))
    if (folder := _folder(source := brought(spec.input, source, spec.options), spec.input)) is not None:
        listed = _read_folder(folder, spec.input, spec.kind, spec.labels_from, known)
        told = listed.spec.model_copy(update={"relabelled": spec.relabelled})
        return _with_options(replace(listed, spec=told), spec.options)
    table = _open_table(source, spec.input)
    spec = spec.model_copy(update={"group": None, "group_by": None})
    if not (spec.path or spec.inputs) or not spec.target:
        found, decisions = _choose(
            table,
            input_kind=spec.input,
            path=spec.path,
            span=spec.span,
            inputs=spec.inputs or None,
            target=spec.target or None,
            kind=spec.kind,
        )
        listed = _rows(table, found.model_copy(update={"relabelled": spec.relabelled}), decisions)
        return _with_options(listed, spec.options)
    again = {
        "path": None if spec.path is None else known_column(table.columns, spec.path, "path"),
        "span": None if spec.span is None else known_span(table.columns, spec.span),
        "inputs": tuple(known_column(table.columns, name, "columns") for name in spec.inputs),
        "target": tuple(known_column(table.columns, name, "target") for name in spec.target),
    }
    keeps_split = with_parts and spec.split in table.columns and all(name in table.columns for name in spec.split_flags)
    without = {} if keeps_split else {"split": None, "split_flags": ()}
    return _with_options(_rows(table, spec.model_copy(update=again | without), {}), spec.options)


@dataclass(frozen=True)
class _Table:
    """A table's columns, and what paths in it start from."""

    columns: Mapping[str, Sequence[Any]]
    stated: frozenset[str]
    base: Path
    description: str
    decisions: Mapping[str, Decision]
    suffixes: frozenset[str]
    """Of the files that its cells name; none where they name none."""

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


def _open_table(source: Any, input_kind: str) -> _Table:
    decisions: dict[str, Decision] = {}
    suffixes = source_kind(input_kind).suffixes
    if isinstance(source, Labelled):
        return _Table(source.columns, source.stated, source.base, source.description, source.decisions, suffixes)
    if is_table(source):
        table, base = table_of(source, suffixes=suffixes, arrays=True, first=first_of_pairs(input_kind)), Path.cwd()
        n_rows = len(next(iter(table.columns.values())))
        kind = "list" if isinstance(source, tuple) else type(source).__name__
        description = f"{kind} of {n_rows} rows"
    else:
        place = _place(source, input_kind)
        table, decisions = read_table(place, suffixes=suffixes, arrays=True)
        base, description = place.absolute().parent, f"table {readable(place)}"
    return _Table(table.columns, table.stated, base, description, decisions, suffixes)


def _folder(source: Any, input_kind: str) -> Path | None:
    """The folder that the source is, if it is one."""
    if isinstance(source, Labelled) or is_table(source):
        return None
    place = _place(source, input_kind)
    return place if place.is_dir() else None


def _place(source: object, input_kind: str) -> Path:
    """The path of something that exists."""
    kind = source_kind(input_kind)
    wanted = f"a folder of {kind.noun} or a table file" if kind.suffixes else "a table file"
    allowed = expected(first_of_pairs(input_kind))
    if not isinstance(source, str | os.PathLike):
        raise SettingError(f"source is {type(source).__name__}; expected {allowed}. To fix: pass one of these.")
    if not os.fspath(source).strip():
        refuse("source", source, allowed, fix="To fix: '.' is the working directory.")
    place = Path(os.fsdecode(source))
    if "://" in str(source)[:12]:
        raise DataError(
            f"{readable(str(source)[:200])} is a web address; expected {wanted}. {kind.noun.capitalize()} "
            "are never fetched. To fix: download them, and pass the folder or the table on this machine."
        )
    place = (in_folder(place) or place) if kind.suffixes else place
    try:
        found = place.exists()
    except (OSError, ValueError):  # the name is too long, has a NUL byte, or its folder may not be entered
        found = False
    if not found:
        raise DataError(f"{readable(place)} does not exist; expected {wanted}. To fix: check the path.")
    return place


def _read_folder(
    place: Path,
    input_kind: str,
    kind: Kind | None,
    labels_from: LabelsFrom | None,
    known: Collection[str],
    /,
    **table_settings: object,
) -> Listed:
    """A folder has no use for what names something in a table."""
    noun = source_kind(input_kind).noun
    if not source_kind(input_kind).suffixes:
        raise DataError(
            f"{readable(place)} is a folder, but {noun} are rows of a table; expected a table file, or a table in "
            "memory. To fix: pass the table."
        )
    for name, value in table_settings.items():
        if value is not None:
            raise SettingError(
                f"{name}={value!r} names something in a table, but the source is a folder, whose sub-folders are the "
                f"classes. To fix: leave {name} out, or pass a table."
            )
    if kind not in (None, "category"):
        raise SettingError(
            f"task={TASK_NAMES[kind]!r} cannot be read from a folder, whose sub-folders give one category per "
            f"{one_of(noun)}. To fix: pass a table of paths and targets."
        )
    return read_folder(place, labels_from, known, input_kind=input_kind)


def _choose(
    table: _Table,
    *,
    input_kind: str,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    span: tuple[str, str] | Literal[False] | None = None,
    inputs: Sequence[str] | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    label_delim: str | None = None,
    aside: Sequence[str] = (),
    own_split: bool = True,
) -> tuple[SourceSpec, dict[str, Decision]]:
    """Settle what was not asked for, say why, and warn of what may be meant otherwise."""
    columns, source = table.columns, source_kind(input_kind)
    asked = [target] if isinstance(target, str) else list(target or [])
    asked = [known_column(columns, name, "target") for name in asked]
    read, why_path, spans = _asked_inputs(columns, inputs, source), None, NO_SPAN
    why_read, in_files = None, _are_in_files(table, source, path, inputs, [*asked, *aside])
    if in_files:
        path, why_path = choose_path(columns, path, lambda name: _names_files(table, name), kind=source)
        spans = choose_span(columns, span, getattr(source, "SPAN_COLUMNS", ()), [path, *asked, *aside])
        read = [path, *(spans.columns or ())]
    elif path is not None:
        raise SettingError(
            f"path={path!r} names a column of paths, but {source.noun} are the cells of a table themselves. "
            "To fix: leave path out."
        )
    brought = choose_split(columns, split, [*read, *asked, *aside]) if own_split or split else OwnSplit()
    if not read and (choose_cells := hook(source, "choose_cells")):
        said_otherwise = {*asked, *brought.columns, *brought.seeming, *aside}
        read, why_read = choose_cells(columns, said_otherwise, () if asked else TARGET_NAMES)
    apart = [*read, *brought.columns, *(() if asked else (*brought.seeming, *aside))]
    targets, why_targets = choose_targets(columns, None if target is None else asked, apart)
    if not read:
        said_otherwise = {*targets, *brought.columns, *brought.seeming, *aside}
        read = [name for name in columns if name not in said_otherwise]
        _require_inputs(read, columns, source.noun)
    task = settle(
        [table.column(name) for name in targets], kind, label_delim, gap_words=_gap_words(table, {*read, *targets})
    )
    for note in (*spans.notes, *brought.notes, *task.notes):
        warn(note)
    spec = SourceSpec(
        layout="table",
        path=path,
        span=spans.columns,
        inputs=() if in_files else tuple(read),
        input=input_kind,
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
        source.noun: why_read,
        "span": spans.decision,
        "target": why_targets,
        "split column": brought.decision,
        "task": Decision(value=TASK_NAMES[task.kind], reason=task.reason),
    }
    return spec, {name: why for name, why in reasons.items() if why is not None}


def _are_in_files(
    table: _Table, kind: SourceKind, path: str | None, inputs: Sequence[str] | None, apart: Collection[str]
) -> bool:
    """Whether the rows are files that the table names, of a kind whose rows may be its cells, too."""
    if not kind.suffixes or not hook(kind, "CELLS"):
        return bool(kind.suffixes)
    if path is not None or inputs is not None:
        return path is not None
    rest = {name: cells for name, cells in table.columns.items() if name not in apart}
    return bool(columns_of_paths(rest, kind.suffixes))


def _asked_inputs(columns: Mapping[str, Any], asked: Sequence[str] | None, kind: SourceKind) -> list[str]:
    """The columns of inputs that were named."""
    if asked is None:
        return []
    if kind.suffixes and not hook(kind, "CELLS"):
        raise SettingError(
            f"columns={asked!r} names the inputs of a table, but {kind.noun} are files. To fix: pass path=, the column "
            "of their paths, and leave columns out."
        )
    setting = getattr(kind, "COLUMNS_ARGUMENT", "columns")
    named = [known_column(columns, name, setting) for name in _column_names(setting, asked)]
    _require_inputs(named, columns, kind.noun)
    return named


def _require_inputs(inputs: Sequence[str], columns: Iterable[str], noun: str) -> None:
    if not inputs or len(set(inputs)) < len(inputs):
        raise DataError(
            f"{noun} are cells of a table, and {first_few(map(repr, inputs)) or 'no column'} is left for them beside "
            f"target, split, group and time; the columns are {first_few(map(repr, columns))}. "
            "To fix: pass columns=, the names of different columns that the model may see."
        )


def _gap_words(table: _Table, apart: set[str]) -> dict[str, str]:
    """Words that stand for "no value" in columns of numbers, with the column."""
    found: dict[str, str] = {}
    for name, cells in table.columns.items():
        if name not in apart and has_gap_words(cells):
            found |= {word: name for word in column_of(name, cells).gaps if word not in found}
    return found


def _names_files(table: _Table, name: str) -> bool:
    texts = [cell for cell in written(table.columns[name]) if isinstance(cell, str)]
    if len(set(texts)) < len(texts) / 2:
        return False
    found = find_files(texts, table.bases, Folders(), table.suffixes)
    return found.n_found >= ENOUGH_FILES * found.n_names


def _rows(table: _Table, spec: SourceSpec, decisions: Mapping[str, Decision], *, tell: bool = False) -> Listed:
    """The rows of a table, those without path, target or part left out."""
    targets = [table.column(name) for name in spec.target]
    task = Task(spec.kind, "", spec.label_delim, spec.bracketed, spec.flags, spec.missing)
    read = values_of(targets, task)
    split_columns = spec.split_flags or ((spec.split,) if spec.split else ())
    named = parts_of(table.columns, split_columns) if split_columns else None
    faults: dict[int, object] = {} if named is None else _without_part(named, split_columns)
    faults |= read.faults
    inputs, how, hint = _inputs(table, spec, faults, tell=tell)
    kept = np.array([row for row in range(len(inputs)) if row not in faults], dtype=np.int64)
    rows: list[int] = kept.tolist()
    values: list[TargetValue] = [value for row in rows if (value := read.values[row]) is not None]
    if tell:
        warn_of_labels(targets, task, values)
        for note in read.notes:
            warn(note)
    apart = {spec.path, *(spec.span or ()), *spec.inputs, *split_columns, *spec.target}
    others = {name: as_cells(cells) for name, cells in table.columns.items() if name not in apart}
    return Listed(
        description=table.description,
        spec=spec,
        rows=Examples(
            inputs.take(kept),
            values=tuple(values),
            columns={name: column[kept] for name, column in others.items()},
            kind=spec.input,
        ),
        parts=None if named is None else tuple(part for row in rows if (part := named[row]) is not None),
        root=table.base,
        hint=hint,
        left_out=tuple(LeftOut(_row_name(table, spec, row), str(faults[row])) for row in sorted(faults)),
        decisions={**table.decisions, **decisions, **how},
    )


def _without_part(named: Sequence[Part | None], columns: Sequence[str]) -> dict[int, object]:
    return {row: f"split is missing: {', '.join(columns)}" for row, part in enumerate(named) if part is None}


def _row_name(table: _Table, spec: SourceSpec, row: int) -> str:
    cell = None if spec.path is None else table.columns[spec.path][row]
    return readable(f"row {row + 1}" if cell is None else str(cell)[:200])


def _inputs(
    table: _Table, spec: SourceSpec, faults: dict[int, object], *, tell: bool
) -> tuple[Inputs, dict[str, Decision], str]:
    """What each row's input is, and where the files were looked for; rows that name none join the faults."""
    if spec.path is None:
        as_written = hook(source_kind(spec.input), "AS_WRITTEN")
        cells = {
            name: as_texts(table.columns[name]) if as_written else as_cells(table.columns[name]) for name in spec.inputs
        }
        return Cells(cells, np.arange(1, 1 + len(next(iter(cells.values()))))), {}, ""
    names = path_texts(table.columns[spec.path], spec.path)
    faults |= {row: name for row, name in enumerate(names) if isinstance(name, UnusableError)}
    paths, how, hint = _paths(table, names, spec.path, tell=tell)
    files = [paths.get(row, Path()) for row in range(len(names))]
    if spec.span is None:
        return Files(files), how, hint
    starts, ends = (times_in_file(name, table.columns[name], faults) for name in spec.span)
    faults |= dict.fromkeys(np.flatnonzero(ends <= starts).tolist(), "span ends before it begins")
    return Spans(files, starts, ends), how, hint


def _paths(
    table: _Table, names: Sequence[str | UnusableError], column: str, *, tell: bool
) -> tuple[dict[int, Path], dict[str, Decision], str]:
    """A path for each row that names one, by one rule for all of them."""
    rows = [row for row, name in enumerate(names) if isinstance(name, str)]
    texts, how = outside_zips([str(names[row]) for row in rows], table.bases)
    if not texts:
        return {}, {}, ""
    folders = Folders()
    found = find_files(texts, table.bases, folders, table.suffixes)
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
