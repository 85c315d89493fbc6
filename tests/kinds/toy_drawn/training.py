"""Bars in training: one window of each row, at random."""

import numpy as np
import torch

from drivetrain.kinds.drawn.training import DrawnIntake, DrawnKind, picture_body, rebuilt_body, restored_body
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import padded
from tests.kinds.toy_drawn.spec import Spec


class Kind(DrawnKind):
    def collate(self, loaded, /):
        return torch.from_numpy(padded(loaded)[0]), torch.tensor([len(array) for (array,) in loaded])

    def vary(self, batch, draws, /):
        rows, lengths = batch
        spare = (lengths - self.spec.window()).clamp_min(0)
        starts = (draws[:, 0] * (spare + 1)).long() if self.augment else spare // 2
        pictures = [self.spec.draw((row.numpy(),), int(start)) for row, start in zip(rows, starts, strict=True)]
        return (self.intake.normalise(torch.from_numpy(np.stack(pictures)).float()),)


def prepare(data, *, arch, pretrained, augment, dropout):
    spec = Spec(windows=data.options.get("windows", 1))
    body, choice = picture_body(arch or "test_resnet", spec, pretrained=False, dropout=dropout)
    return Kind(spec, body, {"arch": choice}, augment=augment)


def restore(saved, *, data, augment):
    body = restored_body(saved.architecture, saved.input)
    decisions = {"arch": Decision(value=saved.architecture.name, reason="as saved")}
    return Kind(saved.input, body, decisions, augment=augment)


def rebuild(spec, architecture, n_outputs):
    return DrawnIntake(spec), rebuilt_body(architecture, spec), None
