import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.kinds.ratings.keeping import open_ratings
from drivetrain.models.ratings.both import Both
from drivetrain.models.ratings.net import RatingsNet


def test_two_questions_may_have_two_winners(table, tmp_path):
    data = dt.ratings(table, rating="rating", time="time", hold_out="chance")
    found = dt.train(data, budget="60s")
    said = found.leaderboard.as_json()
    assert set(said["questions"]) == {"rating error", "ranking"}
    assert said["questions"]["rating error"]["winner"] == "factors" == found.winner
    assert len(said["candidates"]) == 8  # with the network
    assert "candidates: all 40 items but those the user had before" in str(found)
    assert "best at rating error: factors" in str(found)
    ranked = said["questions"]["ranking"]["winner"]
    if ranked != "factors":
        assert isinstance(found.model, Both)
        assert found.model.label == f"factors rates, {ranked} ranks"
    place = found.save(tmp_path / "m.model")
    assert np.array_equal(open_ratings(place).scores(np.arange(9)), found.model.scores(np.arange(9)))


def test_the_question_can_be_chosen(table):
    data = dt.ratings(table, rating="rating", hold_out="chance")
    found = dt.train(data, budget="60s", metrics=["recall@5", "mae"])
    assert found.leaderboard.by.name == "recall@5"
    assert not isinstance(found.model, Both)
    assert "popularity, recent" not in found.leaderboard.left_out  # without time it does not take part


def test_quick_models_are_fitted_however_little_time_is_left(table):
    data = dt.ratings(table, rating="rating", hold_out="chance")
    with pytest.warns(dt.DrivetrainWarning, match="network: left out"):
        found = dt.train(data, budget=0.1)
    assert {"factors", "EASE", "item neighbours"} <= {one.name for one in found.candidates}
    assert "beside what judging takes" in found.leaderboard.left_out["network"]


def test_events_have_one_question(visits):
    data = dt.ratings(visits, time="time", hold_out="chance")
    found = dt.train(data, budget="60s")
    assert set(found.leaderboard.boards) == {"ranking"}
    assert found.validate()["mean_rank"].value > 0.6


def test_unknown_measures_are_refused(table):
    data = dt.ratings(table, rating="rating", hold_out="chance")
    with pytest.raises(dt.SettingError, match="'ndcg@0' is no metric"):
        dt.train(data, metrics="ndcg@0")


def test_the_network_learns_tastes_and_is_saved_without_torch(table, tmp_path):
    data = dt.ratings(table, rating="rating", hold_out="chance")
    model = RatingsNet(data, epochs=12)
    assert model.validate()["rmse"].value < 0.8 * dt.Biases(data).validate()["rmse"].value
    users, items = (side.ravel() for side in np.meshgrid(np.arange(61), np.arange(1, 41), indexing="ij"))
    network = model.learner.network.eval()
    with torch.no_grad():
        raw = network.head(network.body(torch.from_numpy(users), torch.from_numpy(items)))[:, 0].numpy()
    said = np.clip(raw * data.target.std[0] + data.target.mean[0], 1, 5)
    assert model.rate(users, items) == pytest.approx(said, abs=1e-4)
    assert np.clip(model.scores(np.arange(61)).ravel(), 1, 5) == pytest.approx(said, abs=1e-4)
    place = model.save(tmp_path / "m.model")
    assert np.array_equal(open_ratings(place).scores(np.arange(61)), model.scores(np.arange(61)))
    loaded, rows = dt.load(place), data.valid.subset(range(20))
    answers = [one.values["rating"] for one in loaded.predict_many(list(rows.inputs))]
    assert answers == pytest.approx(model.predict_rows(rows).output[:, 0].tolist(), abs=2e-4)
    assert loaded.recommend(3, 2).items == model.recommend(3, 2).items
    with pytest.raises(dt.SettingError, match="scores do not depend on what a user has"):
        model.update({"user": ["new"], "item": ["book 1"], "rating": [5]})


def test_a_network_learns_no_events(visits):
    with pytest.raises(dt.ModelError, match="expected ratings"):
        RatingsNet(dt.ratings(visits, time="time", hold_out="chance"))


def test_both_are_of_the_same_data(table, tmp_path):
    one, other = (dt.ratings(table, rating="rating", hold_out="chance", project=tmp_path / name) for name in ("a", "b"))
    with pytest.raises(dt.SettingError, match="fitted on different data"):
        Both(dt.Biases(one), dt.Popularity(other))
