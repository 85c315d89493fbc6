"""How far a model of numbers is off. Legend: N rows, D numbers per row."""

from __future__ import annotations

import numpy as np

from drivetrain.evaluation.metrics.regression import errors
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.pages.charts import MOST_POINTS, residuals, scatter
from drivetrain.pages.html import Child, Html, figure, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, shortened, with_minus
from drivetrain.text import in_digits

MOST_DRAWN = 4
"""Numbers with charts of their own; the table has all."""


def numbers(parts: ReportParts) -> Html:
    """The section of a regression: predicted against true, errors, and a table."""
    predictions = parts.predictions
    assert predictions.target.kind == "number", "only numbers have errors"
    truth_ND, off_ND = predictions.known_truth().astype(np.float64), errors(predictions)
    names = predictions.target.names
    rows = []
    content: list[Child] = []
    for d, name in enumerate(names):
        off_N, truth_N = off_ND[:, d], truth_ND[:, d]
        variance = float(((truth_N - truth_N.mean()) ** 2).mean())
        explained = None if variance == 0 else 1 - float((off_N**2).mean()) / variance
        low, high = np.quantile(off_N, [0.05, 0.95])
        rows.append(
            [
                name,
                in_digits(float(np.sqrt((off_N**2).mean()))),
                in_digits(float(np.abs(off_N).mean())),
                with_minus(in_digits(float(off_N.mean()), "+.3g")),
                with_minus(f"{in_digits(float(low), '+.3g')} … {in_digits(float(high), '+.3g')}"),
                as_percent(explained),
            ]
        )
        if d < MOST_DRAWN:
            what = shortened(name, 24)
            charts = [
                figure(scatter(truth_N, truth_N + off_N, f"scatter-{d}", what)),
                figure(residuals(off_N, f"errors-{d}", what)),
            ]
            content += [tag("h3", name) if len(names) > 1 else None, tag("div", charts, class_="pair")]
    head = ["number", "RMSE", "mean distance", "mean error", "nine of ten errors", "variance explained"]
    content.append(scrolling("errors, one number per row", table(head, rows, caption="Errors", numeric=range(1, 6))))
    if len(predictions) > MOST_POINTS:
        content.append(tag("p", f"The charts show {MOST_POINTS:,} of {len(predictions):,} rows.", class_="soft"))
    return section("mistakes", "How far it is off", "Predictions on the dashed line would be exact.", content)
