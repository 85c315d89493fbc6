"""A model made small: what its parent's files do not give is kept, and what they give is left out.

Tensor by tensor: one that is the parent's, bit for bit, is left out; one that is the parent's and the product of two
known factors is kept as these; any other is kept whole. So nothing has to be believed of how the model was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

import numpy as np

from drivetrain.errors import ArtefactError
from drivetrain.runtime.additions.adding import Matrix, added_up
from drivetrain.runtime.additions.graph import put_back, taken_out
from drivetrain.runtime.additions.record import ADDITIONS, GRAPH, UPDATE, Parent, Place, SmallUpdate
from drivetrain.runtime.additions.weights import WHOLE, A, B, TensorFile, write_weights
from drivetrain.runtime.files.tensor_file import Tensor, described, header, in_order
from drivetrain.runtime.manifest import MODEL, WEIGHTS, FileRecord
from drivetrain.text import bytes_text

LARGEST_SHARE = 0.5
"""Of the parameters: what holds more of them than that is no small update."""


class Shrunk(NamedTuple):
    """A small update."""

    contents: dict[str, bytes]
    """File name → what lies in its folder."""
    made: dict[str, FileRecord]
    """Files that are made of the parent's when it is opened."""


def shrunk(
    contents: Mapping[str, bytes], parent: Parent, base: TensorFile, factors: Mapping[str, tuple[Matrix, Matrix]]
) -> Shrunk:
    """The files of a whole model as those of a small update.

    Args:
        contents: File name → bytes, of the whole model.
        parent: Which model it came from.
        base: The parameters of that.
        factors: Name of a parameter → what may have been added to it.

    Raises:
        ArtefactError: Most of it is no parent's, or what would be made of it is not the whole model.
    """
    added = _added(_opened(contents[WEIGHTS]), base, factors)
    if len(added) > LARGEST_SHARE * len(contents[WEIGHTS]):
        size, of = bytes_text(len(added)), bytes_text(len(contents[WEIGHTS]))
        raise ArtefactError(
            f"this update is no small one: {size} of {of} of its parameters are others than those of {parent.name}; "
            "expected at most half. To fix: save it whole, or make it with low_rank=8 (--low-rank 8)."
        )
    sink = BytesIO()
    write_weights(sink.write, base, _opened(added))
    weights = sink.getvalue()
    small = {name: content for name, content in contents.items() if name not in (WEIGHTS, MODEL)}
    made, places = {WEIGHTS: _recorded(weights)}, ()
    if MODEL in contents:
        small[GRAPH], whole, places = _without_parameters(contents[MODEL], _opened(weights))
        made[MODEL] = _recorded(whole)
    record = SmallUpdate(parent=parent, places=places)
    small |= {ADDITIONS: added, UPDATE: (record.model_dump_json(indent=1) + "\n").encode()}
    return Shrunk(small, made)


def _added(whole: TensorFile, base: TensorFile, factors: Mapping[str, tuple[Matrix, Matrix]]) -> bytes:
    """The file of additions."""
    lost = sorted(set(base.tensors) - set(whole.tensors))
    if lost:
        raise ArtefactError(
            f"this update has no {lost[0]}, which the model that it came from has: expected all of its parameters. To "
            "fix: save it whole."
        )
    tensors: dict[str, Tensor] = {}
    kept: dict[str, bytes] = {}
    for name, one in whole.tensors.items():
        content, was = whole.content(name), base.tensors.get(name)
        alike = was is not None and (was.dtype, was.shape) == (one.dtype, one.shape)
        if alike and base.content(name) == content:
            continue
        a, b = (np.ascontiguousarray(side, "<f4") for side in factors.get(name, ([], [])))
        if alike and name in factors and added_up(base.matrix(name), a, b).astype("<f4").tobytes() == content:
            for mark, side in ((A, a), (B, b)):
                tensors[mark + name], kept[mark + name] = Tensor("F32", side.shape, side.nbytes), side.tobytes()
        else:
            tensors[WHOLE + name], kept[WHOLE + name] = Tensor(one.dtype, one.shape, one.size), content
    return header(tensors) + b"".join(kept[name] for name in in_order(tensors))


def _without_parameters(model: bytes, weights: TensorFile) -> tuple[bytes, bytes, tuple[Place, ...]]:
    """The graph, the whole file, and where the parameters belong, tried once."""
    whole, graph, places = taken_out(model, weights)
    if put_back(graph, places, len(whole), weights.content, weights) != whole:
        raise ArtefactError(
            f"{MODEL} cannot be made of this update's parameters again: expected the same bytes. To fix: save it whole."
        )
    if len(graph) > LARGEST_SHARE * len(whole):
        raise ArtefactError(
            f"{MODEL} holds {bytes_text(len(graph))} that are no parameters as they were trained, of "
            f"{bytes_text(len(whole))}; expected at most half. To fix: save it whole."
        )
    return graph, whole, places


def _opened(content: bytes) -> TensorFile:
    return TensorFile(BytesIO(content), described(BytesIO(content), len(content)))


def _recorded(content: bytes) -> FileRecord:
    return FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
