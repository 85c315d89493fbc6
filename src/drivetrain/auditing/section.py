"""An audit as a part of the report, or as a page of its own: findings in words, copies side by side."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.auditing.audit import Audit
from drivetrain.auditing.findings import Finding, RowRef, Severity
from drivetrain.evaluation.report import parts as report
from drivetrain.evaluation.report.showing import shown_source
from drivetrain.pages.html import Child, Html, breakable, scrolling, section, table, tag, with_code
from drivetrain.pages.page import document, page_header
from drivetrain.text import counted

PAIRS_SHOWN = 12
"""Pairs of pictures on a page for each finding."""
ROWS_SHOWN = 20
LEVELS: dict[Severity, tuple[report.Level, str]] = {
    "problem": ("stop", "Problem"),
    "warning": ("warning", "Look at this"),
    "note": ("note", "Note"),
}
"""Severity → the report's level, and the word on the page."""


def audit_section(audit: Audit) -> Html:
    """What the audit found, as a section of a page; pictures travel inside, file names and labels are escaped.

    Example:
        >>> audit_section(Audit("fruit", {"rows": 3}, (), {}))[:32]
        '<section id="audit" aria-labelle'
    """
    lead = "What was found in the data before training: copies, leaks between the parts, shortcuts, broken files."
    items = [_item(finding) for finding in audit.findings]
    found: Child = tag("ul", items, class_="findings") if items else tag("p", "Nothing was found.")
    n_rows = [[part, f"{n:,}"] for part, n in audit.counts.items()]
    looked = [tag("div", tag("dt", what), tag("dd", how)) for what, how in audit.looked.items()]
    return section(
        "audit",
        "Audit of the data",
        lead,
        found,
        tag("h3", "What was looked at"),
        table(["part", "rows"], n_rows, caption="Rows", numeric=[1], class_="small"),
        tag("dl", looked, class_="facts"),
    )


def audit_page(audit: Audit) -> str:
    """The section as a whole page, in the report's style; it loads nothing from anywhere."""
    return document(
        f"{audit.source}: audit",
        page_header("Audit", audit.source, skip="To the findings"),
        tag("main", audit_section(audit), id="main"),
    )


def report_findings(audit: Audit, *, pairs: int = 4) -> list[report.Finding]:
    """The findings as `ReportParts.audit` takes them, each with the pictures of its first pairs."""
    return [_reported(finding, pairs) for finding in audit.findings]


def _reported(finding: Finding, pairs: int) -> report.Finding:
    named = [row for pair in finding.pairs[:pairs] for row in (pair.one, pair.other)]
    rows = [(shown, str(row)) for row in named if (shown := _shown(row)) is not None]
    return report.Finding(LEVELS[finding.severity][0], finding.title, finding.text, finding.mend, rows)


def _item(finding: Finding) -> Html:
    level, word = LEVELS[finding.severity]
    return tag(
        "li",
        tag("p", tag("span", word, class_=f"level {level}"), " ", tag("b", finding.title)),
        tag("p", finding.text),
        tag("p", "To fix: ", with_code(finding.mend)) if finding.mend else None,
        _pairs(finding) if finding.pairs else None,
        _rows(finding.rows) if finding.rows else None,
    )


def _pairs(finding: Finding) -> Html:
    shown = [[_cell(pair.one), _cell(pair.other), pair.how] for pair in finding.pairs[:PAIRS_SHOWN]]
    more = len(finding.pairs) - len(shown)
    caption = f"{len(shown)} of {len(finding.pairs):,} pairs" if more > 0 else counted(len(shown), "pair")
    return scrolling(finding.title, table(["one", "other", "seen by"], shown, caption=caption))


def _rows(rows: Sequence[RowRef]) -> Html:
    more = len(rows) - ROWS_SHOWN
    listed = [tag("li", breakable(str(row))) for row in rows[:ROWS_SHOWN]]
    return tag("ul", listed, tag("li", f"… {more:,} more") if more > 0 else None)


def _cell(row: RowRef) -> Html:
    shown: Child = _shown(row)
    if shown is None:
        shown = tag("span", "sealed: not shown" if row.part == "test" else "cannot be read any more")
    return tag("div", shown, tag("p", breakable(str(row)), class_="name"))


def _shown(row: RowRef) -> Html | None:
    """What its kind shows of the row; None where it is sealed or cannot be read."""
    return None if row.source is None else shown_source(row.kind, row.source, alt=str(row))
