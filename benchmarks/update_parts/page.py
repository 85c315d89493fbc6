"""The page of the updates: a table for each task, the goals and what falls short, the curves, ten updates in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common import provenance, table

from update_parts.judging import accuracy, flips, hits_of
from update_parts.tasks import STEPS, TASKS
from update_parts.ways import WAYS

HEAD = ["way", "old task", "among old classes", "new task", "wrong now, right now", "calibration", "CPU", "× plain"]
ABOUT = """
Accuracy in percent of test rows that nothing was trained on or chosen by, with 95 % intervals (Wilson). *Among old
classes*: where only the old classes may be answered, which says what the body still knows. *Wrong now, right now*: old
test rows that were right and are wrong now, and the other way round, in percent of them. *Calibration*: mean distance
of confidence and accuracy on the old and on the new test rows, in points. CPU: seconds of one core, of the training
with all judging that belongs to it, on a machine that others used, too.
"""
LIMITS = """
What limits it. *pictures*: how many old rows the head is solved for trades one task for the other; as many of a class
as a new one has keep 91 % of the old accuracy and 98 % of the new one (seed 1), as many as there are new ones, which
is the default, 98 and 94 %. *Exemplars*: five of 20 judge; 15 rows of each class trained at once from the public
weights reach 50.7 % of all classes of Grocery Store, 20 reach 54.2 %, all of them (33) 59.0 %. *Time*: rows of one
table were measured at loads of 1 to 25, at which the same training takes up to a third more CPU seconds.
*two-threads* is the same draw computed by two threads: rounding makes other nets of it, which shows how much a single
row may say. Its rows were measured in one go, so that its times can be compared with each other.
"""
GOALS = ("update", "exemplars", "by-hand-20")
KEPT = 0.95
MOST_TIMES = 1.5
AVALANCHE = {
    "avalanche-replay": "avalanche: replay, 20 old rows per class, for the time of the update as it was",
    "avalanche-ewc": "avalanche: EWC, for the time of the update as it was",
}
FORMER = {
    "former-update": "update as it was: the same 20 old rows per class in each epoch and for the head",
    "former-both": "the same, and distillation",
    "former-exemplars": "update as it was, 20 exemplars per class in the model, as JPEG",
}
"""Measured before an epoch took other old rows than the last, and before exemplars were kept without loss."""
LABELS = {**{name: way.label for name, way in WAYS.items()}, **FORMER, **AVALANCHE}
Rows = Mapping[str, Mapping[str, Any]]


def page(rows: Rows) -> list[str]:
    lines = ["# A model that is in use learns more", "", *ABOUT.strip().splitlines()]
    for name in TASKS:
        seeds = sorted({key.split("/")[2] for key in rows if key.startswith(f"{name}/before/")})
        for seed in seeds:
            lines += ["", *one_task(rows, name, seed)]
    for seed in sorted({key.split("/")[2] for key in rows if key.startswith("steps/")}):
        lines += ["", *in_steps(rows, seed)]
    lines += ["", "`python benchmarks/update.py ../shared`, with `--steps`, and with `--avalanche PYTHON`."]
    lines += ["", *LIMITS.strip().splitlines()]
    told = provenance({key: row for key, row in rows.items() if "versions" in row})
    return [*lines, "", *told[told.index("## Hardware and versions") :]]


def one_task(rows: Rows, name: str, seed: str) -> list[str]:
    before = rows[f"{name}/before/{seed}"]
    plain = rows.get(f"{name}/by-hand/{seed}")
    known = [percent(before["old"]), percent(before["old"], "among_own"), percent(before["new"])]
    body = [["the model in use", *known, *["–"] * 4]]
    found = {way: rows[f"{name}/{way}/{seed}"] for way in LABELS if f"{name}/{way}/{seed}" in rows}
    body += [one_way(LABELS[way], row, before, plain) for way, row in found.items()]
    lines = [f"## {name}, {seed}", "", before["about"], "", *table(HEAD, body), ""]
    if plain is not None:
        lines += [goal(LABELS[way], found[way], before, plain) for way in GOALS if way in found]
    lines += ["", *curves(found)]
    asked = [way for way in LABELS if way in WAYS or (way in AVALANCHE and name == "pictures")]
    missing = [way for way in asked if way not in found]
    return [*lines, f"Not measured yet: {', '.join(missing)}."] if missing else lines


def one_way(
    label: str, row: Mapping[str, Any], before: Mapping[str, Any], plain: Mapping[str, Any] | None
) -> list[str]:
    changed = flips(before["old"], row["old"])
    sure = f"{100 * row['old']['calibration_error']:.1f}, {100 * row['new']['calibration_error']:.1f}"
    return [
        label,
        percent(row["old"]),
        percent(row["old"], "among_own"),
        percent(row["new"]),
        f"{100 * changed.negative / changed.n:.1f}, {100 * changed.positive / changed.n:.1f}",
        sure,
        f"{row['cpu_seconds']:.0f} s",
        "–" if plain is None else f"{row['cpu_seconds'] / plain['cpu_seconds']:.2f}",
    ]


def goal(label: str, row: Mapping[str, Any], before: Mapping[str, Any], plain: Mapping[str, Any]) -> str:
    """How much of the old task and of plain fine-tuning's new accuracy is kept, and in which time."""
    old = hits_of(row["old"]).mean() / hits_of(before["old"]).mean()
    new = hits_of(row["new"]).mean() / hits_of(plain["new"]).mean()
    times = row["cpu_seconds"] / plain["cpu_seconds"]
    short = [
        word for word, met in (("old", old >= KEPT), ("new", new >= KEPT), ("time", times <= MOST_TIMES)) if not met
    ]
    said = f"keeps {100 * old:.0f} % of the old accuracy and {100 * new:.0f} % of plain fine-tuning's new one, "
    verdict = "the goal (95 %, 95 %, 1.5 ×)" if not short else f"short of the goal in: {', '.join(short)}"
    return f"* {label.replace('**', '')}: {said}in {times:.2f} × its time: {verdict}."


def curves(found: Rows) -> list[str]:
    """What was judged between old and new weights, on validation rows; the point that was taken stands in bold."""
    lines: list[str] = []
    for way, row in found.items():
        told = row.get("told") or {}
        points = [point for point in told.get("curve", ()) if point["old"] is not None and point["new"] is not None]
        if points:
            body = [
                [f"**{p['alpha']:g}**" if p["alpha"] == told["alpha"] else f"{p['alpha']:g}"]
                + [f"{100 * p[which]:.1f}" for which in ("old", "new")]
                for p in points
            ]
            lines += [
                f"Between old and new weights ({way}), validation rows:",
                "",
                *table(["α", "old", "new"], body),
                "",
            ]
    return lines


def in_steps(rows: Rows, seed: str) -> list[str]:
    """Ten updates in a row."""
    lines = [f"## Ten updates in a row, {seed}", "", "Grocery Store, 11 classes, then 7 more ten times, with the 20"]
    lines += ["exemplars per class that each model carries; the test rows are those of all classes so far.", ""]
    body: list[list[str]] = []
    for number in range(1, STEPS + 1):
        row = rows.get(f"steps/{number}/{seed}")
        if row is not None:
            grown = f"{(row['bytes'] - row['exemplar_bytes']) / 1e6:.2f} MB, {row['exemplar_bytes'] / 1e6:.2f} MB"
            body.append([str(number), percent(row["all"]), f"{row['alpha']:g}", grown, f"{row['cpu_seconds']:.0f} s"])
    again = rows.get(f"steps/again/{seed}")
    if again is not None:
        body.append(["all at once", percent(again["all"]), "–", "–", f"{again['cpu_seconds']:.0f} s"])
    head = ["update", "all classes so far", "α", "model without exemplars, exemplars", "CPU"]
    return [*lines, *table(head, body)]


def percent(said: Mapping[str, Any], which: str = "hits") -> str:
    value, low, high = (100 * end for end in accuracy(said, which))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"
