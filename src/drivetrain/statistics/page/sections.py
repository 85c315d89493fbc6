"""The sections on the estimate, on chance, and on what "not significant" means."""

from __future__ import annotations

from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.page.figures import forest, lineup, null_slopes, scatter
from drivetrain.statistics.page.kit import Child, Html, details, figure, scrolling, section, table, tag
from drivetrain.statistics.page.more_figures import power_curve
from drivetrain.statistics.result import Side, SlopeReport
from drivetrain.statistics.saying import errors_words, p_sentence, span_sentence
from drivetrain.statistics.words import interval, p_text, percent, plain, short

VERDICTS = {
    "effect": "an effect worth having",
    "too_small": "one, too small to matter",
    "none": "none worth having",
    "cannot_tell": "cannot tell",
}


def estimate(report: SlopeReport) -> Html:
    """How large, how sure, and under which errors."""
    rows = report.rows
    lead = "How large the slope is comes first; the p-value says something else."
    lines = (
        "Dashed: the slope alone. Solid: with everything held fixed."
        if report.multivariate is not None and rows.family == "linear"
        else None
    )
    if len(rows) > 1200:
        lines = f"{lines or ''} 1,200 of {len(rows):,} rows are drawn.".strip()
    return section(
        "estimate",
        "The estimate",
        lead,
        tag("p", span_sentence(rows, report.span), class_="say"),
        figure(scatter(report), lines),
        tag("h3", "Under every error"),
        scrolling("slopes under every error", errors_table(report)),
        tag("p", _chosen(report), class_="soft"),
        tag("h3", "What the p-value is"),
        tag("p", p_sentence(report.main)),
    )


def errors_table(report: SlopeReport) -> Html:
    """One variable and several, under each error."""
    sides: list[tuple[str, Side]] = [(f"{report.rows.of.words} alone", report.univariate)]
    if report.multivariate is not None:
        sides.append(("all held fixed", report.multivariate))
    body: list[list[Child]] = []
    for name, side in sides:
        known = [one for one in (side.classical, side.robust, side.clustered, side.reduced) if one is not None]
        body += [[name, *_numbers(one), errors_words(one.errors)] for one in known]
        if side.wild_p is not None:
            body.append([name, "", "", _p(side.wild_p), "", "clustered, wild bootstrap as a check"])
    head = ["regression", "slope", f"{percent(report.level)} interval", "p", "degrees of freedom", "errors"]
    return table(head, body, caption="Slopes under every error", numeric=[1, 2, 3, 4], class_="errors")


def _numbers(one: Estimate) -> list[Child]:
    value, around = interval(one.value, one.low, one.high)
    return [value, around, _p(one.p), f"{one.df:,.1f}" if one.df < 100 else f"{one.df:,.0f}"]


def _p(p: float) -> str:
    return p_text(p).removeprefix("p = ").removeprefix("p ")


def _chosen(report: SlopeReport) -> str:
    decision = report.decisions.get("errors")
    return f"The verdict is about {decision.value}: {decision.reason}." if decision is not None else ""


def chance(report: SlopeReport) -> Html | None:
    """The null drawn."""
    found = report.chance
    if found is None:
        return None
    rows = report.rows
    agrees = (
        "as they should" if found.agrees else "which they do not: trust the draws more, and look at rows that stand out"
    )
    several = "Everything held fixed taken out: " if report.multivariate is not None else ""
    return section(
        "chance",
        "What chance alone would show",
        "The same rows without any relationship, drawn again and again.",
        tag("h3", "Which one is real?"),
        figure(
            lineup(found, rows.of.words, rows.outcome.words),
            f"{several}{rows.outcome.words} against {rows.of.words}; five by chance, one real.",
        ),
        details("Show the answer", tag("p", f"Number {found.real + 1} is real.")),
        tag("h3", "All slopes by chance"),
        figure(null_slopes(found), f"In each of {len(found.slopes):,} draws {found.how}."),
        tag(
            "p",
            f"{percent(found.as_large, 1)} (± {percent(found.error, 1)}) of them are at least as far "
            f"from zero as the observed {short(found.observed, sign=True)}. "
            f"The formula ({found.formula}) says {p_text(found.formula_p)}. The drawn slopes spread "
            f"by {short(found.sd, digits=3)}; by exact "
            f"formula over all draws there could be, it is {short(found.formula_sd, digits=3)}. Draws "
            f"and formulas agree, {agrees}."
            if found.agrees
            else f"{percent(found.as_large, 1)} (± {percent(found.error, 1)}) of them are at least as far "
            f"from zero as the observed {short(found.observed, sign=True)}; the formula "
            f"({found.formula}) says {p_text(found.formula_p)}. Draws and formulas should agree, {agrees}.",
        ),
    )


def verdict(report: SlopeReport) -> Html:
    """Not significant is not nothing: claim, equivalence, power."""
    parts: list[Child] = []
    if report.equivalence is not None:
        e = report.equivalence
        lines = [(-e.margin, "claim"), (e.margin, "claim")]
        narrow = percent(2 * report.level - 1)
        drawn = forest([("slope", report.main)], "equivalence", "The slope against what matters", lines)
        inside = "lies inside" if e.equivalent else "does not lie inside"
        what = "the size of the claim" if report.margin_is_claim else "the smallest effect of interest"
        parts += [
            tag("h3", "Against what matters"),
            figure(drawn, f"Between the lines: slopes smaller than {plain(e.margin)}, {what}."),
            tag(
                "p",
                f"Two one-sided tests: the {narrow} interval [{short(e.low, sign=True)}, "
                f"{short(e.high, sign=True)}] {inside} ±{plain(e.margin)} ({p_text(e.p)}). "
                f"{_equivalence_words(report)}",
            ),
        ]
    if report.claim is not None:
        c = report.claim
        said = (
            f"Taking the claimed {plain(c.value)} as true, data like these would come about with "
            f"{p_text(c.p)}: it is excluded. “Not significant” here says a lot."
            if c.excluded
            else f"Taking the claimed {plain(c.value)} as true, data like these are no surprise "
            f"({p_text(c.p)}): it is compatible with them, which is not to say that they show it."
        )
        parts += [tag("h3", "The opposite null: is the claim true?"), tag("p", said)]
    parts += [tag("h3", "What these data could have found"), figure(power_curve(report)), *_power(report)]
    return section(
        "verdict",
        "Not significant is not nothing",
        "A large p-value may mean that there is nothing, or that nobody could have seen it. "
        "These are the numbers that tell which.",
        tag("p", f"Verdict: {VERDICTS[report.verdict]}.", class_="say"),
        parts,
    )


def _equivalence_words(report: SlopeReport) -> str:
    return {
        "effect": "The whole interval lies beyond: the slope is large enough to matter.",
        "too_small": "The slope is there, and too small to matter.",
        "none": "A slope that matters would have been seen.",
        "cannot_tell": "The interval holds slopes that matter and slopes that do not: more rows would tell.",
    }[report.verdict]


def _power(report: SlopeReport) -> list[Child]:
    p = report.power
    parts: list[Child] = [
        tag(
            "p",
            "The smallest slope that data like these find four times in five is "
            f"{short(p.smallest_detectable)} (nine times in ten: {short(p.smallest_detectable_90)}).",
        )
    ]
    if p.needed:
        body = [
            [
                percent(each.power),
                "beyond reach" if each.n is None else f"{each.n:,}",
                "–" if each.clusters is None else f"{each.clusters:,.0f}",
                "–" if each.simulated is None else f"{percent(each.simulated, 1)} of {each.simulations:,}",
            ]
            for each in p.needed
        ]
        what = (
            "the claimed slope"
            if report.claim is not None and report.claim.value == p.effect
            else "the smallest slope that matters"
        )
        parts += [
            tag("p", f"To find {what}, {plain(p.effect or 0.0)}:"),
            scrolling(
                "rows needed",
                table(
                    ["power", "rows needed", "clusters", "found in simulations"],
                    body,
                    caption="Rows needed",
                    numeric=[1, 2, 3],
                    class_="small",
                ),
            ),
            tag(
                "p",
                "Simulations draw rows of this table (whole clusters, where there are some) with their "
                "own residuals, and test each as the real one was tested.",
                class_="soft",
            ),
        ]
    if p.fewer is not None:
        f = p.fewer
        told = ", ".join(f"{percent(share)} {VERDICTS[name]}" for name, share in f.verdicts.items() if share > 0)
        parts += [
            tag("h3", f"Had there been only {f.n} rows"),
            tag(
                "p",
                f"Of {f.draws:,} random subsamples of {f.n} rows, {percent(f.significant)} have p < "
                f"{1 - report.level:.2g} for {report.rows.of.words} alone, by ordinary least squares; "
                "their slopes "
                f"run from {short(f.lowest, sign=True)} to {short(f.highest, sign=True)}. Verdicts: "
                f"{told}. Whoever reports only the significant ones reports the largest.",
            ),
        ]
    return parts
