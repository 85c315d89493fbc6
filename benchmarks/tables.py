"""The plain line and boosted trees on three public tables, by the protocol of each, as they come.

    python benchmarks/tables.py ../shared [--sets adult,amazon,salaries]

Adult: the official test set. Amazon access: five stratified folds; employee salaries: five folds, both shuffled with
seed 0. Of the rows that are not tested on, 15 % drawn by chance are the validation set, which stops the trees and
chooses the line's penalty. Every column is read as `dt.table` finds. Results: benchmarks/results/tables.json, a line
for each set, fold and model.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

import drivetrain as dt

RESULTS = Path(__file__).parent / "results" / "tables.json"
VALID = 0.15


def folds(name: str, shared: Path) -> Iterator[tuple[pd.DataFrame, str]]:
    """A table with a column `part` for each fold, and its target."""
    if name == "adult":
        train, test = (pd.read_csv(shared / f"data/adult/{part}.csv.gz") for part in ("train", "test"))
        table, splits, target = pd.concat([train, test], ignore_index=True), None, "income"
        tested = [np.arange(len(train), len(table))]
    elif name == "amazon":
        table, target = pd.read_csv(shared / "data/amazon-access/amazon.csv.gz"), "action"
        splits = StratifiedKFold(5, shuffle=True, random_state=0).split(table, table[target])
        tested = [rows for _, rows in splits]
    else:
        table, target = pd.read_csv(shared / "data/employee-salaries/salaries.csv.gz"), "current_annual_salary"
        tested = [rows for _, rows in KFold(5, shuffle=True, random_state=0).split(table)]
    for rows in tested:
        part = np.where(np.random.default_rng(0).random(len(table)) < VALID, "valid", "train").astype(object)
        part[rows] = "test"
        yield table.assign(part=part), target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--sets", default="adult,amazon,salaries")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.sets.split(","):
        for fold, (table, target) in enumerate(folds(name, options.shared)):
            with tempfile.TemporaryDirectory() as project, dt.quiet():
                data = dt.table(table, target=target, split="part", project=project)
                for model in (dt.Linear, dt.Trees):
                    began, cpu = time.monotonic(), time.process_time()
                    made = model(data)
                    took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
                    scores = {metric: score.value for metric, score in made.test().items()}
                    line = {
                        "set": name,
                        "fold": fold,
                        "model": made.label,
                        **took,
                        **scores,
                        "load": os.getloadavg()[0],
                    }
                    print(json.dumps(line), flush=True)
                    with RESULTS.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
