"""The answer in sentences: for the first line, the terminal and the first screen."""

from __future__ import annotations

import math

from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.rows import Rows
from drivetrain.statistics.questions.verdict import Claim, Verdict
from drivetrain.statistics.result import SlopeReport, Span
from drivetrain.statistics.words import fixed, held, interval, is_log, p_text, percent, plain, short, unit_of


def headline(rows: Rows, verdict: Verdict, main: Estimate, margin: float | None, *, is_claim: bool) -> str:
    """The verdict, in words of everyday; `is_claim` where a claim stands for the smallest effect of interest."""
    y, x = rows.outcome.words, rows.of.words
    differs = f"{y} is {'higher' if main.value > 0 else 'lower'} where {x} is higher"
    if verdict == "effect":
        enough = "at least as much as is claimed" if is_claim else "by enough to matter"
        return differs if margin is None else f"{differs}, {enough}"
    if verdict == "too_small":
        return f"{differs}, {'by less than is claimed' if is_claim else 'by too little to matter'}"
    if verdict == "none":
        size = "as strong as the one that is claimed" if is_claim else "that is worth having"
        return f"No relationship between {x} and {y} {size}"
    if main.p < 1 - main.level:
        less = "less than is claimed" if is_claim else "too small to matter"
        return f"The data cannot tell how much {y} differs with {x}: it does, but that may be {less}"
    return f"The data cannot tell whether {y} differs with {x}"


def sentence(
    rows: Rows, verdict: Verdict, main: Estimate, margin: float | None, claim: Claim | None, *, is_claim: bool
) -> str:
    """Verdict, number, margin and claim in one sentence or two."""
    value, around = interval(main.value, main.low, main.high)
    fixed_ones = held([str(c.term) for c in rows.controls], rows.within_column)
    fixed_ones = fixed_ones and f",{fixed_ones}"
    said = (
        f"{headline(rows, verdict, main, margin, is_claim=is_claim)}{fixed_ones}: the slope is "
        f"{value} {around} {unit_of(rows.of, rows.family)}, {p_text(main.p)}"
    )
    if margin is not None:
        size = plain(margin)
        said += {
            "effect": f", at least {size} throughout",
            "too_small": f", smaller than {size}",
            "none": f", smaller than {size} in either direction",
            "cannot_tell": f", which holds both slopes that matter ({size} or more) and slopes that do not",
        }[verdict]
    said += "."
    if claim is not None:
        said += " " + claim_sentence(claim)
    return said


def claim_sentence(claim: Claim) -> str:
    """What the data say of a claimed slope.

    Example:
        >>> claim_sentence(Claim(-0.023, 0.0002, True, 13.2))
        'The claimed slope of −0.023 is excluded (p < .001, 13 standard errors away).'
    """
    value = plain(claim.value)
    away = f"{claim.errors_away:.1f}" if claim.errors_away < 10 else f"{claim.errors_away:.0f}"
    if claim.excluded:
        return f"The claimed slope of {value} is excluded ({p_text(claim.p)}, {away} standard errors away)."
    return f"The claimed slope of {value} is compatible with the data ({p_text(claim.p)}, {away} standard errors away)."


def span_sentence(rows: Rows, span: Span) -> str:
    """What the slope means across the range that was seen."""
    x, y = rows.of.column, rows.outcome.column
    if is_log(rows.of) and span.low > 0:
        apart = f"one of which has {short(span.high / span.low, digits=3)} times the {x} of the other"
    else:
        apart = f"that differ by {short(span.high - span.low, digits=3)} in {x}"
    rest = " and in nothing else that is in the regression" if rows.controls or rows.within is not None else ""
    where = f"the 10th and the 90th percentile, {short(span.low, digits=3)} and {short(span.high, digits=3)}"
    value, around = interval(span.value, span.value_low, span.value_high)
    match span.kind:
        case "factor":
            decimals = 2
            return (
                f"Two rows {apart} ({where}){rest} differ in {y} by a factor of {fixed(span.value, decimals)} "
                f"[{fixed(span.value_low, decimals)}, {fixed(span.value_high, decimals)}]."
            )
        case "chance":
            points = (
                f"{fixed(100 * span.value, 1, sign=True)} [{fixed(100 * span.value_low, 1, sign=True)}, "
                f"{fixed(100 * span.value_high, 1, sign=True)}]"
            )
            return f"Two rows {apart} ({where}){rest} differ by {points} percentage points in the chance of {y}."
        case _:
            return f"Two rows {apart} ({where}){rest} differ by {value} {around} in {rows.outcome.words}."


def p_sentence(main: Estimate) -> str:
    """What the p-value is."""
    return (
        f"{p_text(main.p)} means: were there no relationship at all, and everything else that the "
        "regression assumes true, "
        "slopes at least this far from zero would come about in "
        f"{percent(main.p, 1 if 0.001 < main.p < 0.1 else 0)} of studies like this one. It is not "
        "the chance "
        "that there is no relationship, and it does not say how large one is."
    )


def errors_words(kind: str) -> str:
    """A covariance in words."""
    return {
        "classical": "ordinary: every row equally noisy",
        "HC3": "robust (HC3): each row has noise of its own",
        "CR1": "clustered, the usual formula (CR1)",
        "CR2": "clustered, right with few clusters (CR2)",
        "imputed": "over completed tables (Rubin's rules)",
    }.get(kind, kind)


def moved_sentence(report: SlopeReport) -> str:
    """How the slope changed from one variable to several; empty where nothing is held fixed."""
    several = report.multivariate
    if several is None:
        return ""
    one = report.univariate
    before, _ = interval(one.estimate, one.low, one.high)
    after, _ = interval(several.estimate, several.low, several.high)
    names = held(report.rows.control_names, report.rows.within_column).strip()
    shrunk = 1 - abs(several.estimate) / abs(one.estimate) if one.estimate else math.nan
    if one.estimate * several.estimate < 0:
        how = "it changes its sign"
    elif not math.isfinite(shrunk):
        how = "it moves"
    elif shrunk > 0.02:
        how = f"it shrinks by {percent(shrunk)}"
    elif shrunk < -0.02:
        how = f"it grows by {percent(-shrunk)}"
    else:
        how = "it hardly moves"
    return f"Alone, {report.rows.of.words} has a slope of {before}; {names}, {after}: {how}."


def collinearity_sentence(report: SlopeReport) -> str:
    """How much of the variable the controls say already."""
    if report.multivariate is None or not math.isfinite(report.vif):
        return ""
    shared = 1 - 1 / report.vif if report.vif > 0 else 0.0
    said = f"What is held fixed says {percent(shared)} of how {report.rows.of.words} differs"
    wider = math.sqrt(report.vif)
    if report.vif < 1.5:
        return f"{said}: the slope is nearly as sure as it would be alone."
    hint = " It would take very different rows to tell them apart." if report.vif > 10 else ""
    return (
        f"{said}, which makes the slope's error {wider:.1f} times what it would be if they had "
        f"nothing to do with each other (VIF {report.vif:.1f}).{hint}"
    )
