"""The parameters of an updated model: its parent's, and what its small update says is another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from drivetrain.runtime.additions.adding import Matrix, added_up
from drivetrain.runtime.files.tensor_file import Described, Stream, Tensor, header, in_order, pieces_of

A, B, WHOLE = "a.", "b.", "whole."
"""Before the name of a parameter in the file of additions: two factors of what is added to it, or all of it."""
MOST_RANK = 1024


class TensorFile(NamedTuple):
    """A safetensors file that is open."""

    stream: Stream
    tensors: Mapping[str, Described]

    def content(self, name: str) -> bytes:
        """The bytes of a tensor."""
        return b"".join(pieces_of(self.stream, self.tensors[name]))

    def matrix(self, name: str) -> Matrix:
        """A tensor of two dimensions.

        Raises:
            ValueError: It has others, or holds no 32-bit numbers.
        """
        one = self.tensors[name]
        if one.dtype != "F32" or len(one.shape) != 2:
            raise ValueError(f"{name[:60]!r} is {one.dtype} {one.shape}, no matrix of F32")
        return np.frombuffer(self.content(name), "<f4").reshape(one.shape)


def described_whole(parent: Mapping[str, Described], added: Mapping[str, Described]) -> dict[str, Tensor]:
    """Name → every parameter of the updated model; nothing is read for it.

    Raises:
        ValueError: The additions do not fit the parent.
    """
    found = {name: Tensor(one.dtype, one.shape, one.size) for name, one in parent.items()}
    for name, one in added.items():
        if name.startswith(WHOLE):
            found[name.removeprefix(WHOLE)] = Tensor(one.dtype, one.shape, one.size)
        elif name.startswith(A):
            own = name.removeprefix(A)
            _check_factors(own, parent.get(own), one, added.get(B + own))
        elif not (name.startswith(B) and A + name.removeprefix(B) in added):
            raise ValueError(f"{name[:60]!r} is neither a parameter nor one of two factors")
    return found


def _check_factors(name: str, base: Described | None, a: Described, b: Described | None) -> None:
    """Whether two factors fit a layer, and are smaller than it: then what they cost is bounded by what lies there."""
    shapes = [None if one is None else one.shape for one in (base, a, b)]
    said = f"what is added to {name[:60]!r}"
    if base is None or b is None or any(len(one.shape) != 2 or one.dtype != "F32" for one in (base, a, b)):
        raise ValueError(f"{said} does not fit the parent: {shapes}")
    rank = a.shape[0]
    if (b.shape[0], a.shape[1]) != base.shape or b.shape[1] != rank:
        raise ValueError(f"{said} does not fit the parent: {shapes}")
    if not 1 <= rank <= MOST_RANK or a.size + b.size > base.size:
        raise ValueError(f"{said} is not of low rank: {shapes}")


def whole_size(tensors: Mapping[str, Tensor]) -> int:
    """Of the file that holds them, in bytes."""
    return len(header(tensors)) + sum(one.size for one in tensors.values())


def write_weights(write: Callable[[bytes], object], parent: TensorFile, added: TensorFile) -> None:
    """Write the parameters of the updated model, the same bytes on any machine.

    Args:
        write: Takes the next bytes.
        parent: The file of the parent.
        added: That of the additions.

    Raises:
        ValueError: The additions do not fit the parent, or a file ends early.
    """
    tensors = described_whole(parent.tensors, added.tensors)
    write(header(tensors))
    for name in in_order(tensors):
        if A + name in added.tensors and WHOLE + name not in added.tensors:
            factors = (added.matrix(A + name), added.matrix(B + name))
            write(added_up(parent.matrix(name), *factors).astype("<f4").tobytes())
            continue
        source, own = (added, WHOLE + name) if WHOLE + name in added.tensors else (parent, name)
        for piece in pieces_of(source.stream, source.tensors[own]):
            write(piece)
