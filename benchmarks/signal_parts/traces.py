"""People told by how they point: 53 people, two sessions each, enrolled on the first and verified on the second.

Rows are single reaches (spans of a session's file, from click to click); a session is judged by the mean log
probability over its reaches. Intervals draw people anew. Pictures and body were chosen while looking at these same
people, so the numbers flatter a little; the hand-made features had no such choice.
"""

from __future__ import annotations

import csv
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from common import table
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import drivetrain as dt
from drivetrain.data.inputs import Spans
from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.verification import by_session, chances_of, sessions_of
from drivetrain.kinds.traces.spec import Spec
from signal_parts.memory import in_words, memory_of
from signal_parts.traces_made import HOSTILE, bots, hand_made, naive_picture

ARCH = "areas"
NAMES = {
    "pictures": "pictures, areas and a linear head",
    "lda": "18 hand-made features, LDA",
    "metadata": "screen range, rate, length, clicks alone (nearest)",
}
RESOLUTIONS = {"as recorded": 1.0, "half the screen (whole pixels)": 0.5, "twice the screen": 2.0}


def jobs(shared: Path, *, quick: bool, peers: Path) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """What there is to measure, by name."""
    del peers
    source = shared / "data" / "mouse-point-click"
    return {
        "lda": partial(_lda, source, quick),
        "metadata": partial(_metadata, source, quick),
        "known": partial(_known, source, quick),
        "strangers": partial(_strangers, source, quick),
        "stress": partial(_stress, source, quick),
        "bots": partial(_bots, source, quick),
        "speed": partial(_speed, source),
        "memory": partial(_memory, source, quick),
        "hostile": _hostile,
    }


def page(rows: Mapping[str, Any]) -> list[str]:
    """The lines a person reads."""
    lines = ["# Traces as pictures", "", (__doc__ or "").strip(), "", "## Is it this person?", ""]
    head = ["", "impostors", "AUC", "EER", "rank-1 of 53"]
    cells: list[list[str]] = [["18 hand-made features, LDA, as published with the data", "known", ".885", ".19", ".36"]]
    for name, said in (("lda", NAMES["lda"]), ("metadata", NAMES["metadata"]), ("known", NAMES["pictures"])):
        if name in rows:
            cells.append([said, "known", rows[name]["auc"], rows[name]["eer"], f"{rows[name]['rank1']:.3f}"])
    for name, key, said in (("lda", "strangers", NAMES["lda"]), ("strangers", None, NAMES["pictures"])):
        if name in rows:
            one = rows[name] if key is None else rows[name][key]
            cells.append([said, "never seen", one["auc"], one["eer"], "–"])
    lines += table(head, cells)
    if "known" in rows:
        lines += ["", "## Another screen", "", "The same model, its probes rescaled.", ""]
        lines += table(["probes", "AUC"], [[name, f"{auc:.4f}"] for name, auc in rows["known"]["resolutions"].items()])
        lines += ["", "## People", "", "At the common threshold; those that are told worst first.", ""]
        told = [
            [one["person"], f"{one['auc']:.2f}", f"{one['refused']:.0%}", f"{one['let_in']:.0%}"]
            for one in rows["known"]["people"]
        ]
        lines += table(["person", "AUC", "own sessions refused", "impostors let in"], told[:15])
    if "stress" in rows:
        lines += ["", "## A true null: which session was under stress", "", rows["stress"]["said"]]
    if "bots" in rows:
        lines += ["", "## Bots, one reach, people of the test unseen", ""]
        lines += table(["bot", "AUC"], [[name, said] for name, said in rows["bots"]["auc"].items()])
        lines += ["", "Simulated movements say little; a replayed reach of somebody else is the row to look at."]
    if "speed" in rows:
        one = rows["speed"]
        said = f"{one['windows']:,.0f} windows a second on one core ({one['channels']} channels, 64 px); the same "
        said += f"drawn pixel by pixel in Python, one channel: {one['naive']:,.0f}. "
        said += f"{one['traces']:,.0f} traces read a second."
        lines += ["", "## Speed", "", said]
    if "memory" in rows:
        lines += ["", in_words(rows["memory"], "traces")]
    if "hostile" in rows:
        one = rows["hostile"]
        lines += [
            "",
            "## Hostile traces",
            "",
            f"{one['n']}: {one['refused']} refused in words, {one['read']} read, {one['wrong']} with another end.",
        ]
    return lines


@cache
def _unpacked(source: Path) -> Path:
    place = Path(tempfile.mkdtemp(prefix="traces-"))
    with zipfile.ZipFile(source / "traces.zip") as file:
        file.extractall(place)
    return place


@cache
def _sessions(source: Path, quick: bool) -> list[dict[str, str]]:
    with (source / "sessions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [row | {"path": str(_unpacked(source) / row["path"])} for row in (rows[:24] if quick else rows)]


@cache
def _reaches(source: Path, quick: bool) -> list[dict[str, Any]]:
    """A row for each reach of each session."""
    made: list[dict[str, Any]] = []
    for row in _sessions(source, quick):
        points, windows, extent = Spec().load(row["path"])
        for first, behind in windows.tolist():
            part = points[first:behind]
            made.append(
                {"path": row["path"], "start": part[0, 0], "end": part[-1, 0] + 1e-3, "user": row["user"]}
                | {"part": "train" if row["session"] == "1" else "valid", "hand": hand_made(part, float(extent[0]))}
            )
    return made


def _data(source: Path, quick: bool) -> dt.Data:
    rows = [{name: row[name] for name in ("path", "start", "end", "user", "part")} for row in _reaches(source, quick)]
    place = tempfile.mkdtemp(prefix="project-")
    return dt.traces(rows, target="user", start="start", end="end", split="part", project=place)


def _train(data: dt.Data) -> dt.Learner:
    return dt.Learner(data, ARCH, device="cpu", precision="fp32").fine_tune(1, checkpoint=False)


def _judged(chances: Mapping[tuple[str, Any], Mapping[str, float]]) -> dict[str, Any]:
    pairs = [(score, who, claimed) for (who, _), one in chances.items() for claimed, score in one.items()]
    score, person, claimed = (list(column) for column in zip(*pairs, strict=True))
    found = dt.verification({"score": score, "person": person, "claimed": claimed})
    first = np.mean([max(one, key=one.__getitem__) == who for (who, _), one in chances.items()])
    return {"auc": str(found.auc), "eer": str(found.eer), "rank1": float(first), "people": found.table()}


def _known(source: Path, quick: bool) -> dict[str, Any]:
    data = _data(source, quick)
    learn = _train(data)
    rows = data.valid
    inputs = rows.inputs
    assert isinstance(inputs, Spans)
    found: dict[str, Any] = {}
    resolutions: dict[str, float] = {}
    for name, factor in RESOLUTIONS.items():
        paths = [_rescaled(path, factor) for path in inputs.paths]
        said = chances_of(learn, replace(rows, inputs=Spans(paths, inputs.starts, inputs.ends)))
        judged = _judged(by_session(list(rows.values), sessions_of(rows), said))
        resolutions[name] = float(judged["auc"].split()[0])
        found = found or judged
    return {**found, "resolutions": resolutions}


@cache
def _rescaled(path: Path, factor: float) -> Path:
    if factor == 1.0:
        return path
    place = Path(tempfile.mkdtemp(prefix="screen-")) / path.name
    with path.open() as read, place.open("w", newline="") as file:
        table_of = csv.DictReader(read)
        writer = csv.DictWriter(file, table_of.fieldnames or [])
        writer.writeheader()
        for row in table_of:
            row |= {axis: round(float(row[axis]) * factor) for axis in "xy"}
            writer.writerow(row)
    return place


def _strangers(source: Path, quick: bool) -> dict[str, Any]:
    found = dt.verify(_data(source, quick), _train, folds=3 if quick else 5)
    return {"auc": str(found.auc), "eer": str(found.eer), "said": str(found)}


def _lda(source: Path, quick: bool) -> dict[str, Any]:
    """Fitted on the first session of everybody; and, for strangers, of all but a fold of people."""
    rows = _reaches(source, quick)
    hand = np.log1p(np.maximum(np.array([row["hand"] for row in rows]), 0))
    user, part, path = (np.array([row[name] for row in rows]) for name in ("user", "part", "path"))

    def said(people: set[str]) -> dict[tuple[str, Any], dict[str, float]]:
        trained = (part == "train") & np.isin(user, list(people))
        model = LinearDiscriminantAnalysis().fit(hand[trained], user[trained])
        probes = part == "valid"
        chances = [
            dict(zip(model.classes_, row, strict=True))
            for row in np.maximum(model.predict_log_proba(hand[probes]), -27)
        ]
        return by_session(user[probes].tolist(), path[probes].tolist(), chances)

    people = sorted(set(user))
    found = _judged(said(set(people)))
    pairs: list[tuple[float, str, str]] = []
    genuine: dict[str, list[float]] = {}
    for left in np.array_split(np.random.default_rng(0).permutation(people), 5):
        for (who, _), one in said(set(people) - set(left)).items():
            if who in left:
                pairs += [(score, who, claimed) for claimed, score in one.items()]
            else:
                genuine.setdefault(who, []).append(one[who])
    pairs += [(float(np.mean(scores)), who, who) for who, scores in genuine.items()]
    score, person, claimed = (list(column) for column in zip(*pairs, strict=True))
    strange = dt.verification({"score": score, "person": person, "claimed": claimed})
    return {**found, "strangers": {"auc": str(strange.auc), "eer": str(strange.eer)}}


def _metadata(source: Path, quick: bool) -> dict[str, Any]:
    from drivetrain.data.examples import Examples
    from drivetrain.data.inputs import Files
    from drivetrain.kinds.traces.source import metadata

    rows = _sessions(source, quick)
    told = metadata(Examples(Files([Path(row["path"]) for row in rows]), values=("",) * len(rows), kind="traces"))
    columns = [np.array(column, dtype=float) for column in told.values() if not isinstance(column[0], str)]
    values = np.stack([(one - one.mean()) / max(one.std(), 1e-9) for one in columns], axis=1)
    first = {row["user"]: value for row, value in zip(rows, values, strict=True) if row["session"] == "1"}
    chances = {
        (row["user"], row["path"]): {who: -float(np.abs(value - own).sum()) for who, own in first.items()}
        for row, value in zip(rows, values, strict=True)
        if row["session"] == "2"
    }
    return _judged(chances)


def _stress(source: Path, quick: bool) -> dict[str, Any]:
    rows = [{"path": row["path"], "stress": row["stress"], "user": row["user"]} for row in _sessions(source, quick)]
    data = dt.traces(rows, target="stress", group="user", test_pct=0, valid_pct=0.3, project=tempfile.mkdtemp())
    found = dt.cross_validate(data, lambda fold: _train(fold).predictions(), folds=5, metrics=["roc_auc"])
    one = found.scores["roc_auc"]
    tells = one.low is not None and one.low > 0.5
    verdict = (
        "It seems to tell them apart." if tells else "It cannot tell: the interval includes .5, which guessing reaches."
    )
    return {"auc": one.value, "low": one.low, "high": one.high, "tells": tells, "said": f"{one}. {verdict}"}


def _bots(source: Path, quick: bool) -> dict[str, Any]:
    place = Path(tempfile.mkdtemp(prefix="bots-"))
    rows = bots(_sessions(source, quick), place, per_person=4 if quick else 6)
    found: dict[str, str] = {}
    for bot in ("line", "minjerk", "bezier", "replay"):
        own = [row for row in rows if row["who"] in ("person", bot)]
        data = dt.traces(own, target="who", group="user", test_pct=0, valid_pct=0.4, project=tempfile.mkdtemp())
        found[bot] = str(_train(data).validate()["roc_auc"])
    return {"auc": found}


def _speed(source: Path) -> dict[str, Any]:
    rows = _sessions(source, True)
    spec = Spec(windows=24, shows=("path", "speed", "right", "down", "dwell", "pace", "reach", "way", "click"))
    began = time.process_time()
    loaded = [spec.load(row["path"]) for row in rows]
    read = len(rows) / (time.process_time() - began)
    began = time.process_time()
    for one in loaded:
        spec.view(one)
    drawn = sum(len(set(spec.starts(one).tolist())) for one in loaded) / (time.process_time() - began)
    began = time.process_time()
    parts = [one[0][a:b] for one in loaded[:4] for a, b in one[1].tolist()]
    for part in parts:
        naive_picture(part, 64)
    naive = len(parts) / (time.process_time() - began)
    return {"windows": drawn, "naive": naive, "traces": read, "channels": spec.channels}


def _memory(source: Path, quick: bool) -> dict[str, Any]:
    return memory_of(Spec(windows=24), [row["path"] for row in _sessions(source, quick)], quick=quick)


def _hostile() -> dict[str, Any]:
    ends = {"refused": 0, "read": 0, "wrong": 0}
    spec = Spec(windows=3)
    for content in HOSTILE:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                view = spec.view(spec.load(content))[0]
            ends["read" if view.shape == (3, 8, 64, 64) else "wrong"] += 1
        except DrivetrainError as error:
            ends["refused" if "To fix" in str(error) else "wrong"] += 1
        except Exception:  # noqa: BLE001 - what is counted
            ends["wrong"] += 1
    return {"n": len(HOSTILE), **ends}
