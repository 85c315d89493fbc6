"""Models recommend, fitted and saved alike; what is said to be the reason is what the score is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning, ExportError, SettingError
from drivetrain.kinds.ratings.keeping import saved_files
from drivetrain.kinds.ratings.recommending.making import vectors_of
from drivetrain.kinds.ratings.recommending.scoring import left_out
from drivetrain.learner.saving.onnx_model import SavedModel

NAMES = ("factors", "factors of who rated what", "factors of events", "ease", "neighbours", "popularity", "biases")
FOLDS = NAMES[:5]


@pytest.mark.parametrize("name", NAMES)
def test_a_list_holds_the_best_unseen_items_of_the_model(models: dict[str, Any], name: str) -> None:
    model = models[name]
    scores = model.scores(np.array([5]))[0]
    scores[model.seen[5].indices] = -np.inf
    right = [model.spec.items[at] for at in np.argsort(-scores, kind="stable")[:6]]
    found = model.recommend(model.spec.users[4], 6)
    assert list(found.items) == right
    assert all(one.why and one.title for one in found)
    assert model.recommend_all(6).of(model.spec.users[4]) == tuple(right)


@pytest.mark.parametrize("name", FOLDS)
def test_somebody_new_is_folded_in_as_the_model_says(models: dict[str, Any], name: str) -> None:
    model = models[name]
    items = np.array([3, 8])
    right = model.fold_in(items, np.array([5.0, 1.0]))
    likes = {model.spec.items[2]: 5, model.spec.items[7]: 1}
    found = model.recommend(favourites=likes if not model.is_events else list(likes), n=4)
    assert [one.score for one in found] == pytest.approx(
        np.sort(np.delete(right, [2, 7]))[::-1][:4], rel=1e-4, abs=1e-6
    )


@pytest.mark.parametrize("name", ["factors of events", "factors of who rated what", "ease", "neighbours"])
def test_contributions_are_the_parts_of_the_score(models: dict[str, Any], name: str) -> None:
    model = models[name]
    scorer = model.recommender.scorer
    own, values = model.recommender.catalogue.seen.of(3)
    wanted = np.arange(len(model.spec.items))
    parts = scorer.contributions(own, values, wanted)
    base = model.arrays().get("base", np.zeros(len(wanted)))
    assert base + parts.sum(axis=1) == pytest.approx(scorer.fold_in(own, values), abs=1e-4)


def test_leaving_one_out_takes_off_what_moves_all_alike(models: dict[str, Any]) -> None:
    scorer = models["factors"].recommender.scorer
    own, values = models["factors"].recommender.catalogue.seen.of(3)
    wanted = np.arange(40)
    parts = left_out(scorer, own, values, wanted)
    others = np.arange(len(own)) != 0
    lost = scorer.fold_in(own, values).astype(float) - scorer.fold_in(own[others], values[others])
    far = np.abs(parts[:, 0]) > 0
    assert far.any()
    assert parts[far, 0] == pytest.approx((lost - np.median(lost))[far], abs=1e-6)
    alike = models["biases"].recommender.scorer
    assert not left_out(alike, own, values, wanted).any()


@pytest.mark.parametrize("name", NAMES)
def test_saved_as_fitted(models: dict[str, Any], name: str, tmp_path: Path) -> None:
    model = models[name]
    loaded = dt.load(model.save(tmp_path / "m.model"))
    rules = {"at_most_per": {"author": 1}, "by": "discovery", "diversity": 0.3, "novelty": 0.1}
    for user in model.spec.users[:3]:
        assert loaded.recommend(user, 5).as_json() == model.recommend(user, 5).as_json()
        assert loaded.recommend(user, 5, **rules).as_json() == model.recommend(user, 5, **rules).as_json()
    assert loaded.recommender.similar("Book 3", 4) == model.similar("Book 3", 4)
    assert loaded.recommender.recommend_all(4).table().equals(model.recommend_all(4).table())


def test_a_file_that_ranks_otherwise_is_not_written(
    models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = models["factors of events"], models["popularity"].ranker
    monkeypatch.setattr("drivetrain.models.ratings.base.saved_files", lambda _, *sides: saved_files(other, *sides))
    with pytest.raises(ExportError, match="does not rank items as the model does"):
        model.save(tmp_path / "m.model")
    assert not (tmp_path / "m.model").exists()


def test_a_saved_model_with_its_rows_recommends(models: dict[str, Any], tmp_path: Path) -> None:
    from tests.kinds.ratings.shop import taken

    model = models["factors"]
    path = model.save(tmp_path / "m.model")
    again = SavedModel(path, data=taken()[0], project=model.data.project)
    assert again.recommend("u3", 4).as_json() == model.recommend("u3", 4).as_json()
    assert (
        dt.load(again.save(tmp_path / "again.model")).recommend("u3", 4).as_json() == model.recommend("u3", 4).as_json()
    )


def test_a_file_that_is_replaced_meanwhile_is_not_believed(models: dict[str, Any], tmp_path: Path) -> None:
    path = models["factors"].save(tmp_path / "m.model")
    loaded = dt.load(path)
    models["ease"].save(path)
    with pytest.raises(ArtefactError, match="another than when the model was loaded"):
        loaded.recommend("u3")


def test_other_models_do_not_recommend(tmp_path: Path, ratings_project: str) -> None:
    table = {"x": [at**0.5 for at in range(60)], "y": ["a", "b", "b", "a"] * 15}
    line = dt.Linear(dt.table(table, target="y", project=ratings_project + "-table"))
    loaded = dt.load(line.save(tmp_path / "line.model"))
    with pytest.raises(SettingError, match="cannot recommend"):
        loaded.recommend("u3")
    with pytest.raises(SettingError, match="cannot recommend"):
        SavedModel(tmp_path / "line.model", data=table, project=ratings_project + "-table").recommend("u3")


@pytest.mark.parametrize("name", FOLDS)
def test_what_users_do_since_is_folded_in(models: dict[str, Any], name: str) -> None:
    model = models[name]
    before = model.recommend("u5", 5)
    rows = pd.DataFrame({"user": ["new", "new", "u3"], "item": ["i1", "i5", "i2"], "stars": [5, 4, 3]})
    found = model.update(rows)
    like = {"i1": 5, "i5": 4} if not model.is_events else ["i1", "i5"]
    assert [one.as_json() for one in found.recommend("new", 4)] == [
        one.as_json() for one in model.recommend(favourites=like, n=4)
    ]
    assert "i2" not in found.recommend("u3", 30).items
    assert found.recommend("u5", 5).as_json() == before.as_json()
    assert found.recommend_all(4).of("new") == found.recommend("new", 4).items
    assert found.decisions["update"].value == 3
    twice = found.update({"user": ["new"], "item": ["i9"], "stars": [1]})
    assert "i9" not in twice.recommend("new", 40).items
    assert len(twice.catalogue.users) == len(model.spec.users) + 1


def test_rows_that_an_update_cannot_use_are_told(models: dict[str, Any]) -> None:
    model = models["factors"]
    rows = {"user": ["n", None, "n", "n"], "item": ["i1", "i2", "zz", "i3"], "stars": [5, 4, 3, 99]}
    with pytest.warns(DrivetrainWarning) as told:
        found = model.update(rows)
    said = " ".join(str(one.message) for one in told)
    assert "2 of 4 new rows are left out: no user, no item, or a rating between 1 and 5" in said
    assert "1 of 2 new rows is left out: the model was not trained on 1 item, such as zz" in said
    assert found.decisions["update"].value == 1
    with pytest.raises(DataError, match="column 'stars' is not there"):
        model.update({"user": ["n"], "item": ["i1"]})
    with pytest.raises(DataError, match="none of 1 new row is of an item"):
        model.update({"user": ["n"], "item": ["zz"], "stars": [3]})
    with pytest.raises(SettingError, match="do not depend on what a user has"):
        models["popularity"].update({"user": ["n"], "item": ["i1"]})


def test_a_report_shows_lists_items_and_a_user(models: dict[str, Any], tmp_path: Path) -> None:
    page = models["factors"].report(tmp_path / "report.html", probe=False).read_text()
    for words in ("What it recommends", "recommended by effect", "Map of items", "Loved beyond their genre",
                  "Most polarising", "One user", "because of"):  # fmt: skip
        assert words in page
    events = models["popularity"].report(tmp_path / "events.html", probe=False).read_text()
    assert "Most polarising" not in events
    assert "Map of items" in events


def test_factors_count_as_far_as_they_move_ratings(models: dict[str, Any]) -> None:
    fitted, rng = models["factors"].ranker, np.random.default_rng(0)
    users, items = rng.normal(0, [1, 0.1], (121, 2)), rng.normal(size=(41, 2)).astype(np.float32)
    ranker = type(fitted)({**fitted.arrays, "user_factors": users, "item_factors": items}, fitted.seen)
    assert vectors_of(ranker) == pytest.approx(items[1:] * np.sqrt((users[1:] ** 2).mean(axis=0)), abs=1e-6)
    still = type(fitted)({**ranker.arrays, "user_factors": users * 1e-9}, fitted.seen)
    by_users = vectors_of(still)  # its factors tell nothing of the items, but who has what does
    assert by_users is not None
    assert by_users == pytest.approx(vectors_of(models["biases"].ranker), abs=1e-5)
