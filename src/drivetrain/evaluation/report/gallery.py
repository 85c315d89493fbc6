"""The rows that cost most, to look at. Legend: N rows, D numbers per row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.metrics.classification import log_loss_rows
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.parts import ReportParts, ShowRow
from drivetrain.pages.html import Child, Html, breakable, section, tag
from drivetrain.pages.words import as_percent, shortened, value_in_words

MOST_ROWS = 12
"""Of each kind of mistake."""


def row_losses(predictions: Predictions) -> NDArray[np.float64]:
    """(N,) what the rows cost: the training loss where it is known, else log loss, or squared standard deviations."""
    if predictions.loss is not None:
        return np.asarray(predictions.loss, dtype=np.float64)
    if predictions.target.kind == "number":
        off_ND = (predictions.output - predictions.known_truth()) / np.asarray(predictions.target.std)
        return (off_ND**2).mean(axis=1)
    return log_loss_rows(predictions)


def worst_rows(predictions: Predictions, most: int = MOST_ROWS) -> dict[str, list[int]]:
    """Rows to look at, under a heading each; no row stands under two of them.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.1, 0.9], [0.6, 0.4], [0.0, 1.0]]
        >>> worst_rows(Predictions(ids=("a", "b", "c"), target=fruit, truth=[0, 1, 1], output=output), most=1)
        {'Most confident mistakes': [0], 'Other rows that cost most': [1]}
    """
    losses = np.argsort(-row_losses(predictions), kind="stable").tolist()
    if predictions.target.kind == "number":
        return {"Largest errors": losses[:most]}
    if predictions.target.kind == "categories":
        return {"Highest losses": losses[:most]}
    wrong = np.flatnonzero(~predictions.hits())
    confident = wrong[np.argsort(-predictions.confidence()[wrong], kind="stable")][:most].tolist()
    besides = [row for row in losses if row not in set(confident)][:most]
    return {
        name: rows
        for name, rows in (("Most confident mistakes", confident), ("Other rows that cost most", besides))
        if rows
    }


def gallery(parts: ReportParts) -> Html | None:
    """The rows that cost most; None where nothing can be shown of a row."""
    if parts.show is None:
        return None
    lead = [
        "Wrong labels and odd rows show up here first. To keep, relabel or remove them one by one: ",
        tag("code", "drivetrain review MODEL"),
        ".",
    ]
    groups: list[Child] = []
    for title, rows in worst_rows(parts.predictions).items():
        cards = [card for row in rows if (card := _card(parts.predictions, parts.show, row)) is not None]
        if cards:
            groups.append([tag("h3", title), tag("ul", cards, class_="gallery")])
    verb = "Listen to" if parts.noun == "sounds" else "Look at"
    return section("pictures", f"{verb} its mistakes", lead, groups) if groups else None


def _card(predictions: Predictions, show: ShowRow, row: int) -> Html | None:
    one = predictions.subset([row])
    said, true = value_in_words(one.decoded()[0]), value_in_words(one.decoded_truth()[0])
    shown = show(row, f"said {said}, labelled {true}")
    if shown is None:
        return None
    sure = of_truth = ""
    if one.target.kind == "category":
        sure = " " + as_percent(float(one.output[0].max()), 0)
        of_truth = " " + as_percent(float(one.output[0, int(one.known_truth()[0])]), 0)
    name = one.names[0] if one.names else one.ids[0]
    return tag(
        "li",
        shown,
        tag(
            "p",
            tag("span", "said ", tag("b", said), tag("span", sure, class_="number"), class_="line"),
            tag("span", "labelled ", tag("b", true), tag("span", of_truth, class_="number"), class_="line"),
            tag("span", breakable(shortened(_ending(name), 40)), class_="name", title=name),
        ),
    )


def _ending(name: str) -> str:
    """The last two parts of a path."""
    return "/".join(name.replace("\\", "/").split("/")[-2:])
