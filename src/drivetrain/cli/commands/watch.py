"""`drivetrain watch`: does a service still see and say what validation saw and said?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.failures import complain
from drivetrain.cli.results import AsJson, answers, as_json
from drivetrain.errors import DataError

if TYPE_CHECKING:
    from drivetrain.runtime.watching.compare import Check, Watch
    from drivetrain.runtime.watching.log import Live


def watch(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    log: Annotated[Path, typer.Argument(help="File of `drivetrain serve --log-predictions`.", metavar="LOG")],
    *,
    last: Annotated[int, typer.Option(help="Look at the newest answers, so many.", min=1)] = 2000,
    false_alarms: Annotated[
        float, typer.Option(help="Share of runs that may alarm although nothing changed.", min=0.001, max=0.5)
    ] = 0.01,
    least: Annotated[float, typer.Option(help="Share of rows that must have moved for an alarm.", min=0, max=1)] = 0.05,
    json: AsJson = False,
) -> None:
    """Compare the newest answers of a service with the validation rows of its model.

    Exit status 0: nothing changed that could be told from chance. 1: something did, or it could not be looked at. It
    needs no labels, so it does not say that answers are wrong: only that they are given on other pictures than the
    scores were measured on.
    """
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415 - brings numpy
    from drivetrain.runtime.watching.compare import watch as compare  # noqa: PLC0415
    from drivetrain.runtime.watching.log import read_log  # noqa: PLC0415

    with answers() as answer:
        manifest = open_artefact(model).manifest
        if manifest.reference is None:
            raise DataError(
                f"{model} does not say what validation looked like. To fix: open it with Learner.load, where its data "
                "are, and save it again."
            )
        live = read_log(log, manifest.parameters_sha256, last=last)
        if live.n == 0:
            raise DataError(f"{log} holds no answers of {model}{_left_out(live)}.")
        found = compare(manifest.reference, live, false_alarms=false_alarms, least=least)
        answer(as_json(as_object(found, live)) if json else as_text(found))
    if live.unreadable or live.of_other_models:
        complain("warning", f"lines left out{_left_out(live)}")
    if found.alarms:
        raise typer.Exit(1)


def _left_out(live: Live) -> str:
    reasons = [f"{live.of_other_models} are of another model"] if live.of_other_models else []
    reasons += [f"{live.unreadable} cannot be read"] if live.unreadable else []
    return f": {', '.join(reasons)}" if reasons else ""


def as_object(found: Watch, live: Live) -> dict[str, Any]:
    """For machines."""
    return {
        "alarm": bool(found.alarms),
        "n": found.n_live,
        "n_reference": found.n_reference,
        "false_alarms": found.false_alarms,
        "left_out": {"other_models": live.of_other_models, "unreadable": live.unreadable},
        "checks": [vars(check) for check in found.checks],
    }


def as_text(found: Watch) -> str:
    """A heading, a line for each check, and how far to trust it."""
    width = max(len(check.name) for check in found.checks)
    alarms = f"{len(found.alarms)} of {len(found.checks)} checks alarm" if found.alarms else "nothing has changed"
    return "\n".join(
        [
            f"{found.n_live:,} answers against {found.n_reference:,} validation rows: {alarms}",
            *(_line(check, width) for check in found.checks),
            f"On rows like those of validation, at most {100 * found.false_alarms:g} % of such runs alarm.",
        ]
    )


def _line(check: Check, width: int) -> str:
    mark = "ALARM" if check.alarm else "ok   "
    moved = f"{100 * check.moved:4.1f} % moved [{100 * check.low:.1f}, {100 * check.high:.1f}]"
    return f"  {mark} {check.name:<{width}}  {moved}  {check.detail}"
