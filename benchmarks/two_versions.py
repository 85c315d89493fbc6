"""The same work with two checkouts of drivetrain, in turns: no change of the house may cost time.

    git worktree add /somewhere/before COMMIT
    python benchmarks/two_versions.py ../shared --before /somewhere/before [--only fine_tune,evaluate] [--rounds 3]

Each piece of work is a process of its own with one checkout's `src` first on its path; the two take turns, and their
medians are compared. Results go to results/two_versions.json and .md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import (
    PRETRAINED,
    QUICK_RESULTS,
    RESULTS,
    ROOT,
    Results,
    hidden_places,
    parser_of,
    provenance,
    table,
    versions,
    wanted,
)
from sets import grocery_table

WORK: Mapping[str, str] = {
    "fine_tune": """
import drivetrain as dt
data = dt.images(TABLE, path="path", target="label", split="split")
learn = dt.Learner(data, f"local-dir:{WEIGHTS}", size=SIZE)
began = time.perf_counter()
learn.fine_tune(EPOCHS)
took = time.perf_counter() - began
if not os.path.exists(MODEL):
    learn.save(MODEL)
""",
    "evaluate": """
import drivetrain as dt
began = time.perf_counter()
print(dt.evaluate(MODEL, data=TABLE))
took = time.perf_counter() - began
""",
    "report": """
import drivetrain as dt
began = time.perf_counter()
learn = dt.Learner.load(MODEL)
learn.report(OUT)
took = time.perf_counter() - began
""",
    "predict_one": """
import drivetrain as dt
model = dt.load(MODEL)
model.predict(PICTURES[0])
began = time.perf_counter()
for picture in PICTURES:
    model.predict(picture)
took = time.perf_counter() - began
""",
    "predict_many": """
import drivetrain as dt
model = dt.load(MODEL)
list(model.predict_many(PICTURES[:32]))
began = time.perf_counter()
assert len(list(model.predict_many(PICTURES * 4))) == 4 * len(PICTURES)
took = time.perf_counter() - began
""",
    "load": """
import drivetrain as dt
dt.load(MODEL)
began = time.perf_counter()
for _ in range(20):
    dt.load(MODEL)
took = time.perf_counter() - began
""",
    "service": """
import http.client, socket, subprocess, threading
with socket.socket() as free:
    free.bind(("127.0.0.1", 0)); port = free.getsockname()[1]
served = subprocess.Popen([sys.executable, "-m", "drivetrain", "serve", MODEL, "--port", str(port)],
                          stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
def asked(pictures):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for content in pictures:
        connection.request("POST", "/predict", content)
        answer = connection.getresponse(); answer.read()
        assert answer.status == 200, answer.status
try:
    contents = [open(picture, "rb").read() for picture in PICTURES]
    for _ in range(300):
        try:
            asked(contents[:1]); break
        except OSError:
            time.sleep(0.1)
    began = time.perf_counter()
    threads = [threading.Thread(target=asked, args=(contents * 2,)) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    took = time.perf_counter() - began
finally:
    served.terminate(); served.wait()
""",
}
TELLS = {
    "fine_tune": "MobileNetV1 on Grocery, fine_tune",
    "evaluate": "dt.evaluate of the saved model on its table",
    "report": "Learner.load and report",
    "predict_one": "one answer after another, warm",
    "predict_many": "predict_many",
    "load": "dt.load of a known model, 20 times",
    "service": "400 requests by two callers",
}


def measure(name: str, checkout: Path, place: Path, given: Mapping[str, Any]) -> float:
    """Seconds that a piece of work takes with a checkout."""
    head = "import json, os, sys, time, warnings\nwarnings.simplefilter('ignore')\n"
    head += "".join(f"{key} = {value!r}\n" for key, value in given.items())
    code = head + WORK[name] + "\nprint(json.dumps({'took': took}))\n"
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} of {checkout} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])["took"]


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = ["work", "before, s", "after, s", "before ÷ after", "rounds"]
    lines = [
        [
            TELLS[name],
            f"{statistics.median(row['before']):.2f}",
            f"{statistics.median(row['after']):.2f}",
            f"{statistics.median(row['before']) / statistics.median(row['after']):.2f}",
            str(len(row["after"])),
        ]
        for name, row in rows.items()
    ]
    commits = next(iter(rows.values()))
    title = [
        "# The same work before and after",
        "",
        f"Before: {commits['commits'][0]}, after: {commits['commits'][1]}.",
    ]
    return [*title, "", *table(head, lines), "", *provenance(rows)]


def commit_of(checkout: Path) -> str:
    found = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shared, before = options.shared.resolve(), options.before.resolve()
    folder = QUICK_RESULTS if options.quick else RESULTS
    hidden = hidden_places(shared=shared) | {str(before): "before"}
    results = Results(options.results or folder / "two_versions.json", hidden)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        pictures = grocery_table(shared, place)
        given: dict[str, Any] = {
            "TABLE": str(pictures.path),
            "WEIGHTS": str(shared / PRETRAINED),
            "SIZE": 64 if options.quick else 128,
            "EPOCHS": 1 if options.quick else 3,
            "PICTURES": [str(row[0]) for row in pictures.part("valid")[:100]],
            "OUT": str(place / "report.html"),
        }
        trained = ["fine_tune"] + [name for name in WORK if name != "fine_tune" and wanted(name, options.only)]
        for name in trained:
            times: dict[str, list[float]] = {"before": [], "after": []}
            rounds = 1 if options.quick or (name == "fine_tune" and not wanted(name, options.only)) else options.rounds
            for _ in range(rounds):
                for which, checkout in (("before", before), ("after", ROOT)):
                    own = given | {"MODEL": str(place / f"{which}.model")}
                    times[which].append(measure(name, checkout, place, own))
            print(name, times, flush=True)
            if wanted(name, options.only):
                commits = [commit_of(before), commit_of(ROOT)]
                results.put(name, {**times, "commits": commits, "versions": versions()})
                results.write(report(results.rows))


if __name__ == "__main__":
    main()
