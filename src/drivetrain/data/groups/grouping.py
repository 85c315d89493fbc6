"""What `group=` and `time=` say of each row: a column, a part of the path, a function, or what the input tells."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from drivetrain.data.asking import asked_by
from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.kind import SourceKind, alike, source_kind
from drivetrain.data.listing import GroupBy, Listed, SourceSpec
from drivetrain.data.notices import warn
from drivetrain.data.splitting.ties import near_groups
from drivetrain.data.tables.columns import known_column
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.times import times_of
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import does, one_of, readable

Group = str | Callable[[Any], object]
Time = str | Callable[[Any], object]
NEAR = "near-duplicates"
COLUMN = "a column of the table"
PATTERN = "a part of the path"
OF_INPUT = "what a function says of the path"


def with_groups(listed: Listed, group: Group | None, *, keep_all: bool = False) -> Listed:
    """The rows with their groups; those whose column or function names none are left out.

    Args:
        listed: What a source says.
        group: A column of the table; "folder"; "near-duplicates", or what the kind of input tells, such as "camera"
            (found by `groups_told` when the rows have been opened); a regular expression whose first group is looked
            for in the path without suffix; or a function of the path.
        keep_all: Keep rows without a group, each as a group of its own.

    Raises:
        DataError: There is no such column, a path does not match, or the function fails.
        SettingError: `group` is none of these.
    """
    if group is None:
        return listed
    _check_named(group, "group")
    if callable(group):
        cells: Sequence[Any] = _ask(group, listed, "group")
        return _named(listed, cells, None, OF_INPUT, keep_all=keep_all)
    how = _how(listed, group)
    spec = listed.spec.model_copy(update={"group": group, "group_by": how})
    listed = replace(listed, spec=spec)
    if how == "column":
        return _named(listed, _column(listed, group, "group"), group, COLUMN, keep_all=keep_all)
    if how == "folder":
        cells = [name.rpartition("/")[0] or "." for name in _paths_inside(listed, "group='folder'")]
        told = f"the folder that a {one_of(source_kind(listed.spec.input).noun)} is in"
        return _named(listed, cells, group, told, keep_all=keep_all)
    if how == "pattern":
        return _named(listed, _matches(listed, group, "group"), group, PATTERN, keep_all=keep_all)
    return listed


def with_groups_again(listed: Listed, spec: SourceSpec) -> Listed:
    """The rows with groups as an earlier source had them, where this one can tell."""
    is_known = spec.group is not None and (spec.group_by != "column" or spec.group in listed.rows.columns)
    if not is_known:
        return listed
    try:
        return with_groups(listed, spec.group, keep_all=True)
    except DataError:  # the files have other names now: their groups are not known
        return listed


def groups_told(rows: Examples, by: GroupBy) -> tuple[str, ...]:
    """The groups that only the inputs tell; a row that tells none is a group of its own.

    Example:
        >>> from pathlib import Path
        >>> groups_told(Examples(Files([Path("/no/such.jpg")]), ("00",), ("x",)), "camera")
        ('00',)
    """
    if by == NEAR:
        return near_groups(rows)
    find = source_kind(rows.kind).groupings().get(by)
    found = rows.groups if find is None else find(rows)
    return tuple(name or digest for name, digest in zip(found, rows.digests, strict=True))


def says(by: GroupBy, rows: Examples) -> str:
    """What groups are that only the inputs tell, for the record of the decision."""
    kind = source_kind(rows.kind)
    teller = _teller(kind) or f"each {one_of(kind.noun)}"
    return f"{kind.noun} that {alike(rows.kind)} alike" if by == NEAR else f"the {by}, as {teller} names it"


def _teller(kind: SourceKind) -> str | None:
    """What in the inputs tells groups, where the kind has a word for it, as EXIF."""
    return getattr(kind, "TELLER", None)


def check_told(rows: Examples, by: GroupBy | None) -> None:
    """Say how many rows tell no group: each is one of its own, so what belongs together may be on both sides.

    Raises:
        DataError: No row tells one; a split by group would be a random one.

    Example:
        >>> from pathlib import Path
        >>> rows = Examples(Files([Path("a.jpg")]), ("00",), ("x",))
        >>> check_told(replace(rows, groups=groups_told(rows, "camera")), "camera")
        Traceback (most recent call last):
        drivetrain.errors.DataError: group='camera': none of the 1 pictures says its camera in EXIF. ...
    """
    kind = source_kind(rows.kind)
    if by is None or by not in kind.groupings():
        return
    silent = [row for row, digest in enumerate(rows.digests) if rows.groups[row] == digest]
    where = f" in {teller}" if (teller := _teller(kind)) else ""
    mend = "pass what else tells it (a column, 'folder', a regular expression), or leave group out"
    if silent and len(silent) == len(rows):
        raise DataError(f"group={by!r}: none of the {len(silent)} {kind.noun} says its {by}{where}. To fix: {mend}.")
    if silent:
        warn(
            f"{len(silent)} of {len(rows)} {kind.noun} {does(len(silent), 'do')} not say their {by}{where}, and "
            "each is a group of its own: "
            f"{rows.inputs.name(silent[0])}{', …' if len(silent) > 1 else ''}. To fix: {mend}, if they belong "
            "together."
        )


def with_times(listed: Listed, time: Time | None) -> Listed:
    """The rows with their times; those whose column or function names none are left out.

    Args:
        listed: What a source says.
        time: A column of the table, a regular expression, or a function of the path.

    Raises:
        DataError: There is no such column, a path does not match, a cell is no time, or the function fails.
    """
    if time is None or listed.rows.times:  # some kinds read the times with the rows
        return listed
    _check_named(time, "time")
    if callable(time):
        cells, name, how = _ask(time, listed, "time"), "time=", OF_INPUT
    elif time in listed.rows.columns or not _is_pattern(time):
        cells, name, how = list(_column(listed, time, "time")), f"column {time!r}", COLUMN
    else:
        cells, name, how = _matches(listed, time, "time"), f"what time={time!r} finds", PATTERN
    listed, cells = _without_missing(listed, cells, f"time is missing: {name}")
    times = times_of(cells, name)
    reason = f"{how}; {len(set(times))} distinct times"
    value = "a function" if callable(time) else time
    rows = replace(listed.rows, times=tuple(times))
    return replace(listed, rows=rows).deciding(time=Decision(value=value, reason=reason))


def inner_names(listed: Listed) -> list[str]:
    """Where each row lies inside its source, without suffix: the same wherever the source is; of cells their row.

    Example:
        >>> from pathlib import Path
        >>> rows = Examples(Files([Path("/a/fruit/pear/7.jpg")]), values=("pear",))
        >>> inner_names(Listed("fruit", SourceSpec(layout="folder"), rows, root=Path("/a/fruit")))
        ['pear/7']
    """
    if not isinstance(listed.rows.inputs, Files):
        return list(listed.rows.inputs.names())
    root = listed.root.as_posix().rstrip("/") + "/"
    paths = [path.as_posix() for path in listed.rows.inputs.paths]
    outside = [path.rpartition("/")[0] for path in paths if not path.startswith(root)]
    try:
        base = os.path.commonpath(outside).rstrip("/") + "/" if outside else ""
    except ValueError:  # on different drives
        base = ""
    names = [_without_suffix(path.removeprefix(root if path.startswith(root) else base)) for path in paths]
    if listed.spec.layout == "folder" and listed.parts is not None:
        names = [name.partition("/")[2] for name in names]  # a group may be in train/ and in valid/
    return names


def _check_named(named: object, setting: str) -> None:
    """Raise SettingError unless something can be looked for by it."""
    asked_by(setting, named)


def _ask(function: Callable[[Any], object], listed: Listed, setting: str) -> list[Any]:
    """What a function of the user's says of each path, or of the cells of each row."""
    found: list[Any] = []
    inputs = listed.rows.inputs
    for row, given in enumerate(inputs):
        try:
            found.append(function(given))
        except Exception as error:
            raise DataError(
                f"the function given as {setting}= fails for row {row + 1} of {len(inputs)}, {inputs.name(row)}: "
                f"{type(error).__name__}: {error}. To fix: let it answer for every path, None leaves a row out."
            ) from error
    return found


def _how(listed: Listed, group: str) -> GroupBy:
    """What kind of thing `group` names; a column comes first."""
    if group in listed.rows.columns:
        return "column"
    if group in told_by(listed):
        return group
    return "pattern" if _is_pattern(group) else "column"


def told_by(listed: Listed) -> list[str]:
    """Names of groups that neither a column nor a pattern tells, but the inputs."""
    kind = source_kind(listed.spec.input)
    near = [] if kind.near is None else [NEAR]
    return [*(["folder"] if kind.suffixes else []), *near, *kind.groupings()]


def _is_pattern(text: str) -> bool:
    return "(" in text


def _column(listed: Listed, name: str, setting: str) -> Sequence[Any]:
    if listed.spec.layout == "folder":
        told = "".join(f", {name!r}" for name in told_by(listed)) if setting == "group" else ""
        known = " or".join(told.rsplit(",", 1)) if told.count(",") > 1 else told
        raise SettingError(
            f"{setting}={name!r} names a column, but the source is a folder. To fix: pass a regular expression with a "
            f"(group) that is looked for in the path, a function of the path{known}, or pass a table."
        )
    if name in (listed.spec.path, listed.spec.split, *listed.spec.target):
        raise SettingError(f"{setting} names {name!r}, which is the path, target or split column; expected another.")
    return listed.rows.columns[known_column(listed.rows.columns, name, setting)].tolist()


def _paths_inside(listed: Listed, asked: str) -> list[str]:
    """Names inside the source that are paths; SettingError where rows are cells of a table."""
    if not isinstance(listed.rows.inputs, Files):
        raise SettingError(
            f"{asked} looks at paths, but the rows of {listed.description} are cells of a table. "
            "To fix: name a column, or pass a function of the row's cells."
        )
    return inner_names(listed)


def _without_suffix(name: str) -> str:
    head, _, suffix = name.rpartition(".")
    return head if head and "/" not in suffix and not head.endswith("/") else name


def _matches(listed: Listed, pattern: str, setting: str) -> list[str]:
    """What the first group of the pattern finds in each path."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SettingError(
            f"{setting}={pattern!r} is no regular expression: {error}; expected one with a (group). "
            "To fix: mend it, or pass a column."
        ) from error
    if not compiled.groups:
        raise SettingError(
            f"{setting}={pattern!r} has no (group); expected one around what is to be found. To fix: put () there."
        )
    names = _paths_inside(listed, f"{setting}={pattern!r}")
    found = [match and match[1] for match in map(compiled.search, names)]
    unmatched = [name for name, text in zip(names, found, strict=True) if text is None]
    if unmatched:
        raise DataError(
            f"{setting}={pattern!r} is not found in {len(unmatched)} of {len(names)} paths; the first is "
            f"{readable(unmatched[0])!r} (a path inside the source, without suffix). To fix: widen the pattern."
        )
    return cast("list[str]", found)


def _named(listed: Listed, cells: Sequence[Any], name: str | None, how: str, *, keep_all: bool) -> Listed:
    """The rows with a group each, as text."""
    if keep_all:
        cells = [f"row {row}" if is_missing(cell) else cell for row, cell in enumerate(cells)]
    listed, cells = _without_missing(listed, cells, f"group is missing: {name or how}")
    words = {cell: label_text(cell) for cell in {cell for cell in cells if isinstance(cell, str)}}
    groups = tuple(words[cell] if isinstance(cell, str) else label_text(cell) for cell in cells)
    why = Decision(value=name or "a function", reason=f"{how}; {len(set(groups))} groups")
    return replace(listed, rows=replace(listed.rows, groups=groups)).deciding(group=why)


def _without_missing(listed: Listed, cells: Sequence[Any], reason: str) -> tuple[Listed, list[Any]]:
    """Rows whose cell is there, and the cells."""
    gone = {row: LeftOut(listed.rows.inputs.name(row), reason) for row, cell in enumerate(cells) if is_missing(cell)}
    if len(gone) == len(cells):
        raise DataError(f"{reason}, in all {len(cells)} rows of {listed.description}. To fix: name another one.")
    return listed.without(gone), [cell for row, cell in enumerate(cells) if row not in gone]


def is_missing(cell: object) -> bool:
    """Whether a cell of a column holds nothing."""
    if isinstance(cell, float):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and not cell.strip())
