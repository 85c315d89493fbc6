import numpy as np
import pandas as pd
import pytest
from scipy import stats

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.promise import promise
from drivetrain.decisions.simulator import Simulator
from tests.decisions.proof.toys import Draws, Toy, objective_of

ACTIONS = 5
LEVER = Lever("price", 0, ACTIONS - 1, step=1, randomised=True)
PREDICTED = objective_of(lambda rows, levers, predict: predict["y"])


def best(simulator):
    """Chooses the best action of each row, as the members given see it."""
    n = len(simulator.rows)

    def choose(members=None):
        values = [simulator.at({"price": np.full(n, float(a))}, members=members).mean(axis=0) for a in range(ACTIONS)]
        return {"price": np.argmax(values, axis=0).astype(float)}

    return choose


def noisy(n, random):
    """Two members, one of each half, whose errors are independent; nothing is worth anything."""
    errors = random.normal(size=(2, n, ACTIONS))

    def member(half):
        return lambda frame: errors[half][frame["row"].to_numpy(), frame["price"].to_numpy().astype(int)]

    model = Toy("y", [member(0), member(1)], np.array([0, 1]), ("row", "price"))
    return Simulator(PREDICTED, pd.DataFrame({"row": np.arange(n), "price": 0.0}), (LEVER,), {"y": model})


def test_the_largest_error_is_no_gain():
    """Chosen and valued alike, a plan of nothing promises the mean of the largest of five errors of variance 1/2."""
    simulator = noisy(20_000, np.random.default_rng(0))
    choose = best(simulator)
    found = promise(simulator, choose, choose())
    largest = 1.16296 * np.sqrt(0.5)  # the mean of the largest of five standard normals (David & Nagaraja 2003)
    assert found.naive.value == pytest.approx(largest, abs=0.02)
    assert found.promised.value == pytest.approx(0.0, abs=0.02)
    assert found.expected.mean() == pytest.approx(found.promised.value)


def biased(n, *, by=1.0, noise=2.0, seed=0, group=1, known=None):
    """The truth is 5, the members say 5 + by."""
    random = np.random.default_rng(seed)
    y = 5 + np.repeat(random.normal(0, noise, n // group), group)
    price = np.repeat(random.integers(0, ACTIONS, n // group).astype(float), group)
    logged = pd.DataFrame({"price": price, "y": y})
    logged["shop"] = np.repeat(np.arange(n // group), group)
    logged["chance"] = 0.2 if known is None else np.where(known, 0.2, np.nan)
    calls = [lambda frame: np.full(len(frame), 5 + by)] * 4
    half = np.repeat(np.arange(n // group) % 2, group)
    model = Toy("y", calls, np.array([0, 1, 0, 1]), ("price",), "y", logged, half)
    rows = pd.DataFrame({"price": np.zeros(50)})
    lever = Lever("price", 0, ACTIONS - 1, step=1, randomised=known is None, propensity="chance")
    return logged, {"y": model}, rows, (lever,)


def made(objective, models, rows, levers, **settings):
    simulator = Simulator(objective, rows, levers, models)
    chosen = {"price": np.full(len(rows), 2.0)}
    return promise(simulator, lambda members: chosen, chosen, **settings)


def test_logged_outcomes_take_the_models_error_out():
    logged, models, rows, levers = biased(4_000, seed=1)
    found = made(PREDICTED, models, rows, levers)
    spread = logged["y"].std() / np.sqrt(4_000)
    assert found.naive.value == pytest.approx(6.0)
    wider = np.sqrt(17 / 7)  # a parabola through five places has 17/35 of a place's variance in the middle, a mean 1/5
    assert abs(found.promised.value - 5) < 3 * spread * wider
    assert found.promised.high - found.promised.low == pytest.approx(2 * 1.96 * spread * wider, rel=0.05)
    assert found.gain.low <= 0 <= found.gain.high
    assert "corrected by logged outcomes" in found.promised.method


def test_the_objective_may_be_curved():
    """y² at 6 is 36, its slope 12: the correction is 12 · (5 − 6), to the first order."""
    _, models, rows, levers = biased(4_000, noise=0.1)
    squared = objective_of(lambda rows, levers, predict: predict["y"] ** 2)
    assert made(squared, models, rows, levers).promised.value == pytest.approx(36 - 12, abs=0.1)


def test_rows_of_a_group_count_as_one():
    _, models, rows, levers = biased(4_000, group=4)
    alone, clustered = made(PREDICTED, models, rows, levers), made(PREDICTED, models, rows, levers, group="shop")
    widths = [found.baseline.high - found.baseline.low for found in (alone, clustered)]
    assert widths[1] / widths[0] == pytest.approx(2.0, rel=0.1)  # the root of four
    assert "clustered by shop" in clustered.promised.method


def test_only_rows_that_chance_set_correct():
    known = np.arange(4_000) % 4 == 0
    logged, models, rows, levers = biased(4_000, known=known)
    logged["y"] += np.where(known, 0.0, 100.0)  # what happened where somebody set the price proves nothing
    assert made(PREDICTED, models, rows, levers).promised.value == pytest.approx(5.0, abs=0.5)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """Bernoulli demand that falls with price, a model of the right form: 40 worlds."""
    held = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        n = 300
        x, price = random.normal(size=n), random.integers(0, ACTIONS, n).astype(float)
        logged = pd.DataFrame({"x": x, "price": price})
        logged["y"] = (random.random(n) < 0.8 - 0.15 * price + 0.05 * np.tanh(x)).astype(float)

        def terms(frame):
            return np.stack([np.ones(len(frame)), frame["x"], frame["price"], frame["x"] * frame["price"]], axis=1)

        model = Toy.fit("y", logged, "y", terms, columns=["x", "price"], seed=seed)
        rows = pd.DataFrame({"x": random.normal(size=200), "price": 1.0})
        sales = objective_of(lambda rows, levers, predict: predict["y"] * (levers["price"] + 1))
        simulator = Simulator(sales, rows, (LEVER,), {"y": model})
        choose = best(simulator)
        chosen = choose()
        found = promise(simulator, choose, chosen)
        true = ((0.8 - 0.15 * chosen["price"] + 0.05 * np.tanh(rows["x"])) * (chosen["price"] + 1)).mean()
        held.append(found.promised.low <= true <= found.promised.high)
    assert np.mean(held) >= stats.binom.ppf(0.01, 40, 0.95) / 40


def test_without_logged_rows_the_members_tell_the_interval():
    random = np.random.default_rng(0)
    levels = random.normal(10, 1, 20)
    calls = [lambda frame, level=level: np.full(len(frame), level) for level in levels]
    model = Toy("y", calls, np.arange(20) % 2, ("price",))
    found = made(PREDICTED, {"y": model}, pd.DataFrame({"price": np.zeros(5)}), (LEVER,))
    spread = np.sqrt((levels[::2].var(ddof=1) + levels[1::2].var(ddof=1)) / 2)
    assert found.promised.value == pytest.approx(levels.mean())
    assert found.promised.high - found.promised.value == pytest.approx(stats.t.ppf(0.975, 18) * spread / np.sqrt(2))
    assert found.naive.high - found.naive.value == pytest.approx(stats.t.ppf(0.975, 18) * spread / np.sqrt(2))


def test_the_interval_without_crossing_is_that_of_a_model_of_all_rows():
    """Members of a half are off by what a model of half the rows is; their mean by what one of all rows is."""
    errors = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        logged = pd.DataFrame({"x": 1.0, "price": 0.0, "y": random.normal(5, 2, 200)})
        model = Toy.fit("y", logged, "y", lambda frame: np.ones((len(frame), 1)), columns=["x"], members=20, seed=seed)
        found = made(PREDICTED, {"y": model}, pd.DataFrame({"x": 1.0, "price": np.zeros(5)}), (LEVER,))
        errors.append((found.naive.high - found.naive.low) / 2)
    assert np.mean(errors) == pytest.approx(stats.t.ppf(0.975, 18) * 2 / np.sqrt(200), rel=0.05)


def test_a_million_rows_are_not_needed_to_read_a_correction_off(monkeypatch):
    _, models, rows, levers = biased(2_000)
    whole = made(PREDICTED, models, rows, levers).promised
    monkeypatch.setattr("drivetrain.decisions.proof.promise.MOST", 20)
    monkeypatch.setattr("drivetrain.decisions.proof.promise.NUMBERS_AT_ONCE", 10)
    some = made(PREDICTED, models, rows, levers).promised
    assert (some.value, some.low) == (pytest.approx(whole.value), pytest.approx(whole.low))


def test_levers_that_chance_did_not_set_are_told():
    _, models, rows, levers = biased(1_000)
    (lever,) = levers
    habit = Lever("price", 0, ACTIONS - 1, step=1, randomised=False)
    assert "as far as the columns tell all" in made(PREDICTED, models, rows, (habit,)).promised.method
    assert "as far as" not in made(PREDICTED, models, rows, (lever,)).promised.method


def test_members_of_unknown_rows_and_one_member():
    rows = pd.DataFrame({"price": np.zeros(5)})
    calls = [lambda frame, level=level: np.full(len(frame), float(level)) for level in range(4)]
    unknown = made(PREDICTED, {"y": Toy("y", calls, np.full(4, -1), ("price",))}, rows, (LEVER,))
    assert "not cross-fitted" in unknown.promised.method
    assert unknown.promised.value == unknown.naive.value == pytest.approx(1.5)
    one = made(PREDICTED, {"y": Toy("y", calls[:1], np.array([-1]), ("price",))}, rows, (LEVER,))
    assert one.promised.low is None
    assert one.chance_of_loss is None
    assert "its uncertainty is unknown" in one.promised.method


def test_a_row_that_stays_gains_nothing_and_one_that_moves_gets_the_correction():
    """Truth 5 at any price, members say 5 + price: what they promise of moving is nothing."""
    logged, _, rows, levers = biased(4_000, noise=0.5)
    calls = [lambda frame: 5 + frame["price"].to_numpy()] * 4
    model = Toy("y", calls, np.array([0, 1, 0, 1]), ("price",), "y", logged, np.arange(4_000) % 2)
    chosen = {"price": np.repeat([0.0, 1.0, 3.0], [25, 15, 10])}
    found = promise(Simulator(PREDICTED, rows, levers, {"y": model}), lambda members: chosen, chosen)
    gain = found.expected - found.expected_today
    assert (gain[:25] == 0).all() and found.gain.value == pytest.approx(0, abs=0.1)
    assert gain == pytest.approx(np.zeros(50), abs=0.3)
    assert found.expected.mean() == pytest.approx(found.promised.value)
    assert found.expected_today.mean() == pytest.approx(found.baseline.value)


def test_a_plan_that_is_today_promises_nothing_else():
    _, models, rows, levers = biased(4_000)
    halves = {"price": np.full(50, 2.0)}
    found = promise(Simulator(PREDICTED, rows, levers, models), lambda members: halves, {"price": np.zeros(50)})
    assert (found.gain.value, found.promised) == (0.0, found.baseline)
    assert (found.expected == found.expected_today).all()


def test_what_an_option_does_in_some_rows_alone_is_promised():
    """A letter sells 1 where |x| < 1, and the members, trees of few rows, say half of that."""
    random = np.random.default_rng(0)
    n = 2_000
    logged = pd.DataFrame({"x": random.normal(size=n), "offer": random.choice(["none", "letter"], n)})

    def effect(frame):
        return ((frame["offer"] == "letter") & (frame["x"].abs() < 1)).to_numpy().astype(float)

    logged["y"] = effect(logged)
    half = np.arange(n) % 2
    draws = Draws(np.stack([np.where(half == k % 2, random.integers(0, 2, n), 0) for k in range(4)]))
    calls = [lambda frame: 0.5 * effect(frame)] * 4
    model = Toy("y", calls, np.array([0, 1, 0, 1]), ("x", "offer"), "y", logged, half, draws=draws)
    lever = Lever("offer", options=["none", "letter"], randomised=True)
    rows = pd.DataFrame({"x": random.normal(size=500), "offer": "none"})
    chosen = {"offer": np.where(rows["x"].abs() < 1, "letter", "none").astype(object)}
    found = promise(Simulator(PREDICTED, rows, (lever,), {"y": model}), lambda members: chosen, chosen)
    assert found.promised.value == pytest.approx((rows["x"].abs() < 1).mean(), abs=0.01)
    assert found.baseline.value == pytest.approx(0.0, abs=0.01)
