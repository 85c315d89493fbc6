"""What a review shows: wrong labels in both parts, duplicates with different labels, and never a test row."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError, ModelError
from drivetrain.evaluation import Predictions
from drivetrain.learner.review import review_data, review_rows
from drivetrain.runtime.manifest import Architecture
from drivetrain.training import probing

from .conftest import COLOURS, MakeLearner

WRONG = 4


def mean_colours(rows: Examples, architecture: Architecture, **_: object) -> tuple[np.ndarray, str]:
    """Stands in for a pretrained body, which is not here."""
    return np.stack(
        [np.asarray(Image.open(path), dtype=float).mean(axis=(0, 1)) for path in rows.inputs.paths]
    ), "mean colours"


@pytest.fixture
def muddled(squares: Path, tmp_path: Path) -> Path:
    """The squares, of which some red ones lie under blue, and one green one twice, once under red."""
    folder = tmp_path / "muddled"
    shutil.copytree(squares, folder)
    for path in sorted((folder / "red").iterdir())[:WRONG]:
        shutil.move(path, folder / "blue" / f"wrong-{path.name}")
    green = sorted((folder / "green").iterdir())[0]
    Image.open(green).resize((80, 80)).save(folder / "red" / "copy.png")
    return folder


@pytest.fixture
def learner(muddled: Path, make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch) -> dt.Learner:
    monkeypatch.setattr(probing, "untrained_features", mean_colours)
    learn = make_learner(dt.images(muddled, valid_pct=0.25, test_pct=0.1, seed=3))
    return learn.fit(6, checkpoint=False)


def test_planted_errors_of_training_rows_are_suspected(learner: dt.Learner) -> None:
    rows = review_rows(learner, "m")
    suspected = {rows.examples.inputs.paths[item.rows[0]].name: item for item in rows.items["labels"]}
    trained = [path.name for row, path in enumerate(rows.examples.inputs.paths) if rows.part(row) == "training"]
    planted = {name for name in trained if name.startswith("wrong-")}  # validation rows are judged by a weak model
    assert len(planted) >= 2
    assert planted <= set(suspected)
    assert all(suspected[name].suggestion == "red" for name in planted)
    assert len(suspected) < 2 * WRONG + 2
    assert "mean colours" in rows.notes[0]


def test_test_rows_are_never_shown(learner: dt.Learner) -> None:
    rows = review_rows(learner, "m")
    assert not set(learner.data.sealed_test.open().digests) & set(rows.examples.digests)
    assert rows.n_valid == len(learner.data.valid)
    assert [rows.part(0), rows.part(rows.n_valid)] == ["validation", "training"]


def test_duplicates_with_different_labels_are_paired(learner: dt.Learner) -> None:
    rows = review_rows(learner, "m")
    names = [{rows.examples.inputs.paths[row].name for row in item.rows} for item in rows.items["duplicates"]]
    sealed = {path.name for path in learner.data.sealed_test.open().inputs.paths}
    if "copy.png" not in sealed:
        assert {"copy.png", "00.png"} in names


def test_probabilities_from_elsewhere_are_taken(learner: dt.Learner) -> None:
    train = learner.data.train
    output = np.tile([0.0, 0.0, 1.0], (len(train), 1))
    given = Predictions(ids=train.digests, target=learner.data.target, truth=None, output=output)
    rows = review_rows(learner, "m", out_of_fold=given)
    assert rows.judges[1] == "out-of-fold models" and not rows.notes
    with pytest.raises(DataError, match="lacks"):
        review_rows(learner, "m", out_of_fold=given.subset(range(5)))


def test_without_a_body_training_rows_are_left_out_and_that_is_said(
    learner: dt.Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise ModelError("no network")

    monkeypatch.setattr(probing, "untrained_features", nobody)
    rows = review_rows(learner, "m")
    assert {rows.part(item.rows[0]) for item in rows.items["labels"]} <= {"validation"}
    assert "were not judged" in rows.notes[0]


def test_numbers_have_losses_and_no_wrong_labels(make_learner: MakeLearner, squares: Path) -> None:
    import pandas as pd

    paths = sorted(squares.rglob("*.png"))
    table = pd.DataFrame(
        {"path": [str(p) for p in paths], "x": [list(COLOURS).index(p.parent.name) + 0.5 for p in paths]}
    )
    learn = make_learner(dt.images(table, target="x", task="number", seed=1)).fit(1, checkpoint=False)
    rows = review_rows(learn, "m")
    assert rows.items["labels"] == () and rows.items["losses"]
    assert "one category" in rows.notes[0]


def test_data_without_a_model_can_be_looked_through(muddled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "untrained_features", mean_colours)
    Image.linear_gradient("L").convert("RGB").resize((40, 40)).save(muddled / "green" / "odd.png")
    data = dt.images(muddled, valid_pct=0, test_pct=0)
    rows = review_data(data, "muddled")
    names = {topic: [rows.examples.inputs.paths[i.rows[0]].name for i in items] for topic, items in rows.items.items()}
    assert len(names["all"]) == len(data.train) and set(rows.items) == {"labels", "odd", "duplicates", "all"}
    assert {name for name in names["labels"] if name.startswith("wrong-")} == {
        path.name for path in (muddled / "blue").glob("wrong-*")
    }
    assert "odd.png" in names["odd"] and rows.items["duplicates"]
    assert {rows.part(row) for row in range(len(rows.examples))} == {"not divided yet"}
    assert any("No model was trained on these rows yet" in note for note in rows.notes)


def test_data_without_a_body_still_show_copies_and_all_rows(muddled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise ModelError("no body is here")

    monkeypatch.setattr(probing, "untrained_features", none)
    rows = review_data(dt.images(muddled, valid_pct=0, test_pct=0), "muddled")
    assert rows.items["labels"] == rows.items["odd"] == () and rows.items["all"] and rows.items["duplicates"]
    assert any("Labels were not judged" in note for note in rows.notes)


def test_data_of_numbers_are_reviewed_by_a_model_alone(muddled: Path) -> None:
    paths = sorted(muddled.glob("*/*.png"))
    table = {"path": [str(path) for path in paths], "size": [float(i) + 0.5 for i in range(len(paths))]}
    with pytest.raises(DataError, match="To fix: train on them"):
        review_data(dt.images(table, valid_pct=0, test_pct=0), "sizes")
