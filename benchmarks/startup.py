"""How long one waits before anything happens: imports, help, and one prediction, each in a new process.

    python benchmarks/startup.py ../shared [--only drivetrain]

Every program is started several times, in turn with the others; the median counts, with the interpreter's own start
in it. Results go to results/startup.json and .md.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import (
    QUICK_RESULTS,
    RESULTS,
    Results,
    hidden_places,
    megabytes,
    need_peers,
    parser_of,
    provenance,
    shown,
    table,
    versions,
    wanted,
)
from predict import DRIVETRAIN, checked, make_model
from processes import run
from sets import grocery_table, smallest, warm

STARTS = 7
FASTAI_PREDICT = str(Path(__file__).parent / "peers" / "predict_fastai.py")
COUNT = "import sys; print('modules', len(sys.modules))"


def programs(peers: str, folder: Path, model: str, picture: str) -> dict[str, tuple[str, list[str]]]:
    """Name → the Python that it runs on, and the command."""
    own = sys.executable
    return {
        "python": (own, [own, "-c", COUNT]),
        "drivetrain-import": (own, [own, "-c", f"import drivetrain; {COUNT}"]),
        "drivetrain-help": (own, [DRIVETRAIN, "--help"]),
        "drivetrain-predict": (own, [DRIVETRAIN, "predict", model, picture]),
        "fastai-import": (peers, [peers, "-c", f"import fastai.vision.all; {COUNT}"]),
        "fastai-predict": (peers, [peers, FASTAI_PREDICT, "--load", str(folder / "fastai.pkl"), picture]),
    }


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = ["program", "median seconds", "least", "most", "starts", "modules", "memory, MB"]
    lines = [
        [
            name,
            shown(row["median_s"], 2),
            shown(min(row["all_s"]), 2),
            shown(max(row["all_s"]), 2),
            str(len(row["all_s"])),
            str(row["modules"] or "–"),
            megabytes(row, "pss") if row["median_s"] >= 1 else "–",  # too short to be sampled
        ]
        for name, row in rows.items()
    ]
    return ["# From nothing to an answer", "", *table(head, lines), "", *provenance(rows)]


def modules_in(output: str) -> int | None:
    counts = [int(line.split()[1]) for line in output.splitlines() if line.startswith("modules ")]
    return counts[0] if counts else None


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    options = parser.parse_args()
    shared, peers = options.shared.resolve(), need_peers(options.peers)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        pictures = smallest(grocery_table(shared, folder))
        warm(pictures)
        model = make_model(pictures, "resnet18", folder)
        export = [peers, FASTAI_PREDICT, str(pictures.path), "resnet18", "--export", str(folder / "fastai.pkl")]
        checked(run(export, folder=folder, show=False))
        places = hidden_places(shared=shared, folder=folder, peers=peers) | {DRIVETRAIN: "drivetrain"}
        results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        store = Results(results / "startup.json", places)
        chosen = programs(peers, folder, model, pictures.part("test")[0][0])
        chosen = {name: program for name, program in chosen.items() if wanted(name, options.only)}
        # once round is not counted: it compiles modules and brings files into memory
        rounds = [
            {name: checked(run(command, folder=folder, show=False)) for name, (_, command) in chosen.items()}
            for _ in range(1 + (2 if options.quick else STARTS))
        ][1:]
        for name, (python, command) in chosen.items():
            runs = [one[name] for one in rounds]
            seconds = [ran.seconds for ran in runs]
            row = {"command": " ".join(command), "versions": versions(python), "load_before": runs[0].load_before}
            row |= {"median_s": statistics.median(seconds), "all_s": seconds, "memory_bytes": runs[-1].memory_bytes}
            store.put(name, row | {"modules": modules_in(runs[-1].output)})
        store.write(report(store.rows))
    print(store.path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
