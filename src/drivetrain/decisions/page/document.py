"""The whole page of a plan."""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivetrain.decisions.page import first, sections, trust
from drivetrain.decisions.plan.plan import Plan
from drivetrain.pages.html import Html, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.words import count_rows, listed
from drivetrain.text import readable

PROMISE = "A promise is what models say that did not choose the plan; only doing it proves it."
STYLE = """
.big span { display: block; white-space: nowrap; font-size: 0.4em; line-height: 1.5; }
.boxes { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(15.5rem, 1fr)); }
.boxes article { background: var(--panel); border-radius: 8px; padding: 1.1rem 1.2rem; min-width: 0; }
.boxes h3 { margin: 0; color: var(--accent); }
.boxes p { margin: 0 0 0.6rem; font-size: 0.92rem; }
.boxes .facts { grid-template-columns: minmax(0, 1fr); gap: 0.2rem; }
.boxes .facts > div { display: flex; justify-content: space-between; gap: 1rem; }
.boxes dd { white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 0.75rem; max-height: 16rem; overflow-y: auto; }
.main > .warning { max-width: 44rem; }
table.rows td:last-child { min-width: 11rem; }
.scroll + p { margin-top: 0.75rem; }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg .now { stroke: var(--axis); fill: none; stroke-width: 2; }
svg .loss { fill: var(--wrong); opacity: 0.75; }
svg .edge { fill: var(--accent); opacity: 0.45; }
svg .outside { fill: var(--wrong); }
"""


def page(plan: Plan) -> str:
    """The plan as one HTML file; it loads nothing."""
    title = f"{readable(plan.objective.name)}: the plan"
    levers = listed([readable(lever.name) for lever in plan.levers], 4)
    said = f"What to do with {levers} of {count_rows(len(plan))}, and what it is worth"
    parts = [
        first.first_screen(plan),
        first.warnings(plan),
        first.boxes(plan),
        sections.curves(plan),
        sections.does(plan),
        sections.where_from(plan),
        sections.limits(plan),
        sections.sensitivity(plan),
        trust.seen(plan),
        trust.cause(plan),
        trust.proof(plan),
        sections.how(plan),
    ]
    return document(
        title,
        page_header(title, said, skip="To the answer"),
        tag("main", _together(parts), id="main"),
        page_footer(f"Made by drivetrain. {PROMISE}"),
        style=STYLE,
    )


def _together(parts: Sequence[Html | None]) -> Html:
    """The parts, with no line broken inside "95 %"."""
    return Html(re.sub(r"(\d) %", "\\1\u00a0%", "".join(part for part in parts if part is not None)))
