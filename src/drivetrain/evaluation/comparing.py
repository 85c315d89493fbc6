"""Two models judged on the same rows: is one better, is there no difference, or are there too few rows to tell?

"No difference found" and "not enough data" look alike to a test of significance, and mean opposite things. They are
told apart by `worth`, the smallest difference that would matter: the first says that such a difference is excluded,
the second that it is not.

Legend: N rows, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.evaluation.asking import asked_level, asked_predictions, asked_seed
from drivetrain.evaluation.copies import without_copies
from drivetrain.evaluation.intervals import (
    MOST_COLUMNS,
    Codes,
    Floats,
    Interval,
    Statistic,
    bootstrap_interval,
    group_codes,
    n_groups,
    paired_influences,
    resamples,
    student,
    tango_interval,
)
from drivetrain.evaluation.metrics.metrics import Metric, default_metrics, resolve_metrics
from drivetrain.evaluation.metrics.own_metric import OwnFunction
from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import flag, number, refuse, several, text, whole
from drivetrain.text import counted, does, in_digits, printable

POWER = 0.8
"""How often the smallest difference that a set can show would be found."""
WORTH_PERCENT = 0.02
"""A difference that would matter where nobody said: two points of a percentage …"""
WORTH_RELATIVE = 0.05
"""… or a twentieth of the better value, for other metrics."""
FEW_DISCORDANT = 25
"""With fewer rows that one model alone has right the test is exact."""

Outcome = Literal["a", "b", "none", "unknown"]


@dataclass(frozen=True)
class McNemar:
    """Whether two models are right equally often, from the rows that one of them alone has right.

    Example:
        >>> mcnemar(15, 4)
        McNemar(only_a=15, only_b=4, p=0.019..., method='exact')
    """

    only_a: int
    only_b: int
    p: float
    """Probability of a difference at least this large if both are equally good."""
    method: Literal["exact", "χ², continuity corrected"]


@dataclass(frozen=True)
class Comparison:
    """What the rows say of two models; printing it gives the verdict in words.

    Example:
        >>> import drivetrain as dt
        >>> fruit = dt.CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]
        >>> said = dt.Predictions(("a", "b", "c", "d"), fruit, [0, 1, 0, 1], output)
        >>> new = dt.Predictions(said.ids, fruit, said.truth, [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
        >>> found = dt.compare(said, new)
        >>> found.values, found.difference, found.outcome
        ((0.75, 1.0), -0.25, 'unknown')
    """

    metric: str
    label: str
    names: tuple[str, str]
    values: tuple[float, float]
    difference: float
    """First minus second; positive is better where `higher_is_better`."""
    low: float | None
    high: float | None
    """Interval of the difference; None where there are too few rows."""
    level: float
    method: str | None
    higher_is_better: bool
    percent: bool
    n: int
    """Rows; each content once."""
    n_groups: int | None
    outcome: Outcome
    """Which one is better; "none": no difference that matters; "unknown": too few rows to tell."""
    worth: float
    """The smallest difference that would matter."""
    power: float | None
    """How often rows like these would find a difference of `worth`."""
    smallest: float | None
    """Difference that rows like these would find four times in five (80 % power)."""
    mcnemar: McNemar | None
    """For proportions of independent rows."""
    n_rows: int | None = None
    """With the copies of the same contents; None: there are none."""

    @property
    def verdict(self) -> str:
        """In words.

        Example:
            >>> comparison = compare(*_two_models())
            >>> comparison.verdict
            'not enough data: differences up to 20.4 points are possible, and 2.0 would matter'
        """
        first, second = self.names
        match self.outcome:
            case "a":
                return f"{first} is better"
            case "b":
                return f"{second} is better"
            case "none":
                return f"no difference found (a difference larger than {self._amount(self._largest())} is excluded)"
            case "unknown":
                if self.low is None:
                    return "not enough data: too few rows for an interval"
                return (
                    f"not enough data: differences up to {self._amount(self._largest())} are possible, "
                    f"and {self._amount(self.worth, unit=False)} would matter"
                )

    def as_json(self) -> dict[str, Any]:
        """Everything, with the verdict in words; valid JSON."""
        return {**asdict(self), "names": list(self.names), "values": list(self.values), "verdict": self.verdict}

    def __str__(self) -> str:
        first, second = (f"{name} {self._value(value)}" for name, value in zip(self.names, self.values, strict=True))
        copies = "" if self.n_rows is None else f" ({self.n_rows:,} with copies)"
        groups = "" if self.n_groups is None else f" in {counted(self.n_groups, 'group')}"
        rows = f"{counted(self.n, 'row')}{copies}{groups}"
        lines = [f"{self.label}: {first}, {second}, on the same {rows}", self.verdict, *self._details()]
        return printable("\n".join([lines[0], *(f"  {line}" for line in lines[1:])]))

    def _details(self) -> list[str]:
        lines: list[str] = []
        if self.low is not None and self.high is not None:
            ends = f"[{self._signed(self.low)}, {self._signed(self.high)}]"
            unit = " points" if self.percent else ""
            lines.append(
                f"difference {self._signed(self.difference)}{unit} {ends} ({100 * self.level:g} %, {self.method})"
            )
        if self.mcnemar is not None:
            test = self.mcnemar
            lines.append(
                f"right in {self.names[0]} only: {counted(test.only_a, 'row')}, in {self.names[1]} only: "
                f"{test.only_b:,}; McNemar p = {test.p:.2g} ({test.method})"
            )
        if self.smallest is not None and self.power is not None:
            lines.append(
                f"rows like these show a difference of {self._amount(self.smallest)} with {100 * POWER:.0f} % power, "
                f"and one of {self._amount(self.worth)} with {100 * self.power:.0f} %"
            )
        return lines

    def _largest(self) -> float:
        assert self.low is not None and self.high is not None
        return max(abs(self.low), abs(self.high))

    def _value(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.percent else in_digits(value)

    def _signed(self, value: float) -> str:
        return f"{100 * value:+.1f}" if self.percent else in_digits(value, "+.3g")

    def _amount(self, value: float, *, unit: bool = True) -> str:
        if self.percent:
            return f"{100 * value:.1f} points" if unit else f"{100 * value:.1f}"
        return in_digits(value, ".3g")


class Judged(Protocol):
    """A model that gives its predictions."""

    label: str

    def predictions(self) -> Predictions:
        """Of the validation set."""
        ...


@named
def compare(
    a: Predictions | Judged,
    b: Predictions | Judged,
    metric: str | Metric | OwnFunction | None = None,
    *,
    names: tuple[str, str] = ("a", "b"),
    worth: float | None = None,
    level: float = 0.95,
    higher_is_better: bool | None = None,
    n_resamples: int | None = None,
    seed: int = 0,
) -> Comparison:
    """Whether one of two models is better, judged on the same rows.

    Both are judged on each row drawn, so what makes a row hard for both does not count as noise. Where the
    predictions have groups, groups are drawn.

    Args:
        a: Predictions of the first model; or the model, a Learner or another, for those of its validation set.
        b: Of the second, on the same rows in any order; rows are matched by id.
        metric: A name or a function ``f(truth, output)``; None takes the first of the target's default metrics,
            which for categories is accuracy.
        names: What the models are called; models themselves bring their names along.
        worth: The smallest difference that would matter, in units of the metric (0.02 is two points of accuracy).
            None takes 0.02 for percentages and a twentieth of the better value for others.
        level: Coverage of the interval, in (0, 1).
        higher_is_better: Needed for a function; metrics with a name know it.
        n_resamples: None takes as many as the metric affords, 2,000 at most.
        seed: The same seed gives the same interval.

    Raises:
        DataError: The tables hold different rows, truths or targets, or are unlabelled.
        SettingError: The metric does not apply, or a setting cannot be used.

    Source: interval as the metric's own, of the difference: bootstrap-t for means, `paired_influences` for numbers
    between 0 and 1, `tango_interval` for proportions of rows, BCa of the paired bootstrap for the rest. Test of
    McNemar (1947), checked against statsmodels in tests/evaluation/test_comparing.py.

    Example:
        >>> print(compare(*_two_models(), names=("old", "new"), worth=0.3))
        accuracy: old 75.0 %, new 80.0 %, on the same 40 rows
          no difference found (a difference larger than 20.4 points is excluded)
          difference -5.0 points [-20.4, +10.1] (95 %, Tango)
          right in old only: 3 rows, in new only: 5; McNemar p = 0.73 (exact)
          rows like these show a difference of 21.0 points with 80 % power, and one of 30.0 points with 98 %
    """
    names = _asked_names(_labels(a, b) if names == ("a", "b") else names)
    a, b, level, seed = asked_predictions(a, "a"), asked_predictions(b, "b"), asked_level(level), asked_seed(seed)
    n_resamples = None if n_resamples is None else whole("n_resamples", n_resamples, least=2)
    higher_is_better = None if higher_is_better is None else flag("higher_is_better", higher_is_better)
    worth = None if worth is None else number("worth", worth, above=0)
    chosen = _metric(metric, a)
    better_high = chosen.higher_is_better if higher_is_better is None else higher_is_better
    if better_high is None:
        raise SettingError(
            f"{chosen.name!r} is a function of yours; expected to know what is better. To fix: say "
            "higher_is_better=True or higher_is_better=False."
        )
    n_rows = len(a)
    a, b = without_copies([a, matched(a, b)])
    values = (chosen.value(a), chosen.value(b))
    if not all(math.isfinite(value) for value in values):
        raise DataError(f"{chosen.label} is undefined on these rows ({len(a):,}): the truth does not vary enough.")
    if worth is None:
        worth = WORTH_PERCENT if chosen.percent else WORTH_RELATIVE * max(abs(value) for value in values)
    groups = group_codes(a.groups)
    count = chosen.n_resamples(a) if n_resamples is None else n_resamples
    interval, error, test = _judged(chosen, a, b, groups, level=level, n_resamples=count, seed=seed)
    units = len(a) if groups is None else n_groups(groups)
    reach = student(level, units - 1) if groups is not None and units > 1 else NormalDist().inv_cdf(0.5 + level / 2)
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Comparison(
        metric=chosen.name,
        label=chosen.label,
        names=names,
        values=values,
        difference=values[0] - values[1],
        low=low,
        high=high,
        level=level,
        method=None if interval is None else interval.method,
        higher_is_better=better_high,
        percent=chosen.percent,
        n=len(a),
        n_groups=None if groups is None else units,
        outcome=_outcome(interval, test, level, worth, better_high),
        worth=worth,
        power=None if not error else power_of(worth, error, reach),
        smallest=None if not error else smallest_difference(error, reach),
        mcnemar=test,
        n_rows=None if n_rows == len(a) else n_rows,
    )


def _labels(a: Any, b: Any) -> tuple[str, str]:
    """What two models call themselves; "a" and "b" where they do not, or both call themselves the same."""
    first, second = (str(getattr(model, "label", "")) for model in (a, b))
    return (first, second) if first and second and first != second else ("a", "b")


def _asked_names(names: Any) -> tuple[str, str]:
    expected = "two different names, such as ('old', 'new')"
    found = [text("names", name, what=expected) for name in several("names", names, expected)]
    if len(found) != 2 or found[0] == found[1]:
        refuse("names", names, expected)
    return found[0], found[1]


def matched(a: Predictions, b: Predictions) -> Predictions:
    """The rows of `b` in the order of `a`.

    Raises:
        DataError: They differ in rows, in what is true of them, or in target; the message says how.
    """
    _check_same_target(a, b)
    order_a, order_b = (_by_content(table) for table in (a, b))
    ids_a, ids_b = ([table.ids[i] for i in order] for table, order in ((a, order_a), (b, order_b)))
    if ids_a != ids_b:
        only_a, only_b = set(ids_a) - set(ids_b), set(ids_b) - set(ids_a)
        raise DataError(
            f"the two tables hold different rows: {len(a)} and {len(b)}, of which {len(only_a)} "
            f"{does(len(only_a), 'are')} in the first only and {len(only_b)} in the second only "
            f"({first_few(sorted(only_a | only_b), 2)}). To fix: compare both on the same rows, such as with "
            "`a.subset(...)`."
        )
    place = np.empty(len(a), dtype=np.int64)
    place[order_a] = order_b
    found = b.subset(place)
    if not _same_truth(a, found):
        differs = a.known_truth() != found.known_truth()
        first = int(np.flatnonzero(differs if differs.ndim == 1 else differs.any(axis=1))[0])
        raise DataError(
            f"the two tables disagree about what is true, first for row {a.ids[first]}. To fix: judge both models "
            "with the same labels."
        )
    return found


def _by_content(table: Predictions) -> NDArray[np.int64]:
    """Rows in the order of their ids, and copies of one content by what is true of them."""
    truth = table.known_truth()
    columns = truth[:, None] if truth.ndim == 1 else truth
    return np.lexsort((*columns.T[::-1], np.asarray(table.ids)))


def _same_truth(a: Predictions, b: Predictions) -> bool:
    """Whether the same is true of all rows; of numbers also where one table was rounded to 32 bits on its way."""
    one, other = a.known_truth(), b.known_truth()
    if np.array_equal(one, other) or a.target.kind != "number":
        return np.array_equal(one, other)
    rounded, rounded_other = one.astype(np.float32), other.astype(np.float32)
    return np.array_equal(one, rounded_other) or np.array_equal(rounded, other)


def _check_same_target(a: Predictions, b: Predictions) -> None:
    """Raise DataError that names what one target has and the other has not."""
    one, other = a.target, b.target
    if one.kind != other.kind:
        raise DataError(f"the two models predict different targets: {a!r} and {b!r}.")
    first, second = (target.output_names for target in (one, other))
    if first == second or (one.kind == "number" and len(first) == len(second)):  # numbers may be called otherwise
        return
    only_a = [name for name in first if name not in set(second)]
    only_b = [name for name in second if name not in set(first)]
    alone = (("first", only_a), ("second", only_b))
    named = [f"the {word} alone has {first_few(map(repr, own))}" for word, own in alone if own]
    differ = "; ".join(named) or "the same ones in another order"
    what = "numbers" if one.kind == "number" else "categories"
    raise DataError(
        f"the two models know different {what} of {one.name!r} ({len(first)} and {len(second)}): {differ}. To fix: "
        "train both on the same target."
    )


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test: exact (binomial, two-sided) with fewer than 25 discordant rows, else by χ².

    Args:
        only_a: Rows that the first model alone has right.
        only_b: Rows that the second model alone has right.

    Source: McNemar (1947); continuity correction of Edwards (1948).
    """
    from scipy.stats import binom, chi2  # noqa: PLC0415 (slow to import)

    n, fewer = only_a + only_b, min(only_a, only_b)
    if n < FEW_DISCORDANT:
        return McNemar(only_a, only_b, min(1.0, 2 * float(binom.cdf(fewer, n, 0.5))), "exact")
    distance = max(abs(only_a - only_b) - 1, 0)
    return McNemar(only_a, only_b, float(chi2.sf(distance**2 / n, 1)), "χ², continuity corrected")


def power_of(difference: float, error: float, reach: float) -> float:
    """How often a true difference of that size would be found.

    Args:
        difference: True difference.
        error: Standard error of the measured difference.
        reach: Standard errors that count as found, 1.96 for a level of 0.95.

    Example:
        >>> round(power_of(2.8, 1.0, 1.96), 3)
        0.8
    """
    normal = NormalDist()
    return normal.cdf(difference / error - reach) + normal.cdf(-difference / error - reach)


def smallest_difference(error: float, reach: float) -> float:
    """The true difference that would be found four times in five.

    Example:
        >>> round(smallest_difference(1.0, 1.96), 2)
        2.8
    """
    return (reach + NormalDist().inv_cdf(POWER)) * error


def _metric(metric: str | Metric | OwnFunction | None, a: Predictions) -> Metric:
    return default_metrics(a.target)[0] if metric is None else resolve_metrics(metric, a.target)[0]


def _judged(
    metric: Metric, a: Predictions, b: Predictions, groups: Codes | None, *, level: float, n_resamples: int, seed: int
) -> tuple[Interval | None, float | None, McNemar | None]:
    """Interval of the difference, its standard error, and the test where it applies."""
    if metric.hits is not None and groups is None:
        first, second = metric.hits(a), metric.hits(b)
        only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
        return *tango_interval(only_a, only_b, len(a), level=level), mcnemar(only_a, only_b)
    if metric.hits is not None or metric.influence is not None:
        first, second = metric.shares(a), metric.shares(b)
        return *paired_influences(first, second, level=level, groups=groups), None
    if metric.means is not None:
        both = metric.means(a).minus(metric.means(b))
        if both.columns_NJ.shape[1] <= MOST_COLUMNS:
            found = both.interval(level=level, n_resamples=n_resamples, seed=seed, groups=groups)
            return _paired(found), None if found is None else both.error(groups), None
    statistic = _difference(metric.statistic(a), metric.statistic(b))
    interval = bootstrap_interval(statistic, len(a), level=level, n_resamples=n_resamples, seed=seed, groups=groups)
    if interval is None:
        return None, None, None
    drawn = np.concatenate([statistic(counts) for counts in resamples(len(a), min(n_resamples, 400), seed, groups)])
    return _paired(interval), float(drawn[np.isfinite(drawn)].std(ddof=1)), None


def _paired(interval: Interval | None) -> Interval | None:
    return None if interval is None else replace(interval, method=f"paired {interval.method}")


def _difference(first: Statistic, second: Statistic) -> Callable[[Floats], Floats]:
    return lambda counts_BN: first(counts_BN) - second(counts_BN)


def _outcome(
    interval: Interval | None, test: McNemar | None, level: float, worth: float, higher_is_better: bool
) -> Outcome:
    """Better only where interval and test agree; no difference only where one that matters is excluded."""
    if interval is None:
        return "unknown"
    apart = interval.low > 0 or interval.high < 0
    if apart and (test is None or test.p < 1 - level):
        return "a" if (interval.low > 0) == higher_is_better else "b"
    return "none" if max(abs(interval.low), abs(interval.high)) <= worth else "unknown"


def _two_models() -> tuple[Predictions, Predictions]:  # pyright: ignore[reportUnusedFunction]
    """40 rows of which the first has 30 right and the second 32, for the examples of this page."""
    from drivetrain.runtime.targets import CategoryTarget  # noqa: PLC0415 - for the examples only

    fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))

    def table(wrong: NDArray[np.int64]) -> Predictions:
        said = np.isin(np.arange(40), wrong).astype(int)
        ids = tuple(f"{i:02}" for i in range(40))
        return Predictions(ids=ids, target=fruit, truth=np.zeros(40, np.int64), output=np.eye(2)[said])

    return table(np.arange(10)), table(np.arange(5, 13))


Comparison.__module__ = "drivetrain"  # where people find it, so that messages and help say so
