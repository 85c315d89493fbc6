#!/usr/bin/env python
"""A saved model judged again on a folder of 2,500 pictures: `evaluate`, `report` and `Learner.load`, before and after.

*before* is another checkout of drivetrain, which is measured in the same run, turn by turn, each in a process of its
own. Seconds are those of the call, without the imports: on the clock, and of all cores together, since others may use
the machine. The report is made without and with its linear probe, which passes all training pictures through a body.

    git worktree add ../before 1fd624a
    python benchmarks/reopen.py --before ../before/src --shared ../shared
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import HERE, QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted

N = 2_500
CALLS = {
    "evaluate": "dt.evaluate('m.model')",
    "load": "dt.Learner.load('m.model', device='cpu')",
    "report, no probe": "report_saved('m.model', 'report.html', probe=False)",
    "report": "report_saved('m.model', 'report.html')",
}
TRAINING = """
import drivetrain as dt
learn = dt.Learner(dt.images("pictures"), device="cpu")
learn.fit(1, checkpoint=False)
learn.save("m.model")
print(0)
"""
PROGRAM = """
import time, warnings
import drivetrain as dt
from drivetrain.progress import quiet
from drivetrain.training.reporting import report_saved
warnings.simplefilter("ignore")
with quiet():
    clock, cores = time.perf_counter(), time.process_time()
    {call}
print(time.perf_counter() - clock, time.process_time() - cores)
"""


def folder_of(shared: Path, folder: Path, n: int) -> None:
    """Some of the photographs, one folder per coarse class."""
    source = shared / "data" / "grocery"
    lines = [line for part in ("train", "val", "test") for line in (source / f"{part}.txt").read_text().splitlines()]
    random.Random(1).shuffle(lines)
    for row, line in enumerate(lines[:n]):
        path, _, label = (cell.strip() for cell in line.split(","))
        (folder / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, folder / label / f"{row}.jpg")


def run(program: str, sources: Path, folder: Path) -> list[float]:
    own = {"PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1"}
    own |= {f"DRIVETRAIN_{name}_DIR": str(folder / name.lower()) for name in ("CACHE", "INDEX")}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in (done.stdout.strip().splitlines() or [""])[-1].split()]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--before", type=Path, required=True, help="the src folder of the other checkout")
    parser.add_argument("--shared", type=Path, default=HERE.parent.parent / "shared")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    n, repeats = (200, 1) if asked.quick else (N, asked.repeats)
    sources = {"before": asked.before.resolve(), "after": HERE.parent / "src"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder_of(asked.shared, folder / "pictures", n)
        run(TRAINING, sources["after"], folder)
        results = Results(
            (asked.results or (QUICK_RESULTS if asked.quick else RESULTS)) / "reopen.json",
            hidden_places(shared=asked.shared, folder=folder),
        )
        for job, call in CALLS.items():
            if not wanted(job, asked.only):
                continue
            found: dict[str, list[list[float]]] = {"before": [], "after": []}
            for _ in range(repeats):
                for side, place in sources.items():
                    found[side].append(run(PROGRAM.format(call=call), place, folder))
            row = {
                f"{side} {what}": round(statistics.median(each[i] for each in found[side]), 2)
                for side in found
                for i, what in enumerate(("clock", "cores"))
            }
            command = f"python benchmarks/reopen.py --before ../before/src --repeats {repeats}"
            results.put(job, {**row, "n": n, "repeats": repeats, "command": command, "versions": versions()})
            print(job, row)
        results.write(report(results))


def report(results: Results) -> list[str]:
    assert __doc__ is not None
    told: list[list[str]] = []
    for name, row in results.rows.items():
        pairs = [(row[f"before {what}"], row[f"after {what}"]) for what in ("clock", "cores")]
        cells = [cell for a, b in pairs for cell in (f"{a:.1f} s", f"{b:.1f} s", f"{a / b:.2f} ×")]
        told.append([name, *cells])
    head = ["call", *(f"{side}, {what}" for what in ("clock", "all cores") for side in ("before", "after", "faster"))]
    about = __doc__.strip().split("\n")
    return ["# A saved model judged again", "", *about[:6], "", *table(head, told), "", *provenance(results.rows)]


if __name__ == "__main__":
    main()
