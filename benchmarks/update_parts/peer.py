"""avalanche beside drivetrain: the same model in use, the same rows, the same time, in the peer's own environment."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sets import Row

import drivetrain as dt
from drivetrain.data.cache.store import Store, views_of
from drivetrain.data.inputs import Files
from drivetrain.runtime.artefact import WEIGHTS
from update_parts.judging import TestRows
from update_parts.tasks import labels
from update_parts.ways import EXEMPLARS, Ground

PROGRAM = Path(__file__).parent.parent / "peers" / "avalanche_update.py"
STRATEGIES = ("replay", "ewc")


def write_ground(ground: Ground, learn: dt.Learner, file: Path) -> None:
    """Pictures as the model in use reads them, with labels that count on from the old classes to the new ones."""
    classes = [*learn.data.target.vocab]
    classes += [name for name in labels(ground.task.new) if name not in classes]
    arrays: dict[str, np.ndarray] = {}
    for which, rows in (("old", ground.task.old), ("new", ground.task.new)):
        for part, name in (("train", "x"), ("test", "test")):
            some = [row for row in rows if row[2] == part]
            arrays[f"{which}_{name}"] = pictures(learn, some)
        arrays[f"{which}_y"] = np.array([classes.index(label) for _, label, part in rows if part == "train"])
    arrays["classes"] = np.array(classes)
    np.savez(file, **arrays)


def pictures(learn: dt.Learner, rows: list[Row]) -> np.ndarray:
    """(N, S, S, 3) uint8."""
    store = Store(Files([Path(path) for path, _, _ in rows]), learn.kind.spec)
    loaded = [one for one in store.get(range(len(rows))) if one is not None]
    assert len(loaded) == len(rows), "a picture cannot be read"
    return views_of(learn.kind.spec, loaded)[0]


def beside(ground: Ground, learn: dt.Learner, python: Path, strategy: str, cpu_seconds: float) -> dict[str, Any]:
    """One strategy for a time; its answers, judged as all others are."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_ground(ground, learn, folder / "ground.npz")
        command = [str(python), str(PROGRAM), str(folder / "ground.npz"), str(ground.model / WEIGHTS), ground.body]
        command += ["--strategy", strategy, "--seconds", f"{cpu_seconds:.0f}", "--seed", str(ground.seed)]
        command += ["--memory", str(EXEMPLARS * len(labels(ground.task.old)))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"avalanche ended with code {done.returncode}: {done.stderr[-2000:]}")
        classes = np.load(folder / "ground.npz", allow_pickle=False)["classes"]
        with np.load(folder / "answers.npz", allow_pickle=False) as answers:
            judged = {
                which: TestRows(ground.task.part(which, "test")).judged_by(answers[which], classes)
                for which in ("old", "new")
            }
    return {"cpu_seconds": round(cpu_seconds, 1), **judged}
