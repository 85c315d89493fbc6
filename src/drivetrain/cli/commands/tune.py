"""`drivetrain tune`: settings are searched for, and the best is told with what the choice explains of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of, text_path_of, whole_of
from drivetrain.cli.data_options import (
    DATA,
    Channels,
    Gap,
    GroupBy,
    HoldOut,
    InputKind,
    Item,
    ItemTable,
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
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, decisions_as_json, next_steps, quoted, words_in

if TYPE_CHECKING:
    from drivetrain.tuning.result import Tuning


def tune(
    data: Annotated[
        str,
        typer.Argument(help="Folder or table, as of `drivetrain train`.", metavar="DATA", parser=text_path_of("DATA")),
    ],
    *,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="What is searched, several times for several: lr=0.0001:0.01:log, epochs=2:8, "
            "arch=embedded,resnet18, or the same in all trials: size=64.",
            metavar="NAME=VALUES",
            show_default="a usual one",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="network; of tables trees or line, of texts line, of ratings factors, ease, neighbours, popularity.",
            show_default="the first that the kind of input has",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="How many, over all workers.",
            parser=whole_of("trials", least=1),
            metavar="N",
            show_default="20, with --budget as many as fit",
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="The time this may take, such as 10min or 1h.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What trials are compared by.", show_default="the first that suits the target")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database of the trials, which several workers share: sqlite:///runs.db, "
            "postgresql://user:password@host/database.",
            show_default="a file in the project folder",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the tuning in the storage.", show_default="by data, model, space and metric")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="Who proposes settings: tpe or random.", show_default="chosen")
    ] = None,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Let also those trainings end that do worse than others.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Train the best once more, and save it here.", parser=path_of("out"), metavar="DIR"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the page.", parser=path_of("html"), metavar="FILE")
    ] = None,
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
    label_delim: LabelDelimiter = None,
    valid_pct: ValidPct = None,
    test_pct: TestPct = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Of the split and of what is proposed.",
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
    project: ProjectFolder = None,
) -> None:
    """Search for good settings by training and judging, and correct the best for having been chosen.

    The same command goes on with the trials that are there. Started several times with one --storage and one --project,
    its processes share the trials, and take over those of one that was killed. The test set stays sealed.
    """
    asked = space_of_words(space)
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not

    with answers() as answer:
        _check_places(out, html)
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
            task=word_of(task, None),
            label_delim=label_delim,
            labels_from=None if labels_from is None else labels_from.value,
            seal=seal or None,
            retire=retire,
            project=project,
        )
        say_what_was_read(rows)
        found = dt.tune(
            rows,
            asked,
            model=model,
            trials=trials,
            budget=budget,
            metric=metric,
            storage=storage,
            name=name,
            prune=not no_prune,
            sampler=sampler,
            seed=seed,
        )
        if html is not None:
            found.page(html)
        if out is not None:
            found.learn().save(out)
        answer(as_json(_object(found, out, html)) if json else _text(found, out, html))


def space_of_words(said: list[str] | None) -> dict[str, Any] | None:
    """What `--space` says, as `drivetrain.tune` takes it.

    Raises:
        typer.BadParameter: One is no NAME=VALUES, or a name is given twice.

    Example:
        >>> space_of_words(["lr=0.0001:0.01:log", "epochs=2:8", "arch=embedded,resnet18", "augment=true,false"])
        {'lr': (0.0001, 0.01, 'log'), 'epochs': (2, 8), 'arch': ['embedded', 'resnet18'], 'augment': [True, False]}
        >>> space_of_words(["size=64", "dropout=none,0.5"])
        {'size': 64, 'dropout': [None, 0.5]}
    """
    found: dict[str, Any] = {}
    for one in said or []:
        name, sign, values = (part.strip() for part in one.partition("="))
        name = name.replace("-", "_")
        if not sign or not name or not values:
            raise typer.BadParameter(f"--space {one!r} is no NAME=VALUES: write such as --space lr=0.0001:0.01:log.")
        if name in found:
            raise typer.BadParameter(f"--space {name} is given twice: give it once.")
        found[name] = _values(values)
    return found or None


def _values(said: str) -> Any:
    ends = [_value(part) for part in said.split(":")]
    if len(ends) in (2, 3) and all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends[:2]):
        return tuple(ends)
    if "," in said:
        return [_value(part) for part in said.split(",")]
    return _value(said)


def _value(said: str) -> Any:
    said = said.strip()
    words = {"true": True, "false": False, "none": None}
    if said.casefold() in words:
        return words[said.casefold()]
    for kind in (int, float):
        try:
            return kind(said)
        except ValueError:
            continue
    return said


def _check_places(out: Path | None, html: Path | None) -> None:
    """Refuse places that cannot be written to before anything is trained."""
    from drivetrain.runtime.artefact import check_target_of_training  # noqa: PLC0415 - brings pydantic
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    if html is not None:
        file_to_write(html, "--html", over=PAGES)
    if out is not None:
        check_target_of_training(out)


def _object(found: Tuning, out: Path | None, html: Path | None) -> dict[str, Any]:
    best, chosen = found.best_trial, found.selection
    return {
        "best": {"trial": best.number, "settings": dict(best.settings), "run": best.run},
        "metric": found.metric.name,
        "value": best.value,
        "corrected": None
        if chosen is None
        else {
            "value": chosen.corrected,
            "low": chosen.low,
            "high": chosen.high,
            "n": chosen.n,
            "models": chosen.trials,
        },
        "trials": [
            {
                "trial": trial.number,
                "state": trial.state,
                "value": trial.value,
                "settings": dict(trial.settings),
                "seconds": trial.seconds,
                "run": trial.run,
                "reason": trial.reason,
            }
            for trial in found.trials
        ],
        "growth": [
            {"trials": point.trials, "value": point.raw, "corrected": point.corrected} for point in found.growth
        ],
        "importances": dict(found.importances),
        "decisions": decisions_as_json(found.decisions),
        "artefact": None if out is None else str(out),
        "page": None if html is None else str(html),
    }


def _text(found: Tuning, out: Path | None, html: Path | None) -> str:
    lines = [words_in(str(found))]
    if html is not None:
        lines.append(f"the page is in {quoted(html)}")
    if out is None:
        steps = [("drivetrain tune … --out best.model", "train the best once more, and save it")]
    else:
        model = quoted(out)
        lines.append(f"the best is saved to {model}")
        steps = [(f"drivetrain report {model}", "where it goes wrong")]
        if found.question.data.n_test:
            steps.insert(0, (f"drivetrain evaluate {model} --test", "open the test set: once, at the end"))
    return "\n".join([*lines, next_steps(steps)])
