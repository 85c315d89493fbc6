"""`drivetrain collect`: files from lists of web addresses."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import number_of, path_of, text_path_of, whole_of
from drivetrain.cli.results import AsJson, answers, as_json, decisions_as_json, next_steps, quoted


class What(StrEnum):
    """What can be collected."""

    IMAGES = "images"
    SOUNDS = "sounds"
    FILES = "files"


def collect(
    lists: Annotated[
        list[str],
        typer.Argument(
            help="Lists of web addresses (csv, tsv, json, jsonl, parquet, txt, or a folder of such), or, with "
            "--provider, queries.",
            metavar="LIST...",
            parser=text_path_of("LIST"),
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option(help="Folder; an earlier run's is gone on with.", parser=path_of("out"), metavar="FOLDER")
    ],
    provider: Annotated[
        str | None, typer.Option(help="Who answers queries: the name that an installed package gives it.")
    ] = None,
    input: Annotated[What, typer.Option("--input", help="What is collected.")] = What.IMAGES,
    url: Annotated[str | None, typer.Option(help="Column of the addresses.", show_default="found")] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the labels.", show_default="found; of several lists, their names")
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(help="E-mail or web address where those who run a host can reach you.", metavar="ADDRESS"),
    ] = None,
    per_host: Annotated[
        int,
        typer.Option(help="Requests to one host at once.", parser=whole_of("per_host", least=1, most=32), metavar="N"),
    ] = 2,
    pause: Annotated[
        float,
        typer.Option(
            help="Seconds from one request to a host to the next.",
            parser=number_of("pause", least=0, most=3600),
            metavar="S",
        ),
    ] = 0.25,
    most_mb: Annotated[
        float,
        typer.Option(help="Largest file, in megabytes.", parser=number_of("most_mb", above=0, most=4096), metavar="MB"),
    ] = 50.0,
    least_px: Annotated[
        int,
        typer.Option(
            help="Shortest side of a picture that is used.", parser=whole_of("least_px", least=1), metavar="PX"
        ),
    ] = 64,
    timeout: Annotated[
        float,
        typer.Option(
            help="Seconds for one file, from its first to its last byte.",
            parser=number_of("timeout", above=0, most=86400),
            metavar="S",
        ),
    ] = 60.0,
    again: Annotated[
        bool, typer.Option("--again", help="Also ask for what failed for good, and for what was removed by hand.")
    ] = False,
    permitted: Annotated[
        list[str] | None,
        typer.Option(help="Host that allows you what its robots.txt does not; several times for several."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Download the pictures, sounds or files that lists name: politely, safely, and so that it can go on.

    robots.txt is followed, private machines are never asked, every file is checked while it comes. `collected.csv` in
    the folder says of each file where it is from, and under which licence as the list says; `drivetrain train` reads
    it. Stop and go on at any time: the same command does what is left.
    """
    import drivetrain as dt  # noqa: PLC0415 - an extra that a server does not have

    with answers() as answer:
        found = dt.collect(
            lists,
            out,
            provider=provider,
            input=input.value,
            url=url,
            label=label,
            contact=contact,
            per_host=per_host,
            pause_s=pause,
            most_mb=most_mb,
            least_px=least_px,
            timeout_s=timeout,
            again=again,
            permitted=permitted or (),
        )
        if json:
            answer(as_json({**found.as_json(), "decisions": decisions_as_json(found.decisions)}))
            return
        answer(str(found))
        table = quoted(found.table)
        option = "" if input is What.IMAGES else f" --input {'binaries' if input is What.FILES else 'sounds'}"
        steps = [(f"drivetrain review {table}{option}", "throw out what does not belong")]
        steps += [(f"drivetrain train {table}{option} --review review.jsonl --out my.model", "learn from what is left")]
        if len(found.kept) > 1:
            answer(next_steps(steps))
