"""Numbers with their intervals: what a table of predictions is worth."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from pydantic import ConfigDict

from drivetrain.calls import CheckedModel, named
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.asking import asked_level, asked_predictions, asked_seed
from drivetrain.evaluation.intervals import interval
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.metrics.own_metric import OwnFunction
from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import choice, instance
from drivetrain.text import counted as of_things
from drivetrain.text import printable

Part = Literal["training", "validation", "test", "new"]

_MOST_DECIMALS = 9
_LARGEST_IN_DIGITS = 1e15


class Score(CheckedModel):
    """One metric's value on n rows, and how far it can be trusted.

    Example:
        >>> print(Score(name="r2", label="R²", value=0.5, low=0.25, high=0.625, n=80, method="bootstrap"))
        R² 0.500 [0.250, 0.625], n = 80
        >>> print(Score(name="r2", label="R²", value=None, n=1, note="undefined on these rows"))
        R² –, n = 1 (undefined on these rows)
        >>> print(Score(name="r2", label="R²", value=0.5, n=48, units=12))
        R² 0.500, n = 12 (48 rows)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    label: str
    value: float | None
    """None where the rows leave it undefined; `note` says why."""
    low: float | None = None
    high: float | None = None
    n: int
    """Rows."""
    units: int | None = None
    """How many of them are independent, where that is another number: copies count once, groups as one."""
    level: float = 0.95
    """Coverage of [low, high], in (0, 1)."""
    method: str | None = None
    """How the interval was made; None where there is none."""
    higher_is_better: bool | None = None
    percent: bool = False
    """Shown times 100."""
    note: str | None = None

    def as_json(self) -> dict[str, float | int | None]:
        """Value, low, high, n, and units where these are fewer: valid JSON, with null for what is undefined."""
        units = {} if self.units is None else {"units": self.units}
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, **units}

    def counted(self) -> str:
        """What the interval rests on, as a person reads it: independent rows, and how many there are in all."""
        return f"{self.n:,}" if self.units is None else f"{self.units:,} ({of_things(self.n, 'row')})"

    def with_value(self, value: float | None) -> Score:
        """The same metric with another value and no interval."""
        return self.model_copy(update={"value": value, "low": None, "high": None, "method": None, "note": None})

    def shown(self) -> tuple[str, str]:
        """Value and interval as a person reads them; the interval is empty where there is none.

        Example:
            >>> Score(name="exact", label="exact", value=0.931, low=0.915, high=0.945, n=812, percent=True).shown()
            ('93.1 %', '[91.5, 94.5]')
        """
        if self.value is None:
            return "–", ""
        scale = 100.0 if self.percent else 1.0
        decimals = 1 if self.percent else _decimals(self.value)
        value = _number(scale * self.value, decimals) + (" %" if self.percent else "")
        if self.low is None or self.high is None:
            return value, ""
        return value, f"[{_number(scale * self.low, decimals)}, {_number(scale * self.high, decimals)}]"

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return printable(f"{self.label} {' '.join(part for part in self.shown() if part)}, n = {self.counted()}{note}")


@dataclass(frozen=True)
class Scores(Mapping[str, Score]):
    """The scores of one part of the data, by name, in the order they were asked for.

    Example:
        >>> accuracy = Score(name="accuracy", label="accuracy", value=1.0, low=0.5, high=1.0, n=4, percent=True)
        >>> scores = Scores({"accuracy": accuracy}, part="validation", n=4, loss=0.25)
        >>> print(scores)
        accuracy 100.0 % [50.0, 100.0], n = 4
        loss 0.250 (what the optimiser reads)
        >>> scores["accuracy"].value
        1.0
    """

    scores: Mapping[str, Score]
    part: Part
    n: int
    loss: float | None = None
    """Mean training loss, which is no metric: its scale depends on the loss function."""
    baselines: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict[str, Mapping[str, float | None]])
    """What is reached without the model, such as by always saying the majority class → metric name → value."""

    @property
    def where(self) -> str:
        """What was judged, in words."""
        return "new data" if self.part == "new" else f"{self.part} set"

    def __getitem__(self, name: str) -> Score:
        return self.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def as_json(self) -> dict[str, Any]:
        """Part, n, loss, each score's `as_json`, and the baselines where there are any; valid JSON."""
        metrics = {name: score.as_json() for name, score in self.scores.items()}
        baselines = {name: dict(values) for name, values in self.baselines.items()}
        found = {"part": self.part, "n": self.n, "loss": self.loss, "metrics": metrics}
        return {**found, "baselines": baselines} if baselines else found

    def __str__(self) -> str:
        lines = [*(str(score) for score in self.scores.values()), *self._baseline_line(), *self._loss_line()]
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        return f"Scores on the {self.where}\n{self}"

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        rows = "".join(
            f"<tr><td>{html.escape(printable(score.label))}</td><td>{score.shown()[0]}</td><td>{score.shown()[1]}</td>"
            f"<td>{score.counted()}</td><td>{html.escape(printable(score.note or ''))}</td></tr>"
            for score in self.scores.values()
        )
        level = next(iter(self.scores.values())).level if self.scores else 0.95
        loss = "".join(f"<p>{html.escape(line)}</p>" for line in (*self._baseline_line(), *self._loss_line()))
        return (
            f"<table><caption>{self.where}</caption><thead><tr><th>metric</th><th>value</th>"
            f"<th>{100 * level:g} % interval</th><th>n</th><th></th></tr></thead><tbody>{rows}</tbody></table>{loss}"
        )

    def _baseline_line(self) -> list[str]:
        """What the first metric is without the model."""
        headline = next(iter(self.scores.values()), None)
        if headline is None or not self.baselines:
            return []
        values = {name: values.get(headline.name) for name, values in self.baselines.items()}
        shown = (f"{name} {headline.with_value(value).shown()[0]}" for name, value in values.items())
        return [f"without the model: {', '.join(shown)}"]

    def _loss_line(self) -> list[str]:
        if self.loss is None:
            return []
        return [f"loss {_number(self.loss, _decimals(self.loss))} (what the optimiser reads)"]


@named
def score(
    predictions: Predictions,
    metrics: Sequence[str | Metric | OwnFunction] | str | Metric | OwnFunction | None = None,
    *,
    part: Part = "validation",
    level: float = 0.95,
    seed: int = 0,
    baselines: Mapping[str, Predictions] | None = None,
) -> Scores:
    """Judge predictions: each metric with its interval and its n.

    Args:
        predictions: Labelled rows, at least one. Rows with the same id (copies of one content) count once.
        metrics: Names, functions ``f(truth, output) -> float``, or None for the defaults of the kind of target.
        part: Which part of the data the rows are.
        level: Coverage of the intervals, in (0, 1).
        seed: The same seed gives the same bootstrap intervals.
        baselines: What is said of the same rows without the model, see `drivetrain.evaluation.baselines`.

    Raises:
        DataError: There are no rows, or they are unlabelled.
        SettingError: A metric is unknown, or does not apply to this kind of target.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> print(score(said, ["accuracy"]))
        accuracy 50.0 % [9.5, 90.5], n = 2
    """
    predictions, level, seed = asked_predictions(predictions), asked_level(level), asked_seed(seed)
    part = choice("part", part, get_args(Part))
    given = {} if baselines is None else instance("baselines", baselines, Mapping, "name → dt.Predictions")
    known = {str(name): asked_predictions(table, f"baselines[{str(name)!r}]") for name, table in given.items()}
    chosen = resolve_metrics(metrics, predictions.target)
    predictions.known_truth()
    if not len(predictions):
        raise DataError("there are no rows to judge. To fix: give at least one labelled row.")
    scores = {metric.name: _measure(metric, predictions, level, seed) for metric in chosen}
    loss = None if predictions.judged.loss is None else float(predictions.judged.loss.mean())
    return beside(Scores(scores, part=part, n=len(predictions), loss=loss), chosen, known)


def beside(scores: Scores, metrics: Sequence[Metric], baselines: Mapping[str, Predictions]) -> Scores:
    """The same scores with what is reached without the model, on the same rows, shown beside them."""
    return replace(scores, baselines={name: _values(metrics, table) for name, table in baselines.items()})


def _values(metrics: Sequence[Metric], predictions: Predictions) -> dict[str, float | None]:
    """Values alone; None also where a function of the user's cannot cope with an answer that never changes."""
    found: dict[str, float | None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for metric in metrics:
            with suppress(SettingError):
                value = metric.value(predictions.judged)
                found[metric.name] = value if math.isfinite(value) else None
    return found


def _measure(metric: Metric, predictions: Predictions, level: float, seed: int) -> Score:
    rows, units = predictions.judged, predictions.units
    value = metric.value(rows)
    notes = [metric.note(rows)]
    found = None
    if math.isfinite(value):
        found = interval(metric, rows, level=level, seed=seed)
        if found is None:
            notes.append("too few rows for an interval" if rows.groups is None else "too few groups for an interval")
        elif found.high - found.low <= 1e-12 * abs(value):
            notes.append("no interval: every resample of these rows gives the same value")
            found = None
    else:
        notes.append("undefined on these rows: the truth does not vary enough")
    return Score(
        name=metric.name,
        label=metric.label,
        value=value if math.isfinite(value) else None,
        low=found.low if found else None,
        high=found.high if found else None,
        n=len(predictions),
        units=None if units == len(predictions) else units,
        level=level,
        method=found.method if found else None,
        higher_is_better=metric.higher_is_better,
        percent=metric.percent,
        note="; ".join(note for note in notes if note) or None,
    )


def _decimals(value: float) -> int:
    """Digits after the point that show three significant digits."""
    if not math.isfinite(value) or value == 0:
        return 3
    return min(max(2 - math.floor(math.log10(abs(value))), 0), _MOST_DECIMALS)


def _number(value: float, decimals: int) -> str:
    """With so many digits after the point; as a power of ten where that gives only zeros, or very many digits."""
    is_power = (decimals >= _MOST_DECIMALS and value) or abs(value) >= _LARGEST_IN_DIGITS
    return f"{value:.3g}" if is_power else f"{value:,.{decimals}f}"


for _public in (
    Score,
    Scores,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
