"""The page of `audit.py`: what its rows say, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common import table

Row = Mapping[str, Any]


def page(rows: Mapping[str, Row], *, classes: int, per_class: int) -> list[str]:
    lines = ["# Audits before training", "", "Made by `benchmarks/audit.py`; what each row is, is said there.", ""]
    lines += cost({name: rows[name] for name in ("tiny", "grocery") if name in rows})
    for name in ("planted-tiny", "planted-grocery"):
        lines += planted(name, rows[name]) if name in rows else []
    lines += shortcut(rows["shortcut"], classes) if "shortcut" in rows else []
    lines += groups(rows["groups"]) if "groups" in rows else []
    lines += clean(rows["clean"], classes, per_class) if "clean" in rows else []
    used = next(iter(rows.values()))
    return [*lines, "## How", "", f"`{used['command']}`, {used['hardware']}, {used['versions']}"]


def cost(rows: Mapping[str, Row]) -> list[str]:
    if not rows:
        return []
    head = ["set", "rows", "seconds", "CPU seconds", "peak memory, MB"]
    numbers = ("rows", "seconds", "cpu_seconds", "peak_mb")
    lines = ["## Cost, from the files to the findings", ""]
    lines += [*table(head, [[name, *(f"{row[key]:,.0f}" for key in numbers)] for name, row in rows.items()]), ""]
    for name, row in rows.items():
        lines += [f"Found on {name}:", ""]
        lines += [f"* {f['severity']}: {f['title']} ({f['pairs']:,} pairs)" for f in row["findings"]] or ["* nothing"]
        lines += [""]
    return lines


def planted(name: str, row: Row) -> list[str]:
    by: Mapping[str, Row] = row["by"]
    body = [
        [way, *(f"{found['recall'][way][0]} of {found['recall'][way][1]}" for found in by.values())]
        for way in by["audit"]["recall"]
    ]
    body.append(["**planted, of all that was named**", *(f"{f['planted']} of {f['named']}" for f in by.values())])
    where = f"{name.removeprefix('planted-')}, {row['planted']:,} among {row['held_out']:,} held-out rows"
    return [f"## Planted copies: {where}", "", *table(["copy, found", *by], body), ""]


def shortcut(row: Row, classes: int) -> list[str]:
    head = ["share of the pictures whose quality follows their class", "repeats", "what the audit said", "mean score"]
    body = [
        [
            share,
            str(found["repeats"]),
            ", ".join(f"{n} × {said}" for said, n in found["said"].items()),
            f"{100 * found['mean_score']:.1f} %",
        ]
        for share, found in row.items()
        if isinstance(found, dict) and "said" in found
    ]
    said = f"Balanced accuracy of {classes} classes from capture metadata alone; guessing gets {100 / classes:.0f} %."
    return ["## Planted shortcut: JPEG quality 85 or 75 goes with the class", "", *table(head, body), "", said, ""]


def groups(row: Row) -> list[str]:
    lines = [f"* {how}: {', '.join(f'{n} × {said}' for said, n in row[how].items())}" for how in HOW_SPLIT]
    return ["## Planted group leak", "", *lines, ""]


HOW_SPLIT = ("random split", "split by group")


def clean(row: Row, classes: int, per_class: int) -> list[str]:
    said = (
        f"{row['alarmed']} of {row['repeats']} random subsets ({classes} classes × {per_class} pictures, divided by "
        f"drivetrain) raised a problem or a warning; {row['seconds']:.1f} s each."
    )
    raised = [f"* seed {found['seed']}: {'; '.join(found['titles'])}" for found in row["raised"]]
    return ["## Clean data", "", said, "", *raised, ""]
