"""How sure an accuracy is, and how sure the difference of two on the same rows is."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest

from drivetrain.evaluation.intervals import wilson_interval

RESAMPLES = 10_000


def accuracy_of(hits: np.ndarray) -> dict[str, Any]:
    """With its 95 % Wilson interval."""
    interval = wilson_interval(int(hits.sum()), len(hits))
    return {"value": float(hits.mean()), "low": interval.low, "high": interval.high, "n": len(hits)}


def paired(hits: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """How much more often the first is right than the other: difference, 95 % bootstrap interval, McNemar's exact p."""
    n = len(hits)
    gains, losses = int((hits & ~other).sum()), int((~hits & other).sum())
    random = np.random.default_rng(0)
    drawn = random.multinomial(n, [gains / n, losses / n, (n - gains - losses) / n], size=RESAMPLES)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / n, [2.5, 97.5])
    p = binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    return {"difference": (gains - losses) / n, "low": float(low), "high": float(high), "mcnemar_p": float(p)}


def both_ways(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of a table (training draws × test rows), for other draws and other rows.

    Draws and rows are drawn anew, each by itself: the pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics
    1(2)), which is wide rather than narrow.
    """
    random = np.random.default_rng(0)
    draws, rows = values.shape
    draw_weights = random.multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES)
    row_weights = random.multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    means = np.einsum("bd,dr,br->b", draw_weights, values.astype(float), row_weights, optimize=True) / values.size
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def packed(hits: np.ndarray) -> str:
    """One bit per row, as hexadecimal digits."""
    return np.packbits(hits).tobytes().hex()


def unpacked(text: str, n: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8), count=n).astype(bool)
