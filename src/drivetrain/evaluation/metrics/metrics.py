"""The metrics: what a person reads. Each knows its name, what it applies to and how its interval is made.

================= ================== ====== ================================================================
name              kinds of target    best   what it is
================= ================== ====== ================================================================
accuracy          category           high   rows whose most probable category is true
error_rate        category           low    rows whose most probable category is not true
top_5_accuracy    category           high   rows whose truth is among the 5 most probable (any number)
balanced_accuracy category           high   accuracy of each category, averaged over those that occur
log_loss          category, -ies     low    minus the log of the probability given to the truth
brier             category, -ies     low    squared distance of probabilities from truth, 0 … 2 (-ies: 0 … 1)
f1                category, -ies     high   F1 of each category, averaged over those that occur (macro)
roc_auc           category, -ies     high   area under the ROC curve, one against the rest, macro
average_precision category, -ies     high   average precision, one against the rest, macro
exact_match       categories         high   rows with every label right
accuracy_multi    categories         high   labels that are right, said or not said
f1_micro          categories         high   F1 of all labels counted together
rmse, mae         number             low    root of mean squared / mean absolute error, in your units
r2                number             high   fraction of the variance explained
mean_rank         number             high   of an event: share of the items that are ranked below
================= ================== ====== ================================================================

roc_auc and average_precision leave out categories that all rows have or none has (with one category present there is
nothing to rank); the score says how many. With two categories they judge the second one of the vocabulary.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.evaluation.intervals import (
    N_RESAMPLES,
    Influence,
    OfMeans,
    Ratios,
    Statistic,
    mean_of,
    of_mean,
    one_ratio,
    share,
)
from drivetrain.evaluation.metrics import classification as cls
from drivetrain.evaluation.metrics import ranking as rank
from drivetrain.evaluation.metrics import regression as reg
from drivetrain.evaluation.metrics.own_metric import OWN_RESAMPLES, OwnFunction, own_resampled, own_value
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Target
from drivetrain.settings import refuse, several
from drivetrain.text import counted

Kind = Literal["category", "categories", "number"]
CATEGORY: tuple[Kind, ...] = ("category",)
CATEGORIES: tuple[Kind, ...] = ("categories",)
BOTH: tuple[Kind, ...] = ("category", "categories")
NUMBER: tuple[Kind, ...] = ("number",)

_TOP_K = re.compile(r"top_([1-9]\d*)_accuracy")
_OTHER_NAMES = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "map": "average_precision",
    "mse": "rmse",
}
FEW_ROWS_EACH = 5
"""A mean over categories is biased below."""
MOST_ABSENT = 0.1
"""Where more of the categories are true of no row, their mean is a number about other categories."""
_WORK = 500_000_000
"""Resamples × work of each that an interval may take: about two seconds."""


def _no_note(_: Predictions) -> str | None:
    return None


def _always(_: Predictions) -> bool:
    return True


@dataclass(frozen=True)
class Metric:
    """One metric: its value from a table of predictions, and how its interval is made.

    Example:
        >>> METRICS["accuracy"].label, METRICS["log_loss"].higher_is_better
        ('accuracy', False)
    """

    name: str
    label: str
    """What a person reads before the number."""
    kinds: tuple[Kind, ...]
    higher_is_better: bool | None
    """None: a function of the user's that did not say."""
    value: Callable[[Predictions], float]
    """NaN where the rows leave it undefined."""
    hits: Callable[[Predictions], NDArray[np.bool_]] | None = None
    """(N,) successes, for a proportion of rows: the interval is `proportion_interval`."""
    influence: Callable[[Predictions], Influence] | None = None
    """What each row does to it, for other numbers between 0 and 1: the interval is a score interval."""
    means: Callable[[Predictions], OfMeans] | None = None
    """For functions of means: the interval is a bootstrap-t."""
    resampled: Callable[[Predictions], Statistic] | None = None
    """The value of many resamples at once; where it is all there is, the interval is a BCa bootstrap."""
    percent: bool = False
    """Shown times 100."""
    work: Callable[[Predictions], int] = len
    """How much one resample costs, in units of a sum over the rows."""
    max_resamples: int = N_RESAMPLES
    note: Callable[[Predictions], str | None] = _no_note
    """What a reader has to know about this value."""
    enough: Callable[[Predictions], bool] = _always
    """Whether the rows are enough for an interval that can be trusted."""

    def n_resamples(self, predictions: Predictions) -> int:
        """`max_resamples`, or fewer (at least 200) where the rows and categories are many."""
        return int(min(self.max_resamples, max(200, _WORK // max(self.work(predictions), 1))))

    def statistic(self, predictions: Predictions) -> Statistic:
        """The value of many resamples of these rows at once."""
        if self.hits is not None:
            return mean_of(self.hits(predictions).astype(np.float64))
        if self.means is not None:
            return self.means(predictions).statistic()
        assert self.resampled is not None, f"{self.name} says neither `hits` nor `means` nor `resampled`"
        return self.resampled(predictions)

    def shares(self, predictions: Predictions) -> Influence:
        """What each row does to a number between 0 and 1: one with `hits` or `influence`."""
        if self.influence is not None:
            return self.influence(predictions)
        assert self.hits is not None, f"{self.name} says neither `hits` nor `influence`"
        return share(self.hits(predictions)).influence()


def _average(rows: Callable[[Predictions], Any]) -> Callable[[Predictions], float]:
    return lambda predictions: float(rows(predictions).mean())


def _log_loss_means(predictions: Predictions) -> OfMeans:
    mistake = cls.log_loss_of_a_mistake(predictions)
    return of_mean(cls.log_loss_rows(predictions), most=-math.log(cls.SMALLEST), mistake=mistake)


def _brier_means(predictions: Predictions) -> OfMeans:
    most = 2.0 if predictions.target.kind == "category" else 1.0
    return of_mean(cls.brier_rows(predictions), most=most, mistake=cls.brier_of_a_mistake(predictions))


def _ratio_metric(
    name: str,
    label: str,
    kinds: tuple[Kind, ...],
    value: Callable[[Predictions], float],
    ratios: Callable[[Predictions], Ratios],
    *,
    percent: bool = False,
    note: Callable[[Predictions], str | None] = _no_note,
    enough: Callable[[Predictions], bool] = _always,
) -> Metric:
    return Metric(
        name,
        label,
        kinds,
        True,
        value,
        influence=lambda predictions: ratios(predictions).influence(),
        resampled=lambda predictions: ratios(predictions).statistic(),
        percent=percent,
        note=note,
        enough=enough,
    )


def _few_rows_each(predictions: Predictions) -> str | None:
    """By simulation F1 is 5 points too low with 2 rows a category, 2 points with 5 (benchmarks/results/coverage.md)."""
    k = predictions.target.n_outputs
    each = len(predictions) / k
    if predictions.target.kind == "category" and k > 2 and each < FEW_ROWS_EACH:
        return f"{counted(len(predictions), 'row')} for {k:,} categories: with so few of each it comes out too low"
    absent = int((~rank.positives(predictions).any(axis=0)).sum())
    return f"true of no row: {absent} of {k} categories" if absent > MOST_ABSENT * k else None


def _most_are_judged(predictions: Predictions) -> bool:
    """By simulation the average precision of a twentieth category is missed half of the time where it is absent."""
    k = predictions.target.n_outputs
    binary = predictions.target.kind == "category" and k == 2
    return binary or k - len(rank.judged(predictions)) <= MOST_ABSENT * k


def _without_mistake(rows: Callable[[Predictions], Any]) -> Callable[[Predictions], str | None]:
    """By simulation intervals of losses hold 0 to 90 % of the time where no row is wrong, unless hardly any ever is."""

    def note(predictions: Predictions) -> str | None:
        value = cls.with_one_mistake(predictions, rows)
        return (
            None if value is None else f"none of these rows is wrong; with one that is, it would be about {value:.2g}"
        )

    return note


def _left_out(predictions: Predictions) -> str | None:
    k = predictions.target.n_outputs
    if predictions.target.kind == "category" and k == 2:
        return None
    left_out = k - len(rank.judged(predictions))
    return f"{left_out} of {k} categories left out: true of no row or of every row" if left_out else None


def _proportion(
    name: str,
    label: str,
    kinds: tuple[Kind, ...],
    hits: Callable[[Predictions], NDArray[np.bool_]],
    higher_is_better: bool = True,
) -> Metric:
    return Metric(name, label, kinds, higher_is_better, _average(hits), hits=hits, percent=True)


def _top_k(k: int) -> Metric:
    return _proportion(f"top_{k}_accuracy", f"top-{k} accuracy", CATEGORY, partial(cls.top_k_hits, k=k))


_NAMED = (
    _proportion("accuracy", "accuracy", CATEGORY, Predictions.hits),
    _proportion("error_rate", "error rate", CATEGORY, lambda p: ~p.hits(), higher_is_better=False),
    _top_k(5),
    _ratio_metric("balanced_accuracy", "balanced accuracy", CATEGORY, cls.balanced_accuracy, cls.recalls, percent=True),
    Metric(
        "log_loss",
        "log loss",
        BOTH,
        False,
        cls.log_loss,
        means=_log_loss_means,
        note=_without_mistake(cls.log_loss_rows),
    ),
    Metric(
        "brier",
        "Brier score",
        BOTH,
        False,
        _average(cls.brier_rows),
        means=_brier_means,
        note=_without_mistake(cls.brier_rows),
    ),
    _ratio_metric(
        "f1",
        "F1",
        BOTH,
        cls.f1_macro,
        cls.f1_ratios,
        note=_few_rows_each,
        enough=lambda predictions: _few_rows_each(predictions) is None,
    ),
    Metric(
        "roc_auc",
        "ROC AUC",
        BOTH,
        True,
        rank.roc_auc,
        influence=rank.roc_auc_influence,
        resampled=rank.resampled_roc_auc,
        work=rank.work,
        note=_left_out,
    ),
    Metric(
        "average_precision",
        "average precision",
        BOTH,
        True,
        rank.average_precision,
        influence=rank.average_precision_influence,
        resampled=rank.resampled_average_precision,
        work=rank.work,
        note=_left_out,
        enough=_most_are_judged,
    ),
    _proportion("exact_match", "exact match", CATEGORIES, Predictions.hits),
    _ratio_metric(
        "accuracy_multi",
        "accuracy per label",
        CATEGORIES,
        _average(cls.label_hits_rows),
        cls.label_hits_ratio,
        percent=True,
    ),
    _ratio_metric("f1_micro", "F1 (micro)", CATEGORIES, cls.f1_micro, cls.f1_micro_ratio),
    Metric("rmse", "RMSE", NUMBER, False, reg.rmse, means=reg.rmse_means, note=reg.of_each_rmse),
    Metric("mae", "MAE", NUMBER, False, reg.mae, means=reg.mae_means, note=reg.of_each_mae),
    Metric("r2", "R²", NUMBER, True, reg.r2, means=reg.r2_means),
    Metric(
        "mean_rank",
        "share of items ranked below",
        NUMBER,
        True,
        _average(reg.shares),
        influence=lambda predictions: one_ratio(reg.shares(predictions), np.ones(len(predictions))).influence(),
        resampled=lambda predictions: one_ratio(reg.shares(predictions), np.ones(len(predictions))).statistic(),
    ),
)
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _NAMED})
"""Every metric with a name; ``top_<k>_accuracy`` works for any k."""


def default_metrics(target: Target) -> tuple[Metric, ...]:
    """What is shown where nothing was asked for; the first is the headline.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> [metric.name for metric in default_metrics(CategoryTarget(name="ill", vocab=("no", "yes")))]
        ['accuracy', 'log_loss', 'roc_auc']
    """
    names = {
        "category": ["accuracy", "log_loss", *(["roc_auc"] if target.n_outputs == 2 else [])],
        "categories": ["average_precision", "f1", "exact_match"],
        "number": ["rmse", "mae", "r2"],
    }[target.kind]
    return tuple(METRICS[name] for name in names)


def resolve_metrics(
    metrics: Sequence[str | Metric | OwnFunction] | str | Metric | OwnFunction | None, target: Target
) -> tuple[Metric, ...]:
    """The metrics meant by names, functions ``f(truth, output) -> float``, or None for the defaults of the target.

    A function gets the arrays of `Predictions.truth` and `Predictions.output`, and is named by its ``__name__``.

    Raises:
        SettingError: Names are unknown, given twice, or do not apply to this kind of target; all are reported at once.

    Example:
        >>> from drivetrain.runtime.targets import NumberTarget
        >>> age = NumberTarget(names=("age",), mean=(40.0,), std=(9.0,))
        >>> [metric.name for metric in resolve_metrics(["mae"], age)]
        ['mae']
        >>> resolve_metrics(["maee", "accuracy"], age)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        drivetrain.errors.SettingError: 2 of 2 metrics cannot be used ...
    """
    if metrics is None:
        return default_metrics(target)
    expected = f"a name, a function f(truth, output), or a list of such; names are {', '.join(_fitting(target))}"
    single = isinstance(metrics, str | Metric) or callable(metrics)
    asked: list[Any] = [metrics] if single else several("metrics", metrics, expected)
    if not asked:
        refuse("metrics", metrics, expected)
    found: list[Metric] = []
    problems: list[str] = []
    for item in asked:
        metric = _resolve_one(item, target)
        if isinstance(metric, Metric) and any(metric.name == other.name for other in found):
            metric = f"{metric.name!r} is asked for twice"
        if isinstance(metric, Metric):
            found.append(metric)
        else:
            problems.append(metric)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise SettingError(
            f"{len(problems)} of {counted(len(asked), 'metric')} cannot be used for {target.name!r} (task "
            f"{target.task!r}); expected names or functions that suit it:{listed}\n  To fix: choose among "
            f"{', '.join(_fitting(target))}, or pass a function f(truth, output)."
        )
    return tuple(found)


def _fitting(target: Target) -> list[str]:
    names = [metric.name for metric in METRICS.values() if target.kind in metric.kinds]
    return [name for name in names if not _too_many(name, target)]


def _too_many(name: str, target: Target) -> bool:
    match = _TOP_K.fullmatch(name)
    return match is not None and int(match[1]) >= target.n_outputs


def metric_named(name: str) -> Metric | None:
    """The metric of that name, or None.

    Example:
        >>> metric_named("top_3_accuracy").label
        'top-3 accuracy'
    """
    match = _TOP_K.fullmatch(name)
    return METRICS.get(name) or (_top_k(int(match[1])) if match else None)


def _resolve_one(item: object, target: Target) -> Metric | str:
    """The metric, or what is wrong with it."""
    if isinstance(item, str):
        metric = metric_named(item)
        if metric is None:
            other = _OTHER_NAMES.get(item.lower())
            hint = f" Did you mean {other!r}?" if other else did_you_mean(item, METRICS)
            return f"{item!r} is no metric.{hint}"
    elif isinstance(item, Metric):
        metric = item
    elif callable(item):
        metric = _own_function(item, target)
        if isinstance(metric, str):
            return metric
    else:
        return f"{item!r} is of type {type(item).__name__}, expected a name or a function"
    if target.kind not in metric.kinds:
        return f"{metric.name!r} is for targets of kind {first_few(metric.kinds)}"
    if _too_many(metric.name, target):
        return f"{metric.name!r} is always 100 %: there are only {target.n_outputs} categories"
    return metric


def _own_function(item: Callable[..., Any], target: Target) -> Metric | str:
    """A function of the user's as a metric, or why it is none."""
    name = getattr(item, "__name__", "<lambda>")
    if isinstance(item, type):
        return f"{name} is a class, expected a name or a function"
    if _reads_labels(item) and target.kind != "number":
        own = _OTHER_NAMES.get(name)
        how = f"{own!r} is the same" if own else "wrap it, such as f(truth, output.argmax(axis=1))"
        return f"{name} of scikit-learn reads labels, and gets the probabilities (N, K) here: {how}"
    return _own(name, item) if name.isidentifier() else f"{item!r} has no name of its own: define it with `def`"


def _reads_labels(function: Any) -> bool:
    """Whether a function is one of scikit-learn's for labels that were said, rather than for probabilities."""
    if not str(getattr(function, "__module__", "")).startswith("sklearn.metrics"):
        return False
    return getattr(function, "__name__", "") != "log_loss" and "y_pred" in inspect.signature(function).parameters


def _own(name: str, function: OwnFunction) -> Metric:
    return Metric(
        name,
        name,
        (*BOTH, *NUMBER),
        None,
        partial(own_value, name, function),
        resampled=partial(own_resampled, name, function),
        max_resamples=OWN_RESAMPLES,
    )


Metric.__module__ = "drivetrain"  # where people find it, so that messages and help say so
