"""The strongest activations are those that a search without any thrift finds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.data.data import Data, Sealed
from drivetrain.errors import DataError, SettingError
from drivetrain.insight.layers import activations, layers_of, shown_layers
from drivetrain.insight.parts import Subject
from drivetrain.insight.projecting import patches_of
from drivetrain.insight.subject import draw, subject_of
from drivetrain.insight.tops import find_tops, plain_pass_seconds
from tests.training.conftest import ARCH


@pytest.fixture(scope="module")
def learner(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> dt.Learner:
    data = dt.images(squares, valid_pct=0.4, test_pct=0.2, seed=1)
    torch.manual_seed(0)
    return dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def subject(learner: dt.Learner) -> Subject:
    return subject_of(learner)


def test_tops_are_those_of_brute_force(subject: Subject) -> None:
    layers = layers_of(subject)
    tops = find_tops(subject, layers, patches=3, batch=5)
    all_of_them = activations(subject, layers, range(len(subject.rows)))
    assert len(layers) == len(tops) == 15
    for layer in layers:
        maps = all_of_them[layer.name].numpy()
        assert maps.shape[1:] == (layer.channels, *layer.resolution)
        maxima = maps.max(axis=(2, 3))
        top = tops[layer.name]
        np.testing.assert_allclose(top.strongest, maxima, rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(top.values, -np.sort(-maxima, axis=0)[:3].T, rtol=1e-4, atol=1e-5)
        for channel in range(layer.channels):
            assert len(set(top.rows[channel])) == 3
            for value, row, place in zip(top.values[channel], top.rows[channel], top.places[channel], strict=True):
                assert maps[row, channel, *place] == pytest.approx(value, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_batches_change_nothing(subject: Subject, batch: int) -> None:
    layers = shown_layers(layers_of(subject))
    expected, found = find_tops(subject, layers, batch=5), find_tops(subject, layers, batch=batch)
    for name, top in expected.items():
        np.testing.assert_allclose(found[name].values, top.values, rtol=1e-4, atol=1e-5)
        apart = np.diff(top.values, axis=1) < -1e-3 * np.abs(top.values[:, :1])  # rounding decides among equals
        clear = apart[:, :-1] & apart[:, 1:]
        np.testing.assert_array_equal(found[name].rows[:, 1:-1][clear], top.rows[:, 1:-1][clear])
        np.testing.assert_array_equal(found[name].places[:, 1:-1][clear], top.places[:, 1:-1][clear])


def test_too_few_rows_and_equal_ones(subject: Subject) -> None:
    layers = layers_of(subject)[-1:]
    n = len(subject.rows)
    top = find_tops(subject, layers, patches=n + 2)[layers[0].name]
    assert (top.rows[:, n:] == -1).all() and (top.places[:, n:] == -1).all()
    assert np.isneginf(top.values[:, n:]).all() and np.isfinite(top.values[:, :n]).all()
    dead = (top.values[:, :n] == 0).all(axis=1)  # channels that no picture excites: the earlier row stands first
    assert all((np.diff(rows) > 0).all() for rows in top.rows[dead, :n])
    with pytest.raises(SettingError, match="patches"):
        find_tops(subject, layers, patches=0)


def test_what_saturates_is_read_before_it_does(squares: Path) -> None:
    """ReLU6 gives 6 for all that is strong: without what comes before it the strongest could not be told apart."""
    data = dt.images(squares, valid_pct=0.4, test_pct=0.2, seed=1)
    learn = dt.Learner(data, "mobilenetv1_100", pretrained=False, size=32, precision="fp32", device="cpu")
    with torch.no_grad():
        for parameter in learn.network.body.parameters():
            parameter.mul_(3)
    first = subject_of(learn)
    layers = [layer for layer in layers_of(first) if "ReLU6" in layer.said][:3]
    assert all(layer.reading.given for layer in layers)
    top = find_tops(first, layers)[layers[0].name]
    assert top.values.max() > 6
    assert len(np.unique(top.values[top.values[:, 0] > 6, 0])) > 1


def test_large_values_are_kept_in_32_bits(learner: dt.Learner) -> None:
    subject = subject_of(learner)
    layers = shown_layers(layers_of(subject))[-1:]
    with torch.no_grad():
        for parameter in subject.network.body.parameters():
            parameter.mul_(8)
    (top,) = find_tops(subject, layers).values()
    assert top.values.max() > 65504 and top.strongest.dtype == np.float32
    assert np.isfinite(top.strongest).all()


# ── the subject ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Poisoned(Sealed):
    """Test rows that nobody may open."""

    def open(self) -> dt.Examples:
        raise AssertionError("the sealed rows were opened")


def poisoned(data: Data) -> Data:
    """The same data, whose test files hold something else now, and whose test rows cannot be opened."""
    for path in data.sealed_test.open().inputs:
        Path(path).write_bytes(b"not a picture")
    return replace(data, sealed_test=Poisoned(data.sealed_test.open()))


def test_sealed_rows_are_never_read(squares: Path, tmp_path: Path) -> None:
    shutil.copytree(squares, tmp_path / "pictures")
    data = dt.images(tmp_path / "pictures", valid_pct=0.4, test_pct=0.2, seed=1)
    assert data.n_test
    learn = dt.Learner(poisoned(data), ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
    subject = subject_of(learn)
    assert subject.rows.digests == data.valid.digests
    layers = layers_of(subject)
    top = find_tops(subject, layers)[layers[0].name]
    patches_of(subject, top, [0])
    assert np.isfinite(top.values).all()


def test_a_saved_model_is_the_same_subject(learner: dt.Learner, subject: Subject, tmp_path: Path) -> None:
    model = learner.save(tmp_path / "squares.model", precision=None)
    again = subject_of(dt.Learner.load(model, device="cpu", precision="fp32"), label="squares.model")
    assert again.label == "squares.model"
    assert again.rows.digests == subject.rows.digests
    layers = layers_of(again)
    assert layers == layers_of(subject)
    one, two = (find_tops(each, layers[-1:])[layers[-1].name] for each in (subject, again))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-4, atol=1e-5)


def test_the_learner_is_left_alone(learner: dt.Learner, squares: Path) -> None:
    learner.network.train()
    learner.freeze()
    before = learner.identity()
    subject = subject_of(learner)
    layer = layers_of(subject)[0]
    top = find_tops(subject, [layer])[layer.name]
    (patches, projections) = patches_of(subject, top, [3])[3]  # a frozen body lets gradients through here
    assert np.abs(projections["deconvnet"][0]).max() == 1
    assert all(patch.effective.width <= layer.receptive_field_px for patch in patches)
    assert learner.network.training and learner.network.body_frozen and learner.identity() == before
    assert not any(module._forward_hooks for module in subject.network.modules())
    learner.unfreeze()


def test_rows_are_drawn_in_proportion(learner: dt.Learner) -> None:
    subject = subject_of(learner, rows=9)
    assert len(subject.rows) == 9 == len(subject.truth)
    counts = [subject.rows.values.count(value) for value in ("blue", "green", "red")]
    whole = [learner.data.valid.values.count(value) for value in ("blue", "green", "red")]
    assert max(abs(n - 9 * all_of / sum(whole)) for n, all_of in zip(counts, whole, strict=True)) < 1
    again, other = subject_of(learner, rows=9), subject_of(learner, rows=9, seed=1)
    assert subject.rows.digests == again.rows.digests != other.rows.digests
    assert [*draw(subject.rows, 100)] == [*range(9)]
    assert subject.picture(0).shape == (32, 32, 3) and subject.picture(0).dtype == np.uint8
    with pytest.raises(SettingError, match="rows"):
        subject_of(learner, rows=0)


def test_without_validation_rows_there_is_nothing_to_look_at(squares: Path) -> None:
    data = dt.images(squares, valid_pct=0, test_pct=0.2, seed=1)
    learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
    with pytest.raises(DataError, match=r"no validation rows.*To fix: "):
        subject_of(learn)


def test_seconds_of_a_plain_pass(subject: Subject) -> None:
    assert plain_pass_seconds(subject, rows=4, batch=2) > 0
