"""Deciding where the truth is known: what plans earn, whether promises hold, and what confounded prices do to both.

    python benchmarks/decide.py [--only insurance-2000-analyst,broken] [--seeds 20] [--coverage 100] [--first 1000]

Seeds start at 1,000: smaller ones were looked at while the methods were chosen, and prove nothing.
Results: benchmarks/results/decide.md (and .json). One thread; what was done is kept after each seed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import time
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from common import QUICK_RESULTS, RESULTS, hardware, parser_of, today, versions, wanted
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import drivetrain as dt
from drivetrain.decisions.simulators import World, broken, insurance

ALPHAS = np.logspace(-1, 5, 13)
ROWS = 500
COLUMNS = ["age", "mileage", "claims_before", "market", "comparison", "direct", "north", "east", "south"]


def prepared(rows: pd.DataFrame) -> pd.DataFrame:
    """Categories as columns of zeros and ones, as an analyst would write them."""
    flags = {name: (rows["channel"] == name).astype(float) for name in ("comparison", "direct")}
    return rows.assign(**flags, **{name: (rows["region"] == name).astype(float) for name in ("north", "east", "south")})


def relative(frame: pd.DataFrame) -> np.ndarray:
    """The price over the market's, by channel and age."""
    price, market, age, comparison, direct = frame[["price", "market", "age", "comparison", "direct"]].to_numpy(float).T
    over, old = price / market - 1, age / 40 - 1
    parts = [over, over * old, over * comparison, over * direct]
    return np.stack([*parts, over * old * comparison, over * old * direct], axis=1)


def staying(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([relative(frame), relative(frame)[:, 0] ** 2, frame["rise"].to_numpy(float)])


def risk(frame: pd.DataFrame) -> np.ndarray:
    age, mileage, before, market, *region = frame[[*COLUMNS[:4], "north", "east", "south"]].to_numpy(float).T
    return np.stack(
        [np.log1p(mileage / 40), np.exp((18 - age) / 10), np.minimum(before, 4), np.log(market), *region], 1
    )


class Claims:
    """Claims over the market's price, shrunk towards one ratio for all."""

    def __init__(self, rows: pd.DataFrame) -> None:
        market = rows["market"].to_numpy(float)
        self.model = make_pipeline(StandardScaler(), RidgeCV(ALPHAS))
        self.model.fit(risk(rows), rows["claims"] / market, ridgecv__sample_weight=market**2 / np.mean(market**2))

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return frame["market"].to_numpy(float) * self.model.predict(risk(frame))


def fitted_claims(rows: pd.DataFrame) -> Claims:
    return Claims(rows)


def analyst() -> dict[str, Any]:
    """Models of somebody who knows the trade: the price counts relative to the market's."""
    return {
        "accept": make_pipeline(FunctionTransformer(relative), StandardScaler(), LogisticRegression(C=10)),
        "claims": fitted_claims,
        "years": make_pipeline(FunctionTransformer(staying), StandardScaler(), RidgeCV(ALPHAS)),
    }


def trees() -> dict[str, Any]:
    """Boosted trees of the raw columns, as they come."""
    settings = {"max_iter": 60, "max_leaf_nodes": 8}
    return {
        "accept": HistGradientBoostingClassifier(**settings),
        "claims": HistGradientBoostingRegressor(**settings),
        "years": HistGradientBoostingRegressor(**settings),
    }


def fitted(world: World, makes: dict[str, Any], seed: int, members: int = 20) -> dict[str, Any]:
    reads = {"accept": [*COLUMNS, "price"], "claims": COLUMNS, "years": [*COLUMNS, "price", "rise"]}
    return {
        name: dt.Ensemble.fit(prepared(world.logged), make, outcome=name, features=reads[name], n=members, seed=seed)
        for name, make in makes.items()
    }


def nearest(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return grid[np.abs(np.asarray(values)[:, None] - grid).argmin(axis=1)]


def insurance_once(n: int, seed: int, kind: str) -> dict[str, Any]:
    """One portfolio: what each way of pricing earns, and what was promised."""
    world = insurance(n, seed, rows=ROWS)
    rows, grid = prepared(world.rows), world.grid["price"]
    start = time.perf_counter()
    models = fitted(world, analyst() if kind == "analyst" else trees(), seed)
    plan = dt.decide(world.objective, rows, world.levers[0], models, proof=False, sensitivity=False)
    seconds = time.perf_counter() - start

    def earned(prices: np.ndarray) -> float:
        return float(world.truth.value(rows, {"price": prices}).mean())

    claims = models["claims"].predict(rows).mean(axis=0)
    multiples = [nearest(claims * m, grid) for m in np.arange(1.0, 2.6, 0.1)]
    frame = pd.concat([rows] * len(multiples), ignore_index=True).assign(price=np.concatenate(multiples))
    said = {name: model.predict(frame).mean(axis=0) for name, model in models.items()}
    levers = {name: frame[name].to_numpy() for name in ("price", "rise")}
    expected = world.objective(frame, levers, said).reshape(len(multiples), ROWS).mean(axis=1)
    promise = plan.parts.promise
    return {
        "seed": seed,
        "best": float(world.truth.best(rows, {"price": grid}).value.mean()),
        "plan": earned(plan.table["price"].to_numpy()),
        "today": earned(rows["price"].to_numpy(float)),
        "claims + 20 %": earned(nearest(claims * 1.2, grid)),
        "the market's price": earned(nearest(rows["market"].to_numpy(), grid)),
        "best single multiple": earned(multiples[int(expected.argmax())]),
        "promised": spans(promise.promised),
        "naive": spans(promise.naive),
        "gain": spans(promise.gain),
        "seconds": seconds,
    }


def spans(worth: Any) -> list[float]:
    return [worth.value, worth.low, worth.high]


def demand(frame: pd.DataFrame) -> np.ndarray:
    days = [(frame["day"] == day).to_numpy(float) for day in ("mon", "tue", "wed", "thu", "fri", "sat")]
    columns = frame[["holiday", "season", "temperature"]].to_numpy(float)
    return np.column_stack([np.log(frame["price"].to_numpy(float)), columns, *days])


def broken_once(n: int, seed: int, randomised: float) -> dict[str, Any]:
    """Prices that followed demand, partly for reasons that no column tells."""
    world = broken(n, seed, rows=ROWS, randomised=randomised)
    make = make_pipeline(FunctionTransformer(demand), StandardScaler(), PoissonRegressor(alpha=1e-4, max_iter=300))
    features = [name for name in world.features if name not in ("product", "cost")]
    sold = dt.Ensemble.fit(world.logged, make, outcome="sold", features=[*features, "price"], n=20, seed=seed)
    plan = dt.decide(world.objective, world.rows, world.levers, {"sold": sold}, sensitivity=False)
    effect = plan.parts.effects[0]
    return {
        "seed": seed,
        "best": float(world.truth.best(world.rows, world.grid).value.mean()),
        "plan": float(world.truth.value(world.rows, {"price": plan.table["price"].to_numpy()}).mean()),
        "today": float(world.truth.value(world.rows, {}).mean()),
        "promised": spans(plan.parts.promise.promised),
        "naive": spans(plan.parts.promise.naive),
        "gain": spans(plan.parts.promise.gain),
        "effect, naive": spans(effect.naive),
        "effect, adjusted": spans(effect.adjusted),
        "effect, by chance": None if effect.by_chance is None else spans(effect.by_chance),
        "agree": effect.agree,
        "not by chance": any("was not set by chance" in said for said in plan.warnings),
        "not to be trusted": any("cannot be trusted" in said for said in plan.warnings),
        "support": dict(plan.parts.support.shares),
    }


def runs(asked: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Name of a table → arguments of its runs."""
    seeds, more = range(asked.first, asked.first + asked.seeds), range(asked.first, asked.first + asked.coverage)
    return {
        "insurance-2000-analyst": [("insurance", 2_000, seed, "analyst") for seed in more],
        "insurance-20000-analyst": [("insurance", 20_000, seed, "analyst") for seed in seeds],
        "broken-5000-confounded": [("broken", 5_000, seed, 0.0) for seed in seeds],
        "broken-20000-with-5-%-random": [("broken", 20_000, seed, 0.05) for seed in seeds],
        "insurance-2000-trees": [("insurance", 2_000, seed, "trees") for seed in seeds],
    }


def span(value: float, reach: float, form: str) -> str:
    """Per cents with their interval."""
    low, high = 100 * (value - reach), 100 * (value + reach)
    return f"{100 * value:{form}} %" + (f" [{low:{form}}, {high:{form}}]" if np.isfinite(reach) else "")


def table_of(name: str, found: list[dict[str, Any]]) -> list[str]:
    """Lines of the report."""
    truth, best = np.array([each["plan"] for each in found]), np.array([each["best"] for each in found])
    share = truth / best
    lines = [
        f"## {name}: {len(found)} seeds",
        "",
        f"The plan earns {100 * share.mean():.1f} % of the optimum on average, {100 * share.min():.1f} % at worst.",
        "",
        "| policy | share of the optimum, mean over seeds [95 %] |",
        "|---|---|",
    ]
    for policy in ("plan", "best single multiple", "the market's price", "claims + 20 %", "today"):
        if policy in found[0]:
            shares = np.array([each[policy] for each in found]) / best
            reach = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else float("nan")
            lines.append(f"| {policy} | {span(shares.mean(), reach, '.1f')} |")
    lines += [
        "",
        "| promised | bias: mean over the truth [95 %] | its spread | half its interval | coverage: truth within |",
        "|---|---|---|---|---|",
    ]
    for what, said in (("promised", "cross-fitted, corrected"), ("naive", "chosen and valued alike"), ("gain", "gain")):
        spans_of = np.array([each[what] for each in found], dtype=float)
        true = truth - np.array([each["today"] for each in found]) if what == "gain" else truth
        off = (spans_of[:, 0] - true) / truth
        error = 1.96 * off.std(ddof=1) / np.sqrt(len(off)) if len(off) > 1 else float("nan")
        held = int(np.sum((spans_of[:, 1] <= true) & (true <= spans_of[:, 2])))
        half = float(np.mean((spans_of[:, 2] - spans_of[:, 1]) / 2 / truth))
        over, spread = span(off.mean(), error, "+.1f"), f"{100 * off.std():.1f} %"
        lines.append(f"| {said} | {over} | {spread} | ±{100 * half:.0f} % | {held} of {len(found)} |")
    lines.append("")
    if "support" in found[0]:
        lines += told_of(found)
    return lines


def told_of(found: list[dict[str, Any]]) -> list[str]:
    """What the checks of a confounded log said."""
    count = len(found)
    lines = [
        f"Told in {sum(each['not by chance'] for each in found)} of {count} seeds: the price was not set by chance; in "
        f"{sum(each['not to be trusted'] for each in found)}: the plan cannot be trusted.",
        "",
        "| effect of the price on what is sold, per 1 | mean over seeds |",
        "|---|---|",
    ]
    for name in ("effect, naive", "effect, adjusted", "effect, by chance"):
        values = [each[name][0] for each in found if each[name] is not None]
        if values:
            lines.append(f"| {name.removeprefix('effect, ')} | {np.mean(values):+.2f} |")
    shares = {word: np.mean([each["support"][word] for each in found]) for word in ("inside", "edge", "outside")}
    said = ", ".join(f"{100 * share:.0f} % {word}" for word, share in shares.items())
    return [*lines, "", f"Proposed prices: {said} of those seen with rows like them.", ""]


def written(results: dict[str, list[dict[str, Any]]], where: Path) -> None:
    machine, known = hardware(), versions()
    said = ", ".join(f"{name} {known[name]}" for name in ("python", "scikit-learn", "numpy") if name in known)
    lines = [
        "# Deciding where the truth is known",
        "",
        f"`python benchmarks/decide.py`, {today()}, {machine['cpu']}, {said}. {ROWS} rows to decide on, 20 members a "
        'model. Insurance: prices drawn at random, 21 values. "analyst": logistic and ridge regressions of the price '
        "over the "
        'market\'s; "trees": boosted trees of the raw columns. Promises are in per cent of what the plan truly earns. '
        '"Chosen and valued alike" is what somebody prints who asks the members that chose: their mean, and how far a '
        "model of all rows is off by their spread. Seeds from 1,000 on: none was looked at while methods were chosen.",
        "",
    ]
    for name, found in results.items():
        if found:
            lines += table_of(name, found)
    (where / "decide.md").write_text("\n".join(lines))
    (where / "decide.json").write_text(json.dumps(results, indent=1))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--coverage", type=int, default=100, help="seeds of the first table")
    parser.add_argument("--first", type=int, default=1_000, help="the first seed")
    asked = parser.parse_args()
    if asked.quick:
        asked.seeds = asked.coverage = 1
    where = asked.results or (QUICK_RESULTS if asked.quick else RESULTS)
    where.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    path = where / "decide.json"
    results: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}
    planned = {name: each for name, each in runs(asked).items() if wanted(name, asked.only)}
    for turn in range(max(asked.seeds, asked.coverage)):
        for name, each in planned.items():
            mine = results.setdefault(name, [])
            if turn >= len(each) or any(one["seed"] == each[turn][2] for one in mine):
                continue
            kind, n, seed, how = each[turn]
            with dt.quiet(), patch("drivetrain.decisions.decide.curves", return_value=()):  # slow, and for pages alone
                mine.append(insurance_once(n, seed, how) if kind == "insurance" else broken_once(n, seed, how))
            print(name, seed, flush=True)
        written(results, where)


if __name__ == "__main__":
    main()
