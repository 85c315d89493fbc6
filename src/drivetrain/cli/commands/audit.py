"""`drivetrain audit`: look at data before training on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of, text_path_of
from drivetrain.cli.data_options import (
    DATA,
    Channels,
    InputKind,
    Kind,
    LabelDelimiter,
    LabelsFrom,
    PathColumn,
    TargetColumns,
    Task,
    one_or_several,
    word_of,
)
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.results import AsJson, answers, as_json

if TYPE_CHECKING:
    from drivetrain.auditing import Audit


def audit(
    data: Annotated[
        str,
        typer.Argument(help="Folder or table, as of `drivetrain train`.", metavar="DATA", parser=text_path_of("DATA")),
    ],
    *,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Also write a page with the rows side by side.", parser=path_of("html"), metavar="FILE"
        ),
    ] = None,
    features: Annotated[
        bool, typer.Option("--features", help="Also compare what a pretrained body sees: finds crops; takes longer.")
    ] = False,
    arch: Annotated[
        str | None, typer.Option(help="That body, as of `drivetrain train`; implies --features.", show_default="chosen")
    ] = None,
    json: AsJson = False,
    input: InputKind = "images",
    target: TargetColumns = None,
    path: PathColumn = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column that says train, valid or test.", show_default="found", rich_help_panel=DATA),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column or pattern that says which rows belong together.", rich_help_panel=DATA),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Column or pattern that says when a row was taken.", rich_help_panel=DATA)
    ] = None,
    task: Task = None,
    kind: Kind = None,
    label_delim: LabelDelimiter = None,
    channels: Channels = None,
    labels_from: LabelsFrom = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
) -> None:
    """Look for what makes a score wrong: copies, torn groups, shifts, broken files and shortcuts.

    Nothing is divided, trained or sealed; what the source divides itself is compared part by part.
    """
    from drivetrain.auditing import audit as look  # noqa: PLC0415 - an extra that a server does not have
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    with answers() as answer:
        if html is not None:
            file_to_write(html, "--html", over=PAGES)
        found = look(
            data,
            features=_features(arch, channels or 3, device, precision.value) if features or arch else None,
            target=one_or_several(target),
            path=path,
            split=split,
            group=group,
            time=time,
            task=word_of(task, kind),
            label_delim=label_delim,
            channels=channels,
            input=input,
            labels_from=None if labels_from is None else labels_from.value,
        )
        if html is not None:
            _write_page(found, html)
        answer(as_json(found.as_json()) if json else found.summary())


def _features(arch: str | None, channels: int, device: str, precision: Any) -> Any:
    """What computes features of some rows."""
    from drivetrain.training.features import body_features  # noqa: PLC0415 - brings torch

    return lambda rows: body_features(rows, arch, channels=channels, device=device, precision=precision)


def _write_page(found: Audit, place: Path) -> None:
    from drivetrain.auditing.section import audit_page  # noqa: PLC0415

    place.write_text(audit_page(found), encoding="utf-8", errors="replace")
