"""`predict_into`: a model's answers for any number of inputs, as a folder of Parquet files, each row once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from drivetrain.batch.answering import Done, Job
from drivetrain.batch.engines import with_processes, with_ray
from drivetrain.batch.places import UNFINISHED, Place
from drivetrain.batch.work import PART, Work, work_of
from drivetrain.errors import SettingError
from drivetrain.notices import warn
from drivetrain.progress import say, track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.loading import load
from drivetrain.settings import choice, whole
from drivetrain.text import counted, readable, short_reason

MANIFEST = "_work.json"
"""In the folder of answers: what they are of; readers of Parquet pass over names that begin so."""
ENGINES = ("processes", "ray")


@dataclass(frozen=True)
class Answered:
    """What came of it."""

    out: str
    rows: int
    failed: int
    """Rows with a reason instead of an answer."""
    parts: int
    kept: int
    """Parts that were there already."""

    def __str__(self) -> str:
        without = f" ({self.failed:,} of them with a reason instead of an answer)" if self.failed else ""
        kept = f", of which {self.kept:,} were there already" if self.kept else ""
        return f"{counted(self.rows, 'row')}{without} in {readable(self.out)}: {counted(self.parts, 'part')}{kept}"


def predict_into(
    model: str,
    inputs: Sequence[str],
    out: str,
    *,
    engine: str = "processes",
    workers: int | None = None,
    top_k: int = 5,
    batch_size: int = 32,
) -> Answered:
    """Answer all inputs, and write the answers as a folder of Parquet files.

    The same call goes on where another one was interrupted or killed: a part is there whole or not at all, under a name
    that follows from its piece of the work, so that no row is missing and none is there twice.

    Args:
        model: The artefact.
        inputs: Files, folders, or addresses of pyarrow's file systems such as s3://bucket/folder. Of a model of rows a
            Parquet file is divided among the workers.
        out: A folder that is new, or that the same call has begun.
        engine: "processes" or "ray".
        workers: How many; None: as many as processors.
        top_k: How many categories `top` lists, at most.
        batch_size: Inputs that go through the network together.

    Raises:
        SettingError: An argument cannot be used, or the folder holds something else.
    """
    engine = choice("engine", engine, ENGINES)
    workers = usable_cpus() if workers is None else whole("workers", workers, least=1)
    predictor = load(model, top_k=top_k, threads=1)
    place = Place.of(out, "--out")
    work = work_of(inputs, kind_name(predictor.reader.kind), place, of_rows=hasattr(predictor.reader, "parts"))
    # all of the manifest: calibration and abstention change answers, and are not among the parameters
    said = "" if predictor.manifest is None else predictor.manifest.model_dump_json()
    identity = hashlib.sha256(said.encode()).hexdigest()
    facts = {"model": identity, "inputs": work.identity, "top_k": top_k, "pieces": len(work.pieces)}
    _claim(place, facts)
    done, there = _kept(place, work)
    left = [piece for piece in work.pieces if piece.file not in there]
    if there:
        say(f"{counted(len(there), 'part')} of {len(work.pieces):,} are there already; going on with the others")
    job = Job(model, out, top_k, batch_size)
    answered = with_ray if engine == "ray" else with_processes
    with track("predicting", len(left)) as advance:
        for one in answered(job, left, workers) if left else _nothing():
            done.append(one)
            advance(1)
    rows, failed = sum(each.rows for each in done), sum(each.failed for each in done)
    place.commit(
        MANIFEST, lambda stream: stream.write(_as_json({**facts, "rows": rows, "failed": failed, "done": True}))
    )
    place.tidy()
    return Answered(place.shown, rows, failed, len(work.pieces), len(there))


def _claim(place: Place, facts: dict[str, Any]) -> None:
    """Refuse a folder of something else, and write down what the answers are of."""
    known = place.read_json(MANIFEST)
    if known is None:
        unfinished = f"/{UNFINISHED}/"
        if place.info().is_file or any(unfinished not in each.path for each in place.below()):
            raise SettingError(
                f"--out {readable(place.shown)} holds something else; expected a new folder, or one that the same "
                "command has begun. To fix: name another folder."
            )
        place.commit(MANIFEST, lambda stream: stream.write(_as_json(facts)))
        return
    other = [name for name, value in facts.items() if known.get(name) != value]
    if other:
        raise SettingError(
            f"--out {readable(place.shown)} holds answers with other {' and '.join(other)}; expected the same, to go "
            "on with them. To fix: name another folder, or remove this one."
        )


def _kept(place: Place, work: Work) -> tuple[list[Done], set[str]]:
    """The parts that are there, with what they hold; one that cannot be read is made again."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    names = {each.path.rsplit("/", 1)[-1]: each.path for each in place.below()}
    others = {name for name in names if name.startswith(PART)} - {piece.file for piece in work.pieces}
    if others:
        raise SettingError(
            f"--out {readable(place.shown)} holds {counted(len(others), 'part')} that this command does not write, "
            f"such as {readable(min(others))}; expected its own alone, as a row would be there twice. To fix: name "
            "another folder."
        )
    done: list[Done] = []
    kept: set[str] = set()
    for piece in (each for each in work.pieces if each.file in names):
        try:
            with place.system.open_input_file(names[piece.file]) as stream:
                errors = pq.read_table(stream, columns=["error"])["error"]
        except (OSError, pa.ArrowException, KeyError) as error:
            part = readable(place.named(names[piece.file]))
            warn(f"{part} cannot be read ({short_reason(error)}): its part is made again.")
            continue
        done.append(Done(piece.number, len(errors), len(errors) - errors.null_count))
        kept.add(piece.file)
    return done, kept


def _as_json(facts: dict[str, Any]) -> bytes:
    return (json.dumps(facts, indent=1) + "\n").encode()


def _nothing() -> Iterator[Done]:
    return iter(())
