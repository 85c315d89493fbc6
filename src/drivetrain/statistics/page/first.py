"""The first screen: the answer for someone who is not a statistician."""

from __future__ import annotations

from drivetrain.statistics.page.figures import answer
from drivetrain.statistics.page.kit import Child, Html, figure, tag
from drivetrain.statistics.result import SlopeReport
from drivetrain.statistics.saying import claim_sentence, headline, moved_sentence, span_sentence
from drivetrain.statistics.words import held, interval, p_text, percent, plain, short, unit_of
from drivetrain.text import counted, does

TAGS = {
    "effect": "There is an effect worth having",
    "too_small": "There is an effect, too small to matter",
    "none": "There is no effect worth having",
    "cannot_tell": "The data cannot tell",
}


def first_screen(report: SlopeReport) -> Html:
    """Verdict, number with its interval, what it means, what it does not; the interval drawn beside."""
    rows = report.rows
    value, around = interval(report.estimate, report.low, report.high)
    said = headline(rows, report.verdict, report.main, report.margin, is_claim=report.margin_is_claim)
    fixed_ones = held(rows.control_names, rows.within_column).strip()
    return tag(
        "section",
        tag(
            "div",
            tag("h2", TAGS[report.verdict], id="result-title"),
            tag("p", said + ".", class_="said"),
            tag("p", tag("strong", value), " ", tag("span", around, class_="number"), class_="slope"),
            tag(
                "p",
                tag(
                    "span",
                    f"slope {unit_of(rows.of, rows.family)}, {percent(report.level)} interval, {p_text(report.p)}",
                ),
                class_="under",
            ),
            tag("p", span_sentence(rows, report.span)),
            tag("p", claim_sentence(report.claim)) if report.claim is not None else None,
            tag("p", _no_margin(report)) if report.margin is None else None,
            tag("p", report.note, class_="note") if report.note else None,
            class_="result",
        ),
        tag(
            "div",
            figure(answer(report), _caption(report, fixed_ones)),
            class_="beside",
        ),
        id="result",
        class_="top",
        aria_labelledby="result-title",
    )


def _caption(report: SlopeReport, fixed_ones: str) -> str:
    said = f"Held fixed: {fixed_ones.removeprefix('with ').removesuffix(' held fixed')}. " if fixed_ones else ""
    if report.main.errors == "CR2":
        return f"{said}Intervals allow for what rows of one {report.rows.cluster_column} have in common (CR2)."
    return f"{said}Intervals at {percent(report.level)}, errors {report.main.errors}."


def _no_margin(report: SlopeReport) -> str:
    if report.p < 1 - report.level:
        return (
            "Whether that is enough to matter is for you to say: smallest_effect_of_interest= names "
            "the least slope that does."
        )
    return (
        "“Cannot tell” is not “none”: to show that there is nothing worth having, say with "
        "smallest_effect_of_interest= how small a slope would not matter."
    )


def know(report: SlopeReport) -> Html:
    """What else to know, a line each, with where to read more."""
    items: list[tuple[str, Child, str]] = [("Not causal", _not_causal(report), "several")]
    if report.chance is not None:
        c = report.chance
        items.append(
            (
                "Chance",
                f"Without any relationship, {percent(c.as_large)} of {len(c.slopes):,} draws give a slope "
                "at least as far from zero.",
                "chance",
            )
        )
    items.append(("These data can find", _power(report), "verdict"))
    if report.multivariate is not None:
        items.append(("One or several", _several(report), "several"))
    if report.shape is not None:
        items.append(("A straight line?", _straight(report), "several"))
    if report.choices is not None:
        c = report.choices
        lo, hi = short(c.looks[0].estimate.value, sign=True), short(c.looks[-1].estimate.value, sign=True)
        corrected = f", {p_text(c.corrected_p)} once all are counted" if c.corrected_p is not None else ""
        items.append(
            (
                "Other choices",
                f"{c.n} sensible {'way' if c.n == 1 else 'ways'} to look {does(c.n, 'give')} slopes from {lo} to {hi}; "
                f"{c.n_significant} of them {does(c.n_significant, 'exclude')} zero; the smallest "
                f"{p_text(c.smallest_p)}{corrected}.",
                "choices",
            )
        )
    largest = report.largest_cluster
    if report.main.errors == "CR2" and largest is not None and (report.main.df < 5 or largest[1] > report.n / 3):
        said = (
            f"{report.n_clusters:,} clusters, the largest of which "
            f"({largest[0]}) holds {largest[1]:,} of {report.n:,} rows, "
            f"are worth {report.main.df:.1f} degrees of freedom: take the interval as rough."
        )
        items.append(("Few clusters", said, "estimate"))
    if report.n < report.n_read:
        items.append(
            (
                "Left out",
                f"{report.n_read - report.n:,} of {report.n_read:,} rows: "
                + "; ".join(f"{why}: {n:,}" for why, n in report.left_out.items())
                + ".",
                "how",
            )
        )
    listed = [
        tag(
            "div",
            tag("dt", name),
            tag("dd", said, " ", tag("a", "More", href=f"#{where}", aria_label=f"More on: {name}")),
        )
        for name, said, where in items
    ]
    return tag(
        "section",
        tag("h2", "What else to know", id="know-title"),
        tag("dl", listed),
        class_="know",
        aria_labelledby="know-title",
    )


def _straight(report: SlopeReport) -> str:
    shape = report.shape
    assert shape is not None
    alpha = 1 - report.level
    if shape.p < alpha:
        return f"A curve fits better than the line ({p_text(shape.p)}): one slope does not say it all."
    if report.n_clusters and shape.p_rows < alpha:
        return (
            f"It is not the last word: a curve fits better if rows are taken as independent ({p_text(shape.p_rows)}); "
            f"{report.n_clusters:,} clusters are too few to be sure ({p_text(shape.p)})."
        )
    return f"No sign of a curve beyond the line ({p_text(shape.p)})."


def _not_causal(report: SlopeReport) -> str:
    said = f"The regression compares rows that differ in {report.rows.of.words}; it does not change it in any of them."
    s = report.sensitivity
    if s is None:
        return said
    if report.p >= 1 - report.level:
        return f"{said} Something unseen could hide a slope, as well as make one."
    return (
        f"{said} Something unseen that explains {percent(s.robustness_value, 1)} of what is left "
        "of both would explain the slope away."
    )


def _power(report: SlopeReport) -> str:
    said = f"a slope of {short(report.smallest_detectable)} or more, four times in five"
    one = report.power.needed[0] if report.power.needed else None
    if one is None or one.n is None:
        return f"{said}."
    what = (
        "the claimed one"
        if report.claim is not None and report.power.effect == report.claim.value
        else f"one of {plain(abs(report.power.effect or 0.0))}"
    )
    return f"{said}; for {what}, {counted(one.n, 'row')} like these {does(one.n, 'are')} needed."


def _several(report: SlopeReport) -> str:
    said = moved_sentence(report)
    parts = report.decomposition.parts if report.decomposition is not None else ()
    if parts:
        most = max(parts, key=lambda part: abs(part.value))
        said += f" What moves it most is {most.control.replace(':', ' ')}."
    return said
