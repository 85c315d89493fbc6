"""Pictures with structure at every size, as photographs have, each seed another; and what people do to copies."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def scene(seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """Coloured noise at four sizes."""
    rng = np.random.default_rng(seed)
    whole = np.zeros((height, width, 3))
    for cells, weight in ((3, 0.35), (7, 0.25), (15, 0.2), (31, 0.2)):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        whole += weight * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray(np.clip(1.6 * (whole - 128) + 128, 0, 255).astype(np.uint8))


def recompressed(image: Image.Image, quality: int = 30) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def brightened(image: Image.Image) -> Image.Image:
    return image.point(lambda value: min(255, round(1.15 * value + 10)))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompressed,
    "halved": lambda image: image.resize((image.width // 2, image.height // 2)),
    "enlarged": lambda image: image.resize((2 * image.width, 2 * image.height)),
    "stretched": lambda image: image.resize((image.height, image.height)),
    "brightened": brightened,
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "all at once": lambda image: recompressed(
        brightened(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)).resize((64, 48)), 50
    ),
}
CROPS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cut a little": lambda image: image.crop((5, 4, image.width - 4, image.height - 3)),
    "cut in a corner": lambda image: image.crop((0, 0, round(0.75 * image.width), round(0.75 * image.height))),
    "cut and mirrored": lambda image: image.crop((12, 8, image.width - 8, image.height - 12)).transpose(
        Image.Transpose.FLIP_LEFT_RIGHT
    ),
}


def write(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path
