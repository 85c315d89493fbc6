"""A few training rows of each class that travel with a model, by consent, so that an update need not forget.

They are rows as the network reads them, at working size and without loss: a small picture that JPEG has been at is
another one to a network, see docs/decisions/updating. A model that carries them shows them to everybody who has it.
They are training rows alone: no validation row, and never one of a test set.

Legend: N rows, F features.
"""

from __future__ import annotations

import atexit
import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivetrain.data.cache.store import Store, views_of
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells, Inputs, as_array, files_like
from drivetrain.data.kind import source_kind
from drivetrain.data.notices import warn
from drivetrain.errors import ArtefactError
from drivetrain.progress import track
from drivetrain.runtime.artefact import EXEMPLARS, GET_AGAIN, MOST_BYTES, Artefact
from drivetrain.runtime.files.plain_json import read_json, what_is_wrong
from drivetrain.runtime.spec import InputSpec
from drivetrain.runtime.targets import TargetValue
from drivetrain.text import readable, short_reason
from drivetrain.training.fast.inference import on_device, part_for_inference

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner

INDEX = "index.json"
MOST_PER_CLASS = 1000
MOST_ROWS = 100_000
LEFT_FOR_INDEX = 64 * 2**20
"""Bytes for what stands beside the rows' contents."""
FEWEST_TO_JUDGE = 2
"""Of a class: with fewer exemplars all of them are rehearsed, and none judges."""
JUDGED_SHARE = 0.25
"""Of the exemplars of a class where nothing else judges the old task."""
OLD_DAY = (1980, 1, 1, 0, 0, 0)
"""The same files are the same bytes, whenever they are written."""
BATCH = 64


class Exemplar(BaseModel):
    """One row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^\d{1,6}\.[A-Za-z0-9]{1,8}$")
    value: Annotated[str, Field(strict=True)] | tuple[str, ...] | tuple[float, ...]
    """What is true of it."""
    digest: str = Field(pattern="^[0-9a-f]{16,64}$")
    """Of the row that it was made from."""


Carried = tuple[Exemplar, bytes]
"""A row and its file."""


class _Index(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    per_class: int = Field(ge=1, le=MOST_PER_CLASS)
    """As many of each class as were asked for."""
    rows: tuple[Exemplar, ...] = Field(min_length=1, max_length=MOST_ROWS)


@dataclass(frozen=True)
class Exemplars:
    """The rows that a model carries."""

    per_class: int
    rows: tuple[Exemplar, ...]
    contents: tuple[bytes, ...]
    """Of each row's file."""

    def __len__(self) -> int:
        return len(self.rows)

    def as_bytes(self) -> bytes:
        """The file of the artefact: an archive that is not compressed."""
        stream = io.BytesIO()
        index = _Index(per_class=self.per_class, rows=self.rows).model_dump_json(indent=1)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(INDEX, OLD_DAY), index + "\n")
            for row, content in zip(self.rows, self.contents, strict=True):
                archive.writestr(zipfile.ZipInfo(row.file, OLD_DAY), content)
        return stream.getvalue()

    def examples(self, like: Inputs, kind: str, options: Mapping[str, Any], spec: InputSpec) -> Examples:
        """The rows for training, their inputs in the form of some others; files lie in a folder while these are used.

        Args:
            like: Inputs beside which they will stand.
            kind: Of the input.
            options: How the kind reads it.
            spec: Of the model that carries them.
        """
        inputs = self._cells(like, spec) if isinstance(like, Cells) else self._files(like)
        digests = inputs.digests() if isinstance(inputs, Cells) else tuple(map(inputs.digest, range(len(self))))
        values = tuple(row.value for row in self.rows)
        return Examples(inputs, digests, values, kind=kind, options=options)

    def _files(self, like: Inputs) -> Inputs:
        kept = tempfile.TemporaryDirectory(prefix="drivetrain-exemplars-")
        atexit.register(kept.cleanup)  # they may be read as long as this process runs
        folder = Path(kept.name)
        for row, content in zip(self.rows, self.contents, strict=True):
            (folder / row.file).write_bytes(content)
        return files_like(like, [folder / row.file for row in self.rows])

    def _cells(self, like: Cells, spec: InputSpec) -> Cells:
        of_kind = cast(Any, spec)  # whose rows lie in a table
        found: list[dict[str, Any]] = [of_kind.cells_of(of_kind.load(content)) for content in self.contents]
        return Cells({name: as_array([row.get(name) for row in found]) for name in like.columns})


def exemplars_of(artefact: Artefact) -> Exemplars | None:
    """The exemplars that an artefact carries; None where it carries none.

    Raises:
        ArtefactError: The file is damaged, or says what no model of this target can.
    """
    if EXEMPLARS not in artefact.manifest.files:
        return None
    place = artefact.file(EXEMPLARS)
    try:
        with zipfile.ZipFile(place) as archive:
            sizes = {one.filename: one for one in archive.infolist()}
            if any(one.compress_type != zipfile.ZIP_STORED for one in sizes.values()):
                raise ValueError("it is compressed")
            if sum(one.file_size for one in sizes.values()) > MOST_BYTES[EXEMPLARS]:
                raise ValueError("it says that it holds more bytes than it may")
            index = _Index.model_validate(read_json(archive.read(INDEX), most_bytes=32 * 2**20))
            contents = tuple(archive.read(row.file) for row in index.rows)
        artefact.manifest.target.encode([row.value for row in index.rows])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else short_reason(error)
        raise ArtefactError(f"{readable(place)} is damaged: {reason}. {GET_AGAIN}") from error
    return Exemplars(index.per_class, index.rows, contents)


def chosen_exemplars(learner: Learner, per_class: int) -> Exemplars | None:
    """Training rows that stand for their classes, and those that the model carries already; None of none.

    Of each class the rows are taken one after the other, each the one that brings the mean of those taken nearest to
    the mean of the class: herding, Rebuffi et al. (2017), arXiv:1611.07725, algorithm 4, on features of length 1. So
    the first ones stand for the class best. Of numbers they stand for tenths of the rows, by what is true of them.

    Args:
        learner: Trained.
        per_class: Of each class, at most; fewer where these would be more than a model may carry.
    """
    carried = learner.carried
    if per_class == 0:
        return None
    train = learner.data.train
    named = source_kind(learner.data.kind).noun
    kept = [] if carried is None else _first_of_each(carried, per_class)
    have: dict[str, int] = {}
    for row in kept:
        for label in strata(row[0].value):
            have[label] = have.get(label, 0) + 1
    known = set(learner.data.split.find("test"))
    if carried is not None:
        known |= {row.digest for row in carried.rows}
        known |= set(carried.examples(train.inputs, train.kind, train.options, learner.kind.spec).digests)
    open_rows = [row for row, digest in enumerate(train.digests) if digest not in known]
    wanted: dict[int, int] = {}
    if open_rows:
        candidates = _candidates(train, open_rows, per_class, have)
        if candidates:
            features = _features(learner, train.subset(sorted({row for rows in candidates.values() for row in rows})))
            wanted = _herded(candidates, features, per_class, have)
    room = MOST_BYTES[EXEMPLARS] - LEFT_FOR_INDEX
    added, full = _encoded(learner, wanted, MOST_ROWS - len(kept), room - sum(len(content) for _, content in kept))
    pairs = [*kept, *added]
    if not pairs:
        return None
    numbered = [row.model_copy(update={"file": f"{at}{Path(row.file).suffix}"}) for at, (row, _) in enumerate(pairs)]
    contents = tuple(content for _, content in pairs)
    found = Exemplars(per_class, tuple(numbered), contents)
    size = f"{sum(map(len, contents)) / 2**20:.1f} MB"
    size += f", fewer than {per_class} of each class, since no model may carry more" if full else ""
    warn(
        f"{len(found)} training {named} travel with the model as exemplars ({size}): whoever has the model can see "
        "them. To leave them out: save(exemplars=0)."
    )
    return found


def _encoded(learner: Learner, wanted: Mapping[int, int], most: int, room: int) -> tuple[list[Carried], bool]:
    """Training rows as files, the first ones of all classes first; and whether there was no room for all of them.

    Args:
        learner: Whose rows they are.
        wanted: Row → its place among the exemplars of its class.
        most: Rows.
        room: Bytes.
    """
    train, spec = learner.data.train, learner.kind.spec
    store = Store(train.inputs, spec, digests=train.digests)
    encode = getattr(spec, "encode_exactly", spec.encode)
    found: list[Carried] = []
    ordered = sorted(wanted, key=lambda row: (wanted[row], row))
    for start in range(0, len(ordered), BATCH):
        rows = ordered[start : start + BATCH]
        for row, loaded in zip(rows, store.get(rows), strict=True):
            if loaded is None:
                continue
            content, suffix = encode(loaded)
            room -= len(content)
            if room < 0 or len(found) == most:
                return found, True
            found.append((Exemplar(file=f"0{suffix}", value=train.values[row], digest=train.digests[row]), content))
    return found, False


def strata(value: object) -> tuple[str, ...]:
    """What a row stands for: its class, its labels, or, of numbers, nothing that can be named.

    Example:
        >>> strata("pear"), strata(("red", "round")), strata((1.5,)), strata(())
        (('pear',), ('red', 'round'), ('',), ('',))
    """
    if isinstance(value, str):
        return (value,)
    labels = tuple(value) if isinstance(value, tuple | list) else ()
    return tuple(str(label) for label in labels) if labels and isinstance(labels[0], str) else ("",)


def by_class(values: Sequence[TargetValue], rows: Sequence[int], *, parts: int = 10) -> dict[str, list[int]]:
    """What rows stand for → these rows; of numbers by tenths of the rows."""
    found: dict[str, list[int]] = {}
    for row in rows:
        for label in strata(values[row]):
            found.setdefault(label, []).append(row)
    if list(found) != [""]:
        return found
    ordered = sorted(rows, key=lambda row: _first_number(values[row]))
    return {str(at): part.tolist() for at, part in enumerate(np.array_split(np.array(ordered), parts)) if len(part)}


def _first_number(value: object) -> float:
    first = value[0] if isinstance(value, tuple) and value else 0.0
    return float(first) if isinstance(first, int | float) else 0.0


def judged_and_rehearsed(exemplars: Examples) -> tuple[list[int], list[int]]:
    """Rows that judge the old task, and rows that are trained on again, where nothing but exemplars is at hand."""
    judged: set[int] = set()
    for _, rows in sorted(by_class(exemplars.values, range(len(exemplars))).items()):
        free = [row for row in rows if row not in judged]
        if len(free) >= FEWEST_TO_JUDGE:
            step = max(FEWEST_TO_JUDGE, round(1 / JUDGED_SHARE))
            judged.update(free[1::step])  # the first ones stand for the class best: they are rehearsed
    return sorted(judged), [row for row in range(len(exemplars)) if row not in judged]


def _first_of_each(carried: Exemplars, per_class: int) -> list[Carried]:
    """As many of each class as are asked for, in their order."""
    rows = by_class([row.value for row in carried.rows], range(len(carried)))
    kept = sorted({row for mine in rows.values() for row in mine[:per_class]})
    return [(carried.rows[row], carried.contents[row]) for row in kept]


def _candidates(train: Examples, rows: Sequence[int], per_class: int, have: Mapping[str, int]) -> dict[str, list[int]]:
    """The rows of each class that still lacks exemplars."""
    found = by_class(train.values, rows)
    return {label: mine for label, mine in found.items() if have.get(label, 0) < per_class}


def _herded(
    candidates: Mapping[str, list[int]], features_NF: NDArray[np.float64], per_class: int, have: Mapping[str, int]
) -> dict[int, int]:
    """Row that is taken → its place among the exemplars of its class."""
    at = {row: place for place, row in enumerate(sorted({row for rows in candidates.values() for row in rows}))}
    taken: dict[int, int] = {}
    for label in sorted(candidates):
        mine = [row for row in candidates[label] if row not in taken]
        there = have.get(label, 0) + len(candidates[label]) - len(mine)
        missing = per_class - there
        if missing > 0 and mine:
            order = herding(features_NF[[at[row] for row in mine]], min(missing, len(mine)))
            taken |= {mine[place]: there + before for before, place in enumerate(order)}
    return taken


def herding(features_NF: NDArray[np.float64], n: int) -> list[int]:
    """Places of n rows whose mean is near the mean of all, the best ones first.

    Example:
        >>> herding(np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]), 2)
        [2, 0]
    """
    length = np.linalg.norm(features_NF, axis=1, keepdims=True)
    unit = features_NF / np.maximum(length, 1e-12)
    mean = unit.mean(axis=0)
    total, taken = np.zeros_like(mean), list[int]()
    for count in range(1, n + 1):
        apart = np.linalg.norm(mean - (total + unit) / count, axis=1)
        apart[taken] = np.inf
        best = int(apart.argmin())
        taken.append(best)
        total = total + unit[best]
    return taken


def _features(learner: Learner, rows: Examples) -> NDArray[np.float64]:
    """(N, F) what the trained body sees of each row; a row that cannot be read lies farthest from all."""
    spec, place, network = learner.kind.spec, learner.place.judging(), learner.network
    store = Store(rows.inputs, spec, digests=rows.digests)
    found: list[NDArray[np.float64] | None] = [None] * len(rows)
    at_once = max(1, BATCH // getattr(spec, "windows", 1))
    part: Any = None
    with track("choosing exemplars", len(rows)) as advance, torch.no_grad():
        for start in range(0, len(rows), at_once):
            wanted = list(range(start, min(start + at_once, len(rows))))
            there = [(row, one) for row, one in zip(wanted, store.get(wanted), strict=True) if one is not None]
            if there:
                taken = network.taken(*on_device(views_of(spec, [one for _, one in there]), place))
                part = part_for_inference(network, network.body, place, taken) if part is None else part
                seen = part(*taken).float().cpu().double().numpy()
                for (row, _), one in zip(there, seen, strict=True):
                    found[row] = one
            advance(len(wanted))
    width = next(len(one) for one in found if one is not None)
    return np.stack([np.zeros(width) if one is None else one for one in found])
