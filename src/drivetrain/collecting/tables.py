"""What is written beside the files: the table of what is used, as `dt.images` reads it, and that of what is not."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from drivetrain.collecting.sifting import Aside, Kept
from drivetrain.text import cell, readable

KEPT = (
    "path", "label", "url", "final_url", "license", "creator", "origin", "title", "when", "sha256", "bytes", "width",
    "height",
)  # fmt: skip
ASIDE = ("what", "reason", "path", "label", "url", "final_url", "license", "creator", "origin", "title", "when")


def write_kept(place: Path, kept: Sequence[Kept]) -> None:
    """The table of what is used: paths start at its folder; without labels there is no column of them."""
    with_labels = any(one.wanted.label for one in kept)
    columns = [name for name in KEPT if name != "label" or with_labels]
    rows = [_row(one, columns, one.path.relative_to(place.parent).as_posix()) for one in kept]
    _write(place, columns, rows)


def write_aside(place: Path, aside: Sequence[Aside], refused: Iterable[tuple[str, str]]) -> None:
    """The table of what is not used, and why."""
    rows = [
        _row(one, ASIDE, "" if one.path is None else one.path.relative_to(place.parent).as_posix()) for one in aside
    ]
    rows += [["not asked", cell(readable(reason)), "", "", cell(readable(said)), *[""] * 6] for said, reason in refused]
    _write(place, ASIDE, rows)


def _row(one: Kept | Aside, columns: Sequence[str], path: str) -> list[str]:
    wanted, outcome = one.wanted, one.outcome
    said: dict[str, Any] = {
        "path": path,
        "label": wanted.label,
        "url": wanted.url,
        "license": wanted.license,
        "creator": wanted.creator,
        "origin": wanted.origin,
        "title": wanted.title,
    }
    if isinstance(one, Aside):
        said |= {"what": "failed" if one.failed else "set aside", "reason": one.reason}
    if outcome is not None:
        said |= {
            "final_url": outcome.final_url,
            "when": outcome.when,
            "sha256": outcome.sha256,
            "bytes": outcome.n_bytes,
            "width": outcome.width or "",
            "height": outcome.height or "",
        }
    return [_cell(str(said.get(name, ""))) for name in columns]


def _cell(text: str) -> str:
    """One line; what a spreadsheet would compute is marked as text, but for numbers."""
    text = readable(" ".join(text.split()))
    try:
        float(text)
    except ValueError:
        return cell(text)
    return text


def _write(place: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    beside = place.with_name(f".{place.name}.part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(place)
