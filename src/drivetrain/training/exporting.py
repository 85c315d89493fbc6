"""A trained network handed to the export room: what it says of real pictures, and a copy that can be converted."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.data.cache.store import Store
from drivetrain.data.examples import Examples
from drivetrain.errors import ExportError, MissingExtraError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import ExportPrecision
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.predictor import checked_outputs
from drivetrain.runtime.spec import InputSpec, head
from drivetrain.runtime.targets import Target
from drivetrain.settings import number, whole
from drivetrain.settings import precision as asked_precision
from drivetrain.training.evaluating import engine_outputs
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.judging import judge
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.recipe.losses import Loss

if TYPE_CHECKING:
    from drivetrain.export.exporting import Exported

EXACT = Place(None, torch.device("cpu"), Decision(value="fp32", reason="what others are compared with"), 0, 1)


def answers_of(
    model: bytes, spec: InputSpec, target: Target, examples: Examples, loss: Loss | None = None
) -> Predictions:
    """What a `model.onnx` says of rows whose targets are known.

    In precision below fp32 it says something else than the network: scores that are stored with such a model, its
    calibration and what it is expected to say are made from these answers.
    """
    store = Store(examples.inputs, spec, digests=examples.digests)
    outputs = engine_outputs(OnnxEngine(model), spec, store)
    checked_outputs(outputs, len(examples), target.n_outputs)
    return judge(outputs, examples, target, loss)


class Deployed(nn.Module):
    """A network as it is exported: a batch of views → (N, K) raw outputs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *views: Tensor) -> Tensor:
        """Without what training needs of `Network.forward`."""
        return self.network.head(self.network.body(*self.network.taken(*views)))


@dataclass(frozen=True)
class ExportPlan:
    """How the model that runs without torch is made.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> ExportPlan("int8", worst_change=0.01).precision
        'int8'
    """

    precision: ExportPrecision | None = "fp32"
    """Of `model.onnx`; None: none is made."""
    golden: int = 4
    """Validation rows that travel with the model, small, so that it can prove itself; 0: made-up ones instead."""
    worst_change: float = 0.02
    """Loss of accuracy that a precision below fp32 may bring, at the worse end of its 95 % interval."""

    def __post_init__(self) -> None:
        checked = {
            "precision": None if self.precision is None else asked_precision(self.precision, get_args(ExportPrecision)),
            "golden": whole("golden", self.golden, least=0, most=64),
            "worst_change": number("worst_change", self.worst_change, above=0, below=1),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)


def export_trained(
    network: Network, spec: InputSpec, target: Target, valid: Examples, train: Examples, *, plan: ExportPlan
) -> Exported:
    """`drivetrain.export.exporting.export_network` for a network of ours; gives its `Exported`.

    Args:
        network: Trained, on any device; it is not changed.
        spec: How it reads inputs.
        target: What it says.
        valid: Held-out rows: compared on first, and what lower precision is judged by.
        train: Training rows: compared on where there are too few of the others, and the ranges of int8.
        plan: How; its precision must not be None.

    Raises:
        ExportError: No exporter gives a model that says what the network says, or no row can be read.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    try:
        from drivetrain.export.exporting import COMPARED_ROWS, Trained, export_network  # noqa: PLC0415 - takes a second
        from drivetrain.export.lowering import evenly  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(f"exporting needs {error.name}: pip install 'drivetrain[train]'") from error
    assert plan.precision is not None
    on_cpu = network if EXACT.device == next(network.parameters()).device else copy.deepcopy(network).to("cpu")
    trained = TorchEngine(on_cpu, EXACT)
    held_out = valid.subset(evenly(len(valid), COMPARED_ROWS))
    more = train.subset(evenly(len(train), COMPARED_ROWS - len(held_out)))
    compared = Examples.concat([held_out, more])
    store = Store(compared.inputs, spec, digests=compared.digests)
    found = store.get(list(range(len(compared))))
    there = [i for i, loaded in enumerate(found) if loaded is not None]
    if not there:
        raise ExportError("none of the rows can be read any more: there is nothing to compare an export on.")
    views = [spec.view(loaded) for loaded in found if loaded is not None]
    parts = [spec.stack(views[start : start + 16]) for start in range(0, len(views), 16)]
    folded, _ = for_inference(on_cpu, EXACT, head(parts[0], 1))
    return export_network(
        Trained(
            network=Deployed(folded).eval(),
            reader=spec,
            target=target,
            reference=trained,
            paths=tuple(compared.subset(there).inputs),
            expected_NK=np.concatenate([trained(*part) for part in parts]),
            n_held_out=sum(i < len(held_out) for i in there),
        ),
        precision=plan.precision,
        valid=valid,
        train=train,
        golden=plan.golden,
        worst_change=plan.worst_change,
    )
