"""What the default recipe gives on real pictures, through the command line, beside a linear probe of the same body.

    python benchmarks/transfer.py ../shared [--epochs 6] [--only grocery]

Three sets, the same defaults: the Grocery Store photographs (81 classes, official split); 21 classes of Tiny
ImageNet (100 training and 30 validation pictures a class, its own validation pictures as the test set), which the
ImageNet body has seen before; and the handwriting that ships with scikit-learn, which is nothing like photographs. It
prints and writes `results/transfer.json` and `results/transfer.md` with commands, versions and hardware; a set that is
not measured this time keeps its earlier result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import hardware, versions
from sets import grocery_table, tiny_table

from drivetrain.cli.handwriting import write_handwriting

RESULTS = Path(__file__).parent / "results"


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
    from drivetrain.data.cache.store import Store
    from drivetrain.data.inputs import Files
    from drivetrain.evaluation import wilson_interval
    from drivetrain.training.fast.inference import on_device

    began = time.monotonic()
    with dt.quiet():
        data = dt.images(table)
        learn = dt.Learner(data, body, size=int(size[1]) if size else None)
    network = learn.network.eval()

    def features(paths: tuple[Path, ...]) -> Any:
        spec = learn.kind.spec
        store, found = Store(Files(paths), spec), []
        for start in range(0, len(paths), 64):
            loaded = store.get(range(start, min(start + 64, len(paths))))
            views = on_device(spec.stack([spec.view(one) for one in loaded if one is not None]), learn.place)
            with torch.inference_mode(), learn.place.autocast():
                found.append(network.body(*network.taken(*views)).float().numpy())
        return np.concatenate(found)

    test = data.open_test()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(features(data.train.inputs.paths), data.train.values)
    right = model.predict(features(test.inputs.paths)) == np.array(test.values)
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

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {**hardware(), "gpu": gpu, **versions()}


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
            table = grocery_table(shared, folder).path
            results["sets"]["grocery"] = measure(table, body, epochs=options.epochs, size=[])
        if options.only in (None, "digits"):
            digits = write_handwriting(folder / "digits")
            results["sets"]["digits"] = measure(digits, body, epochs=options.epochs, size=["--size", "96"])
        if options.only in (None, "tiny"):
            table = tiny_table(shared, folder).path
            results["sets"]["tiny-imagenet"] = measure(table, body, epochs=options.epochs, size=["--size", "96"])
    text = report(results).replace(str(shared), "../shared").replace(place, ".")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "transfer.md").write_text(text)
    plain = json.dumps(results, indent=1).replace(str(shared), "../shared").replace(place, ".")
    stored.write_text(plain + "\n")
    print(text)


if __name__ == "__main__":
    main()
