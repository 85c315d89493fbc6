"""`drivetrain report`: one page about a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import path_of, text_path_of
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, quoted


def report(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    out: Annotated[Path, typer.Option(help="Where the page is written.", parser=path_of("out"), metavar="FILE")] = Path(
        "report.html"
    ),
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or table that holds the rows now.",
            parser=text_path_of("data"),
            metavar="DATA",
            show_default="where they were trained from",
        ),
    ] = None,
    use: Annotated[str, typer.Option(help="What the model is meant for, in your words.", show_default=False)] = "",
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Also look for copies, leaks and shortcuts in the data, see `drivetrain audit`."),
    ] = False,
    no_probe: Annotated[
        bool,
        typer.Option("--no-probe", help="Leave out the linear probe, which takes a pass over the training rows."),
    ] = False,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """Write a page about a saved model: how good it is, where it goes wrong, how it was made.

    It judges the validation rows again, which are found by their content; the test set stays sealed. The page is one
    file that loads nothing, with small copies of some of the rows.
    """
    from drivetrain.learner.saving.saved_model import report_saved  # noqa: PLC0415 - brings torch
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415 - says so before what follows is loaded

    with answers() as answer:
        file_to_write(out, "--out", over=PAGES)
        place = report_saved(
            model,
            out,
            data=data,
            audit=audit,
            use=use,
            probe=not no_probe,
            device=device,
            precision=precision.value,
            project=project,
        )
        size = place.stat().st_size
        if json:
            answer(as_json({"artefact": str(model), "report": str(place), "bytes": size}))
        else:
            answer(f"report in {quoted(place)} ({size / 1e6:.1f} MB): open it in a browser")
