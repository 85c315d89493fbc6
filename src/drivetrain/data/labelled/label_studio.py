"""Exports of Label Studio: JSON, JSON-MIN and CSV, by the schema of labelstud.io/guide/export."""

from __future__ import annotations

import json
import mimetypes
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from drivetrain.data.labelled.table import Labelled, Rows, inside
from drivetrain.data.tables.labels import label_text
from drivetrain.errors import DataError, first_few
from drivetrain.text import readable

WHAT = "Label Studio export"
OF_A_TASK = ("annotations", "completions")
BESIDE = frozenset(
    ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "annotations_count")
)
"""Columns of JSON-MIN and CSV that say nothing of what is seen."""
SHAPES = ("rectanglelabels", "polygonlabels", "brushlabels", "ellipselabels", "keypointlabels", "bitmasklabels")
UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio writes before the name of a file that is uploaded."""


def is_export(found: Any) -> bool:
    """Whether some JSON has the form of JSON or JSON-MIN."""
    first = found[0] if isinstance(found, list) and found else None
    if not isinstance(first, Mapping):
        return False
    if isinstance(first.get("data"), Mapping):
        return any(isinstance(first.get(name), list) for name in OF_A_TASK)
    return "id" in first and bool({"annotation_id", "annotator", "lead_time"} & first.keys())


def is_csv(header: str) -> bool:
    """Whether the first line of a CSV file is one of an export."""
    names = set(header.strip().replace('"', "").split(","))
    return {"id", "annotation_id"} <= names and bool({"annotator", "lead_time"} & names)


def read_export(tasks: Sequence[Any], where: Path) -> Labelled:
    """The labels of an export.

    Args:
        tasks: Its rows.
        where: The file.

    Raises:
        DataError: It has no labels, or several kinds of them.
    """
    rows = Rows(WHAT, where)
    rows.below(where.parent, where.parent.parent)
    answers: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    shapes, names_of = False, set[str]()
    for task in tasks:
        if not isinstance(task, Mapping):
            rows.left_out["no tasks"] += 1
            continue
        said = cast("Mapping[str, Any]", task)
        name, found = _of_task(said) if isinstance(said.get("data"), Mapping) else _of_row(said)
        if not name:
            rows.left_out["without a picture"] += 1
            continue
        answers[name] += []
        for kinds in found:
            names_of |= kinds.keys()
            shapes = shapes or any(shape for shape, _ in kinds.values())
            answers[name].append(tuple(label for _, labels in kinds.values() for label in labels))
    if len(names_of) > 1:
        raise DataError(
            f"{readable(where)} ({WHAT}) has labels of several questions: {first_few(map(repr, sorted(names_of)))}; "
            "expected one. To fix: export in the form CSV, and pass it as a table with one of them as target="
            "(pandas.read_csv(...)); or label with one question."
        )
    for name, given in answers.items():
        if not given:
            rows.left_out["not labelled"] += 1
        elif len({frozenset(one) for one in given}) > 1:
            rows.left_out["labelled otherwise by different people"] += 1
        else:
            rows.add(name, given[0])
    how = f"{sum(map(len, answers.values())):,} annotations"
    _call_as_here(rows)
    return rows.table(of_shapes=shapes, how=how)


Answer = dict[str, tuple[bool, list[str]]]
"""Question → whether it is of boxes or outlines, and the labels."""


def _of_task(task: Mapping[str, Any]) -> tuple[str, list[Answer]]:
    """The picture of a task in JSON, and what each annotator said; cancelled annotations say nothing."""
    given = next((task[name] for name in OF_A_TASK if isinstance(task.get(name), list)), [])
    data = cast("Mapping[str, Any]", task["data"])
    found: list[Answer] = []
    asked = ""
    for one in cast("list[Any]", given):
        if not isinstance(one, Mapping) or one.get("was_cancelled"):
            continue
        answer: Answer = {}
        results = one.get("result")
        for result in cast("list[Any]", results) if isinstance(results, list) else []:
            value: Any = (result.get("value") if isinstance(result, Mapping) else None) or {}
            labels = _labels(value)
            if labels:
                asked = str(result.get("to_name", ""))
                question = str(result.get("from_name", "label"))
                shape, before = answer.get(question, (False, []))
                answer[question] = (shape or any(name in value for name in SHAPES), before + labels)
        found.append(answer)
    named = data.get(asked)
    named = named if isinstance(named, str) and named else _file_of(data)[1]
    return _name(named), found


def _labels(value: Any) -> list[str]:
    """What a result names: choices, labels of shapes, numbers."""
    if not isinstance(value, Mapping):
        return []
    for key in ("choices", *SHAPES, "labels", "taxonomy"):
        listed = value.get(key)
        listed = [listed] if isinstance(listed, str) else listed
        if isinstance(listed, list):
            return [label_text("/".join(map(str, one)) if isinstance(one, list) else str(one)) for one in listed]
    return [label_text(value[key]) for key in ("rating", "number") if isinstance(value.get(key), int | float)]


def _of_row(row: Mapping[str, Any]) -> tuple[str, list[Answer]]:
    """The picture of a row in JSON-MIN or CSV, and what its annotator said."""
    named, address = _file_of({name: value for name, value in row.items() if name not in BESIDE})
    answer: Answer = {}
    for question, cell in row.items():
        if question in BESIDE or question == named or cell in (None, "", "[]"):
            continue
        value: Any = cell
        if isinstance(cell, str) and cell.lstrip()[:1] in ("{", "["):
            try:
                value = json.loads(cell)
            except ValueError:
                value = cell
        listed = value if isinstance(value, list) else [value]
        labels = [
            label for one in listed for label in (_labels(one) if isinstance(one, Mapping) else [label_text(one)])
        ]
        shape = any(isinstance(one, Mapping) and any(name in one for name in SHAPES) for one in listed)
        if labels:
            answer[str(question)] = (shape, labels)
    return _name(address), [answer] if answer else []


def _file_of(cells: Mapping[str, Any]) -> tuple[str, str]:
    """The column that names a file, and its cell: known endings first, then others, addresses, text."""
    ranks = {name: _rank(value) for name, value in cells.items()}
    best = max(ranks, key=lambda name: ranks[name], default="")
    return (best, str(cells[best])) if best and ranks[best] else ("", "")


def _rank(value: Any) -> int:
    if not isinstance(value, str) or not re.search(r"[/.\\]", value) or value.lstrip().startswith(("{", "[")):
        return 0
    name = _name(value)
    if mimetypes.guess_type(name, strict=False)[0]:
        return 4
    if re.search(r"[^\s/\\][.][A-Za-z0-9]{2,5}$", name):
        return 3
    return 2 if "://" in value or value.startswith("/") else 1


def _name(address: str) -> str:
    """The file that an address names: of local storage, of an upload, of a bucket."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return inside(address)
    local = re.search(r"(?:^|&)d=([^&]+)", parts.query) if parts.path.rstrip("/").endswith("local-files") else None
    path = address
    if local is not None:
        path = unquote(local[1])
    elif len(parts.scheme) > 1 or address.startswith("/"):  # not the drive of C:\1.jpg
        path = unquote(parts.path)
    return inside(path.removeprefix("/data/upload/"))


def _call_as_here(rows: Rows) -> None:
    """Where uploads lie under their old names, without what Label Studio wrote before them, these are taken."""
    plain = ["/".join([*name.split("/")[:-1], UPLOADED.sub("", name.split("/")[-1])]) for name in rows.names]
    if plain == rows.names or len(set(plain)) < len(plain):
        return
    folders = [folder for group in rows.folders for folder in group]
    there = {path.name for folder in folders for path in folder.glob("*")}
    there |= {path.name for folder in folders for path in folder.glob("*/*")}
    old = sum(name.split("/")[-1] in there for name in rows.names)
    if sum(name.split("/")[-1] in there for name in plain) > old:
        rows.names[:] = plain
