"""Covariances against statsmodels, and CR2 against what R prints."""

import numpy as np
import pytest
import statsmodels.api as sm

from drivetrain.statistics.fitting.covariance import slope_of, wald
from drivetrain.statistics.fitting.fits import fit_rows
from drivetrain.statistics.fitting.rows import read_rows
from tests.statistics.chicks import chicks


def table(n: int = 90, seed: int = 0) -> dict[str, list]:
    random = np.random.default_rng(seed)
    x, z = random.normal(size=n), random.normal(size=n)
    group = random.integers(0, 9, n)
    y = 1 + 0.4 * x - 0.3 * z + random.normal(size=9)[group] + random.normal(size=n) * (1 + np.abs(x))
    chance = 1 / (1 + np.exp(-0.5 * x))
    return {
        "x": x.tolist(),
        "z": z.tolist(),
        "y": y.tolist(),
        "group": [f"g{g}" for g in group],
        "w": random.uniform(0.5, 2, n).tolist(),
        "said": (random.random(n) < chance).astype(float).tolist(),
        "count": random.poisson(np.exp(0.3 * x)).astype(float).tolist(),
    }


def design(data: dict[str, list]) -> np.ndarray:
    return sm.add_constant(np.column_stack([data["x"], data["z"]]))


@pytest.mark.parametrize(("ours", "theirs"), [("classical", "nonrobust"), ("HC3", "HC3"), ("CR1", "cluster")])
@pytest.mark.parametrize("weights", [None, "w"])
def test_linear_errors_are_those_of_statsmodels(ours, theirs, weights):
    data = table()
    words = {"groups": np.array(data["group"])} if theirs == "cluster" else {}
    model = sm.WLS(data["y"], design(data), weights=data["w"] if weights else 1.0)
    right = model.fit(cov_type=theirs, cov_kwds=words, use_t=True)
    fit = fit_rows(read_rows(data, outcome="y", of="x", controls=["z"], cluster="group", weights=weights))
    found = slope_of(fit, ours)
    assert found.value == pytest.approx(right.params[1], rel=1e-9)
    assert found.se == pytest.approx(right.bse[1], rel=1e-7)
    if theirs != "nonrobust" or weights is None:
        assert [found.low, found.high] == pytest.approx(right.conf_int()[1].tolist(), rel=1e-6)
        assert found.p == pytest.approx(right.pvalues[1], rel=1e-6)


@pytest.mark.parametrize(
    ("outcome", "family", "theirs"),
    [("said", "logistic", sm.families.Binomial()), ("count", "poisson", sm.families.Poisson())],
    ids=["logistic", "poisson"],
)
def test_other_families_are_those_of_statsmodels(outcome, family, theirs):
    data = table()
    model = sm.GLM(data[outcome], design(data), family=theirs)
    groups = np.array(data["group"])
    fit = fit_rows(read_rows(data, outcome=outcome, of="x", controls=["z"], cluster="group", family=family))
    plain, robust = model.fit(), model.fit(cov_type="HC0")
    assert fit.slope == pytest.approx(plain.params[1], rel=1e-7)
    assert slope_of(fit, "classical").se == pytest.approx(plain.bse[1], rel=1e-6)
    clustered = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert slope_of(fit, "CR1").se == pytest.approx(clustered.bse[1], rel=1e-6)
    assert slope_of(fit, "HC3").se > robust.bse[1]  # statsmodels has no HC3 of these; it is the larger one


def test_fixed_effects_are_a_level_for_each_group():
    data = table()
    groups = np.array(data["group"])
    dummies = np.stack([groups == name for name in np.unique(groups)], axis=1).astype(float)
    right = sm.OLS(data["y"], np.column_stack([data["x"], dummies])).fit()
    fit = fit_rows(read_rows(data, outcome="y", of="x", within="group"))
    found = slope_of(fit, "classical")
    assert (found.value, found.se, found.df) == pytest.approx((right.params[0], right.bse[0], right.df_resid))


def test_means_taken_out_are_the_same_as_levels(monkeypatch):
    data = table()
    rows = read_rows(data, outcome="y", of="x", controls=["z"], within="group", cluster="group", weights="w")
    as_levels = fit_rows(rows)
    monkeypatch.setattr("drivetrain.statistics.fitting.design.MOST_CELLS", 0)
    as_means = fit_rows(rows)
    assert as_means.design.X.shape[1] == 3 < as_levels.design.X.shape[1]
    for kind in ("classical", "CR1", "CR2"):
        one, other = slope_of(as_levels, kind), slope_of(as_means, kind)
        assert (one.value, one.se, one.df) == pytest.approx((other.value, other.se, other.df))


@pytest.mark.parametrize(
    ("diet", "estimate", "se", "t", "df", "p"),
    [(2, 1.77, 1.49, 1.19, 18.8, 0.2497), (3, 4.58, 1.35, 3.39, 18.8, 0.0031), (4, 2.87, 1.01, 2.85, 18.3, 0.0105)],
)
def test_cr2_is_that_of_clubsandwich(diet, estimate, se, t, df, p):
    """`coef_test(lm(weight ~ Diet * Time, ChickWeight), vcov = "CR2", cluster = Chick)` as the manual of R's
    clubSandwich 0.6 prints it (jepusto.github.io/clubSandwich/reference/coef_test.html)."""
    others = [f"time on {other}" for other in (2, 3, 4) if other != diet]
    controls = ["time", "diet2", "diet3", "diet4", *others]
    rows = read_rows(chicks(), outcome="weight", of=f"time on {diet}", controls=controls, cluster="chick")
    found = slope_of(fit_rows(rows), "CR2")
    assert [round(found.value, 2), round(found.se, 2), round(found.t, 2)] == [estimate, se, t]
    assert [round(found.df, 1), round(found.p, 4)] == [df, p]


def test_two_groups_give_welch_and_the_formula_of_bell_and_mccaffrey():
    """Rows as clusters of one: HC2 is Welch's error; the degrees of freedom for 3 rows against 27 are those of Imbens
    & Kolesár (2016, Review of Economics and Statistics 98, section III: 2.5)."""
    random = np.random.default_rng(0)
    treated = np.repeat([1.0, 0.0], [3, 27])
    y = random.normal(size=30) + treated
    rows = read_rows({"y": y, "d": treated, "row": [f"r{i}" for i in range(30)]}, outcome="y", of="d", cluster="row")
    found = slope_of(fit_rows(rows), "CR2")
    welch = y[:3].var(ddof=1) / 3 + y[3:].var(ddof=1) / 27
    assert found.se**2 == pytest.approx(welch)
    n1, n0 = 3, 27
    formula = (n0 + n1) ** 2 * (n0 - 1) * (n1 - 1) / (n1**2 * (n1 - 1) + n0**2 * (n0 - 1))
    assert found.df == pytest.approx(formula)
    assert round(found.df, 1) == 2.5


def test_the_mean_of_a_population_has_the_formula_of_clubsandwich():
    """The error of a mean over clusters of unequal size, by the formulas that clubSandwich's own tests use."""
    random = np.random.default_rng(3)
    sizes = np.array([1, 2, 4, 7, 3, 9, 2, 5])
    codes = np.repeat(np.arange(8), sizes)
    n = len(codes)
    y = random.normal(size=8)[codes] + random.normal(size=n)
    from drivetrain.statistics.fitting.covariance import ClusterSums, Reduced

    left = y - y.mean()
    S = sizes[:, None, None].astype(float)
    r = np.bincount(codes, left)[:, None]
    made = Reduced(ClusterSums(S, r), np.array([[1 / n]]), np.array([[1.0]]))
    means = np.bincount(codes, y) / sizes
    variance = np.sum(sizes**2 * (means - y.mean()) ** 2 / (1 - sizes / n)) / n**2
    assert made.covariance[0, 0] == pytest.approx(variance)
    a, b, c = (
        np.sum(sizes**2 / (n - sizes) ** 2),
        np.sum(sizes**3 / (n - sizes) ** 2),
        np.sum(sizes**2 / (n - sizes)),
    )
    assert made.satterthwaite() == pytest.approx(n**2 / (n**2 * a - 2 * n * b + c**2))


def test_a_wald_test_of_one_coefficient_is_its_t_test():
    rows = read_rows(chicks(), outcome="weight", of="time", controls=["diet2", "diet3", "diet4"], cluster="chick")
    fit = fit_rows(rows)
    for kind, clustered in (("CR2", True), ("HC3", False)):
        one, test = slope_of(fit, kind), wald(fit, (1,), clustered=clustered)
        assert (test.f, test.df, test.p) == pytest.approx((one.t**2, one.df, one.p))


def test_a_robust_wald_test_is_that_of_statsmodels():
    data = table()
    right = sm.OLS(data["y"], design(data)).fit(cov_type="HC3", use_t=True).f_test(np.eye(3)[1:])
    found = wald(fit_rows(read_rows(data, outcome="y", of="x", controls=["z"])), (1, 2), clustered=False)
    assert (found.f, found.p) == pytest.approx((float(right.fvalue), float(right.pvalue)))


@pytest.mark.parametrize("between", [True, False], ids=["treated as a whole", "differs within it"])
def test_a_slope_that_rests_on_one_cluster_has_no_clustered_error(between):
    """Its noise cannot be told from the slope: clusters without it would make the error too small, silently."""
    random = np.random.default_rng(0)
    cluster = np.repeat(np.arange(10), 12)
    x = np.where(cluster == 0, 1.0 if between else random.normal(size=120), 0.0)
    y = random.normal(size=10)[cluster] + random.normal(size=120)
    data = {"x": x, "y": y, "c": [f"c{c}" for c in cluster]}
    assert np.isnan(slope_of(fit_rows(read_rows(data, outcome="y", of="x", cluster="c")), "CR2").se)
    x[cluster == 1] = 1.0 if between else random.normal(size=12)
    assert np.isfinite(slope_of(fit_rows(read_rows({**data, "x": x}, outcome="y", of="x", cluster="c")), "CR2").se)
