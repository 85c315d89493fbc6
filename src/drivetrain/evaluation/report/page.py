"""The report as one page: no network, no fonts, nothing that runs but the few lines that are named by their hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from drivetrain.evaluation.report.gallery import gallery
from drivetrain.evaluation.report.making import data, training
from drivetrain.evaluation.report.mistakes import mistakes
from drivetrain.evaluation.report.numbers import numbers
from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.summary import headline, know
from drivetrain.evaluation.report.trust import trust
from drivetrain.pages.html import Html, section, tag
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
        training(parts),
        data(parts),
        *(section(f"more-{i}", title, None, content) for i, (title, content) in enumerate(parts.sections)),
    ]
    return document(
        f"{parts.title}: report",
        _header(parts),
        tag("main", headline(parts), know(parts), *sections, id="main"),
        _footer(parts),
        style=resource("page.css"),
        script=resource("page.js"),
    )


def document(title: str, *body: Html, style: str, script: str) -> str:
    """A page around its content, with a policy that allows this style and this script alone."""
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _header(parts: ReportParts) -> Html:
    facts: Sequence[str] = [
        parts.predictions.target.name,
        f"{count_rows(len(parts.predictions))} of the {parts.scores.part} set",
        parts.created[:10],
    ]
    return page_header(parts.title, " · ".join(fact for fact in facts if fact), skip="To the result")


def page_header(title: str, said: str, *, skip: str) -> Html:
    """The top of a page: what it is of, a link past it for the keyboard, and the switch between light and dark."""
    return tag(
        "header",
        tag("a", skip, href="#main", class_="skip"),
        tag("div", tag("h1", title), tag("p", said, class_="soft")),
        tag("button", "Dark", type="button", id="theme", hidden=True, aria_pressed="false"),
    )


def _footer(parts: ReportParts) -> Html:
    said = (
        "Made by drivetrain from the model's predictions alone. Intervals are 95 % where they say nothing else: score "
        "intervals for shares and ranks, bootstrap over rows for losses and errors."
    )
    return tag("footer", tag("p", said), tag("p", parts.created) if parts.created else None)


@cache
def resource(name: str) -> str:
    """A style sheet or script that lies beside this module."""
    return files("drivetrain.pages").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
