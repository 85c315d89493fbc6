"""The first screen: what to expect, and what speaks against it; and the four boxes of the Drivetrain approach."""

from __future__ import annotations

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.page.figures import worths
from drivetrain.decisions.plan.facts import ModelFacts
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.summary import is_cause
from drivetrain.decisions.plan.words import amount, around, sentence, share, value_said
from drivetrain.decisions.worth import Worth
from drivetrain.pages.html import Child, Html, breakable, explained, figure, tag
from drivetrain.pages.words import count_rows, listed
from drivetrain.text import counted, readable

TOLD = {
    True: "set by chance in the log",
    False: "not set by chance in the log",
    None: "nobody says that chance set it",
}


def first_screen(plan: Plan) -> Html:
    """Verdict and gain; plan, today and the naive promise drawn beside."""
    gain, n = plan.gain, len(plan)
    value, interval = around(gain, sign=True)
    loss = plan.parts.promise.chance_of_loss
    rows = [
        ("the plan, as promised", plan.promised),
        ("today", plan.baseline),
        ("what its own models say of it", plan.naive),
    ]
    drawn = worths(rows, "answer", f"{readable(plan.objective.name)} per row")
    return tag(
        "section",
        tag(
            "div",
            tag("h2", _verdict(plan), id="result-title"),
            tag("p", tag("strong", value), " ", tag("span", interval), class_="big"),
            tag("p", f"{readable(plan.objective.name)} per row against today{_level(gain)}", class_="under"),
            tag("p", f"Over {count_rows(n)}: {amount(gain.value * n, sign=True)}."),
            tag("p", f"Members to whom it is worth less than today: {share(loss)}.") if loss is not None else None,
            class_="result",
        ),
        tag("div", figure(drawn, _caption(plan)), class_="beside"),
        id="result",
        class_="top",
        aria_labelledby="result-title",
    )


def _verdict(plan: Plan) -> str:
    gain = plan.gain
    if gain.low is None or gain.high is None:
        return "A promise whose uncertainty is not known"
    if gain.low == gain.high == gain.value == 0:
        return "The plan is what is done today"
    if gain.low > 0 and not is_cause(plan):
        return "The plan promises more than today, and cannot be trusted: habit is in what was logged"
    if gain.low > 0:
        return "The plan earns more than today"
    return "The plan earns less than today" if gain.high < 0 else "Whether the plan earns more than today is not sure"


def _level(gain: Worth) -> str:
    return "" if gain.low is None else f", {share(gain.level)} interval"


def _caption(plan: Plan) -> str:
    lost = plan.naive.value - plan.promised.value
    if plan.naive.low is None or lost <= 0:
        return "Valued by members that did not choose it."
    return (
        f"Members that chose the plan find it worth {amount(lost)} more than members that did not: the optimiser's "
        "curse. What is promised is what the others say."
    )


def warnings(plan: Plan) -> Html | None:
    """What speaks against acting on it."""
    if not plan.warnings:
        return None
    return tag(
        "section",
        tag("div", tag("h2", "Before you act", id="warnings-title"), class_="aside"),
        tag("div", [tag("p", sentence(each), class_="warning") for each in plan.warnings], class_="main"),
        id="warnings",
        aria_labelledby="warnings-title",
    )


def boxes(plan: Plan) -> Html:
    """Objective, levers, data, models."""
    four = [
        ("Objective", "What we want more of", _objective(plan)),
        ("Levers", "What we control", [_lever(lever) for lever in plan.levers]),
        ("Data", "What tells their effect", _data(plan)),
        (
            "Models",
            "What is predicted from it",
            [_model(model) for model in plan.facts.models] or [tag("p", "Not kept.")],
        ),
    ]
    made = [
        tag("article", tag("h3", name), tag("p", what, class_="soft"), body, aria_label=name)
        for name, what, body in four
    ]
    return tag(
        "section",
        tag("h2", explained("Objective, levers, data, models"), id="boxes-title"),
        tag("div", made, class_="boxes"),
        id="boxes",
        class_="know",
        aria_labelledby="boxes-title",
    )


def _objective(plan: Plan) -> list[Child]:
    objective = plan.objective
    numbers = [
        tag("div", tag("dt", breakable(readable(name))), tag("dd", amount(value)))
        for name, value in objective.numbers.items()
    ]
    return [
        tag("p", tag("strong", readable(objective.name)), ", mean per row"),
        tag("pre", tag("code", [[line, Html("\n")] for line in objective.said.splitlines()]), tabindex="0"),
        tag("dl", numbers, class_="facts") if numbers else None,
    ]


def _lever(lever: Lever) -> Html:
    if lever.is_choice:
        span = listed([value_said(one) for one in lever.options], 8)
    else:
        ends = [value_said(end) if end is not None else "anything" for end in (lever.low, lever.high)]
        span = f"{ends[0]} to {ends[1]}" + (f" in steps of {value_said(lever.step)}" if lever.step else "")
    said = [
        span,
        "a value for each row" if lever.per_row else "one value for all",
        *([f"only if {listed([readable(name) for name in lever.only_if])} says so"] if lever.only_if else []),
        *(["moving it costs"] if lever.cost is not None else []),
        TOLD[lever.randomised],
    ]
    return tag("p", tag("strong", readable(lever.name)), tag("span", "; ".join(said), class_="line"))


def _data(plan: Plan) -> list[Child]:
    logged = [(model.logged, model.outcome or model.name) for model in plan.facts.models if model.logged is not None]
    said: list[Child] = [tag("p", tag("strong", count_rows(len(plan))), " to decide on")]
    for n in sorted({n for n, _ in logged}, reverse=True):
        names = listed([readable(name) for rows, name in logged if rows == n])
        said.append(tag("p", tag("strong", count_rows(n)), f" logged, with {names}"))
    if not logged:
        said.append(tag("p", "The models came fitted: their rows are not known here."))
    if plan.facts.columns:
        said.append(tag("p", f"Columns: {listed([readable(name) for name in plan.facts.columns], 12)}.", class_="soft"))
    return said


def _model(model: ModelFacts) -> Html:
    what = "probability of " if model.is_probability else ""
    target = f"{what}{readable(model.outcome)}" if model.outcome else "handed over fitted"
    scores = [f"{score.label} {score.value} {score.interval}".strip() for score in model.scores]
    scores += [f"on {count_rows(model.scores[0].n)} not learned from"] if scores else []
    how = counted(model.members, "member") if model.uncertainty_known else "one member: its uncertainty is not known"
    return tag(
        "p",
        tag("strong", readable(model.name)),
        tag("span", f"{target}, from {listed([readable(name) for name in model.columns], 6)}", class_="line"),
        tag("span", "; ".join([how, *scores]), class_="line soft"),
    )
