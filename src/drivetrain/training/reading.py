"""What `data.json` of a saved model says: how its data were read and split, and which of it counts.

A model from elsewhere may say anything here. Its split is data, compared with what the rows hold. What it says of
places on this machine, of patterns to search with, and of labels is its word against yours, and does not count.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from drivetrain.data.kind import options_of, source_kind
from drivetrain.data.listing import SourceSpec
from drivetrain.data.split import Split
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning
from drivetrain.runtime.artefact import DATA, GET_AGAIN, MOST_BYTES, Artefact
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.known_models import is_known
from drivetrain.runtime.plain_json import read_json, what_is_wrong
from drivetrain.text import readable

KEYS = {"source", "spec", "split", "constant_answer"}


@dataclass(frozen=True)
class Reading:
    """How the data of a saved model were read and split."""

    artefact: Path
    source: str | None
    """Where they lay; None for a DataFrame, and for a model that was not saved by this user on this machine."""
    saved_here: bool
    spec: SourceSpec
    """Without relabellings; and without groups where the model is from elsewhere."""
    split: Split
    constant_answer: list[float] | None
    n_relabelled: int
    """Rows that a review gave another label when the model was trained."""

    def place(self) -> str:
        """The place the model was trained from, where it is still there; raises DataError."""
        fix = "To fix: pass data, the folder or table with the same pictures (names and places may have changed)."
        if not self.saved_here:
            raise DataError(
                f"{readable(self.artefact)} was not saved by you on this machine, so that what it says of places here "
                f"is not followed. {fix}"
            )
        if self.source is None or not Path(self.source).exists():
            where = "a DataFrame" if self.source is None else f"{readable(self.source)}, which is not here"
            raise DataError(f"{readable(self.artefact)} was trained from {where}. {fix}")
        return self.source

    def tell_of_labels(self, review: object) -> None:
        """Warn where the model was trained with labels that a review changed, and no review is named now."""
        if self.n_relabelled and review is None:
            warnings.warn(
                f"{readable(self.artefact)} says that a review gave {self.n_relabelled} rows another label; here the "
                "labels are those of the data. To count the review's: pass review, the file of its decisions.",
                DrivetrainWarning,
                stacklevel=3,
            )


def read_reading(artefact: Artefact) -> Reading:
    """Read and check `data.json`.

    Raises:
        ArtefactError: There is none, or it is damaged.
    """
    saved_here = is_known(artefact.manifest, "saved")
    place = artefact.file(DATA)
    try:
        raw = read_json(place.read_bytes(), most_bytes=2**40 if saved_here else MOST_BYTES[DATA])
        if not isinstance(raw, dict) or not raw.keys() <= KEYS or not {"spec", "split"} <= raw.keys():
            raise ValueError(f"expected an object with {', '.join(sorted(KEYS))}")
        said = cast("dict[str, Any]", raw)
        source = said.get("source")
        if source is not None and not isinstance(source, str):
            raise ValueError("source is no text")
        spec, split = SourceSpec.model_validate(said["spec"]), Split.model_validate(said["split"])
        answer = _numbers(said.get("constant_answer"), artefact.manifest.target.n_outputs)
    except (OSError, ValueError) as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{readable(place)} is damaged: {reason}. {GET_AGAIN}") from error
    spec = _as_the_manifest_says(spec, artefact)
    n_relabelled = len(spec.relabelled)
    spec = spec.model_copy(update={"relabelled": {}})
    if not saved_here:
        spec, source = spec.model_copy(update={"group": None, "group_by": None}), None
    return Reading(artefact.path, source, saved_here, spec, split, answer, n_relabelled)


def _as_the_manifest_says(spec: SourceSpec, artefact: Artefact) -> SourceSpec:
    """The manifest, which is checked, says how inputs are read; released formats say it there alone."""
    described = artefact.manifest.input
    kind = kind_name(described.kind)
    names = options_of(source_kind(kind))
    known = {name: value for name in names if (value := getattr(described, name, None)) is not None}
    return spec.model_copy(update={"input": kind, "options": known})


def _numbers(said: Any, n_outputs: int) -> list[float] | None:
    if said is None:
        return None
    values = cast("list[Any]", said if isinstance(said, list) else [])
    if len(values) != n_outputs or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    ):
        raise ValueError(f"constant_answer is not {n_outputs} finite numbers")
    return [float(value) for value in values]
