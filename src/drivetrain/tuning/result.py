"""What `tune` gives back: the best settings, all trials, and what the best is worth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.errors import DataError, first_few
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.record.openings import earlier_openings
from drivetrain.evaluation.record.runs import RunLog
from drivetrain.evaluation.record.selection import Selection
from drivetrain.learner.base import ModelBase
from drivetrain.notices import warn
from drivetrain.progress import say
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.runtime.manifest import Opening
from drivetrain.settings import place
from drivetrain.text import counted, in_digits, printable, readable
from drivetrain.tuning.book import Trial, trials_of
from drivetrain.tuning.optimism import Judged, Point, chosen_among, grown
from drivetrain.tuning.question import Question
from drivetrain.tuning.space import Asking
from drivetrain.tuning.trying import decision_of, words_of

if TYPE_CHECKING:
    import pandas as pd
    from optuna.study import Study

    from drivetrain.pages.chart import Chart

FEWEST = 4
"""Completed trials below which nobody can say which settings mattered."""


@dataclass(frozen=True)
class Tuning:
    """The trials of a search, the best of them, and what its score is worth.

    `str` of it says so in a few lines.

    Example:
        >>> import drivetrain as dt
        >>> rows = {"x": [k * 37 % 120 / 7 for k in range(120)], "y": (["low"] * 29 + ["high"] * 31) * 2}
        >>> found = dt.tune(dt.table(rows, target="y", seed=1), {"leaves": [2, 4], "members": 1}, trials=2)
        >>> list(found.table["state"]), found.metric.name
        (['complete', 'complete'], 'accuracy')
    """

    question: Question
    study: Study
    """Optuna's, for whatever else its readers do."""
    trials: tuple[Trial, ...]
    """In the order they were begun."""
    selection: Selection | None
    """The best score as measured and as corrected for the choice; None where it cannot be corrected."""
    growth: tuple[Point, ...]
    """The same after fewer trials."""
    missing: int
    """Trials whose predictions are not in this project folder, which the correction does not know."""
    importances: Mapping[str, float]
    """Setting → its share of what made trials differ; empty of few trials."""
    decisions: Mapping[str, Decision]
    seconds: float
    """That this call took."""

    @classmethod
    def of(cls, question: Question, study: Study, decisions: Mapping[str, Decision], seconds: float) -> Tuning:
        """Read what the trials of a study have come to.

        Raises:
            DataError: None was completed.
        """
        trials, metric = tuple(trials_of(study)), question.metric
        if not any(trial.state == "complete" for trial in trials):
            reasons = first_few(dict.fromkeys(trial.reason for trial in trials if trial.reason)) or "there was no time"
            all_failed = bool(trials) and all(trial.state == "failed" for trial in trials)
            fix = "look at these reasons, and search elsewhere" if all_failed else "give it more time"
            raise DataError(
                f"none of {counted(len(trials), 'trial')} was completed ({reasons}); expected at least one. To fix: "
                f"{fix}. Trials on record are not tried again: name= begins a tuning anew."
            )
        judged, missing = _judged(trials, question)
        if missing:
            warn(
                f"{counted(missing, 'trial')} left predictions in another project folder: the best is corrected for "
                f"the choice among {len(judged)} alone. To fix: let all workers share one folder (project=)."
            )
        last = chosen_among(judged, metric) if judged else None
        growth = tuple(grown(judged, metric, last))
        mattered = _importances(study, trials)
        return cls(question, study, trials, last, growth, missing, mattered, dict(decisions), seconds)

    @property
    def metric(self) -> Metric:
        """What trials were compared by."""
        return self.question.metric

    # ── the best ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def best_trial(self) -> Trial:
        """The best of those trained to their end; of equals the first."""
        able = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        sign = -1 if self.metric.higher_is_better else 1
        return min(able, key=lambda trial: (sign * float(trial.value or 0.0), trial.number))

    @property
    def best(self) -> dict[str, Any]:
        """The settings of the best trial, as the model takes them."""
        if isinstance(self.question.space, Asking):
            return dict(self.best_trial.settings)
        return self.question.space.of_labels(self.best_trial.settings)

    def learn(self) -> ModelBase:
        """Train the best settings once more: the model itself, a `Learner` or another one.

        On one machine the same model comes out as in the trial, and counts as the same trial.

        Raises:
            DataError: The space was a function of the trial: what it made of the settings is not known here.
        """
        best = self.best_trial
        settings = self.question.space.of_labels(best.settings)
        say(f"training trial {best.number} once more: {words_of(best.settings)} ({best.seconds or 0:.0f} s then)")
        model = self.question.fit(settings, decision_of(self.study.study_name, best.number, best.settings))
        value = self.metric.value(model.predictions().judged)
        if model.identity() != best.parameters_sha256:
            warn(
                f"trained once more, trial {best.number} is another model: {self.metric.label} {self._shown(value)}, "
                f"{self._shown(best.value)} then. Other machines, libraries and numbers of threads round differently."
            )
        return model

    fit = learn

    # ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def tests(self) -> dict[int, float]:
        """Trial → score of its model on the test set, as far as that was opened on the record by now."""
        return _tests(self.trials, self.question)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each trial, in their order: number, state, the metric, settings, seconds, run and reason."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        names = list(dict.fromkeys(name for trial in self.trials for name in trial.settings))
        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                self.metric.name: trial.value,
                **{name: trial.settings.get(name) for name in names},
                "seconds": trial.seconds,
                "run": trial.run,
                "reason": trial.reason,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows)

    def chart(self) -> Chart:
        """The best score as measured and as corrected, over the number of trials."""
        from drivetrain.pages.chart import Chart  # noqa: PLC0415
        from drivetrain.tuning.page import growth_drawn  # noqa: PLC0415

        return Chart(growth_drawn(self))

    @named
    def page(self, path: str | os.PathLike[str] = "tuning.html") -> Path:
        """Write one self-contained page: what the best is worth, how the choice flatters it, and all trials.

        Args:
            path: Where the page is written; a page that stands there is replaced.

        Raises:
            SettingError: A page cannot be written to `path`.
        """
        from drivetrain.tuning.page import render  # noqa: PLC0415

        file = file_to_write(place("path", path), "path", over=PAGES)
        try:
            write_durably(file, render(self).encode())
        except OSError as error:
            raise DataError(f"{readable(file)} cannot be written: {error.strerror or error}.") from error
        return file

    def __str__(self) -> str:
        best, states = self.best_trial, [trial.state for trial in self.trials]
        others = [f"{states.count(each)} {each}" for each in ("pruned", "failed", "running") if each in states]
        aside = f" ({', '.join(others)})" if others else ""
        lines = [
            f"{counted(len(self.trials), 'trial')}{aside} in {self.seconds:,.1f} s",
            f"best: trial {best.number}: {words_of(best.settings)}",
        ]
        if self.selection is None:
            said = f"{self.metric.label} {self._shown(best.value)}, as measured: too little is on record to correct it"
            lines.append(f"  {said} for the choice")
        else:
            lines.append(f"  {self.selection}")
        if self.importances:
            said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.importances.items())
            lines.append(f"what mattered: {said}")
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        return str(self)

    def _shown(self, value: float | None) -> str:
        if value is None:
            return "–"
        return f"{100 * value:.1f} %" if self.metric.percent else in_digits(value)


def _judged(trials: Sequence[Trial], question: Question) -> tuple[list[Judged], int]:
    """What each model said of the validation rows, once each, and of how many trials that is not here."""
    known = {run.id: run for run in RunLog(question.project).runs()}
    found: dict[str, Judged] = {}
    missing = 0
    for trial in trials:
        if trial.parameters_sha256 is None:
            continue
        run = known.get(trial.run or "")
        said = None if run is None else run.predictions
        if said is None:
            missing += 1
        elif trial.parameters_sha256 not in found or trial.state == "complete":
            earlier = found.get(trial.parameters_sha256)
            number = trial.number if earlier is None else earlier.number
            may_win = trial.state == "complete" or (earlier is not None and earlier.may_win)
            found[trial.parameters_sha256] = Judged(number, said, may_win)
    return list(found.values()), missing


def _importances(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    import optuna  # noqa: PLC0415 - an optional package

    from drivetrain.tuning.storage import silent  # noqa: PLC0415

    values = {trial.value for trial in trials if trial.state == "complete"}
    if sum(trial.state == "complete" for trial in trials) < FEWEST or len(values) < 2:
        return {}
    try:
        with silent():
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError, ImportError):
        return {}
    return {name: float(share) for name, share in found.items()}


def _tests(trials: Sequence[Trial], question: Question) -> dict[int, float]:
    """The test scores of these trials' models, as far as the test set was opened on the record."""
    seal = question.data.seal
    if seal is None:
        return {}
    numbers = {trial.parameters_sha256: trial.number for trial in reversed(trials)}
    found: dict[int, float] = {}
    for opening in earlier_openings(seal, question.project):
        facts = opening.model_dump() if isinstance(opening, Opening) else opening.facts
        number = numbers.get(facts.get("parameters_sha256"))
        value = (facts.get("scores") or {}).get(question.metric.name, {}).get("value")
        if number is not None and value is not None:
            found[number] = float(value)
    return found


Tuning.__module__ = "drivetrain"  # where people find it, so that messages and help say so
