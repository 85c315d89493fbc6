"""The pictures that patches were cut from: each opens over the page and says which features it excites, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from drivetrain.insight.page import pixels
from drivetrain.insight.page.shown import Shown, numbered
from drivetrain.insight.parts import Feature, Patch
from drivetrain.pages.html import Html, escape, tag
from drivetrain.pages.words import with_minus

SIDES_PX = (320, 224, 160, 128, 96, 64)
"""Longest side of a picture as it is stored: the first that keeps the page below its bound."""
PLAYED_BYTES = 6_000_000
"""Of sounds that a page plays: the rest of them is shown alone."""
SAMPLED = 12
"""Pictures by which the size of all is estimated."""


class Exciting(NamedTuple):
    """A feature that a picture is among the strongest of."""

    feature: Feature
    patch: Patch
    rank: int


def sheets(look: Shown, side_px: int, players: Mapping[int, Html]) -> list[Html]:
    """Every picture that something on the page leads to, and what plays it."""
    found = _exciting(look)
    return [_sheet(look, row, found.get(row, []), side_px, players.get(row)) for row in look.shown_rows()]


def _players(look: Shown, most_bytes: int) -> dict[int, Html]:
    """What plays the rows that are shown, the first ones as far as there is room."""
    found: dict[int, Html] = {}
    if look.subject.play is None:
        return found
    for row in look.shown_rows():
        made = look.subject.play(row)
        most_bytes -= len(made)
        if most_bytes < 0:
            break
        found[row] = made
    return found


def side_for(looks: Sequence[Shown], most_bytes: int) -> int:
    """The largest side at which all pictures take at most `most_bytes` on the page, or the smallest there is."""
    rows = [(look, row) for look in looks for row in look.shown_rows()]
    if not rows:
        return SIDES_PX[0]
    sample = rows[:: max(1, len(rows) // SAMPLED)]
    views = [look.view(row) for look, row in sample]
    for side in SIDES_PX:
        mean = sum(len(pixels.encoded(view, side_px=side)) for view in views) / len(views)
        if mean * len(rows) * 4 / 3 <= most_bytes:  # base64
            return side
    return SIDES_PX[-1]


def _exciting(look: Shown) -> Mapping[int, list[Exciting]]:
    found: dict[int, list[Exciting]] = {}
    for feature, patch, rank in _every_patch(look):
        found.setdefault(patch.row, []).append(Exciting(feature, patch, rank))
    return found


def _every_patch(look: Shown) -> Iterator[tuple[Feature, Patch, int]]:
    for feature in look.found.features:
        for rank, patch in enumerate(feature.patches, 1):
            yield feature, patch, rank


def _sheet(look: Shown, row: int, found: Sequence[Exciting], side_px: int, player: Html | None) -> Html:
    webp = pixels.encoded(look.view(row), side_px=side_px)
    label, name, said = look.label(row), look.name(row), look.said.get(row)
    boxes: list[Html] = []
    items: list[Html] = []
    for one in found:
        id_ = look.feature_id(one.feature.layer, one.feature.channel)
        box = pixels.within(one.patch.effective, look.subject.size)
        marks = pixels.outline(box, look.whole, "field-box")
        boxes.append(tag("g", marks, data_feature=id_))
        layer = look.layer(one.feature.layer)
        where = f"{numbered(layer)}, channel {one.feature.channel}"
        place = f"{box.width} × {box.height} px at ({box.left}, {box.top})"
        value = with_minus(f"{one.patch.value:.3g}")
        named = one.feature.meaning.name if one.feature.meaning is not None else ""
        items.append(
            tag(
                "li",
                tag("a", where, href=f"#{id_}"),
                f" ({named})" if named else None,
                f": {value}, {_ordinal(one.rank)}, by {place}",
                data_feature=id_,
            )
        )
    about = f"labelled {label}" + (f"; the network says {said}" if said else "")
    alt = f"{name}, {label}, with the places that excite {len(found)} features"
    home = look.feature_id(found[0].feature.layer, found[0].feature.channel) if found else "answers"
    title = f"{look.picture_id(row)}-title"
    return tag(
        "article",
        tag("a", "Close", href=f"#{home}", class_="close"),
        tag("h3", label, id=title),
        tag("p", name, " · ", about, class_="soft"),
        pixels.drawn(webp, look.subject.size, alt, *boxes, class_="view"),
        player,
        tag("ul", items, class_="where") if items else None,
        class_="sheet",
        id=look.picture_id(row),
        aria_labelledby=title,
    )


def _ordinal(rank: int) -> str:
    return {1: "its strongest picture", 2: "its second strongest", 3: "its third strongest"}.get(
        rank, f"its {rank}th strongest"
    )


def gathered(looks: Sequence[Shown], most_bytes: int) -> tuple[Html, int]:
    """All pictures of the page, and the side at which they are stored."""
    players = [_players(look, min(PLAYED_BYTES, most_bytes // 2) // len(looks)) for look in looks]
    side = side_for(looks, most_bytes - sum(len(one) for found in players for one in found.values()))
    return escape([sheets(look, side, found) for look, found in zip(looks, players, strict=True)]), side
