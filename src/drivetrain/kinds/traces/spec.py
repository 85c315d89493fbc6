"""How a trace becomes pictures, as data in the manifest: columns, unit of time, windows, channels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from drivetrain.errors import InputError
from drivetrain.kinds.drawn.spec import DrawnSpec
from drivetrain.kinds.traces.drawing import CHANNELS, draw_points
from drivetrain.kinds.traces.points import EXTENT, MARK, PRESS, START, TOUCH, Points, T, X, Y, clean, misread
from drivetrain.kinds.traces.reading import read_columns
from drivetrain.kinds.traces.windows import By, cut, usual_extent
from drivetrain.runtime.files.members import status_of
from drivetrain.runtime.spans import Span
from drivetrain.runtime.spec import Arrays, Statistic
from drivetrain.text import readable, short_reason

WORDS = {0.0: "move", PRESS: "click", START: "start", TOUCH: "touchstart"}
"""Mark → the word that a golden example has for it."""
FILLED = 0.8
"""Share of a picture's side that a usual window takes."""
MOST_REMEMBERED = 1 << 20
"""Bytes of a file whose points are remembered."""
FULL = 0.94
"""Largest share: a window that reaches further is shrunk to it."""


SETTLED = ("timed", "guessed", "by", "size", "hop", "windows", "shows", "interval")
"""Fields that the traces of a data set settle together."""


class Spec(DrawnSpec):
    """A trace, read as `windows` pictures of equal size.

    Example:
        >>> spec = Spec(windows=2, side_px=32)
        >>> trace = {"t_ms": range(0, 400, 10), "x": range(40), "y": range(40)}
        >>> spec.view(spec.load(trace))[0].shape
        (2, 8, 32, 32)
    """

    noun: ClassVar[str] = "trace"

    kind: Literal["traces"] = "traces"
    t: str | None = None
    """Column of the times, where the user has named it; others are found by their names."""
    x: str | None = None
    y: str | None = None
    pressure: str | None = None
    event: str | None = None
    session: str | None = None
    """Of a table of points: the column that tells one trace from another."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Of times whose column does not name it."""
    guessed: bool = False
    """Whether other traces told that unit by their usual steps: one that cannot be meant in it is refused."""
    timed: bool | None = None
    """Whether the traces tell times; None: as each is."""
    by: By = "movements"
    size: float = Field(0.0, ge=0)
    """Of a window, in points or seconds."""
    hop: float = Field(0.0, ge=0)
    side_px: int = Field(64, ge=16, le=1024)
    shows: tuple[str, ...] = ("path", "speed", "right", "down", "dwell", "pace", "reach", "way")
    """What the channels show, of `drivetrain.kinds.traces.drawing.CHANNELS`."""
    interval: float | None = None
    """Usual seconds between two points of the traces that it has learnt from."""

    def __init__(self, **said: Any) -> None:
        shows = tuple(said.get("shows", Spec.model_fields["shows"].default))
        side = said.get("side_px", Spec.model_fields["side_px"].default)
        said.setdefault("channels", len(shows))
        for name in ("height_px", "width_px"):
            said.setdefault(name, side)
        for name in ("mean", "std"):
            said.setdefault(name, (0.5,) * len(shows))
        super().__init__(**said)

    @field_validator("shows")
    @classmethod
    def _known(cls, shows: tuple[str, ...]) -> tuple[str, ...]:
        if not shows or any(name not in CHANNELS for name in shows) or len(set(shows)) < len(shows):
            raise ValueError(f"shows takes different ones of {', '.join(CHANNELS)}")
        return shows

    @property
    def columns(self) -> dict[str, str | None]:
        """Role → column that the user has named."""
        named = {"t": self.t, "x": self.x, "y": self.y, "pressure": self.pressure, "event": self.event}
        return {role: column for role, column in named.items() if column}

    @property
    def reading(self) -> dict[str, Any]:
        """What all traces together settled, as the options of the face `source` hold it."""
        return {name: value for name in SETTLED if (value := getattr(self, name)) is not None}

    def load(self, source: Any, /) -> Arrays:
        """(N, 5) float64 points, (K, 2) windows, and (1,) how far a window usually reaches.

        Args:
            source: A path, a `Span` in seconds, bytes, name → values, a list of points, or an array (N, 2…4) of
                t, x, y, pressure.

        Raises:
            InputError: It is no trace that can be used.
        """
        read = self._whole(source) if isinstance(source, Span) else self.read(source)
        points = read.array
        windows = cut(points, self.by, self.size, self.hop)
        if not isinstance(source, Span) or source.is_whole:
            extent = read.extent or usual_extent(points, windows)
        else:  # what is usual says the whole trace: of a row that is one window, its movements
            extent = usual_extent(points, windows if self.windows > 1 else cut(points, "movements", 0, 0))
            points = _within(points, source)
            windows = cut(points, self.by, self.size, self.hop)
        return points, windows, np.array([extent])

    def read(self, source: Any, /) -> Points:
        """The points of the whole trace, and what was lost on the way. Raises InputError."""
        try:
            named = read_columns(source)
            own = EXTENT in named.columns  # as `encode` writes it
            found = clean(named, {} if own else self.columns, None if own else self.unit, timed=self.timed)
            told = self.guessed and not found.named_unit and found.unit == self.unit
            if told and (why := misread(found.interval, found.unit)):
                raise ValueError(why)
        except ValueError as error:
            named = f" {readable(source)}" if isinstance(source, str | os.PathLike) else ""
            raise InputError(
                f"not a trace{named}: {short_reason(error)}; expected points over time with columns such as t, x and "
                "y. To fix: give a CSV or JSON file of them; other columns are named where the data are opened."
            ) from error
        except (TypeError, KeyError, OverflowError, RecursionError, csv.Error) as error:
            raise InputError(
                f"not a trace: {short_reason(error)}; expected points over time with columns such as t, x and y. "
                "To fix: give a CSV or JSON file of them."
            ) from error
        return found

    def _whole(self, span: Span) -> Points:
        """The whole trace that a span is of; of a small file it is remembered, as many spans may follow."""
        try:
            found = status_of(span.path)
        except OSError:
            return self.read(span.path)
        if found.st_size > MOST_REMEMBERED:
            return self.read(span.path)
        return _remembered(cast("Any", self), span.path, found.st_mtime_ns, found.st_size)

    def length(self, loaded: Arrays, /) -> int:
        """Windows of the whole trace."""
        return len(loaded[1])

    def window(self) -> int:
        """One."""
        return 1

    def draw(self, loaded: Arrays, start: int, /) -> NDArray[np.uint8]:
        """The picture of one window, (C, H, W) uint8."""
        return self.drawn(loaded, start)

    def drawn(
        self, loaded: Arrays, which: int, *, turned: float = 0.0, scaled: float = 1.0, side_px: int | None = None
    ) -> NDArray[np.uint8]:
        """The same, turned by an angle (radians) and scaled, as training varies it."""
        points, windows, extent = loaded
        first, behind = windows[min(which, len(windows) - 1)]
        part = points[first:behind]
        side = self.side_px if side_px is None else side_px
        centre = (part[:, X : Y + 1].min(axis=0) + part[:, X : Y + 1].max(axis=0)) / 2
        reach = max(float(np.ptp(part[:, X])), float(np.ptp(part[:, Y])), 1e-12)
        scale = min(FILLED / float(extent[0]), FULL / reach) * side * scaled
        if turned:
            c, s = np.cos(turned), np.sin(turned)
            part = part.copy()
            part[:, X : Y + 1] = (part[:, X : Y + 1] - centre) @ np.array([[c, s], [-s, c]]) + centre
        return draw_points(
            part, centre=centre, px_per_unit=scale, extent=float(extent[0]), side_px=side, channels=self.shows
        )

    def cache_key(self) -> str | None:
        """Reading a trace takes about a millisecond, so that nothing is kept."""
        return None

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """As CSV, each number in full."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["t_s", "x", "y", "pressure", "event", EXTENT])
        extent = repr(float(loaded[2][0]))
        for t, x, y, pressure, mark in loaded[0].tolist():
            writer.writerow([repr(t), repr(x), repr(y), repr(pressure), WORDS[mark], extent])
        return stream.getvalue().encode(), ".csv"

    def statistics(self, loaded: Arrays, /) -> Mapping[str, Statistic]:
        """Length, rate, range and clicks: what differs when a device does."""
        return trace_statistics(loaded[0])

    def made_up(self, n: int) -> list[Arrays]:
        """N scribbles that show nobody's movements."""
        found: list[Arrays] = []
        for seed in range(n):
            rng = np.random.default_rng(seed)
            steps = np.cumsum(rng.normal(0, 8, (120, 2)), axis=0)
            trace = {"t_s": np.arange(120) / 60, "x": steps[:, 0], "y": steps[:, 1]}
            spec = self.model_copy(update=dict.fromkeys("txy"))
            found.append(spec.load(trace))
        return found


@lru_cache(maxsize=128)
def _remembered(spec: Spec, path: Path, _modified: int, _size: int) -> Points:
    return spec.read(path)


def trace_statistics(points: NDArray[np.float64]) -> dict[str, Statistic]:
    """Numbers that tell about a trace without its shape.

    Example:
        >>> trace_statistics(np.array([[0.1 * i, i, 2.0 * i, 1, 0] for i in range(11)]))["events per second"]
        10.0
    """
    steps = np.diff(points[:, T])
    moving = steps[(steps > 0) & (steps < 0.5)]
    return {
        "seconds": float(points[-1, T]),
        "events": float(len(points)),
        "events per second": float((len(points) - 1) / max(points[-1, T], 1e-9)),
        "interval s": float(np.median(moving)) if len(moving) else None,
        "width": float(np.ptp(points[:, X])),
        "height": float(np.ptp(points[:, Y])),
        "clicks": float((points[:, MARK] > 0).sum()),
    }


def _within(points: NDArray[np.float64], span: Span) -> NDArray[np.float64]:
    """The points from one second to another."""
    start, end = span.start or 0.0, np.inf if span.end is None else span.end
    part = points[(points[:, T] >= start) & (points[:, T] < end)].copy()
    if len(part) < 4 or not (np.ptp(part[:, X]) or np.ptp(part[:, Y])):
        raise InputError(
            f"{readable(span.name)} holds {len(part)} points of the trace, which lasts {points[-1, T]:.4g} s; expected "
            "at least 4 that move. To fix: give a span inside of it, in seconds."
        )
    part[:, T] -= part[0, T]
    return part
