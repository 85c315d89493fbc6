"""What a file claims is bounded before it is decoded, and what ordinary files claim is not."""

import io
import json
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import PictureError
from drivetrain.runtime.pictures import read as pictures
from drivetrain.runtime.pictures.faults import UnreadableError
from drivetrain.runtime.pictures.read import probe_picture, read_picture
from drivetrain.runtime.pictures.work import MOST, Work, check_directory, check_headers, work_of
from tests.runtime.test_pictures import encoded, scene

NOTHING = Work(0.0, 0)


def work(data: bytes, shrink: int = 1) -> Work:
    return work_of(Image.open(io.BytesIO(data)), data, check_headers(data, 10**9), shrink=shrink)


def scans_of(data: bytes) -> list[int]:
    return [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]


def with_scan_repeated(data: bytes, times: int, which: int = 3) -> bytes:
    starts = scans_of(data)
    start = starts[which] if len(starts) > which else starts[0]
    table, following = data.find(b"\xff\xc4", start), [at for at in starts if at > start]
    end = min(at for at in (table, *following, len(data) - 2) if at > 0)
    return data[:end] + data[start:end] * times + data[end:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def directory(entries: int, size: int, order: str = "<") -> bytes:
    """A TIFF directory whose entries all claim the same bytes."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, entries)
    rows = b"".join(struct.pack(order + "HHII", 40_000 + i % 25_000, 7, size, 8) for i in range(entries))
    return (start + rows).ljust(size + 8, b"\0")


# --- JPEG


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("times", [260, 5000])
def test_a_jpeg_that_repeats_a_scan_is_refused_at_once(mode, times, tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(with_scan_repeated(encoded(scene(640, 480).convert(mode), "JPEG", progressive=True), times))
    began = time.perf_counter()
    with pytest.raises(PictureError, match=r"more than 256 scans.*To fix: open it in a viewer"):
        read_picture(path)
    assert (probe_picture(path).problem or "").startswith("too much work")
    assert time.perf_counter() - began < 1


def test_the_cost_of_a_scan_is_that_of_its_blocks():
    once = encoded(Image.new("L", (4000, 3000)), "JPEG", progressive=True)
    more = with_scan_repeated(once, 200)
    blocks = 500 * 375
    assert work(more).seconds - work(once).seconds == pytest.approx(200 * blocks * 100e-9, rel=0.01)
    with pytest.raises(PictureError, match=r"too much work: decoding it would take about 1\d,?\d*\.\d s|too much work"):
        read_picture(with_scan_repeated(encoded(Image.new("L", (8000, 8000)), "JPEG", progressive=True), 200))


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, 0),
        ({"progressive": True}, 128 * 80 * 60 * 3 // 2),
        ({"progressive": True, "subsampling": 0}, 128 * 80 * 60 * 3),
    ],
)
def test_coefficients_are_kept_where_there_are_several_scans(options, kept):
    assert check_headers(encoded(scene(640, 480), "JPEG", **options), 10**9).bytes == kept


def test_a_progressive_jpeg_of_a_camera_is_read(tmp_path):
    data = encoded(scene(3000, 2000), "JPEG", progressive=True, quality=95)
    assert len(scans_of(data)) == 10
    np.testing.assert_array_equal(read_picture(data), np.asarray(Image.open(io.BytesIO(data))))
    assert work(data).seconds < 1 and MOST.seconds > 10 * work(data).seconds


def test_baseline_scans_that_are_apart_count_too():
    whole = encoded(scene(640, 480).convert("L"), "JPEG")
    assert check_headers(whole, 10**9).bytes == 0
    assert check_headers(with_scan_repeated(whole, 1), 10**9).bytes == 128 * 80 * 60


def test_scans_in_a_preview_do_not_count():
    preview = with_scan_repeated(encoded(scene(), "JPEG", progressive=True), 250)
    data = encoded(scene(), "JPEG")
    parts = b"".join(segment(0xE3, preview[at : at + 60_000]) for at in range(0, len(preview), 60_000))
    assert read_picture(data[:2] + parts * 3 + data[2:]).shape == (64, 96, 3)


@pytest.mark.parametrize(
    "junk",
    [segment(0xFE, b"") * 5000, b"\xff" * 70_000, bytes(70_000), b"\xff\xd8" * 40_000, b"\xff\x01" * 40_000],
    ids=["comments", "padding", "zeros", "starts", "markers"],
)
def test_headers_without_end_are_refused(junk):
    data = encoded(scene(), "JPEG")
    began = time.perf_counter()
    with pytest.raises(PictureError, match=r"segments|rubbish"):
        read_picture(data[:2] + junk + data[2:])
    assert time.perf_counter() - began < 1


def test_arithmetic_coding_costs_forty_times_as_much():
    data = encoded(Image.new("L", (800, 800)), "JPEG")
    plain, arithmetic = check_headers(data, 10**9), check_headers(data.replace(b"\xff\xc0", b"\xff\xc9"), 10**9)
    assert arithmetic.seconds - plain.seconds == pytest.approx(100 * 100 * 3900e-9)


# --- directories


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("marker", "start"), [(0xE1, b"Exif\0\0"), (0xE2, b"MPF\0")])
def test_entries_that_claim_the_same_bytes_are_refused(order, marker, start):
    data = encoded(scene(), "JPEG")
    block = segment(marker, start + directory(4000, 64_000, order))
    with pytest.raises(PictureError, match="claims more bytes than the file has"):
        read_picture(data[:2] + block + data[2:])


def test_an_exif_block_in_pieces_is_taken_together():
    data, block = encoded(scene(), "JPEG"), directory(20_000, 500_000)
    pieces = b"".join(segment(0xE1, b"Exif\0\0" + block[at : at + 60_000]) for at in range(0, len(block), 60_000))
    with pytest.raises(PictureError, match="claims more bytes"):
        read_picture(data[:2] + pieces + data[2:])


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_elsewhere_such_a_block_is_damaged_and_the_picture_is_read(format):
    data = encoded(
        scene(),
        format,
        exif=b"Exif\0\0" + directory(30_000, 900_000),
        **({"lossless": True} if format == "WEBP" else {}),
    )
    began = time.perf_counter()
    np.testing.assert_array_equal(read_picture(data), np.asarray(scene()))
    assert time.perf_counter() - began < 1


def test_a_claim_beyond_the_end_is_damage_as_before():
    block = (
        b"II*\0\x08\0\0\0\x02\0"
        + struct.pack("<HHIHH", 274, 3, 1, 6, 0)
        + struct.pack("<HHII", 40_000, 7, 2**31, 8)
        + bytes(4)
    )
    check_directory(block)
    data = encoded(scene(), "JPEG")
    assert read_picture(data[:2] + segment(0xE1, b"Exif\0\0" + block) + data[2:]).ndim == 3


def test_a_tiff_of_many_places_is_refused():
    for count, said in ((500_000, "claims more bytes"), (70_000, "entries")):
        start = b"II*\0\x08\0\0\0" if said == "claims more bytes" else b"II+\0\x08\0\0\0"
        rows = b"\x02\0" + struct.pack("<HHII", 273, 4, count, 34) + struct.pack("<HHII", 279, 4, count, 34)
        large = struct.pack("<QQ", 16, count) + bytes(20 * count)
        with pytest.raises(UnreadableError, match=said):
            check_headers(start + (rows + bytes(4 * count + 8) if said == "claims more bytes" else large), 10**9)


# --- others


def test_other_headers_without_end_are_refused():
    png, gif = encoded(scene(), "PNG"), encoded(scene().convert("L"), "GIF")
    chunk = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
    hostile = [
        (png[:33] + chunk * 3000 + png[33:], "chunks"),
        (gif[:781] + b"!\xfe" + b"\1a" * 30_000 + b"\0" + gif[781:], "blocks before its first frame"),
        (b"P6\n" + b"#a\n" * 40_000 + b"2 2 255\n" + bytes(12), "no width and height"),
        (b"P2 " + b"9" * 100_000 + b" 1 255 1", "no width and height"),
    ]
    for data, said in hostile:
        with pytest.raises(PictureError, match=said):
            read_picture(data)


@pytest.mark.parametrize(
    "header",
    [b"P6 2 2 255\n", b"P6\n# one\n# two\n2 2\n# three\n255\n", b"P6\r\n2\t2\n255 "],
)
def test_ordinary_headers_of_ppm_are_read(header):
    assert read_picture(header + bytes(range(12))).tolist() == np.arange(12).reshape(2, 2, 3).tolist()


def test_decoders_in_python_are_given_less():
    start = struct.pack("<IiiHHIIiiII", 40, 8000, 8000, 1, 8, 1, 10, 0, 0, 256, 0)
    bmp = b"BM" + struct.pack("<IHHI", 2000, 0, 0, 1078) + start + bytes(1024) + b"\1\1" * 500
    for data in (bmp, b"P6 6000 6000 254\n" + bytes(100)):
        with pytest.raises(PictureError, match="too much work"):
            read_picture(data)


# --- memory


MEASURE = """
import json, re, sys
from pathlib import Path
from drivetrain.runtime.pictures.read import read_picture
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
read_picture(Path(sys.argv[2]).read_bytes())  # what is loaded once
data = Path(sys.argv[1]).read_bytes()
before = peak()
read_picture(data, shrink_to_px=int(sys.argv[3]) or None)
print(peak() - before)
"""


def upside(image: Image.Image) -> dict[str, object]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"exif": exif}


CASES = {
    "PNG with transparency": lambda: (Image.new("RGBA", (4000, 3000)), "PNG", {}),
    "PNG on its side": lambda: (Image.new("RGB", (4000, 3000)), "PNG", upside),
    "PNG of 16 bits": lambda: (Image.fromarray(np.zeros((3000, 4000), np.uint16)), "PNG", {}),
    "PNG with palette and transparency": lambda: (Image.new("P", (4000, 3000)), "PNG", {"transparency": 0}),
    "WebP": lambda: (Image.new("RGBA", (3000, 2000)), "WEBP", {"lossless": True, "method": 0, "quality": 0}),
    "JPEG": lambda: (Image.new("RGB", (4000, 3000)), "JPEG", {}),
    "JPEG, progressive": lambda: (Image.new("RGB", (4000, 3000)), "JPEG", {"progressive": True, "subsampling": 0}),
    "JPEG, CMYK": lambda: (Image.new("CMYK", (4000, 3000)), "JPEG", {}),
    "TIFF": lambda: (Image.new("RGB", (4000, 3000)), "TIFF", {"compression": "tiff_lzw"}),
    "GIF": lambda: (Image.new("L", (4000, 3000)), "GIF", {}),
    "AVIF": lambda: (Image.new("RGB", (2000, 1500)), "AVIF", {"speed": 10}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize(
    ("name", "shrink_to_px"), [*((name, 0) for name in CASES), ("JPEG, progressive", 256), ("PNG on its side", 256)]
)
def test_memory_stays_below_what_is_estimated(name, shrink_to_px, tmp_path):
    image, format, options = CASES[name]()
    if format not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {format}")
    path, small = tmp_path / "picture", tmp_path / "small"
    path.write_bytes(encoded(image, format, **(options(image) if callable(options) else options)))
    small.write_bytes(encoded(image.resize((8, 8)), format))
    words = [sys.executable, "-c", MEASURE, str(path), str(small), str(shrink_to_px)]
    took = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    with Image.open(path) as opened:
        shrink = pictures.jpeg_shrink(opened, shrink_to_px or None)
    estimated = work(path.read_bytes(), shrink).bytes
    assert took <= estimated + 20_000_000
    assert estimated < 200_000_000


def test_too_much_memory_is_refused_and_said(monkeypatch):
    monkeypatch.setattr(pictures, "MOST", Work(15.0, 1_000_000))
    with pytest.raises(
        PictureError, match=r"too much memory: decoding it would take about 8 MB.*To fix: make it smaller"
    ):
        read_picture(encoded(Image.new("RGB", (1000, 1000)), "PNG"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_in_strips_is_the_same(mode, orientation, monkeypatch):
    image = scene(97, 61).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, "TIFF" if mode == "CMYK" else "PNG", exif=exif)
    for channels in (1, 3, 4):
        for shrink in (None, 10):
            monkeypatch.setattr(pictures, "STRIP_PIXELS", 10**9)
            whole = read_picture(data, channels=channels, shrink_to_px=shrink)
            monkeypatch.setattr(pictures, "STRIP_PIXELS", 500)
            np.testing.assert_array_equal(read_picture(data, channels=channels, shrink_to_px=shrink), whole)
