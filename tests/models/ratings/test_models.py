import numpy as np
import pytest
from scipy.sparse import csr_matrix

import drivetrain as dt
from drivetrain.kinds.ratings.keeping import open_ratings
from drivetrain.models.ratings import alternating, variational
from drivetrain.models.ratings.biases import fit_biases
from drivetrain.models.ratings.ease import item_weights
from drivetrain.models.ratings.neighbours import similarities

MODELS = [dt.Biases, dt.Popularity, dt.Factors, dt.Ease, dt.ItemNeighbours]


@pytest.fixture
def data(table):
    return dt.ratings(table, rating="rating", time="time", hold_out="chance")


@pytest.fixture
def events(visits):
    return dt.ratings(visits, time="time", hold_out="chance")


def test_factors_find_tastes(data):
    biases, factors = dt.Biases(data).validate(), dt.Factors(data, factors=4).validate()
    assert factors["rmse"].value < 0.6 * biases["rmse"].value
    assert factors["rmse"].units == len(set(data.valid.inputs.columns["user"].tolist()))


def test_all_but_popularity_rank_tastes(events):
    for model in (dt.Factors(events, factors=8), dt.Ease(events), dt.ItemNeighbours(events)):
        assert model.validate()["auc"].value > dt.Popularity(events).validate()["auc"].value + 0.1, model.label


def test_answers_stay_within_the_scale(data):
    for kind in MODELS:
        model = kind(data)
        users, items = (side.ravel() for side in np.meshgrid(np.arange(61), np.arange(41)))
        said = model.rate(users, items)
        assert 1 <= said.min() <= said.max() <= 5, model.label
        assert model.scores(np.arange(61)).shape == (61, 40)


@pytest.mark.parametrize("kind", [pytest.param(one, id=one.__name__) for one in MODELS])
@pytest.mark.parametrize("rated", [True, False], ids=["ratings", "events"])
def test_saved_models_answer_and_recommend_alike(kind, rated, data, events, tmp_path):
    model = kind(data if rated else events)
    place = model.save(tmp_path / "m.model")
    saved, predictor = open_ratings(place), dt.load(place)
    codes = np.arange(61)
    assert np.array_equal(saved.scores(codes), model.scores(codes))
    assert np.array_equal(saved.fold_in(np.array([1, 4])), model.fold_in(np.array([1, 4])))
    rows = model.data.valid.subset(range(20))
    said = [one.values["rating" if rated else "event"] for one in predictor.predict_many(list(rows.inputs))]
    assert said == pytest.approx(model.predict_rows(rows).output[:, 0].tolist(), abs=2e-4)
    assert "rating" not in predictor.predict({"user": "nobody", "item": "nothing"}).values or rated


@pytest.mark.parametrize("kind", [dt.Factors, dt.Ease, dt.ItemNeighbours], ids=lambda one: one.__name__)
def test_fold_in_is_what_training_would_have_said(kind, events):
    model = kind(events)
    user = int(model.rows.users[0])
    had = model.seen[user].indices + 1
    assert np.corrcoef(model.fold_in(had), model.scores(np.array([user]))[0])[0, 1] > 0.98


def test_fold_in_of_ratings_knows_tastes(data):
    model = dt.Factors(data, factors=4)
    spec = model.spec
    parity = np.array([int(name.removeprefix("book ")) % 2 for name in spec.items])
    had = np.flatnonzero(parity == 0)[:5] + 1
    liked, disliked = model.fold_in(had, np.full(5, 5.0)), model.fold_in(had, np.full(5, 1.0))
    assert liked[parity == 0].mean() > liked[parity == 1].mean() + 1
    assert disliked[parity == 0].mean() < disliked[parity == 1].mean() - 1


def test_new_items_are_what_their_features_say(table):
    parity = [at % 2 for at in range(41)]
    items = {
        "item": [f"book {at}" for at in range(41)],
        "genre": np.array(["crime", "poetry"], object)[parity].tolist(),
    }
    known = {name: cells[np.array(table["item"]) != "book 8"] for name, cells in table.items()}
    data = dt.ratings(known, rating="rating", items=items)
    model = dt.Factors(data, factors=4)
    codes = [model.spec.item_codes[f"book {at}"] for at in (8, 40)]  # no row of either
    said = model.scores(np.array([model.spec.user_codes["2"], model.spec.user_codes["3"]]))[:, np.array(codes) - 1]
    assert (said[0] > said[1] + 0.8).all()  # even users like even books
    assert dt.Factors(data, factors=4, features=False).scores(np.array([1]))[0, codes[0] - 1] == pytest.approx(
        dt.Factors(data, factors=4, features=False).scores(np.array([1]))[0, codes[1] - 1]
    )


def test_strangers_are_judged_by_themselves(table):
    last = table["time"] > np.quantile(table["time"], 0.8)
    user = np.where(last & (table["user"] % 5 == 0), table["user"] + 1000, table["user"])
    data = dt.ratings({**table, "user": user}, rating="rating", time="time", test_pct=0.0)
    scores = dt.Factors(data, factors=4).validate()
    assert scores["rmse of new users"].value > scores["rmse"].value
    assert scores["ndcg@10 of new users"].n + scores["ndcg@10 of known users"].n == scores["ndcg@10"].n


def test_rows_of_which_all_items_are_new_say_so(table):
    scores = dt.Biases(dt.ratings(table, rating="rating", group="item", valid_pct=0.3, test_pct=0.0)).validate()
    assert scores["rmse of new items"].value == scores["rmse"].value


def test_test_set_is_opened_with_its_ranking(data):
    opened = dt.Ease(data).test()
    assert {"rmse", "ndcg@10", "recall@10", "map@10", "auc"} <= set(opened)


def test_evaluation_of_a_saved_model_says_the_same(table, tmp_path):
    data = dt.ratings(table, rating="rating", time="time")
    model = dt.Factors(data, factors=4)
    found = dt.evaluate(model.save(tmp_path / "m.model"), data=table)
    assert found.scores["ndcg@10"].value == pytest.approx(model.validate()["ndcg@10"].value)
    assert found.scores["rmse"].value == pytest.approx(model.validate()["rmse"].value, rel=1e-5)
    assert found.scores["rmse"].units == model.validate()["rmse"].units


@pytest.mark.parametrize(
    "table",
    [
        {"user": ["a"] * 30, "item": list(range(30)), "rating": [1, 2, 3] * 10},
        {"user": list(range(30)), "item": ["x"] * 30, "rating": [1, 2, 3] * 10},
    ],
    ids=["one user", "one item"],
)
@pytest.mark.parametrize("kind", [pytest.param(one, id=one.__name__) for one in MODELS])
def test_one_user_or_one_item(table, kind):
    data = dt.ratings(table, rating="rating", test_pct=0.0)
    assert 1 <= kind(data).validate()["rmse"].value <= 3 or kind(data).validate()["rmse"].value < 1


def test_recent_popularity_needs_time(table):
    data = dt.ratings({name: table[name] for name in ("user", "item", "rating")}, rating="rating")
    with pytest.raises(dt.DataError, match=r"recent=True needs to know when"):
        dt.Popularity(data, recent=True)


def test_recent_popularity_forgets():
    user, item = np.arange(100), np.array(["old"] * 60 + ["new"] * 40, object)
    data = dt.ratings({"user": user, "item": item, "time": np.arange(100.0)}, time="time", hold_out="chance",
                      valid_pct=0.1, test_pct=0.0)  # fmt: skip
    new, old = (described_code(data, name) for name in ("new", "old"))
    assert dt.Popularity(data).scores(np.array([0]))[0].argmax() == old
    assert dt.Popularity(data, recent=True).scores(np.array([0]))[0].argmax() == new


def described_code(data, name):
    from drivetrain.kinds.ratings.describing import described

    return described(data).item_codes[name] - 1


def test_models_of_ratings_refuse_other_data():
    table = dt.table({"x": [at**0.5 for at in range(27)], "y": [at / 2 for at in range(27)]}, target="y")
    with pytest.raises(dt.DataError, match=r"Factors reads ratings, and these are table"):
        dt.Factors(table)


# ── the arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_biases_are_what_made_the_ratings():
    rng = np.random.default_rng(0)
    of_users, of_items = rng.normal(0, 0.5, 200), rng.normal(0, 0.7, 100)
    users, items = (side.ravel() for side in np.meshgrid(np.arange(200), np.arange(100)))
    values = 3 + of_users[users] + of_items[items] + rng.normal(0, 0.1, len(users))
    mean, found_users, found_items = fit_biases(users, items, values, 200, 100, weights=np.ones(len(users)))
    assert mean + found_users.mean() + found_items.mean() == pytest.approx(
        3 + of_users.mean() + of_items.mean(), abs=0.01
    )
    assert np.corrcoef(found_users, of_users)[0, 1] > 0.999
    assert np.corrcoef(found_items, of_items)[0, 1] > 0.999


def test_weights_count_as_repeated_rows():
    users, items, values = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([1.0, 2, 3, 5])
    weights = np.array([1.0, 3, 1, 2])
    repeated = np.repeat(np.arange(4), weights.astype(int))
    once = fit_biases(users, items, values, 2, 2, weights=weights)
    again = fit_biases(users[repeated], items[repeated], values[repeated], 2, 2, weights=np.ones(7))
    assert once[0] == pytest.approx(again[0])
    assert np.allclose(once[1], again[1])


def test_variational_factors_explain_all_but_the_noise():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(150, 2)), rng.normal(size=(120, 2))
    users, items = (side.ravel() for side in np.meshgrid(np.arange(150), np.arange(120)))
    kept = rng.random(len(users)) < 0.4
    users, items = users[kept], items[kept]
    values = 3 + (left[users] * right[items]).sum(axis=1) + rng.normal(0, 0.3, len(users))
    found = variational.fit(users, items, values, 150, 120, weights=np.ones(len(users)), factors=5, sweeps=60, seed=0)
    assert found.noise == pytest.approx(0.09, rel=0.1)
    said = found.users.factors @ found.items.factors.T
    truth = left @ right.T
    assert np.corrcoef(said.ravel(), truth.ravel())[0, 1] > 0.98


def test_alternating_solves_the_normal_equations():
    rng = np.random.default_rng(0)
    seen = csr_matrix(rng.random((7, 9)) < 0.4, dtype=np.float32)
    seen.data = rng.integers(1, 4, seen.nnz).astype(np.float32)
    other, own = rng.normal(size=(9, 3)).astype(np.float32), np.zeros((7, 3), np.float32)
    alternating.solve(seen, other, own, alpha=2.0, strength=0.5)
    counts = np.diff(seen.indptr)
    for user in range(7):
        row = seen[user].toarray()[0]
        weights = 1 + 2.0 * row
        left = (other.T * weights) @ other + 0.5 * (counts[user] + counts.mean()) * np.eye(3)
        # what happened is 1 with weight 1 + alpha × how often, all else 0
        right = other.T @ (weights * (row > 0))
        wanted = np.linalg.solve(left, right) if counts[user] else np.zeros(3)
        assert own[user] == pytest.approx(wanted, abs=1e-4)


def test_ease_is_ridge_regression_of_each_item_on_the_others():
    rng = np.random.default_rng(0)
    seen = (rng.random((40, 6)) < 0.4).astype(float)
    found = item_weights(csr_matrix(seen), 2.0)
    for item in range(6):
        others = [one for one in range(6) if one != item]
        left = seen[:, others].T @ seen[:, others] + 2.0 * np.eye(5)
        assert found[others, item] == pytest.approx(np.linalg.solve(left, seen[:, others].T @ seen[:, item]), abs=1e-5)


def test_similarities_are_cosines_of_the_nearest():
    rng = np.random.default_rng(0)
    seen = (rng.random((997, 8)) < 0.5).astype(float)
    norm = np.linalg.norm(seen, axis=0)
    common = seen.T @ seen
    cosine = common / np.outer(norm, norm) * common / (common + 4)
    np.fill_diagonal(cosine, 0)
    found = similarities(csr_matrix(seen), neighbours=3, shrink=4).toarray()
    for item in range(8):
        nearest = np.argsort(-cosine[:, item])[:3]
        assert found[nearest, item] == pytest.approx(cosine[nearest, item], abs=1e-6)
        assert (found[:, item] > 0).sum() == 3


def test_a_user_with_very_many_items_is_left_out_of_similarities_with_a_word(monkeypatch):
    monkeypatch.setattr("drivetrain.models.ratings.neighbours.MOST_OF_A_USER", 20)
    user = ["bot"] * 30 + ["a", "a", "b", "b", "c", "c"]
    item = [*range(30), 0, 1, 0, 1, 2, 3]
    data = dt.ratings({"user": user, "item": item}, valid_pct=0.03, test_pct=0.0)
    with pytest.warns(dt.DrivetrainWarning, match="1 user has more than 20 items each"):
        model = dt.ItemNeighbours(data)
    assert model.ranker.weights.nnz <= 4
    assert "users left out" in model.decisions
