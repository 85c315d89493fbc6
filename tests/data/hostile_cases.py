"""Hostile files, names and cells, made on the spot; and what a test needs to try them.

A file is a name, its bytes, and what must become of it: "kept" (it is a picture), "left out" (it is reported by
name), or "either" (decoders differ; it must not crash).
"""

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from drivetrain.errors import DrivetrainError, DrivetrainWarning
from drivetrain.kinds.images.images import images

Case = tuple[str, bytes, str]
N_GOOD = 10


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 24), seed: int = 5) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(stream, format, **options)
    return stream.getvalue()


def npy(array: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(text: str, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), *chunks]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x", "y" * 100)
    return stream.getvalue()


def truncated() -> list[Case]:
    """Every format cut at several places."""
    cases: list[Case] = []
    suffixes = {
        "JPEG": "jpg",
        "PNG": "png",
        "WEBP": "webp",
        "GIF": "gif",
        "BMP": "bmp",
        "TIFF": "tif",
        "PPM": "ppm",
        "AVIF": "avif",
    }
    Image.init()
    for format, suffix in suffixes.items():
        if format not in Image.SAVE:  # AVIF, in builds of Pillow without it
            continue
        data = encode(picture(), format)
        shares = (0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9)
        cases += [(f"{format}-{share}.{suffix}", data[: int(len(data) * share)], "left out") for share in shares]
        cases.append((f"{format}-last.{suffix}", data[:-1], "either"))
        cases.append((f"{format}-zeros.{suffix}", data[: len(data) // 2] + bytes(len(data) // 2), "either"))
        cases.append((f"{format}-longer.{suffix}", data + b"rubbish" * 50, "either"))
    progressive = encode(picture(size=(200, 200)), "JPEG", progressive=True)
    cases.append(("progressive.jpg", progressive, "kept"))
    cases.append(("progressive-cut.jpg", progressive[: len(progressive) // 2], "left out"))
    return cases


def odd_modes() -> list[Case]:
    """Legitimate pictures that naive loaders trip over."""
    values = (np.arange(960).reshape(24, 40) * 60).astype(np.uint16)
    frames = [picture(seed=i) for i in range(3)]
    palette = picture("P")
    return [
        ("one-pixel.jpg", encode(picture(size=(1, 1)), "JPEG"), "kept"),
        ("one-pixel.png", encode(picture(size=(1, 1)), "PNG"), "kept"),
        ("wide.png", encode(picture("L", (20_000, 1)), "PNG"), "kept"),
        ("tall.png", encode(picture("L", (1, 20_000)), "PNG"), "kept"),
        ("wide.jpg", encode(picture("L", (20_000, 1)), "JPEG"), "kept"),
        ("tall.jpg", encode(picture("L", (1, 20_000)), "JPEG"), "kept"),
        *[
            (f"animated.{f.lower()}", encode(frames[0], f, save_all=True, append_images=frames[1:]), "kept")
            for f in ("GIF", "WEBP", "PNG", "TIFF")
        ],
        ("palette.png", encode(palette, "PNG"), "kept"),
        ("palette-key.png", encode(palette, "PNG", transparency=3), "kept"),
        ("palette-alpha.png", encode(palette, "PNG", transparency=bytes(range(256))), "kept"),
        ("palette.gif", encode(palette, "GIF", transparency=3), "kept"),
        ("cmyk.jpg", encode(picture("CMYK"), "JPEG"), "kept"),
        ("cmyk.tif", encode(picture("CMYK"), "TIFF"), "kept"),
        ("lab.tif", encode(Image.new("LAB", (8, 8)), "TIFF"), "kept"),
        ("ycbcr.tif", encode(picture("YCbCr"), "TIFF"), "kept"),
        ("grey.jpg", encode(picture("L"), "JPEG"), "kept"),
        ("grey-alpha.png", encode(picture("LA"), "PNG"), "kept"),
        ("grey-key.png", encode(picture("L"), "PNG", transparency=7), "kept"),
        ("rgb-key.png", encode(picture(), "PNG", transparency=(1, 2, 3)), "kept"),
        ("alpha.png", encode(picture("RGBA"), "PNG"), "kept"),
        ("alpha.webp", encode(picture("RGBA"), "WEBP"), "kept"),
        ("16-bit.png", encode(Image.fromarray(values), "PNG"), "kept"),
        ("16-bit.tif", encode(Image.fromarray(values), "TIFF"), "kept"),
        ("16-bit.pgm", b"P5 2 2 65535\n" + bytes(range(8)), "kept"),
        ("32-bit.tif", encode(Image.fromarray(values.astype(np.int32)), "TIFF"), "kept"),
        ("32-bit-negative.tif", encode(Image.fromarray(-values.astype(np.int32)), "TIFF"), "left out"),
        ("float.tif", encode(Image.fromarray(values.astype(np.float32)), "TIFF"), "left out"),
        ("1-bit.png", encode(picture("1"), "PNG"), "kept"),
        ("1-bit.tif", encode(picture("1"), "TIFF", compression="group4"), "kept"),
        ("plain.pbm", b"P1 2 2 0 1 1 0", "kept"),
        *[
            (f"tif-{how}.tif", encode(picture(), "TIFF", compression=how), "kept")
            for how in ("tiff_lzw", "jpeg", "packbits")
        ],
        ("png-in.jpg", encode(picture(), "PNG"), "kept"),
        ("jpeg-in.png", encode(picture(), "JPEG"), "kept"),
        ("gif-in.tif", encode(picture(), "GIF"), "kept"),
        ("upper.JPG", encode(picture(), "JPEG"), "kept"),
        ("multi.mpo", encode(frames[0], "MPO", save_all=True, append_images=frames[1:]), "kept"),
        ("mpo-in.jpg", encode(frames[0], "MPO", save_all=True, append_images=frames[1:]), "kept"),
    ]


def exif() -> list[Case]:
    """Every orientation, and EXIF blocks that are wrong."""
    cases: list[Case] = []
    for orientation in [*range(10), 99, 65_535]:
        block = Image.Exif()
        block[0x0112] = orientation
        cases.append((f"orientation-{orientation}.jpg", encode(picture(), "JPEG", exif=block), "kept"))
    for i, block in enumerate(
        (
            b"",
            b"Exif\0\0",
            b"Exif\0\0garbage" * 40,
            b"Exif\0\0II*\0\xff\xff\xff\xff",
            b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\x7f\0\0\0\0",
        )
    ):
        cases += [(f"exif-{i}.{f.lower()}", encode(picture(), f, exif=block), "kept") for f in ("JPEG", "PNG", "WEBP")]
    raw = (b"tEXt", b"Raw profile type exif\0\nexif\n  4\nzzzz")
    pixels = (b"IDAT", zlib.compress(b"\0" + bytes(6)))
    cases.append(("exif-as-text.png", png(2, 1, raw, pixels, (b"IEND", b"")), "kept"))
    xmp = encode(picture(), "WEBP", xmp=b"<x tiff:Orientation='\xff'/>")
    cases.append(("xmp.webp", xmp, "kept"))
    return cases


def impostors() -> list[Case]:
    """Files that are no pictures, and headers that lie."""
    big_text = (b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000), 9))
    pixels = (b"IDAT", zlib.compress(b"\0" + bytes(6)))
    end = (b"IEND", b"")
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n"
    bmp = bytearray(encode(picture(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    gif = bytearray(encode(picture(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    return [
        ("empty.jpg", b"", "left out"),
        ("space.jpg", b" ", "left out"),
        ("nul.jpg", bytes(5000), "left out"),
        ("ff.jpg", b"\xff" * 5000, "left out"),
        ("noise.jpg", np.random.default_rng(0).bytes(5000), "left out"),
        ("text.jpg", b"this is no picture\n" * 20, "left out"),
        ("text.png", b"this is no picture\n" * 20, "left out"),
        ("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "left out"),
        ("svg.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "left out"),
        ("archive.jpg", zipped(), "left out"),
        ("document.jpg", b"%PDF-1.7\n%%EOF", "left out"),
        ("script.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "left out"),
        ("script.tif", b"\xc5\xd0\xd3\xc6" + bytes(40), "left out"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "left out"),
        ("only-start.jpg", b"\xff\xd8\xff", "left out"),
        ("start-end.jpg", b"\xff\xd8\xff\xd9", "left out"),
        ("only-start.png", b"\x89PNG\r\n\x1a\n", "left out"),
        ("bomb.png", png(60_000, 60_000, pixels, end), "left out"),
        ("bomb-warned.png", png(10_000, 10_000, pixels, end), "left out"),
        ("too-large.png", png(9_000, 9_000, pixels, end), "left out"),
        ("bomb.bmp", bytes(bmp), "left out"),
        ("bomb.gif", bytes(gif), "left out"),
        ("bomb.ppm", b"P6 60000 60000 255\n", "left out"),
        ("claims-more.png", png(5_000, 5_000, pixels, end), "left out"),
        ("no-width.png", png(0, 5, pixels, end), "left out"),
        ("no-height.ppm", b"P6 5 0 255\n", "left out"),
        ("negative.ppm", b"P6 -5 5 255\n", "left out"),
        ("words.ppm", b"P6 five five 255\n", "left out"),
        ("endless-number.ppm", b"P6 " + b"9" * 5000, "left out"),
        ("text-bomb.png", png(2, 1, big_text, pixels, end), "either"),
        ("no-pixels.png", png(2, 1, end), "left out"),
        ("bad-crc.png", png(2, 1, pixels, end)[:-20] + b"\0" * 20, "left out"),
        ("wrong-bytes.png", png(2, 1, (b"IDAT", b"not zlib"), end), "left out"),
        ("tiff-loop.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "left out"),
        ("tiff-far.tif", b"II*\0\xff\xff\xff\xff", "left out"),
        ("tiff-tags.tif", b"II*\0\x08\0\0\0\xff\xff" + b"\x01" * 200, "left out"),
        ("pickle.npy", npy(np.array([{"a": 1}, None]), allow_pickle=True), "left out"),
        ("float.npy", npy(np.zeros((4, 4, 3))), "left out"),
        ("signed.npy", npy(np.zeros((4, 4, 3), np.int16)), "left out"),
        ("text.npy", npy(np.array([["a", "b"]])), "left out"),
        ("four.npy", npy(np.zeros((2, 4, 4, 3), np.uint8)), "left out"),
        ("scalar.npy", npy(np.array(5, np.uint8)), "left out"),
        ("seven.npy", npy(np.zeros((4, 4, 7), np.uint8)), "left out"),
        ("rgb.npy", npy(np.full((4, 4, 3), 7, np.uint8)), "kept"),
        ("sixteen.npy", npy(np.full((4, 4), 700, np.uint16)), "kept"),
        ("cut.npy", npy(np.zeros((40, 40, 3), np.uint8))[:-9], "left out"),
        ("head.npy", npy(np.zeros((40, 40, 3), np.uint8))[:20], "left out"),
        ("magic.npy", b"\x93NUMPY", "left out"),
        ("version.npy", b"\x93NUMPY\x09\x09" + bytes(90), "left out"),
        ("huge.npy", npy_header(header % ("|u1", "(99999999, 99999999, 3)")), "left out"),
        ("huge-third.npy", npy_header(header % ("|u1", "(10, 10, 99999999999)")), "left out"),
        ("negative.npy", npy_header(header % ("|u1", "(-4, 4, 3)")) + bytes(48), "left out"),
        ("none.npy", npy_header(header % ("|u1", "(0, 4, 3)")), "left out"),
        ("code.npy", npy_header("__import__('os').abort()\n"), "left out"),
        ("object.npy", npy_header(header % ("|O", "(4, 4, 3)")) + bytes(400), "left out"),
        ("nested.npy", npy_header("(" * 9000), "left out"),
        ("zip.npy", zipped(), "left out"),
    ]


FILES = [*truncated(), *odd_modes(), *exif(), *impostors()]

NAMES: list[bytes] = [
    b"non-utf8-\xff\xfe.jpg",
    b"new\nline.jpg",
    b"tab\tand\rreturn.jpg",
    b" spaces .jpg",
    b"'quotes\".jpg",
    "emoji-🍐.jpg".encode(),
    "right-to-left-\u202e.jpg".encode(),
    "cafe\u0301.jpg".encode(),
    b"a" * 250 + b".jpg",
    b"-rf.jpg",
    b"*.jpg",
    b"%s%n{0}.jpg",
    b"semi;colon,comma.jpg",
    b"back\\slash.jpg",
    b"$(touch x).jpg",
    b"#hash.jpg",
    b"double..dots.jpg",
]

CELLS: list[object] = [
    None,
    "",
    " ",
    float("nan"),
    5,
    2.5,
    True,
    b"bytes.jpg",
    ["a.jpg"],
    {"a": 1},
    "x" * 200_000,
    "nul\0.jpg",
    "\ud800.jpg",
    "../" * 500 + "x.jpg",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "/",
    ".",
    "~/x.jpg",
    "https://example.org/x.jpg",
    "file:///etc/passwd",
    "C:\\pictures\\x.jpg",
    "pandas",
    pd.Timestamp(0),
]


def outcome(source, **options):
    """Data, or the error that was raised; and the text of all warnings. Any other exception fails the test."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = images(source, **options)
        except DrivetrainError as error:
            found = error
    assert {warning.category for warning in caught} <= {DrivetrainWarning}, [str(w.message) for w in caught]
    said = "\n".join(str(warning.message) for warning in caught)
    (said + str(found)).encode()  # can be printed and stored
    return found, said


def every_path(data) -> list[Path]:
    return [*data.train.inputs.paths, *data.valid.inputs.paths, *data.sealed_test.open().inputs.paths]
