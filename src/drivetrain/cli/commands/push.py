"""`drivetrain push`: a saved model onto a Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.results import answers, as_json, quoted


def push(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    name: Annotated[str, typer.Argument(help="Where on the hub.", metavar="OWNER/NAME")],
    *,
    private: Annotated[bool, typer.Option("--private", help="Of a repository that is made now.")] = False,
    exemplars: Annotated[
        bool, typer.Option("--exemplars", help="Put the training rows that it carries for its updates there too.")
    ] = False,
    space: Annotated[
        Path | None, typer.Option(help="Also write a Gradio Space for it into this folder, ready to be pushed.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: repository, commit, space.")] = False,
) -> None:
    """Put a saved model on the Hugging Face hub.

    The token is taken from HF_TOKEN, or from where `hf auth login` puts it; HF_ENDPOINT names another hub. The golden
    examples inside the model are pictures of your validation set: export with --golden 0 where nobody may see them.
    """
    from drivetrain.export.publish import push as put  # noqa: PLC0415 - these bring pydantic and numpy
    from drivetrain.export.space import check_space_folder, write_space  # noqa: PLC0415
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415

    with answers() as answer:
        manifest = open_artefact(model).manifest
        if space is not None:
            check_space_folder(space)
        commit = put(model, name, private=private, exemplars=exemplars)
        if space is not None:
            write_space(space, name, manifest)
        if json:
            answer(as_json({"repository": name, "commit": commit, "space": None if space is None else str(space)}))
            return
        answer(f"{quoted(model)} is on the hub: {commit}")
        if space is not None:
            answer(f"a Space that asks it is in {quoted(space)}")
