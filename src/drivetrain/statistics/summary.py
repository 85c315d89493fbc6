"""A report as text on a terminal."""

from __future__ import annotations

from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.result import Side, SlopeReport
from drivetrain.statistics.saying import moved_sentence, span_sentence
from drivetrain.statistics.words import interval, p_text, percent, plain, short
from drivetrain.text import counted


def summary(report: SlopeReport) -> str:
    """The answer, both regressions under each error, and what else matters, a line each."""
    lines = [report.sentence, "", span_sentence(report.rows, report.span), ""]
    lines += _table(report)
    lines += ["", *_more(report)]
    lines += [
        f"{name}: {decision}"
        for name, decision in report.decisions.items()
        if name in ("errors", "smallest effect of interest")
    ]
    if report.note:
        lines.append(f"note: {report.note}")
    lines.append("Nothing here says that one thing causes the other.")
    return "\n".join(lines)


def _table(report: SlopeReport) -> list[str]:
    sides: list[tuple[str, Side]] = [(f"{report.rows.of} alone", report.univariate)]
    if report.multivariate is not None:
        extra = [
            *report.rows.control_names,
            *([f"within {report.rows.within_column}"] if report.rows.within_column else []),
        ]
        sides.append((f"+ {', '.join(extra)}", report.multivariate))
    rows = [("", "slope", f"{report.level:.0%} interval", "p", "errors")]
    for name, side in sides:
        for i, one in enumerate(_estimates(side)):
            value, around = interval(one.value, one.low, one.high)
            rows.append(
                (
                    name if i == 0 else "",
                    value,
                    around,
                    p_text(one.p).removeprefix("p = ").removeprefix("p "),
                    one.errors,
                )
            )
        if side.wild_p is not None:
            rows.append(
                ("", "", "", p_text(side.wild_p).removeprefix("p = ").removeprefix("p "), "wild cluster bootstrap")
            )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return [
        "  ".join(
            cell.ljust(width) if i in (0, 2, 4) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _estimates(side: Side) -> list[Estimate]:
    return [each for each in (side.classical, side.robust, side.clustered, side.reduced) if each is not None]


def _more(report: SlopeReport) -> list[str]:
    lines = [f"n = {report.n:,}" + (f" in {report.n_clusters:,} clusters" if report.n_clusters else "")]
    if report.n < report.n_read:
        lines[0] += f"; {report.n_read - report.n:,} of {report.n_read:,} rows left out: " + "; ".join(
            f"{reason}: {n:,}" for reason, n in report.left_out.items()
        )
    if said := moved_sentence(report):
        lines.append(said)
    lines.append(f"smallest slope that data like these find four times in five: {short(report.smallest_detectable)}")
    if report.power.needed:
        each = ", ".join(
            f"{percent(one.power)} power: {'beyond reach' if one.n is None else f'{one.n:,}'}"
            for one in report.power.needed
        )
        lines.append(f"rows needed to find {plain(report.power.effect or 0.0)}: {each}")
    if report.robustness_value is not None:
        lines.append(
            "something unseen would bring the slope to zero if it said "
            f"{percent(report.robustness_value, 1)} of what is left of both"
        )
    if report.shape is not None:
        lines.append(f"a curve instead of the line: {p_text(report.shape.p)}")
    if report.choices is not None:
        c = report.choices
        lo, hi = short(c.looks[0].estimate.value, sign=True), short(c.looks[-1].estimate.value, sign=True)
        corrected = "" if c.corrected_p is None else f", corrected for {counted(c.n, 'look')} {p_text(c.corrected_p)}"
        lines.append(
            f"other sensible choices: {counted(c.n, 'look')}, slopes from {lo} to {hi}, the smallest "
            f"{p_text(c.smallest_p)}{corrected}"
        )
    return lines
