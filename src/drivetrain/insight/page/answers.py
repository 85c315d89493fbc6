"""Why single pictures got their answers, which explanations may be believed, and what none of this can say."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.insight.page import pixels
from drivetrain.insight.page.cards import thumbnails
from drivetrain.insight.page.shown import Shown, numbered
from drivetrain.insight.parts import Check, Layer, Why
from drivetrain.insight.why.checks import ALIKE
from drivetrain.pages.html import Child, Html, details, escape, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, with_minus

MAP_PX = 224
"""Longest side of a map as it is stored."""
NOTHING = "looks the same with random weights: it says nothing about the decision"
FLAT = "is the same everywhere: it says nothing about the decision"
CANNOT = (
    "A feature's favourite patches are not a cause. They show where it is strongest; what it does to the answer is "
    "what silencing it changes.",
    "Nine patches are the extreme of a feature. What it does on ordinary pictures can be another thing.",
    "Single channels are not concepts. A network may spread one idea over many channels, and put many ideas in one; "
    "names are given by your own labels, where one class stands out from chance.",
    "Deconvolution and guided backpropagation recover pictures rather than decisions: in many networks they look alike "
    "with random weights (Nie et al. 2018; Adebayo et al. 2018). Whether they do in this one, the test of randomised "
    "parameters says.",
    "A map of where an answer comes from is an approximation. Its checks stand beside it: believe it as far as they "
    "go.",
    "Only the rows looked at can be strongest: what is not among them is not seen here.",
)


def answers(look: Shown) -> Html | None:
    """For each picture that is explained: its maps, the path of its strongest features, and how they were checked."""
    found = look.found.why
    if not found:
        return None
    lead = (
        "Maps of what an answer rests on, brightest where most, and the features that carried it, from the pixels to "
        "the answer. A method that looks the same with random weights is marked."
    )
    return section(f"{look.prefix}answers", "Why this answer", lead, [_one(look, why) for why in found])


def _one(look: Shown, why: Why) -> Html:
    view = look.view(why.row)
    whole = pixels.drawn(
        pixels.encoded(view, side_px=MAP_PX), view.shape[:2], f"{look.name(why.row)}, {look.label(why.row)}"
    )
    opened = tag("a", whole, href=f"#{look.picture_id(why.row)}")
    items = [tag("li", opened, tag("p", f"labelled {look.label(why.row)}"))]
    checks = [*why.checks, *look.found.checks]
    for name, map_HW in why.maps.items():
        webp = pixels.encoded(pixels.heated(view, map_HW), side_px=MAP_PX)
        picture = pixels.drawn(webp, view.shape[:2], f"{name}: where the answer comes from")
        items.append(tag("li", picture, tag("p", tag("strong", name)), _mark(name, checks)))
    return escape(
        [
            tag("h3", f"{why.said} (labelled {look.label(why.row)})"),
            tag("ul", items, class_="maps"),
            _path(look, why),
            details("How these maps were checked", _table(why.checks, f"Checks of the maps of {look.name(why.row)}"))
            if why.checks
            else None,
        ]
    )


def _path(look: Shown, why: Why) -> Html | None:
    """The features that carried an answer, layer by layer, the first of each with what it answers to elsewhere."""
    steps: list[Html] = []
    for layer in look.found.layers:
        own = [(channel, share) for name, channel, share in why.path if name == layer.name]
        if not own:
            continue
        words: list[Child] = []
        for i, (channel, share) in enumerate(own):
            words += ["; " if i else "", *_step(look, layer, channel, share)]
        steps.append(
            tag(
                "li",
                tag("span", f"{_capital(numbered(layer))}: ", words),
                thumbnails(look, layer.name, own[0][0]),
            )
        )
    if not steps:
        return None
    said = "The path of its strongest features, from the pixels to the answer"
    return escape([tag("h4", said), tag("ol", steps, class_="path")])


def _mark(method: str, checks: Sequence[Check]) -> Html | None:
    """Whether the method passed the tests that it was put to."""
    own = [check for check in checks if check.method == method]
    if not own:
        return tag("p", "Put to no test here.", class_="soft")
    random = [check for check in own if check.test == "randomised parameters" and not check.passed]
    if random:
        said = NOTHING if random[0].value >= ALIKE else FLAT
        return tag("p", _capital(said), ".", class_="verdict failed")
    failed = [check.test for check in own if not check.passed]
    if failed:
        return tag("p", f"Not better than chance: {', '.join(dict.fromkeys(failed))}.", class_="verdict failed")
    return tag("p", "Passed its checks.", class_="verdict")


def _step(look: Shown, layer: Layer, channel: int, share: float) -> list[Child]:
    where = f"channel {channel}"
    feature = next((one for one in look.features_of(layer.name) if one.channel == channel), None)
    named = feature.meaning.name if feature is not None and feature.meaning is not None else ""
    link = where if feature is None else tag("a", where, href=f"#{look.feature_id(layer.name, channel)}")
    return [link, f" ({named})" if named else "", f": {as_percent(share, 0)}"]


def checks(look: Shown) -> Html | None:
    """The tests that explanations were put to, over several pictures."""
    found = look.found.checks
    if not found:
        return None
    lead = (
        "Randomised parameters: the same map from a network with random weights; one that looks alike does not depend "
        "on what was learnt. Insertion and deletion: the answer as the most important pixels are put in, or taken out."
    )
    return section(f"{look.prefix}checks", "Which maps may be believed", lead, _table(found, "Checks of explanations"))


def _table(found: Sequence[Check], caption: str) -> Html:
    rows: list[list[Child]] = [
        [
            check.method,
            check.test,
            with_minus(f"{check.value:.3f}"),
            with_minus(f"{check.against:.3f}"),
            tag("span", "passed" if check.passed else "failed", class_="verdict" if check.passed else "verdict failed"),
            with_minus(_capital(check.said.removeprefix(check.method).lstrip(",: "))),
        ]
        for check in found
    ]
    head = ["method", "test", "value", "chance", "", "what it means"]
    made = table(head, rows, caption=caption, numeric=[2, 3], class_="checks")
    return scrolling(caption.lower(), made)


def cannot_say(look: Shown) -> Html:
    """What the page cannot say, and what could not be shown."""
    said = [tag("li", line) for line in CANNOT]
    notes = [tag("li", note) for note in look.found.notes]
    return section(
        f"{look.prefix}limits",
        "What this cannot say",
        "Pictures of features are easy to believe. Read them with these limits.",
        tag("ul", said, class_="cannot"),
        [tag("h3", "Not shown or not certain, and why"), tag("ul", notes, class_="cannot")] if notes else None,
    )


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
