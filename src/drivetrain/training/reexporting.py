"""The ONNX model of an artefact made anew: in another precision, or where there was none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from drivetrain.runtime.artefact import GOLDEN, MODEL, open_artefact, write_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.known_models import is_known
from drivetrain.runtime.manifest import FORMAT_VERSION, Export
from drivetrain.training.exporting import EXACT, ExportPlan, export_trained
from drivetrain.training.found import data_of
from drivetrain.training.saved import load_network

if TYPE_CHECKING:
    from drivetrain.data.sources import Source


def export_saved(
    path: str | os.PathLike[str], plan: ExportPlan, *, data: Source | None = None
) -> tuple[Export, Decision]:
    """Make `model.onnx` of a saved model anew, and put it in place together with its golden examples.

    Args:
        path: The artefact; nothing else in it changes. Where this fails it stays as it is.
        plan: How; its precision must not be None.
        data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.

    Returns:
        The record of the new model, and its precision with the reason for it.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: Its training rows are not there.
        ExportError: No exporter gives a model that says what the network says.
    """
    artefact = open_artefact(path)
    rows = data_of(artefact, data)
    manifest = artefact.manifest
    made = export_trained(
        load_network(artefact, EXACT), manifest.input, manifest.target, rows.valid, rows.train, plan=plan
    )
    kept = [name for name in manifest.files if name != MODEL and not name.startswith(f"{GOLDEN}/")]
    contents = {name: artefact.file(name).read_bytes() for name in kept}
    described = manifest.model_dump(exclude={"files"}) | {
        "format_version": FORMAT_VERSION,
        "export": made.record,
        "decisions": {**manifest.decisions, "export": made.decision},
    }
    own = is_known(manifest, "saved")
    write_artefact(artefact.path, contents | made.files, described, own=own)
    return made.record, made.decision
