"""What a Learner can show, as charts; the drawing itself is in `drivetrain.evaluation.figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from drivetrain.data.examples import Examples
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.spec import Arrays
from drivetrain.settings import whole
from drivetrain.training.callbacks import Row
from drivetrain.training.feeding import ORDER, VIEWS, Feeder, loaded_for
from drivetrain.training.recipe.plan import Phase

if TYPE_CHECKING:
    from drivetrain.pages.chart import Chart
    from drivetrain.pages.html import Html


class ShowRow(Protocol):
    """What pages show of a row of the validation set; None where it cannot be read any more."""

    def __call__(self, row: int, /, *, side_px: int | None = None) -> Html | None:
        """Longest side of a picture, in px."""
        ...


def show_batch(feeder: Feeder, kind: Any, examples: Examples, n: int) -> Chart:
    """The first training views of an epoch."""
    from drivetrain.evaluation import figures  # noqa: PLC0415 - only where something is drawn

    n = whole("n", n, least=1)
    rows = feeder.random(ORDER, 0, 0).permutation(len(examples))[:n]
    arrays = [(row, array) for row, array in zip(rows, feeder.store.get(rows.tolist()), strict=True)]
    readable = [(row, array) for row, array in arrays if array is not None]
    loaded = [array for _, array in readable]
    if hasattr(kind, "drawn"):
        draws = feeder.random(VIEWS, 0, 0, 0).random((len(readable), kind.n_draws), dtype=np.float32)
        batch = loaded_for(kind, loaded, draws)
        views: list[Arrays] = kind.drawn(batch.tensors, batch.draws)
    else:
        views = [kind.spec.view(array) for array in loaded]
    return figures.batch([_shown(view, examples.kind) for view in views], [examples.values[row] for row, _ in readable])


def show_results(predictions: Predictions, show: ShowRow, n: int, seed: int) -> Chart:
    """Pictures with answer and truth."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.results(predictions, _loader(predictions, show), n=n, seed=seed)


def top_losses(predictions: Predictions, show: ShowRow, n: int) -> Chart:
    """The rows with the highest loss."""
    from drivetrain.evaluation import figures  # noqa: PLC0415

    return figures.top_losses(predictions, _loader(predictions, show), n=n)


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


def _loader(predictions: Predictions, show: ShowRow) -> Callable[[int], Html]:
    from drivetrain.evaluation import figures  # noqa: PLC0415

    def load(row: int) -> Html:
        found = show(row, side_px=round(figures.SIDE_PX))
        if found is None:
            name = (predictions.names or predictions.ids)[row]
            raise DataError(f"{name} cannot be read any more. To fix: put it back.")
        return found

    return load


def _shown(view: Arrays, kind: str) -> Html:
    """What the kind shows of a row, as large as a figure has room for."""
    from drivetrain.evaluation import figures  # noqa: PLC0415
    from drivetrain.evaluation.report.showing import shown  # noqa: PLC0415

    return shown(kind, view, side_px=round(figures.SIDE_PX))
