"""What a model says of rows that were changed on purpose, beside what it said of them as they were."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import score


@dataclass(frozen=True)
class Changed:
    """How answers change when rows are changed in one way."""

    name: str
    n: int
    changed: float
    """Share of the answers that become another one."""
    low: float | None
    high: float | None
    right: float
    """Share of right answers to the changed rows."""
    right_before: float

    @property
    def reach(self) -> str:
        """The interval of `changed`, in per cent; empty where there is none."""
        return "" if self.low is None or self.high is None else f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"


def compared(name: str, before: Predictions, after: Predictions) -> Changed:
    """How answers to changed rows differ from those before; of one category per row, whose truth is known."""
    was, right = before.output.argmax(axis=1), before.truth
    same = replace(before, truth=was, output=after.output, loss=None)
    kept = score(same, ["accuracy"], part="new")["accuracy"]  # the answers before stand for the truth
    now = after.output.argmax(axis=1)
    assert kept.value is not None and right is not None
    low, high = (None, None) if kept.low is None or kept.high is None else (1 - kept.high, 1 - kept.low)
    before_and_after = float((now == right).mean()), float((was == right).mean())
    return Changed(name, len(now), 1 - kept.value, low, high, *before_and_after)
