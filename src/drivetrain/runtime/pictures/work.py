"""What decoding a picture would cost, found from its headers: refused before it is decoded where that is too much.

A decoder does what a file tells it to. A progressive JPEG of 300 kB may go through all its pixels thousands of times, a
TIFF may decode one strip again and again, an EXIF block may claim the same bytes for each of 65,000 entries. So time
and memory are estimated from what the headers say, for a slow core and on the safe side, and both are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from PIL import Image

from drivetrain.runtime.pictures.faults import UnreadableError

MOST_SECONDS = 15.0
"""Estimated time to decode one picture. A progressive JPEG of 80 million pixels from a camera (10 scans) takes 6."""
MOST_BYTES = 1_500_000_000
"""Estimated memory while one picture is decoded: its buffers, what it is converted to, and the decoder's own."""

MOST_SEGMENTS = 4096
"""Of a JPEG; cameras write fewer than 100."""
MOST_SCANS = 256
"""Of a JPEG; cameras write 10, and the most thorough programs 30."""
MOST_JUNK_BYTES = 65_536
"""Between them, or in the header of a PPM."""
MOST_BLOCKS = 20_000
"""Of comments and other extensions before the first frame of a GIF, 255 bytes each."""
CHUNKS, BYTES_PER_CHUNK = 1000, 1024
"""A PNG may have so many chunks, and one more for each so many bytes of the file."""
MOST_EXIF = 16
"""EXIF blocks of an AVIF, with what only looks like one."""
MOST_ENTRIES = 65_535
"""Of a directory of a TIFF or EXIF block."""
MOST_VALUES = 2_000_000
"""Of all numbers in the first directory of a TIFF: the places of its strips, mostly."""

_NS = 1e-9
_JPEG_BLOCK_NS, _ARITHMETIC_NS, _JPEG_BYTE_NS = 100, 4000, 40
"""A block of 8 × 8 in one scan (29 measured; refined coefficients cost more), the same with arithmetic coding, and a
byte of the file. One processor of 2.6 GHz."""
_PIXEL_NS = {"zip": 35, "webp": 60, "avif": 90, "gif": 20, "libtiff": 60, "jpeg": 20, "raw": 10}
_SLOW_NS = {"bmp_rle": (400, 500), "ppm": (900, 0), "ppm_plain": (100, 250), "packbits": (20, 5), "sgi_rle": (50, 5)}
"""Decoders that Pillow has in Python, and others by the byte: (per pixel, per byte of the file)."""
_OTHER_NS = (900, 500)

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""In Pillow's memory; all other modes take 4."""
_DECODER_BYTES = {"webp": 12, "avif": 24, "libtiff": 4, "gif": 1}
"""Per pixel, in the decoder itself, beside the picture that it fills."""
_OUT_BYTES, _INTEGER_BYTES = 4, 9
"""Per pixel, for the array that is made of it; and what 16-bit and 32-bit values need on their way to 8 bits."""

_TIFF_BYTES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 1, 1, 8, 8, 8)
"""Type of a TIFF value → bytes."""
_WINDOW = 65_536
_IS_MARKER = np.ones(256, np.bool_)
_IS_MARKER[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False
"""After 0xff."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
_ALONE = frozenset({0x01, 0xD8})
_BYTE_ORDER = re.compile(rb"II\*\0|MM\0\*")
_PPM_HEADER = re.compile(rb"P[\dyfF]\w*(?:(?:\s|#[^\r\n]*[\r\n])+[\d.+-]+){2}")


@dataclass(frozen=True)
class Work:
    """What decoding one picture costs, at most."""

    seconds: float
    bytes: int

    def check(self, most: Work) -> None:
        """Raise UnreadableError where this is more than `most`."""
        if self.seconds > most.seconds:
            raise UnreadableError(
                f"too much work: decoding it would take about {self.seconds:,.1f} s; expected at most {most.seconds:g}"
            )
        if self.bytes > most.bytes:
            raise UnreadableError(
                f"too much memory: decoding it would take about {ceil(self.bytes / 1e6):,} MB; "
                f"expected at most {most.bytes // 1_000_000:,}"
            )


MOST = Work(MOST_SECONDS, MOST_BYTES)


def check_headers(data: bytes, max_pixels: int) -> Work:
    """Refuse what would cost much time or memory before a decoder says how large the picture is.

    Returns:
        What a JPEG's scans cost, which Pillow does not tell; nothing for other formats.

    Raises:
        UnreadableError: The headers are without end, or claim the same bytes many times.

    Example:
        >>> check_headers(b"GIF89a", 1000)
        Work(seconds=0.0, bytes=0)
    """
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(data)
    elif data.startswith((b"II", b"MM")):
        check_directory(data, file=True)
    elif data.startswith(b"GIF8"):
        _check_gif(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":  # Pillow makes room for the canvas when it opens one
        width, height = webp_size(data) or (0, 0)
        if width * height > max_pixels:
            raise UnreadableError(f"too many pixels: {width}×{height}; expected at most {max_pixels:,}")
    elif data[4:8] == b"ftyp":  # Pillow reads the EXIF block of an AVIF when it opens one
        for number, found in enumerate(_BYTE_ORDER.finditer(data)):
            if number == MOST_EXIF:
                raise UnreadableError(f"truncated or damaged: more than {MOST_EXIF} EXIF blocks")
            check_directory(data[found.start() :])
    elif re.match(rb"P[1-6]", data) and not _PPM_HEADER.match(data[:MOST_JUNK_BYTES]):
        raise UnreadableError("truncated or damaged: its header has no width and height")
    return Work(0.0, 0)


def work_of(image: Image.Image, data: bytes, scans: Work, *, shrink: int = 1) -> Work:
    """What it costs to decode an opened picture and to make an array of it; no pixel is looked at.

    Args:
        image: As Pillow opened it, not loaded.
        data: The whole file.
        scans: What `check_headers` found.
        shrink: What a JPEG's sides will be divided by while it is decoded.

    Example:
        >>> import io
        >>> stream = io.BytesIO()
        >>> Image.new("RGB", (1000, 1000)).save(stream, "PNG")
        >>> work_of(Image.open(stream), stream.getvalue(), Work(0.0, 0)).bytes
        8000000
    """
    pixels = image.width * image.height
    codec, area = _tiles(image)
    made = pixels * _made_bytes(image, full=shrink == 1) // shrink**2 + pixels * _DECODER_BYTES.get(codec, 0)
    if codec == "jpeg":
        return Work(scans.seconds + pixels * _PIXEL_NS[codec] * _NS, made + scans.bytes)
    if codec in _PIXEL_NS:
        seconds = area * _PIXEL_NS[codec] * _NS
    else:
        per_pixel, per_byte = _SLOW_NS.get(codec, _OTHER_NS)
        seconds = (area * per_pixel + len(data) * per_byte) * _NS
    if codec == "libtiff":
        tile = _tile_pixels(image)
        made, seconds = made + 4 * tile, seconds * _passes(image, data, tile)
    return Work(seconds, made)


def _made_bytes(image: Image.Image, *, full: bool) -> int:
    """Per pixel: as decoded, turned upright, and as an array."""
    held = _BYTES_PER_PIXEL.get(image.mode, 4)
    sideways = held if not full or "exif" in image.info or "xmp" in image.info else 0
    return held + sideways + _OUT_BYTES + (_INTEGER_BYTES if image.mode.startswith("I") else 0)


def _tiles(image: Image.Image) -> tuple[str, int]:
    """The decoder's name, and pixels that all tiles have together; a file may name one region many times."""
    tiles: list[Any] = list(getattr(image, "tile", []))
    pixels = image.width * image.height
    area = 0
    if image.format in ("WEBP", "AVIF"):  # decoded by their own libraries when they are loaded
        return image.format.lower(), pixels
    for _, box, *_ in tiles:
        area += pixels if box is None else max(1, (box[2] - box[0]) * (box[3] - box[1]))
    return (str(tiles[0][0]), max(area, pixels)) if tiles else ("none", pixels)


def _tile_pixels(image: Image.Image) -> int:
    """Of one tile of a TIFF, which may be larger than the picture; 0: it has strips."""
    tags: Any = getattr(image, "tag_v2", {})
    return int(tags.get(322, 0) or 0) * int(tags.get(323, 0) or 0)


def _passes(image: Image.Image, data: bytes, tile: int) -> float:
    """How often a TIFF goes through its pixels: strips of JPEG may have many scans, tiles may be larger than it is."""
    tags: Any = getattr(image, "tag_v2", {})
    places = tags.get(324) or tags.get(273) or (0,)
    scans = data.count(b"\xff\xda") / len(places) if tags.get(259) in (6, 7) else 1.0
    tiles = len(places) * tile / (image.width * image.height)
    samples = max(1, int(tags.get(277, 1) or 1))
    return max(1.0, scans) * max(1.0, tiles / 4) * max(1.0, samples / 4)


# --- JPEG


def _jpeg(data: bytes) -> Work:
    """Follow the markers as libjpeg does; coefficients are kept in memory where there is more than one scan."""
    blocks: dict[int, int] = {}
    seconds, segments, scans, arithmetic, kept = len(data) * _JPEG_BYTE_NS * _NS, 0, 0, False, False
    exif: list[bytes] = []
    for marker, start, end in _segments(data):
        segments, scans = segments + 1, scans + (marker == _SCAN)
        if segments > MOST_SEGMENTS or scans > MOST_SCANS:
            kind = f"{MOST_SCANS:,} scans" if scans > MOST_SCANS else f"{MOST_SEGMENTS:,} segments"
            raise UnreadableError(f"too much work: it has more than {kind}")
        if marker in _FRAMES:
            kept, arithmetic = kept or marker & 3 == 2, arithmetic or marker > 0xC8
            found = _blocks(data[start:end])
            blocks = {name: max(count, blocks.get(name, 0)) for name, count in (blocks | found).items()}
        elif marker == _SCAN:
            named = data[start + 1 : start + 1 + 2 * min(4, data[start] if start < end else 0) : 2]
            counted = sum(blocks.get(name, 0) for name in named)
            seconds += counted * (_ARITHMETIC_NS if arithmetic else _JPEG_BLOCK_NS) * _NS
            kept = kept or len(named) < len(blocks)
        elif marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            exif.append(data[start + 6 : end])
        elif marker == 0xE2 and data[start : start + 4] == b"MPF\0":
            check_directory(data[start + 4 : end])
    check_directory(b"".join(exif))
    return Work(seconds, 128 * sum(blocks.values()) if kept or scans > 1 else 0)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of each segment, until the end of the first picture."""
    at, junk, scanning = 2, 0, False
    while (place := _next_marker(data, at)) is not None:
        marker = data[place + 1]
        alone = marker in _ALONE or 0x01 < marker < 0xC0
        junk += (0 if scanning else place - at) + (2 if alone else 0)
        if junk > MOST_JUNK_BYTES:
            raise UnreadableError("truncated or damaged: rubbish between its segments")
        at = place + 2
        if marker == 0xD9:
            return
        if alone:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, at + 2, max(at + 2, min(at + length, len(data)))
        scanning = scanning or marker == _SCAN
        at += max(2, length)


def _next_marker(data: bytes, at: int) -> int | None:
    """Where the next marker is that is no restart marker; within a scan 0xff is followed by 0 or stands for one."""
    size = 64
    while at + 1 < len(data):
        size = min(_WINDOW, 8 * size)
        window = np.frombuffer(data, np.uint8, min(size, len(data) - at), at)
        places = np.flatnonzero(window[:-1] == 0xFF)
        found = places[_IS_MARKER[window[places + 1]]]
        if len(found):
            return at + int(found[0])
        at += len(window) - 1
    return None


def _blocks(frame: bytes) -> dict[int, int]:
    """Component → its blocks of 8 × 8, from a frame header."""
    height, width, count = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), 0
    parts = [frame[6 + 3 * i : 9 + 3 * i] for i in range(min(4, frame[5] if len(frame) > 5 else 0))]
    factors = {part[0]: (max(1, part[1] >> 4), max(1, part[1] & 15)) for part in parts if len(part) == 3}
    wide = max((across for across, _ in factors.values()), default=1)
    high = max((down for _, down in factors.values()), default=1)
    found: dict[int, int] = {}
    for name, (across, down) in factors.items():
        count = ceil(width * across / wide / 8) * ceil(max(height, 1) * down / high / 8)
        found[name] = count
    return found


# --- other formats


def check_directory(data: bytes, *, file: bool = False) -> None:
    r"""Refuse a TIFF directory (EXIF is one) whose entries together claim more bytes than there are.

    Args:
        data: From the byte order on; nothing is said about what is too short to be a directory.
        file: Whether it is a whole TIFF, of which strips may be many but not without end.

    Raises:
        UnreadableError: Entries overlap, or there are too many values.

    Example:
        >>> check_directory(b"MM\0*\0\0\0\x08\0\0")
    """
    order = "little" if data[:2] == b"II" else "big"
    large = int.from_bytes(data[2:4], order) == 43
    start = int.from_bytes(data[8:16] if large else data[4:8], order)
    head, size, wide = (8, 20, 8) if large else (2, 12, 4)
    entries = int.from_bytes(data[start : start + head], order)
    if entries > MOST_ENTRIES:
        raise UnreadableError(f"truncated or damaged: its directory has more than {MOST_ENTRIES:,} entries")
    claimed = values = 0
    for at in range(start + head, min(start + head + entries * size, len(data)), size):
        entry = data[at : at + size]
        kind, count = int.from_bytes(entry[2:4], order), int.from_bytes(entry[4 : 4 + wide], order)
        place = int.from_bytes(entry[4 + wide : 4 + 2 * wide], order)
        bytes_each = _TIFF_BYTES[kind] if kind < len(_TIFF_BYTES) else 8
        if place + count * bytes_each <= len(data):  # else reading it fails, and nothing is kept
            claimed += count * bytes_each
            values += count if bytes_each > 1 else 0
    if claimed > len(data) + 65_536:
        raise UnreadableError("truncated or damaged: its directory claims more bytes than the file has")
    if file and values > MOST_VALUES:
        raise UnreadableError(f"truncated or damaged: its directory holds more than {MOST_VALUES:,} numbers")


def _check_png(data: bytes) -> None:
    at, chunks, most = 8, 0, CHUNKS + len(data) // BYTES_PER_CHUNK
    while at + 8 <= len(data):
        chunks += 1
        if chunks > most:
            raise UnreadableError(f"truncated or damaged: more than {most:,} chunks in {len(data):,} bytes")
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _check_gif(data: bytes) -> None:
    """Count the blocks before the first frame."""
    flags = data[10] if len(data) > 10 else 0
    at, blocks = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0), 0
    while at < len(data) and data[at] != 0x2C:
        extension = data[at] == 0x21
        at += 2 if extension else 1
        blocks += 1
        while extension and at < len(data) and data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > MOST_BLOCKS:
                break
        if blocks > MOST_BLOCKS:
            raise UnreadableError(f"truncated or damaged: more than {MOST_BLOCKS:,} blocks before its first frame")


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the first chunk of a WebP claims (RFC 9649, sections 2.5 to 2.7); None: damaged.

    Example:
        >>> webp_size(b"RIFF")
    """
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and len(data) >= 30:
        width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        return width & 0x3FFF, height & 0x3FFF
    return None
