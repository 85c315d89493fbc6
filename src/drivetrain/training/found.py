"""The data of a saved model found again by content, all parts of it: to go on training, or to export it anew."""

from __future__ import annotations

import os
import warnings

from drivetrain.data.data import Data, Sealed
from drivetrain.data.divide import leave_out_unknown
from drivetrain.data.examples import Examples
from drivetrain.data.matching import classes_of, match_by_content, with_review
from drivetrain.data.rows import open_rows
from drivetrain.data.sources import Source, reread_source
from drivetrain.data.split import PARTS, Part
from drivetrain.errors import DataError, DrivetrainWarning
from drivetrain.runtime.artefact import Artefact
from drivetrain.training.reading import read_reading
from drivetrain.training.sealing import seal_of


def data_of(artefact: Artefact, source: Source | None = None, *, review: str | os.PathLike[str] | None = None) -> Data:
    """The rows a model was trained, validated and is to be tested on, each in the part that it had.

    Args:
        artefact: Opened and verified.
        source: Folder, table or DataFrame that holds the rows now; None takes the place they were trained from.
        review: File of decisions whose labels count instead of those of the data.

    Raises:
        ArtefactError: What the artefact says of its data is damaged.
        DataError: The source cannot be read, or holds none of the training rows.
    """
    reading = read_reading(artefact)
    reading.tell_of_labels(review)
    manifest, split = artefact.manifest, reading.split
    spec = reading.spec.model_copy(update={"kind": manifest.target.kind})
    place = reading.place() if source is None else source
    listed = reread_source(place, spec, with_parts=True, known=classes_of(manifest.target))
    opened = open_rows(listed, decide=False)
    examples, given, report = opened.rows, opened.parts, opened.report
    if review is not None:
        examples, rows, relabelled = with_review(examples, review, spec)
        parts_now: list[Part] | None = None if given is None else [given[row] for row in rows]
        given = None if parts_now is None else tuple(parts_now)
        spec = spec.model_copy(update={"relabelled": relabelled})
    parts: dict[Part, Examples] = {}
    missing = 0
    for part in PARTS:
        rows, not_there = match_by_content(examples.digests, split, part, given=given)
        found = examples.subset(rows)
        judged: list[Part] = [part] * len(found)
        kept, unknown = leave_out_unknown(found, judged, manifest.target)
        parts[part] = found.subset(kept)
        missing += not_there + len(unknown)
    if not parts["train"]:
        raise DataError(
            f"none of the {len(split.find('train'))} training pictures of {artefact.path} is in {listed.description} "
            "(compared by content). To fix: pass the data the model was trained from."
        )
    if missing:
        said = f"{missing} pictures that {artefact.path} was made with are not in {listed.description} any more"
        warnings.warn(f"{said}; the rest is used.", DrivetrainWarning, stacklevel=3)
    return Data(
        train=parts["train"],
        valid=parts["valid"],
        sealed_test=Sealed(parts["test"]),
        seal=seal_of(artefact),
        target=manifest.target,
        split=split,
        spec=spec,
        source=listed.description,
        location=os.path.abspath(place) if isinstance(place, str | os.PathLike) else None,  # noqa: PTH100 - keeps links
        report=report,
    )
