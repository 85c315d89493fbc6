"""The same features as one drawing for a paper or a slide: PNG, PDF or SVG."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from drivetrain.insight.page import pixels
from drivetrain.insight.page.pixels import Pixels
from drivetrain.insight.page.shown import Shown, numbered, short
from drivetrain.insight.parts import Feature, Layer
from drivetrain.pages.chart import Chart, Panel, panels
from drivetrain.pages.html import Html, tag

CELL_PX, GAP_PX = 64, 2
BLANK = 255
"""Between the patches: paper."""
PER_LAYER = 3
"""Features of each layer on the chart of several layers."""


def chart(look: Shown, layers: Sequence[Layer]) -> Chart:
    """Features of these layers: of one layer all that are shown, of several the first three of each."""
    most = None if len(layers) == 1 else PER_LAYER
    made = [_panel(look, layer, feature) for layer in layers for feature in look.features_of(layer.name)[:most]]
    title = f"Inside {look.found.label}"
    said = f"{len(made)} features of {len(layers)} layers, each by its strongest patches in {look.found.rows:,} rows."
    return Chart(panels(made, title, said, most_columns=PER_LAYER))


def _panel(look: Shown, layer: Layer, feature: Feature) -> Panel:
    views = [(look.view(patch.row), pixels.within(patch.field, look.subject.size)) for patch in feature.patches]
    up = -1 if look.subject.rising else 1
    picture = montage([pixels.cut(view, field)[::up] for view, field in views])
    if feature.projections:
        projected = montage([pixels.contrasted(one, CELL_PX)[::up] for one in feature.projections])
        room = np.full((picture.shape[0], 6 * GAP_PX, 3), BLANK, dtype=np.uint8)
        picture = np.concatenate([picture, room, projected], axis=1)
    named = feature.meaning.name if feature.meaning is not None else ""
    above = [
        (f"{numbered(layer)}, channel {feature.channel}", "strong"),
        (named or feature.chosen, "soft-text"),
    ]
    return Panel(_drawn(picture), above, short(layer))


def montage(cells: Sequence[Pixels]) -> Pixels:
    """Pictures in a square grid, each as large as its cell lets it be, none blurred by enlarging it.

    Example:
        >>> montage([np.zeros((3, 3, 3), np.uint8)] * 9).shape
        (196, 196, 3)
    """
    columns = max(1, math.ceil(math.sqrt(len(cells))))
    side = columns * CELL_PX + (columns - 1) * GAP_PX
    sheet = np.full((side, side, 3), BLANK, dtype=np.uint8)
    for i, cell in enumerate(cells):
        top, left = (i // columns) * (CELL_PX + GAP_PX), (i % columns) * (CELL_PX + GAP_PX)
        scale = CELL_PX / max(cell.shape[:2])
        height, width = (max(1, round(length * scale)) for length in cell.shape[:2])
        how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        fitted = np.asarray(Image.fromarray(np.ascontiguousarray(cell)).resize((width, height), how))
        y, x = top + (CELL_PX - height) // 2, left + (CELL_PX - width) // 2
        sheet[y : y + height, x : x + width] = fitted
    return sheet


def _drawn(picture: Pixels) -> Html:
    """A picture as an ``<svg>``; PNG, which every program of drawings reads."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    height, width = picture.shape[:2]
    source = Html(f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}")
    inner = tag("image", href=source, width=width, height=height)
    return tag("svg", inner, width=width, height=height, viewBox=f"0 0 {width} {height}")
