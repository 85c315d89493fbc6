"""Whether what the model says of its own certainty can be believed."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.evaluation.calibration import ReliabilityBin, calibration_error, reliability
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.summary import confidence_in_words
from drivetrain.evaluation.scores import score
from drivetrain.pages import charts
from drivetrain.pages.html import Html, details, explained, figure, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, count_bins, shown

COSTS = {
    "log_loss": ("Log loss (NLL)", "what a wrong certainty costs; 0 is perfect"),
    "brier": ("Brier score", "squared distance of the probabilities from the truth; 0 is perfect"),
}


def trust(parts: ReportParts) -> Html:
    """The section on confidence: reliability, log loss, Brier score, calibration error."""
    bins = reliability(parts.predictions)
    of_what = "answers" if parts.predictions.target.kind == "category" else "answers (a row and a label)"
    lead = "A model that is 80 % sure should be right 80 % of the time. Below the dashed line it is too sure of itself."
    caption = f"Each dot holds about as many {of_what} as the others; bars are 95 % intervals."
    drawn = figure(charts.reliability(bins, "reliability"), caption)
    return section(
        "confidence",
        "Can its confidence be trusted?",
        lead,
        tag("p", confidence_in_words(parts), class_="say"),
        tag("div", drawn, _measures(parts.predictions), class_="pair"),
        _after_calibration(parts),
        details("Numbers behind the chart", _numbers(bins)),
    )


def _measures(predictions: Predictions) -> Html:
    """Proper scores and the calibration error, with intervals."""
    listed: list[Html] = []
    for name, found in score(predictions, list(COSTS)).items():
        value, interval = shown(found)
        listed.append(_measure(COSTS[name][0], value, interval, COSTS[name][1]))
    error = calibration_error(predictions)
    what = (
        f"distance of confidence from truth, without the noise of its {count_bins(error.n_bins)}; as measured "
        f"{as_percent(error.value)}"
    )
    listed.append(_measure("Calibration error (ECE)", as_percent(error.debiased), error.interval(), what))
    return tag("dl", listed, class_="measures")


def _measure(name: str, value: str, interval: str, what: str) -> Html:
    said = tag("dd", tag("strong", value), f" {interval}", tag("span", what, class_="line soft"))
    return tag("div", tag("dt", explained(name)), said)


def _after_calibration(parts: ReportParts) -> Html | None:
    """What was fitted on these rows for the saved model, in words."""
    fitted = parts.calibration
    if fitted is None:
        return None
    said = f"The saved model divides its outputs by a temperature of {fitted.temperature:.2f}, fitted on these rows"
    sets = f"its prediction sets hold the truth of {as_percent(fitted.coverage, 0)} of new rows like these"
    return tag("p", f"{said}; {sets}." if fitted.quantile is not None else f"{said}.", class_="soft")


def _numbers(bins: Sequence[ReliabilityBin]) -> Html:
    rows = [
        [as_percent(b.confidence), as_percent(b.right), f"[{100 * b.low:.1f}, {100 * b.high:.1f}]", f"{b.n:,}"]
        for b in bins
    ]
    head = ["says", "is right", "95 % interval", "answers"]
    made = table(head, rows, caption="Confidence against being right", numeric=range(4))
    return scrolling("confidence against being right", made)
