"""A model that is in use learns more: what each way costs the old task, brings on the new one, and takes.

    python benchmarks/update.py ../shared [--tasks pictures,classes,camera] [--only default,by-hand] [--seeds 1,2,3]
    python benchmarks/update.py ../shared --steps          # ten updates in a row
    python benchmarks/update.py ../shared --avalanche PYTHON   # beside avalanche's replay and EWC

Three tasks (`update_parts/tasks.py`) × the ways of `update_parts/ways.py` × draws. Every way begins with the same saved
model and is judged on the same test rows, which nothing was trained on or chosen by. Rows that are in
results/update.json are not measured again, so that it can be stopped and taken up; --anew measures them again.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import QUICK_RESULTS, RESULTS, ROOT, Results, hidden_places, parser_of, versions, wanted
from sets import smallest, write_table
from update_parts.judging import TestRows
from update_parts.page import page
from update_parts.peer import STRATEGIES, beside
from update_parts.steps import in_a_row
from update_parts.tasks import TASKS, Task, ten_steps
from update_parts.ways import WAYS, Ground, first_model

import drivetrain as dt

BODY = Path("weights") / "mobilenetv1_100.tf_in1k"
SIZE = 64
FIRST_EPOCHS, EPOCHS = 5, 3
"""Of the model in use, and of what it learns afterwards."""
WORK = ROOT / ".drivetrain" / "update"
"""Pictures, tables, models and what was decoded: found again the next time; git does not see it."""


@dataclass(frozen=True)
class Bench:
    """What all cells share."""

    results: Results
    shared: Path
    work: Path
    body: str
    quick: bool
    anew: bool

    def task(self, name: str) -> Task:
        task = TASKS[name](self.shared, self.work)
        return task if not self.quick else few_rows(task, self.work)

    def ground(self, task: Task, seed: int) -> Ground:
        """Tables and models of one draw; the model in use is trained once."""
        folder = self.work / f"seed{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        ways = Ground(
            task=task,
            model=folder / f"{'fruit' if task.name != 'pictures' else 'tiny'}.model",
            body=self.body,
            folder=folder,
            size=SIZE,
            epochs=1 if self.quick else EPOCHS,
            first_epochs=1 if self.quick else FIRST_EPOCHS,
            seed=seed,
        )
        if not ways.model.exists():
            with dt.quiet():
                first_model(ways)
        return ways


def few_rows(task: Task, folder: Path) -> Task:
    """Two classes of each, to see that it works."""
    old, new = (smallest(write_table(folder / f"{which}.csv", getattr(task, which))).rows for which in ("old", "new"))
    return Task(task.name, task.about, old, new)


def measure(bench: Bench, name: str, seed: int, ways: list[str]) -> None:
    task = bench.task(name)
    ground = bench.ground(task, seed)
    rows = {which: TestRows(task.part(which, "test")) for which in ("old", "new")}
    learn = dt.Learner.load(ground.model, data=task.table(ground.folder, "old", task.old).path)
    before = f"{name}/before/seed{seed}"
    if bench.anew or before not in bench.results.rows:
        bench.results.put(before, {"about": task.about, **judged(rows, learn), "versions": versions()})
    for way in ways:
        key = f"{name}/{way}/seed{seed}"
        if bench.anew or key not in bench.results.rows:
            row = bench.results.put(key, one_way(ground, way, rows) | {"versions": versions()})
            print(f"{key}: {row['cpu_seconds']:.0f} s of CPU", flush=True)


def one_way(ground: Ground, way: str, rows: Mapping[str, TestRows]) -> dict[str, Any]:
    began, cpu = time.monotonic(), time.process_time()
    with dt.quiet():
        learnt = WAYS[way].run(ground)
    took = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}
    said = {} if learnt.told is None else {"told": learnt.told}
    load = {"load": os.getloadavg()[0]}
    return {**{k: round(v, 1) for k, v in (took | load).items()}, **judged(rows, learnt.learn), **said}


def in_steps(bench: Bench, seed: int) -> None:
    """Ten updates in a row, each taken up where the last run stopped."""
    ground = bench.ground(bench.task("classes"), seed)
    portions = ten_steps(bench.shared, bench.work)
    with dt.quiet():
        for name, row in in_a_row(ground, portions, bench.results.rows):
            bench.results.put(name, row | {"versions": versions()})
            print(f"{name}: {row['cpu_seconds']:.0f} s of CPU", flush=True)


def peers(bench: Bench, python: Path, seed: int) -> None:
    """avalanche on the first task, for the time that the update took."""
    task = bench.task("pictures")
    ground = bench.ground(task, seed)
    took = bench.results.rows[f"pictures/update/seed{seed}"]["cpu_seconds"]
    learn = dt.Learner.load(ground.model, data=ground.table("old", task.old))
    for strategy in STRATEGIES:
        key = f"pictures/avalanche-{strategy}/seed{seed}"
        if key not in bench.results.rows or bench.anew:
            row = beside(ground, learn, python, strategy, took)
            bench.results.put(key, row | {"versions": versions()})


def judged(rows: Mapping[str, TestRows], learn: dt.Learner) -> dict[str, Any]:
    return {which: some.judged(learn) for which, some in rows.items()}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of them, with commas between")
    parser.add_argument("--seeds", default="1", help="draws, with commas between")
    parser.add_argument("--steps", action="store_true", help="ten updates in a row, instead of the tasks")
    parser.add_argument("--avalanche", type=Path, metavar="PYTHON", help="of an environment that has avalanche-lib")
    parser.add_argument("--work", type=Path, default=WORK, help="where pictures and models are kept")
    parser.add_argument("--anew", action="store_true", help="measure again what has been measured")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    shared, work = options.shared.resolve(), (options.work / ("quick" if options.quick else "full")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.environ["DRIVETRAIN_PROJECT"] = str(work / "project")
    os.environ["DRIVETRAIN_CACHE_DIR"] = str(work / "cache")
    folder = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    results = Results(folder / "update.json", hidden_places(shared=shared, folder=work))
    bench = Bench(results, shared, work, f"local-dir:{shared / BODY}", options.quick, options.anew)
    ways = [way for way in WAYS if wanted(way, options.only)]
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if options.steps:
        in_steps(bench, seeds[0])
    elif options.avalanche:
        peers(bench, options.avalanche.absolute(), seeds[0])
    elif not options.page:
        for seed in seeds:
            for name in options.tasks.split(","):
                measure(bench, name, seed, ways)
                results.write(page(results.rows))
    results.write(page(results.rows))


if __name__ == "__main__":
    main()
