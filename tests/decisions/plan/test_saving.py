"""A plan that was kept is the same plan; what was altered, or is none, is told."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.plan.encoding import WrongShapeError, decoded, encoded
from drivetrain.decisions.plan.parts import Parts
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.table import plan_table
from drivetrain.decisions.worth import Worth
from drivetrain.errors import ArtefactError, DrivetrainError, SettingError
from tests.decisions import made


def same(one, two):
    if dataclasses.is_dataclass(one):
        assert type(one) is type(two)
        for field in dataclasses.fields(one):
            same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, two)
    elif isinstance(one, tuple):
        assert len(one) == len(two)
        for first, second in zip(one, two, strict=True):
            same(first, second)
    else:
        assert one == two


def test_there_and_back(tmp_path):
    plan = made.plan()
    again = dt.load_plan(plan.save(tmp_path / "price.plan"))
    pd.testing.assert_frame_equal(again.table, plan.table)
    same(plan.parts, again.parts)
    same(plan.facts, again.facts)
    same(plan.sources, again.sources)
    assert again.levers == plan.levers and again.summary() == plan.summary() and again.as_json() == plan.as_json()
    assert again.objective.sha256 == plan.objective.sha256 and again.objective.said == plan.objective.said
    assert sorted(each.name for each in (tmp_path / "price.plan").iterdir()) == ["plan.json", "table.parquet"]


def test_a_plan_takes_the_place_of_an_older_one(tmp_path):
    made.plan().save(tmp_path / "p")
    made.plan(warnings=()).save(tmp_path / "p")
    assert dt.load_plan(tmp_path / "p").warnings == []
    assert [each.name for each in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(range(5, 17), name="id"),
        pd.MultiIndex.from_product([["a", "b"], range(6)], names=["expected", None]),
        pd.DatetimeIndex([f"2026-01-{day}" for day in range(10, 22)]),
        pd.Index(["same"] * 12, name="price"),
    ],
    ids=["named", "several levels", "dates", "repeated"],
)
def test_indexes_of_every_kind(tmp_path, index):
    plan = made.plan()
    plan.table.index = index
    again = dt.load_plan(plan.save(tmp_path / "p"))
    pd.testing.assert_index_equal(again.table.index, index, exact=False)


def test_levers_with_all_they_can_have(tmp_path):
    levers = (
        Lever("a price, in €", 1.0, 2.0, today=1.5, per_row=False, propensity="p"),
        Lever("offer", options=(0, 10, 20), only_if={"a price, in €": [1.0]}, cost={0: 0.0, 10: 1.0, 20: 2.0}),
        Lever("flag", options=(True, False), cost=3.0),
    )
    data = {
        "a price, in €": np.full(12, 1.5),
        "offer": np.array([0, 10, 20] * 4),
        "flag": np.array([True, False] * 6),
    }
    parts = made.parts()
    table = plan_table(made.rows().index, levers, data, data, promise=parts.promise, support=parts.support)
    plan = Plan(parts, table, levers, made.plan().objective, facts=made.facts())
    again = dt.load_plan(plan.save(tmp_path / "p"))
    assert again.levers[0] == levers[0] and again.levers[2] == levers[2]
    assert again.levers[1].options == (0, 10, 20) and again.levers[1].cost == levers[1].cost
    pd.testing.assert_frame_equal(again.table, table)


def test_functions_are_named_and_not_kept(tmp_path):
    def profit(rows, levers, predict, *, cost=3.0):
        return levers["price"] - cost

    def moving(today, proposed):
        return 0.0 * today

    levers = (dataclasses.replace(made.PRICE, cost=moving), made.OFFER)
    plan = made.plan()
    plan = Plan(plan.parts, plan.table, levers, as_objective(profit), facts=made.facts())
    again = dt.load_plan(plan.save(tmp_path / "p"))
    text = (tmp_path / "p" / "plan.json").read_text()
    assert again.objective.name == "profit" and again.objective.sha256 == plan.objective.sha256
    assert json.loads(text)["levers"][0]["cost"] == {"function": "moving"}
    with pytest.raises(SettingError, match="is a function, which is not kept with a plan"):
        again.objective.call(made.rows(), {}, {})
    with pytest.raises(SettingError, match=r"the cost of the lever is a function \(moving\)"):
        again.levers[0].cost(1, 2)


def alter(folder, change):
    content = json.loads((folder / "plan.json").read_text())
    change(content)
    (folder / "plan.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(format=99), "its format is 99"),
        (lambda c: c.pop("parts"), "parts"),
        (lambda c: c["parts"]["promise"].pop("gain"), "parts.promise.gain is missing"),
        (
            lambda c: c["parts"]["promise"]["gain"].update(value="much"),
            "gain.value is 'much', expected float",
        ),
        (lambda c: c["parts"]["promise"].update(extra=1), "is 'extra', expected keys of Promise"),
        (lambda c: c["parts"]["proof"].update(propensities="guessed"), "expected one of"),
        (lambda c: c["parts"].update(curves=3), "expected a list"),
        (lambda c: c["parts"].update(support=3), "cannot be read as a plan"),
        (lambda c: c["levers"][0].update(name="prize"), "no column prize"),
        (lambda c: c["levers"][0].update(run="x"), "run"),
        (lambda c: c.update(n=13), "not 13 rows"),
        (lambda c: c["table"].update(sha256="0"), "is not the one that was saved with it"),
        (lambda c: c["objective"].update(said="__import__('os')"), "arithmetic alone"),
    ],
)
def test_what_was_altered_is_told(tmp_path, change, said):
    folder = made.plan().save(tmp_path / "p")
    alter(folder, change)
    with pytest.raises(ArtefactError, match=said) as caught:
        dt.load_plan(folder)
    assert "To fix:" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1, "format": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_plan(tmp_path, content):
    folder = made.plan().save(tmp_path / "p")
    (folder / "plan.json").write_bytes(content)
    with pytest.raises(ArtefactError, match="cannot be read as a plan"):
        dt.load_plan(folder)


def test_places_that_cannot_be(tmp_path):
    plan = made.plan()
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other.txt").write_text("x")
    for name, said in (
        ("file", "it is a file"),
        ("full", "other files in it"),
        ("file/below", "is a file, not a folder"),
    ):
        with pytest.raises(DrivetrainError, match=said) as caught:
            plan.save(tmp_path / name)
        assert "To fix:" in str(caught.value)
    assert (tmp_path / "full" / "other.txt").read_text() == "x"
    for missing in (tmp_path / "none", tmp_path / "file", tmp_path / "full"):
        with pytest.raises(ArtefactError, match="is no saved plan"):
            dt.load_plan(missing)


def test_what_a_file_cannot_hold(tmp_path):
    plan = made.plan()
    plan.table["offer"] = [object()] * 12
    with pytest.raises(ArtefactError, match="cannot be written"):
        plan.save(tmp_path / "p")
    with pytest.raises(ArtefactError, match="has no form in JSON"):
        made.plan(method=object()).as_json()
    assert not (tmp_path / "p").exists()


def test_rows_and_models_come_together(tmp_path):
    folder = made.plan().save(tmp_path / "p")
    for given, said in (
        ({"rows": made.rows()}, "models"),
        ({"models": {}}, "rows"),
        ({"objective": "price"}, "together with rows"),
        ({"scenarios": 3}, "together with rows"),
        ({"rows": made.rows().iloc[1:], "models": {}}, "expected the 12 rows of the plan"),
        ({"rows": 3, "models": {}}, "the DataFrame that the plan is for"),
        ({"rows": made.rows(), "models": 3}, "by the names"),
        ({"rows": made.rows(), "models": {}, "objective": "price * 2"}, "it is not the one of the plan"),
    ):
        with pytest.raises(SettingError, match=said) as caught:
            dt.load_plan(folder, **given)
        assert "To fix:" in str(caught.value)


def test_encoding_is_exact():
    worth = Worth(1.0, None, 2.0, n=3, method="x")
    assert decoded(Worth, encoded(worth)) == worth
    assert decoded(Worth, encoded(Worth(np.float64(1.5), n=np.int64(2)))) == Worth(1.5, n=2)
    with pytest.raises(WrongShapeError):
        decoded(Worth, {"value": True})
    with pytest.raises(WrongShapeError):
        decoded(Parts, [])
