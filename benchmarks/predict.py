"""How fast a trained model answers: drivetrain beside fastai, plain PyTorch and plain ONNX Runtime.

    python benchmarks/predict.py ../shared [--only drivetrain,fastai]

Two networks: ResNet-18 (random parameters: the arithmetic is the same) and the pretrained MobileNetV1, on Grocery
Store photographs, 224 px, from a loaded model in one process each: the time of one picture from file to label, median
and 95th percentile; pictures per second of many; and what one answer prints on a terminal. drivetrain-int8 is the same
model after `drivetrain export --precision int8`, here whatever it costs in accuracy: random parameters have none to
lose, and what it costs a real model is in results/export.md. Results go to results/predict.json and .md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import (
    PRETRAINED,
    QUICK_RESULTS,
    RESULTS,
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
from processes import Ran, run
from sets import Table, grocery_table, smallest, warm

SCRIPTS = Path(__file__).parent / "peers"
DRIVETRAIN = str(Path(sys.executable).parent / "drivetrain")
PEERS = {"fastai": "predict_fastai.py", "torch": "predict_torch.py", "onnxruntime": "predict_onnx.py"}
EVENT = "@event "
WHAT_LIMITS = (
    "What limits ResNet-18 in int8, by ONNX Runtime's own profile of one picture on two cores, while nothing else "
    "runs: reading and resizing the photograph 1.5 ms (one core), of which resizing takes 1.0; the network 5.9 "
    "ms, of which its first convolution, with three channels, takes 0.9 and the other nineteen 5.1, some 330 "
    "billion products a second; the rest is lost between the two, where caches are cold. The rows of fastai and "
    "int8 were measured while nothing else ran; an hour before, beside other work, it was 8.9 ms and 42.5 for "
    "fastai, 4.8 times as fast, and runs before that, with threads that slept between layers, gave 4.2 and 4.6 "
    "times. fastai's own time is what varies most: 39 to 50 ms. In fp32 the network alone takes 18 ms, as long as "
    "in ONNX Runtime.",
)


def checked(ran: Ran) -> Ran:
    if ran.code:
        raise RuntimeError(f"{' '.join(ran.command[:4])} … ended with code {ran.code}: {ran.last_words}")
    return ran


def make_model(pictures: Table, arch: str, folder: Path, *, int8: bool = False) -> str:
    """An artefact of drivetrain's, trained for a moment on a few pictures."""
    few = smallest(pictures, classes=8, per_class=40)  # enough validation rows to judge int8 by
    scratch = [] if arch.startswith("local-dir:") else ["--from-scratch"]
    command = [DRIVETRAIN, "train", str(few.path), "--arch", arch, *scratch, "--size", "224", "--epochs", "1"]
    model = str(folder / "drivetrain.model")
    checked(run([*command, "--head-epochs", "0", "--out", model], folder=folder, show=False))
    if int8:
        lower = [DRIVETRAIN, "export", model, "--precision", "int8", "--worst-change", "0.999", "--json"]
        exported = json.loads(checked(run(lower, folder=folder, show=False)).output)
        if exported["precision"] != "int8":
            raise RuntimeError(f"no int8: {exported}")
    return model


def answer_of(ran: Ran) -> dict[str, Any]:
    return next(json.loads(line.partition(EVENT)[2]) for line in ran.output.splitlines() if EVENT in line)


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["# How fast a trained model answers", ""]
    lines += [
        "From a file to a label, 224 px, the model loaded; all in fp32 but drivetrain-int8. × is how much longer or "
        "slower than drivetrain's fp32.",
        "",
    ]
    head = ["network", "who", "one picture, ms: median", "×", "fastai ÷ this", "95th percentile", "many, img/s", "×"]
    head += ["÷ fastai's", "bytes printed"]
    found: list[list[str]] = []
    for key, row in rows.items():
        network, who = key.split("/")
        own = rows.get(f"{network}/drivetrain")
        fastai = rows.get(f"{network}/fastai")
        later = None if own is None else row["p50_ms"] / own["p50_ms"]
        slower = None if own is None else own["many_img_per_s"] / row["many_img_per_s"]
        sooner = None if fastai is None else fastai["p50_ms"] / row["p50_ms"]
        more = None if fastai is None else row["many_img_per_s"] / fastai["many_img_per_s"]
        line = [network, who, shown(row["p50_ms"]), shown(later, 2), shown(sooner, 2), shown(row["p95_ms"])]
        line += [shown(row["many_img_per_s"]), shown(slower, 2), shown(more, 2), str(row["bytes_printed"])]
        found.append(line)
    return [*lines, *table(head, found), "", *WHAT_LIMITS, "", *provenance(rows)]


def measure_all(pictures: Table, archs: dict[str, str], results: Results, folder: Path, options: Any) -> list[str]:
    peers = need_peers(options.peers)
    failed: list[str] = []
    for network, arch in archs.items():
        for who in ("drivetrain", "drivetrain-int8", *PEERS):
            if not wanted(who, options.only):
                continue
            own = Path(tempfile.mkdtemp(dir=folder))
            print(f"== {network}/{who}", flush=True)
            try:
                ours = who not in PEERS
                python, script = (sys.executable, "predict_drivetrain.py") if ours else (peers, PEERS[who])
                model = make_model(pictures, arch, own, int8=who == "drivetrain-int8") if ours else arch
                command = [python, str(SCRIPTS / script), str(pictures.path), model]
                ran = checked(run(command, folder=own, show=False))
                row = {"command": " ".join(command), "versions": versions(python), "load_before": ran.load_before}
                results.put(f"{network}/{who}", row | answer_of(ran))
            except (RuntimeError, StopIteration) as error:
                failed.append(f"{network}/{who}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
            results.write(report(results.rows))
    return failed


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    options = parser.parse_args()
    shared = options.shared.resolve()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        pictures = smallest(grocery_table(shared, folder), classes=2 if options.quick else 8, per_class=40)
        warm(pictures)
        places = hidden_places(shared=shared, folder=folder, peers=need_peers(options.peers))
        results = options.results or (QUICK_RESULTS if options.quick else RESULTS)
        store = Results(results / "predict.json", places)
        archs = {"resnet18": "resnet18", "mobilenetv1": f"local-dir:{shared / PRETRAINED}"}
        failed = measure_all(pictures, archs, store, folder, options)
    print(store.path.with_suffix(".md").read_text())
    if failed:
        raise SystemExit("\n".join(["not measured:", *failed]))


if __name__ == "__main__":
    main()
