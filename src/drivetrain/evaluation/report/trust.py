"""Whether what the model says of its own certainty can be believed."""

from __future__ import annotations

from drivetrain.evaluation._classification import brier_rows, log_loss_rows
from drivetrain.evaluation.intervals import Interval, bootstrap_interval, mean_of
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.charts import reliability
from drivetrain.evaluation.report.html import Child, Html, details, figure, scrolling, section, table, tag
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.summary import confidence_in_words
from drivetrain.evaluation.report.tallies import (
    Bin,
    equal_mass_bins,
    expected_calibration_error,
    said_and_held,
)
from drivetrain.evaluation.report.words import as_percent


def trust(parts: ReportParts) -> Html:
    """The section on confidence: reliability, log loss, Brier score, calibration error."""
    predictions = parts.predictions
    confidence, held = said_and_held(predictions)
    bins = equal_mass_bins(confidence, held)
    of_labels = predictions.target.kind == "categories"
    lead = "A model that is 80 % sure should be right 80 % of the time. Below the dashed line it is too sure of itself."
    caption = "Each dot holds as many answers as the others; bars are 95 % intervals (Wilson)."
    if of_labels:
        caption = "Each dot holds as many answers (row and label) as the others."
    drawn = figure(reliability(bins, "reliability", of_labels=of_labels), caption)
    return section(
        "confidence",
        "Can its confidence be trusted?",
        lead,
        tag("p", confidence_in_words(parts), class_="say"),
        tag("div", drawn, _measures(predictions, bins), class_="pair"),
        _after_calibration(parts),
        details("Numbers behind the chart", _numbers(bins)),
    )


def _measures(predictions: Predictions, bins: list[Bin]) -> Html:
    """Proper scores with bootstrap intervals, and the calibration error."""
    rows: list[tuple[str, float, Interval | None, str]] = []
    for name, values, what in (
        ("Log loss (NLL)", log_loss_rows(predictions), "what a wrong certainty costs; 0 is perfect"),
        ("Brier score", brier_rows(predictions), "squared distance of the probabilities from the truth; 0 is perfect"),
    ):
        rows.append((name, float(values.mean()), bootstrap_interval(mean_of(values), len(values)), what))
    error = expected_calibration_error(bins)
    listed: list[Child] = [
        tag(
            "div",
            tag("dt", name),
            tag(
                "dd",
                tag("strong", f"{value:.3f}"),
                f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else "",
                tag("span", what, class_="line soft"),
            ),
        )
        for name, value, interval, what in rows
    ]
    listed.append(
        tag(
            "div",
            tag("dt", "Calibration error (ECE)"),
            tag(
                "dd",
                tag("strong", as_percent(error)),
                tag(
                    "span",
                    f"distance of confidence from truth over {len(bins)} bins of equal mass; above 0 by chance, too",
                    class_="line soft",
                ),
            ),
        )
    )
    return tag("dl", listed, class_="measures")


def _after_calibration(parts: ReportParts) -> Html | None:
    """What was fitted on these rows for the saved model, in words."""
    fitted = parts.calibration
    temperature = getattr(fitted, "temperature", None)
    if temperature is None:
        return None
    said = [f"The saved model divides its raw outputs by a temperature of {temperature:.2f}, fitted on these rows"]
    coverage = getattr(fitted, "coverage", None)
    if coverage is not None:
        said.append(f"its prediction sets hold the truth of {as_percent(coverage, 0)} of new rows like these")
    return tag("p", "; ".join(said), ".", class_="soft")


def _numbers(bins: list[Bin]) -> Html:
    rows = [
        [as_percent(b.confidence), as_percent(b.accuracy), f"[{100 * i.low:.1f}, {100 * i.high:.1f}]", f"{b.n:,}"]
        for b in bins
        for i in [b.interval()]
    ]
    head = ["says", "is right", "95 % interval", "answers"]
    made = table(head, rows, caption="Confidence against being right", numeric=range(4))
    return scrolling("confidence against being right", made)
