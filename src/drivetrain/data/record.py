"""`data.json` of an artefact: how its data were read and split; and what of it counts when it is read again.

A model from elsewhere may say anything there. Its split is data, compared with what the rows hold. What it says of
places on this machine, of patterns to search with, and of labels is its word against yours, and does not count.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivetrain.data.data import Data
from drivetrain.data.kind import options_of, source_kind
from drivetrain.data.listing import SourceSpec
from drivetrain.data.seals.sealed_set import SealedSet
from drivetrain.data.splitting.split import Split
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning, SealError, first_few
from drivetrain.runtime.artefact import DATA, GET_AGAIN, MOST_BYTES, SEAL, Artefact
from drivetrain.runtime.files.plain_json import read_json, what_is_wrong
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.trust.known_models import is_known
from drivetrain.text import readable


class DataRecord(BaseModel):
    """`data.json`.

    Example:
        >>> split = Split.of(["00"], ["train"], method="random", seed=1, valid_pct=0.0, test_pct=0.0)
        >>> said = DataRecord(source="fruit", spec=SourceSpec(layout="folder"), split=split).as_bytes()
        >>> DataRecord.model_validate(read_json(said, most_bytes=10_000)).split == split
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, Field(strict=True)] | None = None
    """Absolute path of the source; None for a table in memory."""
    further_sources: tuple[Annotated[str, Field(strict=True)], ...] = Field(default=(), max_length=1000)
    """Of further ones, of a model that was updated."""
    spec: SourceSpec
    split: Split
    constant_answer: tuple[Annotated[float, Field(strict=True, allow_inf_nan=False)], ...] | None = None
    """(n_outputs,) what says nothing of a row: fitted on the training rows."""

    @model_validator(mode="before")
    @classmethod
    def _has_these_names(cls, said: Any) -> Any:
        names = set(cls.model_fields)
        if not isinstance(said, dict) or not {"spec", "split"} <= said.keys() <= names:
            raise ValueError(f"expected an object with {', '.join(sorted(names))}")
        return said

    @classmethod
    def of(cls, data: Data, constant_answer: Iterable[float]) -> DataRecord:
        """What is stored of the data that a model was trained on."""
        return cls(
            source=data.location,
            further_sources=data.further_locations,
            spec=data.spec,
            split=data.split,
            constant_answer=tuple(map(float, constant_answer)),
        )

    def as_bytes(self) -> bytes:
        """The content of the file."""
        unsaid = None if self.further_sources else {"further_sources"}  # as it was before models could be updated
        return (self.model_dump_json(indent=1, exclude=unsaid) + "\n").encode()


@dataclass(frozen=True)
class SavedData:
    """What `data.json` of an artefact says, as far as it counts."""

    artefact: Path
    record: DataRecord
    """Without relabellings; and without place and groups where the model is from elsewhere."""
    saved_here: bool
    n_relabelled: int
    """Rows that a review gave another label when the model was trained."""

    @property
    def spec(self) -> SourceSpec:
        """How the source was read."""
        return self.record.spec

    @property
    def split(self) -> Split:
        """Which contents are in which part."""
        return self.record.split

    def places(self) -> list[str]:
        """The places the model was trained from, those that are still there; raises DataError where none is.

        Of several a warning names those that are gone.
        """
        further = [Path(place) for place in self.record.further_sources if self.saved_here]
        there = [str(place) for place in further if place.exists()]
        first = self.record.source
        if there and (first is None or not Path(first).exists()):
            lost = "a table in memory" if first is None else readable(first)
        else:
            there, lost = [self._place(), *there], None
        gone = [*([lost] if lost else []), *(readable(place) for place in further if not place.exists())]
        if gone:
            warnings.warn(
                f"{readable(self.artefact)} was also trained from {first_few(gone)}, which is not here: those rows are "
                "left out. To fix: pass data, a list of all folders or tables that hold its rows.",
                DrivetrainWarning,
                stacklevel=3,
            )
        return there

    def _place(self) -> str:
        """The first place; raises DataError where it is not there."""
        fix = "To fix: pass data, the folder or table with the same rows (names and places may have changed)."
        source = self.record.source
        if not self.saved_here:
            raise DataError(
                f"{readable(self.artefact)} was not saved by you on this machine, so that what it says of places here "
                f"is not followed. {fix}"
            )
        if source is None or not Path(source).exists():
            where = "a DataFrame" if source is None else f"{readable(source)}, which is not here"
            raise DataError(f"{readable(self.artefact)} was trained from {where}. {fix}")
        return source

    def tell_of_labels(self, review: object) -> None:
        """Warn where the model was trained with labels that a review changed, and no review is named now."""
        if self.n_relabelled and review is None:
            warnings.warn(
                f"{readable(self.artefact)} says that a review gave {self.n_relabelled} rows another label; here the "
                "labels are those of the data. To count the review's: pass review, the file of its decisions.",
                DrivetrainWarning,
                stacklevel=3,
            )


def saved_data(artefact: Artefact) -> SavedData:
    """Read and check `data.json`.

    Raises:
        ArtefactError: There is none, or it is damaged.
    """
    saved_here = is_known(artefact.manifest, "saved")
    place = artefact.file(DATA)
    try:
        raw = read_json(place.read_bytes(), most_bytes=2**40 if saved_here else MOST_BYTES[DATA])
        record = DataRecord.model_validate(raw)
        n_outputs = artefact.manifest.target.n_outputs
        if record.constant_answer is not None and len(record.constant_answer) != n_outputs:
            raise ValueError(f"constant_answer is not {n_outputs} finite numbers")
    except (OSError, ValueError) as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{readable(place)} is damaged: {reason}. {GET_AGAIN}") from error
    n_relabelled = len(record.spec.relabelled)
    spec = record.spec.model_copy(update={"relabelled": {}})
    if not saved_here:
        spec = spec.model_copy(update={"group": None, "group_by": None})
    spec = _as_the_manifest_says(spec, artefact)
    further = record.further_sources if saved_here else ()
    counted = {"spec": spec, "source": record.source if saved_here else None, "further_sources": further}
    return SavedData(artefact.path, record.model_copy(update=counted), saved_here, n_relabelled)


def _as_the_manifest_says(spec: SourceSpec, artefact: Artefact) -> SourceSpec:
    """The manifest, which is checked, says how inputs are read; released formats say it there alone."""
    described = artefact.manifest.input
    kind = kind_name(described.kind)
    names = options_of(source_kind(kind))
    known = {name: value for name in names if (value := getattr(described, name, None)) is not None}
    return spec.model_copy(update={"input": kind, "options": known})


def seal_of(artefact: Artefact) -> SealedSet | None:
    """The seal that an artefact carries; None for one without, or of an earlier drivetrain.

    Raises:
        SealError: It is another one than the manifest says.
    """
    if SEAL not in artefact.manifest.files:
        return None
    sealed, said = SealedSet.read(artefact.file(SEAL)), artefact.manifest.seal
    if said is not None and (said.identity, said.n) != (sealed.identity, sealed.n):
        raise SealError(
            f"{artefact.path / SEAL} is of {sealed.n} rows ({sealed.id}), and the manifest says {said.n} "
            f"({said.id}): one was altered. To fix: put the artefact back from a backup."
        )
    return sealed
