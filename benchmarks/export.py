"""Export: every family that timm knows; and on Grocery Store photographs parity, int8, and the time of one answer.

    python benchmarks/export.py ../shared [--only families,grocery,latency] [--budget 90s] [--classes 12]

* families: one small architecture of each family with random parameters goes the way of `learn.save`. Which exporter,
  how far from the network, how long; or why not.
* grocery: a MobileNetV1 trained for a moment (with --classes on a few pictures of the most frequent classes alone):
  what ONNX Runtime says of all held-out pictures beside what the trained network says in fp32; what int8 changes, on
  the validation and on the test rows.
* latency: one picture from file to label, fp32 and int8, with one thread and with two, and `drivetrain predict` from a
  cold start.

Results go to results/export.json and .md.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
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
    shown,
    table,
    versions,
    wanted,
)
from processes import run
from sets import Table, grocery_table, smallest, warm

HERE = Path(__file__).resolve().parent
DRIVETRAIN = str(Path(sys.executable).parent / "drivetrain")
SMALL = ("test_", "tiny", "nano", "atto", "pico", "small", "_s", "18", "_t", "xxs", "b0")
NOT_SMALL = ("base", "large", "huge")
MOST_SECONDS = 600
ANSWERS = 60


def families() -> dict[str, str]:
    """One small architecture of each family."""
    import timm
    from timm.models._registry import _model_to_module

    members: dict[str, list[str]] = {}
    for name in timm.list_models():
        members.setdefault(_model_to_module[name], []).append(name)
    return {
        family: min(names, key=lambda name: (not _is_small(name), len(name)))
        for family, names in sorted(members.items())
    }


def _is_small(name: str) -> bool:
    return any(part in name for part in SMALL) and not any(part in name for part in NOT_SMALL)


def export_family(name: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "export_one.py"), name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"architecture": name, "reason": f"not done after {MOST_SECONDS} s"}
    said = (done.stdout + done.stderr).strip().splitlines()
    found = next((json.loads(line) for line in reversed(said) if line.startswith("{")), None)
    return {"architecture": name, **(found or {"reason": f"ended with {done.returncode}: {said[-1:]}"})}


def measure_families(results: Results, quick: bool, asked: str | None) -> None:
    chosen = families()
    if asked is not None:
        chosen = {family: chosen[family] for family in asked.split(",")}
    for family, name in list(chosen.items())[: 3 if quick else None]:
        row = export_family(name)
        results.put(f"family-{family}", {"command": f"python benchmarks/export_one.py {name}", **row})
        print(family, row, flush=True)
        results.write(report(results.rows))


def train(pictures: Table, arch: str, folder: Path, *more: str) -> Path:
    model = folder / "own.model"
    command = [DRIVETRAIN, "train", str(pictures.path), "--arch", arch, "--size", "224", "--out", str(model), *more]
    ran = run(command, folder=folder)
    if ran.code:
        raise SystemExit(f"{' '.join(command)}: {ran.last_words}")
    return model


def lowered(model: Path, folder: Path, worst_change: str = "0.99") -> Path:
    """The same model in int8, whatever it costs, in a folder of its own; what it costs is in its manifest."""
    lower = shutil.copytree(model, folder / "int8.model")
    command = [DRIVETRAIN, "export", str(lower), "--precision", "int8", "--worst-change", worst_change]
    ran = run(command, folder=folder)
    if ran.code:
        raise SystemExit(f"{' '.join(command)}: {ran.last_words}")
    return lower


def of_classes(pictures: Table, trained: Table) -> list[tuple[str, str, str]]:
    """All held-out rows of the classes that were trained on."""
    known = {label for _, label, _ in trained.rows}
    return [row for part in ("valid", "test") for row in pictures.part(part) if row[1] in known]


def measure_grocery(pictures: Table, shared: Path, folder: Path, results: Results, options: Any) -> None:
    import drivetrain as dt
    from drivetrain.export.exporting import read_all
    from drivetrain.export.paired import paired_change
    from drivetrain.learner.saving.torch_predictor import load_network
    from drivetrain.runtime.artefact import open_artefact
    from drivetrain.training.exporting import EXACT
    from drivetrain.training.fast.inference import TorchEngine

    few = smallest(pictures, classes=options.classes, per_class=30) if options.classes else pictures
    how = ["--epochs", "1", "--head-epochs", "2"] if options.classes else ["--budget", options.budget]
    model = train(few, f"local-dir:{shared / PRETRAINED}", folder, *how)
    lower = lowered(model, folder)
    held_out = of_classes(pictures, few)
    paths = [Path(path) for path, _, _ in held_out]
    fp32, int8 = dt.load(model), dt.load(lower)
    network = TorchEngine(load_network(open_artefact(model), EXACT), EXACT)
    said: dict[str, list[Any]] = {"torch": [], "fp32": [], "int8": []}
    for start in range(0, len(paths), 50):
        views = read_all(fp32.reader, paths[start : start + 50])
        for who, engine in (("torch", network), ("fp32", fp32.run), ("int8", int8.run)):
            said[who].append(engine(*views))
        print(f"{start} of {len(paths)}", flush=True)
    outputs = {who: np.concatenate(parts) for who, parts in said.items()}
    truth = fp32.target.encode([label for _, label, _ in held_out])
    tests = np.array([part == "test" for _, _, part in held_out])
    manifests = {name: open_artefact(place).manifest.export for name, place in (("fp32", model), ("int8", lower))}
    row = {
        "n": len(paths),
        "classes": len(fp32.target.vocab),
        "agreement": float((outputs["torch"].argmax(1) == outputs["fp32"].argmax(1)).mean()),
        "max_abs_difference": float(np.abs(outputs["torch"] - outputs["fp32"]).max()),
        "spread": float(outputs["torch"].std()),
        "changes": {
            part: paired_change(fp32.target, truth[rows], outputs["fp32"][rows], outputs["int8"][rows]).model_dump()
            for part, rows in (("validation", ~tests), ("test", tests))
        },
        "manifests": {name: found.model_dump() for name, found in manifests.items() if found},
        "bytes": {name: (place / "model.onnx").stat().st_size for name, place in (("fp32", model), ("int8", lower))},
        "accuracy": {who: float((made.argmax(1) == truth)[tests].mean()) for who, made in outputs.items()},
    }
    command = f"drivetrain train grocery.csv --arch local-dir:../shared/{PRETRAINED} --size 224 {' '.join(how)}"
    results.put("grocery", {"command": command, "versions": versions(), **row})
    results.write(report(results.rows))


def measure_latency(pictures: Table, shared: Path, folder: Path, results: Results) -> None:
    few = smallest(pictures, classes=4, per_class=40)
    warm(few)
    paths = [path for path, _, _ in few.part("test")][:ANSWERS]
    bodies = {"mobilenetv1": (f"local-dir:{shared / PRETRAINED}",), "resnet18": ("resnet18", "--from-scratch")}
    for network, (arch, *more) in bodies.items():
        own = Path(tempfile.mkdtemp(dir=folder))
        model = train(few, arch, own, *more, "--epochs", "1", "--head-epochs", "0")
        for precision, place in (("fp32", model), ("int8", lowered(model, own))):
            for threads in (1, 2):
                row = times(place, paths, threads) | {"cold_s": cold(place, paths[0], threads, own)}
                what = {"command": f"python benchmarks/export.py ../shared --only latency ({precision})"}
                results.put(f"latency-{network}-{precision}-{threads}", what | {"versions": versions()} | row)
            results.write(report(results.rows))


def times(model: Path, paths: list[str], threads: int) -> dict[str, float]:
    import drivetrain as dt

    predictor = dt.load(model, threads=threads)
    for path in paths[:5]:
        predictor.predict(path)
    views = predictor.reader.stack([predictor.read(paths[0])])
    taken: dict[str, list[float]] = {"answer": [], "network": []}
    for path in paths:
        for what, ask in (
            ("answer", lambda path=path: predictor.predict(path)),
            ("network", lambda: predictor.run(*views)),
        ):
            began = time.perf_counter()
            ask()
            taken[what].append(1000 * (time.perf_counter() - began))
    return {
        "p50_ms": statistics.median(taken["answer"]),
        "p95_ms": float(np.percentile(taken["answer"], 95)),
        "least_ms": min(taken["answer"]),
        "network_ms": statistics.median(taken["network"]),
    }


def cold(model: Path, picture: str, threads: int, folder: Path) -> float:
    """Seconds of `drivetrain predict`, the best of five: start, load, answer."""
    command = [DRIVETRAIN, "predict", str(model), picture]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    found = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        found.append(time.monotonic() - began)
    return min(found)


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["# Export", ""]
    if "grocery" in rows:
        lines += grocery_lines(rows["grocery"])
    latency = {name: row for name, row in rows.items() if name.startswith("latency-")}
    if latency:
        lines += ["## One picture, from file to label", ""]
        head = [
            "network",
            "precision",
            "threads",
            "median, ms",
            "least, ms",
            "95th percentile",
            "network alone",
            "cold `predict`, s",
        ]
        body = [
            [
                *name.split("-")[1:],
                *(shown(row[key]) for key in ("p50_ms", "least_ms", "p95_ms", "network_ms")),
                shown(row["cold_s"], 2),
            ]
            for name, row in latency.items()
        ]
        lines += [*table(head, body), ""]
    lines += family_lines(
        {name.removeprefix("family-"): row for name, row in rows.items() if name.startswith("family-")}
    )
    measured = {name: row for name, row in rows.items() if not name.startswith("family-")}
    return [*lines, *provenance(measured)]


def grocery_lines(row: Mapping[str, Any]) -> list[str]:
    kept = row["manifests"]["fp32"]
    lines = [
        f"## Grocery: {row['classes']} classes, a MobileNetV1 trained for a moment",
        "",
        f"* On all {row['n']:,} held-out pictures ONNX Runtime and the trained network (torch, fp32) give the same "
        f"answer to {100 * row['agreement']:.2f} %. Raw outputs differ by at most {row['max_abs_difference']:.2g}; "
        f"their standard deviation is {row['spread']:.2g}.",
        f"* In the manifest: {kept['exporter']}, opset {kept['opset']}, {kept['n']} pictures "
        f"({kept['n_held_out']} held out), largest difference {kept['max_abs_difference']:.2g}, "
        f"agreement {kept['agreement']}, {kept['seconds']} s.",
        f"* Size of model.onnx: {row['bytes']['fp32'] / 1e6:.1f} MB, in int8 {row['bytes']['int8'] / 1e6:.1f} MB.",
        "",
    ]
    head = ["int8 beside fp32, same pictures", "n", "fp32", "int8", "change, points", "95 % interval"]
    body = [
        [
            part,
            f"{change['n']:,}",
            f"{100 * change['fp32']:.1f} %",
            f"{100 * change['lower']:.1f} %",
            f"{100 * change['change']:+.2f}",
            f"[{100 * change['low']:+.2f}, {100 * change['high']:+.2f}]",
        ]
        for part, change in row["changes"].items()
    ]
    return [*lines, *table(head, body), ""]


def family_lines(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    done = [row for row in rows.values() if "exporter" in row]
    by = {name: sum(row["exporter"] == name for row in done) for name in ("dynamo", "torchscript")}
    lines = [
        f"## {len(done)} of {len(rows)} families export",
        "",
        f"{by['dynamo']} with torch.export, {by['torchscript']} with TorchScript. Random parameters, 16 pictures and "
        "noise, in batches of 1 and 7; the difference is the largest of the raw outputs. Seconds hold for a machine "
        "that was doing other things too. Families not listed were not tried yet; `--only families` tries all.",
        "",
    ]
    head = ["family", "architecture", "px", "exporter", "largest difference", "same answer", "seconds", "why not"]
    body = [
        [
            family,
            row["architecture"],
            str(row.get("px", "–")),
            row.get("exporter", "–"),
            f"{row['max_abs_difference']:.1e}" if "exporter" in row else "–",
            f"{100 * row['agreement']:.0f} %" if "exporter" in row else "–",
            shown(row.get("seconds")),
            row.get("reason", "").replace("|", "/").replace("\n", " ")[:240],
        ]
        for family, row in rows.items()
    ]
    return [*lines, *table(head, body), ""]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--budget", default="90s", help="for the Grocery model")
    parser.add_argument("--families", help="which of them, with commas between")
    parser.add_argument("--classes", type=int, default=0, help="of Grocery, the most frequent; 0: all")
    options = parser.parse_args()
    shared = options.shared.resolve()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        places = hidden_places(shared=shared, folder=folder)
        results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        store = Results(results / "export.json", places)
        pictures = grocery_table(shared, folder)
        if wanted("families", options.only):
            measure_families(store, options.quick, options.families)
        if wanted("grocery", options.only):
            options.classes = options.classes or (4 if options.quick else 0)
            measure_grocery(pictures, shared, folder, store, options)
        if wanted("latency", options.only):
            measure_latency(pictures, shared, folder, store)
    print(store.path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
