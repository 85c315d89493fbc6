"""Arrays and tensors as pictures: what has one reading is taken, what has two is refused. N, H, W, C as everywhere."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import PictureError
from drivetrain.text import short_reason

USUAL_CHANNELS = (1, 3, 4)
LEAST_SIDE = 16
"""A last axis at least this long is taken for a side of the picture, in what is said."""
AS_BYTES = ".astype('uint8')"
"""How an array is converted; tensors have another name for it."""


def as_array(source: Any) -> NDArray[Any] | None:
    """An array, a tensor of any library or what offers itself as an array; None for anything else.

    Raises:
        PictureError: It cannot be had as an array of numpy.

    Example:
        >>> as_array(memoryview(b"ab")) is None
        True
    """
    if isinstance(source, np.ndarray):
        return cast("NDArray[Any]", source)
    if isinstance(source, type | np.generic) or not (hasattr(source, "__array__") or hasattr(source, "numpy")):
        return None
    try:
        for step in ("detach", "cpu"):
            source = getattr(source, step)() if hasattr(source, step) else source
        return np.asarray(source.numpy() if hasattr(source, "numpy") else source)
    except Exception as error:  # bfloat16, a tensor without values, another machine's memory
        raise PictureError(
            f"{type(source).__name__} cannot be had as a numpy array: {short_reason(error)}. "
            "To fix: convert it to a numpy array of uint8."
        ) from error


def pixels_last(array: NDArray[Any], channels: int, *, as_bytes: str = AS_BYTES) -> NDArray[Any]:
    """An array of one picture with its channels last; what it must not be is refused with what to pass instead.

    Raises:
        PictureError: It is a batch, holds floats, or its channels cannot be told.

    Example:
        >>> pixels_last(np.zeros((3, 20, 30), np.uint8), 3).shape
        (20, 30, 3)
    """
    if array.dtype.kind in "OUSV":
        raise PictureError(f"an array of {array.size} texts or objects is no picture. To fix: use predict_many.")
    if array.ndim == 4:
        n = len(array)
        raise PictureError(
            f"an array of shape {array.shape} is a batch of {n} picture{'' if n == 1 else 's'}. "
            f"To fix: {'pass array[0]' if n == 1 else 'use predict_many'}."
        )
    if array.ndim not in (2, 3):
        raise PictureError(f"an array of shape {array.shape} is no picture. To fix: pass (H, W) or (H, W, C).")
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise PictureError("some values of the array are masked. To fix: pass array.filled(0).")
    if array.size and (array.dtype.kind in "fib" or array.dtype.itemsize > 2):
        raise PictureError(_other_numbers(array, as_bytes))
    if array.ndim == 3:
        known = (*USUAL_CHANNELS, channels)
        first, last = array.shape[0], array.shape[2]
        if first in known and last not in known:
            return np.moveaxis(array, 0, 2)
        if last not in known and last >= LEAST_SIDE:
            raise PictureError(
                f"an array of shape {array.shape} has {last} channels; expected (H, W, C) with {channels}. "
                "To fix: bring the channels to the end with np.moveaxis(array, 0, 2), or pass one picture of a batch."
            )
    return array


def _other_numbers(array: NDArray[Any], as_bytes: str) -> str:
    """Why an array of other numbers than uint8 and uint16 is not taken, and how to get there without a guess."""
    if array.dtype.kind == "b":
        return f"an array of bool was given; expected uint8, 0 to 255. To fix: pass array{as_bytes} * 255."
    low, high = array.min(), array.max()
    what = f"an array of {array.dtype} with values {low:.4g} to {high:.4g} does not say which value is white"
    exact = array.dtype.kind in "iu"
    if low >= 0 and high <= 1 and not exact:
        fix = f"if 1 is white, pass (array * 255).round(){as_bytes}"
    elif low >= 0 and high <= 255:
        fix = f"if 255 is white, pass array{'' if exact else '.round()'}{as_bytes}"
    elif low < 0 and not exact:
        fix = "pass the picture as it was before it was normalised"
    else:
        fix = f"scale it to 0 to 255, and pass array{as_bytes}"
    return f"{what}; expected uint8, 0 to 255. To fix: {fix}."
