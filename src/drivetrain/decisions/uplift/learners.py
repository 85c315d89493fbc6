"""Meta-learners: effects of a treatment from models of the outcome, whatever these are.

Legend: n rows, N rows that are learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.answering import answers
from drivetrain.decisions.models.columns import Matrix
from drivetrain.decisions.models.making import Drawn, Recipe, fit_member, recipe_of, texts_or_gaps
from drivetrain.decisions.uplift.trial import Trial
from drivetrain.errors import SettingError

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Learner = Literal["s", "t", "x", "dr"]
Answer = Callable[[pd.DataFrame], Array]
"""Rows of a table → (n,) numbers."""


@dataclass(frozen=True)
class Models:
    """What was fitted on some rows: outcomes with and without treatment, and the effect."""

    with_it: Answer
    without: Answer
    effect: Answer


class Workshop:
    """Fits models of a trial's rows.

    Args:
        trial: The rows.
        make: Of the models of the outcome; None: boosted trees.
        make_effect: Of the models of the effect (X and DR); None: boosted trees.
        seed: Of all that is drawn.

    Raises:
        SettingError: They are no models.
    """

    def __init__(self, trial: Trial, make: Any, make_effect: Any, seed: int) -> None:
        self.trial, self.seed = trial, seed
        has_text, has_gaps = texts_or_gaps(trial.frame, trial.features)
        told = {"has_text": has_text, "has_gaps": has_gaps}
        self.outcome = recipe_of(trees(classifier=trial.is_yes_no) if make is None else make, **told)
        self.propensity = recipe_of(trees(classifier=True), **told)
        self.effect = recipe_of(trees(classifier=False) if make_effect is None else make_effect, **told)
        if self.effect.classifier:
            raise SettingError(
                f"make_effect={self.effect.label} says yes or no; expected a model that predicts numbers, as effects "
                "are. To fix: pass a regressor."
            )
        if self.outcome.classifier and not trial.is_yes_no:
            raise SettingError(
                f"make={self.outcome.label} says yes or no, and the outcome {trial.outcome!r} is a number; expected a "
                "model that predicts numbers. To fix: pass a regressor."
            )
        self._matrices: dict[tuple[str, bool], Matrix] = {}

    def fit(self, recipe: Recipe, rows: Rows, y: Array, *, beside: Array | None = None) -> Callable[..., Array]:
        """A model of (N,) y from the trial's rows: a function of a table (and of the treatment, if it is `beside`)."""
        if np.ptp(y) == 0:  # classifiers of one class answer in ways of their own
            value = float(y[0])
            return lambda frame, treated=None: np.full(len(frame), value)
        trial = self.trial
        frame = trial.frame.iloc[rows]
        matrix = self._matrix(recipe)
        given = self._given(recipe, matrix, frame, beside)
        target = y.astype(np.int64) if recipe.classifier else y
        if recipe.kind == "rows":
            told = {} if beside is None else {trial.treatment: beside}
            frame = frame.assign(**{trial.outcome: target, **told})
        drawn = Drawn(np.arange(len(rows), dtype=np.int64), np.ones(len(rows)), weighted=False)
        fitted = fit_member(recipe, drawn, frame=frame, matrix=matrix, X=given, y=target, seed=self.seed)

        def answer(frame: pd.DataFrame, treated: Array | None = None) -> Array:
            return answers(fitted, self._given(recipe, matrix, frame, treated), positive=1, who=recipe.label)

        return answer

    def steps(self, learner: Learner) -> int:
        """Models that `learn` fits."""
        return 2 + {"s": 1, "t": 0, "x": 2, "dr": 5}[learner]

    def learn(self, learner: Learner, rows: Rows, share: Array) -> Models:
        """Outcomes with and without treatment, and the effect, from some rows.

        Args:
            learner: See `drivetrain.uplift`.
            rows: Places of the rows that are learned from.
            share: (n,) each row's probability of being treated.
        """
        trial, y = self.trial, self.trial.y
        yes, no = self._arms(rows)
        with_it = self.fit(self.outcome, yes, y[yes])
        without = self.fit(self.outcome, no, y[no])
        if learner == "s":
            effect = self._single(rows)
        elif learner == "t":
            effect = _difference(with_it, without)
        elif learner == "x":
            gained = self.fit(self.effect, yes, y[yes] - without(trial.frame.iloc[yes]))
            missed = self.fit(self.effect, no, with_it(trial.frame.iloc[no]) - y[no])
            chance = float(share[rows].mean())
            effect = _mixed(gained, missed, chance)
        else:
            effect = self.fit(self.effect, rows, self._corrected(rows, share))
        return Models(with_it, without, effect)

    def _single(self, rows: Rows) -> Answer:
        """One model that reads the treatment as a column."""
        treated = self.trial.treated[rows].astype(np.float64)
        model = self.fit(self.outcome, rows, self.trial.y[rows], beside=treated)
        return lambda frame: model(frame, np.ones(len(frame))) - model(frame, np.zeros(len(frame)))

    def _corrected(self, rows: Rows, share: Array) -> Array:
        """(N,) doubly robust effects of the rows, each half's from outcomes that the other half has taught."""
        from drivetrain.decisions.uplift.ranking import aipw  # noqa: PLC0415 - beside its use

        trial, found = self.trial, np.zeros(len(rows))
        half = halves(trial, rows, self.seed)
        for side in (0, 1):
            yes, no = self._arms(rows[half != side])
            here = np.flatnonzero(half == side)
            at = rows[here]
            frame = trial.frame.iloc[at]
            with_it, without = self.fit(self.outcome, yes, trial.y[yes]), self.fit(self.outcome, no, trial.y[no])
            found[here] = aipw(trial.y[at], trial.treated[at], share[at], with_it(frame), without(frame))
        return found

    def _arms(self, rows: Rows) -> tuple[Rows, Rows]:
        treated = self.trial.treated[rows]
        return rows[treated], rows[~treated]

    def _matrix(self, recipe: Recipe) -> Matrix | None:
        if recipe.kind != "matrix":
            return None
        key = (recipe.style, recipe.fill)
        if key not in self._matrices:
            trial = self.trial
            self._matrices[key] = Matrix.fit(trial.frame, trial.features, recipe.style, fill=recipe.fill)
        return self._matrices[key]

    def _given(self, recipe: Recipe, matrix: Matrix | None, frame: pd.DataFrame, treated: Array | None) -> Any:
        """What a model reads of a table's rows."""
        if matrix is not None:
            found = matrix.encode(frame)
            return found if treated is None else np.column_stack([found, treated])
        told = {} if treated is None else {self.trial.treatment: treated}
        kept = frame if recipe.kind == "rows" else frame[list(self.trial.features)]
        return kept.assign(**told) if told else kept


def trees(*, classifier: bool) -> Any:
    """Boosted trees that stop where held-out rows gain no more, so that few or noisy rows grow small models."""
    from sklearn.ensemble import (  # noqa: PLC0415 - slow to import
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    made = HistGradientBoostingClassifier if classifier else HistGradientBoostingRegressor
    return made(early_stopping=True)  # pyright: ignore[reportArgumentType] - its stub knows "auto" alone


def spread_evenly(trial: Trial, rows: Rows, parts: int, random: np.random.Generator) -> Rows:
    """(N,) a part for each row: groups stay whole; rows that stand alone are spread by treatment and outcome."""
    group = trial.group[rows]
    if trial.group_column is not None:
        known, place = np.unique(group, return_inverse=True)
        return (random.permutation(len(known)) % parts)[place]
    order = np.lexsort((random.random(len(rows)), trial.y[rows], trial.treated[rows]))
    found = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), parts):  # neighbours in outcome go to different parts
        block = order[start : start + parts]
        found[block] = random.permutation(parts)[: len(block)]
    return found


def halves(trial: Trial, rows: Rows, seed: int) -> Rows:
    """(N,) 0 or 1."""
    return spread_evenly(trial, rows, 2, np.random.default_rng([seed, 1]))


def _difference(with_it: Answer, without: Answer) -> Answer:
    return lambda frame: with_it(frame) - without(frame)


def _mixed(gained: Answer, missed: Answer, chance: float) -> Answer:
    return lambda frame: chance * missed(frame) + (1 - chance) * gained(frame)
