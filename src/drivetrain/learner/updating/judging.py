"""The update judged on rows that it was not trained on: old and new task, before and after, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.cache.store import Store
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError, DrivetrainError
from drivetrain.evaluation.comparing import Comparison, compare
from drivetrain.evaluation.metrics.metrics import Metric, default_metrics, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores, score
from drivetrain.runtime.spec import InputSpec
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, Target
from drivetrain.training.evaluating import raw_outputs
from drivetrain.training.network import Network
from drivetrain.training.place import Place

BEFORE, AFTER = "before", "after"
LOG_LOSS = "log_loss"
INFINITE = "infinite: it gives no probability to classes that it did not know"


@dataclass(frozen=True)
class Judged:
    """One task, by the same validation rows before and after the update."""

    before: Scores
    after: Scores
    comparison: Comparison | None
    """Of the first metric, before against after, paired; None where it is undefined."""
    said: tuple[Predictions, Predictions]
    """What was said of each row, before and after, in the same order."""

    def is_worse(self, luck: float = 0.0) -> bool:
        """Whether it is significantly worse: the interval of the paired difference lies on the wrong side of zero.

        Args:
            luck: By how much it looks better than it is, since these rows have chosen it.
        """
        found = self.comparison
        if found is None or found.outcome == "a" or luck <= 0 or found.low is None or found.high is None:
            return found is not None and found.outcome == "a"
        return found.low + luck > 0 if found.higher_is_better else found.high - luck < 0

    def as_json(self) -> dict[str, Any]:
        """Metrics with intervals, and the paired difference."""
        found = None if self.comparison is None else self.comparison.as_json()
        return {BEFORE: _metrics(self.before), AFTER: _metrics(self.after), "n": self.before.n, "comparison": found}


def task_lines(name: str, judged: Judged) -> list[str]:
    """One task before and after, for people: a line for its name, for each metric, and for the verdict."""
    lines = [f"{name} (n = {judged.before.n:,})"]
    for metric, before in judged.before.items():
        was, now = (" ".join(part for part in one.shown() if part) for one in (before, judged.after[metric]))
        note = f" (before: {before.note})" if before.value is None and before.note else ""
        lines.append(f"  {before.label} {was} → {now}{note}")
    if judged.comparison is not None:
        lines.append(f"  {judged.comparison.verdict}")
    return lines


def _metrics(scores: Scores) -> dict[str, Any]:
    return {name: one.as_json() for name, one in scores.items()}


@dataclass(frozen=True)
class Flips:
    """Rows of the old task whose answer was right before and is wrong now (negative), and the other way round."""

    negative: int
    positive: int
    n: int
    """Rows of the old task that were judged, each content once."""
    low: float | None
    high: float | None
    """95 % interval of the share of negative flips."""
    noise_floor: float | None
    """Share of the rows that another training with another seed would flip to wrong anyway; None: not measured."""
    noise_how: str
    """How that was measured, or why not."""
    rows: tuple[str, ...]
    """Digests of the rows that flipped to wrong."""

    @property
    def share(self) -> float:
        """Of negative flips among the rows."""
        return self.negative / self.n

    def as_json(self) -> dict[str, Any]:
        """All but the rows: counts, and shares with the interval."""
        return {
            "negative": self.negative,
            "positive": self.positive,
            "n": self.n,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "noise_floor": self.noise_floor,
            "noise_how": self.noise_how,
        }

    def __str__(self) -> str:
        reach = "" if self.low is None or self.high is None else f" [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        floor = ""
        if self.noise_floor is not None:
            how = self.noise_how.partition(": ")[0]  # estimated, a ceiling; or measured
            floor = f"; another seed would flip {100 * self.noise_floor:.1f} % anyway ({how})"
        return (
            f"{self.negative} of {self.n} old rows were right and are wrong now ({100 * self.share:.1f} %{reach}), "
            f"{self.positive} the other way round{floor}"
        )


def outputs_of(network: Network, spec: InputSpec, rows: Examples, place: Place) -> NDArray[np.float32]:
    """(N, K) raw outputs for some rows, as the saved model answers."""
    return raw_outputs(network, spec, Store(rows.inputs, spec, digests=rows.digests), place.judging())


def said_before(outputs: NDArray[np.float32], rows: Examples, old: Target, target: Target) -> Predictions:
    """What the old model said, in the words of the new one: it gives no probability to classes that it did not know."""
    activated = old.activate(outputs)
    if activated.shape[1] < target.n_outputs:
        missing = np.zeros((len(activated), target.n_outputs - activated.shape[1]))
        activated = np.concatenate([activated, missing], axis=1)
    return Predictions.of(rows, target, activated)


def said_after(outputs: NDArray[np.float32], rows: Examples, target: Target) -> Predictions:
    """What the new model says."""
    return Predictions.of(rows, target, target.activate(outputs))


def of_old_labels(said: Predictions, old: Target) -> Predictions:
    """Of several labels per row those that the old model knew: nobody has said which of the new ones old rows have."""
    if not isinstance(old, CategoriesTarget) or said.truth is None or said.target.n_outputs == old.n_outputs:
        return said
    n = old.n_outputs
    return replace(said, target=old, truth=said.truth[:, :n], output=said.output[:, :n], loss=None)


def judge_task(
    before: Predictions, after: Predictions, metrics: Sequence[Metric], part: Any, *, n_known: int | None = None
) -> Judged:
    """Both judged, and compared row by row by the first metric.

    Args:
        before: What the old model said.
        after: What the new one says of the same rows.
        metrics: The first one compares.
        part: What the rows are.
        n_known: Classes that the old model knew, the first ones; None: all of them.
    """
    scores = [score(said, metrics, part=part) for said in (before, after)]
    if n_known is not None and _has_unknown(before, n_known) and LOG_LOSS in scores[0]:
        infinite = scores[0][LOG_LOSS].with_value(None).model_copy(update={"note": INFINITE})
        scores[0] = replace(scores[0], scores={**scores[0].scores, LOG_LOSS: infinite})
    comparison = None
    with suppress(DataError):  # undefined on these rows
        comparison = compare(before, after, metrics[0], names=(BEFORE, AFTER))
    return Judged(scores[0], scores[1], comparison, (before, after))


def _has_unknown(before: Predictions, n_known: int) -> bool:
    """Whether rows are of a class that the old model did not know."""
    truth = before.known_truth() if before.target.kind == "category" else np.zeros(0)
    return bool((truth >= n_known).any())


def flips_of(before: Predictions, after: Predictions, *, floor: float | None, how: str) -> Flips | None:
    """The rows whose answer turned; None of numbers, which are never simply right or wrong."""
    if before.target.kind == "number" or not len(before):
        return None
    was, now = before.judged, after.judged
    right, still = was.hits(), now.hits()
    negative = right & ~still
    low, high = _reach(was, negative)
    return Flips(
        int(negative.sum()),
        int((~right & still).sum()),
        len(was),
        low,
        high,
        floor,
        how,
        tuple(np.array(was.ids, dtype=object)[negative].tolist()),
    )


def _reach(rows: Predictions, turned: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Interval of the share of rows that turned, as of any accuracy: rows of one group count together."""
    turning = CategoryTarget(name="answer", vocab=("stays", "turns"))
    output = np.eye(2)[turned.astype(np.int64)]
    table = replace(rows, target=turning, truth=np.ones(len(turned), np.int64), output=output, loss=None)
    found = score(table, ["accuracy"])["accuracy"]
    return found.low, found.high


def metrics_for(names: Sequence[str], target: Target) -> tuple[Metric, ...]:
    """The old model's metrics that the grown target still allows; where there is none, those that suit it."""
    found: list[Metric] = []
    for name in names:
        with suppress(DrivetrainError):
            found += resolve_metrics([name], target)
    return tuple(found) or default_metrics(target)
