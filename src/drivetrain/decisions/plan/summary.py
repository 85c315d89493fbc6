"""A plan in words that a manager reads in a minute."""

from __future__ import annotations

import numpy as np
import pandas as pd

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.optimise.problem import Binding
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.table import changed, now
from drivetrain.decisions.plan.words import amount, sentence, share, value_said, with_interval
from drivetrain.pages.words import count_rows, listed
from drivetrain.text import printable, readable


def summary(plan: Plan) -> str:
    """The whole of it: worth, levers, support, limits, trust, warnings."""
    lines = [
        headline(plan),
        "",
        *worth_lines(plan),
        "",
        *(lever_line(plan, lever) for lever in plan.levers),
        *([said] if (said := from_line(plan)) else []),
        *([said] if (said := limits_line(plan)) else []),
        "",
        support_line(plan),
        *([said] if (said := cause_line(plan)) else []),
        *([sentence(plan.proof.said)] if plan.proof is not None else []),
        *([said] if (said := sensitivity_line(plan)) else []),
    ]
    if plan.warnings:
        lines += ["", "Before you act:", *(f"  ! {sentence(each)}" for each in plan.warnings)]
    return printable("\n".join(lines))


def headline(plan: Plan) -> str:
    """What to expect, in a sentence."""
    name, gain = readable(plan.objective.name), plan.gain
    per_row = f"{with_interval(gain, sign=True)} {name} per row"
    total = f"{amount(gain.value * len(plan), sign=True)} over {count_rows(len(plan))}"
    if gain.low is None or gain.high is None:
        return f"The plan promises {per_row} against today ({total}); how sure that is, one member cannot say."
    if gain.low == gain.high == gain.value == 0:
        return "The plan is what is done today: nothing that it may do promises more."
    if gain.low > 0 and not is_cause(plan):
        said = f"The plan promises more than today: {per_row} ({total})"
        return f"{said}, and cannot be trusted: habit is in what was logged."
    if gain.low > 0:
        return f"The plan earns more than today: {per_row} ({total})."
    if gain.high < 0:
        return (
            f"The plan earns less than today: {per_row} ({total}). Keep to what is done today, unless a limit forbids "
            "that."
        )
    return f"Whether the plan earns more than today is not sure: {per_row} ({total})."


def is_cause(plan: Plan) -> bool:
    """Whether no lever's effect, as logged, is another one once habit is taken out."""
    return all(each.agree for each in plan.effects)


def worth_lines(plan: Plan) -> list[str]:
    """Plan, today, and what the models that chose it would have promised."""
    promise = plan.parts.promise
    level = "" if plan.promised.low is None else f" ({share(plan.promised.level)} interval)"
    lines = [
        f"  plan       {with_interval(plan.promised)} per row{level}",
        f"  today      {with_interval(plan.baseline)}",
        f"  not this   {with_interval(plan.naive)}: what the models that chose it say of their own choice",
    ]
    if promise.chance_of_loss is not None:
        lines.append(f"  members to whom it is worth less than today: {share(promise.chance_of_loss)}")
    return lines


def lever_line(plan: Plan, lever: Lever) -> str:
    """What a lever does."""
    name, after = readable(lever.name), plan.table[lever.name]
    before = plan.table.get(now(lever.name))
    if not len(plan):
        return f"{name}: no rows."
    if not lever.per_row:
        today = "" if before is None else f" (now {_typical(before)})"
        return f"{name}: {value_said(after.iloc[0])} for all{today}."
    if lever.is_choice:
        counts = after.map(value_said).value_counts()
        said = listed([f"{value} for {count:,}" for value, count in counts.items()], 5)
        moved = share(float(changed(plan.table, lever.name).mean()))
        return f"{name}: {said}." if before is None else f"{name}: {said}; {moved} change."
    return _number_line(plan, lever)


def _number_line(plan: Plan, lever: Lever) -> str:
    name, before = readable(lever.name), plan.table.get(now(lever.name))
    values = plan.table[lever.name].to_numpy(np.float64, na_value=np.nan)
    low, middle, high = (value_said(float(each)) for each in np.nanquantile(values, [0.1, 0.5, 0.9]))
    said = f"{name}: {middle} in the middle, {low} to {high} for most" if low != high else f"{name}: {low} for most"
    if before is None:
        return f"{said}."
    moved, today = changed(plan.table, lever.name), before.to_numpy(np.float64, na_value=np.nan)
    up, down = (share(float((moved & side).mean())) for side in (values > today, values < today))
    return f"{said} (now {value_said(float(np.nanmedian(today)))}); higher for {up} of rows, lower for {down}."


def from_line(plan: Plan) -> str:
    """Where most of the gain comes from."""
    if not plan.sources or not plan.sources[0].groups:
        return ""
    groups = plan.sources[0].groups
    total = sum(group.total for group in groups)
    best = max(groups, key=lambda group: group.total)
    if total <= 0 or best.total <= 0 or best.name == "nothing moves" or best.rows == len(plan):
        return ""
    part = best.total / total
    said = f"{share(part)} of the gain" if part <= 1 else "All of the gain, and more,"
    return sentence(f"{said} comes from {count_rows(best.rows)} ({best.name})")


def limits_line(plan: Plan) -> str:
    """What binds, and what one more unit of it would be worth."""
    if not plan.parts.bindings:
        return ""
    binding = [each for each in plan.parts.bindings if each.binds]
    if not binding:
        return f"No limit binds ({listed([readable(each.name) for each in plan.parts.bindings], 3)})."
    prices = [f" ({said})" if (said := price_said(each)) else "" for each in binding]
    said = [readable(each.name) + price for each, price in zip(binding, prices, strict=True)]
    return f"What binds: {listed(said)}."


def price_said(binding: Binding) -> str:
    """What a little more of a limit would add to the sum over all rows; empty where nothing.

    Example:
        >>> price_said(Binding("letters", 9.0, 9.0, True, 3.25)), price_said(Binding("ratio", 0.6, 0.6, True, 2000.0))
        ('one more is worth 3.25', '0.01 more is worth 20')
    """
    if not binding.price:
        return ""
    step = 0.01 if 0 < abs(binding.limit) <= 2 else 1.0
    return f"{'one' if step == 1 else f'{step:g}'} more is worth {amount(step * binding.price)}"


def support_line(plan: Plan) -> str:
    """How much of it was seen before."""
    shares = plan.support.shares
    inside, edge, outside = (shares.get(word, 0.0) for word in ("inside", "edge", "outside"))
    said = f"Seen before: {share(inside)} of rows get values that rows like them were seen with"
    said += f", {share(edge)} at the edge of these" if edge else ""
    return f"{said}, {share(outside)} beyond them." if outside else f"{said}."


def cause_line(plan: Plan) -> str:
    """Whether levers cause what the models say."""
    if not plan.effects:
        return ""
    doubted = [each for each in plan.effects if not each.agree]
    if doubted:
        names = listed([f"{readable(each.lever)} on {readable(each.outcome)}" for each in doubted])
        return (
            f"Cause or habit: the effect of {names} as logged is not what is left once habit is taken out; do not "
            "trust the plan there."
        )
    told = all(each.randomised for each in plan.effects)
    how = "chance set the levers" if told else "the effects stay what they were once habit is taken out"
    return f"Cause or habit: {how}."


def sensitivity_line(plan: Plan) -> str:
    """Which number matters most."""
    if not plan.parts.sensitivity:
        return ""
    most = max(plan.parts.sensitivity, key=lambda each: each.changed)
    if most.changed == 0:
        return "No number of the objective, 20 % up or down, changes the plan."
    at = f"at {amount(most.value)}, {share(most.changed)} of rows would change"
    return f"The plan hangs most on “{readable(most.number)}”: {at}."


def _typical(values: pd.Series) -> str:
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        return value_said(float(values.median()))
    return value_said(values.mode().iloc[0]) if values.notna().any() else "nothing"
