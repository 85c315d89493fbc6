"""Simulations behind `dt.slope_report`: power, equivalence, coverage, the best of many looks; and its speed.

    python benchmarks/slope.py [--only power,coverage] [--quick]

Results: benchmarks/results/slope.md (and .json). One thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import itertools
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from common import RESULTS, hardware, parser_of, today, versions, wanted

from drivetrain.statistics.fitting.covariance import slope_of
from drivetrain.statistics.fitting.fits import fit_rows
from drivetrain.statistics.fitting.rows import Rows
from drivetrain.statistics.fitting.terms import Term
from drivetrain.statistics.questions.choices import choices_of
from drivetrain.statistics.questions.power import detectable, power_of, simulated_power
from drivetrain.statistics.questions.verdict import equivalence

BETA = 0.3


def rows_of(x: np.ndarray, y: np.ndarray, cluster: np.ndarray | None = None, controls: tuple[Any, ...] = ()) -> Rows:
    names = () if cluster is None else tuple(f"c{i}" for i in range(int(cluster.max()) + 1))
    return Rows(Term("y"), Term("x"), y, x, controls=controls, cluster=cluster, cluster_names=names, cluster_column="c")


def clustered(random: np.random.Generator, n_clusters: int, design: str, beta: float) -> Rows:
    """Rows of clusters of unequal size; x varies between them, as temperature does between countries."""
    sizes = 2 + random.poisson(8, n_clusters)
    if design == "one large":
        sizes[0] = sizes.sum()  # half of all rows
    codes = np.repeat(np.arange(n_clusters), sizes)
    between, within = (1.0, 0.5) if design != "within" else (0.0, 1.0)
    x = between * random.normal(size=n_clusters)[codes] + within * random.normal(size=len(codes))
    noise = 0.7 * random.normal(size=n_clusters)[codes] + random.normal(size=len(codes)) * np.sqrt(0.5 + 0.5 * x**2)
    return rows_of(x, beta * x + noise, codes)


def share(hits: int, n: int) -> str:
    p = hits / n
    return f"{100 * p:.1f} ± {100 * math.sqrt(max(p * (1 - p), 1e-4) / n):.1f} %"


def coverage(draws: int) -> list[dict[str, Any]]:
    found = []
    for n_clusters in (8, 20, 50):
        for design in ("balanced", "within", "one large"):
            random = np.random.default_rng(n_clusters)
            held = dict.fromkeys(("HC3", "CR1", "CR2"), 0)
            dfs = []
            for _ in range(draws):
                fit = fit_rows(clustered(random, n_clusters, design, BETA), quiet=True)
                for kind in held:
                    one = slope_of(fit, kind)
                    held[kind] += one.low <= BETA <= one.high
                    if kind == "CR2":
                        dfs.append(one.df)
            row = {"clusters": n_clusters, "design": design, "CR2 df": f"{np.mean(dfs):.1f}"}
            found.append(row | {kind: share(n, draws) for kind, n in held.items()})
    for n in (20, 100, 400):
        random = np.random.default_rng(n)
        held = {"classical": 0, "HC3": 0}
        for _ in range(draws):
            x = random.normal(size=n)
            fit = fit_rows(rows_of(x, BETA * x + random.normal(size=n) * np.sqrt(0.2 + x**2)))
            for kind in held:
                one = slope_of(fit, kind)
                held[kind] += one.low <= BETA <= one.high
        found.append({"rows": n, "design": "noise grows with x"} | {kind: share(k, draws) for kind, k in held.items()})
    return found


def size_of_equivalence(draws: int) -> list[dict[str, Any]]:
    """How often equivalence is concluded where the slope is exactly the margin."""
    found = []
    for n_clusters in (0, 8, 20, 50):
        for margin in (0.1, 0.5):
            random = np.random.default_rng(n_clusters + 1)
            wrong = 0
            for _ in range(draws):
                if n_clusters:
                    fit = fit_rows(clustered(random, n_clusters, "balanced", margin))
                else:
                    x = random.normal(size=60)
                    fit = fit_rows(rows_of(x, margin * x + 0.3 * random.normal(size=60)))
                wrong += equivalence(slope_of(fit, "CR2" if n_clusters else "HC3"), margin).equivalent
            found.append({"clusters": n_clusters or "none", "margin": margin, "concluded": share(wrong, draws)})
    return found


def power(draws: int) -> list[dict[str, Any]]:
    """The formula against tests of fresh tables with the same columns, and the simulation against brute force."""
    found = []
    for kind, n, goal in itertools.product(("classical", "HC3"), (30, 100, 400), (0.8, 0.9)):
        random = np.random.default_rng(n)
        x = random.normal(size=n)
        se = 1 / float(np.linalg.norm(x - x.mean()))
        effect = detectable(se, n - 2, 0.95, goal)
        hits = sum(
            slope_of(fit_rows(rows_of(x, effect * x + random.normal(size=n)), quiet=True), kind).p < 0.05
            for _ in range(draws)
        )
        found.append(
            {"errors": kind, "rows": n, "formula": f"{100 * goal:.1f} %", "tests of fresh tables": share(hits, draws)}
        )
    for n_clusters in (20, 50):
        random = np.random.default_rng(n_clusters)
        rows = clustered(random, n_clusters, "balanced", 0.0)
        assert rows.cluster is not None
        x = rows.x - rows.x.mean()
        # noise of clusters and of rows: the slope's true error, and CR2's degrees of freedom for these columns
        sums = np.bincount(rows.cluster, x)
        se = math.sqrt(0.5**2 * float(sums @ sums) + float(x @ x)) / float(x @ x)
        df = slope_of(fit_rows(rows, quiet=True), "CR2").df
        effect = detectable(se, df, 0.95, 0.8)
        hits = 0
        for _ in range(draws):
            y = effect * rows.x + 0.5 * random.normal(size=n_clusters)[rows.cluster] + random.normal(size=len(x))
            hits += slope_of(fit_rows(replace(rows, y=y), quiet=True), "CR2").p < 0.05
        found.append(
            {
                "errors": f"CR2, {n_clusters} clusters",
                "rows": len(x),
                "formula": "80.0 %",
                "tests of fresh tables": share(hits, draws),
            }
        )
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    rows = rows_of(x, random.normal(size=200))
    fit = fit_rows(rows)
    made = simulated_power(rows, fit, "HC3", 0.25, 100, level=0.95, simulations=draws, seed=1)
    assert made is not None
    noise, hits = fit.ew / np.sqrt(1 - fit.leverage), 0
    for _ in range(draws):
        i = random.integers(0, 200, 100)
        right = sm.OLS(0.25 * x[i] + noise[i], sm.add_constant(x[i])).fit(cov_type="HC3", use_t=True)
        hits += right.pvalues[1] < 0.05
    found.append(
        {"simulation from a table's own rows": f"{100 * made[0]:.1f} %", "the same by statsmodels": share(hits, draws)}
    )
    exact = [abs(power_of(d, 1.0, df) - _by_draws(d, df)) for d, df in ((2.0, 3.9), (2.8, 20.0), (3.2, 400.0))]
    found.append({"formula against 10 million draws of t": _points(max(exact))})
    return found


def _points(share: float) -> str:
    return f"largest difference {100 * share:.2f} points"


def _by_draws(effect: float, df: float) -> float:
    from scipy import stats

    random = np.random.default_rng(0)
    t = (random.normal(size=10_000_000) + effect) / np.sqrt(random.chisquare(df, 10_000_000) / df)
    return float(np.mean(np.abs(t) > stats.t.ppf(0.975, df)))


def looks(draws: int) -> list[dict[str, Any]]:
    """How often the best of many looks is called significant without any relationship."""
    from drivetrain.statistics.fitting.rows import Control

    found = []
    for n_clusters in (0, 20):
        random = np.random.default_rng(9)
        raw = corrected = bonferroni = 0
        for seed in range(draws):
            n = 120
            names = ("a", "b", "c", "d")
            controls = tuple(
                Control(Term(name), values[:, None], (name,), values)
                for name, values in ((name, random.normal(size=n)) for name in names)
            )
            codes = np.arange(n) % n_clusters if n_clusters else None
            x, y = random.normal(size=n), random.normal(size=n)
            if codes is not None:
                x, y = x + random.normal(size=n_clusters)[codes], y + random.normal(size=n_clusters)[codes]
            made = choices_of(rows_of(x, y, codes, controls), np.arange(6), level=0.95, draws=400, seed=seed)
            assert made is not None and made.corrected_p is not None
            raw += made.smallest_p < 0.05
            corrected += made.corrected_p < 0.05
            bonferroni += made.bonferroni_p < 0.05
        found.append(
            {"clusters": n_clusters or "none", "looks": made.n, "smallest p below .05": share(raw, draws),
             "corrected": share(corrected, draws), "Bonferroni": share(bonferroni, draws)}
        )  # fmt: skip
    return found


def speed(_: int) -> list[dict[str, Any]]:
    import drivetrain as dt

    random = np.random.default_rng(0)
    n = 100_000
    Z = random.normal(size=(n, 20))
    x = 0.2 * Z @ random.normal(size=20) + random.normal(size=n)
    frame = pd.DataFrame(Z, columns=[f"z{i}" for i in range(20)])
    frame["x"], frame["group"] = x, random.integers(0, 50, n)
    frame["y"] = 0.05 * x + 0.3 * Z @ random.normal(size=20) + random.normal(size=n)
    controls = [f"z{i}" for i in range(20)]
    found = []
    for cluster in (None, "group"):
        for simulations in (0, 1000):
            wall, cpu = time.perf_counter(), time.process_time()
            report = dt.slope_report(
                frame, "y", "x", controls=controls, cluster=cluster, claim=0.1, simulations=simulations
            )
            report.html()
            taken = {"seconds": time.perf_counter() - wall, "processor seconds": time.process_time() - cpu}
            asked = {"rows": n, "controls": 20, "clusters": 50 if cluster else "none", "simulations": simulations}
            found.append(asked | {name: round(seconds, 1) for name, seconds in taken.items()})
    return found


JOBS = {
    "coverage": ("95 % intervals that hold the true slope", coverage, 2000),
    "equivalence": (
        "Equivalence where the slope is the margin (at most 5 % is right)",
        size_of_equivalence,
        4000,
    ),
    "power": ("Power: formula and simulation", power, 4000),
    "looks": ("The best of many looks, without any relationship", looks, 300),
    "speed": ("Speed, the page included", speed, 1),
}


def write(results: dict[str, Any], place: Path) -> None:
    lines = ["# What a slope says: simulations", ""]
    for name, (title, _, _) in JOBS.items():
        if name not in results:
            continue
        one = results[name]
        lines += [f"## {title}", ""]
        heads: list[tuple[str, ...]] = list(dict.fromkeys(tuple(row) for row in one["rows"]))
        for head in heads:
            lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
            lines += [
                "| " + " | ".join(str(v) for v in row.values()) + " |" for row in one["rows"] if tuple(row) == head
            ]
            lines.append("")
        lines.append(
            f"{one['draws']:,} tables each, ± one standard error. {one['date']}, {one['seconds']} s: "
            f"`python benchmarks/slope.py --only {name}`"
        )
        lines.append("")
    lines += ["## Hardware and versions", "", f"`{json.dumps({'hardware': hardware(), 'versions': versions()})}`", ""]
    place.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    place.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    options = parser_of(__doc__).parse_args()
    place = (options.results or RESULTS) / "slope.json"
    results: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    for name, (title, job, draws) in JOBS.items():
        if wanted(name, options.only):
            n = max(draws // 20, 1) if options.quick else draws
            started = time.perf_counter()
            rows = job(n)
            results[name] = {
                "rows": rows,
                "draws": n,
                "date": today(),
                "seconds": round(time.perf_counter() - started),
            }
            print(title, *rows, sep="\n  ")
            if not options.quick:
                write(results, place)


if __name__ == "__main__":
    main()
