"""People who point at circles, made up: two of them differ in how fast they move and how long they rest."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np


def trace(seed: int, *, pause_ms: float = 150, bend: float = 0.1, n: int = 6, scale: float = 1.0) -> list[list]:
    """Rows of t_ms, x, y, event: n reaches between circles, a click at the end of each."""
    rng = np.random.default_rng(seed)
    t, at, rows = 0.0, np.array([400.0, 300.0]), []
    for _ in range(n):
        angle = rng.uniform(0, 2 * np.pi)
        way = 200 * np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-way[1], way[0]]) * bend * rng.normal(1, 0.3)
        for u in np.linspace(0, 1, 25):
            place = at + way * (10 * u**3 - 15 * u**4 + 6 * u**5) + side * np.sin(np.pi * u)
            rows.append([round(t), *np.round(place * scale).tolist(), "move"])
            t += 16.7
        t += pause_ms * rng.lognormal(0, 0.2)
        at = at + way
        rows.append([round(t), *np.round(at * scale).tolist(), "click"])
        t += 40
    return rows


def write(path: Path, rows: list[list], header: tuple[str, ...] = ("t_ms", "x", "y", "event")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def people(root: Path, *, n: int = 12) -> Path:
    """A folder with two classes of traces."""
    for name, pause, bend in (("hasty", 20, 0.02), ("slow", 400, 0.3)):
        for i in range(n):
            write(root / name / f"{name}{i}.csv", trace(i, pause_ms=pause, bend=bend))
    return root
