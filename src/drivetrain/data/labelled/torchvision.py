"""Data sets of torchvision that name files: `ImageFolder`, `DatasetFolder`, and subsets of them, by what they offer."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from drivetrain.data.labelled.table import Labelled
from drivetrain.data.labelled.unpacking import names_of
from drivetrain.data.tables.labels import label_text
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import shown
from drivetrain.text import counted

WHAT = "data set of torchvision"


def is_vision(source: Any) -> bool:
    """Whether something in memory is such a data set, or a subset of one."""
    if isinstance(source, list | tuple | dict | str | type):
        return False
    inner = getattr(source, "dataset", None)
    if inner is not None and hasattr(source, "indices"):
        return is_vision(inner)
    has_items = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    return has_items and (_has_files(source) or (hasattr(source, "targets") and hasattr(source, "data")))


def read_vision(source: Any) -> Labelled:
    """The files and classes of a data set; what it would do to pictures is left out.

    Raises:
        DataError: Its pictures are no files.
    """
    rows: Sequence[int] | None = None
    while hasattr(source, "indices") and hasattr(source, "dataset"):
        own = [int(row) for row in source.indices]
        rows = own if rows is None else [own[row] for row in rows]
        source = source.dataset
    kind = type(source).__name__
    if not _has_files(source):
        raise DataError(
            f"the {WHAT} {kind} holds its pictures as an array; expected one that names files. To fix: write them, "
            "such as Image.fromarray(data.data[i]).save(path), and pass the folder."
        )
    samples = cast("Sequence[tuple[Any, Any]]", getattr(source, "samples", None) or source.imgs)
    listed = list(samples) if rows is None else [samples[row] for row in rows]
    classes = [_class_name(name) for name in getattr(source, "classes", None) or []]
    labels = _labels([target for _, target in listed], classes, kind)
    decisions = {"read as": Decision(value=f"{WHAT}, {kind}", reason=counted(len(listed), "file"))}
    if any(getattr(source, name, None) is not None for name in ("transform", "target_transform", "transforms")):
        decisions["not used"] = Decision(value="its transforms", reason="drivetrain prepares pictures itself")
    columns = {"path": [str(path) for path, _ in listed], "label": labels}
    return Labelled(columns, Path.cwd(), f"{WHAT} of {counted(len(listed), 'file')}", decisions, frozenset(["label"]))


def _class_name(said: Any) -> str:
    """Of a class; `ImageNet` has several for each."""
    return label_text(", ".join(map(str, cast("Sequence[Any]", said))) if isinstance(said, list | tuple) else str(said))


def _labels(targets: Sequence[Any], classes: Sequence[str], kind: str) -> list[str | None]:
    """Targets by name: numbers of classes, or names as they are.

    Raises:
        DataError: They are neither.
    """
    if all(isinstance(target, str) for target in targets):
        return [label_text(target) for target in targets]
    try:
        numbers = [operator.index(target) for target in targets]
    except TypeError as error:
        odd = next(target for target in targets if not hasattr(target, "__index__") or isinstance(target, list | tuple))
        raise DataError(
            f"the {WHAT} {kind} has {shown(odd)} as a target; expected the number or the name of a class. To fix: pass "
            "a list of (path, label) pairs, or a table with a column for each target."
        ) from error
    return names_of(numbers, classes) if classes else [label_text(number) for number in numbers]


def _has_files(source: Any) -> bool:
    listed = getattr(source, "samples", None) or getattr(source, "imgs", None)
    if not isinstance(listed, list | tuple) or not listed:
        return False
    first = cast("Sequence[Any]", listed)[0]
    return (
        isinstance(first, list | tuple) and len(cast("Sequence[Any]", first)) == 2 and isinstance(first[0], str | Path)
    )
