"""`traces`: from files or a table of points over time to checked, divided traces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from drivetrain.calls import named
from drivetrain.data.assemble import open_source
from drivetrain.data.data import Data
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TaskName
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.seals.sealing import SealFiles
from drivetrain.data.sources import Source
from drivetrain.data.splitting.split_files import AskedSplit
from drivetrain.data.tables.times import Gap
from drivetrain.errors import SettingError
from drivetrain.settings import choice, number, text, whole

UNITS = (None, "s", "ms", "us", "ns")


@named
def traces(
    source: Source,
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
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    start: str | None = None,
    end: str | None = None,
    split: AskedSplit | None = None,
    group: Group | None = None,
    time: Time | None = None,
    gap: Gap = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    stratify: bool = True,
    task: TaskName | None = None,
    label_delim: str | None = None,
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> Data:
    """Movements of a mouse, a finger or a pen over time, and what is to be said of them, checked and divided.

    Each trace is drawn as small pictures with channels for path, speed, direction and pauses, which bodies for
    pictures read. They are drawn for movements over a plane; of any other series over time (heart beats, sensors) a
    picture is a poor reader, and ROCKET with a linear model the one to take (`aeon`, `sktime`).

    Args:
        source: A folder with one sub-folder per class, whose files hold one trace each (CSV, JSON, InkML); a table of
            paths of such files and their targets; or one table of points, with a column that tells sessions apart.
        t: Column of times in the traces; None takes one called t, time, timestamp, t_ms, ...
        x: Column of the places from left to right; None takes one called x, pos_x, clientX, ...
        y: Column of the places from top to bottom; likewise.
        pressure: Column of the pressure of a pen or finger; None takes one called so, if there is one.
        event: Column of what happens: move, click, press, ...; or 0 and 1, whether a button is down.
        session: Of a table of points, the column that tells one trace from another; None takes one called session,
            trace, trial, ...
        unit: Of times whose column does not name it: "s", "ms", "us" or "ns"; None tells by their usual steps.
        window_s: Seconds of a window; None cuts by movements, from click to click and from pause to pause.
        window_events: Events of a window, instead.
        target: As of `drivetrain.images`; columns of a table of points count where they are the same all session long.
        path: As of `drivetrain.images`.
        start: Column of a table of paths: where in its file a row begins, in seconds; with `end`.
        end: Where it ends.
        split: As of `drivetrain.images`.
        group: What traces belong to, such as the person; no group is in two parts: a column, "folder", a regular
            expression on the path, a function of the path, or "device", as the points tell it.
        time: When a trace was recorded.
        gap: As of `drivetrain.images`.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; likewise.
        seed: Another number draws another split; the same one draws the same rows on any machine.
        stratify: Divide every class in the same proportion (one category per row only).
        task: What the target is: "category", "multilabel" or "number"; None infers it.
        label_delim: What separates several labels in one cell.
        labels_from: Of a folder: "top" or "leaf", which folders name the classes; None makes out which.
        broken: "leave out" goes on without traces that cannot be used, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source is empty or unclear, no trace is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Traces that would be trained or validated on are sealed as test rows.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> traces("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of traces or a table file. ...
    """
    asked = {"t": t, "x": x, "y": y, "pressure": pressure, "event": event, "session": session}
    options: dict[str, Any] = {
        name: text(name, value, what="the name of a column") for name, value in asked.items() if value is not None
    }
    if choice("unit", unit, UNITS) is not None:
        options["unit"] = unit
    if window_s is not None and window_events is not None:
        raise SettingError(
            f"window_s={window_s!r} and window_events={window_events!r} are both given; expected one of them. "
            "To fix: leave one out."
        )
    if window_s is not None:
        options["window_s"] = number("window_s", window_s, above=0, most=3600)
    if window_events is not None:
        options["window_events"] = whole("window_events", window_events, least=8, most=100_000)
    if (start is None) != (end is None):
        raise SettingError("start and end are the columns of a span, and only one is given. To fix: name both.")
    return open_source(
        source,
        "traces",
        options=options,
        target=target,
        path=path,
        span=None if start is None or end is None else (start, end),
        split=split,
        group=group,
        time=time,
        gap=gap,
        valid_pct=valid_pct,
        test_pct=test_pct,
        seed=seed,
        stratify=stratify,
        task=task,
        label_delim=label_delim,
        labels_from=labels_from,
        broken=broken,
        review=review,
        seal=seal,
        retire=retire,
        project=project,
    )
