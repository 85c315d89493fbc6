"""A stranger's ONNX file made safe to run: read by one strict reading, checked, and written anew.

ONNX Runtime never sees the file itself, only the bytes that `safe_model` wrote: no paths to other files, no control
flow, no tensor whose size an input decides, and nothing that two programs could read in two ways.
"""

from __future__ import annotations

from typing import NamedTuple

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx.graph import check_graph
from drivetrain.runtime.onnx.wire import ElsewhereError, understood, written

MOST_BYTES = 2**31 - 1
"""A protocol buffer cannot be larger."""


class SafeModel(NamedTuple):
    """What goes to ONNX Runtime."""

    content: bytes
    rising: bool
    """Whether every tensor only grows with the number of rows."""


def safe_model(content: bytes, name: str) -> SafeModel:
    """The same model as bytes of our own writing.

    Args:
        content: Of the file.
        name: Of the file, for the message.

    Raises:
        ArtefactError: It reads other files, may do more than models need, or is damaged.

    Example:
        >>> safe_model(b"no model", "model.onnx")
        Traceback (most recent call last):
        drivetrain.errors.ArtefactError: model.onnx is not an ONNX file ...
    """
    try:
        model = understood(content)
        if "graph" not in model:
            raise ValueError("it holds no graph")
    except ElsewhereError as error:
        raise ArtefactError(
            f"{name} keeps weights in other files, which is refused: a model could name any file of this machine. "
            "Expected a model with its weights inside. To fix: export it so."
        ) from error
    except ValueError as error:
        raise ArtefactError(
            f"{name} is not an ONNX file as drivetrain writes them: {error}. "
            "To fix: get it again from whoever made it, or export it anew."
        ) from error
    try:
        rising = check_graph(model)
    except ValueError as error:
        raise ArtefactError(
            f"{name} may do more than a model needs, which is refused: {error}. "
            "To fix: load the model with torch (device='cpu' and another precision), or export it anew."
        ) from error
    return SafeModel(written(model), rising)
