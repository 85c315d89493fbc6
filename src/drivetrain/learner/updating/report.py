"""The page of an update: what it knows of itself, gathered."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.errors import DataError
from drivetrain.evaluation.updates.page import render
from drivetrain.evaluation.updates.parts import Task, UpdateParts
from drivetrain.learner.updating.judging import Judged
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.settings import place
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.learner.updating.updated import Updated
    from drivetrain.pages.html import Html


def report_update(updated: Updated, path: str | os.PathLike[str]) -> Path:
    """Write the page; see `Updated.report`."""
    file = Path(place("path", path))
    file_to_write(file, "path", over=PAGES)
    try:
        write_durably(file, render(update_parts(updated)).encode())
    except OSError as error:
        raise DataError(
            f"{readable(file)} cannot be written: {error.strerror or error}. To fix: name a place that this user may "
            "write to."
        ) from error
    return file


def update_parts(updated: Updated) -> UpdateParts:
    """What the page is made of."""
    model, record = updated.model, updated.lineage
    rows = {digest: row for row, digest in enumerate(model.data.valid.digests)}

    def show(id_: str, alt: str) -> Html | None:
        return model.show_row(rows[id_], alt) if id_ in rows else None

    return UpdateParts(
        title=readable(record.parent_name) or model.label,
        record=record,
        old=_task("old", updated.old),
        new=_task("new", updated.new),
        show=show,
        novelty=updated.novelty,
        lineage=model.lineage,
        decisions=updated.decisions,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _task(name: str, judged: Judged | None) -> Task | None:
    return None if judged is None else Task(name, judged.before, judged.after, judged.comparison, judged.said)
