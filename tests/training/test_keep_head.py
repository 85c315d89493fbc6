"""The last safeguard: an end below the head by more than chance is given up, one below it by chance is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

import drivetrain as dt
from drivetrain.evaluation.metrics.metrics import resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.training.callbacks import Callback
from drivetrain.training.recipe.keep_head import KeepHead, guard_of
from tests.training.conftest import MakeLearner

FRUIT = CategoryTarget(name="fruit", vocab=("apple", "pear"))
TAGS = CategoriesTarget(name="tags", vocab=("red", "round"))
SIZE = NumberTarget(names=("cm",), mean=(0.0,), std=(1.0,))


def fruit(n: int, right: int, sure: float = 0.9) -> Predictions:
    """All are apples; the first `right` are said to be."""
    said = np.where(np.arange(n) < right, sure, 1 - sure)
    ids = tuple(f"row {i}" for i in range(n))
    output = np.stack([said, 1 - said], axis=1)
    return Predictions(ids=ids, target=FRUIT, truth=np.zeros(n, int), output=output, loss=-np.log(said))


def tags(n: int, sure: float) -> Predictions:
    truth = np.stack([np.arange(n) % 2, np.arange(n) % 3 == 0], axis=1).astype(np.float32)
    output = np.where(truth > 0, sure, 1 - sure)
    loss = np.full(n, -np.log(sure))
    return Predictions(ids=tuple(map(str, range(n))), target=TAGS, truth=truth, output=output, loss=loss)


def sizes(n: int, off: float) -> Predictions:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(n, 1))
    output = truth + off * rng.normal(size=(n, 1))
    return Predictions(
        ids=tuple(map(str, range(n))), target=SIZE, truth=truth, output=output, loss=((output - truth) ** 2)[:, 0]
    )


def guarded(head: Predictions, end: Predictions, metric: str, *, stored: bool = False, judged: bool = True) -> KeepHead:
    """A run whose network is 1 with the head alone and 2 at the end: what is left says what was kept."""
    now = [head]
    chosen = resolve_metrics(metric, head.target)[0]
    network = torch.nn.Linear(1, 1)
    better = {chosen.name: chosen.higher_is_better is not False}
    run: Any = SimpleNamespace(network=network, history=[], better=better, main=True)
    guard = KeepHead(chosen, lambda: now[0])
    guard.on_run_start(run)
    torch.nn.init.constant_(network.weight, 1.0)
    run.history.append({"phase": "head", "valid_loss": 1.0})
    guard.on_epoch_end(run)
    if stored:  # as a checkpoint stores it, and the run that takes it up
        parts, guard = load(save(guard.tensors())), KeepHead(chosen, lambda: now[0])
        guard.on_run_start(run)
        guard.restore({}, parts)
    torch.nn.init.constant_(network.weight, 2.0)
    now[0] = end
    run.history.append({"phase": "all", "valid_loss": 1.0 if judged else None})
    guard.on_epoch_end(run)
    guard.on_run_end(run)
    assert guard.tensors() == {}
    expected = 1.0 if guard.kept is not None and guard.kept.value == "head" else 2.0
    assert network.weight.item() == expected
    return guard


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("head", "end", "metric", "kept"),
    [
        (fruit(30, 24), fruit(30, 10), "accuracy", "head"),
        (fruit(30, 24), fruit(30, 23), "accuracy", "all"),  # one row of thirty: chance
        (fruit(300, 240), fruit(300, 230), "accuracy", "head"),  # the same share of three hundred is not
        (fruit(30, 24), fruit(30, 30), "accuracy", "all"),
        (fruit(10, 9, sure=0.8), fruit(10, 9, sure=0.999), "accuracy", "all"),  # one dear mistake: chance
        (fruit(300, 240, sure=0.8), fruit(300, 240, sure=0.999), "accuracy", "head"),  # sixty are not
        (fruit(300, 200, sure=0.6), fruit(300, 260, sure=0.9999), "accuracy", "all"),  # dearer, and right more often
        (tags(60, 0.8), tags(60, 0.4), "f1", "head"),
        (tags(60, 0.8), tags(60, 0.9), "f1", "all"),
        (sizes(40, 0.1), sizes(40, 1.0), "mae", "head"),
        (sizes(40, 1.0), sizes(40, 0.1), "mae", "all"),
        (sizes(40, 0.1), sizes(40, 1.0), "r2", "head"),
    ],
)
def test_what_is_kept(head: Predictions, end: Predictions, metric: str, kept: str, stored: bool) -> None:
    decision = guarded(head, end, metric, stored=stored).kept
    assert decision is not None and decision.value == kept
    assert ("more than chance" in decision.reason) == (kept == "head")


def test_rows_of_one_group_are_not_many_rows() -> None:
    head, end = fruit(300, 240, sure=0.8), fruit(300, 240, sure=0.999)
    groups = np.repeat(np.arange(5), 60)
    found = guarded(replace(head, groups=groups), replace(end, groups=groups), "accuracy").kept
    assert found is not None and found.value == "all"


def test_an_undefined_metric_leaves_it_to_the_loss() -> None:
    ones = np.ones((40, 1))
    constant = replace(sizes(40, 0.1), truth=ones)
    noise = np.random.default_rng(1).random((2, 40))
    head, end = (replace(constant, output=ones + by, loss=by + noise[by - 1]) for by in (1, 2))
    decision = guarded(head, end, "r2").kept
    assert decision is not None and decision.value == "head" and decision.reason.startswith("loss")


def test_an_end_that_was_not_judged_is_believed() -> None:
    assert guarded(fruit(30, 24), fruit(30, 0), "accuracy", judged=False).kept is None


def test_a_fine_tuning_that_goes_wrong_ends_with_its_head(make_learner: MakeLearner) -> None:
    learner = make_learner(arch="embedded", pretrained=True)
    before = {name: value.clone() for name, value in learner.network.body.state_dict().items()}
    learner.fine_tune(1, lr=5.0)
    assert learner.decisions["kept"].value == "head"
    for name, value in learner.network.body.state_dict().items():
        assert torch.equal(value, before[name]), name
    found = learner.predictions()
    assert found.loss is not None and found.loss.mean() == pytest.approx(learner.history[0]["valid_loss"], rel=1e-4)


def test_whoever_keeps_the_best_epoch_needs_none(make_learner: MakeLearner, squares: Any) -> None:
    learner = make_learner()
    assert guard_of(learner, []) is not None
    assert guard_of(learner, [dt.KeepBest()]) is None
    assert guard_of(make_learner(dt.images(squares, valid_pct=0, test_pct=0)), []) is None


class Stop(Callback):
    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def on_epoch_end(self, run: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise SystemExit


def test_a_run_that_is_taken_up_knows_its_head(make_learner: MakeLearner, tmp_path: Path) -> None:
    """Stopped in its third epoch, when the head's own parameters were overwritten long ago."""
    learner = make_learner(arch="embedded", pretrained=True)
    with pytest.raises(SystemExit):
        learner.fine_tune(3, lr=5.0, checkpoint=tmp_path / "c", callbacks=[Stop(3)])
    again = make_learner(arch="embedded", pretrained=True)
    before = {name: value.clone() for name, value in again.network.body.state_dict().items()}
    again.fine_tune(3, lr=5.0, checkpoint=tmp_path / "c", callbacks=[Stop(10**6)])
    assert [row["phase"] for row in again.history] == ["head", "all", "all", "all", "settle"]
    assert again.decisions["kept"].value == "head"
    for name, value in again.network.body.state_dict().items():
        assert torch.equal(value, before[name]), name
