"""What a page shows of a trace: its path, where it begins, where it rests, and where it clicks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.images.show import show as show_picture
from drivetrain.kinds.traces.points import MARK, START, Floats, T, X, Y
from drivetrain.kinds.traces.spec import Spec
from drivetrain.pages.html import Html, tag
from drivetrain.pages.svg import dot, path
from drivetrain.runtime.spec import Arrays

FROM_SOURCE = True
"""Pages show the path itself: the channels that a network reads say little to people, above all when small."""
SIDE_PX = 192
MOST_POINTS = 600
"""Of a drawing; more are thinned out."""
MARGIN_PX = 8
REST_S = 0.3
MOST_RESTS = 60


def show(loaded: Arrays, /, *, alt: str = "", side_px: int = SIDE_PX) -> Html:
    """An ``svg`` element with the path; of a training view an ``img`` with its channels side by side.

    Args:
        loaded: What `Spec.load` gives, or one array (1, C, H, W) uint8.
        alt: What stands for it where it cannot be seen.
        side_px: Its width.

    Example:
        >>> points = np.array([[0.1 * i, i, i, 1, 0] for i in range(9)])
        >>> "<path" in show((points,), alt="a line")
        True
    """
    first = np.asarray(loaded[0])
    return _picture(first[0], alt) if first.ndim == 4 else _path(first, alt, side_px)


def show_source(source: Any, /, *, alt: str = "", side_px: int = SIDE_PX, **options: Any) -> Html:
    """The same of a trace that no model has read yet. Raises InputError."""
    known = {name: options[name] for name in ("t", "x", "y", "pressure", "event", "unit") if options.get(name)}
    return show(Spec(**known).load(source), alt=alt, side_px=side_px)


def _path(points: Floats, alt: str, side_px: int) -> Html:
    places = points[:, X : Y + 1]
    low, high = places.min(axis=0), places.max(axis=0)
    scale = (side_px - 2 * MARGIN_PX) / max(float((high - low).max()), 1e-9)
    height = round(float(high[1] - low[1]) * scale) + 2 * MARGIN_PX
    drawn = (places - low) * scale + MARGIN_PX
    every = max(1, -(-len(points) // MOST_POINTS))
    starts = [0, *np.flatnonzero(points[:, MARK] >= START).tolist(), len(points)]
    strokes = [drawn[a:b:every].tolist() for a, b in pairwise(starts) if b - a >= 2]
    marks = [path([(x, y) for x, y in stroke], "accent curve") for stroke in strokes]
    rests = np.flatnonzero(np.diff(points[:, T]) >= REST_S)[:MOST_RESTS]
    marks += [_dot(drawn[at], 2.5, "soft") for at in rests.tolist()]
    clicks = np.flatnonzero(points[:, MARK] > 0)[:MOST_RESTS]
    marks += [_dot(drawn[at], 2.0, "accent") for at in clicks.tolist()]
    marks.append(_dot(drawn[0], 4.0, "accent"))
    told = alt or f"a trace of {len(points)} points in {points[-1, T]:.1f} s"
    return tag(
        "svg", tag("title", told), *marks, viewBox=f"0 0 {side_px} {height}", width=str(side_px), height=str(height),
        role="img", aria_label=told,
    )  # fmt: skip


def _dot(place: Floats, radius: float, look: str) -> Html:
    return dot(float(place[0]), float(place[1]), radius, look)


def _picture(channels: NDArray[np.uint8], alt: str) -> Html:
    """Channels side by side, grey."""
    side = np.concatenate(list(channels), axis=1)
    return show_picture((side,), alt=alt, side_px=max(side.shape))
