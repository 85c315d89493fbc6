"""What follows a training: scores by quarters, and who stops it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drivetrain.models.deadline import Deadline
from drivetrain.tuning.trying import Watch


class Trial:
    """Optuna's, as far as it is asked; it prunes from a step on."""

    def __init__(self, prunes_at: int | None = None) -> None:
        self.told: list[tuple[float, int]] = []
        self._prunes_at = prunes_at

    def report(self, value: float, step: int) -> None:
        self.told.append((value, step))

    def should_prune(self) -> bool:
        return self._prunes_at is not None and self.told[-1][1] >= self._prunes_at


class Run:
    """A run of some epochs."""

    def __init__(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.stopped: str | None = None

    def stop(self, reason: str) -> None:
        self.stopped = reason


def followed(scores: list[float | None], trial: Trial, *, epochs: list[int], **asked: Any) -> tuple[Watch, Run]:
    learner: Any = SimpleNamespace(phases_run=[SimpleNamespace(epochs=n) for n in epochs])
    watch = Watch(trial, learner, "accuracy", asked.get("deadline", Deadline.of(None)), prune=asked.get("prune", True))  # type: ignore[arg-type]
    run: Any = Run()
    for score in scores:
        run.history.append({"accuracy": score})
        watch.on_epoch_end(run)
        if run.stopped:
            break
    return watch, run


@pytest.mark.parametrize(
    ("scores", "epochs", "told"),
    [
        ([0.5, 0.6, 0.7, 0.8], [1, 3], [(0.5, 1), (0.6, 2), (0.7, 3)]),  # the end is no place to stop
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [8], [(0.2, 1), (0.4, 2), (0.6, 3)]),
        ([0.5, 0.6], [2], [(0.5, 2)]),
        ([0.5], [1], []),
        ([None, 0.6, float("nan"), 0.8], [4], [(0.6, 2)]),
    ],
    ids=["4 epochs", "8 epochs", "2 epochs", "1 epoch", "gaps"],
)
def test_trainings_of_any_length_report_by_quarters(scores: Any, epochs: list[int], told: Any) -> None:
    trial = Trial()
    watch, _ = followed(scores, trial, epochs=epochs)
    assert trial.told == told
    assert watch.stopped is None


def test_it_stops_where_optuna_says_so_and_only_if_asked() -> None:
    watch, run = followed([0.5] * 8, Trial(2), epochs=[8])
    assert (len(run.history), watch.stopped) == (4, "worse than half of the others after 2 of 4 quarters")
    watch, run = followed([0.5] * 8, Trial(2), epochs=[8], prune=False)
    assert (len(run.history), watch.stopped) == (8, None)


def test_it_stops_after_the_epoch_in_which_the_time_is_up() -> None:
    watch, run = followed([0.5] * 8, Trial(), epochs=[8], deadline=Deadline(0))
    assert (len(run.history), run.stopped) == (1, "the time for all trials was up")
    assert watch.stopped == run.stopped
