"""`drivetrain predict`: what a saved model says of files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of, text_path_of, whole_of
from drivetrain.cli.failures import complain
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.results import answers, as_json
from drivetrain.text import number_text

if TYPE_CHECKING:
    from drivetrain.batch.predict import Answered
    from drivetrain.runtime.prediction import Prediction
    from drivetrain.runtime.predictor import Predictor


class EngineName(StrEnum):
    """Who answers very many inputs."""

    PROCESSES = "processes"
    RAY = "ray"


def predict(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Files that the model reads, or folders and tar files: all such files in them; - for standard input.",
            metavar="FILE|FOLDER|-",
            parser=path_of("FILE|FOLDER"),
        ),
    ],
    *,
    top_k: Annotated[
        int,
        typer.Option(help="How many categories to list, best first.", parser=whole_of("top_k", least=1), metavar="N"),
    ] = 5,
    batch_size: Annotated[
        int,
        typer.Option(
            help="Files that go through the network together.", parser=whole_of("batch_size", least=1), metavar="N"
        ),
    ] = 32,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            help="Of very many inputs, with --out: processes of this machine, or ray.", show_default="processes"
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="Write the answers as Parquet into this folder, or address such as s3://bucket/answers; the same "
            "command goes on where it was killed.",
            parser=text_path_of("out"),
            metavar="DIR",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="With --out: how many work at once.",
            parser=whole_of("workers", least=1),
            metavar="N",
            show_default="processors",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object per file or row and line: path, row, label, probability, top, set, abstained.",
        ),
    ] = False,
) -> None:
    """Say what files show, one line each, in the order given; without torch where the model allows it.

    Of a model of tables or texts a file may hold rows (CSV, TSV, Parquet, JSON lines), and each row gets a line. Of a
    model of texts any other file is one text, and of standard input each line is one.

    With --out the answers of any number of inputs are written as Parquet by several processes or by Ray.

    A file or row that cannot be read is reported (with --json by a line with an `error`, with --out in the column
    `error`), the rest go on, and the exit status is 1 at the end, as it is with cat or grep.
    """
    if out is not None or engine is not None or workers is not None:
        with answers() as answer:
            asked = {"--device": device not in ("auto", "cpu"), "--precision": precision is not PrecisionName.AUTO}
            more = {"workers": workers, "top_k": top_k, "batch_size": batch_size}
            found = _into(model, inputs, out, engine, asked, **more)
            answer(as_json(asdict(found)) if json else str(found))
        _end(found.failed, found.rows)
        return
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.progress import track  # noqa: PLC0415 - brings rich

    on_terminal = sys.stdout.isatty()  # where the answers themselves show how far it is
    with answers() as answer:
        predictor = dt.load(model, device=device, precision=precision.value, top_k=top_k)
        sources = list(_sources(predictor, inputs))
        failed = answered = 0
        with track("predicting", 0 if on_terminal else len(sources)) as advance:
            for prediction in _predictions(predictor, sources, batch_size):
                failed, answered = failed + (prediction.error is not None), answered + 1
                if json:
                    answer(as_json(prediction.as_json()))
                elif prediction.error is None:
                    answer(as_text(prediction))
                else:
                    complain("error", _named(prediction.error, prediction.path))
                if prediction.row in (None, 1):
                    advance(1)
    _end(failed, answered)


def _end(failed: int, answered: int) -> None:
    """End with status 1 where an input has no answer."""
    if failed:
        complain("error", f"{failed:,} of {answered:,} could not be read")
        raise typer.Exit(1)


def _into(
    model: Path,
    inputs: list[Path],
    out: str | None,
    engine: EngineName | None,
    not_here: dict[str, bool],
    **more: Any,
) -> Answered:
    """Answer into a folder."""
    if out is None:
        raise typer.BadParameter("--engine and --workers need --out, the folder that the answers go to.")
    for option in (name for name, given in not_here.items() if given):
        raise typer.BadParameter(f"{option} means nothing with --out: each worker answers with ONNX Runtime on a core.")
    if STREAM in inputs:
        raise typer.BadParameter("standard input cannot be taken up again: give files or folders with --out.")
    from drivetrain.batch.predict import predict_into  # noqa: PLC0415 - brings pyarrow

    engine = engine or EngineName.PROCESSES
    return predict_into(str(model), [address_of(each) for each in inputs], out, engine=engine.value, **more)


def address_of(path: Path) -> str:
    """An address as it was typed: a path has made one slash of two.

    Example:
        >>> address_of(Path("s3://bucket/a")), address_of(Path("fruit"))
        ('s3://bucket/a', 'fruit')
    """
    return re.sub(r"^(\w[\w+.-]+):/(?!/)", r"\1://", str(path))


STREAM = Path("-")
"""Standard input."""


def as_text(prediction: Prediction) -> str:
    """One line for a person.

    Example:
        >>> from drivetrain.runtime.prediction import Prediction
        >>> as_text(Prediction("a.jpg", label="pear", probability=0.9, top=(("pear", 0.9), ("fig", 0.1))))
        'a.jpg: pear 90.0 % (fig 10.0 %)'
        >>> as_text(Prediction("a.jpg", labels=(), top=(("ripe", 0.25),)))
        'a.jpg: none (ripe 25.0 %)'
        >>> as_text(Prediction("a.jpg", label="pear", top=(("pear", 0.4), ("fig", 0.3)), abstained=True))
        'a.jpg: not sure: pear 40.0 % (fig 30.0 %)'
        >>> as_text(Prediction("a.jpg", values={"grams": 151.25}))
        'a.jpg: grams 151.2'
        >>> as_text(Prediction("a.jpg", values={"grams": 151.25}, intervals={"grams": (140.0, 162.5)}))
        'a.jpg: grams 151.2 [140, 162.5]'
        >>> as_text(Prediction("rows.csv", values={"grams": 151.25}, row=2))
        'rows.csv, row 2: grams 151.2'
        >>> from drivetrain.runtime.over_time import TimeSpan
        >>> as_text(Prediction("a.wav", label="bark", top=(("bark", 0.9),), spans=(TimeSpan(3.2, 4.1, "bark", 0.93),)))
        'a.wav: bark 90.0 %; bark 3.2–4.1 (.93)'
    """
    from drivetrain.errors import first_few  # noqa: PLC0415
    from drivetrain.text import readable  # noqa: PLC0415 - brings numpy

    if prediction.values is not None:
        said, others = ", ".join(_number(prediction, name) for name in prediction.values), ()
    elif prediction.labels is not None:
        said, others = ", ".join(prediction.labels) or "none", prediction.top
    else:
        said, others = _percent(prediction.top[0]), prediction.top[1:]
    said = f"not sure: {said}" if prediction.abstained else said
    listed = f" ({', '.join(map(_percent, others))})" if others else ""
    row = "" if prediction.row is None else f", row {prediction.row}"
    times = f"; {first_few(prediction.spans)}" if prediction.spans else ""
    return readable(f"{prediction.path}{row}: {said}{listed}{times}")


def _named(error: str, path: str | None) -> str:
    """An error that says which file it is about.

    Example:
        >>> _named("the text is empty", "a.txt"), _named("a.txt cannot be read", "a.txt")
        ('a.txt: the text is empty', 'a.txt cannot be read')
    """
    from drivetrain.text import readable  # noqa: PLC0415 - brings numpy

    return error if path is None or Path(path).name in error else f"{readable(path)}: {error}"


def _number(prediction: Prediction, name: str) -> str:
    ends = (prediction.intervals or {}).get(name)
    interval = f" [{number_text(ends[0])}, {number_text(ends[1])}]" if ends else ""
    return f"{name} {number_text((prediction.values or {})[name])}{interval}"


def _percent(item: tuple[str, float]) -> str:
    return f"{item[0]} {100 * item[1]:.1f} %"


def _sources(predictor: Predictor, inputs: Iterable[Path]) -> Iterator[Path | Prediction]:
    """The files to read; a folder or tar file stands for the inputs in it, or for an error where there are none."""
    from drivetrain.errors import SettingError  # noqa: PLC0415
    from drivetrain.runtime.files.below import holds_inputs  # noqa: PLC0415
    from drivetrain.runtime.prediction import Prediction  # noqa: PLC0415
    from drivetrain.runtime.spec import sources_of  # noqa: PLC0415

    for item in inputs:
        if item == STREAM:
            yield STREAM
            continue
        if not holds_inputs(item):
            yield item
            continue
        try:
            yield from sources_of(predictor.reader, item)
        except SettingError as error:
            yield Prediction(str(item), error=str(error))


def _predictions(predictor: Predictor, sources: Iterable[Path | Prediction], batch_size: int) -> Iterator[Prediction]:
    """Answers in the order of the sources; what is an answer already stays as it is.

    A file of rows gives an answer for each of them.
    """
    if hasattr(predictor.reader, "parts"):
        for source in sources:
            if source is STREAM:
                yield from _of_stream(predictor, batch_size)
            else:
                yield from _of_table(predictor, source) if isinstance(source, Path) else [source]
        return
    for to_read, group in groupby(sources, key=lambda source: isinstance(source, Path) and source is not STREAM):
        if to_read:
            yield from predictor.predict_many((path for path in group if isinstance(path, Path)), batch_size=batch_size)
        else:
            for source in group:
                yield from _of_stream(predictor, batch_size) if isinstance(source, Path) else [source]


def _of_stream(predictor: Predictor, batch_size: int) -> Iterator[Prediction]:
    """An answer for each input of standard input, or for all of it, where the kind of input is not told by lines."""
    own = getattr(predictor.reader, "lines", None)
    stream = sys.stdin.buffer
    if own is None:
        yield from (replace(found, path=str(STREAM)) for found in predictor.predict_many([stream.read()]))
        return
    for row, found in enumerate(predictor.predict_many(own(stream), batch_size=batch_size), start=1):
        error = None if found.error is None else f"row {row}: {found.error}"
        yield replace(found, path=str(STREAM), row=row, error=error)


def _of_table(predictor: Predictor, path: Path) -> Iterator[Prediction]:
    """An answer for each row of a file, or the reason why it has none."""
    from drivetrain.errors import InputError  # noqa: PLC0415
    from drivetrain.runtime.prediction import Prediction  # noqa: PLC0415

    try:
        yield from predictor.predict_many(path)
    except InputError as error:
        yield Prediction(str(path), error=str(error))
