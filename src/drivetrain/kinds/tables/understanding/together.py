"""Columns that say much the same: what one of them tells, a model can read from the others.

Legend: N rows, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.spec import CategoryColumn, Column, Spec

Floats = NDArray[np.float64]

SAME = 0.8
"""Association from which two columns are taken together: in both directions, so that of three all three agree."""
MOST_ROWS = 3000
MOST_COLUMNS = 80
"""Of more columns none is compared with others: pairs grow with the square."""


def together(cells: Mapping[str, NDArray[Any]], columns: Sequence[Column], *, seed: int = 0) -> list[tuple[str, ...]]:
    """Groups of columns whose association is `SAME` or more between any two of them, in the order of the columns.

    The association of two columns of numbers is the absolute rank correlation of Spearman; of two columns of names the
    V of Cramér, corrected for chance; of names with numbers the share of the ranks' spread that the names explain (its
    root, corrected for chance). All lie in 0 … 1.

    Args:
        cells: Name → cells (N,).
        columns: What is read of them, and how.
        seed: Of the rows that are looked at where there are more than 3,000.

    Source: Bergsma (2013), "A bias-correction for Cramér's V and Tschuprow's T", eq. 5; Kelley (1935), "An unbiased
    correlation ratio measure". Groups: complete linkage.

    Example:
        >>> n = np.arange(60.0)
        >>> cells = {"cm": n, "inch": n / 2.54, "coin": np.array(["h", "t"] * 30, object)}
        >>> from drivetrain.kinds.tables.spec import NumberColumn
        >>> coin = CategoryColumn(name="coin", vocab=("h", "t"))
        >>> together(cells, [NumberColumn(name="cm"), NumberColumn(name="inch"), coin])
        [('cm', 'inch'), ('coin',)]
    """
    names = [column.name for column in columns]
    if not 1 < len(names) <= MOST_COLUMNS:
        return [(name,) for name in names]
    n = len(cells[names[0]])
    rows = np.random.default_rng(seed).permutation(n)[:MOST_ROWS]
    read = [_read(column, cells[column.name][rows]) for column in columns]
    distance = np.zeros((len(names), len(names)))
    for first in range(len(names)):
        for second in range(first):
            distance[first, second] = distance[second, first] = 1.0 - _association(read[first], read[second])
    return [tuple(names[at] for at in group) for group in _linked(distance)]


def _read(column: Column, cells: NDArray[Any]) -> Floats | NDArray[np.int64]:
    """Ranks of numbers, gaps in the middle, or codes of names."""
    numbers, codes = Spec(columns=(column,)).load_many({column.name: cells})
    if isinstance(column, CategoryColumn):
        return np.unique(codes[:, 0], return_inverse=True)[1].astype(np.int64)
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to import

    known = ~np.isnan(numbers[:, 0])
    ranks = np.zeros(len(cells))
    if known.any():
        ranks[known] = rankdata(numbers[known, 0]) - (known.sum() + 1) / 2
    return ranks


def _association(one: NDArray[Any], other: NDArray[Any]) -> float:
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
        return abs(float((one * other).sum())) / spread if spread else 0.0
    if one.dtype.kind == "f":
        return _explained(other, one)
    if other.dtype.kind == "f":
        return _explained(one, other)
    return _cramer(one, other)


def _explained(codes: NDArray[Any], ranks: Floats) -> float:
    n, total = len(ranks), float(((ranks - ranks.mean()) ** 2).sum())
    counts = np.bincount(codes)
    if not total or n <= len(counts):
        return 0.0
    means = np.bincount(codes, ranks) / np.maximum(counts, 1)
    within = float(((ranks - means[codes]) ** 2).sum())
    share = 1.0 - within / (n - len(counts)) * (n - 1) / total
    return float(np.sqrt(max(0.0, share)))


def _cramer(one: NDArray[Any], other: NDArray[Any]) -> float:
    n, rows, columns = len(one), int(one.max()) + 1, int(other.max()) + 1
    if min(rows, columns) < 2:
        return 0.0
    cells, counts = np.unique(one * columns + other, return_counts=True)
    expected = np.bincount(one)[cells // columns] * np.bincount(other)[cells % columns] / n
    phi = float((counts**2 / expected).sum() - n) / n
    spread = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(min(1.0, spread / least))) if least > 0 else 0.0


def _linked(distance: Floats) -> list[list[int]]:
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 - slow to import
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    tree = linkage(squareform(np.maximum(distance, 0.0), checks=False), "complete")
    number = fcluster(tree, 1.0 - SAME + 1e-9, "distance").tolist()
    return [[at for at, one in enumerate(number) if one == group] for group in dict.fromkeys(number)]
