"""What a model sees, described as data: the same code reads a picture for validation, test and prediction.

Two steps, so that training can cut its own random views between them::

    file ── load ──▶ working picture (H, W, C) uint8 ── view ──▶ (size_px, size_px, C) uint8

Scaling and normalisation belong to the network (`mean` and `std` travel with it), not to this page.
"""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, Literal

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features
from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivetrain.runtime.pictures import PictureSource, read_picture, read_picture_file
from drivetrain.runtime.wide import MOST

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Fit = Literal["crop", "squeeze", "pad"]
Pixels = NDArray[np.uint8]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

MAX_ASPECT = 3.0
"""A picture longer than this many times its short side is cut to it around its centre (a 20,000 × 1 strip would
otherwise become a 5,000,000 pixel wide one)."""

LARGEST_PX, LARGEST_WORKING_PX = 4096, 8192
"""Side of the square, and short side of the working picture: a description of a few letters could else ask for a
picture of any size."""
MOST_CHANNELS = 256

WORKING_VERSION = 2
"""Raise it whenever `load` makes other pixels of the same file: pictures kept from before are then not used."""


class PictureInput(BaseModel):
    """How a picture becomes what the network reads.

    Example:
        >>> reader = PictureInput(channels=3, size_px=4, crop_pct=0.5, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> picture = np.zeros((16, 32, 3), dtype=np.uint8)
        >>> reader.load(picture).shape, reader.read(picture).shape
        ((8, 16, 3), (4, 4, 3))
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["picture"] = "picture"
    channels: int = Field(ge=1, le=MOST_CHANNELS)
    size_px: int = Field(ge=1, le=LARGEST_PX)
    """Side of the square the network reads."""
    crop_pct: float = Field(default=0.875, gt=0, le=1)
    """The square's share of the working picture's short side."""
    interpolation: Interpolation = "bicubic"
    fit: Fit = "crop"
    """What becomes of a picture that is not square: its centre square is read; or all of it, squeezed into a square,
    or on a square whose rest has the colour `mean`. The latter two leave `crop_pct` out of account."""
    mean: tuple[float, ...]
    """Per channel, on a scale of 0 to 1."""
    std: tuple[float, ...]
    value_range: tuple[int, int] | None = None
    """What becomes 0 and what 255 of values with more than 8 bits; None keeps the upper 8 of 16 bits."""

    @model_validator(mode="after")
    def _one_statistic_per_channel(self) -> PictureInput:
        if not self.channels == len(self.mean) == len(self.std):
            raise ValueError("mean and std need one value per channel")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if self.value_range is not None and not 0 <= self.value_range[0] < self.value_range[1] <= MOST:
            raise ValueError("value_range must be two values within 0 and 65535, the smaller first")
        if min(self.std) < 1e-9 or max(map(abs, (*self.std, *self.mean))) > 1e6:
            raise ValueError("mean and std must be of ordinary size")
        if self.working_px > LARGEST_WORKING_PX:
            raise ValueError(
                f"size_px={self.size_px} with crop_pct={self.crop_pct:g} makes working pictures of "
                f"{self.working_px} px, more than {LARGEST_WORKING_PX}"
            )
        return self

    @property
    def working_px(self) -> int:
        """Short side of the working picture; both sides, where the whole picture is read."""
        if self.fit != "crop":
            return self.size_px
        return max(self.size_px, round(self.size_px / self.crop_pct))

    def load(self, source: PictureSource) -> Pixels:
        """The whole picture with its short side at `working_px`; raises PictureError."""
        picture = read_picture(
            source, channels=self.channels, shrink_to_px=self.working_px, value_range=self.value_range
        )
        return self._working(picture)

    def load_file(self, path: str | os.PathLike[str]) -> tuple[Pixels, str]:
        """`load`, and the digest of the file's content, of which the picture was made; raises PictureError."""
        picture, digest = read_picture_file(
            path, channels=self.channels, shrink_to_px=self.working_px, value_range=self.value_range
        )
        return self._working(picture), digest

    @property
    def working_identity(self) -> str:
        """All that `load` makes of a file depends on, besides the file: pictures of equal identity are equal.

        Example:
            >>> small, large = (PictureInput(channels=1, size_px=s, mean=(0.5,), std=(0.5,)) for s in (8, 16))
            >>> small.working_identity == large.working_identity
            False
        """
        what = {
            "version": WORKING_VERSION,
            "kind": self.kind,
            "channels": self.channels,
            "working_px": self.working_px,
            "interpolation": self.interpolation,
            "value_range": self.value_range,
            "pillow": PIL.__version__,
            "jpeg": features.version("jpg"),
        }
        if self.fit != "crop":  # unchanged otherwise: pictures kept from before are still found
            what |= {"fit": self.fit, "paper": self._paper if self.fit == "pad" else None}
        return json.dumps(what, sort_keys=True)

    @property
    def _paper(self) -> list[int]:
        """What a padded picture lies on: after normalisation it is zero."""
        return [round(255 * value) for value in self.mean]

    def _working(self, picture: Pixels) -> Pixels:
        if self.fit == "squeeze":
            return resize(picture, self.size_px, self.size_px, self.interpolation)
        height, width = picture.shape[:2]
        if self.fit == "pad":
            scale = self.size_px / max(height, width)
            whole = resize(picture, max(1, round(height * scale)), max(1, round(width * scale)), self.interpolation)
            return _padded(whole, self.size_px, self._paper)
        picture = _centre(picture, _longest(height, width), _longest(width, height))
        height, width = picture.shape[:2]
        scale = self.working_px / min(height, width)
        return resize(picture, round(height * scale), round(width * scale), self.interpolation)

    def view(self, working: Pixels) -> Pixels:
        """The centre square of a working picture."""
        return np.ascontiguousarray(_centre(working, self.size_px, self.size_px))

    def read(self, source: PictureSource) -> Pixels:
        """`load`, then `view`."""
        return self.view(self.load(source))


Input = Annotated[PictureInput, Field(discriminator="kind")]


def _longest(side: int, other: int) -> int:
    return min(side, max(1, int(other * MAX_ASPECT)))


def _centre(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def _padded(picture: Pixels, side: int, paper: list[int]) -> Pixels:
    """The picture in the middle of a square."""
    height, width = picture.shape[:2]
    square = np.empty((side, side, picture.shape[2]), np.uint8)
    square[:] = np.clip(paper, 0, 255)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def resize(picture: Pixels, height: int, width: int, interpolation: Interpolation) -> Pixels:
    """Antialiased resize of an (H, W, C) picture with any number of channels."""
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    method = _RESAMPLING[interpolation]

    def one(plane: Pixels) -> Pixels:
        return np.asarray(Image.fromarray(plane).resize((width, height), method))

    if picture.shape[2] == 3:
        return one(np.ascontiguousarray(picture))
    # Channel by channel: Pillow would take four channels for red, green, blue and transparency.
    return np.stack([one(np.ascontiguousarray(picture[:, :, c])) for c in range(picture.shape[2])], axis=2)
