"""`dt.decide` beside EconML's and pymc-marketing's own answers: same data, time, and what the answer is truly worth.

    python benchmarks/decide_peers.py --peers PYTHON_WITH_ECONML
    python benchmarks/decide_peers.py --pymc PYTHON_WITH_PYMC_MARKETING

A discrete treatment with costs: nothing, a letter or a call for each of 2,000 people, learned from 6,000 whose offer
chance drew; a sale is worth 40, a letter costs 1.5, a call 6. Both sides read the same four columns; models are named
in the table.

A budget over two channels: 80 weeks whose spends chance drew; 60 a week are to be divided between television and web,
whose sales saturate. Both sides are told the form of the curves (a logistic saturation each, and a level).

Results: benchmarks/results/decide_peers.md and decide_channels.md (and .json). One thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import HERE, RESULTS, hardware, need_peers, parser_of, today, versions
from scipy.optimize import curve_fit, minimize_scalar
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import drivetrain as dt

COST = {"none": 0.0, "letter": 1.5, "call": 6.0}
WORTH = 40.0
SEEDS = 3
FEATURES = ["age", "visits", "spent", "member"]


def people(n: int, random: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": random.uniform(20, 80, n).round(),
            "visits": random.poisson(4, n).astype(float),
            "spent": random.gamma(2, 50, n).round(),
            "member": random.integers(0, 2, n).astype(float),
        }
    )


def probability(rows: pd.DataFrame, offer: np.ndarray) -> np.ndarray:
    base = 0.5 / (1 + np.exp(2 - 0.25 * rows["visits"] - 0.004 * rows["spent"]))
    letter = np.where(rows["age"] > 50, 0.12, 0.01) + 0.03 * rows["member"]
    call = np.where(rows["spent"] > 100, 0.25, 0.04) * (rows["visits"] < 6)
    return np.clip(base + letter * (offer == "letter") + call * (offer == "call"), 0, 1).to_numpy()


def true_value(rows: pd.DataFrame, offer: np.ndarray) -> float:
    return float((WORTH * probability(rows, offer) - pd.Series(offer).map(COST).to_numpy()).mean())


def by_offer(make: Callable[[], Any]) -> Callable[[pd.DataFrame], Any]:
    """A model for each offer (a T-learner), as a function that an ensemble takes."""

    def fit(rows: pd.DataFrame) -> Any:
        models = {offer: make().fit(part[FEATURES], part["bought"]) for offer, part in rows.groupby("offer")}

        def answer(some: pd.DataFrame) -> np.ndarray:
            said = np.empty(len(some))
            for offer, model in models.items():
                here = (some["offer"] == offer).to_numpy()
                if here.any():
                    said[here] = model.predict_proba(some.loc[here, FEATURES])[:, 1]
            return said

        return answer

    return fit


MODELS: dict[str, Any] = {
    "boosted trees (defaults) that read the offer": HistGradientBoostingClassifier(),
    "a forest (leaves of 50) for each offer": by_offer(
        lambda: RandomForestClassifier(50, min_samples_leaf=50, random_state=0)
    ),
    "a logistic regression for each offer": by_offer(lambda: make_pipeline(StandardScaler(), LogisticRegression())),
}


def decided(logged: pd.DataFrame, new: pd.DataFrame, make: Any, seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    with dt.quiet():
        model = dt.Ensemble.fit(logged, make, outcome="bought", n=20, seed=seed)
        lever = dt.Lever("offer", options=tuple(COST), cost=COST, randomised=True)
        plan = dt.decide(f"bought * {WORTH}", new, lever, {"bought": model}, proof=False, sensitivity=False, seed=seed)
    return {
        "offer": plan.table["offer"].tolist(),
        "promised": plan.promised.value - plan.baseline.value,
        "seconds": time.perf_counter() - started,
    }


def offers(seeds: int, peers: str) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        logged, new = people(6_000, random), people(2_000, random)
        logged["offer"] = random.choice(list(COST), len(logged))
        logged["bought"] = (random.random(len(logged)) < probability(logged, logged["offer"].to_numpy())).astype(int)
        new["offer"] = "none"
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("logged.csv", "new.csv", "out.json")]
            logged.to_csv(files[0], index=False)
            new.to_csv(files[1], index=False)
            script = str(HERE / "peers" / "decide_econml.py")
            asked = [*map(str, files), str(WORTH), json.dumps(COST)]
            subprocess.run([peers, "-W", "ignore", script, *asked], check=True)
            said = json.loads(files[2].read_text())
        version = said["version"]
        answers = {f"EconML {name}": answer for name, answer in said["answers"].items()}
        for name, make in MODELS.items():
            answers[f"dt.decide, {name}"] = decided(logged, new, make, seed)
        none = true_value(new, np.full(len(new), "none"))
        each = np.array([WORTH * probability(new, np.full(len(new), o)) - c for o, c in COST.items()])
        best = np.array(list(COST))[each.argmax(axis=0)]
        row = {
            name: {
                "gain": true_value(new, np.array(answer["offer"])) - none,
                "promised": answer["promised"],
                "seconds": answer["seconds"],
            }
            for name, answer in answers.items()
        }
        for name, offer in (("best possible", best), ("a letter to everybody", np.full(len(new), "letter"))):
            row[name] = {"gain": true_value(new, offer) - none, "promised": None, "seconds": None}
        rows.append(row)
        print(seed, {name: round(one["gain"], 3) for name, one in row.items()}, flush=True)
        yield {"rows": rows, "peer": f"EconML {version}", "date": today()}


def offers_lines(result: dict[str, Any]) -> list[str]:
    rows = result["rows"]
    lines = [
        f"## A discrete treatment with costs: dt.decide and {result['peer']}",
        "",
        "| | true gain per person over no offer | promised gain | promised less true | seconds |",
        "|---|---|---|---|---|",
    ]
    for name in rows[0]:
        gain = np.array([row[name]["gain"] for row in rows])
        said, seconds = [row[name]["promised"] for row in rows], [row[name]["seconds"] for row in rows]
        error = f" ± {gain.std(ddof=1) / np.sqrt(len(gain)):.2f}" if len(gain) > 1 else ""
        told = "–", "–", "–"
        if said[0] is not None:
            told = f"{np.mean(said):.2f}", f"{np.mean(said) - gain.mean():+.2f}", f"{np.median(seconds):.1f}"
        lines.append(f"| {name} | {gain.mean():.2f}{error} | {told[0]} | {told[1]} | {told[2]} |")
    lines += [
        "",
        f"{len(rows)} data set(s), ± a standard error. Both read the same rows and columns; EconML is given outcomes "
        "less costs (boosted trees for its nuisances; policy trees and forests of its own), dt.decide the costs of the "
        "lever and 20 members. The machine was shared. "
        f"{result['date']}: `python benchmarks/decide_peers.py`",
        "",
    ]
    return lines


BUDGET, WEEKS, COMING = 60.0, 80, 8
CURVES = {"tv": (60.0, 0.03), "web": (40.0, 0.08)}
"""Channel → the most that it sells a week, and how fast it saturates; and 100 are sold anyway."""


def saturated(spend: Any, most: float, speed: float) -> Any:
    """The logistic saturation of Jin et al. (2017): most · (1 − e^−λx) / (1 + e^−λx)."""
    return most * np.tanh(speed * np.asarray(spend, dtype=float) / 2)


def sales(tv: Any, web: Any) -> Any:
    return 100 + saturated(tv, *CURVES["tv"]) + saturated(web, *CURVES["web"])


def fitted_curves(rows: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """Level, and most and speed of each channel, by least squares; none of them negative."""

    def curve(spends: np.ndarray, *told: float) -> np.ndarray:
        return told[0] + saturated(spends[0], *told[1:3]) + saturated(spends[1], *told[3:])

    given = rows[["tv", "web"]].to_numpy(float).T
    start, most = [rows["sales"].min(), 50, 0.05, 50, 0.05], [np.inf, 500, 1, 500, 1]
    found = curve_fit(curve, given, rows["sales"].to_numpy(float), start, bounds=(0, most), max_nfev=5_000)[0]
    return lambda some: curve(some[["tv", "web"]].to_numpy(float).T, *found)


def channels(seeds: int, python: str) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    best = minimize_scalar(lambda tv: -sales(tv, BUDGET - tv), bounds=(0, BUDGET), method="bounded")
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        log = pd.DataFrame({"date": pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")})
        for name in CURVES:
            log[name] = random.uniform(0, BUDGET, WEEKS).round(1)
        log["sales"] = (sales(log["tv"], log["web"]) + random.normal(0, 6, WEEKS)).round(1)
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("weeks.csv", "out.json")]
            log.to_csv(files[0], index=False)
            script = str(HERE / "peers" / "decide_pymc.py")
            subprocess.run([python, "-W", "ignore", script, *map(str, files), str(BUDGET), str(COMING)], check=True)
            said = json.loads(files[1].read_text())
        answers = {"pymc-marketing": (said["spent"]["tv"], said["spent"]["web"], None, said["seconds"])}
        for name, make in (
            ("the same curves", fitted_curves),
            ("boosted trees", HistGradientBoostingRegressor(min_samples_leaf=5)),
        ):
            started = time.perf_counter()
            with dt.quiet():
                model = dt.Ensemble.fit(log, make, outcome="sales", features=list(CURVES), n=20, seed=seed)
                levers = [dt.Lever(one, 0, BUDGET, per_row=False, randomised=True) for one in CURVES]
                coming = pd.DataFrame(dict.fromkeys(CURVES, [BUDGET / 2] * COMING))
                limit = dt.at_most("tv + web", BUDGET, per="mean")
                plan = dt.decide("sales", coming, levers, {"sales": model}, limit, proof=False, sensitivity=False)
            spent = [float(plan.table[one].iloc[0]) for one in CURVES]
            answers[f"dt.decide, {name}"] = (*spent, plan.promised.value, time.perf_counter() - started)
        answers["best possible"] = (float(best.x), BUDGET - float(best.x), None, None)
        answers["half each"] = (BUDGET / 2, BUDGET / 2, None, None)
        rows.append(
            {
                name: {"tv": tv, "web": web, "sales": float(sales(tv, web)), "promised": told, "seconds": seconds}
                for name, (tv, web, told, seconds) in answers.items()
            }
        )
        print(seed, {name: (round(one["tv"], 1), round(one["sales"], 2)) for name, one in rows[-1].items()}, flush=True)
        yield {"rows": rows, "peer": f"pymc-marketing {said['version']}", "date": today()}


def channels_lines(result: dict[str, Any]) -> list[str]:
    rows = result["rows"]
    lines = [
        f"## A budget over two channels: dt.decide and {result['peer']}",
        "",
        "| | television of 60 a week | true sales a week | promised | seconds |",
        "|---|---|---|---|---|",
    ]
    for name in rows[0]:
        tv, sold = (np.array([row[name][key] for row in rows]) for key in ("tv", "sales"))
        told, seconds = ([row[name][key] for row in rows] for key in ("promised", "seconds"))
        spread = f" ({tv.min():.1f} to {tv.max():.1f})" if np.ptp(tv) > 0 else ""
        promised = "–" if told[0] is None else f"{np.mean(told):.1f}"
        took = "–" if seconds[0] is None else f"{np.median(seconds):.1f}"
        lines.append(f"| {name} | {tv.mean():.1f}{spread} | {sold.mean():.2f} | {promised} | {took} |")
    lines += [
        "",
        f"{len(rows)} data set(s) of {WEEKS} weeks. pymc-marketing: 2 chains of 300 draws after 500, no adstock, as "
        "there is none; dt.decide: 20 members. Seconds of the clock, on a machine that many used. "
        f"{result['date']}: `python benchmarks/decide_peers.py --pymc PYTHON`",
        "",
    ]
    return lines


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--pymc", type=Path, help="the Python that has pymc-marketing; then its case alone")
    options = parser.parse_args()
    folder, seeds = options.results or RESULTS, 1 if options.quick else SEEDS
    if options.pymc:
        name, made, told = "decide_channels", channels(seeds, str(options.pymc)), channels_lines
    else:
        name, made, told = "decide_peers", offers(seeds, need_peers(options.peers)), offers_lines
    for result in made:
        lines = ["# Deciding beside peers", "", *told(result)]
        lines += [f"`{json.dumps({'hardware': hardware(), 'versions': versions()})}`", ""]
        if options.quick:
            print("\n".join(lines))
        else:  # after each data set: an interrupted run keeps what it has
            (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            (folder / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
