"""What can be said of a picture without looking at what it shows: how it was taken and stored, and its mean colours."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin

from drivetrain.data.examples import Examples
from drivetrain.kinds.images.near import near
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.files.formats import FORMATS
from drivetrain.runtime.files.members import opened, status_of
from drivetrain.runtime.pictures.faults import pillow_is_quiet
from drivetrain.runtime.pictures.read import digest
from drivetrain.runtime.pictures.signatures import COLOUR_BYTES, SIGNATURE_BYTES
from drivetrain.runtime.trust.system_limits import raise_if_limit

STANDARD_LUMINANCE_SUM = 3688
"""Sum of the luminance table of the JPEG standard (ISO 10918-1, table K.1), which stands for quality 50."""
COLOURS = (
    "brightness",
    "contrast",
    "mean red",
    "mean green",
    "mean blue",
    "border brightness",
    "border red",
    "border blue",
)
contents = frozenset({"file size", "bytes per pixel", *COLOURS})
"""Columns of `metadata` that are coarse statistics of what a picture shows, which may rightly tell classes apart."""


def metadata(rows: Examples, /) -> dict[str, list[Any]]:
    """Column → a value per row, None where it is not known; each file's header is read, no pixel decoded."""
    with track("reading metadata", len(rows)) as advance, ThreadPoolExecutor(min(16, usable_cpus())) as pool:
        facts: list[dict[str, Any]] = []
        for found in pool.map(capture_facts, rows.inputs):
            facts.append(found)
            advance(1)
    signatures = rows.signatures or near.fingerprints(rows.inputs, **rows.options)
    told = [content_facts(signature, found) for signature, found in zip(signatures, facts, strict=True)]
    names = [name for name in dict.fromkeys(name for found in facts for name in found) if name[0] != "_"]
    of_file = {name: [found.get(name) for found in facts] for name in names}
    return of_file | {name: [found[name] for found in told] for name in (told[0] if told else ())}


def capture_facts(path: Path) -> dict[str, Any]:
    """How one picture was taken and stored: numbers, texts, and None for what is not known.

    Example:
        >>> capture_facts(Path("/no/such.jpg"))["format"]
        'unreadable'
    """
    facts: dict[str, Any] = {"format": "unreadable", "_bytes": None}
    try:
        facts["_bytes"] = float(status_of(path).st_size)
        with pillow_is_quiet(), opened(path) as file, Image.open(file, formats=_formats()) as image:
            facts |= _header_facts(image)
    except Exception as error:  # noqa: BLE001 - arrays, and whatever Pillow trips over: nothing is known of those
        raise_if_limit(error, path)
    return facts


@cache
def _formats() -> tuple[str, ...]:
    """The formats that this build of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _header_facts(image: Image.Image) -> dict[str, Any]:
    width, height = image.size
    info = image.info
    density = info.get("dpi")
    facts: dict[str, Any] = {
        "format": image.format,
        "mode": image.mode,
        "width": float(width),
        "height": float(height),
        "aspect": width / height,
        "dots per inch": float(density[0]) if density else None,
        "colour profile": float(len(info.get("icc_profile") or b"")),
        "comment": bool(info.get("comment")),
        "EXIF": "exif" in info,
        "camera": None,
        "software": None,
    }
    if "exif" in info:
        facts |= _exif_facts(image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts |= _jpeg_facts(image)
    return facts


def _exif_facts(image: Image.Image) -> dict[str, Any]:
    exif = image.getexif()
    make, model = (str(exif.get(tag, "")).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    return {
        "camera": f"{make} {model}".strip() or None,
        "software": str(exif.get(ExifTags.Base.Software, "")).strip("\0 ") or None,
        "EXIF orientation": float(exif.get(ExifTags.Base.Orientation, 1)),
    }


def _jpeg_facts(image: JpegImagePlugin.JpegImageFile) -> dict[str, Any]:
    tables = image.quantization
    return {
        "JPEG quality": jpeg_quality(tables[0]) if 0 in tables else None,
        "JPEG tables": digest(repr(sorted((i, list(tables[i])) for i in tables)).encode()),
        "chroma subsampling": str(JpegImagePlugin.get_sampling(image)),
        "progressive": bool(image.info.get("progressive") or image.info.get("progression")),
    }


def jpeg_quality(luminance_table: Sequence[int]) -> float:
    """The quality (1 to 100) at which the usual encoder (libjpeg) would have written this luminance table.

    Below 15 it reads too high, since no entry of a table is above 255.

    Example:
        >>> jpeg_quality([1] * 64)
        99.1...
    """
    scale = 100 * sum(luminance_table) / STANDARD_LUMINANCE_SUM
    return max(1.0, (200 - scale) / 2 if scale <= 100 else 5000 / scale)


def content_facts(signature: bytes, facts: dict[str, Any]) -> dict[str, Any]:
    """Coarse colours of the picture, and how many bytes a pixel needs, which grows with what there is to see."""
    pixels = facts.get("width", 0) * facts.get("height", 0)
    found: dict[str, Any] = {
        "file size": facts["_bytes"],
        "bytes per pixel": facts["_bytes"] / pixels if pixels and facts["_bytes"] else None,
    }
    if len(signature) != SIGNATURE_BYTES:
        return found | dict.fromkeys(COLOURS)
    grid = np.frombuffer(signature[-COLOUR_BYTES:], dtype=np.uint8).reshape(4, 4, 3).astype(np.float64)
    mean = grid.mean(axis=(0, 1))
    edge = np.ones((4, 4), dtype=np.bool_)
    edge[1:3, 1:3] = False
    border = grid[edge].mean(axis=0)
    values = (
        mean.mean(),
        grid.mean(axis=2).std(),
        *(mean - mean.mean()),
        border.mean(),
        border[0] - border.mean(),
        border[2] - border.mean(),
    )
    return found | dict(zip(COLOURS, map(float, values), strict=True))
