"""What fine-tuning changed: how alike a layer is before and after, which channels went where, which moved most.

Both networks read the same rows, and each layer is compared at the same places of its map. Channels of the two need not
stand in the same order, and rotations of the whole layer are no change to what can be read off it: linear CKA does not
see either. The match of channels does see rotations.

Legend: R rows, P places drawn from each row, C channels before, D channels after, G parts left out in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.errors import DataError
from drivetrain.evaluation.intervals import student
from drivetrain.insight.parts import Change, Floats, Layer, Subject
from drivetrain.insight.reading import answer, in_batches, spread_rows, watched
from drivetrain.progress import track
from drivetrain.settings import whole

MOST_ROWS = 500
PLACES = 8
"""Drawn from each row's map, the same for both networks and all rows."""
PARTS = 20
"""Left out in turn for the interval; rows of one group are in one part."""
FEWEST_ROWS = 8
_STAYS = 1e-6
"""By so much a channel is preferred to be its own match, where others correlate as well."""

Doubles = NDArray[np.float64]


def changes(
    before: Subject,
    after: Subject,
    layers: Sequence[Layer],
    *,
    layers_after: Sequence[Layer] | None = None,
    most_rows: int = MOST_ROWS,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Change, ...]:
    """How much each layer became another one.

    Linear CKA with the unbiased estimator of HSIC (Kornblith et al. 2019; Nguyen, Raghu & Kornblith 2021, eq. 3, each
    place drawn being a batch of its own): the plain one finds layers of many channels alike on few rows, whatever they
    hold. Its interval is a jackknife over 20 parts of the rows, on Fisher's z. Channels are matched by the assignment
    that makes the sum of correlations largest (Li et al., Convergent learning, 2016); one that never varies in both
    stays what it was.

    Args:
        before: The rows of this subject are looked at.
        after: Another network that takes the same views.
        layers: Of the network before.
        layers_after: The ones that they became, in the same order; None: those of the same names.
        most_rows: Drawn evenly from the classes where there are more.
        level: Coverage of the interval.
        seed: Of the rows and places.

    Raises:
        DataError: There are fewer than eight rows.
        ModelError: The network after lacks a layer, or its map is of another size.
    """
    whole("most_rows", most_rows, least=FEWEST_ROWS)
    rows = spread_rows(before, most_rows, seed=seed)
    if len(rows) < FEWEST_ROWS:
        raise DataError(
            f"{len(rows)} rows cannot show what changed; expected at least {FEWEST_ROWS}. To fix: look at more rows."
        )
    pairs = list(zip_longest(layers, layers if layers_after is None else layers_after))
    if any(one is None or other is None for one, other in pairs):
        raise DataError(
            f"there are {len(layers)} layers before and {len(layers_after or ())} after; expected as many. To fix: "
            "pass the layers that belong together in the same order."
        )
    parts = _parts(before, rows, seed)
    found: list[Change] = []
    with track("comparing before and after", len(pairs)) as advance:
        samples_before = _sampled(before, before, [one for one, _ in pairs], rows, seed)
        samples_after = _sampled(after, before, [other for _, other in pairs], rows, seed)
        for (one, other), x, y in zip(pairs, samples_before, samples_after, strict=True):
            _check_sizes(one, other)
            x, y = x.astype(np.float64), y.astype(np.float64)  # noqa: PLW2901 - one layer at a time in double
            value, low, high = cka_interval(x, y, parts, level=level)
            matched, moved = match(x, y)
            found.append(Change(one.name, value, low, high, matched, moved.astype(np.float32)))
            advance(1)
    return tuple(found)


def cka(x_RPC: Doubles, y_RPD: Doubles) -> float:
    """Linear CKA, unbiased, pooled over places; NaN where one of the layers is the same for all rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, turn = rng.normal(size=(50, 1, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> round(cka(x, 3 * x @ turn), 6), abs(cka(x, rng.normal(size=(50, 1, 4)))) < 0.15
        (1.0, True)
    """
    return _ratio(*_grams(x_RPC, y_RPD), np.arange(len(x_RPC)))


def cka_interval(
    x_RPC: Doubles, y_RPD: Doubles, part_R: NDArray[np.int64], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Value, low and high: a jackknife that leaves out one part of the rows after the other, on Fisher's z."""
    k, m = _grams(x_RPC, y_RPD)
    value = _ratio(k, m, np.arange(len(part_R)))
    if math.isnan(value):
        return value, math.nan, math.nan
    n_parts = int(part_R.max()) + 1
    left = np.array([_ratio(k, m, np.flatnonzero(part_R != part)) for part in range(n_parts)])
    left = left[np.isfinite(left)]
    if value > 1 - 1e-9 or len(left) < 2:
        return value, value if len(left) > 1 else -1.0, value if len(left) > 1 else 1.0
    z = np.arctanh(np.clip(left, -1 + 1e-12, 1 - 1e-12))
    error = math.sqrt((len(z) - 1) / len(z) * float(((z - z.mean()) ** 2).sum()))
    reach = student(level, len(z) - 1) * error
    at = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    return value, math.tanh(at - reach), math.tanh(at + reach)


def match(x_RPC: Doubles, y_RPD: Doubles) -> tuple[NDArray[np.int64], Doubles]:
    """(C,) the channel after that goes with each channel before (−1: none is left), and (C,) 1 − their correlation.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(40, 1, 3))
        >>> matched, moved = match(x, x[..., [2, 0, 1]])
        >>> matched.tolist(), moved.round(6).tolist()
        ([1, 2, 0], [0.0, 0.0, 0.0])
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import

    x, still_x = _standardised(x_RPC)
    y, still_y = _standardised(y_RPD)
    correlation = x.T @ y / len(x)
    correlation[np.ix_(still_x, still_y)] = 1.0  # both say nothing: nothing changed
    gain = correlation.copy()
    own = range(min(gain.shape))
    gain[own, own] += _STAYS
    before, after = linear_sum_assignment(gain, maximize=True)
    matched = np.full(x.shape[1], -1, dtype=np.int64)
    matched[before] = after
    moved = np.ones(x.shape[1])
    moved[before] = 1 - np.clip(correlation[before, after], -1, 1)
    return matched, moved


def _standardised(x_RPC: Doubles) -> tuple[Doubles, NDArray[np.int64]]:
    """(R·P, C) with mean 0 and variance 1, and which channels never vary."""
    x = x_RPC.reshape(-1, x_RPC.shape[-1])
    x = x - x.mean(axis=0)
    spread = x.std(axis=0)
    still = spread <= 1e-7 * (np.abs(x_RPC).max(axis=(0, 1)) + 1e-30)
    return x / np.where(still, 1.0, spread) * ~still, np.flatnonzero(still)


def _grams(x_RPC: Doubles, y_RPD: Doubles) -> tuple[Doubles, Doubles]:
    """(P, R, R) each: products of all pairs of rows, of each place, without a row's product with itself."""
    found: list[Doubles] = []
    for values in (x_RPC, y_RPD):
        centred = values - values.mean(axis=0)
        gram = np.einsum("rpc,spc->prs", centred, centred, optimize=True)
        gram[:, np.arange(len(values)), np.arange(len(values))] = 0.0
        found.append(gram)
    return found[0], found[1]


def _ratio(k: Doubles, m: Doubles, rows: NDArray[np.int64]) -> float:
    """CKA of some of the rows."""
    if len(rows) < k.shape[1]:
        k, m = k[:, rows][:, :, rows], m[:, rows][:, :, rows]
    both, one, other = _hsic(k, m), _hsic(k, k), _hsic(m, m)
    return both / math.sqrt(one * other) if one > 0 and other > 0 else math.nan


def _hsic(k: Doubles, m: Doubles) -> float:
    """Unbiased HSIC, summed over places (Song et al. 2012, eq. 5); the diagonals are 0."""
    n = k.shape[1]
    rows_k, rows_m = k.sum(axis=2), m.sum(axis=2)
    trace = np.einsum("prs,prs->p", k, m)
    sums = rows_k.sum(axis=1) * rows_m.sum(axis=1) / ((n - 1) * (n - 2))
    crossed = 2 / (n - 2) * (rows_k * rows_m).sum(axis=1)
    return float((trace + sums - crossed).sum()) / (n * (n - 3))


def _parts(subject: Subject, rows: Sequence[int], seed: int) -> NDArray[np.int64]:
    """(R,) which part each row is left out with; groups and copies are not torn."""
    keys = subject.rows.groups or subject.rows.digests or tuple(map(str, range(len(subject.rows))))
    _, unit = np.unique(np.array([keys[row] for row in rows]), return_inverse=True)
    n_units = int(unit.max()) + 1
    order = np.random.default_rng(seed).permutation(n_units)
    return (order % min(PARTS, n_units))[unit].astype(np.int64)


def _sampled(
    network_of: Subject, rows_of: Subject, layers: Sequence[Layer], rows: Sequence[int], seed: int
) -> list[Floats]:
    """(R, P, C) float32 of each layer, at the same places of each row."""
    network = network_of.network
    places = [
        np.sort(np.random.default_rng(seed).permutation(layer.resolution[0] * layer.resolution[1])[:PLACES])
        for layer in layers
    ]
    parts: list[list[Floats]] = [[] for _ in layers]
    with torch.inference_mode(), watched(network, layers) as found:
        for some in in_batches(rows):
            views = tuple(view.to(network_of.device) for view in rows_of.batch(some))
            answer(network, *network.taken(*views))
            for layer, at, kept in zip(layers, places, parts, strict=True):
                maps: Tensor = found[layer.name].flatten(2)
                kept.append(maps[:, :, torch.from_numpy(at).to(maps.device)].permute(0, 2, 1).float().cpu().numpy())
    return [np.concatenate(kept) for kept in parts]


def _check_sizes(one: Layer, other: Layer) -> None:
    if one.resolution != other.resolution:
        raise DataError(
            f"layer {one.name!r} has {one.resolution[0]} × {one.resolution[1]} places before and "
            f"{other.resolution[0]} × {other.resolution[1]} after; expected the same. To fix: compare layers of the "
            "same size, of networks that take pictures of one size."
        )
