"""Recommendations: what a list adds, beside how well it predicts; and how long lists for all users take.

    python benchmarks/recommend.py [--only shop] [--quick]

`shop`: 10 worlds of `dt.simulators.shop`, 2,000 customers × 24 items of four kinds, 30 % of the pairs shown by chance.
Models learn from the purchases; the uplift from the pairs, each pair scored by models that have not seen its customer.
500 customers get three items each, none that they bought in training. What that adds is the truth of the simulator:
mean of the worlds ± standard deviation. `same kind` is the share of items of a kind that the customer has already.
`all-users`: factors of 100,000 users × 20,000 items (64 factors, 50 events each), the ten best unseen items for each,
exact. Seconds are those of the processor, as others use the machine, and one thread.

Results: benchmarks/results/recommend.md (and .json).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted

import drivetrain as dt

MADE: Mapping[str, Callable[[Any], Any]] = {
    "popularity": dt.Popularity,
    "item neighbours": dt.ItemNeighbours,
    "factors": dt.Factors,
    "EASE": dt.Ease,
}
NUMBERS = ("NDCG@10", "same kind", "anyway", "adds")
LISTED, ASKED = 3, 500


def world(seed: int, customers: int) -> dict[str, dict[str, float]]:
    """Model and way of ranking → its numbers."""
    made = dt.simulators.shop(customers, seed=seed, items=24)
    pairs = made.logged
    at = pd.MultiIndex.from_frame(pairs[["customer", "item"]])
    expected = [pd.Series(made.truth.predict(pairs, {"shown": shown})["bought"], index=at) for shown in (0, 1)]
    adds, kind = expected[1] - expected[0], pairs.drop_duplicates("item").set_index("item")["kind"]
    bought = pairs.loc[pairs["bought"] == 1, ["customer", "item"]]
    books = pairs[["item", "kind"]].drop_duplicates()
    found = dt.uplift(
        pairs.drop(columns="item"), "shown", "bought", group="customer", propensity="propensity", seed=seed
    )
    effects = found.rank.sort_index()[["uplift", "without"]].set_index(at)
    with tempfile.TemporaryDirectory() as project:
        data = dt.ratings(bought, user="customer", item="item", items=books, project=project)
        models = {name: make(data) for name, make in MADE.items()}
        whom = list(data.train.inputs.columns["customer"])  # those with purchases to learn from
    whom = list(dict.fromkeys(map(str, whom)))[:ASKED]
    own = bought.groupby("customer")["item"].agg(set)

    def numbers(lists: Any, ranked: float | None = None) -> dict[str, float]:
        chosen = [(user, item) for user in lists.users for item in lists.of(user)]
        familiar = [kind[item] in {kind[one] for one in own[user]} for user, item in chosen]
        return {
            "NDCG@10": np.nan if ranked is None else ranked,
            "same kind": float(np.mean(familiar)),
            "anyway": float(expected[0][chosen].mean()),
            "adds": float(adds[chosen].sum() / len(lists) * 1000),
        }

    rng = np.random.default_rng(seed)
    result: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        ranked = model.validate()["ndcg@10"].value
        result[name] = numbers(model.recommend_all(LISTED, users=whom), ranked)
        less = model.recommend_all(LISTED, users=whom, by="discovery", found_by="kind")
        result[f"{name}, less what is found anyway"] = numbers(less)
    others: Mapping[str, Callable[[str, Any], Any]] = {
        "at random": lambda _, items: rng.random(len(items)),
        "by effect, measured": lambda user, items: effects["uplift"][user].reindex(list(items)),
        "by effect, the truth": lambda user, items: adds[user].reindex(list(items)),
    }
    for name, by in others.items():
        result[name] = numbers(models["EASE"].recommend_all(LISTED, users=whom, by=by))
    return result


def shop(quick: bool) -> dict[str, Any]:
    worlds = [world(seed, 300 if quick else 2000) for seed in range(2 if quick else 10)]
    rows: dict[str, dict[str, list[float]]] = {}
    for name, first in worlds[0].items():
        each = {number: [one[name][number] for one in worlds] for number in NUMBERS if not np.isnan(first[number])}
        rows[name] = {number: [float(np.mean(all_)), float(np.std(all_, ddof=1))] for number, all_ in each.items()}
    return {"rows": rows, "worlds": len(worlds)}


def all_users(quick: bool) -> dict[str, Any]:
    from scipy.sparse import csr_matrix

    from drivetrain.kinds.ratings.rankers import FactorRanker
    from drivetrain.kinds.ratings.recommending.making import recommender_of
    from drivetrain.kinds.ratings.side import SideTable
    from drivetrain.kinds.ratings.spec import Spec

    users, items, factors, each = (2000 if quick else 100_000), 20_000, 64, 50
    rng = np.random.default_rng(0)
    had = (rng.random(users * each) ** 2 * items).astype(np.int32)  # the first items are popular
    starts = np.concatenate([[0], np.arange(0, users * each + 1, each)])
    seen = csr_matrix((np.ones(users * each, np.float32), had, starts), (users + 1, items))
    seen.sum_duplicates()
    zeros = {
        "mean": np.zeros(1),
        "user_bias": np.zeros(users + 1, np.float32),
        "item_bias": np.zeros(items + 1, np.float32),
    }
    learnt = {
        **zeros,
        "user_factors": rng.normal(size=(users + 1, factors)).astype(np.float32),
        "item_factors": rng.normal(size=(items + 1, factors)).astype(np.float32),
        "events": np.array([20.0, 0.02, each]),
        "line": np.array([0.0, 1.0]),
    }
    names = [tuple(str(one) for one in range(n)) for n in (users, items)]
    spec = Spec(user="user", item="item", users=names[0], items=names[1], n_trained=items)
    recommender = recommender_of(spec, FactorRanker(learnt, seen), SideTable(), None)
    began, wall = time.process_time(), time.perf_counter()
    found = recommender.recommend_all(10)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    for user in range(0, users, users // 20):  # the same as sorting all scores
        scores = recommender.scorer.scores(np.array([user]))[0].copy()
        scores[recommender.catalogue.seen.of(user)[0]] = -np.inf
        assert (found.codes[user] == np.argsort(-scores, kind="stable")[:10]).all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"users": users, "items": items, "cpu_s": seconds, "wall_s": wall, "peak_gb": peak}


def page(rows: Mapping[str, Any]) -> list[str]:
    lines = ["# Recommendations", "", *(__doc__ or "").split("\n\n")[2].splitlines(), ""]
    if "shop" in rows:
        head = ["three items for each customer", "NDCG@10", "same kind", "bought anyway", "additional sales per 1,000"]
        body: list[list[str]] = []
        for name, each in rows["shop"]["rows"].items():
            said = {number: f"{mean:.3f} ± {sd:.3f}" for number, (mean, sd) in each.items()}
            said["adds"] = "{:.0f} ± {:.0f}".format(*each["adds"])
            body.append([name, *(said.get(number, "–") for number in NUMBERS)])
        lines += [f"## The shop, {rows['shop']['worlds']} worlds", "", *table(head, body), ""]
    if "all-users" in rows:
        one = rows["all-users"]
        said = f"{one['users']:,} users × {one['items']:,} items: {one['cpu_s']:.1f} s of one processor"
        lines += ["## All users", "", f"{said}, at most {one['peak_gb']:.2f} GB.", ""]
    return [*lines, *provenance(rows)]


def main() -> None:
    args = parser_of(__doc__).parse_args()
    results = Results((args.results or (QUICK_RESULTS if args.quick else RESULTS)) / "recommend.json", hidden_places())
    for name, job in (("shop", shop), ("all-users", all_users)):
        if wanted(name, args.only):
            with dt.quiet(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = job(args.quick)
            command = f"python benchmarks/recommend.py --only {name}"
            results.put(name, {**found, "command": command, "versions": versions()})
    results.write(page(results.rows))
    print((results.path.with_suffix(".md")).read_text())


if __name__ == "__main__":
    main()
