"""Lower precision for a finished ONNX file: 8 bits for weights and activations, or 16 bits for weights alone.

What either costs in accuracy is measured afterwards, on the validation rows (`paired`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from drivetrain.runtime.spec import Arrays

Ranges = Literal["minmax", "percentile", "entropy"]
"""How the range of an activation is found: all of it, all but the rarest values, or what keeps most information."""

CALIBRATION_ROWS = 128
"""Training rows that the ranges are found on."""

ROWS_AT_A_TIME = 8
"""Of these: all activations of so many pictures are in memory at once."""

PERCENTILE = 99.99

QUANTISED = ("Conv", "Gemm", "MatMul", "Add", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat")
"""What is computed with 8 bits; the rest stays in fp32 between them."""

SMALLEST_HALVED = 256
"""Numbers in a weight from which on 16 bits are worth a conversion."""


def to_int8(
    model: bytes,
    views: Arrays,
    *,
    ranges: Ranges = "minmax",
    per_channel: bool = True,
    reduce_range: bool = True,
) -> bytes:
    """The same model with 8-bit weights and activations (static quantisation, QDQ format).

    Args:
        model: An ONNX file in fp32, weights inside.
        views: A batch of training rows, which the ranges of activations are found on.
        ranges: How.
        per_channel: A scale for every output channel of a weight, or one for all.
        reduce_range: Weights in 7 bits. Processors without VNNI add up pairs of products in 16 bits, which overflow
            with 8; a model that is measured here may be served there.

    Raises:
        Exception: Whatever ONNX Runtime's quantiser raises.
    """
    with tempfile.TemporaryDirectory() as folder, _in_silence():
        before, after = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        proto = onnx.load_model_from_string(model)
        add_pre_process_metadata(proto)  # else it advises to fold batch norm, which is done
        before.write_bytes(proto.SerializeToString())
        quantize_static(
            before,
            after,
            _Calibration([value.name for value in proto.graph.input], views),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_kept_exact(proto),
            calibrate_method={
                "minmax": CalibrationMethod.MinMax,
                "percentile": CalibrationMethod.Percentile,
                "entropy": CalibrationMethod.Entropy,
            }[ranges],
            extra_options={
                "CalibStridedMinMax": min(ROWS_AT_A_TIME, len(views[0])),
                "CalibTensorRangeSymmetric": False,
                "CalibPercentile": PERCENTILE,
            },
        )
        made = onnx.load_model(after)
    del made.metadata_props[:]
    return made.SerializeToString()


def to_dynamic_int8(model: bytes, *, reduce_range: bool = True) -> bytes:
    """The same model, what it multiplies by weights in 8 bits: ranges of activations are found in each batch.

    For transformers of texts, whose few very large activations leave nothing of the others in ranges that are found
    before: measured on Banking77, three layers of 384, one thread: 1,720 texts a second instead of 880, the largest
    change of a probability .057 (static: .19). What else is in a batch changes an answer by as little.

    Args:
        model: An ONNX file in fp32, weights inside.
        reduce_range: As of `to_int8`.

    Raises:
        ValueError: It multiplies by no weights.
        Exception: Whatever ONNX Runtime's quantiser raises.
    """
    proto = onnx.load_model_from_string(model)
    weights = {tensor.name for tensor in proto.graph.initializer}
    exact = _kept_exact(proto)
    inner = [node for node in proto.graph.node if node.op_type == "MatMul" and node.name not in exact]
    if not any(weights.intersection(node.input) for node in inner):
        raise ValueError("it multiplies by no weights, which is what 8 bits make quicker")
    with tempfile.TemporaryDirectory() as folder, _in_silence():
        before, after = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        add_pre_process_metadata(proto)
        before.write_bytes(proto.SerializeToString())
        quantize_dynamic(
            before,
            after,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=exact,
            extra_options={"MatMulConstBOnly": True},
        )
        made = onnx.load_model(after)
    del made.metadata_props[:]
    return made.SerializeToString()


class _Calibration(CalibrationDataReader):
    """Feeds views, as many rows at a time as may be in memory; those that do not fill the last time are left out."""

    def __init__(self, names: Sequence[str], views: Arrays) -> None:
        step = min(ROWS_AT_A_TIME, len(views[0]))
        self._rows = len(views[0]) // step * step
        self._views = dict(zip(names, views, strict=True))
        self._next = self._end = 0

    def __len__(self) -> int:
        return self._rows

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next, self._end = start_index, min(end_index, self._rows)

    def get_next(self) -> Any:
        if self._next >= self._end:
            return None
        batch = {name: array[self._next : self._end] for name, array in self._views.items()}
        self._next = self._end
        return batch


def _kept_exact(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that give the outputs: the last layer decides, and costs nothing in full precision."""
    wanted = {output.name for output in model.graph.output}
    return [node.name for node in model.graph.node if wanted.intersection(node.output)]


def to_16_bits(model: bytes, kind: Literal["bf16", "fp16"]) -> bytes:
    """The same model, its weights stored in 16 bits: half the size. They are widened again when it is loaded.

    fp16 keeps 11 bits of each number and reaches 65,504; bf16 keeps 8 bits and reaches as far as fp32.

    Args:
        model: An ONNX file in fp32, weights inside.
        kind: Which 16 bits.

    Raises:
        ValueError: A weight is too large for fp16.
    """
    proto = onnx.load_model_from_string(model)
    dtype, code = {
        "bf16": (np.dtype(ml_dtypes.bfloat16), TensorProto.BFLOAT16),
        "fp16": (np.dtype(np.float16), TensorProto.FLOAT16),
    }[kind]
    kept: list[onnx.TensorProto] = []
    casts: list[onnx.NodeProto] = []
    for tensor in proto.graph.initializer:
        weights = numpy_helper.to_array(tensor) if tensor.data_type == TensorProto.FLOAT else None
        if weights is None or weights.size < SMALLEST_HALVED:
            kept.append(tensor)
            continue
        with np.errstate(over="ignore"):
            halved = weights.astype(dtype)
        if not np.isfinite(halved.astype(np.float32)).all():
            raise ValueError(f"weights of {tensor.name} reach {np.abs(weights).max():.3g}, too large for {kind}")
        name = f"{tensor.name}_{kind}"
        kept.append(helper.make_tensor(name, code, weights.shape, halved.tobytes(), raw=True))
        casts.append(helper.make_node("Cast", [name], [tensor.name], name=f"widen_{tensor.name}", to=TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.initializer.extend(kept)
    proto.graph.node.extend(nodes)
    return proto.SerializeToString()


def evenly(n: int, most: int) -> Sequence[int]:
    """At most so many of n rows, spread over all of them, since rows often lie class by class.

    Example:
        >>> evenly(10, 4), evenly(3, 4)
        ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist() if n else []


@contextlib.contextmanager
def _in_silence() -> Generator[None]:
    """Without the quantiser's prints and its remarks on the root logger."""
    root = logging.getLogger()
    before = root.level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        root.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            root.setLevel(before)
