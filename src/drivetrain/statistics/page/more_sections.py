"""The sections on several variables, other choices, beliefs, principles, and how it was done."""

from __future__ import annotations

import math

from drivetrain.statistics.page.figures import forest
from drivetrain.statistics.page.kit import Child, Html, details, figure, scrolling, section, table, tag
from drivetrain.statistics.page.more_figures import added_variable, curve, dependence, moves, specifications
from drivetrain.statistics.page.more_figures import beliefs as beliefs_figure
from drivetrain.statistics.questions.principles import PRINCIPLES, REFERENCE
from drivetrain.statistics.result import SlopeReport
from drivetrain.statistics.saying import collinearity_sentence, moved_sentence
from drivetrain.statistics.words import interval, p_text, percent, plain, short
from drivetrain.text import agreeing, counted, does


def several(report: SlopeReport) -> Html:
    """One variable or several; hidden confounders, shape, influential rows."""
    parts: list[Child] = []
    if report.multivariate is not None:
        parts.append(tag("p", moved_sentence(report), class_="say"))
        one, many = report.univariate, report.multivariate
        pairs = [("alone", one.reduced or one.robust), ("everything held fixed", many.reduced or many.robust)]
        parts.append(figure(forest(pairs, "pair", "One variable or several")))
        if said := collinearity_sentence(report):
            parts.append(tag("p", said))
    if report.decomposition is not None:
        parts += [
            tag("h3", "Which control moved it"),
            figure(
                moves(
                    report.decomposition,
                    report.univariate.estimate,
                    report.univariate.estimate - report.decomposition.moved,
                ),
                "Each control's share does not depend on the order in which they are added (Gelbach 2016).",
            ),
            details("Numbers", _parts(report)),
        ]
    if report.multivariate is not None:
        parts += [
            tag("h3", "Everything else taken out of both"),
            figure(
                added_variable(report),
                "Added-variable plot: the slope of this cloud is the slope with everything held fixed. "
                "Ringed: the most influential rows.",
            ),
        ]
    parts += _hidden(report) + _shape(report) + _influence(report)
    return section(
        "several",
        "One variable or several",
        "The slope is that of rows that differ in one thing and "
        "agree in what was measured and "
        "held fixed. What was not measured is not held fixed.",
        parts,
    )


def _parts(report: SlopeReport) -> Html:
    assert report.decomposition is not None
    body = [
        [
            part.control.replace(":", " "),
            *(interval(-part.value, -part.high, -part.low)),
            "–" if part.share is None else percent(part.share),
        ]
        for part in report.decomposition.parts
    ]
    return scrolling(
        "parts",
        table(
            ["control", "moves the slope by", "interval", "share of the move"],
            body,
            caption="What each control contributes",
            numeric=[1, 2, 3],
            class_="small",
        ),
    )


def _hidden(report: SlopeReport) -> list[Child]:
    s = report.sensitivity
    if s is None:
        return []
    parts: list[Child] = [
        tag("h3", "How strong something unseen would have to be"),
        tag(
            "p",
            "To bring the slope to zero, a hidden variable would have to explain at least "
            f"{percent(s.robustness_value, 1)} of what is left of {report.rows.of.words} and of what "
            "is left of "
            f"{report.rows.outcome.words} (the robustness value of Cinelli & Hazlett 2020)"
            + (
                f"; to bring zero into the interval, {percent(s.robustness_value_significant, 1)}."
                if s.robustness_value_significant > 0
                else "; zero is in the interval as it is."
            ),
        ),
    ]
    if s.bounds:
        times = (
            f"One {s.explained_away_by:.2g} times as strong as {s.strongest.replace(':', ' ')}, the "
            "strongest control, would do."
            if s.explained_away_by is not None
            else f"Even one as strong as can be, judged by {s.strongest.replace(':', ' ')}, the strongest "
            "control, would not do."
        )
        body = [
            [
                f"{b.times:g} × {b.control.replace(':', ' ')}",
                percent(b.r2_with_variable, 1),
                percent(b.r2_with_outcome, 1),
                short(b.estimate, sign=True),
                f"{b.t:.1f}".replace("-", "−"),
            ]
            for b in s.bounds
        ]
        parts += [
            tag("p", times),
            scrolling(
                "bounds",
                table(
                    ["hidden variable as strong as", "explains of the variable", "of the outcome", "slope left", "t"],
                    body,
                    caption="Bounds",
                    numeric=[1, 2, 3, 4],
                    class_="small",
                ),
            ),
            tag("p", "At worst, and pulling against the slope. Ordinary errors, as in the paper.", class_="soft"),
        ]
    return parts


def _shape(report: SlopeReport) -> list[Child]:
    s = report.shape
    if s is None:
        return [
            tag("h3", "A straight line?"),
            tag("p", f"{report.rows.of.words} takes too few values to tell a curve from a line."),
        ]
    bent = s.p < 1 - report.level
    by_rows = ""
    if report.n_clusters:
        by_rows = f" Rows taken as independent would say {p_text(s.p_rows)}."
        if (s.p_rows < 1 - report.level) != bent:
            by_rows += " The clusters are too few to settle it: the straight line is not the last word."
    said = "The curve departs from the line" if bent else "The curve's departure from the line is within chance"
    unsure = (
        f"The clusters are too few to test a curve.{by_rows}"
        if not math.isfinite(s.p)
        else f"{said} ({p_text(s.p)}).{by_rows}"
    )
    return [
        tag("h3", "A straight line?"),
        figure(
            curve(s, report.rows.of.words, report.rows.outcome.words),
            "A restricted cubic spline with its interval (solid), and the line (dashed), everything else held fixed.",
        ),
        tag("p", f"{unsure} It explains {percent(s.r2_gain, 1)} of what the line leaves."),
    ]


def _influence(report: SlopeReport) -> list[Child]:
    i = report.influence
    body = [[left.name, short(left.slope, sign=True, digits=3), short(left.change, sign=True)] for left in i.rows]
    parts: list[Child] = [tag("h3", "Rows that it hangs on")]
    if i.without is not None:
        value, around = interval(i.without.value, i.without.low, i.without.high)
        flips = " That changes what would be concluded." if i.flips else ""
        rows = "row moves" if i.n_flagged == 1 else "rows move"
        parts.append(
            tag(
                "p",
                f"{i.n_flagged:,} {rows} the slope more than a row should; without all of them it is "
                f"{value} {around}, {p_text(i.without.p)}.{flips}",
            )
        )
    else:
        parts.append(
            tag(
                "p",
                "No row moves the slope more than a row should."
                if not i.n_flagged
                else f"{agreeing(i.n_flagged, 'rows', 'move')} the slope more than a row should.",
            )
        )
    parts.append(
        details(
            "The most influential rows",
            scrolling(
                "rows",
                table(
                    ["row", "slope without it", "change"],
                    body,
                    caption="Influential rows",
                    numeric=[1, 2],
                    class_="small",
                ),
            ),
        )
    )
    if i.clusters:
        clusters = [
            [left.name, f"{left.n:,}", short(left.slope, sign=True, digits=3), short(left.change, sign=True)]
            for left in i.clusters
        ]
        parts.append(
            details(
                f"The most influential clusters ({report.rows.cluster_column})",
                scrolling(
                    "clusters",
                    table(
                        [report.rows.cluster_column, "rows", "slope without it", "change"],
                        clusters,
                        caption="Influential clusters",
                        numeric=[1, 2, 3],
                        class_="small",
                    ),
                ),
            )
        )
    return parts


def choices(report: SlopeReport) -> Html | None:
    """The specification curve and the number of looks."""
    c = report.choices
    if c is None:
        return None
    asked = report.estimate
    corrected = (
        f"In {percent(c.corrected_p)} of draws without any relationship the smallest of {c.n} "
        f"p-values is as small: that is the p-value of the best look, {p_text(c.corrected_p)} "
        f"(Bonferroni would say {p_text(c.bonferroni_p)})."
        if c.corrected_p is not None
        else f"Corrected for {c.n} looks by Bonferroni, it is {p_text(c.bonferroni_p)}."
    )
    return section(
        "choices",
        "What else the number depends on",
        "The same slope under every sensible choice at once, so that nobody can report the best "
        "of them as if it were the only one.",
        tag(
            "p",
            f"{counted(c.n, 'look')}: slopes from {short(c.looks[0].estimate.value, sign=True)} to "
            f"{short(c.looks[-1].estimate.value, sign=True)}; {c.n_same_sign} {does(c.n_same_sign, 'have')} the sign "
            f"of the one that was asked for ({short(asked, sign=True)}); {c.n_significant} "
            f"{does(c.n_significant, 'exclude')} zero.",
            class_="say",
        ),
        figure(
            specifications(c, report.level),
            "Above: each look's slope and interval, in order; in colour where it excludes zero, "
            "ringed as asked for. Below: what was chosen. Intervals that are much wider than most "
            "are cut.",
            fixed=True,
        ),
        tag("h3", "The best of many looks"),
        tag(
            "p", f"The smallest p-value is {p_text(c.smallest_p).removeprefix('p = ').removeprefix('p ')}. {corrected}"
        ),
        details("All looks", scrolling("looks", _looks(report), tall=True)),
    )


def _looks(report: SlopeReport) -> Html:
    assert report.choices is not None
    body = [
        [
            ", ".join(name.replace(":", " ") for name in look.controls) or "none",
            look.scale, look.rows, look.within or "–", look.estimate.errors,
            *interval(look.estimate.value, look.estimate.low, look.estimate.high),
            p_text(look.estimate.p).removeprefix("p = ").removeprefix("p "),
        ]
        for look in report.choices.looks[:400]
    ]  # fmt: skip
    return table(
        ["controls", "logs", "rows", "within", "errors", "slope", "interval", "p"],
        body,
        caption="All looks",
        numeric=[5, 6, 7],
        class_="sortable",
    )


def model(report: SlopeReport) -> Html | None:
    """What a model makes of the variable."""
    m = report.model
    if m is None:
        return None
    x = report.rows.of.column
    pairs = [("the model's average slope", m.average_slope)]
    if not report.rows.of.transform and not report.rows.outcome.transform and report.rows.family == "linear":
        pairs.insert(0, ("the regression's slope", report.main))
    spread = (
        f"Intervals are the spread of {counted(m.members, 'member')}"
        + (", each the model fitted again to rows drawn with replacement." if m.refitted else ".")
        if m.has_spread
        else f"{'One model was' if m.members == 1 else f'{m.members} models were'} passed: how much "
        "another one would differ is not known. The interval is about rows alone."
    )
    value, around = interval(m.permuted.value, m.permuted.low, m.permuted.high)
    worth = m.permuted.low > 0
    return section(
        "model",
        "What a model makes of it",
        "A model may bend and interact where the regression is straight; it is no more causal for that.",
        figure(
            dependence(m, report),
            "The model's mean answer with the column set to each value in every row (solid), and the "
            "regression's line (dashed).",
        ),
        figure(forest(pairs, "model-slope", "The model's average slope beside the regression's")),
        tag("p", spread),
        tag("h3", f"What {x} is worth to the model"),
        tag(
            "p",
            f"With {x} dealt out to the rows anew, the model's mean squared error of "
            f"{short(m.error, digits=3)} changes by {value} {around}: "
            + (
                "the model uses it, and is right to."
                if worth
                else "the model does as well without it, as far as these rows tell."
            )
            + " On rows that the model was trained on this is too kind to it.",
        ),
    )


def beliefs(report: SlopeReport) -> Html:
    """Before and after; credibility; surprise."""
    b = report.beliefs
    parts: list[Child] = []
    if b.updated:
        size = plain(report.margin or 0.0)
        body = [
            [
                each.who,
                "nothing"
                if not math.isfinite(each.before.sd)
                else f"{short(each.before.mean, sign=True)} ± {short(each.before.sd)}",
                f"{short(each.after.mean, sign=True)} ± {short(each.after.sd)}",
                percent(each.same_sign),
                "–" if each.worth_having is None else percent(each.worth_having),
                "–" if each.negligible is None else percent(each.negligible),
            ]
            for each in b.updated
        ]
        sign = (
            "below zero"
            if (report.claim.value if report.claim and report.claim.value else report.estimate) < 0
            else "above zero"
        )
        parts += [
            figure(beliefs_figure(report, b), "Dashed: before. Solid: after these data."),
            scrolling(
                "beliefs",
                table(
                    ["who", "believed", "believes now", f"slope {sign}", f"beyond {size}", f"smaller than {size}"],
                    body,
                    caption="Beliefs",
                    numeric=[1, 2, 3, 4, 5],
                ),
            ),
        ]
        if {each.who for each in b.updated} == {"sceptic", "neutral", "enthusiast"}:
            parts.append(
                tag(
                    "p",
                    "The sceptic expected nothing and gave the claimed effect, or more, one chance in "
                    "twenty; the enthusiast expected it, and gave no effect at all one in twenty "
                    "(Spiegelhalter, Abrams & Myles 2004). Pass prior=(mean, sd) for your own.",
                    class_="soft",
                )
            )
    parts += [tag("h3", "How sceptical one must have been"), tag("p", _credibility(report))]
    bits = f"{p_text(report.p)} is {b.s_value:.1f} bits of surprise at “no relationship”: " + (
        "less than a coin that comes up heads once."
        if b.s_value < 1
        else f"as of a coin that comes up heads {b.s_value:.0f} "
        f"{'time' if round(b.s_value) == 1 else 'times'} in a row."
    )
    if b.s_value_claim is not None and report.claim is not None:
        bits += f" At the claim it is {b.s_value_claim:.1f} bits."
    parts += [tag("h3", "Surprise"), tag("p", bits)]
    return section(
        "beliefs",
        "Beliefs before and after",
        "What to believe now depends on what was believed before, and on how much these data weigh. Both are numbers.",
        parts,
    )


def _credibility(report: SlopeReport) -> str:
    c = report.beliefs.credibility
    if c is None:
        return "The interval ends at zero: there is nothing to say."
    if c.kind == "sceptical":
        return (
            "Who held before, with 95 % of their belief, that the slope lies within "
            f"±{short(c.limit)}, is not convinced by these data; everybody less sceptical is "
            "(Matthews 2001, 2018)."
        )
    return (
        "Zero is in the interval. Who held before, with 95 % of their belief, that the slope "
        f"lies between 0 and {short(c.limit, sign=True)} would still hold, after these data, that "
        "there "
        "is an effect; a belief in larger ones is no longer credible (Matthews 2018)."
    )


def principles(report: SlopeReport) -> Html:
    """The ASA's six, each beside its number."""
    here = {
        "chance": f"here {p_text(report.p)}, of no relationship and all else that the regression assumes",
        "beliefs": _after(report),
        "verdict": f"here the verdict comes from the interval [{short(report.low, sign=True)}, "
        f"{short(report.high, sign=True)}] and what matters, not from .05 alone",
        "choices": f"here {counted(report.choices.n, 'look')}, all shown"
        if report.choices is not None
        else "here one look was taken",
        "estimate": f"here {interval(report.estimate, report.low, report.high)[0]} per 1 of {report.rows.of.words}",
        "several": _others(report),
    }
    items = [
        tag(
            "li",
            tag("p", each.said),
            tag(
                "p",
                tag(
                    "a",
                    here[each.about],
                    href=f"#{each.about}" if each.about != "chance" or report.chance is not None else "#estimate",
                ),
            ),
        )
        for each in PRINCIPLES
    ]
    return section(
        "principles",
        "Six principles",
        "What the American Statistical Association says of p-values, beside the numbers here that each is about.",
        tag("ol", items, class_="principles"),
        tag("p", REFERENCE, class_="soft"),
    )


def _after(report: SlopeReport) -> str:
    neutral = next((each for each in report.beliefs.updated if each.who == "neutral"), None)
    if neutral is None:
        return f"here {p_text(report.p)} is not the chance of no relationship"
    return f"here {p_text(report.p)}, while who knew nothing before gives that sign {percent(neutral.same_sign)}"


def _others(report: SlopeReport) -> str:
    if report.shape is None or not math.isfinite(report.shape.p):
        return "here other regressions are compared"
    return f"here a curve against the line has {p_text(report.shape.p)}, and other controls give other slopes"


def how(report: SlopeReport) -> Html:
    """Methods, rows, decisions."""
    left = [[reason, f"{n:,}"] for reason, n in report.left_out.items()]
    decided = [[name, str(d.value), d.reason] for name, d in report.decisions.items()]
    return section(
        "how",
        "How it was done",
        "For the methods section, and for who wants to do it again.",
        tag("blockquote", tag("p", report.methods)),
        tag("h3", "Rows"),
        tag(
            "p",
            f"{report.n_read:,} read, {report.n:,} used"
            + (f", in {report.n_clusters:,} clusters" if report.n_clusters else "")
            + ".",
        ),
        table(["left out because of", "rows"], left, caption="Rows left out", numeric=[1], class_="small")
        if left
        else None,
        tag("h3", "Decided"),
        scrolling("decisions", table(["what", "value", "why"], decided, caption="Decisions", class_="decisions"))
        if decided
        else None,
    )
