"""Ten updates in a row: what is left of the first classes, and whether the saved model grows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sets import Row

import drivetrain as dt
from update_parts.judging import TestRows
from update_parts.tasks import STEPS, Task
from update_parts.ways import EXEMPLARS, Ground


def first(ground: Ground, rows: list[Row]) -> Path:
    """The model that is then updated ten times."""
    path = ground.folder / "step-0.model"
    learn = ground.from_public_weights("step-0", rows, ground.seed)
    learn.save(path, precision=None, exemplars=EXEMPLARS)
    return path


def step(ground: Ground, number: int, rows: list[Row], seen: list[Row]) -> dict[str, Any]:
    """One update of the model before it, by the exemplars that it carries; judged on all classes so far."""
    before = ground.folder / f"step-{number - 1}.model"
    after = ground.folder / f"step-{number}.model"
    table = replace(ground, task=Task("steps", "", [], [])).table(f"step-{number}", rows)
    began, cpu = time.monotonic(), time.process_time()
    done = dt.update(before, table, old=False, epochs=ground.epochs, seed=ground.seed)
    done.save(after, precision=None, exemplars=EXEMPLARS, accept_forgetting=True)
    took = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    said = {"alpha": done.alpha, "held_back": done.held_back}
    return {
        **took,
        **sizes_of(after),
        **said,
        "all": TestRows([row for row in seen if row[2] == "test"]).judged(done.model),
    }


def sizes_of(model: Path) -> dict[str, int]:
    """Bytes of a saved model, and of its exemplars among them."""
    files = [file for file in model.rglob("*") if file.is_file()]
    exemplars = sum(file.stat().st_size for file in files if "exemplars" in file.relative_to(model).parts[0])
    return {"bytes": sum(file.stat().st_size for file in files), "exemplar_bytes": exemplars}


def in_a_row(
    ground: Ground, portions: list[list[Row]], rows: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and row of what has not been measured: each step, and at the end everything trained again."""
    at = f"seed{ground.seed}"
    if not (ground.folder / "step-0.model").exists():
        first(ground, portions[0])
    for number in range(1, STEPS + 1):
        if f"steps/{number}/{at}" not in rows:
            seen = [row for portion in portions[: number + 1] for row in portion]
            yield f"steps/{number}/{at}", step(ground, number, portions[number], seen)
    if f"steps/again/{at}" not in rows:
        seen = [row for portion in portions for row in portion]
        cpu = time.process_time()
        learn = ground.from_public_weights("steps-all", seen, ground.seed)
        took = round(time.process_time() - cpu, 1)
        yield (
            f"steps/again/{at}",
            {"cpu_seconds": took, "all": TestRows([r for r in seen if r[2] == "test"]).judged(learn)},
        )
