"""`drivetrain inside`: what the layers of a saved model have learnt, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import path_of, text_path_of, whole_of
from drivetrain.cli.place import Device
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, quoted


def inside(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or table that holds the rows now.",
            parser=text_path_of("data"),
            metavar="DATA",
            show_default="where they were trained from",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Where the page is written; .png, .pdf or .svg: a chart.", parser=path_of("out"), metavar="FILE"
        ),
    ] = Path("inside.html"),
    against: Annotated[
        str | None,
        typer.Option(
            help="Page of before and after: the model before, or pretrained for the body before training.",
            parser=text_path_of("against"),
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="Name of a layer to show; several times for several.", show_default="five to seven"),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="Feature to show in any case, as LAYER:CHANNEL; several times for several.", show_default=False
        ),
    ] = None,
    features: Annotated[
        int, typer.Option(help="Features of each layer.", parser=whole_of("features", least=1, most=100), metavar="N")
    ] = 9,
    explain: Annotated[
        int, typer.Option(help="Answers that are explained.", parser=whole_of("explain", least=0, most=50), metavar="N")
    ] = 3,
    rows: Annotated[
        int | None,
        typer.Option(
            help="Validation rows that are looked at.",
            parser=whole_of("rows", least=1),
            metavar="N",
            show_default="at most 2,500",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out silencing, linear models, explained answers and their checks.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all draws.", parser=whole_of("seed", least=0), metavar="N")] = 0,
    device: Device = "auto",
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """Write a page about the inside of a saved model of pictures or sounds: what its layers have learnt.

    It looks at the validation rows, which are found by their content; the test set stays sealed. The page is one file
    that loads nothing, below 15 MB.
    """
    from drivetrain.insight.inspection import page_place  # noqa: PLC0415 - brings torch
    from drivetrain.learner.inside import asked_wanted, inside_saved  # noqa: PLC0415

    with answers() as answer:
        page_place(out, "--out")
        wanted = asked_wanted(
            layers=layer or None,
            features=features,
            also=feature or (),
            explain=explain,
            rows=rows,
            quick=quick,
            seed=seed,
        )
        found = inside_saved(model, out, data=data, against=against, wanted=wanted, device=device, project=project)
        size = out.stat().st_size
        if json:
            answer(as_json({"artefact": str(model), "page": str(out), "bytes": size, **found.as_json()}))
        else:
            answer(str(found))
            answer(f"page in {quoted(out)} ({size / 1e6:.1f} MB): open it in a browser")
