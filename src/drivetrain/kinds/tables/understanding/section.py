"""What a model of a table goes by, as a section of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivetrain.data.data import Data
from drivetrain.data.inputs import Cells
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.kinds.tables.fitting import describe
from drivetrain.kinds.tables.spec import Spec
from drivetrain.kinds.tables.understanding.adding import Additive, adding
from drivetrain.kinds.tables.understanding.dependence import Dependence, dependence
from drivetrain.kinds.tables.understanding.importance import Importance, Say, importance
from drivetrain.kinds.tables.understanding.together import together
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Html, figure, scrolling, table, tag
from drivetrain.pages.svg import dot, drawing, path, plot, spread
from drivetrain.pages.words import shortened, with_minus
from drivetrain.text import counted, in_digits, readable

TITLE = "What it goes by"
MOST_BARS = 12
MOST_SHOWN = 6
"""Columns whose dependence is drawn."""
MOST_OF_A_GROUP = 4
MOST_CURVES = 25
"""Rows whose own curve is drawn."""
WIDTH, HEIGHT = 460.0, 280.0


class Understanding:
    """What the validation rows say of a model of a table.

    Args:
        say: The model.
        data: What it was made with.
        spec: How it reads a row.
        seed: Of rows and order.
    """

    def __init__(self, say: Say, data: Data, spec: Spec, *, seed: int = 0) -> None:
        self.data, self.say, self.seed = data, say, seed
        by = METRICS["rmse" if data.target.kind == "number" else "log_loss"]
        self.columns = {column.name: column for column in spec.columns}
        inputs: Any = data.train.inputs
        assert isinstance(inputs, Cells)
        groups = together(inputs.columns, spec.columns, seed=seed)
        self.importance: list[Importance] = importance(say, data.valid, by, groups, seed=seed)
        """Of groups of columns that say much the same, the most important first."""

    def dependence(self, name: str) -> Dependence | None:
        """How the answers move with a column."""
        return dependence(self.say, self.data.valid, self.columns[name], seed=self.seed)


def model_sections(model: Any) -> list[tuple[str, Html]]:
    """The sections of a report about any model of a table."""
    spec = getattr(model, "spec", None) or getattr(getattr(model, "kind", None), "spec", None)
    adds = model if getattr(model, "has_contributions", False) else None
    return report_sections(model.predict_rows, model.data, spec, adds)


def report_sections(say: Say, data: Data, spec: Any = None, adds: Additive | None = None) -> list[tuple[str, Html]]:
    """Importance and dependence as a section, and contributions where the model knows them: of every model of a table.

    Args:
        say: What the model says of rows.
        data: What it was made with.
        spec: How the model reads a row; None takes what the training rows say.
        adds: The model, where it knows what each column adds to its answers.
    """
    known = Understanding(say, data, spec if isinstance(spec, Spec) else describe(data))
    if not known.importance:
        return []
    groups = [one.columns for one in known.importance[:MOST_SHOWN] if one.value > 0]
    drawn = [found for found in (_moves_most(known, group) for group in groups) if found is not None]
    added = adding(adds, say, data, spec) if adds is not None and isinstance(spec, Spec) else None
    return [(TITLE, tag("div", _importance(known.importance), added, _dependences(drawn)))]


def _moves_most(known: Understanding, group: tuple[str, ...]) -> Dependence | None:
    """Of columns that say much the same, the one that the answers move with most."""
    found = [one for one in map(known.dependence, group[:MOST_OF_A_GROUP]) if one is not None]
    return max(found, key=lambda one: float(np.ptp(one.mean)), default=None)


def _importance(found: Sequence[Importance]) -> Html:
    first = found[0]
    lead = (
        f"How much the {first.metric} gets worse on {counted(first.n, 'validation row')} when a column's cells come "
        "from other rows, so that it tells the model nothing; with 95 % intervals. Columns that say much the same are "
        "exchanged together. It says what this model uses, not what causes what."
    )
    bars = [
        Bar(shortened(readable(one.name), 40), one.value, one.low, one.high, _said(one)) for one in found[:MOST_BARS]
    ]
    rows = [[readable(one.name), _number(one.value), _ends(one), "yes" if one.real else "not shown"] for one in found]
    head = ["columns", f"{first.metric} worse by", "95 % interval", "carries something"]
    nothing = [one.name for one in found if not one.real and one.low is not None]
    none = f"Not shown to carry anything: {', '.join(map(readable, nothing[:12]))}." if nothing else None
    return tag(
        "div",
        tag("p", lead),
        figure(compared(bars, "importance", "Importance of columns")),
        tag("p", none) if none else None,
        scrolling("importance", table(head, rows, caption="Importance", numeric=[1])) if len(found) > 1 else None,
    )


def _dependences(found: Sequence[Dependence]) -> Html | None:
    if not found:
        return None
    lead = (
        "How the answers move when one column takes other values and all else stays: the mean of some validation rows "
        "in colour, and the rows themselves (of names: where nine in ten of them lie). Where columns hang together, "
        "some of these rows could not exist."
    )
    drawn = [figure(_named(one, at) if one.is_named else _curves(one, at), _title(one)) for at, one in enumerate(found)]
    return tag("div", tag("h3", "How the answers move"), tag("p", lead), tag("div", drawn, class_="pair"))


def _named(one: Dependence, at: int) -> Html:
    low, high = np.quantile(one.answers, (0.05, 0.95), axis=0)
    order = np.argsort(-one.mean, kind="stable")
    bars = [
        Bar(
            shortened(readable(str(one.values[place])), 40),
            float(one.mean[place]),
            float(low[place]),
            float(high[place]),
            _answer(one, float(one.mean[place])),
        )
        for place in order.tolist()
    ]
    return compared(bars, f"dependence-{at}", _title(one))


def _curves(one: Dependence, at: int) -> Html:
    shown = one.answers[:MOST_CURVES]
    low, high = spread(float(min(shown.min(), one.mean.min())), float(max(shown.max(), one.mean.max())))
    if one.percent:
        low, high = max(0.0, low), min(1.0, high)
    x, dates = one.at, not isinstance(one.values[0], float)
    years = (x - x.min()) / 365.25 + one.values[0].year + one.values[0].timetuple().tm_yday / 365.25 if dates else x
    name = readable(one.column) + (" (year)" if dates else "")
    ends = (float(years.min()), float(years.max()))
    field = plot(
        WIDTH, HEIGHT, x=ends, y=(low, high), x_name=shortened(name, 40), y_name=_output(one), y_percent=one.percent
    )

    def placed(ys: Any) -> list[tuple[float, float]]:
        return [(field.x.at(a), field.y.at(b)) for a, b in zip(years.tolist(), ys.tolist(), strict=True)]

    marks = [path(placed(row), "soft curve point") for row in shown]
    mean = placed(one.mean)
    marks += [path(mean, "accent curve"), *(dot(*point, 2.6, "accent") for point in mean)]
    words = f"mean from {_answer(one, float(one.mean[0]))} to {_answer(one, float(one.mean[-1]))}"
    return drawing(f"dependence-{at}", WIDTH, HEIGHT, _title(one), words, field.frame(), marks)


def _title(one: Dependence) -> str:
    return f"{_output(one)} by {readable(one.column)}"


def _output(one: Dependence) -> str:
    name = shortened(readable(one.output), 24)
    return f"probability of {name}" if one.percent else name


def _answer(one: Dependence, value: float) -> str:
    return f"{100 * value:.1f} %" if one.percent else with_minus(in_digits(value))


def _number(value: float) -> str:
    return with_minus(in_digits(value, ".3g")) if np.isfinite(value) else "–"


def _ends(one: Importance) -> str:
    return "–" if one.low is None or one.high is None else f"[{_number(one.low)}, {_number(one.high)}]"


def _said(one: Importance) -> str:
    return f"{_number(one.value)} {_ends(one)}" if one.low is not None else _number(one.value)
