"""The winner's curse, simulated: how much too good the best of several models looks, before and after the correction.

    python benchmarks/selection.py [--quick]

Each contest: models with a true accuracy each say right or wrong of the same validation rows; their mistakes may go
together (a row that is hard for one is hard for others). The best on these rows is chosen, and its score corrected with
`evaluation.record.selection`. What the choice is worth is known here: the true accuracy of the model chosen. Also
counted: how often the corrected interval holds it, and how often a test set of 500 rows gets a score inside the range
that was predicted for it. Results go to results/selection.json and .md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted

from drivetrain.evaluation import Predictions
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.record.selection import correct_selection, expect
from drivetrain.runtime.targets import CategoryTarget

COIN = CategoryTarget(name="right", vocab=("yes", "no"))
N_TEST = 500
CONTESTS = {
    # name: models, rows, true accuracies (mean, spread), correlation of mistakes
    "equal": (20, 400, (0.8, 0.0), 0.0),
    "equal, correlation .5": (20, 400, (0.8, 0.0), 0.5),
    "equal, correlation .9": (20, 400, (0.8, 0.0), 0.9),
    "equal, 95 % right": (20, 400, (0.95, 0.0), 0.0),
    "100 equal models": (100, 400, (0.8, 0.0), 0.5),
    "equal, 100 rows": (20, 100, (0.8, 0.0), 0.5),
    "equal, 2,000 rows": (20, 2000, (0.8, 0.0), 0.5),
    "spread of 2 points": (20, 400, (0.8, 0.02), 0.5),
    "spread of 10 points": (20, 400, (0.75, 0.1), 0.5),
    "one model": (1, 400, (0.8, 0.0), 0.0),
}


def contest(rng: np.random.Generator, models: int, rows: int, skill: tuple[float, float], correlation: float) -> Any:
    """True accuracies, and one table of predictions per model."""
    skills = np.clip(rng.normal(skill[0], skill[1], models), 0.05, 0.98)
    latent = np.sqrt(correlation) * rng.normal(size=rows) + np.sqrt(1 - correlation) * rng.normal(size=(models, rows))
    bar = np.array([NormalDist().inv_cdf(skill) for skill in skills])
    hits = latent < bar[:, None]
    ids, truth = tuple(map(str, range(rows))), np.zeros(rows, dtype=int)
    outputs = (np.where(hit[:, None], [0.9, 0.1], [0.1, 0.9]) for hit in hits)
    return skills, [Predictions(ids=ids, target=COIN, truth=truth, output=output) for output in outputs]


def measured(name: str, repeats: int) -> dict[str, Any]:
    models, rows, skill, correlation = CONTESTS[name]
    rng = np.random.default_rng(0)
    raw, corrected, held, predicted, seconds = [], [], [], [], []
    for seed in range(repeats):
        skills, tables = contest(rng, models, rows, skill, correlation)
        began = time.perf_counter()
        found = correct_selection(tables, seed=seed)
        seconds.append(time.perf_counter() - began)
        true = skills[found.chosen]
        raw.append(found.raw - true)
        corrected.append(found.corrected - true)
        held.append(found.low <= true <= found.high)
        said = expect(found, METRICS["accuracy"], tables[found.chosen], N_TEST)
        score = rng.binomial(N_TEST, true) / N_TEST
        predicted.append(said.low - 1e-9 <= score <= said.high + 1e-9)
    return {
        "command": f"python benchmarks/selection.py --only {name.split(',')[0].replace(' ', '-')}",
        "versions": versions(),
        "models": models,
        "rows": rows,
        "repeats": repeats,
        "raw_bias": float(np.mean(raw)),
        "corrected_bias": float(np.mean(corrected)),
        "standard_error": float(np.std(corrected) / np.sqrt(repeats)),
        "raw_rmse": float(np.sqrt(np.mean(np.square(raw)))),
        "corrected_rmse": float(np.sqrt(np.mean(np.square(corrected)))),
        "held": float(np.mean(held)),
        "predicted": float(np.mean(predicted)),
        "median_seconds": float(np.median(seconds)),
    }


def report(rows: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    head = [
        "contest",
        "models",
        "rows",
        "raw best, points too good",
        "corrected",
        "± (1 s.e.)",
        "error: raw → corrected",
    ]
    head += ["95 % interval holds", "test score as predicted", "seconds"]
    lines = [
        [
            name,
            str(row["models"]),
            f"{row['rows']:,}",
            f"{100 * row['raw_bias']:+.2f}",
            f"{100 * row['corrected_bias']:+.2f}",
            f"{100 * row['standard_error']:.2f}",
            f"{100 * row['raw_rmse']:.2f} → {100 * row['corrected_rmse']:.2f}",
            f"{100 * row['held']:.1f} %",
            f"{100 * row['predicted']:.1f} %",
            f"{row['median_seconds']:.2f}",
        ]
        for name, row in rows.items()
    ]
    repeats = max(row["repeats"] for row in rows.values())
    return [
        "# The best of several models",
        "",
        f"Simulated, {repeats:,} contests each; points of accuracy. The error is the root of the mean square.",
        "",
        *table(head, lines),
        "",
        *provenance(rows),
    ]


def main() -> None:
    parser = parser_of(__doc__)
    options = parser.parse_args()
    place = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    results = Results(place / "selection.json", hidden_places())
    for name in CONTESTS:
        if wanted(name.split(",")[0].replace(" ", "-"), options.only):
            row = results.put(name, measured(name, 30 if options.quick else 100 if CONTESTS[name][0] == 100 else 300))
            print(name, {key: value for key, value in row.items() if isinstance(value, float)}, flush=True)
            results.write(report(results.rows))


if __name__ == "__main__":
    main()
