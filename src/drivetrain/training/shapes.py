"""Whether the parameters of a saved model fit its description, found out before any memory is taken for either."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import torch

from drivetrain.errors import ArtefactError
from drivetrain.runtime.artefact import GET_AGAIN, WEIGHTS, Artefact
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.training.kind import rebuild_network, training_face

MOST_HEADER_BYTES = 32 * 2**20
BYTES_OF = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip

Shapes = dict[str, tuple[int, ...]]


def stored_shapes(file: Path) -> Shapes:
    """Name → shape of every tensor in a safetensors file, from its header alone.

    Raises:
        ValueError: The header is damaged, or says other sizes than the file has.

    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, MOST_HEADER_BYTES):
            raise ValueError(f"its header is said to have {length:,} bytes")
        header = read_json(stream.read(length), most_bytes=MOST_HEADER_BYTES)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    found: Shapes = {}
    end = 0
    for name, said in cast("dict[str, Any]", header).items():
        if name == "__metadata__":
            continue
        shape, begins, ends, count = _described(name, said)
        found[name] = shape
        end = max(end, ends)
        if ends - begins != count or begins < 0:
            raise ValueError(f"{name[:60]!r} is said to take {ends - begins:,} bytes, and its shape takes {count:,}")
    if end != size - 8 - length:
        raise ValueError(f"its tensors are said to take {end:,} bytes, and there are {size - 8 - length:,}")
    return found


def _described(name: str, said: Any) -> tuple[tuple[int, ...], int, int, int]:
    """Shape, first byte, last byte, and bytes that the shape takes."""
    try:
        shape, (begins, ends), width = tuple(said["shape"]), said["data_offsets"], BYTES_OF[said["dtype"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name[:60]!r} is not described as a tensor") from error
    whole = [*shape, begins, ends]
    if len(shape) > 8 or any(type(number) is not int or not 0 <= number < 2**48 for number in whole):
        raise ValueError(f"{name[:60]!r} has an odd shape")
    return shape, begins, ends, math.prod(shape) * width


def check_head(artefact: Artefact) -> Shapes:
    """Compare the head that the manifest describes with the one that is stored; gives all that is stored.

    A kind of input with a head of its own says so (`OWN_HEAD`): `check_shapes` compares that one with all the rest.

    Raises:
        ArtefactError: They differ, or the file is damaged.
    """
    manifest, place = artefact.manifest, artefact.file(WEIGHTS)
    try:
        stored = stored_shapes(place)
        own = getattr(training_face(manifest.input.kind), "OWN_HEAD", False)
        described = None if own else (manifest.target.n_outputs, manifest.architecture.features)
        if stored.get("head.2.weight") != described:
            raise ValueError(f"its head is {stored.get('head.2.weight')}, the manifest describes {described}")
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{place} does not fit the manifest: {error}. {GET_AGAIN}") from error
    return stored


def check_shapes(artefact: Artefact) -> None:
    """Compare every shape that the manifest's architecture has with what is stored; nothing is allocated.

    Raises:
        ArtefactError: They differ.
    """
    stored, manifest = check_head(artefact), artefact.manifest
    try:
        with torch.device("meta"):
            network = rebuild_network(manifest)
    except Exception:  # noqa: BLE001 - families that compute while they are built; they are compared when loaded
        return
    described = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    odd = [name for name in sorted(described.keys() | stored.keys()) if described.get(name) != stored.get(name)]
    if odd:
        raise ArtefactError(
            f"{artefact.path / WEIGHTS} does not fit the manifest: {odd[0]} is {stored.get(odd[0])}, "
            f"{manifest.architecture.name} as described has {described.get(odd[0])}. {GET_AGAIN}"
        )
