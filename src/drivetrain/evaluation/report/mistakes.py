"""Where a classifier goes wrong: confusions, and categories one by one. Legend: K categories."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.evaluation.confusions import Counts, count_confusions, matrix_of_most_confused, top_confusions
from drivetrain.evaluation.intervals import Interval
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.tallies import Tally, tallies
from drivetrain.pages.charts import heat_map, matrix, strip
from drivetrain.pages.html import Cell, Child, Html, explained, figure, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, shortened

MOST_IN_MATRIX = 20
"""Categories of a matrix whose cells can be read; with more, the most confused ones are shown, and a map of all."""
MOST_CONFUSED = 10
MOST_IN_MAP = 250
TOP_CONFUSIONS = 12
MAP_CAPTION = (
    "Each small square is a pair of categories, both in the order of the table below; a good model leaves only the "
    "diagonal."
)


def mistakes(parts: ReportParts) -> Html:
    """The section of a classifier, with one category per row or several."""
    predictions = parts.predictions
    target, found = predictions.target, tallies(predictions)
    assert target.kind != "number", "numbers are never simply wrong"
    if target.kind == "category":
        lead = "Which categories are taken for which, and how well each one is recognised. Intervals are 95 %."
        content: list[Child] = [*_confusions(target.vocab, count_confusions(predictions)), _per_category(found)]
    else:
        lead = f"How well each label is found. A label is said from a probability of {target.threshold:g} on."
        content = [_per_label(found)]
    return section("mistakes", "Where it goes wrong", lead, content)


def _confusions(vocab: Sequence[str], counts_KK: Counts) -> list[Child]:
    """The matrix where it can be read; else the most frequent confusions, a map, and a matrix of the most confused."""
    names, k = [shortened(name) for name in vocab], len(vocab)
    caption = "Rows: what is true. Columns: what the model said. The shade is the share of the true category's rows."
    if k <= MOST_IN_MATRIX:
        made = [
            tag("h3", explained("Confusion matrix")),
            figure(matrix(counts_KK, names, names, "matrix"), caption, fixed=True),
        ]
        return made + ([_top(vocab, counts_KK)] if k > 2 and top_confusions(counts_KK, 1) else [])
    counts, rows, columns = matrix_of_most_confused(counts_KK, names, MOST_CONFUSED)
    mapped = [tag("h3", f"All {k} categories"), figure(heat_map(counts_KK, "map"), MAP_CAPTION)]
    return [
        _top(vocab, counts_KK),
        *(mapped if k <= MOST_IN_MAP else []),
        tag("h3", f"The {len(rows)} most confused categories"),
        figure(matrix(counts, rows, columns, "matrix"), caption, fixed=True),
    ]


def _top(vocab: Sequence[str], counts_KK: Counts) -> Html:
    rows = [
        [vocab[i], vocab[j], f"{n:,}", as_percent(n / counts_KK[i].sum(), 0)]
        for i, j, n in top_confusions(counts_KK, TOP_CONFUSIONS)
    ]
    head = ["true", "the model said", "rows", "of that category"]
    made = table(head, rows, caption="Which is taken for which", numeric=[2, 3])
    said = scrolling("most frequent confusions", made) if rows else tag("p", "No row was taken for another category.")
    return Html(tag("h3", "Most frequent confusions") + said)


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
