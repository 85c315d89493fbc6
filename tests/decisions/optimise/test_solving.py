"""One action per row within limits: against every choice there is, and against HiGHS on its own."""

import itertools

import numpy as np
import pytest

from drivetrain.decisions.optimise import solving
from drivetrain.decisions.optimise.dual import find_prices
from drivetrain.decisions.optimise.integer import solve_whole
from drivetrain.decisions.optimise.problem import Linear, Problem
from drivetrain.decisions.optimise.solving import InfeasibleError, solve_mean


def best_of_all(problem):
    """The best value of all choices, tried one by one; None where no choice keeps the limits."""
    n, actions = problem.values.shape
    best = None
    for choice in itertools.product(range(actions), repeat=n):
        action = np.array(choice)
        if problem.allowed is not None and not problem.allowed[np.arange(n), action].all():
            continue
        if all(limit.used(action) <= limit.limit + 1e-6 for limit in problem.limits):
            value = float(problem.values[np.arange(n), action].sum())
            best = value if best is None else max(best, value)
    return best


def drawn(seed, n=6, actions=3, limits=2):
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, actions)).astype(np.float32)
    allowed = random.random((n, actions)) < 0.8
    allowed[np.arange(n), random.integers(0, actions, n)] = True
    made = []
    for i in range(limits):
        uses = random.random((n, actions))
        made.append(Linear(f"limit {i}", uses, float(uses.min(axis=1).sum() + random.random() * 2)))
    group = np.array([0, 2, 3])
    made.append(Linear("of a group", np.broadcast_to(np.array([0.0, 1.0, 1.0]), (3, actions)), 2.0, group))
    return Problem(values, allowed, tuple(made))


@pytest.mark.parametrize("seed", range(12))
def test_small_problems_are_solved_exactly(seed):
    problem = drawn(seed)
    best = best_of_all(problem)
    if best is None:
        with pytest.raises(InfeasibleError):
            solve_mean(problem)
        return
    found = solve_mean(problem)
    assert found.value == pytest.approx(best, abs=1e-5)
    assert found.bound >= best - 1e-5
    assert solving.keeps(problem, found.action)


def insurer(n, seed=0, ratio=0.6):
    """Prices of quotes under a loss ratio: what is earned, and claims less their share of the premium."""
    random = np.random.default_rng(seed)
    claims, sensitivity = random.gamma(2, 150, n), random.uniform(2, 6, n)
    price = (claims * random.lognormal(0.2, 0.2, n) + 40)[:, None] * np.linspace(0.8, 2, 21)
    accept = 1 / (1 + np.exp(2 * sensitivity[:, None] * (np.linspace(0.8, 2, 21) - 1.1)))
    uses = accept * (claims[:, None] - ratio * price)
    return Problem((accept * (price - claims[:, None])).astype(np.float32), None, (Linear("ratio", uses, 0.0),))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_dual_is_as_good_as_the_integer_programme(seed, monkeypatch):
    problem = insurer(230, seed)
    exact = solve_whole(problem)
    monkeypatch.setattr(solving, "WHOLE", 0)  # as if it were too large
    found = solve_mean(problem)
    assert found.method == "dual"
    best = float(problem.values[np.arange(230), exact.action].sum())
    assert found.value == pytest.approx(best, rel=1e-3)
    assert found.bound >= best * (1 - 1e-6)
    assert solving.keeps(problem, found.action)


def test_the_price_is_what_one_more_unit_adds():
    problem = insurer(230)
    (limit,) = problem.limits
    more = Problem(problem.values, None, (Linear("ratio", limit.uses, 50.0),))
    base, wider = solve_mean(problem), solve_mean(more)
    assert base.bindings[0].binds
    assert base.bindings[0].price == pytest.approx((wider.value - base.value) / 50, rel=0.05)


def test_many_rows_that_are_alike_are_dealt_out():
    n = 30_000
    values = np.tile(np.array([[0.0, 1.0, 0.7]], dtype=np.float32), (n, 1))
    letters, calls = (np.broadcast_to(np.eye(3, dtype=np.float32)[i], (n, 3)) for i in (1, 2))
    found = solve_mean(Problem(values, None, (Linear("letters", letters, 2_000), Linear("calls", calls, 333))))
    assert np.bincount(found.action, minlength=3).tolist() == [n - 2_333, 2_000, 333]
    assert [round(each.price, 2) for each in found.bindings] == [1.0, 0.7]


def test_each_item_to_so_many_customers_at_most():
    random = np.random.default_rng(0)
    n, items = 2_000, 12
    values = (random.random((n, items)) * np.linspace(0.2, 1, items)).astype(np.float32)
    limits = tuple(
        Linear(str(i), np.broadcast_to(np.eye(items, dtype=np.float32)[i], (n, items)), 200) for i in range(items)
    )
    found = solve_mean(Problem(values, None, limits))
    assert np.bincount(found.action).max() <= 200
    assert found.bound - found.value <= 1e-4 * found.bound


def test_a_sample_says_where_the_prices_lie_of_many_rows():
    problem = insurer(50_000)
    found = solve_mean(problem)
    assert solving.keeps(problem, found.action)
    assert found.bound - found.value < 1e-4 * found.value
    assert find_prices(problem).prices[0] == pytest.approx(found.bindings[0].price)


def test_a_limit_that_cannot_be_kept_alone_is_named_with_its_excess():
    values = np.zeros((10, 2), dtype=np.float32)
    uses = np.broadcast_to(np.array([1.0, 3.0]), (10, 2))
    with pytest.raises(InfeasibleError) as caught:
        solve_mean(Problem(values, None, (Linear("budget", uses, 7), Linear("fine", uses, 100))))
    (excess,) = caught.value.excesses
    assert (excess.limit, excess.by, caught.value.alone) == (0, pytest.approx(3), True)


@pytest.mark.parametrize("n", [10, 6_000])
def test_limits_that_cannot_be_kept_together_are_named(n):
    values = np.zeros((n, 2), dtype=np.float32)
    first = np.broadcast_to(np.array([1.0, 0.0]), (n, 2))
    limits = (Linear("few of one", first, 0.4 * n), Linear("few of the other", 1 - first, 0.5 * n))
    with pytest.raises(InfeasibleError) as caught:
        solve_mean(Problem(values, None, limits))
    assert not caught.value.alone
    assert sum(each.by for each in caught.value.excesses) == pytest.approx(0.1 * n, rel=0.01)


def test_one_row_and_rows_without_a_choice():
    assert solve_mean(Problem(np.array([[1.0, 2.0]]))).action.tolist() == [1]
    allowed = np.array([[True, False], [False, True]])
    assert solve_mean(Problem(np.array([[1.0, 2.0], [2.0, 1.0]]), allowed)).action.tolist() == [0, 1]


def test_the_same_seed_gives_the_same_plan():
    problem = insurer(3_000)
    assert (solve_mean(problem).action == solve_mean(problem).action).all()
