"""fastai's own loop with its own loaders: pictures per second of ResNet-18 from scratch, training and validating.

python fastai_scratch.py TABLE [--size 224] [--item-size 460] [--epochs 2]
"""

from __future__ import annotations

import argparse

from fastai.vision.all import Callback, accuracy, resnet18, vision_learner
from fastai_fine_tune import make_dls
from rates import Steps, tell_rates


class Clock(Callback):
    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def before_train(self) -> None:
        self.steps.begin()

    def after_batch(self) -> None:
        if self.training:
            self.steps.took(len(self.yb[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--item-size", type=int, default=460)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    dls = make_dls(options.table, options.size, options.item_size)
    learn = vision_learner(dls, resnet18, metrics=accuracy, pretrained=False)
    steps = Steps()
    learn.fit_one_cycle(options.epochs, cbs=Clock(steps))
    tell_rates(steps, learn.validate, len(dls.valid_ds))


if __name__ == "__main__":
    main()
