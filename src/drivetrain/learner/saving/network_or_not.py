"""Whether a saved model holds a network, and what it is called; light, for what only predicts."""

from __future__ import annotations

from drivetrain.errors import ArtefactError
from drivetrain.runtime.artefact import MODEL, WEIGHTS, Artefact
from drivetrain.runtime.manifest import Manifest


def is_network(manifest: Manifest) -> bool:
    """Whether an artefact holds the parameters of a network; boosted trees, lines and blends are `model.onnx` alone."""
    return WEIGHTS in manifest.files or MODEL not in manifest.files


def label_of(manifest: Manifest) -> str:
    """What people call a saved model: "boosted trees"."""
    return manifest.architecture.label if is_network(manifest) else manifest.architecture.name.replace("_", " ")


def refuse_what_is_no_network(artefact: Artefact, what: str) -> None:
    """Raise ArtefactError where an artefact holds no network, and say what to do with it instead."""
    if is_network(artefact.manifest):
        return
    raise ArtefactError(
        f"{artefact.path} holds {label_of(artefact.manifest)}, which are {MODEL} alone and no network: {what}. "
        "Expected the model of a dt.Learner. To fix: dt.load(PATH) predicts; dt.evaluate(PATH), drivetrain report and "
        "drivetrain review judge; to learn from other rows, make the model anew."
    )
