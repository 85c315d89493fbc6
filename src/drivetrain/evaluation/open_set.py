"""None of these: whether a model is less sure of inputs of classes that it has never seen than of those it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from drivetrain.calls import named
from drivetrain.errors import DataError
from drivetrain.evaluation.asking import asked_predictions
from drivetrain.evaluation.metrics.checks import as_array
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.settings import number
from drivetrain.text import printable

_NEWNESS = CategoryTarget(name="class", vocab=("known", "unseen"))


@dataclass(frozen=True)
class OpenSet:
    """How well inputs of unseen classes are noticed by how unsure the model is of them.

    Prints as one line for each number.

    Example:
        >>> import drivetrain as dt
        >>> fruit = dt.CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]
        >>> said = dt.Predictions(("a", "b", "c", "d"), fruit, [0, 1, 0, 1], output)
        >>> print(dt.open_set(said, [[0.5, 0.5], [0.45, 0.55]], keep=0.9))
        open-set AUC 1.00 [0.56, 1.00], n = 6
        unseen noticed 100.0 % [34.2, 100.0], n = 2 (below 0.600, where 100 % of the known are kept)
    """

    auc: Score
    """Chance that an input of an unseen class is less sure than one of a known class; 0.5: nothing tells them apart."""
    threshold: float
    """Answers less probable than this are taken for none of the classes."""
    kept: float
    """Share of the inputs of known classes that are still answered."""
    noticed: Score
    """Share of the inputs of unseen classes that are not answered."""

    def __str__(self) -> str:
        below = f"below {self.threshold:.3f}, where {100 * self.kept:.0f} % of the known are kept"
        return printable(f"{self.auc}\n{self.noticed} ({below})")


@named
def open_set(known: Predictions, unseen: Any, *, keep: float = 0.95) -> OpenSet:
    """How well a model of categories notices inputs that are of none of them.

    An input counts as the less known, the smaller its largest probability is (Hendrycks and Gimpel 2017,
    arXiv:1610.02136). The threshold is chosen on the known rows alone.

    Args:
        known: What the model said of rows of its classes that it was not trained on, such as `learn.predictions()`.
        unseen: (M, K) probabilities that it gives to inputs of other classes, such as
            ``dt.load("a.model").predict_array(files)``; K classes as in `known`.
        keep: Share of the known rows that are to be answered.

    Raises:
        DataError: The model is none of one category per row, or the arrays do not fit.
        SettingError: `keep` is no share.

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("fig", "pear"))
        >>> known = Predictions(("a", "b", "c"), fruit, [0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> found = open_set(known, [[0.5, 0.5], [0.45, 0.55]], keep=0.9)
        >>> found.auc.value, found.noticed.value, found.threshold
        (1.0, 1.0, 0.7)
    """
    known, keep = asked_predictions(known, "known"), number("keep", keep, above=0, below=1)
    if not isinstance(known.target, CategoryTarget):
        raise DataError(
            "known are predictions of another target than one category for each row; expected such. To fix: judge a "
            "model of categories."
        )
    output = as_array(unseen, "unseen").astype(np.float64)
    if output.ndim != 2 or output.shape[1] != known.output.shape[1] or not len(output):
        raise DataError(
            f"unseen has shape {output.shape}; expected (M, {known.output.shape[1]}), a probability for each class. "
            "To fix: pass what predict_array of the same model gives."
        )
    sure, less = known.output.max(axis=1), output.max(axis=1)
    threshold = float(np.quantile(sure, 1 - keep, method="lower"))
    newness = np.clip(1 - np.concatenate([sure, less]), 0, 1)
    said = Predictions(
        ids=(*known.ids, *(f"unseen {row}" for row in range(len(less)))),
        target=_NEWNESS,
        truth=np.repeat([0, 1], [len(sure), len(less)]),
        output=np.stack([1 - newness, newness], axis=1),
    )
    auc = score(said, ["roc_auc"], part="new")["roc_auc"]
    noticed = Predictions(
        ids=tuple(f"unseen {row}" for row in range(len(less))),
        target=_NEWNESS,
        truth=np.ones(len(less), np.int64),
        output=np.where((less < threshold)[:, None], [[0.0, 1.0]], [[1.0, 0.0]]),
    )
    share = score(noticed, ["accuracy"], part="new")["accuracy"]
    return OpenSet(
        auc=auc.model_copy(update={"name": "open_set_auc", "label": "open-set AUC"}),
        threshold=threshold,
        kept=float((sure >= threshold).mean()),
        noticed=share.model_copy(update={"name": "noticed", "label": "unseen noticed"}),
    )


for _public in (OpenSet, open_set):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
