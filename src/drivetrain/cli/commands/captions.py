"""`drivetrain captions`: how far captions can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import number_of, path_of, text_path_of, whole_of
from drivetrain.cli.results import AsJson, answers, as_json


def captions(
    table: Annotated[
        str,
        typer.Argument(
            help="Table of pictures and captions (CSV, Parquet, JSON), or the folder of a captioner.",
            metavar="CAPTIONS",
            parser=text_path_of("CAPTIONS"),
        ),
    ],
    *,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of the pictures.", parser=path_of("pictures"), metavar="FOLDER")
    ] = None,
    references: Annotated[
        str | None,
        typer.Option(help="Table of what people wrote.", parser=text_path_of("references"), metavar="TABLE"),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            help="Table of what is in each picture, or a saved classifier.",
            parser=text_path_of("objects"),
            metavar="TABLE|MODEL",
        ),
    ] = None,
    look_for: Annotated[
        str | None,
        typer.Option(help="Objects to look for, with commas between; what is there is what the references name."),
    ] = None,
    synonym: Annotated[
        list[str] | None, typer.Option(help="What an object is called too: dog=puppy,hound. Several times.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder of a captioner, which says how well captions fit.",
            parser=text_path_of("model"),
            metavar="FOLDER",
        ),
    ] = None,
    picture: Annotated[str | None, typer.Option(help="Column of the pictures.")] = None,
    caption: Annotated[str | None, typer.Option(help="Column of the captions.")] = None,
    likelihood: Annotated[str | None, typer.Option(help="Column of the model's likelihood.")] = None,
    rivals: Annotated[
        int,
        typer.Option(help="Other pictures that each meets.", parser=whole_of("rivals", least=1), metavar="N"),
    ] = 4,
    level: Annotated[
        float, typer.Option(help="Of the intervals.", parser=number_of("level", above=0, below=1), metavar="NUMBER")
    ] = 0.95,
    seed: Annotated[int, typer.Option(help="Of all draws.", parser=whole_of("seed", least=0), metavar="N")] = 0,
    note: Annotated[str, typer.Option(help="What the captions are; shown on the page.")] = "",
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the page.", parser=path_of("html"), metavar="FILE")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say how far captions of pictures can be trusted: what they name that is not there, and whether one could hear it.

    Captions may be anybody's. What is in the pictures is said by --objects (a table or a classifier) or --references.
    """
    if objects is not None and look_for is not None:
        raise typer.BadParameter("--objects and --look-for are both given: choose one.")
    synonyms = dict(_synonym(each) for each in synonym or [])
    from drivetrain import caption_report  # noqa: PLC0415 - brings pandas
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    with answers() as answer:
        if html is not None:
            file_to_write(html, "--html", over=PAGES)
        found = caption_report(
            table,
            pictures,
            references=references,
            objects=objects if look_for is None else _names(look_for),
            model=model,
            synonyms=synonyms,
            picture=picture,
            caption=caption,
            likelihood=likelihood,
            rivals=rivals,
            level=level,
            seed=seed,
            note=note,
        )
        if html is not None:
            found.save(html)
        answer(as_json(found.as_json()) if json else str(found))


def _names(written: str) -> list[str]:
    """Names with commas between.

    Example:
        >>> _names("dog, polar bear,")
        ['dog', 'polar bear']
    """
    return [name.strip() for name in written.split(",") if name.strip()]


def _synonym(written: str) -> tuple[str, list[str]]:
    """An object and what else it is called.

    Example:
        >>> _synonym("dog=puppy,hound")
        ('dog', ['puppy', 'hound'])
    """
    name, mark, others = written.partition("=")
    if not mark or not name.strip() or not _names(others):
        raise typer.BadParameter(
            f"--synonym {written!r}: expected an object, = and what it is called too: dog=puppy,hound."
        )
    return name.strip(), _names(others)
