"""Audits before training: what they cost, what they find, and how often they cry wolf.

    nice -n 19 python benchmarks/audit.py ../shared [--quick] [--only NAME,NAME] [--sheets FOLDER]

* `tiny`, `grocery`: time, peak memory and findings on all of Tiny ImageNet (its own training and validation pictures)
  and on the Grocery Store photographs (official split). `--sheets` writes pages with the pairs, to be looked at.
* `planted-tiny`, `planted-grocery`: copies of training pictures, changed in twelve ways, hidden among other validation
  pictures; recall for each way, and precision. The thresholds were tuned on every second class of Tiny ImageNet;
  these rows are of the other 100, and of Grocery.
* `shortcut`: JPEG quality that goes with the class, wholly or mostly, and a quality that does not.
* `groups`: a random split through groups, and a split that keeps them whole.
* `clean`: random subsets of Tiny ImageNet, divided by `drivetrain.images`: any problem or warning is a false alarm.

Each is a process of its own. Results: `results/audit.json` and `results/audit.md`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from audit_report import page
from common import PRETRAINED, QUICK_RESULTS, RESULTS, Results, hidden_places, versions, wanted
from PIL import Image
from sets import grocery_table, tiny_table

import drivetrain as dt
from drivetrain.auditing import Audit, audit
from drivetrain.auditing.section import audit_page
from drivetrain.kinds.images.looks.signatures import near_arrays, signature_of
from drivetrain.progress import quiet
from drivetrain.runtime.pictures.read import read_picture

JOBS = ("tiny", "grocery", "planted-tiny", "planted-grocery", "shortcut", "groups", "clean")
PER_WAY = 50
"""Planted copies of each kind."""
CLASSES, PER_CLASS = 10, 40
"""Of the subsets for planted shortcuts and for clean repeats."""


def whole_tiny(shared: Path, folder: Path) -> Path:
    """All 200 classes: 500 pictures each to train, 50 to validate."""
    rows = tiny_table(shared, folder, step=1, train=500, valid=0).rows
    frame = pd.DataFrame(rows, columns=["path", "label", "split"])
    frame["split"] = frame["split"].replace("test", "valid")
    place = folder / "all.csv"
    frame.to_csv(place, index=False)
    return place


def frame_of(name: str, shared: Path, folder: Path, *, quick: bool) -> pd.DataFrame:
    """Table (path, label, split) of one of the sets."""
    if name == "grocery":
        rows = grocery_table(shared, folder).rows
    elif name == "tiny":
        return pd.read_csv(whole_tiny(shared, folder))
    else:  # the classes that no threshold was tuned on
        tuning = name == "tiny-tuning"
        rows = tiny_table(shared, folder, first=0 if tuning else 1, step=2, train=10 if quick else 25, valid=0).rows
    frame = pd.DataFrame(rows, columns=["path", "label", "split"])
    return frame.iloc[:: 40 if quick and name == "grocery" else 1]


# ── cost, and what there is to find ─────────────────────────────────────────────────────────────────────────────────


def measured(name: str, shared: Path, folder: Path, *, quick: bool, sheets: Path | None) -> dict[str, Any]:
    frame = frame_of(name, shared, folder, quick=quick)
    if quick:
        frame = frame.sample(min(len(frame), 2000), random_state=0)
    before = peak_mb()
    cpu, began = time.process_time(), time.monotonic()
    found = audit(frame, target="label", path="path", split="split")
    row = {
        "rows": len(frame),
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "before_mb": before,
        "looked_at": dict(found.looked),
        "findings": [
            {"severity": f.severity, "kind": f.kind, "title": f.title, "pairs": len(f.pairs), "facts": dict(f.facts)}
            for f in found.findings
        ],
    }
    if sheets is not None:
        write_sheets(found, sheets / name)
    return row


def write_sheets(found: Audit, folder: Path) -> None:
    """A page, and contact sheets of the pairs: every second row is the other picture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.html").write_text(audit_page(found), encoding="utf-8")
    for finding in found.findings:
        pairs = [(p.one.source, p.other.source) for p in finding.pairs if p.one.source and p.other.source]
        if pairs:
            contact_sheet(pairs, folder / f"{finding.kind.replace(' ', '-')}.png")


def contact_sheet(
    pairs: list[tuple[Path, Path]], place: Path, *, side: int = 96, wide: int = 10, most: int = 80
) -> None:
    """Pairs one above the other, `wide` beside each other, drawn evenly from the list."""
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, most).astype(int))]
    sheet = Image.new("RGB", (wide * (side + 4), -(-len(chosen) // wide) * (2 * side + 10)), "white")
    for i, pair in enumerate(chosen):
        for below, path in enumerate(pair):
            with Image.open(path) as image:
                small = image.convert("RGB").resize((side, side))
            sheet.paste(small, ((i % wide) * (side + 4), (i // wide) * (2 * side + 10) + below * side))
    sheet.save(place)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ── planted copies ──────────────────────────────────────────────────────────────────────────────────────────────────


def cut(image: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    """A part that keeps `share` of each side, at a random place."""
    w, h = round(share * image.width), round(share * image.height)
    x, y = rng.integers(0, image.width - w + 1), rng.integers(0, image.height - h + 1)
    return image.crop((int(x), int(y), int(x) + w, int(y) + h))


def scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (max(8, round(image.width * factor)), max(8, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def lighter(image: Image.Image, gain: float, offset: float) -> Image.Image:
    return image.point(lambda value: int(np.clip(gain * value + offset, 0, 255)))


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


Way = Callable[[Image.Image, np.random.Generator], Image.Image]
WAYS: dict[str, tuple[Way, int]] = {
    "recompressed, quality 50": (lambda image, rng: image, 50),
    "recompressed, quality 20": (lambda image, rng: image, 20),
    "half the size": (lambda image, rng: scaled(image, 0.5), 90),
    "twice the size": (lambda image, rng: scaled(image, 2.0), 90),
    "mirrored": (lambda image, rng: mirrored(image), 90),
    "brightened by 30 %": (lambda image, rng: lighter(image, 1.3, 0), 90),
    "darkened, less contrast": (lambda image, rng: lighter(image, 0.6, 10), 90),
    "grey": (lambda image, rng: image.convert("L").convert("RGB"), 90),
    "cut to 95 % of each side": (lambda image, rng: cut(image, 0.95, rng), 90),
    "cut to 85 %": (lambda image, rng: cut(image, 0.85, rng), 90),
    "cut to 70 %": (lambda image, rng: cut(image, 0.7, rng), 90),
    "cut to 85 %, mirrored, brightened, quality 50": (
        lambda image, rng: lighter(mirrored(cut(image, 0.85, rng)), 1.2, 5),
        50,
    ),
}
"""How a copy is changed, and the JPEG quality it is saved with."""


def planted(name: str, shared: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    frame = frame_of(name, shared, folder, quick=quick)
    rng = np.random.default_rng(0)
    per_way = 4 if quick else PER_WAY
    train = frame[frame.split == "train"]
    held_out = frame[frame.split != "train"].sample(frac=1, random_state=0).iloc[: len(WAYS) * per_way]
    originals = train.sample(len(WAYS) * per_way, random_state=1, replace=len(train) < len(WAYS) * per_way)
    rows = [(path, label, "train") for path, label in zip(train.path, train.label, strict=True)]
    rows += [(path, label, "valid") for path, label in zip(held_out.path, held_out.label, strict=True)]
    way_of: dict[str, tuple[str, str]] = {}
    for i, (path, label) in enumerate(zip(originals.path, originals.label, strict=True)):
        way = list(WAYS)[i // per_way]
        change, quality = WAYS[way]
        copy = folder / f"copy-{i}.jpg"
        with Image.open(path) as image:
            change(image.convert("RGB"), rng).save(copy, quality=quality)
        way_of[str(copy)] = (way, path)
        rows.append((str(copy), label, "valid"))
    whole = pd.DataFrame(rows, columns=["path", "label", "split"])
    found: dict[str, Any] = {
        "rows": len(whole),
        "held_out": int((whole.split == "valid").sum()),
        "planted": len(way_of),
    }
    found["by"] = {"signature alone": by_signature(whole, way_of)}
    plain = audit(whole, target="label", path="path", split="split", shortcuts=False)
    found["by"]["audit"] = judged(pairs_of(plain), way_of)
    found["by"]["audit"]["seconds"] = plain.seconds
    with_features = audit(
        whole, target="label", path="path", split="split", shortcuts=False, features=features(shared, name)
    )
    found["by"]["audit with features"] = judged(pairs_of(with_features), way_of)
    found["by"]["audit with features"]["seconds"] = with_features.seconds
    found["not_planted"] = [
        [p.one.path, p.other.path, p.how] for p in across(with_features) if str(p.other.source) not in way_of
    ]
    return found


def features(shared: Path, name: str) -> Callable[[Any], Any]:
    from drivetrain.training.features import body_features

    size = 160 if name == "grocery" else 128
    return lambda rows: body_features(rows, f"local-dir:{shared / PRETRAINED}", size=size)


def pairs_of(found: Audit) -> dict[str, str]:
    """Held-out file → the training file that it is said to be a copy of."""
    return {str(pair.other.source): str(pair.one.source) for pair in across(found)}


def across(found: Audit) -> list[Any]:
    return [pair for finding in found.findings if finding.kind == "copies across parts" for pair in finding.pairs]


def by_signature(whole: pd.DataFrame, way_of: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """What is near, before the second look: the nearest training picture of each held-out one."""
    with_signatures = {}
    for part in ("train", "valid"):
        paths = list(whole.path[whole.split == part])
        with_signatures[part] = (paths, [signature_of(read_picture(path)) for path in paths])
    found = near_arrays(with_signatures["valid"][1], with_signatures["train"][1])
    said: dict[str, str] = {}
    for i in np.argsort(-found.distance):
        said[with_signatures["valid"][0][found.first[i]]] = with_signatures["train"][0][found.second[i]]
    return judged(said, way_of)


def judged(said: dict[str, str], way_of: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Recall for each way, and how many of the rows that were named are planted copies."""
    hits: Counter[str] = Counter()
    for copy, (way, original) in way_of.items():
        hits[way] += said.get(copy) == original
    of = Counter(way for way, _ in way_of.values())
    right = sum(hits.values())
    return {"recall": {way: [hits[way], of[way]] for way in of}, "named": len(said), "planted": right}


# ── shortcuts, groups, clean data ───────────────────────────────────────────────────────────────────────────────────


def subset(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    classes = rng.permutation(np.unique(frame.label))[:CLASSES]
    parts = [frame[frame.label == label].sample(PER_CLASS, random_state=int(rng.integers(2**31))) for label in classes]
    return pd.concat(parts, ignore_index=True)


def with_quality(frame: pd.DataFrame, folder: Path, follows: float, rng: np.random.Generator) -> pd.DataFrame:
    """The pictures saved at quality 85 or 75: as the class says for the share `follows` of them, else by a coin."""
    folder.mkdir(parents=True, exist_ok=True)
    first_half = set(np.unique(frame.label)[: CLASSES // 2])
    paths = []
    for i, (path, label) in enumerate(zip(frame.path, frame.label, strict=True)):
        high = label in first_half if rng.random() < follows else rng.random() < 0.5
        with Image.open(path) as image:
            image.convert("RGB").save(folder / f"{i}.jpg", quality=85 if high else 75)
        paths.append(str(folder / f"{i}.jpg"))
    return frame.assign(path=paths)


def alarms(found: Audit) -> list[str]:
    return sorted({f"{f.severity}: {f.kind}" for f in found.findings if f.alarm})


def shortcut(shared: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    pool = frame_of("tiny-reported", shared, folder, quick=False)
    repeats = 2 if quick else 20
    found: dict[str, Any] = {}
    for follows in (1.0, 0.5, 0.25, 0.0):
        said, scores = Counter(), []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            rows = with_quality(subset(pool, rng), folder / f"q{follows}-{seed}", follows, rng)
            result = audit(rows[["path", "label"]], target="label", path="path", seed=seed)
            severity = next((f.severity for f in result.findings if f.kind == "shortcut"), "nothing")
            said[severity] += 1
            scores += [s.skill.value for s in result.shortcuts.families if s.family == "capture"]
        found[str(follows)] = {"repeats": repeats, "said": dict(said), "mean_score": float(np.mean(scores))}
    return found


def groups(shared: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    pool = frame_of("tiny-reported", shared, folder, quick=False)
    repeats = 2 if quick else 20
    found: dict[str, Counter[str]] = {"random split": Counter(), "split by group": Counter()}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        rows = subset(pool, rng)[["path", "label"]]
        rows["roll"] = [f"roll {i}" for i in rng.integers(0, 60, len(rows))]
        held_out = {f"roll {i}" for i in range(12)}
        splits = {
            "random split": np.where(rng.random(len(rows)) < 0.2, "valid", "train"),
            "split by group": np.where(rows.roll.isin(held_out), "valid", "train"),
        }
        for how, split in splits.items():
            result = audit(rows.assign(split=split), target="label", path="path", split="split", group="roll")
            found[how]["found" if any(f.kind == "group overlap" for f in result.findings) else "not found"] += 1
    return {how: dict(count) for how, count in found.items()}


def clean(shared: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    rows = tiny_table(shared, folder, step=1, train=60, valid=0).rows
    pool = pd.DataFrame(rows, columns=["path", "label", "split"])
    repeats = 3 if quick else 100
    raised: list[dict[str, Any]] = []
    seconds: list[float] = []
    for seed in range(repeats):
        drawn = subset(pool, np.random.default_rng(seed))[["path", "label"]]
        data = dt.images(drawn, target="label", path="path", seed=seed, project=folder / f"project{seed}")
        result = audit(data, seed=seed)
        seconds.append(result.seconds)
        if not result.ok:
            raised.append({"seed": seed, "alarms": alarms(result), "titles": [f.title for f in result.alarms]})
    return {"repeats": repeats, "alarmed": len(raised), "raised": raised, "seconds": float(np.median(seconds))}


# ── running and writing down ────────────────────────────────────────────────────────────────────────────────────────


def do(job: str, shared: Path, *, quick: bool, sheets: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place, quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.errors.DrivetrainWarning)
        folder = Path(place)
        if job in ("tiny", "grocery"):
            return measured(job, shared, folder, quick=quick, sheets=sheets)
        if job.startswith("planted-"):
            name = {"planted-tiny": "tiny-reported", "planted-grocery": "grocery"}.get(job, "tiny-tuning")
            found = planted(name, shared, folder, quick=quick)
            found["not_planted"] = [[word.replace(place, "") for word in row] for row in found["not_planted"]]
            return found
        return {"shortcut": shortcut, "groups": groups, "clean": clean}[job](shared, folder, quick=quick)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--quick", action="store_true", help="a minute's try: the numbers mean nothing")
    parser.add_argument("--only", help="jobs by name, with commas between; all else keeps its result")
    parser.add_argument("--sheets", type=Path, help="where pages and contact sheets go, to be looked at")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    shared = asked.shared.resolve()
    if asked.job:
        print(json.dumps(do(asked.job, shared, quick=asked.quick, sheets=asked.sheets)))
        return
    results = Results((QUICK_RESULTS if asked.quick else RESULTS) / "audit.json", hidden_places(shared=shared))
    for job in JOBS:
        if not wanted(job, asked.only):
            continue
        words = [sys.executable, str(Path(__file__).resolve()), str(shared), "--job", job]
        words += ["--quick"] if asked.quick else []
        words += ["--sheets", str(asked.sheets)] if asked.sheets else []
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        command = "python benchmarks/audit.py ../shared"
        results.put(job, {"command": command, "versions": versions(), **json.loads(done.stdout)})
        results.write(page(results.rows, classes=CLASSES, per_class=PER_CLASS))
        print(job, "done", flush=True)


if __name__ == "__main__":
    main()
