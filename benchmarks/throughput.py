"""Pictures per second of ResNet-18 from scratch at 224 px: drivetrain's loop and fastai's, each with its own loaders.

    python benchmarks/throughput.py ../shared [--only drivetrain]

The same 512 training and 128 validation photographs, batches of 64, two epochs, one process each. Results go to
results/throughput.json and .md.
"""

from __future__ import annotations

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
    need_peers,
    parser_of,
    provenance,
    shown,
    table,
    versions,
    wanted,
)
from predict import answer_of, checked
from processes import run
from sets import Table, grocery_table, warm, write_table

SCRIPTS = Path(__file__).parent / "peers"


def some(pictures: Table, n_train: int, n_valid: int) -> Table:
    """Evenly from all classes, so that files are as varied as in the whole set."""
    rows = pictures.part("train")
    every = len(rows) / (n_train + n_valid)
    chosen = [rows[int(i * every)] for i in range(n_train + n_valid)]
    known = {label for i, (_, label, _) in enumerate(chosen) if not held_out(i, n_train, n_valid)}
    parts = ["valid" if held_out(i, n_train, n_valid) and row[1] in known else "train" for i, row in enumerate(chosen)]
    found = [(path, label, part) for (path, label, _), part in zip(chosen, parts, strict=True)]
    return write_table(pictures.path.with_stem("some"), found)


def held_out(i: int, n_train: int, n_valid: int) -> bool:
    return i % ((n_train + n_valid) // n_valid) == 0


WHAT_LIMITS = (
    "What limits answering: arithmetic. ResNet-18 takes 3.6 GFLOP per picture, so 90 pictures a second in bf16 are "
    "some 330 GFLOP/s of the 400 that matrix products reach here (fine_tune.md). Saved and in int8 the same network "
    "answers 154 pictures a second, 6.6 times as many as fastai: predict.md.",
)


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = ["who", "training, img/s: first epoch", "later epochs", "validating, img/s", "training ÷ fastai's (later)"]
    fastai = rows.get("fastai")
    lines = [
        [
            who,
            shown(row["training"][0]),
            shown(row["training"][-1]),
            shown(row["validating"]),
            "–" if fastai is None else shown(row["training"][-1] / fastai["training"][-1], 2),
        ]
        for who, row in rows.items()
    ]
    title = ["# ResNet-18 from scratch", "", "224 px, batches of 64; the first batch of an epoch is not counted.", ""]
    return [*title, *table(head, lines), "", *WHAT_LIMITS, "", *provenance(rows)]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    options = parser.parse_args()
    shared, peers = options.shared.resolve(), need_peers(options.peers)
    size, n = (["--size", "64"], 128) if options.quick else (["--size", "224"], 512)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        pictures = some(grocery_table(shared, folder), n, n // 4)
        warm(pictures)
        results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        store = Results(results / "throughput.json", hidden_places(shared=shared, folder=folder, peers=peers))
        for who, python in (("fastai", peers), ("drivetrain", sys.executable)):
            if not wanted(who, options.only):
                continue
            own = Path(tempfile.mkdtemp(dir=folder))
            command = [python, str(SCRIPTS / f"{who}_scratch.py"), str(pictures.path), *size]
            ran = checked(run(command, folder=own, environment={"DRIVETRAIN_CACHE_DIR": str(own / "cache")}))
            row = {"command": " ".join(command), "versions": versions(python), "load_before": ran.load_before}
            store.put(who, row | answer_of(ran))
            store.write(report(store.rows))
    print(store.path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
