"""The whole page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivetrain.statistics.page import more_sections, sections
from drivetrain.statistics.page.first import first_screen, know
from drivetrain.statistics.page.kit import Html, document, page_header, tag
from drivetrain.statistics.result import SlopeReport

STYLE = """
.said {
  font-size: clamp(1.5rem, 4.5vw, 2.1rem); line-height: 1.2; letter-spacing: -0.02em; font-weight: 600;
  margin: 0.25rem 0 1.25rem; text-wrap: balance; max-width: 34rem;
}
.slope { font-size: 1.35rem; margin: 0; }
.slope strong { font-weight: 600; }
.slope .number { color: var(--soft); }
.note { border-left: 3px solid var(--line); padding-left: 0.8rem; color: var(--soft); }
svg .zone { fill: var(--good); opacity: 0.12; }
svg .band { fill: var(--accent); opacity: 0.14; }
svg .claim { stroke: var(--warn); stroke-width: 1.75; }
svg .claim-text { fill: var(--warn); font-weight: 600; }
svg .warn { stroke: var(--warn); }
svg .faint { fill: var(--line); }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg .soft.bar { opacity: 0.55; }
.principles { margin: 0 0 1rem; padding-left: 1.3rem; display: grid; gap: 0.9rem; max-width: 44rem; }
.principles p { margin: 0; }
blockquote { margin: 0 0 1rem; padding: 0.9rem 1.1rem; background: var(--panel); border-radius: 6px; max-width: 48rem; }
blockquote p { margin: 0; }
section .main > p { max-width: 44rem; }
.scroll + p { margin-top: 0.75rem; }
.errors td:last-child { min-width: 15rem; }
.principles a { color: var(--soft); }
"""


def _together(parts: Sequence[Html | None]) -> Html:
    """The parts, with no line broken inside "p = .03" or "95 %"."""
    whole = "".join(part for part in parts if part is not None)
    said = re.sub(r"p (=|&lt;) (\.\d|\d)", "p\u00a0\\1\u00a0\\2", whole)
    return Html(re.sub(r"(\d) %", "\\1\u00a0%", said))


def page(report: SlopeReport) -> str:
    """The report as one HTML file; it loads nothing."""
    rows = report.rows
    title = f"{rows.outcome.words} and {rows.of.words}"
    said = f"{report.n:,} rows" + (f" in {report.n_clusters:,} clusters" if report.n_clusters else "")
    parts = [
        first_screen(report),
        know(report),
        sections.estimate(report),
        sections.chance(report),
        sections.verdict(report),
        more_sections.several(report),
        more_sections.choices(report),
        more_sections.model(report),
        more_sections.beliefs(report),
        more_sections.principles(report),
        more_sections.how(report),
    ]
    return document(
        f"{title}: what the slope says",
        page_header(title, f"What the slope says, and what it does not · {said}", skip="To the answer"),
        tag("main", _together(parts), id="main"),
        tag("footer", tag("p", "Made by drivetrain. Nothing on this page says that one thing causes the other.")),
        style=STYLE,
    )
