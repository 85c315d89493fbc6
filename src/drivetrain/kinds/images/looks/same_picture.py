"""A second look at two pictures that seem alike: is the one a copy of the other, or of a part of it?

One is laid over the other at many sizes and places, as it is and mirrored; the best of these is moved until it fits,
and what counts in the end is the correlation of the details: what is left when slow changes of light are taken away.
Two photographs of one scene lie apart in their details; a copy that was cut, saved anew, resized or brightened does
not. Legend: h, w height and width in pixels.
"""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from drivetrain.errors import PictureError
from drivetrain.kinds.images.looks.turns import AS_IT_IS, turn_picture
from drivetrain.runtime.files.members import bytes_of
from drivetrain.runtime.pictures.read import read_picture

SAME = 0.85
"""Least correlation of the details of two copies of one picture. Of 120 crops of 64-px pictures, down to 70 % of each
side, all reached .86; of pairs that are no copies, the most alike were two hillsides at .83 (features had chosen them)
and one banana before two walls at .80."""
LEAST_COARSE, LEAST_START = 0.7, 0.35
"""A place where the picture seen coarsely, or its details before anything is moved, fit less well is given up. Of the
same crops none was below .84 and .48."""
WORK_PX = 96
"""Pictures are shrunk until their short side is between this and twice this, where they are larger."""
LONGEST_PX = 384
COARSE_PX = 16
LOOK_PX = 32
BLUR_PX = 4.0
LEAST_DETAIL = 2.0
"""Root mean square of the details, in grey levels, below which there is nothing to compare."""
SCALES = tuple(1 - 0.05 * step for step in range(11))
"""How much of the larger picture a part may keep of each side: down to half."""
CANDIDATES = 3

Box = tuple[float, float, float, float]
"""Left, upper, right, lower edge, in pixels."""


class _Place(NamedTuple):
    """Where one picture may lie in another, and how well it fits there (−1 to 1)."""

    fit: float
    part: Image.Image
    whole: Image.Image
    box: Box


def same_picture(path_a: str | os.PathLike[str], path_b: str | os.PathLike[str], *, turn: int = AS_IT_IS) -> bool:
    """Whether two files show the same picture, or one a part of the other's.

    Saving anew, resizing, stretching, light and contrast, mirroring and cutting (down to half of each side) leave a
    picture the same; turning does not, unless the turn is named. Flat pictures are the same only when the files are. A
    file that cannot be read is the same as no other. About 20 ms for a pair.

    Args:
        path_a: One file.
        path_b: The other.
        turn: What is done to the first before it is compared, see `drivetrain.kinds.images.looks.turns`.

    Example:
        >>> same_picture("/no/such.jpg", "/no/such/either.jpg")
        False
    """
    try:
        if bytes_of(path_a) == bytes_of(path_b):
            return True
        return likeness(turn_picture(_open(path_a), turn), _open(path_b)) >= SAME
    except (OSError, PictureError):
        return False


def likeness(one: Image.Image, other: Image.Image) -> float:
    """Correlation of the details of two pictures at the best place of one in the other; 0 where one is flat.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        >>> picture = Image.fromarray(noise).resize((256, 256))
        >>> likeness(picture, picture.crop((30, 20, 220, 210))) > 0.8
        True
    """
    best = 0.0
    mirrored = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for turned in (one, mirrored):  # at its full extent, whatever its sides: most copies are found here
        best = max(best, _detail_fit(turned, other, (0, 0, *other.size)))
        if best >= SAME:
            return best
    places = [
        place
        for turned in (one, mirrored)
        for part, whole in ((turned, other), (other, turned))
        for place in _places(part, whole)
    ]
    places.sort(key=lambda place: -place.fit)
    for place in places[:CANDIDATES]:
        if place.fit < LEAST_COARSE:
            break
        best = max(best, _moved_until_it_fits(place))
        if best >= SAME:
            break
    return best


def _open(path: str | os.PathLike[str]) -> Image.Image:
    image = Image.fromarray(read_picture(path, channels=3, shrink_to_px=WORK_PX // 2))
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    return image


def _places(part: Image.Image, whole: Image.Image) -> list[_Place]:
    """The best place for `part` in `whole` at each scale, seen coarsely and in grey."""
    most = min(whole.width / part.width, whole.height / part.height)
    shrink = COARSE_PX / max(part.size)
    w, h = max(4, round(part.width * shrink)), max(4, round(part.height * shrink))
    template = _grey(part, (w, h))
    found: list[_Place] = []
    for scale in SCALES:
        region_w, region_h = scale * most * part.width, scale * most * part.height
        size = (max(w, round(whole.width * w / region_w)), max(h, round(whole.height * h / region_h)))
        fits = _fits(template, _grey(whole, size))
        y, x = np.unravel_index(int(fits.argmax()), fits.shape)
        left, upper = float(x) * whole.width / size[0], float(y) * whole.height / size[1]
        box = (left, upper, min(whole.width, left + region_w), min(whole.height, upper + region_h))
        found.append(_Place(float(fits[y, x]), part, whole, box))
    return found


def _grey(image: Image.Image, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BILINEAR), dtype=np.float64)


def _fits(template: NDArray[np.float64], picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the template (h, w) with every window of its size; 0 where a window is flat."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (template.shape[0], template.shape[1]))
    flat = windows.reshape(windows.shape[0], windows.shape[1], -1)
    wanted = (template - template.mean()).ravel()
    spread = np.maximum(flat.var(axis=2), 0) * flat.shape[2] * (wanted @ wanted)
    return np.where(spread > 1, (flat @ wanted) / np.sqrt(np.maximum(spread, 1)), 0.0)


def _moved_until_it_fits(place: _Place) -> float:
    """Details' correlation after each edge of the box was moved, by smaller and smaller steps, while that helps."""
    box, best = place.box, _detail_fit(place.part, place.whole, place.box)
    if best < LEAST_START:
        return best
    step = max(place.whole.size) / COARSE_PX / 2
    while step >= max(place.whole.size) / LOOK_PX / 4:
        moved = max(
            ((_detail_fit(place.part, place.whole, box), box) for box in _neighbours(box, step, place.whole.size)),
            default=(best, box),
        )
        if moved[0] > best:
            best, box = moved
        else:
            step /= 2
        if best >= SAME:
            break
    return best


def _neighbours(box: Box, step: float, size: tuple[int, int]) -> list[Box]:
    """The box shifted, and with one edge moved, as far as it stays inside and keeps some size."""
    left, upper, right, lower = box
    shifts = [(dx, dy, dx, dy) for dx in (-step, 0, step) for dy in (-step, 0, step) if dx or dy]
    edges = [tuple(sign * step * (edge == i) for i in range(4)) for edge in range(4) for sign in (-1, 1)]
    found: list[Box] = []
    for a, b, c, d in (*shifts, *edges):
        moved = (max(0, left + a), max(0, upper + b), min(size[0], right + c), min(size[1], lower + d))
        if moved[2] - moved[0] >= 8 and moved[3] - moved[1] >= 8:
            found.append(moved)
    return found


def _detail_fit(part: Image.Image, whole: Image.Image, box: Box) -> float:
    a = _details(part.resize((LOOK_PX, LOOK_PX), Image.Resampling.BILINEAR))
    b = _details(whole.resize((LOOK_PX, LOOK_PX), Image.Resampling.BILINEAR, box=box))
    least = LEAST_DETAIL * np.sqrt(a.size)
    of_a, of_b = float(np.sqrt((a * a).sum())), float(np.sqrt((b * b).sum()))
    return float((a * b).sum()) / (of_a * of_b) if min(of_a, of_b) >= least else 0.0


def _details(image: Image.Image) -> NDArray[np.float64]:
    """(LOOK_PX, LOOK_PX, 3): the picture less its slow changes, zero in the mean."""
    slow = image.filter(_blur())
    details = np.asarray(image, dtype=np.float64) - np.asarray(slow, dtype=np.float64)
    return details - details.mean(axis=(0, 1))


@cache
def _blur() -> ImageFilter.GaussianBlur:
    return ImageFilter.GaussianBlur(BLUR_PX)
