"""`drivetrain evaluate`: a saved model on its validation set again, or on the sealed test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.failures import complain
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.results import AsJson, answers, as_json, scores_as_json, scores_as_text

if TYPE_CHECKING:
    from drivetrain.training.saved import Evaluation


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL")],
    *,
    test: Annotated[
        bool, typer.Option("--test", help="Open the sealed test set instead. Each opening is recorded in the model.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(help="Folder or table that holds the pictures now.", show_default="where they were trained from"),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="What to report; several times for several.", show_default="by target")
    ] = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    json: AsJson = False,
) -> None:
    """Judge a saved model on its validation rows, or once, at the end, on its test rows.

    The rows are found again by their content; how many could not be found is said.
    """
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not

    with answers() as answer:
        found = dt.evaluate(
            model,
            "test" if test else "valid",
            data=data,
            metrics=metric or None,
            device=device,
            precision=precision.value,
        )
        openings = _openings(model) if test else None
        if json:
            answer(as_json(_object(model, found, openings)))
        else:
            answer(scores_as_text(found.scores))
        if found.not_found:
            complain(
                "warning",
                f"{found.not_found} of {found.not_found + found.scores.n} rows of the {found.scores.part} set could "
                "not be found, and are not in these numbers",
            )
        if openings is not None and openings > 1:
            complain(
                "warning",
                f"the test set was opened {openings} times for this model. A set that is looked at often, and chosen "
                "by, flatters",
            )


def _openings(model: Path) -> int:
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415

    return len(open_artefact(model).manifest.test_openings)


def _object(model: Path, found: Evaluation, openings: int | None) -> dict[str, Any]:
    scores = found.scores
    opened = {} if openings is None else {"test_openings": openings}
    return {
        "artefact": str(model),
        "part": scores.part,
        "n": scores.n,
        "not_found": found.not_found,
        scores.part: scores_as_json(scores),
        "baselines": {name: dict(values) for name, values in scores.baselines.items()},
        **opened,
    }
