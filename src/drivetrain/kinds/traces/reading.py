"""A trace as it is handed over - a file, its bytes, a table, arrays - as named columns. No library but numpy."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.files.members import bytes_of, status_of
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.files.zipped import in_folder
from drivetrain.runtime.spans import Span
from drivetrain.runtime.spec_base import NPY, read_npy
from drivetrain.text import does

MOST_BYTES = 1 << 28
ORDER = ("t", "x", "y", "pressure")
"""Of columns that have no names."""
INSIDE = ("points", "events", "data", "trace", "samples", "rows")
"""Keys of JSON under which the points stand."""
MOST_BAD = 0.2
"""Lines of a text that may be broken; more, and it is no table of points."""
DELIMITERS = ",;\t|"

Column = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True)
class Named:
    """Columns by name, with what was lost on the way."""

    columns: Mapping[str, Column]
    breaks: frozenset[int] = frozenset()
    """Numbers of the points that begin a stroke, where the format itself says so."""
    named: bool = True
    """Whether the source names its columns."""
    lost: Mapping[str, int] = field(default_factory=dict[str, int])
    """What was left out → how often."""


def read_columns(source: Any) -> Named:
    r"""The columns of one trace.

    Args:
        source: A path, a `Span`, bytes, or in memory: name → values, a list of points, a DataFrame, an array (N, 2…4).

    Raises:
        ValueError: It is none, with a reason of a few words.

    Example:
        >>> read_columns(b"t;x;y\n0;1,5;2\n8;2;2\n").columns["x"]
        ['1.5', '2']
    """
    if isinstance(source, Span | str | os.PathLike):
        source = _content(cast("str | os.PathLike[str]", source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _of_bytes(bytes(source))
    if hasattr(source, "to_dict") and hasattr(source, "columns"):  # a DataFrame
        return Named({str(name): np.asarray(source[name]) for name in source.columns})
    for step in ("detach", "cpu"):  # a tensor
        source = getattr(source, step)() if hasattr(source, step) else source
    return _of_value(source)


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        path = in_folder(path) or path
        found = status_of(path)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_size > MOST_BYTES:
            raise ValueError(f"it has {found.st_size:,} bytes, more than {MOST_BYTES:,}")
        return bytes_of(path)
    except OSError as error:
        raise ValueError(f"it cannot be opened: {error.strerror or error}") from error


def _of_bytes(content: bytes) -> Named:
    if not content.strip():
        raise ValueError("file is empty")
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has {len(content):,} bytes, more than {MOST_BYTES:,}")
    if content.startswith(NPY):
        return _of_value(read_npy(content))
    text = _text(content)
    start = text.lstrip()[:1]
    if start == "<":
        return _of_inkml(text)
    if start in ("[", "{"):
        return _of_json(text)
    return _of_lines(text)


def _text(content: bytes) -> str:
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    encoding = next((found for mark, found in marks.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise ValueError("it is no text: it holds NUL bytes")
    return text


def _of_json(text: str) -> Named:
    encoded = text.encode("utf-8", "surrogatepass")
    try:
        return _of_value(read_json(encoded, most_bytes=MOST_BYTES))
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
            raise ValueError(f"it is read as JSON, and {error}") from error
    points: list[Any] = []
    bad = 0
    for line in lines:  # a point a line
        try:
            points.append(read_json(line.encode("utf-8", "surrogatepass"), most_bytes=MOST_BYTES))
        except ValueError:
            bad += 1
    if bad > max(1, MOST_BAD * len(lines)):
        raise ValueError(f"{bad} of {len(lines)} lines {does(bad, 'are')} no JSON")
    read = _of_value(points)
    return Named(read.columns, read.breaks, read.named, {**read.lost, **({"broken lines": bad} if bad else {})})


def _of_value(value: Any) -> Named:
    """What JSON or memory holds."""
    if isinstance(value, Mapping):
        said = cast("Mapping[Any, Any]", value)
        if "drawing" in said:
            return _of_strokes(said["drawing"])
        inner = next((said[key] for key in INSIDE if isinstance(said.get(key), list | Mapping)), None)
        if inner is not None:
            return _of_value(inner)
        return _same_length({str(name): one for name, one in said.items() if _is_column(one)})
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return _of_points(cast("Sequence[Any]", value))
    try:
        array: NDArray[Any] = np.asarray(value)
    except Exception as error:  # lists of different lengths, what offers itself as an array and fails
        raise ValueError("its points have different numbers of values") from error
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.dtype.itemsize > 8:
        raise ValueError(f"values of type {array.dtype} and shape {array.shape}, where points (N, 3) are expected")
    if array.shape[1] == 2:
        return Named({"x": array[:, 0], "y": array[:, 1]}, named=False)
    if array.shape[1] not in (3, 4):
        raise ValueError(f"points of {array.shape[1]} values without names; expected t, x, y and pressure")
    return Named(dict(zip(ORDER, array.T, strict=False)), named=False)


def _is_column(one: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.ndim == 1
    return isinstance(one, Sequence) and not isinstance(one, str | bytes | bytearray)


def _same_length(columns: Mapping[str, Column]) -> Named:
    if not columns:
        raise ValueError("it holds no columns of points")
    if len({len(one) for one in columns.values()}) > 1:
        raise ValueError("its columns have different lengths")
    return Named(columns)


def _of_points(points: Sequence[Any]) -> Named:
    """A list of name → value, whose names may be missing in some."""
    good = [cast("Mapping[Any, Any]", point) for point in points if isinstance(point, Mapping)]
    lost = {"broken points": len(points) - len(good)} if len(good) < len(points) else {}
    if lost and len(points) - len(good) > MOST_BAD * len(points):
        raise ValueError(f"{len(points) - len(good)} of {len(points)} points are none")
    names = dict.fromkeys(name for point in good for name in point)
    return Named({str(name): [point.get(name) for point in good] for name in names}, lost=lost)


def _of_strokes(drawing: Any) -> Named:
    """Strokes as Quick, Draw! writes them: a list of [x…, y…] or [x…, y…, t…]."""
    columns: dict[str, list[Any]] = {"x": [], "y": [], "t": []}
    breaks: list[int] = []
    timed = True
    for stroke in cast("Sequence[Any]", drawing) if isinstance(drawing, list | tuple) else ():
        parts = list(stroke) if isinstance(stroke, list | tuple) else []
        if len(parts) not in (2, 3) or len({len(part) if _is_column(part) else -1 for part in parts}) != 1:
            raise ValueError("its drawing is no list of strokes [x…, y…, t…]")
        breaks.append(len(columns["x"]))
        timed = timed and len(parts) == 3
        for name, part in zip("xyt", parts, strict=False):
            columns[name] += list(part)
    if not breaks:
        raise ValueError("its drawing holds no strokes")
    return Named({name: columns[name] for name in ("xyt" if timed else "xy")}, frozenset(breaks))


def _of_inkml(text: str) -> Named:
    """Digital ink as the W3C writes it: ``<trace>`` elements of "x y t, x y t, …"."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it is XML with a document type, which is not read")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"it is read as InkML, and is no XML: {error}") from error
    names = [each.get("name", "").strip() for each in root.iter() if each.tag.rpartition("}")[2] == "channel"]
    names = ["t" if name.upper() == "T" else "pressure" if name.upper() == "F" else name.lower() for name in names]
    names = list(dict.fromkeys(names)) or ["x", "y"]
    columns: dict[str, list[str]] = {name: [] for name in names}
    breaks: list[int] = []
    for each in root.iter():
        if each.tag.rpartition("}")[2] != "trace":
            continue
        points = [point.split() for point in (each.text or "").split(",") if point.strip()]
        breaks.append(len(columns[names[0]]))
        for point in points:
            if len(point) < len(names):
                raise ValueError(f"a point of {len(point)} values, where its format has {len(names)}")
            for name, value in zip(names, point, strict=False):
                columns[name].append(value)
    if not breaks:
        raise ValueError("it is XML without a <trace>")
    return Named(columns, frozenset(breaks))


def _of_lines(text: str) -> Named:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("file is empty")
    first = lines[0].lstrip()
    if first.startswith("#"):  # a header behind a comment sign; other comments go
        lines[0] = first.lstrip("# ")
    lines = [line for at, line in enumerate(lines) if not at or not line.lstrip().startswith("#")]
    rows = _cells(lines)
    width = len(rows[0])
    if width < 2:
        raise ValueError("it is text without columns")
    header = None if all(map(_is_number, rows[0])) else [name.strip() for name in rows[0]]
    body = rows if header is None else rows[1:]
    good = [row for row in body if len(row) == width]
    lost = len(body) - len(good)
    if not good:
        raise ValueError("it holds no points")
    if lost > max(1, MOST_BAD * len(body)):
        raise ValueError(f"{lost} of its {len(body)} lines {does(lost, 'have')} another number of cells than the first")
    told = {"broken lines": lost} if lost else {}
    if header is not None:
        if len(set(header)) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise ValueError(f"it has more than one column {twice[:40]!r}")
        return Named(dict(zip(header, map(list, zip(*good, strict=True)), strict=True)), lost=told)
    if width not in (2, 3):
        raise ValueError(f"{width} columns without names")
    names = ORDER[:3] if width == 3 else ORDER[1:3]
    return Named(dict(zip(names, map(list, zip(*good, strict=True)), strict=True)), named=False, lost=told)


def _cells(lines: Sequence[str]) -> list[list[str]]:
    """The lines cut at what separates most of them alike."""
    few = lines[:50]
    counts = {sign: [line.count(sign) for line in few] for sign in DELIMITERS}
    best = max(DELIMITERS, key=lambda sign: (min(counts[sign]) > 0, sorted(counts[sign])[len(few) // 2]))
    if sorted(counts[best])[len(few) // 2] == 0:
        return [re.split(r"\s+", line.strip()) for line in lines]
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=best))
    except csv.Error as error:
        raise ValueError(f"it is no table: {error}") from error
    if best != ",":  # a comma is then a decimal point
        rows = [[cell.replace(",", ".") if _DECIMAL.fullmatch(cell) else cell for cell in row] for row in rows]
    return rows


_DECIMAL = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell.strip()
    return True
