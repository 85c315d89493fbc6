"""Where a classifier goes wrong: confusions, and categories one by one. Legend: K categories."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.confusions import count_confusions, most_confused, top_confusions
from drivetrain.evaluation.intervals import Interval
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.charts import heat_map, matrix, strip
from drivetrain.evaluation.report.html import Cell, Child, Html, figure, scrolling, section, table, tag
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.tallies import Tally, tallies
from drivetrain.evaluation.report.words import as_percent, shortened

MOST_IN_MATRIX = 20
"""Categories of a matrix whose cells can be read; with more, the most confused ones are shown, and a map of all."""
MOST_IN_MAP = 250
TOP_CONFUSIONS = 12
MAP_CAPTION = (
    "Each small square is a pair of categories, both in the order of the table below; a good model leaves only the "
    "diagonal."
)


def mistakes(parts: ReportParts) -> Html:
    """The section of a classifier, with one category per row or several."""
    predictions = parts.predictions
    found = tallies(predictions)
    if predictions.target.kind == "category":
        lead = (
            "Which categories are taken for which, and how well each one is recognised. Intervals are Wilson's, 95 %."
        )
        content: list[Child] = [*_confusions(predictions), _per_category(found)]
    else:
        lead = (
            f"How well each label is found. A label is said from a probability of {predictions.target.threshold:g} on."
        )
        content = [_per_label(found)]
    return section("mistakes", "Where it goes wrong", lead, content)


def _confusions(predictions: Predictions) -> list[Child]:
    counts_KK = count_confusions(predictions)
    vocab = [shortened(name) for name in predictions.target.vocab]
    k = len(vocab)
    shown = most_confused(counts_KK, MOST_IN_MATRIX if k <= MOST_IN_MATRIX else 10)
    counts = counts_KK[np.ix_(shown, shown)]
    columns = [vocab[i] for i in shown]
    caption = "Rows: what is true. Columns: what the model said. The shade is the share of the true category's rows."
    made: list[Child] = []
    if len(shown) < k:
        made.append(tag("h3", "Most frequent confusions"))
        made.append(_top(predictions, counts_KK))
        if k <= MOST_IN_MAP:
            made += [
                tag("h3", f"All {k} categories"),
                figure(
                    heat_map(counts_KK, "map"),
                    MAP_CAPTION,
                ),
            ]
        made.append(tag("h3", f"The {len(shown)} most confused categories"))
        counts = np.column_stack([counts, counts_KK[shown].sum(axis=1) - counts.sum(axis=1)])
        return [*made, figure(matrix(counts, columns, [*columns, "all others"], "matrix"), caption, fixed=True)]
    return [
        tag("h3", "Confusion matrix"),
        figure(matrix(counts, columns, columns, "matrix"), caption, fixed=True),
        *_top_if_any(predictions, counts_KK),
    ]


def _top_if_any(predictions: Predictions, counts_KK: NDArray[np.int64]) -> list[Child]:
    if len(counts_KK) <= 2 or not top_confusions(counts_KK, 1):
        return []
    return [tag("h3", "Most frequent confusions"), _top(predictions, counts_KK)]


def _top(predictions: Predictions, counts_KK: NDArray[np.int64]) -> Html:
    vocab = predictions.target.vocab
    rows = [
        [vocab[i], vocab[j], f"{n:,}", as_percent(n / counts_KK[i].sum(), 0)]
        for i, j, n in top_confusions(counts_KK, TOP_CONFUSIONS)
    ]
    if not rows:
        return tag("p", "No row was taken for another category.")
    head = ["true", "the model said", "rows", "of that category"]
    return scrolling("most frequent confusions", table(head, rows, caption="Which is taken for which", numeric=[2, 3]))


def _per_category(found: list[Tally]) -> Html:
    rows = [
        [
            t.name,
            Cell(f"{t.true:,}", t.true),
            _share(t.recall, t.recall_interval()),
            Cell(f"{t.said:,}", t.said),
            _share(t.precision, t.precision_interval()),
            Cell(f"{t.confused_with} ({t.confused})" if t.confused else "–", -t.confused),
        ]
        for t in found
    ]
    head = ["category", "rows", "recognised (recall)", "said", "right when said (precision)", "most often taken for"]
    return _sortable(head, rows, "Every category", numeric=[1, 3])


def _per_label(found: list[Tally]) -> Html:
    rows = [
        [
            t.name,
            Cell(f"{t.true:,}", t.true),
            _share(t.recall, t.recall_interval()),
            Cell(f"{t.said:,}", t.said),
            _share(t.precision, t.precision_interval()),
        ]
        for t in found
    ]
    head = ["label", "rows that have it", "found (recall)", "said", "right when said (precision)"]
    return _sortable(head, rows, "Every label", numeric=[1, 3])


def _sortable(head: list[str], rows: list[list[Child]], caption: str, numeric: list[int]) -> Html:
    made = table(head, rows, caption=caption, numeric=numeric, class_="sortable", data_filter=len(rows) > 12)
    return Html(tag("h3", caption) + scrolling(f"{caption}, one per row", made, tall=len(rows) > 15))


def _share(value: float | None, interval: Interval | None) -> Cell:
    """A share with its interval drawn and written."""
    if value is None or interval is None:
        return Cell("–", None)
    low, high = interval.low, interval.high
    written = f"[{100 * low:.0f}, {100 * high:.0f}]"
    drawn = strip(low, value, high, (0, 1), "accent")
    return Cell(
        tag("span", tag("b", as_percent(value, 0)), drawn, tag("span", written, class_="soft"), class_="share"), value
    )
