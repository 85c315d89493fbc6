"""The ONNX model of an artefact made anew: in another precision, or where there was none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from drivetrain.data.reopen import data_of
from drivetrain.errors import ArtefactError
from drivetrain.evaluation.record.records import score_records
from drivetrain.learner.arguments import TakenUp
from drivetrain.learner.learner import Learner
from drivetrain.learner.recipe import Recipe
from drivetrain.learner.report import card_of
from drivetrain.learner.saving.network_or_not import refuse_what_is_no_network
from drivetrain.learner.saving.torch_predictor import load_network, load_parameters
from drivetrain.learner.saving.validation_record import calibration_of, reference_of
from drivetrain.progress import say
from drivetrain.runtime.additions.record import is_small
from drivetrain.runtime.artefact import CARD, GOLDEN, MODEL, Artefact, open_artefact, write_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import FORMAT_VERSION, Export
from drivetrain.runtime.trust.known_models import is_known
from drivetrain.text import readable
from drivetrain.training.exporting import EXACT, ExportPlan, answers_of, export_trained

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.data.sources import Source
    from drivetrain.export.exporting import Exported


def export_saved(
    path: str | os.PathLike[str], plan: ExportPlan, *, data: Source | None = None
) -> tuple[Export, Decision]:
    """Make `model.onnx` of a saved model anew, and put it in place together with its golden examples.

    Args:
        path: The artefact. Where the precision of its answers changes, so do its validation scores, calibration and
            card; nothing else in it does. Where this fails it stays as it is.
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
    refuse_what_is_no_network(artefact, "there is nothing to export it anew from")
    manifest = artefact.manifest
    if is_small(manifest):
        raise ArtefactError(
            f"{readable(artefact.path)} is a small update, which answers in fp32 as its parent does: expected a "
            "model that was saved whole. To fix: take it up with dt.Learner.load, and save it whole as it is to answer."
        )
    rows = data_of(artefact, data)
    network = load_network(artefact, EXACT)
    made = export_trained(network, manifest.input, manifest.target, rows.valid, rows.train, plan=plan)
    kept = [name for name in manifest.files if name != MODEL and not name.startswith(f"{GOLDEN}/")]
    contents = {name: artefact.file(name).read_bytes() for name in kept}
    described = manifest.model_dump(exclude={"files"}) | {
        "format_version": FORMAT_VERSION,
        "export": made.record,
        "decisions": {**manifest.decisions, "export": made.decision},
    }
    before = "fp32" if manifest.export is None else manifest.export.precision
    if made.record.precision != before and manifest.validation and len(rows.valid):
        judged, card = _judged_anew(artefact, rows, made)
        described |= judged
        contents |= card
    own = is_known(manifest, "saved")
    write_artefact(artefact.path, contents | made.files, described, own=own)
    return made.record, made.decision


def _judged_anew(artefact: Artefact, rows: Data, made: Exported) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the manifest says of the validation rows, and the card, as the new file answers."""
    manifest = artefact.manifest
    taken_up, recipe = TakenUp(manifest), Recipe(dropout=manifest.architecture.dropout)
    learner = Learner(rows, taken_up, recipe=recipe, metrics=manifest.metrics or None, device="cpu", precision="fp32")
    load_parameters(learner.network, artefact)
    learner.history = [dict(row) for row in manifest.history]
    predictions = learner.predictions()
    if made.record.precision != "fp32":
        predictions = answers_of(made.files[MODEL], manifest.input, manifest.target, rows.valid, learner.loss)
    scores, calibration = learner.scores_of(predictions), calibration_of(predictions)
    say(f"the validation scores that are stored are now those of {made.record.precision}:\n{scores}")
    changed = {
        "validation": score_records(scores),
        "calibration": calibration,
        "reference": reference_of(predictions, learner.valid_store, calibration),
        "expected": learner.expected_test_score(predictions),
    }
    decisions = {**manifest.decisions, "export": made.decision}
    described = manifest.model_copy(update={"decisions": decisions, "calibration": calibration})
    openings = manifest.test_openings
    card = card_of(learner, artefact.path.name, openings, judged=predictions, manifest=described)
    return changed, {CARD: card.encode()} if CARD in manifest.files else {}
