"""What `look_inside` gives: what was found, as a page, as a chart for a paper, as JSON, and any feature looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.errors import DataError, SettingError, did_you_mean
from drivetrain.insight.page.changes import Pair
from drivetrain.insight.page.document import render
from drivetrain.insight.page.shown import Shown, short
from drivetrain.insight.parts import Feature, Inside, Layer, Subject
from drivetrain.pages.chart import FORMATS
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.settings import place, refuse, several, text, whole
from drivetrain.text import printable, readable

if TYPE_CHECKING:
    from drivetrain.pages.chart import Chart

LookUp = Callable[[Layer, int], Feature]
"""Layer and channel → the feature with its patches and projections."""


@dataclass(frozen=True, repr=False)
class Inspection:
    """What was found inside a network; the last line of a notebook cell says it in short.

    Example:
        ::

            found = learn.look_inside()
            found.save("inside.html")
            found.chart("body.layer3").save("layer3.pdf")
            found.feature("body.layer3", 17).meaning
    """

    found: Inside
    subject: Subject
    look_up: LookUp
    said: Mapping[int, str] = field(default_factory=dict[int, str])
    """Row → what the network says of it, of the rows that are shown."""
    before: Inspection | None = None
    """Of the network that it is compared with."""
    pairs: Sequence[Pair] = ()
    """Channels of both that go together, those that changed most."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that are shown, from the pixels to the answer."""
        return self.found.layers

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that are shown, layer by layer."""
        return self.found.features

    def layer(self, name: str) -> Layer:
        """A layer that is shown, by its name in the network.

        Raises:
            SettingError: It is not shown.
        """
        name = text("layer", name, what="the name of a layer")
        known = {layer.name: layer for layer in self.layers}
        if name not in known:
            listed = ", ".join(known)
            refuse("layer", name, f"one of those shown: {listed}", fix=f"{did_you_mean(name, known)} ".lstrip())
        return known[name]

    @named
    def feature(self, layer: str, channel: int) -> Feature:
        """Any channel of a layer that is shown, with its patches and their projections.

        Args:
            layer: Its name in the network, as `layers` has it.
            channel: From 0.

        Raises:
            SettingError: There is no such channel.
        """
        found = self.layer(layer)
        channel = whole("channel", channel, least=0, most=found.channels - 1)
        known = [each for each in self.features if (each.layer, each.channel) == (found.name, channel)]
        return known[0] if known else self.look_up(found, channel)

    @named
    def chart(self, layers: str | Sequence[str] | None = None) -> Chart:
        """Features as one drawing, to be kept as .png, .pdf or .svg: `found.chart("body.conv1").save("conv1.pdf")`.

        Args:
            layers: Of one layer all its features that are shown, of several the first three of each; None takes all.

        Raises:
            SettingError: A layer is not shown.
        """
        from drivetrain.insight.page.paper import chart  # noqa: PLC0415 - for who wants a drawing

        names = [] if layers is None else several("layers", layers, "names of layers", single=str)
        chosen = [self.layer(name) for name in names] or list(self.layers)
        return chart(self._shown(), chosen)

    @named
    def save(self, path: str | os.PathLike[str] = "inside.html") -> Path:
        """Write the page (.html), or the chart of all layers (.png, .pdf, .svg, .jpg).

        The page is one file below 15 MB that loads nothing; it holds copies of the pictures that excite a feature.

        Raises:
            SettingError: The path ends otherwise, or cannot be written.
        """
        file = page_place(path)
        if file.suffix.lower() not in PAGES:
            return self.chart().save(file)
        try:
            write_durably(file, self.page().encode())
        except OSError as error:
            raise DataError(f"{readable(file)} cannot be written: {error.strerror or error}.") from error
        return file

    def page(self) -> str:
        """The page as HTML."""
        before = None if self.before is None else self.before._shown("before-")
        return render(self._shown(), before=before, pairs=self.pairs)

    def as_json(self) -> dict[str, Any]:
        """The names that scripts rely on; valid JSON."""
        found = self.found
        layers = [
            {
                "name": layer.name,
                "said": layer.said,
                "kind": layer.kind,
                "channels": layer.channels,
                "stride": layer.stride,
                "resolution": list(layer.resolution),
                "receptive_field_px": layer.receptive_field_px,
                "projection": layer.projection,
                "reason": layer.reason,
                "gates": layer.gates,
                "separable": next((s.as_json() for name, s in found.separable if name == layer.name), None),
                "features": [self._feature_json(each) for each in found.features if each.layer == layer.name],
            }
            for layer in found.layers
        ]
        return {
            "model": found.label,
            "layers": layers,
            "rows": found.rows,
            "seconds": round(found.seconds, 3),
            "seconds_plain_pass": round(found.seconds_plain_pass, 3),
            "seconds_search": round(float(found.extras.get("seconds of the search", 0.0)), 3),
            "checks": [
                {"method": c.method, "test": c.test, "value": c.value, "against": c.against, "passed": c.passed,
                 "said": c.said}
                for c in found.checks
            ],
            "changes": [
                {"layer": c.layer, "cka": c.cka, "low": c.low, "high": c.high} for c in found.changes
            ],
            "notes": list(found.notes),
            **({} if self.before is None else {"against": self.before.found.label}),
        }  # fmt: skip

    def __str__(self) -> str:
        found = self.found
        lines = [f"inside {found.label}: {len(found.layers)} layers, {found.rows:,} {self.subject.rows.noun}"]
        look = self._shown()
        for i, layer in enumerate(found.layers, 1):
            names = [f.meaning.name for f in look.features_of(layer.name) if f.meaning is not None and f.meaning.name]
            named = f"; {names[0]}" if names else ""
            lines.append(f"  {i}. {layer.name}: {short(layer)}, sees {look.sees(layer)}{named}")
        lines += [f"  {score.label} of a linear model on {name}: {' '.join(score.shown())}" for name, score in
                  found.separable]  # fmt: skip
        lines += [f"  {change.layer}: CKA {change.cka:.2f} [{change.low:.2f}, {change.high:.2f}]"
                  for change in found.changes]  # fmt: skip
        lines += [f"  {check.method}, {check.test}: {'passed' if check.passed else 'failed'}"
                  for check in found.checks]  # fmt: skip
        return printable("\n".join([*lines, *(f"  note: {note}" for note in found.notes)]))

    def __repr__(self) -> str:
        return str(self)

    def _shown(self, prefix: str = "") -> Shown:
        return Shown(self.found, self.subject, self.said, prefix)

    def _feature_json(self, feature: Feature) -> dict[str, Any]:
        meaning = feature.meaning
        shares = [] if meaning is None else meaning.shares
        return {
            "channel": feature.channel,
            "chosen": feature.chosen,
            "name": "" if meaning is None else meaning.name,
            "auc": None if meaning is None else meaning.auc,
            "shares": [{"class": name, "share": share, "low": low, "high": high} for name, share, low, high in shares],
            "silenced": None if meaning is None or meaning.silenced is None else meaning.silenced.as_json(),
            "pictures": [self.subject.rows.inputs.name(patch.row) for patch in feature.patches],
            "values": [patch.value for patch in feature.patches],
        }


def page_place(path: str | os.PathLike[str], setting: str = "path") -> Path:
    """Where a page or a chart is written; looked at before the work, not after it.

    Raises:
        SettingError: The name ends otherwise, or it cannot be written there.

    Example:
        >>> page_place("inside.docx")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: path='inside.docx' cannot be used: expected a name that ends in .html, ...
    """
    file = Path(place(setting, path))
    ending, known = file.suffix.lower(), [*PAGES, *(each for each in FORMATS if each not in PAGES)]
    if ending not in known:
        raise SettingError(
            f"{setting}={readable(file.name)!r} cannot be used: expected a name that ends in {', '.join(known)}."
            f"{did_you_mean(ending, known)} To fix: end it with one of these, such as inside.html."
        )
    return file_to_write(file, setting, over=PAGES if ending in PAGES else (ending,))
