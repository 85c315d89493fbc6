"""What a model's probabilities are worth, learnt on validation rows and applied to every answer.

Three promises, each about new rows like the validation rows: probabilities that mean what they say (a temperature),
sets that hold the truth as often as stated (split conformal), and silence where an answer is too often wrong
(abstaining). Fitted by `drivetrain.evaluation.calibration.calibrate`; applied here, where a server can use it.

Legend: N rows, K categories, D numbers per row.

Sources: Guo et al., On Calibration of Modern Neural Networks (2017); Angelopoulos & Bates, A Gentle Introduction to
Conformal Prediction (2021), sec. 1 and 2.1; Geifman & El-Yaniv, Selective Classification for Deep Neural Networks
(2017).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from drivetrain.calls import CheckedModel
from drivetrain.runtime.targets import Array, NumberTarget, Target

Kind = Literal["category", "categories", "number"]
Ranking = Literal["lac", "aps"]
"""How candidates enter a prediction set. lac: by their own probability, which gives the smallest sets; aps: in order,
until their probabilities sum up, which gives larger sets where the model is unsure."""


class Calibration(CheckedModel):
    """How raw outputs become probabilities, prediction sets and "I do not know"; plain data of the artefact.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "fig", "pear"))
        >>> fitted = Calibration(temperature=2.0, coverage=0.9, quantile=0.8, abstain_below=0.6, n=200)
        >>> row = fitted.probabilities(fruit, np.array([[4.0, 3.0, 0.0]]))[0]
        >>> row.round(2).tolist()
        [0.57, 0.35, 0.08]
        >>> fitted.prediction_set(fruit, row), fitted.abstains(row)
        (('apple', 'fig'), True)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind = "category"
    """Of the target it was fitted for."""
    temperature: float = Field(default=1.0, ge=1e-6, le=1e6)
    """Raw outputs are divided by it: above 1 the model was too sure of itself. 1 for numbers."""
    coverage: float = Field(gt=0, lt=1)
    """How often a prediction set (or the interval of a number) holds the truth."""
    quantile: float | None = Field(default=None, ge=0)
    """A candidate is in the set up to this score, see `Ranking`; None: too few rows, every candidate is in the set."""
    abstain_below: float | None = Field(default=None, ge=0)
    """No answer below this confidence. 0: always answer. None: no confidence is enough for `max_error`, never answer;
    where `max_error` is None too, abstaining was not asked for."""
    n: int = Field(ge=1, le=10**12)
    """Validation rows it was fitted on."""
    ranking: Ranking = "lac"
    max_error: float | None = Field(default=None, gt=0, lt=1)
    """Stated error rate of the answers that are given."""
    half_widths: tuple[float, ...] | None = Field(default=None, max_length=100_000)
    """For numbers, in your units: truth is within this distance as often as `coverage` says, each number on its own.
    None: too few rows."""

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Calibration:
        if self.half_widths is not None and (self.kind != "number" or min(self.half_widths, default=-1.0) < 0):
            raise ValueError("half_widths are for numbers: one each, 0 or above")
        if self.kind == "number" and self.quantile is not None:
            raise ValueError("numbers have half_widths, no quantile")
        return self

    def probabilities(self, target: Target, outputs_NK: Array) -> NDArray[np.float64]:
        """(N, K) calibrated probabilities from the network's raw outputs; for numbers (N, D) values in your units.

        The most probable category stays the most probable one. With several labels a label at probability 0.5 stays
        there, so what is said changes only where `target.threshold` is not 0.5.
        """
        scaled = np.asarray(outputs_NK, dtype=np.float64)
        return target.activate(scaled if self.kind == "number" else scaled / self.temperature)

    def prediction_set(self, target: Target, row: Array) -> tuple[str, ...]:
        """The categories that may be true of one row, most probable first; they hold the truth in `coverage` of rows.

        Several labels: the set holds *all* true labels as often as stated. Numbers: empty, see `interval`.

        Args:
            target: What the model was trained to say.
            row: (K,) calibrated probabilities, a row of `probabilities`.
        """
        return self.prediction_sets(target, row[None])[0]

    def prediction_sets(self, target: Target, probs_NK: Array) -> list[tuple[str, ...]]:
        """`prediction_set` of each row of `probabilities`."""
        if isinstance(target, NumberTarget):
            return [()] * len(probs_NK)
        order_NK = np.argsort(-probs_NK, axis=1, kind="stable")
        if self.quantile is None:
            inside_NK = np.ones(probs_NK.shape, np.bool_)
        elif self.kind == "category" and self.ranking == "aps":
            inside_NK = aps_scores(probs_NK) <= self.quantile + _ROUNDING
        else:
            inside_NK = 1 - probs_NK <= self.quantile + _ROUNDING
        if self.kind == "category":  # an empty set says nothing; one more candidate can only raise the coverage
            np.put_along_axis(inside_NK, order_NK[:, :1], True, axis=1)
        vocab = target.vocab
        sorted_NK = np.take_along_axis(inside_NK, order_NK, axis=1)
        pairs = zip(order_NK.tolist(), sorted_NK.tolist(), strict=True)
        return [tuple(vocab[k] for k, within in zip(*pair, strict=True) if within) for pair in pairs]

    def interval(self, target: Target, row: Array) -> dict[str, tuple[float, float]]:
        """For numbers: name → (low, high), which holds the truth in `coverage` of rows; empty for other kinds.

        Empty also where too few rows were there to say.
        """
        if not isinstance(target, NumberTarget) or self.half_widths is None:
            return {}
        triples = zip(target.names, np.asarray(row, dtype=np.float64).tolist(), self.half_widths, strict=True)
        return {name: (value - half, value + half) for name, value, half in triples}

    def abstains(self, row: Array) -> bool:
        """Whether this row's answer should not be given: its confidence is below `abstain_below`.

        Args:
            row: (K,) calibrated probabilities. Numbers carry no confidence and are never abstained from.
        """
        return bool(self.abstentions(np.asarray(row)[None])[0])

    def abstentions(self, probs_NK: Array) -> NDArray[np.bool_]:
        """(N,) `abstains` of each row of `probabilities`."""
        if self.kind == "number":
            return np.zeros(len(probs_NK), np.bool_)
        if self.abstain_below is None:
            return np.full(len(probs_NK), self.max_error is not None)
        return confidences(self.kind, np.asarray(probs_NK)) < self.abstain_below


_ROUNDING = 1e-9
"""A score that was the quantile itself must not fall out by rounding."""


def confidences(kind: Kind, probs_NK: NDArray[Any]) -> NDArray[np.float64]:
    """(N,) how sure a row is: its highest probability, or, with several labels, how sure its least certain label is.

    Example:
        >>> confidences("category", np.array([[0.7, 0.3]])).tolist()
        [0.7]
        >>> confidences("categories", np.array([[0.9, 0.25]])).tolist()
        [0.75]
    """
    probs_NK = probs_NK.astype(np.float64)
    if kind == "category":
        return probs_NK.max(axis=1)
    return np.maximum(probs_NK, 1 - probs_NK).min(axis=1)


def aps_scores(probs_NK: NDArray[Any]) -> NDArray[np.float64]:
    """(N, K) for each category the sum of the probabilities of all at least as probable, itself included.

    Source: Romano, Sesia & Candès, Classification with Valid and Adaptive Coverage (2020), without randomisation.

    Example:
        >>> aps_scores(np.array([[0.5, 0.125, 0.375]])).tolist()
        [[0.5, 1.0, 0.875]]
    """
    order_NK = np.argsort(-probs_NK, axis=1, kind="stable")
    sums_NK = np.cumsum(np.take_along_axis(probs_NK.astype(np.float64), order_NK, axis=1), axis=1)
    scores_NK = np.empty_like(sums_NK)
    np.put_along_axis(scores_NK, order_NK, sums_NK, axis=1)
    return scores_NK


Calibration.__module__ = "drivetrain"  # where people find it, so that messages and help say so
