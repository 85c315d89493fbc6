import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, SettingError

PRICE = dt.Lever("price", 10, 30, step=1)


def customers(n=2_000):
    return pd.DataFrame({"price": [20.0] * n, "shop": np.arange(n) // 10}, index=[f"c{i}" for i in range(n)])


def buys(rows):
    return np.clip(1 - rows["price"] / 40, 0, 1)


def test_rows_values_and_what_they_cost():
    """Profit p · (1 − p/40): 10 at 20, and 7.5, 9.375, 10, 9.375, 7.5 at the five prices: 1.25 less on average."""
    found = dt.experiment("buys * price", customers(), PRICE, {"buys": buys}, effect=2, noise=8)
    assert found.values == (10.0, 15.0, 20.0, 25.0, 30.0)
    # (z.975 + z.8)² · 8² / ((2/20)² · 50) = 7.849 · 128 = 1,004.7, and a few for the t distribution
    assert found.units == 1_007
    assert found.power == pytest.approx(0.8, abs=0.001)
    assert found.cost_per_row == pytest.approx(1.25)
    assert found.cost == pytest.approx(1.25 * 1_007)
    assert "1,007 rows are needed" in str(found)


def test_the_table_says_who_gets_what():
    found = dt.experiment("buys * price", customers(), PRICE, {"buys": buys}, effect=2, noise=8, seed=3)
    table = found.table
    assert table.index.tolist() == customers().index.tolist()
    assert int(table["in_experiment"].sum()) == 1_007
    counts = table.loc[table["in_experiment"], "price"].value_counts()
    assert set(counts.tolist()) <= {201, 202}
    assert table.loc[table["in_experiment"], "propensity"].unique().tolist() == [0.2]
    assert (table.loc[~table["in_experiment"], "price"] == 20).all()
    assert table.loc[~table["in_experiment"], "propensity"].isna().all()
    again = dt.experiment("buys * price", customers(), PRICE, {"buys": buys}, effect=2, noise=8, seed=3)
    pd.testing.assert_frame_equal(table, again.table)


def test_groups_get_one_value():
    with pytest.warns(DrivetrainWarning, match="needs 1,007 groups of shop and there are 200"):
        found = dt.experiment("buys * price", customers(), PRICE, {"buys": buys}, effect=2, noise=8, group="shop")
    assert found.assigned == 200
    assert found.table.groupby(customers()["shop"])["price"].nunique().max() == 1
    assert found.power < 0.8


def test_a_narrower_range_needs_more_and_costs_less_a_row():
    """Half the range: a quarter of the variance, half the effect of the same line, so four times the rows."""
    designs = dt.experiment("buys * price", customers(), PRICE, {"buys": buys}, effect=2, noise=8).designs
    assert designs["share"].tolist() == [1.0, 0.5, 0.25]
    assert designs["lowest"].tolist()[:2] == [10.0, 15.0]
    assert designs["units"][1] / designs["units"][0] == pytest.approx(4, rel=0.1)
    assert designs["cost_per_row"][0] > designs["cost_per_row"][1] > 0


def test_options_and_another_lever_that_stays():
    rows = customers(4_000).assign(offer="none")
    offer = dt.Lever("offer", options=["none", "letter", "call"])
    found = dt.experiment(
        "buys * price", rows, [PRICE, offer], {"buys": buys}, lever="offer", effect=2, noise=8, baseline={"price": 25}
    )
    assert found.values == ("none", "letter", "call")
    assert (found.table["price"] == 25).all()
    drawn = found.table.loc[found.table["in_experiment"], "offer"]
    assert set(drawn) == {"none", "letter", "call"}
    assert found.units == pytest.approx(3 * 2 * (2.2414 + 0.8416) ** 2 * 16, rel=0.01)  # Bonferroni for two comparisons
    assert found.cost_per_row == pytest.approx(0)


def test_noise_of_what_was_logged():
    random = np.random.default_rng(0)
    logged = pd.DataFrame({"price": random.choice([10.0, 20.0, 30.0], 600)})
    logged["paid"] = 5 + random.normal(0, 3, 600)

    def mean(rows):
        return lambda frame: np.full(len(frame), rows["paid"].mean())

    paid = dt.Ensemble.fit(logged, mean, outcome="paid", features=["price"], n=4)
    found = dt.experiment("paid", customers(), PRICE, {"paid": paid}, effect=2)
    assert found.noise == pytest.approx(3, rel=0.06)
    assert "600 logged rows" in found.decisions["noise"].reason


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_the_table_is_written(tmp_path, name):
    rows = customers(40).rename(index={"c0": "=cmd"})
    found = dt.experiment("buys * price", rows, PRICE, effect=20, noise=8)
    found.save(tmp_path / name)
    read = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
    assert list(read.columns) == ["row", "in_experiment", "price", "propensity"]
    assert read["row"][0] == ("'=cmd" if name.endswith("csv") else "=cmd")
    assert len(read) == 40
    with pytest.raises(SettingError, match=r"ends with .csv or .parquet"):
        found.save(tmp_path / "table.xls")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"effect": 0, "noise": 8}, "effect=0 cannot be used"),
        ({"effect": 2}, "nothing says how much the objective varies"),
        ({"effect": 2, "noise": 8, "values": [20]}, "at least two different values"),
        ({"effect": 2, "noise": 8, "values": [20, 35]}, "35.0 is not"),
        ({"effect": 2, "noise": 8, "lever": "prize"}, "lever='prize' cannot be used"),
        ({"effect": 2, "noise": 8, "group": "town"}, "group='town' is no column of the rows"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_planned_is_refused(settings, said):
    with pytest.raises((SettingError, DataError), match=said):
        dt.experiment("buys * price", customers(50), PRICE, **settings)


def test_no_rows():
    with pytest.raises(DataError, match=r"no row|empty"):
        dt.experiment("buys * price", customers(0), PRICE, effect=2, noise=8)
