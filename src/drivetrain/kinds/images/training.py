"""Pictures in training: the one place that joins their description, augmentation and bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.data.cache.store import Store
from drivetrain.data.data import Data
from drivetrain.data.notices import warn
from drivetrain.kinds.images.bodies.augment import (
    N_DRAWS,
    NO_AUGMENTATION,
    Augmentation,
    asked_augmentation,
    random_views,
)
from drivetrain.kinds.images.bodies.fit import choose_fit
from drivetrain.kinds.images.bodies.load import (
    Body,
    UnreadableSizeError,
    choose_arch,
    load_body,
    reads_one_size,
    rebuild_body,
    restore_body,
    trained_px,
)
from drivetrain.kinds.images.bodies.normalise import Normalise
from drivetrain.kinds.images.bodies.size import choose_size
from drivetrain.kinds.images.looks.mirroring import why_not_mirror
from drivetrain.kinds.images.spec import Fit, PictureInput
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays, padded
from drivetrain.settings import whole

TRAIN_VIEW_SHARE = 0.7
"""Training views are this much smaller than evaluation views, and cut tighter (`TIGHT_CROP`), so that objects look
about as large in both (Touvron et al. 2019, arXiv:1906.06423). An epoch costs half."""

TIGHT_CROP = (0.2, 0.7)
"""Shares of the picture that such views keep; full-size views keep `Augmentation`'s."""

SMALLEST_REDUCED_PX = 192
"""Below this size there is no detail to spare, and training views are as large as evaluation views."""

WHOLE_CROP = 0.8
"""Smallest share that training views keep of pictures that are read whole: what stands at an edge stays in sight."""

AS_DEFAULT, NOT_MIRRORED = "the default", "not mirrored"
"""Reasons for how training pictures are varied."""

STATISTICS_ROWS = 512
"""Training pictures that mean and deviation are measured on, where no pretrained weights prescribe them."""


UNTRAINED = "embedded"
"""The body that ships with drivetrain."""

__all__ = ["UNTRAINED", "PictureKind", "asked_augmentation", "prepare", "rebuild", "restore"]


class PictureIntake(nn.Module):
    """Views as they were decoded, (N, S, S, C) uint8, → (N, C, S, S) float32, normalised."""

    def __init__(self, spec: PictureInput) -> None:
        super().__init__()
        self.normalise = Normalise(spec.mean, spec.std)

    def forward(self, pixels: Tensor) -> Tensor:
        """Stored channel by channel, as convolutions like it: so it lies there already."""
        return self.normalise(pixels.permute(0, 3, 1, 2).float())


class PictureKind:
    """Pictures, as described by `spec`, with a body that reads them."""

    n_draws = N_DRAWS
    head = None

    def __init__(
        self, spec: PictureInput, body: Body, augmentation: Augmentation, decisions: Mapping[str, Decision]
    ) -> None:
        self.spec = spec
        self.decisions = decisions
        self.intake = PictureIntake(spec)
        self.body = body.module
        self.architecture = body.architecture
        self.depth = body.depth
        self.augmentation = augmentation
        self.train_view_px = _view_px(spec, body)

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, Tensor]:
        """(B, H, W, C) uint8, padded at the bottom right, and (B, 2) heights and widths."""
        sizes = np.array([picture.shape[:2] for (picture,) in loaded])
        return torch.from_numpy(padded(loaded)[0]), torch.from_numpy(sizes)

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor]:
        """(B, C, S, S) float32, normalised."""
        working, sizes = batch
        return (self.intake.normalise(self.training_views(working, sizes, draws)),)

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """Training views as pixels, (S, S, C) uint8 each."""
        working, sizes = batch
        views = self.training_views(working, sizes, draws).permute(0, 2, 3, 1).round().to(torch.uint8).numpy()
        return [(view,) for view in views]

    def training_views(self, working: Tensor, sizes: Tensor, draws: Tensor) -> Tensor:
        """(B, C, S, S) float32, values 0 to 255."""
        views = random_views(working, sizes.cpu(), draws, self.augmentation, self.train_view_px)
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
    files, channels = list(data.train.inputs), int(data.options.get("channels", 3))
    how = choose_fit(fit, files)
    arch, fit = str(choice.value), cast("Fit", how.value)
    own_px = trained_px(arch)
    size = choose_size(size_px, files, fit, trained_px=own_px, fixed=reads_one_size(arch))
    load = partial(load_body, arch, pretrained=pretrained, channels=channels, dropout=dropout)
    try:
        body = load(size_px=int(size.value or own_px))
    except UnreadableSizeError:
        if size_px is not None or size.value == own_px:
            raise
        size = Decision(value=own_px, reason=f"what this body was made for; it cannot read {size.value} px")
        body = load(size_px=own_px)
    if body.package is not None:
        choice = choice.model_copy(update={"reason": f"{choice.reason}; weights of the package {body.package}"})
    spec = _spec(body, channels, fit)
    spec = spec.model_copy(update={"value_range": data.options.get("value_range")})
    if not pretrained:
        mean, std = _statistics(data, spec)
        spec = spec.model_copy(update={"mean": mean, "std": std})
    augmentation, varied = _choose_augmentation(data, spec, body, augment)
    return PictureKind(spec, body, augmentation, {"arch": choice, "size": size, "fit": how, "augmentation": varied})


def restore(saved: Manifest, *, data: Data, augment: Augmentation | bool) -> PictureKind:
    """The kind of a saved model, its body with random parameters."""
    body = restore_body(saved.architecture, saved.input.channels, saved.input.size_px)
    augmentation, varied = _choose_augmentation(data, saved.input, body, augment, saved.decisions.get("augmentation"))
    choice = saved.decisions.get("arch", Decision(value=saved.architecture.name, reason="as saved"))
    how = Decision(value=saved.input.fit, reason="as saved")
    size = Decision(value=saved.input.size_px, reason="as saved")
    decisions = {"arch": choice, "size": size, "fit": how, "augmentation": varied}
    return PictureKind(saved.input, body, augmentation, decisions)


def rebuild(spec: PictureInput, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    """Intake and body of a saved model, the body with random parameters; its head is the usual one."""
    return PictureIntake(spec), rebuild_body(architecture, spec.channels), None


def _view_px(spec: PictureInput, body: Body) -> int:
    """Side of a training view."""
    if body.fixed_size or spec.size_px < SMALLEST_REDUCED_PX or spec.fit != "crop":
        return spec.size_px
    return round(spec.size_px * TRAIN_VIEW_SHARE / 16) * 16


def _choose_augmentation(
    data: Data, spec: PictureInput, body: Body, asked: Augmentation | bool, before: Decision | None = None
) -> tuple[Augmentation, Decision]:
    """How training pictures are varied, and why; pictures whose mirror image shows something else are not mirrored.

    Of a saved model, what was found of the same pictures before need not be looked for again.
    """
    if asked is False:
        return NO_AUGMENTATION, Decision(value="none", reason="as asked")
    if asked is True and before is not None:
        found = _default_augmentation(spec, body).model_copy(update={"flip": before.reason == AS_DEFAULT})
        if before.value == str(found) and before.reason.startswith((AS_DEFAULT, NOT_MIRRORED)):
            return found, before
    against = why_not_mirror(data.train, data.target)
    if asked is True:
        augmentation = _default_augmentation(spec, body).model_copy(update={"flip": against is None})
        reason = f"{NOT_MIRRORED}: {against}; else pass augment=Augmentation()" if against else AS_DEFAULT
        return augmentation, Decision(value=str(augmentation), reason=reason)
    if asked.flip and against:
        warn(
            f"training pictures are mirrored left to right, as asked, but {against}. "
            "To fix: pass augment=Augmentation(flip=False)."
        )
    return asked, Decision(value=str(asked), reason="as asked")


def _default_augmentation(spec: PictureInput, body: Body) -> Augmentation:
    if spec.fit != "crop":
        return Augmentation(crop=WHOLE_CROP)
    if _view_px(spec, body) == spec.size_px:
        return Augmentation()
    smallest, largest = TIGHT_CROP
    return Augmentation(crop=smallest, crop_most=largest)


def _spec(body: Body, channels: int, fit: Fit) -> PictureInput:
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


def _statistics(data: Data, spec: PictureInput) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel (scale 0 to 1) over evenly chosen training pictures."""
    rows = np.unique(np.linspace(0, len(data.train) - 1, STATISTICS_ROWS).astype(int)).tolist()
    store = Store(data.train.inputs, spec, digests=data.train.digests, memory_bytes=0)
    count, total, squares = 0, np.zeros(spec.channels), np.zeros(spec.channels)
    for start in range(0, len(rows), 32):
        for loaded in store.get(rows[start : start + 32]):
            if loaded is not None:
                values = loaded[0].reshape(-1, spec.channels) / 255
                count += len(values)
                total += values.sum(axis=0)
                squares += (values**2).sum(axis=0)
    mean = total / max(count, 1)
    std = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.maximum(std, 0.01).tolist())
