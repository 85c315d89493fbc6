"""What the rows of a data set are, before anything is decoded: files, or cells of a table."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.files.members import opened
from drivetrain.runtime.spans import Span
from drivetrain.text import readable

Rows = Sequence[int] | NDArray[np.integer[Any]]
"""Row numbers."""
DIGITS = 32
"""Hexadecimal digits of a digest: the first 128 bits of a SHA-256."""


class Inputs(Protocol):
    """The inputs of rows, in order. `Files` and `Cells` serve all kinds of input."""

    def __len__(self) -> int:
        """Rows."""
        ...

    def __getitem__(self, row: int, /) -> Any:
        """What `InputSpec.load` takes."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The same of each row."""
        ...

    def take(self, rows: Rows, /) -> Inputs:
        """The inputs of these rows, in that order."""
        ...

    def join(self, other: Any, /) -> Inputs:
        """These inputs, then those of `other`, which are of the same class."""
        ...

    def name(self, row: int, /) -> str:
        """What people call the row: a path, "row 17"."""
        ...

    def names(self) -> tuple[str, ...]:
        """The name of each row as programs write it: a path as it is."""
        ...

    def digest(self, row: int, /) -> str:
        """Identity of its content, `DIGITS` of a SHA-256. Raises OSError where a file cannot be read."""
        ...


class Files:
    """Rows that are files.

    Example:
        >>> rows = Files((Path("a.jpg"), Path("b.jpg")))
        >>> len(rows), rows[1].name, rows.take([1]).name(0)
        (2, 'b.jpg', 'b.jpg')
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int, /) -> Path:
        return self.paths[row]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.paths)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and self.paths == other.paths

    def __hash__(self) -> int:
        return hash(self.paths)

    def __repr__(self) -> str:
        return f"Files({len(self)})"

    def take(self, rows: Rows, /) -> Files:
        """The files of these rows, in that order."""
        return Files([self.paths[row] for row in rows])

    def join(self, other: Files, /) -> Files:
        """These files, then the others."""
        return Files(self.paths + other.paths)

    def name(self, row: int, /) -> str:
        """The path, as people can read it."""
        return readable(self.paths[row])

    def names(self) -> tuple[str, ...]:
        """The paths as text."""
        return tuple(map(str, self.paths))

    def digest(self, row: int, /) -> str:
        """Of the file's bytes, as `drivetrain.runtime.pictures.read.digest`. Raises OSError where it cannot be read."""
        with opened(self.paths[row]) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


class Spans(Files):
    """Rows that are spans of files, several of one file perhaps; see `drivetrain.Span`.

    Args:
        paths: Of each row's file.
        starts: (N,) where each span begins; not a number: at the beginning.
        ends: (N,) where it ends; not a number: at the end.

    Example:
        >>> rows = Spans((Path("a.wav"), Path("a.wav")), np.array([0.0, 2.0]), np.array([2.0, np.nan]))
        >>> rows.name(1), rows.take([1])[0]
        ('a.wav 2–end', Span(path=PosixPath('a.wav'), start=2.0, end=None))
    """

    def __init__(self, paths: Iterable[Path], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> None:
        super().__init__(paths)
        self.starts, self.ends = starts, ends
        self._known: dict[Path, str] = {}

    def __getitem__(self, row: int, /) -> Any:
        start, end = self.starts[row], self.ends[row]
        return Span(self.paths[row], None if np.isnan(start) else float(start), None if np.isnan(end) else float(end))

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Spans({len(self)})"

    def take(self, rows: Rows, /) -> Spans:
        """The spans of these rows, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return Spans([self.paths[row] for row in index.tolist()], self.starts[index], self.ends[index])

    def join(self, other: Any, /) -> Spans:
        """These spans, then the others."""
        starts, ends = np.concatenate([self.starts, other.starts]), np.concatenate([self.ends, other.ends])
        return Spans(self.paths + other.paths, starts, ends)

    def name(self, row: int, /) -> str:
        """The path and from when to when, as people can read it."""
        return readable(self[row].name)

    def names(self) -> tuple[str, ...]:
        """The same as text."""
        return tuple(span.name for span in self)

    def digest(self, row: int, /) -> str:
        """Of the file's bytes and of where the span lies in it; each file is read once."""
        path = self.paths[row]
        if path not in self._known:
            self._known[path] = super().digest(row)
        return self.digest_of(row, self._known[path])

    def digest_of(self, row: int, content: str) -> str:
        """The same, where the digest of the file's bytes is known; that itself for a whole file."""
        span = self[row]
        if span.is_whole:
            return content
        said = f"{content} {span.start} {span.end}".encode()
        return hashlib.sha256(said).hexdigest()[:DIGITS]


def files_like(like: Inputs, paths: Sequence[Path]) -> Files:
    """Whole files in the form of other rows that are files, so that both can be joined.

    Example:
        >>> type(files_like(Spans((), np.zeros(0), np.zeros(0)), [Path("a.wav")])).__name__
        'Spans'
    """
    if isinstance(like, Spans):
        return Spans(paths, np.full(len(paths), np.nan), np.full(len(paths), np.nan))
    return Files(paths)


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

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(self._n))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cells) and self.columns.keys() == other.columns.keys() and self._same(other)

    def __hash__(self) -> int:
        return hash((self._n, *self.columns))

    def __repr__(self) -> str:
        return f"Cells({self._n} × {len(self.columns)})"

    def take(self, rows: Rows, /) -> Cells:
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

    def names(self) -> tuple[str, ...]:
        """The numbers of all rows, such as "row 17"."""
        return tuple(f"row {number}" for number in self.numbers.tolist())

    def digest(self, row: int, /) -> str:
        """Of the names and values of its cells; see `digests`."""
        return self.take([row]).digests()[0]

    def digests(self) -> tuple[str, ...]:
        """Of each row, the identity of the names and values of its cells, whatever the order of the columns.

        A number counts by its value: 3 and 3.0 are the same, and so are None and not a number.
        """
        names = sorted(self.columns)
        head = hashlib.sha256(repr(names).encode("utf-8", "surrogatepass"))
        columns = _side_by_side([self.columns[name] for name in names])
        found: list[str] = []
        for cells in zip(*columns, strict=True):
            hashed = head.copy()
            hashed.update(b"".join(cells))
            found.append(hashed.hexdigest()[:DIGITS])
        return tuple(found)

    def _same(self, other: Cells) -> bool:
        return self._n == other._n and self.digests() == other.digests()


def as_array(cells: Sequence[Any]) -> NDArray[Any]:
    """Typed cells as an array: numbers as numbers, a gap among them as not a number; all else as objects.

    Example:
        >>> as_array([1, 2]).dtype, as_array([1, None]).tolist(), as_array(["a", None]).dtype
        (dtype('int64'), [1.0, nan], dtype('O'))
    """
    kinds = {type(cell) for cell in cells}
    if kinds == {int} and max(cells) < 1 << 63 and min(cells) >= -(1 << 63):
        return np.array(cells, dtype=np.int64)
    if kinds == {bool}:
        return np.array(cells, dtype=np.bool_)
    if float in kinds or int in kinds:
        exact = int not in kinds or all(abs(cell) <= 1 << 53 for cell in cells if isinstance(cell, int))
        if kinds <= {int, float, type(None)} and exact:
            return np.array(cells, dtype=np.float64)
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _side_by_side(columns: Sequence[NDArray[Any]]) -> list[Iterator[bytes]]:
    """Each row's cells, so that no two rows of different cells have the same bytes one after the other.

    Columns of numbers that stand beside each other are put together at once.
    """
    made: list[Iterator[bytes]] = []
    numbers: list[NDArray[np.uint8]] = []
    for column in [*columns, None]:
        found = None if column is None else _as_numbers(column)
        if found is not None:
            numbers.append(found)
            continue
        if numbers:
            made.append(_rows_of(np.concatenate(numbers, axis=1)))
            numbers = []
        if column is not None:
            known: dict[Any, bytes] = {}
            made.append(map(partial(_cell_bytes, known=known), column.tolist()))
    return made


def _as_numbers(column: NDArray[Any]) -> NDArray[np.uint8] | None:
    """(N, 9) bytes of each cell of a column of numbers; None where some would lose digits as a double."""
    if column.dtype.kind not in "biuf" or column.dtype == np.longdouble:
        return None
    numbers = column.astype("<f8")
    if column.dtype.kind in "iu" and not np.array_equal(numbers.astype(column.dtype), column):
        return None
    numbers = np.where(np.isnan(numbers), np.nan, numbers + 0.0).astype("<f8")  # one NaN, no minus before zero
    made = np.full((len(column), 9), ord("#"), np.uint8)
    made[:, 1:] = numbers.view(np.uint8).reshape(-1, 8)
    return made


def _rows_of(table: NDArray[np.uint8]) -> Iterator[bytes]:
    packed, width = table.tobytes(), table.shape[1]
    return (packed[at : at + width] for at in range(0, len(packed), width))


def _cell_bytes(cell: Any, known: dict[Any, bytes]) -> bytes:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return MISSING
    if isinstance(cell, str):
        if (found := known.get(cell)) is None:
            text = cell.encode("utf-8", "surrogatepass")
            found = known[cell] = b"$%d:%b" % (len(text), text)
        return found
    if isinstance(cell, int | float | np.number):
        number = cast("int | float", cell)
        if isinstance(number, float) or (abs(number) < 1 << 1023 and int(float(number)) == number):
            return b"#" + np.float64(number + 0.0).astype("<f8").tobytes()
    text = f"{type(cell).__name__} {cell!r}".encode("utf-8", "surrogatepass")
    return b"@%d:%b" % (len(text), text)


MISSING = b"#" + np.float64(np.nan).astype("<f8").tobytes()
"""Stands for a cell that holds nothing."""


for _public in (
    Cells,
    Files,
    Spans,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
