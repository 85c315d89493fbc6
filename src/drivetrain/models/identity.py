"""What tells one fitted model from another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel


def identity_of(spec: BaseModel, parts: Iterable[NDArray[Any]], *, kind: str = "") -> str:
    """SHA-256 of how inputs are read and of all that was learnt, types and shapes included.

    Args:
        spec: The description of the input.
        parts: Arrays, in a fixed order.
        kind: What tells models of the same arrays apart.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> spec = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> identity_of(spec, [np.zeros(2)]) == identity_of(spec, [np.zeros((2, 1))])
        False
    """
    hashed = hashlib.sha256(spec.model_dump_json().encode("utf-8", "surrogatepass"))
    hashed.update(kind.encode())
    for part in parts:
        hashed.update(repr((part.shape, part.dtype.str)).encode())
        hashed.update(np.ascontiguousarray(part).tobytes())
    return hashed.hexdigest()
