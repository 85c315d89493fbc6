"""What the rows of a data set are, before anything is decoded: files, or cells of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from drivetrain.text import readable


class Inputs(Protocol):
    """The inputs of rows, in order. `Files` and `Cells` serve all kinds of input."""

    def __len__(self) -> int:
        """Rows."""
        ...

    def __getitem__(self, row: int, /) -> Any:
        """What `InputSpec.load` takes."""
        ...

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]], /) -> Inputs:
        """The inputs of these rows, in that order."""
        ...

    def join(self, other: Any, /) -> Inputs:
        """These inputs, then those of `other`, which are of the same class."""
        ...

    def name(self, row: int, /) -> str:
        """What people call the row: a path, "row 17"."""
        ...

    def digest(self, row: int, /) -> str:
        """SHA-256 of the file's bytes, or of the cells. Raises OSError where a file cannot be read."""
        ...


class Files:
    """Rows that are files.

    Example:
        >>> rows = Files((Path("a.jpg"), Path("b.jpg")))
        >>> len(rows), rows[1].name, rows.take([1]).name(0)
        (2, 'b.jpg', 'b.jpg')
    """

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int, /) -> Path:
        return self.paths[row]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and self.paths == other.paths

    def __hash__(self) -> int:
        return hash(self.paths)

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]], /) -> Files:
        """The files of these rows, in that order."""
        return Files([self.paths[row] for row in rows])

    def join(self, other: Files, /) -> Files:
        """These files, then the others."""
        return Files(self.paths + other.paths)

    def name(self, row: int, /) -> str:
        """The path, as people can read it."""
        return readable(self.paths[row])

    def digest(self, row: int, /) -> str:
        """SHA-256 of the file's bytes. Raises OSError where it cannot be read."""
        with self.paths[row].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class Cells:
    """Rows that are cells of a table: columns as arrays, so that a million rows take little memory.

    Args:
        columns: Name → one-dimensional array; numbers, or objects (text and None).
        numbers: Of each row in the source, for `name`; None counts from 0.

    Example:
        >>> rows = Cells({"age": np.array([30.0, 41.0]), "town": np.array(["Bern", None], object)})
        >>> rows[1], rows.name(1), rows.take([1])[0]["age"]
        ({'age': 41.0, 'town': None}, 'row 1', 41.0)
        >>> rows.digest(0) == rows.take([1, 0]).digest(1)
        True
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]], numbers: NDArray[np.int64] | None = None) -> None:
        self.columns = dict(columns)
        self._n = len(next(iter(self.columns.values()))) if self.columns else 0
        assert all(len(column) == self._n for column in self.columns.values()), "columns of different length"
        self.numbers = np.arange(self._n) if numbers is None else numbers

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, row: int, /) -> dict[str, Any]:
        return {name: _plain(column[row]) for name, column in self.columns.items()}

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]], /) -> Cells:
        """The cells of these rows, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return Cells({name: column[index] for name, column in self.columns.items()}, self.numbers[index])

    def join(self, other: Cells, /) -> Cells:
        """These rows, then the others, which have the same columns."""
        columns = {name: np.concatenate([column, other.columns[name]]) for name, column in self.columns.items()}
        return Cells(columns, np.concatenate([self.numbers, other.numbers]))

    def name(self, row: int, /) -> str:
        """Its number in the source."""
        return f"row {self.numbers[row]}"

    def digest(self, row: int, /) -> str:
        """SHA-256 of the names and values of its cells."""
        return hashlib.sha256(repr(sorted(self[row].items())).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell
