"""Who wins on tables: drivetrain's models and others on the same rows, as each comes.

    python benchmarks/tables.py ../shared [--peers PYTHON] [--autogluon PYTHON] [--only adult,diabetes] [--models trees]
    python benchmarks/tables.py ../shared --million

Adult: the official test set. All other sets: five folds, shuffled with seed 0, stratified where a class is predicted;
slow peers answer the first fold alone, which the page says. Of the rows that are not tested on, 15 % drawn by chance
are the validation set: it stops drivetrain's models, fastai's and the embeddings; all else is fitted on both together.
AutoGluon has an environment of its own (`pip install "autogluon.tabular[lightgbm,catboost,xgboost]"`, version 1.6.3).
Each model runs in a process of its own with one thread. A result that is there is not measured again (`--again`).

`--million`: 1,000,000 rows of 30 columns from a Parquet and from a CSV file: reading, `dt.train`, answering.

Results: benchmarks/results/tables.md (and .json).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import HERE, Results, hidden_places, need_peers, parser_of, table, versions
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

VALID = 0.15
FOLDS = 5
SLOW = ("catboost", "fastai", "autogluon")
"""That answer the first fold of some sets alone."""
MODELS = {
    "line": "`dt.Linear`",
    "trees": "`dt.Trees`",
    "net": "net (`dt.Learner`, 20 epochs)",
    "blend": "`dt.Blend` of these three",
    "train": "`dt.train`",
    "histgb": "scikit-learn HistGradientBoosting, native categories",
    "embeddings": "plain entity embeddings",
    "lightgbm": "LightGBM, native categories",
    "catboost": "CatBoost",
    "fastai": "fastai tabular, 5 epochs",
    "autogluon": "AutoGluon `medium_quality`, its trees (no torch there)",
}
OURS = "line,trees,net,blend"
JOBS = (OURS, "train", "histgb", "embeddings", "lightgbm", "catboost", "fastai", "autogluon")
METRICS = {"roc_auc": "AUC", "log_loss": "log loss", "accuracy": "accuracy", "r2": "R²", "rmse": "RMSE"}


@dataclass(frozen=True)
class Set:
    """A table, and what is known of it."""

    title: str
    read: Callable[[Path], pd.DataFrame]
    target: str
    all_names: bool = False
    """Whether numbers are names too; else columns of texts are."""
    dates: Sequence[str] = ()
    budget: str = "60s"
    tested: Callable[[pd.DataFrame], list[np.ndarray]] | None = None
    slow: Sequence[str] = field(default=())
    """Models that answer the first fold alone."""

    def folds(self, rows: pd.DataFrame) -> list[np.ndarray]:
        if self.tested is not None:
            return self.tested(rows)
        if rows[self.target].dtype.kind == "f":
            return [test for _, test in KFold(FOLDS, shuffle=True, random_state=0).split(rows)]
        drawn = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(rows, rows[self.target])
        return [test for _, test in drawn]


def adult(shared: Path) -> pd.DataFrame:
    return pd.concat(
        [pd.read_csv(shared / f"data/adult/{part}.csv.gz") for part in ("train", "test")], ignore_index=True
    )


def amazon(shared: Path) -> pd.DataFrame:
    rows = pd.read_csv(shared / "data/amazon-access/amazon.csv.gz")
    return rows.assign(action=rows["action"].astype(str))


def salaries(shared: Path) -> pd.DataFrame:
    rows = pd.read_csv(shared / "data/employee-salaries/salaries.csv.gz")
    return rows.assign(current_annual_salary=rows["current_annual_salary"].astype(float))


def diabetes(_: Path) -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True, scaled=False).frame.astype({"target": float})


def affairs(_: Path) -> pd.DataFrame:
    from statsmodels.datasets import fair

    rows = fair.load_pandas().data
    return rows.assign(affairs=np.where(rows["affairs"] > 0, "yes", "no"))


def visits(_: Path) -> pd.DataFrame:
    from statsmodels.datasets import randhie

    return randhie.load_pandas().data.astype({"mdvis": float})


SETS = {
    "adult": Set(
        "Adult (48,842 × 14, official test): is an income above 50,000 dollars?",
        adult,
        "income",
        budget="2min",
        tested=lambda rows: [np.arange(32_561, len(rows))],
    ),
    "amazon": Set(
        "Amazon access (32,769 × 9, columns of ids, 5 folds): is access granted?",
        amazon,
        "action",
        all_names=True,
        slow=SLOW,
    ),
    "salaries": Set(
        "Employee salaries (9,228 × 7, many dirty names, 5 folds): dollars a year",
        salaries,
        "current_annual_salary",
        dates=("date_first_hired",),
        budget="30s",
        slow=SLOW,
    ),
    "diabetes": Set(
        "Diabetes (442 × 10, scikit-learn's, 5 folds): progression after a year", diabetes, "target", budget="20s"
    ),
    "affairs": Set(
        "Extramarital affairs (6,366 × 8, Fair 1978, statsmodels', 5 folds): any?", affairs, "affairs", budget="20s"
    ),
    "visits": Set(
        "Visits to a doctor (20,190 × 9, RAND health insurance experiment, statsmodels', 5 folds): how many a year?",
        visits,
        "mdvis",
        budget="30s",
        slow=SLOW,
    ),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--models", help="which, with commas between")
    parser.add_argument("--autogluon", type=Path, help="the Python of AutoGluon's environment")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five")
    parser.add_argument("--again", action="store_true", help="measure also what there is")
    parser.add_argument("--million", action="store_true", help="a million rows instead")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds that a model may take for a fold")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    hidden = hidden_places(shared=options.shared.resolve(), peers=str(options.peers))
    path = options.results or HERE / "results" / "tables.json"
    results = Results(path, hidden)
    if options.million:
        import tables_million

        tables_million.measure(results, quick=options.quick)
    else:
        asked = options.models.split(",") if options.models else None
        names = [name for name in SETS if options.only is None or name in options.only.split(",")]
        measure(names, asked, options, results)
    results.write(list(page(results)))


def measure(names: list[str], asked: list[str] | None, options: argparse.Namespace, results: Results) -> None:
    """The first fold of all sets, then the second, …: what is interrupted can still be compared."""
    tables = {name: SETS[name].read(options.shared) for name in names}
    if options.quick:
        tables = {name: some(rows) for name, rows in tables.items()}
    for fold in range(1 if options.quick else options.folds):
        for name in names:
            one, rows = SETS[name], tables[name]
            tested = [np.arange(len(rows) // 5)] if options.quick else one.folds(rows)
            for job in JOBS if fold < len(tested) else ():
                models = [each for each in job.split(",") if asked is None or each in asked]
                if "blend" in models:  # it is made of the three
                    models = job.split(",")
                known = [results.rows.get(f"{name}-{fold}-{each}", {"failed": ""}) for each in models]
                there = not any("failed" in row for row in known)
                slow = job in one.slow and fold > 0
                python = python_of(job, options)
                if not models or slow or python is None or (there and not options.again):
                    continue
                for line in fitted(one, rows, tested[fold], ",".join(models), python=python, timeout=options.timeout):
                    row = {**line, "set": name, "fold": fold, "load": round(os.getloadavg()[0], 2)}
                    results.put(f"{name}-{fold}-{line['model']}", row)
                    print(json.dumps({key: row[key] for key in row if key not in ("said", "models")}), flush=True)


def some(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sample(min(len(rows), 1500), random_state=0).reset_index(drop=True)


def python_of(job: str, options: argparse.Namespace) -> str | None:
    if job == "autogluon":
        return None if options.autogluon is None else need_peers(options.autogluon)
    if job in ("lightgbm", "catboost", "fastai"):
        return need_peers(options.peers) if options.peers.exists() else None
    return sys.executable


def fitted(
    one: Set, rows: pd.DataFrame, test: np.ndarray, models: str, *, python: str, timeout: float
) -> Iterator[dict[str, Any]]:
    """What models say of the test rows, and what it is worth."""
    part = np.where(np.random.default_rng(0).random(len(rows)) < VALID, "valid", "train").astype(object)
    part[test] = "test"
    inputs = rows.drop(columns=[one.target, *one.dates])
    names = [name for name in inputs if one.all_names or inputs[name].dtype.kind not in "iufb"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "table.parquet"
        rows.assign(part=part).to_parquet(place, index=False)
        command = [python, str(HERE / "peers" / "tables_one.py"), models, str(place), one.target, f"{folder}/said.npz"]
        command += ["--names", "|".join(names), "--dates", "|".join(one.dates), "--budget", one.budget]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            yield {"model": models, "failed": f"not done after {timeout:.0f} s"}
            return
        if done.returncode:
            yield {"model": models, "failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:300]}
            return
        for line in done.stdout.splitlines():
            if not line.startswith("{"):
                continue
            told = json.loads(line)
            answers = np.load(told.pop("answers"))["answers"]
            yield {**told, **scores(rows[one.target].to_numpy()[test], answers)}


def scores(truth: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """All models are judged by the same code: scikit-learn's."""
    if truth.dtype.kind == "f":
        return {"r2": r2_score(truth, answers), "rmse": root_mean_squared_error(truth, answers)}
    classes = np.unique(truth.astype(str))
    truth = np.searchsorted(classes, truth.astype(str))
    answers = answers / answers.sum(axis=1, keepdims=True)
    return {
        "accuracy": accuracy_score(truth, answers.argmax(axis=1)),
        "roc_auc": roc_auc_score(truth, answers[:, 1]),
        "log_loss": log_loss(truth, np.clip(answers, 1e-7, 1)),
    }


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(results: Results) -> Iterator[str]:
    yield "# Tables: who wins"
    yield ""
    yield (
        "Every model with its defaults, one thread, on the same test rows; means over the folds, ± their standard "
        "deviation. Seconds are of fitting, per fold; of a blend those of its members are included. The machine has "
        "two cores and other work to do: CPU seconds tell more. How it is measured: `benchmarks/tables.py`."
    )
    for name, one in SETS.items():
        rows = {key: row for key, row in results.rows.items() if row.get("set") == name}
        if rows:
            yield ""
            yield f"## {one.title}"
            yield ""
            yield from of_set(one, rows)
    yield from million(results)
    yield ""
    measured = {key: row for key, row in results.rows.items() if "hardware" in row}
    grounds: dict[str, list[str]] = {}
    for key, row in measured.items():
        grounds.setdefault(json.dumps(row["hardware"]), []).append(key)
    yield (
        "Measured " + ", ".join(sorted({row["date"] for row in measured.values()})) + " on " + "; ".join(grounds) + "."
    )
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in versions().items()) + "."


def of_set(one: Set, rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    kinds = [kind for kind in METRICS if any(kind in row for row in rows.values())]
    made: list[list[str]] = []
    for model, label in MODELS.items():
        own = [row for row in rows.values() if row["model"] == model and "failed" not in row]
        failed = [row for row in rows.values() if model in row["model"].split(",") and "failed" in row]
        if own:
            cells = [spread([row[kind] for row in own], kind) for kind in kinds]
            seconds, cpu = (f"{np.mean([row[which] for row in own]):,.1f}" for which in ("seconds", "cpu"))
            made.append([label, *cells, seconds, cpu, str(len(own))])
        elif failed:
            made.append([f"{label}: {failed[0]['failed']}", *([""] * (len(kinds) + 3))])
    yield from table(["model", *(METRICS[kind] for kind in kinds), "s", "CPU s", "folds"], made)
    answered = {line[-1] for line in made if line[-1]}
    if len(answered) > 1:  # means over different folds cannot be compared
        yield ""
        yield "On the first fold alone, which all of them answered:"
        yield ""
        lines: list[list[str]] = []
        for model, label in MODELS.items():
            own = [row for row in rows.values() if row["model"] == model and row["fold"] == 0 and "failed" not in row]
            lines += [[label, *(spread([row[kind]], kind) for kind in kinds), f"{row['seconds']:,.1f}"] for row in own]
        yield from table(["model", *(METRICS[kind] for kind in kinds), "s"], lines)
    said = [row for row in rows.values() if row["model"] == "train" and "said" in row]
    if said:
        yield ""
        winners = ", ".join(dict.fromkeys(row["winner"] for row in said))
        beaten = sum(row["plain"]["real"] for row in said)
        yield (
            f"`dt.train` (budget {one.budget}) chose: {winners}. It says that the plain line is beaten in {beaten} of "
            f"{len(said)} folds; of the first: “{said[0]['said']}”."
        )


def million(results: Results) -> Iterator[str]:
    rows = [row for key, row in results.rows.items() if key.startswith("million-")]
    if not rows:
        return
    yield ""
    yield "## A million rows of 30 columns"
    yield ""
    lines = [
        [row["what"], f"{row['seconds']:,.1f}", f"{row['cpu']:,.1f}", f"{row['peak_mb']:,}", row["told"]]
        for row in rows
    ]
    yield from table(["what", "s", "CPU s", "peak MB", ""], lines)


def spread(values: Sequence[float], kind: str) -> str:
    large = kind == "rmse" and np.mean(values) > 1000

    def shown(value: float) -> str:
        return f"{value:,.0f}" if large else f"{value:.4f}"

    return shown(np.mean(values)) + (f" ± {shown(np.std(values, ddof=1))}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
