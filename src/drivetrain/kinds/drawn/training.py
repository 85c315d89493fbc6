"""Inputs that are drawn as pictures in training: a body that reads pictures, and the windows that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from drivetrain.errors import ModelError
from drivetrain.kinds.drawn.spec import DrawnSpec
from drivetrain.kinds.images.bodies.load import Body, choose_arch, load_body, rebuild_body, restore_body
from drivetrain.kinds.images.bodies.normalise import Normalise
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.spec import Arrays
from drivetrain.text import short_reason

UNTRAINED = "embedded"
"""The body that ships with drivetrain."""


class DrawnIntake(nn.Module):
    """Windows, (B, W, C, H, W') → the same, normalised float32; of one window each (B, C, H, W')."""

    def __init__(self, spec: DrawnSpec) -> None:
        super().__init__()
        self.one = spec.windows == 1
        self.normalise = Normalise(spec.mean, spec.std) if spec.dtype == "uint8" else nn.Identity()

    def forward(self, windows: Tensor) -> Tensor:
        """What the body takes."""
        if self.one:
            return self.normalise(windows[:, 0].float())
        pictures = self.normalise(windows.flatten(0, 1).float())  # which takes (B, C, H, W'), exported as batch norm
        return pictures.reshape(windows.shape)


class OverWindows(nn.Module):
    """A body that reads several windows of each row: (B, W, C, H, W') → (B, features), the mean over windows.

    The head is linear, so that its answer to the mean is the mean of its answers. A batch of single pictures,
    (B, C, H, W'), as training makes it, is read as it is.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, windows: Tensor) -> Tensor:
        """(B, features)."""
        if isinstance(windows, fx.Proxy) or windows.ndim == 4:  # a cut body is one that trains: on single pictures
            return self.body(windows)
        features = self.body(windows.flatten(0, 1))
        return features.reshape(*windows.shape[:2], features.shape[-1]).mean(dim=1)


class DrawnKind:
    """A `TrainingKind` of inputs that are drawn as pictures. A kind derives from it and says how a view is varied.

    Args:
        spec: How the input is read.
        body: That reads one picture, (B, C, H, W) → (B, features).
        decisions: What was chosen, at least `arch`.
        augment: Whether training views are varied.
    """

    head = None
    n_draws = 8
    """Uniform random numbers of one training view; a kind that needs others says so."""

    def __init__(self, spec: DrawnSpec, body: Body, decisions: Mapping[str, Decision], *, augment: bool) -> None:
        self.spec, self.decisions, self.augment = spec, decisions, augment
        self.architecture = body.architecture
        self.intake = DrawnIntake(spec)
        self.body, self.depth = over_windows(body, spec.windows)

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """What was loaded of a batch, as tensors."""
        raise NotImplementedError

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """One window of each row, varied and normalised: (B, C, H, W)."""
        raise NotImplementedError


def over_windows(body: Body, windows: int) -> tuple[nn.Module, dict[str, float]]:
    """The module that reads the windows of a row, and how deep each of its parameters lies."""
    if windows == 1:
        return body.module, body.depth
    return OverWindows(body.module), {f"body.{name}": depth for name, depth in body.depth.items()}


def picture_body(arch: str | None, spec: DrawnSpec, *, pretrained: bool, dropout: float) -> tuple[Body, Decision]:
    """A body of `drivetrain bodies` for pictures of the size that the description draws, and why this one.

    Raises:
        ModelError: The body cannot be had, or reads no pictures of this size.
    """
    choice = choose_arch(arch, pretrained=pretrained)
    name, size = str(choice.value), max(spec.height_px, spec.width_px)
    body = load_body(name, pretrained=pretrained, channels=spec.channels, size_px=size, dropout=dropout)
    if spec.height_px != spec.width_px:
        _require_oblong(name, body, spec)
    if body.package is not None:
        choice = choice.model_copy(update={"reason": f"{choice.reason}; weights of the package {body.package}"})
    return body, choice


def _require_oblong(name: str, body: Body, spec: DrawnSpec) -> None:
    """Whether a body reads pictures that are not square; most transformers do not."""
    shape = (spec.channels, spec.height_px, spec.width_px)
    try:
        with torch.inference_mode():
            body.module(torch.zeros(1, *shape))
    except Exception as error:  # bodies are other people's code
        raise ModelError(
            f"{name} cannot read pictures of {spec.height_px} × {spec.width_px} px: {short_reason(error)}. "
            "To fix: take another body, such as 'resnet18', or draw squares."
        ) from error


def as_normalised(spec: Any, body: Body) -> Any:
    """The description with the mean and deviation that the body's weights were trained with."""
    mean, std = body.config["mean"], body.config["std"]
    if len(mean) != spec.channels:
        mean, std = (sum(mean) / len(mean),) * spec.channels, (sum(std) / len(std),) * spec.channels
    return spec.model_copy(update={"mean": tuple(map(float, mean)), "std": tuple(map(float, std))})


def restored_body(architecture: Architecture, spec: DrawnSpec) -> Body:
    """The body of a saved model, with random parameters."""
    return restore_body(architecture, spec.channels, max(spec.height_px, spec.width_px))


def rebuilt_body(architecture: Architecture, spec: DrawnSpec) -> nn.Module:
    """The same as a module that reads the windows of a row, for `rebuild` of a face `training`."""
    module = rebuild_body(architecture, spec.channels)
    return module if spec.windows == 1 else OverWindows(module)
