"""A text that can be pasted into the methods section of a paper."""

from __future__ import annotations

from drivetrain import __version__
from drivetrain.pages.words import listed
from drivetrain.statistics.result import SlopeReport
from drivetrain.statistics.words import percent, plain
from drivetrain.text import does


def methods_text(report: SlopeReport) -> str:
    """What was done, with the numbers that a reader needs to do it again."""
    rows = report.rows
    kind = {"linear": "ordinary least squares", "logistic": "logistic regression", "poisson": "Poisson regression"}[
        rows.family
    ]
    if rows.weights_column and rows.family == "linear":
        kind = f"least squares weighted by {rows.weights_column}"
    parts = [f"We regressed {rows.outcome.words} on {rows.of.words} by {kind}"]
    if rows.controls:
        parts.append(f"with {listed([name.replace(':', ' ') for name in rows.control_names], 20)} held fixed")
    if rows.within_column:
        parts.append(f"with a level of its own for each {rows.within_column}")
    said = [f"{', '.join(parts)} (n = {report.n:,}{_left_out(report)})."]
    said.append(_errors(report))
    said.append(f"Intervals are at {percent(report.level)}.")
    if report.equivalence is not None:
        said.append(
            f"We took slopes below {plain(report.equivalence.margin)} in either direction as too small to matter"
            + (" (the claimed slope)" if report.margin_is_claim else "")
            + f" and tested equivalence by two one-sided tests at {percent(1 - report.level)} "
            "(Schuirmann 1987; Lakens 2017)."
        )
    if report.decomposition is not None:
        said.append("The change from the univariate slope was decomposed after Gelbach (2016).")
    if report.sensitivity is not None:
        said.append("Sensitivity to unobserved confounding is the robustness value of Cinelli & Hazlett (2020).")
    if report.shape is not None:
        said.append(
            f"Linearity was tested against a restricted cubic spline with {len(report.shape.knots)} "
            "knots (Harrell 2015)."
        )
    if report.choices is not None:
        corrected = (
            "; the smallest p-value was corrected for all of them (Westfall & Young 1993)"
            if report.choices.corrected_p is not None
            else ""
        )
        said.append(f"We looked at {report.choices.n} specifications, all of them reported{corrected}.")
    if report.choices is None:
        said.append("No other specification was looked at.")
    said.append(
        f"Computed with drivetrain {__version__} (seed {report.seed}, {report.simulations:,} "
        "simulations), numpy, scipy and statsmodels."
    )
    return " ".join(said)


def _errors(report: SlopeReport) -> str:
    """Which standard errors, and from where."""
    column = report.rows.cluster_column
    match report.main.errors:
        case "CR2":
            checked = ""
            if report.wild is not None:
                draws = f"{report.wild.n_draws:,} draws (Cameron, Gelbach & Miller 2008)"
                checked = f", checked by a wild cluster bootstrap with {draws}"
            return (
                f"Standard errors are clustered by {column} ({report.n_clusters:,} clusters) with the bias-reduced "
                f"linearisation CR2 and Satterthwaite degrees of freedom ({report.main.df:.1f}; Bell & McCaffrey 2002; "
                f"Pustejovsky & Tipton 2018){checked}."
            )
        case "HC3":
            return "Standard errors are robust to unequal noise (HC3; MacKinnon & White 1985)."
        case "imputed":
            return (
                f"Missing cells were imputed by chained equations, {report.imputed} times (statsmodels), and the "
                "results pooled by Rubin's rules with the degrees of freedom of Barnard & Rubin (1999)."
            )
        case "CR1":
            return f"Standard errors are clustered by {column} (CR1)."
        case _:
            return "Standard errors assume equal noise."


def _left_out(report: SlopeReport) -> str:
    if report.n == report.n_read:
        return ""
    reasons = "; ".join(f"{reason}: {n:,}" for reason, n in report.left_out.items())
    return (
        f"; of {report.n_read:,} rows {report.n_read - report.n:,} {does(report.n_read - report.n, 'were')} left out, "
        f"{reasons}"
    )
