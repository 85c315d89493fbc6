"""What each feature adds to what a boosted forest says of a row, exactly: the Shapley values of its trees' paths.

A tree that is told some of a row's features follows them, and where it is not told one it goes both ways, as often as
the training rows did. A feature's Shapley value is how much the answer moves on average when the feature is told, over
all orders in which the features could be told. With the mean of all leaves they sum to what the tree says.

Source: Lundberg, Erion and Lee (2018), "Consistent individualized feature attribution for tree ensembles", algorithm 1
(path-dependent TreeSHAP). The paths of Saabas (2014) cost less and sum to the same, but a split is credited with what
the splits above it made possible: of two features that only count together, the lower one is given all.

A leaf's value v is reached if each feature f of its path agrees (o_f, 0 or 1); a feature that is not told agrees in a
share z_f of the training rows. So f adds v·(o_f − z_f)·∫₀¹ Π_{g≠f} (z_g + t·(o_g − z_g)) dt, which is the Shapley value
of a product (Owen 1972, "Multilinear extensions of games"). The integrand is a polynomial of t of degree d − 1, of d
features on the path: Gauss and Legendre's ⌈d / 2⌉ points are exact.

Legend: N rows, F features, L leaves whose paths read d features each, C columns, K raw outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from drivetrain.models.forests import Features, Floats, Forest

MOST_AT_ONCE = 1 << 18
"""Leaves × features of their paths × rows that are worked on together: so many stay in a core's cache."""
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Leaves:
    """Leaves whose paths read equally many features: on each the values between which a row comes this way."""

    value: Floats
    """(L,)."""
    output: NDArray[np.int64]
    """(L,) which raw output it adds to."""
    feature: NDArray[np.int64]
    """(L, d)."""
    above: Floats
    """(L, d) a row's feature is above this …"""
    upto: Floats
    """(L, d) … and at most this."""
    gap: NDArray[np.bool_]
    """(L, d) or it is missing, and gaps come this way."""
    share: Floats
    """(L, d) of the training rows, where the path splits by the feature: how many go this way."""

    @property
    def expected(self) -> Floats:
        """(L,) what the leaf adds to a row of which nothing is told."""
        return self.value * self.share.prod(axis=1)

    def cut(self, most: int) -> Iterator[Leaves]:
        """At most so many leaves at a time."""
        for first in range(0, len(self.value), most):
            yield Leaves(*(getattr(self, name)[first : first + most] for name in self.__dataclass_fields__))

    def added(self, features_FN: Floats) -> Floats:
        """(L, d, N) what each feature of each path adds to each row."""
        seen = features_FN[self.feature]
        agrees = (seen > self.above[..., None]) & (seen <= self.upto[..., None])
        agrees |= np.isnan(seen) & self.gap[..., None]
        share = self.share[..., None]
        moved = agrees - share
        points, weights = np.polynomial.legendre.leggauss(-(-self.feature.shape[1] // 2))
        total: Floats = np.zeros(moved.shape)
        for point, weight in zip(((points + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
            factors = share + point * moved  # above 0: so is every share, and every point lies between 0 and 1
            total += weight * factors.prod(axis=1, keepdims=True) / factors
        return self.value[:, None, None] * moved * total


def leaves_of(forest: Forest) -> list[Leaves]:
    """All leaves of a forest, those together whose paths read equally many features."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for at, nodes in enumerate(forest.trees):
        for value, path in _paths(nodes):
            columns = list(zip(*((feature, *one) for feature, one in path.items()), strict=True)) or [()] * 5
            found.setdefault(len(path), []).append((value, at % len(forest.start), *columns))
    types: tuple[Any, ...] = (np.float64, np.int64, np.int64, np.float64, np.float64, np.bool_, np.float64)
    return [
        Leaves(*(np.array(field, kind) for field, kind in zip(zip(*each, strict=True), types, strict=True)))
        for _, each in sorted(found.items())
    ]


Limits = tuple[float, float, bool, float]
"""Above, up to, whether gaps too, and the share of the training rows."""


def _paths(nodes: NDArray[Any]) -> Iterator[tuple[float, dict[int, Limits]]]:
    """Value and path of each leaf of a tree."""
    value, feature, threshold, gap_left, left, right, ends, count = (
        nodes[name].tolist()
        for name in (
            "value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf", "count",
        )
    )  # fmt: skip
    waiting: list[tuple[int, dict[int, Limits]]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        if ends[node]:
            yield value[node], path
            continue
        read, limit = feature[node], threshold[node]
        above, upto, gap, share = path.get(read, (-np.inf, np.inf, True, 1.0))
        rows = max(count[left[node]] + count[right[node]], 1)
        to_left = (above, min(upto, limit), gap and bool(gap_left[node]), share * max(count[left[node]], 1) / rows)
        to_right = (max(above, limit), upto, gap and not gap_left[node], share * max(count[right[node]], 1) / rows)
        waiting.append((left[node], {**path, read: to_left}))
        waiting.append((right[node], {**path, read: to_right}))


def expected(forest: Forest, leaves: Sequence[Leaves]) -> Floats:
    """(K,) what the forest says of a row of which nothing is told: the mean of its training rows."""
    found = forest.start.astype(np.float64).copy()
    for each in leaves:
        np.add.at(found, each.output, each.expected)
    return found


def contributions(leaves: Sequence[Leaves], features: Features, owned: Floats, n_outputs: int) -> Floats:
    """(N, C, K) what each column adds to each raw output; with `expected` they sum to what the forest says.

    Args:
        leaves: As `leaves_of` gives them.
        features: (N, F).
        owned: (F, C) which share of a feature is each column's.
        n_outputs: K.
    """
    n, width = len(features), owned.shape[1]
    found: Floats = np.zeros((width * n_outputs, n))
    seen = np.clip(features.astype(np.float64), -LARGEST, LARGEST).T  # a gap stays one
    for group in leaves:
        d = group.feature.shape[1]
        if not d:  # a tree that is one leaf says the same of all rows
            continue
        at_once = max(1, min(n, MOST_AT_ONCE // (16 * d)))
        for some in group.cut(max(1, MOST_AT_ONCE // (d * at_once))):
            total = _summed(some, owned, n_outputs)
            for first in range(0, n, at_once):
                rows = slice(first, first + at_once)
                added = some.added(seen[:, rows])
                found[:, rows] += total @ added.reshape(-1, added.shape[2])
    return found.T.reshape(n, width, n_outputs)


def _summed(leaves: Leaves, owned: Floats, n_outputs: int) -> Any:
    """(C·K, L·d) sparse: to which column and output each feature of each path adds, and how much of it."""
    column, part = owned[leaves.feature.ravel()].nonzero()[::-1]
    output = np.repeat(leaves.output, leaves.feature.shape[1])[part]
    share = owned[leaves.feature.ravel()[part], column]
    shape = (owned.shape[1] * n_outputs, leaves.feature.size)
    return sparse.csr_matrix((share, (column * n_outputs + output, part)), shape=shape)
