"""The report as a whole: its numbers, its words, its page, and the real data where they are."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from tests.statistics.fitting.test_covariance import table

REAL = Path(__file__).parents[3] / "shared" / "data" / "covid-cities" / "cities.csv.gz"
LESSON = {"controls": ["rh", "log:gdp", "log:density"], "cluster": "country", "claim": -0.023}


@pytest.fixture(scope="module")
def small():
    return dt.slope_report(
        table(120),
        "y",
        "x",
        controls=["z"],
        cluster="group",
        smallest_effect_of_interest=0.2,
        claim=1.5,
        simulations=200,
    )


@pytest.fixture(scope="module")
def cities(tmp_path_factory) -> Path:
    if not REAL.is_file():
        pytest.skip("the real cities are not here")
    path = tmp_path_factory.mktemp("cities") / "cities.csv"
    path.write_bytes(gzip.decompress(REAL.read_bytes()))
    return path


def test_json_has_every_name_that_scripts_rely_on(small):
    found = json.loads(json.dumps(small.as_json()))
    four = {"estimate", "low", "high", "p"}
    assert found.keys() >= four | {
        *("n", "univariate", "multivariate", "claim", "smallest_detectable", "n_needed", "verdict", "robustness_value"),
        "sentence",
    }
    for side in ("univariate", "multivariate"):
        assert found[side].keys() >= four | {"clustered"}
        assert found[side]["clustered"].keys() >= four
        assert found[side]["clustered"]["cr2"].keys() >= four
    assert found["claim"].keys() >= {"value", "excluded"}
    for name in (*four, "n", "smallest_detectable", "n_needed", "verdict", "robustness_value", "sentence"):
        assert getattr(small, name) == found[name]


def test_the_slope_with_clusters_is_that_of_cr2_and_without_that_of_hc3(small):
    assert small.main == small.multivariate.reduced
    assert small.decisions["errors"].value == "CR2"
    alone = dt.slope_report(table(), "y", "x", simulations=0)
    assert alone.main == alone.univariate.robust
    assert alone.multivariate is None and alone.chance is None and alone.wild is None


def test_asked_errors_are_taken():
    for kind in ("classical", "HC3", "CR1", "CR2"):
        assert dt.slope_report(table(), "y", "x", cluster="group", errors=kind, simulations=0).main.errors == kind
    with pytest.raises(SettingError, match="cluster="):
        dt.slope_report(table(), "y", "x", errors="CR2", simulations=0)


def test_if_the_data_cannot_tell_the_first_line_says_so():
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=12), "y": random.normal(size=12)}
    found = dt.slope_report(data, "y", "x", smallest_effect_of_interest=0.1, simulations=0)
    assert found.verdict == "cannot_tell"
    assert str(found).startswith("The data cannot tell") and found.sentence.startswith("The data cannot tell")


def test_the_same_seed_gives_the_same_report(small):
    again = dt.slope_report(
        table(120),
        "y",
        "x",
        controls=["z"],
        cluster="group",
        smallest_effect_of_interest=0.2,
        claim=1.5,
        simulations=200,
    )
    assert again.as_json() == small.as_json()


def test_the_page_is_whole_and_safe(small, tmp_path):
    page = small.save(tmp_path / "slope.html").read_text(encoding="utf-8")
    assert all(
        f'id="{name}"' in page
        for name in ("estimate", "chance", "verdict", "several", "choices", "beliefs", "principles", "how")
    )
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(re.findall(r'id="([\w-]+)"', page))
    assert "nan" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL).lower().split()
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    names = {"x": "<script>x</script>", "y": "y & z", "z": 'a "control"'}
    odd = pd.DataFrame(table(60)).rename(columns=names)
    html = dt.slope_report(odd, "y & z", "<script>x</script>", controls=['a "control"'], simulations=0).html()
    assert "<script>x" not in html and "&lt;script&gt;x" in html


@pytest.mark.parametrize("family", ["linear", "logistic", "poisson"])
@pytest.mark.parametrize("words", [{}, {"cluster": "group"}, {"weights": "w"}, {"within": "group"}], ids=str)
def test_every_kind_of_regression_has_a_page(family, words):
    data = table(200)
    outcome = {"linear": "y", "logistic": "said", "poisson": "count"}[family]
    found = dt.slope_report(data, outcome, "x", controls=["z"], family=family, claim=0.4, simulations=200, **words)
    assert len(found.html()) > 50_000
    assert np.isfinite([found.estimate, found.low, found.high, found.p]).all()
    assert found.methods.startswith("We regressed")


def test_what_the_slope_means_across_the_range():
    random = np.random.default_rng(0)
    x = random.uniform(0, 10, 400)
    linear = dt.slope_report({"x": x, "y": 2 * x + random.normal(size=400)}, "y", "x", simulations=0).span
    assert linear.value == pytest.approx(2 * (linear.high - linear.low), rel=0.05)
    assert (linear.low, linear.high) == pytest.approx((1, 9), abs=0.6)
    logs = {"x": np.exp(x), "y": np.exp(0.5 * x + random.normal(size=400))}
    factor = dt.slope_report(logs, "log:y", "log:x", simulations=0).span
    assert factor.kind == "factor" and factor.value == pytest.approx((factor.high / factor.low) ** 0.5, rel=0.2)
    chance = 1 / (1 + np.exp(-(x - 5)))
    said = dt.slope_report({"x": x, "y": random.random(400) < chance}, "y", "x", family="logistic", simulations=0).span
    right = 1 / (1 + np.exp(-(said.high - 5))) - 1 / (1 + np.exp(-(said.low - 5)))
    assert said.kind == "chance" and said.value == pytest.approx(right, abs=0.08)


def test_an_exact_line_is_no_measurement():
    with pytest.raises(DataError, match="no noise"):
        dt.slope_report({"x": [1, 2, 3, 4, 5], "y": [2.0, 4, 6, 8, 10]}, "y", "x", simulations=0)


def test_one_cluster_is_said_and_few_are_warned_of():
    data = table()
    with pytest.raises(DataError, match="one value in 'one'"):
        dt.slope_report({**data, "one": ["a"] * 90}, "y", "x", cluster="one", simulations=0)
    with pytest.warns(DrivetrainWarning, match="fewer than 4"):
        dt.slope_report({**data, "two": ["a", "b"] * 45}, "y", "x", cluster="two", simulations=0)


def test_a_slope_that_rests_on_one_cluster_is_no_clustered_result():
    data = table(120)
    data["treated"] = [float(group == "g3") for group in data["group"]]
    with pytest.raises(DataError, match="rests on a single one of 9 clusters"):
        dt.slope_report(data, "y", "treated", cluster="group", simulations=0)
    asked = dt.slope_report(data, "y", "treated", cluster="group", errors="HC3", simulations=200)
    assert asked.univariate.reduced is None
    assert json.loads(json.dumps(asked.as_json()))["univariate"]["clustered"]["cr2"] is None
    assert len(asked.html()) > 50_000


def test_a_cluster_that_holds_most_rows_is_warned_of():
    data = table(120)
    data["uneven"] = ["large"] * 60 + [f"small {i % 12}" for i in range(60)]
    with pytest.warns(DrivetrainWarning, match="50% of the rows in one cluster it is too narrow"):
        found = dt.slope_report(data, "y", "x", cluster="uneven", simulations=0)
    assert "Few clusters" in found.html() and "too narrow" in found.decisions["errors"].reason


def test_imputation_brings_back_what_is_missing_at_random(monkeypatch):
    monkeypatch.setattr("drivetrain.statistics.imputing.TABLES", 5)
    random = np.random.default_rng(1)
    z = random.normal(size=250)
    x = z + random.normal(size=250)
    y = x + z + random.normal(size=250)
    holes = np.where((random.random(250) < 0.5) & (y > 0), np.nan, z)  # where it is empty depends on the outcome
    data = pd.DataFrame({"x": x, "y": y, "z": holes})
    with pytest.warns(DrivetrainWarning, match="rows are left out"):
        dropped = dt.slope_report(data, "y", "x", controls=["z"], simulations=0)
    imputed = dt.slope_report(data, "y", "x", controls=["z"], missing="impute", simulations=0)
    assert imputed.n == 250 > dropped.n
    assert imputed.low < 1 < imputed.high
    assert imputed.main.se < 1.2 * dropped.main.se  # more rows, and what imputing adds
    assert "imputed" in imputed.methods and imputed.imputed == 5


# the lesson's data


@pytest.mark.filterwarnings("ignore::drivetrain.errors.DrivetrainWarning")
def test_the_lesson_on_the_real_cities(cities):
    found = dt.slope_report(cities, "r_mean", "tmean", simulations=1000, **LESSON)
    assert found.n == 409 and found.n_clusters == 26
    alone, several = found.univariate, found.multivariate
    assert [round(alone.estimate, 4), round(alone.p, 3), round(alone.r2, 3)] == [-0.0032, 0.025, 0.012]
    assert round(alone.clustered.p, 2) == 0.14
    assert [round(several.estimate, 5), round(several.low, 4), round(several.high, 4)] == [0.00005, -0.0029, 0.0030]
    assert found.claim.excluded and found.claim.errors_away > 9
    assert found.verdict == "none"
    assert found.power.fewer.significant == pytest.approx(0.17, abs=0.035)
    assert found.power.fewer.verdicts["cannot_tell"] > 0.75
    assert found.shape.p_rows < 0.001
    assert found.choices.corrected_p > 0.1 > found.choices.smallest_p
    most = max(found.decomposition.parts, key=lambda part: abs(part.value))
    assert most.control == "log:gdp"
