"""Sounds, traces and files as pictures: what they reach by the honest protocol of each field, and how fast.

    python benchmarks/signals.py ../shared [--parts sounds,traces,binaries] [--only NAME,…] [--quick]

A part is a module of `signal_parts` with

* ``jobs(shared, *, quick, peers)``: name → function that measures and gives one row, with its seconds left out;
* ``page(rows)``: the lines of the page that a person reads, from the rows by name.

Each row is kept as soon as it is there, in benchmarks/results/signals_PART.json, and the page beside it; with --only
the other rows stay as they are.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, versions, wanted

PARTS = ("sounds", "traces", "binaries")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path, help="the folder with data/ and weights/")
    parser.add_argument("--parts", default=",".join(PARTS), help="which kinds, with commas between")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    for name in options.parts.split(","):
        if name not in PARTS:
            raise SystemExit(f"there is no part {name!r}; expected among {', '.join(PARTS)}.")
        part = import_module(f"signal_parts.{name}")
        results = Results(
            folder / f"signals_{name}.json", hidden_places(shared=options.shared, peers=str(options.peers))
        )
        for job, measure in part.jobs(options.shared, quick=options.quick, peers=options.peers).items():
            if not wanted(job, options.only):
                continue
            began, cpu = time.monotonic(), time.process_time()
            row = measure()
            took = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
            command = f"python benchmarks/signals.py ../shared --parts {name} --only {job}"
            ground = {"load": round(os.getloadavg()[0], 1), "versions": versions()}
            print(results.put(job, {"command": command, **took, **row, **ground}), flush=True)
        lines = [*part.page(results.rows), "", *provenance(results.rows)]
        results.write(lines)


if __name__ == "__main__":
    sys.exit(main())
