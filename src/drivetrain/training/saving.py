"""From a Learner to an artefact on disk; ONNX, its parity gate and golden examples will join here."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save

from drivetrain.errors import ArtefactError
from drivetrain.evaluation.metrics import metric_named
from drivetrain.evaluation.records import score_records
from drivetrain.runtime.artefact import (
    DATA,
    WEIGHTS,
    check_target_path,
    is_artefact,
    open_artefact,
    write_artefact,
)
from drivetrain.runtime.manifest import Opening
from drivetrain.training.identity import parameters_sha256

if TYPE_CHECKING:
    from drivetrain.training.learner import Learner

LIBRARIES = ("drivetrain", "torch", "timm", "accelerate", "numpy", "Pillow")


def save_learner(learner: Learner, path: str | os.PathLike[str]) -> Path:
    """Write the artefact of a trained Learner; see `Learner.save`."""
    target = check_target_path(path)
    data = learner.data
    names = [metric.name for metric in learner.metrics]
    validation = score_records(learner.validate()) if len(data.valid) else {}  # takes part in all processes
    if not learner.place.main:
        return target
    parameters = {name: value.detach().cpu().contiguous() for name, value in learner.network.state_dict().items()}
    reading = {
        "source": data.location,
        "spec": data.spec.model_dump(mode="json"),
        "split": data.split.model_dump(mode="json"),
    }
    manifest = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "input": learner.kind.reader,
        "target": data.target,
        "architecture": learner.kind.architecture,
        "decisions": learner.decisions,
        "split_identity": data.split.identity,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "parameters_sha256": parameters_sha256(learner.network),
        "metrics": tuple(name for name in names if metric_named(name)),
        "validation": validation,
        "test_openings": [*_earlier_openings(target, learner), *learner.test_openings],
        "history": learner.history,
    }
    contents = {WEIGHTS: save(parameters), DATA: (json.dumps(reading, indent=1) + "\n").encode()}
    return write_artefact(target, contents, manifest).path


def _earlier_openings(target: Path, learner: Learner) -> list[Opening]:
    """Openings of the same test set that the artefact about to be replaced has on record: they are not forgotten."""
    if not is_artefact(target):
        return []
    try:
        manifest = open_artefact(target).manifest
    except ArtefactError:  # damaged: there is nothing in it to rely on
        return []
    if manifest.split_identity != learner.data.split.identity:
        return []
    return [opening for opening in manifest.test_openings if opening not in learner.test_openings]


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "unknown"
    return found
