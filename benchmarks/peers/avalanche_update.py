"""avalanche's replay and EWC, from a model that is in use: the body, the head and the rows of a file, for a time.

python avalanche_update.py GROUND.npz WEIGHTS.safetensors BODY --strategy replay --seconds 60

The file holds uint8 pictures (N, S, S, 3) and labels `old_x`, `old_y`, `new_x`, `new_y`, and the test pictures
`old_test` and `new_test`; labels count on from the old classes to the new ones. One pass over the old rows at a rate of
0 lets the strategy remember them (its memory, or which weights matter); it is not counted.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from avalanche.benchmarks.scenarios.dataset_scenario import benchmark_from_datasets
from avalanche.benchmarks.utils.data import AvalancheDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin, SupervisedPlugin
from avalanche.training.storage_policy import ClassBalancedBuffer
from avalanche.training.supervised import EWC, Naive
from report import tell
from safetensors.torch import load_file
from torch import nn
from torchvision.transforms import v2

HEAD_LR, BODY_LR, BATCH_SIZE = 2e-3, 2e-4, 32
EWC_LAMBDA = 100.0
"""The best of 1, 10, 100 and 1,000 on the new task at no more than a third lost of the old one; see --ewc-lambda."""


class Model(nn.Module):
    """The body and the head of the model in use; batch normalisation of the body keeps its statistics, as there."""

    def __init__(self, body: str, weights: Path, n_classes: int) -> None:
        super().__init__()
        self.body = timm.create_model(body, pretrained=True, num_classes=0)
        stored = load_file(weights)
        self.body.load_state_dict({k.removeprefix("body."): v for k, v in stored.items() if k.startswith("body.")})
        known, features = stored["head.2.weight"].shape
        self.head = nn.Sequential(nn.BatchNorm1d(features), nn.Dropout(0.2), nn.Linear(features, n_classes))
        nn.init.normal_(self.head[2].weight, std=0.01)
        head = {k.removeprefix("head."): v for k, v in stored.items() if k.startswith("head.0.")}
        self.head[0].load_state_dict({k.removeprefix("0."): v for k, v in head.items()})
        with torch.no_grad():
            self.head[2].weight[:known] = stored["head.2.weight"]
            self.head[2].bias[:known] = stored["head.2.bias"]
            self.head[2].bias[known:] = stored["head.2.bias"].mean()

    def train(self, mode: bool = True) -> Model:
        super().train(mode)
        for layer in [*self.body.modules(), self.head[0]]:
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.eval()
        return self

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pictures))


class Rows(torch.utils.data.Dataset):
    """Pictures, varied."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        self.pictures, self.targets = pictures, labels.tolist()
        side = pictures.shape[1]
        self.vary = v2.Compose([v2.RandomResizedCrop(side, scale=(0.35, 1.0)), v2.RandomHorizontalFlip()])

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return normal(self.vary(torch.from_numpy(self.pictures[i]).permute(2, 0, 1))), self.targets[i]


def normal(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.float() / 127.5 - 1


class ForATime(SupervisedPlugin):
    """One cosine of the rates over the seconds of CPU that are given, then the end."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: float | None = None
        self.began, self.steps = 0.0, 0

    def start(self, seconds: float) -> None:
        self.seconds, self.began, self.steps = seconds, time.process_time(), 0

    def before_training_iteration(self, strategy: Any, *_: Any, **__: Any) -> None:
        done = 0.0 if self.seconds is None else (time.process_time() - self.began) / self.seconds
        factor = 0.0 if self.seconds is None else 0.5 * (1 + math.cos(math.pi * min(done, 1)))
        for group in strategy.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.steps += 1
        if done >= 1:
            strategy.stop_training()


def strategy_of(name: str, model: Model, memory: int, ewc: float, plugins: list[SupervisedPlugin]) -> Any:
    groups = [
        {"params": model.body.parameters(), "lr": BODY_LR, "peak": BODY_LR},
        {"params": model.head.parameters(), "lr": HEAD_LR, "peak": HEAD_LR},
    ]
    common: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.Adam(groups),
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": BATCH_SIZE,
        "train_epochs": 1,
        "evaluator": EvaluationPlugin(),
        "plugins": plugins,
    }
    if name == "replay":
        kept = ReplayPlugin(memory, storage_policy=ClassBalancedBuffer(memory, adaptive_size=True))
        return Naive(**{**common, "plugins": [kept, *plugins]})
    return EWC(ewc_lambda=ewc, **common) if name == "ewc" else Naive(**common)


@torch.no_grad()
def answers(model: Model, pictures: np.ndarray) -> np.ndarray:
    model.eval()
    parts = np.array_split(pictures, math.ceil(len(pictures) / 64))
    outputs = [model(normal(torch.from_numpy(part).permute(0, 3, 1, 2))) for part in parts]
    return torch.cat(outputs).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ground", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("body")
    parser.add_argument("--strategy", choices=("naive", "replay", "ewc"), default="replay")
    parser.add_argument("--seconds", type=float, required=True, help="of CPU, for the new rows")
    parser.add_argument("--memory", type=int, default=800, help="rows that replay may keep")
    parser.add_argument("--ewc-lambda", type=float, default=EWC_LAMBDA)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    with np.load(options.ground, allow_pickle=False) as file:
        ground = dict(file)
    model = Model(options.body, options.weights, int(ground["new_y"].max()) + 1)
    plugin = ForATime()
    strategy = strategy_of(options.strategy, model, options.memory, options.ewc_lambda, [plugin])
    rows = [as_avalanche(ground, which) for which in ("old", "new")]
    old, new = benchmark_from_datasets(train=rows).train_stream
    strategy.train(old)
    plugin.start(options.seconds)
    strategy.train_epochs = 10_000
    strategy.train(new)
    seconds = time.process_time() - plugin.began
    np.savez("answers.npz", **{which: answers(model, ground[f"{which}_test"]) for which in ("old", "new")})
    tell("updated", cpu_seconds=seconds, steps=plugin.steps)


def as_avalanche(ground: dict[str, np.ndarray], which: str) -> AvalancheDataset:
    pictures, labels = ground[f"{which}_x"], ground[f"{which}_y"]
    tasks = DataAttribute([0] * len(labels), "targets_task_labels", use_in_getitem=True)
    attributes = [DataAttribute(labels.tolist(), "targets"), tasks]
    return AvalancheDataset([Rows(pictures, labels)], data_attributes=attributes)


if __name__ == "__main__":
    main()
