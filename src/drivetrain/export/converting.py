"""A torch network as one ONNX file: decoded pixels in, raw outputs out.

Two exporters of torch.onnx can do it. What they give is not believed here: `parity` compares it with the network.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Generator
from typing import Any, Literal

import onnx
import torch
from torch import Tensor, nn

from drivetrain.runtime.inputs import Input

Exporter = Literal["dynamo", "torchscript"]

EXPORTERS: tuple[Exporter, ...] = ("dynamo", "torchscript")
"""In the order tried: torch.export's is the one that is looked after; TorchScript's is older, and takes some networks
that the other refuses."""

OPSET = 18
"""What torch's own translations are written for; ONNX Runtime reads it since 1.14."""

PIXELS, OUTPUTS, ROWS = "pixels", "outputs", "N"

NOISY = ("torch.onnx", "torch.export", "torch._export", "torch.fx", "onnxscript", "onnx_ir")
"""Loggers that tell of their own affairs."""


class _Deployed(nn.Module):
    """Pictures as they were decoded, (N, S, S, C) uint8, → (N, K) float32 raw outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels.permute(0, 3, 1, 2).float())


def convert(network: nn.Module, reader: Input, n_outputs: int, exporter: Exporter) -> bytes:
    """Content of an ONNX file: weights inside, scaling and normalisation in the graph, any number of rows.

    Args:
        network: (N, C, S, S) float32, values 0 to 255, → (N, K) float32; on the CPU, in evaluation mode.
        reader: Says S and C.
        n_outputs: K.
        exporter: Of torch.onnx.

    Raises:
        Exception: Whatever the exporter raises; it has no exceptions of its own.
    """
    example = torch.zeros(2, reader.size_px, reader.size_px, reader.channels, dtype=torch.uint8)
    make = _with_dynamo if exporter == "dynamo" else _with_torchscript
    with _in_silence(), torch.no_grad():
        model = make(_Deployed(network).eval(), example)
    _describe(model, [ROWS, *example.shape[1:]], [ROWS, n_outputs])
    _remove_traces(model)
    return model.SerializeToString()


def _with_dynamo(network: nn.Module, example: Tensor) -> onnx.ModelProto:
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        dynamic_shapes=({0: ROWS},),
        input_names=[PIXELS],
        output_names=[OUTPUTS],
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def _with_torchscript(network: nn.Module, example: Tensor) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (example,),
        file,  # pyright: ignore[reportArgumentType] - this exporter writes to files of any kind
        dynamo=False,
        dynamic_axes={PIXELS: {0: ROWS}, OUTPUTS: {0: ROWS}},
        input_names=[PIXELS],
        output_names=[OUTPUTS],
        opset_version=OPSET,
    )
    return onnx.load_model_from_string(file.getvalue())


def _describe(model: onnx.ModelProto, *shapes: list[str | int]) -> None:
    """Write the shapes of input and output, which exporters do not always find out."""
    for value, shape in zip((model.graph.input[0], model.graph.output[0]), shapes, strict=True):
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
    what the comparison on real pictures finds out; nobody can tell from the warning.
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
