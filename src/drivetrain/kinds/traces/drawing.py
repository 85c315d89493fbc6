"""Points drawn as a small picture with channels for path, speed, direction, dwell and clicks; anti-aliased, fast.

A line is cut into steps of half a pixel, and each step is shared between the four pixels around it (bilinear
splatting): a pixel's ink is how much line lies in it, and what it says of speed or direction is the mean over that
line. So a picture changes smoothly with the points, and does not depend on how often a device reports them.

Legend: N points, S steps, P = height × width pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.traces.points import MARK, PRESS, PRESSURE, START, TOUCH, Floats, T, X

CHANNELS = ("path", "speed", "right", "down", "dwell", "click", "pace", "reach", "way", "time", "pressure")
"""What a channel can show: `pace`, `reach` and `way` are curves against time, of the speed, of how far the pointer is
from where it began, and of how far it has gone; the others lie in the plane of the movement."""
CURVES = ("pace", "reach", "way")
CURVE_S = 2.0
"""Seconds that a curve is wide; what is later stands at its right edge."""
REACH, WAY = 1.5, 2.5
"""Usual extents of a window that a curve of `reach` and of `way` is high."""
STEP_PX = 0.5
MOST_STEPS = 64
"""Of one segment, whose line is then dotted: it crosses the picture many times over."""
USUAL_SPEED = 4.0
"""Of a movement, in usual extents of a window in a second: half of the scale of the channel `speed`."""
DWELL_S = 0.25
"""A pause that is drawn at 63 % of the scale."""
LEAST_DWELL_S = 0.06
STILL_PX = 0.1
"""Of the picture: what moves less rests."""
BLOB = np.array([[0.37, 0.61, 0.37], [0.61, 1.0, 0.61], [0.37, 0.61, 0.37]])
"""How a place is marked."""


def draw_points(
    points: Floats, *, centre: Floats, px_per_unit: float, extent: float, side_px: int, channels: Sequence[str]
) -> NDArray[np.uint8]:
    """A picture of points, (C, side, side): values from 0 to 255, 128 where `right` and `down` say nothing.

    Args:
        points: (N, 5), see `drivetrain.kinds.traces.points`.
        centre: (2,) the place in the middle of the picture.
        px_per_unit: Pixels of the picture for a unit of the points.
        extent: How far a window of this session usually reaches, in units of the points: what speeds are compared with.
        side_px: Of the picture.
        channels: Of `CHANNELS`.

    Example:
        >>> line = np.array([[0.1 * i, 4.0 * i, 0, 1, 0] for i in range(8)])
        >>> drawn = draw_points(line, centre=np.array([14.0, 0]), px_per_unit=1.0, extent=28.0, side_px=32,
        ...     channels=("path", "right"))
        >>> drawn.shape, int(drawn[0, 15:17, 16].sum()), int(drawn[1, 15, 16])
        ((2, 32, 32), 256, 191)
    """
    place = (points[:, X : X + 2] - centre) * px_per_unit + (side_px - 1) / 2
    ink, said = _lines(points, place, extent, side_px)
    made = np.empty((len(channels), side_px * side_px))
    weight = np.maximum(ink, 1e-9)
    covered = np.minimum(ink, 1.0)
    for at, name in enumerate(channels):
        if name == "path":
            made[at] = covered
        elif name in ("right", "down"):
            made[at] = 0.5 + 0.5 * covered * said[name] / weight
        elif name in CURVES:
            made[at] = _curve(points, name, extent, side_px)
        elif name in ("dwell", "click"):
            made[at] = _places(points, place, side_px, clicks=name == "click")
        else:
            made[at] = covered * said[name] / weight
    pixels = np.clip(made * 255, 0, 255).round().astype(np.uint8)
    return pixels.reshape(len(channels), side_px, side_px)


def _lines(points: Floats, place: Floats, extent: float, side_px: int) -> tuple[Floats, dict[str, Floats]]:
    """Ink in each pixel, (P,), and what it says times that ink."""
    vector = np.diff(place, axis=0)
    length = np.hypot(vector[:, 0], vector[:, 1])
    seconds = np.maximum(np.diff(points[:, T]), 1e-3)
    drawn = (length > 0) & (points[1:, MARK] < START)
    vector, length, seconds = vector[drawn], length[drawn], seconds[drawn]
    first = place[:-1][drawn]
    n_steps = np.clip(np.ceil(length / STEP_PX), 1, MOST_STEPS * side_px).astype(np.int64)
    of = np.repeat(np.arange(len(length)), n_steps)
    before = np.cumsum(n_steps) - n_steps
    along = (np.arange(len(of)) - before[of] + 0.5) / n_steps[of]
    at = first[of] + vector[of] * along[:, None]
    share = (length / n_steps)[of]
    units = np.hypot(*np.diff(points[:, X : X + 2], axis=0)[drawn].T)
    speed = units / max(extent, 1e-9) / seconds
    moment = (points[:-1, T][drawn] - points[0, T]) / max(points[-1, T] - points[0, T], 1e-9)
    each = {
        "speed": speed / (speed + USUAL_SPEED),
        "right": vector[:, 0] / length,
        "down": vector[:, 1] / length,
        "time": 1.0 - 0.8 * moment,
        "pressure": points[1:, PRESSURE][drawn],
    }
    index, portion = _splat(at, side_px)
    portion = portion * share[None, :]
    n = side_px * side_px + 1
    flat = index.ravel()
    ink = _sums(flat, portion, n)
    said = {name: _sums(flat, portion * value[of][None, :], n) for name, value in each.items()}
    return ink, said


def _sums(index: NDArray[np.int64], weights: Floats, n: int) -> Floats:
    """(P,) the weights of each pixel added up, without what lies outside."""
    return np.bincount(index, weights.ravel(), n)[:-1].astype(np.float64)


def _splat(at: Floats, side_px: int) -> tuple[NDArray[np.int64], Floats]:
    """(4, S) numbers of the pixels around each place, the last one for what lies outside, and its share in each."""
    corner = np.floor(at)
    inside = at - corner
    column, row = corner[:, 0].astype(np.int64), corner[:, 1].astype(np.int64)
    right, down = inside[:, 0], inside[:, 1]
    index = np.empty((4, len(at)), dtype=np.int64)
    portion = np.empty((4, len(at)))
    for number, (dx, dy) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        c, r = column + dx, row + dy
        fits = (c >= 0) & (c < side_px) & (r >= 0) & (r < side_px)
        index[number] = np.where(fits, r * side_px + c, side_px * side_px)
        portion[number] = (right if dx else 1 - right) * (down if dy else 1 - down)
    return index, portion


def _places(points: Floats, place: Floats, side_px: int, *, clicks: bool) -> Floats:
    """Where the pointer rests, or clicks: a spot for each, (P,)."""
    if clicks:
        strength = np.isin(points[:, MARK], (PRESS, TOUCH)).astype(np.float64)
    else:
        strength = 1 - np.exp(-_rests(points, place) / DWELL_S)
    chosen = np.flatnonzero(strength > 0)
    made = np.zeros((side_px + 2, side_px + 2))
    spots = np.round(place[chosen]).astype(np.int64)
    fits = ((spots >= 0) & (spots < side_px)).all(axis=1)
    for (column, row), value in zip(spots[fits].tolist(), strength[chosen[fits]].tolist(), strict=True):
        field = made[row : row + 3, column : column + 3]
        np.maximum(field, value * BLOB, out=field)
    return made[1:-1, 1:-1].ravel()


def _rests(points: Floats, place: Floats) -> Floats:
    """(N,) seconds that the pointer stays where it is from a point on; devices report that or say nothing meanwhile."""
    t = points[:, T]
    steps = np.diff(t)
    moves = np.hypot(*np.diff(place, axis=0).T) > STILL_PX
    begins = np.concatenate([[0], np.flatnonzero(moves) + 1])
    ends = np.append(t[begins[1:]], t[-1])
    rest = ends - t[begins]
    usual = float(np.median(steps)) if len(steps) else 0.0
    rest[rest < max(LEAST_DWELL_S, 2.5 * usual)] = 0.0
    found = np.zeros(len(points))
    found[begins] = rest
    return found


def _curve(points: Floats, name: str, extent: float, side_px: int) -> Floats:
    """Ink of a curve against time, from left to right and from the bottom up, (P,)."""
    t = np.minimum((points[:, T] - points[0, T]) / CURVE_S, 1.0)
    places = points[:, X : X + 2] / max(extent, 1e-9)
    steps = np.hypot(*np.diff(places, axis=0).T)
    if name == "pace":
        speed = steps / np.maximum(np.diff(points[:, T]), 1e-3)
        at, value = np.repeat(t, 2)[1:-1], np.repeat(speed / (speed + USUAL_SPEED), 2)
    elif name == "reach":
        at, value = t, np.minimum(np.hypot(*(places - places[0]).T) / REACH, 1.0)
    else:
        at, value = t, np.minimum(np.concatenate([[0.0], np.cumsum(steps)]) / WAY, 1.0)
    corners = np.stack([at, 1 - value], axis=1) * (side_px - 1)
    vector = np.diff(corners, axis=0)
    length = np.hypot(*vector.T)
    n_steps = np.clip(np.ceil(length / STEP_PX), 1, 4 * side_px).astype(np.int64)
    of = np.repeat(np.arange(len(length)), n_steps)
    along = (np.arange(len(of)) - (np.cumsum(n_steps) - n_steps)[of] + 0.5) / n_steps[of]
    index, portion = _splat(corners[of] + vector[of] * along[:, None], side_px)
    portion = portion * (length / n_steps)[of][None, :]
    return np.minimum(np.bincount(index.ravel(), portion.ravel(), side_px * side_px + 1)[:-1], 1.0)
