"""What the part about traces makes up: hand-made features to compare with, bots, hostile traces, a naive picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.traces.spec import Spec

Floats = NDArray[np.float64]


def hand_made(part: Floats, extent: float) -> list[float]:
    """18 features of a reach: times, path, speed, deviation, overshoot, pauses."""
    t, xy = part[:, 0] - part[0, 0], part[:, 1:3]
    step = np.diff(xy, axis=0)
    length, wait = np.hypot(*step.T), np.maximum(np.diff(t), 1e-3)
    speed, total, path = length / wait, max(float(t[-1]), 1e-3), float(length.sum())
    straight = float(np.hypot(*(xy[-1] - xy[0])))
    along_unit = (xy[-1] - xy[0]) / max(straight, 1e-9)
    along, side = (xy - xy[0]) @ along_unit, (xy - xy[0]) @ np.array([-along_unit[1], along_unit[0]])
    first = float(t[np.argmax(np.append(0, length.cumsum()) > 0)])
    peak = float(speed.max())
    peaks = int(((speed[1:-1] > speed[:-2]) & (speed[1:-1] >= speed[2:]) & (speed[1:-1] > 0.1 * peak)).sum())
    angle = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs((np.diff(angle) + np.pi) % (2 * np.pi) - np.pi)
    return [
        total, path / extent, straight / extent, path / max(straight, 1.0), peak / extent, float(speed.mean()) / extent,
        float(np.median(speed)) / extent, float(t[1:][speed.argmax()]) / total, peaks, first, float(wait[-1]),
        float(wait.max()), int((wait > 0.06).sum()), float(np.abs(side).max()) / extent,
        float(np.abs(side).mean()) / extent, max(0.0, float(along.max()) - straight) / extent,
        float(turn.mean()) if len(turn) else 0.0, len(t),
    ]  # fmt: skip


def bots(sessions: Sequence[Mapping[str, str]], place: Path, *, per_person: int) -> list[dict[str, str]]:
    """A file for each reach of a person, and of each bot to the same target; rows of path, who, user."""
    rng = np.random.default_rng(0)
    people: list[tuple[str, Floats]] = []
    for session in sessions:
        if session["session"] == "1":
            points, windows, _ = Spec().load(session["path"])
            good = [points[a:b] for a, b in windows.tolist() if b - a >= 12]
            chosen = rng.choice(len(good), min(per_person, len(good)), replace=False)
            people += [(session["user"], good[at]) for at in chosen.tolist()]
    rows: list[dict[str, str]] = []

    def put(who: str, user: str, t: Floats, xy: Floats) -> None:
        path = place / f"{len(rows):05d}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["t_ms", "x", "y"])
            writer.writerows(
                zip(np.round(1000 * t).astype(int).tolist(), *np.round(xy).astype(int).T.tolist(), strict=True)
            )
        rows.append({"path": str(path), "who": who, "user": user})

    for at, (user, part) in enumerate(people):
        t, xy = part[:, 0] - part[0, 0], part[:, 1:3]
        put("person", user, t, xy)
        a, b = xy[0], xy[-1]
        u = np.linspace(0, 1, 25)
        smooth = 10 * u**3 - 15 * u**4 + 6 * u**5
        side = np.array([a[1] - b[1], b[0] - a[0]])
        c, d = rng.normal(0, 0.15, 2)
        put("line", user, 0.4 * u, a + (b - a) * u[:, None])
        put("minjerk", user, 0.43 * u, a + (b - a) * smooth[:, None])
        bent = 3 * smooth * (1 - smooth) ** 2 * c + 3 * smooth**2 * (1 - smooth) * d
        put(
            "bezier", user, 0.43 * u, a + (b - a) * smooth[:, None] + side * bent[:, None] + rng.normal(0, 0.7, (25, 2))
        )
        other = people[(at + len(people) // 2) % len(people)][1]
        own = other[:, 1:3] - other[0, 1:3]
        turn = complex(*(b - a)) / (complex(*own[-1]) or 1.0)
        moved = (own[:, 0] + 1j * own[:, 1]) * turn
        put(
            "replay",
            user,
            other[:, 0] - other[0, 0],
            a + np.stack([moved.real, moved.imag], 1) + rng.normal(0, 0.5, own.shape),
        )
    return rows


def naive_picture(part: Floats, side_px: int) -> list[list[float]]:
    """The path, pixel by pixel: how far each is from each segment."""
    xy = part[:, 1:3]
    low, reach = xy.min(axis=0), max(float(np.ptp(xy, axis=0).max()), 1.0)
    drawn = ((xy - low) / reach * (side_px - 1)).tolist()
    made = [[0.0] * side_px for _ in range(side_px)]
    for (ax, ay), (bx, by) in pairwise(drawn):
        n = int(max(abs(bx - ax), abs(by - ay)) * 2) + 1
        for k in range(n + 1):
            x, y = ax + (bx - ax) * k / n, ay + (by - ay) * k / n
            for row in range(max(0, int(y) - 1), min(side_px, int(y) + 3)):
                for column in range(max(0, int(x) - 1), min(side_px, int(x) + 3)):
                    ink = max(0.0, 1 - ((row - y) ** 2 + (column - x) ** 2) ** 0.5)
                    made[row][column] = max(made[row][column], ink)
    return made


def _hostile() -> list[Any]:
    """100 traces that try a reader."""
    rng = np.random.default_rng(0)
    t, x, y = list(range(0, 480, 16)), list(range(30)), [i % 7 for i in range(30)]
    good = "t_ms,x,y\n" + "\n".join(f"{a},{b},{c}" for a, b, c in zip(t, x, y, strict=True))
    made: list[Any] = [
        b"",
        b" ",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"<",
        b"{",
        b"[",
        b"[[",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"t"',
        b"x",
        b"x,y",
        b"t,x,y\n",
    ]
    made += [good.encode()[:n] for n in (3, 9, 10, 30, 60)]
    made += [good.replace(",", sign).encode() for sign in ("\t", ";", "|", " ", "::", "")]
    made += [good.encode(code) for code in ("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp1252")]
    made += [
        good.replace("16,1,2", f"16,{word},2").encode()
        for word in ("nan", "inf", "-inf", "1e400", "", "x", "65535", "-1", "1e8", "0x10", "1,5", "１")
    ]
    made += [
        good.replace("16,1,1", f"{word},1,1").encode()
        for word in ("nan", "inf", "-5", "", "1e300", "2026-01-01", "12:00")
    ]
    made += [("t_ms,x,y\n" + "\n".join(f"{a},{b},{c}" for a, b, c in rows)).encode() for rows in (
        [(i, 5, 5) for i in range(50)], [(5, i, i) for i in range(50)], [(50 - i, i, i) for i in range(50)],
        [(i, 0, i) for i in range(50)], [(i, 1e308, i) for i in range(50)], [(i, i * 1e-300, i) for i in range(50)],
        [(i * 1e12, i, i) for i in range(50)], [(i, 65535, 65535) for i in range(50)], [(i, -1, -1) for i in range(50)],
        [(i, i, i) for i in range(7)], [(i, i, i) for i in range(8)], [(i // 9, i, i) for i in range(90)],
    )]  # fmt: skip
    made += [json.dumps(value).encode() for value in (
        {"t": t, "x": x}, {"t": t, "x": x, "y": y[:-1]}, {"t": t, "x": x, "y": "abc"}, {"points": []},
        {"points": {}}, {"points": [1, 2]},
        {"points": [[1, 2, 3]] * 9}, {"drawing": []}, {"drawing": [[]]}, {"drawing": [[x, y]]},
        {"drawing": [[x, y, t], [x, y]]},
        {"drawing": "x"}, [{"t": 1}], [{"t": a, "x": b, "y": c} for a, b, c in zip(t, x, y, strict=True)] + [None] * 2,
        [[a, b, c] for a, b, c in zip(t, x, y, strict=True)], [[1, 2], [3]], [["a", "b", "c"]] * 9,
        {"a": {"b": {"c": 1}}},
    )]  # fmt: skip
    made += [
        b"[" * 5000,
        b'{"a":' * 5000,
        b"<ink/>",
        b"<ink><trace/></ink>",
        b"<ink><trace>1 2, 3 4</trace></ink>",
        b"<!DOCTYPE x><ink/>",
        b"<ink><trace>a b, c d</trace></ink>",
    ]
    made += [rng.bytes(n) for n in (1, 10, 1000, 100_000)]
    made += [
        np.zeros((9, 3)),
        np.full((9, 3), np.nan),
        np.arange(27.0).reshape(9, 3),
        np.zeros((0, 3)),
        np.zeros(9),
        object(),
        None,
        7,
        {"t": None, "x": 1},
        [None],
        Path("/no/such"),
        Path("/"),
        {},
        [],
        (),
    ]
    return (made * 2)[:100] if len(made) < 100 else made


HOSTILE = _hostile()
