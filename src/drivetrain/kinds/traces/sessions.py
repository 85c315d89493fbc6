"""One table of the points of many sessions becomes a file for each session, and a table of the sessions."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drivetrain.data.cache.location import CachePlace
from drivetrain.data.inputs import Files
from drivetrain.data.tables.columns import known_column
from drivetrain.data.tables.frames import Columns, is_table, table_of
from drivetrain.data.tables.reading import PARQUET_SUFFIXES, TEXT_SUFFIXES, read_table
from drivetrain.errors import DataError, first_few
from drivetrain.kinds.traces.names import plain, roles_of
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.zipped import in_folder
from drivetrain.text import counted, readable

SESSIONS = (
    *("session", "sessionid", "sessionname", "trace", "traceid", "recording", "recordingid", "trial", "trialid"),
    *("gesture", "gestureid", "drawing", "drawingid", "signature", "signatureid", "sample", "sampleid", "sequence"),
)
"""Usual names of the column that tells sessions apart."""
TABLE, ABOUT = "sessions.csv", "split.json"
PATH, NAMED = "path", "session"


def as_files(source: Any, options: Mapping[str, Any], /) -> Any:
    """A table of sessions for a table of points; any other source as it is.

    Args:
        source: As `drivetrain.traces` takes it.
        options: Of the kind: `session`, `t`, `x`, ... are names of columns.

    Raises:
        DataError: It is a table of points, and nothing tells its sessions apart, or `session` names no column.
    """
    session = options.get("session")
    place = _place(source)
    if place is not None and (
        place.is_dir() or not place.exists() or place.suffix.lower() not in {*TEXT_SUFFIXES, *PARQUET_SUFFIXES}
    ):
        return source
    if place is None and not is_table(source):
        return source
    columns = _columns(source, place)
    asked = {role: options.get(role) for role in ("t", "x", "y", "pressure", "event")}
    roles = roles_of(columns, asked)
    if session is None and not {"x", "y"} <= roles.keys():
        return source  # a table of paths
    if not {"x", "y"} <= roles.keys():
        raise DataError(
            f"session={session!r} was given for a table of points, but no columns of x and y are found; it has "
            f"{first_few(map(repr, columns))}. To fix: name them with x= and y=, or leave session out."
        )
    told = known_column(columns, session, "session") if session is not None else _guessed(columns, roles)
    said = "as asked" if session is not None else "its name"
    return _split(columns, roles, told, said, where="the table" if place is None else place.name)


def what_was_split(inputs: Files) -> Decision | None:
    """How the files of a data set came about, where `as_files` made them."""
    if not len(inputs):
        return None
    about = inputs.paths[0].parent / ABOUT
    if not about.is_file() or not (about.parent / TABLE).is_file():
        return None
    said = json.loads(about.read_text("utf-8"))
    return Decision(value=said["column"], reason=said["reason"])


def _place(source: Any) -> Path | None:
    if isinstance(source, str | os.PathLike):
        return in_folder(source) or Path(os.fsdecode(source))
    return None


def _columns(source: Any, place: Path | None) -> Columns:
    return table_of(source).columns if place is None else read_table(place)[0].columns


def _guessed(columns: Columns, roles: Mapping[str, str]) -> str:
    known = {plain(name): name for name in columns if name not in roles.values()}
    found = next((known[name] for name in SESSIONS if name in known), None)
    if found is None:
        raise DataError(
            "the source is a table of points, with columns of x and y, and none is called session; its columns are "
            f"{first_few(map(repr, columns))}. To fix: pass session=, the column that tells one trace from another, or "
            "a folder or table of files with one trace each."
        )
    return found


def _split(columns: Columns, roles: Mapping[str, str], session: str, said: str, *, where: str) -> str:
    """The path of the table of sessions; what was written before for the same points is used again."""
    cells = columns[session]
    rows: dict[str, list[int]] = {}
    for row, cell in enumerate(cells):
        if cell is not None:
            rows.setdefault(str(cell), []).append(row)
    if not rows:
        raise DataError(f"column {session!r} is empty. To fix: pass session=, the column that tells sessions apart.")
    own = list(dict.fromkeys(roles.values()))
    others = [name for name in columns if name not in own and name != session]
    same = {name: _one_each(columns[name], rows) for name in others}
    kept = [name for name in others if same[name]]
    varying = [name for name in others if not same[name]]
    missing = sum(cell is None for cell in cells)
    reason = f"{counted(len(rows), 'session')} of {where} by this column ({said})"
    reason += f"; {missing:,} points without one were left out" if missing else ""
    reason += f"; {first_few(map(repr, varying))} change within sessions, and were left out" if varying else ""
    key = hashlib.sha256(json.dumps([session, own, kept]).encode())
    for name in (*own, *kept, session):
        key.update(repr(list(columns[name])).encode("utf-8", "surrogatepass"))
    place = CachePlace.from_environment().folder.parent / "traces" / key.hexdigest()[:16]
    if not (place / TABLE).is_file():
        _write(place, columns, (own, kept, session), rows)
    (place / ABOUT).write_text(json.dumps({"column": session, "reason": reason}), "utf-8")
    return str(place / TABLE)


def _one_each(cells: Sequence[Any], rows: Mapping[str, list[int]]) -> bool:
    return all(len({repr(cells[row]) for row in of}) == 1 for of in rows.values())


def _write(
    place: Path, columns: Columns, named: tuple[list[str], list[str], str], rows: Mapping[str, list[int]]
) -> None:
    """The table of sessions and a file of points for each; `named`: columns of points, of sessions, and their names."""
    own, kept, _ = named
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".splitting-", dir=place.parent))
    try:
        path, session = (_free(name, kept) for name in (PATH, NAMED))
        with (partial / TABLE).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow([path, session, *kept])
            for at, (name, of) in enumerate(rows.items()):
                safe = re.sub(r"[^\w.-]+", "_", readable(name))[:60]
                file_name = f"{at:06d}_{safe}.csv"
                table.writerow([file_name, name, *(columns[column][of[0]] for column in kept)])
                with (partial / file_name).open("w", encoding="utf-8", newline="") as points:
                    writer = csv.writer(points)
                    writer.writerow(own)
                    writer.writerows(zip(*([columns[column][row] for row in of] for column in own), strict=True))
        try:
            partial.rename(place)
        except OSError:
            if not (place / TABLE).is_file():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
