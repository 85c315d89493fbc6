"""The audit of a table: columns that say the same, and columns that give the target away."""

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt

N = 400
pytestmark = pytest.mark.filterwarnings("ignore::drivetrain.DrivetrainWarning")


@pytest.fixture
def orders():
    """Late or not follows from distance by halves; nothing gives it away."""
    rng = np.random.default_rng(5)
    distance = rng.normal(100, 30, N).round(1)
    late = np.where(distance + rng.normal(0, 40, N) > 110, "late", "on time")
    day = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 300, N)), unit="D")
    return pd.DataFrame({"distance": distance, "shop": rng.choice(list("abc"), N), "day": day, "late": late})


def findings(frame, kind, target="late", **how):
    audit = dt.audit(dt.table(frame, target=target, **how))
    return {finding.title.split("'")[1]: finding for finding in audit.findings if finding.kind == kind}


def test_an_honest_table_has_no_such_finding(orders):
    assert not findings(orders, "leak") and not findings(orders, "same columns")


LEAKS = {
    "the target in other words": lambda late, rng: np.where(late == "late", "L", "O"),
    "as a number": lambda late, rng: (late == "late") * 2.5,
    "with noise": lambda late, rng: (late == "late") * 10 + rng.normal(0, 1.5, N),
    "filled in afterwards": lambda late, rng: np.where(late == "late", rng.normal(20, 5, N), np.nan),
    "a text filled in afterwards": lambda late, rng: np.where(late == "late", rng.choice(["storm", "jam"], N), None),
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_column_that_gives_the_target_away_is_named(orders, case):
    refund = LEAKS[case](orders["late"].to_numpy(), np.random.default_rng(2))
    found = findings(orders.assign(refund=refund), "leak")
    assert [*found] == ["refund"]
    assert found["refund"].alarm and found["refund"].facts["told"] > 0.9
    assert ("filled in" in found["refund"].title) == ("afterwards" in case)


def test_a_number_that_is_the_target_in_other_units_is_named(orders):
    price = orders["distance"] * 3 + 7
    found = findings(orders.drop(columns="late").assign(price=price), "leak", target="price")
    assert [*found] == ["distance"]


def test_dates_after_their_row_are_named(orders):
    closed = orders["day"] + pd.Timedelta(days=3)
    known = orders["day"] - pd.Timedelta(days=3)
    found = findings(orders.assign(closed=closed, known=known), "leak", time="day")
    assert [*found] == ["closed"] and "later than its row" in found["closed"].title


def test_columns_that_say_the_same_are_told_together(orders):
    frame = orders.assign(far=orders["distance"], store=orders["shop"].map({"a": "A1", "b": "B1", "c": "C1"}))
    audit = dt.audit(dt.table(frame, target="late"))
    told = [finding.facts["columns"] for finding in audit.findings if finding.kind == "same columns"]
    assert told == [["distance", "far"], ["shop", "store"]]


def test_columns_whose_cells_hardly_recur_are_not_taken_for_renamings(orders):
    rng = np.random.default_rng(9)
    frame = orders.assign(one=rng.normal(size=N), other=rng.normal(size=N), name=[f"n{at}" for at in range(N)])
    assert not findings(frame, "same columns")
    assert findings(frame.assign(again=frame["one"]), "same columns")["one"].facts["columns"] == ["one", "again"]
