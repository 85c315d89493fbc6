"""How often `drivetrain watch` cries wolf, and how many rows it needs to find what is planted.

    python benchmarks/watch.py [--runs 300]

Simulated streams against 400 simulated validation rows: 8 categories, a confidence, four numbers of each picture;
everything is drawn anew in each run. Results go to results/watch.json and .md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions

from drivetrain.runtime.targets import CategoryTarget
from drivetrain.runtime.watching.compare import watch
from drivetrain.runtime.watching.log import Live
from drivetrain.runtime.watching.reference import Reference

FRUIT = CategoryTarget(name="fruit", vocab=tuple("abcdefgh"))
SHARES = np.array([0.30, 0.20, 0.15, 0.10, 0.10, 0.08, 0.05, 0.02])
N_REFERENCE = 400
N_LIVE = (25, 50, 100, 200, 400, 800)
MOVED = np.array([-0.10, 0, 0, 0.10, 0, 0, 0, 0])
PLANTED: dict[str, dict[str, Any]] = {
    "10 points from one category to another": {"shares": SHARES + MOVED},
    "20 points": {"shares": SHARES + 2 * MOVED},
    "confidence lower by half a standard deviation": {"sure": -0.5},
    "by a whole one": {"sure": -1.0},
    "pictures darker by half a standard deviation": {"light": -0.5},
    "by a whole one ": {"light": -1.0},
}


def rows(rng: np.random.Generator, n: int, **changed: Any) -> tuple[np.ndarray, list[dict[str, float]]]:
    said = rng.choice(8, size=n, p=changed.get("shares", SHARES))
    logit = rng.normal(2 + changed.get("sure", 0.0), 1, n)
    confidence = 1 / 8 + 7 / 8 / (1 + np.exp(-logit))
    table_NK = np.repeat((1 - confidence)[:, None] / 7, 8, axis=1)
    table_NK[np.arange(n), said] = confidence
    numbers = {
        "brightness": 0.5 + 0.12 * rng.normal(changed.get("light", 0.0), 1, n),
        "contrast": rng.gamma(9, 0.02, n),
        "sharpness": rng.gamma(4, 0.01, n),
        "aspect": rng.choice([0.75, 1.0, 4 / 3, 1.5], n),
    }
    return table_NK, [{name: float(values[i]) for name, values in numbers.items()} for i in range(n)]


def alarms(seed: int, n: int, **changed: Any) -> bool:
    rng = np.random.default_rng(seed)
    reference = Reference.of(FRUIT, *rows(rng, N_REFERENCE))
    table_NK, numbers = rows(rng, n, **changed)
    live = Live(n, [(FRUIT.vocab[k],) for k in table_NK.argmax(axis=1)], confidence=table_NK.max(axis=1).tolist())
    live.inputs = {name: [row[name] for row in numbers] for name in numbers[0]}
    return bool(watch(reference, live, seed=seed).alarms)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=300, help="of clean streams; a tenth of it for each planted shift")
    options = parser.parse_args()
    runs = 20 if options.quick else options.runs
    store = Results((options.results or (QUICK_RESULTS if options.quick else RESULTS)) / "watch.json", hidden_places())
    clean = {str(n): sum(alarms(seed, n) for seed in range(runs)) for n in (100, 400)}
    found = {
        name: {str(n): sum(alarms(10_000 + seed, n, **change) for seed in range(runs // 10)) for n in N_LIVE}
        for name, change in PLANTED.items()
    }
    row = {"runs": runs, "clean": clean, "planted": found, "versions": versions(), "command": "benchmarks/watch.py"}
    store.put("watch", row)
    said = ", ".join(f"{count} of {runs} runs with {n} rows" for n, count in clean.items())
    head = ["planted", *(f"{n} rows" for n in N_LIVE)]
    lines = [
        [name, *(f"{100 * count / (runs // 10):.0f} %" for count in counts.values())] for name, counts in found.items()
    ]
    about = f"Against {N_REFERENCE} validation rows, at `--false-alarms 0.01`. Clean streams alarm in {said}."
    text = ["# Watching", "", about, "", f"Share of {runs // 10} runs that alarm:", "", *table(head, lines), ""]
    store.write([*text, *provenance(store.rows)])
    print(store.path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
