"""How many planted label errors `drivetrain review` finds: confident learning, judged out of fold.

    python benchmarks/label_errors.py ../shared

Grocery Store photographs (81 classes, training and validation part, features of the pretrained MobileNetV1) and the
handwriting of scikit-learn (10 classes, pixels). Some labels are changed, half of them at random and half to the
class that is most like the true one; a linear model judges each row in five folds without having seen it. It prints
and writes `results/label_errors.json` and `.md`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import PRETRAINED, RESULTS, Results, hidden_places, parser_of, provenance, table, versions
from numpy.typing import NDArray
from sets import grocery_table
from sklearn.datasets import load_digits

import drivetrain as dt
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.label_errors import Rule, label_errors
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.features import body_features
from drivetrain.training.probing import out_of_fold

SHARES = (0.0, 0.02, 0.05, 0.1)
RULES: tuple[Rule, ...] = ("confident joint", "noise rate")
SIZE_PX = 160


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    asked = parser.parse_args()
    results = Results(asked.results or RESULTS / "label_errors.json", hidden_places(shared=asked.shared.resolve()))
    for name, make in (("digits", digits), ("grocery", grocery)):
        if asked.only is None or name in asked.only:
            features, labels = make(asked.shared.resolve(), results.path.parent)
            for share in SHARES[:2] if asked.quick else SHARES:
                began = time.monotonic()
                found = measure(features, labels, share)
                row = {"command": f"python benchmarks/label_errors.py ../shared --only {name}", "versions": versions()}
                results.put(f"{name}-{share:g}", {**row, **found, "seconds": round(time.monotonic() - began, 1)})
                print(name, share, found)
    results.write(page(results.rows))


def digits(shared: Path, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    found: Any = load_digits()
    return found.data, found.target


def grocery(shared: Path, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    listed = grocery_table(shared, folder)
    with tempfile.TemporaryDirectory() as project:
        data = dt.images(listed.path, path="path", target="label", split="split", project=project)
    listed.path.unlink()
    rows = Examples.concat([data.train, data.valid])
    return body_features(rows, f"local-dir:{shared / PRETRAINED}", size=SIZE_PX), data.target.encode(rows.values)


def measure(features: NDArray[Any], truth: NDArray[Any], share: float) -> dict[str, Any]:
    """Both rules on the same noisy labels."""
    k = int(truth.max()) + 1
    target = CategoryTarget(name="c", vocab=tuple(f"{i:03}" for i in range(k)))
    labels, wrong = with_errors(features, truth, share)
    ids = tuple(f"{i:032x}" for i in range(len(labels)))
    examples = Examples(Files(map(Path, ids)), ids, tuple(target.vocab[label] for label in labels))
    output = out_of_fold(target, features, examples)
    said = Predictions(ids=ids, target=target, truth=labels, output=output)
    found: dict[str, Any] = {"rows": len(labels), "changed": len(wrong), "accuracy": float(said.hits().mean())}
    for rule in RULES:
        suspects = label_errors(said, rule=rule)
        rows = suspects.rows.tolist()
        both = set(rows) & set(wrong.tolist())
        first = set(rows[: len(wrong)]) & set(wrong.tolist())
        found[rule] = {
            "suspected": len(rows),
            "recall": len(both) / len(wrong) if len(wrong) else None,
            "precision": len(both) / len(rows) if rows else None,
            "precision_of_first": len(first) / len(wrong) if len(wrong) else None,
            "estimated": suspects.noise,
        }
    return found


def with_errors(
    features: NDArray[Any], truth: NDArray[Any], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels of which a share is wrong, and the rows where."""
    rng = np.random.default_rng(0)
    k = int(truth.max()) + 1
    means = np.stack([features[truth == i].mean(axis=0) for i in range(k)])
    distance = np.linalg.norm(means[:, None] - means[None], axis=2) + np.diag(np.full(k, np.inf))
    wrong = rng.permutation(len(truth))[: round(share * len(truth))]
    labels = truth.astype(np.int64).copy()
    half = len(wrong) // 2
    labels[wrong[:half]] = distance[truth[wrong[:half]]].argmin(axis=1)
    labels[wrong[half:]] = (truth[wrong[half:]] + rng.integers(1, k, len(wrong) - half)) % k
    return labels, np.sort(wrong)


def page(rows: dict[str, dict[str, Any]]) -> list[str]:
    head = [
        "set",
        "rows",
        "changed",
        "judge is right",
        "rule",
        "suspected",
        "recall",
        "precision",
        "of the first",
        "estimate",
    ]
    body: list[list[str]] = []
    for name, row in rows.items():
        for rule in RULES:
            found = row[rule]
            shares = [percent(found[key]) for key in ("recall", "precision", "precision_of_first", "estimated")]
            body.append(
                [
                    name.split("-")[0],
                    f"{row['rows']:,}",
                    str(row["changed"]),
                    percent(row["accuracy"]),
                    rule,
                    str(found["suspected"]),
                    *shares,
                ]
            )
    lead = [
        "# Label errors found",
        "",
        "Labels were changed on purpose, half at random, half to the most similar class; a linear model judged each",
        "row out of fold, by the noisy labels. Recall and precision count the changed labels, so that errors that the",
        "sets had before count as false alarms. “Of the first”: precision among as many suspects as labels changed.",
        "“Estimate”: the share of wrong labels that the joint says.",
        "",
    ]
    return [*lead, *table(head, body), "", *provenance(rows)]


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
