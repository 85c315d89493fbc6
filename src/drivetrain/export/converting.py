"""A torch network as one ONNX file: views in, as the input's description makes them, raw outputs out.

Two exporters of torch.onnx can do it. What they give is not believed here: `parity` compares it with the network.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Generator, Sequence
from typing import Any, Literal

import onnx
import torch
from torch import Tensor, nn

from drivetrain.runtime.spec import TensorSpec, random_views

Exporter = Literal["dynamo", "torchscript"]

EXPORTERS: tuple[Exporter, ...] = ("dynamo", "torchscript")
"""In the order tried: torch.export's is the one that is looked after; TorchScript's is older, and takes some networks
that the other refuses."""

OPSET = 18
"""What torch's own translations are written for; ONNX Runtime reads it since 1.14."""

OUTPUTS, ROWS = "outputs", "N"

NOISY = ("torch.onnx", "torch.export", "torch._export", "torch.fx", "onnxscript", "onnx_ir")
"""Loggers that tell of their own affairs."""


def convert(network: nn.Module, signature: Sequence[TensorSpec], n_outputs: int, exporter: Exporter) -> bytes:
    """Content of an ONNX file: weights inside, whatever is done to views in the graph, any number of rows.

    Args:
        network: A batch of views, one tensor for each of the signature, → (N, K) float32; on the CPU, in evaluation
            mode.
        signature: Of the views; the ONNX inputs have its names.
        n_outputs: K.
        exporter: Of torch.onnx.

    Raises:
        Exception: Whatever the exporter raises; it has no exceptions of its own.
    """
    example = tuple(map(torch.from_numpy, random_views(signature, 2)))
    sides: list[list[str | int]] = [
        [ROWS, *(f"{spec.name}_{i}" if side is None else side for i, side in enumerate(spec.shape, start=1))]
        for spec in signature
    ]
    names = [spec.name for spec in signature]
    make = _with_dynamo if exporter == "dynamo" else _with_torchscript
    with _in_silence(), torch.no_grad():
        model = make(network, example, names, [_free(shape) for shape in sides])
    _describe(model, *sides, [ROWS, n_outputs])
    _remove_traces(model)
    return model.SerializeToString()


def _free(shape: list[str | int]) -> dict[int, str]:
    """Axes of any length, by their names."""
    return {axis: side for axis, side in enumerate(shape) if isinstance(side, str)}


def _with_dynamo(
    network: nn.Module, example: tuple[Tensor, ...], names: list[str], free: list[dict[int, str]]
) -> onnx.ModelProto:
    # One structure per argument of `forward`; where that is `*views`, all of them are one argument.
    starred = any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(network.forward).parameters.values())
    shapes: Any = (tuple(free),) if starred else tuple(free)
    program = torch.onnx.export(
        network,
        example,
        dynamo=True,
        dynamic_shapes=shapes,
        input_names=names,
        output_names=[OUTPUTS],
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def _with_torchscript(
    network: nn.Module, example: tuple[Tensor, ...], names: list[str], free: list[dict[int, str]]
) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(
        network,
        example,
        file,  # pyright: ignore[reportArgumentType] - this exporter writes to files of any kind
        dynamo=False,
        dynamic_axes={**dict(zip(names, free, strict=True)), OUTPUTS: {0: ROWS}},
        input_names=names,
        output_names=[OUTPUTS],
        opset_version=OPSET,
    )
    return onnx.load_model_from_string(file.getvalue())


def _describe(model: onnx.ModelProto, *shapes: list[str | int]) -> None:
    """Write the shapes of inputs and output, which exporters do not always find out."""
    for value, shape in zip((*model.graph.input, model.graph.output[0]), shapes, strict=True):
        described = value.type.tensor_type.shape
        del described.dim[:]
        for side in shape:
            described.dim.add(**{"dim_param" if isinstance(side, str) else "dim_value": side})


def _remove_traces(model: onnx.ModelProto) -> None:
    """Take out where in whose source code each node came from: it names files of the machine that trained."""
    model.doc_string = ""
    del model.metadata_props[:]
    for graph in (model.graph, *model.functions):
        graph.doc_string = ""
        del graph.metadata_props[:]
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]


@contextlib.contextmanager
def _in_silence() -> Generator[None]:
    """Without the exporters' warnings, prints and logs.

    They warn of their own age, and of shapes seen while tracing that might be taken for constants. Whether one was is
    what the comparison on real inputs finds out; nobody can tell from the warning.
    """
    loggers: list[Any] = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
