"""Whether to believe it: support, cause or habit, proof on logged rows."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.decisions.page.figures import support, worths
from drivetrain.decisions.plan.parts import LeverEffect
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.summary import support_line
from drivetrain.decisions.plan.words import sentence, share, with_interval
from drivetrain.pages.html import Child, Html, details, figure, scrolling, section, table, tag
from drivetrain.pages.words import with_minus
from drivetrain.text import readable

NO_PROOF = (
    "There is none: no logged rows with outcomes and levers set by chance were given. An experiment would give it: "
    "dt.experiment says how large, and what it costs."
)
DRAWN = 2
"""Effects that are drawn at least; those on which the two disagree all are."""
TOLD = {
    True: "set by chance, as told",
    False: "not set by chance, as told",
    None: "nobody said that chance set it",
}


def seen(plan: Plan) -> Html:
    """Support."""
    found = plan.support
    return section(
        "support",
        "Was it seen before",
        "A model says something of values that it never saw, too; it is not to be believed there.",
        tag("p", support_line(plan), class_="say"),
        figure(support(dict(found.shares), "support-bar"), sentence(found.how) if found.how else None),
    )


def cause(plan: Plan) -> Html | None:
    """Each lever's effect, as logged and with habit taken out."""
    if not plan.effects:
        return None
    order = sorted(plan.effects, key=lambda each: each.agree)
    n = max(DRAWN, sum(not each.agree for each in order))
    drawn, others = order[:n], order[n:]
    return section(
        "cause",
        "Cause or habit",
        "Where somebody set the lever for a reason, rows with one value differ from rows with another anyway. Double "
        "machine learning takes out of lever and outcome what the row's own columns say of them.",
        [_effect(each, f"effect-{i}") for i, each in enumerate(drawn)],
        details(f"The other {len(others)}", scrolling("other effects", _effects(others))) if others else None,
    )


def _effects(effects: Sequence[LeverEffect]) -> Html:
    """Effects that need no picture."""
    body: list[list[Child]] = [
        [
            f"{readable(each.lever)} on {readable(each.outcome)}",
            *[tag("span", with_interval(worth), class_="number") for worth in (each.adjusted, each.naive)],
            share(max(each.predictable, 0.0)),
        ]
        for each in effects
    ]
    head = ["effect", "habit taken out", "as logged", "lever explained by columns"]
    return table(head, body, caption="Effects on which both agree", numeric=[1, 2, 3])


def _effect(effect: LeverEffect, name: str) -> list[Child]:
    rows = [("habit taken out", effect.adjusted), ("as logged", effect.naive)]
    title = f"{readable(effect.lever)} on {readable(effect.outcome)}"
    said = f"{TOLD[effect.randomised]}; the row's columns explain {share(max(effect.predictable, 0.0))} of it"
    drawn = worths(rows, name, title)
    return [
        tag("h3", title, " ", tag("span", "agree" if effect.agree else "disagree", class_=_level(effect))),
        tag("p", with_minus(sentence(effect.said))),
        figure(drawn, sentence(said)),
    ]


def _level(effect: LeverEffect) -> str:
    return "level fine" if effect.agree else "level warning"


def proof(plan: Plan) -> Html | None:
    """Policies on logged rows."""
    found = plan.proof
    if found is None:
        return section(
            "proof",
            "Proof",
            "What the plan would have earned on rows whose outcome is known.",
            tag("p", NO_PROOF),
        )
    rows = [(readable(each.policy), each.dr) for each in found.policies]
    body: list[list[Child]] = [
        [
            readable(each.policy),
            *[tag("span", with_interval(one), class_="number") for one in (each.dr, each.snips, each.ips)],
            f"{each.effective_rows:,.0f}",
        ]
        for each in found.policies
    ]
    known = "known" if found.propensities == "known" else "estimated from the log"
    clustered = f"; rows of one {readable(found.clustered_by)} go together" if found.clustered_by else ""
    return section(
        "proof",
        "Proof on logged rows",
        "What each would have earned on rows whose outcome is known: rows that happened to get what it proposes count "
        "for those that did not.",
        tag("p", sentence(found.said), class_="say"),
        figure(
            worths(rows, "policies", "Policies on logged rows"),
            f"Doubly robust, cross-fitted. Propensities: {known}{clustered}.",
        ),
        details(
            "Every estimate",
            scrolling(
                "estimates",
                table(
                    ["policy", "doubly robust", "self-normalised", "inverse propensity", "rows that carry it"],
                    body,
                    caption="Policies",
                    numeric=[1, 2, 3, 4],
                ),
            ),
        ),
    )
