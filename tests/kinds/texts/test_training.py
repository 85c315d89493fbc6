"""Texts as a kind in training: the table of word vectors as a body, and what is decided."""

import importlib.metadata

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.errors import ArtefactError, MissingExtraError, SettingError
from drivetrain.kinds.texts.bodies.pooling import PieceMean
from drivetrain.kinds.texts.bodies.word_vectors import word_vectors
from drivetrain.kinds.texts.training import restore, usual
from drivetrain.runtime.manifest import Architecture
from tests.models.texts.conftest import frame


@pytest.fixture(scope="module")
def data():
    with dt.quiet():
        return dt.texts(frame(60), target="topic", seed=1)


@pytest.fixture(scope="module")
def learn(data):
    with dt.quiet():
        return dt.Learner(data, precision="fp32").fine_tune(1)


def test_the_body_begins_as_the_packaged_vectors(data):
    with dt.quiet():
        kind = dt.Learner(data, "static").kind
    views = [kind.spec.view(kind.spec.load(row)) for row in list(data.train.inputs)[:3]]
    expected = np.stack([word_vectors().table[ids].mean(axis=0) for ids, _ in views])
    with torch.no_grad():
        found = kind.body(*map(torch.from_numpy, kind.spec.stack(views))).numpy()
    assert found == pytest.approx(expected, abs=1e-3)
    assert kind.architecture.label == "wordllama (static)" and kind.decisions["windows"].value == 1


def test_vectors_are_fine_tuned(learn):
    assert learn.validate()["accuracy"].value > 0.8
    before = torch.from_numpy(word_vectors().table.copy())
    after = learn.network.body.table.weight.detach() * learn.network.body.faster
    moved = (after - before).norm(dim=1)
    assert (moved > 1e-3).any() and (moved < 1e-2 * before.norm(dim=1).clamp_min(1)).float().mean() > 0.9


def test_it_is_saved_with_its_tokeniser_and_taken_up_again(learn, tmp_path):
    with dt.quiet():
        path = learn.save(tmp_path / "static.model")
    assert (path / "tokenizer.json").read_bytes() == word_vectors().tokenizer
    saved = dt.load(path)
    assert saved.self_test().passed and saved.predict("I forgot my pin").label == "pin"
    manifest = saved.manifest
    assert restore(manifest, data=learn.data, augment=False).decisions["windows"] == learn.decisions["windows"]
    assert "config" not in manifest.model_dump(mode="json")["architecture"]


def test_the_head_alone(data):
    with dt.quiet():
        found = dt.Learner(data, "static").fine_tune(0)
    assert [row["phase"] for row in found.history] == ["head"]
    table = found.network.body.table.weight.detach() * found.network.body.faster
    np.testing.assert_allclose(table.numpy(), word_vectors().table, atol=1e-4)  # eight million numbers
    assert found.validate()["accuracy"].value > 0.8
    with dt.quiet(), pytest.raises(SettingError, match="epochs=0 trains the head alone"):
        dt.Learner(data, "static", pretrained=False).fine_tune(0)


def test_nothing_is_smoothed(data):
    assert usual(data)["label_smoothing"].value == 0


def test_pieces_are_cut_once(learn):
    kind = learn.kind
    row = kind.spec.load("my card is lost")
    assert kind.collate([row])[0].shape == kind.collate([row, row])[0][:1].shape
    assert kind._view(row) is kind._view(row)


def test_a_smaller_table_than_the_tokeniser_is_refused(learn):
    manifest = type("Saved", (), {})()
    manifest.input, manifest.decisions = learn.kind.spec, {}
    manifest.architecture = Architecture(
        name="static", options={"num_features": 10}, pretrained_from=None, features=8, dropout=0
    )
    with pytest.raises(dt.ModelError, match="10 pieces"):
        restore(manifest, data=learn.data, augment=False)


def test_without_the_package_it_is_said_what_to_install(data, monkeypatch):
    def none(name):
        raise importlib.metadata.PackageNotFoundError(name)

    word_vectors.cache_clear()
    monkeypatch.setattr("drivetrain.runtime.trust.installed.distribution", none)
    with pytest.raises(MissingExtraError, match="no encoder was named"):
        dt.Learner(data)


def test_steps_change_a_vector_more_than_other_weights():
    slow, fast = (PieceMean(4, 2, faster=each) for each in (1.0, 10.0))
    start = torch.ones(4, 2)
    for body in (slow, fast):
        body.take(start)
        optimizer = torch.optim.Adam(body.parameters(), lr=0.01)
        body(torch.tensor([[1]]), torch.tensor([[1]])).sum().backward()
        optimizer.step()
    moved = [abs(float((body.table.weight * body.faster - start)[1, 0].detach())) for body in (slow, fast)]
    assert moved[1] == pytest.approx(10 * moved[0], rel=1e-3)


def test_a_tokeniser_that_was_exchanged_is_refused(learn, tmp_path):
    with dt.quiet():
        path = learn.save(tmp_path / "static.model")
    (path / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(ArtefactError):
        dt.load(path)
