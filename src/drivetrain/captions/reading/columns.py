"""Texts of pictures as columns, from whatever holds them: table files, JSON of caption data sets, tables, pairs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from drivetrain.data.tables.frames import is_table, table_of
from drivetrain.data.tables.labels import same_name
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.formats import PICTURE_SUFFIXES
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

NOTHING = frozenset(("", "nan", "none", "null", "n/a", "na", "#n/a", "<na>"))
"""Texts of cells that hold nothing."""

Columns = Mapping[str, Sequence[Any]]
MOST_BYTES = 2**31
"""Of a JSON file."""


def columns_of(
    source: Any, name: str, expected: str, *, pair: str, asked: Sequence[str | None] = (), like: Collection[str] = ()
) -> tuple[Columns, dict[str, Decision]]:
    """The columns of a source, and what was decided about its format.

    Args:
        source: The path of a table (CSV, TSV, Parquet, JSON, JSON lines), a table in memory, a list of (picture, text)
            pairs, or a mapping of picture → text or texts.
        name: Of the argument, for messages.
        expected: What it may be, for messages.
        pair: What the second column of pairs and of a mapping is called.
        asked: Columns that were named: a mapping that has one is a table.
        like: Names of the pictures in another source; data sets in the form of COCO name theirs by number and by file.

    Raises:
        DataError: A file cannot be read, or has no rows.
        SettingError: The source is nothing of the kind.
    """
    if isinstance(source, str | os.PathLike):
        return _of_file(Path(source), name, expected, asked, like)
    if isinstance(source, Mapping) and not _is_columns(cast("Mapping[Any, Any]", source), asked):
        pairs = cast("Mapping[Any, Any]", source)
        if _dicts(pairs.get("annotations")) or _dicts(pairs.get("images")):  # a data set, as its JSON is loaded
            rows = _rows_of_json(pairs, like)
            if rows:
                return table_of(rows).columns, {}
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
    """Whether a mapping is a table rather than pictures.

    All of it is lists, and one of them was named, has a usual name, or holds names of picture files.

    Example:
        >>> _is_columns({"image": ["a.jpg"], "said": ["a dog"]}, ()), _is_columns({"a.jpg": ["a dog", "a hound"]}, ())
        (True, False)
        >>> _is_columns({"foto": ["a.jpg"], "gesagt": ["ein Hund"]}, ())
        True
    """
    columns = [
        (isinstance(value, Sequence) and not isinstance(value, str | bytes)) or getattr(value, "ndim", 0) == 1
        for value in source.values()
    ]
    if not columns or not all(columns):
        return False
    names = [str(key).strip().casefold().replace(" ", "_") for key in source]
    usual = any(name in PICTURE_NAMES or name in CAPTION_NAMES for name in names)
    return usual or any(name in source for name in asked if name is not None) or any(map(_are_files, source.values()))


def _are_files(cells: Sequence[Any]) -> bool:
    """Whether all cells are names of picture files."""
    return len(cells) > 0 and all(
        isinstance(cell, str | os.PathLike) and Path(cast("str", cell)).suffix.lower() in PICTURE_SUFFIXES
        for cell in cells
    )


def _are_pairs(source: Sequence[Any]) -> bool:
    return bool(source) and all(isinstance(row, tuple) and len(cast("tuple[Any, ...]", row)) == 2 for row in source)


def _of_file(
    path: Path, name: str, expected: str, asked: Sequence[str | None], like: Collection[str]
) -> tuple[Columns, dict[str, Decision]]:
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
    if isinstance(found, dict) and _is_columns(cast("dict[str, Any]", found), asked):
        return table_of(found).columns, {}
    rows = _rows_of_json(found, like)
    if rows is None or not rows:
        raise DataError(
            f"{readable(path)} holds no rows; expected a list of objects with a picture and a text, or a data set in "
            "the form of COCO (images and annotations). To fix: write such a file, or a CSV."
        )
    return table_of(rows).columns, {}


def _rows_of_json(found: Any, like: Collection[str] = ()) -> list[dict[str, Any]] | None:
    """The rows of a list of objects, of COCO's annotations, or of Karpathy's splits of it; None of anything else."""
    if isinstance(found, list):
        rows = cast("list[Any]", found)
        return cast("list[dict[str, Any]]", rows) if all(isinstance(row, dict) for row in rows) else None
    if not isinstance(found, Mapping):
        return None
    whole = cast("Mapping[str, Any]", found)
    images, annotations = whole.get("images"), whole.get("annotations")
    if isinstance(annotations, list):
        return _rows_of_coco(whole, like)
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


def _rows_of_coco(whole: Mapping[str, Any], like: Collection[str]) -> list[dict[str, Any]]:
    """A row for each caption, or for each object of `instances_….json`.

    Example:
        >>> found = {"images": [{"id": 7, "file_name": "a.jpg"}], "categories": [{"id": 18, "name": "dog"}]}
        >>> _rows_of_coco({**found, "annotations": [{"image_id": 7, "category_id": 18}]}, ())
        [{'picture': 'a.jpg', 'objects': 'dog'}]
        >>> _rows_of_coco({**found, "annotations": [{"image_id": 7, "caption": "a dog"}]}, ["7"])
        [{'picture': 7, 'caption': 'a dog'}]
    """
    names, rows = _named(whole.get("images"), "file_name"), _dicts(whole.get("annotations"))
    categories = _named(whole.get("categories"), "name")
    if any(str(row.get("image_id")) in like for row in rows):
        names = {}  # the captions name pictures by number
    what = "caption" if any("caption" in row for row in rows) or not categories else "objects"
    return [
        {
            "picture": names.get(row.get("image_id")) or row.get("image_id"),
            what: row.get("caption") if what == "caption" else categories.get(row.get("category_id")),
        }
        for row in rows
    ]


def _dicts(found: Any) -> list[dict[str, Any]]:
    rows = cast("list[Any]", found) if isinstance(found, list) else []
    return [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]


def _named(found: Any, key: str) -> dict[Any, Any]:
    """Number → name, of images or categories."""
    return {row.get("id"): row.get(key) for row in _dicts(found) if isinstance(row.get("id"), int | str)}


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


def two_columns(
    columns: Columns, name: str, what: str, usual: Sequence[str], *, picture: str | None, text: str | None = None
) -> tuple[str, str]:
    """The columns of pictures and of what is said of them, in a table beside the captions.

    They are called as in the captions, or usually; where a table has two, one of pictures leaves the other.

    Raises:
        DataError: They cannot be told.

    Example:
        >>> two_columns({"foto": [], "satz": []}, "references", "reference", CAPTION_NAMES, picture="foto")
        ('foto', 'satz')
    """
    first = picture if picture in columns else column(columns, None, PICTURE_NAMES, "picture", needed=False)
    if first is None:
        files = [each for each, cells in columns.items() if _are_files(cells)]
        first = files[0] if len(files) == 1 else None
    second = text if text in columns and text != first else None
    others = [each for each in columns if each != first]
    if second is None:
        second = column({each: columns[each] for each in others}, None, usual, what, needed=False)
    if second is None and len(others) == 1:
        second = others[0]
    if first is None or second is None:
        raise DataError(
            f"{name}: no column is called {'picture' if first is None else what} or as it usually is; the columns are "
            f"{first_few(map(repr, columns))}. To fix: call it so, or pass {name}= as a dict of picture → {what}."
        )
    return first, second


def cell_text(cell: Any) -> str | None:
    """A cell as text; None where it holds nothing.

    Raises:
        DataError: It is no text, and no number.

    Example:
        >>> cell_text(" a.jpg "), cell_text(3.0), cell_text(float("nan")), cell_text("N/A")
        ('a.jpg', '3', None, None)
        >>> cell_text({"generated_text": "a dog"})  # as pipelines of Hugging Face answer
        'a dog'
    """
    if isinstance(cell, Mapping):
        of_text = [value for key, value in cast("Mapping[Any, Any]", cell).items() if key in CAPTION_NAMES]
        cell = of_text[0] if len(of_text) == 1 else cell
    if getattr(cell, "ndim", None) == 0 and hasattr(cell, "item"):  # a number of numpy
        cell = cell.item()
    if isinstance(cell, os.PathLike):
        cell = os.fspath(cast("os.PathLike[str]", cell))
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if not isinstance(cell, str | int | float):
        raise DataError(
            f"a cell holds {shown(cell)}; expected text, or a number. To fix: write what is to be read as text."
        )
    text = str(cell).strip()
    return text if text.casefold() not in NOTHING else None


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
