"""How fast are very many pictures answered: one process, all cores, Ray, and a Ray script of twenty lines by hand?

    python benchmarks/predict_many.py [--quick] [--only processes]

A model with the embedded body answers pictures of 320 × 240 px that are made here. All jobs answer the same files and
write Parquet; each is a process of its own, started anew, and its whole time counts, start included. About two minutes
on two quiet cores. Results go to results/predict_many.json and .md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, shown, table, versions, wanted
from PIL import Image

import drivetrain as dt

BY_HAND = """
import sys
from pathlib import Path
import ray, ray.data
import drivetrain as dt

MODEL, PICTURES, OUT, CORES = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

class Answer:
    def __init__(self):
        self.model = dt.load(MODEL, threads=1)

    def __call__(self, batch):
        said = list(self.model.predict_many([str(path) for path in batch["path"]]))
        labels, sure = [one.label for one in said], [one.probability for one in said]
        return {"path": batch["path"], "label": labels, "probability": sure}

ray.init(num_cpus=CORES + 1, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
paths = [{"path": str(path)} for path in sorted(Path(PICTURES).rglob("*.jpg"))]
pool = ray.data.ActorPoolStrategy(size=CORES)
inputs = ray.data.from_items(paths, override_num_blocks=64)
answers = inputs.map_batches(Answer, batch_size=64, compute=pool, num_cpus=1)
answers.write_parquet(OUT)
"""
"""The peer: what somebody writes who knows Ray."""
CORES = os.cpu_count() or 1
JOBS: dict[str, tuple[str, ...]] = {
    "processes-1": ("--engine", "processes", "--workers", "1"),
    f"processes-{CORES}": ("--engine", "processes", "--workers", str(CORES)),
    "ray-engine": ("--engine", "ray", "--workers", str(CORES)),
    "ray-by-hand": (),
}


def make(folder: Path, n: int) -> tuple[Path, Path]:
    """Pictures in two classes, and a model of them."""
    random = np.random.default_rng(0)
    for at in range(n):
        place = folder / "pictures" / ("dark", "light")[at % 2] / f"{at:06}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 156, (12, 16, 3)) + 100 * (at % 2)
        Image.fromarray(coarse.astype(np.uint8)).resize((320, 240), Image.Resampling.BILINEAR).save(place, quality=85)
    few = [(path, path.parent.name) for path in sorted((folder / "pictures").rglob("*.jpg"))[:: max(1, n // 100)]]
    learn = dt.Learner(dt.images(few, project=folder / "project"), "embedded", device="cpu")
    learn.fine_tune(0)
    return Path(learn.save(folder / "small.model")), folder / "pictures"


def measure(name: str, model: Path, pictures: Path, folder: Path, n: int) -> dict[str, Any]:
    """One job: its time, and that all pictures were answered once."""
    out = folder / name
    words = [sys.executable, "-c", BY_HAND, str(model), str(pictures), str(out), str(CORES)]
    if JOBS[name]:
        words = [
            sys.executable,
            "-m",
            "drivetrain",
            "predict",
            str(model),
            str(pictures),
            "--out",
            str(out),
            *JOBS[name],
        ]
    began = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    answered = pq.read_table(str(out), columns=["path"])["path"].to_pylist()
    assert len(answered) == len(set(answered)) == n, f"{name}: {len(answered)} answers for {n} pictures"
    return {
        "pictures": n, "seconds": seconds, "a_second": n / seconds, "command": "python benchmarks/predict_many.py",
        "versions": versions(),
    }  # fmt: skip


def page(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The results as lines of Markdown."""
    one = rows.get("processes-1", {}).get("a_second")
    body = [
        [name, shown(row["seconds"], unit=" s"), shown(row["a_second"], 0),
         shown(row["a_second"] / one if one else None, 2, " ×")]
        for name, row in rows.items()
    ]  # fmt: skip
    head = ["job", "time, start included", "pictures a second", "of one process"]
    return ["# Very many pictures", "", *table(head, body), "", *provenance(rows)]


def main() -> None:
    asked = parser_of(__doc__).parse_args()
    n = 200 if asked.quick else 6_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["DRIVETRAIN_INDEX_DIR"] = ""
        os.environ["OMP_NUM_THREADS"] = "1"
        model, pictures = make(folder, n)
        place = asked.results or (QUICK_RESULTS if asked.quick else RESULTS)
        results = Results(place / "predict_many.json", hidden_places(folder=folder))
        for name in JOBS:
            if wanted(name, asked.only):
                results.put(name, measure(name, model, pictures, folder, n))
                print(name, results.rows[name]["a_second"])
        results.write(page(results.rows))


if __name__ == "__main__":
    main()
