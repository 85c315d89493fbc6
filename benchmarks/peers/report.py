"""How a peer's program tells the benchmark where it is: one line per event on standard output.

The benchmark takes the time when the line arrives.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np


def tell(event: str, **fields: object) -> None:
    print("@event " + json.dumps({"event": event, **fields}), flush=True)


def read_parts(table: str) -> dict[str, list[tuple[str, str]]]:
    """Part → (path, label) of its rows, in the order of the table."""
    parts: dict[str, list[tuple[str, str]]] = {"train": [], "valid": [], "test": []}
    with Path(table).open(newline="") as stream:
        for row in csv.DictReader(stream):
            parts[row["split"]].append((row["path"], row["label"]))
    return parts


def write_answers(path: str, rows: list[tuple[str, str]], said: list[str]) -> None:
    """What was said of each test row, beside what is true; and how often that was right."""
    truth = np.array([label for _, label in rows])
    np.savez_compressed(path, path=[name for name, _ in rows], truth=truth, said=np.array(said))
    tell("tested", accuracy=float((truth == np.array(said)).mean()), n=len(rows))
