"""Files in training: their pictures for a body that reads pictures, and what may differ between files of a family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.kinds.binaries.drawing import Bytes
from drivetrain.kinds.binaries.spec import PAIRS, Spec
from drivetrain.kinds.drawn.training import (
    UNTRAINED,
    DrawnIntake,
    DrawnKind,
    as_normalised,
    picture_body,
    rebuilt_body,
    restored_body,
)
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from drivetrain.settings import whole

__all__ = ["UNTRAINED", "BinaryKind", "prepare", "rebuild", "restore"]

SIZE_PX, PIECE_PX = 128, 64
"""Side of the picture of a whole file, and of a piece: 4,096 bytes."""
KEPT = 0.7
"""Smallest share of a file that a training view is cut from."""
APPENDED = 0.3
"""Largest share that is appended to half of the training views: padding shall not decide."""
AUGMENTED = f"a stretch of {KEPT:.0%} to all of a file; to half of them zeros or random bytes are appended"


class BinaryKind(DrawnKind):
    """Files, as described by `spec`, with a body that reads their pictures."""

    spec: Spec
    n_draws = 7

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """(B, longest) uint8, and (B,) how many bytes each row has."""
        lengths = [len(content) for (content,) in loaded]
        rows = np.zeros((len(loaded), max(lengths)), np.uint8)
        for row, (content,), n in zip(rows, loaded, lengths, strict=True):
            row[:n] = content
        return torch.from_numpy(rows), torch.tensor(lengths)

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """(B, 3, H, W) float32, normalised."""
        pictures = torch.from_numpy(self._pictures(batch, draws)).to(batch[0].device)
        return (self.intake.normalise(pictures.float()),)

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """Training views, as the face `show` draws them: (3, H, W) uint8."""
        return [(picture,) for picture in self._pictures(batch, draws)]

    def _pictures(self, batch: tuple[Tensor, ...], draws: Tensor) -> Bytes:
        rows, lengths = batch[0].cpu().numpy(), batch[1].tolist()
        numbers = draws.numpy().astype(np.float64)
        made = [self._picture(row[:n], draw) for row, n, draw in zip(rows, lengths, numbers, strict=True)]
        return np.stack(made)

    def _picture(self, content: Bytes, draw: Any) -> Bytes:
        if self.augment:
            content = varied(content, draw)
        starts = self.spec.starts((content,))
        start = int(starts[int(draw[5] * len(starts))])
        if start != PAIRS and self.augment:  # anywhere, not only where pieces begin that are judged
            start = int(draw[6] * (max(len(content) - self.spec.window(), 0) + 1))
        return self.spec.draw((content,), start)


def varied(content: Bytes, draw: Any) -> Bytes:
    """A stretch of a file, with something appended to it in half of the cases.

    Args:
        content: (n,) bytes.
        draw: Five numbers from 0 to 1: length and place of the stretch, whether and how much is appended, and what.
    """
    n = len(content)
    kept = max(1, round(n * (KEPT + (1 - KEPT) * draw[0])))
    start = int((n - kept + 1) * draw[1]) if n > kept else 0
    content = content[start : start + kept]
    if draw[2] < 0.5:
        return content
    more = int(APPENDED * draw[3] * len(content))
    if draw[4] < 0.5:
        return np.concatenate([content, np.zeros(more, np.uint8)])
    noise = np.random.default_rng(int(draw[4] * 2**31)).integers(0, 256, more, dtype=np.uint8)
    return np.concatenate([content, noise])


def prepare(
    data: Data,
    *,
    arch: str | None,
    pretrained: bool,
    augment: bool,
    dropout: float,
    size_px: int | None = None,
) -> BinaryKind:
    """Load the body, and describe the pictures as its weights expect them.

    Raises:
        SettingError: The size is out of range.
        ModelError: The body cannot be had, or reads no pictures of this size.
    """
    pieces, pairs = int(data.options.get("pieces", 1)), bool(data.options.get("pairs", True))
    usual = SIZE_PX if pieces == 1 else PIECE_PX
    side = usual if size_px is None else whole("size", size_px, least=32, most=1024)
    why = "as asked" if size_px is not None else "the default for a whole file" if pieces == 1 else "one byte a pixel"
    layout = data.options.get("layout", "width")
    spec = Spec(height_px=side, width_px=side, windows=pieces + pairs, pieces=pieces, pairs=pairs, layout=layout)
    body, choice = picture_body(arch, spec, pretrained=pretrained, dropout=dropout)
    decisions = {"arch": choice, "size": Decision(value=side, reason=why), "augmentation": _told(augment)}
    return BinaryKind(as_normalised(spec, body), body, decisions, augment=augment)


def restore(saved: Manifest, *, data: Data, augment: bool) -> BinaryKind:
    """The kind of a saved model, its body with random parameters."""
    body = restored_body(saved.architecture, saved.input)
    known = saved.decisions
    decisions = {
        "arch": known.get("arch", Decision(value=saved.architecture.name, reason="as saved")),
        "size": Decision(value=saved.input.height_px, reason="as saved"),
        "augmentation": _told(augment),
    }
    return BinaryKind(saved.input, body, decisions, augment=augment)


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    """Intake and body of a saved model, the body with random parameters; its head is the usual one."""
    return DrawnIntake(spec), rebuilt_body(architecture, spec), None


def _told(augment: bool) -> Decision:
    return Decision(value=AUGMENTED, reason="the default") if augment else Decision(value="none", reason="as asked")
