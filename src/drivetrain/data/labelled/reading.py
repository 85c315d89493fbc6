"""One door to labels of other tools: what a source is, by what is in it, and its rows as a table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from drivetrain.data.kind import as_files, source_kind
from drivetrain.data.labelled.coco import is_coco, read_coco
from drivetrain.data.labelled.collected import is_collected, read_collected
from drivetrain.data.labelled.cvat import PREFIX, is_cvat, read_cvat
from drivetrain.data.labelled.hugging_face import is_dataset, is_of_hub, is_saved, read_dataset, read_of_hub, read_saved
from drivetrain.data.labelled.label_studio import is_csv, is_export, read_export
from drivetrain.data.labelled.table import Labelled
from drivetrain.data.labelled.torchvision import is_vision, read_vision
from drivetrain.data.labelled.webdataset import read_shards, shards_in
from drivetrain.errors import DataError
from drivetrain.text import readable, short_reason

MOST_JSON = 4 << 30


def labels_of(source: Any, suffixes: frozenset[str]) -> Labelled | None:
    """The rows of a source that another tool has labelled; None where it is none of these.

    Args:
        source: A file, a folder, or something in memory.
        suffixes: Of the files that are inputs; none where inputs are cells.

    Raises:
        DataError: It is one of these, and its labels cannot be used.
    """
    if not isinstance(source, str | os.PathLike):
        if is_dataset(source):
            return read_dataset(source)
        return read_vision(source) if suffixes and is_vision(source) else None
    place = Path(os.fsdecode(source))
    try:
        if place.is_dir():
            return _of_folder(place, suffixes)
        return _of_file(place, suffixes) if place.is_file() else None
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        return None  # what is wrong with the name or the place is said where it is opened


def brought(input_kind: str, source: Any, options: Mapping[str, Any]) -> Any:
    """A source as the table of its rows, where it is a form that a kind of input or another tool has; else as it is."""
    source = as_files(input_kind, source, options)
    return labels_of(source, source_kind(input_kind).suffixes) or source


def _of_folder(place: Path, suffixes: frozenset[str]) -> Labelled | None:
    if is_saved(place):
        return read_saved(place)
    if not suffixes:
        return None
    if shards := shards_in(place, suffixes):
        return read_shards(shards, place, suffixes)
    annotations = place / "annotations.xml"
    if annotations.is_file() and is_cvat(_start(annotations)):
        return read_cvat(annotations)
    found = [(path, _json(path)) for path in _coco_files(place)]
    return read_coco(found, place) if found and all(is_coco(one) for _, one in found) else None


def _coco_files(place: Path) -> list[Path]:
    """Files of annotations in a folder, as COCO, Roboflow, Label Studio and FiftyOne lay them out."""
    by_part = sorted(place.glob("*/_annotations.coco.json")) + sorted(place.glob("_annotations.coco.json"))
    found = by_part or sorted((place / "annotations").glob("instances_*.json"))
    return found or [path for path in (place / "result.json", place / "labels.json") if path.is_file()][:1]


def _of_file(place: Path, suffixes: frozenset[str]) -> Labelled | None:
    suffix = place.suffix.lower()

    def of_shards(path: Path) -> Labelled | None:
        return read_shards([path], path, suffixes)

    readers: dict[str, Callable[[Path], Labelled | None]] = {
        ".parquet": lambda path: read_of_hub(path) if is_of_hub(path) else None
    }
    if suffixes:
        readers |= {
            ".json": _of_json,
            ".xml": lambda path: read_cvat(path) if is_cvat(_start(path)) else None,
            **dict.fromkeys((".tar", ".tgz"), of_shards),
            ".csv": _of_csv,
        }
        if place.name.lower().endswith(".tar.gz"):
            return of_shards(place)
    reader = readers.get(suffix)
    return None if reader is None else reader(place)


def _of_json(path: Path) -> Labelled | None:
    found = _json(path)
    if is_coco(found):
        return read_coco([(path, found)], path)
    if is_export(found):
        return read_export(found, path)
    if isinstance(found, list) and found and isinstance(found[0], dict) and "image_id" in found[0]:
        raise DataError(
            f"{readable(path)} holds results in COCO's form, with no list of pictures; expected annotations. To fix: "
            "pass the file that has images, annotations and categories."
        )
    return None


def _of_csv(path: Path) -> Labelled | None:
    header = _start(path).decode("utf-8", "replace").partition("\n")[0]
    if is_collected(header):
        return read_collected(path)
    if not is_csv(header):
        return None
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return read_export([{str(key): value for key, value in row.items()} for row in table.to_dict("records")], path)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PREFIX)


def _json(path: Path) -> Any:
    if path.stat().st_size > MOST_JSON:
        raise DataError(f"{readable(path)} is larger than 4 GB; expected labels. To fix: divide it.")
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{readable(path)} is no JSON: {short_reason(error)}; expected labels. To fix: export again."
        ) from error
