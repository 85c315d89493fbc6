"""Which column of a trace is which: by what the user named, or by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

ROLES = ("t", "x", "y", "pressure", "event", "pen", "pointer")
"""Time, place, pressure, what happened, whether the pen touches, and which of several fingers it is."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "t": (
        *("t", "time", "ts", "tms", "timems", "times", "tus", "tns", "timeus", "timens", "timesec", "tsec"),
        *("clienttimestamp", "timestamp", "timestampms", "timestamps", "timestampus", "timestampns", "recordtimestamp"),
        *("seconds", "milliseconds", "ms", "sec", "elapsed", "elapsedms", "elapseds", "datetime", "date", "msec"),
        *("eventtime", "eventtimestamp", "unixtime", "epoch", "epochms", "when"),
    ),
    "x": (
        *("x", "xpx", "posx", "xpos", "clientx", "pagex", "screenx", "mousex", "cursorx", "pointerx", "coordx"),
        *("xcoord", "xcoordinate", "positionx", "xposition", "touchx", "penx", "offsetx"),
    ),
    "y": (
        *("y", "ypx", "posy", "ypos", "clienty", "pagey", "screeny", "mousey", "cursory", "pointery", "coordy"),
        *("ycoord", "ycoordinate", "positiony", "yposition", "touchy", "peny", "offsety"),
    ),
    "pressure": ("pressure", "force", "p", "tippressure", "penpressure", "touchpressure"),
    "event": ("event", "eventtype", "type", "action", "state", "eventname", "mouseevent"),
    "pen": ("pendown", "penstate", "tip", "touching", "contact", "isdown", "pen"),
    "pointer": ("pointerid", "touchid", "finger", "contactid", "pointer"),
}
"""Role → names of columns without signs, the usual ones first."""

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
"""Of time, in seconds."""
_NAMED_UNIT = (
    (re.compile(r"(?:^|[_\s(\[.-])(?:ns|nanos|nanoseconds)[)\]]?$", re.IGNORECASE), "ns"),
    (re.compile(r"(?:^|[_\s(\[.-])(?:us|µs|micros|microseconds)[)\]]?$", re.IGNORECASE), "us"),
    (re.compile(r"(?:^|[_\s(\[.-])(?:ms|msec|millis|milliseconds)[)\]]?$", re.IGNORECASE), "ms"),
    (re.compile(r"(?:[_\s(\[.-]s|(?:^|[_\s(\[.-])(?:sec|secs|seconds))[)\]]?$", re.IGNORECASE), "s"),
)


def plain(name: str) -> str:
    """A name without case and signs.

    Example:
        >>> plain("Client Timestamp"), plain("pos_x")
        ('clienttimestamp', 'posx')
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def unit_of_name(name: str) -> str | None:
    """The unit of time that the name of a column says.

    Example:
        >>> unit_of_name("t_ms"), unit_of_name("time [s]"), unit_of_name("ts"), unit_of_name("seconds")
        ('ms', 's', None, 's')
    """
    return next((unit for pattern, unit in _NAMED_UNIT if pattern.search(name.strip())), None)


def roles_of(names: Iterable[str], asked: Mapping[str, str | None]) -> dict[str, str]:
    """Role → name of the column that has it, of those that are there.

    Args:
        names: Of the columns.
        asked: Role → name that the user gave; such a column is taken, where the trace has it, and no other.

    Example:
        >>> roles_of(["record timestamp", "client timestamp", "button", "state", "x", "y"], {})
        {'t': 'client timestamp', 'x': 'x', 'y': 'y', 'event': 'state'}
        >>> roles_of(["left", "top", "clock"], {"x": "left", "y": "top", "t": "clock"})
        {'t': 'clock', 'x': 'left', 'y': 'top'}
    """
    known = list(dict.fromkeys(names))
    by_plain: dict[str, str] = {}
    for name in known:
        by_plain.setdefault(plain(name), name)
    found: dict[str, str] = {}
    for role in ROLES:
        told = asked.get(role)
        if told is not None:
            same = told if told in known else by_plain.get(plain(told))
            if same is not None:
                found[role] = same
            continue
        taken = set(found.values()) | {one for one in asked.values() if one}
        name = next((by_plain[usual] for usual in USUAL[role] if by_plain.get(usual, "") not in ("", *taken)), None)
        if name is not None:
            found[role] = name
    return found
