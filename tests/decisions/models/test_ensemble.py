"""Ensembles of any estimator: what members learn from, what they say, how good they are."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import GammaRegressor, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, SettingError, TrainingError
from tests.decisions.models.conftest import FEATURES

BOOSTED = HistGradientBoostingClassifier(max_iter=8)


def fitted(logged: pd.DataFrame, make: Any = BOOSTED, **more: Any) -> dt.Ensemble:
    return dt.Ensemble.fit(logged, make, **{"outcome": "accept", "features": FEATURES, "n": 4, **more})


def by_hand(ensemble: dt.Ensemble, rows: pd.DataFrame, levers: dict[str, Any]) -> np.ndarray:
    count = len(next(iter(levers.values())))
    each = [ensemble.predict(rows.assign(**{k: v[i] for k, v in levers.items()})) for i in range(count)]
    return np.stack(each, axis=-1)


KINDS: dict[str, tuple[Any, str]] = {
    "boosted classifier": (BOOSTED, "accept"),
    "boosted regressor": (HistGradientBoostingRegressor(max_iter=8), "claim"),
    "boosted poisson": (HistGradientBoostingRegressor(max_iter=8, loss="poisson"), "claim"),
    "logistic": (LogisticRegression(), "accept"),
    "ridge": (Ridge(), "claim"),
    "gamma": (GammaRegressor(max_iter=1000), "claim"),
    "descent": (SGDClassifier(loss="log_loss"), "accept"),
    "forest": (RandomForestClassifier(5), "accept"),
    "forest of numbers": (RandomForestRegressor(5), "claim"),
    "neighbours": (KNeighborsClassifier(), "accept"),
    "function that makes": (lambda: LogisticRegression(C=0.5), "accept"),
    "class": (LogisticRegression, "accept"),
    "pipeline that encodes": (
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=500)),
        "accept",
    ),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_profile_is_what_predict_says_with_the_columns_set(logged: pd.DataFrame, kind: str) -> None:
    make, outcome = KINDS[kind]
    ensemble = fitted(logged, make, outcome=outcome)
    rows = logged.head(30).copy()
    rows.loc[rows.index[0], "town"] = None
    levers = {
        "price": np.tile([200.0, 450.0, 700.0], 2),
        "town": np.repeat(["Chur", "Thun"], 3).astype(object),
    }
    found = ensemble.profile(rows, levers)
    assert found.shape == (4, 30, 6) and found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(ensemble, rows, levers), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["boosted classifier", "boosted poisson", "logistic", "gamma"])
def test_the_quick_way_is_taken_where_there_is_one(logged: pd.DataFrame, kind: str) -> None:
    make, outcome = KINDS[kind]
    ensemble = fitted(logged, make, outcome=outcome)
    ensemble.profile(logged, {"price": np.linspace(200, 900, 7)})
    assert all(member.quick is not None for member in ensemble._members)


def test_a_quick_way_that_answers_otherwise_is_not_taken(logged: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = fitted(logged)
    levers = {"price": np.linspace(200, 900, 7)}
    monkeypatch.setattr("drivetrain.decisions.models.trees._goes_left", lambda p, node, v: v > node["num_threshold"])
    found = ensemble.profile(logged.head(20), levers)
    assert not any(member.quick is not None for member in ensemble._members)
    np.testing.assert_allclose(found, by_hand(ensemble, logged.head(20), levers), rtol=2e-5)


def test_a_lever_that_a_model_does_not_read_changes_nothing(logged: pd.DataFrame) -> None:
    ensemble = fitted(logged)
    found = ensemble.profile(logged.head(5), {"letter": np.array(["yes", "no", "yes"], dtype=object)})
    assert found.shape == (4, 5, 3)
    np.testing.assert_allclose(found[:, :, 2], ensemble.predict(logged.head(5)), rtol=1e-6)


def test_members_of_two_models_learn_from_the_same_draws(logged: pd.DataFrame) -> None:
    seen: dict[str, list[list[int]]] = {"accept": [], "claim": []}

    def noting(name: str) -> Callable[[pd.DataFrame], Any]:
        def fit(rows: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
            seen[name].append(sorted(rows.index.tolist()))
            return lambda new: np.full(len(new), 0.5)

        return fit

    accept = fitted(logged, noting("accept"), calibrate=False)
    claim = fitted(logged, noting("claim"), outcome="claim")
    assert np.array_equal(accept.half_of_row, claim.half_of_row)
    has_claim = set(logged.index[logged["claim"].notna()])
    for all_rows, with_claim in zip(seen["accept"], seen["claim"], strict=True):
        assert [row for row in all_rows if row in has_claim] == with_claim
    assert len(seen["accept"][0]) == len(logged) // 2  # copies of a row are there for a function


def test_what_a_half_says_of_the_other_comes_from_members_that_never_saw_it(logged: pd.DataFrame) -> None:
    """An estimator that remembers rows would be right about all that it has seen, and is not about the others."""
    ensemble = fitted(logged, KNeighborsClassifier(1), calibrate=False)
    said, half = ensemble.predict(logged), ensemble.half_of_row
    right = said == logged["accept"].to_numpy()
    own = np.array([right[k, half == ensemble.halves[k]].mean() for k in range(4)])
    other = np.array([right[k, half != ensemble.halves[k]].mean() for k in range(4)])
    assert (own > 0.8).all() and (other < 0.75).all()
    assert ensemble.scores["roc_auc"].value < 0.85


def test_scores_are_those_of_scikit_learn_on_what_the_other_half_says(logged: pd.DataFrame) -> None:
    ensemble = fitted(logged)
    said, half = ensemble.predict(logged), ensemble.half_of_row
    p = np.array([said[ensemble.halves != half[i], i].mean() for i in range(len(logged))])
    scores = ensemble.scores
    assert scores["roc_auc"].value == pytest.approx(roc_auc_score(logged["accept"], p), abs=1e-4)
    assert scores["brier"].value == pytest.approx(2 * brier_score_loss(logged["accept"], p), abs=1e-4)
    assert scores["roc_auc"].low < scores["roc_auc"].value < scores["roc_auc"].high


def test_groups_widen_what_is_known_of_the_scores(logged: pd.DataFrame) -> None:
    assert fitted(logged, group="agent").scores["roc_auc"].units == logged["agent"].nunique()


def test_the_mean_of_members_is_calibrated(logged: pd.DataFrame) -> None:
    """Members that are far too sure: their map flattens them, and log loss falls."""

    def too_sure(rows: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
        model = LogisticRegression().fit(rows[["price"]], rows["accept"])
        return lambda new: 1 / (1 + np.exp(-5 * model.decision_function(new[["price"]])))

    plain, mapped = fitted(logged, too_sure, calibrate=False), fitted(logged, too_sure)
    assert mapped.is_probability
    assert mapped.scores["log_loss"].value < 0.8 * plain.scores["log_loss"].value
    assert "Platt" in mapped.decisions["calibration"].reason
    np.testing.assert_allclose([m.by.scale for m in mapped._members], 0.2, atol=0.08)


def test_too_few_of_a_kind_are_not_calibrated_and_it_is_said(logged: pd.DataFrame) -> None:
    rows = logged.assign(rare=(np.arange(len(logged)) % 20 == 0).astype(int))
    with pytest.warns(DrivetrainWarning, match="not calibrated"):
        found = fitted(rows, LogisticRegression(), outcome="rare")
    assert found.decisions["calibration"].value == "none"


def test_a_word_as_outcome_means_the_second_in_order_and_says_so(logged: pd.DataFrame) -> None:
    rows = logged.assign(answer=np.where(logged["accept"] == 1, "bought", "went"))
    went, bought = (fitted(rows, outcome="answer", positive=p) for p in (None, "bought"))
    assert went.decisions["outcome"].value == "went"
    np.testing.assert_allclose(went.predict(rows) + bought.predict(rows), 1, atol=1e-6)
    assert np.corrcoef(bought.predict(rows).mean(axis=0), logged["accept"])[0, 1] > 0.5


def test_a_category_that_was_never_seen_counts_as_missing_and_is_told_once(logged: pd.DataFrame) -> None:
    ensemble = fitted(logged)
    strange = logged.head(3).assign(town=["Churr", "Bern", None])
    with pytest.warns(DrivetrainWarning, match=r"Churr.*Did you mean 'Chur'"):
        said = ensemble.predict(strange)
    assert np.isfinite(said).all()
    np.testing.assert_array_equal(said[:, 0], ensemble.predict(strange.assign(town=None))[:, 0])


def test_a_column_known_only_afterwards_is_left_out_of_what_is_usual(logged: pd.DataFrame) -> None:
    with pytest.warns(DrivetrainWarning, match="claim.*known only afterwards"):
        ensemble = dt.Ensemble.fit(logged, BOOSTED, outcome="accept", n=2, group="agent")
    assert ensemble.columns == ("age", "town", "bonus", "price")
    assert "all columns but" in ensemble.decisions["features"].reason


def test_weights_change_what_is_learned(logged: pd.DataFrame) -> None:
    heavy = logged.assign(w=np.where(logged["town"] == "Chur", 0.0, 1.0))
    found = fitted(heavy, Ridge(), outcome="claim", weights="w")
    changed = logged.assign(claim=np.where(logged["town"] == "Chur", 1e6, logged["claim"]), w=heavy["w"])
    again = fitted(changed, Ridge(), outcome="claim", weights="w")
    np.testing.assert_allclose(found.predict(logged), again.predict(logged))
    assert not np.allclose(found.predict(logged), fitted(changed, Ridge(), outcome="claim").predict(logged))


def test_the_same_call_gives_the_same_members_and_they_can_be_pickled(logged: pd.DataFrame) -> None:
    first, second = (fitted(logged, RandomForestClassifier(3)) for _ in range(2))
    said = first.predict(logged)
    np.testing.assert_array_equal(said, second.predict(logged))
    boosted = fitted(logged)
    boosted.profile(logged, {"price": np.linspace(200, 900, 5)})
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(boosted)).predict(logged), boosted.predict(logged))


def test_members_can_be_asked_by_number(logged: pd.DataFrame) -> None:
    ensemble = fitted(logged)
    np.testing.assert_array_equal(ensemble.predict(logged, [2, 0]), ensemble.predict(logged)[[2, 0]])
    with pytest.raises(SettingError, match="members=9"):
        ensemble.predict(logged, [9])


REFUSED: dict[str, tuple[dict[str, Any], type, str]] = {
    "misspelt outcome": ({"outcome": "acept"}, SettingError, "Did you mean 'accept'"),
    "no outcome": ({"outcome": None}, SettingError, "pass outcome="),
    "three kinds": ({"outcome": "town", "features": ["price"]}, DataError, "3 kinds"),
    "numbers for a classifier": ({"outcome": "price", "features": ["age"]}, DataError, "is a classifier"),
    "outcome among features": ({"features": ["accept"]}, SettingError, "beside the outcome"),
    "misspelt feature": ({"features": ["agee"]}, SettingError, "Did you mean 'age'"),
    "no such group": ({"group": "no such"}, SettingError, "is no column"),
    "words as weights": ({"weights": "town"}, DataError, "expected numbers of at least 0"),
    "unknown positive": ({"positive": 7}, SettingError, "one of two values"),
    "one member": ({"n": 1}, SettingError, "from 2 to"),
    "a number as make": ({"make": 3}, SettingError, "scikit-learn estimator"),
    "two arguments": ({"make": lambda a, b: None}, SettingError, "asks for 2 arguments"),
    "makes nothing": ({"make": lambda: 3}, SettingError, "has no fit"),
    "makes an error": ({"make": lambda: 1 / 0}, SettingError, "make\\(\\) failed"),
    "cannot be fitted": ({"make": LogisticRegression(C=-1)}, TrainingError, "could not be fitted"),
    "fits nothing": ({"make": lambda rows: None}, SettingError, "cannot answer"),
    "answers no number": ({"make": lambda rows: lambda new: np.full(len(new), np.nan)}, DataError, "answered nan"),
    "answers too few": ({"make": lambda rows: lambda new: [1, 2]}, DataError, "one number for each row"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_is_said(logged: pd.DataFrame, what: str) -> None:
    change, error, said = REFUSED[what]
    with pytest.raises(error, match=said):
        fitted(logged, **{"make": BOOSTED, **change})


def test_other_tables_are_read_and_what_is_none_is_said(logged: pd.DataFrame) -> None:
    ensemble = fitted(logged, LogisticRegression(), features=["age", "price"])
    wanted = ensemble.predict(logged.head(2))
    np.testing.assert_array_equal(ensemble.predict(logged.head(2)[["age", "price"]].to_dict("list")), wanted)
    assert ensemble.predict(logged.head(0)).shape == (4, 0)
    assert ensemble.profile(logged.head(0), {"price": [1.0, 2.0]}).shape == (4, 0, 2)
    same = ensemble.predict(logged.head(2).assign(price=300))
    np.testing.assert_allclose(ensemble.profile(logged.head(2), {"price": [300, 300]})[:, :, 1], same, rtol=1e-5)
    for wrong in (3, None, "nowhere.csv"):
        with pytest.raises((SettingError, DataError)):
            ensemble.predict(wrong)
    for levers in (3, {}, {"price": 3.0}, {"price": [1.0], "age": [1.0, 2.0]}):
        with pytest.raises(SettingError, match="levers"):
            ensemble.profile(logged.head(2), levers)


def test_columns_whose_names_are_numbers(logged: pd.DataFrame) -> None:
    rows = logged.rename(columns={"price": 7})
    ensemble = fitted(rows, LogisticRegression(), features=["7"])
    assert ensemble.predict(rows).shape == (4, len(rows))


def test_rows_without_what_is_read_say_which(logged: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no column town"):
        fitted(logged).predict(logged.drop(columns="town"))
    with pytest.raises(DataError, match="1 different value in"):
        fitted(logged.assign(accept=1))


def test_odd_names_and_times_and_ids(logged: pd.DataFrame) -> None:
    odd = logged.rename(columns={"age": 'a"ge\n', "town": "from drivetrain import x"})
    found = fitted(odd, features=['a"ge\n', "from drivetrain import x", "price"])
    assert np.isfinite(found.predict(odd)).all()
    with pytest.raises(DataError, match="holds times"):
        fitted(logged.assign(day=pd.Timestamp("2026-01-01")), features=["day", "price"])
    many = logged.assign(id=[f"c{i}" for i in range(len(logged))])
    assert np.isfinite(fitted(many, features=["id", "price"]).predict(many)).all()


def test_a_pipeline_without_encoder_gets_texts_encoded(logged: pd.DataFrame) -> None:
    found = fitted(logged, make_pipeline(StandardScaler(), LogisticRegression()))
    assert found.scores["roc_auc"].value > 0.7


def test_a_csv_file_is_read_as_numbers(tmp_path):
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.uniform(1, 3, 300).round(2), "zip": random.choice(["01", "02"], 300)})
    rows["sold"] = (random.random(300) < 1 / rows["price"]).astype(int)
    rows.to_csv(tmp_path / "log.csv", index=False)
    with dt.quiet():
        model = dt.Ensemble.fit(tmp_path / "log.csv", LogisticRegression(), outcome="sold", n=2)
        direct = dt.Ensemble.fit(rows, LogisticRegression(), outcome="sold", n=2)
    assert model.logged is not None and model.logged["zip"].tolist() == rows["zip"].tolist()
    assert np.allclose(model.predict(rows), direct.predict(rows))
    with dt.quiet():
        assert np.allclose(model.predict(tmp_path / "log.csv"), direct.predict(rows))
