"""Why one picture got its answer: maps of what it rests on, and the features that carry it from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from drivetrain.errors import DrivetrainError
from drivetrain.insight.features.choosing import worth
from drivetrain.insight.parts import Floats, Layer, Subject, Why
from drivetrain.insight.reading import answer, array, watched
from drivetrain.insight.why.checks import checks_of_one
from drivetrain.insight.why.methods import METHODS, Asked, Method, asked
from drivetrain.runtime.targets import NumberTarget
from drivetrain.settings import whole
from drivetrain.text import number_text, readable

PER_LAYER = 3
"""Features of each layer in the path."""


def explain(
    subject: Subject,
    row: int,
    layers: Sequence[Layer],
    *,
    output: int | None = None,
    methods: Mapping[str, Method] = METHODS,
    per_layer: int = PER_LAYER,
    tested: bool = True,
    seed: int = 0,
) -> Why:
    """What the answer for one picture rests on.

    A method that does not apply to the network (Grad-CAM, where no layer has places) has no map.

    Args:
        subject: What is looked into.
        row: Of its rows.
        layers: Of its network, from pixels to answer.
        output: Which is explained; None: what is said.
        methods: Name → method.
        per_layer: Features of each layer in the path.
        tested: Whether insertion and deletion are run for this picture, some hundred predictions.
        seed: Of the orders by chance that they are held against.
    """
    whole("row", row, least=0, most=len(subject.rows) - 1)
    about = asked(subject, row, list(layers), output=output)
    maps: dict[str, Floats] = {}
    for name, method in methods.items():
        try:
            maps[name] = method(about)
        except DrivetrainError:
            continue
    found = checks_of_one(about, maps, seed=seed) if tested else ()
    return Why(row, said(about), maps, path(subject, about, layers, per_layer=per_layer), found)


def said(about: Asked) -> str:
    """The answer in words: "Banana, 93 %"."""
    with torch.inference_mode():
        raw = array(answer(about.network, about.inputs))
    value = float(about.target.activate(raw)[0, about.output])
    name = readable(about.target.output_names[about.output])
    return f"{name} {number_text(value)}" if isinstance(about.target, NumberTarget) else f"{name}, {100 * value:.0f} %"


def path(
    subject: Subject, about: Asked, layers: Sequence[Layer], *, per_layer: int = PER_LAYER
) -> tuple[tuple[str, int, float], ...]:
    """Layer, channel and share of the answer, from pixels to answer; of each layer the strongest first.

    The share is activation × gradient, summed over places, divided by the sum of its sizes over the layer's channels:
    of all that they do for or against the answer. What is explained is the raw output; of categories what lies above
    the mean of all outputs, as only that changes a probability.
    """
    with torch.enable_grad(), watched(about.network, layers, all_tokens=True) as found:
        given = about.inputs.clone().requires_grad_().clone()
        score = worth(subject, answer(about.network, given))[0, about.output]
        held = [found[layer.name] for layer in layers]
        slopes = torch.autograd.grad(score, held)
    steps: list[tuple[str, int, float]] = []
    for layer, value, slope in zip(layers, held, slopes, strict=True):
        moved = (value * slope).detach().float().sum((2, 3))[0].cpu().numpy().astype(np.float64)
        whole_sum = float(np.abs(moved).sum())
        shares = moved / whole_sum if whole_sum > 0 else moved
        steps += [(layer.name, int(c), float(shares[c])) for c in np.argsort(-shares, kind="stable")[:per_layer]]
    return tuple(step for step in steps if step[2] > 0)
