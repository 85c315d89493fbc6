"""A million rows of 30 columns: read from Parquet and from CSV, `dt.train` within its budget, answers in batch.

Numbers, counts, names (of 20 to 20,000), dates, gaps; the target follows from a product of two numbers, a line, and a
name's own effect. Each step is a process of its own, so that its peak memory is its own. See benchmarks/tables.py.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import Results

BUDGET_S = 180


def rows(n: int) -> pd.DataFrame:
    """29 columns and the target `bought`."""
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {f"x{at}": rng.normal(size=n).round(4) for at in range(14)}
    made |= {f"count{at}": rng.poisson(3 + at, n) for at in range(4)}
    for at in range(5):
        names = np.array([f"k{name}" for name in range(5 * (at + 1))])
        made[f"kind{at}"] = names[rng.integers(0, len(names), n)]
    places: list[np.ndarray] = []
    for at, size in enumerate((300, 2000, 20_000)):
        places.append(np.minimum((rng.pareto(0.7, n) * 3).astype(int), size - 1))
        made[f"place{at}"] = np.array([f"place {name}" for name in range(size)])[places[-1]]
    made["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700 * 86_400, n), unit="s")
    made["flag"] = rng.random(n) < 0.3
    made["amount"] = np.where(rng.random(n) < 0.08, np.nan, rng.gamma(2, 60, n).round(2))
    effect = np.random.default_rng(1).normal(size=2000)[places[1]]
    odds = made["x0"] * made["x1"] + 0.5 * made["x2"] + 0.3 * (made["count0"] - 3) + effect
    made["bought"] = np.where(rng.random(n) < 1 / (1 + np.exp(-odds)), "yes", "no")
    return pd.DataFrame(made)


def measure(results: Results, *, quick: bool) -> None:
    """Every step, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        said = {"n": 20_000 if quick else 1_000_000, "folder": folder, "budget": 20 if quick else BUDGET_S}
        for step in STEPS:
            done = subprocess.run(
                [sys.executable, __file__, step, json.dumps(said)], stdout=subprocess.PIPE, text=True, check=True
            )
            if step != "make":
                row = {**json.loads(done.stdout.splitlines()[-1]), "load": round(os.getloadavg()[0], 2)}
                print(json.dumps(results.put(f"million-{step}", row)), flush=True)


def make(said: dict[str, Any]) -> None:
    table, folder = rows(said["n"]), Path(said["folder"])
    table.to_parquet(folder / "rows.parquet", index=False)
    table.to_csv(folder / "rows.csv", index=False)


def read(said: dict[str, Any], name: str) -> str:
    import drivetrain as dt

    data = dt.table(f"{said['folder']}/{name}", target="bought", project=f"{said['folder']}/{name}.project")
    return f"{len(data.train):,} training rows of a {name.rpartition('.')[2]} file"


def train(said: dict[str, Any]) -> str:
    import drivetrain as dt

    project = f"{said['folder']}/rows.parquet.project"
    data = dt.table(f"{said['folder']}/rows.parquet", target="bought", project=project)
    began = time.monotonic()
    found = dt.train(data, budget=said["budget"])
    took = time.monotonic() - began
    found.save(f"{said['folder']}/m.model")
    dt.Trees(data, budget=0.25 * said["budget"]).save(f"{said['folder']}/trees.model")
    told = "; ".join(f"{one.name} {one.scores['log_loss'].value:.4f} ({one.seconds:.0f} s)" for one in found.candidates)
    out = "".join(f"; {name} left out: {why}" for name, why in found.leaderboard.left_out.items())
    return f"budget {said['budget']} s, took {took:.0f} s: log loss {told}{out}"


def answer(said: dict[str, Any], name: str) -> str:
    import drivetrain as dt

    model = dt.load(f"{said['folder']}/trees.model")
    began, cpu = time.monotonic(), time.process_time()
    n = len(model.predict_array(f"{said['folder']}/{name}"))
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    return f"{n:,} answers of trees from {name}: {n / took:,.0f} rows/s, {n / cpu:,.0f} per CPU second"


STEPS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "make": make,
    "parquet": lambda said: read(said, "rows.parquet"),
    "csv": lambda said: read(said, "rows.csv"),
    "train": train,
    "answers-parquet": lambda said: answer(said, "rows.parquet"),
    "answers-csv": lambda said: answer(said, "rows.csv"),
}
WHAT = {
    "parquet": "`dt.table` of Parquet",
    "csv": "`dt.table` of CSV",
    "train": "reading and `dt.train`",
    "answers-parquet": "`predict_array` of Parquet",
    "answers-csv": "`predict_array` of CSV",
}


def main() -> None:
    step, said = sys.argv[1], json.loads(sys.argv[2])
    began, cpu = time.monotonic(), time.process_time()
    told = STEPS[step](said)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = {"seconds": round(time.monotonic() - began, 1), "cpu": round(time.process_time() - cpu, 1)}
    print(json.dumps({"what": WHAT.get(step, step), **took, "peak_mb": round(peak), "told": told}))


if __name__ == "__main__":
    main()
