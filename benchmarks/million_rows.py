#!/usr/bin/env python
"""A table of a million rows: divided in four ways, beside a seal, and sealed; how long, and how much memory.

Rows are cells of ten columns, made here; one row in a hundred is a copy of another. Each job runs in a process of its
own. Its seconds are those of one core, since others may use the machine; its memory is the largest that the process
had, less what it had before the rows were made.

    python benchmarks/million_rows.py
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted

COLUMNS = 10
CLASSES, GROUPS = 20, 100_000
JOBS = ("random", "stratified", "grouped", "by time", "seal", "beside a seal", "store")


def rows_of(n: int) -> Any:
    """`Examples` of a million rows of cells."""
    from drivetrain.data.examples import Examples

    rng = np.random.default_rng(0)
    numbers = rng.permutation(n)
    copies = rng.choice(n, n // 100, replace=False)
    numbers[copies] = numbers[rng.choice(n, n // 100)]
    digests = np.array([f"{number * 0x9E3779B97F4A7C15 % 2**128:064x}" for number in numbers.tolist()], object)
    values = np.array([f"class {i:02}" for i in range(CLASSES)], object)[rng.integers(0, CLASSES, n)]
    columns = {f"column {i}": rng.normal(size=n) for i in range(COLUMNS)}
    cells = _cells(columns)
    first = {"inputs": cells} if "inputs" in Examples.__dataclass_fields__ else {"paths": (Path("rows.csv"),) * n}
    return Examples(**first, digests=tuple(digests.tolist()), values=tuple(values.tolist())), numbers, columns


def _cells(columns: dict[str, np.ndarray]) -> Any:
    from drivetrain.data.inputs import Cells

    return Cells(columns)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def job(name: str, n: int) -> None:
    """Do one, and print seconds, megabytes and a remark."""
    from dataclasses import replace

    from drivetrain.data.seals.project import Project
    from drivetrain.data.seals.seal import SealedSet, Seals
    from drivetrain.data.seals.sealing import matches
    from drivetrain.data.splitting.divide import Fractions, divide
    from drivetrain.data.splitting.holding import divide_beside_seals
    from drivetrain.data.splitting.split import Split

    warnings.simplefilter("ignore")
    before = peak_mb()
    rows, numbers, columns = rows_of(n)
    made, remark = peak_mb(), ""
    asked = Fractions(0.2, 0.2, 1)
    if name == "grouped":
        rows = replace(rows, groups=tuple(f"group {number % GROUPS}" for number in numbers.tolist()))
    if name == "by time":
        rows = replace(rows, times=tuple(np.floor(columns["column 0"] * 1e5).tolist()))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(None):
        project = Project(Path(folder))
        division = divide(rows, None, kind="category", asked=asked) if name in JOBS[4:] else None
        start = time.process_time()
        if division is None:
            kind = "number" if name == "random" else "category"
            found = divide(rows, None, kind=kind, asked=asked)
            counts = [found.parts.count(part) for part in ("train", "valid", "test", None)]
            remark = " + ".join(f"{count:,}" for count in counts if count)
        else:
            test = rows.subset([row for row, part in enumerate(division.parts) if part == "test"])
            used = rows.subset([row for row, part in enumerate(division.parts) if part != "test"])
            how = {"method": division.method, "seed": 1, "valid_pct": 0.2, "test_pct": 0.2}
            split = Split.of(rows.digests, division.parts, **how)
            if name == "store":
                place = split.save(Path(folder) / "split.json")
                assert Split.load(place) == split
                remark = f"{place.stat().st_size / 1e6:.1f} MB"
            else:
                sealed = Seals(project).add(SealedSet.of(test, source="rows", split=split), split, test)
                file = next(Path(folder).rglob("seal.json"))
                remark = f"{sealed.n:,} contents in {file.stat().st_size / 1e6:.1f} MB"
                assert not matches(used, sealed, {})
                if name == "beside a seal":
                    start = time.process_time()
                    found = divide_beside_seals(
                        rows, None, kind="category", asked=replace(asked, seed=2), giver="", project=folder
                    ).division
                    kept = sum(part == "test" for part in found.parts)
                    remark = f"{kept:,} rows stay test rows"
        seconds = time.process_time() - start
    print(seconds, peak_mb() - before, made - before, remark, sep="\t")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--job")
    parser.add_argument("--rows", type=int)
    asked = parser.parse_args()
    n = asked.rows or (20_000 if asked.quick else 1_000_000)
    if asked.job:
        job(asked.job, n)
        return
    results = Results(
        (asked.results or (QUICK_RESULTS if asked.quick else RESULTS)) / "million_rows.json", hidden_places()
    )
    command = "python benchmarks/million_rows.py" + (f" --rows {n}" if asked.rows else "")
    for name in [job for job in JOBS if wanted(job, asked.only)]:
        line = [sys.executable, __file__, "--job", name, "--rows", str(n)]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
        seconds, mb, rows_mb, remark = done.stdout.strip("\n").split("\t")
        row = {"seconds": round(float(seconds), 2), "mb": round(float(mb)), "rows_mb": round(float(rows_mb))}
        results.put(name, {**row, "remark": remark, "n": n, "command": command, "versions": versions()})
        print(name, row, remark)
    results.write(report(results))


def report(results: Results) -> list[str]:
    rows = {name: results.rows[name] for name in JOBS if name in results.rows}
    told = [[name, f"{r['seconds']:.1f}", str(r["mb"]), str(r["rows_mb"]), r["remark"]] for name, r in rows.items()]
    told.append(["all", f"{sum(row['seconds'] for row in rows.values()):.1f}", "", "", ""])
    assert __doc__ is not None
    about = __doc__.strip().split("\n")[2:6]
    head = ["job", "seconds of one core", "memory, MB", "of it the rows", ""]
    return ["# A table of a million rows", "", *about, "", *table(head, told), "", *provenance(rows)]


if __name__ == "__main__":
    main()
