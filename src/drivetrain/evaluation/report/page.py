"""The report as one page."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.evaluation.report.gallery import gallery
from drivetrain.evaluation.report.making import data, training
from drivetrain.evaluation.report.mistakes import mistakes
from drivetrain.evaluation.report.numbers import numbers
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.summary import headline, know
from drivetrain.evaluation.report.trust import trust
from drivetrain.evaluation.updates.lineage import updates_section
from drivetrain.pages.html import Html, section, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.words import count_rows


def render(parts: ReportParts) -> str:
    """The whole page as HTML; encode it as UTF-8.

    It loads nothing: pictures are inside, and its content security policy allows no request, no frame and no script
    but its own, which sorts tables and switches between light and dark.

    Raises:
        DataError: The predictions are unlabelled.

    Example:
        >>> from drivetrain.evaluation import Predictions, score
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 1], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> render(ReportParts("<b>fruit</b>", said, score(said, ["accuracy"])))[:15]
        '<!doctype html>'
    """
    parts.predictions.known_truth()
    of_numbers = parts.predictions.target.kind == "number"
    sections = [
        numbers(parts) if of_numbers else mistakes(parts),
        None if of_numbers else trust(parts),
        gallery(parts),
        _updates(parts),
        training(parts),
        data(parts),
        *(section(f"more-{i}", title, None, content) for i, (title, content) in enumerate(parts.sections)),
    ]
    return document(
        f"{parts.title}: report",
        _header(parts),
        tag("main", headline(parts), know(parts), *sections, id="main"),
        _footer(parts),
    )


def _updates(parts: ReportParts) -> Html | None:
    """What updates have made of the model, with the rows that were right before, where they are found by their ids."""
    show, place = parts.show, {id_: row for row, id_ in enumerate(parts.predictions.ids)}
    shown = None if show is None else lambda id_, alt: show(place[id_], alt)
    return updates_section(parts.lineage, parts.predictions, shown)


def _header(parts: ReportParts) -> Html:
    facts: Sequence[str] = [
        parts.predictions.target.name,
        f"{count_rows(len(parts.predictions))} of the {parts.scores.part} set",
        parts.created[:10],
    ]
    return page_header(parts.title, " · ".join(fact for fact in facts if fact), skip="To the result")


def _footer(parts: ReportParts) -> Html:
    said = (
        "Made by drivetrain from the model's predictions alone. Intervals are 95 % where they say nothing else: score "
        "intervals for shares and ranks, bootstrap over rows for losses and errors."
    )
    return page_footer(said, parts.created)
