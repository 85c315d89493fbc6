"""How much a model loses when a feature is silenced: what it is worth to the answer, other than what excites it.

A channel is set to its own mean over rows and places, that of a class token to its mean over rows, so that what follows
reads a usual value rather than an unheard of 0 (mean ablation). A small loss does not say that the model does not read
the feature: others may say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivetrain.errors import DataError
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.metrics.metrics import Metric, default_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score
from drivetrain.insight.parts import Floats, Layer, Subject
from drivetrain.insight.reading import (
    answer,
    array,
    in_batches,
    passed,
    predictions,
    replaced,
    spread_rows,
)
from drivetrain.progress import track
from drivetrain.settings import whole

MOST_ROWS = 500
"""Each silenced channel costs a pass over the rows."""


def silenced(
    subject: Subject,
    features: Mapping[Layer, Sequence[int]],
    *,
    most_rows: int = MOST_ROWS,
    metric: Metric | None = None,
    seed: int = 0,
) -> dict[tuple[str, int], Score]:
    """(layer, channel) → change of the headline metric when the channel is silenced, with a paired interval.

    Below 0 means a loss where more is better. The same rows are judged with and without, so the interval is that of the
    difference (`dt.compare`: of accuracy Tango's).

    Args:
        subject: What is looked into.
        features: Which channels of which layers; each costs a pass over the rows.
        most_rows: Rows that are judged, drawn evenly from the classes where there are more.
        metric: None takes the target's first.
        seed: Of the draw.
    """
    whole("most_rows", most_rows, least=2)
    rows = spread_rows(subject, most_rows, seed=seed)
    before = passed(subject, list(features), rows)
    judged = default_metrics(subject.target)[0] if metric is None else metric
    table = predictions(subject, before.outputs, rows)
    views = [subject.batch(some) for some in in_batches(rows)]  # kept: each is read once for every channel
    found: dict[tuple[str, int], Score] = {}
    with track("silencing features", sum(map(len, features.values()))) as advance:
        for layer, channels in features.items():
            means, leads = (found_of[layer.name].mean(axis=0) for found_of in (before.means, before.leads))
            for channel in channels:
                outputs = _without(subject, layer, int(channel), (means[channel], leads[channel]), views)
                after = predictions(subject, outputs, rows)
                found[layer.name, int(channel)] = change(table, after, judged, seed=seed)
                advance(1)
    return found


def change(before: Predictions, after: Predictions, metric: Metric, *, seed: int = 0) -> Score:
    """What a metric changed by, after − before, on the same rows, with the interval of the difference."""
    label = f"change of {metric.label}"
    base = Score(name=metric.name, label=label, value=None, n=len(before), percent=metric.percent)
    base = base.model_copy(update={"higher_is_better": metric.higher_is_better})
    try:
        found = compare(after, before, metric, names=("silenced", "as it is"), seed=seed)
    except DataError:
        return base.model_copy(update={"note": "undefined on these rows: the truth does not vary enough"})
    units = found.n if found.n_groups is None else found.n_groups
    return base.model_copy(
        update={
            "value": found.difference,
            "low": found.low,
            "high": found.high,
            "units": None if units == len(before) else units,
            "level": found.level,
            "method": found.method,
            "note": "too few rows for an interval" if found.low is None else None,
        }
    )


def _without(
    subject: Subject, layer: Layer, channel: int, means: tuple[Any, Floats], views: Sequence[tuple[Tensor, ...]]
) -> Floats:
    """(R, K) raw outputs with one channel set to its mean over places, and over each token of no place."""
    network = subject.network

    def silence(maps: Tensor) -> Tensor:
        changed = maps.clone()
        changed[:, channel] = float(means[0])
        if len(means[1]):
            changed[:, channel, 0, : len(means[1])] = torch.from_numpy(means[1]).to(maps)
        return changed

    with torch.inference_mode(), replaced(network, layer, silence):
        return np.concatenate([array(answer(network, *network.taken(*some))) for some in views])
