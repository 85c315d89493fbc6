"""drivetrain itself, measured by the same clock, in its own environment: `predict` and `predict_many`.

python predict_drivetrain.py TABLE MODEL
"""

from __future__ import annotations

import sys

from report import read_parts
from timing import measure

import drivetrain as dt


def main() -> None:
    table, model = sys.argv[1:]
    predictor = dt.load(model)

    def many(paths: list[str]) -> int:
        return sum(answer.error is None for answer in predictor.predict_many(paths))

    measure(lambda path: predictor.predict(path).label, many, [path for path, _ in read_parts(table)["test"]])


if __name__ == "__main__":
    main()
