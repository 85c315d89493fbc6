"""Prices of real shops: elasticities naive and with habit taken out beside published ones, and the plan of each.

    python benchmarks/decide_prices.py [--only juice,cheese] [--quick] [--pages FOLDER]

Orange juice: Dominick's, 28,947 store-weeks (Taddy, Business Data Science, 2019, chapter 2). Cheese: 5,555 weeks of 88
store accounts (Boatwright, McCulloch & Rossi 1999, of bayesm). In both, people set the prices. Costs are in neither:
70 % of the usual price is assumed, and sensitivity says what becomes of the plan where that is wrong.

Results: benchmarks/results/decide_prices.md (and .json). One thread. The pages are written beside, and not kept.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import QUICK_RESULTS, RESULTS, ROOT, Results, hidden_places, parser_of, provenance, table, versions, wanted

import drivetrain as dt
from drivetrain.decisions.proof.cause import effects
from drivetrain.decisions.worth import Worth

PROFIT = "share = 0.7; profit = sold * (price - share * usual)"
SHARED = ROOT.parent / "shared" / "data"
OF_JUICE = {"all, price alone": -1.60, "all": -2.53, "dominicks": -3.38, "minute.maid": -3.32, "tropicana": -2.71}
"""Slopes of log sales on log price by least squares: pooled, with brand and advertising held fixed (with the brand
alone −3.14), and within each brand; as in the book."""
OF_CHEESE = {"all, price alone": -1.33, "all": -2.53}
"""By ordinary least squares on the same file: pooled; with store effects and displays."""


def log_log(brands: Sequence[str], others: Sequence[str]) -> Callable[[pd.DataFrame], Any]:
    """Demand against what is usual: its logarithm is linear in that of the price, with a slope for each brand.

    What is usual of a brand or store stands in the rows (`usual`, `usual_sold`: geometric means of its weeks), so that
    slopes are those within it, and stores that a member has not seen have a level as well.
    """

    def design(frame: pd.DataFrame) -> np.ndarray:
        price = np.log(frame["price"].to_numpy(float) / frame["usual"].to_numpy(float))
        one_each = [(frame["brand"] == brand).to_numpy(float) for brand in brands] or [np.ones(len(frame))]
        slopes = [each * price for each in one_each]
        return np.column_stack([*one_each, *slopes, *(frame[name].to_numpy(float) for name in others)])

    def make(rows: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
        logs = np.log(rows["sold"].to_numpy(float) / rows["usual_sold"].to_numpy(float))
        found = np.linalg.lstsq(design(rows), logs, rcond=None)[0]
        smear = float(np.exp(logs - design(rows) @ found).mean())  # Duan 1983: exp of a mean is no mean of exp
        return lambda frame: frame["usual_sold"].to_numpy(float) * np.exp(design(frame) @ found) * smear

    return make


def with_usual(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """What a brand or store usually asks and sells."""
    logs = np.log(rows[["price", "sold"]]).groupby(rows[by]).transform("mean")
    return rows.assign(usual=np.exp(logs["price"]), usual_sold=np.exp(logs["sold"]))


def juice() -> tuple[pd.DataFrame, dict[str, Any]]:
    rows = pd.read_csv(SHARED / "oj" / "oj.csv.gz").rename(columns={"sales": "sold", "feat": "advertised"})
    rows = with_usual(rows, "brand")
    return rows, {
        "rows": rows.sample(600, random_state=0).sort_index().drop(columns="sold"),
        "brands": sorted(rows["brand"].unique()), "others": ["advertised"], "held": ["brand", "advertised"],
        "group": None, "published": OF_JUICE, "lever": dt.Lever("price", 0.5, 4.0, step=0.05), "parts": "brand",
    }  # fmt: skip


def cheese() -> tuple[pd.DataFrame, dict[str, Any]]:
    rows = pd.read_csv(SHARED / "cheese" / "cheese.csv.gz").rename(columns={"vol": "sold", "disp": "display"})
    rows = with_usual(rows, "store")
    return rows, {
        "rows": rows.groupby("store").tail(3).drop(columns="sold"),
        "brands": [], "others": ["display"], "held": ["usual", "usual_sold", "display"],
        "group": "store", "published": OF_CHEESE, "lever": dt.Lever("price", 1.5, 4.5, step=0.05), "parts": None,
    }  # fmt: skip


def said(worth: Worth) -> str:
    return f"{worth.value:.2f} [{worth.low:.2f}, {worth.high:.2f}]"


def elasticities(rows: pd.DataFrame, of: Mapping[str, Any]) -> list[list[str]]:
    """Of log sales on log price: as logged, habit taken out, published."""
    logs = rows.assign(log_price=np.log(rows["price"]), log_sold=np.log(rows["sold"]))
    lever = dt.Lever("log_price", float(logs["log_price"].min()), float(logs["log_price"].max()))
    parts = {"all": logs}
    if of["parts"]:
        parts |= {str(name): part for name, part in logs.groupby(of["parts"])}
    lines: list[list[str]] = []
    for name, part in parts.items():
        columns = [column for column in of["held"] if part[column].nunique() > 1]
        [found] = effects(part, [lever], ["log_sold"], columns, of["group"])
        alone = of["published"].get("all, price alone") if name == "all" else of["published"][name]
        held = f"{of['published']['all']:.2f}" if name == "all" else "–"
        numbers = [said(found.naive), f"{alone:.2f}", said(found.adjusted), held, f"{found.predictable:.2f}"]
        lines.append([name, f"{len(part):,}", *numbers, "agree" if found.agree else "disagree"])
    return lines


def plan_of(rows: pd.DataFrame, of: Mapping[str, Any], members: int) -> dt.Plan:
    known = [*(["brand"] if of["brands"] else []), *of["others"], "usual", "usual_sold", "price"]
    make = log_log(of["brands"], of["others"])
    fitted = {"outcome": "sold", "features": known, "n": members, "group": of["group"], "name": "sold"}
    sold = dt.Ensemble.fit(rows, make, **fitted)
    return dt.decide(PROFIT, of["rows"], of["lever"], {"sold": sold}, group=of["group"])


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--pages", type=Path, help="where the pages go")
    options = parser.parse_args()
    place = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    pages = options.pages or QUICK_RESULTS
    pages.mkdir(parents=True, exist_ok=True)
    results = Results(place / "decide_prices.json", hidden_places(shared=ROOT.parent / "shared"))
    for name, job in {"juice": juice, "cheese": cheese}.items():
        if not wanted(name, options.only):
            continue
        started = time.perf_counter()
        rows, of = job()
        if options.quick:
            rows = rows.sample(2_000, random_state=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DrivetrainWarning)  # they are in the plan, and written down below
            lines = elasticities(rows, of)
            plan = plan_of(rows, of, 4 if options.quick else 20)
        plan.report(pages / f"decide_{name}.html")
        print(plan.summary())
        results.put(
            name,
            {
                "command": f"python benchmarks/decide_prices.py --only {name}",
                "elasticities": lines,
                "summary": plan.summary().splitlines(),
                "seconds": round(time.perf_counter() - started),
                "versions": versions(),
            },
        )
    write(results)


def write(results: Results) -> None:
    lines = ["# Prices of real shops", ""]
    head = ["rows of", "n", "as logged", "published", "habit taken out", "least squares, held fixed", "price explained"]
    head.append("")
    for name, row in results.rows.items():
        lines += [f"## {name.capitalize()}", "", "Slope of log sales on log price.", ""]
        lines += [*table(head, row["elasticities"]), "", "The plan, in its own words:", "", "```text"]
        lines += [*row["summary"], "```", "", f"{row['seconds']} s, {row['date']}: `{row['command']}`", ""]

    results.write([*lines, *provenance(results.rows)])


if __name__ == "__main__":
    main()
