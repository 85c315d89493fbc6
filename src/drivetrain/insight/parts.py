"""What looking inside finds, as plain data: filled by the searches, drawn by the page, given to those who want arrays.

Legend: R rows looked at, C channels of a layer, K classes (or outputs), P patches per feature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.examples import Examples
from drivetrain.evaluation.scores import Score
from drivetrain.pages.html import Html
from drivetrain.runtime.targets import Target
from drivetrain.training.network import Network

Floats = NDArray[np.float32]
ProjectionName = Literal["deconvnet", "gradient × input"]


@dataclass(frozen=True)
class Subject:
    """What is looked into: a network, and rows that it was not trained on."""

    label: str
    """"resnet34", "fruit.model"."""
    network: Network
    """On `device`, in eval mode; never changed."""
    rows: Examples
    """Validation rows; never the sealed test rows."""
    target: Target
    truth: NDArray[Any]
    """As `target.encode` gives it."""
    batch: Callable[[Sequence[int]], tuple[Tensor, ...]]
    """Row numbers → views as the network takes them when it is judged (what `network.answer` reads), on `device`."""
    picture: Callable[[int], NDArray[np.uint8]]
    """A row number → (height, width, 3) the view as people see it, at the size that the network reads."""
    size: tuple[int, int]
    """Height and width of a view, px."""
    device: str = "cpu"
    rising: bool = False
    """Whether the first line of a view belongs at the bottom, as the lowest pitch of a spectrogram does."""
    play: Callable[[int], Html] | None = None
    """A row number → what plays the part of it that is looked at; None: it is nothing to be heard."""
    notes: tuple[str, ...] = ()
    """What has to be known of the views."""


class Box(NamedTuple):
    """A rectangle of the view, px; it may reach beyond the border, where there is padding."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Reading:
    """Where the numbers of a layer are read while the network runs; `drivetrain.insight.layers.tapped` does it."""

    module: str = ""
    """In the network: "body.layer3.1.act2"."""
    call: int = 0
    """0 for the first time that this module runs in a pass."""
    given: bool = False
    """What goes into it, rather than what comes out: before an activation that cuts large values off (ReLU6), so that
    the strongest can be told apart."""
    layout: Literal["NCHW", "NHWC", "tokens"] = "NCHW"
    prefix: int = 0
    """Tokens before those of places: class token, registers."""
    part: int = 0
    """Which one, where the module gives several."""


@dataclass(frozen=True)
class Layer:
    """A layer whose channels are shown."""

    name: str
    """In the network: "body.layer3.1.conv2"."""
    said: str
    """In plain words, with its place: "layer 7 of 13: 3 × 3 convolution, then ReLU6"."""
    depth: float
    """Share of the body's work done up to here, 0 to 1."""
    channels: int
    stride: int
    """px of the view between neighbouring places."""
    receptive_field_px: int
    """Side of what can change one place, cut to nothing; 0 where it is the whole view at any size (attention)."""
    offset_px: float
    """Centre of the field of place (0, 0), px from the left and top border."""
    resolution: tuple[int, int]
    """Places, height and width."""
    projection: ProjectionName
    reason: str
    """Why this projection: which activations lie below the layer."""
    kind: Literal["convolution", "tokens"] = "convolution"
    reading: Reading = Reading()
    ends_block: bool = False
    """Whether what is read is what one of a row of blocks gives."""
    view: tuple[int, int] = (0, 0)
    """Height and width of a view, px."""
    gates: str = ""
    """What lets the whole view change every place alike besides its field, in words ("pooling" of
    squeeze-and-excitation); fields leave it out of account."""
    boxes: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    """(places high, places wide, 4) left, top, width, height of each place's field, where they are not squares that
    move on by the stride (windows of attention)."""

    def field(self, place: tuple[int, int]) -> Box:
        """The theoretical receptive field of a place (row, column); it may reach beyond the border."""
        if self.boxes is not None:
            return Box(*(int(side) for side in self.boxes[place]))
        side = self.receptive_field_px
        if side == 0:
            return Box(0, 0, self.view[1], self.view[0])
        top, left = (round(self.offset_px + self.stride * at - (side - 1) / 2) for at in place)
        return Box(left, top, side, side)


@dataclass(frozen=True)
class Patch:
    """One of the strongest activations of a channel."""

    row: int
    """Of `Subject.rows`."""
    value: float
    place: tuple[int, int]
    """Row and column in the layer's map."""
    field: Box
    """The theoretical receptive field."""
    effective: Box
    """The part of it that holds most of the gradient's mass."""


@dataclass(frozen=True)
class Top:
    """The strongest activations of all channels of one layer, each of other rows."""

    layer: Layer
    values: Floats
    """(C, P), largest first; −inf where there are fewer rows."""
    rows: NDArray[np.int64]
    """(C, P) into `Subject.rows`; −1 where there are fewer."""
    places: NDArray[np.int64]
    """(C, P, 2) row and column in the map."""
    strongest: Floats | NDArray[np.float16]
    """(R, C) float16 or float32: the maximum of each channel on each row."""


@dataclass(frozen=True)
class Meaning:
    """What a feature stands for, in the user's own labels."""

    shares: tuple[tuple[str, float, float, float], ...]
    """Class, share of the feature's top activations, low, high; largest first."""
    name: str
    """"Banana 71 %, Lemon 18 %", or "" where it deserves none."""
    auc: float | None
    """Of the channel's maximum for the class named, over all rows."""
    silenced: Score | None
    """Change of the headline metric when the channel is set to its mean, paired on the rows."""


@dataclass(frozen=True)
class Feature:
    """A channel that is shown, and why this one."""

    layer: str
    channel: int
    chosen: str
    """The rule: "most selective", "most used for Banana", "most changed", "drawn by chance (seed 1)"."""
    patches: tuple[Patch, ...]
    projections: tuple[Floats, ...] = ()
    """(height, width, 3) each, of the patch's effective or theoretical field, signed, scaled to −1 … 1."""
    beside: Mapping[str, tuple[Floats, ...]] = field(default_factory=dict[str, tuple[Floats, ...]])
    """Other ways back to pixels → the first of the patches again: "guided backpropagation", "gradient"."""
    meaning: Meaning | None = None
    filters: Floats | None = None
    """First layer alone: (height, width, channels of the view) the weights themselves."""
    frequency: float | None = None
    """First layer alone: cycles per px of the filter's strongest frequency."""


@dataclass(frozen=True)
class Change:
    """How much a layer became another one by fine-tuning."""

    layer: str
    cka: float
    """Linear CKA of the activations before and after, on the same rows: 1 is the same up to rotation and scale."""
    low: float
    high: float
    matched: NDArray[np.int64]
    """(C,) the channel after that goes with each channel before."""
    moved: Floats
    """(C,) 1 − correlation of each matched pair."""


@dataclass(frozen=True)
class Check:
    """A test of an explanation, shown beside it."""

    method: str
    test: Literal["randomised parameters", "insertion", "deletion"]
    value: float
    against: float
    """What chance gives."""
    passed: bool
    said: str


@dataclass(frozen=True)
class Why:
    """Why one picture got its answer."""

    row: int
    said: str
    """"Banana, 93 %"."""
    maps: Mapping[str, Floats]
    """"Grad-CAM", "integrated gradients", "occlusion" → (height, width), at the view's size."""
    path: tuple[tuple[str, int, float], ...]
    """Layer, channel, share of the answer (activation × gradient), from pixels to answer."""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Inside:
    """All that was found in one network."""

    label: str
    layers: tuple[Layer, ...]
    tops: Mapping[str, Top]
    features: tuple[Feature, ...]
    separable: tuple[tuple[str, Score], ...] = ()
    """Layer → score of a linear probe on it: where in the net the task is solved."""
    changes: tuple[Change, ...] = ()
    why: tuple[Why, ...] = ()
    checks: tuple[Check, ...] = ()
    rows: int = 0
    seconds: float = 0.0
    seconds_plain_pass: float = 0.0
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""
    extras: Mapping[str, Any] = field(default_factory=dict[str, Any])
