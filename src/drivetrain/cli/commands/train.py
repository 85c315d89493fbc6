"""`drivetrain train`: from a folder or a table to a saved, judged model."""

from __future__ import annotations

import time as clock
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import number_of, path_of, seconds_of_budget, text_path_of, whole_of
from drivetrain.cli.data_options import (
    COMPETING,
    DATA,
    Channels,
    Gap,
    GroupBy,
    HoldOut,
    InputKind,
    Item,
    ItemTable,
    Kind,
    LabelDelimiter,
    LabelsFrom,
    Options,
    PathColumn,
    Retire,
    Review,
    Seals,
    SplitColumn,
    TakenAt,
    TargetColumns,
    Task,
    TestPct,
    TextColumns,
    User,
    UserTable,
    ValidPct,
    Weight,
    one_or_several,
    open_input,
    options_of_kind,
    say_what_was_read,
    word_of,
)
from drivetrain.cli.network_options import ExemplarsPerClass, refuse_options_of_networks
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import (
    AsJson,
    answers,
    as_json,
    check_out,
    decisions_as_json,
    next_steps,
    quoted,
    scores_as_json,
    scores_as_text,
    words_in,
)
from drivetrain.text import one_of

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.evaluation.scores import Scores
    from drivetrain.learner.learner import Learner
    from drivetrain.training.callbacks import Callback

DEFAULT_EPOCHS = 5
SAVING_S = 2.0
"""Kept back from a budget for intervals and for writing the model."""
EXPORTING_S = {"none": 0.0, "fp32": 12.0, "bf16": 15.0, "fp16": 15.0, "int8": 27.0}
"""And for its ONNX file: conversion takes most of it, the comparison with the trained network the rest; below fp32 all
validation rows are answered twice."""
MODEL, TRAINING = "What learns", "How it is trained"


class FitName(StrEnum):
    """What becomes of pictures that are not square."""

    CROP = "crop"
    SQUEEZE = "squeeze"
    PAD = "pad"


class StatisticsName(StrEnum):
    """What the body's batch normalisation standardises with while it is trained."""

    FIXED = "fixed"
    BATCH = "batch"


class ExportName(StrEnum):
    """Of the weights in model.onnx, or none of it."""

    FP32 = "fp32"
    INT8 = "int8"
    BF16 = "bf16"
    FP16 = "fp16"
    NONE = "none"


def train(
    data: Annotated[
        str,
        typer.Argument(
            help="Folder with one sub-folder per class (or train/, valid/ and test/ with such folders), or a CSV, TSV "
            "or Parquet file.",
            metavar="DATA",
            parser=text_path_of("DATA"),
        ),
    ],
    *,
    arch: Annotated[
        str | None,
        typer.Option(
            help="A timm architecture, local-dir:FOLDER, or a name of `drivetrain bodies`. Of texts: tfidf, static, "
            "both, or the folder or the hub's name of an encoder.",
            show_default="resnet34, or one that is here where its weights cannot be had; of texts both",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the training set with everything trained.",
            parser=whole_of("epochs", least=1),
            metavar="N",
            show_default="5",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Instead of --epochs: the time all of this may take, such as 90s, 5min or 1h."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Where the model is saved, such as fruit.model.", parser=path_of("out"), metavar="DIR")
    ],
    json: AsJson = False,
    input: InputKind = "images",
    target: TargetColumns = None,
    text: TextColumns = None,
    path: PathColumn = None,
    split: SplitColumn = None,
    group: GroupBy = None,
    time: TakenAt = None,
    gap: Gap = None,
    review: Review = None,
    task: Task = None,
    kind: Kind = None,
    label_delim: LabelDelimiter = None,
    valid_pct: ValidPct = None,
    test_pct: TestPct = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Of the split, the head, the order and the augmentation.",
            parser=whole_of("seed", least=0),
            metavar="N",
            rich_help_panel=DATA,
        ),
    ] = 42,
    channels: Channels = None,
    user: User = None,
    item: Item = None,
    weight: Weight = None,
    users: UserTable = None,
    items: ItemTable = None,
    hold_out: HoldOut = None,
    option: Options = None,
    labels_from: LabelsFrom = None,
    seal: Seals = None,
    retire: Retire = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Do not use pretrained weights.", rich_help_panel=MODEL)
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side, px: of pictures, and of what traces and files are drawn as.",
            parser=whole_of("size", least=8, most=2048),
            metavar="PX",
            show_default="as pretrained, less for small pictures",
            rich_help_panel=MODEL,
        ),
    ] = None,
    fit: Annotated[
        FitName | None,
        typer.Option(
            help="Of pictures that are not square: their centre, or all of them, squeezed or padded.",
            show_default="by what would be lost",
            rich_help_panel=MODEL,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="What to report; several times for several.", show_default="by target", rich_help_panel=MODEL
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Rows per step.",
            parser=whole_of("batch_size", least=1),
            metavar="N",
            show_default="chosen",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate of the head.",
            parser=number_of("lr", above=0),
            metavar="RATE",
            show_default="chosen",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    head_epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes with the body frozen, first.",
            parser=whole_of("head_epochs", least=0),
            metavar="N",
            show_default="chosen",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    unfreeze: Annotated[
        float | None,
        typer.Option(
            help="Share of the body to train, from the head down.",
            parser=number_of("unfreeze", above=0, most=1),
            metavar="SHARE",
            show_default="all, or with --budget what fits",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    statistics: Annotated[
        StatisticsName | None,
        typer.Option(
            help="What the body's batch normalisation standardises with in training: its own statistics, or each "
            "batch's.",
            show_default="fixed, where the body is pretrained",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    no_activation_cache: Annotated[
        bool,
        typer.Option(
            "--no-activation-cache", help="Compute what is frozen in every epoch anew.", rich_help_panel=TRAINING
        ),
    ] = False,
    exemplars: ExemplarsPerClass = None,
    keep_best: Annotated[
        bool,
        typer.Option("--keep-best", help="Keep the epoch with the lowest validation loss.", rich_help_panel=TRAINING),
    ] = False,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Epochs without a lower validation loss, then stop.",
            parser=whole_of("patience", least=1),
            metavar="N",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    export: Annotated[
        ExportName,
        typer.Option(
            help="The model that runs without torch: its precision (below fp32 only if validation allows it), or none."
        ),
    ] = ExportName.FP32,
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    project: ProjectFolder = None,
) -> None:
    """Train a model, judge it on the validation set, and save it.

    The test set stays sealed until `drivetrain evaluate --test`. A run that was interrupted or killed is taken up
    where it was by the same command.
    """
    began = clock.monotonic()
    seconds_given = seconds_of_budget(budget, epochs)
    if input in COMPETING:
        refuse_options_of_networks(
            {
                "--arch": None if input == "texts" else arch,
                "--epochs": epochs,
                "--size": size,
                "--fit": fit,
                "--batch-size": batch_size,
                "--lr": lr,
                "--head-epochs": head_epochs,
                "--unfreeze": unfreeze,
                "--statistics": statistics,
                "--patience": patience,
                "--from-scratch": from_scratch,
                "--no-activation-cache": no_activation_cache,
                "--keep-best": keep_best,
                "--exemplars": exemplars or None,
                "--export": export is not ExportName.FP32,
                "--device": device not in ("auto", "cpu"),
                "--precision": precision not in (PrecisionName.AUTO, PrecisionName.FP32),
            }
        )
    check_out(out)
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not

    with answers() as answer:
        if input not in COMPETING:
            _check_options(input, size=size, fit=None if fit is None else fit.value)
        rows = open_input(
            input,
            data,
            {"channels": channels, "user": user, "item": item, "weight": weight, "users": users, "items": items}
            | {"hold_out": hold_out, "text": text or None}
            | options_of_kind(option),
            target=one_or_several(target),
            path=path,
            split=split,
            group=group,
            time=time,
            gap=gap,
            review=review,
            valid_pct=valid_pct,
            test_pct=test_pct,
            seed=seed,
            task=word_of(task, kind),
            label_delim=label_delim,
            labels_from=None if labels_from is None else labels_from.value,
            seal=seal or None,
            retire=retire,
            project=project,
        )
        say_what_was_read(rows)
        if input in COMPETING:
            from drivetrain.cli import tables  # noqa: PLC0415 - brings torch

            spent = _process_seconds()
            found = tables.train_table(rows, out, arch=arch, metrics=metric or None, seconds=seconds_given, spent=spent)
            seconds = round(clock.monotonic() - began, 1)
            answer(as_json(tables.as_object(found, out, seconds)) if json else tables.as_text(found, out, seconds))
            return
        opened = _process_seconds()
        learn = dt.Learner(
            rows,
            arch,
            metrics=metric or None,
            pretrained=not from_scratch,
            size=size,
            fit=None if fit is None else fit.value,
            recipe=dt.Recipe(batch_size=batch_size, store_activations=not no_activation_cache),
            device=device,
            precision=precision.value,
            callbacks=_callbacks(keep_best=keep_best, patience=patience),
        )
        from drivetrain.learner.fitting import spent_elsewhere  # noqa: PLC0415 - brings torch

        kept = None if statistics is None else statistics.value
        recipe: Any = {"head_epochs": head_epochs, "lr": lr, "unfreeze": unfreeze, "statistics": kept}
        try:
            if seconds_given is None:
                learn.fine_tune(epochs or DEFAULT_EPOCHS, **recipe)
            else:
                spent = {
                    "starting and opening the data": opened,
                    "loading libraries and the body": _process_seconds() - opened,
                    "saving the model": SAVING_S,
                    "writing its ONNX file (--export none does not)": EXPORTING_S[export.value],
                }
                with spent_elsewhere(spent):
                    learn.fine_tune(budget=seconds_given, **recipe)
        except KeyboardInterrupt as stopped:
            said = f"{quoted(out)} was not written. The same command goes on where this one was"
            raise KeyboardInterrupt(said) from stopped
        learn.save(out, precision=None if export is ExportName.NONE else export.value, exemplars=exemplars)
        if not learn.place.main:
            return
        scores = learn.saved_scores
        seconds = round(clock.monotonic() - began, 1)
        answer(as_json(_object(learn, out, seconds, scores)) if json else _text(rows, out, seconds, scores))


def _check_options(kind: str, *, size: int | None, fit: str | None) -> None:
    """Refuse what the kind does not have before anything is read and sealed."""
    if (size, fit) != (None, None):
        from drivetrain.training.kind import check_options  # noqa: PLC0415 - brings torch

        check_options(kind, {"size_px": size, "fit": fit})


def _process_seconds() -> float:
    """Since this process was started: the budget counts what was imported and read before training, too."""
    import psutil  # noqa: PLC0415

    return clock.time() - psutil.Process().create_time()


def _callbacks(*, keep_best: bool, patience: int | None) -> list[Callback]:
    import drivetrain as dt  # noqa: PLC0415

    best: list[Callback] = [dt.KeepBest()] if keep_best else []
    return best if patience is None else [*best, dt.EarlyStopping(patience)]


def _object(learn: Learner, out: Path, seconds: float, scores: Scores | None) -> dict[str, Any]:
    data = learn.data
    return {
        "artefact": str(out),
        "arch": learn.decisions["arch"].value,
        "seconds": seconds,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "decisions": decisions_as_json(learn.decisions),
        "validation": {} if scores is None else scores_as_json(scores),
        "loss": {} if scores is None else {"validation": scores.loss},
    }


def _text(data: Data, out: Path, seconds: float, scores: Scores | None) -> str:
    model, noun = quoted(out), one_of(data.train.noun)
    steps = [(f"drivetrain predict {model} FILE", f"what does it say of a {noun}?")]
    if data.n_test:
        steps.insert(0, (f"drivetrain evaluate {model} --test", "open the test set: once, at the end"))
    judged = "there is no validation set: nothing to judge it on" if scores is None else scores_as_text(scores)
    return "\n".join([words_in(judged), f"saved to {model} after {seconds:,.1f} s", next_steps(steps)])
