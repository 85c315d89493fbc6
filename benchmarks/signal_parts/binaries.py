"""Families of compiled modules told by their bytes: at random, new modules, later releases, both; and none of these.

243 files of 8 projects, 4 releases each from 2019 to 2025. Each protocol trains anew and judges files that neither
trained nor chose anything; intervals count the files of one module together. Beside the pictures stand logistic
regressions on counts of bytes, on the first 1,024 bytes, and on size and entropy, fitted on the same rows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import shown, table
from sklearn.model_selection import GroupKFold, StratifiedKFold

import drivetrain as dt
from drivetrain.kinds.binaries.attacks import attacked
from drivetrain.kinds.binaries.reading import read
from drivetrain.kinds.binaries.simple import WAYS, simple_predictions
from drivetrain.kinds.binaries.spec import Spec
from drivetrain.runtime.files.zipped import in_folder
from signal_parts.memory import in_words, memory_of

ARCH, EPOCHS, FOLDS = "embedded", 4, 3
PICTURES = "pictures of bytes (this kind)"
PROTOCOLS = {
    "random": "random split",
    "modules": "new modules",
    "later": "later releases (train on 1 and 2, test on 4)",
    "both": "new modules of later releases",
}


def jobs(shared: Path, *, quick: bool, peers: Path) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """What there is to measure, by name."""
    del peers
    rows = _rows(shared)
    named: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(_protocol, rows, name, quick=quick) for name in PROTOCOLS
    }
    return {
        **named,
        "unseen": partial(_unseen, rows, quick=quick),
        "time": partial(_time, rows, quick=quick),
        "attacks": partial(_attacks, rows, quick=quick),
        "speed": partial(_speed, rows),
        "memory": partial(_memory, rows, quick=quick),
    }


def page(rows: Mapping[str, Any]) -> list[str]:
    """The lines a person reads."""
    lines = ["# Files as pictures of their bytes", "", (__doc__ or "").strip(), ""]
    judged = [name for name in PROTOCOLS if name in rows]
    ways = [PICTURES, *WAYS]
    for metric, title in (("f1", "F1, averaged over families (macro), %"), ("accuracy", "Accuracy, %")):
        lines += [f"## {title}", ""]
        head = ["", *(PROTOCOLS[name] for name in judged)]
        cells = [[way, *(_cell(rows[name]["scores"][way][metric]) for name in judged)] for way in ways]
        lines += [*table(head, cells), ""]
    if "unseen" in rows:
        found = rows["unseen"]
        each = [[", ".join(one["left out"]), _cell(one["auc"]), _cell(one["noticed"])] for one in found["families"]]
        lines += ["## None of these: families that were left out of training", ""]
        lines += [*table(["left out", "open-set AUC, %", "noticed where 95 % of the known are kept, %"], each), ""]
        lines += [f"Mean AUC {shown(100 * found['mean_auc'])} %.", ""]
    if "time" in rows:
        found = rows["time"]
        cells = [[str(release), _cell(one)] for release, one in found["releases"].items()]
        lines += ["## Trained on the first release", "", *table(["release", "F1, %"], cells), ""]
        lines += [f"Area under F1 over time (AUT) {found['area']:.3f}.", ""]
    if "attacks" in rows:
        cells = [
            [one["name"], shown(100 * one["changed"]), shown(100 * one["right_before"]), shown(100 * one["right"])]
            for one in rows["attacks"]["attacks"]
        ]
        lines += ["## Changed bytes", "", f"Of {rows['attacks']['n']} files of the random split.", ""]
        lines += [*table(["what is done", "answers changed, %", "right before, %", "right after, %"], cells), ""]
    if "speed" in rows:
        found = rows["speed"]
        cells = [[name, shown(one, 0)] for name, one in found["files_per_s"].items()]
        lines += ["## Files a second on one core, of up to 96 KiB", "", *table(["", "files/s"], cells), ""]
    if "memory" in rows:
        lines += [in_words(rows["memory"], "files"), ""]
    return lines


def _cell(score: Mapping[str, Any]) -> str:
    value, low, high = (score.get(name) for name in ("value", "low", "high"))
    ends = "" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return "–" if value is None else f"{100 * value:.1f}{ends}"


def _rows(shared: Path) -> pd.DataFrame:
    folder = (shared / "data" / "elf-families").resolve()
    rows = pd.read_csv(folder / "files.csv")
    return rows.assign(path=f"{folder}/elf-families.zip/" + rows.path, group=rows.family + "/" + rows.module)


def _splits(rows: pd.DataFrame, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and to judge."""
    release = rows.release.to_numpy()
    early, late = np.flatnonzero(release <= 2), np.flatnonzero(release == 4)
    if name == "later":
        yield early, late
    elif name == "random":
        yield from StratifiedKFold(5, shuffle=True, random_state=0).split(rows, rows.family)
    else:
        for train, test in GroupKFold(5).split(rows, rows.family, rows.group):
            both = name == "both"
            yield (np.intersect1d(train, early), np.intersect1d(test, late)) if both else (train, test)


def _data(rows: pd.DataFrame, train: np.ndarray, folder: Path, seed: int) -> dt.Data:
    """Training rows, of which a sixth are validation rows, drawn by chance."""
    part = np.full(len(rows), "train", object)
    part[np.random.default_rng(seed).permutation(len(rows))[: len(train) // 6]] = "valid"
    rows = rows.assign(part=part)
    return dt.binaries(rows, path="path", target="family", split="part", test_pct=0, project=str(folder))


def _fitted(rows: pd.DataFrame, train: np.ndarray, folder: Path, *, quick: bool, seed: int = 0) -> dt.Learner:
    data = _data(rows.iloc[train].reset_index(drop=True), train, folder, seed)
    learn = dt.Learner(data, ARCH, device="cpu", precision="fp32", seed=seed)
    return learn.fine_tune(1 if quick else EPOCHS, checkpoint=False)


def _examples(rows: pd.DataFrame, learn: dt.Learner) -> Any:
    """Rows that the model has not seen, as it judges them."""
    with tempfile.TemporaryDirectory() as project:
        data = dt.binaries(rows, path="path", target="family", valid_pct=0, test_pct=0, project=project)
    known = np.isin(data.train.values, learn.data.target.vocab)
    return data.train.subset(np.flatnonzero(known))


def _pooled(found: list[dt.Predictions], vocab: tuple[str, ...], rows: list[Any]) -> dict[str, Any]:
    target = found[0].target
    assert target.vocab == vocab
    said = dt.Predictions(
        ids=tuple(f"{row}" for row in range(sum(len(one.ids) for one in found))),
        target=target,
        truth=np.concatenate([one.truth for one in found]),
        output=np.concatenate([one.output for one in found]),
        groups=np.concatenate([np.asarray(one.columns["group"], str) for one in rows]),
    )
    return {name: score.as_json() for name, score in dt.score(said, ["f1", "accuracy"]).items()}


def _protocol(rows: pd.DataFrame, name: str, *, quick: bool) -> dict[str, Any]:
    said: dict[str, list[dt.Predictions]] = {way: [] for way in (PICTURES, *WAYS)}
    judged: list[Any] = []
    for fold, (train, test) in enumerate(_splits(rows, name)):
        if fold == (1 if quick else FOLDS):
            break
        with tempfile.TemporaryDirectory() as folder, dt.quiet():
            learn = _fitted(rows, train, Path(folder), quick=quick, seed=fold)
            examples = _examples(rows.iloc[test].reset_index(drop=True), learn)
            judged.append(examples)
            said[PICTURES].append(learn.predict_rows(examples))
            for way, found in simple_predictions(learn.data, examples).items():
                said[way].append(found)
    scores = {way: _pooled(found, found[0].target.vocab, judged) for way, found in said.items()}
    return {"arch": ARCH, "epochs": EPOCHS, "folds": len(judged), "n": sum(map(len, judged)), "scores": scores}


def _unseen(rows: pd.DataFrame, *, quick: bool) -> dict[str, Any]:
    families = sorted(rows.family.unique())
    pairs = [families[i::4] for i in range(1 if quick else 4)]
    told: list[dict[str, Any]] = []
    for seed, pair in enumerate(pairs):
        known = np.flatnonzero(~rows.family.isin(pair).to_numpy())
        rng = np.random.default_rng(seed)
        test = rng.permutation(known)[: len(known) // 4]
        with tempfile.TemporaryDirectory() as folder, dt.quiet():
            learn = _fitted(rows, np.setdiff1d(known, test), Path(folder), quick=quick, seed=seed)
            learn.save(Path(folder) / "m.model")
            model = dt.load(Path(folder) / "m.model")
            said = learn.predict_rows(_examples(rows.iloc[test].reset_index(drop=True), learn))
            others = model.predict_array(rows[rows.family.isin(pair)].path.tolist())
        found = dt.open_set(said, others)
        told.append({"left out": pair, "auc": found.auc.as_json(), "noticed": found.noticed.as_json()})
    return {"families": told, "mean_auc": float(np.mean([one["auc"]["value"] for one in told]))}


def _time(rows: pd.DataFrame, *, quick: bool) -> dict[str, Any]:
    first = np.flatnonzero(rows.release.to_numpy() == 1)
    with tempfile.TemporaryDirectory() as folder, dt.quiet():
        learn = _fitted(rows, first, Path(folder), quick=quick)
        later = _examples(rows[rows.release > 1].reset_index(drop=True), learn)
        said = learn.predict_rows(later)
    found = dt.score_over_time(said, np.asarray(later.columns["release"], float), periods=3)
    releases = {int(low): one.as_json() for (low, _), one in zip(found.periods, found.scores, strict=True)}
    return {"releases": releases, "area": found.area}


def _attacks(rows: pd.DataFrame, *, quick: bool) -> dict[str, Any]:
    train, test = next(_splits(rows, "random"))
    with tempfile.TemporaryDirectory() as folder, dt.quiet():
        learn = _fitted(rows, train, Path(folder), quick=quick)
        found = attacked(learn.predict_rows, _examples(rows.iloc[test].reset_index(drop=True), learn))
    return {"n": found[0].n, "attacks": [vars(one) for one in found]}


def _speed(rows: pd.DataFrame) -> dict[str, Any]:
    contents = [read(in_folder(path)) for path in rows.path]
    took: dict[str, float] = {}
    for name, spec in {
        "rows, with pairs": Spec(),
        "Hilbert curve, with pairs": Spec(layout="hilbert"),
        "rows alone": Spec(pairs=False, windows=1),
    }.items():
        began = time.process_time()
        for content in contents:
            spec.view((content,))
        took[name] = len(contents) / (time.process_time() - began)
    return {"files_per_s": took}


def _memory(rows: pd.DataFrame, *, quick: bool) -> dict[str, Any]:
    return memory_of(Spec(), [in_folder(path) for path in rows.path], quick=quick)
