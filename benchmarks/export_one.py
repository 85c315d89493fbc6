"""Export one timm architecture with random parameters, and compare: prints one JSON object.

    python export_one.py NAME

The network is built as a Learner builds it, its numbers are shaken (a new layer scale of 1e-5 would hide its block),
and its batch norms see a few pictures. What is exported goes the whole way of `learn.save`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.errors import DrivetrainError
from drivetrain.kinds.images.bodies.load import load_body
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.kinds.images.training import PictureIntake
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.pictures.read import digest
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.exporting import ExportPlan, export_trained
from drivetrain.training.network import Network

SIZES = (128, 96, 224, None)
"""Tried in this order: small ones cost less, some architectures read others only."""
N_OUTPUTS, N_PICTURES = 10, 16
TARGET = CategoryTarget(name="none", vocab=tuple("abcdefghij"))


def build(name: str) -> tuple[Network, PictureInput]:
    torch.manual_seed(0)
    error: Exception | None = None
    for size in SIZES:
        try:
            body = load_body(name, pretrained=False, channels=3, size_px=size, dropout=0.0)
            break
        except DrivetrainError as failed:
            error = failed
    else:
        raise SystemExit(json.dumps({"reason": f"cannot be built: {error}"[:200]}))
    reader = PictureInput(channels=3, size_px=body.config["input_size"][1], mean=(0.5,) * 3, std=(0.25,) * 3)
    features = body.architecture.features
    network = Network(PictureIntake(reader), body.module, features=features, n_outputs=N_OUTPUTS, dropout=0.0)
    shake(network, reader)
    return network.eval(), reader


@torch.no_grad()
def shake(network: Network, reader: PictureInput) -> None:
    for parameter in network.parameters():
        if parameter.ndim <= 1:
            parameter.add_(0.05 * torch.randn_like(parameter))
    torch.nn.init.normal_(network.head[-1].weight)
    network.train()
    for _ in range(2):
        network.answer(torch.randint(0, 256, (4, reader.size_px, reader.size_px, 3), dtype=torch.uint8))


def paint(folder: Path) -> Examples:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(N_PICTURES):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        paths.append(folder / f"{i}.png")
        coarse.resize((300, 260), Image.Resampling.BICUBIC).save(paths[-1])
    return Examples(Files(paths), tuple(digest(path.read_bytes()) for path in paths), ("a",) * N_PICTURES)


def main() -> None:
    network, reader = build(sys.argv[1])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    found = {"architecture": sys.argv[1], "px": reader.size_px, "parameters": parameters}
    with tempfile.TemporaryDirectory() as folder:
        rows = paint(Path(folder))
        began = time.monotonic()
        try:
            made = export_trained(network, reader, TARGET, rows, Examples(), plan=ExportPlan(golden=0))
        except DrivetrainError as error:
            print(json.dumps(found | {"reason": str(error)[:600], "seconds": round(time.monotonic() - began, 1)}))
            return
    record = made.record.model_dump(include={"exporter", "max_abs_difference", "agreement"})
    size = len(made.files[MODEL])
    print(json.dumps(found | record | {"bytes": size, "seconds": round(time.monotonic() - began, 1)}))


if __name__ == "__main__":
    main()
