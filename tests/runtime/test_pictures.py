"""read_picture against plain Pillow, for every mode, orientation and kind of source."""

import hashlib
import io
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from drivetrain.errors import PictureError, SettingError
from drivetrain.runtime.files.formats import FORMATS, PICTURE_SUFFIXES
from drivetrain.runtime.pictures.read import digest, probe_picture, read_picture
from drivetrain.text import readable

Image.init()


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth colours with a bright corner at the top left, so a turned picture is a different one."""
    x = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    pixels = np.stack([x, y, 255 - x], axis=2).astype(np.uint8)
    pixels[: height // 4, : width // 4] = 255
    return Image.fromarray(pixels)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "format", sorted({"PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "JPEG", "AVIF"} & set(Image.SAVE))
)
def test_every_format_reads_like_pillow(format, tmp_path):
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(scene(), format, **options)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    path = tmp_path / ("x" + FORMATS[format][0])
    path.write_bytes(data)
    for source in (path, str(path), data):
        pixels = read_picture(source)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_each_orientation_gives_the_same_upright_picture(format, orientation):
    upright = scene()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that stores the scene turned
    turned = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    data = encoded(turned, format, exif=exif, **options)
    pixels = read_picture(data)
    assert pixels.shape == (64, 96, 3)
    assert np.abs(pixels.astype(int) - np.asarray(upright)).mean() < 3
    shrunk = read_picture(data, shrink_to_px=8)
    assert shrunk.shape == (16, 24, 3)
    assert np.abs(shrunk.astype(int) - np.asarray(upright.reduce(4))).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_probe_tells_the_upright_size_even_where_shrinking_makes_it_square(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for format in ("JPEG", "TIFF"):
        (tmp_path / "x").write_bytes(encoded(scene(101, 100), format, exif=exif))
        probe = probe_picture(tmp_path / "x")
        assert probe.problem is None
        assert (probe.height, probe.width) == ((101, 100) if orientation >= 5 else (100, 101))


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",  # orientation is text
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",  # orientation is 99
    ],
)
def test_damaged_exif_is_ignored(exif):
    for format in ("JPEG", "PNG", "WEBP"):
        expected = np.asarray(Image.open(io.BytesIO(encoded(scene(), format))).convert("RGB"))
        np.testing.assert_array_equal(read_picture(encoded(scene(), format, exif=exif)), expected)


def test_modes_in_memory_and_in_files():
    rgb = np.asarray(scene())
    lab = ImageCms.applyTransform(
        scene(),
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
    )
    for image, tolerance in (
        (scene().convert("YCbCr"), 2),
        (scene().convert("CMYK"), 2),
        (scene().convert("HSV"), 4),
        (scene().convert("P", palette=Image.Palette.ADAPTIVE), 8),
        (scene().convert("RGBA"), 0),
        (scene().convert("RGBa"), 0),
        (lab, 4),
    ):
        assert np.abs(read_picture(image).astype(int) - rgb).mean() <= tolerance, image.mode
    grey = scene().convert("L")
    for image in (grey, grey.convert("LA"), Image.open(io.BytesIO(encoded(grey, "PNG")))):
        np.testing.assert_array_equal(read_picture(image, channels=1)[:, :, 0], np.asarray(grey))
        np.testing.assert_array_equal(read_picture(image)[:, :, 2], np.asarray(grey))
    bits = scene().convert("1")
    np.testing.assert_array_equal(read_picture(bits, channels=1)[:, :, 0], np.asarray(bits) * 255)
    jpeg = encoded(scene().convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read_picture(jpeg).astype(int) - rgb).mean() < 4


def test_transparency_is_laid_on_white_or_kept():
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    palette = Image.new("P", (4, 2), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.putpixel((0, 0), 0)
    grey = Image.new("LA", (4, 2), (0, 0))
    for source in (
        image,
        encoded(image, "PNG"),
        encoded(palette, "PNG", transparency=0),
        encoded(palette, "GIF", transparency=0),
    ):
        pixels = read_picture(source)
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[1, 1].tolist() == [255, 0, 0]
        kept = read_picture(source, channels=4)
        assert kept.shape == (2, 4, 4)
        assert kept[0, 0, 3] == 0
        assert kept[1, 1].tolist() == [255, 0, 0, 255]
    assert read_picture(image)[0, 1].tolist() == [127, 127, 127]
    assert (read_picture(encoded(grey, "PNG"), channels=1) == 255).all()
    rgb_with_key = encoded(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert (read_picture(rgb_with_key) == 255).all()
    assert (read_picture(scene(), channels=4)[:, :, 3] == 255).all()


def test_sixteen_bits_keep_the_upper_byte():
    values = (np.arange(12, dtype=np.uint16) * 5000).reshape(3, 4)
    expected = (values >> 8).astype(np.uint8)
    for source in (
        encoded(Image.fromarray(values), "PNG"),
        encoded(Image.fromarray(values), "TIFF"),
        Image.fromarray(values),
        Image.fromarray(values.astype(np.int32)),
        values,
        values.astype(">u2"),
    ):
        np.testing.assert_array_equal(read_picture(source, channels=1)[:, :, 0], expected)
        np.testing.assert_array_equal(read_picture(source)[:, :, 1], expected)
    with pytest.raises(PictureError, match="unknown range of values: 0 to 70000"):
        read_picture(Image.fromarray(np.array([[0, 70_000]], dtype=np.int32)))
    with pytest.raises(PictureError, match="32-bit floats"):
        read_picture(Image.new("F", (2, 2)))


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_any_number_of_channels(order, tmp_path):
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 4, 6):
        array = np.array(rng.integers(0, 256, (20, 30, count), dtype=np.uint8), order=order)
        (tmp_path / "a.npy").write_bytes(npy(array))
        for source in (array, npy(array), tmp_path / "a.npy"):
            pixels = read_picture(source, channels=count)
            np.testing.assert_array_equal(pixels, array)
            assert pixels.flags.c_contiguous
        with pytest.raises(PictureError, match="other channels"):
            read_picture(array, channels=count + 5)
    six = rng.integers(0, 65536, (40, 60, 6), dtype=np.uint16)
    shrunk = read_picture(six, channels=6, shrink_to_px=10)
    assert shrunk.shape == (20, 30, 6)
    mean = (six >> 8).reshape(20, 2, 30, 2, 6).mean((1, 3))
    assert np.abs(shrunk - mean).max() <= 1
    rgb = np.asarray(scene())
    np.testing.assert_array_equal(read_picture(rgb, channels=1)[:, :, 0], np.asarray(scene().convert("L")))
    np.testing.assert_array_equal(read_picture(rgb, channels=4)[:, :, :3], rgb)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4), int),
        np.zeros(4, np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((1, 2, 3, 4), np.uint8),
    ],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(PictureError):
        read_picture(array)
    with pytest.raises(PictureError):
        read_picture(npy(array))


def test_shrinking_keeps_what_a_later_resize_needs():
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    image = smooth.resize((1200, 800), Image.Resampling.BICUBIC)
    for format in ("JPEG", "PNG", "BMP"):
        data = encoded(image, format)
        full = read_picture(data)
        assert full.shape == (800, 1200, 3)
        for target, factor in ((50, 8), (51, 4), (100, 4), (101, 2), (200, 2), (201, 1), (900, 1)):
            pixels = read_picture(data, shrink_to_px=target)
            assert pixels.shape == (800 // factor, 1200 // factor, 3), (format, target)
            assert min(pixels.shape[:2]) >= min(2 * target, 800)
        small = (150, 100)
        late = np.asarray(Image.fromarray(read_picture(data, shrink_to_px=100)).resize(small, Image.Resampling.BICUBIC))
        full_late = np.asarray(Image.fromarray(full).resize(small, Image.Resampling.BICUBIC))
        assert np.abs(late.astype(int) - full_late).mean() < 2.5, format
    opened = Image.open(io.BytesIO(encoded(image, "JPEG")))
    assert read_picture(opened, shrink_to_px=50).shape == (100, 150, 3)
    assert opened.size == (1200, 800)


def test_the_first_frame_of_an_animation():
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    for format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(red, format, save_all=True, append_images=[blue, blue])
        assert read_picture(data)[0, 0, 0] > 240
        assert read_picture(data)[0, 0, 2] < 15


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    data = encoded(Image.new("1", (3000, 2000)), "PNG")
    assert read_picture(data, max_pixels=6_000_000, channels=1).shape == (2000, 3000, 1)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(PictureError, match="too many pixels: 3000×2000"):
        read_picture(data, max_pixels=5_999_999)


def test_an_array_header_is_not_believed():
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (8000, 9000, 500), }\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(PictureError, match="truncated or damaged"):
        read_picture(data, channels=500)


def test_what_is_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    for name, reason in (
        ("pipe.jpg", "it is a pipe"),
        ("folder.jpg", "it is a folder"),
        ("empty.jpg", "file is empty"),
        ("loop.jpg", "cannot be opened"),
        ("none.jpg", "file is missing"),
        ("empty.jpg/x.jpg", "file is missing"),
        ("nul\0.jpg", "cannot be opened"),
        ("long" * 100, "cannot be opened"),
    ):
        with pytest.raises(PictureError, match=reason) as caught:
            read_picture(tmp_path / name)
        assert readable(name) in str(caught.value)
        str(caught.value).encode()
    with pytest.raises(PictureError, match="file is too large"):
        os.truncate(tmp_path / "empty.jpg", 10**10)
        read_picture(tmp_path / "empty.jpg")


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(scene(), "JPEG"))

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    with pytest.raises(PictureError, match="Permission denied"):
        read_picture(path)


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04zip", "ZIP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "PostScript"),
        (b"%PDF-1.7", "PDF"),
        (b"hello, this is text\n", "text"),
        (b"\0\1\2\3", "no known format"),
    ],
)
def test_other_kinds_of_file_are_named(data, looks):
    with pytest.raises(PictureError, match=f"not a picture: .*{looks}"):
        read_picture(data)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_photographs_of_telephones_are_named_with_what_to_do(brand):
    said = (
        r"cannot be read as a picture: HEIC, as telephones save photographs, is not read\. To fix: convert it to JPEG"
    )
    with pytest.raises(PictureError, match=said):
        read_picture(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0")


def test_settings_are_checked():
    for wrong in ({"channels": 0}, {"shrink_to_px": 0}, {"max_pixels": 0}):
        with pytest.raises(SettingError, match="at least 1"):
            read_picture(scene(), **wrong)
    with pytest.raises(SettingError, match="given as list"):
        read_picture([1, 2])
    with pytest.raises(PictureError, match=r"only \.npy files"):
        read_picture(scene(), channels=5)


def test_digest_is_sha256():
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest()[:32]


def test_suffixes_are_lower_case():
    assert {".jpg", ".png", ".npy"} <= PICTURE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in PICTURE_SUFFIXES)


def test_many_threads_read_the_same_and_leave_the_warning_filters_alone():
    corrupt_exif = encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    bomb = encoded(Image.new("1", (10_000, 9_100)), "PNG")  # Pillow warns above 89 million pixels
    before = list(warnings.filters)
    expected = read_picture(corrupt_exif)
    assert list(warnings.filters) == before
    barrier = threading.Barrier(4)

    def read(index: int) -> bool:
        if index < 4:
            barrier.wait()
        if index % 10 == 9:
            with pytest.raises(PictureError, match="too many pixels"):
                read_picture(bomb)
            return True
        return bool((read_picture(corrupt_exif) == expected).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(80)))
    assert list(warnings.filters) == before


@pytest.mark.parametrize("asked", ["pear.PNG", "pear", "Pear.png", "pear.jpg"])
def test_a_file_that_is_nearly_called_so_is_named(tmp_path, asked):
    (tmp_path / "pear.png").write_bytes(encoded(scene(), "PNG"))
    (tmp_path / "pear2.png").touch()
    with pytest.raises(PictureError, match=r"file is missing.*/pear\.png is there"):
        read_picture(tmp_path / asked)


@pytest.mark.parametrize("asked", ["apple.png", "pear", "no/such/pear.png"])
def test_no_file_is_named_where_none_or_several_are_called_so(tmp_path, asked):
    for suffix in ("png", "jpg"):
        (tmp_path / f"pear.{suffix}").touch()
    with pytest.raises(PictureError, match=r"file is missing. To fix: check the path\.$"):
        read_picture(tmp_path / asked)
