"""The whole way from a trained network to `model.onnx`: convert, compare, lower the precision, compare again.

Nothing here knows a Learner. Legend: N rows, K outputs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from drivetrain.data.examples import Examples
from drivetrain.errors import ExportError, InputError
from drivetrain.export.converting import EXPORTERS, OPSET, Exporter, convert
from drivetrain.export.golden import golden_files, made_up, may_travel
from drivetrain.export.lowering import CALIBRATION_ROWS, evenly, to_16_bits, to_dynamic_int8, to_int8
from drivetrain.export.paired import paired_change
from drivetrain.export.parity import Parity, compare
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Export, ExportPrecision, PairedChange
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.predictor import Engine
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.runtime.targets import Target

COMPARED_ROWS = 64
"""Real rows that a file is compared with the network on."""

WORST_CHANGE = 0.02
"""Loss that lower precision may bring: two points of accuracy, at the worse end of the 95 % interval."""

LEAST_ROWS = 30
"""Validation rows below which lower precision is refused: fewer cannot tell two points from chance."""

MOST_ROWS = 2000
"""Validation rows that lower precision is judged on."""

N_GOLDEN = 4


@dataclass(frozen=True)
class Trained:
    """What is exported, and what it said while it still was a torch network."""

    network: nn.Module
    """A batch of views, one tensor for each of the signature, → (N, K) float32 raw outputs; on the CPU, in evaluation
    mode."""
    reader: InputSpec
    target: Target
    reference: Engine
    """The trained network itself, in fp32."""
    paths: tuple[Path, ...]
    """Rows to compare on."""
    expected_NK: NDArray[np.float32]
    """What the trained network says of them, in fp32, having read them its own way."""
    n_held_out: int
    """Of these rows, how many are not of the training set."""


@dataclass(frozen=True)
class Exported:
    """Files for the artefact, the record for its manifest, and why the precision is what it is."""

    files: dict[str, bytes]
    record: Export
    decision: Decision


def export_network(
    trained: Trained,
    *,
    precision: ExportPrecision,
    valid: Examples,
    train: Examples,
    golden: int = N_GOLDEN,
    worst_change: float = WORST_CHANGE,
) -> Exported:
    """Make the ONNX file of a trained network, or say why there is none.

    Args:
        trained: The network, and what it says.
        precision: Below fp32 it is taken only if the validation rows allow it; see `worst_change`.
        valid: Validation rows, to judge lower precision on.
        train: Training rows, whose activations give int8 its ranges.
        golden: How many of the rows travel with the model as golden examples; 0 takes made-up ones instead.
        worst_change: Loss of accuracy (of several labels: of the share that is right; of numbers: standard deviations
            of error) that is acceptable at the worse end of the 95 % interval.

    Raises:
        ExportError: No exporter gives a model that says what the network says.
        InputError: An input cannot be read any more.
    """
    began = time.monotonic()
    model, exporter, parity = _convert_checked(trained, read_all(trained.reader, trained.paths))
    change = None
    decision = Decision(value="fp32", reason="full precision")
    if precision != "fp32":
        model, change, decision = _lowered(model, precision, trained, valid, train, worst_change=worst_change)
    taken: Any = decision.value
    shown = [trained.reader.load(trained.paths[i]) for i in evenly(len(trained.paths), golden)] if golden else []
    shown = may_travel(trained.reader, shown) or made_up(trained.reader, N_GOLDEN)
    files = golden_files(OnnxEngine(model), trained.reader, shown, taken)
    record = Export(
        exporter=exporter,
        opset=OPSET,
        precision=taken,
        n=parity.n,
        n_held_out=trained.n_held_out,
        max_abs_difference=parity.max_abs_difference,
        agreement=parity.agreement,
        seconds=round(time.monotonic() - began, 2),
        change=change,
    )
    return Exported({MODEL: model, **files}, record, decision)


def read_all(reader: InputSpec, sources: Sequence[Any]) -> Arrays:
    """A batch of inputs as the network reads them; raises InputError."""
    with ThreadPoolExecutor(min(8, usable_cpus())) as pool:
        return reader.stack(list(pool.map(lambda source: reader.view(reader.load(source)), sources)))


def _convert_checked(trained: Trained, views: Arrays) -> tuple[bytes, Exporter, Parity]:
    """The file of the first exporter that says what the network says."""
    problems: list[str] = []
    signature = trained.reader.signature()
    for exporter in EXPORTERS:
        try:
            model = convert(trained.network, signature, trained.target.n_outputs, exporter)
            parity = compare(
                OnnxEngine(model), views, trained.expected_NK, trained.reference, trained.target, signature=signature
            )
        except Exception as error:  # noqa: BLE001 - exporters raise anything; the other one may still do it
            problems.append(f"{exporter}: {type(error).__name__}: {_short(error)}")
            continue
        if parity.problem is None:
            return model, exporter, parity
        problems.append(f"{exporter}: {parity.problem}")
    raise ExportError(
        f"the network cannot be exported to ONNX: {'; '.join(problems)}. To fix: choose another architecture, or "
        "save it without (precision=None), and answer with torch."
    )


def _lowered(
    model: bytes,
    precision: ExportPrecision,
    trained: Trained,
    valid: Examples,
    train: Examples,
    *,
    worst_change: float,
) -> tuple[bytes, PairedChange | None, Decision]:
    """The model in lower precision where the validation rows allow it, else as it is."""
    valid = valid.subset(list({digest: row for row, digest in enumerate(valid.digests)}.values()))  # each content once
    if len(valid) < LEAST_ROWS:
        reason = f"{precision} was refused: {len(valid)} validation rows cannot tell what it costs, {LEAST_ROWS} could"
        return model, None, Decision(value="fp32", reason=reason)
    try:
        lower = _lower(model, precision, trained.reader, train)
        engines = OnnxEngine(model), OnnxEngine(lower)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - the quantiser raises anything, and fp32 is there
        return (
            model,
            None,
            Decision(value="fp32", reason=f"{precision} failed: {type(error).__name__}: {_short(error)}"),
        )
    change = _judged(trained, valid, *engines)
    found = f"{change.measure} {100 * change.change:+.1f} points [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
    said = f"{found} on {change.n} validation rows; at worst {-100 * worst_change:g} is allowed"
    if change.low < -worst_change:
        return model, change, Decision(value="fp32", reason=f"{precision} was refused: {said}")
    return lower, change, Decision(value=precision, reason=said)


def _lower(model: bytes, precision: ExportPrecision, reader: InputSpec, train: Examples) -> bytes:
    if precision == "int8" and any(None in spec.shape for spec in reader.signature()):
        return to_dynamic_int8(model)  # inputs of any length: pieces of texts
    if precision == "int8":
        rows = evenly(len(train), CALIBRATION_ROWS)
        return to_int8(model, read_all(reader, [train.inputs[row] for row in rows]))
    assert precision != "fp32"
    return to_16_bits(model, precision)


def _judged(trained: Trained, valid: Examples, *engines: Engine) -> PairedChange:
    """What both engines say of the validation rows, a batch at a time."""
    rows = valid.subset(evenly(len(valid), MOST_ROWS))
    parts: list[list[NDArray[np.float32]]] = [[], []]
    for start in range(0, len(rows), COMPARED_ROWS):
        views = read_all(trained.reader, list(rows.inputs)[start : start + COMPARED_ROWS])
        for part, engine in zip(parts, engines, strict=True):
            part.append(engine(*views))
    fp32_NK, lower_NK = map(np.concatenate, parts)
    return paired_change(trained.target, trained.target.encode(rows.values), fp32_NK, lower_NK)


def _short(error: Exception) -> str:
    """What an error says in its first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else "without a word"
