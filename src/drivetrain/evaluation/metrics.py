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
================= ================== ====== ================================================================

roc_auc and average_precision leave out categories that all rows have or none has (with one category present there is
nothing to rank); the score says how many. With two categories they judge the second one of the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.evaluation import _classification as cls
from drivetrain.evaluation import _ranking as rank
from drivetrain.evaluation import _regression as reg
from drivetrain.evaluation._own_metric import OWN_RESAMPLES, OwnFunction, own_resampled, own_value
from drivetrain.evaluation.intervals import N_RESAMPLES, Statistic, mean_of
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Target

Kind = Literal["category", "categories", "number"]
CATEGORY: tuple[Kind, ...] = ("category",)
CATEGORIES: tuple[Kind, ...] = ("categories",)
BOTH: tuple[Kind, ...] = ("category", "categories")
NUMBER: tuple[Kind, ...] = ("number",)

_TOP_K = re.compile(r"top_([1-9]\d*)_accuracy")
_OTHER_NAMES = {"acc": "accuracy", "auc": "roc_auc", "auroc": "roc_auc", "map": "average_precision", "mse": "rmse"}
_WORK = 500_000_000
"""Resamples × work of each that an interval may take: about two seconds."""


def _no_note(_: Predictions) -> str | None:
    return None


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
    """(N,) successes, for a proportion of rows: the interval is Wilson's."""
    resampled: Callable[[Predictions], Statistic] | None = None
    """The value of many resamples at once, for all others: the interval is a bootstrap over rows."""
    percent: bool = False
    """Shown times 100."""
    work: Callable[[Predictions], int] = len
    """How much one resample costs, in units of a sum over the rows."""
    max_resamples: int = N_RESAMPLES
    note: Callable[[Predictions], str | None] = _no_note
    """What a reader has to know about this value."""

    def n_resamples(self, predictions: Predictions) -> int:
        """`max_resamples`, or fewer (at least 200) where the rows and categories are many."""
        return int(min(self.max_resamples, max(200, _WORK // max(self.work(predictions), 1))))


def _mean(rows: Callable[[Predictions], Any]) -> Callable[[Predictions], Statistic]:
    return lambda predictions: mean_of(rows(predictions))


def _average(rows: Callable[[Predictions], Any]) -> Callable[[Predictions], float]:
    return lambda predictions: float(rows(predictions).mean())


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
    Metric(
        "balanced_accuracy",
        "balanced accuracy",
        CATEGORY,
        True,
        cls.balanced_accuracy,
        resampled=cls.resampled_balanced_accuracy,
        percent=True,
    ),
    Metric("log_loss", "log loss", BOTH, False, cls.log_loss, resampled=_mean(cls.log_loss_rows)),
    Metric("brier", "Brier score", BOTH, False, _average(cls.brier_rows), resampled=_mean(cls.brier_rows)),
    Metric("f1", "F1", BOTH, True, cls.f1_macro, resampled=cls.resampled_f1_macro),
    Metric(
        "roc_auc",
        "ROC AUC",
        BOTH,
        True,
        rank.roc_auc,
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
        resampled=rank.resampled_average_precision,
        work=rank.work,
        note=_left_out,
    ),
    _proportion("exact_match", "exact match", CATEGORIES, Predictions.hits),
    Metric(
        "accuracy_multi",
        "accuracy per label",
        CATEGORIES,
        True,
        _average(cls.label_hits_rows),
        resampled=_mean(cls.label_hits_rows),
        percent=True,
    ),
    Metric("f1_micro", "F1 (micro)", CATEGORIES, True, cls.f1_micro, resampled=cls.resampled_f1_micro),
    Metric("rmse", "RMSE", NUMBER, False, reg.rmse, resampled=reg.resampled_rmse),
    Metric("mae", "MAE", NUMBER, False, reg.mae, resampled=_mean(lambda p: abs(reg.errors(p)).mean(axis=1))),
    Metric("r2", "R²", NUMBER, True, reg.r2, resampled=reg.resampled_r2),
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
    asked = [metrics] if isinstance(metrics, str | Metric) or callable(metrics) else list(metrics)
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
            f"{len(problems)} of {len(asked)} metrics cannot be used for {target.name!r} (kind {target.kind!r}):"
            f"{listed}\n  Mend it: choose among {', '.join(_fitting(target))}, or pass a function f(truth, output)."
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
        name = getattr(item, "__name__", "<lambda>")
        if not name.isidentifier():
            return f"{item!r} has no name of its own: define it with `def`"
        metric = _own(name, item)
    else:
        return f"{item!r} is of type {type(item).__name__}, expected a name or a function"
    if target.kind not in metric.kinds:
        return f"{metric.name!r} is for targets of kind {first_few(metric.kinds)}"
    if _too_many(metric.name, target):
        return f"{metric.name!r} is always 100 %: there are only {target.n_outputs} categories"
    return metric


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
