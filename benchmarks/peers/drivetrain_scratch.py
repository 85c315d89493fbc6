"""The same as fastai_scratch.py for drivetrain itself, in its own environment.

python drivetrain_scratch.py TABLE [--size 224] [--epochs 2]
"""

from __future__ import annotations

import argparse
from typing import Any

from rates import Steps, tell_rates

import drivetrain as dt

BATCH_SIZE = 64


class Clock(dt.Callback):
    def __init__(self, steps: Steps, n_train: int) -> None:
        self.steps, self.n_train = steps, n_train
        self.done = 0

    def on_run_start(self, run: Any) -> None:
        self.steps.begin()

    def on_step_end(self, run: Any, loss: float) -> None:
        pictures = min(BATCH_SIZE, self.n_train - self.done)
        self.done += pictures
        self.steps.took(pictures)

    def on_epoch_end(self, run: Any) -> None:
        self.done = 0
        self.steps.begin()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    data = dt.images(options.table)
    steps = Steps()
    clock = Clock(steps, len(data.train))
    settings = {"size": options.size, "recipe": {"batch_size": BATCH_SIZE}, "callbacks": [clock]}
    learn = dt.Learner(data, "resnet18", pretrained=False, **settings)
    learn.fit(options.epochs, checkpoint=False)
    # Not the validation set: what was said of it after the last epoch is remembered.
    tell_rates(steps, lambda: learn.predictions("train"), len(data.train))


if __name__ == "__main__":
    main()
