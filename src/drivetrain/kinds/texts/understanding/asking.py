"""A model of texts as something that answers about any text: as it is, and as copies that have learnt nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.errors import DrivetrainError
from drivetrain.kinds.texts.explaining import Answer, answer_with
from drivetrain.kinds.texts.spec import Spec
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.shuffled import shuffled

COPIES = 3


def spec_of(model: Any) -> Spec | None:
    """How a model reads a text; None where it does not say."""
    found = getattr(model, "spec", None) or getattr(getattr(model, "kind", None), "spec", None)
    return found if isinstance(found, Spec) else None


def answer_of(model: Any, spec: Spec) -> Answer:
    """What a model says of texts."""
    return answer_with(spec, _activated(model, _run_of(model)))


def shuffled_answers_of(model: Any, spec: Spec) -> list[Answer]:
    """Copies of a model whose parameters are shuffled; none where it cannot be copied so."""
    try:
        return [answer_with(spec, _activated(model, _shuffled(model, seed))) for seed in range(COPIES)]
    except (DrivetrainError, NotImplementedError, AttributeError):
        return []


def texts_of(spec: Spec, rows: Examples) -> list[str]:
    """Rows as a model reads them; one that cannot be read any more is empty."""
    found: list[str] = []
    for source in rows.inputs:
        try:
            found.append(spec.read(source))
        except DrivetrainError:
            found.append("")
    return found


def _activated(model: Any, run: Callable[..., NDArray[Any]]) -> Callable[..., NDArray[Any]]:
    target = model.data.target
    return lambda *views: target.activate(run(*views))


def _run_of(model: Any) -> Callable[..., NDArray[Any]]:
    """Views → raw outputs: of a network by its predictor."""
    if hasattr(model, "outputs"):
        return lambda *views: model.outputs(views)
    return model.predictor().run


def _shuffled(model: Any, seed: int) -> Callable[..., NDArray[Any]]:
    if not hasattr(model, "network"):
        return OnnxEngine(shuffled(model.as_onnx(), seed=seed), threads=1)
    rng = np.random.default_rng(seed)
    other = copy.copy(model)
    other.network = copy.deepcopy(model.network)
    for parameter in other.network.parameters():  # nothing of torch is imported here
        values = parameter.detach().cpu().numpy()
        shuffled_values = rng.permutation(values.ravel()).reshape(values.shape)
        parameter.data = parameter.data.new_tensor(shuffled_values)
    return other.predictor().run
