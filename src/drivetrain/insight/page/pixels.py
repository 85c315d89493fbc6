"""Pictures as a page holds them: cut, coloured, and small enough for thousands of them to travel in one file."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.insight.parts import Box
from drivetrain.insight.projecting import cut_out
from drivetrain.insight.projecting import shown_box as within
from drivetrain.pages.html import Html, escape, tag
from drivetrain.pages.svg import group

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
"""(height, width, 3)."""

TINY_PX = 40
"""Pictures up to this side are stored without loss: a lossy one would blur the few pixels that they have."""
QUALITY = 62
STRETCHED = 0.99
"""Of the px of a projection that are not 0, those above this quantile are shown as strong as it."""
HEAT = np.array([[0, 0, 4], [80, 18, 123], [182, 54, 121], [251, 136, 97], [252, 253, 191]], dtype=np.float64)
"""From nothing to most: five colours of matplotlib's "magma", which are read the same in grey."""


def encoded(pixels: Pixels, *, side_px: int | None = None, quality: int = QUALITY) -> bytes:
    """WebP of a picture, its longest side at most `side_px`; never enlarged.

    Example:
        >>> encoded(np.zeros((9, 9, 3), np.uint8))[:4]
        b'RIFF'
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if side_px is not None and max(image.size) > side_px:
        image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    lossless = max(image.size) <= TINY_PX
    image.save(file, "WEBP", lossless=lossless, quality=80 if lossless else quality, method=4)
    return file.getvalue()


def data_uri(webp: bytes) -> str:
    """What an element of a page takes as its source."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def cut(pixels: Pixels, box: Box) -> Pixels:
    """What of a view lies in a rectangle."""
    return cut_out(pixels, within(box, pixels.shape[:2]))


def signed(projection: NDArray[Any]) -> Pixels:
    """A projection, −1 … 1, as a picture: grey is nothing, as in Zeiler & Fergus (2014).

    Example:
        >>> signed(np.array([[[-1.0, 0.0, 1.0]]])).tolist()
        [[[0, 128, 255]]]
    """
    values = np.nan_to_num(np.asarray(projection, dtype=np.float64))
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] != 3:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    return np.round(np.clip(values * 0.5 + 0.5, 0, 1) * 255).astype(np.uint8)


def contrasted(projection: NDArray[Any], side_px: int) -> Pixels:
    """A projection as a picture whose longest side is at most `side_px`, its contrast stretched.

    It is shrunk before it is stretched, for signs that alternate from px to px would else be averaged to grey; the
    strongest hundredth is cut off, for single px would else leave all others grey.

    Example:
        >>> int(contrasted(np.eye(8)[..., None] * 0.1, 8).max())
        255
    """
    values = np.nan_to_num(np.asarray(projection, dtype=np.float32))
    scale = side_px / max(values.shape[:2])
    if scale < 1:
        size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
        bands = [np.ascontiguousarray(values[..., channel]) for channel in range(values.shape[2])]
        values = np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in bands], -1)
    size_of = np.abs(values)
    largest = float(np.quantile(size_of[size_of > 0], STRETCHED)) if size_of.any() else 1.0
    return signed(values / largest)


def filters(weights: NDArray[Any]) -> Pixels:
    """The weights of a filter of the first layer as a picture: grey is 0, the largest weight is the full colour."""
    weights = np.asarray(weights, dtype=np.float64)
    return signed(weights / (np.abs(weights).max() or 1.0))


def heated(picture: Pixels, map_HW: NDArray[Any]) -> Pixels:
    """A view in grey, coloured where a map of the same size is high: values below 0 are shown as 0.

    The strongest hundredth of the others is cut off, for single px would else leave all others dark.
    """
    values = np.clip(np.nan_to_num(np.asarray(map_HW, dtype=np.float64)), 0, None)
    above = values[values > 0]
    share = np.minimum(values / (np.quantile(above, STRETCHED) if len(above) else 1.0), 1.0)
    grey = picture.mean(axis=2, keepdims=True)
    stops = np.linspace(0, 1, len(HEAT))
    colour = np.stack([np.interp(share, stops, HEAT[:, channel]) for channel in range(3)], axis=2)
    weight = (0.25 + 0.65 * share)[..., None]
    return np.round(np.clip((1 - weight) * grey + weight * colour, 0, 255)).astype(np.uint8)


def drawn(webp: bytes, size: tuple[int, int], said: str, *marks: Html, class_: str | None = None) -> Html:
    """A picture with what is drawn over it, as one element that stands for itself in words.

    Args:
        webp: The picture.
        size: Height and width of its coordinates, px.
        said: What it shows.
        marks: SVG in these coordinates.
        class_: Of the element.
    """
    height, width = size
    inner = tag(
        "image", href=Html(data_uri(webp)), width=width, height=height, preserveAspectRatio="none",
        class_="tiny" if max(size) <= TINY_PX else None,
    )  # fmt: skip
    return tag(
        "svg",
        tag("title", said),
        inner,
        group(*marks) if marks else None,
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_="drawn" if class_ is None else f"drawn {class_}",
    )


def outline(box: Box, within_box: Box, class_: str) -> Html:
    """A rectangle of the view, in the coordinates of another one; drawn twice, so that it shows on any colour."""
    inside = Box(box.left - within_box.left, box.top - within_box.top, box.width, box.height)
    left, top, width, height = within(inside, (within_box.height, within_box.width))
    place = {"x": left, "y": top, "width": width, "height": height}
    return escape([tag("rect", class_="under", **place), tag("rect", class_=class_, **place)])
