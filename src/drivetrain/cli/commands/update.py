"""`drivetrain update`: a saved model trained once more, on new rows, without breaking what worked."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import number_of, path_of, seconds_of_budget, text_path_of, whole_of
from drivetrain.cli.failures import complain
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, check_out, next_steps, quoted, words_in

if TYPE_CHECKING:
    from drivetrain.learner.updating.updated import Updated

FORGETTING = "Against forgetting"
TRAINING = "Training"


def update(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="OLD.model", parser=path_of("MODEL"))
    ],
    new: Annotated[
        str,
        typer.Argument(
            help="Folder or table with rows that the model was not made with.",
            metavar="NEW_DATA",
            parser=text_path_of("NEW_DATA"),
        ),
    ],
    *,
    old: Annotated[
        list[str] | None,
        typer.Option(
            help="The data that the model was made with; several times where they lie in several places.",
            metavar="OLD_DATA",
            show_default="where it was trained from",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    without_old: Annotated[
        bool,
        typer.Option("--without-old", help="Look for no old data.", rich_help_panel=FORGETTING),
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Where the updated model is saved.", parser=path_of("out"), metavar="NEW.model")
    ],
    beside: Annotated[
        bool,
        typer.Option(
            "--beside",
            help="With --low-rank: save what OLD.model has not, as a small update that is opened beside it.",
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page of what the update changed, whether it is held back or not.",
            parser=path_of("html"),
            metavar="FILE",
        ),
    ] = None,
    exemplars: Annotated[
        int | None,
        typer.Option(
            help="Old rows of each class that an epoch takes again, drawn anew for each; 0: none.",
            parser=whole_of("exemplars", least=0),
            metavar="N",
            show_default="20",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            help="Where between old (0) and new (1) weights the model shall be.",
            parser=number_of("alpha", least=0, most=1),
            metavar="SHARE",
            show_default="chosen on validation rows",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    distil: Annotated[
        float | None,
        typer.Option(
            help="Weight of staying near the old model's answers.",
            parser=number_of("distil", least=0),
            metavar="WEIGHT",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    anchor: Annotated[
        float | None,
        typer.Option(
            help="Pull of the parameters towards where they started.",
            parser=number_of("anchor", least=0),
            metavar="WEIGHT",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    carry: Annotated[
        int | None,
        typer.Option(
            help="Training rows of each class that travel with the new model, for the next update; 0: none.",
            parser=whole_of("carry", least=0, most=1000),
            metavar="N",
            show_default="as the old one",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    max_flips: Annotated[
        float | None,
        typer.Option(
            "--max-flips",
            help="Share of the old validation rows that may turn from right to wrong.",
            parser=number_of("max_flips", least=0, most=1),
            metavar="SHARE",
            show_default="0.1",
            rich_help_panel=FORGETTING,
        ),
    ] = None,
    noise: Annotated[
        bool,
        typer.Option(
            "--noise",
            help="Train a second time with another seed, to measure how many answers would turn anyway.",
            rich_help_panel=FORGETTING,
        ),
    ] = False,
    accept_forgetting: Annotated[
        bool,
        typer.Option(
            "--accept-forgetting", help="Write the model also where the old task is harmed.", rich_help_panel=FORGETTING
        ),
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over new and rehearsed rows with everything trained.",
            parser=whole_of("epochs", least=1),
            metavar="N",
            show_default="5",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Instead of --epochs: the time the training may take, such as 5min.", rich_help_panel=TRAINING
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Peak rate of the head.", parser=number_of("lr", above=0), metavar="RATE", rich_help_panel=TRAINING
        ),
    ] = None,
    low_rank: Annotated[
        int | None,
        typer.Option(
            "--low-rank",
            help="Of a transformer: train matrices of this rank beside its linear layers, in place of its weights.",
            parser=whole_of("low_rank", least=1),
            metavar="RANK",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    valid_pct: Annotated[
        float | None,
        typer.Option(
            "--valid-pct",
            help="Of the new rows, kept to judge by.",
            parser=number_of("valid_pct", least=0, below=1),
            metavar="SHARE",
            show_default="0.2",
        ),
    ] = None,
    test_pct: Annotated[
        float | None,
        typer.Option(
            "--test-pct",
            help="Of the new rows, sealed for the end.",
            parser=number_of("test_pct", least=0, below=1),
            metavar="SHARE",
            show_default="0.2",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of split, order and augmentation.", parser=whole_of("seed", least=0), metavar="N"),
    ] = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """Train a saved model once more, on new rows, without breaking what worked.

    Some old rows are trained on again, the weights are taken from between old and new, and the old validation rows are
    judged before and after. An update that significantly harms the old task, or turns more answers from right to wrong
    than --max-flips, is not written, and the exit status is 1; --accept-forgetting writes it all the same.
    """
    if old and without_old:
        raise typer.BadParameter("--old goes without --without-old: choose one.")
    if beside and low_rank is None:
        raise typer.BadParameter("--beside goes with --low-rank, such as --low-rank 8: other updates are not small.")
    seconds = seconds_of_budget(budget, epochs)
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    began = clock.monotonic()
    check_out(out)
    with answers() as answer:
        if html is not None:
            file_to_write(html, "--html", over=PAGES)
        if beside:
            from drivetrain.learner.saving.beside import checked_parent  # noqa: PLC0415

            checked_parent(out, model)
        found = dt.update(
            model,
            new,
            old=False if without_old else old or None,
            epochs=epochs,
            budget=seconds,
            exemplars=exemplars,
            alpha=alpha,
            distil=distil,
            anchor=anchor,
            max_flips=max_flips,
            noise=noise,
            lr=lr,
            low_rank=low_rank,
            valid_pct=valid_pct,
            test_pct=test_pct,
            seed=seed,
            device=device,
            precision=precision.value,
            project=project,
        )
        if html is not None:
            found.report(html)
        written = found.held_back is None or accept_forgetting
        if written:
            _save(found, out, accept_forgetting=accept_forgetting, exemplars=carry, beside=model if beside else None)
        said = _object(found, out, written, round(clock.monotonic() - began, 1))
        answer(as_json(said) if json else _text(found, out, written))
    if found.held_back is not None:
        fix = "" if written else ". To write it all the same: --accept-forgetting"
        complain("warning", f"{'held back' if not written else 'written as asked, though'}: {found.held_back}{fix}")
    if not written:
        raise typer.Exit(1)


def _save(found: Updated, out: Path, *, beside: Path | None, **settings: Any) -> None:
    """Write the model; one that turns out to be no small update is written whole, so that its training is not lost."""
    from drivetrain.errors import ArtefactError  # noqa: PLC0415

    try:
        found.save(out, beside=beside, **settings)
    except ArtefactError as error:
        if beside is None:
            raise
        complain("warning", f"saved whole, and not beside {quoted(beside)}: {error}")
        found.save(out, **settings)


def _object(found: Updated, out: Path, written: bool, seconds: float) -> dict[str, Any]:
    return {"artefact": str(out), **found.as_json(), "written": written, "seconds": seconds}


def _text(found: Updated, out: Path, written: bool) -> str:
    if not written:
        return f"{words_in(str(found))}\n{quoted(out)} was not written"
    from drivetrain.text import bytes_text  # noqa: PLC0415

    steps = [(f"drivetrain report {quoted(out)}", "see what the update changed")]
    size = bytes_text(sum(file.stat().st_size for file in out.rglob("*") if file.is_file()))
    return f"{words_in(str(found))}\nwrote {quoted(out)} ({size})\n{next_steps(steps)}"
