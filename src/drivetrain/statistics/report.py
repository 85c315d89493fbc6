"""`slope_report`: what a slope says, and what it does not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np

from drivetrain.calls import named
from drivetrain.errors import DataError, SettingError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, refuse, several, shown, text
from drivetrain.statistics.asking import FAMILIES, Asked, asked_of
from drivetrain.statistics.fitting.bootstrap import wild_bootstrap
from drivetrain.statistics.fitting.cells import Cells
from drivetrain.statistics.fitting.covariance import Estimate, Kind, slope_of
from drivetrain.statistics.fitting.fits import SLOPE, Fit, fit_rows
from drivetrain.statistics.fitting.rows import Rows, read_rows
from drivetrain.statistics.imputing import completed_rows, pool
from drivetrain.statistics.models import is_model, model_slope
from drivetrain.statistics.questions.beliefs import beliefs_of, usual_priors
from drivetrain.statistics.questions.chance import chance_of
from drivetrain.statistics.questions.choices import choices_of
from drivetrain.statistics.questions.decompose import decompose
from drivetrain.statistics.questions.influence import influence_of
from drivetrain.statistics.questions.power import power_report
from drivetrain.statistics.questions.sensitivity import sensitivity_of
from drivetrain.statistics.questions.shape import shape_of
from drivetrain.statistics.questions.verdict import equivalence, judge_claim, verdict_of
from drivetrain.statistics.result import Side, SlopeReport, Span
from drivetrain.statistics.saying import sentence
from drivetrain.statistics.words import is_log
from drivetrain.text import counted

EXACT = 1e-9
"""What is left of an outcome, of its spread, that is nothing but rounding."""
LARGE = 1 / 3
"""Share of the rows in one cluster from which CR2's intervals hold less often than they say (benchmarks/slope.py)."""
FEW_DF = 4.0
"""Below, Satterthwaite's approximation itself is rough (Pustejovsky & Tipton 2018, section 4)."""


@named
def slope_report(
    source: Any,
    outcome: Any = None,
    of: Any = None,
    *,
    controls: Any = (),
    cluster: Any = None,
    within: Any = None,
    weights: Any = None,
    family: Any = "auto",
    claim: Any = None,
    smallest_effect_of_interest: Any = None,
    prior: Any = None,
    level: Any = 0.95,
    errors: Any = "auto",
    missing: Any = "drop",
    note: Any = "",
    simulations: Any = 1000,
    seed: Any = 0,
    table: Any = None,
) -> SlopeReport:
    """What the slope of one variable says, and what it does not.

    Args:
        source: A table: a CSV or Parquet file, a DataFrame of any library, a dict of lists. Or a model, with `table`
            beside it: a function of a DataFrame, an object with `predict`, a list of these (an ensemble), or a
            scikit-learn estimator, which is fitted again to drawn rows; what it makes of the variable is shown beside
            the regression.
        outcome: Column that is explained, or a function of one: ``log:``, ``log2:``, ``log10:``, ``log1p:``, ``sqrt:``
            or ``square:`` before its name.
        of: Column whose slope is wanted, or a function of one.
        controls: Columns that are held fixed, or functions of them. Texts are categories; ``category:`` makes
            categories of numbers that are codes.
        cluster: Column whose equal values belong together, such as country: errors are clustered.
        within: Column whose values each get a level of their own (fixed effects).
        weights: Column of precisions, 1/variance up to a factor.
        family: "linear", "logistic", "poisson", or "auto": logistic where the outcome says yes and no, else linear.
        claim: A slope that somebody claims: is it compatible with the data?
        smallest_effect_of_interest: Slopes closer to zero than this do not matter. Left out, the claim stands for it;
            without either, "none" and "too_small" cannot be concluded.
        prior: What was believed before: (mean, sd) of the slope, or a dict of name → (mean, sd). Left out, a
            sceptic, one who knows nothing and an enthusiast about the claim.
        level: Of the intervals; tests are at 1 − level.
        errors: "classical", "HC3", "CR1", "CR2", or "auto": CR2 with clusters, HC3 without.
        missing: "drop" rows with empty cells, with their count, or "impute" them (multiple imputation).
        note: What the data are, and are not; shown on the page.
        simulations: Draws of each simulation; 0 leaves all of them out.
        seed: Of all draws.
        table: The rows, where `source` is a model.

    Raises:
        DataError: A column is missing, no number, infinite or constant, or no slope can be had.
        SettingError: An argument has a value that cannot be used.
        MissingExtraError: statsmodels is not installed and is needed.

    Example:
        >>> table = {"hours": [1, 2, 3, 4, 5, 6, 7, 8], "mark": [2.1, 3.9, 6.2, 8.1, 9.8, 12.1, 14.2, 15.8]}
        >>> report = slope_report(table, "mark", "hours", smallest_effect_of_interest=0.5, simulations=0)
        >>> report.verdict, round(report.estimate, 2)
        ('effect', 1.99)
    """
    asked = asked_of(
        claim=claim,
        margin=smallest_effect_of_interest,
        prior=prior,
        level=level,
        errors=errors,
        note=note,
        simulations=simulations,
        seed=seed,
    )
    names = several("controls", controls, "names of columns", single=str)
    for each in names:
        text("controls", each, what="the names of columns, or functions of them such as 'log:gdp'")
    family = choice("family", family, FAMILIES)
    missing = choice("missing", missing, ("drop", "impute"))
    for setting, column in (("cluster", cluster), ("within", within), ("weights", weights)):
        if column is not None:
            text(setting, column, what="the name of a column")
    for setting, column in (("outcome", outcome), ("of", of)):
        if not isinstance(column, str) or not column.strip():
            fix = f"To fix: pass {setting}=, such as {setting}='{'price' if setting == 'of' else 'sales'}'."
            refuse(setting, column, "the name of a column, or a function of one such as 'log:gdp'", fix=fix)
    model, cells = _model_and_cells(source, table)
    rows = read_rows(
        cells,
        outcome=outcome,
        of=of,
        controls=names,
        cluster=cluster,
        within=within,
        weights=weights,
        family=family,
        keep_missing=missing == "impute",
    )
    if missing == "impute":
        tables = completed_rows(rows, asked.seed)
        rows = tables[0]
        if len(tables) > 1:
            kind, _ = choose_errors(rows, fit_rows(rows), asked)
            each = [slope_of(fit_rows(table, quiet=True), kind, asked.level) for table in tables]
            return _with_model(report_rows(rows, asked, pooled=pool(each), imputed=len(tables)), model, cells)
    return _with_model(report_rows(rows, asked), model, cells)


def _model_and_cells(source: Any, table: Any) -> tuple[Any, Cells]:
    """The model, if there is one, and the table."""
    if not is_model(source):
        if table is not None:
            refuse(
                "table",
                table,
                "nothing, as the first argument is a table already",
                fix="To fix: leave table= out, or pass a model first.",
            )
        return None, Cells(source)
    if table is None:
        raise SettingError(
            f"source={shown(source)} is a model, and no table is beside it; expected the rows to ask "
            "it about. To fix: pass table=, a DataFrame or "
            "the path of one."
        )
    return source, Cells(table)


def _with_model(report: SlopeReport, model: Any, cells: Cells) -> SlopeReport:
    """The report with what the model makes of the variable."""
    if model is None:
        return report
    rows = report.rows
    frame = cells.frame().iloc[rows.positions].reset_index(drop=True)
    truth = cells.numbers(rows.outcome.column)
    assert truth is not None
    made, decision = model_slope(
        model,
        frame,
        rows.of.column,
        rows.outcome.column,
        truth[rows.positions],
        cluster=rows.cluster,
        level=report.level,
        seed=report.seed,
    )
    return replace(report, model=made, decisions=dict(report.decisions) | {"model": decision})


def report_rows(rows: Rows, asked: Asked, *, pooled: Estimate | None = None, imputed: int = 0) -> SlopeReport:
    """The report of rows that were read; `pooled` takes the place of their own estimate."""
    decisions = dict(rows.decisions)
    _check_clusters(rows, asked)
    alone_rows = replace(rows, controls=(), within=None, within_column="", within_names=())
    plain = not rows.controls and rows.within is None
    linear = rows.family == "linear"
    fit = fit_rows(rows)
    alone = fit if plain else fit_rows(alone_rows)
    kind, decisions["errors"] = choose_errors(rows, fit, asked)
    main = pooled or slope_of(fit, kind, asked.level)
    if linear and float(np.linalg.norm(fit.ew)) <= EXACT * float(np.linalg.norm(rows.y - rows.y.mean())):
        raise DataError(
            f"{rows.outcome} is said exactly by {rows.of}{' and what is held fixed' if not plain else ''}: there is no "
            "noise, and so nothing to be unsure of; expected measurements. To fix: name another outcome, or leave out "
            "the column that it was computed from."
        )
    margin, is_claim = _margin(asked, decisions)
    tested = None if margin is None else equivalence(main, margin)
    claimed = None if asked.claim is None else judge_claim(main, asked.claim)
    verdict = verdict_of(main, tested)
    univariate = _side(alone, alone_rows, asked)
    clustered = rows.cluster is not None
    draws, seed = asked.simulations, asked.seed
    wild = wild_bootstrap(fit, draws=draws, seed=seed) if clustered and linear and draws else None
    classical = slope_of(fit, "classical", asked.level)
    own = fit.own_part
    influence = influence_of(rows, fit, kind, main)
    priors = asked.priors or ({} if margin is None else usual_priors(asked.claim or math.copysign(margin, main.value)))
    return SlopeReport(
        main=main,
        univariate=univariate,
        multivariate=None if plain else _side(fit, rows, asked),
        claim=claimed,
        equivalence=tested,
        verdict=verdict,
        margin=margin,
        margin_is_claim=is_claim,
        span=_span(rows, fit, main),
        sentence=sentence(rows, verdict, main, margin, claimed, is_claim=is_claim),
        power=power_report(
            rows, fit, main, kind, effect=asked.claim or margin, margin=margin, margin_is_claim=is_claim,
            simulations=draws,
            seed=seed,
        ),
        wild=wild,
        chance=chance_of(
            fit, rows.weights is not None or rows.within is not None or not linear, classical,
            main if clustered else None, own + float(rows.x.mean()), draws=draws, seed=seed,
        ) if draws else None,
        decomposition=decompose(alone, fit, asked.level) if linear and rows.within is None else None,
        sensitivity=sensitivity_of(fit, classical) if linear else None,
        shape=shape_of(rows, clustered=clustered and kind == "CR2", level=asked.level),
        influence=influence,
        vif=_vif(fit),
        choices=choices_of(rows, influence.flagged, level=asked.level, draws=draws, seed=seed),
        beliefs=beliefs_of(
            main, claim=asked.claim, p_claim=None if claimed is None else claimed.p, margin=margin, priors=priors
        ),
        decisions=decisions,
        n=len(rows),
        n_read=rows.n_read,
        left_out=rows.left_out,
        n_clusters=rows.n_clusters,
        largest_cluster=_largest(rows),
        note=asked.note,
        level=asked.level,
        seed=seed,
        simulations=draws,
        rows=rows,
        imputed=imputed,
        own_part=own,
        left_part=fit.ew + fit.slope * own,
    )  # fmt: skip


def _check_clusters(rows: Rows, asked: Asked) -> None:
    if asked.errors in ("CR1", "CR2") and rows.cluster is None:
        refuse(
            "errors",
            asked.errors,
            "cluster= beside it",
            fix="To fix: pass cluster=, the column whose equal values belong together.",
        )
    if rows.n_clusters == 1:
        name = rows.cluster_names[int(cast("Any", rows.cluster)[0])]
        raise DataError(
            f"all {len(rows):,} rows have one value in {rows.cluster_column!r} ({name!r}), named by "
            "cluster=; expected at least two, and "
            "better ten: one cluster says nothing of how clusters differ. To fix: leave cluster= "
            "out, or name a finer column."
        )


def choose_errors(rows: Rows, fit: Fit, asked: Asked) -> tuple[Kind, Decision]:
    """Which error the verdict is about, and why."""
    if asked.errors != "auto":
        return cast("Kind", asked.errors), Decision(value=asked.errors, reason="asked for")
    if rows.cluster is None:
        return "HC3", Decision(
            value="HC3",
            reason="right whether or not all rows are equally noisy; rows are taken as independent, as no "
            "cluster= was named",
        )
    found = slope_of(fit, "CR2", asked.level)
    if not (math.isfinite(found.df) and found.df > 0 and found.se > 0):
        raise DataError(
            f"the slope of {rows.of} rests on a single one of {counted(rows.n_clusters, 'cluster')} in "
            f"{rows.cluster_column!r}, or the clusters determine every number of the regression: how clusters differ "
            f"is not seen, and no error can be had; expected {rows.of} to differ in, or between, more clusters than "
            "there are controls. To fix: take fewer controls or a finer column, or pass errors='HC3' if rows are "
            "independent of each other."
        )
    largest = _largest(rows)
    assert largest is not None
    uneven = (
        f", the largest of which ({largest[0]}) holds {largest[1]:,} of {len(rows):,} rows,"
        if largest[1] > 2 * len(rows) / rows.n_clusters
        else ""
    )
    reason = (
        f"{rows.n_clusters:,} clusters by {rows.cluster_column}{uneven} are worth {found.df:.1f} "
        "degrees of freedom for this slope"
    )
    rough: list[str] = []
    if found.df < FEW_DF:
        rough.append(f"with fewer than {FEW_DF:g} the interval itself is rough")
    if largest[1] > LARGE * len(rows):
        rough.append(
            f"with {largest[1] / len(rows):.0%} of the rows in one "
            "cluster it is too narrow (in simulations such intervals "
            "held the true slope in 86 to 93 % of studies instead of 95 %)"
        )
    if rough:
        reason = f"{reason}; {', and '.join(rough)}"
        warn(f"{reason}. To fix: more clusters among which {rows.of} differs; see also the slope without the largest.")
    return "CR2", Decision(value="CR2", reason=reason)


def _largest(rows: Rows) -> tuple[str, int] | None:
    if rows.cluster is None:
        return None
    counts = np.bincount(rows.cluster)
    return rows.cluster_names[int(counts.argmax())], int(counts.max())


def _margin(asked: Asked, decisions: dict[str, Decision]) -> tuple[float | None, bool]:
    name = "smallest effect of interest"
    if asked.margin is not None:
        decisions[name] = Decision(value=asked.margin, reason="asked for")
        return asked.margin, False
    if asked.claim:
        decisions[name] = Decision(
            value=abs(asked.claim),
            reason="the claim stands for it, as nothing smaller was said to matter; "
            "smallest_effect_of_interest= says it",
        )
        return abs(asked.claim), True
    decisions[name] = Decision(
        value=None,
        reason="nobody said it, so that “too small to matter” cannot be concluded; "
        "smallest_effect_of_interest= says it",
    )
    return None, False


def _side(fit: Fit, rows: Rows, asked: Asked) -> Side:
    level = asked.level
    clustered = reduced = wild_p = None
    if rows.cluster is not None:
        clustered, reduced = slope_of(fit, "CR1", level), slope_of(fit, "CR2", level)
        reduced = reduced if math.isfinite(reduced.se) and reduced.df > 0 else None
        if asked.simulations and rows.family == "linear":
            wild_p = wild_bootstrap(fit, draws=asked.simulations, seed=asked.seed).p
    r2 = math.nan
    if rows.family == "linear":
        w = np.ones(len(rows)) if rows.weights is None else rows.weights / rows.weights.mean()
        whole = float(np.sum(w * (rows.y - np.average(rows.y, weights=w)) ** 2))
        r2 = 1 - float(fit.ew @ fit.ew) / whole
    return Side(slope_of(fit, "classical", level), slope_of(fit, "HC3", level), clustered, reduced, wild_p, r2)


def _span(rows: Rows, fit: Fit, main: Estimate) -> Span:
    """The slope from the 10th to the 90th percentile, in the outcome's own units where it can be."""
    low, high = np.quantile(rows.x, (0.1, 0.9)).tolist()
    if low == high:
        low, high = float(rows.x.min()), float(rows.x.max())
    across = high - low
    back = {
        "log": np.exp,
        "log2": np.exp2,
        "log10": lambda v: 10.0**v,
        "log1p": np.expm1,
        "sqrt": np.square,
        "square": np.sqrt,
    }
    raw = back.get(rows.of.transform, lambda v: v)
    values = [main.value * across, main.low * across, main.high * across]
    kind = "difference"
    if rows.family == "logistic":
        kind = "chance"
        eta = np.log(np.clip(fit.fitted, 1e-300, None)) - np.log1p(-np.clip(fit.fitted, None, 1 - 1e-16))

        def chance(slope: float) -> float:
            rest = eta - fit.slope * rows.x + (fit.slope - slope) * float(rows.x.mean())
            return float(np.mean(_expit(rest + slope * high) - _expit(rest + slope * low)))

        values = [chance(main.value), chance(main.low), chance(main.high)]
    elif rows.family == "poisson" or is_log(rows.outcome):
        kind = "factor"
        base = {"log2": 2.0, "log10": 10.0}.get(rows.outcome.transform, math.e)
        values = [float(base ** min(value, 700.0)) for value in values]
    return Span(float(raw(np.float64(low))), float(raw(np.float64(high))), values[0], values[1], values[2], kind)


def _expit(eta: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(eta, -700, 700)))


def _vif(fit: Fit) -> float:
    """Variance of the slope over what it would be if the variable had nothing to do with the other columns."""
    x = fit.Xw[:, SLOPE] - fit.Xw[:, 0] * float(fit.Xw[:, 0] @ fit.Xw[:, SLOPE]) / float(fit.Xw[:, 0] @ fit.Xw[:, 0])
    return float(x @ x) * float(fit.inverse[SLOPE, SLOPE])
