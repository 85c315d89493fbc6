"""How many pictures a service answers, how soon, in how much memory, and what it does when there are too many.

    python benchmarks/serve.py ../shared [--only load] [--minutes 10]

MobileNetV1 at 224 px on Grocery Store photographs, two threads, all on one machine with the load generator (wrk; hey
for a fixed rate: `apt-get install wrk hey`). Five jobs:

* load: requests per second and latency of plain ONNX Runtime in a loop (no HTTP), drivetrain, LitServe with the same
  ONNX file, and fastai + FastAPI, in turn, several rounds; ratios are taken within a round.
* paced: latency at a fixed rate, alone and beside a shadow.
* overload: four times what it can do, at a fixed rate; every answer must be 200 or 503, and memory stays.
* steady: memory under full load for `--minutes`.
* install: the service in a clean virtual environment: size, seconds to ready, memory.

Results go to results/serve.json and .md.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import (
    HERE,
    PRETRAINED,
    QUICK_RESULTS,
    RESULTS,
    ROOT,
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
from predict import DRIVETRAIN, EVENT, checked, make_model
from processes import fields_of, process_tree, processor_seconds, run
from sets import Table, grocery_table, smallest, warm

PEERS = HERE / "peers"
CONNECTIONS = 8
PICTURES = 40
MB = 1e6
RATES = {40: 1, 60: 2}
"""Requests a second → by how many callers; two cores answer some 120."""


@dataclass(frozen=True)
class Job:
    """What every measurement needs."""

    model: Path
    onnx: Path
    pictures: list[str]
    folder: Path
    peers: str
    threads: int
    seconds: int

    @property
    def port(self) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]


def need(program: str) -> str:
    found = shutil.which(program)
    if not found:
        raise SystemExit(f"{program} is not installed. To fix: apt-get install {program}")
    return found


@contextmanager
def serving(command: Sequence[str], url: str, folder: Path) -> Generator[int]:
    """Run a service until the block ends; yields its process id once it answers `url`."""
    with (folder / "service.log").open("w") as log:
        process = subprocess.Popen(list(command), cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[1]}: {(folder / 'service.log').read_text()[-500:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        for pid in process_tree(process.pid)[::-1]:
            stop(pid)
        process.wait(30)


def stop(pid: int) -> None:
    try:
        os.kill(pid, 15)
    except ProcessLookupError:
        return


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def rss(pid: int) -> float:
    """MB of a process and all its children, pages held in common counted in each."""
    return sum(fields_of(Path(f"/proc/{one}/status")).get("VmRSS", 0) for one in process_tree(pid)) / MB


def cpu(pid: int) -> float:
    """Processor seconds of a process and all its children so far."""
    return sum(processor_seconds(one) for one in process_tree(pid))


def event_of(text: str) -> dict[str, Any]:
    return next(json.loads(line.partition(EVENT)[2]) for line in text.splitlines() if EVENT in line)


def wrk(job: Job, port: int, sent: tuple[str, str], seconds: int) -> dict[str, Any]:
    command = [
        need("wrk"),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(HERE / "load.lua"),
    ]
    command += [f"http://127.0.0.1:{port}", "--", *sent, *job.pictures]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return event_of(done.stdout)


def service_command(job: Job, who: str, port: int) -> tuple[list[str], tuple[str, str]]:
    """The command; how pictures are sent, and where."""
    match who:
        case "drivetrain":
            words = ["serve", str(job.model), "--port", str(port), "--threads", str(job.threads)]
            return [DRIVETRAIN, *words], ("raw", "/predict")
        case "litserve":
            script = str(PEERS / "litserve_serve.py")
            return [job.peers, script, str(job.onnx), str(port), str(job.threads)], ("json", "/predict")
        case _:
            script = str(PEERS / "fastai_serve.py")
            return [job.peers, script, str(job.folder / "fastai.pkl"), str(port)], ("raw", "/predict")


READY = {"drivetrain": "/readyz", "litserve": "/health", "fastai": "/docs"}


def measure(job: Job, who: str) -> dict[str, Any]:
    if who == "loop":
        command = [job.peers, str(PEERS / "onnx_loop.py"), str(job.onnx), str(job.seconds), str(job.threads)]
        done = subprocess.run([*command, *job.pictures], stdout=subprocess.PIPE, text=True, check=True)
        return event_of(done.stdout)
    port = job.port
    command, sent = service_command(job, who, port)
    with serving(command, f"http://127.0.0.1:{port}{READY[who]}", job.folder) as pid:
        wrk(job, port, sent, 2)
        before = cpu(pid)
        found = wrk(job, port, sent, job.seconds)
        return found | {"cpu_seconds": cpu(pid) - before, "rss_mb": rss(pid)}


def load(job: Job, rounds: int, names: Sequence[str], results: Results) -> None:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    before = os.getloadavg()[0]
    for turn in range(rounds):
        for name in names:
            one = measure(job, name)
            one["per_s"] = (one["requests"] - one["not_2xx"]) / one["seconds"]
            one["cpu_ms"] = 1000 * one["cpu_seconds"] / one["requests"]
            found[name].append(one)
            print(f"  round {turn + 1} {name}: {one['per_s']:.1f}/s, p50 {one['p50_ms']:.1f} ms", flush=True)
    for name, rows in found.items():
        row = {key: statistics.median(one[key] for one in rows) for key in rows[0] if key != "event"}
        if "loop" in found:
            ratios = [one["per_s"] / base["per_s"] for one, base in zip(rows, found["loop"], strict=True)]
            row |= {"of_loop": statistics.median(ratios), "of_loop_all": ratios}
        row |= {"rounds": rounds, "connections": CONNECTIONS, "threads": job.threads, "load_before": before}
        python = sys.executable if name == "drivetrain" else job.peers
        results.put(f"load/{name}", row | {"command": " ".join(sys.argv[:2]), "versions": versions(python)})


def paced(job: Job, shadow: str, results: Results, seconds: int) -> None:
    """At a rate that it can answer, one or two at a time: hey's callers ask all at once, each at its own rate."""
    words = [need("hey"), "-z", f"{seconds}s", "-m", "POST", "-T", "image/jpeg", "-o", "csv"]
    rows: list[dict[str, Any]] = []
    before = os.getloadavg()[0]
    for beside in (False, True):
        port = job.port
        command, sent = service_command(job, "drivetrain", port)
        command += ["--shadow", shadow] if beside else []
        with serving(command, f"http://127.0.0.1:{port}/readyz", job.folder):
            wrk(job, port, sent, 2)
            for rate, callers in RATES.items():
                ask = [*words, "-c", str(callers), "-q", f"{rate / callers:g}", "-D", job.pictures[0]]
                done = subprocess.run(
                    [*ask, f"http://127.0.0.1:{port}{sent[1]}"], stdout=subprocess.PIPE, text=True, check=True
                )
                told = list(csv.DictReader(done.stdout.splitlines()))
                ms = sorted(1000 * float(one["response-time"]) for one in told)
                row = {"shadow": beside, "per_s": rate, "answers": len(ms), "p50_ms": statistics.median(ms)}
                failed = sum(one["status-code"] != "200" for one in told)
                rows.append(row | {"p99_ms": ms[int(0.99 * len(ms))], "failed": failed})
    about = {"rows": rows, "seconds": seconds, "load_before": before, "load_after": os.getloadavg()[0]}
    results.put("paced", about | {"command": " ".join(["hey", *words[1:3]]), "versions": versions()})


def overload(job: Job, results: Results, seconds: int) -> None:
    """Four times the capacity, which is measured just before."""
    port = job.port
    command, sent = service_command(job, "drivetrain", port)
    with serving(command, f"http://127.0.0.1:{port}/readyz", job.folder) as pid:
        wrk(job, port, sent, 2)
        base = wrk(job, port, sent, min(10, seconds))
        capacity = base["requests"] / base["seconds"]
        before = rss(pid)
        workers = 200
        rate = 4 * capacity / workers
        words = [need("hey"), "-z", f"{seconds}s", "-c", str(workers), "-q", f"{rate:.3f}", "-m", "POST"]
        words += ["-T", "image/jpeg", "-D", job.pictures[0], f"http://127.0.0.1:{port}{sent[1]}"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        codes = {code: int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", done.stdout)}
        broken = sum(
            int(count) for count in re.findall(r"^\s*\[(\d+)\]\s+(?!\d+ responses)", done.stdout, re.MULTILINE)
        )
        time.sleep(0.5)
        after = rss(pid)
        again = wrk(job, port, sent, 3)
    row = {"capacity_per_s": capacity, "asked_per_s": sum(codes.values()) / seconds, "codes": codes, "broken": broken}
    row |= {"rss_before_mb": before, "rss_after_mb": after, "afterwards_not_2xx": again["not_2xx"], "seconds": seconds}
    results.put("overload", row | {"command": " ".join(["hey", *words[1:7]]), "versions": versions()})


def steady(job: Job, results: Results, minutes: float) -> None:
    port = job.port
    command, sent = service_command(job, "drivetrain", port)
    with serving(command, f"http://127.0.0.1:{port}/readyz", job.folder) as pid:
        start = rss(pid)
        samples: list[float] = []
        requests = not_2xx = 0
        turns = max(6, round(minutes * 60 / 10))
        for _ in range(turns):
            one = wrk(job, port, sent, max(1, round(minutes * 60 / turns)))
            requests, not_2xx = requests + one["requests"], not_2xx + one["not_2xx"]
            samples.append(rss(pid))
    third = len(samples) // 3
    first, last = statistics.mean(samples[third : 2 * third]), statistics.mean(samples[2 * third :])
    row = {
        "minutes": minutes,
        "requests": requests,
        "not_2xx": not_2xx,
        "rss_start_mb": start,
        "rss_max_mb": max(samples),
    }
    row |= {"rss_second_third_mb": first, "rss_last_third_mb": last, "samples_mb": [round(x, 1) for x in samples]}
    results.put("steady", row | {"command": " ".join(sys.argv[:2]), "versions": versions()})


def install(job: Job, results: Results, starts: int) -> None:
    """The service alone, as a Dockerfile would install it."""
    place = job.folder / "clean"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--constraint", str(ROOT / "constraints.txt"), f"{ROOT}[serve]"], check=True)
    packages = next(place.glob("lib/python*/site-packages"))
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file() and not file.is_symlink())
    of_pip = sum(file.stat().st_size for name in ("pip", "setuptools") for file in (packages / name).rglob("*"))
    brought = subprocess.run([*pip[:3], "list", "--format=json"], stdout=subprocess.PIPE, text=True, check=True)
    names = sorted(one["name"].lower() for one in json.loads(brought.stdout))
    assert not {"torch", "pandas", "scipy", "matplotlib"} & set(names), names
    seconds: list[float] = []
    memory: list[float] = []
    for _ in range(starts):
        port = job.port
        words = [str(place / "bin" / "drivetrain"), "serve", str(job.model), "--port", str(port), "--threads", "2"]
        began = time.monotonic()
        with serving(words, f"http://127.0.0.1:{port}/readyz", job.folder) as pid:
            seconds.append(time.monotonic() - began)
            assert answers(f"http://127.0.0.1:{port}/page.js"), "the wheel lacks the page"
            if len(memory) < 2:
                wrk(job, port, ("raw", "/predict"), 3)
                memory.append(rss(pid))
    row: dict[str, Any] = {"size_mb": (size - of_pip) / MB, "packages": names, "seconds_to_ready": seconds}
    row |= {"median_s": statistics.median(seconds), "rss_mb": max(memory), "load_before": os.getloadavg()[0]}
    results.put(
        "install", row | {"command": "pip install '.[serve]'", "versions": versions(str(place / "bin" / "python"))}
    )


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["# The service", "", *load_report(rows), *rest_report(rows)]
    return [*lines, *provenance(rows)]


def load_report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = {name.removeprefix("load/"): row for name, row in rows.items() if name.startswith("load/")}
    if not found:
        return []
    head = [
        "who",
        "requests/s",
        "of the loop",
        "processor ms each",
        "p50, ms",
        "p95, ms",
        "p99, ms",
        "memory, MB",
        "failed",
    ]
    lines = [
        [
            name,
            shown(row["per_s"]),
            shown(100 * row["of_loop"], 0, " %") if "of_loop" in row else "–",
            shown(row.get("cpu_ms")),
            shown(row["p50_ms"]),
            shown(row["p95_ms"]),
            shown(row["p99_ms"]),
            shown(row.get("rss_mb"), 0),
            str(round(row["not_2xx"] + row["broken"])),
        ]
        for name, row in found.items()
    ]
    one = next(iter(found.values()))
    load_before = max(row["load_before"] for row in found.values())
    about = (
        f"MobileNetV1, 224 px, Grocery Store photographs of about 348 px, {one['threads']} threads, "
        f"{one['connections']} connections, median of {one['rounds']} rounds; all on the same cores. *loop*: plain "
        "ONNX Runtime, decode + resize + run, no HTTP. "
        f"Load of the machine before: {load_before:.1f}."
    )
    if load_before > 1:
        about += (
            " **Other programs took part of the processors: requests per second and latency decide nothing here.** "
            "Processor time per request, of the service alone, is touched less."
        )
    return [about, "", *table(head, lines), ""]


def rest_report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    rates = rows.get("paced", {"rows": ()})
    lines += [
        f"* **{row['per_s']} a second{', beside a shadow' if row['shadow'] else ''}**: median {row['p50_ms']:.1f} ms, "
        f"99 % below {row['p99_ms']:.1f} ms, {row['answers'] / rates['seconds']:.0f} a second answered, "
        f"{row['failed']} failed; load of the machine {rates['load_before']:.0f} before and "
        f"{rates['load_after']:.0f} after."
        for row in rates["rows"]
    ]
    if over := rows.get("overload"):
        codes = ", ".join(f"{count:,} × {code}" for code, count in sorted(over["codes"].items()))
        lines.append(
            f"* **Overload**: asked {over['asked_per_s']:.0f} a second of {over['capacity_per_s']:.0f} for "
            f"{over['seconds']} s: {codes}; {over['broken']} broken connections; memory {over['rss_before_mb']:.0f} → "
            f"{over['rss_after_mb']:.0f} MB; afterwards {over['afterwards_not_2xx']} failures."
        )
    if calm := rows.get("steady"):
        lines.append(
            f"* **Steady**: {calm['requests']:,} requests in {calm['minutes']:g} minutes, {calm['not_2xx']} failed; "
            f"memory {calm['rss_start_mb']:.0f} MB at the start, {calm['rss_second_third_mb']:.0f} MB in the second "
            f"third, {calm['rss_last_third_mb']:.0f} MB in the last, {calm['rss_max_mb']:.0f} MB at most."
        )
    if clean := rows.get("install"):
        lines.append(
            f"* **Installed** with `pip install '.[serve]'` in a clean environment: {clean['size_mb']:.0f} MB in "
            f"{len(clean['packages'])} packages without pip; ready after {clean['median_s']:.2f} s (median of "
            f"{len(clean['seconds_to_ready'])}, the first {clean['seconds_to_ready'][0]:.2f}); "
            f"{clean['rss_mb']:.0f} MB resident under load."
        )
    return [*lines, ""] if lines else []


def prepare(options: Any, folder: Path, pictures: Table) -> Job:
    model = Path(make_model(pictures, f"local-dir:{options.shared.resolve() / PRETRAINED}", folder))
    quick = options.quick
    paths = [path for path, _, part in pictures.rows if part == "test"][:PICTURES]
    peers, seconds = need_peers(options.peers), 3 if quick else options.seconds
    job = Job(model, model / "model.onnx", paths, folder, peers, options.threads, seconds)
    if wanted("load", options.only) and "fastai" in options.peers_wanted:
        arch = f"local-dir:{options.shared.resolve() / PRETRAINED}"
        words = [
            job.peers,
            str(PEERS / "predict_fastai.py"),
            str(pictures.path),
            arch,
            "--export",
            str(folder / "fastai.pkl"),
        ]
        checked(run(words, folder=folder, show=False))
    return job


def another_model(options: Any, folder: Path, pictures: Table) -> str:
    """Of fewer pictures: a model that is asked beside itself is refused."""
    place = folder / "shadow"
    place.mkdir()
    arch = f"local-dir:{options.shared.resolve() / PRETRAINED}"
    return make_model(smallest(pictures, classes=8, per_class=30), arch, place)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the steady load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=15, help="of load, in each round")
    parser.add_argument("--peers-wanted", default="litserve,fastai", help="which peers, with commas between")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        pictures = smallest(grocery_table(options.shared.resolve(), folder), classes=8, per_class=40)
        warm(pictures)
        job = prepare(options, folder, pictures)
        places = hidden_places(shared=options.shared.resolve(), folder=folder, peers=job.peers) | {
            DRIVETRAIN: "drivetrain"
        }
        target = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        store = Results(target / "serve.json", places)
        names = ["loop", "drivetrain", *filter(None, options.peers_wanted.split(","))]
        jobs = {
            "load": lambda: load(job, 1 if options.quick else options.rounds, names, store),
            "paced": lambda: paced(job, another_model(options, folder, pictures), store, 5 if options.quick else 15),
            "overload": lambda: overload(job, store, 5 if options.quick else 30),
            "steady": lambda: steady(job, store, 0.3 if options.quick else options.minutes),
            "install": lambda: install(job, store, 3 if options.quick else 7),
        }
        for name, measured in jobs.items():
            if wanted(name, options.only):
                print(f"== {name}", flush=True)
                measured()
                store.write(report(store.rows))
    print(store.path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
