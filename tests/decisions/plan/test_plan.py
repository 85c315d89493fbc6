"""The plan itself: its table, where its gain comes from, its words, and what if."""

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.sources import sources_of
from drivetrain.decisions.plan.table import changed, check_names, plan_table
from drivetrain.decisions.worth import Worth
from drivetrain.errors import SettingError
from tests.decisions import made


@pytest.fixture
def plan():
    return made.plan(made.simulator())


def test_the_table_has_a_row_for_each(plan):
    table = plan.table
    assert list(table.columns) == [
        "price", "price (now)", "offer", "offer (now)", "expected", "low", "high", "expected (now)", "support", "why",
    ]  # fmt: skip
    assert table.index.equals(made.rows().index) and len(plan) == 12
    assert set(table["support"]) == {"inside", "edge", "outside"}
    assert table.loc["c0", "why"] == "higher price"
    assert table.loc["c4", "why"] == "stays as it is"
    assert table.loc["c6", "why"] == "lower price"
    assert table.loc["c8", "why"] == "lower price; another offer"
    assert (
        table.loc["c11", "why"] == "higher price, the highest allowed; another offer; rows like it were never seen so"
    )


def test_the_attributes_that_scripts_rely_on(plan):
    assert isinstance(plan, dt.Plan)
    assert (plan.promised.value, plan.promised.low, plan.promised.high) == (101.0, 95.0, 107.0)
    assert plan.baseline.value == 87.5 and plan.gain.value == 13.5 and plan.naive.value == 109.0
    assert plan.warnings == ["price rises above what was seen for 1 row", "offer was not randomised"]
    assert repr(plan) == "<Plan of profit for 12 rows: 101 [95, 107] per row>" and str(plan) == plan.summary()


@pytest.mark.parametrize("name", ["expected", "low", "high", "support", "why", "expected (now)"])
def test_a_lever_called_like_a_column_of_the_table(name):
    with pytest.raises(SettingError, match="a plan's table has a column of that name already") as caught:
        check_names([Lever(name, 0, 1)])
    assert "To fix:" in str(caught.value)


def test_two_levers_that_would_share_a_column():
    for pair in (("price", "price"), ("price", "price (now)")):
        with pytest.raises(SettingError, match="has a column of that name already"):
            check_names([Lever(name, 0, 1) for name in pair])


def test_what_moves_with_odd_values():
    table = pd.DataFrame(
        {
            "a": [1.0, np.nan, 2.0, 3.0], "a (now)": [1.0, np.nan, np.nan, 2.0],
            "b": [None, "x", "y", None], "b (now)": [None, "x", "x", "x"],
            "c": [1, 2, 3, 4],
        }
    )  # fmt: skip
    assert changed(table, "a").tolist() == [False, False, True, True]
    assert changed(table, "b").tolist() == [False, False, True, True]
    assert changed(table, "c").all()


def test_where_the_gain_comes_from(plan):
    moves, *columns = plan.sources
    gain = (plan.table["expected"] - plan.table["expected (now)"]).to_numpy()
    assert moves.by == "what moves"
    found = {group.name: group for group in moves.groups}
    assert found["higher price, offer: letter"].rows == 3
    assert found["higher price, offer: letter"].total == pytest.approx(gain[9:].sum())
    assert found["nothing moves"].total == pytest.approx(gain[4:6].sum())
    for source in plan.sources:
        assert sum(group.rows for group in source.groups) == 12
        assert sum(group.total for group in source.groups) == pytest.approx(gain.sum())
    assert columns[0].by == "age" and columns[0].explains > 0.8  # the gain grows with it
    assert [group.rows for group in columns[0].groups] == [3, 3, 3, 3]


def test_numbers_stay_in_order_and_what_says_the_same_is_said_once(plan):
    rows = pd.DataFrame({"size": [10.0, 2.0, 2.0] * 4, "named": ["ten", "two", "two"] * 4, "age": np.arange(12.0)})
    found = sources_of(plan.table.sort_values("expected"), (made.PRICE, made.OFFER), rows)
    assert [source.by for source in found].count("size") + [source.by for source in found].count("named") <= 1
    size = sources_of(plan.table.assign(expected=rows["size"].to_numpy() * 10), (made.PRICE,), rows[["size"]])[1]
    assert [group.name for group in size.groups] == ["2", "10"]


def test_columns_that_tell_nothing_apart_are_left_out(plan):
    rows = pd.DataFrame(
        {
            "id": [f"x{i}" for i in range(12)],
            "same": ["a"] * 12,
            "when": pd.date_range("2020", periods=12),
            "with gaps": [1.0, None, 2.0] * 4,
            "price": np.arange(12.0),
            3: ["u", "v"] * 6,
        }
    )
    found = sources_of(plan.table, (made.PRICE, made.OFFER), rows)
    assert {source.by for source in found} <= {"what moves", "with gaps", "3"}


def test_an_empty_table_has_no_sources():
    assert sources_of(made.plan().table.iloc[:0], (made.PRICE,), made.rows().iloc[:0])[0].groups == ()


def test_the_summary_says_it_in_words(plan):
    said = plan.summary()
    first = said.splitlines()[0]
    assert first.startswith("The plan promises more than today: +13.5 [+9.0, +18.0] profit per row (+162 over 12 rows)")
    assert first.endswith(", and cannot be trusted: habit is in what was logged.")
    trusted = made.plan(effects=made.parts().effects[:1]).summary()
    assert trusted.startswith(
        "The plan earns more than today: +13.5 [+9.0, +18.0] profit per row (+162 over 12 rows).\n"
    )
    for part in (
        "plan       101 [95, 107] per row (95 % interval)",
        "today      88 [82, 93]",
        "not this   109 [103, 115]",
        "members to whom it is worth less than today: 3 %",
        "higher for 58 % of rows, lower for 25 %",
        "offer: none for 8 and letter for 4; 33 % change.",
        "What binds: at most 4 letters (one more is worth 3.25).",
        "75 % of rows get values that rows like them were seen with, 17 % at the edge of these, 8 % beyond them",
        "the effect of offer on accept as logged",
        "The plan beats today's prices on the logged rows, too.",
        "The plan hangs most on “cost”: at 360, 25 % of rows would change.",
        "! Offer was not randomised.",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Worth(2.0, -1.0, 5.0), "Whether the plan earns more than today is not sure: +2.0 [−1.0, +5.0]"),
        (Worth(-2.0, -3.0, -1.0), "The plan earns less than today: −2.0 [−3.0, −1.0]"),
        (Worth(2.0), "how sure that is, one member cannot say"),
    ],
)
def test_the_first_sentence_is_no_better_than_the_gain(gain, said):
    promise = made.parts().promise
    parts = {"promise": type(promise)(**{**promise.__dict__, "gain": gain})}
    assert said in made.plan(**parts).summary().splitlines()[0]


def test_names_that_would_command_a_terminal_are_shown():
    lever = Lever("pri\x1b[31mce", 0.0, 1.0)
    data = pd.DataFrame({lever.name: [0.1] * 12})
    parts = made.parts(warnings=("bad \x1b[2J",), bindings=(), curves=())
    table = plan_table(
        data.index, (lever,), {lever.name: data[lever.name].to_numpy()}, {lever.name: np.full(12, 0.5)},
        promise=parts.promise, support=parts.support,
    )  # fmt: skip
    plan = dt.Plan(parts, table, (lever,), made.plan().objective, facts=made.facts())
    assert "\x1b" not in plan.summary() and "pri\\x1b[31mce" in plan.summary()


class TestWhatIf:
    def test_one_value_for_all(self, plan):
        found = plan.what_if(price=600)
        letters = 4 * 3.0 / 12
        assert found.worth.value == pytest.approx(100 + letters)
        assert (found.worth.low, found.worth.high) == pytest.approx((99.075, 102.925))  # quantiles of ±2, ±1
        today = (6 * 90 + 6 * 100) / 12
        assert found.over_today.value == pytest.approx(101 - today)
        planned = (4 * 97.5 + 2 * 90 + 3 * 97.5 + 3 * 10 + 12) / 12
        assert found.under_plan.value == pytest.approx(planned - 101)
        assert found.over_today.low == pytest.approx(found.over_today.value)  # members differ by a level: paired, none
        assert "With price = 600:" in str(found) and "limits are not checked" in str(found)
        assert found.as_json()["worth"]["value"] == found.worth.value

    def test_both_levers_and_each_row(self, plan):
        one = plan.what_if({"offer": "letter"}, price=[600.0] * 12)
        assert one.worth.value == pytest.approx(103.0)
        assert plan.what_if(price=pd.Series(600.0, index=plan.table.index)).worth.value == pytest.approx(101.0)

    def test_beyond_the_range_is_told(self, plan):
        assert "leaves the range that the plan may use, 400 to 900" in str(plan.what_if(price=1000))

    def test_where_nobody_knows_today(self):
        found = made.plan(made.simulator(made.rows().drop(columns="price"))).what_if(price=600)
        assert found.over_today is None and "against today" not in str(found) and found.as_json()["over_today"] is None

    def test_support_is_asked(self):
        seen = []

        def check(rows, levers):
            seen.append(levers["price"][0])
            return made.parts().support

        plan = made.plan(made.simulator())
        plan._check_support = check
        found = plan.what_if(price=450)
        assert seen == [450] and "75 % inside, 17 % edge, 8 % outside" in str(found)

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({}, "a lever and its value"),
            ({"prize": 3}, "Did you mean 'price'"),
            ({"price": "much"}, "expected a number"),
            ({"price": float("nan")}, "expected a number"),
            ({"price": [1.0, 2.0]}, "one for each of the 12 rows"),
            ({"price": pd.Series([1.0] * 12)}, "with their index"),
            ({"offer": "call"}, "expected 'none' or 'letter'"),
            ({"offer": None}, "expected 'none' or 'letter'"),
        ],
    )
    def test_values_that_a_lever_cannot_take(self, plan, values, said):
        with pytest.raises(SettingError, match=said) as caught:
            plan.what_if(values)
        assert "To fix:" in str(caught.value)

    def test_without_models(self):
        with pytest.raises(SettingError, match=r"dt.load_plan\(folder, rows=rows, models=models\)"):
            made.plan().what_if(price=600)
        with pytest.raises(SettingError, match="lever names and their values"):
            made.plan(made.simulator()).what_if(3)
