"""Linear probes: what they learn, and that no row is judged by its own picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.errors import DataError, ModelError
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.training import probing
from drivetrain.training.probing import Probe, out_of_fold

TWO = CategoryTarget(name="c", vocab=("a", "b"))


def examples_of(labels: list[str], digests: list[str] | None = None) -> Examples:
    names = tuple(f"{i:032x}" for i in range(len(labels)))
    return Examples(Files(map(Path, names)), tuple(digests or names), tuple(labels))


def test_out_of_fold_judges_are_no_better_than_chance_on_noise() -> None:
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(200, 400)), rng.integers(0, 2, 200)
    seen = Probe(TWO, features, truth).outputs(features).argmax(axis=1)
    assert (seen == truth).mean() > 0.95, "a probe that has seen the labels repeats them"
    judged = out_of_fold(TWO, features, examples_of([TWO.vocab[i] for i in truth])).argmax(axis=1)
    assert 0.35 < (judged == truth).mean() < 0.65


def test_copies_stay_in_one_fold() -> None:
    rng = np.random.default_rng(0)
    features, truth = np.tile(rng.normal(size=(100, 400)), (2, 1)), np.tile(rng.integers(0, 2, 100), 2)
    digests = [f"{i:032x}" for i in range(100)] * 2
    judged = out_of_fold(TWO, features, examples_of([TWO.vocab[i] for i in truth], digests)).argmax(axis=1)
    assert (judged == truth).mean() < 0.65, "its copy would give each label away"


def test_a_probe_learns_what_is_linear() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 5))
    numbers = NumberTarget(names=("g", "h"), mean=(10.0, 0.0), std=(3.0, 1.0))
    truth = np.stack([10 + 3 * features[:, 0], features[:, 1]], axis=1)
    said = Probe(numbers, features[:300], truth[:300]).outputs(features[300:])
    assert np.abs(said - truth[300:]).mean() < 1.0
    tags = CategoriesTarget(name="t", vocab=("x", "y", "never"))
    labels = np.stack([features[:, 0] > 0, features[:, 1] > 0, np.zeros(400)], axis=1).astype(np.float32)
    output = Probe(tags, features[:300], labels[:300]).outputs(features[300:])
    assert ((output[:, :2] > 0.5) == labels[300:, :2]).mean() > 0.95
    assert (output[:, 2] == 0).all()


def test_categories_that_were_not_there_get_nothing() -> None:
    target = CategoryTarget(name="c", vocab=("a", "b", "c"))
    output = Probe(target, np.eye(4), np.array([0, 2, 0, 2])).outputs(np.eye(4))
    assert (output[:, 1] == 0).all() and output.sum(axis=1) == pytest.approx(1)
    assert (Probe(target, np.eye(2), np.array([1, 1])).outputs(np.eye(2))[:, 1] == 1).all()


def test_one_row_cannot_be_judged_out_of_fold() -> None:
    with pytest.raises(DataError, match="cannot be divided"):
        out_of_fold(TWO, np.zeros((2, 3)), examples_of(["a", "a"], ["0" * 32] * 2))


def test_a_body_that_cannot_be_had_is_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def body_features(rows: Examples, arch: str, **_: object) -> np.ndarray:
        asked.append(arch)
        if arch != "embedded":
            raise ModelError("no network")
        return np.zeros((len(rows), 2))

    monkeypatch.setattr(probing, "body_features", body_features)
    architecture = Architecture(name="resnet18", pretrained_from="resnet18", features=512, dropout=0.2)
    _, body = probing.untrained_features(examples_of(["a"]), architecture, size_px=64)
    assert asked == ["resnet18", "embedded"] and body == "the body that ships with drivetrain"


@pytest.mark.parametrize("task", ["number", "multilabel"])
def test_out_of_fold_for_every_task(task: str) -> None:
    """Copies tell nothing of each other here, either: features are noise that is the same in both."""
    rng = np.random.default_rng(0)
    features, signal = np.tile(rng.normal(size=(60, 200)), (2, 1)), np.tile(rng.normal(size=60), 2)
    names = tuple(f"{i:032x}" for i in range(60)) * 2
    target = NumberTarget(names=("g",), mean=(0.0,), std=(1.0,))
    values: tuple[object, ...] = tuple((float(value),) for value in signal)
    if task == "multilabel":
        target = CategoriesTarget(name="t", vocab=("x", "y"))
        values = tuple(("x",) if value > 0 else ("y",) for value in signal)
    rows = Examples(Files(map(Path, (f"{i}.png" for i in range(120)))), names, values)
    judged = out_of_fold(target, features, rows)
    assert judged.shape == (120, target.n_outputs)
    assert np.corrcoef(judged[:, 0], signal)[0, 1] < 0.5, "its copy would give each value away"
    linear = out_of_fold(target, np.column_stack([features, 20 * signal]), rows)
    assert np.corrcoef(linear[:, 0], signal)[0, 1] > np.corrcoef(judged[:, 0], signal)[0, 1] + 0.1
