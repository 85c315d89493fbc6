"""Numbers about captions with their intervals; captions of one picture count together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.captions.judging.agreement import bleu_of
from drivetrain.evaluation.intervals import (
    Interval,
    bootstrap_interval,
    group_codes,
    mean_of,
    one_ratio,
    proportion_interval,
)
from drivetrain.evaluation.scores import Score

Floats = NDArray[np.float64]


def score_of(name: str, label: str, value: float | None, interval: Interval | None, n: int, **more: Any) -> Score:
    """A number, its interval, and the captions (or pictures, or pairs) that it rests on."""
    if value is None or not np.isfinite(value):
        return Score(name=name, label=label, value=None, n=n, **more)
    ends = {} if interval is None else {"low": interval.low, "high": interval.high, "level": interval.level}
    method = None if interval is None else interval.method
    return Score(name=name, label=label, value=value, n=n, method=method, **ends, **more)


def ratio(
    name: str,
    label: str,
    upper: Sequence[float] | Floats,
    lower: Sequence[float] | Floats,
    pictures: Sequence[str],
    *,
    level: float,
    n: int | None = None,
    **more: Any,
) -> Score:
    """Σ upper / Σ lower over captions, such as objects that are not there among those named.

    Args:
        name: Of the score.
        label: What people read.
        upper: (N,) at most `lower`.
        lower: (N,) 0 or above.
        pictures: (N,) whose captions they are.
        level: Of the interval.
        n: What it rests on; None takes the sum of `lower`.
        more: Of the `Score`.

    Example:
        >>> found = ratio("wrong", "captions wrong", [1, 0, 0, 0], [1, 1, 1, 1], list("abcd"), level=0.95)
        >>> found.value, found.method
        (0.25, 'Wilson')
    """
    upper_N, lower_N = np.asarray(upper, dtype=np.float64), np.asarray(lower, dtype=np.float64)
    total = float(lower_N.sum())
    counts = int(total) if n is None else n
    if total <= 0:
        return score_of(name, label, None, None, counts, percent=True, note="nothing to count", **more)
    used = lower_N > 0
    codes = group_codes(np.array(pictures, dtype=object)[used].astype(str))
    units = None if codes is None else int(codes.max()) + 1
    if codes is None and bool((lower_N[used] == 1).all()) and bool(np.isin(upper_N[used], (0, 1)).all()):
        interval = proportion_interval(int(upper_N[used].sum()), counts, level=level)
    else:
        interval = one_ratio(upper_N[used], lower_N[used]).influence().interval(level=level, groups=codes)
    value = float(upper_N.sum() / total)
    return score_of(name, label, value, interval, counts, units=units, percent=True, **more)


def mean(
    name: str, label: str, values: Floats, pictures: Sequence[str], *, level: float, seed: int, **more: Any
) -> Score:
    """The mean of a value per caption, by a bootstrap of the pictures."""
    codes = group_codes(np.array(pictures, dtype=object).astype(str))
    units = None if codes is None else int(codes.max()) + 1
    interval = bootstrap_interval(mean_of(values), len(values), level=level, seed=seed, groups=codes)
    return score_of(name, label, float(values.mean()), interval, len(values), units=units, **more)


def bleu(columns_NC: Floats, pictures: Sequence[str], *, level: float, seed: int) -> Score:
    """BLEU-4 of all captions together, by a bootstrap of the pictures."""
    codes = group_codes(np.array(pictures, dtype=object).astype(str))
    units = None if codes is None else int(codes.max()) + 1
    n = len(columns_NC)
    interval = bootstrap_interval(lambda counts: bleu_of(counts @ columns_NC), n, level=level, seed=seed, groups=codes)
    value = float(bleu_of(columns_NC.sum(axis=0, keepdims=True))[0])
    return score_of("bleu_4", "BLEU-4", value, interval, n, units=units, higher_is_better=True)
