"""Annotations of CVAT for images 1.1, by the schema of docs.cvat.ai/docs/manual/advanced/formats/format-cvat."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

from drivetrain.data.labelled.table import Labelled, Rows, inside
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.part_names import part_of
from drivetrain.errors import DataError
from drivetrain.text import readable, short_reason

WHAT = "CVAT for images"
SHAPES = frozenset(("box", "polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton"))
PREFIX = 4096


def is_cvat(start: bytes) -> bool:
    """Whether a file begins as one of CVAT's."""
    return b"<annotations" in start[:PREFIX]


def read_cvat(where: Path) -> Labelled:
    """The labels of a file: tags of whole pictures, or else those of boxes and outlines.

    Raises:
        DataError: It is damaged, declares entities, or is of videos.
    """
    try:
        data = where.read_bytes()
    except OSError as error:
        raise DataError(f"{readable(where)} cannot be read: {short_reason(error)}. To fix: check the path.") from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"{readable(where)} declares entities; expected plain {WHAT}. To fix: export it again.")
    rows = Rows(WHAT, where)
    rows.below(where.parent, where.parent.parent)
    tagged: list[list[str]] = []
    shaped: list[list[str]] = []
    n_tracks = 0
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(data), events=("end",)):
            if element.tag == "track":
                n_tracks += 1
            if element.tag != "image":
                continue
            name = element.get("name")
            if name:
                rows.add(inside(name), (), part_of(element.get("subset") or "") or "")
                tagged.append([label_text(one.get("label", "")) for one in element if one.tag == "tag"])
                shaped.append([label_text(one.get("label", "")) for one in element if one.tag in SHAPES])
            else:
                rows.left_out["pictures without a name"] += 1
            element.clear()
    except ElementTree.ParseError as error:
        raise DataError(
            f"{readable(where)} is damaged: {short_reason(error)}; expected {WHAT}. To fix: export it again."
        ) from error
    if n_tracks and not rows.names:
        raise DataError(
            f"{readable(where)} has {n_tracks} tracks of a video; expected pictures. To fix: export it as 'CVAT for "
            "images 1.1', with images."
        )
    by_tag = any(tagged)
    rows.labels = [tuple(dict.fromkeys(filter(None, one))) for one in (tagged if by_tag else shaped)]
    n_shapes = sum(map(len, shaped))
    if by_tag and n_shapes:
        rows.left_out["boxes and outlines, beside tags"] = n_shapes
    how = f"{sum(map(len, tagged)):,} tags" if by_tag else f"{n_shapes:,} boxes and outlines"
    return rows.table(of_shapes=not by_tag, how=how)
