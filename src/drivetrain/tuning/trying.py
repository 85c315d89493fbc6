"""One trial: settings are drawn, a model is fitted and judged on the validation rows, and put on record as a run."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.exceptions import TrialPruned
from optuna.study import Study
from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState

from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import identity_of
from drivetrain.errors import DataError, DrivetrainError
from drivetrain.evaluation.record.runs import Run, RunLog
from drivetrain.learner.base import ModelBase
from drivetrain.learner.learner import Learner
from drivetrain.models.deadline import Deadline
from drivetrain.progress import quiet, say
from drivetrain.runtime.decisions import Decision
from drivetrain.text import in_digits, short_reason
from drivetrain.training.callbacks import Callback, RunView
from drivetrain.tuning import book
from drivetrain.tuning.dimensions import Label
from drivetrain.tuning.question import Question
from drivetrain.tuning.space import Settings

QUARTERS = 4
"""Trainings of different lengths are compared after each quarter of theirs: an epoch is worth more of a short one,
whose rate has fallen by then."""


class Surplus(Exception):
    """Another worker has begun the last trial that was asked for."""


class Watch(Callback):
    """Follows one training for a trial, and stops it where it does worse than others did, or the time is up.

    Args:
        trial: Optuna's.
        learner: That is trained.
        metric: What trials are compared by.
        deadline: Of all trials.
        prune: Whether to ask if it shall go on.
    """

    def __init__(self, trial: OptunaTrial, learner: Learner, metric: str, deadline: Deadline, *, prune: bool) -> None:
        self._trial, self._learner, self._metric = trial, learner, metric
        self._deadline, self._prune = deadline, prune
        self._told = 0
        self.stopped: str | None = None

    def on_epoch_end(self, run: RunView) -> None:
        """Tell Optuna after each quarter of the training."""
        value = run.history[-1].get(self._metric)
        total = max(1, sum(phase.epochs for phase in self._learner.phases_run))
        done = len(run.history) / total
        if done >= 1:
            return
        quarter = math.floor(QUARTERS * done)
        if isinstance(value, int | float) and math.isfinite(value) and quarter > self._told:
            self._told = quarter
            self._trial.report(float(value), quarter)
            if self._prune and self._trial.should_prune():
                self._stop(run, f"worse than half of the others after {quarter} of {QUARTERS} quarters")
        if self.stopped is None and self._deadline.over:
            self._stop(run, "the time for all trials was up")

    def _stop(self, run: RunView, why: str) -> None:
        self.stopped = why
        run.stop(why)


@dataclass
class Trying:
    """What Optuna calls for each trial."""

    question: Question
    study: Study
    trials: int | None
    """Over all workers."""
    deadline: Deadline
    prune: bool
    begun: int | None = field(default=None, init=False)
    """The trial that goes on in this process."""
    failed: Exception | None = field(default=None, init=False)
    """Why the last one that failed in this process did so."""
    undrawn: bool = field(default=False, init=False)
    """Whether it failed before a model was made: a function of the trial gave what is no settings."""

    def __call__(self, trial: OptunaTrial) -> float:
        """The value of the metric on the validation rows.

        Raises:
            Surplus: Enough trials have been begun.
            TrialPruned: It was stopped; what it had learnt is on record.
            DrivetrainError: The model could not be made with these settings.
        """
        if self.trials is not None and book.place_of(self.study, trial.number) >= self.trials:
            trial.set_user_attr(book.SURPLUS, True)
            raise Surplus
        self.begun, self.undrawn = trial.number, True
        began = time.monotonic()
        try:
            drawn = self.question.space.draw(trial)
            self.undrawn = False
            trial.set_user_attr(book.SETTINGS, dict(drawn.labels))
            known = None if drawn.model is not None else self._tried(drawn.labels)
            if known is not None:
                trial.set_user_attr(book.SAME, known.number)
                trial.set_user_attr(book.SECONDS, 0.0)
                return float(known.value)
            model, watches = self._fitted(trial, drawn)
            value = self._judged(trial, model)
        except Exception as error:
            own = isinstance(error, DrivetrainError)
            reason = str(error) if own else f"{type(error).__name__}: {error}".removesuffix(": ")
            trial.set_user_attr(book.REASON, reason)
            say(f"trial {trial.number} failed: {short_reason(error)}")
            self.failed = error
            raise
        trial.set_user_attr(book.SECONDS, round(time.monotonic() - began, 3))
        stopped = watches[0].stopped if watches else None
        self._say(trial, drawn, value, stopped, time.monotonic() - began)
        if stopped is not None:
            trial.set_user_attr(book.REASON, stopped)
            raise TrialPruned(stopped)
        return value

    def _fitted(self, trial: OptunaTrial, drawn: Settings) -> tuple[ModelBase, list[Watch]]:
        watches: list[Watch] = []

        def watcher(learner: Learner) -> Callback:
            learner.settings["tuned"] = dict(drawn.labels)
            watches.append(Watch(trial, learner, self.question.metric.name, self.deadline, prune=self.prune))
            return watches[0]

        if drawn.model is not None:
            drawn.model.metrics = self.question.metrics
            return drawn.model, watches
        tuned = decision_of(self.study.study_name, trial.number, drawn.labels)
        with quiet():
            return self.question.fit(drawn.settings, tuned, watcher), watches

    def _judged(self, trial: OptunaTrial, model: ModelBase) -> float:
        """The model's score, once it is on record."""
        said = model.predictions()
        value = self.question.metric.value(said.judged)
        if not math.isfinite(value):
            raise DataError(
                f"{self.question.metric.name} is {value} on the validation rows; expected a number to compare trials "
                "by. To fix: take another metric, such as metric='log_loss'."
            )
        run = run_of(model)
        trial.set_user_attr(book.RUN, None if run is None else run.id)
        trial.set_user_attr(book.MODEL, model.identity())
        trial.set_user_attr(book.SCORE, value)
        return value

    def _tried(self, labels: Mapping[str, Label]) -> Any:
        """A trial that was completed with the same settings: the same model would come out."""
        for known in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if known.user_attrs.get(book.SETTINGS) == dict(labels) and book.SAME not in known.user_attrs:
                return known
        return None

    def _say(self, trial: OptunaTrial, drawn: Settings, value: float, stopped: str | None, seconds: float) -> None:
        metric = self.question.metric
        shown = f"{100 * value:.1f} %" if metric.percent else in_digits(value)
        why = f"; stopped: {stopped}" if stopped else ""
        tried = words_of(drawn.labels)
        say(f"trial {trial.number}: {metric.label} {shown} ({seconds:.1f} s): {tried}{why}")


def words_of(labels: Mapping[str, Label]) -> str:
    """Settings in one line.

    Example:
        >>> words_of({"lr": 0.00123456, "arch": "embedded"})
        'lr=0.001235, arch=embedded'
    """
    return ", ".join(f"{name}={in_digits(v) if isinstance(v, float) else v}" for name, v in labels.items())


def decision_of(name: str, number: int, labels: Mapping[str, Label]) -> Decision:
    """What is recorded with each model that was tried."""
    return Decision(value=words_of(labels), reason=f"trial {number} of the tuning {name}")


def run_of(model: ModelBase) -> Run | None:
    """The record of this very model on its validation rows; the latest where it was trained more than once."""
    said = model.predictions()
    trials = RunLog(Project.find(model.data.project)).on(identity_of(said.ids), said.target.name)
    found = [run for run in trials.runs if run.record.parameters_sha256 == model.identity()]
    return found[-1] if found else None
