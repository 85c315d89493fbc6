"""A feature: nine patches, what they are projected to, what it stands for. Opened, the same card fills the page."""

from __future__ import annotations

from drivetrain.insight.features.filters import colour_of
from drivetrain.insight.page import pixels
from drivetrain.insight.page.shown import Shown, numbered
from drivetrain.insight.parts import Feature, Layer, Meaning, Patch
from drivetrain.pages.html import Child, Html, escape, tag
from drivetrain.pages.words import as_percent, shown, with_minus

PATCH_PX = 96
"""Longest side of a patch as it is stored; smaller fields keep every pixel."""
BESIDE_PX = 64
"""Of projections by other rules."""
NEARLY_ALL = 0.9
"""An effective field that covers as much of the theoretical one is not drawn inside it."""
MOST_SHARES = 5
CONTRAST = "Grey is nothing; contrast is stretched, and the strongest hundredth of px cut off."


def card(look: Shown, feature: Feature) -> Html:
    """A feature as an item of a list, with an address of its own."""
    layer, name = look.layer(feature.layer), look.feature_id(feature.layer, feature.channel)
    heading = tag("h4", tag("a", f"Channel {feature.channel}", href=f"#{name}"), id=f"{name}-title")
    said = [tag("p", _capital(feature.chosen), class_="soft"), _named(feature.meaning)]
    top = tag("div", tag("div", heading, said), _filter(feature), class_="withfilter")
    return tag(
        "li",
        tag(
            "article",
            tag("a", "Close", href=f"#at-{name}", class_="close"),
            top,
            grids(look, feature),
            _more(look, feature, layer),
            class_="feature",
            id=name,
            aria_labelledby=f"{name}-title",
        ),
        id=f"at-{name}",
    )


def grids(look: Shown, feature: Feature) -> Html:
    """The patches, and beside them their projections, in the same order."""
    layer = look.layer(feature.layer)
    patches = tag("div", [_patch(look, patch) for patch in feature.patches], class_="nine")
    both = [tag("figure", patches, tag("figcaption", "strongest in"))]
    if feature.projections:
        drawn = [_projected(i, one, layer.projection) for i, one in enumerate(feature.projections, 1)]
        both.append(tag("figure", tag("div", drawn, class_="nine"), tag("figcaption", layer.projection)))
    return tag("div", both, class_="grids" if len(both) > 1 else "grids one")


def thumbnails(look: Shown, layer: str, channel: int, most: int = 3) -> Html | None:
    """The first patches of a feature that is shown, small; None of another one."""
    found = next((one for one in look.features_of(layer) if one.channel == channel), None)
    return None if found is None else tag("span", [_patch(look, one) for one in found.patches[:most]], class_="three")


def _patch(look: Shown, patch: Patch) -> Html:
    view = look.view(patch.row)
    field = pixels.within(patch.field, look.subject.size)
    webp = pixels.encoded(pixels.cut(view, field), side_px=PATCH_PX)
    effective = pixels.within(patch.effective, look.subject.size)
    inside = effective.width * effective.height < NEARLY_ALL * field.width * field.height
    marks = [pixels.outline(effective, field, "effective")] if inside else []
    said = f"{look.label(patch.row)}, {look.name(patch.row)}: {_value(patch.value)}"
    drawn = pixels.drawn(webp, (field.height, field.width), said, *marks)
    return tag("a", drawn, href=f"#{look.picture_id(patch.row)}")


def _projected(rank: int, projection: pixels.Floats, rule: str, side_px: int = PATCH_PX) -> Html:
    picture = pixels.contrasted(projection, side_px)
    return pixels.drawn(pixels.encoded(picture), picture.shape[:2], f"{rule} of patch {rank}")


def _beside(feature: Feature) -> Html | None:
    """The first patches by other ways back to pixels, each in a row of its own."""
    if not feature.beside:
        return None
    rows = [
        tag(
            "figure",
            tag("div", [_projected(i, one, rule, BESIDE_PX) for i, one in enumerate(several, 1)], class_="nine"),
            tag("figcaption", rule),
        )
        for rule, several in feature.beside.items()
    ]
    said = "The strongest of them by other ways back to pixels; none of these says why the network answers as it does."
    return escape([tag("p", said), tag("div", rows, class_="grids")])


def _filter(feature: Feature) -> Html | None:
    if feature.filters is None:
        return None
    picture = pixels.filters(feature.filters)
    return pixels.drawn(pixels.encoded(picture), picture.shape[:2], "the weights of the filter", class_="filter")


def _named(meaning: Meaning | None) -> Html | None:
    return tag("p", tag("strong", meaning.name)) if meaning is not None and meaning.name else None


def _more(look: Shown, feature: Feature, layer: Layer) -> Html:
    """What is shown of a feature once it is opened."""
    first, last = (feature.patches[0].value, feature.patches[-1].value) if feature.patches else (0.0, 0.0)
    field = pixels.within(feature.patches[0].field, look.subject.size) if feature.patches else look.whole
    stored = min(1.0, PATCH_PX / max(field.width, field.height))
    size = "every pixel is shown" if stored == 1 else f"shown at {as_percent(stored, 0)} of their size"
    where = [
        _capital(numbered(layer)), f", {layer.name}, channel {feature.channel} of {layer.channels}. Each patch is what "
        f"can change the activation ({look.sees(layer)}), cut at the border of the picture; {size}. The dashed line "
        "holds most of what does change it. They come from different pictures, strongest first, from "
        f"{_value(first)} to {_value(last)}; each leads to its picture.",
    ]  # fmt: skip
    return tag(
        "div",
        tag("p", where),
        tag("p", f"{_capital(layer.projection)}: {layer.reason.rstrip('.')}. {CONTRAST}") if layer.reason else None,
        _frequency(feature),
        _meaning(feature.meaning),
        _beside(feature),
        class_="more",
    )


def _frequency(feature: Feature) -> Html | None:
    """Colour and stripes of a filter of the first layer."""
    if feature.filters is None or feature.frequency is None:
        return None
    share, colours = colour_of(feature.filters)
    about = colours if not share else f"{colours} ({as_percent(share, 0)} of its power is colour)"
    waves = "a blob, without stripes"
    if feature.frequency > 0:
        waves = f"{feature.frequency:.2f} cycles per px, one wave in {1 / feature.frequency:.1f} px"
    return tag("p", f"The filter: {about}; its strongest frequency is {waves}.")


def _meaning(meaning: Meaning | None) -> Html | None:
    if meaning is None:
        return None
    rows: list[Child] = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", as_percent(share, 0), class_="n"),
            tag("td", f"[{100 * low:.0f}, {100 * high:.0f}]", class_="n"),
        )
        for name, share, low, high in meaning.shares[:MOST_SHARES]
    ]
    columns = [
        tag("th", one, scope="col", class_="n" if i else None) for i, one in enumerate(["class", "share", "95 %"])
    ]
    profile = tag(
        "table",
        tag("caption", "Classes among its strongest activations"),
        tag("thead", tag("tr", columns)),
        tag("tbody", rows),
        class_="small",
    )
    said: list[Html] = []
    if not meaning.name:
        said.append(tag("p", "It has no name: no class stands out from what chance gives."))
    if meaning.auc is not None:
        said.append(tag("p", f"Told by this channel alone, that class has an AUC of {meaning.auc:.2f} over all rows."))
    if meaning.silenced is not None:
        value, interval = shown(meaning.silenced)
        cost = f"{meaning.silenced.label} {value} {interval}".strip()
        said.append(tag("p", f"Silenced (set to its mean, on {meaning.silenced.counted()} rows): {cost}."))
    return escape([said, profile if rows else None])


def _value(value: float) -> str:
    return with_minus(f"{value:.3g}")


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
