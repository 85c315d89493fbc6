"""The whole page."""

from __future__ import annotations

from drivetrain.captions.page import examples, sections
from drivetrain.captions.result import CaptionReport
from drivetrain.pages.html import Html, escape, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.text import counted

STYLE = """
.said { font-size: clamp(1.3rem, 3.6vw, 1.75rem); line-height: 1.25; letter-spacing: -0.015em; font-weight: 600;
  margin: 0.25rem 0 1rem; text-wrap: balance; max-width: 36rem; }
.note { border-left: 3px solid var(--line); padding-left: 0.8rem; color: var(--soft); }
.captioned { grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
.captioned li { min-width: 0; }
.captioned p { font-size: 0.92rem; }
.captioned .words { background: var(--panel); border-radius: 6px; padding: 0.6rem 0.75rem; margin: 0; }
mark { background: none; color: inherit; border-bottom: 2px solid var(--good); padding-bottom: 1px; }
mark.absent { background: var(--warn-panel); color: var(--warn); border-bottom-color: var(--warn); border-radius: 3px;
  padding: 0 0.15em 1px; font-weight: 600; }
mark.denied { border-bottom-style: dotted; border-bottom-color: var(--axis); }
.key { display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; font-size: 0.85rem; color: var(--soft); }
section .main > p { max-width: 44rem; }
"""


def page(report: CaptionReport) -> str:
    """The report as one HTML file; it loads nothing."""
    said = f"{counted(report.n, 'caption')} of {counted(report.n_pictures, 'picture')}"
    parts: list[Html | None] = [
        sections.first(report),
        sections.know(report),
        examples.worst_to_best(report),
        sections.objects(report),
        sections.likelihood(report),
        sections.agreement(report),
        sections.others(report),
        sections.unknown(report),
        sections.decisions(report),
    ]
    return document(
        "Captions: how far to trust them",
        page_header("Captions: how far to trust them", said, skip="To the answer"),
        tag("main", escape([part for part in parts if part is not None]), id="main"),
        page_footer("Made by drivetrain. Intervals count captions of one picture together."),
        style=STYLE,
    )
