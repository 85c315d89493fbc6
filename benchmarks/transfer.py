"""What the default recipe gives on real pictures, through the command line, beside a linear probe of the same body.

    python benchmarks/transfer.py ../shared [--epochs 6] [--only grocery]

Three sets, the same defaults: the Grocery Store photographs (81 classes, official split); 20 classes of Tiny
ImageNet (100 training and 30 validation pictures a class, its own validation pictures as the test set), which the
ImageNet body has seen before; and the handwriting that ships with scikit-learn, which is nothing like photographs. It
prints and writes `results/transfer.json` and `results/transfer.md` with commands, versions and hardware; a set that is
not measured this time keeps its earlier result.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from drivetrain.cli.handwriting import write_handwriting

RESULTS = Path(__file__).parent / "results"
TINY_CLASSES, TINY_TRAIN, TINY_VALID = 20, 100, 30


def grocery_table(shared: Path, folder: Path) -> Path:
    root = shared / "data" / "grocery"
    with (root / "classes.csv").open() as stream:
        names = {row["Class ID (int)"]: row["Class Name (str)"] for row in csv.DictReader(stream)}
    rows = [("path", "label", "split")]
    for part in ("train", "val", "test"):
        for line in (root / f"{part}.txt").read_text().splitlines():
            path, fine, _ = line.split(", ")
            rows.append((str(root / path), names[fine], part))
    return write_table(folder / "grocery.csv", rows)


def tiny_table(shared: Path, folder: Path) -> Path:
    """Every tenth class in the order of their names; pictures in the order of theirs."""
    rows = [("path", "label", "split")]
    for source, parts in (("train", ("train", "valid")), ("val", ("test",))):
        with zipfile.ZipFile(shared / "data" / "tiny-imagenet" / f"{source}.zip") as archive:
            pictures = sorted(name for name in archive.namelist() if name.endswith("JPEG"))
            classes = sorted({name.split("/")[0] for name in pictures})[:: 200 // TINY_CLASSES]
            for label in classes:
                of_class = [name for name in pictures if name.startswith(label + "/")]
                most = TINY_TRAIN + TINY_VALID if source == "train" else len(of_class)
                for i, name in enumerate(of_class[:most]):
                    archive.extract(name, folder / source)
                    part = parts[0] if source == "val" or i < TINY_TRAIN else parts[1]
                    rows.append((str(folder / source / name), label, part))
    return write_table(folder / "tiny.csv", rows)


def write_table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def run(*command: str) -> dict[str, Any]:
    """Run the command line and read its JSON; what it says meanwhile goes to the terminal."""
    print("$ drivetrain", *command, flush=True)
    done = subprocess.run([sys.executable, "-m", "drivetrain", *command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def linear_probe(table: Path, body: str, size: list[str]) -> dict[str, Any]:
    """scikit-learn's logistic regression on the frozen body's features (C = 0.01, standardised)."""
    import numpy as np
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import drivetrain as dt
    from drivetrain.data.store import Store
    from drivetrain.evaluation import wilson_interval

    began = time.monotonic()
    with dt.quiet():
        data = dt.images(table)
        learn = dt.Learner(data, body, size=int(size[1]) if size else None)
    network = learn.network.eval()

    def features(paths: tuple[Path, ...]) -> Any:
        store, found = Store(paths, learn.kind.reader), []
        for start in range(0, len(paths), 64):
            arrays = store.get(range(start, min(start + 64, len(paths))))
            views = np.stack([learn.kind.reader.view(array) for array in arrays if array is not None])
            with torch.inference_mode(), learn.place.autocast():
                batch = torch.from_numpy(views).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
                found.append(network.body(network.normalise(batch)).float().numpy())
        return np.concatenate(found)

    test = data.open_test()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(features(data.train.paths), data.train.values)
    right = model.predict(features(test.paths)) == np.array(test.values)
    interval = wilson_interval(int(right.sum()), len(right))
    return {
        "seconds": time.monotonic() - began,
        "test": {"accuracy": {"value": right.mean(), "low": interval.low, "high": interval.high, "n": len(right)}},
    }


def measure(table: Path, body: str, *, epochs: int, size: list[str]) -> dict[str, Any]:
    model = str(table.with_suffix(".model"))
    began = time.monotonic()
    command = ["train", str(table), "--arch", body, "--epochs", str(epochs), *size, "--out", model, "--json"]
    trained = run(*command)
    wall = time.monotonic() - began
    tested = run("evaluate", model, "--test", "--json")
    return {
        "machine": machine(),
        "command": " ".join(["drivetrain", *command]),
        "wall_seconds": wall,
        "train": trained,
        "test": tested["test"],
        "linear_probe": linear_probe(table, body, size),
    }


def machine() -> dict[str, Any]:
    import torch

    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "cpu": next((line.split(":")[1].strip() for line in flags.splitlines() if "model name" in line), "unknown"),
        "cores": os.cpu_count(),
        "bf16": [name for name in ("amx_bf16", "avx512_bf16") if name in flags],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        **{library: version(library) for library in ("drivetrain", "torch", "timm", "scikit-learn")},
    }


def report(results: dict[str, Any]) -> str:
    lines = ["# The default recipe on real pictures", ""]
    lines += ["| set | who | seconds, everything included | test accuracy (95 % interval) | n |"]
    lines += ["|---|---|---|---|---|"]
    for name, found in results["sets"].items():
        probe = found["linear_probe"]
        for who, seconds, scores in (
            ("linear probe, frozen body", probe["seconds"], probe["test"]),
            ("drivetrain train", found["wall_seconds"], found["test"]),
        ):
            a = scores["accuracy"]
            shown = f"{100 * a['value']:.1f} % [{100 * a['low']:.1f}, {100 * a['high']:.1f}]"
            lines.append(f"| {name} | {who} | {seconds:.0f} | {shown} | {a['n']} |")
    for name, found in results["sets"].items():
        lines += ["", f"{name}: `{found['command']}`", "", f"on {json.dumps(found['machine'])}"]
    lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--only", choices=["grocery", "tiny", "digits"])
    options = parser.parse_args()
    shared = options.shared.resolve()
    body = f"local-dir:{shared / 'weights' / 'mobilenetv1_100.tf_in1k'}"
    stored = RESULTS / "transfer.json"
    results: dict[str, Any] = json.loads(stored.read_text()) if stored.exists() else {"sets": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        if options.only in (None, "grocery"):
            table = grocery_table(shared, folder)
            results["sets"]["grocery"] = measure(table, body, epochs=options.epochs, size=[])
        if options.only in (None, "digits"):
            digits = write_handwriting(folder / "digits")
            results["sets"]["digits"] = measure(digits, body, epochs=options.epochs, size=["--size", "96"])
        if options.only in (None, "tiny"):
            table = tiny_table(shared, folder)
            results["sets"]["tiny-imagenet"] = measure(table, body, epochs=options.epochs, size=["--size", "96"])
    text = report(results).replace(str(shared), "../shared").replace(place, ".")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "transfer.md").write_text(text)
    plain = json.dumps(results, indent=1).replace(str(shared), "../shared").replace(place, ".")
    stored.write_text(plain + "\n")
    print(text)


if __name__ == "__main__":
    main()
