"""Before and after fine-tuning: how much each layer was changed, and the features that changed most, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from drivetrain.insight.page.cards import grids
from drivetrain.insight.page.figures import Step, steps
from drivetrain.insight.page.shown import Shown, numbered, short
from drivetrain.insight.parts import Change, Feature
from drivetrain.pages.html import Child, Html, escape, figure, scrolling, section, table, tag
from drivetrain.pages.words import with_minus

ALIKE = 0.9
"""A layer whose CKA is at least that is said to have stayed."""


STILL = 0.05
"""A feature whose correlation with what it was fell by less stayed what it was."""


class Pair(NamedTuple):
    """A feature before, and the channel that goes with it after."""

    before: Feature
    after: Feature
    moved: float
    """1 − the correlation of the two over the rows."""


def before_and_after(before: Shown, after: Shown, pairs: Sequence[Pair]) -> Html | None:
    """The section that compares two networks layer by layer."""
    found = after.found.changes
    if not found:
        return None
    known = {layer.name: layer for layer in after.found.layers}
    points = [Step(f"layer {i}", c.cka, c.low, c.high) for i, c in enumerate(found, 1)]
    drawn = figure(
        steps(points, name="alike", title="Each layer before and after", y_name="linear CKA", y=(0, 1.04)),
        "Linear CKA of what each layer says of the same pictures (Kornblith et al. 2019): 1 is the same up to rotation "
        "and scale. Bars are 95 % intervals.",
    )  # fmt: skip
    rows: list[list[Child]] = []
    for i, change in enumerate(found, 1):
        layer = known.get(change.layer)
        what = change.layer if layer is None else f"{numbered(layer)}: {short(layer)}"
        moved = np.nanmedian(change.moved) if len(change.moved) else float("nan")
        at = after.layer_id(change.layer) if layer is not None else None
        link = tag("a", str(i), href=f"#{at}", aria_label=f"To layer {i}") if at else str(i)
        value = f"{change.cka:.2f} [{change.low:.2f}, {change.high:.2f}]"
        rows.append([link, what, value, with_minus(f"{moved:.2f}")])
    head = ["", "layer", "CKA", "median of 1 − correlation"]
    made = table(head, rows, caption="How much each layer was changed", numeric=[2, 3], class_="small-to-large")
    lead = (
        f"Before: {before.found.label}. After: {after.found.label}. Both read the same pictures; channels are matched "
        "by how alike they answer."
    )
    return section(
        "changes",
        "Before and after",
        lead,
        tag("p", in_words(found), class_="say"),
        drawn,
        scrolling("how much each layer was changed", made),
        _pairs(before, after, pairs),
    )


def in_words(found: Sequence[Change]) -> str:
    """What changed, in a sentence.

    Example:
        >>> none = np.zeros(0)
        >>> print(in_words([Change("a", 0.99, 0.98, 1.0, none, none), Change("b", 0.4, 0.3, 0.5, none, none)]))
        The first layer stayed (CKA 0.99), the last one moved (CKA 0.40): early layers stay, late ones move.
    """
    values = [change.cka for change in found]
    first, last, least = values[0], values[-1], min(values)
    at = values.index(least) + 1
    if len(found) == 1:
        return f"The layer {'stayed' if first >= ALIKE else 'moved'} (CKA {first:.2f})."
    if least >= ALIKE:
        most = f"; layer {at} changed most" if least < values[0] - 0.01 else ""
        return f"All layers stayed much as they were (CKA {least:.2f} or more): little was changed{most}."
    if first >= ALIKE and last >= ALIKE:
        ends = f"The first and the last layer stayed (CKA {first:.2f} and {last:.2f})"
        return f"{ends}; layer {at} moved most ({least:.2f})."
    if first >= ALIKE:
        lead = f"The first layer stayed (CKA {first:.2f}), the last one moved (CKA {last:.2f})"
        falling = all(a >= b - 0.05 for a, b in pairwise(values))
        end = ": early layers stay, late ones move." if falling else f"; layer {at} moved most ({least:.2f})."
        return lead + end
    how = "less" if last > first else "more"
    return (
        f"Even the first layer moved (CKA {first:.2f}), the last one {how} (CKA {last:.2f}): early layers did not stay."
    )


def _pairs(before: Shown, after: Shown, pairs: Sequence[Pair]) -> Html | None:
    """Matched channels, grouped by layer, those that changed most first; of a layer that stayed one is enough."""
    made: list[Html] = []
    for layer in after.found.layers:
        own = [pair for pair in pairs if pair.after.layer == layer.name]
        if own:
            made.append(tag("h3", f"{_capital(numbered(layer))}: {short(layer)}"))
            moved = [pair for pair in own if pair.moved >= STILL]
            said = "Of its features, those that changed most." if moved else "None of its features changed to speak of."
            own = moved or own[:1]
            made.append(tag("p", said, class_="soft"))
            made.append(tag("ul", [_pair(before, after, pair) for pair in own], class_="pairs"))
    return escape(made) if made else None


def _pair(before: Shown, after: Shown, pair: Pair) -> Html:
    sides: list[Html] = []
    for said, look, feature in (("before", before, pair.before), ("after", after, pair.after)):
        where = f"channel {feature.channel}"
        id_ = look.feature_id(feature.layer, feature.channel)
        linked = tag("a", where, href=f"#{id_}") if look.is_shown(feature.layer, feature.channel) else where
        named = feature.meaning.name if feature.meaning is not None else ""
        sides.append(tag("div", tag("p", f"{said}: ", linked, f", {named}" if named else None), grids(look, feature)))
    moved = tag("p", f"1 − correlation: {with_minus(f'{pair.moved:.2f}')}", class_="soft moved")
    return tag("li", tag("div", sides, class_="sides"), moved)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
