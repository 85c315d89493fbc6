"""The best of several looks better than it is: how much better, found by choosing again among resampled rows.

Whoever compares T models on the same rows and keeps the best has chosen partly by luck. Bootstrap bias corrected
cross-validation (BBC-CV) measures that luck from stored predictions, without training anything again: rows are drawn
with replacement, the best model is chosen by the rows drawn, and judged by the rows that were not drawn.

Legend: N rows, T models ("trials"), B resamples.

Source: Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the out-of-sample predictions for efficient and
accurate cross-validation", algorithm 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.copies import without_copies
from drivetrain.evaluation.intervals import Floats, check_level, group_codes, interval, resamples, wilson_ends
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.manifest import Expected
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import counted, in_digits, printable

N_RESAMPLES = 1000
FEWEST_RESAMPLES = 100
WORK = 2_000_000_000
"""Resamples × models × work of each that a correction may take: some seconds."""


@dataclass(frozen=True)
class Selection:
    """What the chosen model's score is worth once it is known among how many it was chosen.

    Example:
        >>> print(Selection("accuracy", "accuracy", True, 3, 0.93, 0.91, 0.88, 0.935, n=400, trials=20))
        accuracy 91.0 % [88.0, 93.5], n = 400; 93.0 % before correction for having chosen it among 20
    """

    metric: str
    label: str
    percent: bool
    chosen: int
    """Which of the models."""
    raw: float
    """Its score as measured."""
    corrected: float
    """What to expect of it on other rows of the same kind."""
    low: float | None
    high: float | None
    """Interval of `corrected`; None where there is none for the score itself."""
    n: int
    """Rows; each content once."""
    trials: int
    n_rows: int | None = None
    """With the copies of the same contents; None: there are none."""

    def __str__(self) -> str:
        def shown(value: float) -> str:
            return f"{100 * value:.1f}" if self.percent else in_digits(value)

        unit = " %" if self.percent else ""
        inside = "" if self.low is None or self.high is None else f" [{shown(self.low)}, {shown(self.high)}]"
        copies = "" if self.n_rows is None else f" ({counted(self.n_rows, 'row')})"
        said = f"{self.label} {shown(self.corrected)}{unit}{inside}, n = {self.n:,}{copies}"
        if self.trials == 1:
            return printable(said)
        return printable(f"{said}; {shown(self.raw)}{unit} before correction for having chosen it among {self.trials}")


def correct_selection(
    tables: Sequence[Predictions],
    metric: str | Metric | None = None,
    *,
    chosen: int | None = None,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Selection:
    """The score of the model that was chosen among several, corrected for the choice.

    Args:
        tables: What each of T ≥ 1 models said of the same N rows, in any order of rows.
        metric: What they were compared by; None takes the first metric of the kind of target.
        chosen: Which one was taken, if not the best: where it is the third best, what is corrected for is taking the
            third best.
        level: Coverage of the interval, in (0, 1).
        n_resamples: Fewer are made where rows and models are many.
        seed: The same seed gives the same answer.

    Raises:
        DataError: There are no tables, they are of different rows, or the metric is undefined on them.
        SettingError: The metric does not apply, or does not say whether higher is better.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> coin = CategoryTarget(name="coin", vocab=("heads", "tails"))
        >>> rng = np.random.default_rng(0)
        >>> truth, ids = rng.integers(0, 2, 400), tuple(map(str, range(400)))
        >>> guesses = [np.eye(2)[rng.integers(0, 2, 400)] for _ in range(20)]
        >>> tables = [Predictions(ids=ids, target=coin, truth=truth, output=output) for output in guesses]
        >>> found = correct_selection(tables)
        >>> round(found.raw, 3), round(found.corrected, 2)
        (0.54..., 0.5...)
    """
    check_level(level)
    n_rows = len(tables[0]) if tables else 0
    tables = without_copies(_on_same_rows(tables))
    of = tables[0]
    measure = resolve_metrics(None if metric is None else [metric], of.target)[0]
    if measure.higher_is_better is None:
        raise SettingError(f"{measure.name!r} does not say whether higher is better, so nothing was chosen by it.")
    sign = 1.0 if measure.higher_is_better else -1.0
    values = [measure.value(table) for table in tables]
    if not all(math.isfinite(value) for value in values):
        raise DataError(f"{measure.name} is undefined on these rows: nothing can have been chosen by it.")
    order = sorted(range(len(tables)), key=lambda trial: -sign * values[trial])
    chosen = order[0] if chosen is None else chosen
    rank = sum(sign * value > sign * values[chosen] for value in values)
    corrected = values[chosen]
    if len(tables) > 1:
        corrected = _chosen_again(tables, measure, rank=rank, n_resamples=n_resamples, seed=seed)
        if rank == 0:  # the best cannot have been made to look worse by having been chosen: of few rows, that is noise
            corrected = sign * min(sign * corrected, sign * values[chosen])
    low, high = _interval(tables[chosen], measure, corrected - values[chosen], level=level, seed=seed)
    return Selection(
        metric=measure.name,
        label=measure.label,
        percent=measure.percent,
        chosen=chosen,
        raw=values[chosen],
        corrected=corrected,
        low=low,
        high=high,
        n=len(of),
        trials=len(tables),
        n_rows=None if n_rows == len(of) else n_rows,
    )


def expect(selection: Selection, measure: Metric, predictions: Predictions, n_test: int) -> Expected | None:
    """Where the score on `n_test` other rows of the same kind should lie, 95 times of 100; None where unknown.

    Both sets of rows are draws, so this is wider than the interval of the score itself.

    Args:
        selection: The corrected score of the model.
        measure: What it was scored by.
        predictions: What that model said of the validation rows.
        n_test: Rows that will judge it, each content once, at least 1.

    Source: for proportions the beta-binomial predictive distribution under Jeffreys' prior (Brown, Cai and DasGupta
    2001, "Interval estimation for a binomial proportion", section 3); else the interval, wider by √(1 + n / n_test).
    """
    if selection.low is None or selection.high is None:
        return None
    value, n = selection.corrected, selection.n
    grouped = predictions.judged.groups is not None
    low, high = _on_other_rows(measure, value, (selection.low, selection.high), n=n, n_test=n_test, grouped=grouped)
    return Expected(
        metric=selection.metric,
        value=value,
        low=min(low, value),
        high=max(high, value),
        raw=selection.raw,
        n=n,
        n_test=n_test,
        trials=selection.trials,
    )


def expect_of_others(expected: Expected, measure: Metric, n_test: int, *, grouped: bool) -> Expected:
    """The same expectation of another test set, of `n_test` rows, where only the expectation itself is at hand.

    Example:
        >>> said = Expected(metric="rmse", value=2.0, low=1.0, high=4.0, raw=2.0, n=100, n_test=100, trials=1)
        >>> from drivetrain.evaluation.metrics.metrics import METRICS
        >>> found = expect_of_others(said, METRICS["rmse"], 10_000, grouped=False)
        >>> round(found.low, 2), round(found.high, 2), found.n_test
        (1.29, 3.42, 10000)
    """
    value, of_test = expected.value, expected.n_test
    ends = (expected.low, expected.high)
    low, high = _on_other_rows(measure, value, ends, n=expected.n, n_test=n_test, grouped=grouped, of_test=of_test)
    return expected.model_copy(update={"low": min(low, value), "high": max(high, value), "n_test": n_test})


def _on_other_rows(
    measure: Metric,
    value: float,
    ends: tuple[float, float],
    *,
    n: int,
    n_test: int,
    grouped: bool,
    of_test: float = math.inf,
) -> tuple[float, float]:
    """Where a score of `n_test` rows lies 95 times of 100, when it was `value` of n rows.

    `ends` hold it for `of_test` rows: those of an interval for infinitely many, which have no chance of their own.
    """
    if measure.hits is not None and not grouped:
        from scipy.stats import betabinom  # noqa: PLC0415 - slow to import

        drawn = betabinom(n_test, value * n + 0.5, (1 - value) * n + 0.5)
        low, high = (float(drawn.ppf(quantile)) / n_test for quantile in (0.025, 0.975))
        return low, high
    wider = math.sqrt((1 + n / n_test) / (1 + n / of_test))
    low, high = (value + wider * (end - value) for end in ends)
    return (max(low, 0.0), min(high, 1.0)) if measure.percent else (low, high)


def _on_same_rows(tables: Sequence[Predictions]) -> list[Predictions]:
    """The tables with their rows in the order of the first."""
    if not tables:
        raise DataError("there are no predictions to choose among. To fix: give those of one model at least.")
    ids = tables[0].ids
    found: list[Predictions] = []
    for table in tables:
        if table.ids != ids:
            order, order_here = (_by_id(one) for one in (ids, table.ids))
            if [ids[row] for row in order] != [table.ids[row] for row in order_here]:
                raise DataError(
                    f"the predictions are of different rows ({len(ids)} and {len(table)}): models are compared on the "
                    "same ones. To fix: give predictions of one validation set."
                )
            place = np.empty(len(ids), dtype=np.int64)
            place[order] = order_here
            table = table.subset(place)  # noqa: PLW2901
        if what_it_says(table.target) != what_it_says(tables[0].target):
            raise DataError("the predictions are of different targets: models are compared on the same one.")
        found.append(table)
    return found


def _by_id(ids: Sequence[str]) -> list[int]:
    return sorted(range(len(ids)), key=lambda row: ids[row])


def what_it_says(target: Target) -> tuple[str, ...]:
    """Kind and categories, or columns, of a target; what it was scaled by does not matter."""
    return (target.kind, *(target.names if isinstance(target, NumberTarget) else target.vocab))


def _chosen_again(tables: Sequence[Predictions], measure: Metric, *, rank: int, n_resamples: int, seed: int) -> float:
    """Mean score on the rows left out of the model that takes the `rank`-th place on the rows drawn."""
    sign = 1.0 if measure.higher_is_better else -1.0
    work = len(tables) * max(measure.work(tables[0]), 1)
    n_resamples = int(min(n_resamples, max(FEWEST_RESAMPLES, WORK // work)))
    statistics = [measure.statistic(table) for table in tables]
    judged: list[Floats] = []
    for drawn_BN in resamples(len(tables[0]), n_resamples, seed, group_codes(tables[0].groups)):
        left_out_BN = (drawn_BN == 0).astype(np.float64)
        left_out_BN = left_out_BN[left_out_BN.any(axis=1)]
        drawn_BN = drawn_BN[(drawn_BN == 0).any(axis=1)]  # noqa: PLW2901
        if not len(drawn_BN):
            continue
        inside_TB = np.stack([sign * statistic(drawn_BN) for statistic in statistics])
        outside_TB = np.stack([statistic(left_out_BN) for statistic in statistics])
        inside_TB = np.where(np.isfinite(inside_TB), inside_TB, -np.inf)
        chosen_B = np.argsort(-inside_TB, axis=0, kind="stable")[rank]
        judged.append(outside_TB[chosen_B, np.arange(outside_TB.shape[1])])
    found = np.concatenate(judged) if judged else np.empty(0)
    found = found[np.isfinite(found)]
    if not len(found):
        raise DataError(
            f"there are too few rows to correct {measure.name} for the choice among {counted(len(tables), 'model')}."
        )
    return float(found.mean())


def _interval(
    predictions: Predictions, measure: Metric, shift: float, *, level: float, seed: int
) -> tuple[float | None, float | None]:
    """The interval of the score, moved to the corrected value."""
    if measure.hits is not None and predictions.groups is None:
        value = measure.value(predictions) + shift
        return wilson_ends(value, len(predictions), NormalDist().inv_cdf(0.5 + level / 2))
    found = interval(measure, predictions, level=level, seed=seed)
    if found is None:
        return None, None
    low, high = found.low + shift, found.high + shift
    return (max(low, 0.0), min(high, 1.0)) if measure.percent else (low, high)
