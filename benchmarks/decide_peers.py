"""`dt.decide` beside EconML's own answers: same data, time, and what the answer is truly worth.

    python benchmarks/decide_peers.py --peers PYTHON_WITH_ECONML

A discrete treatment with costs: nothing, a letter or a call for each of 2,000 people, learned from 6,000 whose offer
chance drew; a sale is worth 40, a letter costs 1.5, a call 6. Both sides read the same four columns; models are named
in the table.

Results: benchmarks/results/decide_peers.md (and .json). One thread.
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
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
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


def main() -> None:
    options = parser_of(__doc__).parse_args()
    place = (options.results or RESULTS) / "decide_peers.json"
    peers = need_peers(options.peers)
    for result in offers(1 if options.quick else SEEDS, peers):
        lines = ["# Deciding beside peers", "", *offers_lines(result)]
        lines += [f"`{json.dumps({'hardware': hardware(), 'versions': versions()})}`", ""]
        if options.quick:
            print("\n".join(lines))
        else:  # after each data set: an interrupted run keeps what it has
            place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            place.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
