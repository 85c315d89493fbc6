"""Pictures as a kind of input: the one place that joins their description, augmentation and bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.data.mirroring import why_not_mirror
from drivetrain.data.notices import warn
from drivetrain.data.store import Store
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.inputs import Fit, PictureInput
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.settings import whole
from drivetrain.vision.augment import N_DRAWS, NO_AUGMENTATION, Augmentation, asked_augmentation, random_views
from drivetrain.vision.bodies import Body, choose_arch, load_body, rebuild_body, restore_body
from drivetrain.vision.fit import choose_fit
from drivetrain.vision.normalise import Normalise

TRAIN_VIEW_SHARE = 0.7
"""Training views are this much smaller than evaluation views, and cut tighter (`TIGHT_CROP`), so that objects look
about as large in both (Touvron et al. 2019, arXiv:1906.06423). An epoch costs half."""

TIGHT_CROP = (0.2, 0.7)
"""Shares of the picture that such views keep; full-size views keep `Augmentation`'s."""

SMALLEST_REDUCED_PX = 192
"""Below this size there is no detail to spare, and training views are as large as evaluation views."""

WHOLE_CROP = 0.8
"""Smallest share that training views keep of pictures that are read whole: what stands at an edge stays in sight."""

STATISTICS_ROWS = 512
"""Training pictures that mean and deviation are measured on, where no pretrained weights prescribe them."""


__all__ = ["PictureKind", "asked_augmentation", "prepare", "rebuild", "restore"]


class PictureKind:
    """Pictures, as described by `reader`, with a body that reads them."""

    n_draws = N_DRAWS

    def __init__(
        self, reader: PictureInput, body: Body, augmentation: Augmentation, decisions: Mapping[str, Decision]
    ) -> None:
        self.reader = reader
        self.decisions = decisions
        self.body = body.module
        self.architecture = body.architecture
        self.depth = body.depth
        self.augmentation = augmentation
        self.train_view_px = _view_px(reader, body)

    def normalise(self) -> nn.Module:
        """First layer of the network."""
        return Normalise(self.reader.mean, self.reader.std)

    def collate(self, working: Sequence[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
        """(B, H, W, C) uint8, padded at the bottom right, and (B, 2) heights and widths."""
        sizes = np.array([picture.shape[:2] for picture in working])
        height, width = sizes.max(axis=0)
        padded = np.zeros((len(working), height, width, self.reader.channels), np.uint8)
        for place, picture in zip(padded, working, strict=True):
            place[: picture.shape[0], : picture.shape[1]] = picture
        return torch.from_numpy(padded), torch.from_numpy(sizes)

    def training_views(self, working: Tensor, sizes: Tensor, draws: Tensor) -> Tensor:
        """(B, C, S, S) float32, values 0 to 255."""
        views = random_views(working, sizes, draws, self.augmentation, self.train_view_px)
        return views.contiguous(memory_format=torch.channels_last)


def prepare(
    data: Data,
    *,
    arch: str | None,
    pretrained: bool,
    size_px: int | None,
    augment: Augmentation | bool,
    dropout: float,
    fit: Fit | None = None,
) -> PictureKind:
    """Load the body, and describe the pictures as its weights expect them.

    Raises:
        SettingError: The size is out of range.
        ModelError: The body cannot be had.
    """
    size_px = None if size_px is None else whole("size", size_px, least=8, most=2048)
    choice = choose_arch(arch, pretrained=pretrained)
    how = choose_fit(fit, list(data.train.inputs))
    body = load_body(
        str(choice.value), pretrained=pretrained, channels=data.options["channels"], size_px=size_px, dropout=dropout
    )
    reader = _reader(body, data.options["channels"], cast("Fit", how.value))
    reader = reader.model_copy(update={"value_range": data.options.get("value_range")})
    if not pretrained:
        mean, std = _statistics(data, reader)
        reader = reader.model_copy(update={"mean": mean, "std": std})
    augmentation, varied = _choose_augmentation(data, reader, body, augment)
    return PictureKind(reader, body, augmentation, {"arch": choice, "fit": how, "augmentation": varied})


def restore(saved: Manifest, *, data: Data, augment: Augmentation | bool) -> PictureKind:
    """The kind of a saved model, its body with random parameters."""
    body = restore_body(saved.architecture, saved.input.channels, saved.input.size_px)
    augmentation, varied = _choose_augmentation(data, saved.input, body, augment)
    choice = saved.decisions.get("arch", Decision(value=saved.architecture.name, reason="as saved"))
    how = Decision(value=saved.input.fit, reason="as saved")
    return PictureKind(saved.input, body, augmentation, {"arch": choice, "fit": how, "augmentation": varied})


def rebuild(reader: PictureInput, architecture: Architecture) -> tuple[nn.Module, nn.Module]:
    """Normalisation layer and body of a saved model, the body with random parameters."""
    return Normalise(reader.mean, reader.std), rebuild_body(architecture, reader.channels)


def _view_px(reader: PictureInput, body: Body) -> int:
    """Side of a training view."""
    if body.fixed_size or reader.size_px < SMALLEST_REDUCED_PX or reader.fit != "crop":
        return reader.size_px
    return round(reader.size_px * TRAIN_VIEW_SHARE / 16) * 16


def _choose_augmentation(
    data: Data, reader: PictureInput, body: Body, asked: Augmentation | bool
) -> tuple[Augmentation, Decision]:
    """How training pictures are varied, and why; pictures whose mirror image shows something else are not mirrored."""
    if asked is False:
        return NO_AUGMENTATION, Decision(value="none", reason="as asked")
    against = why_not_mirror(data.train, data.target)
    if asked is True:
        augmentation = _default_augmentation(reader, body).model_copy(update={"flip": against is None})
        reason = f"not mirrored: {against}; else pass augment=Augmentation()" if against else "the default"
        return augmentation, Decision(value=str(augmentation), reason=reason)
    if asked.flip and against:
        warn(
            f"training pictures are mirrored left to right, as asked, but {against}. "
            "To fix: pass augment=Augmentation(flip=False)."
        )
    return asked, Decision(value=str(asked), reason="as asked")


def _default_augmentation(reader: PictureInput, body: Body) -> Augmentation:
    if reader.fit != "crop":
        return Augmentation(crop=WHOLE_CROP)
    if _view_px(reader, body) == reader.size_px:
        return Augmentation()
    smallest, largest = TIGHT_CROP
    return Augmentation(crop=smallest, crop_most=largest)


def _reader(body: Body, channels: int, fit: Fit) -> PictureInput:
    config = body.config
    interpolation: Any = config["interpolation"] if config["interpolation"] != "random" else "bilinear"
    return PictureInput(
        channels=channels,
        size_px=config["input_size"][1],
        crop_pct=min(1.0, config["crop_pct"]) if fit == "crop" else 1.0,
        fit=fit,
        interpolation=interpolation,
        mean=_per_channel(config["mean"], channels),
        std=_per_channel(config["std"], channels),
    )


def _per_channel(statistics: Sequence[float], channels: int) -> tuple[float, ...]:
    """The weights' own statistics; their average for each channel where the pictures have another number of them."""
    if len(statistics) == channels:
        return tuple(float(value) for value in statistics)
    return (float(np.mean(statistics)),) * channels


def _statistics(data: Data, reader: PictureInput) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel (scale 0 to 1) over evenly chosen training pictures."""
    rows = np.unique(np.linspace(0, len(data.train) - 1, STATISTICS_ROWS).astype(int)).tolist()
    store = Store(data.train.inputs, reader, digests=data.train.digests, memory_bytes=0)
    count, total, squares = 0, np.zeros(reader.channels), np.zeros(reader.channels)
    for start in range(0, len(rows), 32):
        for picture in store.get(rows[start : start + 32]):
            if picture is not None:
                values = picture.reshape(-1, reader.channels) / 255
                count += len(values)
                total += values.sum(axis=0)
                squares += (values**2).sum(axis=0)
    mean = total / max(count, 1)
    std = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.maximum(std, 0.01).tolist())
