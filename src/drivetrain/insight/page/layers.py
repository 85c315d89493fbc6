"""The story in one scroll: an overview of the layers, then each with its features, from the pixels to the answer."""

from __future__ import annotations

from collections import Counter

from drivetrain.insight.page.cards import card
from drivetrain.insight.page.figures import Step, steps
from drivetrain.insight.page.shown import Shown, numbered, short
from drivetrain.insight.parts import Inside, Layer, Top
from drivetrain.insight.separable import Separability
from drivetrain.pages.html import Cell, Child, Html, details, escape, figure, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, quoted_list, shown, with_minus

MOST_CLASSES = 2
"""Named of a channel in the list of all of them."""


def jump(look: Shown) -> Html:
    """A bar that leads to each layer."""
    links = [
        tag("a", f"{i} · {look.sees(layer)}", href=f"#{look.layer_id(layer.name)}", title=layer.said)
        for i, layer in enumerate(look.found.layers, 1)
    ]
    return tag("nav", links, class_="jump", aria_label="Layers, from small to large")


def overview(look: Shown) -> Html:
    """One row a layer: what it is, how much it sees, how well the task can be read off it."""
    found = look.found
    probes = dict(found.separable)
    head = ["", "layer", "sees", "places", "channels"] + (["linear model on it"] if probes else [])
    rows: list[list[Child]] = []
    for i, layer in enumerate(found.layers, 1):
        cells: list[Child] = [
            tag("a", str(i), href=f"#{look.layer_id(layer.name)}", aria_label=f"To layer {i}"),
            [_capital(numbered(layer)), ": ", short(layer)],
            look.sees(layer),
            f"{layer.resolution[0]} × {layer.resolution[1]}",
            f"{layer.channels:,}",
        ]
        if probes:
            score = probes.get(layer.name)
            cells.append("–" if score is None else [*(f"{part} " for part in shown(score) if part)])
        rows.append(cells)
    numeric = [4] if not probes else [4, 5]
    made = table(head, rows, caption="Layers shown", numeric=numeric, class_="small-to-large")
    lead = (
        "From small to large: a place of an early layer sees a few pixels, one of a late layer most of the picture. "
        f"{len(found.layers)} of {found.extras.get('layers in all', len(found.layers))} layers are shown."
    )
    drawn = _probes(look)
    title = "Where the task is solved" if drawn is not None else "The layers"
    listed = scrolling("layers shown", made)
    return section(f"{look.prefix}layers", title, lead, drawn, listed, _classes(look))


def _probes(look: Shown) -> Html | None:
    """How well the task can be read off each layer, as a sentence and a chart; None where that was not measured."""
    found, solved = look.found, _separability(look.found)
    known = [(i, score) for i, (_, score) in enumerate(found.separable) if score.value is not None]
    if len(known) < 2:
        return None
    label, names = known[0][1].label, [name for name, _ in found.separable]
    mark = names.index(solved.solved) if solved is not None and solved.solved in names else None
    drawn = steps(
        [Step(f"layer {i + 1}", score.value or 0.0, score.low, score.high) for i, score in known],
        name=f"{look.prefix}separable",
        title=f"{_capital(label)} of a linear model on each layer",
        y_name=label,
        percent=known[0][1].percent,
        mark=mark,
    )
    said = "Bars are 95 % intervals. A linear model is fitted on the means of each layer's channels, out of fold"
    if any(layer.reading.layout == "tokens" and layer.reading.prefix for layer in found.layers):
        said += ", and on its class token"
    constant = "" if solved is None else f"; the constant answer reaches {solved.constant.shown()[0]}"
    sentence = None if solved is None else tag("p", with_minus(solved.said), class_="say")
    return escape([sentence, figure(drawn, f"{said}{constant}.")])


def _classes(look: Shown) -> Html | None:
    """The layer at which each class becomes separable from all others."""
    solved, names = _separability(look.found), [layer.name for layer in look.found.layers]
    if solved is None or not solved.classes:
        return None
    rows: list[list[Child]] = []
    for one in solved.classes:
        at = names.index(one.layer) if one.layer in names else None
        link = one.layer if at is None else tag("a", f"layer {at + 1}", href=f"#{look.layer_id(one.layer)}")
        value, interval = shown(dict(one.scores)[one.layer])
        rows.append([one.name, Cell(link, at), f"{value} {interval}".strip()])
    made = table(
        ["class", "separable from", "AUC there"],
        rows,
        caption="The layer at which each class becomes separable from all others",
        numeric=[2],
        class_="sortable small",
        data_filter=True,
    )
    said = "Nine tenths of the way from chance to the best layer."
    return details("Where each class becomes separable", tag("p", said), scrolling("classes", made, tall=True))


def _separability(found: Inside) -> Separability | None:
    solved = found.extras.get("separability")
    return solved if isinstance(solved, Separability) else None


def stories(look: Shown) -> Html:
    """A section for each layer."""
    return escape([_story(look, i, layer) for i, layer in enumerate(look.found.layers, 1)])


def _story(look: Shown, number: int, layer: Layer) -> Html:
    facts = [
        f"Sees {look.sees(layer)}; {layer.resolution[0]} × {layer.resolution[1]} places"
        + (f", {layer.stride} px apart." if layer.stride > 1 else "."),
        f"{layer.channels:,} channels; {len(look.features_of(layer.name))} shown, by rule, never by eye.",
        f"Projection: {layer.projection}. {_capital(layer.reason.rstrip('.'))}.",
    ]
    if layer.gates:
        facts.append(
            f"Besides what it sees, the whole picture changes all of its places alike ({layer.gates}); fields and "
            "projections leave that out."
        )
    lead = [tag("span", fact, class_="line") for fact in facts]
    cards = [card(look, feature) for feature in look.features_of(layer.name)]
    top = look.found.tops.get(layer.name)
    before = f"{look.found.label}: " if look.prefix else ""
    return section(
        look.layer_id(layer.name),
        f"{before}{number}. {_capital(short(layer))}",
        [tag("span", f"{_capital(numbered(layer))}, {layer.name}", class_="line"), *lead],
        tag("ul", cards, class_="features") if cards else tag("p", "No feature of it is shown."),
        None if top is None else _all_channels(look, layer, top),
    )


def _all_channels(look: Shown, layer: Layer, top: Top) -> Html:
    """Any feature can be looked up: its strongest activation, in which picture, and the classes of the nine."""
    rows: list[list[Child]] = []
    for channel in range(len(top.values)):
        at: list[int] = [int(row) for row in top.rows[channel] if row >= 0]
        named: Child = str(channel)
        if look.is_shown(layer.name, channel):
            named = tag("a", str(channel), href=f"#{look.feature_id(layer.name, channel)}")
        counts = Counter(look.label(row) for row in at).most_common(MOST_CLASSES)
        classes = quoted_list([f"{name} {n}" for name, n in counts])
        value = float(top.values[channel, 0]) if at else float("nan")
        sort = Cell(with_minus(f"{value:.3g}"), round(value, 6)) if at else Cell("–", None)
        rows.append([Cell(named, channel), sort, classes, look.name(at[0]) if at else "–"])
    made = table(
        ["channel", "strongest", f"of its {top.values.shape[1]} strongest", "strongest in"],
        rows,
        caption=f"All channels of {layer.name}",
        numeric=[1],
        class_="sortable small",
        data_filter=True,
    )
    return details(f"All {layer.channels:,} channels", scrolling(f"all channels of {layer.name}", made, tall=True))


def shares(found: Inside) -> str:
    """How many of the features shown have a name, in words."""
    named = sum(feature.meaning is not None and bool(feature.meaning.name) for feature in found.features)
    n = len(found.features)
    return f"{named} of the {n} features shown deserve a name ({as_percent(named / n, 0)})" if n else ""


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
