"""What `group=` and `time=` say of each row: a column, a part of the path, a function, or what the picture tells."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from drivetrain.data.asking import asked_by
from drivetrain.data.check import LeftOut
from drivetrain.data.columns import known_column
from drivetrain.data.examples import Examples
from drivetrain.data.exif import cameras_of, days_of
from drivetrain.data.labels import label_text
from drivetrain.data.listing import GroupBy, Listed, SourceSpec
from drivetrain.data.notices import warn
from drivetrain.data.ties import near_groups
from drivetrain.data.times import times_of
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable

Group = str | Callable[[Path], object]
Time = str | Callable[[Path], object]
FROM_PICTURES: tuple[GroupBy, ...] = ("near-duplicates", "camera", "day")
HOW: dict[GroupBy, str] = {
    "column": "a column of the table",
    "folder": "the folder that a picture is in",
    "pattern": "a part of the path",
    "near-duplicates": "pictures that look alike",
    "camera": "the camera, as EXIF names it",
    "day": "camera and day, as EXIF names them",
}


def with_groups(listed: Listed, group: Group | None, *, keep_all: bool = False) -> Listed:
    """The rows with their groups; those whose column or function names none are left out.

    Args:
        listed: What a source says.
        group: A column of the table; "folder"; "near-duplicates", "camera" or "day" (found by `groups_of_pictures`
            when the pictures have been opened); a regular expression whose first group is looked for in the path
            without suffix; or a function of the path.
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
        return _named(listed, cells, None, "what a function says of the path", keep_all=keep_all)
    how = _how(listed, group)
    spec = listed.spec.model_copy(update={"group": group, "group_by": how})
    listed = replace(listed, spec=spec)
    if how in FROM_PICTURES:
        return listed
    if how == "column":
        cells = _column(listed, group, "group")
    elif how == "folder":
        cells = [name.rpartition("/")[0] or "." for name in inner_names(listed)]
    else:
        cells = _matches(listed, group, "group")
    return _named(listed, cells, group, HOW[how], keep_all=keep_all)


def with_groups_again(listed: Listed, spec: SourceSpec) -> Listed:
    """The rows with groups as an earlier source had them, where this one can tell."""
    is_known = spec.group is not None and (spec.group_by != "column" or spec.group in listed.columns)
    if not is_known:
        return listed
    try:
        return with_groups(listed, spec.group, keep_all=True)
    except DataError:  # the files have other names now: their groups are not known
        return listed


def groups_of_pictures(examples: Examples, by: GroupBy | None) -> tuple[str, ...]:
    """The groups that only the pictures tell; a picture that tells none is a group of its own.

    Example:
        >>> groups_of_pictures(Examples((Path("/no/such.jpg"),), ("00",), ("x",)), "camera")
        ('00',)
    """
    if by == "near-duplicates":
        return near_groups(examples)
    if by not in FROM_PICTURES:
        return examples.groups
    found = (cameras_of if by == "camera" else days_of)(examples.paths)
    return tuple(name or digest for name, digest in zip(found, examples.digests, strict=True))


def check_told(examples: Examples, by: GroupBy | None) -> None:
    """Say how many pictures tell no group: each is one of its own, so what belongs together may be on both sides.

    Raises:
        DataError: No picture tells one; a split by group would be a random one.

    Example:
        >>> rows = Examples((Path("a.jpg"),), ("00",), ("x",))
        >>> check_told(replace(rows, groups=groups_of_pictures(rows, "camera")), "camera")
        Traceback (most recent call last):
        drivetrain.errors.DataError: group='camera': none of the 1 pictures says its camera in EXIF. ...
    """
    if by not in ("camera", "day"):
        return
    silent = [row for row, digest in enumerate(examples.digests) if examples.groups[row] == digest]
    what = f"{'its' if len(silent) == len(examples) else 'their'} {by} in EXIF"
    mend = "pass what else tells it (a column, 'folder', a regular expression), or leave group out"
    if silent and len(silent) == len(examples):
        raise DataError(f"group={by!r}: none of the {len(silent)} pictures says {what}. To fix: {mend}.")
    if silent:
        warn(
            f"{len(silent)} of {len(examples)} pictures do not say {what}, and each is a group of its own: "
            f"{readable(examples.paths[silent[0]])}{', …' if len(silent) > 1 else ''}. To fix: {mend}, if they belong "
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
    if time is None:
        return listed
    _check_named(time, "time")
    if callable(time):
        cells, name, how = _ask(time, listed, "time"), "time=", "what a function says of the path"
    elif time in listed.columns or not _is_pattern(time):
        cells, name, how = list(_column(listed, time, "time")), f"column {time!r}", HOW["column"]
    else:
        cells, name, how = _matches(listed, time, "time"), f"what time={time!r} finds", HOW["pattern"]
    listed, cells = _without_missing(listed, cells, f"time is missing: {name}")
    times = times_of(cells, name)
    reason = f"{how}; {len(set(times))} distinct times"
    value = "a function" if callable(time) else time
    return replace(
        listed, times=tuple(times), decisions={**listed.decisions, "time": Decision(value=value, reason=reason)}
    )


def inner_names(listed: Listed) -> list[str]:
    """Where each row lies inside its source, without suffix: the same wherever the source is.

    Example:
        >>> spec = SourceSpec(layout="folder")
        >>> inner_names(Listed("fruit", spec, (Path("/a/fruit/pear/7.jpg"),), ("pear",), root=Path("/a/fruit")))
        ['pear/7']
    """
    root = listed.root.as_posix().rstrip("/") + "/"
    paths = [path.as_posix() for path in listed.paths]
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


def _ask(function: Callable[[Path], object], listed: Listed, setting: str) -> list[Any]:
    """What a function of the user's says of each path."""
    found: list[Any] = []
    for row, path in enumerate(listed.paths):
        try:
            found.append(function(path))
        except Exception as error:
            raise DataError(
                f"the function given as {setting}= fails for row {row + 1} of {len(listed.paths)}, {readable(path)}: "
                f"{type(error).__name__}: {error}. To fix: let it answer for every path, None leaves a row out."
            ) from error
    return found


def _how(listed: Listed, group: str) -> GroupBy:
    """What kind of thing `group` names; a column comes first."""
    if group in listed.columns:
        return "column"
    for how in ("folder", *FROM_PICTURES):
        if group == how:
            return how
    return "pattern" if _is_pattern(group) else "column"


def _is_pattern(text: str) -> bool:
    return "(" in text


def _column(listed: Listed, name: str, setting: str) -> Sequence[Any]:
    if listed.spec.layout == "folder":
        known = ", 'folder', 'near-duplicates', 'camera' or 'day'" if setting == "group" else ""
        raise SettingError(
            f"{setting}={name!r} names a column, but the source is a folder. To fix: pass a regular expression with a "
            f"(group) that is looked for in the path, a function of the path{known}, or pass a table."
        )
    if name in (listed.spec.path, listed.spec.split, *listed.spec.target):
        raise SettingError(f"{setting} names {name!r}, which is the path, target or split column; expected another.")
    return listed.columns[known_column(listed.columns, name, setting)]


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
    names = inner_names(listed)
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
        cells = [f"row {row}" if _is_missing(cell) else cell for row, cell in enumerate(cells)]
    listed, cells = _without_missing(listed, cells, f"group is missing: {name or how}")
    groups = tuple(label_text(cell) for cell in cells)
    return replace(
        listed,
        groups=groups,
        decisions={
            **listed.decisions,
            "group": Decision(value=name or "a function", reason=f"{how}; {len(set(groups))} groups"),
        },
    )


def _without_missing(listed: Listed, cells: Sequence[Any], reason: str) -> tuple[Listed, list[Any]]:
    """Rows whose cell is there, and the cells."""
    gone = {row: LeftOut(readable(listed.paths[row]), reason) for row, cell in enumerate(cells) if _is_missing(cell)}
    if len(gone) == len(cells):
        raise DataError(f"{reason}, in all {len(cells)} rows of {listed.description}. To fix: name another one.")
    return listed.without(gone), [cell for row, cell in enumerate(cells) if row not in gone]


def _is_missing(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
