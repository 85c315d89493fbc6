"""Simpler ways to tell files apart, which a model of pictures is held against: counts of bytes, and the header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import InputError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.binaries.drawing import Bytes, entropy_of
from drivetrain.kinds.binaries.reading import read

MOST_ROWS = 5000
"""That a line is fitted on."""
HEADER = 1024


def counts_of(content: Bytes) -> NDArray[np.float64]:
    """(256,) roots of the shares of each byte: the line then sees rare bytes as well.

    Example:
        >>> counts_of(np.array([7, 7, 9, 9], np.uint8))[[7, 9, 0]].round(3).tolist()
        [0.707, 0.707, 0.0]
    """
    return np.sqrt(np.bincount(content, minlength=256) / max(1, len(content)))


def size_and_entropy(content: Bytes) -> NDArray[np.float64]:
    """(2,): the logarithm of the size (of a huge file: of what is read), and the mean entropy."""
    return np.array([np.log(len(content)), float(entropy_of(content).mean())])


WAYS: dict[str, Callable[[Bytes], NDArray[np.float64]]] = {
    "byte histogram + logistic regression": counts_of,
    f"the first {HEADER:,} bytes alone": lambda content: counts_of(content[:HEADER]),
    "size and entropy alone": size_and_entropy,
}


def features_of(rows: Examples, way: Callable[[Bytes], NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N, F) of files; zeros of one that cannot be read any more."""
    found: list[Any] = []
    for path in rows.inputs:
        try:
            found.append(way(read(path)))
        except InputError:
            found.append(None)
    width = next(len(one) for one in found if one is not None)
    return np.stack([np.zeros(width) if one is None else one for one in found])


def simple_predictions(data: Data, rows: Examples, *, ways: Sequence[str] | None = None) -> dict[str, Predictions]:
    """What logistic regressions say of some rows, fitted on the training rows; of one category per row.

    Args:
        data: What the model was made with.
        rows: That are judged.
        ways: Names of `WAYS`; None: all.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - few ask, and it takes a while
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    order = np.random.default_rng(0).permutation(len(data.train))[:MOST_ROWS]
    train = data.train.subset(np.sort(order))
    truth = data.target.encode(train.values)
    found: dict[str, Predictions] = {}
    for name in WAYS if ways is None else ways:
        line = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        line.fit(features_of(train, WAYS[name]), truth)
        output = np.zeros((len(rows), data.target.n_outputs))
        output[:, line.classes_.astype(int)] = line.predict_proba(features_of(rows, WAYS[name]))
        found[name] = Predictions.of(rows, data.target, output)
    return found
