"""What comes out of decoding: one range for values of more than 8 bits, and pictures of one colour are told."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetrain.data.rows import open_rows
from drivetrain.data.sources import reread_source
from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.images.images import images
from drivetrain.kinds.images.looks.values import choose_range, judge_range, notes_on_looks
from drivetrain.kinds.images.near import probe_pictures
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.pictures.read import Probe, probe_picture, read_picture


def values(bits: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """(H, W, C) of that many bits, black and white among them."""
    found = np.random.default_rng(seed).integers(0, 1 << bits, (24, 32, channels)).astype(np.uint16)
    found[0, 0], found[0, 1] = 0, (1 << bits) - 1
    return found


def png(array: np.ndarray) -> bytes:
    """A PNG of 16 bits per value; Pillow cannot write those of colours."""
    height, width, channels = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    framed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def tiff(array: np.ndarray, *, deflated: bool = False) -> bytes:
    """A TIFF of 16-bit colours."""
    height, width, channels = array.shape
    data = array.astype("<u2").tobytes()
    data = zlib.compress(data) if deflated else data
    end = 8 + 2 + 9 * 12 + 4
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, end), (259, 3, 1, 8 if deflated else 1)]
    tags += [(262, 3, 1, 2), (273, 4, 1, end + 2 * channels), (277, 3, 1, channels), (278, 4, 1, height)]
    tags += [(279, 4, 1, len(data))]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head + struct.pack(f"<{channels}H", *[16] * channels) + data


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


FORMS = {
    "colour.png": png,
    "colour.tif": tiff,
    "deflated.tif": lambda array: tiff(array, deflated=True),
    "opaque.png": lambda array: png(np.dstack([array, np.full(array.shape[:2], 65_535, np.uint16)])),
    "colour.npy": npy,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bits", [9, 12, 16])
def test_values_are_scaled_by_the_range(form, bits):
    array = values(bits)
    data = FORMS[form](array)
    np.testing.assert_array_equal(read_picture(data), array >> 8)
    scaled = read_picture(data, value_range=(0, (1 << bits) - 1))
    np.testing.assert_allclose(scaled, array * (255 / ((1 << bits) - 1)), atol=0.5001)
    assert scaled.max() == 255


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_values_are_scaled_and_what_is_outside_is_cut(suffix, tmp_path):
    array = values(12, channels=1)[:, :, 0]
    Image.fromarray(array).save(tmp_path / f"a{suffix}")
    expected = np.rint(np.clip(array.astype(float) - 100, 0, 900) * 255 / 900)
    found = read_picture(tmp_path / f"a{suffix}", channels=1, value_range=(100, 1000))[:, :, 0]
    np.testing.assert_allclose(found, expected, atol=1)
    assert probe_picture(tmp_path / f"a{suffix}").values == (0, 4095)


def test_eight_bits_know_no_range():
    array = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(read_picture(array, value_range=(0, 4095)), array)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([(0, 255), (3, 200)], (0, 255)),
        ([(0, 900)], (0, 1023)),
        ([(5, 4000), (0, 3000)], (0, 4095)),
        ([(0, 9000)], (0, 16_383)),
        ([(0, 16_384)], None),
        ([(29_000, 31_000), (29_500, 30_000)], (29_000, 31_000)),
        ([(7, 7)], None),
        ([None, None], None),
        ([None, (0, 4095)], (0, 4095)),
    ],
)
def test_the_range_is_one_decision_for_all_files(found, chosen):
    paths = [Path(f"{i}.png") for i in range(len(found))]
    choice = choose_range(paths, [Probe(values=each) for each in found])
    assert choice.value_range == chosen
    assert (choice.decision is None) == (chosen is None)
    if chosen:
        assert f"{chosen[0]} becomes black and {chosen[1]} white" in choice.notes[0]


def test_files_of_other_depth_are_named():
    checked = [Probe(values=(0, 60_000))] * 3 + [Probe(values=(0, 4000))]
    choice = choose_range([Path(f"{i}.png") for i in range(4)], checked)
    assert choice.value_range is None
    assert "1 of 4 files" in choice.notes[0]
    assert "3.png" in choice.notes[0]


def test_data_of_twelve_bits_are_seen_as_what_they_show(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "root" / label).mkdir(parents=True)
        for i in range(5):
            (tmp_path / "root" / label / f"{i}.png").write_bytes(png(values(12, seed=i + 10 * (label == "b"))))
    with pytest.warns(DrivetrainWarning, match="10 files of more than 8 bits have values from 0 to 4095: they use 12"):
        data = images(tmp_path / "root")
    assert data.options == {"channels": 3, "value_range": (0, 4095)}
    assert data.decisions["values"].value == "0 to 4095"
    for part in (data.train, data.valid, data.sealed_test.open()):
        assert part.options["value_range"] == (0, 4095)
    bright = probe_pictures(data.train.inputs.paths, value_range=(0, 4095))
    assert data.train.signatures == tuple(found.signature for found in bright)
    listed = reread_source(tmp_path / "root", data.spec)
    assert open_rows(listed, decide=False).rows.options["value_range"] == (0, 4095), (
        "read as in training, without a warning"
    )


def test_the_description_of_inputs_keeps_the_range():
    plain = PictureInput(channels=3, size_px=8, crop_pct=1.0, mean=(0.5,) * 3, std=(0.5,) * 3)
    ranged = PictureInput.model_validate_json(plain.model_copy(update={"value_range": (0, 4095)}).model_dump_json())
    old = {name: value for name, value in plain.model_dump().items() if name != "value_range"}
    assert PictureInput.model_validate(old) == plain
    assert ranged.cache_key() != plain.cache_key()
    array = values(12)
    assert plain.load(png(array))[0].max() < 16
    assert ranged.load(png(array))[0].max() > 140
    np.testing.assert_array_equal(ranged.load(png(array))[0], ranged.load(array)[0])
    for wrong in ((5, 5), (9, 3), (-1, 5), (0, 70_000)):
        with pytest.raises(ValueError, match="value_range"):
            PictureInput.model_validate({**old, "value_range": wrong})


def test_new_data_of_other_values_are_told():
    paths = [Path("a.png")]
    assert judge_range(paths, [Probe(values=(0, 4000))], (0, 4095)) == ()
    assert "cut off, in 1 file" in judge_range(paths, [Probe(values=(0, 60_000))], (0, 4095))[0]
    assert "come out dark" in judge_range(paths, [Probe(values=(0, 4000))], None)[0]
    assert judge_range(paths, [Probe()], (0, 4095)) == ()


def frames(*pictures: Image.Image, format: str = "GIF", **options) -> bytes:
    stream = io.BytesIO()
    pictures[0].save(stream, format, save_all=True, append_images=pictures[1:], **options)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_that_is_not_blank_is_read(format, tmp_path):
    shown = Image.fromarray((values(8)).astype(np.uint8)).resize((64, 48), Image.Resampling.NEAREST)
    blank, black = (Image.new("RGB", shown.size, colour) for colour in ("white", "black"))
    options = {"lossless": True} if format == "WEBP" else {}
    (tmp_path / "a").write_bytes(frames(blank, black, shown, blank, format=format, **options))
    (tmp_path / "b").write_bytes(frames(shown, blank, format=format, **options))
    (tmp_path / "c").write_bytes(frames(blank, black, blank, format=format, **options))
    a, b, c = (probe_picture(tmp_path / name) for name in "abc")
    assert (a.frame, b.frame, c.frame) == (2, 0, 0)
    assert (a.flat, b.flat, c.flat) == ("", "", "the picture itself is blank")
    found = read_picture(tmp_path / "a").astype(int)
    assert np.abs(found - np.asarray(shown)).mean() < (40 if format == "GIF" else 1)
    said = notes_on_looks([tmp_path / name for name in "abc"], [a, b, c])
    assert "1 of 3 pictures is of one colour (1 × the picture itself is blank)" in said[0]
    assert "the first frame of 1 file is blank" in said[1]


def test_why_a_picture_is_one_colour(tmp_path):
    hidden = Image.fromarray(values(8).astype(np.uint8)).convert("RGBA")
    hidden.putalpha(0)
    hidden.save(tmp_path / "hidden.png")
    Image.fromarray(values(9, channels=1)[:, :, 0] % 500).save(tmp_path / "narrow.png")
    Image.fromarray((values(1, channels=1)[:, :, 0] * 2).astype(np.uint8)).save(tmp_path / "mask.png")
    Image.new("1", (9, 9), 1).save(tmp_path / "page.tif")
    chalk = Image.new("LA", (9, 9), (255, 0))
    chalk.paste((255, 255), (2, 2, 5, 5))
    chalk.save(tmp_path / "chalk.png")
    names = ("hidden.png", "narrow.png", "mask.png", "page.tif", "chalk.png")
    found = [probe_picture(tmp_path / name).flat for name in names]
    assert found == [
        "every pixel is transparent",
        "the file's values, 0 to 499, are a small part of 16 bits",
        "values from 0 to a few of 255, as label masks have",
        "the picture itself is blank",
        "what is not transparent is as white as the ground it is laid on",
    ]


def test_nearly_black_data_are_told():
    dark = [Probe(brightest=9), Probe(brightest=20)]
    assert "no picture has a value above 20 of 255" in notes_on_looks([Path("a"), Path("b")], dark)[0]
    assert notes_on_looks([Path("a"), Path("b")], [*dark[:1], Probe(brightest=200)]) == []
