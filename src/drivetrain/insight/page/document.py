"""The whole page, and the one of before and after."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from drivetrain.insight.page import answers, changes, layers
from drivetrain.insight.page.changes import Pair
from drivetrain.insight.page.pictures import gathered
from drivetrain.insight.page.shown import Shown
from drivetrain.pages.html import Html, escape, tag
from drivetrain.pages.page import document, page_footer, page_header

MOST_BYTES = 14_000_000
"""Of the page, however many rows were looked at: pictures are stored at the size that this leaves them."""


def render(look: Shown, *, before: Shown | None = None, pairs: Sequence[Pair] = ()) -> str:
    """The page as HTML, to be encoded as UTF-8; it loads nothing.

    Args:
        look: What is looked into; of two networks the later one, whose `found.changes` say how they differ.
        before: The earlier one.
        pairs: Matched features of both, to be shown side by side.
    """
    body = [
        None if before is None else changes.before_and_after(before, look, pairs),
        layers.overview(look),
        layers.stories(look),
        answers.answers(look),
        answers.checks(look),
        answers.cannot_say(look),
    ]
    if before is not None:  # the pictures behind the patches of before, and its features, are a click away as well
        body.append(layers.stories(before))
    main = escape(body)
    looks = [look] if before is None else [look, before]
    pictures, side = gathered(looks, MOST_BYTES - len(main.encode()))
    title = look.found.label if before is None else f"{before.found.label} and {look.found.label}"
    return document(
        f"{title}: inside",
        page_header(f"Inside {title}", _about(look), skip="To the layers"),
        layers.jump(look),
        tag("main", main, pictures, id="main", class_="rising" if look.subject.rising else None),
        _footer(look, side),
        style=resource("inside.css"),
        script=resource("inside.js"),
    )


def _about(look: Shown) -> str:
    found = look.found
    facts = [
        f"What {len(found.layers)} of its layers have learnt",
        f"looked at {found.rows:,} {look.subject.rows.noun}",
    ]
    return " · ".join(facts)


def _footer(look: Shown, side_px: int) -> Html:
    found = look.found
    seconds = f"Looking took {found.seconds:.0f} s" if found.seconds >= 1 else "Looking took less than a second"
    alone, search = found.seconds_plain_pass, float(found.extras.get("seconds of the search", 0.0))
    plain = f"; answering the same rows alone takes {alone:.2g} s" if alone else ""
    plain += f", the search for the strongest patches of all channels took {search:.2g} s" if alone and search else ""
    rows = (
        f"Made by drivetrain from {found.rows:,} validation {look.subject.rows.noun}, which the network was not "
        "trained on; the sealed test rows were not read."
    )
    stored = f"Pictures are stored at up to {side_px} px, patches at up to 96 px; nothing is drawn sharper than it is."
    named = layers.shares(found)
    lines = [rows, f"{seconds}{plain}.", stored, f"{named}." if named else None]
    return page_footer(*lines)


@cache
def resource(name: str) -> str:
    """A style sheet or script of this room."""
    return files("drivetrain.insight.page").joinpath(name).read_text(encoding="utf-8")
