"""What the page draws from: what was found, the pictures it was found in, and how each thing is linked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivetrain.insight.page.pixels import Pixels
from drivetrain.insight.parts import Box, Feature, Inside, Layer, Subject
from drivetrain.pages.words import value_in_words


@dataclass(frozen=True)
class Shown:
    """One network as the page shows it."""

    found: Inside
    subject: Subject
    said: Mapping[int, str] = field(default_factory=dict[int, str])
    """Row → what the network says of it, where that was asked."""
    prefix: str = ""
    """Of all names on the page, where it shows two networks."""

    def layer(self, name: str) -> Layer:
        """A layer that is shown, by its name."""
        return next(layer for layer in self.found.layers if layer.name == name)

    def layer_id(self, name: str) -> str:
        """The address of a layer on the page."""
        return f"{self.prefix}layer-{1 + [layer.name for layer in self.found.layers].index(name)}"

    def feature_id(self, layer: str, channel: int) -> str:
        """The address of a feature on the page."""
        return f"{self.layer_id(layer)}-channel-{channel}"

    def picture_id(self, row: int) -> str:
        """The address of a picture on the page."""
        return f"{self.prefix}picture-{row}"

    def features_of(self, layer: str) -> list[Feature]:
        """The features that are shown of a layer."""
        return [feature for feature in self.found.features if feature.layer == layer]

    def is_shown(self, layer: str, channel: int) -> bool:
        """Whether a feature has a place on the page."""
        return any(feature.channel == channel for feature in self.features_of(layer))

    def shown_rows(self) -> list[int]:
        """Pictures that a patch, or an answer that is explained, leads to; each once, in the order of the rows."""
        rows = {patch.row for feature in self.found.features for patch in feature.patches}
        return sorted(rows | {why.row for why in self.found.why})

    def name(self, row: int) -> str:
        """What the picture is called: the last two parts of its path."""
        return "/".join(self.subject.rows.inputs.name(row).replace("\\", "/").split("/")[-2:])

    def label(self, row: int) -> str:
        """What is true of it, in words."""
        return value_in_words(self.subject.rows.values[row])

    def view(self, row: int) -> Pixels:
        """What the network sees of it."""
        return self.subject.picture(row)

    @property
    def whole(self) -> Box:
        """The view."""
        height, width = self.subject.size
        return Box(0, 0, width, height)

    def sees(self, layer: Layer) -> str:
        """How much of the view can change one place of a layer, in words."""
        height, width = self.subject.size
        side = layer.receptive_field_px
        if side <= 0 or (side >= height and side >= width):
            return "the whole picture" if side <= 0 else f"the whole picture ({side:,} px)"
        return f"{side} of {width} px" if width == height else f"{side} px of {width} × {height}"


def short(layer: Layer) -> str:
    """What a layer is, without its place: "3 × 3 convolution, then ReLU6".

    Example:
        >>> from types import SimpleNamespace
        >>> short(SimpleNamespace(said="layer 7 of 13: 3 × 3 convolution, then ReLU6"))
        '3 × 3 convolution, then ReLU6'
    """
    return layer.said.partition(": ")[2] or layer.said


def numbered(layer: Layer) -> str:
    """The place of a layer: "layer 7 of 13"; its name where it is not said.

    Example:
        >>> from types import SimpleNamespace
        >>> numbered(SimpleNamespace(said="layer 7 of 13: 3 × 3 convolution", name="conv7"))
        'layer 7 of 13'
    """
    place, colon, _ = layer.said.partition(": ")
    return place if colon else layer.name
