"""Data sets of Hugging Face: `datasets` objects by what they offer, folders of `save_to_disk`, Parquet from the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from pyarrow import ipc, parquet

from drivetrain.data.labelled.table import Labelled
from drivetrain.data.labelled.unpacking import Unpacked, names_of
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.part_names import part_of
from drivetrain.errors import DataError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, readable, short_reason

WHAT = "Hugging Face data set"
Features = Mapping[str, Any]


def is_dataset(source: Any) -> bool:
    """Whether something in memory is a data set, or a dict of its parts."""
    if isinstance(source, Mapping) and source:
        return all(is_dataset(part) for part in cast("Mapping[str, Any]", source).values())
    features = getattr(source, "features", None)
    return isinstance(features, Mapping) and hasattr(source, "column_names") and hasattr(source, "with_format")


def is_saved(place: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return (place / "dataset_dict.json").is_file() or {"state.json", "dataset_info.json"} <= _names(place)


def is_of_hub(path: Path) -> bool:
    """Whether a Parquet file says which of its columns are pictures, sounds or classes."""
    try:
        said = (parquet.read_schema(path).metadata or {}).get(b"huggingface", b"{}")
        features: Features = (json.loads(said).get("info") or {}).get("features") or {}
        return any(_kind_of(feature)[0] in ("Image", "Audio", "ClassLabel") for feature in features.values())
    except Exception:  # noqa: BLE001 - whatever is wrong with it is said where it is read
        return False


def read_dataset(source: Any) -> Labelled:
    """The rows of a data set in memory.

    Raises:
        DataError: Its rows cannot be had, or it is one that is only gone through.
    """
    parts = cast("Mapping[str, Any]", source) if isinstance(source, Mapping) else {"": source}
    tables: list[tuple[str, Any, Features]] = []
    for name, part in parts.items():
        if not hasattr(part, "__len__"):
            raise DataError(
                f"the {WHAT} is one that is only gone through ({type(part).__name__}); expected one that is here. "
                "To fix: load it without streaming=True, or collect some rows into a list."
            )
        try:
            table = part.with_format("arrow")[:]
        except Exception as error:  # somebody else's library
            raise DataError(
                f"the rows of the {WHAT} cannot be had: {short_reason(error)}; expected rows in Arrow. To fix: pass "
                "dataset.to_pandas()."
            ) from error
        features = {str(key): _as_said(feature) for key, feature in part.features.items()}
        tables.append((str(name), table, features))
    return _labelled(tables, "in memory", Path.cwd())


def read_saved(place: Path) -> Labelled:
    """The rows of a folder that `save_to_disk` wrote.

    Raises:
        DataError: A file of it is missing, or damaged.
    """
    try:
        parts = [""]
        if (place / "dataset_dict.json").is_file():
            parts = [str(one) for one in json.loads((place / "dataset_dict.json").read_text("utf-8"))["splits"]]
        tables: list[tuple[str, Any, Features]] = []
        for part in parts:
            folder = place / Path(part).name
            state = json.loads((folder / "state.json").read_text("utf-8"))
            if state.get("_indices_data_files"):
                raise DataError(
                    f"{readable(folder)} has a list of chosen rows beside its table, as old versions wrote; expected "
                    "the rows themselves. To fix: load it, and save it again with flatten_indices()."
                )
            files = [folder / Path(str(one["filename"])).name for one in state["_data_files"]]
            info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
            tables.append((part, pa.concat_tables([_arrow(file) for file in files]), info.get("features") or {}))
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{readable(place)} cannot be read as a {WHAT}: {short_reason(error)}; expected what save_to_disk writes. "
            "To fix: save it again."
        ) from error
    return _labelled(tables, readable(place), place)


def read_of_hub(path: Path) -> Labelled:
    """The rows of a Parquet file from the hub."""
    try:
        table = parquet.read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    except Exception as error:
        raise DataError(
            f"{readable(path)} cannot be read as Parquet of a {WHAT}: {short_reason(error)}; expected what the hub "
            "has. To fix: get it again."
        ) from error
    return _labelled([("", table, features)], readable(path), path.parent)


def _arrow(file: Path) -> Any:
    with pa.memory_map(str(file)) as source:
        try:
            return ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            return ipc.open_file(source).read_all()


def _as_said(feature: Any) -> Any:
    """A feature object in the form that is written into files."""
    if isinstance(feature, list):
        return [_as_said(one) for one in feature]
    if isinstance(feature, Mapping):
        return {key: _as_said(one) for key, one in feature.items()}
    inner = getattr(feature, "feature", None)
    said = {"_type": type(feature).__name__, "names": getattr(feature, "names", None)}
    return said if inner is None else {**said, "feature": _as_said(inner)}


def _labelled(tables: Sequence[tuple[str, Any, Features]], where: str, base: Path) -> Labelled:
    unpacked = Unpacked()
    columns: dict[str, list[Any]] = {}
    named: list[str] = []
    stated: set[str] = set()
    files: list[str] = []
    left: list[str] = []
    n_rows = 0
    tables, decisions = _known_parts(tables)
    for part, table, features in tables:
        own: dict[str, list[Any]] = {}
        for name in table.column_names:
            said = features.get(name)
            kind, names, several = _kind_of(said)
            cells: list[Any] = table.column(name).to_pylist()
            of_files = kind in ("Image", "Audio")
            if of_files and not several:
                files += [] if name in files else [name]
                own["path" if name == files[0] else name] = [_file(cell, unpacked, base) for cell in cells]
            elif names:
                stated.add(name)
                named += [] if name in named else [name]
                own[name] = [_several(cell, names) for cell in cells] if several else names_of(cells, names)
            elif of_files or any(isinstance(cell, dict | bytes) for cell in cells):
                left += [] if name in left else [name]
            else:
                own[_beside(name, table.column_names, features)] = cells
        if len(tables) > 1:
            own["split"] = [part_of(part) or part] * table.num_rows
        for name in {**columns, **own}:
            columns.setdefault(name, [None] * n_rows).extend(own.get(name) or [None] * table.num_rows)
        n_rows += table.num_rows
    if not columns or not n_rows:
        raise DataError(
            f"the {WHAT} {where} has no rows; expected pictures and labels. To fix: pass another part of it."
        )
    decisions["read as"] = Decision(value=WHAT, reason=counted(n_rows, "row"))
    if named:
        decisions["labels"] = Decision(value=first_few(named), reason="numbers of classes, by the names that it has")
    if files:
        reason = "what lies inside the table is written once into the cache folder"
        decisions["pictures"] = Decision(value=files[0], reason=reason)
    if left:
        reason = "columns of objects, such as boxes, or of several files"
        decisions["not used"] = Decision(value=first_few(left), reason=reason)
    return Labelled(columns, base, f"{WHAT} {where}", decisions, frozenset(stated))


def _known_parts(
    tables: Sequence[tuple[str, Any, Features]],
) -> tuple[Sequence[tuple[str, Any, Features]], dict[str, Decision]]:
    """Parts that are for training, validation or testing, where some are; others, such as "unsupervised", are told."""
    known = [each for each in tables if part_of(each[0])]
    others = [f"{name} ({counted(table.num_rows, 'row')})" for name, table, _ in tables if not part_of(name)]
    if not known or not others:
        return tables, {}
    reason = "the name says no part of a split; to use it, pass it by itself"
    return known, {"parts not used": Decision(value=first_few(others), reason=reason)}


def _beside(name: str, names: Sequence[str], features: Features) -> str:
    """What a column is called here; "path" is where the files are, whatever the data set says under that name."""
    taken = name == "path" and any(_kind_of(features.get(one))[0] in ("Image", "Audio") for one in names)
    return "path (as given)" if taken else name


def _kind_of(said: Any) -> tuple[str, list[str], bool]:
    """What a feature is, the names of its classes, and whether a cell has several."""
    if isinstance(said, list):
        kind, names, _ = _kind_of(said[0]) if said else ("", [], False)
        return kind, names, True
    if not isinstance(said, Mapping):
        return "", [], False
    if said.get("_type") in ("Sequence", "List", "LargeList"):
        kind, names, _ = _kind_of(said.get("feature"))
        return kind, names, True
    names: list[Any] = said.get("names") or [] if said.get("_type") == "ClassLabel" else []
    return str(said.get("_type", "")), [label_text(str(one)) for one in names], False


def _several(cell: Any, names: Sequence[str]) -> list[str]:
    """The names of the classes in a cell."""
    return [one for one in names_of(cell or [], names) if one]


def _file(cell: Any, unpacked: Unpacked, base: Path) -> str | None:
    """The path of a picture or sound: what lies inside is written, what only names a file is named."""
    if not isinstance(cell, Mapping):
        return cell if isinstance(cell, str) else None
    content, path = cell.get("bytes"), cell.get("path")
    if isinstance(content, bytes):
        return str(unpacked.put(content))
    return str(base.absolute() / path) if isinstance(path, str) else None


def _names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}
