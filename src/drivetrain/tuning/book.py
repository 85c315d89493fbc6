"""The trials of a study as they stand: who counts, what is left to do, and what was lost with its worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from drivetrain.tuning import storage
from drivetrain.tuning.dimensions import Label

SETTINGS, RUN, SECONDS, REASON, SURPLUS, SAME, MODEL, SCORE, WORKER = (
    "settings", "run", "seconds", "reason", "surplus", "same as", "parameters_sha256", "score", "worker",
)  # fmt: skip
"""What is kept of a trial beside Optuna's own."""
State = Literal["complete", "pruned", "failed", "running", "waiting"]
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Trial:
    """One trial, as people read it."""

    number: int
    state: State
    settings: Mapping[str, Label]
    value: float | None
    """Of the metric, on the validation rows; of a pruned one when it was stopped."""
    seconds: float | None
    run: str | None
    """Its record among `drivetrain runs`."""
    parameters_sha256: str | None
    """The model that came out."""
    reason: str = ""
    """Why it failed or was stopped, or which trial had the same settings."""


def counted(frozen: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials without those that were begun again after their worker died, and without those begun by mistake."""
    with storage.silent():
        again = {number for trial in frozen for number in RetryHeartbeatStaleTrialCallback.retry_history(trial)}
    return [trial for trial in frozen if trial.number not in again and not trial.user_attrs.get(SURPLUS)]


def trials_of(study: Study) -> list[Trial]:
    """All that count, in their order."""
    return [_read(trial) for trial in counted(study.get_trials(deepcopy=False))]


def _read(trial: FrozenTrial) -> Trial:
    kept: dict[str, Any] = trial.user_attrs
    reason = str(kept.get(REASON, ""))
    if trial.state is TrialState.FAIL and not reason:
        reason = "its worker died, each time it was begun"
    if SAME in kept:
        reason = f"as trial {kept[SAME]}"
    value = trial.value if trial.state is TrialState.COMPLETE else kept.get(SCORE)
    settings = cast("dict[str, Label]", kept.get(SETTINGS, trial.params))
    return Trial(
        trial.number, _STATES[trial.state], settings, value, kept.get(SECONDS), kept.get(RUN), kept.get(MODEL), reason
    )


def place_of(study: Study, number: int) -> int:
    """How many trials that count were begun before this one."""
    return sum(trial.number < number for trial in counted(study.get_trials(deepcopy=False)))


def repeat(study: Study, number: int) -> None:
    """Put a trial that was interrupted back among those that wait, with the same settings."""
    frozen = study.get_trials(deepcopy=False)[number]
    with storage.silent():
        RetryHeartbeatStaleTrialCallback()(study, frozen)


def repeat_orphans(study: Study) -> None:
    """Begin again what was found dead by a worker that then died itself, before it could say so."""
    long_ago = datetime.now() - timedelta(seconds=storage.GRACE_S)
    for trial in counted(study.get_trials(deepcopy=False)):
        lost = trial.state is TrialState.FAIL and REASON not in trial.user_attrs
        if lost and trial.datetime_complete is not None and trial.datetime_complete < long_ago:
            with storage.silent():
                RetryHeartbeatStaleTrialCallback(max_retry=storage.MOST_REPEATS)(study, trial)
