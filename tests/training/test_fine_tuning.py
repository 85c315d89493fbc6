"""Parts of the body kept as they are, stored activations, and runs within a time."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.learner.fitting import spent_elsewhere
from drivetrain.training.callbacks import Callback
from drivetrain.training.fast import costs
from drivetrain.training.fast.starting import Starts
from drivetrain.training.feeding import Loaded
from drivetrain.training.recipe import fine_tuning
from drivetrain.training.recipe.plan import FEATURES, PLAN, Phase
from tests.training.conftest import MakeLearner


def parameters(learner: dt.Learner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learner.network.state_dict().items()}


def frozen_names(learner: dt.Learner, phase: Phase) -> set[str]:
    starts = Starts(learner.network, learner.kind, learner.feeder, learner.place, None)
    lower = starts.body.cut(phase.start).lower
    mine = {id(value) for value in (*lower.parameters(), *lower.buffers())}
    return {name for name, value in learner.network.state_dict(keep_vars=True).items() if id(value) in mine}


@pytest.mark.parametrize("stored", [True, False])
def test_what_is_frozen_stays_to_the_bit_and_the_rest_learns(make_learner: MakeLearner, stored: bool) -> None:
    learner = make_learner(store_activations=stored)
    before = parameters(learner)
    learner.fine_tune(6, unfreeze=0.5, head_epochs=1)
    after = parameters(learner)
    top = learner.phases_run[-1]
    assert top.views == (3 if stored else 0)
    frozen = frozen_names(learner, top)
    assert 5 < len(frozen) < len(before) - 5
    for name, value in after.items():
        if name in frozen:
            assert torch.equal(value, before[name]), name
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert {"head.2.weight", "head.0.running_mean"} < moved
    assert any(name.startswith("body.") for name in moved)
    assert learner.history[-1]["train_loss"] < learner.history[0]["train_loss"]
    assert 0.2 < float(learner.decisions["unfreeze"].value) < 0.8
    learner.unfreeze()
    assert all(p.requires_grad for p in learner.network.parameters()), "a later run may train everything"


def test_stored_activations_are_those_of_the_pictures(make_learner: MakeLearner) -> None:
    learner = make_learner()
    learner.network.freeze_body(True)
    learner.network.eval()
    starts = Starts(learner.network, learner.kind, learner.feeder, learner.place, None)
    cut = starts.body.cuts[len(starts.body.cuts) // 2].name
    rates = defaults_rates()
    start = starts.prepare([Phase("top", 1, False, rates, cut, 2)], 0)
    assert start.bank is not None
    learner.network.eval()
    for view in (0, 1):
        for rows, pictures in learner.feeder.views(view):
            assert isinstance(pictures, Loaded)
            views = learner.kind.vary(pictures.tensors, pictures.draws)
            stored = start.bank.get(rows, np.full(len(rows), view))
            with torch.no_grad():
                torch.testing.assert_close(learner.network(stored, start=start.part), learner.network(*views))
    assert not torch.equal(
        start.bank.get(np.arange(4), np.zeros(4, int)), start.bank.get(np.arange(4), np.ones(4, int))
    )


def defaults_rates() -> Any:
    from drivetrain.training.recipe.plan import Rates

    return Rates(2e-3, 2e-3, 2e-3)


def test_the_head_learns_from_stored_features_and_nothing_is_left_behind(
    make_learner: MakeLearner, tmp_path: Path
) -> None:
    learner = make_learner(pretrained=False)
    learner.fine_tune(1, head_epochs=3, unfreeze=0.5)
    assert [(phase.name, phase.start == FEATURES) for phase in learner.phases_run] == [("head", True), ("top", False)]
    assert not list(tmp_path.rglob("*.bank*"))
    assert not list(tmp_path.rglob(PLAN))


class Kill(Callback):
    """Ends the process's work at a step, as a kill would."""

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, 0

    def on_step_end(self, run: Any, loss: float) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise SystemExit


@pytest.mark.parametrize("at", [2, 5, 9])
def test_a_run_from_stored_activations_is_taken_up_to_the_bit(
    make_learner: MakeLearner, tmp_path: Path, at: int
) -> None:
    def train(kill: int | None, folder: str) -> dt.Learner:
        learner = make_learner()
        call = {"unfreeze": 0.5, "head_epochs": 2, "checkpoint": tmp_path / folder}
        learner.fine_tune(3, **call, callbacks=[Kill(kill or 10**6)])
        return learner

    whole = train(None, "whole")
    with pytest.raises(SystemExit):
        train(at, "parts")
    again = train(None, "parts")
    assert [row["train_loss"] for row in again.history] == [row["train_loss"] for row in whole.history]
    for name, value in parameters(whole).items():
        assert torch.equal(value, parameters(again)[name]), name


def test_a_budget_is_kept_and_its_plan_told(make_learner: MakeLearner) -> None:
    learner = make_learner()
    began = time.monotonic()
    learner.fine_tune(budget="8s", head_epochs=1)
    assert time.monotonic() - began < 10
    assert learner.decisions["unfreeze"].reason
    assert len(learner.history) >= 2


def test_seconds_spent_elsewhere_count(make_learner: MakeLearner) -> None:
    said = r"a budget of 3,600 s is too short: 3,60\d s go to opening the data, .*To fix: budget='(\d+)s' or more"
    with spent_elsewhere({"opening the data": 3600.5}), pytest.raises(SettingError, match=said) as told:
        make_learner().fine_tune(budget="1h")
    least = re.search(said, str(told.value))
    assert least is not None and 3600 < int(least[1]) < 5000
    with pytest.raises(SettingError, match="has no spent"):
        make_learner().fine_tune(budget="1h", spent=3600.5)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(("slow_s", "rows", "n"), [(-1.0, {costs.FEW}, 16), (1e9, {costs.FEW, 16}, 49)])
def test_what_takes_long_is_tried_with_few_rows_and_not_repeated(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch, slow_s: float, rows: set[int], n: int
) -> None:
    learner, seen = make_learner(), list[int]()
    monkeypatch.setattr(costs, "SLOW_S", slow_s)
    monkeypatch.setattr(costs._Trial, "_timed", lambda own, work: (seen.append(own._rows), work(), 0.5)[-1])
    learner.network.fix_statistics(True)
    found = costs.measure_costs(learner.network, learner.kind, learner.feeder, learner.place, cut=True)
    assert set(seen) == rows and len(seen) <= n, seen
    assert found.forward == pytest.approx(2 * 0.5 / max(rows))


def test_a_budget_that_judging_alone_would_take_is_refused_before_it(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make_learner()
    monkeypatch.setattr(fine_tuning, "measure_costs", lambda *_, **__: costs.Costs(10.0, ()))
    monkeypatch.setattr(learner, "predictions", lambda: pytest.fail("judged all the same"))
    with pytest.raises(
        SettingError, match="budget of 60 s is too short: 120 s go to judging, and reading 36 rows once"
    ):
        learner.fine_tune(budget="60s")


def test_a_budgets_plan_is_kept_when_the_run_is_taken_up(make_learner: MakeLearner, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        make_learner().fine_tune(budget="20s", head_epochs=1, checkpoint=tmp_path / "c", callbacks=[Kill(12)])
    [plan] = tmp_path.rglob(PLAN)
    stored = plan.read_text()
    learner = make_learner()
    learner.fine_tune(budget="20s", head_epochs=1, checkpoint=tmp_path / "c", callbacks=[Kill(10**6)])
    assert not plan.exists()
    assert learner.decisions["unfreeze"].reason in stored
    assert learner.history[0]["epoch"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of them"),
        ({"epochs": 2, "budget": "1min"}, "expected one of them"),
        ({"budget": "soon"}, "expected a time"),
        ({"epochs": 2, "unfreeze": 0}, "expected a number above 0 and of at most 1"),
        ({"epochs": 2, "unfreeze": 1.5}, "expected a number above 0 and of at most 1"),
    ],
)
def test_bad_settings_are_explained(make_learner: MakeLearner, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_learner().fine_tune(**options)


def test_blended_pictures_are_never_stored(make_learner: MakeLearner) -> None:
    learner = make_learner(mixup=0.2)
    learner.fine_tune(1, unfreeze=0.5, head_epochs=1)
    assert all(phase.views == 0 for phase in learner.phases_run)


def statistics_of(learner: dt.Learner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learner.network.body.named_buffers() if "running" in name}


@pytest.mark.parametrize("asked", [None, "fixed", "batch"])
@pytest.mark.parametrize("stored", [True, False])
def test_the_statistics_of_a_pretrained_body_stay_unless_asked(
    make_learner: MakeLearner, asked: Any, stored: bool
) -> None:
    learner = make_learner(arch="embedded", pretrained=True, store_activations=stored)
    before, weights = statistics_of(learner), parameters(learner)
    learner.fine_tune(1, unfreeze=0.3, statistics=asked, head_epochs=1)
    assert learner.decisions["statistics"].value == (asked or "fixed")
    assert learner.phases_run[-1].statistics == (asked or "fixed")
    moved = [name for name, value in statistics_of(learner).items() if not torch.equal(value, before[name])]
    assert bool(moved) is (asked == "batch")
    learned = [name for name, value in parameters(learner).items() if not torch.equal(value, weights[name])]
    assert any(name.startswith("body") and name.endswith("weight") for name in learned)


def test_a_body_from_scratch_finds_its_statistics(make_learner: MakeLearner) -> None:
    learner = make_learner()
    before = statistics_of(learner)
    learner.fine_tune(1)
    assert learner.decisions["statistics"].value == "batch"
    assert all(not torch.equal(value, before[name]) for name, value in statistics_of(learner).items())
    with pytest.raises(SettingError, match="not pretrained"):
        learner.fine_tune(1, statistics="fixed")
    with pytest.raises(SettingError, match="not pretrained"):
        learner.fit(1, statistics="fixed")


def test_fit_and_the_trial_of_rates_keep_them_too(make_learner: MakeLearner) -> None:
    learner = make_learner(arch="embedded", pretrained=True)
    before = statistics_of(learner)
    learner.find_lr(steps=2)
    learner.fit(1)
    assert all(torch.equal(value, before[name]) for name, value in statistics_of(learner).items())
    learner.fit(1, statistics="batch")
    assert not all(torch.equal(value, before[name]) for name, value in statistics_of(learner).items())
