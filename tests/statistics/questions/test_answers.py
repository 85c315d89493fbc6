"""Power, decomposition, sensitivity, influence, shape and beliefs, each against a figure of its own."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from drivetrain.statistics.fitting.bootstrap import wild_bootstrap
from drivetrain.statistics.fitting.covariance import Estimate, slope_of
from drivetrain.statistics.fitting.fits import fit_rows
from drivetrain.statistics.fitting.rows import read_rows
from drivetrain.statistics.questions.beliefs import Belief, beliefs_of, credibility, update, usual_priors
from drivetrain.statistics.questions.chance import chance_of
from drivetrain.statistics.questions.choices import choices_of
from drivetrain.statistics.questions.decompose import decompose
from drivetrain.statistics.questions.influence import influence_of
from drivetrain.statistics.questions.power import detectable, power_of, rows_needed, simulated_power
from drivetrain.statistics.questions.sensitivity import adjusted, bound_of, robustness_value, sensitivity_of
from drivetrain.statistics.questions.shape import shape_of
from tests.statistics.fitting.test_covariance import table
from tests.statistics.swiss import swiss


def rows_of(data=None, **words):
    words = {"outcome": "y", "of": "x", "controls": ["z"]} | words
    return read_rows(table() if data is None else data, **words)


# power


@pytest.mark.parametrize(("effect", "df"), [(0.5, 10), (2.0, 30), (2.8, 400), (5.0, 5), (0.0, 7)])
def test_power_is_that_of_the_noncentral_t(effect, df):
    crit = stats.t.ppf(0.975, df)
    right = stats.nct.sf(crit, df, effect) + stats.nct.cdf(-crit, df, effect)
    assert power_of(effect, 1.0, df) == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("df", [1.5, 3.9, 57.0])
def test_power_has_no_gap_where_degrees_of_freedom_are_few(df):
    powers = [power_of(float(effect), 1.0, df) for effect in np.linspace(0, 30, 61)]
    assert np.isfinite(powers).all() and (np.diff(powers) > -1e-9).all()
    assert power_of(detectable(1.0, df, 0.95, 0.8), 1.0, df) == pytest.approx(0.8, abs=1e-6)


def test_rows_needed_have_the_power_and_one_row_less_has_not():
    one = Estimate(0.1, 0.05, 97.0, 0.95, "HC3")
    n = rows_needed(0.1, one, 100, 3, 0.8, clustered=False)
    assert n is not None
    by_hand = [power_of(0.1, 0.05 * math.sqrt(100 / rows), rows - 3) for rows in (n - 1, n)]
    assert by_hand[0] < 0.8 <= by_hand[1]


@pytest.mark.parametrize("kind", ["classical", "HC3"])
def test_simulated_power_is_that_of_the_formula(kind):
    """Of normal noise; 3,000 tables, so that a point is 1.4 standard errors: three of them are allowed."""
    random = np.random.default_rng(2)
    n = 400
    x = random.normal(size=n)
    rows = read_rows({"x": x, "y": random.normal(size=n)}, outcome="y", of="x")
    fit = fit_rows(rows)
    one = slope_of(fit, kind)
    effect = detectable(one.se * 2, 98, 0.95, 0.8)  # that 100 rows find four times in five
    found = simulated_power(rows, fit, kind, effect, 100, level=0.95, simulations=3000, seed=1)
    assert found is not None
    assert found[0] == pytest.approx(0.8, abs=0.025)


# one variable or several


def test_the_parts_of_the_move_add_up_and_are_auxiliary_regressions():
    data = table()
    data["u"] = (np.array(data["x"]) * 0.7 + np.random.default_rng(2).normal(size=90)).tolist()
    data["v"] = (np.array(data["y"]) + np.random.default_rng(1).normal(size=90)).tolist()
    rows = rows_of(data, controls=["z", "u", "v"])
    alone, full = fit_rows(rows.without_controls()), fit_rows(rows)
    found = decompose(alone, full, 0.95)
    assert found is not None
    assert sum(part.value for part in found.parts) == pytest.approx(alone.slope - full.slope)
    X = sm.add_constant(np.column_stack([data["x"], data["z"], data["u"], data["v"]]))
    long = sm.OLS(data["y"], X).fit()
    for place, part in enumerate(found.parts, start=2):
        gamma = sm.OLS(X[:, place], X[:, :2]).fit().params[1]
        assert part.value == pytest.approx(gamma * long.params[place])


def test_the_parts_are_those_of_r():
    """`dec_covar(lm(Fertility ~ ., data = swiss), var_main = "Education")` as the author of that R function prints it
    (github.com/MatthieuStigler/Misconometrics, Gelbach_decompo)."""
    controls = ["Agriculture", "Examination", "Catholic", "Infant.Mortality"]
    rows = read_rows(swiss(), outcome="Fertility", of="Education", controls=controls)
    found = decompose(fit_rows(rows.without_controls()), fit_rows(rows), 0.95)
    assert found is not None
    assert {part.control: round(part.value, 7) for part in found.parts} == {
        "Agriculture": 0.2599829,
        "Catholic": -0.0694794,
        "Examination": -0.1495090,
        "Infant.Mortality": -0.0324047,
    }
    assert round(found.moved, 7) == 0.0085898


def test_intervals_of_the_parts_are_those_of_the_bootstrap():
    data = {name: np.array(cells) for name, cells in table(300).items()}
    data["z"] = data["z"] + 0.8 * data["x"]
    rows = rows_of(data)
    found = decompose(fit_rows(rows.without_controls()), fit_rows(rows), 0.95)
    assert found is not None
    random, values = np.random.default_rng(0), []
    for _ in range(400):
        drawn = rows.take(random.integers(0, 300, 300))
        values.append(fit_rows(drawn.without_controls()).slope - fit_rows(drawn).slope)
    width = found.parts[0].high - found.parts[0].low
    assert width == pytest.approx(2 * 1.96 * np.std(values), rel=0.15)


def test_sensitivity_is_that_of_sensemakr():
    """R's sensemakr on Darfur (783 degrees of freedom): its summary, and `ovb_bounds` for female (cran.r-project.org,
    vignette sensemakr; Cinelli & Hazlett 2020, table 1)."""
    estimate, se, df = 0.09731582, 0.02325654, 783
    t = estimate / se
    assert robustness_value(t, df) == pytest.approx(0.13878, abs=5e-6)
    assert robustness_value(t, df, alpha=0.05) == pytest.approx(0.07626, abs=5e-6)
    right = {1: (0.009164, 0.12464, 0.07522, 0.02187, 3.4389), 2: (0.018329, 0.24932, 0.05292, 0.02035, 2.6002)}
    right[3] = (0.027493, 0.37405, 0.03040, 0.01867, 1.6281)
    once = (0.009164287 / 1.009164287, None)
    # the outcome's partial R² of female that belongs to the published bound at one time as strong
    eta = (1 + math.sqrt(once[0] ** 2 / ((1 - once[0]) * (1 - once[0])))) ** 2 / (
        1 - once[0] ** 2 / ((1 - once[0]) * (1 - once[0]))
    )
    f_outcome = 0.1246409 / eta
    for times, (variable, outcome, left, error, t_left) in right.items():
        found = bound_of(once[0], f_outcome / (1 + f_outcome), times)
        assert found == pytest.approx((variable, outcome), rel=1e-4)
        made = adjusted(estimate, se, df, *found)
        assert made == pytest.approx((left, error), rel=2e-4)
        assert made[0] / made[1] == pytest.approx(t_left, rel=2e-4)


def test_a_robustness_value_is_what_brings_the_slope_to_zero():
    for t, df in ((4.2, 783), (1.0, 20), (30.0, 50)):
        rv = robustness_value(t, df)
        left, _ = adjusted(t, 1.0, df, rv, rv)
        assert left == pytest.approx(0, abs=1e-9)


def test_a_hidden_variable_that_is_made_is_found_within_its_bound():
    """The slope without a control is moved by no more than the formula says from that control's own strength."""
    rows = rows_of(controls=["z", "w"])
    full = fit_rows(rows)
    found = sensitivity_of(full, slope_of(full, "classical"))
    assert found.strongest in ("z", "w")
    assert 0 < found.robustness_value < 1


def test_influence_is_what_leaving_out_does():
    rows = rows_of(cluster="group")
    fit = fit_rows(rows)
    found = influence_of(rows, fit, "CR2", slope_of(fit, "CR2"))
    place = rows.names.index(found.rows[0].name)
    keep = np.arange(len(rows)) != place
    assert found.rows[0].slope == pytest.approx(fit_rows(rows.take(keep)).slope)
    name = found.clusters[0].name
    keep = np.array([rows.cluster_names[code] != name for code in rows.cluster])
    assert found.clusters[0].slope == pytest.approx(fit_rows(rows.take(keep)).slope)
    assert found.without is not None and found.n_flagged > 0


def test_a_curve_is_found_where_there_is_one_and_not_where_there_is_none():
    random = np.random.default_rng(0)
    x = random.uniform(-2, 2, 200)
    for bend, expected in ((1.0, True), (0.0, False)):
        data = {"x": x, "y": x + bend * x**2 + random.normal(size=200)}
        found = shape_of(read_rows(data, outcome="y", of="x"), clustered=False, level=0.95)
        assert found is not None and (found.p < 1e-6) == expected
    assert shape_of(read_rows({"x": x > 0, "y": x}, outcome="y", of="x"), clustered=False, level=0.95) is None


def test_a_spline_is_that_of_patsy():
    """The same space of curves: fitted values agree with a natural cubic spline on the same knots."""
    from patsy import dmatrix

    random = np.random.default_rng(4)
    x = random.uniform(0, 10, 150)
    y = np.sin(x) + random.normal(size=150)
    found = shape_of(read_rows({"x": x, "y": y}, outcome="y", of="x"), clustered=False, level=0.95)
    assert found is not None
    inner, ends = found.knots[1:-1], (found.knots[0], found.knots[-1])
    basis = np.asarray(
        dmatrix(
            "cr(x, knots=inner, lower_bound=low, upper_bound=high)",
            {"x": x, "inner": inner, "low": ends[0], "high": ends[1]},
        )
    )
    inside = (x >= ends[0]) & (x <= ends[1])
    theirs = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    order = np.argsort(x[inside])
    at = np.interp(x[inside][order], found.x, found.curve)
    gap = theirs[inside][order] - at
    assert np.ptp(gap) < 0.15  # equal but for a constant, the grid's interpolation, and patsy's straight ends


# chance and choices


def test_chance_agrees_with_the_formula():
    random = np.random.default_rng(7)
    x = random.normal(size=80)
    rows = read_rows({"x": x, "y": 0.2 * x + random.normal(size=80)}, outcome="y", of="x")
    fit = fit_rows(rows)
    classical = slope_of(fit, "classical")
    found = chance_of(fit, False, classical, None, x, draws=4000, seed=0)
    assert found.as_large == pytest.approx(classical.p, abs=4 * found.error + 0.005)
    assert found.sd == pytest.approx(found.formula_sd, rel=0.04)
    assert found.formula_sd == pytest.approx(math.sqrt(rows.y.var(ddof=1) / np.sum((x - x.mean()) ** 2)))
    assert found.agrees
    assert found.panel_slopes[found.real] == pytest.approx(fit.slope)


def test_the_wild_bootstrap_takes_every_sign_where_clusters_are_few():
    data = table()
    data["few"] = [f"g{int(g[1:]) % 6}" for g in data["group"]]
    fit = fit_rows(rows_of(data, cluster="few"))
    found = wild_bootstrap(fit, draws=999, seed=0)
    assert found.exact and found.n_draws == 64
    assert round(found.p * 64) == found.p * 64
    # by hand, one draw at a time, with the regression fitted anew
    rows = rows_of(data, cluster="few")
    restricted = sm.OLS(rows.y, sm.add_constant(np.array(data["z"]))).fit()
    X = sm.add_constant(np.column_stack([data["x"], data["z"]]))
    large = 0
    for draw in range(64):
        signs = np.array([1 if draw >> g & 1 else -1 for g in range(6)])[rows.cluster]
        again = sm.OLS(restricted.fittedvalues + signs * restricted.resid, X)
        t = again.fit(cov_type="cluster", cov_kwds={"groups": rows.cluster, "use_correction": False}).tvalues[1]
        large += abs(t) >= abs(found.t) * (1 - 1e-9)
    assert found.p == pytest.approx(large / 64)


def test_the_best_of_many_looks_is_corrected():
    """Without any relationship the smallest of many p-values is small, and its corrected p is uniform."""
    random = np.random.default_rng(3)
    raw, corrected = [], []
    for seed in range(60):
        data = {name: random.normal(size=60) for name in ("x", "y", "a", "b", "c")}
        rows = read_rows(data, outcome="y", of="x", controls=["a", "b", "c"])
        found = choices_of(rows, np.zeros(0, np.intp), level=0.95, draws=400, seed=seed)
        assert found is not None and found.n == 8
        raw.append(found.smallest_p)
        corrected.append(found.corrected_p)
        assert found.smallest_p - 0.07 <= found.corrected_p <= found.bonferroni_p + 0.07  # 400 draws: ± 3 errors
    assert np.mean(corrected) > np.mean(raw) + 0.1
    assert stats.kstest(corrected, "uniform").pvalue > 0.01


# beliefs


def test_beliefs_are_weighed_by_their_precision():
    after = update(Belief(-0.02, 0.01), 0.0, 0.01)
    assert (after.mean, after.sd) == pytest.approx((-0.01, 0.01 / math.sqrt(2)))
    assert update(Belief(5.0, math.inf), 2.0, 0.5) == Belief(2.0, 0.5)


@pytest.mark.parametrize(("value", "se"), [(2.0, 0.5), (-1.5, 0.7), (0.4, 0.5), (-0.1, 0.3), (3.0, 1.4)])
def test_the_analysis_of_credibility_is_where_the_posterior_touches_zero(value, se):
    one = Estimate(value, se, math.inf, 0.95, "HC3")
    found = credibility(one)
    assert found is not None
    z = stats.norm.ppf(0.975)
    if found.kind == "sceptical":
        assert one.p < 0.05
        prior = Belief(0.0, found.limit / z)
    else:
        assert one.p > 0.05
        prior = Belief(found.limit / 2, abs(found.limit) / 2 / z)
    after = update(prior, value, se)
    low, high = after.interval(0.95)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-9)


def test_surprise_is_in_bits_and_the_usual_priors_disagree_less_afterwards():
    one = Estimate(-0.003, 0.0015, 400.0, 0.95, "HC3")
    found = beliefs_of(one, claim=-0.023, p_claim=2**-10, margin=0.023, priors=usual_priors(-0.023))
    assert (found.s_value, found.s_value_claim) == pytest.approx((-math.log2(one.p), 10.0))
    sceptic, neutral, enthusiast = found.updated
    assert sceptic.before.mean - enthusiast.before.mean > 10 * (sceptic.after.mean - enthusiast.after.mean)
    assert neutral.after.interval(0.95) == pytest.approx((one.low, one.high))
    assert all(each.worth_having < 0.01 for each in found.updated)
