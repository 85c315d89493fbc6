"""`drivetrain pull`: a model from a Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.results import answers, as_json, next_steps, quoted
from drivetrain.text import one_of


def pull(
    name: Annotated[str, typer.Argument(help="Of the model on the hub.", metavar="OWNER/NAME")],
    *,
    out: Annotated[Path, typer.Option(help="Where it is put, such as fruit.model.")],
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: artefact, files, bytes.")] = False,
) -> None:
    """Fetch a model from the Hugging Face hub, verify every file, and put it in place.

    Private models need a token, see `drivetrain push`.
    """
    from drivetrain.data.kind import source_kind  # noqa: PLC0415 - brings numpy
    from drivetrain.runtime.hub.fetch import pull as fetch  # noqa: PLC0415 - brings pydantic and numpy

    with answers() as answer:
        artefact = fetch(name, out, revision=revision)
        files = artefact.manifest.files
        if json:
            size = sum(record.bytes for record in files.values())
            answer(as_json({"artefact": str(out), "files": len(files), "bytes": size}))
            return
        answer(f"{name} is in {quoted(out)}; all {len(files)} files are as its manifest says")
        noun = one_of(source_kind(artefact.manifest.input.kind).noun)
        answer(next_steps([(f"drivetrain predict {quoted(out)} FILE", f"what does it say of a {noun}?")]))
