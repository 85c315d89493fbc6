"""Captions from the worst to the best, beside their pictures, with what is not there marked."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.captions.judging.agreement import overlap
from drivetrain.captions.judging.judged import Judged
from drivetrain.captions.result import CaptionReport
from drivetrain.captions.saying import percent
from drivetrain.errors import DrivetrainError
from drivetrain.kinds.images.show import show_source
from drivetrain.pages.html import Child, Html, breakable, section, tag
from drivetrain.pages.words import listed

WORST, MIDDLE, BEST = 12, 6, 6
LONGEST = 240
"""Letters of a caption that the page shows."""


def worst_to_best(report: CaptionReport) -> Html:
    """The worst captions, some of the middle, and the best."""
    ordered = report.worst()
    n = len(ordered)
    worst = ordered[: min(WORST, n)]
    best = ordered[max(n - BEST, len(worst)) :]
    rest = ordered[len(worst) : n - len(best)]
    start = max((len(rest) - MIDDLE) // 2, 0)
    middle = rest[start : start + MIDDLE]
    if all(row.marks is None and not row.references for row in ordered):
        shown = [tag("ul", [_item(row, report) for row in worst], class_="gallery captioned")]
        return section("examples", "Some captions", "Which are right is not known, so they are in no order.", *shown)
    marks = [mark for row in report.rows for mark in row.marks or ()]
    parts: list[Child] = [key(denied=any(mark.denied for mark in marks)) if marks else None]
    for title, rows in (("The worst", worst), ("From the middle", middle), ("The best", best[::-1])):
        if rows:
            parts += [tag("h3", title), tag("ul", [_item(row, report) for row in rows], class_="gallery captioned")]
    lead = "By what they name that is not there, then by how they agree with references and how much they miss."
    return section("examples", "From worst to best", lead, *parts)


def key(*, denied: bool) -> Html:
    """What the marks mean."""
    return tag(
        "p",
        tag("span", tag("mark", "apple"), " is there"),
        tag("span", tag("mark", "apple", class_="absent"), " is not"),
        tag("span", tag("mark", "apple", class_="denied"), " is said not to be there") if denied else None,
        class_="key",
    )


def _item(row: Judged, report: CaptionReport) -> Html:
    lines: list[Child] = []
    if row.missed:
        lines.append(f"not named: {listed(row.missed, 4)}")
    if row.said.sure is not None:
        lines.append(f"likelihood {percent(row.said.sure)}")
    if row.cider is not None:
        lines.append(f"CIDEr-D {row.cider:.2f}")
    nearest = max(row.references, key=lambda text: overlap(row.said.text, text), default=None)
    return tag(
        "li",
        _picture(row, report),
        tag("p", marked(row), class_="words", dir="auto"),
        tag("p", " · ".join(map(str, lines)), class_="soft") if lines else None,
        tag("p", "a person: ", tag("span", nearest[:LONGEST], dir="auto"), class_="soft") if nearest else None,
        tag("span", breakable(row.said.picture[-80:]), class_="name"),
    )


def _picture(row: Judged, report: CaptionReport) -> Html | None:
    source = report.pictures.get(row.said.picture)
    if source is None:
        return None
    try:
        return show_source(source, alt="")
    except DrivetrainError as error:
        return tag("p", f"cannot be shown: {str(error)[:120]}", class_="soft")


def marked(row: Judged) -> Sequence[Child]:
    """A caption with its objects marked.

    Example:
        >>> from drivetrain.captions.judging.judged import Mark
        >>> from drivetrain.captions.reading.captions import Said
        >>> "".join(map(str, marked(Judged(Said("a", "a <b> dog"), 0.5, (Mark("dog", 6, 9, False, False),)))))
        'a <b> <mark class="absent">dog</mark>'
    """
    text, parts, at = row.said.text, list[Child](), 0
    for mark in row.marks or ():
        if mark.end > LONGEST:
            break
        parts.append(text[at : mark.start])
        class_ = "denied" if mark.denied else None if mark.there else "absent"
        parts.append(tag("mark", text[mark.start : mark.end], class_=class_))
        at = mark.end
    parts.append(text[at:LONGEST] + ("…" if len(text) > LONGEST else ""))
    return [part for part in parts if part]
