"""`drivetrain watch`: does a service still see and say what validation saw and said?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.failures import complain
from drivetrain.cli.results import AsJson, answers, as_json
from drivetrain.errors import DataError
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.runtime.watching.compare import Check, Watch
    from drivetrain.runtime.watching.log import Live
    from drivetrain.runtime.watching.shadow import Beside, ByClass, Confidence, Mean, Share


def watch(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    log: Annotated[Path, typer.Argument(help="File of `drivetrain serve --log-predictions`.", metavar="LOG")],
    *,
    last: Annotated[int, typer.Option(help="Look at the newest answers, so many.", min=1)] = 2000,
    false_alarms: Annotated[
        float, typer.Option(help="Share of runs that may alarm although nothing changed.", min=0.001, max=0.5)
    ] = 0.01,
    least: Annotated[float, typer.Option(help="Share of rows that must have moved for an alarm.", min=0, max=1)] = 0.05,
    json: AsJson = False,
) -> None:
    """Compare the newest answers of a service with the validation rows of its model.

    Exit status 0: nothing changed that could be told from chance. 1: something did, or it could not be looked at. It
    needs no labels, so it does not say that answers are wrong: only that they are given on other pictures than the
    scores were measured on. Where a second model was asked beside it (`serve --shadow`), it also says how often the two
    disagree, of which classes, and how sure each is: what would change by the switch. That is no alarm.
    """
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415 - brings numpy
    from drivetrain.runtime.watching.compare import watch as compare  # noqa: PLC0415
    from drivetrain.runtime.watching.log import read_log  # noqa: PLC0415
    from drivetrain.runtime.watching.shadow import read_beside  # noqa: PLC0415

    with answers() as answer:
        manifest = open_artefact(model).manifest
        if manifest.reference is None:
            raise DataError(
                f"{model} does not say what validation looked like. To fix: open it with Learner.load, where its data "
                "are, and save it again."
            )
        live = read_log(log, manifest.parameters_sha256, last=last)
        if live.n == 0:
            raise DataError(f"{log} holds no answers of {model}{_left_out(live)}.")
        found = compare(manifest.reference, live, false_alarms=false_alarms, least=least)
        vocab = getattr(manifest.target, "vocab", ())
        beside = read_beside(log, manifest.parameters_sha256, last=last, known=vocab)
        if json:
            answer(as_json({**as_object(found, live), "shadow": None if beside is None else asdict(beside)}))
        else:
            answer(as_text(found) if beside is None else f"{as_text(found)}\n\n{shadow_as_text(beside, live)}")
    if live.unreadable or live.of_other_models or live.failed:
        complain("warning", f"lines left out{_left_out(live)}")
    if found.alarms:
        raise typer.Exit(1)


def _left_out(live: Live) -> str:
    reasons = [f"{live.of_other_models} are of another model"] if live.of_other_models else []
    reasons += [f"{live.unreadable} cannot be read"] if live.unreadable else []
    reasons += [f"at {live.failed} it gave no answer, as a shadow"] if live.failed else []
    return f": {', '.join(reasons)}" if reasons else ""


def as_object(found: Watch, live: Live) -> dict[str, Any]:
    """For machines."""
    return {
        "alarm": bool(found.alarms),
        "n": found.n_live,
        "n_reference": found.n_reference,
        "false_alarms": found.false_alarms,
        "left_out": {"other_models": live.of_other_models, "unreadable": live.unreadable, "failed": live.failed},
        "checks": [vars(check) for check in found.checks],
    }


def as_text(found: Watch) -> str:
    """A heading, a line for each check, and how far to trust it."""
    width = max(len(check.name) for check in found.checks)
    alarms = f"{len(found.alarms)} of {len(found.checks)} checks alarm" if found.alarms else "nothing has changed"
    return "\n".join(
        [
            f"{found.n_live:,} answers against {found.n_reference:,} validation rows: {alarms}",
            *(_line(check, width) for check in found.checks),
            f"On rows like those of validation, at most {100 * found.false_alarms:g} % of such runs alarm.",
        ]
    )


def _line(check: Check, width: int) -> str:
    mark = "ALARM" if check.alarm else "ok   "
    moved = f"{100 * check.moved:4.1f} % moved [{100 * check.low:.1f}, {100 * check.high:.1f}]"
    return f"  {mark} {check.name:<{width}}  {moved}  {check.detail}"


MOST_CLASSES = 10


def shadow_as_text(found: Beside, live: Live) -> str:
    """How often the two disagree, how sure they are, and what the switch would change."""
    asked = f"model {found.shadow} was asked beside model {found.answering}, whose answers were sent"
    lost = [f"{found.dropped:,} dropped: the service had no time"] if found.dropped else []
    lost += [f"{found.failed:,} without an answer of the second model"] if found.failed else []
    lost += [f"{found.others:,} comparisons of other models left out"] if found.others else []
    table: list[tuple[str, str]] = []
    if found.disagree is not None:
        outside = ": outside the interval of the answer" if live.numbers else ""
        table.append(("disagrees", _share(found.disagree) + outside))
    if found.only_shadow_says is not None and found.only_shadow_says.count:
        table.append(("says a new class", _share(found.only_shadow_says)))
    table += _sure("confidence", found.confidence) + _sure("  where they differ", found.confidence_where_disagree)
    if found.abstained is not None:
        before, after = found.abstained
        table.append(("not sure", f"{100 * before.value:.1f} % → {100 * after.value:.1f} %"))
    for one in found.numbers:
        table.append((readable(one.name), f"moves by {_mean(one.mean)}, either way by {_mean(one.absolute)}"))
    lines = [f"{found.n:,} comparisons: {asked}", *(f"  {each}" for each in lost), *_columns(table)]
    if found.by_class:
        left = len(found.by_class) - MOST_CLASSES
        lines.append("  what would change most, of the rows that were answered with each class:")
        lines += [f"  {line}" for line in _columns([_class(one) for one in found.by_class[:MOST_CLASSES]])]
        lines += [f"    … and {left} more classes, which --json lists"] if left > 0 else []
    lines.append("This is no alarm, and does not say which of the two is right: only labels can.")
    return "\n".join(lines)


def _columns(table: list[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in table), default=0)
    return [f"  {name:<{width}}  {said}".rstrip() for name, said in table]


def _share(share: Share) -> str:
    ends = f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
    return f"{100 * share.value:.1f} % {ends}, {share.count:,} of {share.n:,}"


def _mean(mean: Mean) -> str:
    return f"{mean.value:.4g}" + ("" if mean.low is None else f" [{mean.low:.4g}, {mean.high:.4g}]")


def _sure(name: str, found: Confidence | None) -> list[tuple[str, str]]:
    if found is None:
        return []
    change = found.difference
    ends = "" if change.low is None else f" [{change.low:+.3f}, {change.high:+.3f}]"
    return [(name, f"{found.answering.value:.3f} → {found.shadow.value:.3f}, {change.value:+.3f}{ends}")]


def _class(one: ByClass) -> tuple[str, str]:
    lost = "" if one.disagree is None else _share(one.disagree)
    becomes = ", ".join(f"{readable(label)} {count:,}" for label, count in one.becomes)
    gains = f"gains {one.gains:,}" if one.gains else ""
    return readable(one.label), "; ".join(each for each in (lost, becomes, gains) if each)
