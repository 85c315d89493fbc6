"""What an update did to each class: how much of it is recognised before and after, and which rows turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivetrain.evaluation.intervals import wilson_interval
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.updates.parts import Task
from drivetrain.pages.charts import strip
from drivetrain.pages.html import Cell, Html, scrolling, table, tag
from drivetrain.pages.words import as_percent


@dataclass(frozen=True)
class ClassChange:
    """The rows of one class, or those that have one label."""

    name: str
    n: int
    before: int
    """Recognised before."""
    after: int
    negative: int
    """Recognised before and not now."""
    positive: int


def by_class(task: Task) -> list[ClassChange]:
    """Of each class that has rows, those that lost most first; empty of numbers.

    Example:
        >>> from drivetrain.evaluation import score
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> was, now = (
        ...     Predictions(ids=("a", "b", "c"), target=fruit, truth=[0, 0, 1], output=output)
        ...     for output in ([[1, 0], [1, 0], [1, 0]], [[1, 0], [0, 1], [0, 1]])
        ... )
        >>> for one in by_class(Task("old", score(was), score(now), None, (was, now))):
        ...     print(one)
        ClassChange(name='apple', n=2, before=2, after=1, negative=1, positive=0)
        ClassChange(name='pear', n=1, before=0, after=1, negative=0, positive=1)
    """
    before, after = task.said[0].judged, task.said[1].judged
    target = before.target
    if target.kind == "number":
        return []
    truth = before.known_truth()
    found: list[ClassChange] = []
    for k, name in enumerate(target.vocab):
        if target.kind == "category":
            rows = truth == k
            was, now = before.chosen()[rows] == k, after.chosen()[rows] == k
        else:
            rows = truth[:, k] == 1
            was, now = before.chosen()[rows, k] == 1, after.chosen()[rows, k] == 1
        n = int(rows.sum())
        if n:
            counts = [int(one.sum()) for one in (was, now, was & ~now, ~was & now)]
            found.append(ClassChange(name, n, *counts))
    return sorted(found, key=lambda one: (one.after - one.before, -one.negative, one.name))


def class_table(task: Task, new_classes: frozenset[str], caption: str) -> Html | None:
    """The same as a table that can be sorted; None where there are no classes."""
    found = by_class(task)
    if not found:
        return None
    rows = [
        [
            tag("span", one.name, " ", tag("span", "new", class_="level")) if one.name in new_classes else one.name,
            Cell(f"{one.n:,}", one.n),
            _share(one.before, one.n),
            _share(one.after, one.n),
            Cell(f"{one.negative:,}", one.negative),
            Cell(f"{one.positive:,}", one.positive),
        ]
        for one in found
    ]
    head = ["class", "rows", "recognised before", "recognised after", "right → wrong", "wrong → right"]
    made = table(head, rows, caption=caption, numeric=[1, 4, 5], class_="sortable", data_filter=len(rows) > 12)
    return scrolling(f"{caption}, one per row", made, tall=len(rows) > 15)


def _share(count: int, n: int) -> Cell:
    reach = wilson_interval(count, n)
    value = count / n
    written = f"[{100 * reach.low:.0f}, {100 * reach.high:.0f}]"
    drawn = strip(reach.low, value, reach.high, (0, 1), "accent")
    shown = tag("span", tag("b", as_percent(value, 0)), drawn, tag("span", written, class_="soft"), class_="share")
    return Cell(shown, value)


def joined(tasks: list[Task], side: int) -> Predictions | None:
    """Rows of both tasks, before (0) or after (1), as one table; None where they cannot be put together."""
    said = [task.said[side] for task in tasks]
    if not said or any(one.target != said[0].target for one in said):
        return None
    return Predictions(
        ids=tuple(id_ for one in said for id_ in one.ids),
        target=said[0].target,
        truth=np.concatenate([one.known_truth() for one in said]),
        output=np.concatenate([one.output for one in said]),
    )
