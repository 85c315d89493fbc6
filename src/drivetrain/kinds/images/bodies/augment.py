"""Random views of training pictures, made on the batch, with one interpolation. Never used on validation or test.

Legend: B pictures, C channels, working pictures of at most H×W px, views of S×S px.

Crop, flip and small affine changes are composed into one sampling grid, so that a picture is interpolated once
however many changes are asked for. Outside the picture, it is mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from drivetrain.calls import CheckedModel
from drivetrain.settings import refuse


class Augmentation(CheckedModel):
    """How much training pictures are varied. The defaults suit photographs of things.

    Turn `flip` off where left and right differ (text, digits, maps), and `rotate_deg` or `light` down where
    angle or brightness carry the answer.

    Example:
        >>> Augmentation(flip=False).flip
        False
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    crop: float = Field(default=0.35, gt=0, le=1)
    """Smallest share of the short side's square that a view keeps; 1 keeps it all."""
    crop_most: float = Field(default=1.0, gt=0, le=1)
    """Largest share."""
    aspect: float = Field(default=4 / 3, ge=1)
    """A crop is stretched by up to this factor, either way."""
    flip: bool = True
    """Mirror left and right, half the time."""
    rotate_deg: float = Field(default=10.0, ge=0, le=180)
    shear: float = Field(default=0.1, ge=0, le=1)
    """Largest sideways shift per unit of height."""
    light: float = Field(default=0.2, ge=0, lt=1)
    """Largest change of brightness (share of the full range) and of contrast."""
    p_affine: float = Field(default=0.75, ge=0, le=1)
    """How often rotation and shear are applied, each."""
    p_light: float = Field(default=0.75, ge=0, le=1)
    """How often brightness and contrast are changed, each."""

    def __str__(self) -> str:
        crops = f"{self.crop:.0%} to {self.crop_most:.0%}" if self.crop < self.crop_most else f"{self.crop:.0%}"
        rotated = f"turned by up to {self.rotate_deg:g}°" if self.rotate_deg and self.p_affine else ""
        relit = f"light changed by up to {self.light:.0%}" if self.light and self.p_light else ""
        parts = [f"crops of {crops}", "mirrored" if self.flip else "not mirrored", rotated, relit]
        return ", ".join(part for part in parts if part)


NO_AUGMENTATION = Augmentation(crop=1.0, aspect=1.0, flip=False, rotate_deg=0, shear=0, light=0)


def asked_augmentation(augment: Any) -> Augmentation | bool:
    """What `augment=` means: True as the kind of input defaults to, False not at all, or settings.

    Raises:
        SettingError: It means nothing, or a setting is unknown or out of range.

    Example:
        >>> asked_augmentation({"flip": False}).flip, asked_augmentation(None), asked_augmentation("none")
        (False, False, False)
        >>> asked_augmentation({"fip": False})
        Traceback (most recent call last):
        drivetrain.errors.SettingError: Augmentation has no fip; ... Did you mean 'flip'? ...
    """
    if isinstance(augment, Augmentation):
        return augment
    if isinstance(augment, Mapping):
        return Augmentation(**{str(name): value for name, value in augment.items()})
    if isinstance(augment, bool) or type(augment).__name__ in ("bool_", "bool"):
        return bool(augment)
    if augment is None or (isinstance(augment, str) and augment.casefold() == "none"):
        return False
    expected = "True, False, 'none', dt.Augmentation(...) or a dict of its settings"
    return refuse("augment", augment, expected, fix="To fix: augment=True, or dt.Augmentation(flip=False).")


N_DRAWS = 13
"""Random numbers that one view takes."""


def random_views(
    working_BHWC: Tensor, sizes_B2: Tensor, draws: Tensor, augmentation: Augmentation, view_px: int
) -> Tensor:
    """Cut one random view from each working picture.

    Args:
        working_BHWC: uint8, working pictures, padded at the bottom right to a common size.
        sizes_B2: int64 on the CPU, the height and width of each within its padding.
        draws: (B, N_DRAWS) float32 on the CPU, uniform in [0, 1): all the randomness there is. The same draws
            give the same views, in whatever batch or process a picture happens to be.
        augmentation: How much to vary.
        view_px: S, the side of a view.

    Returns:
        (B, C, S, S) float32 on the device of `working_BHWC`, values 0 to 255.
    """
    device = working_BHWC.device
    pixel = _grid(sizes_B2.float(), draws, augmentation, view_px).to(device)
    height, width = working_BHWC.shape[1:3]
    bounds = sizes_B2.flip(1).to(device=device, dtype=torch.float32)[:, None, None, :]  # (B, 1, 1, [width, height])
    unit = (2 * _mirror(pixel, bounds) + 1) / torch.tensor([width, height], device=device) - 1
    pictures = working_BHWC.permute(0, 3, 1, 2).float()
    # Mirrored coordinates never leave the picture, so the padding mode is the one that every device has.
    views = functional.grid_sample(pictures, unit, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _relight(views, draws, augmentation)


def _grid(sizes_B2: Tensor, draws: Tensor, augmentation: Augmentation, view_px: int) -> Tensor:
    """(B, S, S, 2) x and y, in pixels of the working picture, that each point of a view is read from."""
    height, width = sizes_B2.unbind(1)
    side = torch.minimum(height, width)
    area = augmentation.crop + (augmentation.crop_most - augmentation.crop) * draws[:, 0]
    stretch = (_signed(draws[:, 1]) * math.log(augmentation.aspect)).exp()
    crop_w = torch.minimum(side * (area * stretch).sqrt(), width)
    crop_h = torch.minimum(side * (area / stretch).sqrt(), height)
    centre_x = crop_w / 2 + draws[:, 2] * (width - crop_w) - 0.5
    centre_y = crop_h / 2 + draws[:, 3] * (height - crop_h) - 0.5
    angle = _sometimes(draws[:, 4], draws[:, 5], augmentation.p_affine) * math.radians(augmentation.rotate_deg)
    shear = _sometimes(draws[:, 6], draws[:, 7], augmentation.p_affine) * augmentation.shear
    mirrored = augmentation.flip & (draws[:, 8] < 0.5)

    line = (torch.arange(view_px) + 0.5) / view_px - 0.5
    y, x = torch.meshgrid(line, line, indexing="ij")
    down = y * _each(crop_h)
    across = x * _each(torch.where(mirrored, -crop_w, crop_w)) + _each(shear) * down
    cos, sin = _each(angle.cos()), _each(angle.sin())
    return torch.stack([cos * across - sin * down + _each(centre_x), sin * across + cos * down + _each(centre_y)], -1)


def _signed(draw: Tensor) -> Tensor:
    return 2 * draw - 1


def _sometimes(amount: Tensor, chance: Tensor, p: float) -> Tensor:
    """A number in [-1, 1) with probability p, else 0."""
    return torch.where(chance < p, _signed(amount), 0.0)


def _each(values_B: Tensor) -> Tensor:
    return values_B[:, None, None]


def _mirror(pixel: Tensor, bounds: Tensor) -> Tensor:
    """Fold coordinates back into [0, bounds - 1], as if the picture were mirrored at its edges.

    Exact up to a picture's side beyond each edge, further than any view reaches but the wildest; those stop at the
    edge. (A remainder would go on for ever, at six times the cost.)
    """
    last = (bounds - 1).clamp(min=0)
    folded = pixel.abs().sub_(last).abs_().neg_().add_(last).abs_()
    return torch.minimum(folded, last)


def _relight(views: Tensor, draws: Tensor, augmentation: Augmentation) -> Tensor:
    """Change brightness and contrast, picture by picture, around mid-grey."""
    if augmentation.light == 0:
        return views
    change = augmentation.light * torch.stack(
        [_sometimes(draws[:, i], draws[:, i + 1], augmentation.p_light) for i in (9, 11)]
    )
    contrast, brightness = change.to(views.device)[:, :, None, None, None]
    return ((views - 127.5) * (1 + contrast) + 127.5 + 255 * brightness).clamp(0, 255)


Augmentation.__module__ = "drivetrain"  # where people find it, so that messages and help say so
