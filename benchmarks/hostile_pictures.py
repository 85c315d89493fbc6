"""Pictures made to cost time or memory, or to break their reader: each must be refused or read, within bounds.

    python benchmarks/hostile_pictures.py

Every picture is read by `read_picture` in a process of its own, of 2 GB and 30 seconds. What counts as failed: another
error than PictureError, a process that dies, more memory, more time.
"""

from __future__ import annotations

import io
import json
import shlex
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions
from PIL import Image, ImageFile

from drivetrain.runtime.pictures.work import MOST_SCANS

ImageFile.MAXBLOCK = 2**26
warnings.simplefilter("ignore")  # Pillow's, about the pictures made here
LIMIT_S, LIMIT_BYTES = 30, 2_000_000_000
READ = """
import json, re, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from drivetrain.errors import PictureError
from drivetrain.runtime.pictures.read import probe_picture, read_picture
began, shrink = time.perf_counter(), int(sys.argv[3]) or None
try:
    said = "read " + "x".join(map(str, read_picture(sys.argv[1], shrink_to_px=shrink).shape))
except PictureError as error:
    said = "refused: " + str(error).split(": ", 1)[1].split(". To fix")[0]
print(json.dumps({"said": said, "seconds": time.perf_counter() - began,
                  "peak": 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])}))
"""
Case = tuple[str, Callable[[], bytes]]


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def flat(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height))


def noise(side: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).convert(mode)


# --- JPEG


def scans(data: bytes) -> list[tuple[int, int]]:
    """Start and end of each scan of a JPEG, with what follows it up to the next table or scan."""
    starts = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    ends = [
        min(x for x in (data.find(b"\xff\xda", i + 2), data.find(b"\xff\xc4", i + 2), len(data) - 2) if x > 0)
        for i in starts
    ]
    return list(zip(starts, ends, strict=True))


def repeated(width: int, height: int, which: int, size: int, mode: str = "RGB", **options: Any) -> bytes:
    """A JPEG in which one scan occurs until it has `size` bytes."""
    data = encoded(flat(width, height, mode), "JPEG", quality=30, progressive=True, **options)
    start, end = scans(data)[which]
    scan = data[start:end]
    return data[:end] + scan * ((size - len(data)) // len(scan)) + data[end:]


def as_often_as_allowed(width: int, height: int, mode: str = "RGB") -> bytes:
    """A JPEG in which one scan occurs so often that it is just read."""
    data = encoded(flat(width, height, mode), "JPEG", quality=30, progressive=True)
    start, end = scans(data)[3]
    return data[:end] + data[start:end] * (MOST_SCANS - len(scans(data))) + data[end:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def after_start(data: bytes, insert: bytes) -> bytes:
    return data[:2] + insert + data[2:]


def directory(entries: int, size: int, *, order: str = "<", at: int = 8) -> bytes:
    """A TIFF directory whose entries all claim the same `size` bytes."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    rows = b"".join(struct.pack(order + "HHII", 40_000 + i % 20_000, 7, size, 8) for i in range(entries))
    return (head + struct.pack(order + "H", entries) + rows).ljust(size + 8, b"\0")


def exif_of(data: bytes, block: bytes) -> bytes:
    """The block in as many APP1 segments as it needs."""
    parts = [block[i : i + 65_000] for i in range(0, len(block), 65_000)]
    return after_start(data, b"".join(segment(0xE1, b"Exif\0\0" + part) for part in parts))


def jpegs() -> Iterator[Case]:
    small = encoded(noise(64), "JPEG")
    progressive = encoded(noise(64), "JPEG", progressive=True)
    for which in (0, 1, 3, 5, 9):
        yield f"scan {which} again and again, 300 kB", lambda w=which: repeated(2000, 2000, w, 300_000)
    yield "scan again and again, 60 MP, 300 kB", lambda: repeated(8000, 7500, 9, 300_000 + 900_000)
    yield "scan again and again, CMYK", lambda: repeated(3000, 3000, 5, 400_000, "CMYK")
    yield "scan again and again, grey, 10 MB", lambda: repeated(1000, 1000, 3, 10_000_000, "L")
    yield "scan again and again, 3 million in 16 x 16", lambda: repeated(16, 16, 3, 40_000_000, "L")
    yield "as many scans as are read, 5 MP, grey", lambda: as_often_as_allowed(2500, 2000, "L")
    yield "as many scans as are read, 12 MP", lambda: as_often_as_allowed(4000, 3000)
    yield "progressive, 80 MP", lambda: encoded(flat(8900, 8900), "JPEG", progressive=True, quality=30)
    yield "progressive, 80 MP, 4:4:4", lambda: encoded(flat(8900, 8900), "JPEG", progressive=True, subsampling=0)
    yield "progressive, 80 MP, CMYK", lambda: encoded(flat(8900, 8900, "CMYK"), "JPEG", progressive=True)
    yield "sequential, 80 MP, CMYK", lambda: encoded(flat(8900, 8900, "CMYK"), "JPEG")
    yield "80 MP on its side", lambda: exif_of(encoded(flat(8900, 8900), "JPEG"), turned(6))
    yield "65,500 x 65,500", lambda: patched(small, b"\xff\xc0", 5, struct.pack(">HH", 65_500, 65_500))
    yield (
        "65,500 x 65,500, progressive",
        lambda: patched(progressive, b"\xff\xc2", 5, struct.pack(">HH", 65_500, 65_500)),
    )
    yield "65,500 x 1", lambda: encoded(flat(65_500, 1), "JPEG", progressive=True)
    yield "arithmetic coding", lambda: patched(small, b"\xff\xc0", 1, b"\xc9")
    yield (
        "arithmetic coding, progressive, 60 MP",
        lambda: patched(repeated(8000, 7500, 1, 9_999), b"\xff\xc2", 1, b"\xca"),
    )
    yield "lossless", lambda: patched(small, b"\xff\xc0", 1, b"\xc3")
    yield "12 bits", lambda: patched(small, b"\xff\xc0", 4, b"\x0c")
    yield "factors of 4 x 4", lambda: patched(small, b"\xff\xc0", 11, b"\x44")
    yield "factors of 0", lambda: patched(small, b"\xff\xc0", 11, b"\x00")
    yield "height 0", lambda: patched(small, b"\xff\xc0", 5, b"\0\0")
    yield "255 components", lambda: patched(small, b"\xff\xc0", 9, b"\xff")
    yield "two frames", lambda: small[:-2] + small[small.find(b"\xff\xc0") :]
    yield "no tables", lambda: small[:2] + small[small.find(b"\xff\xc0") :]
    yield "restart after each block", lambda: after_start(small, segment(0xDD, b"\0\1"))
    yield "200,000 comments", lambda: after_start(small, segment(0xFE, b"") * 200_000)
    yield "10 MB of padding", lambda: after_start(small, b"\xff" * 10_000_000)
    yield "10 MB of rubbish", lambda: after_start(small, bytes(10_000_000))
    yield "EXIF that claims itself 5,000 times", lambda: exif_of(small, directory(5000, 64_900))
    yield "EXIF of 10 MB that claims itself 65,535 times", lambda: exif_of(small, directory(65_535, 10_000_000))
    yield "EXIF in the other order", lambda: exif_of(small, directory(65_535, 3_000_000, order=">"))
    yield "EXIF whose directory is itself", lambda: exif_of(small, turned(3)[:-4] + struct.pack("<I", 8))
    yield "MPF that claims itself", lambda: after_start(small, segment(0xE2, b"MPF\0" + directory(5000, 64_900)))
    yield "half of it", lambda: small[: len(small) // 2]
    yield "a scan and nothing", lambda: small[: small.find(b"\xff\xda") + 12]
    yield "start markers", lambda: b"\xff\xd8" * 500_000
    yield "orientation 0xffff", lambda: exif_of(small, turned(65_535))


def turned(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 274, 3, 1, orientation, 0) + bytes(4)


def patched(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    at = data.find(mark) + offset
    return data[:at] + new + data[at + len(new) :]


def mpos() -> Iterator[Case]:
    two = encoded(noise(64), "MPO", save_all=True, append_images=[noise(64)])
    yield "places far outside", lambda: two.replace(struct.pack("<I", len(two) // 2), b"\xff" * 4)
    yield "65,535 pictures", lambda: patched(two, b"\x01\xb0", 8, struct.pack("<I", 65_535))
    yield "half of it", lambda: two[: len(two) // 2]
    yield "no second one", lambda: two[: two.find(b"\xff\xd9") + 2]
    yield "directory that claims itself", lambda: after_start(two, segment(0xE2, b"MPF\0" + directory(5000, 64_900)))
    yield "scans again and again in the first", lambda: repeated(2000, 2000, 3, 300_000) + two


# --- PNG


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, kind: int, rows: bytes | None, *extra: bytes, interlaced: int = 0) -> bytes:
    """A PNG; rows None: as many zeros as it needs."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    if rows is None:
        squeeze, row = zlib.compressobj(9), bytes(width * channels * bits // 8 + 1)
        rows = b"".join(squeeze.compress(row) for _ in range(height + (8 if interlaced else 0))) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra)
    return start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pngs() -> Iterator[Case]:
    few = zlib.compress(bytes(1000))
    text = zlib.compress(bytes(50_000_000), 9)
    hexed = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n  400000\n" + directory(30_000, 400_000).hex().encode()
    )
    yield "30,000 x 30,000", lambda: png(30_000, 30_000, 8, 2, few)
    yield "2 billion wide", lambda: png(2**31 - 1, 1, 8, 2, few)
    for kind, bits, name in (
        (6, 8, "RGBA"),
        (6, 16, "RGBA of 16 bits"),
        (0, 16, "grey of 16 bits"),
        (4, 16, "grey and alpha"),
    ):
        yield f"80 MP, {name}", lambda k=kind, b=bits: png(8900, 8900, b, k, None)
    yield "80 MP, interlaced", lambda: png(8900, 8900, 8, 6, None, interlaced=1)
    yield "80 MP on its side", lambda: png(8900, 8900, 8, 2, None, chunk(b"eXIf", turned(8)))
    yield "80 MP, RGB with one transparent colour", lambda: png(8900, 8900, 8, 2, None, chunk(b"tRNS", bytes(6)))
    yield "no rows", lambda: png(100, 100, 8, 2, b"")
    yield "rows of 1 GB for 100 x 100", lambda: png(100, 100, 8, 2, zlib.compress(bytes(1_000_000_000), 9))
    yield "800,000 chunks", lambda: png(8, 8, 8, 2, few, chunk(b"abCd", b"") * 800_000)
    yield "empty IDAT", lambda: png(8, 8, 8, 2, few, chunk(b"IDAT", b"") * 800_000)
    yield "text that unfolds", lambda: png(8, 8, 8, 2, few, chunk(b"zTXt", b"a\0\0" + text) * 100)
    yield "profile that unfolds", lambda: png(8, 8, 8, 2, few, chunk(b"iCCP", b"a\0\0" + text))
    yield "EXIF that claims itself", lambda: png(8, 8, 8, 2, few, chunk(b"eXIf", directory(65_535, 10_000_000)))
    yield "EXIF as text", lambda: png(8, 8, 8, 2, few, chunk(b"zTXt", hexed))
    yield "no palette", lambda: png(8, 8, 8, 3, few)
    yield "2 billion frames", lambda: png(8, 8, 8, 2, few, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    yield "wrong transparency", lambda: png(8, 8, 8, 2, few, chunk(b"tRNS", b"\1"))
    yield "length of 4 GB", lambda: b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR" + bytes(50)
    yield "no size", lambda: png(0, 0, 8, 2, few)
    yield "bits of 3", lambda: png(8, 8, 3, 2, few)
    yield "broken sums", lambda: png(8, 8, 8, 2, few).replace(b"IDAT", b"IDAU")
    yield "half of it", lambda: encoded(noise(100), "PNG")[:9000]


# --- the others


def gifs() -> Iterator[Case]:
    good = encoded(noise(64, "L"), "GIF")
    palette = 13 + (3 << (good[10] & 7) + 1)
    yield "5 million comment blocks", lambda: good[:palette] + b"!\xfe" + b"\x01a" * 5_000_000 + b"\0" + good[palette:]
    yield "2 million extensions", lambda: good[:palette] + b"!\xf9\0" * 2_000_000 + good[palette:]
    yield "10 million bytes of nothing", lambda: good[:palette] + b"\x01" * 10_000_000 + good[palette:]
    yield "frame of 65,535 x 65,535", lambda: patched(good, b",\0\0\0\0", 5, b"\xff\xff\xff\xff")
    yield "canvas of 65,535 x 65,535", lambda: good[:6] + b"\xff\xff\xff\xff" + good[10:]
    yield "canvas of 65,535 x 1", lambda: good[:6] + b"\xff\xff\x01\0" + good[10:]
    yield "80 MP", lambda: encoded(flat(8900, 8900, "L"), "GIF")
    yield (
        "500 frames",
        lambda: encoded(noise(64, "L"), "GIF", save_all=True, append_images=[noise(63, "L").resize((64, 64))] * 500),
    )
    yield "damaged codes", lambda: good[: palette + 30] + b"\xff" * 500 + good[palette + 530 :]
    yield "half of it", lambda: good[: len(good) // 2]
    yield "no frame", lambda: good[:palette] + b";"


def bmp(width: int, height: int, bits: int, compression: int, pixels: bytes, *, colours: int = 256) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, colours, 0)
    start = 14 + 40 + (4 * min(colours, 256) if bits <= 8 else 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + bytes(start - 54) + pixels


def bmps() -> Iterator[Case]:
    yield "run lengths, ends of line without end", lambda: bmp(1000, 1000, 8, 1, b"\0\0" * 20_000_000)
    yield "run lengths, 80 MP of runs of one", lambda: bmp(8900, 8900, 8, 1, b"\1\1" * 5_000_000)
    yield "run lengths, one line of 80 MP", lambda: bmp(80_000_000, 1, 8, 1, b"\1\1\0\0\0\1")
    yield "run lengths, moves", lambda: bmp(5000, 5000, 8, 1, b"\0\2\0\0" * 1_000_000)
    yield "run lengths, moves far away", lambda: bmp(8900, 8900, 8, 1, b"\0\2\xff\xff" * 100)
    yield "run lengths of 4 bits", lambda: bmp(3000, 3000, 4, 2, b"\xff\x11" * 1_000_000)
    yield "80 MP that are not there", lambda: bmp(8900, 8900, 32, 0, b"")
    yield "2 billion colours", lambda: bmp(8, 8, 8, 0, bytes(64), colours=2**31 - 1)
    yield "height below 0", lambda: bmp(8, -(2**31), 24, 0, bytes(500))
    yield "masks", lambda: bmp(8, 8, 32, 3, bytes(500))
    yield "bits of 77", lambda: bmp(8, 8, 77, 0, bytes(500))
    yield "header of 4 GB", lambda: b"BM" + bytes(12) + b"\xff\xff\xff\x7f" + bytes(100)


def tiff(
    width: int, height: int, *more: tuple[int, int, int, int], after: bytes = b"", bits: int = 8, compression: int = 1
) -> bytes:
    """A grey TIFF; `more` are entries (tag, type, count, value or place); the pixels are 64 kB of `after` at 4096."""
    own = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, compression), (262, 3, 1, 1)]
    own += [(277, 3, 1, 1)]
    entries = {entry[0]: entry for entry in [*own, (273, 4, 1, 4096), (278, 4, 1, height), (279, 4, 1, 60_000), *more]}
    rows = b"".join(struct.pack("<HHII", *entry) for _, entry in sorted(entries.items()))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4)
    return head.ljust(4096, b"\0") + after.ljust(65_536, b"\0")


def tiffs() -> Iterator[Case]:
    def places(count: int) -> bytes:
        return (
            tiff(2000, 2000, (273, 4, count, 4096 + 65_536), (279, 4, count, 4096 + 65_536), (278, 4, 1, 2000))
            + struct.pack("<I", 8) * count
        )

    big = zlib.compress(bytes(79_000_000), 9)
    yield "one strip 500,000 times", lambda: places(500_000)
    yield "one strip 20 million times", lambda: places(20_000_000)
    yield (
        "one strip of 5,000 x 5,000, 3,000 times",
        lambda: tiff(5000, 5000, (273, 4, 3000, 4096), (279, 4, 3000, 4096), after=struct.pack("<I", 8) * 3000),
    )
    yield "entries that claim the same bytes", lambda: directory(65_535, 10_000_000)
    yield (
        "next directory is itself",
        lambda: tiff(8, 8).replace(bytes(4) + bytes(100), struct.pack("<I", 8) + bytes(100), 1),
    )
    yield "80 MP that unfold", lambda: tiff(8900, 8900, (279, 4, 1, len(big)), after=big, compression=8)
    yield (
        "tile of 30,000 x 30,000",
        lambda: tiff(
            100,
            100,
            (322, 4, 1, 30_000),
            (323, 4, 1, 30_000),
            (324, 4, 1, 4096),
            (325, 4, 1, len(big)),
            after=big,
            compression=8,
        ),
    )
    yield (
        "tiles of 16 x 16 in 80 MP",
        lambda: encoded(flat(8900, 8900, "L"), "TIFF", compression="tiff_lzw", tiffinfo={322: 16, 323: 16}),
    )
    yield (
        "JPEG strip with repeated scans",
        lambda: tiff(2000, 2000, (279, 4, 1, 300_000), after=repeated(2000, 2000, 3, 300_000, "L"), compression=7),
    )
    yield "60,000 samples", lambda: tiff(1000, 1000, (277, 3, 1, 60_000))
    yield "floats", lambda: encoded(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF")
    yield "80 MP of 16 bits that are not there", lambda: tiff(8900, 8900, bits=16)
    yield "4 billion x 4 billion", lambda: tiff(2**32 - 1, 2**32 - 1)
    yield "rows per strip 0", lambda: tiff(100, 100, (278, 4, 1, 0))
    yield (
        "big TIFF with 2^60 values",
        lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + struct.pack("<HHQQ", 273, 16, 2**60, 16) + bytes(99),
    )
    yield "big TIFF with 2^60 entries", lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(5_000_000)
    yield "LZMA of nothing", lambda: tiff(1000, 1000, compression=34_925)
    yield "fax of nothing", lambda: tiff(8000, 8000, bits=1, compression=4)
    yield "half of it", lambda: encoded(noise(100), "TIFF", compression="tiff_lzw")[:9000]


def ppms() -> Iterator[Case]:
    yield "20 million numbers", lambda: b"P3 2000 2000 255\n" + b"1 " * 20_000_000
    yield "80 MP of text", lambda: b"P2 8900 8900 255\n" + b"1 " * 1000
    yield "80 MP of bits as text", lambda: b"P1 8900 8900\n" + b"1" * 1000
    yield "other maximum, 80 MP", lambda: b"P6 8900 8900 254\n" + bytes(10_000)
    yield "16 bits, 20 MP", lambda: b"P6 4500 4500 65535\n" + bytes(4500 * 4500 * 6)
    yield "comments of 10 MB", lambda: b"P6\n" + b"#a\n" * 3_000_000 + b"8 8 255\n" + bytes(500)
    yield "one comment of 10 MB", lambda: b"P5\n#" + b"a" * 10_000_000 + b"\n8 8 255\n" + bytes(500)
    yield "numbers of a million digits", lambda: b"P5 " + b"9" * 1_000_000 + b" 1 255\n"
    yield "maximum 0", lambda: b"P5 8 8 0\n" + bytes(64)
    yield "80 MP that are not there", lambda: b"P6 8900 8900 255\n"
    yield "floats", lambda: b"Pf 8 8 -1.0\n" + bytes(256)


def webp(width: int, height: int, *chunks: tuple[bytes, bytes], flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in [(b"VP8X", bytes([flags, 0, 0, 0]) + size), *chunks]
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webps() -> Iterator[Case]:
    good = encoded(noise(64), "WEBP")
    lossless = encoded(noise(64), "WEBP", lossless=True)
    yield "canvas of 16,383 x 16,383", lambda: webp(16_383, 16_383, (b"VP8 ", good[20:]))
    yield "canvas of 16 million x 16 million", lambda: webp(2**24, 2**24, (b"VP8 ", good[20:]))
    yield "lossless, 80 MP", lambda: encoded(flat(8900, 8900), "WEBP", lossless=True, method=0, quality=0)
    yield (
        "lossless, 40 MP, transparent",
        lambda: encoded(flat(6300, 6300, "RGBA"), "WEBP", lossless=True, method=0, quality=0, exact=True),
    )
    yield "lossy, 60 MP", lambda: encoded(flat(7700, 7700), "WEBP", method=0)
    yield (
        "EXIF that claims itself",
        lambda: webp(64, 64, (b"VP8 ", good[20:]), (b"EXIF", directory(65_535, 5_000_000)), flags=8),
    )
    yield "100,000 chunks", lambda: webp(64, 64, *[(b"ABCD", b"")] * 100_000, (b"VP8 ", good[20:]))
    yield (
        "200 frames",
        lambda: encoded(noise(64), "WEBP", save_all=True, append_images=[noise(64).rotate(i) for i in range(200)]),
    )
    yield "another size inside", lambda: webp(10, 10, (b"VP8L", lossless[20:]))
    yield "damaged codes", lambda: lossless[:60] + b"\xff" * 200 + lossless[260:]
    yield "half of it", lambda: good[: len(good) // 2]
    yield "length of 4 GB", lambda: good[:4] + b"\xff\xff\xff\xff" + good[8:]
    yield "nothing in it", lambda: b"RIFF\x04\0\0\0WEBP"


def avifs() -> Iterator[Case]:
    good = encoded(noise(64), "AVIF", speed=10)
    exif = encoded(noise(64), "AVIF", speed=10, exif=b"Exif\0\0" + directory(5000, 60_000))
    yield "40 MP", lambda: encoded(flat(6300, 6300), "AVIF", speed=10)
    yield "another size outside", lambda: patched(good, b"ispe", 8, struct.pack(">II", 65_535, 65_535))
    yield "EXIF that claims itself", lambda: exif
    yield "half of it", lambda: good[: len(good) // 2]
    yield "damaged codes", lambda: good[:-300] + b"\xff" * 300
    yield "box of 0 bytes", lambda: patched(good, b"meta", -4, bytes(4))
    yield "box within itself", lambda: good.replace(b"iprp", b"meta")
    yield "100,000 empty boxes", lambda: good[:32] + struct.pack(">I4s", 8, b"free") * 100_000 + good[32:]
    yield "head alone", lambda: good[:40]


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text + data


def npys() -> Iterator[Case]:
    def of(dtype: str, shape: str, order: bool = False) -> str:
        return f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n"

    yield "objects", lambda: npy(of("|O", "(2,)"), b"cos\nsystem\n(S'true'\ntR.")
    yield "10^12 rows", lambda: npy(of("|u1", "(1000000, 1000000)"))
    yield "rows below 0", lambda: npy(of("|u1", "(-1, 5)"), bytes(50))
    yield "a header of brackets", lambda: npy("(" * 9000)
    yield "a header of 4 GB", lambda: b"\x93NUMPY\2\0\xff\xff\xff\xff" + b"{" * 1_000_000
    yield "a header that computes", lambda: npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9**9**9,)}")
    yield "80 MP of 16 bits", lambda: npy(of("<u2", "(8900, 8900)"), bytes(2 * 8900 * 8900))
    yield (
        "20 MP of 7 channels, by column",
        lambda: npy(of("<u2", "(4500, 4500, 7)", order=True), bytes(2 * 4500 * 4500 * 7)),
    )
    yield "many channels", lambda: npy(of("|u1", "(1, 1, 80000000)"), bytes(80_000_000))
    yield "floats", lambda: npy(of("<f8", "(5, 5)"), bytes(200))
    yield "records", lambda: npy("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (5, 5)}", bytes(25))
    yield "version 9", lambda: npy(of("|u1", "(5, 5)"), bytes(25), version=b"\x09\0")
    yield "too few", lambda: npy(of("|u1", "(500, 500)"), bytes(25))


READERS: dict[str, tuple[str, Callable[[], Iterator[Case]]]] = {
    "JPEG": (".jpg", jpegs),
    "MPO": (".mpo", mpos),
    "PNG": (".png", pngs),
    "GIF": (".gif", gifs),
    "BMP": (".bmp", bmps),
    "TIFF": (".tif", tiffs),
    "PPM": (".ppm", ppms),
    "WebP": (".webp", webps),
    "AVIF": (".avif", avifs),
    "numpy": (".npy", npys),
}


def read(path: Path, shrink_to_px: int) -> dict[str, Any]:
    """What became of one picture in a process of its own."""
    began = time.perf_counter()
    words = [sys.executable, "-c", READ, str(path), str(LIMIT_BYTES), str(shrink_to_px)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S + 5, check=False)
    except subprocess.TimeoutExpired:
        return {"said": "not ended", "seconds": time.perf_counter() - began, "peak": 0, "failed": True}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"said": f"ended with {done.returncode}: {last[:200]}", "seconds": 0.0, "peak": 0, "failed": True}
    found = json.loads(done.stdout)
    return {**found, "failed": found["seconds"] > LIMIT_S or found["peak"] > LIMIT_BYTES}


def run(only: str | None = None, *, quiet: bool = True) -> dict[str, Any]:
    """Read every picture, whole and for a network of 256 px in turn; counts, and the worst of time and memory.

    Args:
        only: A reader's name; None takes all.
        quiet: False prints a line for each.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for reader, (suffix, cases) in READERS.items():
            if only not in (None, reader):
                continue
            for number, (name, make) in enumerate(cases()):
                path = Path(folder) / f"hostile{suffix}"
                path.write_bytes(make())
                row = {"reader": reader, "name": name, "bytes": path.stat().st_size, **read(path, 256 * (number % 2))}
                rows.append(row)
                if not quiet:
                    cost = f"{row['seconds']:6.2f} s {row['peak'] / 1e6:6.0f} MB"
                    print(f"{reader:5} {name:45} {cost}  {row['said'][:110]}", flush=True)
    return {
        "pictures": len(rows),
        "read": sum(row["said"].startswith("read") for row in rows),
        "refused": sum(row["said"].startswith("refused") for row in rows),
        "failed": [f"{row['reader']}: {row['name']}: {row['said']}" for row in rows if row["failed"]],
        "most_seconds": max(row["seconds"] for row in rows),
        "most_peak_bytes": max(row["peak"] for row in rows),
        "rows": rows,
    }


def report(found: dict[str, Any]) -> list[str]:
    rows = found["rows"]
    lines = [
        "# Hostile pictures",
        "",
        f"{found['pictures']} pictures, each read in a process of its own with 2 GB and {LIMIT_S} s: ",
    ]
    lines[-1] += f"{found['refused']} refused by PictureError, {found['read']} read, {len(found['failed'])} failed."
    lines += ["", "Slowest and largest of each reader; memory includes the interpreter, about 45 MB.", ""]
    groups = {reader: [row for row in rows if row["reader"] == reader] for reader in READERS}
    body = [
        [
            reader,
            str(len(group)),
            str(sum(row["said"].startswith("read") for row in group)),
            f"{max(row['seconds'] for row in group):.2f}",
            f"{max(row['peak'] for row in group) / 1e6:,.0f}",
            str(sum(row["failed"] for row in group)),
        ]
        for reader, group in groups.items()
        if group
    ]
    lines += [*table(["reader", "pictures", "read", "most s", "most MB", "failed"], body), ""]
    return [*lines, *(f"* failed: {one}" for one in found["failed"]), ""]


def main() -> None:
    parser = parser_of(__doc__)
    options = parser.parse_args()
    found = run(options.only, quiet=False)
    command = shlex.join(["benchmarks/hostile_pictures.py", *sys.argv[1:]])
    store = Results(
        (options.results or (QUICK_RESULTS if options.only else RESULTS)) / "hostile_pictures.json", hidden_places()
    )
    row = store.put("pictures", {**found, "command": command, "versions": versions()})
    store.write([*report(row), *provenance(store.rows)])
    print(store.path.with_suffix(".md").read_text())
    raise SystemExit(1 if found["failed"] else 0)


if __name__ == "__main__":
    main()
