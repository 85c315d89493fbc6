"""What a channel stands for, in the user's own labels: which classes excite it most, and a name where it deserves one.

The strongest activations are the strongest twentieth of the rows (at least 20 of them, at most half). A channel gets a
name if one to three classes together hold at least half of these, each of them

* more often than among all rows (the lower end of its share's interval is above its share of all rows),
* and told from the rest better than the best channel of the layer would by chance (see `selective`).

Legend: R rows, U units (rows that count for themselves), C channels, K labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import proportion_interval
from drivetrain.evaluation.scores import Score
from drivetrain.insight.features.selective import Selectivity
from drivetrain.insight.parts import Meaning, Top
from drivetrain.text import readable

TOP_SHARE = 0.05
LEAST_TOP = 20
"""With fewer an interval of a share says nothing."""
NAMED = 3
"""A name of more classes is none."""
HELD = 0.5
"""The classes of a name together hold at least this share of the strongest activations."""
LEAST_SHARE = 0.1
"""A class with less of them is not named."""
RULE = (
    "a name stands where at most three classes hold at least half of a feature's strongest activations, each more "
    "often than among all rows and beyond what the best feature of the layer shows when labels are shuffled"
)


def meanings(
    top: Top,
    found: Selectivity,
    channels: Sequence[int] | None = None,
    *,
    silenced: Mapping[int, Score] | None = None,
) -> dict[int, Meaning]:
    """Channel → what it stands for.

    Args:
        top: Of the layer.
        found: `selectivity` of the same layer.
        channels: Which ones; None takes all.
        silenced: Channel → what silencing it costs, where that was measured.
    """
    wanted = range(top.layer.channels) if channels is None else channels
    values = found.labels.averaged(top.strongest)
    return {
        int(channel): replace(_meaning(values[:, channel], found, int(channel)), silenced=(silenced or {}).get(channel))
        for channel in wanted
    }


def strongest_units(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The strongest twentieth, at least 20, at most half; none that is as weak as the weakest.

    Example:
        >>> strongest_units(np.array([0.0, 0.0, 3.0, 1.0, 0.0])).tolist()
        [2, 3]
    """
    n = min(max(LEAST_TOP, round(TOP_SHARE * len(values))), max(len(values) // 2, 1))
    order = np.argsort(-values, kind="stable")[:n]
    return order[values[order] > values.min()]


def _meaning(values: NDArray[np.float64], found: Selectivity, channel: int) -> Meaning:
    labels = found.labels
    units = strongest_units(values)
    if not len(units):
        return Meaning((), "", None, None)
    hits = labels.of_units[units].sum(axis=0)
    shares: list[tuple[str, float, float, float]] = []
    named: list[int] = []
    for k in np.argsort(-hits, kind="stable"):
        if hits[k] == 0:
            break
        interval, share = proportion_interval(int(hits[k]), len(units)), float(hits[k] / len(units))
        shares.append((labels.names[k], share, interval.low, interval.high))
        usual = labels.counts[k] / labels.n_units
        if share >= LEAST_SHARE and interval.low > usual and found.margin[k, channel] >= 0:
            named.append(int(k))
    named = named[:NAMED]
    if not named or labels.of_units[units][:, named].any(axis=1).mean() < HELD:
        return Meaning(tuple(shares), "", None, None)
    name = ", ".join(f"{readable(labels.names[k])} {100 * hits[k] / len(units):.0f} %" for k in named)
    return Meaning(tuple(shares), name, float(found.auc[named[0], channel]), None)
