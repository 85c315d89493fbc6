"""Cross-validation: a model trained per fold, and all rows judged by models that did not see them.

No library of training is needed here: whoever calls says how a fold is trained and judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.splitting.divide import fit_target
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.metrics.own_metric import OwnFunction
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores, score
from drivetrain.runtime.targets import Array, Target
from drivetrain.settings import function, instance, refuse, several, whole
from drivetrain.text import printable

Train = Callable[[Data], Predictions]
"""Trains on the training rows of a fold and says what the model makes of its validation rows."""


FOLDS = "how many folds, at least 2, or a list of those that data.folds(k) gave"


@dataclass(frozen=True)
class CrossValidation:
    """What cross-validation found.

    Its intervals say how far other rows would change the scores of models like these; that other training rows would
    have made other models is in them only in part.
    """

    predictions: Predictions
    """Of all rows, each from the model of the fold that it validates in."""
    scores: Scores
    """Of all rows together."""
    folds: tuple[Scores, ...]
    """Of each fold."""
    fold_of: NDArray[np.int64]
    """(N,) fold of each row, counted from 0."""

    def __str__(self) -> str:
        lines = [str(self.scores), f"{len(self.folds)} folds:"]
        for name, overall in self.scores.items():
            lines.append(f"  {overall.label} {', '.join(fold[name].shown()[0] for fold in self.folds)}")
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        return str(self)


@named
def cross_validate(
    data: Data,
    train: Train,
    *,
    folds: int | Sequence[Data] = 5,
    metrics: Sequence[str | Metric | OwnFunction] | str | Metric | OwnFunction | None = None,
    seed: int | None = None,
) -> CrossValidation:
    """Train a model per fold, and judge every row of training and validation by a model that did not see it.

    The sealed test set takes no part. Folds respect groups and time as the split does (`Data.folds`), and the groups
    are kept, so the intervals are as wide as they must be.

    Args:
        data: What `drivetrain.images` gave.
        train: Called with each fold; gives the predictions for its validation rows, in their order, such as
            ``lambda fold: dt.Learner(fold, "resnet18").fine_tune(4).predictions()``.
        folds: How many, or folds that were made already.
        metrics: As of `score`.
        seed: Of the folds; None takes the split's.

    Raises:
        SettingError: `train` gives something else than Predictions.
        DataError: Its predictions are of other rows, or know other categories.
        SplitError: The folds cannot be made.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> found = dt.cross_validate(data, lambda fold: dt.Linear(fold).predictions(), folds=3)
        >>> found.scores["rmse"].n, len(found.folds)
        (48, 3)
    """
    data = instance("data", data, Data, "what dt.images(...), dt.table(...) and their like give")
    train = function("train", train, "a function that is given each fold, and gives the predictions of its valid rows")
    seed = None if seed is None else whole("seed", seed, least=0)
    if metrics is not None:
        resolve_metrics(metrics, data.target)  # before anything is trained
    is_made = not isinstance(folds, str) and hasattr(folds, "__iter__") and getattr(folds, "ndim", 1) > 0
    made = several("folds", folds, FOLDS) if is_made else data.folds(whole("folds", folds, least=2), seed=seed)
    if not made or not all(isinstance(fold, Data) for fold in made):
        refuse("folds", folds, FOLDS)
    said = [_checked(train(fold), fold.valid, f"fold {number}") for number, fold in enumerate(made, start=1)]
    rows = Examples.concat(fold.valid for fold in made)
    everyone = Examples.concat([made[0].train, made[0].valid, *(fold.valid for fold in made[1:])])
    target = fit_target(data.spec.kind, data.spec.target or ("class",), everyone.values)
    losses = [one.loss for one in said if one.loss is not None]
    predictions = Predictions(
        ids=rows.digests,
        target=target,
        truth=target.encode(rows.values),
        output=np.concatenate([_outputs_for(target, one) for one in said]),
        loss=np.concatenate(losses) if len(losses) == len(said) else None,
        groups=np.array(rows.groups) if rows.groups else None,
        names=rows.inputs.names(),
    )
    return CrossValidation(
        predictions=predictions,
        scores=score(predictions, metrics, part="validation"),
        folds=tuple(score(one, metrics, part="validation") for one in said),
        fold_of=np.repeat(np.arange(len(made), dtype=np.int64), [len(fold.valid) for fold in made]),
    )


def _checked(said: object, valid: Examples, where: str) -> Predictions:
    """Predictions of exactly the validation rows of a fold."""
    if not isinstance(said, Predictions):
        raise SettingError(
            f"train gave a {type(said).__name__} for {where}; expected Predictions of its validation rows, such as "
            "Learner.predictions() gives."
        )
    if said.ids != valid.digests:
        raise DataError(
            f"the predictions for {where} are of {len(said)} rows that are not its {len(valid)} validation rows in "
            "their order. To fix: predict fold.valid, every row once."
        )
    return said


def _outputs_for(target: Target, said: Predictions) -> Array:
    """The outputs in the columns of `target`; a category that a fold did not train has probability 0."""
    if target.kind == "number" or said.target.kind == "number":
        return said.output
    unknown = sorted(set(said.target.vocab) - set(target.vocab))
    if unknown:
        raise DataError(f"a fold's model knows the category {unknown[0]!r}, which the data do not have.")
    columns = [target.vocab.index(name) for name in said.target.vocab]
    output = np.zeros((len(said), len(target.vocab)), dtype=said.output.dtype)
    output[:, columns] = said.output
    return output
