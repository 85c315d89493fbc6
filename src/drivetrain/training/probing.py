"""Linear models on what a body sees that has learnt nothing from these data: a baseline, and a judge of labels.

A label can only be judged by a model that has not seen it. The network itself has seen all training labels, and so has
its body; hence features of the body as it was before training, and folds: each row is judged by a linear model fitted
on the other folds. Legend: N rows, F features, K outputs of the target.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.kind import source_kind
from drivetrain.data.splitting.ties import tie
from drivetrain.errors import DataError, ModelError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.kinds import has_face
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.targets import Array, NumberTarget, Target
from drivetrain.training.features import body_features
from drivetrain.training.kind import training_face

Floats = NDArray[np.float64]

FOLDS = 5
MOST_ROWS = 10_000
"""Training rows a probe is fitted on, at most, so that it takes minutes rather than hours."""
STRENGTH = 0.01
"""Inverse of the penalty (scikit-learn's C) on standardised features; on Grocery .01 was the best of .001 … 1."""
SPREAD_OF_WEIGHTS = 100.0
"""Penalty (scikit-learn's alpha) of numbers, on standardised features and values."""


class Probe:
    """A linear model on standardised features, fitted on some rows.

    Args:
        target: What is predicted.
        features: (N, F).
        truth: As `target.encode` gives it.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear", "plum"))
        >>> probe = Probe(fruit, np.array([[0.0], [1.0]]), np.array([0, 1]))
        >>> output = probe.outputs(np.array([[9.0]]))[0]
        >>> fruit.vocab[output.argmax()], output[2].tolist()
        ('pear', 0.0)
    """

    def __init__(self, target: Target, features: Array, truth: Array) -> None:
        from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415 - slow to import
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        self.target = target
        self._scaler = StandardScaler().fit(features)
        scaled = self._scaler.transform(features)
        self._models: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that stops early is good enough for a yardstick
            if isinstance(target, NumberTarget):
                self._models = [Ridge(SPREAD_OF_WEIGHTS).fit(scaled, target.training_form(truth))]
            else:
                columns = [truth] if target.kind == "category" else list(truth.astype(np.int64).T)
                self._models = [
                    float(column[0])
                    if len(set(column.tolist())) == 1
                    else LogisticRegression(C=STRENGTH, max_iter=300).fit(scaled, column)
                    for column in columns
                ]

    def outputs(self, features: Array) -> Floats:
        """(N, K) probabilities, or values in the user's units; categories that were not there to learn get 0."""
        scaled: Array = np.asarray(self._scaler.transform(features))
        if isinstance(self.target, NumberTarget):
            return self.target.activate(np.asarray(self._models[0].predict(scaled)).reshape(len(features), -1))
        if self.target.kind == "categories":
            return np.stack([self._share(model, scaled) for model in self._models], axis=1)
        model = self._models[0]
        output_NK = np.zeros((len(features), self.target.n_outputs))
        if isinstance(model, float):
            output_NK[:, int(model)] = 1.0
        else:
            output_NK[:, model.classes_] = model.predict_proba(scaled)
        return output_NK

    def _share(self, model: Any, scaled: Array) -> Floats:
        return np.full(len(scaled), model) if isinstance(model, float) else model.predict_proba(scaled)[:, 1]


def out_of_fold(target: Target, features: Array, examples: Examples, *, folds: int = FOLDS, seed: int = 0) -> Floats:
    """(N, K) what a probe fitted on the other folds says of each row.

    Copies, near-copies and rows of one group are in one fold, so that no row is judged by its own picture.

    Args:
        target: Of any task.
        features: (N, F), a row per example.
        examples: The rows.
        folds: Parts that the rows are divided into, at least 2; fewer where there are not as many groups.
        seed: Of the division.

    Raises:
        DataError: There are fewer than two rows that can be told apart.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold  # noqa: PLC0415 - slow to import

    truth = target.encode(examples.values)
    units = np.unique(np.array(tie(examples).units), return_inverse=True)[1]
    folds = min(folds, int(units.max(initial=0)) + 1)
    if target.kind == "category":  # a division by classes takes at least one class with a row for each fold
        folds = min(folds, int(np.bincount(truth).max(initial=0)))
    if folds < 2:
        raise DataError(f"{len(examples)} rows cannot be divided into folds. To fix: give more rows.")
    found = np.zeros((len(examples), target.n_outputs))
    kind = StratifiedGroupKFold if target.kind == "category" else GroupKFold
    divide = kind(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about categories with fewer rows than folds
        for fitted, judged in divide.split(features, truth, units):
            found[judged] = Probe(target, features[fitted], truth[fitted]).outputs(features[judged])
    return found


def untrained_features(
    rows: Examples, architecture: Architecture | None, *, size_px: int | None = None
) -> tuple[Array, str]:
    """(N, F) features of a body that has not learnt from these rows, and which body that was.

    The model's own as it was before training; where it has none, or that cannot be had, the one that the kind of input
    always has, if it has one.

    Raises:
        DataError: A row cannot be read any more.
        ModelError: Neither body can be had.
    """
    if architecture is not None and architecture.pretrained_from is not None:
        try:
            found = body_features(rows, architecture.pretrained_from, size=size_px)
            return found, f"{without_folders(architecture.pretrained_from)} as it was before training"
        except ModelError:
            pass
    always = getattr(training_face(rows.kind), "UNTRAINED", None) if has_face(rows.kind, "training") else None
    if always is None:
        raise ModelError(f"there is no pretrained body for {source_kind(rows.kind).noun}")
    return body_features(rows, always), "the body that ships with drivetrain"


def without_folders(arch: str) -> str:
    """An architecture's name; of a local folder, its last part: pages that are passed on name no place on a machine.

    Example:
        >>> without_folders("local-dir:some/place/resnet18"), without_folders("resnet18")
        ('resnet18', 'resnet18')
    """
    return Path(arch.partition(":")[2]).name if arch.startswith("local-dir:") else arch


def linear_probe(data: Data, architecture: Architecture | None, size_px: int | None) -> tuple[Predictions, str]:
    """What a linear model on an untrained body's features says of the validation rows, and what it is, in words.

    Report and `Learner.baselines` show this one. It is fitted on the training rows, or evenly chosen ones of them
    where there are more than `MOST_ROWS`.

    Args:
        data: With validation rows.
        architecture: Of the model, whose body is loaded as it was before training; see `untrained_features`.
        size_px: Of its pictures.

    Raises:
        DataError: A picture cannot be read any more.
        ModelError: No body can be had.
    """
    step = math.ceil(len(data.train) / MOST_ROWS)
    train = data.train.subset(range(0, len(data.train), step))
    rows = Examples.concat([train, data.valid])
    features, body = untrained_features(rows, architecture, size_px=size_px)
    probe = Probe(data.target, features[: len(train)], data.target.encode(train.values))
    table = Predictions(
        ids=data.valid.digests,
        target=data.target,
        truth=data.target.encode(data.valid.values),
        output=probe.outputs(features[len(train) :]),
    )
    some = f", fitted on {len(train):,} of {len(data.train):,} training rows" if step > 1 else ""
    return table, f"a linear model on features of {body}{some}"
