"""What looking inside finds, as arrays: for who wants to draw or count it in their own way.

    import drivetrain as dt

    dt.explore.layers(learn)                            # all layers, with their receptive fields
    found = dt.explore.features(learn, "layer3.1.conv2")
    found.values                                        # (C, 9) the strongest activations of every channel
    found.patch(17)                                     # what excites channel 17 most, (height, width, 3)

Legend: R rows, C channels, P patches per channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.insight.inspection import Inspection
from drivetrain.insight.layers import layer_named, layers_of, tapped
from drivetrain.insight.parts import Floats, Layer, Subject
from drivetrain.insight.projecting import shown_box
from drivetrain.insight.reading import in_batches
from drivetrain.insight.subject import subject_of
from drivetrain.insight.tops import find_tops
from drivetrain.settings import refuse, several, text, whole

__all__ = ["Features", "activations", "features", "layers"]


@dataclass(frozen=True, repr=False)
class Features:
    """The strongest activations of every channel of a layer, each on another row."""

    layer: Layer
    values: Floats
    """(C, P), largest first; −inf where there are fewer rows."""
    rows: NDArray[np.int64]
    """(C, P) numbers of rows, into `names` and `labels`; −1 where there are fewer."""
    places: NDArray[np.int64]
    """(C, P, 2) row and column in the layer's map."""
    fields: NDArray[np.int64]
    """(C, P, 4) left, top, width and height of what can change the activation, px of the view, cut at its border."""
    strongest: Floats
    """(R, C) the maximum of each channel on each row."""
    names: tuple[str, ...]
    """(R,) of the rows, for people."""
    labels: tuple[Any, ...]
    """(R,) what is true of them."""
    picture: Callable[[int], NDArray[np.uint8]]
    """Row → (height, width, 3) the view that the network reads."""

    @named
    def patch(self, channel: int, rank: int = 0) -> NDArray[np.uint8]:
        """(height, width, 3) one of the patches that excite a channel most, cut by its field.

        Args:
            channel: From 0.
            rank: 0 is the strongest.

        Raises:
            SettingError: There is no such channel or patch.
        """
        channels, patches = self.rows.shape
        channel = whole("channel", channel, least=0, most=channels - 1)
        rank = whole("rank", rank, least=0, most=max(0, int((self.rows[channel] >= 0).sum()) - 1))
        if self.rows[channel, rank] < 0:
            refuse("channel", channel, f"a channel that some row excites; there are {patches} patches and no rows")
        left, top, width, height = self.fields[channel, rank]
        return self.picture(int(self.rows[channel, rank]))[top : top + height, left : left + width]

    def __repr__(self) -> str:
        return f"Features({self.layer.name}: {self.rows.shape[0]} channels, {len(self.names)} rows)"


@named
def layers(model: Any) -> tuple[Layer, ...]:
    """All layers of a model's network, in the order in which they run: name, place, receptive field, stride.

    Args:
        model: A Learner, or what `look_inside` gave.

    Raises:
        ModelError: Its body cannot be followed.
        SettingError: It is something else.

    Example:
        ::

            for layer in dt.explore.layers(learn):
                print(layer.name, layer.said, layer.receptive_field_px)
    """
    return layers_of(_subject(model, None, 0))


@named
def features(model: Any, layer: str, *, patches: int = 9, rows: int | None = None, seed: int = 0) -> Features:
    """The strongest activations of every channel of a layer over the validation rows, as arrays; one pass.

    Args:
        model: A Learner, or what `look_inside` gave.
        layer: Its name, with or without the leading ``body.``.
        patches: How many per channel, each on another row.
        rows: Of a Learner: validation rows that are looked at; None takes at most 2,500.
        seed: Of the draw of rows.

    Raises:
        DataError: There is no validation set.
        ModelError: The body has no layers that can be looked into.
        SettingError: There is no such layer.

    Example:
        ::

            found = dt.explore.features(learn, "layer3.1.conv2")
            found.rows[17]  # the nine rows that excite channel 17 most
    """
    name, patches = text("layer", layer, what="the name of a layer"), whole("patches", patches, least=1)
    subject = _subject(model, rows, seed)
    chosen = layer_named(layers_of(subject), name)
    top = find_tops(subject, [chosen], patches=patches)[chosen.name]
    boxes = np.full((*top.rows.shape, 4), -1, np.int64)
    for at in np.argwhere(top.rows >= 0):
        place = (int(top.places[*at, 0]), int(top.places[*at, 1]))
        boxes[*at] = shown_box(chosen.field(place), subject.size)
    return Features(
        chosen,
        top.values,
        top.rows,
        top.places,
        boxes,
        top.strongest.astype(np.float32),
        tuple(subject.rows.inputs.name(row) for row in range(len(subject.rows))),
        subject.rows.values,
        subject.picture,
    )


@named
def activations(model: Any, layer: str, rows: Sequence[int], *, seed: int = 0) -> Floats:
    """(len(rows), C, height, width) what a layer gives of some validation rows.

    Args:
        model: A Learner, or what `look_inside` gave.
        layer: Its name, with or without the leading ``body.``.
        rows: Numbers of rows, as `features` counts them.
        seed: Of the draw of rows, where there are more than 2,500.

    Raises:
        SettingError: There is no such layer or row.

    Example:
        ::

            maps = dt.explore.activations(learn, "layer3.1.conv2", [0, 1])
    """
    subject = _subject(model, None, seed)
    chosen = layer_named(layers_of(subject), text("layer", layer, what="the name of a layer"))
    most = len(subject.rows) - 1
    wanted = [whole("rows", row, least=0, most=most) for row in several("rows", rows, "numbers of rows", single=int)]
    made: list[Floats] = []
    with (
        torch.inference_mode(),
        tapped(subject.network, [chosen], lambda _, value: made.append(value.detach().float().cpu().numpy().copy())),
    ):
        for some in in_batches(wanted):
            subject.network.answer(*subject.batch(some))
    return np.concatenate(made) if made else np.zeros((0, chosen.channels, *chosen.resolution), np.float32)


def _subject(model: Any, rows: int | None, seed: int) -> Subject:
    """What is looked into: of a Learner, of what was found already, or as it is."""
    if isinstance(model, Inspection):
        return model.subject
    if isinstance(model, Subject):
        return model
    if not all(hasattr(model, name) for name in ("data", "network", "kind", "place")):
        refuse("model", model, "a dt.Learner, or what look_inside() gave", fix="To fix: dt.Learner.load(path) first.")
    return subject_of(model, rows=rows, seed=seed)
