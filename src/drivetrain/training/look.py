"""What a Learner can show, as matplotlib figures; the drawing itself is in `drivetrain.evaluation.figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.data.store import Store
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.spec import InputSpec
from drivetrain.settings import whole
from drivetrain.training.callbacks import Row
from drivetrain.training.feeding import ORDER, VIEWS, Feeder
from drivetrain.training.plan import Phase

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = NDArray[np.uint8]


def show_batch(feeder: Feeder, kind: Any, examples: Examples, n: int) -> Figure:
    """The first training views of an epoch."""
    from drivetrain.evaluation import figures  # noqa: PLC0415 - matplotlib only when drawing

    n = whole("n", n, least=1)
    rows = feeder.random(ORDER, 0, 0).permutation(len(examples))[:n]
    arrays = [(row, array) for row, array in zip(rows, feeder.store.get(rows.tolist()), strict=True)]
    readable = [(row, array) for row, array in arrays if array is not None]
    if not hasattr(kind, "training_views"):
        raise DataError(f"training views of {kind.spec.kind} cannot be drawn.")
    working, sizes = kind.collate([array for _, array in readable])
    draws = torch.from_numpy(feeder.random(VIEWS, 0, 0, 0).random((len(readable), kind.n_draws), dtype=np.float32))
    views = kind.training_views(working, sizes, draws).permute(0, 2, 3, 1).round().to(torch.uint8).numpy()
    return figures.batch(list(views), [examples.values[row] for row, _ in readable])


def show_results(predictions: Predictions, store: Store, reader: InputSpec, n: int, seed: int) -> Figure:
    """Pictures with answer and truth."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.results(predictions, _loader(store, reader), n=n, seed=seed)


def top_losses(predictions: Predictions, store: Store, reader: InputSpec, n: int) -> Figure:
    """The rows with the highest loss."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.top_losses(predictions, _loader(store, reader), n=n)


def confusion(predictions: Predictions, most: int) -> Figure:
    """Confusion matrix."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.confusion_matrix(predictions, most=most)


def losses(history: Sequence[Row]) -> Figure:
    """Losses by epoch."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    if not history:
        raise DataError("no epoch has been trained yet: call fine_tune or fit first.")
    numbers = [{name: v for name, v in row.items() if not isinstance(v, str)} for row in history]
    return figures.losses(numbers)


def learning_rates(phases: Sequence[Phase], steps: int) -> Figure:
    """The head's rate at every step of a plan."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    if not phases:
        raise DataError("no epoch has been trained yet: call fine_tune or fit first.")
    totals = [(phase, phase.epochs * steps) for phase in phases]
    return figures.learning_rates([phase.rates.head * phase.factor(i, n) for phase, n in totals for i in range(n)])


def _loader(store: Store, reader: InputSpec) -> Callable[[int], Picture]:
    def load(row: int) -> Picture:
        array = store.get([row])[0]
        if array is None:
            raise DataError(f"{store.name(row)} cannot be read any more.")
        return reader.view(array)[0]

    return load
