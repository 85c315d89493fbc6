"""Some two hundred hostile inputs: each ends in Data or in an error and warning of ours, and good files are kept.

A case is a name, what it puts beside good pictures, and what must become of it:
"kept" (it is a picture), "left out" (it is reported by name), or "either" (decoders differ; it must not crash).
"""

import io
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drivetrain.data.images import images
from drivetrain.errors import DataError, DrivetrainError, DrivetrainWarning, PictureError
from drivetrain.runtime.pictures import read_picture

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


@pytest.fixture
def root(class_folder):
    """Good pictures of two classes; hostile ones go to a third folder beside them, or among them."""
    return class_folder(apple=N_GOOD, pear=N_GOOD)


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
    return [*data.train.paths, *data.valid.paths, *data.open_test().paths]


@pytest.mark.parametrize(("name", "content", "expected"), FILES, ids=[case[0] for case in FILES])
def test_one_hostile_file_among_good_ones(name, content, expected, root):
    path = root / "pear" / name
    path.write_bytes(content)
    data, said = outcome(root)
    assert not isinstance(data, DrivetrainError), data
    kept = path in every_path(data)
    assert len(every_path(data)) == 2 * N_GOOD + kept
    assert kept == (name not in said)
    assert expected == "either" or kept == (expected == "kept"), said
    for channels in (1, 3, 4):  # what was kept can be read in the middle of an epoch, too, and nothing else
        if kept:
            assert read_picture(path, channels=channels, shrink_to_px=8).shape[2] == channels
        else:
            with pytest.raises(PictureError):
                read_picture(path, channels=channels)


def test_each_orientation_gives_the_same_upright_picture():
    whole = read_picture(encode(picture(), "PNG"))
    shapes = {name: read_picture(content).shape for name, content, _ in exif() if name.startswith("orientation")}
    assert {shapes[f"orientation-{i}.jpg"] for i in range(1, 5)} == {whole.shape}
    assert {shapes[f"orientation-{i}.jpg"] for i in range(5, 9)} == {(40, 24, 3)}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name(name, root):
    content = encode(picture(), "JPEG")
    good, bad = root / "pear" / os.fsdecode(name), root / "apple" / os.fsdecode(name)
    good.write_bytes(content)
    bad.write_bytes(content[:100])
    data, said = outcome(root)
    assert good in every_path(data)
    assert len(every_path(data)) == 2 * N_GOOD + 1
    assert len([line for line in said.splitlines() if "truncated or damaged" in line]) == 1
    paths = pd.Series([str(path) for path in every_path(data)], dtype=object)  # surrogates do not fit pandas' str
    table = pd.DataFrame({"path": paths, "label": ["a", "a", "a", *"b" * (2 * N_GOOD - 2)]})
    assert good in every_path(outcome(table)[0])


@pytest.mark.parametrize("name", NAMES[:8] + NAMES[9:], ids=range(len(NAMES) - 1))
def test_a_hostile_class_name(name, root, put):
    (root / "pear").rename(root / os.fsdecode(name[:-4]))
    data, _ = outcome(root)
    assert len(every_path(data)) == 2 * N_GOOD
    for label in data.target.vocab:
        label.encode()
    assert type(data.target).model_validate_json(data.target.model_dump_json()) == data.target


@pytest.mark.parametrize("cell", CELLS, ids=range(len(CELLS)))
@pytest.mark.parametrize("column", ["path", "label"])
def test_a_hostile_cell_in_a_frame(column, cell, root):
    paths = sorted(map(str, root.rglob("*.jpg")))
    table = pd.DataFrame({"path": [*paths, paths[0]], "label": [*(Path(path).parent.name for path in paths), "pear"]})
    table[column] = pd.Series([*table[column][:-1], cell], dtype=object)
    data, said = outcome(table, target="label", path="path")
    if column == "path":
        assert "1 left out" in said
    if not isinstance(data, DrivetrainError):
        assert len(every_path(data)) >= 2 * N_GOOD - 1
        data.target.model_dump_json()
    else:
        assert isinstance(cell, list)  # lists as labels need kind="categories"


def special_files(folder: Path, monkeypatch) -> dict[str, Callable[[Path], object]]:
    return {
        "pipe.jpg": os.mkfifo,
        "dangling.jpg": lambda path: path.symlink_to(folder / "nowhere.jpg"),
        "circle.jpg": lambda path: path.symlink_to(path),
        "device.jpg": lambda path: path.symlink_to("/dev/zero"),
        "memory.jpg": lambda path: path.symlink_to("/proc/self/mem"),
        "sparse.jpg": lambda path: (path.touch(), os.truncate(path, 10**11)),
        "denied.jpg": lambda path: path.write_bytes(b"x"),
    }


@pytest.mark.parametrize("name", sorted(special_files(Path(), None)))
def test_what_is_no_regular_file(name, root, monkeypatch):
    special_files(root, monkeypatch)[name](root / "pear" / name)
    if name == "denied.jpg":
        read = Path.read_bytes

        def denied(path):
            if path.name == name:
                raise PermissionError(13, "Permission denied")
            return read(path)

        monkeypatch.setattr(Path, "read_bytes", denied)
    data, said = outcome(root)
    assert name in said
    assert len(every_path(data)) == 2 * N_GOOD


@pytest.mark.parametrize("target", ["..", "../..", ".", "../apple", "/", "nowhere", "self"])
def test_links_between_folders(target, root, monkeypatch):
    if target == "/":
        monkeypatch.setattr("os.scandir", _only_below(root))
    (root / "pear" / "self").symlink_to(target)
    data, _ = outcome(root)
    assert len(every_path(data)) == 2 * N_GOOD


def _only_below(root: Path):
    """The real root folder is too much to walk in a test: it looks empty."""
    scandir = os.scandir

    def scan(folder):
        return scandir(folder if str(folder).startswith(str(root)) and "self" not in str(folder) else "/proc/self/ns")

    return scan


def test_a_folder_called_like_a_picture(root, put):
    put("root/pear/x.jpg/inner.jpg", 77)
    data, _ = outcome(root)
    assert len(every_path(data)) == 2 * N_GOOD + 1


def test_very_deep_folders(root):
    folder = root / "pear"
    for _ in range(150):
        folder /= "deeper"
    folder.mkdir(parents=True)
    (folder / "x.jpg").write_bytes(encode(picture(), "JPEG"))
    data, _ = outcome(root)
    assert len(every_path(data)) == 2 * N_GOOD + 1


GOOD_ROWS = "".join(f"{name}/{i}.jpg,{name}\n" for name in ("apple", "pear") for i in range(N_GOOD))
HEAD = "path,label\n"

TABLES: list[tuple[str, bytes, str | None]] = [
    ("good", (HEAD + GOOD_ROWS).encode(), None),
    ("bom", b"\xef\xbb\xbf" + (HEAD + GOOD_ROWS).encode(), None),
    ("utf-16", (HEAD + GOOD_ROWS).encode("utf-16"), None),
    ("latin-1", (HEAD + GOOD_ROWS + "k\xe4se.jpg,pear\n").encode("latin-1"), None),
    ("carriage-returns", (HEAD + GOOD_ROWS).replace("\n", "\r\n").encode(), None),
    ("old-mac", (HEAD + GOOD_ROWS).replace("\n", "\r").encode(), None),
    ("semicolons", (HEAD + GOOD_ROWS).replace(",", ";").encode(), None),
    ("tabs", (HEAD + GOOD_ROWS).replace(",", "\t").encode(), None),
    ("no-last-newline", (HEAD + GOOD_ROWS).rstrip().encode(), None),
    ("blank-lines", (HEAD + "\n\n" + GOOD_ROWS + "\n\n").encode(), None),
    ("spaces", (HEAD + GOOD_ROWS).replace(",", " , ").encode(), None),
    ("quoted", (HEAD + GOOD_ROWS.replace("pear/0.jpg", '"pear/0.jpg"')).encode(), None),
    ("huge-cell", (HEAD + GOOD_ROWS + "x" * 3_000_000 + ",pear\n").encode(), None),
    ("huge-label", (HEAD + GOOD_ROWS + "apple/0.jpg," + "y" * 3_000_000 + "\n").encode(), None),
    ("short-row", (HEAD + GOOD_ROWS + "apple/0.jpg\n").encode(), None),
    ("empty-cells", (HEAD + GOOD_ROWS + ",\n,pear\napple/0.jpg,\n").encode(), None),
    ("formula", (HEAD + GOOD_ROWS + "=cmd|'/c calc'!A0,pear\n").encode(), None),
    ("many-columns", ("path,label," + ",".join(f"c{i}" for i in range(3000)) + "\n" + GOOD_ROWS).encode(), None),
    ("long-row", (HEAD + GOOD_ROWS + "a,b,c,d\n").encode(), "cannot be read as a table"),
    ("empty", b"", "is empty"),
    ("newlines", b"\n\n\n", "cannot be read as a table"),
    ("header-only", HEAD.encode(), "no rows below its header"),
    ("no-header", GOOD_ROWS.encode(), "clear|header|no column"),
    ("nul-bytes", (HEAD + GOOD_ROWS + "a\0b,c\n").encode(), "NUL bytes"),
    ("only-nul", bytes(1000), "NUL bytes"),
    ("open-quote", (HEAD + '"' + GOOD_ROWS).encode(), "cannot be read as a table|no usable row"),
    ("same-columns", ("path,label,label\n" + GOOD_ROWS.replace("\n", ",x\n")).encode(), "more than one column"),
    ("unnamed-columns", (",\n" + GOOD_ROWS).encode(), "more than one column named ''"),
    ("missing-column", ("path,lable\n" + GOOD_ROWS).encode(), "no column 'label'.*Did you mean 'lable'"),
    ("all-missing", (HEAD + "apple/0.jpg,\npear/0.jpg,\n").encode(), "has no value in any row"),
    ("all-nan", (HEAD + "apple/0.jpg,nan\npear/0.jpg,NaN\n").encode(), "has no value in any row"),
    ("no-file", (HEAD + "no.jpg,a\nne.jpg,b\n").encode(), "file is missing"),
    ("one-class", (HEAD + "apple/0.jpg,a\napple/1.jpg,a\n").encode(), "nothing to tell apart"),
    ("one-row", (HEAD + "apple/0.jpg,a\n").encode(), "nothing to tell apart"),
    ("picture", encode(picture(), "JPEG"), ""),
    ("archive", zipped(), ""),
    ("noise", np.random.default_rng(0).bytes(3000), ""),
]


@pytest.mark.parametrize(("name", "content", "says"), TABLES, ids=[case[0] for case in TABLES])
def test_a_hostile_table(name, content, says, root):
    (root / "t.csv").write_bytes(content)
    found, said = outcome(root / "t.csv", target="label")
    if says is None:
        assert not isinstance(found, DrivetrainError), found
        assert len(every_path(found)) >= 2 * N_GOOD
        assert name != "latin-1" or "is not UTF-8" in said
    else:
        with pytest.raises(DataError, match=f"(?s){says}"):
            raise found


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 99, HEAD.encode(), bytes(999)], ids=range(5))
def test_a_hostile_parquet_file(content, root):
    (root / "t.parquet").write_bytes(content)
    found, _ = outcome(root / "t.parquet")
    assert isinstance(found, DataError)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\0",
        "x" * 5000,
        "http://example.org/",
        "/dev/null",
        "/dev/zero",
        "/proc/self/mem",
        "\udcff",
        Path(),
        None,
        5,
        [],
    ],
    ids=range(12),
)
def test_a_hostile_source(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(outcome(source)[0], DrivetrainError)


def test_a_pipe_as_a_table_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    assert "not a regular file" in str(outcome(tmp_path / "t.csv")[0])


def test_all_hostile_files_at_once(root):
    for name, content, _ in FILES:
        (root / "pear" / name).write_bytes(content)
    data, said = outcome(root)
    assert f"of {len(FILES) + 2 * N_GOOD} rows can be used" in said
    assert len(every_path(data)) + len(data.report.left_out) == len(FILES) + 2 * N_GOOD
    assert len({case[0] for case in FILES}) == len(FILES)


def test_there_are_two_hundred():
    assert len(FILES) + len(NAMES) + len(CELLS) + len(TABLES) >= 200
