"""A model that is no network, and writes its own ONNX graph: compared with what it says itself, or refused.

Legend: N rows, K outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ExportError
from drivetrain.export.exporting import N_GOLDEN, Exported
from drivetrain.export.golden import golden_files, made_up, may_travel
from drivetrain.export.lowering import evenly
from drivetrain.export.parity import compare
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Export
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.wire import understood
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.runtime.targets import Target


def export_direct(
    model: bytes,
    spec: InputSpec,
    target: Target,
    answer: Callable[[Arrays], NDArray[np.float32]],
    *,
    sources: Sequence[Any],
    expected_NK: NDArray[np.float32],
    n_held_out: int,
    golden: int = N_GOLDEN,
) -> Exported:
    """The files of a model's own ONNX graph, where it says what the model says.

    Args:
        model: The graph: what `spec` views → (N, K) raw outputs.
        spec: How an input is read.
        target: What outputs mean.
        answer: What the model itself says of a batch of views.
        sources: Real rows to compare on, as `spec.load` takes them.
        expected_NK: What the model says of them, having read them its own way.
        n_held_out: Of these rows, how many are not of the training set.
        golden: How many of the rows travel with the model as golden examples; 0 takes made-up ones instead.

    Raises:
        ExportError: The graph says something else than the model, or is none that `drivetrain.load` runs.
        InputError: A row cannot be read any more.
    """
    began = time.monotonic()
    loaded = [spec.load(source) for source in sources]
    views = spec.stack([spec.view(one) for one in loaded])
    engine = OnnxEngine(model)
    parity = compare(engine, views, expected_NK, lambda *one: answer(one), target, signature=spec.signature())
    if parity.problem is not None:
        raise ExportError(
            f"the ONNX graph that the model wrote does not say what the model says: {parity.problem}. Expected the "
            "same answers. To fix: correct as_onnx() of its class; of a model of drivetrain's, report this."
        )
    shown = may_travel(spec, [loaded[i] for i in evenly(len(loaded), golden)]) if golden else made_up(spec, N_GOLDEN)
    record = Export(
        exporter="direct",
        opset=_opset(model),
        precision="fp32",
        n=parity.n,
        n_held_out=n_held_out,
        max_abs_difference=parity.max_abs_difference,
        agreement=parity.agreement,
        seconds=round(time.monotonic() - began, 2),
    )
    files = golden_files(engine, spec, shown, "fp32")
    return Exported({MODEL: model, **files}, record, Decision(value="fp32", reason="full precision"))


def _opset(model: bytes) -> int:
    """Of the plain operators."""
    versions = [one.get("version", 1) for one in understood(model)["opset_import"] if not len(one.get("domain", b""))]
    return versions[0] if versions else 1
