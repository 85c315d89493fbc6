"""The pages of SqueezeNet 1.1, MobileNetV1 and EfficientNet-Lite0, on Grocery and on Tiny ImageNet.

The bodies are as they were pretrained on ImageNet; their heads are linear models fitted on training rows. What is
written is for looking: the pages, and what each says in short.

    python benchmarks/inside_pages.py SHARED --out pages
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from sets import Row, Table, grocery_table, tiny_table, write_table
from timm.models import register_model
from torch import nn
from torchvision.models import squeezenet1_1 as torchvision_squeezenet

import drivetrain as dt
from drivetrain.insight.reading import in_batches
from drivetrain.insight.subject import subject_of
from drivetrain.training.probing import Probe

ROWS = 1000
HEAD_ROWS = 1500


class SqueezeNet(nn.Module):
    """torchvision's, as timm's bodies are: features, averaged."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.features = torchvision_squeezenet(weights=None).features
        self.num_features = 512
        mean, std = (123 / 255, 117 / 255, 104 / 255), (1 / 255,) * 3
        self.pretrained_cfg = {"input_size": (3, 227, 227), "interpolation": "bicubic", "crop_pct": 0.875,
                               "mean": mean, "std": std, "first_conv": "features.0"}  # fmt: skip
        self.default_cfg = self.pretrained_cfg

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.features(pictures).mean((2, 3))


@register_model
def squeezenet1_1(pretrained: bool = False, **options: Any) -> nn.Module:
    return SqueezeNet()


def learner(name: str, data: Any, shared: Path, head_rows: int) -> dt.Learner:
    """The body as pretrained, with a linear model for a head."""
    weights = shared / "weights"
    if name == "squeezenet":
        learn = dt.Learner(data, "squeezenet1_1", pretrained=False, size=227, augment=False, device="cpu")
        found = load_file(weights / "squeezenet1_1.caffe_in1k" / "model.safetensors")
        own = {key: value.float() for key, value in found.items() if key.startswith("features.")}
        learn.network.body.load_state_dict(own)
    else:
        learn = dt.Learner(data, f"local-dir:{weights / name}", augment=False, device="cpu")
    fit_head(learn, head_rows)
    return learn


def fit_head(learn: dt.Learner, n: int) -> None:
    """Batch normalisation, then the best linear model on what the body gives of some training rows."""
    some = np.random.default_rng(0).permutation(len(learn.data.train))[:n]
    rows = learn.data.train.subset(np.sort(some))

    class Trained:
        data = type("Rows", (), {"valid": rows, "train": rows, "target": learn.data.target})
        network, kind, place, label = learn.network, learn.kind, learn.place, learn.label

    subject = subject_of(Trained(), rows=len(rows))  # the same way of reading, of other rows
    with torch.inference_mode():
        parts = [
            subject.network.body(*subject.network.taken(*subject.batch(own))) for own in in_batches(range(len(rows)))
        ]
    features = torch.cat(parts).float()
    probe = Probe(learn.data.target, features.numpy().astype(np.float64), subject.truth)
    model, (norm, _, linear) = probe._models[0], learn.network.head
    with torch.no_grad():
        norm.running_mean.copy_(features.mean(0))
        norm.running_var.copy_(features.var(0, unbiased=False))
        linear.weight.zero_()
        linear.weight[model.classes_] = torch.from_numpy(model.coef_).float()
        linear.bias.fill_(-20.0)
        linear.bias[model.classes_] = torch.from_numpy(model.intercept_).float()


def grocery(shared: Path, folder: Path) -> Table:
    """Of the official training and validation rows every third is looked at."""
    rows: list[Row] = []
    for path, label, part in grocery_table(shared, folder).rows:
        if part != "test":
            rows.append((path, label, "valid" if len(rows) % 3 == 0 else "train"))
    return write_table(folder / "grocery-inside.csv", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="the folder with data and weights")
    parser.add_argument("--out", type=Path, default=Path("pages"))
    parser.add_argument("--only", help="net/set, such as squeezenet/grocery; several with commas")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--features", type=int, default=9)
    parser.add_argument("--head-rows", type=int, default=HEAD_ROWS)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DRIVETRAIN_PROJECT", str(asked.out / "project"))
    os.environ.setdefault("DRIVETRAIN_INDEX_DIR", str(asked.out / "index"))
    nets = {"squeezenet": "squeezenet", "mobilenet": "mobilenetv1_100.tf_in1k", "lite0": "tf_efficientnet_lite0.in1k"}
    sets = {"grocery": grocery, "tiny": lambda shared, folder: tiny_table(shared, folder, train=70, valid=50)}
    for set_name, make in sets.items():
        for net, folder in nets.items():
            name = f"{net}-{set_name}"
            if asked.only and f"{net}/{set_name}" not in asked.only.split(","):
                continue
            data = dt.images(make(asked.shared, asked.out).path)
            began = time.monotonic()
            learn = learner(folder, data, asked.shared, asked.head_rows)
            fitted = time.monotonic() - began
            found = learn.look_inside(
                asked.out / f"{name}.html", rows=asked.rows, features=asked.features, quick=asked.quick
            )
            found.save(asked.out / f"{name}.png")
            said = {**found.as_json(), "head_s": fitted, "bytes": (asked.out / f"{name}.html").stat().st_size}
            (asked.out / f"{name}.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
            print(name, f"{fitted:.0f} s for the head, {found.found.seconds:.0f} s inside", found, sep="\n", flush=True)


if __name__ == "__main__":
    main()
