"""The mistakes of a model as texts, with the words that carried the wrong answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.gallery import worst_rows
from drivetrain.kinds.texts.explaining import Answer, Weighed, least_of, weighed
from drivetrain.runtime.targets import NumberTarget, Target

MOST = 10


@dataclass(frozen=True)
class Mistake:
    """A text, what was said of it, and what that rests on."""

    row: int
    text: str
    output: int
    """That was said, or the number that is off."""
    found: Weighed
    turns: tuple[str, str] | None
    """A word without which another category is said, and which one."""


def mistakes(answer: Answer, judged: Predictions, texts: Sequence[str]) -> list[Mistake]:
    """The most confident mistakes, or the largest errors of numbers; of several labels the highest losses.

    Args:
        answer: The model.
        judged: What it says of labelled rows.
        texts: Theirs, as it reads them.
    """
    lists = worst_rows(judged, 3 * MOST)
    rows = lists.get("Most confident mistakes") or lists.get("Largest errors") or lists.get("Highest losses") or []
    rows = list({texts[row]: row for row in reversed(rows)}.values())[::-1]  # copies are one mistake
    found: list[Mistake] = []
    for row in rows[:MOST]:
        output = _explained(judged, row)
        one = weighed(answer, texts[row], output=output)
        found.append(Mistake(row, texts[row], output, one, _turn(judged.target, output, one)))
    return found


def _explained(judged: Predictions, row: int) -> int:
    """What was said; of several labels the one that is farthest from the truth, of several numbers, too."""
    target, output_K = judged.target, judged.output[row].astype(np.float64)
    if target.kind == "category":
        return int(output_K.argmax())
    off = np.abs(output_K - judged.known_truth()[row])
    return int(np.argmax(off / np.asarray(target.std) if isinstance(target, NumberTarget) else off))


def _turn(target: Target, output: int, found: Weighed) -> tuple[str, str] | None:
    """Of the words without which another category is said, the one that does most."""
    if target.kind != "category":
        return None
    other = found.after_WK.argmax(axis=1)
    turning = np.flatnonzero((other != output) & (found.change(output) >= least_of(target, output)))
    if not len(turning):
        return None
    at = int(turning[np.argmax(found.change(output)[turning])])
    return found.words[at].said, target.output_names[int(other[at])]
