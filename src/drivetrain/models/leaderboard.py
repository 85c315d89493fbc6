"""Candidates judged on the same validation rows: who won, by how much, and whether the difference is real.

Legend: T candidates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.comparing import Comparison, compare
from drivetrain.evaluation.metrics.metrics import METRICS, Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.openings import simultaneous_level
from drivetrain.evaluation.record.selection import Selection, correct_selection
from drivetrain.evaluation.scores import Scores
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import Target
from drivetrain.settings import several
from drivetrain.text import in_digits, printable

CONSTANT, LINE, TREES, NET, BLEND = "constant answer", "plain line", "boosted trees", "net", "blend"


@dataclass(frozen=True)
class Candidate:
    """One model that took part."""

    name: str
    seconds: float
    """That it took to be fitted."""
    scores: Scores
    """On the validation rows."""
    predictions: Predictions
    model: Any
    """The model itself; None: it was judged and not kept."""
    variants: tuple[Predictions, ...] = ()
    """What else it could have been, on the same rows: of a blend, those of other weights. Having chosen among them is
    luck as well."""
    corrected: Selection | None = None
    """Its score once it is known that the best was chosen; None where that cannot be told."""

    def as_json(self) -> dict[str, Any]:
        """Name, seconds, each metric with its interval (below `metrics`, and under its own name), and `corrected`."""
        found: dict[str, Any] = {"name": self.name, "seconds": round(self.seconds, 2)}
        said = {name: score.as_json() for name, score in self.scores.items()}
        found |= {"metrics": said, **{name: score for name, score in said.items() if name not in found}}
        chosen = self.corrected
        if chosen is not None:
            ends = {"low": chosen.low, "high": chosen.high, "n": chosen.n}
            found["corrected"] = {"metric": chosen.metric, "value": chosen.corrected, **ends, "trials": chosen.trials}
        return found


@dataclass(frozen=True)
class Difference:
    """The winner against another candidate, on the same rows."""

    winner: str
    other: str
    comparison: Comparison | None
    """None: the winner is that candidate itself, or nothing can be compared."""

    @property
    def real(self) -> bool:
        """Whether the interval of the difference leaves no doubt that the winner is better."""
        return self.comparison is not None and self.comparison.outcome == "a"

    @property
    def verdict(self) -> str:
        """In words."""
        if self.winner == self.other:
            return f"{self.other} is the winner itself"
        if self.comparison is None:
            return "not comparable: the metric is undefined on these rows"
        return self.comparison.verdict

    def as_json(self) -> dict[str, Any]:
        """Against whom, the difference (winner minus the other) with its interval, and whether it is real."""
        found: dict[str, Any] = {"name": self.other, "metric": None, "value": 0.0, "low": 0.0, "high": 0.0, "n": 0}
        one = self.comparison
        if one is not None:
            found |= {"metric": one.metric, "value": one.difference, "low": one.low, "high": one.high, "n": one.n}
            found |= {"level": one.level, "method": one.method, "higher_is_better": one.higher_is_better}
        elif self.winner != self.other:
            found |= {"value": None, "low": None, "high": None}
        return {**found, "real": self.real, "verdict": self.verdict}


@dataclass(frozen=True)
class Leaderboard:
    """All candidates, the best first."""

    by: Metric
    """What they are compared by."""
    candidates: tuple[Candidate, ...]
    runner_up: Difference
    plain: Difference
    """Against the plain line; where there is none, against the constant answer."""
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    """Candidates that could not take part → why."""
    line: str = LINE
    """The name of the plain line among them."""

    @property
    def winner(self) -> Candidate:
        """The best of all."""
        return self.candidates[0]

    def as_json(self) -> dict[str, Any]:
        """The keys `candidates`, `winner` and `difference`."""
        return {
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "winner": self.winner.name,
            "difference": {
                "metric": self.by.name,
                "runner_up": self.runner_up.as_json(),
                "plain": self.plain.as_json(),
            },
            "left_out": dict(self.left_out),
        }

    def __str__(self) -> str:
        width = max(len(candidate.name) for candidate in self.candidates)
        lines = [f"by {self.by.label}, on the same validation rows:"]
        for candidate in self.candidates:
            said = "; ".join(str(score) for score in list(candidate.scores.values())[:1])
            shown = str(candidate.scores[self.by.name]) if self.by.name in candidate.scores else said
            lines.append(f"  {candidate.name:<{width}}  {shown}  ({candidate.seconds:.1f} s)")
            if candidate is self.winner and candidate.corrected is not None and candidate.corrected.trials > 1:
                lines.append(f"  {'':<{width}}  corrected for the choice: {candidate.corrected}")
        lines += [f"  {name:<{width}}  left out: {reason}" for name, reason in self.left_out.items()]
        lines += [f"winner: {self.winner.name}", *_words(self.runner_up)]
        if self.plain.other != self.runner_up.other:
            lines += _words(self.plain)
        return printable("\n".join([*lines, self.about_the_line()]))

    def about_the_line(self) -> str:
        """Whether the plain line is beaten: who reads a model's answers should know what a simpler one gives up."""
        line = self.line
        if self.plain.other != line:
            return f"there is no {line} to compare with: {self.left_out.get(line, 'it was not asked for')}"
        if self.winner.name == line:
            return f"the {line} is not beaten: nothing here is better than the simplest model"
        if self.plain.real and self.plain.comparison is not None:
            one = self.plain.comparison
            worse = "higher" if one.difference < 0 else "lower"
            return f"the {line} is beaten: its {one.label} is {worse} by {_amount(one)}"
        return f"the {line} is not beaten on these rows, and it is simpler: {self.plain.verdict}"


def rank(
    candidates: Sequence[Candidate],
    by: Metric,
    *,
    left_out: Mapping[str, str] | None = None,
    correct: bool = True,
    line: str = LINE,
) -> Leaderboard:
    """The candidates in order, with what can be said of their differences.

    The winner is compared with each other candidate at a level at which all these comparisons hold together 95 times
    of 100 (Bonferroni). A blend stands where its score belongs once the choice of its weights is allowed for: without
    that it could not lose against its members. A candidate whose score is undefined comes last.

    Args:
        candidates: One or more, judged on the same rows.
        by: What they are compared by.
        left_out: Candidates that could not take part → why.
        correct: Whether scores are corrected for the choice.
        line: The name of the plain line, which the winner is compared with beside the runner-up.
    """
    sign = -1.0 if by.higher_is_better is not False else 1.0

    def place(candidate: Candidate) -> float:
        value = _worth(candidate, by)
        return sign * value if math.isfinite(value) else math.inf

    ordered = sorted(candidates, key=place)
    if correct:
        ordered = [_corrected(candidate, ordered, by) for candidate in ordered]
    winner = ordered[0]
    level = simultaneous_level(max(1, len(ordered) - 1))
    second = ordered[1] if len(ordered) > 1 else winner
    by_name = {candidate.name: candidate for candidate in ordered}
    plain = by_name.get(line) or by_name.get(CONSTANT) or second
    return Leaderboard(
        by,
        tuple(ordered),
        _difference(winner, second, by, level),
        _difference(winner, plain, by, level),
        dict(left_out or {}),
        line,
    )


def chosen_by(metrics: Any, target: Target) -> tuple[Metric, Decision]:
    """What candidates are compared by: the metric that was asked for first, or one that reads the answers themselves.

    Log loss tells models apart with fewer rows than accuracy, which reads of each answer its first place alone.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> chosen_by(None, CategoryTarget(name="ill", vocab=("no", "yes")))[0].name
        'log_loss'
    """
    one = isinstance(metrics, str | Metric) or callable(metrics)
    if metrics is not None and (one or several("metrics", metrics, "names of metrics")):
        first = resolve_metrics(metrics, target)[0]
        if first.higher_is_better is not None:
            return first, Decision(value=first.name, reason="the first metric that was asked for")
    name = "rmse" if target.kind == "number" else "log_loss"
    reason = "no metric was asked for; this one reads the answers themselves: metrics= takes another"
    return METRICS[name], Decision(value=name, reason=reason)


def _worth(candidate: Candidate, by: Metric) -> float:
    """The score, of a blend corrected for the choice of its weights."""
    if candidate.variants:
        try:
            return correct_selection([candidate.predictions, *candidate.variants], by, chosen=0).corrected
        except DrivetrainError:
            pass
    return by.value(candidate.predictions.judged)


def _corrected(candidate: Candidate, ordered: Sequence[Candidate], by: Metric) -> Candidate:
    others = [one.predictions for one in ordered if one is not candidate]
    tables = [candidate.predictions, *others, *candidate.variants]
    try:
        found = correct_selection(tables, by, chosen=0)
    except DrivetrainError:
        return candidate
    return replace(candidate, corrected=found)


def _difference(winner: Candidate, other: Candidate, by: Metric, level: float) -> Difference:
    if winner is other:
        return Difference(winner.name, other.name, None)
    try:
        names = (winner.name, other.name)
        found = compare(winner.predictions, other.predictions, by, names=names, level=level)
    except DrivetrainError:
        found = None
    return Difference(winner.name, other.name, found)


def against(board: Leaderboard, other: Candidate) -> Difference:
    """The winner against any candidate, at the level at which all comparisons hold together."""
    return _difference(board.winner, other, board.by, simultaneous_level(max(1, len(board.candidates) - 1)))


def _words(difference: Difference) -> list[str]:
    if difference.comparison is None:
        return []
    kind = "real" if difference.real else "not shown to be real"
    one = difference.comparison
    way = "the same" if one.difference == 0 else f"{'lower' if one.difference < 0 else 'higher'} by"
    return [f"  against {difference.other}: {one.label} {way} {_amount(one)}, {kind}"]


def _amount(one: Comparison) -> str:
    """How much the winner is ahead, or behind, with its interval: above 0 in the direction that the difference has.

    Example:
        ::

            _amount(compare(trees, line, "log_loss"))  # "0.0366 [0.0289, 0.0443]" where trees lose so much less
    """
    sign = -1.0 if one.difference < 0 else 1.0

    def shown(value: float) -> str:
        value *= sign
        return f"{100 * value:.2f}" if one.percent else in_digits(value, ".3g")

    unit = " points" if one.percent else ""
    said = f"{shown(one.difference)}{unit}"
    if one.low is None or one.high is None:
        return said
    low, high = sorted((one.low, one.high), key=lambda end: sign * end)
    return f"{said} [{shown(low)}, {shown(high)}]"
