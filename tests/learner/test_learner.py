"""The Learner as its user meets it."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.data.data import Data, Sealed
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError, DrivetrainWarning, SettingError, TrainingError
from drivetrain.evaluation.metrics.metrics import resolve_metrics
from drivetrain.training.identity import parameters_sha256
from drivetrain.training.recipe.fine_tuning import rates_of_fit
from drivetrain.training.stepping import make_optimizer

from .conftest import MakeLearner


def test_learns_what_can_be_learnt(make_learner: MakeLearner) -> None:
    learn = make_learner().fine_tune(6)
    accuracy = learn.validate()["accuracy"]
    assert accuracy.value is not None and accuracy.value > 0.9
    assert accuracy.low is not None and accuracy.low < accuracy.value
    assert accuracy.n == 12
    losses = [row["train_loss"] for row in learn.history]
    assert losses[-1] < losses[0] / 2


def test_history_tells_losses_and_metrics_apart(make_learner: MakeLearner) -> None:
    learn = make_learner(metrics=["accuracy", "f1"]).fit(2)
    assert [list(row) for row in learn.history] == [
        ["epoch", "phase", "train_loss", "valid_loss", "accuracy", "f1", "lr", "seconds"]
    ] * 2
    learn.fit(1)
    assert [row["epoch"] for row in learn.history] == [1, 2, 3]


def test_same_seed_same_parameters(make_learner: MakeLearner) -> None:
    first, second, other = (parameters_sha256(make_learner(seed=s).fit(1).network) for s in (3, 3, 4))
    assert first == second != other


def test_a_new_head_begins_at_the_base_rates(make_learner: MakeLearner) -> None:
    learn = make_learner()
    counts = np.bincount(learn.data.target.encode(learn.data.train.values))
    np.testing.assert_allclose(learn.network.head[-1].bias.detach(), np.log(counts / counts.sum()), rtol=1e-5)


def test_training_leaves_the_callers_random_state_alone(make_learner: MakeLearner) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    learn = make_learner()
    learn.fit(1)
    learn.find_lr(steps=5)
    assert torch.equal(torch.rand(3), expected)


def test_head_phase_leaves_the_body_alone(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.freeze()
    body = copy.deepcopy(learn.network.body.state_dict())
    head = copy.deepcopy(learn.network.head.state_dict())
    learn.fit(1)
    assert all(torch.equal(value, body[name]) for name, value in learn.network.body.state_dict().items())
    assert not torch.equal(learn.network.head[2].weight, head["2.weight"])
    learn.unfreeze().fit(1)
    assert not all(torch.equal(value, body[name]) for name, value in learn.network.body.state_dict().items())


def test_fine_tune_trains_a_pretrained_body_in_two_phases(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.pretrained = True  # as if the weights had been
    learn.fine_tune(2, head_epochs=1)
    assert [row["phase"] for row in learn.history] == ["head", "all", "all"]
    assert "as asked" in str(learn.decisions["head_epochs"])


def test_rates_rise_from_stem_to_head(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.pretrained = True
    rates, _ = rates_of_fit(learn, 1e-2)
    optimizer = make_optimizer(learn.network, learn.kind.depth, rates, 0.01)
    rate = {id(p): group["peak_lr"] for group in optimizer.param_groups for p in group["params"]}
    stem = rate[id(learn.network.body.conv1[0].weight)]
    last = rate[id(next(iter(learn.network.body.layer4.parameters())))]
    head = rate[id(learn.network.head[2].weight)]
    assert stem < last < head == 1e-2
    decay = {group["weight_decay"] for group in optimizer.param_groups for p in group["params"] if p.ndim == 1}
    assert decay == {0.0}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(learn.network.parameters()))


class _Sealed(Examples):
    """Test rows that may be counted and nothing else."""

    def __getattribute__(self, name: str) -> object:
        if name in {"paths", "digests", "values", "subset"}:
            raise AssertionError("the test set was looked at")
        return super().__getattribute__(name)

    def __len__(self) -> int:
        return 12


def test_nothing_but_test_reaches_the_test_set(make_learner: MakeLearner, data: Data, tmp_path: Path) -> None:
    sealed = Data(**{**vars(data), "sealed_test": Sealed(object.__new__(_Sealed))})
    learn = make_learner(sealed).fine_tune(1)
    learn.validate()
    learn.find_lr(steps=5)
    learn.show_batch()
    learn.show_results()
    learn.plot_top_losses()
    learn.predictions("train")
    learn.save(tmp_path / "m.model")
    repr(learn)
    with pytest.raises(AssertionError, match="looked at"):
        learn.test()
    with pytest.raises(SettingError, match=r"test\(\)"):
        learn.predictions("test")


def test_opening_the_test_set_is_recorded(make_learner: MakeLearner) -> None:
    learn = make_learner().fit(1)
    scores = learn.test()
    assert scores.part == "test" and scores["accuracy"].n == 12
    learn.test()  # the same parameters again: nothing new is learnt about the test set
    assert len(learn.test_openings) == 2
    learn.fit(1)
    with pytest.warns(dt.errors.DrivetrainWarning, match="opened 2 time"):
        learn.test()


def test_without_a_validation_set(squares: Path, make_learner: MakeLearner, tmp_path: Path) -> None:
    data = dt.images(squares, valid_pct=0, test_pct=0)
    learn = make_learner(data).fit(1)
    assert "valid_loss" not in learn.history[0]
    with pytest.raises(DataError, match="valid_pct"):
        learn.validate()
    with pytest.raises(DataError, match="test_pct"):
        learn.test()
    assert learn.save(tmp_path / "m.model").is_dir()


def test_find_lr_suggests_and_puts_everything_back(make_learner: MakeLearner) -> None:
    learn = make_learner()
    before = parameters_sha256(learn.network)
    suggestion = learn.find_lr()
    assert parameters_sha256(learn.network) == before
    assert 1e-6 < suggestion.lr < 1
    assert len(suggestion.lrs) == len(suggestion.losses) > 5
    assert suggestion.plot() is not None
    assert learn.history == []


@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_find_lr_never_crashes_on_small_data(squares: Path, make_learner: MakeLearner, per_class: int) -> None:
    import pandas as pd

    rows = [(str(squares / c / f"{i:02}.png"), c) for c in ("red", "blue") for i in range(per_class)]
    data = dt.images(pd.DataFrame(rows, columns=["path", "label"]), valid_pct=0, test_pct=0)
    assert 0 < make_learner(data).find_lr(steps=8).lr < 1


def test_exploding_loss_stops_with_advice(make_learner: MakeLearner) -> None:
    learn = make_learner()
    with pytest.raises(TrainingError, match=r"loss became (nan|inf).*lower learning rate.*clip_norm"):
        learn.fit(3, lr=1e30)


def test_out_of_memory_is_explained(make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = make_learner()

    def no_room(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(learn.network, "forward", no_room)
    with pytest.raises(TrainingError, match=r"memory ran out.*batch_size"):
        learn.fit(1)


def test_other_runtime_errors_are_not_disguised(make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = make_learner()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(learn.network, "forward", broken)
    with pytest.raises(RuntimeError, match="a bug of ours"):
        learn.fit(1)


@pytest.mark.parametrize("option", ["mixup", "cutmix"])
def test_mixing_pairs_of_rows(make_learner: MakeLearner, option: str) -> None:
    plain, mixed = make_learner().fit(1), make_learner(**{option: 0.4}).fit(1)
    assert mixed.history[0]["train_loss"] != plain.history[0]["train_loss"]
    assert mixed.history[0]["train_loss"] < 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["acuracy"]}, "Did you mean 'accuracy'"),
        ({"metrics": ["rmse"]}, "kind"),
        ({"loss": "mse"}, "does not suit"),
        ({"loss": "cross_entrpy"}, "Did you mean 'cross_entropy'"),
        ({"label_smoothing": 1.5}, "at least 0 and below 1"),
        ({"loss": torch.nn.CrossEntropyLoss(), "label_smoothing": 0.1}, "no effect"),
        ({"class_weights": {"rad": 2.0}}, "Did you mean 'red'"),
        ({"mixup": 0.2, "cutmix": 0.2}, "choose one"),
        ({"mixup": -1}, "of at least 0"),
        ({"dropout": 1.0}, "dropout"),
        ({"batch_size": 0}, "at least 1"),
        ({"size": 4}, "8 to 2048"),
        ({"precision": "bf17"}, "Did you mean 'bf16'"),
        ({"precision": "fp16"}, "CUDA"),
        ({"device": "cuda:77"}, "cannot be used here"),
        ({"device": "toaster"}, "cannot be used here"),
    ],
)
def test_bad_settings_are_explained(make_learner: MakeLearner, options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_learner(**options)


def test_bad_calls_are_explained(make_learner: MakeLearner) -> None:
    with pytest.raises(SettingError, match=r"drivetrain.images\(\.\.\.\), .* gives"):
        dt.Learner("fruit/", "resnet18")
    learn = make_learner()
    with pytest.raises(SettingError, match="epochs=-1"):
        learn.fine_tune(-1)
    with pytest.raises(SettingError, match="start"):
        learn.find_lr(start=1, end=0.1)
    with pytest.raises(DataError, match="no epoch"):
        learn.plot_losses()
    with pytest.raises(DataError, match="no epoch"):
        learn.plot_lr()


def test_own_loss_and_metric(make_learner: MakeLearner) -> None:
    def share_right(truth: np.ndarray, output: np.ndarray) -> float:
        return float((output.argmax(axis=1) == truth).mean())

    mean = make_learner(loss=torch.nn.CrossEntropyLoss(), metrics=["accuracy", share_right]).fit(1)
    rows = make_learner(loss=torch.nn.CrossEntropyLoss(reduction="none")).fit(1)
    named = make_learner(loss="cross_entropy").fit(1)
    scores = mean.validate()
    assert scores["share_right"].value == scores["accuracy"].value
    assert mean.history[0]["train_loss"] == pytest.approx(rows.history[0]["train_loss"], rel=1e-4)
    assert named.history[0]["train_loss"] == pytest.approx(rows.history[0]["train_loss"], rel=1e-4)


def test_figures(make_learner: MakeLearner, tmp_path: Path) -> None:
    learn = make_learner().fine_tune(1)
    figures = [
        learn.show_batch(4),
        learn.show_results(4),
        learn.plot_top_losses(4),
        learn.plot_confusion(),
        learn.plot_losses(),
        learn.plot_lr(),
    ]
    for i, figure in enumerate(figures):
        figure.save(tmp_path / f"{i}.png")
        assert (tmp_path / f"{i}.png").stat().st_size > 3000


def test_decisions_carry_reasons(make_learner: MakeLearner) -> None:
    learn = make_learner().fine_tune(1)
    assert {"arch", "device", "precision", "size", "batch_size", "lr", "head_epochs"} <= set(learn.decisions)
    assert all(decision.reason for decision in learn.decisions.values())
    json.dumps({name: decision.model_dump() for name, decision in learn.decisions.items()})


def test_a_file_that_vanishes_does_not_stop_training(
    squares: Path, make_learner: MakeLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "0")  # the cache would still hold it
    copied = tmp_path / "copy"
    shutil.copytree(squares, copied)
    data = dt.images(copied, valid_pct=0.2, test_pct=0)
    learn = make_learner(data)
    data.train.inputs.paths[0].unlink()
    with pytest.warns(dt.errors.DrivetrainWarning, match="cannot be read as when it was checked"):
        learn.fit(1)
    data.valid.inputs.paths[0].unlink()
    with pytest.warns(dt.errors.DrivetrainWarning), pytest.raises(DataError, match="put it back"):
        make_learner(data).validate()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_accumulation_makes_larger_steps(make_learner: MakeLearner, accumulate: int) -> None:
    learn = make_learner(batch_size=6, accumulate=accumulate)
    assert learn.feeder.steps == {1: 6, 2: 3}[accumulate]
    assert learn.fit(1).history[0]["train_loss"] > 0


def test_clipping_bounds_the_step(make_learner: MakeLearner) -> None:
    """With the gradient clipped to nothing, Adam's epsilon leaves the weights nearly where they were."""
    free, clipped = make_learner(weight_decay=0), make_learner(weight_decay=0, clip_norm=1e-9)
    before = free.network.head[2].weight.detach().clone()
    free.fit(1)
    clipped.fit(1)
    moved = [float((learn.network.head[2].weight.detach() - before).abs().max()) for learn in (free, clipped)]
    assert moved[1] < moved[0] / 20


def test_bf16_trains_too(make_learner: MakeLearner) -> None:
    learn = make_learner(precision="bf16").fit(2)
    assert learn.network.head[2].weight.dtype is torch.float32
    assert 0 < float(learn.history[-1]["train_loss"] or 0) < 2
    assert str(learn.decisions["precision"]) == "bf16 (as asked)"


def test_validation_is_done_again_only_when_something_changed(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = make_learner().fit(1)
    first = learn.validate()
    with monkeypatch.context() as patched:
        patched.setattr(learn, "predictions", lambda: pytest.fail("validated twice"))
        assert learn.validate() is first
    learn.metrics = resolve_metrics(["f1"], learn.data.target)
    assert list(learn.validate()) == ["f1"]
    learn.fit(1)
    assert learn.validate() is not first


def test_a_later_run_draws_anew(make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another order and other views: ten runs of one epoch are no worse than one run of ten."""
    learn = make_learner()
    seen: list[list[float]] = []
    epoch_of = learn.feeder.epoch

    def spied(*position: int, **options: int):
        for step in epoch_of(*position, **options):
            seen.append(step.micro[0].inputs.draws.flatten().tolist())
            yield step

    monkeypatch.setattr(learn.feeder, "epoch", spied)
    learn.fit(1).fit(1).fine_tune(1)
    assert len({tuple(draws) for draws in seen}) == len(seen) >= 9


def test_a_negative_seed_is_explained(make_learner: MakeLearner) -> None:
    with pytest.raises(SettingError, match="seed=-1"):
        make_learner(seed=-1)


def test_other_forms_of_settings_make_the_same_learner(make_learner: MakeLearner) -> None:
    plain = make_learner(seed=42, dropout=0.5, augment=False, class_weights={"red": 2.0}, batch_size=8)
    forms = {"seed": "42", "dropout": "0.5", "augment": None, "class_weights": [1, 1, 2], "batch_size": np.int64(8)}
    other = make_learner(size=(32, 32), callbacks=dt.KeepBest(), device=torch.device("cpu"), **forms)
    assert parameters_sha256(other.network) == parameters_sha256(plain.network)
    # what was not named weighs 1, and a run is told from another by what was meant, not by how it was written
    assert other.settings["loss"][2] == {"blue": 1.0, "green": 1.0, "red": 2.0}
    assert {**other.settings, "loss": None} == {**plain.settings, "loss": None}
    assert other.loss.weights == plain.loss.weights == pytest.approx((0.75, 0.75, 1.5), rel=0.05)
    assert other.decisions["class_weights"].reason.startswith("as asked: blue 1, green 1, red 2; scaled")


def test_a_manifest_without_its_parameters_says_that_its_weights_are_random(
    make_learner: MakeLearner, tmp_path: Path
) -> None:
    learn = make_learner().fit(1)
    learn.save(tmp_path / "m.model", precision=None)
    manifest = dt.load(tmp_path / "m.model").manifest
    assert manifest is not None
    with pytest.warns(DrivetrainWarning, match=r"random weights: a manifest holds none; dt\.Learner\.load\(PATH\)"):
        bare = dt.Learner(learn.data, manifest, device="cpu", precision="fp32")
    assert "random weights" in bare.decisions["arch"].reason and not bare.pretrained
    loaded = dt.Learner.load(tmp_path / "m.model", device="cpu", precision="fp32")  # a warning would be an error
    assert parameters_sha256(loaded.network) == parameters_sha256(learn.network) != parameters_sha256(bare.network)
    with pytest.raises(SettingError, match="a saved model has its own"):
        dt.Learner(learn.data, manifest, size=64)


@pytest.mark.parametrize(("pretrained", "asked", "used"), [(True, None, 0), (False, None, 0.1), (True, 0.3, 0.3)])
def test_labels_are_smoothed_from_scratch_alone(
    make_learner: MakeLearner, pretrained: bool, asked: float | None, used: float
) -> None:
    learn = make_learner(arch="embedded", pretrained=pretrained, label_smoothing=asked)
    outputs, truth = torch.tensor([[3.0, 0.0, 1.0], [0.5, -2.0, 0.0]]), torch.tensor([0, 2])
    expected = torch.nn.functional.cross_entropy(outputs, truth, reduction="none", label_smoothing=used)
    torch.testing.assert_close(learn.loss(outputs, truth), expected)
