"""What side tables say of users and items, as numbers: names as columns of their own, numbers in their places.

Legend: U users or items with code 0, G features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.tables.parsing import is_gap

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LEAST_OFTEN, MOST_NAMES = 3, 500
"""A name is a feature where it occurs so often; of a column so many at most, the most frequent."""
SEPARATORS = "|;,"


@dataclass(frozen=True)
class Features:
    """Features by code."""

    matrix: csr_matrix
    """(U, G), row 0 empty."""
    names: tuple[str, ...]


def features_of(table: SideTable, ids: Sequence[str]) -> Features | None:
    """What a side table says of these ids; None where it says nothing that several share.

    A column of numbers is centred and scaled. One of text is a set of names: those of a cell are parted by the sign
    that most cells have (| ; ,), where parts recur more than whole cells do; or by blanks.

    Args:
        table: Of users or items.
        ids: In the order of their codes from 1.
    """
    from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415 - slow to import

    made: list[Any] = []
    names: list[str] = []
    for column in table.columns:
        cells = table.of(tuple(ids), column)
        own, said = _of_numbers(cells, column) or names_of(cells, column)
        if said:
            made.append(own)
            names += said
    if not made:
        return None
    stacked: Any = hstack(made).tocsr()
    empty = csr_matrix((1, stacked.shape[1]), dtype=np.float32)
    from scipy.sparse import vstack  # noqa: PLC0415

    joined: Any = vstack([empty, stacked]).tocsr()
    return Features(joined, tuple(names))


def _of_numbers(cells: NDArray[Any], column: str) -> tuple[csr_matrix, list[str]] | None:
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    told = [cell for cell in cells.tolist() if not is_gap(cell)]
    if not told or not all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in told):
        return None
    values = np.array([np.nan if is_gap(cell) else float(cell) for cell in cells.tolist()])
    values[~np.isfinite(values)] = np.nan
    spread = np.nanstd(values)
    if not spread > 0:
        return None
    scaled = np.nan_to_num((values - np.nanmean(values)) / spread).clip(-5, 5)
    return csr_matrix(scaled[:, None].astype(np.float32)), [column]


def names_of(cells: NDArray[Any], column: str) -> tuple[csr_matrix, list[str]]:
    """(U, G) which names each cell has, and the names."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    texts = ["" if is_gap(cell) else str(cell) for cell in cells.tolist()]
    sign = next((one for one in (*SEPARATORS, " ") if _parts_recur(texts, one)), None)
    parts = [[text] if sign is None else text.split(sign) for text in texts]
    parts = [sorted({one.strip() for one in each if one.strip()}) for each in parts]
    often = Counter(one for each in parts for one in each)
    kept = [name for name, n in often.most_common(MOST_NAMES) if n >= LEAST_OFTEN]
    place = {name: at for at, name in enumerate(kept)}
    found = [(row, place[one]) for row, each in enumerate(parts) for one in each if one in place]
    rows, columns = (
        (np.array(side, np.int64) for side in zip(*found, strict=True)) if found else (np.zeros(0, np.int64),) * 2
    )
    matrix = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(texts), len(kept)))
    return matrix, [f"{column}: {name}" for name in kept]


def _parts_recur(texts: Sequence[str], sign: str) -> bool:
    """Whether cells are lists: parting them gives fewer different names than there are different cells."""
    whole = {text for text in texts if text}
    several = sum(sign in text.strip() for text in whole)
    if several < 0.2 * len(whole) or not whole:
        return False
    parts = {part.strip() for text in whole for part in text.split(sign)}
    return len(parts) < 0.5 * len(whole)
