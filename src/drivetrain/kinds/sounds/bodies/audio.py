"""Bodies that were trained on sounds: EfficientAT's MobileNetV3 of any width, from a folder or with random weights.

Source: Schmid, Koutini & Widmer, Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge Distillation
(ICASSP 2023), arXiv:2211.04772; weights of github.com/fschmid56/EfficientAT. The layout is torchvision's MobileNetV3
large with one channel in, and squeeze-excitation that scales by a plain sigmoid.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.ops import SqueezeExcitation

from drivetrain.errors import ModelError
from drivetrain.kinds.images.bodies.load import Body
from drivetrain.kinds.images.bodies.local_bodies import CONFIG_FILE, LOCAL, WEIGHTS_FILE, folder_of
from drivetrain.runtime.manifest import Architecture
from drivetrain.text import short_reason

NAME = re.compile(r"efficientat_mn(\d\d)(_as)?")
"""As the weights are called: two digits for ten times the width; `_as`, trained on AudioSet."""
FULL_WIDTH = 960
"""Features of width 1."""
WIDTHS = {"04": 0.4, "05": 0.5, "10": 1.0, "20": 2.0, "30": 3.0, "40": 4.0}
"""Those that were published."""
FIRST, LAST = "features.0.0.weight", "features.16.0.weight"
"""The first and the last convolution."""
LAYERS = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
)
"""Channels in, kernel, channels within, channels out, squeeze-excitation, activation, stride: MobileNetV3 large."""


class AudioBody(nn.Module):
    """Log-mel spectrograms, (B, 1, bands, frames) → (B, 960 · width) features, the mean over bands and frames.

    Args:
        width: Of the layers, as a share of MobileNetV3 large's.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        layers = [InvertedResidualConfig(*layer, 1, width) for layer in LAYERS]
        last = InvertedResidualConfig.adjust_channels(1280, width)
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        made = MobileNetV3(layers, last, num_classes=1, norm_layer=norm)
        self.features = made.features
        stem = cast("nn.Conv2d", self.features[0][0])  # pyright: ignore[reportIndexIssue]
        self.features[0][0] = nn.Conv2d(1, stem.out_channels, 3, 2, 1, bias=False)  # pyright: ignore[reportIndexIssue]
        for layer in self.features.modules():
            if isinstance(layer, SqueezeExcitation):
                layer.scale_activation = nn.Sigmoid()

    def forward(self, spectrograms: Tensor) -> Tensor:
        """(B, features)."""
        return self.features(spectrograms).mean(dim=(2, 3))


def is_audio_body(arch: str) -> bool:
    """Whether a name or a folder is of a body that reads sounds; all others read pictures of them.

    Example:
        >>> is_audio_body("efficientat_mn04_as"), is_audio_body("resnet34")
        (True, False)
    """
    folder = folder_of(arch)
    if folder is None:
        return NAME.fullmatch(arch) is not None
    return not (folder / CONFIG_FILE).exists() and _channels_out(folder) is not None


def load_audio_body(arch: str, *, pretrained: bool, dropout: float) -> Body:
    """The body of a folder, or by its name with random weights.

    Args:
        arch: ``local-dir:FOLDER``, where the folder holds EfficientAT's weights as `model.safetensors`; or
            ``efficientat_mnNN``, NN being ten times the width.
        pretrained: Load the weights.
        dropout: Of the head that will follow; recorded in the description.

    Raises:
        ModelError: There are no such weights, or they are of another layout.
    """
    folder = folder_of(arch)
    name = _name_of(folder) if folder is not None else arch
    module = audio_body(name)
    if pretrained:
        if folder is None:
            raise ModelError(
                f"the weights of arch={arch!r} are not on this machine; expected the folder that holds them. To fix: "
                f"arch='{LOCAL}FOLDER' with EfficientAT's weights as {WEIGHTS_FILE}, or pretrained=False "
                "(--from-scratch)."
            )
        _fill(module, folder / WEIGHTS_FILE)
    architecture = Architecture(
        name=name, pretrained_from=arch if pretrained else None, features=_features(module), dropout=dropout
    )
    return Body(module, architecture, {}, audio_depths(module), fixed_size=False)


def audio_body(name: str) -> AudioBody:
    """By its name, with random weights.

    Raises:
        ModelError: There is no such body.

    Example:
        >>> audio_body("efficientat_mn04").features[0][0].weight.shape
        torch.Size([8, 1, 3, 3])
    """
    matched = NAME.fullmatch(name)
    width = None if matched is None else WIDTHS.get(matched[1])
    if width is None:
        raise ModelError(
            f"arch={name!r} is no body for sounds that is known; expected efficientat_mnNN with NN among "
            f"{', '.join(WIDTHS)}. To fix: name one of these."
        )
    return AudioBody(width)


def audio_depths(module: nn.Module) -> dict[str, float]:
    """How deep each parameter lies, by its block."""
    last = 16
    return {name: min(int(name.split(".")[1]) / last, 1.0) for name, _ in module.named_parameters()}


def _features(module: AudioBody) -> int:
    return int(cast("Any", module.features[16])[0].out_channels)


def _channels_out(folder: Path) -> int | None:
    """Features of EfficientAT's weights in a folder; None where they are none."""
    try:
        with safe_open(folder / WEIGHTS_FILE, framework="pt") as weights:
            if FIRST not in weights.keys() or LAST not in weights.keys():  # noqa: SIM118 - it is no mapping
                return None
            first, last = (weights.get_slice(name).get_shape() for name in (FIRST, LAST))
    except (OSError, SafetensorError):
        return None
    return int(last[0]) if first[1] == 1 else None


def _name_of(folder: Path) -> str:
    """What the weights in a folder are called by their width.

    Raises:
        ModelError: They are not EfficientAT's, or of a width that was never published.
    """
    found = _channels_out(folder)
    for digits, width in WIDTHS.items():
        if found == InvertedResidualConfig.adjust_channels(FULL_WIDTH, width):
            return f"efficientat_mn{digits}"
    raise ModelError(
        f"{folder} holds no body for sounds; expected EfficientAT's weights as {WEIGHTS_FILE}, of width "
        f"{', '.join(f'{width:g}' for width in WIDTHS.values())}. To fix: name the folder that holds them."
    )


def _fill(module: nn.Module, path: Path) -> None:
    """Load the weights of the features; the classes that they were trained on are left out."""
    try:
        found = {name: value for name, value in load_file(path).items() if name.startswith("features.")}
        module.load_state_dict({name: value.float() for name, value in found.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"{path} cannot be used: {short_reason(error)}. Expected EfficientAT's weights. "
            "To fix: copy the file again."
        ) from error
