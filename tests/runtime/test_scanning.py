"""What a folder holds: pictures by suffix or by their first bytes, and everything else counted."""

import errno
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import DrivetrainWarning, PictureError, SystemLimitError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.pages.chart import Chart
from drivetrain.pages.svg import dot, drawing
from drivetrain.runtime.files.scanning import folder_pictures, scan_folder
from drivetrain.runtime.files.sniffing import UNREAD, begins_like_a_picture
from drivetrain.runtime.pictures.read import probe_picture, read_picture
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.runtime.trust.system_limits import patiently


def picture(format: str = "PNG", seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(stream, format)
    return stream.getvalue()


def fill(root: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def model(root: Path) -> Path:
    """What an artefact looks like from outside."""
    manifest = json.dumps({"format": "drivetrain artefact", "format_version": 2}).encode()
    return fill(root, **{"manifest.json": manifest, "golden/0.png": picture(), "model.onnx": b"x"})


def names(paths):
    return sorted(path.name for path in paths)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("name", ["0001", "photo.jpg_large", "photo.jpeg!d", "IMG.001"])
def test_names_that_do_not_tell_are_looked_into(format, name, tmp_path):
    fill(tmp_path, **{name: picture(format), f"x{name}": b"no picture"})
    scan = scan_folder(tmp_path)
    assert names(scan.root.pictures) == [name]
    assert sum(scan.root.other.values()) == 1


def test_names_that_tell_are_not_opened(tmp_path, monkeypatch):
    fill(tmp_path, **{"a.jpg": b"", "A.PNG": b"", "notes.txt": picture(), "x.csv": b"", "x.JP2": b""})
    monkeypatch.setattr("builtins.open", lambda *_, **__: pytest.fail("opened"))
    scan = scan_folder(tmp_path)
    assert names(scan.root.pictures) == ["A.PNG", "a.jpg", "x.JP2"]
    assert scan.ignored == {".txt files": 1, ".csv files": 1}


@pytest.mark.parametrize(
    "suffix", [".jp2", ".PSD", ".tga", ".dcm", ".exr", ".svg", ".pdf", ".NEF", ".cr2", ".dng", ".jxl"]
)
def test_formats_that_are_not_read_say_what_to_do(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(picture("TIFF"))  # raw files of cameras begin so, and hold a small preview
    reason = probe_picture(path).problem
    assert reason == UNREAD[suffix.lower()]
    assert " read: " in reason
    assert scan_folder(tmp_path).root.pictures == [path]
    path.write_bytes(picture("JPEG"))
    assert probe_picture(path).problem is None, "a picture with a wrong suffix"


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b"\0" * 128 + b"DICM", True),
        (b"8BPS\0\1", True),
        (b"\0\0\0\x0cjP  \r\n", True),
        (b"BMore text", False),
        (b"P1 is a text", True),  # it cannot be told; opening it will
        (b"", False),
        (b"hello", False),
    ],
)
def test_first_bytes(content, is_one, tmp_path):
    (tmp_path / "x").write_bytes(content)
    assert begins_like_a_picture(tmp_path / "x") == is_one


def test_without_a_suffix_the_first_bytes_say_what_is_not_read(tmp_path):
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 99)
    assert probe_picture(scan_folder(tmp_path).root.pictures[0]).problem == UNREAD[".dcm"]
    with pytest.raises(PictureError, match=r"DICOM is not read. To fix: convert it"):
        read_picture(tmp_path / "IM0001")


def test_litter_is_counted_as_such(tmp_path):
    litter = (".DS_Store", "Thumbs.db", "desktop.ini", "._x.jpg", "__MACOSX/x.jpg", "@eaDir/x.jpg", "Icon\r")
    litter += (".ipynb_checkpoints/x.png", "a/THUMBS.DB", "a/__pycache__/x.pyc")
    unfinished = ("x.jpg.crdownload", "x.png.part", ".~lock.t.csv#", "~$t.xlsx", "y.jpg~")
    fill(tmp_path, **{name: picture() for name in (*litter, *unfinished, ".hidden.jpg", "a/1.jpg")})
    scan = scan_folder(tmp_path)
    assert scan.ignored == {
        "litter of the operating system": len(litter),
        "unfinished downloads and temporary files": len(unfinished),
        "hidden files": 1,
    }
    assert scan.root.n_below == 1
    assert [folder.name for folder in scan.root.folders] == ["a"]


def test_what_drivetrain_wrote_is_never_entered(tmp_path):
    model(tmp_path / "fruit.model")
    model(tmp_path / "apple/deep/v2")
    shutil.copytree(tmp_path / "fruit.model/golden", tmp_path / "golden")
    fill(tmp_path / "golden", **{"expected.json": b"{}"})
    fill(tmp_path / "project", **{"log.jsonl": b"", "log.head": b"", "runs/1/0.jpg": picture()})
    fill(tmp_path / "drivetrain-demo", **{".drivetrain/x": b"", "digits/7/1.png": picture()})
    model(tmp_path / "drivetrain-demo/digits.model")
    fill(tmp_path / "steps", **{"checkpoint.safetensors": b"", "0.jpg": picture()})
    fill(tmp_path / "cache/ab", **{"1.pack": b"dtpack01", "0.jpg": picture()})
    fill(
        tmp_path / "space",
        **{"app.py": b'"""a page; written by drivetrain"""', "requirements.txt": b"", "x.png": picture()},
    )
    fill(tmp_path, **{"apple/1.jpg": picture(), "manifest/manifest.json": b"{}", "manifest/2.jpg": picture()})
    scan = scan_folder(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path, _ in scan.own} == {
        "fruit.model", "apple/deep/v2", "golden", "project", "drivetrain-demo", "steps", "cache/ab", "space",
    }  # fmt: skip
    assert scan.root.n_below == 2
    with pytest.warns(DrivetrainWarning, match="fruit.model .a model that drivetrain saved"):
        assert names(folder_pictures(tmp_path)) == ["1.jpg", "2.jpg"]


def test_figures_that_drivetrain_saved_are_no_pictures(tmp_path):
    figure = Chart(drawing("d", 100, 50, "A dot", "It is blue.", dot(50, 25, 5, "accent")))
    for name in ("confusion.png", "curve.jpg"):
        figure.save(tmp_path / name)
        assert probe_picture(tmp_path / name).problem == "own output: a figure that drivetrain saved"
        assert read_picture(tmp_path / name).shape == (100, 200, 3), "who asks for one picture gets it"
    fill(tmp_path, **{"1.png": picture(), "2.jpg": picture("JPEG"), "plan.pdf": b"%PDF"})
    with pytest.warns(DrivetrainWarning, match=r"confusion.png .*curve.jpg .*1 × drawings and documents"):
        assert names(folder_pictures(tmp_path)) == ["1.png", "2.jpg"]


def predictor() -> Predictor:
    reader = PictureInput(channels=3, size_px=4, mean=(0.5,) * 3, std=(0.5,) * 3)
    return Predictor(
        reader, CategoryTarget(name="c", vocab=("a", "b")), lambda pixels: np.zeros((len(pixels), 2), np.float32)
    )


def test_a_folder_that_cannot_be_listed_is_an_answer_of_its_own(tmp_path, monkeypatch):
    fill(tmp_path, **{"open/1.png": picture(), "shut/2.png": picture(), "3.jp2": b"x"})
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", denied)
    found = {Path(said.path).name: said.error for said in predictor().predict_many(tmp_path)}
    assert set(found) == {"1.png", "3.jp2", "shut"}
    assert found["1.png"] is None
    assert "shut cannot be read as a picture: cannot be opened: Permission denied" in found["shut"]
    assert "JPEG 2000 is not read" in found["3.jp2"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_stop_the_work_and_leave_nothing_out(number, tmp_path, monkeypatch):
    fill(tmp_path, **{"1.png": picture()})
    monkeypatch.setattr("drivetrain.runtime.trust.system_limits.PAUSES_S", (0.0,))
    calls = []

    def full(*_):
        calls.append(1)
        raise OSError(number, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", full)
        for read in (probe_picture, read_picture, predictor().predict):
            with pytest.raises(SystemLimitError, match="too many open files; nothing is wrong with the file"):
                read(tmp_path / "1.png")
        with pytest.raises(SystemLimitError):
            list(predictor().predict_many([tmp_path / "1.png"]))
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", full)
        with pytest.raises(SystemLimitError):
            scan_folder(tmp_path)


def test_too_many_open_files_may_pass(monkeypatch):
    monkeypatch.setattr("drivetrain.runtime.trust.system_limits.PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr("drivetrain.runtime.trust.system_limits._hopeless_until", [0.0])
    answers = [OSError(errno.EMFILE, "too many"), OSError(errno.EMFILE, "too many"), 7]

    def work():
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert patiently(work, "x") == 7
    with pytest.raises(FileNotFoundError):
        patiently(lambda: (_ for _ in ()).throw(FileNotFoundError()), "x")


def test_links_are_counted_where_they_are_not_followed(tmp_path):
    fill(tmp_path, **{"in/1.jpg": picture(), "elsewhere/2.jpg": picture()})
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    with pytest.warns(DrivetrainWarning, match="1 × linked folders"):
        assert names(folder_pictures(tmp_path / "in")) == ["1.jpg"]
    assert scan_folder(tmp_path / "in").root.n_below == 2
