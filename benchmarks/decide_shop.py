"""A shop with known truth: what is sold more by recommending by uplift, by predicted probability, by one column.

    python benchmarks/decide_shop.py [--only top-1] [--quick]

20 worlds of `dt.simulators.shop`: 2,000 logged customers, 12 items, 30 % of the pairs shown by chance, to learn from.
2,000 new customers get 1 or 3 items each; what that adds is the truth of the simulator. Beside it what `dt.uplift` says
of the logged customers, whose truth is known as well: does its interval hold it?

Results: benchmarks/results/decide_shop.md (and .json). With --page FILE also the page of the first world. One thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import RESULTS, hardware, parser_of, today, versions
from scipy.stats import t

import drivetrain as dt
from drivetrain.decisions.simulators import shop
from drivetrain.decisions.uplift.uplift import uplift

ORDERS = ("uplift", "response model", "one column", "random order", "truth")
TOPS = (1, 3)


def best(score: np.ndarray, customer: np.ndarray, n: int) -> np.ndarray:
    """Places of each customer's n best items."""
    order = np.lexsort((-score, customer))
    return order[pd.Series(customer[order]).groupby(customer[order]).cumcount().to_numpy() < n]


def world(seed: int, customers: int, page: Path | None) -> dict[str, Any]:
    made = shop(customers, seed=seed, rows=customers)
    logged, rows, truth = made.logged, made.rows, made.truth
    started = time.perf_counter()
    with dt.quiet():
        found = uplift(
            logged.drop(columns="item"), "shown", "bought", group="customer", propensity="propensity", seed=seed
        )
    seconds = time.perf_counter() - started
    said = found.predict(rows)
    anyway = truth.predict(rows, {"shown": 0})["bought"]
    added = truth.predict(rows, {"shown": 1})["bought"] - anyway
    rule = pd.Series(found.baselines["one column"].score)  # of the logged rows; the same rule for new ones:
    column = found.baselines["one column"].said.split(",")[0]
    by_column = _as_ranked(logged[column], rule, rows[column])
    scores = {
        "uplift": said["uplift"].to_numpy(),
        "response model": said["with_treatment"].to_numpy(),
        "one column": by_column,
        "random order": np.random.default_rng([seed, 9]).random(len(rows)),
        "truth": added,
    }
    customer = pd.factorize(rows["customer"])[0]
    result: dict[str, Any] = {"seconds": seconds, "found": found.found, "column": found.baselines["one column"].said}
    for n in TOPS:
        picked = {name: best(score, customer, n) for name, score in scores.items()}
        result[f"top-{n}"] = {
            "added": {name: float(added[at].sum() / customers * 100) for name, at in picked.items()},
            "anyway": {name: float(anyway[at].mean()) for name, at in picked.items()},
        }
    result["promise"] = _promise(found, truth, logged)
    if page is not None:
        found.report(page)
        first = found.recommend(1).bought_anyway.head(8)
        kept = ["customer", "kind", "interest", "bought_of_kind", "uplift", "with_treatment", "without"]
        result["bought anyway"] = json.loads(first[kept].round(3).to_json(orient="records"))
    return result


def _as_ranked(seen: pd.Series, score: pd.Series, new: pd.Series) -> np.ndarray:
    """The logged rows' scores by a column, for new rows with the same values."""
    means = score.groupby(seen.to_numpy()).mean()
    if pd.api.types.is_numeric_dtype(seen):
        return np.interp(new.to_numpy(float), means.index.to_numpy(float), means.to_numpy())
    return new.map(means).to_numpy(float)


def _promise(found: Any, truth: Any, logged: pd.DataFrame) -> dict[str, Any]:
    """What was said of the logged customers' best item, and the truth about the same picks."""
    picked = found.recommend(1)
    kept = picked.table
    effect = truth.predict(kept, {"shown": 1})["bought"] - truth.predict(kept, {"shown": 0})["bought"]
    ours = kept["picked_by"].isin(["both", "uplift"]).to_numpy()
    theirs = kept["picked_by"].isin(["both", "response model"]).to_numpy()
    true = {"uplift": effect[ours].sum() / picked.n_groups, "response model": effect[theirs].sum() / picked.n_groups}
    more = picked.more["response model"]
    return {
        **{name: {"true": value, **picked.added[name].as_json()} for name, value in true.items()},
        "more": {"true": true["uplift"] - true["response model"], **more.as_json()},
    }


def mean(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval."""
    v = np.asarray(values)
    return float(v.mean()), float(t.ppf(0.975, len(v) - 1) * v.std(ddof=1) / np.sqrt(len(v))) if len(v) > 1 else np.nan


def plus(pair: tuple[float, float], form: str = ".2f") -> str:
    return f"{pair[0]:{form}} ± {pair[1]:{form}}"


def lines_of(rows: list[dict[str, Any]], customers: int) -> list[str]:
    lines = ["# Recommending by effect: a shop with known truth", ""]
    for n in TOPS:
        lines += [
            f"## {n} item{'s' if n > 1 else ''} for each of {customers:,} new customers, {len(rows)} worlds",
            "",
            "| recommended by | additional items sold per 100 customers | of these bought anyway | less uplift's |",
            "|---|---|---|---|",
        ]
        for name in ORDERS:
            added = mean([row[f"top-{n}"]["added"][name] for row in rows])
            anyway = mean([row[f"top-{n}"]["anyway"][name] for row in rows])
            less = mean([row[f"top-{n}"]["added"][name] - row[f"top-{n}"]["added"]["uplift"] for row in rows])
            said = "–" if name == "uplift" else plus(less)
            lines.append(f"| {name} | {plus(added)} | {100 * anyway[0]:.1f} % | {said} |")
        lines.append("")
    lines += [
        "± half of a 95 % interval of the mean over worlds; differences are paired.",
        "",
        "## What `dt.uplift` says of the logged customers, and the truth",
        "",
        "| picks by | said, per customer | true | 95 % intervals that hold it |",
        "|---|---|---|---|",
    ]
    for name in ("uplift", "response model", "more"):
        each = [row["promise"][name] for row in rows]
        held = sum(one["low"] <= one["true"] <= one["high"] for one in each)
        title = "uplift, less response model" if name == "more" else name
        lines.append(
            f"| {title} | {plus(mean([one['value'] for one in each]), '.4f')} | "
            f"{plus(mean([one['true'] for one in each]), '.4f')} | {held} of {len(each)} |"
        )
    beaten = sum(row["promise"]["more"]["low"] > 0 for row in rows)
    words = pd.Series([row["found"] for row in rows]).value_counts().to_dict()
    lines += [
        "",
        f"In {beaten} of {len(rows)} worlds the log alone shows that uplift's picks add more than those of prediction. "
        f"Verdicts over all pairs: {words}; the one column: {rows[0]['column']}.",
        "",
        "## Bought anyway: what the response model recommends and uplift does not (first world)",
        "",
    ]
    table = rows[0].get("bought anyway", [])
    if table:
        lines += ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0])]
        lines += ["| " + " | ".join(map(str, row.values())) + " |" for row in table]
    took = mean([row["seconds"] for row in rows])[0]
    lines += [
        "",
        f"DR-learner, boosted trees (defaults), 5 folds; {took:.0f} s a world of {customers * 12:,} pairs, the machine "
        f"shared with others. {today()}: `python benchmarks/decide_shop.py`",
        "",
        f"`{json.dumps({'hardware': hardware(), 'versions': versions()})}`",
        "",
    ]
    return lines


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--page", type=Path, help="of the first world")
    options = parser.parse_args()
    worlds, customers = (2, 300) if options.quick else (20, 2_000)
    folder = options.results or RESULTS
    rows: list[dict[str, Any]] = []
    for seed in range(worlds):
        rows.append(world(seed, customers, options.page if seed == 0 else None))
        print(seed, rows[-1]["top-1"]["added"], f"{rows[-1]['seconds']:.1f} s", flush=True)
    lines = lines_of(rows, customers)
    if options.quick:
        print("\n".join(lines))
        return
    (folder / "decide_shop.md").write_text("\n".join(lines), encoding="utf-8")
    (folder / "decide_shop.json").write_text(json.dumps({"date": today(), "worlds": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
