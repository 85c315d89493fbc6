"""A model that is no network and writes its own ONNX graph (boosted trees, a line, a blend): made to answer, and saved.

Legend: N rows, K outputs.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.cache.store import Store
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import ArtefactError, DataError, MissingExtraError, SettingError
from drivetrain.learner.saving.save import Described, as_it_says, write_model
from drivetrain.runtime.artefact import check_target_path
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.spec import Arrays, InputSpec

if TYPE_CHECKING:
    from drivetrain.export.exporting import Exported
    from drivetrain.learner.base import ModelBase

Outputs = NDArray[np.float32]
ROWS_AT_ONCE = 16_384
"""Rows of a table that are read and answered together: memory is bounded by it."""


class WritesOnnx(Protocol):
    """What a model says beside `predict_rows` and `identity`, so that it can answer anything, and be saved."""

    @property
    def spec(self) -> InputSpec:
        """How an input is read."""
        ...

    def outputs(self, views: Arrays, /) -> Outputs:
        """(N, K) raw outputs, which the target activates, of a batch of views."""
        ...

    def as_onnx(self) -> bytes:
        """The same as one ONNX graph: the tensors of `spec.signature()`, in a batch → one output (N, K), float32."""
        ...


def as_writer(model: ModelBase, what: str) -> WritesOnnx:
    """The model, as one that says how it answers anything.

    Args:
        model: Any.
        what: What it is to do, for the message.

    Raises:
        ArtefactError: It does not say so.
    """
    lacking = [name for name in ("spec", "outputs", "as_onnx") if not hasattr(model, name)]
    if not lacking:
        return cast("WritesOnnx", model)
    raise ArtefactError(
        f"{model.label} cannot {what}: its class has no {', no '.join(lacking)}; expected how an input is read (spec), "
        "what is said of a batch (outputs), and the same as an ONNX graph (as_onnx), as dt.Trees and dt.Learner have "
        "them. To fix: add these, or keep the model with its own library."
    )


def predictor_of(model: ModelBase, *, top_k: int) -> Predictor:
    """The model without its training data, as it is now; see `ModelBase.predictor`."""
    writer = as_writer(model, "answer inputs of unknown target")
    return Predictor(writer.spec, model.data.target, lambda *views: writer.outputs(views), top_k=top_k)


def save_direct(model: ModelBase, path: str | os.PathLike[str], *, golden: int) -> Path:
    """Write the artefact of a model that writes its own ONNX graph; see `ModelBase.save`."""
    writer, target, data = as_writer(model, "be saved"), check_target_path(path), model.data
    if not model.main:
        return target
    exported = _exported(model, writer, golden)
    described = Described(writer.spec, architecture_of(model, writer.spec), exported, exported.decision)
    told = as_it_says(model, described, _store(writer.spec, data.valid))
    return write_model(model, target, described, told)


def architecture_of(model: ModelBase, spec: InputSpec) -> Architecture:
    """What the manifest calls a model that is no network, and how many numbers of a row it reads.

    Raises:
        SettingError: Its label holds no letter of the Latin alphabet.
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", model.label).strip("_")[:100]
    if not name:
        raise SettingError(
            f"label={model.label!r} cannot name a saved model: expected letters a to z or digits. To fix: set the "
            "label of its class."
        )
    width = sum(math.prod(side or 1 for side in one.shape) for one in spec.signature())
    return Architecture(name=name, pretrained_from=None, features=max(1, min(width, 2**18)), dropout=0)


def outputs_of(answer: Callable[[Arrays], Outputs], spec: InputSpec, rows: Examples) -> Outputs:
    """(N, K) what is said of rows: a table's by column, other inputs row by row.

    Raises:
        DataError: A row cannot be read any more.
    """
    parts = [answer(views) for views in _views_of(spec, rows)]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def _views_of(spec: Any, rows: Examples) -> Iterator[Arrays]:
    if isinstance(rows.inputs, Cells) and hasattr(spec, "load_many"):
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = {name: cells[start : start + ROWS_AT_ONCE] for name, cells in rows.inputs.columns.items()}
            yield spec.view_many(spec.load_many(part))
        return
    store = _store(spec, rows)
    for start in range(0, len(rows), 64):
        wanted = list(range(start, min(start + 64, len(rows))))
        views: list[Arrays] = []
        for row, loaded in zip(wanted, store.get(wanted), strict=True):
            if loaded is None:
                raise DataError(f"{store.name(row)} cannot be read any more. To fix: put it back, and try again.")
            views.append(spec.view(loaded))
        yield spec.stack(views)


def _store(spec: InputSpec, rows: Examples) -> Store:
    return Store(rows.inputs, spec, digests=None if spec.cache_key() is None else rows.digests)


def _exported(model: ModelBase, writer: WritesOnnx, golden: int) -> Exported:
    try:
        from drivetrain.export.direct import export_direct  # noqa: PLC0415 - takes a second
        from drivetrain.export.exporting import COMPARED_ROWS  # noqa: PLC0415
        from drivetrain.export.lowering import evenly  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(f"saving needs {error.name}: pip install 'drivetrain[train]'") from error
    data = model.data
    held_out = data.valid.subset(evenly(len(data.valid), COMPARED_ROWS))
    more = data.train.subset(evenly(len(data.train), COMPARED_ROWS - len(held_out)))
    compared = Examples.concat([held_out, more])
    return export_direct(
        writer.as_onnx(),
        writer.spec,
        data.target,
        writer.outputs,
        sources=list(compared.inputs),
        expected_NK=outputs_of(writer.outputs, writer.spec, compared),
        n_held_out=len(held_out),
        golden=golden,
    )
