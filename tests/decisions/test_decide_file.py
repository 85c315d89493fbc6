"""A plan file run: tables as they are written, models, a plan that is right."""

import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.decisions.decide_file import decide_file, table_of
from drivetrain.errors import SettingError
from drivetrain.progress import quiet
from tests.decisions.shops import PLAN, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_plan_is_the_best_one(folder):
    with quiet():
        plan = decide_file("plan.toml")
    assert plan.table["price"].tolist() == [3.0, 5.0] * 10
    assert plan.promised.value == pytest.approx((4 * 2 + 8 * 4) / 2, rel=0.01)
    assert plan.objective.name == "margin" and plan.facts.models[0].outcome == "sold"
    rows, models = table_of(folder / "shops.csv", "table", ["zip"]), {"sold": lambda f: 10 - f["price"]}
    kept = dt.load_plan(plan.save("kept"), rows=rows, models=models)
    assert kept.what_if(price=2).worth.value == pytest.approx(8.0)


def test_which_columns_are_numbers(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b,c,d,e,f\n1,01,x,,1e3,2024-01-01\n-2.5,02,1,,.5,2024-01-02\n")
    with quiet():
        found = table_of(table, "table", [])
        assert table_of(table, "table", ["a"])["a"].tolist() == ["1", "-2.5"]
    assert found["a"].tolist() == [1, -2.5] and found["e"].tolist() == [1000, 0.5]
    assert found["b"].tolist() == ["01", "02"] and found["c"].tolist() == ["x", "1"]
    assert found["d"].isna().all() and found["f"].tolist() == ["2024-01-01", "2024-01-02"]


def test_the_features_of_a_model_are_what_is_known_before(folder):
    plan = PLAN.replace('features = ["size", "price"]\n', "").replace(
        "randomised = true", 'propensity = "p"\nrandomised = true'
    )
    (folder / "plan.toml").write_text(plan)
    log = pd.read_csv("log.csv", dtype={"zip": str}).assign(p=1 / 9)
    log.to_csv("log.csv", index=False)
    with quiet():
        found = decide_file("plan.toml")
    assert set(found.facts.models[0].columns) == {"size", "price", "zip"}


def test_no_path():
    with pytest.raises(SettingError, match="expected a path"):
        decide_file(3)
