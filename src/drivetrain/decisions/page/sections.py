"""What the plan does: curves, moves, where the gain comes from, limits, sensitivity, how it was made."""

from __future__ import annotations

import pandas as pd

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.page.figures import curve, gains, moves, tornado
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.sources import gain_of
from drivetrain.decisions.plan.summary import from_line, lever_line, price_said
from drivetrain.decisions.plan.table import EXPECTED, EXPECTED_NOW, SUPPORT, WHY, now
from drivetrain.decisions.plan.words import amount, fixed, share, value_said
from drivetrain.decisions.simulation.curves import said_of
from drivetrain.pages.html import Child, Html, details, escape, figure, scrolling, section, table, tag
from drivetrain.pages.words import shortened
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable

ROWS_SHOWN = 12
MOST_CURVES = 6
EVENLY = "What logged outcomes correct is known for groups better than for single rows."


def curves(plan: Plan) -> Html | None:
    """The objective against each lever."""
    if not plan.parts.curves:
        return None
    shown = plan.parts.curves[:MOST_CURVES]
    drawn = [
        [
            tag("h3", f"Against {readable(part.lever)}"),
            tag("p", said_of(part), class_="say"),
            _with_what_is_cut(curve(part, f"curve-{i}", readable(plan.objective.name))),
        ]
        for i, part in enumerate(shown)
    ]
    return section(
        "curves",
        "The objective against each lever",
        "One lever moves for all rows alike, the others are as planned. Mean per row; the band holds what members of "
        "the other half say. Bar at the foot: within 1 % of the best.",
        drawn,
    )


def _with_what_is_cut(drawn: Html) -> Html:
    return figure(drawn, "Values that are far worse are not drawn." if "are not drawn" in drawn else None)


def does(plan: Plan) -> Html:
    """Each lever now and proposed, and the rows that gain most."""
    drawn: list[Child] = []
    for i, lever in enumerate(plan.levers):
        drawn += [tag("h3", readable(lever.name)), tag("p", lever_line(plan, lever), class_="say")]
        drawn += _moved(plan, lever, f"moves-{i}")
    return section(
        "does",
        "What it does",
        "Bars: as proposed. Outline: now.",
        drawn,
        tag("h3", "Rows that gain most, and least"),
        scrolling("rows of the plan", _rows(plan)),
        tag("p", f"{'The row is' if len(plan) == 1 else f'All {len(plan):,} rows are'} in plan.table.", class_="soft"),
        tag("p", EVENLY, class_="soft") if "corrected" in plan.promised.method else None,
    )


def _moved(plan: Plan, lever: Lever, name: str) -> list[Child]:
    if not len(plan) or not lever.per_row:
        return []
    before, after = plan.table.get(now(lever.name)), plan.table[lever.name]
    if not lever.is_choice:
        return [figure(moves(before, after, name, lever))]
    if before is None:
        return []
    counts = pd.crosstab(before.map(value_said).to_numpy(), after.map(value_said).to_numpy())
    counts = counts.iloc[:20, :20]
    body: list[list[Child]] = [
        [f"now {row}", *[f"{n:,}" if n else "–" for n in counts.loc[row]]] for row in counts.index
    ]
    made = table(
        ["", *map(escape, counts.columns)],
        body,
        caption=f"{lever.name}: now, and proposed",
        numeric=range(1, len(counts.columns) + 1),
        class_="small",
    )
    return [scrolling(f"{lever.name}, now and proposed", made)]


def _rows(plan: Plan) -> Html:
    order = gain_of(plan.table).argsort(kind="stable")[::-1]
    half = ROWS_SHOWN // 2
    chosen = order if len(order) <= ROWS_SHOWN else [*order[:half], *order[-half:]]
    names = [column for lever in plan.levers for column in (now(lever.name), lever.name) if column in plan.table]
    body: list[list[Child]] = []
    for i in chosen:
        row = plan.table.iloc[int(i)]
        low, high = amount(float(row["low"])), amount(float(row["high"]))
        body.append(
            [
                shortened(readable(str(plan.table.index[int(i)])), 24),
                *[value_said(row[name]) for name in names],
                amount(float(row[EXPECTED_NOW])),
                tag("span", f"{amount(float(row[EXPECTED]))} [{low}, {high}]", class_="number"),
                row[SUPPORT],
                row[WHY],
            ]
        )
    head = ["row", *(escape(readable(name)) for name in names), "expected now", "expected", "seen", "why"]
    caption, numeric = "Rows that gain most, and least", range(1, len(names) + 3)
    return table(head, body, caption=caption, numeric=numeric, class_="small rows")


def where_from(plan: Plan) -> Html | None:
    """Which rows the gain comes from."""
    sources = [source for source in plan.sources if source.groups]
    if not sources:
        return None
    drawn = [
        [
            tag("h3", "By what moves" if i == 0 else f"By {source.by}"),
            figure(gains(source, f"gain-{i}")),
        ]
        for i, source in enumerate(sources)
    ]
    said = from_line(plan)
    return section(
        "where",
        "Where the gain comes from",
        "The gain of a group, mean per row × rows. Columns are those whose groups differ most.",
        tag("p", said, class_="say") if said else None,
        drawn,
    )


def limits(plan: Plan) -> Html | None:
    """What binds, and what it costs."""
    bindings = plan.parts.bindings
    if not bindings:
        return None
    body: list[list[Child]] = [
        [
            readable(each.name),
            amount(each.used),
            amount(each.limit),
            tag("strong", "binds") if each.binds else "has room",
            price_said(each) or "–",
        ]
        for each in bindings
    ]
    return section(
        "limits",
        "What binds",
        "What a little more of a limit would add to the sum over all rows: the price of the limit.",
        scrolling(
            "limits",
            table(["limit", "used", "allowed", "", "price"], body, caption="Limits", numeric=[1, 2, 4]),
        ),
    )


def sensitivity(plan: Plan) -> Html | None:
    """Other numbers in the objective."""
    parts = plan.parts.sensitivity
    if not parts:
        return None
    body: list[list[Child]] = [
        [
            readable(each.number),
            amount(each.value),
            amount(each.kept),
            amount(each.promised),
            share(each.changed),
        ]
        for each in parts
    ]
    head = ["number", "set to", "plan as it stands", "made anew", "rows that change"]
    return section(
        "sensitivity",
        "If a number is another",
        "Each number of the objective 20 % down and up. Grey: what this plan would be worth; blue: one made for that "
        "number. 0, 1 and exponents of an expression are no assumptions.",
        figure(tornado(parts, plan.promised.value, "tornado")),
        details("Numbers", scrolling("sensitivity", table(head, body, caption="Other numbers", numeric=[1, 2, 3, 4]))),
    )


def how(plan: Plan) -> Html:
    """Method, decisions, objective by its hash."""
    parts = plan.parts
    body: list[list[Child]] = [
        [readable(name), str(each.value), each.reason]
        for name, each in parts.decisions.items()
        if isinstance(each, Decision)
    ]
    gap = f"{fixed(100 * parts.gap, 2)} %" if parts.gap >= 5e-5 else "0.01 %"
    gap = f", at most {gap} below the best that is possible" if parts.gap > 0 else ""
    return section(
        "how",
        "How it was made",
        "What was decided on the way, and why.",
        tag("p", f"Optimised by {parts.method}{gap}.") if parts.method else None,
        scrolling("decisions", table(["decision", "value", "reason"], body, caption="Decisions", class_="decisions"))
        if body
        else None,
        tag(
            "p",
            f"Objective {readable(plan.objective.name)}, SHA-256 ",
            tag("code", plan.objective.sha256),
            class_="soft",
        ),
    )
