"""Whether the parameters of a saved model fit its description, found out before any memory is taken for either."""

from __future__ import annotations

from pathlib import Path

import torch

from drivetrain.errors import ArtefactError
from drivetrain.runtime.artefact import GET_AGAIN, WEIGHTS, Artefact
from drivetrain.runtime.files.tensor_file import described_file
from drivetrain.training.kind import rebuild_network, training_face

Shapes = dict[str, tuple[int, ...]]


def stored_shapes(file: Path) -> Shapes:
    """Name → shape of every tensor in a safetensors file, from its header alone.

    Raises:
        ValueError: The header is damaged, or says other sizes than the file has.
    """
    return {name: one.shape for name, one in described_file(file).items()}


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
