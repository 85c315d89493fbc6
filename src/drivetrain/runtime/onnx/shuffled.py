"""A model that has learnt nothing: the same graph, its parameters shuffled, each tensor within itself.

It keeps how large the numbers are and forgets what they say: what an explanation is checked against.
Source: the model parameter randomisation test of Adebayo et al., Sanity checks for saliency maps (2018), with shuffled
parameters in the place of fresh ones, for which the rules of each kind of layer would have to be known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx.wire import Message, understood, written

_DTYPES = {1: "<f4", 2: "u1", 3: "i1", 10: "<u2", 11: "<f8", 16: "<u2"}
"""Types of ONNX's tensors that hold parameters; two bytes of a half stay together whatever they mean."""
_WHOLE = {2, 3}
"""Parameters of lower precision; lists of them, such as zero points, are none."""


def shuffled(content: bytes, *, seed: int = 0) -> bytes:
    """The same model with shuffled parameters; tensors with one number alone stay.

    Args:
        content: Of an ONNX file.
        seed: Of the order.

    Raises:
        ArtefactError: It is no ONNX file.
    """
    try:
        model = understood(content)
        tensors = model["graph"].get("initializer", [])
    except (ValueError, KeyError) as error:
        raise ArtefactError(
            f"the parameters of a model cannot be shuffled: {error}; expected an ONNX file. "
            "To fix: give the model.onnx of a saved model."
        ) from error
    rng = np.random.default_rng(seed)
    for tensor in tensors:
        _shuffle(tensor, rng)
    return written(model)


def _shuffle(tensor: Message, rng: np.random.Generator) -> None:
    kind = tensor.get("data_type")
    if kind not in _DTYPES or (kind in _WHOLE and len(tensor.get("dims", [])) < 2):
        return
    if "raw_data" in tensor:
        values = _values(tensor["raw_data"], _DTYPES[kind])
        if values is not None:
            tensor["raw_data"] = memoryview(rng.permutation(values).tobytes())
        return
    for name, dtype in (("float_data", "<f4"), ("double_data", "<f8")):
        if name in tensor:
            values = _values(b"".join(tensor[name]), dtype)
            if values is not None:
                tensor[name] = [memoryview(rng.permutation(values).tobytes())]


def _values(data: bytes | memoryview, dtype: str) -> NDArray[np.generic] | None:
    """None where the bytes are not whole numbers of that type."""
    return None if len(data) % np.dtype(dtype).itemsize else np.frombuffer(data, dtype)
