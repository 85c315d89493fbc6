"""What a process needs where two train a large body: whole in each, or split over both (FSDP).

Two processes of the same training on made-up pictures, started by `torchrun`: with whole copies of the body,
whose gradients are averaged, and split. Each process tells its peak of resident memory for each stage
(`VmHWM`, which Linux lets a process set back).

    python benchmarks/split.py
    python benchmarks/split.py --arch vit_large_patch16_224
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted
from PIL import Image

FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
WAYS: dict[str, dict[str, str]] = {"whole in each": {}, "split over both": FSDP}
STAGES = ("libraries", "made", "trained", "judged", "saved")
PICTURES, BATCH, SIZE = 12, 4, 96


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--arch", default="vit_base_patch16_224")
    parser.add_argument("--worker", type=Path, help="folder of pictures, where this is one of the processes")
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.arch)
        return
    results = Results(args.results or (QUICK_RESULTS if args.quick else RESULTS) / "split.json", hidden_places())
    arch = "test_vit" if args.quick else args.arch
    for way, options in WAYS.items():
        if wanted(way, args.only):
            results.put(f"{arch}, {way}", measured(arch, options))
    results.write(page(results.rows))


def measured(arch: str, options: dict[str, str]) -> dict[str, Any]:
    """What both processes told of themselves; of two figures the larger."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random = np.random.default_rng(0)
        for i in range(PICTURES):
            place = folder / "pictures" / "ab"[i % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (224, 224, 3), dtype=np.uint8)).save(place / f"{i}.png")
        launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
        command = [*launch, str(HERE / "split.py"), "--arch", arch, "--worker", str(folder / "pictures")]
        ours = os.environ | {"OMP_NUM_THREADS": "1", "DRIVETRAIN_PROJECT": str(folder / "project")} | options
        subprocess.run(command, cwd=folder, env=ours, check=True)
        told = [json.loads((folder / f"told-{rank}.json").read_text()) for rank in range(2)]
    return {
        "command": "".join(f"{name}={value} " for name, value in options.items())
        + f"torchrun --nproc-per-node 2 benchmarks/split.py --arch {arch}",
        "peak_bytes": {stage: max(one["peak_bytes"][stage] for one in told) for stage in STAGES},
        "parameters": told[0]["parameters"],
        "held": max(one["held"] for one in told),
        "versions": versions(),
    }


def work(pictures: Path, arch: str) -> None:
    """One of the processes."""
    from torch.distributed.tensor import DTensor

    import drivetrain as dt
    from drivetrain.training.place import find_place

    class Watch(dt.Callback):
        """Peaks of steps and of judging apart."""

        def __init__(self) -> None:
            self.peak, self.judged = 0, 0

        def on_run_start(self, run: Any) -> None:
            peak()

        def on_step_end(self, run: Any, loss: float) -> None:
            self.peak = max(self.peak, peak())

        def on_epoch_end(self, run: Any) -> None:
            self.judged = max(self.judged, peak())

    find_place("auto")
    peaks = {"libraries": peak()}
    data = dt.images(pictures, valid_pct=0.34, test_pct=0, seed=1)
    learn = dt.Learner(data, arch, pretrained=False, size=SIZE, recipe={"batch_size": BATCH}, precision="fp32")
    peaks["made"] = peak()
    watch = Watch()
    learn.fit(1, checkpoint=False, callbacks=watch)
    peaks["trained"] = watch.peak
    learn.validate()
    peaks["judged"] = max(peak(), watch.judged)
    learn.save("m.model", precision=None, golden=0)
    peaks["saved"] = peak()
    held = [value.to_local() if isinstance(value, DTensor) else value for value in learn.network.parameters()]
    told = {
        "peak_bytes": peaks,
        "parameters": sum(value.numel() for value in learn.network.parameters()),
        "held": sum(value.numel() for value in held),
    }
    (pictures.parent / f"told-{learn.place.rank}.json").write_text(json.dumps(told))


def peak() -> int:
    """The most resident bytes since it was asked before."""
    status = Path("/proc/self/status").read_text()
    most = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return most * 1024


def page(rows: dict[str, dict[str, Any]]) -> list[str]:
    head = ["body", "parameters", "held by a process", *(f"{stage}, MB" for stage in STAGES)]
    lines = [
        [
            name,
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['held'] / 1e6:.1f} M",
            *(f"{row['peak_bytes'][stage] / 1e6:,.0f}" for stage in STAGES),
        ]
        for name, row in rows.items()
    ]
    said = [
        "# Whole in each process, or split over them",
        "",
        f"Peaks of resident memory of the process that needed more of two: once the libraries are there, while the "
        f"Learner is made, in steps of {BATCH} pictures of {SIZE} px over both, while it is judged, and while it "
        "is saved (without ONNX, by the first process).",
        "",
        *table(head, lines),
        "",
    ]
    return [*said, *provenance(rows)]


if __name__ == "__main__":
    main()
