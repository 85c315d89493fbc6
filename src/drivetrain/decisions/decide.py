"""From an objective, levers and models to a plan: what to do with each row, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.asking.inputs import describing, read_group, read_logged, with_baseline
from drivetrain.decisions.asking.proving import prove
from drivetrain.decisions.asking.reach import check_reach, some_rows
from drivetrain.decisions.asking.rules import Rule, read_policies, read_rule
from drivetrain.decisions.asking.sensitivity import sensitivity as sensitivity_of
from drivetrain.decisions.asking.telling import (
    about_cells,
    about_loss,
    about_members,
    about_support,
    at_border,
    curves,
    stuck,
)
from drivetrain.decisions.constraints import Constraint, checked_constraints
from drivetrain.decisions.levers import Lever, checked_levers
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.table import frame_of
from drivetrain.decisions.objective import Objective, as_objective
from drivetrain.decisions.optimise.choosing import Chooser
from drivetrain.decisions.optimise.limits import read_limits
from drivetrain.decisions.optimise.problem import Made
from drivetrain.decisions.optimise.risk import read_risk
from drivetrain.decisions.plan.parts import LeverEffect, Parts, Promise, Support
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.table import check_names, plan_table
from drivetrain.decisions.proof.cause import cautions, effects
from drivetrain.decisions.proof.promise import promise
from drivetrain.decisions.proof.support import Seen
from drivetrain.decisions.simulator import Simulator
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import flag, whole
from drivetrain.text import counted


@dataclass(frozen=True)
class _Asked:
    """What `decide` was given, checked."""

    simulator: Simulator
    constraints: tuple[Constraint, ...]
    baseline: dict[str, NDArray[Any]] | None
    logged: pd.DataFrame | None
    group: str | None
    scenarios: pd.DataFrame | None
    risk: str
    extrapolate: bool
    seed: int
    policies: Mapping[str, Rule]

    @property
    def levers(self) -> tuple[Lever, ...]:
        return self.simulator.levers

    @property
    def models(self) -> Mapping[str, Ensemble]:
        return self.simulator.models


@named
def decide(
    objective: Any,
    rows: Any,
    levers: Sequence[Lever] | Lever,
    models: Any,
    constraints: Sequence[Constraint] | Constraint = (),
    *,
    risk: str = "mean",
    baseline: Mapping[str, Any] | None = None,
    logged: Any = None,
    group: str | None = None,
    scenarios: Any = None,
    extrapolate: bool = False,
    policies: Mapping[str, Mapping[str, Any]] | None = None,
    proof: bool = True,
    sensitivity: bool = True,
    seed: int = 0,
) -> Plan:
    """The plan that makes the objective largest within the constraints, and what it is honestly worth.

    All members choose the plan that is shown. Its promise is cross-fitted: chosen by the members of one half of the
    logged rows, valued by those of the other. The plan stays where rows like each were seen, unless told otherwise.

    Args:
        objective: A function ``(rows, levers, predict)`` → (n,) values, of each row by itself; or an expression as
            text, such as ``"accept * (price - claims)"``.
        rows: To decide on: a table with the columns that the models read. A column of a lever's name is its value
            today.
        levers: What can be set.
        models: Name, as the objective calls it → `Ensemble`, fitted model, saved model, or function.
        constraints: `at_most`, `at_least`, `budget`, `equal_share`.
        risk: What is made large: "mean" over members, "worst", "cvar:0.1" (mean of the worst tenth), or "loss:0.05"
            (the largest mean whose chance of being worth less than the baseline is at most that, as the members that
            choose see it; where those that did not choose it see more, the plan warns).
        baseline: Lever → value, one for each row, or an expression (``{"price": "1.2 * claims"}``), that the plan is
            compared with; None: today's values.
        logged: Rows with levers and outcomes as they came about; None: those that the models were fitted on.
        group: Column of the logged rows whose rows belong together (one customer, one store).
        scenarios: A table of named values, all rows equally likely; `predict` has them beside the models.
        extrapolate: Whether values may be proposed that rows like these were not seen with. They are marked.
        policies: What else is valued on the logged rows beside the plan: name → lever → a value, or an expression, such
            as ``{"claims + 20 %": {"price": "1.2 * claims"}}``.
        proof: Whether the plan is valued on the logged rows, beside today's practice and other policies, and each
            lever's effect is asked whether it is cause or habit.
        sensitivity: Whether the plan is made anew with each number of the objective 20 % less and more.
        seed: Of all random draws; the same seed gives the same plan.

    Raises:
        DataError: Constraints cannot be kept (which, and by how much), a lever never moved in the logged rows (what to
            collect), values are missing, or the objective is not finite.
        SettingError: An argument has a value that cannot be used, or a lever does not reach the objective.

    Example:
        >>> import drivetrain as dt
        >>> customers = pd.DataFrame({"need": [1.0, 2.0, 3.0], "price": [2.0, 2.0, 2.0]})
        >>> buys = lambda rows: np.clip(1 - rows["price"] / (4 * rows["need"]), 0, 1)
        >>> with dt.quiet():
        ...     plan = dt.decide("buys * price", customers, dt.Lever("price", 0, 10, step=1), {"buys": buys})
        >>> plan.table["price"].tolist()
        [2.0, 4.0, 6.0]
    """
    asked = _read(objective, rows, levers, models, constraints, risk, baseline, logged, group, scenarios, seed)
    others = read_policies(policies, asked.levers)
    asked = replace(asked, extrapolate=flag("extrapolate", extrapolate), policies=others)
    wanted, vary = flag("proof", proof), flag("sensitivity", sensitivity)
    seen = _seen(asked)
    chooser = _chooser(asked, seen)
    check_reach(chooser.on(some_rows(len(asked.simulator.rows), asked.seed)).simulator, seed=asked.seed)
    made = chooser.choose()
    kept = stuck(asked.levers, made.levers)
    promised = promise(asked.simulator, chooser, made.levers, baseline=asked.baseline, group=asked.group)
    support = _support(asked, seen, made.levers)
    found = _effects(asked) if wanted else ()
    shown, unproved = prove(chooser, seen, asked.policies, asked.group) if wanted else (None, "")
    parts = Parts(
        promise=promised,
        support=support,
        effects=found,
        proof=shown,
        bindings=made.bindings,
        curves=curves(chooser, made.levers),
        sensitivity=sensitivity_of(chooser, promised.promised.value) if vary else (),
        method=_method(asked, made),
        gap=(made.choice.bound - made.choice.value) / abs(made.choice.value) if made.choice.value else 0.0,
        warnings=(
            *kept,
            *about_loss(read_risk(asked.risk), promised),
            *_warnings(asked, made, support, found, unproved, checked=seen is not None),
        ),
        decisions=_decisions(asked, made, promised, checked=seen is not None),
    )
    for said in parts.warnings:
        say(f"plan: {said}")
    return _plan(asked, made, parts, seen)


def _read(
    objective: Any,
    rows: Any,
    levers: Any,
    models: Any,
    constraints: Any,
    *others: Any,
) -> _Asked:
    """Every argument, checked: `others` are risk, baseline, logged, group, scenarios and seed."""
    risk, baseline, logged, group, scenarios, seed = others
    wanted = as_objective(objective)
    table = frame_of(rows, "rows")
    set_to = checked_levers(levers)
    check_names(set_to)
    known = as_models(models)
    limits = checked_constraints(constraints, table, set_to)
    read_risk(risk)
    rule = None if baseline is None else read_rule("baseline", baseline, set_to, table)
    table = with_baseline(table, set_to, rule)
    drawn = None if scenarios is None else frame_of(scenarios, "scenarios")
    seed = whole("seed", seed, least=0)
    log = read_logged(logged, known, set_to)
    simulator = Simulator(wanted, table, set_to, known, scenarios=drawn)
    compared = None if rule is None else {**simulator.today(), **rule.choose(simulator, None)}
    told = str(risk).strip().casefold()
    return _Asked(simulator, limits, compared, log, read_group(group, log), drawn, told, False, seed, {})


def _seen(asked: _Asked) -> Seen | None:
    """What was seen in the log; None where nothing is known of it."""
    if asked.logged is None:
        return None
    columns = describing(asked.models, asked.levers, asked.logged, asked.simulator.rows)
    return Seen.fit(asked.logged, asked.levers, columns, seed=asked.seed)


def _chooser(asked: _Asked, seen: Seen | None) -> Chooser:
    def remake(rows: pd.DataFrame, objective: Objective | None) -> Simulator:
        wanted = asked.simulator.objective if objective is None else objective
        return Simulator(wanted, rows, asked.levers, asked.models, scenarios=asked.scenarios)

    return Chooser(
        asked.simulator,
        read_limits(asked.constraints, asked.levers, asked.simulator.rows),
        asked.risk,
        None if asked.extrapolate else seen,
        asked.seed,
        asked.baseline,
        today=dict(asked.simulator.today()),
        constraints=asked.constraints,
        remake=remake,
    )


def _support(asked: _Asked, seen: Seen | None, chosen: Mapping[str, NDArray[Any]]) -> Support:
    if seen is not None:
        return seen.where(asked.simulator.rows, chosen)
    n = len(asked.simulator.rows)
    return Support(np.full(n, "outside"), {"outside": 1.0}, "No logged rows are known, so nothing counts as seen.")


def _effects(asked: _Asked) -> tuple[LeverEffect, ...]:
    """Cause or habit, of each lever on each outcome that was logged."""
    if asked.logged is None:
        return ()
    log = asked.logged
    named_ones = [model.outcome for model in asked.models.values() if model.outcome is not None]
    outcomes = [name for name in dict.fromkeys(named_ones) if name in log.columns]
    if not outcomes:
        return ()
    columns = describing(asked.models, asked.levers, log)
    return effects(log, asked.levers, outcomes, columns, asked.group, seed=asked.seed)


def _method(asked: _Asked, made: Made) -> str:
    return f"{made.choice.method}, making {read_risk(asked.risk).said} largest"


def _warnings(
    asked: _Asked, made: Made, support: Support, found: Sequence[LeverEffect], unproved: str, *, checked: bool
) -> list[str]:
    said = list(made.choice.notes)
    said += asked.simulator.warnings
    said += about_members(asked.models)
    said += about_cells(asked.models, asked.levers, asked.simulator.rows)
    said += about_support(support.shares, extrapolate=asked.extrapolate, checked=checked)
    said += at_border(asked.levers, made.levers)
    if asked.logged is not None:
        said += cautions(found, asked.levers)
        said += [f"the plan was not proved on logged rows: {unproved}"] if unproved else []
    return list(dict.fromkeys(said))


def _decisions(asked: _Asked, made: Made, promised: Promise, *, checked: bool) -> dict[str, Decision]:
    choice = made.choice
    exact = "no better choice among the values tried" if choice.exact else "see the gap to the bound"
    return {
        "optimiser": Decision(value=choice.method, reason=f"{counted(len(made.bindings), 'limit')}; {exact}"),
        "risk": Decision(value=asked.risk, reason=f"makes {read_risk(asked.risk).said} largest"),
        "support": Decision(
            value="anywhere" if asked.extrapolate or not checked else "inside and edge",
            reason="extrapolate=True" if asked.extrapolate else "rows like each were seen so" if checked else "no log",
        ),
        "promise": Decision(value=promised.promised.method, reason="so that it is not the largest error"),
    }


def _plan(asked: _Asked, made: Made, parts: Parts, seen: Seen | None) -> Plan:
    today = asked.baseline if asked.baseline is not None else asked.simulator.today()
    table = plan_table(
        asked.simulator.rows.index, asked.levers, today, made.levers, promise=parts.promise, support=parts.support
    )
    return Plan(
        parts,
        table,
        asked.levers,
        asked.simulator.objective,
        simulator=asked.simulator,
        check_support=None if seen is None else seen.where,
    )
