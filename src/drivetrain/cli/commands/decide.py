"""`drivetrain decide`: a plan from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.results import AsJson, answers, as_json
from drivetrain.errors import DrivetrainError

if TYPE_CHECKING:
    from drivetrain.decisions.plan.plan import Plan


def decide(
    plan: Annotated[Path, typer.Argument(help="TOML file of the plan.", metavar="PLAN", parser=path_of("PLAN"))],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the page.", parser=path_of("out"), metavar="FILE")
    ] = None,
    actions: Annotated[
        Path | None,
        typer.Option(help="Also write the table, a row per row, as CSV.", parser=path_of("actions"), metavar="FILE"),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Also keep the plan in a folder.", parser=path_of("save"), metavar="FOLDER")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make the plan that a file asks for: what to do with each row, and what that is honestly worth.

    The file names the tables, the models (saved, or to be fitted), the levers, the limits, and the objective as
    arithmetic over columns, levers and predictions.
    """
    from drivetrain.decisions.decide_file import decide_file  # noqa: PLC0415
    from drivetrain.decisions.plan_file import in_file  # noqa: PLC0415 - brings pandas and scipy
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    with answers() as answer:
        if out is not None:
            file_to_write(out, "--out", over=PAGES)
        if actions is not None:
            file_to_write(actions, "--actions", over=(".csv",))
        try:
            found = decide_file(plan)
        except DrivetrainError as error:
            raise type(error)(in_file(str(error))) from error
        if out is not None:
            found.report(out)
        if actions is not None:
            actions.write_text(_csv(found), encoding="utf-8", errors="replace")
        if save is not None:
            found.save(save)
        answer(as_json(found.as_json()) if json else found.summary())


def _csv(plan: Plan) -> str:
    """The table, in which no cell is taken for a formula by a spreadsheet."""
    from drivetrain.text import cell, readable  # noqa: PLC0415 - brings numpy

    table = plan.table.reset_index(names=None if plan.table.index.name is not None else "row")
    for i, name in enumerate(table.columns):
        if table[name].dtype.kind not in "biuf":
            table.isetitem(i, [cell(readable(one)) if isinstance(one, str) else one for one in table[name].tolist()])
    table.columns = [cell(readable(str(name))) for name in table.columns]
    return table.to_csv(index=False)
