"""Texts of pictures as columns, from whatever holds them: table files, JSON of caption data sets, tables, pairs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from drivetrain.data.tables.frames import is_table, table_of
from drivetrain.data.tables.labels import same_name
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

PICTURE_NAMES = (
    *("picture", "picture_path", "image", "image_path", "img", "img_path", "photo", "path", "file", "file_path"),
    *("filepath", "file_name", "filename", "fname", "image_name", "image_file", "image_id", "img_id", "id", "url"),
)
CAPTION_NAMES = (
    *("caption", "captions", "text", "sentence", "sentences", "description", "generated_text", "generated_caption"),
    *("prediction", "answer", "output", "comment", "raw", "reference", "references"),
)
LIKELIHOOD_NAMES = (
    *("likelihood", "probability", "confidence", "logprob", "log_prob", "logprobs", "avg_logprob", "log_probability"),
    *("log_likelihood", "mean_logprob"),
)
OBJECT_NAMES = ("objects", "object", "labels", "label", "tags", "tag", "classes", "class", "categories", "category")

Columns = Mapping[str, Sequence[Any]]
MOST_BYTES = 2**31
"""Of a JSON file."""


def columns_of(
    source: Any, name: str, expected: str, *, pair: str, asked: Sequence[str | None] = ()
) -> tuple[Columns, dict[str, Decision]]:
    """The columns of a source, and what was decided about its format.

    Args:
        source: The path of a table (CSV, TSV, Parquet, JSON, JSON lines), a table in memory, a list of (picture, text)
            pairs, or a mapping of picture → text or texts.
        name: Of the argument, for messages.
        expected: What it may be, for messages.
        pair: What the second column of pairs and of a mapping is called.
        asked: Columns that were named: a mapping that has one is a table.

    Raises:
        DataError: A file cannot be read, or has no rows.
        SettingError: The source is nothing of the kind.
    """
    if isinstance(source, str | os.PathLike):
        return _of_file(Path(source), name, expected)
    if isinstance(source, Mapping) and not _is_columns(cast("Mapping[Any, Any]", source), asked):
        pairs = cast("Mapping[Any, Any]", source)
        if not pairs:
            raise DataError(f"{name} is empty; expected {expected}. To fix: pass some.")
        return {"picture": list(pairs), pair: list(pairs.values())}, {}
    if isinstance(source, list | tuple) and _are_pairs(cast("Sequence[Any]", source)):
        pairs = cast("Sequence[Any]", source)
        return {"picture": [one for one, _ in pairs], pair: [other for _, other in pairs]}, {}
    if not is_table(source) or isinstance(source, bytes):
        raise SettingError(f"{name}={shown(source)} cannot be used: expected {expected}. To fix: pass one of these.")
    if isinstance(source, list | tuple) and not all(isinstance(row, Mapping) for row in cast("Sequence[Any]", source)):
        raise SettingError(
            f"{name}={shown(source)} cannot be used: expected {expected}; a list has dicts or (picture, {pair}) pairs. "
            "To fix: pass such rows."
        )
    return table_of(source).columns, {}


def _is_columns(source: Mapping[Any, Any], asked: Sequence[str | None]) -> bool:
    """Whether a mapping is a table rather than pictures: a column that was named or has a usual name, all of it lists.

    Example:
        >>> _is_columns({"image": ["a.jpg"], "said": ["a dog"]}, ()), _is_columns({"a.jpg": ["a dog", "a hound"]}, ())
        (True, False)
    """
    columns = [
        (isinstance(value, Sequence) and not isinstance(value, str | bytes)) or getattr(value, "ndim", 0) == 1
        for value in source.values()
    ]
    names = [str(key).strip().casefold().replace(" ", "_") for key in source]
    named = any(name in PICTURE_NAMES for name in names) or any(name in source for name in asked if name is not None)
    return bool(columns) and all(columns) and named


def _are_pairs(source: Sequence[Any]) -> bool:
    return bool(source) and all(isinstance(row, tuple) and len(cast("tuple[Any, ...]", row)) == 2 for row in source)


def _of_file(path: Path, name: str, expected: str) -> tuple[Columns, dict[str, Decision]]:
    if path.is_dir():
        raise DataError(f"{name}: {readable(path)} is a folder; expected {expected}. To fix: name the file.")
    if not path.exists():
        raise DataError(f"{name}: {readable(path)} does not exist; expected {expected}. To fix: check the path.")
    suffix = path.suffix.lower()
    if suffix not in (".json", ".jsonl", ".ndjson"):
        table, decisions = read_table(path)
        return table.columns, decisions
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(
                f"{readable(path)} is larger than {MOST_BYTES:,} bytes; expected less. To fix: write it as Parquet."
            )
        text = path.read_bytes().decode("utf-8-sig")
        found = (
            [json.loads(line) for line in text.splitlines() if line.strip()] if suffix != ".json" else json.loads(text)
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{readable(path)} cannot be read as JSON: {short_reason(error)}. Expected UTF-8 text of captions. To fix: "
            "write it again, or as CSV."
        ) from error
    rows = _rows_of_json(found)
    if rows is None or not rows:
        raise DataError(
            f"{readable(path)} holds no rows; expected a list of objects with a picture and a text, or a data set in "
            "the form of COCO (images and annotations). To fix: write such a file, or a CSV."
        )
    return table_of(rows).columns, {}


def _rows_of_json(found: Any) -> list[dict[str, Any]] | None:
    """The rows of a list of objects, of COCO's annotations, or of Karpathy's splits of it; None of anything else."""
    if isinstance(found, list):
        rows = cast("list[Any]", found)
        return cast("list[dict[str, Any]]", rows) if all(isinstance(row, dict) for row in rows) else None
    if not isinstance(found, dict):
        return None
    whole = cast("dict[str, Any]", found)
    images, annotations = whole.get("images"), whole.get("annotations")
    if isinstance(annotations, list):
        named = {
            image.get("id"): image.get("file_name")
            for image in cast("list[Any]", images if isinstance(images, list) else [])
            if isinstance(image, dict)
        }
        rows = [cast("dict[str, Any]", row) for row in cast("list[Any]", annotations) if isinstance(row, dict)]
        return [
            {"picture": named.get(row.get("image_id")) or row.get("image_id"), "caption": row.get("caption")}
            for row in rows
        ]
    if isinstance(images, list):
        return [
            {"picture": image.get("filename", image.get("file_name")), "caption": sentence.get("raw")}
            for image in cast("list[Any]", images)
            if isinstance(image, dict)
            for sentence in cast("list[Any]", image.get("sentences") or [])
            if isinstance(sentence, dict)
        ]
    if whole and all(isinstance(value, str | list) for value in whole.values()):
        return [{"picture": key, "caption": value} for key, value in whole.items()]
    return None


def column(
    columns: Columns, asked: str | None, usual: Sequence[str], setting: str, *, needed: bool = True
) -> str | None:
    """The name of a column: as asked, or as it is usually called.

    Raises:
        DataError: There is no such column, or, where one is needed, none with a usual name.

    Example:
        >>> column({"Image": [], "text": []}, None, PICTURE_NAMES, "picture")
        'Image'
    """
    if asked is not None:
        found = same_name(asked, columns)
        if found is None:
            near = did_you_mean(asked, columns)
            raise DataError(
                f"{setting}={readable(asked)!r} is no column; expected one of {first_few(map(repr, columns))}.{near} "
                f"To fix: pass {setting}= with the name of one."
            )
        return found
    by_name = {name.strip().casefold().replace(" ", "_"): name for name in reversed(list(columns))}
    for name in usual:
        if name in by_name:
            return by_name[name]
    if needed:
        raise DataError(
            f"no column is called {setting} or as it usually is; expected one among {first_few(map(repr, columns))}. "
            f"To fix: pass {setting}= with the name of one."
        )
    return None


def cell_text(cell: Any) -> str | None:
    """A cell as text; None where it holds nothing.

    Example:
        >>> cell_text(" a.jpg "), cell_text(3.0), cell_text(float("nan")), cell_text("")
        ('a.jpg', '3', None, None)
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, os.PathLike):
        cell = os.fspath(cast("os.PathLike[str]", cell))
    text = str(cell).strip()
    return text or None


def cell_texts(cell: Any, delimiter: str | None = None) -> list[str]:
    """A cell of one text or several; a text is cut at `delimiter` where there is one.

    Example:
        >>> cell_texts(["a", None, "b"]), cell_texts("a; b", ";"), cell_texts(None)
        (['a', 'b'], ['a', 'b'], [])
    """
    if isinstance(cell, list | tuple | set | frozenset) or getattr(cell, "ndim", 0) == 1:
        return [text for each in cast("Sequence[Any]", cell) if (text := cell_text(each)) is not None]
    text = cell_text(cell)
    if text is None:
        return []
    return [text] if delimiter is None else [part.strip() for part in text.split(delimiter) if part.strip()]
