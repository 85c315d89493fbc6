"""What a model of pictures sees, as data: the same code reads a picture for validation, test and prediction.

Two steps, so that training can cut its own random views between them::

    file ── load ──▶ working picture (H, W, C) uint8 ── view ──▶ (size_px, size_px, C) uint8

Scaling and normalisation belong to the network (`mean` and `std` travel with it), not to this page. Legend: H rows and
W columns of pixels, C channels.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features
from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivetrain.errors import SettingError
from drivetrain.runtime.files.below import holds_inputs, inputs_below
from drivetrain.runtime.files.formats import PICTURE_SUFFIXES
from drivetrain.runtime.files.scanning import folder_pictures
from drivetrain.runtime.pictures.intake import PictureSource, picture_source, picture_sources
from drivetrain.runtime.pictures.read import read_picture, read_picture_file
from drivetrain.runtime.pictures.wide import MOST
from drivetrain.runtime.spec import Arrays, TensorSpec, stacked
from drivetrain.text import readable

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

QUALITY = 90
"""Of JPEG: a picture with a short side of 256 px takes about 40 kB."""

GRID = 64
"""A picture's statistics are taken from at most about this many rows and columns of it: half a millisecond."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class PictureInput(BaseModel):
    """How a picture becomes what the network reads.

    Example:
        >>> reader = PictureInput(channels=3, size_px=4, crop_pct=0.5, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> picture = np.zeros((16, 32, 3), dtype=np.uint8)
        >>> loaded = reader.load(picture)
        >>> loaded[0].shape, reader.view(loaded)[0].shape
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

    def load(self, source: PictureSource, /) -> Arrays:
        """(H, W, C): the whole picture with its short side at `working_px`; raises PictureError."""
        picture = read_picture(
            source, channels=self.channels, shrink_to_px=self.working_px, value_range=self.value_range
        )
        return (self._working(picture),)

    def load_file(self, path: str | os.PathLike[str], /) -> tuple[Arrays, str]:
        """`load`, and the digest of the file's content, of which the picture was made; raises PictureError."""
        picture, digest = read_picture_file(
            path, channels=self.channels, shrink_to_px=self.working_px, value_range=self.value_range
        )
        return (self._working(picture),), digest

    def view(self, loaded: Arrays, /) -> Arrays:
        """(S, S, C): the centre square of a working picture."""
        return (np.ascontiguousarray(_centre(loaded[0], self.size_px, self.size_px)),)

    def signature(self) -> tuple[TensorSpec, ...]:
        """Pixels of one picture.

        Example:
            >>> PictureInput(channels=1, size_px=8, mean=(0.5,), std=(0.5,)).signature()[0].shape
            (8, 8, 1)
        """
        return (TensorSpec("pixels", "uint8", (self.size_px, self.size_px, self.channels)),)

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """(N, S, S, C)."""
        return (
            stacked(views) if views else (np.zeros((0, *cast("tuple[int, ...]", self.signature()[0].shape)), np.uint8),)
        )

    def cache_key(self) -> str:
        """All that `load` makes of a file depends on, besides the file: pictures of equal keys are equal.

        Example:
            >>> small, large = (PictureInput(channels=1, size_px=s, mean=(0.5,), std=(0.5,)) for s in (8, 16))
            >>> small.cache_key() == large.cache_key()
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

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """A working picture as a file: JPEG, PNG where it is transparent, `.npy` with another number of channels."""
        picture, stream = loaded[0], io.BytesIO()
        if self.channels in (1, 3):
            Image.fromarray(picture[:, :, 0] if self.channels == 1 else picture).save(stream, "JPEG", quality=QUALITY)
            return stream.getvalue(), ".jpg"
        return self.encode_exactly(loaded)

    def encode_exactly(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """The same without loss, for pictures that are learned from: PNG, `.npy` with another number of channels."""
        picture, stream = loaded[0], io.BytesIO()
        if self.channels in (1, 3, 4):
            Image.fromarray(picture[:, :, 0] if self.channels == 1 else picture).save(stream, "PNG")
            return stream.getvalue(), ".png"
        np.lib.format.write_array(stream, picture, allow_pickle=False)
        return stream.getvalue(), ".npy"

    def statistics(self, loaded: Arrays, /) -> dict[str, float]:
        """`picture_statistics` of a working picture."""
        return picture_statistics(loaded[0])

    def files(self) -> Mapping[str, bytes]:
        """None: all there is to know is in the description itself."""
        return {}

    def source(self, given: Any, /) -> PictureSource:
        """One picture in a form that can be decoded; raises PictureError or SettingError."""
        return picture_source(given, channels=self.channels)

    def sources(self, given: Any, /) -> Iterator[Any]:
        """Many pictures one by one: all in a folder or tar file, or as of `picture_sources`; raises SettingError."""
        if isinstance(given, (str, os.PathLike)) and holds_inputs(cast("str | os.PathLike[str]", given)):
            folder = Path(cast("str | os.PathLike[str]", given))
            pictures = inputs_below(folder, folder_pictures, lambda name: name.endswith(tuple(PICTURE_SUFFIXES)))
            if not pictures:
                raise SettingError(f"{readable(folder)} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}).")
            return iter(pictures)
        return picture_sources(given, channels=self.channels)

    def made_up(self, n: int, /) -> list[Arrays]:
        """Working pictures of random blocks."""
        rng = np.random.default_rng(0)
        side = self.working_px
        block = max(1, side // 8)
        made: list[Arrays] = []
        for _ in range(n):
            coarse = rng.integers(0, 256, (-(-side // block), -(-side // block), self.channels), dtype=np.uint8)
            made.append((np.ascontiguousarray(coarse.repeat(block, 0).repeat(block, 1)[:side, :side]),))
        return made


Spec = PictureInput
"""By this name `drivetrain.runtime.spec.read_spec` finds it."""


def picture_statistics(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """A few plain numbers of a picture that change when cameras, light or habits do; name → finite value.

    ========== ====================================================================================
    brightness mean luminance, 0–1
    contrast   its standard deviation, 0–0.5
    sharpness  mean difference of horizontal neighbours, 0–1: falls with blur, rises with noise
    saturation mean of (largest − least) / largest over red, green and blue, 0–1; three channels only
    aspect     width / height
    ========== ====================================================================================

    Args:
        pixels: (H, W, C) working picture, with at least one pixel.

    Example:
        >>> red = np.zeros((2, 4, 3), dtype=np.uint8)
        >>> red[..., 0] = 255
        >>> {name: round(value, 3) for name, value in picture_statistics(red).items()}
        {'brightness': 0.299, 'contrast': 0.0, 'sharpness': 0.0, 'saturation': 1.0, 'aspect': 2.0}
    """
    height, width, channels = pixels.shape
    step = max(1, min(height, width) // GRID)
    scale = np.float32(255)
    here = np.divide(pixels[::step, ::step], scale, dtype=np.float32)
    beside = np.divide(pixels[::step, 1::step], scale, dtype=np.float32)
    light, light_beside = _luminance(here), _luminance(beside)
    common = light_beside.shape[1]
    found = {
        "brightness": float(light.mean()),
        "contrast": float(light.std()),
        "sharpness": float(np.abs(light[:, :common] - light_beside).mean()) if common else 0.0,
    }
    if channels == 3:
        most, least = here.max(axis=2), here.min(axis=2)
        found["saturation"] = float(((most - least) / np.maximum(most, 1 / 255)).mean())
    return {**found, "aspect": width / height}


def _luminance(pixels_HWC: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels_HWC @ _LUMINANCE if pixels_HWC.shape[2] == 3 else pixels_HWC.mean(axis=2)


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
