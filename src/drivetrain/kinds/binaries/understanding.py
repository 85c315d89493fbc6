"""What a report says of a model of files: simpler ways to tell them apart, attacks, and how it holds over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivetrain.data.data import Data
from drivetrain.evaluation.changed import Changed
from drivetrain.evaluation.over_time import OverTime, score_over_time
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores, score
from drivetrain.kinds.binaries.attacks import Say, attacked
from drivetrain.kinds.binaries.simple import simple_predictions
from drivetrain.pages.html import Html, scrolling, table, tag

PERIODS = 4


def model_sections(model: Any) -> list[tuple[str, Html]]:
    """Sections of every report of a model of files that says one category of each."""
    data: Data = model.data
    say: Say = model.predict_rows
    if data.target.kind != "category":
        return []
    judged = say(data.valid)
    sections = [("What simpler ways reach", _simple(judged, simple_predictions(data, data.valid)))]
    if found := attacked(say, data.valid):
        sections.append(("What changed bytes do to it", _attacks(found)))
    sections.append(("How it holds over time", _over_time(over_time(judged, data))))
    return sections


def over_time(judged: Predictions, data: Data) -> OverTime | None:
    """Macro F1 by period of the validation rows; None where nobody said when they were made."""
    times = np.array(data.valid.times, np.float64)
    if len(times) != len(judged.ids) or len(np.unique(times)) < 2:
        return None
    return score_over_time(judged, times, periods=PERIODS)


def _simple(judged: Predictions, others: dict[str, Predictions]) -> Html:
    rows = [[name, *_shown(score(said, ["f1", "accuracy"]))] for name, said in {"this model": judged, **others}.items()]
    lead = (
        "Logistic regressions on much less than the picture, fitted on the training files and judged on the same "
        "validation files, with 95 % intervals. A model that is no better than counts of bytes has learnt no texture; "
        "one that is no better than the header reads labels that anybody can write."
    )
    head = ["way", "F1 (macro)", "95 %", "accuracy", "95 %"]
    return tag("div", tag("p", lead), scrolling("simple-ways", table(head, rows, caption="Simpler ways")))


def _shown(scores: Scores) -> list[str]:
    return [part for name in ("f1", "accuracy") for part in scores[name].shown()]


def _attacks(found: Sequence[Changed]) -> Html:
    zeros, *others = found
    worst = max(others, key=lambda one: one.changed)
    lead = (
        f"Files are changed and asked again; with all changes but the last a program still runs. {zeros.name} "
        f"changes {_percent(zeros.changed)} of {zeros.n:,} answers; {worst.name}, {_percent(worst.changed)}. "
        "Whoever wants to deceive a model can do more than this: it is an aid for sorting, not a guard."
    )
    rows = [
        [one.name, _percent(one.changed), one.reach, _percent(one.right_before), _percent(one.right)] for one in found
    ]
    head = ["what is done", "answers changed", "95 %", "right before", "right after"]
    return tag("div", tag("p", lead), scrolling("attacks", table(head, rows, caption="Changed files")))


def _over_time(found: OverTime | None) -> Html:
    if found is None:
        return tag(
            "p",
            "Nobody said when these files were made, so this score says how well files of the same time are told "
            "apart. New versions and new families are harder: pass time= to hold back the latest files.",
        )
    area = "–" if found.area is None else f"{found.area:.3f}"
    rows = [
        [_moment(low), _moment(high), *one.shown(), f"{one.n:,}"]
        for (low, high), one in zip(found.periods, found.scores, strict=True)
    ]
    what = found.scores[0].label
    lead = f"{what} of the validation files by when they were made; area under it over time (AUT) {area}."
    head = ["from", "to", what, "95 %", "files"]
    return tag("div", tag("p", lead), scrolling("over-time", table(head, rows, caption="Periods")))


def _moment(value: float) -> str:
    """A day, of seconds since 1970; other numbers as they are."""
    return str(np.datetime64(round(value), "s"))[:10] if value > 1e8 else f"{value:g}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
