"""`drivetrain evaluate`: a saved model on its validation set again, or on the sealed test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of, text_path_of
from drivetrain.cli.failures import complain
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, scores_as_json, scores_as_text, words_in

if TYPE_CHECKING:
    from drivetrain.learner.evaluate import Evaluation


def evaluate(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    test: Annotated[
        bool, typer.Option("--test", help="Open the sealed test set instead. Each opening is recorded in the model.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Judge the rows of --data that the model was not made with.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or table that holds the rows now, or new ones.",
            parser=text_path_of("data"),
            metavar="DATA",
            show_default="where they were trained from",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="What to report; several times for several.", show_default="by target")
    ] = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    seal: Annotated[
        Path | None,
        typer.Option(
            help="Seal of another test set, whose rows --data holds.",
            parser=path_of("seal"),
            metavar="FILE",
            show_default="the model's own",
        ),
    ] = None,
    project: ProjectFolder = None,
    review: Annotated[
        Path | None,
        typer.Option(help="Decisions that `drivetrain review` wrote; their labels count.", show_default="none"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Judge a saved model on its validation rows, on new data, or once, at the end, on its test rows.

    The rows are found again by their content; how many could not be found is said. Opening the test set asks for
    nothing and records everything: what was predicted of it, what came out, and how often it was opened.
    """
    if new and (test or seal):
        raise typer.BadParameter("--new goes with neither --test nor --seal: choose one.")
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not

    with answers() as answer:
        found = dt.evaluate(
            model,
            "new" if new else "test" if test or seal else "valid",
            data=data,
            metrics=metric or None,
            device=device,
            precision=precision.value,
            seal=seal,
            project=project,
            review=review,
        )
        answer(as_json(_object(model, found)) if json else _text(found))
        if found.not_found:
            complain(
                "warning",
                f"{found.not_found} of {found.not_found + found.scores.n} rows of the {found.scores.where} could "
                "not be found, and are not in these numbers",
            )
        if found.opening is not None and found.opening.count > 1:
            complain(
                "warning",
                f"this test set was opened {found.opening.count} times, counted over all models. A set that is looked "
                "at often, and chosen by, flatters",
            )


def _text(found: Evaluation) -> str:
    from drivetrain.evaluation.record.openings import describe  # noqa: PLC0415

    lines = [] if found.opening is None else describe(found.opening, found.scores)
    return words_in("\n".join([scores_as_text(found.scores), *(f"  {line}" for line in lines)]))


def _object(model: Path, found: Evaluation) -> dict[str, Any]:
    scores = found.scores
    said: dict[str, Any] = {
        "artefact": str(model),
        "part": scores.part,
        "n": scores.n,
        "not_found": found.not_found,
        scores.part: scores_as_json(scores),
    }
    if found.left_out:
        said["left_out"] = found.left_out
    if found.opening is not None:
        left = {"scores", "parameters_sha256"}
        said["test_openings"] = found.opening.count
        said["opening"] = found.opening.model_dump(mode="json", exclude=left)
    return said
