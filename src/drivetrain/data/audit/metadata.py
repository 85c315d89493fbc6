"""What can be said of a picture without looking at what it shows: how it was taken, stored and named.

Columns come in three families. *capture*: traces of camera and storage that a network can see, though they are not
what is asked (sides, format, compression, camera). *contents*: coarse statistics of the pixels, which may rightly
tell classes apart (oranges are orange). *bookkeeping*: names, times and order, which no network sees, but which tell
of sessions and batches. Legend: N rows, F columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin

from drivetrain.data.audit.rows import AuditRows
from drivetrain.data.divide import labels_of
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.formats import FORMATS
from drivetrain.runtime.picture_faults import pillow_is_quiet
from drivetrain.runtime.pictures import digest
from drivetrain.runtime.signatures import COLOUR_BYTES, SIGNATURE_BYTES
from drivetrain.runtime.system_limits import raise_if_limit

Family = Literal["capture", "contents", "bookkeeping"]
FAMILIES: tuple[Family, ...] = ("capture", "contents", "bookkeeping")

STANDARD_LUMINANCE_SUM = 3688
"""Sum of the luminance table of the JPEG standard (ISO 10918-1, table K.1), which stands for quality 50."""
UNKNOWN = -1.0


@dataclass(frozen=True)
class Column:
    """One thing known of each row, as a number; text is numbered by how frequent it is."""

    name: str
    family: Family
    values: NDArray[np.float64]
    """(N,)."""
    categorical: bool = False


def read_columns(rows: AuditRows, chosen: NDArray[np.int64]) -> list[Column]:
    """The columns of some rows, those that never vary left out; each file's header is read, no pixel decoded."""
    paths = [rows.examples.inputs[row] for row in chosen]
    with track("reading metadata", len(paths)) as advance, ThreadPoolExecutor(min(16, usable_cpus())) as pool:
        facts: list[dict[str, Any]] = []
        for found in pool.map(capture_facts, paths):
            facts.append(found)
            advance(1)
    names = list(dict.fromkeys(name for found in facts for name in found))
    columns = [_column(name, "capture", [found.get(name) for found in facts]) for name in names if name[0] != "_"]
    contents = [_content_facts(rows.signatures[row], found) for row, found in zip(chosen, facts, strict=True)]
    columns += (
        [_column(name, "contents", [found[name] for found in contents]) for name in contents[0]] if contents else []
    )
    kept = [_name_facts(path, _labels(rows, int(row))) for path, row in zip(paths, chosen, strict=True)]
    columns += [_column(name, "bookkeeping", [found[name] for found in kept]) for name in kept[0]] if kept else []
    columns.append(_column("file time", "bookkeeping", [found["_time"] for found in facts]))
    if rows.layout == "table":
        columns.append(Column("order", "bookkeeping", chosen.astype(np.float64)))
    return [column for column in columns if len(np.unique(column.values)) > 1]


def _labels(rows: AuditRows, row: int) -> list[str]:
    """The labels of a row; none for test rows, which stay sealed."""
    return [] if rows.part_word(row) == "test" else list(labels_of(rows.examples.values[row]))


def capture_facts(path: Path) -> dict[str, Any]:
    """How one picture was taken and stored: numbers, texts, and None for what is not known.

    Example:
        >>> capture_facts(Path("/no/such.jpg"))["format"]
        'unreadable'
    """
    facts: dict[str, Any] = {"format": "unreadable", "_bytes": None, "_time": None}
    try:
        status = path.stat()
        facts |= {"_bytes": float(status.st_size), "_time": status.st_mtime}
        with pillow_is_quiet(), Image.open(path, formats=_formats()) as image:
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


def _content_facts(signature: bytes, facts: dict[str, Any]) -> dict[str, Any]:
    """Coarse colours of the picture, and how many bytes a pixel needs, which grows with what there is to see."""
    pixels = facts.get("width", 0) * facts.get("height", 0)
    found: dict[str, Any] = {
        "file size": facts["_bytes"],
        "bytes per pixel": facts["_bytes"] / pixels if pixels and facts["_bytes"] else None,
    }
    names = (
        "brightness",
        "contrast",
        "mean red",
        "mean green",
        "mean blue",
        "border brightness",
        "border red",
        "border blue",
    )
    if len(signature) != SIGNATURE_BYTES:
        return found | dict.fromkeys(names)
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
    return found | dict(zip(names, map(float, values), strict=True))


def _name_facts(path: Path, labels: Sequence[str]) -> dict[str, Any]:
    """What the name says besides the class: words that are the label, or the folder's name, are taken out."""
    stem = path.stem.lower()
    for word in sorted((*labels, path.parent.name), key=len, reverse=True):
        stem = _without(stem, word.lower())
    numbers = [float(number[:15]) for number in re.findall(r"\d+", stem)]
    return {
        "name pattern": re.sub(r"\d+", "#", stem),
        "name length": float(len(stem)),
        "first number in name": numbers[0] if numbers else None,
        "last number in name": numbers[-1] if numbers else None,
    }


def _without(text: str, word: str) -> str:
    """The text without a word, however its letters are joined.

    Example:
        >>> _without("royal_gala-007", "royal gala")
        '-007'
    """
    letters = [re.escape(letter) for letter in word if letter.isalnum()]
    return re.sub(r"[\W_]*".join(letters), "", text) if letters else text


def _column(name: str, family: Family, cells: Sequence[Any]) -> Column:
    """Numbers as they are; text numbered by frequency, most frequent first; unknown cells UNKNOWN."""
    if any(isinstance(cell, str) for cell in cells):
        counts = Counter(cell for cell in cells if cell is not None)
        rank = {
            text: float(i) for i, (text, _) in enumerate(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        }
        return Column(name, family, np.array([rank.get(cell, UNKNOWN) for cell in cells]), categorical=True)
    numbers = np.array([UNKNOWN if cell is None else float(cell) for cell in cells])
    return Column(name, family, np.where(np.isfinite(numbers), numbers, UNKNOWN))
