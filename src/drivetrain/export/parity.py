"""Whether an exported model says what the trained network says: on real inputs, on noise, one by one and in batches.

Legend: N rows, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.predictor import Engine
from drivetrain.runtime.spec import Arrays, TensorSpec, random_views
from drivetrain.runtime.targets import NumberTarget, Target

LARGEST_DIFFERENCE = 1e-3
"""Most that raw outputs may differ, as a share of the largest of them. Rounding moved pretrained networks by 1e-6 to
1e-5; a wrong translation moves them by their own size."""

TIE = 1e-5
"""Two categories whose raw outputs are nearer than this share of the largest are a tie: rounding alone decides."""

BATCHES = (1, 7)
"""Rows at a time, by turns: one alone, and a number that the exporter has not seen."""

N_NOISE = 5
"""Rows of random numbers: values that real inputs seldom have."""


@dataclass(frozen=True)
class Parity:
    """How far two models are from each other."""

    n: int
    """Real rows."""
    max_abs_difference: float
    """Of the raw outputs, noise included."""
    agreement: float | None
    """Share of the real rows of which both say the same; None for numbers."""
    problem: str | None
    """What is wrong; None: they say the same."""


def compare(
    engine: Engine,
    views: Arrays,
    expected_NK: NDArray[np.float32],
    reference: Engine,
    target: Target,
    *,
    signature: Sequence[TensorSpec],
) -> Parity:
    """Set an exported model beside the network it was made from.

    Args:
        engine: Runs the exported model.
        views: A batch of real rows, read as the deployed model reads them.
        expected_NK: What the trained network says of the same rows, in fp32.
        reference: Runs the trained network in fp32.
        target: What outputs mean.
        signature: Of the views.
    """
    found_NK = in_uneven_batches(engine, *views)
    noise = random_views(signature, N_NOISE)
    differences, shares = zip(
        *(_difference(*pair) for pair in ((found_NK, expected_NK), (engine(*noise), reference(*noise)))), strict=True
    )
    worst, share = max(differences), max(shares)
    same = _same_answers(found_NK, expected_NK, target)
    agreement = None if same is None else float(same.mean())
    problem = None
    if not share <= LARGEST_DIFFERENCE:
        problem = f"raw outputs differ by up to {worst:.3g}, {100 * share:.2g} % of the largest"
    elif same is not None and not (same | _ties(expected_NK, target)).all():
        problem = f"{(~same).sum()} of {len(same)} rows get another answer"
    return Parity(len(views[0]), worst, agreement, problem)


def in_uneven_batches(engine: Engine, *views: NDArray[Any]) -> NDArray[np.float32]:
    """Raw outputs of all rows, run in batches of `BATCHES` rows by turns.

    Example:
        >>> sizes = []
        >>> def engine(pixels):
        ...     sizes.append(len(pixels))
        ...     return np.zeros((len(pixels), 2), np.float32)
        >>> in_uneven_batches(engine, np.zeros((10, 1, 1, 3), np.uint8)).shape, sizes
        ((10, 2), [1, 7, 1, 1])
    """
    parts: list[NDArray[np.float32]] = []
    start = turn = 0
    while start < len(views[0]):
        size = BATCHES[turn % len(BATCHES)]
        parts.append(engine(*(array[start : start + size] for array in views)))
        start, turn = start + size, turn + 1
    return np.concatenate(parts)


def _difference(found_NK: NDArray[np.float32], expected_NK: NDArray[np.float32]) -> tuple[float, float]:
    """Largest difference, and as a share of the largest output; infinite where the two cannot be compared."""
    if found_NK.shape != expected_NK.shape or not (np.isfinite(found_NK).all() and np.isfinite(expected_NK).all()):
        return float("inf"), float("inf")
    worst = float(np.abs(found_NK - expected_NK).max())
    largest = float(np.abs(expected_NK).max())
    return worst, 0.0 if worst == 0 else worst / max(largest, float(np.finfo(np.float32).tiny))


def _same_answers(
    found_NK: NDArray[np.float32], expected_NK: NDArray[np.float32], target: Target
) -> NDArray[np.bool_] | None:
    """(N,) whether both say the same of a row; None for numbers, which are never quite the same."""
    if isinstance(target, NumberTarget):
        return None
    if found_NK.shape != expected_NK.shape or not (np.isfinite(found_NK).all() and np.isfinite(expected_NK).all()):
        return np.zeros(len(expected_NK), np.bool_)
    pairs = zip(target.decode(target.activate(found_NK)), target.decode(target.activate(expected_NK)), strict=True)
    return np.array([found == expected for found, expected in pairs])


def _ties(expected_NK: NDArray[np.float32], target: Target) -> NDArray[np.bool_]:
    """(N,) rows whose answer rounding decides: two categories, or a label and its threshold, lie on each other."""
    near = TIE * float(np.abs(expected_NK).max())
    if target.kind == "category":
        if expected_NK.shape[1] < 2:
            return np.zeros(len(expected_NK), np.bool_)
        second, first = np.sort(expected_NK, axis=1)[:, -2:].T
        return first - second <= near
    assert target.kind == "categories"
    border = np.log(target.threshold / (1 - target.threshold))
    return (np.abs(expected_NK - border) <= near).any(axis=1)
