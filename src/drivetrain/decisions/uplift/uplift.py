"""`drivetrain.uplift`: who is moved by being treated, rather than who says yes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.models.table import known_column
from drivetrain.decisions.uplift.learners import Learner, Models, Workshop, spread_evenly
from drivetrain.decisions.uplift.ranking import Measured, Ranking, aipw
from drivetrain.decisions.uplift.result import Uplift
from drivetrain.decisions.uplift.rules import best_rule
from drivetrain.decisions.uplift.trial import Trial, read_trial
from drivetrain.notices import warn
from drivetrain.progress import Advance, track
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, number, refuse, whole
from drivetrain.text import agreeing, does, readable

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
LEARNERS: tuple[Learner, ...] = ("s", "t", "x", "dr")
SAID = {
    "s": "S-learner: one model that reads the treatment as a column (Künzel et al. 2019)",
    "t": "T-learner: a model of the treated, another of the others (Künzel et al. 2019)",
    "x": "X-learner: effects imputed by the other arm's model, then learned (Künzel et al. 2019)",
    "dr": "DR-learner: doubly robust effects, then learned (Kennedy 2023)",
}
RAREST = 0.01
"""Estimated propensities are kept this far from 0 and 1, so that no row weighs more than a hundred."""


@named
def uplift(
    table: Any,
    treatment: Any = None,
    outcome: Any = None,
    *,
    make: Any = None,
    learner: Any = "dr",
    features: Any = None,
    group: Any = None,
    propensity: Any = None,
    treated: Any = None,
    make_effect: Any = None,
    rule: Any = None,
    folds: Any = 5,
    level: Any = 0.95,
    seed: Any = 0,
) -> Uplift:
    """Rank rows by what treating them changes, and say whether that beats ranking them by what they will do.

    Each row gets its scores from models that have not seen it, or any row of its group. All orders (by uplift; by the
    response model, which is what most people use; by one column; at random) are then judged on the same rows, by each
    row's doubly robust effect.

    Args:
        table: A DataFrame of any library, a table file, or a dict of columns: a row for each person, or for each pair
            of a person and an item, whom chance treated or not.
        treatment: Column of two values: treated or not.
        outcome: Column of numbers, or of yes and no.
        make: Of the models of the outcome: a scikit-learn estimator, a function () → estimator, or a function (rows)
            → fitted model; None: boosted trees.
        learner: "s", "t", "x" or "dr".
        features: Columns that models read, all known before the treatment; None: all others.
        group: Column whose equal values belong together, such as the customer of row–item pairs: they are never on both
            sides of learning and judging, and count as one draw in intervals.
        propensity: The probability of being treated (a number for all), or a column with the probability of what was
            done with each row, as `drivetrain.Lever` has it; "estimate": from the features, where chance did not
            decide. None: the share of the treated, after a check that no column tells who was treated.
        treated: The value that says treated, where that cannot be told ("A" and "B").
        make_effect: Of the models of the effect in the X- and DR-learner: a regressor; None: boosted trees.
        rule: Column of the rule of one column; None: the best one, chosen on other rows than it is judged on.
        folds: Models that share the work: each learns from all folds but one.
        level: Of the intervals.
        seed: Of all draws.

    Raises:
        DataError: Columns cannot be used, nobody or everybody was treated, or there are too few rows.
        SettingError: An argument cannot be used.

    Example:
        >>> from drivetrain.decisions.simulators import shop
        >>> from sklearn.linear_model import LogisticRegression, Ridge
        >>> pairs = shop(200, seed=0).logged.drop(columns="item")
        >>> found = uplift(
        ...     pairs, "shown", "bought", group="customer", propensity="propensity", make=LogisticRegression(),
        ...     make_effect=Ridge(),
        ... )
        >>> sorted(found.baselines)
        ['one column', 'random order', 'response model']
        >>> found.qini.low < found.qini.value < found.qini.high
        True
    """
    for setting, column in (("treatment", treatment), ("outcome", outcome)):
        if column is None:
            refuse(setting, column, "the name of a column", fix=f"To fix: pass {setting}=, the name of a column.")
    learner = choice("learner", learner, LEARNERS)
    folds, seed = whole("folds", folds, least=2, most=100), whole("seed", seed, least=0)
    level = number("level", level, above=0, below=1)
    decisions: dict[str, Decision] = {}
    trial = read_trial(
        table,
        treatment=treatment,
        outcome=outcome,
        features=features,
        group=group,
        propensity=propensity,
        treated=treated,
        folds=folds,
        decisions=decisions,
    )
    columns = trial.features if rule is None else (known_column(trial.frame, rule, "rule"),)
    if columns[0] in (trial.treatment, trial.outcome):
        refuse("rule", rule, "a column that was known before the treatment")
    workshop = Workshop(trial, make, make_effect, seed)
    everything = np.arange(len(trial), dtype=np.int64)
    fold = spread_evenly(trial, everything, folds, np.random.default_rng([seed, 0]))
    steps = folds * (workshop.steps(learner) + 1) + (folds if trial.told is None else 0)
    with track("uplift", steps) as advance:
        share = _propensities(
            trial,
            workshop,
            fold=fold,
            asked=propensity,
            level=level,
            decisions=decisions,
            advance=advance,
        )
        scores, rules, models = _cross_fitted(
            trial,
            workshop,
            learner=learner,
            fold=fold,
            share=share,
            columns=columns,
            seed=seed,
            advance=advance,
        )
    effect = aipw(trial.y, trial.treated, share, scores["with_it"], scores["without"])
    measured = Measured(effect, fold, trial.group, level)
    said = ", ".join(f"{name} ({n} of {folds} folds)" for name, n in Counter(map(str, rules)).most_common(3))
    decisions["models"] = Decision(
        value=f"{workshop.outcome.label}, columns {workshop.outcome.said}",
        reason="as asked" if make is not None else "none was asked for",
    )
    decisions["learner"] = Decision(value=learner, reason=SAID[learner])
    decisions["judged"] = Decision(
        value=f"{folds} folds of {'groups' if trial.group_column else 'rows'}",
        reason="each row's scores come from models that have not seen it; intervals hold given these models",
    )
    what = f"the {'probability' if trial.is_yes_no else 'amount'} of {readable(trial.outcome)} predicted with treatment"
    return Uplift(
        trial=trial,
        learner=learner,
        ours=Ranking("uplift", "the effect predicted", scores["effect"], measured),
        baselines={
            "response model": Ranking("the response model", what, scores["with_it"], measured),
            "one column": Ranking("one column", said, scores["rule"], measured),
            "random order": Ranking("random order", "chance", np.zeros(len(trial)), measured),
        },
        with_treatment=scores["with_it"],
        without=scores["without"],
        models=models,
        decisions=decisions,
    )


def _cross_fitted(
    trial: Trial,
    workshop: Workshop,
    *,
    learner: Learner,
    fold: Codes,
    share: Array,
    columns: tuple[str, ...],
    seed: int,
    advance: Advance,
) -> tuple[dict[str, Array], list[Any], tuple[Models, ...]]:
    """Scores of each row by what the other folds' rows have taught, the rules, and the models."""
    scores = {name: np.empty(len(trial)) for name in ("effect", "with_it", "without", "rule")}
    rules: list[Any] = []
    models: list[Models] = []
    for each in range(int(fold.max()) + 1):
        here, others = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
        made = workshop.learn(learner, others, share)
        advance(workshop.steps(learner))
        rule = best_rule(trial, others, share, columns, seed)
        advance(1)
        frame = trial.frame.iloc[here]
        scores["effect"][here], scores["with_it"][here] = made.effect(frame), made.with_it(frame)
        scores["without"][here], scores["rule"][here] = made.without(frame), rule.score(frame)
        rules.append(rule)
        models.append(made)
    return scores, rules, tuple(models)


def _propensities(
    trial: Trial,
    workshop: Workshop,
    *,
    fold: Codes,
    asked: Any,
    level: float,
    decisions: dict[str, Decision],
    advance: Advance,
) -> Array:
    """(n,) each row's probability of being treated: as told, the share, or what other rows' columns have taught."""
    if trial.told is not None:
        value = readable(asked) if isinstance(asked, str) else float(asked)
        decisions["propensity"] = Decision(value=value, reason="as told; it fits the share of treated rows")
        return trial.told
    yes = trial.treated.astype(np.float64)
    constant, modelled = np.empty(len(trial)), np.empty(len(trial))
    for each in range(int(fold.max()) + 1):
        here, others = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
        constant[here] = yes[others].mean()
        model = workshop.fit(workshop.propensity, others, yes[others])
        modelled[here] = model(trial.frame.iloc[here])
        advance(1)
    clipped = np.clip(modelled, RAREST, 1 - RAREST)
    gain = _loss(yes, constant) - _loss(yes, clipped)
    told = Measured(gain, fold, trial.group, level).worth(gain, "log loss of the share less that of a model")
    by_columns = told.low is not None and told.low > 0
    if asked == "estimate" or by_columns:
        far = int((clipped != modelled).sum())
        reason = "as asked" if asked == "estimate" else f"columns tell who was treated: {told.value:.3f} nats a row"
        decisions["propensity"] = Decision(
            value="estimated from the features",
            reason=f"{reason}; {agreeing(far, 'rows', 'were')} as good as never (or always) treated, and "
            f"{does(far, 'count')} as {RAREST:.0%}",
        )
        if asked != "estimate":
            warn(
                f"{readable(trial.treatment)!r} was not drawn by one chance for all: the columns tell who was treated "
                f"({told.value:.3f} [{told.low:.3f}, {told.high:.3f}] nats a row better than the share does). "
                "Propensities are estimated, and the effects are causes only if the columns hold all that decided. To "
                "fix: pass propensity=, leave out columns that came about after the treatment (features=), or pass "
                'propensity="estimate" if you know this.'
            )
        return clipped
    decisions["propensity"] = Decision(
        value=round(float(yes.mean()), 4), reason="the share of treated rows; no column tells who was treated"
    )
    return constant


def _loss(yes: Array, share: Array) -> Array:
    return -np.log(np.where(yes > 0, share, 1 - share))
