"""Traces as the source of rows: what is broken or lost, one way of reading all of them, and what tells a device."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivetrain.data.check import Checked, open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import DIGITS, Files, Spans
from drivetrain.data.kind import Settled
from drivetrain.errors import InputError
from drivetrain.kinds.traces.points import MARK, Points, misread
from drivetrain.kinds.traces.reading import MOST_BYTES
from drivetrain.kinds.traces.sessions import as_files, what_was_split
from drivetrain.kinds.traces.spec import Spec, trace_statistics
from drivetrain.kinds.traces.windows import By, cut
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.members import bytes_of, status_of
from drivetrain.runtime.spans import Span
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import counted, short_reason

__all__ = [
    "METADATA",
    "METADATA_BESIDE",
    "as_files",
    "check",
    "contents",
    "groupings",
    "metadata",
    "name",
    "near",
    "noun",
    "settle",
    "suffixes",
]

METADATA = "screen range, event rate, length and number of clicks"
METADATA_BESIDE = True
"""They may tell people and devices apart without any movement."""
name = "traces"
noun = "traces"
suffixes = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".inkml", ".npy"})
near = None
COLUMNS = ("t", "x", "y", "pressure", "event")
contents = frozenset({"seconds", "events", "clicks", "pauses"})
"""Columns of `metadata` that tell about the movement itself, and may rightly tell classes apart."""
MOST_WINDOWS = 24
"""Read of each trace."""
MOVEMENTS = 3
"""Windows of a usual trace; with fewer movements, it is cut into seconds."""
SECONDS = 2.0
PARTS = 8
"""Windows that a usual trace is cut into where it has no movements."""


@dataclass(frozen=True)
class Facts:
    """What was noticed of one trace."""

    points: Points
    n_windows: Mapping[str, int]
    """Of each way to cut it that was tried."""


def check(
    inputs: Files,
    /,
    *,
    t: str | None = None,
    x: str | None = None,
    y: str | None = None,
    pressure: str | None = None,
    event: str | None = None,
    session: str | None = None,
    unit: str | None = None,
    window_s: float | None = None,
    window_events: int | None = None,
    reading: Mapping[str, Any] | None = None,
) -> list[Checked]:
    """Open each trace once: its digest, and what is wrong with it."""
    del session, window_s, window_events  # the first is done with, the others are for `settle`
    known = reading or {}
    timed, told, guessed = known.get("timed"), unit or known.get("unit"), known.get("guessed", False)
    spec = Spec(t=t, x=x, y=y, pressure=pressure, event=event, unit=told, timed=timed, guessed=guessed)

    def look(path: Path) -> Checked:
        try:
            if status_of(path).st_size > MOST_BYTES:
                return Checked(problem=f"file is too large: more than {MOST_BYTES:,} bytes")
            content = bytes_of(path)
        except (OSError, ValueError) as error:
            raise_if_limit(error, path)
            return Checked(problem=f"cannot be opened: {short_reason(error)}")
        try:
            points = spec.read(content)
        except InputError as error:
            return Checked(problem=_reason(error))
        return Checked(hashlib.sha256(content).hexdigest()[:DIGITS], facts=points)

    found = open_each(inputs.paths, look, noun=noun)
    if not isinstance(inputs, Spans):
        return found
    return [_of_span(one, inputs, row, spec) for row, one in enumerate(found)]


def _reason(error: InputError) -> str:
    return str(error).partition("; expected")[0].removeprefix("not a trace").lstrip(": ")


def _of_span(one: Checked, inputs: Spans, row: int, spec: Spec) -> Checked:
    if one.problem:
        return one
    try:
        if not inputs[row].is_whole:
            spec.load(inputs[row])
    except InputError as error:
        return Checked(problem=f"span without movement: {str(error).partition('; expected')[0]}")
    return Checked(inputs.digest_of(row, one.digest), facts=one.facts)


def settle(inputs: Files, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """One unit of time, one way to cut windows and one set of channels for all traces; losses are told."""
    read = [one.facts for one in checked if isinstance(one.facts, Points)]
    notes = tuple(_losses(read))
    if not decide or not read:
        return Settled(checked, options, notes=notes)
    found: dict[str, Decision] = {}
    settled: dict[str, Any] = {}
    if split := what_was_split(inputs):
        found["session"] = split
    timed = sum("t" in one.columns for one in read) * 2 >= len(read)
    settled["timed"] = timed
    checked = [
        one if not _lacks_times(one, timed) else Checked(problem="no column of times, which the other traces have")
        for one in checked
    ]
    read = [one for one in read if ("t" in one.columns) == timed or not timed]
    found["time"], unit = _time(read, options, timed)
    settled |= {"unit": unit, "guessed": unit is not None and options.get("unit") is None}
    if unit is not None and settled["guessed"]:
        checked = [_in_unit(one, unit) for one in checked]
        read = [one.facts for one in checked if isinstance(one.facts, Points)]
    by, size, why = _cut(read, inputs, options)
    hop = 0.0 if by == "movements" else size
    longest = float(np.nanmax(np.append(inputs.ends - inputs.starts, 0))) if isinstance(inputs, Spans) else np.inf
    each = [1 if size >= longest else len(cut(one.array, by, size, hop)) for one in read]
    windows = int(np.clip(np.median(each), 1, MOST_WINDOWS))
    settled |= {"by": by, "size": size, "hop": hop, "windows": windows}
    found["windows"] = Decision(value=f"{by}, {windows} of each trace", reason=why)
    settled["shows"], found["channels"] = _channels(read)
    settled["interval"] = float(np.median([float(np.median(np.diff(one.array[:, 0]))) for one in read]))
    columns = Counter(tuple(sorted(one.columns.items())) for one in read)
    usual = columns.most_common(1)[0][0]
    said = ", ".join(f"{role} = {column}" for role, column in usual)
    more = f"; {len(read) - columns[usual]} of {len(read)} name them otherwise" if len(columns) > 1 else ""
    found["columns"] = Decision(
        value=said, reason=("as asked, and " if any(options.get(r) for r in "txy") else "") + f"by their names{more}"
    )
    return Settled(checked, {**options, "reading": settled}, found, notes)


def _lacks_times(one: Checked, timed: bool) -> bool:
    return timed and isinstance(one.facts, Points) and "t" not in one.facts.columns


def _in_unit(one: Checked, unit: str) -> Checked:
    """The same, or what is wrong with it where its times cannot be meant in the unit of most."""
    if not isinstance(one.facts, Points) or one.facts.named_unit or one.facts.unit in (unit, "date", "none"):
        return one
    why = misread(one.facts.interval, unit)
    return Checked(problem=f"unit of time: {why}") if why else one


def _losses(read: Sequence[Points]) -> list[str]:
    """What was left out of the traces, a sentence for each kind of loss."""
    lost: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for one in read:
        for what, n in one.lost.items():
            lost[what] += n
            of[what] += 1
    total = sum(len(one.array) for one in read)
    return [
        f"{n:,} {what} in {counted(of[what], 'trace')} (of {total:,} points) {_done(what)}"
        for what, n in sorted(lost.items())
    ]


def _done(what: str) -> str:
    return "were put in order" if what == "points out of order" else "were left out"


def _time(read: Sequence[Points], options: Mapping[str, Any], timed: bool) -> tuple[Decision, str | None]:
    """The unit of time, and why; None where the columns name it."""
    if not timed:
        return Decision(
            value="none", reason="the traces tell no times: their points are taken as equally spaced, 60 a second"
        ), None
    units = Counter(one.unit for one in read)
    unit, n = units.most_common(1)[0]
    told = options.get("unit")
    if told is not None:
        return Decision(value=told, reason="as asked, where a column does not name its unit"), told
    more = (
        ""
        if len(units) == 1
        else "; others: " + ", ".join(f"{count} in {name}" for name, count in units.most_common()[1:])
    )
    if sum(one.named_unit for one in read) * 2 >= len(read) or unit == "date":
        return Decision(
            value=unit, reason=f"the name of the column{more}" if unit != "date" else f"cells are dates{more}"
        ), None
    usual = float(np.median([one.interval for one in read if one.unit == unit]))
    reason = (
        f"usual time between two points is {usual:.4g}, and devices report every 0.5 to 500 ms{more}; else pass unit="
    )
    del n
    return Decision(value=unit, reason=reason), unit


def _cut(read: Sequence[Points], inputs: Files, options: Mapping[str, Any]) -> tuple[By, float, str]:
    """How traces are cut into windows, and why."""
    if (n := options.get("window_events")) is not None:
        return "events", float(n), f"{n} events each, as asked"
    if (seconds := options.get("window_s")) is not None:
        return "seconds", float(seconds), f"{seconds:g} s each, as asked"
    if isinstance(inputs, Spans) and not np.isnan(inputs.ends).all():
        spans = np.nan_to_num(inputs.ends - np.nan_to_num(inputs.starts), nan=0.0)
        if float(np.median(spans)) <= 2 * SECONDS:
            longest = float(np.ceil(10 * spans.max()) / 10)
            return "seconds", max(longest, 0.1), "each row is a short span, and one window"
    n_movements = float(np.median([len(cut(one.array, "movements", 0, 0)) for one in read]))
    if n_movements >= MOVEMENTS:
        return "movements", 0.0, f"a usual trace has {n_movements:.0f} movements between clicks, touches and pauses"
    lasts = float(np.median([one.array[-1, 0] for one in read]))
    size = float(np.clip(lasts / PARTS, 0.25, SECONDS)) if lasts > SECONDS else max(lasts, 1e-3) * 1.0001
    return "seconds", size, f"{size:.3g} s each: a usual trace lasts {lasts:.3g} s and has {n_movements:.0f} movements"


def _channels(read: Sequence[Points]) -> tuple[tuple[str, ...], Decision]:
    shows = ["path", "speed", "right", "down", "dwell", "pace", "reach", "way"]
    why = "path, speed, direction and pauses in the plane, and curves against time"
    if sum(bool((one.array[:, MARK] > 0).any()) for one in read) * 2 >= len(read):
        shows.append("click")
        why += "; most traces tell clicks or touches"
    if sum("pressure" in one.columns and np.ptp(one.array[:, 3]) > 0.05 for one in read) * 2 >= len(read):
        shows.append("pressure")
        why += "; most traces tell pressure"
    return tuple(shows), Decision(value=", ".join(shows), reason=why)


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """What tells a device: how it names its columns, how often it reports, and whether places are whole pixels."""
    return {"device": devices_of}


TELLER = "the points"
"""What tells devices."""


def devices_of(rows: Examples) -> list[str]:
    """The device of each trace, as far as its points tell it."""
    return [
        f"{found['columns']}, {found['whole pixels']} pixels, {found['reports']}"
        for found in map(_facts, rows.inputs, [rows.options] * len(rows))
    ]


def metadata(rows: Examples, /) -> Mapping[str, Sequence[Any]]:
    """What can be said of a trace without its shape: screen range, event rate, length, clicks."""
    known: dict[Path, dict[str, Any]] = {}  # many rows may be spans of one file
    paths = [one.path if isinstance(one, Span) else one for one in rows.inputs]
    for path in paths:
        if path not in known:
            known[path] = _facts(path, rows.options)
    found = [known[path] for path in paths]
    return {key: [one[key] for one in found] for key in (found[0] if found else ())}


def _facts(source: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    points = described(options).read(source)
    array = points.array
    said = trace_statistics(array)
    low, high = np.percentile(array[:, 1:3], (1, 99), axis=0)
    rate = float(said["interval s"] or 0.0)
    return {
        "columns": " ".join(sorted(points.columns.values())),
        "x low": float(low[0]),
        "x high": float(high[0]),
        "y low": float(low[1]),
        "y high": float(high[1]),
        "interval s": rate,
        "reports": f"{round(1 / rate) if rate > 0 else 0} Hz",
        "whole pixels": "whole" if np.array_equal(array[:, 1:3], np.round(array[:, 1:3])) else "parts of",
        "events per second": said["events per second"],
        "seconds": said["seconds"],
        "events": said["events"],
        "clicks": said["clicks"],
        "pauses": float((np.diff(array[:, 0]) > 0.5).sum()),
    }


def described(options: Mapping[str, Any], **said: Any) -> Spec:
    """How traces are read, as was asked and as all of them together settled it."""
    settled = {name: value for name, value in (options.get("reading") or {}).items() if value is not None}
    asked = {name: options[name] for name in (*COLUMNS, "session", "unit") if options.get(name) is not None}
    return Spec(**{**settled, **asked, **said})
