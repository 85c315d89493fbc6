"""`simulate`: the table, the best, what it is worth, drawn outcomes; beside what can be computed by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.linear_model import LinearRegression

import drivetrain as dt
from drivetrain.decisions.models.residuals import Residuals
from drivetrain.errors import DataError, DrivetrainWarning, SettingError

ROWS = pd.DataFrame({"cost": [1.0, 3.0], "price": [4.0, 6.0], "offer": ["none", "mail"]})
PRICE = dt.Lever("price", 0, 10, step=1)
MEMBERS = [lambda rows: 1 - rows["price"] / 10, lambda rows: 1 - rows["price"] / 12]


def profit(rows: Any, levers: Any, predict: Any) -> Any:
    return predict["accept"] * (levers["price"] - rows["cost"])


def run(levers: Any = PRICE, objective: Any = profit, models: Any = None, **more: Any) -> Any:
    return dt.simulate(objective, more.pop("rows", ROWS), levers, models or {"accept": MEMBERS}, **more)


def test_the_table_has_the_mean_over_rows_and_members() -> None:
    found = run()
    price = np.arange(11.0)
    each = np.stack([(1 - price / s) * (price - 2) for s in (10, 12)])
    np.testing.assert_allclose(found.table["price"], price)
    np.testing.assert_allclose(found.table["mean"], each.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.table["low"], np.percentile(each, 2.5, axis=0), atol=1e-6)
    assert found.best == {"price": 6.0} and found.interior == {"price": True} and found.today == {"price": 5.0}
    now = [np.mean((1 - ROWS["price"] / s) * (ROWS["price"] - ROWS["cost"])) for s in (10, 12)]
    assert found.at_today.value == pytest.approx(np.mean(now))
    assert found.chance_of_loss == np.mean(each[:, 6] < now)


def test_the_best_is_chosen_by_one_half_and_valued_by_the_other() -> None:
    """Members of pure noise: what is chosen by some is worth nothing to the others, and the table says too much."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.integers(0, 40, 400) * 1.0, "y": random.normal(size=400)})

    def by_price(drawn: pd.DataFrame) -> Any:
        means = drawn.groupby("price")["y"].mean()
        return lambda new: new["price"].map(means).fillna(0.0)

    lever = dt.Lever("price", 0, 39, step=1)
    gain = []
    with dt.quiet():
        for seed in range(4):
            model = dt.Ensemble.fit(rows, by_price, outcome="y", features=["price"], n=6, seed=seed)
            found = run(lever, "y", {"y": model}, rows=rows)
            gain.append((found.table["mean"].max(), found.at_best.value))
    naive, honest = np.mean(gain, axis=0)
    assert naive > 0.4 and honest < naive - 0.25
    assert "valued by those of the other" in found.at_best.method


def test_several_levers_are_tried_in_all_combinations_and_each_has_its_curve() -> None:
    offer = dt.Lever("offer", options=["none", "mail"])
    depth = dt.Lever("depth", 0, 2, step=1, only_if={"offer": ["mail"]}, today=0)

    def net(rows: Any, levers: Any, predict: Any) -> Any:
        return profit(rows, levers, predict) + (levers["offer"] == "mail") * (1 - (levers["depth"] - 1) ** 2)

    found = run([PRICE, offer, depth], net)
    assert len(found.table) == 11 * (1 + 3)  # depth does nothing without mail
    assert found.best == {"price": 6.0, "offer": "mail", "depth": 1.0}
    assert [part.lever for part in found.curves] == ["price", "offer", "depth"]
    assert [len(part.values) for part in found.curves] == [11, 1, 3] or len(found.curves[1].values) == 2
    assert "best 6" in found.chart.svg


def test_the_picture_alone_knows_how_each_of_its_parts_is_drawn() -> None:
    style = (Path(dt.__file__).parent / "pages" / "charts.css").read_text()
    used = {each for found in re.findall(r'class="([^"]*)"', run().chart.svg) for each in found.split()}
    assert [each for each in used - {"halo"} if f".{each}" not in style] == []


def test_values_and_points_say_what_is_tried() -> None:
    assert run(values={"price": [3, 1, 2]}).table["price"].tolist() == [1.0, 2.0, 3.0]
    assert len(run(dt.Lever("price", 0, 10)).table) == 50
    assert len(run(dt.Lever("price", 0, 10), points=7).table) == 7


def test_today_is_unknown_where_nothing_tells_it() -> None:
    found = run(rows=ROWS[["cost"]])
    assert found.at_today is None and found.chance_of_loss is None and found.today == {"price": None}


def test_one_member_has_no_interval_and_it_is_said() -> None:
    with pytest.warns(DrivetrainWarning, match="one member"):
        found = run(models={"accept": MEMBERS[0]})
    assert found.at_best.low is None and "unknown" in found.at_best.method
    assert "one member" in str(found)


def test_drawn_outcomes_of_a_probability_are_binomial() -> None:
    rows = pd.DataFrame({"price": np.full(40, 5.0), "cost": 0.0})

    class Says:
        is_probability = True

        def __call__(self, rows: Any) -> Any:
            return 1 - rows["price"] / 10

    found = run(models={"accept": [Says(), Says()]}, rows=rows, outcomes=3000)
    sold = found.totals["today"] / 5
    assert list(found.totals) == ["best", "today"]
    assert set(sold.unique()) <= set(np.arange(41.0))
    for share in (0.05, 0.5, 0.95):
        assert abs(np.quantile(sold, share) - binom(40, 0.5).ppf(share)) <= 1
    assert sold.std() == pytest.approx(np.sqrt(10), rel=0.06)
    again = run(models={"accept": [Says(), Says()]}, rows=rows, outcomes=10, seed=0).totals
    pd.testing.assert_frame_equal(again, found.totals.head(10))


def test_drawn_outcomes_of_a_number_scatter_as_logged_ones_do() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.uniform(0, 10, 600)})
    rows["y"] = 5 - rows["price"] + random.normal(0, 2, 600)
    with dt.quiet():
        model = dt.Ensemble.fit(rows, LinearRegression(), outcome="y", features=["price"], n=4)
        found = run(objective="y", models={"y": model}, rows=rows.head(25), outcomes=2000, values={"price": [1, 2]})
    assert found.totals["best"].mean() == pytest.approx(25 * 4, rel=0.1)
    assert found.totals["best"].std() == pytest.approx(2 * 5, rel=0.12)


def test_a_number_handed_over_does_not_scatter_and_it_is_said() -> None:
    with pytest.warns(DrivetrainWarning, match="totals scatter too little"):
        run(outcomes=2)


def test_residuals_keep_amounts_above_0_and_predictions_right_on_average() -> None:
    said = np.array([10.0, 20.0, 40.0, 10.0])
    ratios = Residuals.of(np.array([5.0, 30.0, 40.0, np.nan]), said)
    assert ratios.are_ratios and ratios.values.mean() == pytest.approx(1) and (ratios.values > 0).all()
    differences = Residuals.of(np.array([-5.0, 30.0, 40.0, np.nan]), said)
    assert not differences.are_ratios and differences.values.mean() == pytest.approx(0)
    assert Residuals.of(np.full(4, np.nan), said) is None


def test_what_is_printed_is_for_people() -> None:
    said = str(run())
    assert "Best at price 6, inside the range tried" in said and "as today" in said and "under 0 %" in said


def test_notebooks_show_the_picture_and_it_can_be_kept(tmp_path: Any) -> None:
    found = run()
    assert found._repr_html_().startswith("<img")
    assert found.chart.save(tmp_path / "curve.svg").stat().st_size > 1000


REFUSED: dict[str, tuple[dict[str, Any], type, str]] = {
    "no lever": ({"levers": []}, SettingError, "levers"),
    "empty rows": ({"rows": ROWS.head(0)}, DataError, "no rows"),
    "values of no lever": ({"values": {"prise": [1]}}, SettingError, "prise is no lever"),
    "no values": ({"values": {"price": []}}, SettingError, "at least one value"),
    "empty values": ({"values": {"price": [None]}}, SettingError, "none of them empty"),
    "words as values": ({"values": {"price": ["dear"]}}, SettingError, "expected numbers"),
    "points": ({"points": 1}, SettingError, "points"),
    "outcomes": ({"outcomes": -1}, SettingError, "outcomes"),
    "too many": ({"levers": [PRICE, dt.Lever("n", 0, 4000, step=1, today=0)], "points": 4000}, SettingError, "fewer"),
    "NaN in a row": ({"rows": ROWS.assign(cost=[1, None])}, DataError, "expected finite"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_is_said(what: str) -> None:
    change, error, said = REFUSED[what]
    with pytest.raises(error, match=said):
        run(**change)


def test_one_row_and_odd_names_and_labels_that_repeat() -> None:
    rows = ROWS.rename(columns={"cost": "c`o\nst"}).set_axis(["a", "a"])
    found = run(objective=lambda rows, levers, predict: levers["price"] - rows["c`o\nst"], rows=rows.head(1))
    assert found.best == {"price": 10.0} and found.rows == 1
