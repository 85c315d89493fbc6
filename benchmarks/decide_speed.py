#!/usr/bin/env python
"""How fast a plan is made, how much memory it takes, and how far from the best it may be.

Solvers alone: quotes × prices under a loss ratio, letters under a budget, items to so many customers each; and beside
`scipy.optimize.milp` on small cases, which it must match. Then models: 20 members of boosted trees asked for 50 prices
of 100,000 rows, and the whole of `dt.decide`. Each job runs in a process of its own. Its seconds are those of the
processor, since others may use the machine; its memory is the largest that the process had, less what it had before.

    python benchmarks/decide_speed.py
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted

JOBS = {
    "loss ratio": "1,000,000 quotes × 21 prices, loss ratio ≤ .60",
    "loss ratio by region": "the same with a loss ratio in each of 10 regions",
    "letters": "1,000,000 customers, 2,000 letters and 500 calls",
    "items": "100,000 customers × 50 items, each to at most 3,000",
    "cautious": "20,000 quotes × 21 prices × 20 members, the worst tenth of members, loss ratio ≤ .60",
    "small cases": "40 cases of 60 rows × 12 actions with 3 limits, the dual beside HiGHS",
    "trees": "100,000 rows × 50 prices × 20 members of boosted trees: simulated and chosen",
    "decide": "the whole of dt.decide: 20,000 rows × 50 prices × 20 members, with promise, proof and sensitivity",
    "million": "the whole of dt.decide: 1,000,000 rows × 21 prices × 6 members of a linear model, under a ratio",
    "shared": "the whole of dt.decide: one price for 300 rows, 20 members of boosted trees for each of three outcomes",
}
PRICES = np.linspace(0.8, 2.0, 21)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def quotes(n: int, seed: int = 0, ratio: float = 0.6, *, regions: int = 0) -> Any:
    """Prices of quotes: what is earned, and claims less their share of the premium."""
    from drivetrain.decisions.optimise.problem import Linear, Problem

    random = np.random.default_rng(seed)
    claims = random.gamma(2, 150, n).astype(np.float32)[:, None]
    steep = random.uniform(4, 12, n).astype(np.float32)[:, None]
    prices = PRICES.astype(np.float32)
    price = (claims * random.lognormal(0.2, 0.2, n).astype(np.float32)[:, None] + 40) * prices
    accept = 1 / (1 + np.exp(steep * (prices - np.float32(1.1))))
    uses = accept * (claims - np.float32(ratio) * price)
    limits = (Linear("loss ratio", uses, 0.0),)
    if regions:
        region = random.integers(0, regions, n)
        own = [np.flatnonzero(region == each) for each in range(regions)]
        limits = tuple(Linear(f"region {i}", uses[rows], 0.0, rows) for i, rows in enumerate(own))
    return Problem(accept * (price - claims), None, limits)


def letters(n: int) -> Any:
    from drivetrain.decisions.optimise.problem import Linear, Problem

    random = np.random.default_rng(0)
    values = np.stack([np.zeros(n), random.gamma(1, 2, n), random.gamma(1, 3, n)], axis=1).astype(np.float32)
    one = np.eye(3, dtype=np.float32)
    share = n / 1_000_000
    limits = [Linear(str(i), np.broadcast_to(one[i], (n, 3)), most * share) for i, most in ((1, 2_000), (2, 500))]
    return Problem(values, None, tuple(limits))


def items(n: int, count: int = 50) -> Any:
    from drivetrain.decisions.optimise.problem import Linear, Problem

    random = np.random.default_rng(0)
    values = (random.random((n, count)) * random.random(count)).astype(np.float32)
    one = np.eye(count, dtype=np.float32)
    limits = [Linear(str(i), np.broadcast_to(one[i], (n, count)), 0.03 * n) for i in range(count)]
    return Problem(values, None, tuple(limits))


def cautious(n: int) -> Any:
    from dataclasses import replace

    problem = quotes(n)
    shifts = np.random.default_rng(1).normal(1, 0.1, (20, 1, len(PRICES))).astype(np.float32)
    return replace(problem, values=problem.values[None] * shifts, risk="cvar:0.1")


def small_cases(n: int) -> tuple[float, str]:
    """Seconds, and the largest shortfall of the dual against the integer programme."""
    from drivetrain.decisions.optimise import solving
    from drivetrain.decisions.optimise.integer import solve_whole
    from drivetrain.decisions.optimise.problem import Linear, Problem

    solving.WHOLE = 0  # as if they were large
    short, over, spent, exact = [], 0, 0.0, 0.0
    for seed in range(n):
        random = np.random.default_rng(seed)
        values = random.normal(size=(60, 12)).astype(np.float32)
        uses = random.random((3, 60, 12))
        limits = tuple(Linear(str(i), each, float(each.min(axis=1).sum() + 60 * 0.25)) for i, each in enumerate(uses))
        problem = Problem(values, None, limits)
        start = time.process_time()
        found = solving.solve_mean(problem)
        spent += time.process_time() - start
        start = time.process_time()
        best = solve_whole(problem)
        exact += time.process_time() - start
        assert best.action is not None
        value = float(values[np.arange(60), best.action].sum())
        short.append((value - found.value) / abs(value))
        over += not solving.keeps(problem, found.action)
    said = f"{max(short):.2%} short of HiGHS at most, {np.mean(short):.3%} on average; {over} past a limit"
    return spent, f"{said}; HiGHS itself {exact:.1f} s"


def customers(n: int, members: int) -> tuple[Any, Any]:
    """Rows to decide on, and a model of who accepts which price."""
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier

    import drivetrain as dt

    random = np.random.default_rng(0)

    def drawn(count: int) -> pd.DataFrame:
        columns = {f"x{i}": random.normal(size=count) for i in range(8)}
        return pd.DataFrame({**columns, "price": random.choice(np.arange(1.0, 51.0), count)})

    log = drawn(20_000)
    logit = 2 + log["x0"] - 0.12 * log["price"] + 0.3 * log["x1"] * (log["price"] > 20)
    log["accept"] = (random.random(len(log)) < 1 / (1 + np.exp(-logit))).astype(int)
    if not members:
        return drawn(n), None
    made = dt.Ensemble.fit(log, HistGradientBoostingClassifier(max_iter=100), outcome="accept", n=members)
    return drawn(n), made


def with_models(n: int, members: int, *, whole: bool) -> tuple[float, float, str]:
    """Seconds of the processor, of the clock, and a remark."""
    import drivetrain as dt
    from drivetrain.decisions.objective import as_objective
    from drivetrain.decisions.optimise.choosing import Chooser
    from drivetrain.decisions.optimise.limits import read_limits
    from drivetrain.decisions.simulator import Simulator

    rows, model = customers(n, members)
    lever = dt.Lever("price", 1, 50, step=1, randomised=True)
    start, clock = time.process_time(), time.monotonic()
    if whole:
        plan = dt.decide("accept * (price - cost)", rows.assign(cost=5.0), lever, {"accept": model})
        remark = f"promised {plan.promised}"
    else:
        simulator = Simulator(as_objective("accept * (price - 5)"), rows, (lever,), {"accept": model})
        made = Chooser(simulator, read_limits((), (lever,), rows), today=simulator.today()).choose()
        remark = f"mean price {made.levers['price'].mean():.1f}"
    return time.process_time() - start, time.monotonic() - clock, remark


def a_million(n: int) -> tuple[float, float, str]:
    """Seconds of the processor, of the clock, and a remark."""
    from sklearn.linear_model import LogisticRegression

    import drivetrain as dt

    log = customers(20_000, 0)[0]
    random = np.random.default_rng(1)
    log["accept"] = (random.random(len(log)) < 1 / (1 + np.exp(0.12 * log["price"] - 2 - log["x0"]))).astype(int)
    model = dt.Ensemble.fit(log, LogisticRegression(), outcome="accept", n=6)
    rows = customers(n, 0)[0].assign(cost=5.0)
    lever = dt.Lever("price", 5, 45, step=2, randomised=True)
    limit = dt.at_most("accept * cost", 0.3, over="accept * price", name="cost ratio")
    start, clock = time.process_time(), time.monotonic()
    plan = dt.decide("accept * (price - cost)", rows, lever, {"accept": model}, limit)
    remark = f"promised {plan.promised}; ratio {plan.parts.bindings[0].used:.4f}"
    return time.process_time() - start, time.monotonic() - clock, remark


def shared(n: int, members: int) -> tuple[float, float, str]:
    """Seconds of the processor, of the clock, and a remark."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    import drivetrain as dt

    world = dt.simulators.insurance(2_000, seed=1_000, rows=n)
    known, asked = list(world.features), [*world.features, "price", "rise"]
    makes = {"accept": HistGradientBoostingClassifier(), "claims": HistGradientBoostingRegressor()}
    models = {
        name: dt.Ensemble.fit(
            world.logged, makes.get(name, HistGradientBoostingRegressor()), outcome=name,
            features=known if name == "claims" else asked, n=members,
        )
        for name in ("accept", "claims", "years")
    }  # fmt: skip
    lever = dt.Lever("price", 80, 280, per_row=False, randomised=True)
    start, clock = time.process_time(), time.monotonic()
    plan = dt.decide(world.objective, world.rows, lever, models)
    remark = f"price {plan.table['price'].iloc[0]:.1f}; {plan.parts.method}"
    return time.process_time() - start, time.monotonic() - clock, remark


def job(name: str, scale: float) -> None:
    """Do one, and print seconds of the processor, of the clock, megabytes and a remark."""
    from drivetrain.decisions.optimise.risk import solve

    warnings.simplefilter("ignore")
    made: dict[str, Any] = {
        "loss ratio": lambda: quotes(int(1_000_000 * scale)),
        "loss ratio by region": lambda: quotes(int(1_000_000 * scale), regions=10),
        "letters": lambda: letters(int(1_000_000 * scale)),
        "items": lambda: items(int(100_000 * scale)),
        "cautious": lambda: cautious(int(20_000 * scale)),
    }
    members = 20 if scale == 1 else 4
    with contextlib.redirect_stderr(None):
        if name in made:
            problem = made[name]()
            before, start, clock = peak_mb(), time.process_time(), time.monotonic()
            found = solve(problem)
            seconds, elapsed = time.process_time() - start, time.monotonic() - clock
            gap = (found.bound - found.value) / abs(found.value)
            remark = f"{found.method}; at most {gap:.1e} of the value below the best"
        elif name == "small cases":
            before, clock = peak_mb(), time.monotonic()
            seconds, remark = small_cases(max(3, int(40 * scale)))
            elapsed = time.monotonic() - clock
        else:
            before = peak_mb()
            if name == "million":
                seconds, elapsed, remark = a_million(int(1_000_000 * scale))
            elif name == "shared":
                seconds, elapsed, remark = shared(max(50, int(300 * scale)), members)
            else:
                n = int((100_000 if name == "trees" else 20_000) * scale)
                seconds, elapsed, remark = with_models(n, members, whole=name == "decide")
    print(seconds, elapsed, peak_mb() - before, remark, sep="\t")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--job")
    parser.add_argument("--scale", type=float)
    asked = parser.parse_args()
    scale = asked.scale or (0.01 if asked.quick else 1.0)
    if asked.job:
        job(asked.job, scale)
        return
    path = asked.results or (QUICK_RESULTS if asked.quick else RESULTS)
    results = Results(path / "decide_speed.json", hidden_places())
    for name, said in JOBS.items():
        if not wanted(name.replace(" ", "-"), asked.only):
            continue
        command = [sys.executable, __file__, "--job", name, "--scale", str(scale)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seconds, elapsed, memory, remark = done.stdout.strip().splitlines()[-1].split("\t")
        results.put(
            name,
            {
                "what": said,
                "seconds": float(seconds),
                "elapsed": float(elapsed),
                "megabytes": float(memory),
                "remark": remark,
                "command": "python benchmarks/decide_speed.py --only " + name.replace(" ", "-"),
                "versions": versions(),
            },
        )
        print(name, done.stdout.strip().splitlines()[-1], flush=True)
    rows = [
        [row["what"], f"{row['seconds']:.1f}", f"{row['elapsed']:.1f}", f"{row['megabytes']:,.0f}", row["remark"]]
        for row in results.rows.values()
    ]
    head = ["what", "seconds (processor)", "seconds (clock)", "more memory, MB", ""]
    results.write(["# How fast a plan is made", "", *table(head, rows), "", *provenance(results.rows)])


if __name__ == "__main__":
    main()
