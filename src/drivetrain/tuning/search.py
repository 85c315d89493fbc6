"""Trials, one after the other, until there are enough, the time is up, or nothing is left to try."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import Literal

import optuna

from drivetrain.errors import DrivetrainError, TrainingError
from drivetrain.notices import warn
from drivetrain.progress import say
from drivetrain.text import counted, short_reason
from drivetrain.tuning import book
from drivetrain.tuning.storage import silent
from drivetrain.tuning.trying import Trying

HOPELESS = 5
"""Trials of one process that failed for one reason, with none that succeeded: then it is told instead."""
WAIT_S = 1.0
"""Between two looks at what other workers do."""


def search(trying: Trying) -> None:
    """Do what is left to do of the trials, together with whoever else does.

    Raises:
        DrivetrainError: The first trials failed, all of them.
        KeyboardInterrupt: Ctrl-C; the trial that went on is put back.
    """
    done, reasons = len(book.trials_of(trying.study)), Counter[str]()
    if done:
        say(f"{counted(done, 'trial')} on record already; going on with them")
    while (what := _next(trying)) != "end":
        if what == "wait":
            _wait(trying)
            continue
        trying.failed = None
        _one(trying)
        if trying.failed is None:
            continue
        reasons[str(trying.failed)] += 1
        hopeless = trying.undrawn or reasons[str(trying.failed)] >= HOPELESS
        if hopeless and not any(t.state in ("complete", "pruned") for t in book.trials_of(trying.study)):
            _give_up(trying.failed)


def _next(trying: Trying) -> Literal["trial", "wait", "end"]:
    """What to do now; "wait" is for other workers."""
    study, space, deadline = trying.study, trying.question.space, trying.deadline
    book.repeat_orphans(study)
    known = book.trials_of(study)
    waiting = any(trial.state == "waiting" for trial in known)
    tried = {tuple(sorted(map(str, t.settings.items()))) for t in known if t.settings}
    enough = (trying.trials is not None and len(known) >= trying.trials) or len(tried) >= space.n
    if waiting or not enough:
        took = [trial.seconds for trial in known if trial.state == "complete" and trial.seconds]
        usual = statistics.median(took) if took else 0.0
        if not (known and deadline.left < usual) and not deadline.over:
            return "trial"
        say(f"the time is up: {max(0.0, deadline.left):.0f} s are left, and a trial takes about {usual:.0f} s")
        return "end"
    if any(trial.state == "running" for trial in known) and not deadline.over:
        return "wait"
    if trying.trials is not None and len(known) < trying.trials:
        say(f"all {space.n:,.0f} combinations are tried")
    return "end"


def _one(trying: Trying) -> None:
    """One trial; an interrupted one is put back, for the same command to begin again."""
    trying.begun = None
    try:
        with silent():
            trying.study.optimize(trying, n_trials=1, catch=(Exception,))
    except KeyboardInterrupt as stopped:
        if trying.begun is not None:
            book.repeat(trying.study, trying.begun)
        on_record = sum(trial.state != "waiting" for trial in book.trials_of(trying.study))
        said = f"{counted(on_record, 'trial')} on record. The same command goes on with them"
        raise KeyboardInterrupt(said) from stopped
    except (RuntimeError, ValueError) as error:
        if trying.begun is None:
            raise
        # this process was silent for too long, and another worker has begun its trial again
        warn(f"trial {trying.begun} was taken for dead and begun again elsewhere ({short_reason(error)}).")


def _wait(trying: Trying) -> None:
    """Until other workers are done, or one is found dead and its trial can be begun again."""
    study = trying.study
    running = [trial.number for trial in book.trials_of(study) if trial.state == "running"]
    say(f"waiting for {counted(len(running), 'trial')} of other workers")
    while running and not trying.deadline.over:
        time.sleep(WAIT_S)
        with silent():
            optuna.storages.fail_stale_trials(study)
        known = book.trials_of(study)
        if any(trial.state == "waiting" for trial in known):
            return
        running = [trial.number for trial in known if trial.state == "running"]


def _give_up(error: Exception) -> None:
    if isinstance(error, DrivetrainError):
        raise error
    raise TrainingError(
        f"{HOPELESS} trials failed and none succeeded: {type(error).__name__}: {error}; expected models that "
        "can be fitted with the settings of the space. To fix: look at the cause above, or narrow the space."
    ) from error
