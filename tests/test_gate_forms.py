"""Other libraries' forms of the same settings: taken where what is meant is clear, else refused in three parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

import drivetrain as dt
from drivetrain.calls import MEANT
from drivetrain.errors import SettingError
from drivetrain.kinds.images.bodies.augment import asked_augmentation
from drivetrain.learner.arguments import asked_arch, asked_callbacks, asked_size
from drivetrain.runtime.times import seconds_of
from drivetrain.settings import choice, device, flag, number, precision, whole


@pytest.mark.parametrize(
    ("value", "meant"), [("42", 42), (8.0, 8), (np.int64(3), 3), (np.float32(2), 2), (torch.tensor(5), 5), (" 7 ", 7)]
)
def test_whole_numbers(value: Any, meant: int) -> None:
    found = whole("seed", value, least=0)
    assert found == meant and type(found) is int


def test_a_large_whole_number_stays_exact() -> None:
    assert whole("seed", "9007199254740993") == 2**53 + 1 == whole("seed", 2**53 + 1)


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), np.array(True), 1j, "8.5", "1e", None, [3]])
def test_what_is_no_number(value: Any) -> None:
    for check in (whole, number):
        if value == "8.5" and check is number:
            continue
        with pytest.raises(SettingError, match=r"cannot be used: expected a .*number.* To fix: "):
            check("n", value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (20, r"Did you mean 0\.2\? To fix: valid_pct=0\.2\."),
        ("20%", r"Did you mean 0\.2\?"),
        ("12.5 %", r"Did you mean 0\.125\?"),
        (1.5, r"below 1\. To fix: pass such a value"),
        (250, r"below 1\. To fix: pass such a value"),
    ],
)
def test_a_share_in_percent_is_suggested(value: Any, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        number("valid_pct", value, least=0, below=1)


def test_the_nearest_whole_number_is_suggested_where_it_is_allowed() -> None:
    with pytest.raises(SettingError, match=r"To fix: batch_size=8\."):
        whole("batch_size", 8.4, least=1)
    with pytest.raises(SettingError, match="To fix: pass such a value"):
        whole("batch_size", 0.4, least=1)


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __float__(self) -> float:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def test_values_whose_own_code_fails_are_refused_like_others() -> None:
    checks: list[Callable[[Any], Any]] = [
        lambda value: whole("n", value),
        lambda value: number("n", value),
        lambda value: flag("n", value),
        lambda value: choice("n", value, ("a", 1)),
        device,
        asked_callbacks,
        asked_augmentation,
        asked_size,
        asked_arch,
        seconds_of,
    ]
    for check in checks:
        with pytest.raises(SettingError, match="_Hostile"):
            check(_Hostile())


def test_precisions_and_devices_as_others_write_them() -> None:
    known = ("auto", "fp32", "bf16", "fp16")
    for value, meant in (
        ("16-mixed", "fp16"),
        ("bf16-mixed", "bf16"),
        (torch.float16, "fp16"),
        (torch.bfloat16, "bf16"),
        (32, "fp32"),
        ("FP32", "fp32"),
        ("auto", "auto"),
    ):
        assert precision(value, known) == meant
    for value in ("int8", torch.int8, 64, True, ["fp16"], object()):
        with pytest.raises(SettingError, match="expected 'auto', 'fp32', 'bf16' or 'fp16'"):
            precision(value, known)
    for value, meant in ((0, "cuda:0"), ("1", "cuda:1"), (torch.device("cpu"), "cpu"), ("CPU", "cpu"), ("gpu", "gpu")):
        assert device(value) == meant


def test_sizes_of_squares() -> None:
    for value in (64, "64", (64, 64), [64, 64], (3, 64, 64), (64,), np.int32(64)):
        assert asked_size(value) == 64
    for value, says in (
        ((64, 48), "network reads square views. To fix: size=64"),
        ((4, 4), "from 8 to 2048"),
        ((), "one side in px"),
        ((64, "x"), "'x' cannot be used"),
        ("64x64", "expected a whole number"),
    ):
        with pytest.raises(SettingError, match=says):
            asked_size(value)


def test_a_network_is_refused_with_the_name_it_was_created_with(tmp_path: Path) -> None:
    net = timm.create_model("test_resnet")
    with pytest.raises(SettingError, match=r"is a network \(ResNet\).*To fix: arch='test_resnet\.r160_in1k' builds"):
        asked_arch(net)
    with pytest.raises(SettingError, match="To fix: pass the timm name it was created with"):
        asked_arch(nn.Linear(2, 2))
    with pytest.raises(SettingError, match=r"is the function resnet18; .*arch='resnet18'"):
        asked_arch(timm.models.resnet.resnet18)
    assert asked_arch(tmp_path) == f"local-dir:{tmp_path}"


class _KerasLike:
    def on_epoch_end(self, epoch: int, logs: object) -> None: ...


def test_callbacks_alone_as_classes_functions_and_of_others() -> None:
    keep = dt.KeepBest()
    for value in (keep, [keep], (keep,), iter([keep])):
        assert asked_callbacks(value) == [keep]
    assert asked_callbacks(None) == asked_callbacks(()) == []
    for value, says in (
        (dt.KeepBest, r"the class itself\. To fix: .*KeepBest\(\.\.\.\)"),
        ([dt.EarlyStopping], r"EarlyStopping\(\.\.\.\)"),
        (print, "on_epoch_end.self, run. of a class that derives"),
        (_KerasLike(), "_KerasLike is another library's"),
        ([keep, _KerasLike()], "_KerasLike is another library's"),
        ("KeepBest", "derive from dt.Callback"),
        ({"keep": keep}, "derive from dt.Callback"),
        (3, "derive from dt.Callback"),
    ):
        with pytest.raises(SettingError, match=says):
            asked_callbacks(value)


def test_augmentation_in_other_forms() -> None:
    assert asked_augmentation(None) is asked_augmentation("none") is asked_augmentation(False) is False
    assert asked_augmentation(np.True_) is True
    assert asked_augmentation({"flip": False, "rotate_deg": "5"}) == dt.Augmentation(flip=False, rotate_deg=5)
    for value, says in (
        ({"fip": False}, "Augmentation has no fip; .*Did you mean 'flip'"),
        ({"crop": 2}, r"crop=2\.0\) cannot be used: expected a value less than or equal to 1"),
        ({"flip": "no"}, "flip='no' cannot be used"),
        ("flip", "expected True, False, 'none'"),
        (dt.Augmentation, "expected True, False, 'none'"),
        (1, "augment=1 cannot be used"),
    ):
        with pytest.raises(SettingError, match=says):
            asked_augmentation(value)
    with pytest.raises(SettingError, match="expected settings with their names"):
        dt.Augmentation("none")  # pyright: ignore[reportCallIssue]


def test_times() -> None:
    assert seconds_of(timedelta(minutes=5)) == seconds_of("5min") == seconds_of(np.float64(300)) == 300


@pytest.mark.parametrize(
    ("call", "wrong", "says"),
    [
        (
            dt.images,
            {"bs": 64},
            r"images\(\) has no bs; expected batch_size of dt.Recipe. To fix: pass batch_size= there",
        ),
        (dt.images, {"batch_size": 64}, "expected batch_size of dt.Recipe"),
        (dt.images, {"label_col": "y"}, "has no label_col; expected target. To fix: write target="),
        (dt.images, {"fn_col": "f"}, "To fix: write path="),
        (dt.images, {"item_tfms": 1}, "expected augment of dt.Learner"),
        (dt.images, {"label_mode": "int"}, "expected task. To fix: write task="),
        (dt.images, {"classes": ["a"]}, "expected none: the classes are those of the data"),
        (dt.images, {"train_size": 0.8}, r"expected valid_pct= and test_pct="),
        (dt.Learner, {"weights": "imagenet"}, "expected pretrained= for those of the body"),
        (dt.Learner, {"patience": 3}, r"expected callbacks=dt.EarlyStopping\(patience=3\)"),
        (dt.Learner, {"optimizer": "sgd"}, "expected none: AdamW"),
        (dt.Learner, {"imgsz": 64}, "expected size. To fix: write size="),
        (dt.images, {"valid_pc": 0.2}, "Did you mean 'valid_pct'"),
        (dt.images, {"num_workers": 4}, "expected none: pictures are decoded in as many threads"),
        (dt.images, {"zzz": 4}, "expected among source, target"),
        (dt.Learner, {"wd": 0.1}, "expected weight_decay of dt.Recipe. To fix: pass weight_decay= there"),
        (dt.Recipe, {"wd": 0.1}, "To fix: write weight_decay="),
        (dt.Learner, {"learning_rate": 0.1}, "has no learning_rate; expected lr of fine_tune"),
        (dt.Learner, {"lr": 0.1}, "expected lr of fine_tune"),
        (dt.Learner.fine_tune, {"base_lr": 0.1}, "To fix: write lr="),
        (dt.Learner.fine_tune, {"freeze_epochs": 1}, "To fix: write head_epochs="),
        (dt.Learner.fit, {"n_epoch": 1}, "To fix: write epochs="),
        (dt.Learner.fit, {"wd": 1}, "expected weight_decay of dt.Recipe"),
        (dt.Learner.save, {"topk": 1}, "expected among path, precision"),
        (dt.load, {"topk": 1}, "Did you mean 'top_k'"),
        (dt.audit, {"valid_pct": 0.2}, "expected valid_pct of dt.images"),
        (dt.Predictor.predict_many, {"bs": 2}, "To fix: write batch_size="),
        (dt.EarlyStopping, {"min_dleta": 2}, "Did you mean 'min_delta'"),
        (dt.EarlyStopping, {"metric": "f1"}, "expected among .*monitor"),
    ],
)
def test_names_that_a_call_does_not_know(call: Callable[..., Any], wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        call(**wrong)


def test_values_without_a_name_that_need_one_and_values_that_miss() -> None:
    with pytest.raises(SettingError, match=r"given 2 values without a name, the last 0\.2; expected at most 1: source"):
        dt.images("fruit", 0.2)  # pyright: ignore[reportCallIssue]
    with pytest.raises(SettingError, match=r"images\(\) cannot be called so: missing a required argument: 'source'"):
        dt.images()  # pyright: ignore[reportCallIssue]


def test_signatures_stay_visible() -> None:
    assert list(inspect.signature(dt.images).parameters)[:3] == ["source", "target", "path"]
    assert "recipe" in inspect.signature(dt.Learner).parameters
    assert "class_weights" in inspect.signature(dt.Recipe).parameters
    assert (
        dt.Learner.fine_tune.__doc__ is not None and "head_epochs" in inspect.signature(dt.Learner.fine_tune).parameters
    )


def test_what_others_call_it_leads_to_names_that_exist() -> None:
    calls = (dt.images, dt.Learner, dt.Recipe, dt.Learner.fine_tune, dt.Learner.report)
    known = {name for call in calls for name in inspect.signature(call).parameters}
    assert {meant[0] for meant in MEANT.values()} <= known


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SetingError", "Did you mean 'SettingError'"),
        ("load_learner", r"dt\.Learner\.load\(path\)"),
        ("ImageDataLoaders", r"dt\.images\(folder\)"),
        ("EarlyStoping", "Did you mean 'EarlyStopping'"),
        ("zzz", "has no attribute 'zzz'$"),
        ("__zzz__", "has no attribute '__zzz__'$"),
    ],
)
def test_what_the_library_does_not_have(name: str, says: str) -> None:
    with pytest.raises(AttributeError, match=says):
        getattr(dt, name)
    assert not hasattr(dt, name)


def test_what_judges_says_which_arguments_it_has() -> None:
    learn: Any = object.__new__(dt.Learner)
    for call in (learn.validate, learn.test, learn.verdict, learn.plot_losses):
        with pytest.raises(SettingError, match="was given 1 values without a name, the last 'test'"):
            call("test")
