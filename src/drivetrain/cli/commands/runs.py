"""`drivetrain runs`: the trials of a project, and what the best is worth once it is known that it was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json
from drivetrain.text import in_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivetrain.evaluation.record.runs import Run, Trials
    from drivetrain.evaluation.record.selection import Selection


def runs(
    *,
    metric: Annotated[
        str | None, typer.Option(help="What the trials are compared by.", show_default="their first metric")
    ] = None,
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """List the trials of this project, and the best of them with its score corrected for having been chosen.

    Every training that has a validation set is a trial. Trials on the same validation rows are compared; the best of
    several looks better than it is, and by how much is computed from what each said of each row.
    """
    from drivetrain.data.seals.project import Project  # noqa: PLC0415 - an extra that a server does not have
    from drivetrain.evaluation.record.runs import RunLog  # noqa: PLC0415

    with answers() as answer:
        log = RunLog(Project.find(project))
        groups = _with_best(log.groups(), metric)
        if json:
            folder = str(log.project.folder)
            answer(as_json({"project": folder, "splits": [_object(trials, best) for trials, best in groups]}))
        elif not groups:
            answer(f"{log.project.folder} has no trials on record yet")
        else:
            answer("\n\n".join(_text(trials, best) for trials, best in groups))


def _with_best(groups: Sequence[Trials], metric: str | None) -> list[tuple[Trials, tuple[Run, Selection] | None]]:
    """Each group with its best; one that the metric does not suit has none, but some group it must suit."""
    from drivetrain.errors import DrivetrainError  # noqa: PLC0415 - as the rest of this command

    found: list[tuple[Trials, tuple[Run, Selection] | None]] = []
    refusals: list[DrivetrainError] = []
    for trials in groups:
        try:
            found.append((trials, trials.best(metric)))
        except DrivetrainError as error:
            found.append((trials, None))
            refusals.append(error)
    if refusals and len(refusals) == len(groups):
        raise refusals[-1]
    return found


def _object(trials: Trials, best: tuple[Run, Selection] | None) -> dict[str, Any]:
    latest = trials.runs[-1].record
    found: dict[str, Any] = {
        "split": latest.split,
        "seal": latest.seal,
        "target": latest.target,
        "n": latest.n,
        "trials": [
            {
                "id": run.id,
                "when": run.record.when,
                "arch": run.record.arch,
                "epochs": run.record.epochs,
                "seconds": run.record.seconds,
                "scores": run.record.scores,
                "loss": run.record.loss,
                "parameters_sha256": run.record.parameters_sha256,
            }
            for run in trials.runs
        ],
        "best": None,
    }
    if best is not None:
        run, chosen = best
        found["best"] = {
            "id": run.id,
            "metric": chosen.metric,
            "value": chosen.raw,
            "corrected": chosen.corrected,
            "low": chosen.low,
            "high": chosen.high,
            "n": chosen.n,
            "trials": chosen.trials,
        }
    return found


def _text(trials: Trials, best: tuple[Run, Selection] | None) -> str:
    latest = trials.runs[-1].record
    n = len(trials.runs)
    lines = [f"{latest.target}: {n} {'trial' if n == 1 else 'trials'} on {latest.n['valid']:,} validation rows"]
    rows = [_row(run) for run in trials.runs]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells).rstrip()}")
    if best is not None:
        run, chosen = best
        lines.append(f"best: {run.id}: {chosen}")
    return "\n".join(lines)


def _row(run: Run) -> list[str]:
    from drivetrain.evaluation.metrics.metrics import metric_named  # noqa: PLC0415

    record = run.record
    scores: list[str] = []
    for name, value in record.scores.items():
        found = metric_named(name)
        label, percent = (name, False) if found is None else (found.label, found.percent)
        shown = "–" if value is None else f"{100 * value:.1f} %" if percent else in_digits(value)
        scores.append(f"{label} {shown}")
    return [run.id, record.arch, f"{record.epochs} epochs", ", ".join(scores)]
