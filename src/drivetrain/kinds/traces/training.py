"""Traces in training: a body that reads pictures, and random windows, a little turned, mirrored not and scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.kinds.drawn.training import (
    UNTRAINED,
    DrawnIntake,
    DrawnKind,
    OverWindows,
    as_normalised,
    picture_body,
    rebuilt_body,
    restored_body,
)
from drivetrain.kinds.images.bodies.load import Body
from drivetrain.kinds.traces.areas import NAME, Areas, areas_body
from drivetrain.kinds.traces.source import described
from drivetrain.kinds.traces.spec import Spec
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from drivetrain.settings import whole

__all__ = ["UNTRAINED", "TraceKind", "prepare", "rebuild", "restore"]

TURN = np.pi / 12
"""Training views are turned by at most this angle (radians), to both sides."""
SCALE = 0.1
"""And made larger or smaller by at most this share, so that the size of a movement matters little."""
SIDE_PX = 64


class TraceKind(DrawnKind):
    """Traces, as described by `spec`, with a body that reads their pictures."""

    n_draws = 3
    spec: Spec

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """Points and windows, padded with zeros, how many windows there are, and how far they reach."""
        n = max(len(points) for points, _, _ in loaded)
        k = max(len(windows) for _, windows, _ in loaded)
        points = torch.zeros(len(loaded), n, 5, dtype=torch.float64)
        windows = torch.zeros(len(loaded), k, 2, dtype=torch.int64)
        counts = torch.tensor([[len(one[0]), len(one[1])] for one in loaded])
        for row, (own, cut, _) in enumerate(loaded):
            points[row, : len(own)] = torch.from_numpy(own.copy())
            windows[row, : len(cut)] = torch.from_numpy(cut.copy())
        return points, windows, counts, torch.tensor([float(extent[0]) for _, _, extent in loaded], dtype=torch.float64)

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """(B, C, H, W) float32, normalised: one window of each row."""
        device = batch[0].device
        pictures = torch.from_numpy(np.stack(self._pictures(batch, draws))).to(device)
        return (self.intake.normalise(pictures.float()),)

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """What the pictures of one batch show, for the face `show`."""
        return [(picture[None],) for picture in self._pictures(batch, draws)]

    def _pictures(self, batch: tuple[Tensor, ...], draws: Tensor) -> list[np.ndarray[Any, Any]]:
        points, windows, counts, extents = (tensor.cpu().numpy() for tensor in batch)
        made: list[np.ndarray[Any, Any]] = []
        for row, (which, turn, scale) in enumerate(draws.cpu().numpy()[:, :3]):
            n, k = counts[row]
            loaded = (points[row, :n], windows[row, :k], extents[row : row + 1])
            turned = (2 * float(turn) - 1) * TURN if self.augment else 0.0
            scaled = 1 + (2 * float(scale) - 1) * SCALE if self.augment else 1.0
            made.append(self.spec.drawn(loaded, min(int(which * k), k - 1), turned=turned, scaled=scaled))
        return made


def prepare(
    data: Data, *, arch: str | None, pretrained: bool, augment: bool, dropout: float, size_px: int | None = None
) -> TraceKind:
    """A body that reads pictures, and the description of traces that suits its weights.

    Raises:
        SettingError: The size is out of range.
        ModelError: The body cannot be had.
    """
    side = SIDE_PX if size_px is None else whole("size", size_px, least=16, most=512)
    spec = described(data.options, side_px=side)
    if arch == NAME:
        body, choice = areas_body(spec.shows, side, dropout), Decision(value=NAME, reason="as asked")
    else:
        body, choice = picture_body(arch, spec, pretrained=pretrained, dropout=dropout)
    spec = as_normalised(spec, body)
    size = Decision(value=side, reason="the default for traces" if size_px is None else "as asked")
    return _made(spec, body, {"arch": choice, "size": size}, augment)


def restore(saved: Manifest, *, data: Data, augment: bool) -> TraceKind:
    """The kind of a saved model, its body with random parameters."""
    choice = saved.decisions.get("arch", Decision(value=saved.architecture.name, reason="as saved"))
    size = Decision(value=saved.input.side_px, reason="as saved")
    spec: Spec = saved.input
    if saved.architecture.name == NAME:
        body = areas_body(spec.shows, spec.side_px, saved.architecture.dropout)
    else:
        body = restored_body(saved.architecture, spec)
    return _made(spec, body, {"arch": choice, "size": size}, augment)


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    """Intake and body of a saved model, the body with random parameters; its head is the usual one."""
    if architecture.name == NAME:
        areas = Areas(spec.shows)
        return DrawnIntake(spec), areas if spec.windows == 1 else OverWindows(areas), None
    return DrawnIntake(spec), rebuilt_body(architecture, spec), None


def _made(spec: Spec, body: Body, decisions: Mapping[str, Decision], augment: bool) -> TraceKind:
    how = f"windows turned by up to 15°, scaled by up to {SCALE:.0%}" if augment else "none"
    told = {**decisions, "augmentation": Decision(value=how, reason="the default" if augment else "as asked")}
    return TraceKind(spec, body, told, augment=augment)
