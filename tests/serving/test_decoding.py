"""What reaches the decoder, and that no bytes at all can do more than be refused."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from drivetrain.kinds.images.admission import admit
from drivetrain.kinds.images.explaining import square_of
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.loading import load
from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.model import Answer, Model
from drivetrain.serving.settings import Limits
from tests.serving.tiny import encoded, paint, picture

LIMITS = Limits(picture_bytes=300_000, jpeg_pixels=250_000, other_pixels=90_000, large_pixels=1_000)
FORMATS = ("JPEG", "PNG", "WEBP")


@pytest.fixture(scope="module")
def model(artefact):
    return Model(load(artefact, threads=1), name="colours", sha256="0" * 64, limits=LIMITS, watched=True)


def status(data: bytes, limits: Limits = LIMITS) -> int:
    try:
        admit(data, limits)
    except Refusal as refusal:
        return refusal.status
    return 200


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred kilobytes at most that unfolds to width × height."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes(width * 3 + 1) * min(height, 2000), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_of_the_three_formats_are_admitted_whatever_they_are_called(format):
    found = admit(picture("red", format=format), LIMITS)
    assert (found.format, found.width, found.height, found.large) == (format, 40, 32, True)


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_not(format):
    assert status(encoded(paint("red"), format)) == 415


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"<svg/>", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\0" * 99, b"RIFF"])
def test_what_is_no_picture_is_not(data):
    assert status(data) == 415


def test_bounds_on_bytes_and_pixels():
    assert status(b"") == 422
    assert status(picture("red") + bytes(300_000)) == 413
    assert status(encoded(Image.new("RGB", (400, 250)), "JPEG")) == 200
    assert status(encoded(Image.new("RGB", (400, 250)), "PNG")) == 413
    assert status(encoded(Image.new("RGB", (501, 501)), "JPEG")) == 413
    for lossless in (True, False):
        assert status(encoded(Image.new("RGB", (400, 250)), "WEBP", lossless=lossless)) == 413
    assert status(bomb(60_000, 60_000)) == 413


def test_a_webp_canvas_is_measured_before_room_is_made_for_it(monkeypatch):
    claimed = (16_383 - 1).to_bytes(3, "little")
    data = b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + claimed + claimed + bytes(40)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    assert status(data, Limits()) == 413


def test_animations_are_refused_and_previews_in_a_jpeg_are_not():
    frames = [paint(colour) for colour in ("red", "green", "blue")]
    for format in ("PNG", "WEBP"):
        assert status(encoded(frames[0], format, save_all=True, append_images=frames[1:])) == 415
    assert status(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])) == 200


def test_bombs_cost_nothing(model):
    found = model.answer(bomb(30_000, 30_000))
    assert isinstance(found, Refusal) and found.status == 413


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_picture_is_no_picture(model, format, share):
    data = encoded(paint("red", size=(200, 160)), format)
    found = model.answer(data[: int(len(data) * share)])
    assert isinstance(found, Refusal) and found.status == 422


@given(
    format=st.sampled_from(FORMATS),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=0, max_size=8)), max_size=12),
    cut=st.integers(0, 4000),
)
@settings(max_examples=150)
def test_damaged_pictures_are_answered_or_refused(model, format, edits, cut):
    data = bytearray(encoded(paint("green"), format))
    for at, change in edits:
        data[at : at + len(change)] = change
    found = model.answer(bytes(data[: len(data) - cut] if cut < len(data) else data))
    if isinstance(found, Answer):
        assert found.said.prediction.label in ("red", "green", "blue") and np.isfinite(found.said.row_K).all()
    else:
        assert found.status in (413, 415, 422) and found.message.isprintable()


@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]
    ),
    rest=st.binary(max_size=400),
)
@example(start=b"RIFF\0\0\0\0WEBPVP8 ", rest=b"")
@settings(max_examples=150)
def test_bytes_that_begin_like_pictures_are_refused(model, start, rest):
    found = model.answer(start + rest)
    assert isinstance(found, Refusal) and found.status in (413, 415, 422)


@pytest.mark.parametrize(
    ("fit", "orientation", "expected"),
    [
        ("crop", 1, (0.375, 0.0, 0.25, 1.0)),
        ("squeeze", 1, (0.0, 0.0, 1.0, 1.0)),
        ("pad", 1, (0.0, -1.5, 1.0, 4.0)),
        ("pad", 6, (-1.5, 0.0, 4.0, 1.0)),  # a telephone held upright
    ],
)
def test_an_explanation_lies_where_the_network_looked(fit, orientation, expected):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    found = admit(encoded(Image.new("RGB", (160, 40)), "JPEG", exif=exif), LIMITS)
    reader = PictureInput(channels=3, size_px=24, crop_pct=1.0, fit=fit, mean=(0.5,) * 3, std=(0.25,) * 3)
    assert square_of(reader, *found.upright) == pytest.approx(expected)
