"""What each column adds to the answers of a model whose answers are sums over columns, as a part of its report.

Legend: N rows, C columns, K′ raw outputs (one for two classes or a number; one per class, label or number else).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.tables.spec import Spec
from drivetrain.kinds.tables.understanding.importance import Say, one_each
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Html, figure, scrolling, table, tag
from drivetrain.pages.words import shortened, with_minus
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.text import counted, in_digits, readable

Floats = NDArray[np.float64]

MOST_ROWS = 200
"""Validation rows that the mean is taken of."""
MOST_BARS = 12
MOST_OF_A_ROW = 8
"""Columns told of one row; what the others add is summed."""


class Additive(Protocol):
    """A model that knows what each column adds."""

    def contributions(self, rows: Examples, /) -> Mapping[str, Floats]:
        """Column → (N, K′)."""
        ...

    def start(self) -> Floats:
        """(K′,) what they are added to."""
        ...


def adding(model: Additive, say: Say, data: Data, spec: Spec, *, seed: int = 0) -> Html:
    """Mean size of what each column adds to some validation rows, and of three of them each column's part.

    Args:
        model: That knows what each column adds.
        say: Its answers.
        data: What it was made with.
        spec: How it reads a row.
        seed: Of the rows.
    """
    rows, target = one_each(data.valid, MOST_ROWS, seed), data.target
    scale = np.array(target.std) if isinstance(target, NumberTarget) else np.ones(1)
    shift = np.array(target.mean) if isinstance(target, NumberTarget) else np.zeros(1)
    told = model.contributions(rows)
    names = list(told)
    added = np.stack([told[name] * scale for name in names], axis=1)  # (N, C, K′)
    start = model.start() * scale + shift
    sizes = np.abs(added).mean(axis=(0, 2))
    order = np.argsort(-sizes, kind="stable")
    bars = [
        Bar(shortened(readable(names[at]), 40), float(sizes[at]), None, None, _signed(float(sizes[at])).lstrip("+"))
        for at in order[:MOST_BARS].tolist()
    ]
    halves = " What is read of a pair of columns together counts half for each of them." if spec.pairs else ""
    lead = (
        "What each column adds to an answer, told from the mean of the training rows. It is exact: with the start, the "
        f"parts of all columns sum to what the model says, {_unit(target)}. It says what this model uses, not what "
        f"causes what.{halves}"
    )
    title = f"Mean size of what each column adds, of {counted(len(rows), 'validation row')}"
    said = say(rows)
    raw = start + added.sum(axis=1)
    by_size = np.argsort(raw[:, 0], kind="stable")
    shown = list(dict.fromkeys(by_size[[-1, len(rows) // 2, 0]].tolist()))
    parts = [_of_row(rows, row, dict(zip(names, added[row], strict=True)), start, said) for row in shown]
    return tag(
        "div",
        tag("h3", "What each column adds"),
        tag("p", lead),
        figure(compared(bars, "adding", title), title),
        tag("div", parts, class_="pair"),
    )


def _of_row(rows: Examples, row: int, added: Mapping[str, Floats], start: Floats, said: Predictions) -> Html:
    """One row: what its columns add to one output, the largest part first."""
    target, cells = said.target, cast(Cells, rows.inputs)
    many = not isinstance(target, NumberTarget) and len(start) > 1
    at = int(np.argmax(start + sum(added.values()))) if many else 0
    output = 1 if isinstance(target, CategoryTarget) and len(start) == 1 else at
    parts = sorted(((float(part[at]), column) for column, part in added.items()), key=lambda one: -abs(one[0]))
    told = [[readable(column), _cell(cells.columns[column][row]), _signed(part)] for part, column in parts]
    body = told[:MOST_OF_A_ROW]
    if len(told) > MOST_OF_A_ROW:
        rest = sum(part for part, _ in parts[MOST_OF_A_ROW:])
        body.append([counted(len(told) - MOST_OF_A_ROW, "other column"), "", _signed(rest)])
    body.append(["start", "", _plain(float(start[at]))])
    body.append(["sum", "", _plain(float(start[at]) + sum(part for part, _ in parts))])
    answer = float(said.output[row, output])
    name = readable(target.names[output] if isinstance(target, NumberTarget) else target.vocab[output])
    words = _plain(answer) if isinstance(target, NumberTarget) else f"{100 * answer:.1f} %"
    caption = f"{readable(cells.name(row))}: {shortened(name, 40)} {words}"
    shown = table(["column", "cell", "adds"], body, caption=caption, numeric=[2])
    return tag("div", tag("h4", caption), scrolling(caption, shown))


def _unit(target: Target) -> str:
    if isinstance(target, NumberTarget):
        return "in the units of the target"
    if isinstance(target, CategoryTarget) and len(target.vocab) > 2:
        return "as scores of the classes (before softmax; of a row those of its surest class are shown)"
    if isinstance(target, CategoryTarget):
        name = shortened(readable(list(target.vocab)[1]), 40)
        return f"in logarithms of the odds of {name} (0.69 more doubles the odds)"
    return (
        "in logarithms of the odds of each label (0.69 more doubles them; of a row those of its surest label are shown)"
    )


def _cell(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return "–"
    number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
    return _plain(float(cast(Any, cell))) if number else shortened(readable(str(cell).removesuffix(" 00:00:00")), 40)


def _plain(value: float) -> str:
    return with_minus(in_digits(value))


def _signed(value: float) -> str:
    return with_minus(in_digits(value, "+.3g"))
