"""Which answer is cheapest when mistakes cost different amounts.

A model says how probable each category is; what to say follows from what mistakes cost. One threshold, for two
categories or for each of several labels, is chosen by the cost on rows that are known; with a cost for every pair of
categories the answer with the lowest expected cost is given, which needs calibrated probabilities and no choosing.

Legend: N rows, K categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.evaluation.asking import asked_level, asked_predictions, asked_seed
from drivetrain.evaluation.intervals import Floats, Interval, group_codes, mean_interval
from drivetrain.evaluation.metrics.ranking import positives
from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import number, refuse
from drivetrain.text import counted, printable

N_FOLDS = 5
"""The cost is measured on each fifth of the rows with a threshold chosen on the other four."""


@dataclass(frozen=True)
class CostChoice:
    """The cheapest way to decide, and what it costs per row."""

    thresholds: dict[str, float]
    """Category → it is said from this probability on; empty where the cost matrix decides."""
    cost: float
    """Per row, measured on rows that did not choose the threshold (five folds)."""
    interval: Interval | None
    """Of `cost`; None where there are too few rows or they all cost the same."""
    cost_chosen_on: float
    """Per row, on the rows that chose: too low on average."""
    cost_before: float
    """Per row of the usual answer: the most probable category, labels from the target's threshold on."""
    n: int
    note: str

    def as_json(self) -> dict[str, Any]:
        """Everything; valid JSON."""
        ends = None if self.interval is None else [self.interval.low, self.interval.high]
        found = {name: getattr(self, name) for name in ("cost", "cost_chosen_on", "cost_before", "n", "note")}
        return {"thresholds": dict(self.thresholds), "interval": ends, **found}

    def __str__(self) -> str:
        said = [f"say {name!r} from {threshold:.3g} on" for name, threshold in self.thresholds.items()]
        ends = "" if self.interval is None else f" [{self.interval.low:.3g}, {self.interval.high:.3g}]"
        lines = [
            first_few(said) if said else "say what has the lowest expected cost",
            f"cost {self.cost:.3g}{ends} a row, {self.cost_before:.3g} with the usual answer, n = {self.n:,}",
            self.note,
        ]
        return printable("\n".join(lines))


def thresholds_for_cost(
    predictions: Predictions,
    *,
    false_positive: float,
    false_negative: float,
    positive: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> CostChoice:
    """The probability from which on to say yes, for what a wrong yes and a wrong no cost.

    Two categories: one threshold for the positive one. Several labels: one for each label, and the cost of a row is
    the sum over its labels.

    Args:
        predictions: Labelled rows that the model was not trained on.
        false_positive: Cost of saying it where it is not true, 0 or above.
        false_negative: Cost of not saying it where it is true, 0 or above.
        positive: Which of two categories is the positive one; None takes the second of the vocabulary.
        level: Coverage of the interval of the cost.
        seed: Of the folds and the bootstrap.

    Raises:
        SettingError: The target has other than two categories, or a cost is below 0 or both are 0.
        DataError: There are fewer rows than folds, or they are unlabelled.

    Source: Elkan, The Foundations of Cost-Sensitive Learning (2001): with calibrated probabilities the threshold is
    false_positive / (false_positive + false_negative), which breaks ties here.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> ill = CategoryTarget(name="ill", vocab=("no", "yes"))
        >>> p = np.linspace(0.05, 0.95, 10)
        >>> said = Predictions(ids=tuple("abcdefghij"), target=ill, truth=p > 0.25, output=np.stack([1 - p, p], 1))
        >>> round(thresholds_for_cost(said, false_positive=1, false_negative=9).thresholds["yes"], 3)
        0.3
    """
    predictions, level, seed = asked_predictions(predictions), asked_level(level), asked_seed(seed)
    false_positive = number("false_positive", false_positive, least=0)
    false_negative = number("false_negative", false_negative, least=0)
    if false_positive + false_negative <= 0:
        raise SettingError(
            f"false_positive = {false_positive}, false_negative = {false_negative}: expected one above 0. To fix: say "
            "what costs."
        )
    predictions = predictions.judged
    names, probs_NK, truth_NK = _questions(predictions, positive)
    _check_rows(predictions)
    costs = (false_positive, false_negative)
    chosen_K = np.array([_cheapest(p, t, costs) for p, t in zip(probs_NK.T, truth_NK.T, strict=True)])
    usual_NK = _usual(predictions, names)
    fold_N = _folds(predictions, seed)
    outside_N = np.zeros(len(predictions))
    for fold in range(int(fold_N.max()) + 1):
        inside = fold_N == fold
        others_K = np.array(
            [_cheapest(p, t, costs) for p, t in zip(probs_NK[~inside].T, truth_NK[~inside].T, strict=True)]
        )
        outside_N[inside] = _cost_rows(probs_NK[inside] >= others_K, truth_NK[inside], costs)
    interval = mean_interval(outside_N, level=level, seed=seed, groups=group_codes(predictions.groups))
    return CostChoice(
        thresholds=dict(zip(names, chosen_K.tolist(), strict=True)),
        cost=float(outside_N.mean()),
        interval=None if interval is None or interval.method == "none" else interval,
        cost_chosen_on=float(_cost_rows(probs_NK >= chosen_K, truth_NK, costs).mean()),
        cost_before=float(_cost_rows(usual_NK, truth_NK, costs).mean()),
        n=len(predictions),
        note=f"the threshold was chosen on these rows; its cost was measured with {int(fold_N.max()) + 1} folds, each "
        "judged by a threshold chosen on the others",
    )


def cheapest_answers(
    predictions: Predictions,
    costs_KK: Sequence[Sequence[float]] | Floats,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[NDArray[np.int64], CostChoice]:
    """What to say of each row so that the expected cost is lowest, and what that costs.

    Nothing is chosen on the rows, so the cost is not flattered; it is lowest where the probabilities are calibrated
    (`drivetrain.evaluation.calibration.apply`).

    Args:
        predictions: Labelled rows with one category each.
        costs_KK: (K, K) cost of saying the category of the column where that of the row is true, in vocabulary order.
        level: Coverage of the interval of the cost.
        seed: Of the bootstrap.

    Returns:
        (N,) indices of what to say, and the cost.

    Raises:
        SettingError: The matrix has another shape, or a cost below 0.

    Source: Elkan (2001), eq. 1.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> ill = CategoryTarget(name="ill", vocab=("no", "yes"))
        >>> said = Predictions(ids=tuple("ab"), target=ill, truth=[0, 1], output=[[0.8, 0.2], [0.95, 0.05]])
        >>> cheapest_answers(said, [[0, 1], [9, 0]])[0].tolist()
        [1, 0]
    """
    predictions, level, seed = asked_predictions(predictions), asked_level(level), asked_seed(seed)
    target = predictions.target
    try:
        costs = np.asarray(costs_KK, dtype=np.float64)
    except (TypeError, ValueError):
        refuse("costs_KK", costs_KK, "a square of numbers, true category by said category")
    if target.kind != "category":
        raise SettingError(f"{target.name!r} is of the task {target.task!r}: a cost matrix needs one category per row.")
    if costs.shape != (target.n_outputs, target.n_outputs) or not ((costs >= 0) & np.isfinite(costs)).all():
        raise SettingError(
            f"the cost matrix has shape {costs.shape} and smallest value {costs.min() if costs.size else None}: "
            f"expected ({target.n_outputs}, {target.n_outputs}), true category by said category, nothing below 0."
        )
    answers_N = _cheapest_answers(predictions, costs)
    predictions = predictions.judged
    truth = predictions.known_truth()
    _check_rows(predictions)
    cost_N = costs[truth, _cheapest_answers(predictions, costs)]
    interval = mean_interval(cost_N, level=level, seed=seed, groups=group_codes(predictions.groups))
    choice = CostChoice(
        thresholds={},
        cost=float(cost_N.mean()),
        interval=None if interval is None or interval.method == "none" else interval,
        cost_chosen_on=float(cost_N.mean()),
        cost_before=float(costs[truth, predictions.chosen()].mean()),
        n=len(predictions),
        note="nothing was chosen on these rows; the cost is lowest where the probabilities are calibrated",
    )
    return answers_N, choice


def _cheapest_answers(predictions: Predictions, costs_KK: Floats) -> NDArray[np.int64]:
    return (predictions.output.astype(np.float64) @ costs_KK).argmin(axis=1).astype(np.int64)


def _check_rows(predictions: Predictions) -> None:
    if len(predictions) < 2:
        raise DataError(
            f"{counted(len(predictions), 'row')}: at least two are needed to choose a threshold and to judge it."
        )


def _questions(predictions: Predictions, positive: str | None) -> tuple[list[str], Floats, NDArray[np.bool_]]:
    """The categories that are said or not, with their (N, K) probabilities and whether they are true."""
    target, true_NK = predictions.target, positives(predictions)
    probs_NK = predictions.output.astype(np.float64)
    if target.kind == "categories":
        if positive is not None:
            raise SettingError(f"positive={positive!r}: every label has a threshold of its own. To fix: leave it out.")
        return list(target.vocab), probs_NK, true_NK
    if target.kind == "number" or target.n_outputs != 2:
        raise SettingError(
            f"{target.name!r} is of the task {target.task!r} with {target.n_outputs} outputs: a threshold is for two "
            "categories or for several labels. To fix: give a cost matrix to `cheapest_answers`."
        )
    name = target.vocab[1] if positive is None else positive
    if name not in target.vocab:
        raise SettingError(
            f"positive={positive!r} is no category: expected {target.vocab[0]!r} or {target.vocab[1]!r}. To fix: "
            "name one."
        )
    k = target.vocab.index(name)
    return [name], probs_NK[:, [k]], true_NK[:, [k]]


def _usual(predictions: Predictions, names: list[str]) -> NDArray[np.bool_]:
    if predictions.target.kind == "categories":
        return predictions.chosen() == 1
    k = predictions.target.vocab.index(names[0]) if predictions.target.kind == "category" else 0
    return (predictions.chosen() == k)[:, None]


def _cheapest(probs_N: Floats, true_N: NDArray[np.bool_], costs: tuple[float, float]) -> float:
    """The threshold with the lowest total cost: among equal ones the nearest to that for calibrated probabilities."""
    false_positive, false_negative = costs
    at, place_N = np.unique(probs_N, return_inverse=True)
    yes = np.bincount(place_N, true_N, len(at))
    no = np.bincount(place_N, ~true_N, len(at))
    # threshold number i says yes from the i-th distinct probability on, the last one never
    missed = np.concatenate([[0.0], np.cumsum(yes)])
    alarmed = no.sum() - np.concatenate([[0.0], np.cumsum(no)])
    total = false_positive * alarmed + false_negative * missed
    ideal = false_positive / (false_positive + false_negative)
    lower = np.concatenate([[0.0], at])  # a threshold anywhere in (lower, upper] says the same of these rows
    upper = np.concatenate([at, [1.0 + 1e-9]])
    best = np.flatnonzero(total <= total.min() + 1e-12 * max(1.0, abs(total).max()))
    # half way where the ideal one lies outside: not so near to a row that one like it would pass
    inside = [ideal if lower[i] < ideal <= upper[i] else float(lower[i] + upper[i]) / 2 for i in best]
    return min(inside, key=lambda threshold: abs(threshold - ideal))


def _cost_rows(said_NK: NDArray[np.bool_], true_NK: NDArray[np.bool_], costs: tuple[float, float]) -> Floats:
    false_positive, false_negative = costs
    return (false_positive * (said_NK & ~true_NK) + false_negative * (~said_NK & true_NK)).sum(axis=1)


def _folds(predictions: Predictions, seed: int) -> NDArray[np.int64]:
    """(N,) fold of each row; rows of one group in one fold."""
    codes = group_codes(predictions.groups)
    units = np.arange(len(predictions)) if codes is None else codes
    count = int(units.max()) + 1
    order = np.random.default_rng(seed).permutation(count)
    return (order % min(N_FOLDS, count))[units].astype(np.int64)
