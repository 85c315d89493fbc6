"""What a stranger's model can do: tampered artefacts. Nothing of it may get through.

    python benchmarks/hostile.py [--quick]

Each artefact is loaded, tested and asked in a process that is watched: code that runs, files outside that are opened or
written (inotify, so Linux only), errors that are no DrivetrainError, more than 2 GB, more than 30 s. Requests and
pictures are programs of their own: `hostile_requests.py` and `hostile_pictures.py`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

from common import HERE, QUICK_RESULTS, RESULTS, ROOT, hardware, parser_of, versions
from hostile_artefacts import Case, cases, fit_again, make_canaries
from PIL import Image

GOOD = ROOT / "tests" / "golden" / "v2.model"
MOST_SECONDS, MOST_GB = 30.0, 2.0
PARTS = ("artefacts",)
NAMES = {
    "code": "code ran",
    "outside": "a file outside was touched",
    "traceback": "no DrivetrainError",
    "memory": "more than 2 GB",
    "time": "more than 30 s",
    "died": "the process died",
}
OPENED, MODIFIED, CREATED, DELETED = 0x20, 0x2, 0x100, 0x200


class Watch:
    """Tells whether anything in a folder was opened, changed, made or deleted."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._libc.inotify_init1(os.O_NONBLOCK)
        for place in (folder, *[p for p in folder.rglob("*") if p.is_dir()]):
            self._libc.inotify_add_watch(self._events, os.fsencode(place), OPENED | MODIFIED | CREATED | DELETED)

    def touched(self) -> bool:
        try:
            return bool(os.read(self._events, 65536))
        except BlockingIOError:
            return False


class Worker:
    """The process that loads; started anew where it had to be stopped."""

    def __init__(self, work: Path) -> None:
        self._work, self._process = work, None

    def ask(self, path: Path, way: str, data: Path) -> dict[str, Any]:
        if self._process is None:
            self._start()
        began = time.monotonic()
        self._process.stdin.write(json.dumps({"path": str(path), "way": way, "data": str(data)}) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], MOST_SECONDS)
        seconds = time.monotonic() - began
        line = self._process.stdout.readline() if ready else ""
        if not line:
            code = self._process.poll()
            self.stop()
            return {
                "outcome": "died" if ready else "time",
                "said": f"exit status {code}",
                "peak_gb": 0.0,
                "seconds": seconds,
            }
        answer = {**json.loads(line), "seconds": seconds}
        if answer["peak_gb"] > MOST_GB:
            self.stop()  # the peak stays, so the next case would be blamed
        return answer

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        elsewhere = self._work / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        environment = {**os.environ, "DRIVETRAIN_CACHE_DIR": str(self._work / "cache"), "OMP_NUM_THREADS": "1",
                       "DRIVETRAIN_PROJECT": str(self._work / "project"), "TMPDIR": str(elsewhere)}  # fmt: skip
        self._process: Any = subprocess.Popen(
            [sys.executable, str(HERE / "hostile_worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=environment, cwd=elsewhere,
        )  # fmt: skip
        warm = self._work / "warm"
        if not warm.exists():
            shutil.copytree(GOOD, warm)
        for way in ("onnx", "torch"):
            self._process.stdin.write(json.dumps({"path": str(warm), "way": way, "data": ""}) + "\n")
            self._process.stdin.flush()
            self._process.stdout.readline()


def pictures_of(folder: Path) -> Path:
    """A labelled folder of our own, for evaluating on."""
    for name in ("blue", "green", "red"):
        (folder / name).mkdir(parents=True)
        for picture in sorted((ROOT / "tests" / "golden" / "pictures").glob("*"))[:2]:
            if picture.is_file():
                shutil.copy(picture, folder / name / picture.name)
        Image.new("RGB", (40, 40), name).save(folder / name / "plain.png")
    return folder


def artefacts(work: Path, *, quick: bool, names: set[str] | None = None) -> dict[str, Any]:
    """All cases, or those that are named."""
    mark = work / "code-ran"
    canaries = make_canaries(work / "canaries", mark)
    asked = cases(GOOD, canaries)
    asked = asked[::20] if quick else [case for case in asked if names is None or f"{case.name} ({case.way})" in names]
    data, worker, watch = pictures_of(work / "data"), Worker(work), Watch(canaries.folder)
    count: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    examples: list[dict[str, Any]] = []
    slowest, largest = 0.0, 0.0
    late: list[Case] = []
    for case in chain(asked, late):
        found = one(case, work=work, worker=worker, data=data, watch=watch, mark=mark)
        if found["faults"] == ["time"] and case not in late:
            late.append(case)  # the machine may have been busy: tried once more, at the end
            continue
        count[found["outcome"]] += 1
        slowest, largest = max(slowest, found["seconds"]), max(largest, found["peak_gb"])
        for fault in found["faults"]:
            wrong[fault] += 1
            examples.append({"case": case.name, "way": case.way, "fault": fault, "said": found["said"]})
    worker.stop()
    return {
        "cases": len(asked),
        "outcomes": dict(count),
        "violations": {name: wrong[name] for name in NAMES},
        "slowest_s": round(slowest, 1),
        "largest_gb": round(largest, 2),
        "tried_twice": [f"{case.name} ({case.way})" for case in late],
        "examples": examples[:50],
    }


def one(case: Case, *, work: Path, worker: Worker, data: Path, watch: Watch, mark: Path) -> dict[str, Any]:
    folder = work / "stranger.model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(GOOD, folder)
    fit_again(folder)
    case.change(folder)
    watch.touched()  # what making the case has touched
    found = worker.ask(folder, case.way, data)
    faults = [name for name, is_so in {
        "code": mark.exists(), "outside": watch.touched(), "traceback": found["outcome"] == "traceback",
        "memory": found["peak_gb"] > MOST_GB, "time": found["outcome"] == "time" or found["seconds"] > MOST_SECONDS,
        "died": found["outcome"] == "died",
    }.items() if is_so]  # fmt: skip
    mark.unlink(missing_ok=True)
    return {**found, "faults": faults}


def report(found: dict[str, Any]) -> str:
    lines = ["# What a stranger can do", ""]
    for part in PARTS:
        if part not in found:
            continue
        said = found[part]
        lines += [f"## {said['cases']:,} {part}", ""]
        lines += ["| what must not happen | times |", "|---|---|"]
        lines += [f"| {NAMES.get(name, name)} | {n} |" for name, n in said["violations"].items()]
        if "outcomes" in said:
            outcomes = ", ".join(f"{n} {name}" for name, n in sorted(said["outcomes"].items()))
            lines += ["", f"{outcomes}; the slowest took {said['slowest_s']} s, the largest {said['largest_gb']} GB."]
        if "load" in said:
            lines += ["", f"{said['load']:.1f} programs wanted a processor at once, in the last 15 minutes of it."]
        if said.get("tried_twice"):
            n = len(said["tried_twice"])
            lines += ["", f"{n} took more than 30 s at first, on a machine that was busy, and were tried once more."]
        lines += ["", *[f"* {e['case']} ({e.get('way', '')}): {e['fault']}" for e in said["examples"]], ""]
    lines += ["## Versions", "", f"`{json.dumps(found['versions'])}`", ""]
    return "\n".join(lines)


def main() -> None:
    options = parser_of(__doc__).parse_args()
    results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    results.mkdir(parents=True, exist_ok=True)
    place = results / "hostile.json"
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        found["artefacts"] = artefacts(Path(folder), quick=options.quick) | {"load": os.getloadavg()[2]}
    found |= {"hardware": hardware(), "versions": versions()}
    place.write_text(json.dumps(found, indent=1) + "\n")
    (results / "hostile.md").write_text(report(found))
    print(report(found))
    sys.exit(any(n for part in PARTS for n in found.get(part, {}).get("violations", {}).values()))


if __name__ == "__main__":
    main()
