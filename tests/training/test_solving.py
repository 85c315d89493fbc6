"""A head that is solved for: the same as scikit-learn finds, the first phase of a fine-tuning, and taken up exactly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

import drivetrain as dt
from drivetrain.errors import TrainingError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target
from drivetrain.training.callbacks import Callback
from drivetrain.training.fast import solving
from drivetrain.training.fast.activations import Bank, fill_bank
from drivetrain.training.fast.solving import PENALTY, settle_head, solve_head
from drivetrain.training.network import Network
from drivetrain.training.recipe.losses import make_loss
from tests.training.conftest import MakeLearner

ROWS, FEATURES, OUTPUTS = 90, 5, 3
TARGETS: dict[str, Target] = {
    "category": CategoryTarget(name="t", vocab=("a", "b", "c")),
    "categories": CategoriesTarget(name="t", vocab=("a", "b", "c")),
    "number": NumberTarget(names=("x", "y", "z"), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
}


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(ROWS, FEATURES)) * [1, 2, 5, 0.1, 1] + [0, 3, -2, 0, 1]).astype(np.float32)


def truth_of(kind: str, features: np.ndarray) -> np.ndarray:
    standard = (features - features.mean(0)) / features.std(0)
    told = standard @ np.random.default_rng(1).normal(size=(FEATURES, OUTPUTS)) * 3
    if kind == "category":
        return told.argmax(1)
    return (told > 0).astype(np.int64) if kind == "categories" else told.astype(np.float32)


def bank_of(features: np.ndarray, there: np.ndarray | None = None) -> Bank:
    rows = np.arange(len(features)) if there is None else there
    return fill_bank(None, lambda: iter([(rows, 0, torch.from_numpy(features[rows]))]), rows=len(features), views=1)


def solved(kind: str, features: np.ndarray, truth: np.ndarray, **given: Any) -> tuple[Network, float]:
    network = Network(nn.Identity(), nn.Identity(), features=FEATURES, n_outputs=OUTPUTS, dropout=0.2)
    loss = make_loss(None, TARGETS[kind], label_smoothing=0.0, class_weights=None, training_rows=truth)
    return network, solve_head(network, bank_of(features, **given), torch.from_numpy(truth), loss)


def expected(kind: str, features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    standard = (features - features.mean(0)) / features.std(0)
    if kind == "category":
        return LogisticRegression(C=1 / PENALTY, tol=1e-8, max_iter=1000).fit(standard, truth).predict_proba(standard)
    if kind == "categories":
        fitted = [LogisticRegression(C=1 / PENALTY, tol=1e-8, max_iter=1000).fit(standard, y) for y in truth.T]
        return np.stack([model.predict_proba(standard)[:, 1] for model in fitted], axis=1)
    return Ridge(PENALTY / 2).fit(standard, truth).predict(standard)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("at_once", [7, 4096])
def test_as_scikit_learn_finds_it(
    kind: str, at_once: int, features: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solving, "ROWS_AT_ONCE", at_once)
    truth = truth_of(kind, features)
    network, mean_loss = solved(kind, features, truth)
    assert network.training
    network.eval()
    with torch.no_grad():
        outputs = network(torch.from_numpy(features))
    found = TARGETS[kind].activate(outputs.numpy())  # stops where the loss hardly moves, a few thousandths away
    np.testing.assert_allclose(found, expected(kind, features, truth), atol=5e-3)
    own = make_loss(None, TARGETS[kind], label_smoothing=0.0, class_weights=None, training_rows=truth)
    assert mean_loss == pytest.approx(float(own(outputs, torch.from_numpy(truth)).mean()), rel=1e-4)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_rows_that_could_not_be_read_do_not_count(features: np.ndarray) -> None:
    truth = truth_of("category", features)
    there = np.arange(10, ROWS)
    one, loss = solved("category", features, truth, there=there)
    other, same = solved("category", features[there], truth[there])
    assert loss == pytest.approx(same, rel=1e-4)
    torch.testing.assert_close(one.head[-1].weight, other.head[-1].weight, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", TARGETS)
def test_a_head_that_settles_says_the_mean_of_two_heads(kind: str, features: np.ndarray) -> None:
    truth = truth_of(kind, features)
    network, _ = solved(kind, features, truth)
    trained = copy.deepcopy(network).eval()
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in (*trained.head.parameters(), trained.head[0].running_mean, trained.head[0].running_var):
            value.add_(torch.rand(value.shape, generator=rng))  # a head that was trained on other views
    settled, again = copy.deepcopy(trained), copy.deepcopy(trained)
    loss = make_loss(None, TARGETS[kind], label_smoothing=0.0, class_weights=None, training_rows=truth)
    target = torch.from_numpy(truth)
    solve_head(again, bank_of(features), target, loss)
    mean_loss = settle_head(settled, bank_of(features), target, loss)
    seen = torch.from_numpy(features) + 1
    with torch.no_grad():
        expected = (trained(seen) + again(seen)) / 2
        torch.testing.assert_close(settled(seen), expected, rtol=1e-3, atol=1e-3)
        assert mean_loss == pytest.approx(float(loss(settled(seen - 1), target).mean()), rel=1e-3)
    assert not torch.allclose(trained(seen), again(seen), atol=0.1), "else it would be no test"


def test_features_without_end_are_an_error(features: np.ndarray) -> None:
    truth = truth_of("category", features)
    features[3, 2] = np.inf
    with pytest.raises(TrainingError, match="the loss of the head became nan"):
        solved("category", features, truth)


class Stop(Callback):
    def __init__(self, at: int) -> None:
        self.at, self.seen, self.heads = at, 0, []

    def on_step_end(self, run: Any, loss: float) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise SystemExit

    def on_epoch_end(self, run: Any) -> None:
        self.heads.append(run.history[-1]["phase"])


@pytest.fixture
def make_pretrained(make_learner: MakeLearner) -> MakeLearner:
    return lambda **options: make_learner(arch="embedded", pretrained=True, **options)


def test_the_first_phase_of_a_fine_tuning(make_pretrained: MakeLearner, tmp_path: Path) -> None:
    learner, stepped = make_pretrained(), make_pretrained()
    before = {name: value.clone() for name, value in learner.network.body.state_dict().items()}
    learner.fine_tune(1, unfreeze=0.01, lr=1e-12)
    stepped.fine_tune(1, unfreeze=0.01, lr=1e-12, head_epochs=1)
    assert [row["phase"] for row in learner.history] == ["head", "top", "settle"]
    assert "solved" in learner.decisions["head_epochs"].reason
    assert "asked" in stepped.decisions["head_epochs"].reason
    moved = [name for name, was in before.items() if not torch.equal(was, learner.network.body.state_dict()[name])]
    assert len(moved) < len(before) / 2
    assert float(learner.history[0]["train_loss"] or 0) < float(stepped.history[0]["train_loss"] or 0) / 2
    assert learner.history[0]["accuracy"] == 1.0
    assert not list(tmp_path.rglob("*.bank*"))


@pytest.mark.parametrize("options", [{"store_activations": False}, {"mixup": 0.2}, {"loss": nn.CrossEntropyLoss()}])
def test_where_it_is_not_solved_for(make_pretrained: MakeLearner, options: dict[str, Any]) -> None:
    learner = make_pretrained(**options)
    learner.fine_tune(1)
    assert "a new head needs about" in learner.decisions["head_epochs"].reason


@pytest.mark.parametrize("at", [1, 2, 4])
def test_taken_up_to_the_bit(make_pretrained: MakeLearner, tmp_path: Path, at: int) -> None:
    def train(stop: int, folder: str) -> dict[str, torch.Tensor]:
        learner = make_pretrained()
        learner.fine_tune(2, unfreeze=0.3, checkpoint=tmp_path / folder, callbacks=[Stop(stop)])
        return learner.network.state_dict()

    whole = train(10**6, "whole")
    with pytest.raises(SystemExit):
        train(at, "parts")
    again = train(10**6, "parts")
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


def test_a_budget_never_ends_below_the_head_alone(make_pretrained: MakeLearner) -> None:
    learner: dt.Learner = make_pretrained()
    before = {name: value.clone() for name, value in learner.network.body.state_dict().items()}
    learner.fine_tune(budget="10s", lr=5.0)
    assert len(learner.history) > 1
    phases = [row["phase"] for row in learner.history]
    assert phases[0] == "head" and "head" not in phases[1:], "a slow machine trains the top alone"
    assert phases[-1] == "settle"
    assert learner.decisions["kept"].value == "head"
    for name, value in learner.network.body.state_dict().items():
        assert torch.equal(value, before[name]), name
    loss = learner.predictions().loss
    assert loss is not None
    assert loss.mean() == pytest.approx(learner.history[0]["valid_loss"], rel=1e-4), "and with it the head is"


def test_a_run_that_is_stopped_early_settles_too(make_pretrained: MakeLearner) -> None:
    learner: dt.Learner = make_pretrained(callbacks=dt.EarlyStopping(1, min_delta=100.0))
    learner.fine_tune(5)
    assert [row["phase"] for row in learner.history] == ["head", "all", "settle"]
    learner.fit(1)
    assert learner.phases_run[-1].freeze_body is False, "the body is as free as before"
