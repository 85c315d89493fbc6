"""What a model makes of a column, beside the regression."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.statistics.models import is_model
from tests.reading import without_tags

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RANDOM.normal(size=120), "z": RANDOM.normal(size=120)})
FRAME["y"] = 1 + 2 * FRAME.x - FRAME.z + RANDOM.normal(size=120)
FRAME["yes"] = np.where(FRAME.y > 1, "yes", "no")


def report(model, table=FRAME, outcome="y", **words):
    return dt.slope_report(model, outcome, "x", controls=["z"], table=table, simulations=0, **words)


def test_a_linear_model_says_what_the_regression_says():
    found = report(LinearRegression().fit(FRAME[["x", "z"]], FRAME.y))
    assert found.model.average_slope.value == pytest.approx(found.estimate, abs=2 * found.main.se)
    assert found.model.average_slope.se == pytest.approx(found.main.se, rel=0.5)
    assert found.model.refitted and found.model.members == 20
    assert found.model.permuted.low > 0
    # what the formula says: dealing x out anew adds 2 b² var(x) to the squared error
    right = 2 * found.estimate**2 * FRAME.x.var()
    assert found.model.permuted.value == pytest.approx(right, rel=0.2)
    assert "What a model makes of it" in without_tags(found.html())


def test_a_function_has_no_spread_and_says_so():
    found = report(lambda frame: 3 * frame.x + frame.z)
    assert found.model.average_slope.value == pytest.approx(3)
    assert not found.model.has_spread and "not known" in found.decisions["model"].reason
    assert found.model.curve == pytest.approx(3 * found.model.grid + FRAME.z.mean())


def test_a_list_is_an_ensemble_and_its_spread_the_interval():
    slopes = [1.0, 2.0, 3.0, 4.0, 5.0]
    found = report([lambda frame, b=b: b * frame.x for b in slopes])
    assert found.model.average_slope.value == pytest.approx(3)
    assert found.model.average_slope.se == pytest.approx(np.std(slopes, ddof=1))


def test_of_two_classes_it_is_the_chance_of_the_second():
    model = LogisticRegression().fit(FRAME[["x", "z"]], FRAME.yes)
    found = report(model, outcome="yes")
    assert 0 < found.model.average_slope.value < 1
    assert found.rows.family == "logistic" and len(found.html()) > 50_000


def test_a_column_that_a_model_does_not_use_is_worth_nothing():
    found = report([lambda frame: frame.z] * 5)
    assert found.model.average_slope.value == 0
    assert found.model.permuted.value == pytest.approx(0)


def test_a_tree_has_a_slope_too():
    found = report(DecisionTreeRegressor(max_depth=4, random_state=0).fit(FRAME[["x", "z"]], FRAME.y))
    assert found.model.average_slope.low < 2 < found.model.average_slope.high + 1


@pytest.mark.parametrize(
    ("model", "table", "error", "said"),
    [
        (lambda frame: frame.nothing, FRAME, SettingError, "the model fails"),
        (lambda frame: ["a"] * len(frame), FRAME, SettingError, "expected numbers"),
        (lambda frame: [1.0, 2.0], FRAME, SettingError, "shape"),
        (lambda frame: frame.x, None, SettingError, "table="),
        (LinearRegression().fit(FRAME[["x", "z"]].rename(columns={"z": "q"}), FRAME.y), FRAME, DataError, "'q'"),
    ],
    ids=["fails", "texts", "shape", "no table", "columns"],
)
def test_what_is_no_model_is_refused_in_words(model, table, error, said):
    with pytest.raises(error, match=said) as caught:
        report(model, table)
    assert "To fix:" in str(caught.value)


def test_a_table_needs_no_table_beside_it():
    with pytest.raises(SettingError, match="leave table= out"):
        dt.slope_report(FRAME, "y", "x", table=FRAME)


def test_models_are_told_from_tables():
    assert is_model(LinearRegression()) and is_model([len, len]) and is_model(len)
    assert not any(map(is_model, (FRAME, "t.csv", {"x": [1]}, [{"x": 1}], [], 3)))
