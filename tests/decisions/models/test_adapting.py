"""What people hand over as models: lists, estimators, functions, saved models, models of drivetrain."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.decisions.models.adapting import as_ensemble, as_models
from drivetrain.decisions.models.table import frame_of
from drivetrain.errors import DataError, SettingError

GOLDEN = Path(__file__).parents[2] / "golden"
ROWS = pd.DataFrame({"price": [1.0, 2.0, 3.0], "age": [30, 40, 50]})
X, Y = pd.DataFrame({"price": [1.0, 2.0, 3.0, 4.0]}), np.array([1, 1, 0, 0])


def test_a_function_is_one_member_of_which_nothing_is_known() -> None:
    found = as_ensemble("cost", lambda rows: rows["age"] * 2)
    assert found.predict(ROWS).tolist() == [[60.0, 80.0, 100.0]]
    assert (found.halves.tolist(), found.outcome, found.logged, found.half_of_row, dict(found.scores)) == (
        [-1], None, None, None, {},
    )  # fmt: skip
    assert not found.is_probability


def test_a_function_is_profiled_on_the_frame_with_the_lever_set() -> None:
    found = as_ensemble("accept", lambda rows: rows["price"] * rows["age"])
    profile = found.profile(ROWS, {"price": np.array([10.0, 20.0])})
    np.testing.assert_array_equal(profile[0], ROWS["age"].to_numpy()[:, None] * [10.0, 20.0])
    without = found.profile(ROWS[["age"]], {"price": np.array([10.0, 20.0])})
    np.testing.assert_array_equal(without, profile)


def test_fitted_estimators_are_members_and_read_their_own_columns() -> None:
    models = [LogisticRegression(C=c).fit(X, Y) for c in (0.1, 1.0, 10.0)]
    found = as_ensemble("accept", models)
    assert found.columns == ("price",) and found.is_probability and len(found.halves) == 3
    np.testing.assert_allclose(found.predict(ROWS), [m.predict_proba(ROWS[["price"]])[:, 1] for m in models])
    assert as_ensemble("claim", LinearRegression().fit(X, Y)).is_probability is False


def test_names_are_those_of_the_mapping() -> None:
    rows = X.assign(y=Y).sample(40, replace=True, random_state=0)
    ensemble = dt.Ensemble.fit(rows, LinearRegression(), outcome="y", n=2)
    assert as_models(ensemble)["y"] is ensemble
    assert as_models({"accept": ensemble})["accept"].name == "accept" and ensemble.name == "y"
    with pytest.raises(SettingError, match="different names"):
        as_models([ensemble, ensemble])


def test_a_saved_model_answers_for_the_pictures_of_a_column() -> None:
    three = dt.load(GOLDEN / "v2.model")
    two = dt.Predictor(
        three.reader,
        dt.CategoryTarget(name="label", vocab=("blue", "green")),
        lambda *views: three.engine(*views)[:, :2],
    )
    pictures = sorted(map(str, (GOLDEN / "pictures").iterdir()))
    found = as_ensemble("green", two)
    assert found.columns == ("path",)
    said = found.predict(pd.DataFrame({"path": pictures, "price": 1.0}))
    wanted = [dict(two.predict(picture).top)["green"] for picture in pictures]
    np.testing.assert_allclose(said[0], wanted, atol=1e-5)


def made_predictor(target: Any) -> dt.Predictor:
    class Reader:
        kind = "cells"

        def load(self, source: Any) -> Any:
            return (np.array([source["price"]], dtype=np.float32),)

        def view(self, loaded: Any) -> Any:
            return loaded

        def stack(self, views: Any) -> Any:
            return (np.stack([view[0] for view in views]),)

    k = target.n_outputs
    return dt.Predictor(Reader(), target, lambda x: np.concatenate([0 * x] * (k - 1) + [x], axis=1))  # type: ignore[arg-type]


def test_a_saved_model_of_cells_answers_by_its_target() -> None:
    number = made_predictor(dt.NumberTarget(names=("claim",), mean=(100.0,), std=(10.0,)))
    np.testing.assert_allclose(as_ensemble("claim", number).predict(ROWS), [[110.0, 120.0, 130.0]])
    two = as_ensemble("accept", made_predictor(dt.CategoryTarget(name="accept", vocab=("no", "yes"))))
    assert two.is_probability
    np.testing.assert_allclose(two.predict(ROWS), [1 / (1 + np.exp(-ROWS["price"]))], rtol=1e-6)
    three = made_predictor(dt.CategoryTarget(name="accept", vocab=("a", "b", "c")))
    with pytest.raises(SettingError, match="answers 3"):
        as_ensemble("accept", three)


def test_a_model_of_drivetrain_in_memory_is_asked_by_its_rows() -> None:
    target = dt.CategoryTarget(name="accept", vocab=("no", "yes"))
    train = Examples(dt.Cells({"price": np.array([1.0])}), ("0",), ("no",))

    class Model:
        data = SimpleNamespace(target=target, train=train)

        def predict_rows(self, rows: Examples) -> dt.Predictions:
            p = np.array([0.1 * row["price"] for row in rows.inputs])
            return dt.Predictions.of(rows, target, np.column_stack([1 - p, p]))

    found = as_ensemble("accept", Model())
    assert found.columns == ("price",)
    np.testing.assert_allclose(found.predict(ROWS), [[0.1, 0.2, 0.3]])


def test_data_of_cells_are_a_table() -> None:
    def rows(price: list[float], says: list[str]) -> Examples:
        digests = tuple(map(str, price))
        return Examples(
            dt.Cells({"price": np.array(price)}), digests, tuple(says), columns={"day": np.array(price) * 0}
        )

    target = dt.CategoryTarget(name="accept", vocab=("no", "yes"))
    nothing: Any = None
    data = Data(rows([1.0, 2.0], ["no", "yes"]), rows([3.0], ["no"]), target, nothing, nothing, "quotes.csv")
    frame = frame_of(data)
    assert frame["accept"].tolist() == ["no", "yes", "no"] and frame["price"].tolist() == [1.0, 2.0, 3.0]
    many = Data(rows([1.0, 2.0] * 50, ["yes", "no"] * 50), rows([3.0], ["no"]), target, nothing, nothing, "quotes.csv")
    found = dt.Ensemble.fit(many, LogisticRegression(), n=2, features="price", calibrate=False)
    assert found.name == "accept" and found.predict(ROWS).shape == (2, 3)


@pytest.mark.parametrize("source", [3, None, dict, "nowhere.csv", [], pd.DataFrame({"a": []})], ids=str)
def test_what_is_no_table_is_said(source: Any) -> None:
    with pytest.raises((SettingError, DataError)):
        frame_of(source)


def test_two_columns_of_one_name_are_said() -> None:
    with pytest.raises(DataError, match="more than once"):
        frame_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, "a fitted estimator"),
        ([], "at least one fitted model"),
        (LogisticRegression(), "a model that is fitted"),
        (LogisticRegression, "a fitted estimator"),
        (LogisticRegression().fit(X.to_numpy(), Y), "have no names"),
        ([LogisticRegression().fit(X, Y), LinearRegression().fit(ROWS, [1, 2, 3])], "different columns"),
    ],
    ids=["number", "nothing", "not fitted", "class", "array", "two kinds"],
)
def test_what_is_no_model_is_said(source: Any, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        as_ensemble("accept", source)


NO_MODELS = {"number": 3, "nothing": [], "number as name": {3: len}, "no name": {"": len}, "function": [len]}


@pytest.mark.parametrize("what", list(NO_MODELS))
def test_what_are_no_models_is_said(what: str) -> None:
    with pytest.raises(SettingError, match="models"):
        as_models(NO_MODELS[what])


def test_a_function_that_answers_otherwise_is_said() -> None:
    with pytest.raises(DataError, match="one number for each row"):
        as_ensemble("accept", lambda rows: np.zeros(2)).predict(ROWS)
    with pytest.raises(SettingError, match="KeyError"):
        as_ensemble("accept", lambda rows: rows["nothing"]).predict(ROWS)
