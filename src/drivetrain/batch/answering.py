"""A worker: opens the model once, answers piece after piece, and writes the part of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from drivetrain.batch.places import Place, on_disk
from drivetrain.batch.work import Piece
from drivetrain.errors import InputError, SettingError
from drivetrain.runtime.loading import load
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.text import short_reason


class Done(NamedTuple):
    """What came of a piece."""

    number: int
    rows: int
    failed: int
    """Rows with a reason instead of an answer."""


@dataclass(frozen=True)
class Job:
    """What every worker needs to know; plain data, which travels to other processes and machines."""

    model: str
    out: str
    top_k: int = 5
    batch_size: int = 32


class Answerer:
    """Answers pieces with one thread.

    Args:
        job: What to answer with, and where the parts go.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.predictor = load(job.model, top_k=job.top_k, threads=1)
        self.out = Place.of(job.out, "--out")
        self.schema = schema_of(self.predictor.target)

    def __call__(self, piece: Piece) -> Done:
        """Answer a piece; its part appears whole or not at all, and of the same piece under the same name."""
        said = list(self._said(piece))
        table = as_arrow(said, self.predictor.target, self.schema)
        self.out.commit(piece.file, lambda stream: pq.write_table(table, stream))
        return Done(piece.number, len(said), sum(each.error is not None for each in said))

    def _said(self, piece: Piece) -> Iterator[Prediction]:
        place = Place.of(piece.written, "FILE|FOLDER")
        if piece.start is not None:
            yield from self._of_rows(place, piece)
            return
        for path in piece.paths:
            try:
                with on_disk(place.system, path) as file:
                    found = self._of_file(file, path)
            except OSError as error:
                found = [Prediction(path, error=f"it cannot be read: {short_reason(error)}")]
            yield from (_called(each, each.path or path, place) for each in found)

    def _of_file(self, file: Path, path: str) -> list[Prediction]:
        """Its answers, of a shard those of its members; paths and reasons name the file, not the copy of it."""
        try:
            found = list(self.predictor.predict_many(file, batch_size=self.job.batch_size))
        except (InputError, SettingError) as error:  # the second of a shard without inputs
            found = [Prediction(error=str(error))]
        said = [None if each.error is None else each.error.replace(str(file), path) for each in found]
        return [
            replace(each, path=path + _inside(each.path, file), error=why)
            for each, why in zip(found, said, strict=True)
        ]

    def _of_rows(self, place: Place, piece: Piece) -> Iterator[Prediction]:
        start, path = piece.start or 0, piece.paths[0]
        try:
            rows = _rows(place, path, start, piece.n)
            found = list(self.predictor.predict_many(rows, batch_size=self.job.batch_size))
        except (InputError, OSError, pa.ArrowException) as error:
            found = [Prediction(error=str(error))] * piece.n
        for at, each in enumerate(found, start=start + 1):
            yield replace(_called(each, path, place), row=at)


def _inside(named: str | None, file: Path) -> str:
    """What follows the name of a shard in the address of a member; nothing of other files."""
    return named.removeprefix(str(file)) if named and Path(named).is_relative_to(file) else ""


def _called(one: Prediction, path: str, place: Place) -> Prediction:
    """With the file called as it was named, in the reason too."""
    named = place.named(path)
    return replace(one, path=named, error=None if one.error is None else one.error.replace(path, named))


def _rows(place: Place, path: str, start: int, n: int) -> Any:
    """Some rows of a Parquet file; only the row groups that hold them are read."""
    with place.system.open_input_file(path) as stream:
        file = pq.ParquetFile(stream)
        first, groups, before = 0, [], 0
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if before + size > start and before < start + n:
                first = before if not groups else first
                groups.append(group)
            before += size
        return file.read_row_groups(groups).slice(start - first, n)


def schema_of(target: Target) -> Any:
    """The columns of the answers, the same in every part."""
    text, number = pa.string(), pa.float64()
    fields: list[tuple[str, Any]] = [("path", text), ("row", pa.int64())]
    if isinstance(target, NumberTarget):
        for name in target.names:
            fields += [(name, number), (f"{name} low", number), (f"{name} high", number)]
    else:
        of_one = [("label", text), ("probability", number)]
        fields += of_one if isinstance(target, CategoryTarget) else [("labels", pa.list_(text))]
        spans = [("start", number), ("end", number), *of_one]
        fields += [
            ("top", pa.list_(pa.struct(of_one))), ("set", pa.list_(text)), ("abstained", pa.bool_()),
            ("spans", pa.list_(pa.struct(spans))),
        ]  # fmt: skip
    return pa.schema([*fields, ("error", text)])


def as_arrow(said: Sequence[Prediction], target: Target, schema: Any) -> Any:
    """Answers as a table; one without an answer has its reason in `error`, and nothing else."""
    return pa.Table.from_pylist([_row(each, target) for each in said], schema=schema)


def _row(one: Prediction, target: Target) -> dict[str, Any]:
    row: dict[str, Any] = {"path": one.path, "row": one.row, "error": one.error}
    if one.error is not None:
        return row
    if isinstance(target, NumberTarget):
        for name, value in (one.values or {}).items():
            low, high = (one.intervals or {}).get(name, (None, None))
            row |= {name: value, f"{name} low": low, f"{name} high": high}
        return row
    top = [{"label": label, "probability": p} for label, p in one.top]
    row |= {"label": one.label, "probability": one.probability, "labels": list(one.labels or ())}
    spans = [span._asdict() for span in one.spans]
    return row | {"top": top, "set": list(one.set), "abstained": one.abstained, "spans": spans}
