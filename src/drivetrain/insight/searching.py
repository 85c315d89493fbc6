"""The strongest patches of a network's layers, and the features that are made of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from drivetrain.evaluation.scores import Score
from drivetrain.insight.features.choosing import Chosen
from drivetrain.insight.features.filters import first_filters, frequency_of
from drivetrain.insight.features.meaning import meanings
from drivetrain.insight.features.selective import Selectivity, labels_of, selectivity
from drivetrain.insight.layers import layers_of, shown_layers
from drivetrain.insight.parts import Feature, Floats, Layer, Subject, Top
from drivetrain.insight.projecting import Rule, patches_of
from drivetrain.insight.tops import find_tops

BESIDE = 3
"""Patches that are projected in other ways as well."""


class Search:
    """What one pass over the rows finds, and what is made of it when it is asked for.

    Args:
        subject: What is looked into.
        names: Of the layers; None chooses five to seven.
        also: Names of layers that are shown besides.
        seed: Of all draws.
    """

    def __init__(
        self, subject: Subject, names: Sequence[str] | None, *, also: Sequence[str] = (), seed: int = 0
    ) -> None:
        self.subject, self.seed = subject, seed
        self.every = layers_of(subject)
        """All layers that the network has."""
        shown = {layer.name for layer in (*shown_layers(self.every, names), *shown_layers(self.every, list(also)))}
        self.layers = tuple(layer for layer in self.every if layer.name in shown)
        """Those that are shown, in the order in which they run."""
        self.labels = labels_of(subject)
        began = time.monotonic()
        self.tops = find_tops(subject, self.layers)
        """Layer → the strongest activations of all its channels."""
        self.seconds = time.monotonic() - began
        self._selective: dict[str, Selectivity] = {}

    def layer(self, name: str) -> Layer | None:
        """A layer that is shown, with or without the leading ``body.``."""
        return next((one for one in self.layers if name in (one.name, one.name.removeprefix("body."))), None)

    def selective(self, layer: str) -> Selectivity:
        """How well the channels of a layer tell the labels; computed once."""
        if layer not in self._selective:
            self._selective[layer] = selectivity(self.tops[layer], self.labels, seed=self.seed)
        return self._selective[layer]

    def feature(self, layer: Layer, channel: int) -> Feature:
        """Any feature of a layer that is shown."""
        return self.features(layer, [Chosen(channel, "looked up")])[0]

    def features(
        self,
        layer: Layer,
        chosen: Sequence[Chosen],
        *,
        silenced: Mapping[tuple[str, int], Score] | None = None,
    ) -> list[Feature]:
        """These channels with their patches, projections and meanings."""
        if not chosen:
            return []
        top, channels = self.tops[layer.name], [one.channel for one in chosen]
        costs = {channel: cost for (name, channel), cost in (silenced or {}).items() if name == layer.name}
        known = meanings(top, self.selective(layer.name), channels, silenced=costs)
        rule: Rule = layer.projection
        others: tuple[Rule, ...] = ("gradient",)
        if rule == "deconvnet":
            others = ("guided backpropagation", *others)
        first = patches_of(self.subject, _ranks(top, slice(BESIDE)), channels, rules=[rule, *others])
        rest = patches_of(self.subject, _ranks(top, slice(BESIDE, None)), channels, rules=[rule])
        weights = self._filters(layer)
        made: list[Feature] = []
        for one in chosen:
            (patches, drawn), (more_patches, more_drawn) = first[one.channel], rest[one.channel]
            own = None if weights is None else weights[one.channel]
            made.append(
                Feature(
                    layer.name,
                    one.channel,
                    one.why,
                    patches + more_patches,
                    drawn[rule] + more_drawn[rule],
                    {str(other): drawn[other] for other in others},
                    known[one.channel],
                    own,
                    None if own is None else frequency_of(own),
                )
            )
        return made

    def _filters(self, layer: Layer) -> Floats | None:
        """(C, h, w, channels of the view) the weights of the first layer; None of any other."""
        return first_filters(self.subject, layer) if layer is self.every[0] else None


def _ranks(top: Top, some: slice) -> Top:
    """Some of the strongest activations of every channel."""
    return replace(top, values=top.values[:, some], rows=top.rows[:, some], places=top.places[:, some])
