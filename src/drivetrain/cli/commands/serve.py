"""`drivetrain serve`: a saved model behind HTTP, with a page."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import path_of
from drivetrain.errors import MissingExtraError

NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65_535)] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that callers must send; else the variable DRIVETRAIN_TOKEN.", show_default=False
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(help="Inputs worked on at once; 0: as many as processors may be used.", min=0)
    ] = 0,
    queue: Annotated[int, typer.Option(help="Further inputs that may wait; more are refused with 503.", min=0)] = 32,
    deadline: Annotated[float, typer.Option(help="Longest seconds from a request to its answer.", min=0.01)] = 10.0,
    max_mb: Annotated[float, typer.Option(help="Of one input, such as a picture or a sound.", min=0.01, max=32)] = 10.0,
    log_predictions: Annotated[
        Path | None,
        typer.Option(help="File that gets a line per answer, without the input, for `drivetrain watch`."),
    ] = None,
    sample_dir: Annotated[
        Path | None, typer.Option(help="Folder that keeps some of the inputs, for labelling. Off by default.")
    ] = None,
    sample_pct: Annotated[float, typer.Option(help="Share of the inputs kept there.", min=0, max=1)] = 0.01,
    sample_most: Annotated[int, typer.Option(help="Inputs in that folder, at most.", min=1)] = 1000,
    shadow: Annotated[
        Path | None,
        typer.Option(
            help="A second model that is asked beside the first: not sent but compared, for `drivetrain watch`.",
            metavar="NEW_MODEL",
            parser=path_of("shadow"),
        ),
    ] = None,
) -> None:
    """Answer over HTTP until Ctrl-C or SIGTERM: POST /predict, a page at /, /docs, /metrics, /readyz.

    Logs go to standard error, one JSON object per line, without what was sent.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"drivetrain serve needs {', '.join(missing)}: pip install 'drivetrain[serve]'")
    from drivetrain.runtime.files.places import file_to_write  # noqa: PLC0415
    from drivetrain.serving.run import serve as run  # noqa: PLC0415 - needs the extra
    from drivetrain.serving.settings import MB, Limits, Settings, read_token  # noqa: PLC0415
    from drivetrain.settings import number  # noqa: PLC0415

    if log_predictions is not None:
        file_to_write(log_predictions, "--log-predictions")
    settings = Settings(
        host=host,
        port=port,
        token=read_token(token_file),
        threads=threads,
        queue=queue,
        deadline_s=deadline,
        log_predictions=log_predictions,
        sample_dir=sample_dir,
        sample_pct=sample_pct,
        sample_most=sample_most,
        shadow=shadow,
        limits=Limits(picture_bytes=int(number("max_mb", max_mb, above=0, most=32) * MB)),
    )
    run(model, settings)
