"""What a Learner can show, as charts; the drawing itself is in `drivetrain.evaluation.figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.data.store import Store
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.inputs import Input
from drivetrain.settings import whole
from drivetrain.training.callbacks import Row
from drivetrain.training.feeding import ORDER, VIEWS, Feeder
from drivetrain.training.kinds import PreparedKind
from drivetrain.training.plan import Phase

if TYPE_CHECKING:
    from drivetrain.pages.chart import Chart
    from drivetrain.pages.html import Html

Picture = NDArray[np.uint8]


def show_batch(feeder: Feeder, kind: PreparedKind, examples: Examples, n: int) -> Chart:
    """The first training views of an epoch."""
    from drivetrain.evaluation import figures  # noqa: PLC0415 - only where something is drawn

    n = whole("n", n, least=1)
    rows = feeder.random(ORDER, 0, 0).permutation(len(examples))[:n]
    arrays = [(row, array) for row, array in zip(rows, feeder.store.get(rows.tolist()), strict=True)]
    readable = [(row, array) for row, array in arrays if array is not None]
    working, sizes = kind.collate([array for _, array in readable])
    draws = torch.from_numpy(feeder.random(VIEWS, 0, 0, 0).random((len(readable), kind.n_draws), dtype=np.float32))
    views = kind.training_views(working, sizes, draws).permute(0, 2, 3, 1).round().to(torch.uint8).numpy()
    return figures.batch([_shown(view) for view in views], [examples.values[row] for row, _ in readable])


def show_results(predictions: Predictions, store: Store, reader: Input, n: int, seed: int) -> Chart:
    """Pictures with answer and truth."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.results(predictions, _loader(store, reader), n=n, seed=seed)


def top_losses(predictions: Predictions, store: Store, reader: Input, n: int) -> Chart:
    """The rows with the highest loss."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.top_losses(predictions, _loader(store, reader), n=n)


def confusion(predictions: Predictions, most: int) -> Chart:
    """Confusion matrix."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.confusion_matrix(predictions, most=most)


def losses(history: Sequence[Row]) -> Chart:
    """Losses by epoch."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    if not history:
        raise DataError("no epoch has been trained yet: call fine_tune or fit first.")
    numbers = [{name: v for name, v in row.items() if not isinstance(v, str)} for row in history]
    return figures.losses(numbers)


def learning_rates(phases: Sequence[Phase], steps: int) -> Chart:
    """The head's rate at every step of a plan."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    if not phases:
        raise DataError("no epoch has been trained yet: call fine_tune or fit first.")
    totals = [(phase, phase.epochs * steps) for phase in phases]
    return figures.learning_rates([phase.rates.head * phase.factor(i, n) for phase, n in totals for i in range(n)])


def _loader(store: Store, reader: Input) -> Callable[[int], Html]:
    def load(row: int) -> Html:
        array = store.get([row])[0]
        if array is None:
            raise DataError(f"{store.paths[row]} cannot be read any more.")
        return _shown(reader.view(array))

    return load


def _shown(view: Picture) -> Html:
    """What the kind shows of a row, as large as a figure has room for."""
    from drivetrain.evaluation import figures  # noqa: PLC0415
    from drivetrain.evaluation.report.showing import shown  # noqa: PLC0415

    return shown("images", (view,), side_px=round(figures.SIDE_PX))
