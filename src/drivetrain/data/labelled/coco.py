"""Annotations of COCO: labels of whole pictures, boxes and outlines, by the schema of cocodataset.org/#format-data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drivetrain.data.labelled.table import Labelled, Rows, inside
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.part_names import part_of
from drivetrain.errors import DataError
from drivetrain.text import readable

WHAT = "COCO annotations"


def is_coco(found: Any) -> bool:
    """Whether some JSON has their form."""
    return isinstance(found, Mapping) and isinstance(found.get("images"), list) and "annotations" in found


def read_coco(files: Sequence[tuple[Path, Any]], where: Path) -> Labelled:
    """The labels of one or several files, each of a part of the data.

    Args:
        files: Each with its JSON.
        where: What was passed.

    Raises:
        DataError: There are captions instead of categories, or nothing can be learnt.
    """
    rows = Rows(WHAT, where)
    shapes, n_annotations = False, 0
    for path, found in files:
        part = part_of(path.parent.name) or part_of(path.stem) if len(files) > 1 else None
        rows.below(path.parent, path.parent.parent)
        names = _names(found.get("categories"))
        labels: dict[str, dict[str, None]] = defaultdict(dict)
        pictures = _objects(found["images"])
        listed = {_number(image.get("id")) for image in pictures}
        for one in _objects(found.get("annotations")):
            segments = _objects(one.get("segments_info"))  # of panoptic segmentation
            for each in segments or [one]:
                if each.get("category_id") is None:
                    rows.left_out["annotations without a category"] += 1
                    continue
                name = names.get(_number(each["category_id"]))
                if name is None:
                    rows.left_out["annotations of a category that is not listed"] += 1
                    continue
                picture = _number(one.get("image_id"))
                if picture not in listed:
                    rows.left_out["annotations of a picture that is not listed"] += 1
                    continue
                n_annotations += 1
                shapes = shapes or bool(each.get("bbox") or each.get("segmentation") or segments)
                labels[picture][name] = None
        if not n_annotations and any("caption" in one for one in _objects(found.get("annotations"))):
            raise DataError(
                f"{readable(path)} has captions; expected annotations with a category_id. To fix: pass the file of "
                "instances; for captions see drivetrain.caption_report."
            )
        for image in pictures:
            if isinstance(image.get("file_name"), str):
                rows.add(inside(image["file_name"]), labels.get(_number(image.get("id")), {}), part or "")
            else:
                rows.left_out["pictures without a name"] += 1
    return rows.table(of_shapes=shapes, how=f"{n_annotations:,} annotations")


def _names(categories: Any) -> dict[str, str]:
    """Number → name, of categories that have both."""
    found = {_number(one.get("id")): label_text(str(one.get("name") or "")) for one in _objects(categories)}
    return {number: name for number, name in found.items() if name}


def _number(said: Any) -> str:
    """By which lists refer to each other: 7 for some programs, "7" for others."""
    return str(said)


def _objects(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
