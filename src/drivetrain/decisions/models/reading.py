"""What members are given of a table, and the same with levers set.

Legend: n rows, A combinations of lever values, p columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.columns import Matrix, check_columns

Levers = Mapping[str, NDArray[Any]]
"""Name → (A,) values, one combination a place."""


class MatrixReader:
    """Members that learned from an encoded matrix."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that are read."""
        return self.matrix.columns

    def read(self, frame: pd.DataFrame, without: Sequence[str] = ()) -> NDArray[np.float64]:
        """(n, p)."""
        return self.matrix.encode(frame, without)

    def encoded(self, levers: Levers) -> dict[str, NDArray[np.float64]]:
        """Name → (A, width) columns of the matrix."""
        return {name: self.matrix.encode_values(name, values) for name, values in levers.items()}

    def stacked(self, given: NDArray[np.float64], levers: Levers) -> NDArray[np.float64]:
        """(A · n, p)."""
        n, count = len(given), len(next(iter(levers.values())))
        found = np.tile(given, (count, 1))
        for name, block in self.encoded(levers).items():
            found[:, self.matrix.places[name]] = np.repeat(block, n, axis=0)
        return found


class FrameReader:
    """Members that read the columns of the table as they are.

    Args:
        columns: That they read; None: all that the table has.
        dtypes: Of the logged rows, which columns are brought into.
    """

    def __init__(self, columns: Sequence[str] | None, dtypes: Mapping[str, Any] | None = None) -> None:
        self._columns = None if columns is None else tuple(columns)
        self._dtypes = dict(dtypes or {})

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that are read; empty where that is not known."""
        return self._columns or ()

    def read(self, frame: pd.DataFrame, without: Sequence[str] = ()) -> pd.DataFrame:
        """Those columns, in their order."""
        if self._columns is None:
            return frame
        check_columns(frame, [name for name in self._columns if name not in without])
        found = {name: frame[name] if name in frame.columns else None for name in self._columns}
        return pd.DataFrame({name: self._cast(name, cells) for name, cells in found.items()}, index=frame.index)

    def stacked(self, given: pd.DataFrame, levers: Levers) -> pd.DataFrame:
        """All rows under each combination."""
        n, count = len(given), len(next(iter(levers.values())))
        found = pd.concat([given] * count, ignore_index=True) if count > 1 else given.copy()
        for name, values in levers.items():
            cells = pd.Series(np.repeat(values, n), index=found.index)
            dtype = given[name].dtype if name in given.columns and self._columns is None else None
            found[name] = self._cast(name, cells) if dtype is None else _as_dtype(cells, dtype)
        return found

    def _cast(self, name: str, cells: Any) -> Any:
        dtype = self._dtypes.get(name)
        return cells if dtype is None or cells is None or cells.dtype == dtype else _as_dtype(cells, dtype)


Reader = MatrixReader | FrameReader
"""From a table to what a member's `predict` takes; columns `without` may be lacking, and are set later."""


def _as_dtype(cells: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """In the kind that was learned, where the values can be; whole numbers may become fractions."""
    numbers = pd.api.types.is_numeric_dtype(dtype) and pd.api.types.is_numeric_dtype(cells.dtype)
    if numbers or pd.api.types.is_object_dtype(dtype):
        return cells
    try:
        return cells.astype(dtype)
    except (TypeError, ValueError):
        return cells
