"""Texts that people hand over to be answered: one by one, as files and folders, or as the rows of a table.

A text may itself be called like a file. So a text as `str` is never taken for a path where one text is expected; where
many are, the path of something that exists is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.tables.packed import PACKED_SUFFIXES, inner_suffix
from drivetrain.errors import InputError, SettingError
from drivetrain.kinds.tables.rows import LINES_SUFFIXES, PARQUET_SUFFIXES, parts_of
from drivetrain.kinds.tables.rows import is_table as is_table_in_memory
from drivetrain.runtime.files.below import holds_inputs, inputs_below
from drivetrain.runtime.spec import Arrays, RowPart
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".xhtml")
"""Of files that hold one text each."""
TABLE_SUFFIXES = (".csv", ".tsv", *PARQUET_SUFFIXES, *LINES_SUFFIXES)
MOST_TOGETHER = 256
"""Texts that are answered together."""
MOST_PLACES = 1 << 19
"""Terms or pieces of them, with what is padded."""
LONGEST_PATH = 1024


class _Named(NamedTuple):
    name: str


class Reads(Protocol):
    """What is asked of the description of a text."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a row that hold the text."""
        ...

    def load(self, source: Any, /) -> Arrays:
        """One text."""
        ...

    def view(self, loaded: Arrays, /) -> Arrays:
        """What a model takes of it."""
        ...

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """A batch of these."""
        ...


class _Rows:
    """The rows of a table as `parts_of` reads them: a column of texts that are loaded, not yet looked at."""

    def __init__(self, spec: Reads) -> None:
        self._spec = spec
        self.columns = tuple(map(_Named, spec.columns))

    def load(self, source: Any, /) -> Arrays:
        made = np.empty((), object)
        made[()] = self._spec.load(source)[0]
        return (made,)

    def load_many(self, columns: Mapping[str, NDArray[Any]], /) -> Arrays:
        names, n = list(columns), len(next(iter(columns.values()), ()))
        made = np.empty(n, object)
        for row, cells in enumerate(zip(*columns.values(), strict=True)):
            made[row] = self._spec.load(dict(zip(names, cells, strict=True)))[0]
        return (made,)

    def view_many(self, loaded: Arrays, /) -> Arrays:
        return loaded


def is_table(given: Any) -> bool:
    """Whether something is many texts by itself: a DataFrame, columns of one length, the path of a table file.

    Example:
        >>> is_table({"text": ["a", "b"]}), is_table({"text": "a"}), is_table("rows.csv"), is_table(Path("rows.csv"))
        (True, False, False, True)
    """
    if isinstance(given, str):
        return False
    return _is_table_file(Path(given)) if isinstance(given, os.PathLike) else is_table_in_memory(given)


def parts_of_many(spec: Reads, given: Any, *, at_once: int) -> Iterator[RowPart]:
    """What a model takes of many texts, some at a time, with the reason where one cannot be read.

    Args:
        spec: How a text is read.
        given: A folder or tar file, whose text files are read; a table in a file or in memory; a text file; or a list
            or generator of what `Spec.load` takes, or of paths of text files. The path may be written as text.
        at_once: Texts of a generator that are taken together.

    Raises:
        InputError: A file cannot be read as a table, or lacks the column of texts.
        SettingError: A folder holds no texts, or it is nothing that holds any.
    """
    if isinstance(given, str) and _exists(given):
        given = Path(given)
    if isinstance(given, os.PathLike):
        place = Path(cast("os.PathLike[str]", given))
        if holds_inputs(place):
            return _one_by_one(spec, iter(files_below(place)), MOST_TOGETHER)
        if _is_table_file(place):
            return _smaller(spec, parts_of(_Rows(spec), place, at_once=at_once))
        return _one_by_one(spec, iter([place]), 1)
    if is_table_in_memory(given) and not isinstance(given, str):
        return _smaller(spec, parts_of(_Rows(spec), given, at_once=at_once))
    if isinstance(given, str | bytes | bytearray | Mapping) or callable(getattr(given, "read", None)):
        return _one_by_one(spec, iter([given]), 1)
    if not isinstance(given, Iterable):
        raise SettingError(
            f"{shown(given)} holds no texts; expected a folder, a table, or a list of texts. To fix: pass one of these."
        )
    together = MOST_TOGETHER if isinstance(given, list | tuple) else at_once
    return _one_by_one(spec, iter(cast("Iterable[Any]", given)), together)


def files_below(folder: Path) -> list[Path]:
    """The text files in a folder and below, by path, or in tar files. Raises SettingError where there is none."""
    found = inputs_below(folder, _files_below, lambda name: name.endswith(TEXT_SUFFIXES))
    if not found:
        raise SettingError(
            f"{readable(folder)} holds no text files; expected such ending in {', '.join(TEXT_SUFFIXES)}. To fix: give "
            "the folder that holds the texts, or a table file."
        )
    return found


def _files_below(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in TEXT_SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]


def _is_table_file(path: Path) -> bool:
    return inner_suffix(path) in TABLE_SUFFIXES or path.suffix.lower() in PACKED_SUFFIXES


def _exists(given: str) -> bool:
    if len(given) > LONGEST_PATH or "\n" in given or "\0" in given:
        return False
    return os.path.exists(given)  # noqa: PTH110 - a text that is no path raises nothing


def _one_by_one(spec: Reads, sources: Iterator[Any], at_once: int) -> Iterator[RowPart]:
    while given := list(islice(sources, at_once)):
        found: list[Arrays | str] = []
        paths: list[str | None] = []
        for one in given:
            paths.append(os.fspath(one) if isinstance(one, os.PathLike) else getattr(one, "name", None))
            try:
                found.append(spec.view(spec.load(_read(one))))
            except InputError as error:
                found.append(str(error))
        yield from _batches(spec, found, paths=paths)


def _read(one: Any) -> Any:
    """What was handed over; the content of an open file."""
    if not callable(getattr(one, "read", None)):
        return one
    try:
        return one.read()
    except Exception as error:  # a file opened for writing, a connection that broke
        raise InputError(
            f"an open file cannot be read: {short_reason(error)}. To fix: pass a file opened with 'rb', or its bytes."
        ) from error


def _smaller(spec: Reads, parts: Iterator[RowPart]) -> Iterator[RowPart]:
    """Parts whose texts become batches that are not too large."""
    for part in parts:
        loaded = iter(part.views[0]) if part.views else iter(())
        found = [part.errors[at] if at in part.errors else spec.view((next(loaded),)) for at in range(part.n)]
        yield from _batches(spec, found, path=part.path, first=part.first)


def _batches(
    spec: Reads,
    found: Sequence[Arrays | str],
    *,
    paths: Sequence[str | None] | None = None,
    path: str | None = None,
    first: int | None = None,
) -> Iterator[RowPart]:
    """Views, or why there is none, as parts of bounded size; their order stays."""
    start = longest = 0
    for end, one in enumerate([*found, None]):
        size = 0 if one is None or isinstance(one, str) else max(array.size for array in one)
        n = end - start
        if one is not None and n < MOST_TOGETHER and (n + 1) * max(longest, size) <= MOST_PLACES:
            longest = max(longest, size)
            continue
        if n:
            said = list(found[start:end])
            yield RowPart(
                spec.stack(views) if (views := [each for each in said if not isinstance(each, str)]) else (),
                {at: each for at, each in enumerate(said) if isinstance(each, str)},
                n,
                path,
                None if first is None else first + start,
                None if paths is None else tuple(paths[start:end]),
            )
        start, longest = end, size
