"""Files, bytes and arrays are read alike; huge files evenly; what is none is said."""

import hashlib
import io
import os
import zipfile

import numpy as np
import pytest

from drivetrain.errors import InputError, SettingError
from drivetrain.kinds.binaries.reading import MOST, PIECE, read, read_file, starts_of
from drivetrain.kinds.binaries.spec import Spec
from drivetrain.runtime.spec import source_of, sources_of

SPEC = Spec(height_px=32, width_px=32)


def test_a_file_in_a_zip_file_is_read_by_its_path_alone(tmp_path):
    content = bytes(range(200)) * 3
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        file.writestr("deep/a.so", content)
    assert SPEC.load(tmp_path / "all.zip" / "deep" / "a.so")[0].tobytes() == content
    assert SPEC.load(str(tmp_path / "all.zip"))[0].tobytes() == (tmp_path / "all.zip").read_bytes(), "bytes themselves"


def test_file_bytes_array_and_open_file_agree_bit_for_bit(tmp_path):
    content = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)
    path = tmp_path / "a.so"
    path.write_bytes(content.tobytes())
    with path.open("rb") as opened:
        given = [path, str(path), content.tobytes(), bytearray(content), memoryview(content.tobytes()), content]
        views = [SPEC.view(SPEC.load(source_of(SPEC, each)))[0] for each in (*given, opened)]
    for view in views[1:]:
        np.testing.assert_array_equal(view, views[0])
    (loaded,), digest = SPEC.load_file(path)
    np.testing.assert_array_equal(loaded, content)
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_huge_file_is_read_evenly_to_its_end(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(300 * MOST)  # a hole: it takes no room
        file.seek(-3, os.SEEK_END)
        file.write(b"end")
    content, _ = read_file(path)
    assert len(content) == MOST and content[-3:].tobytes() == b"end" and not content[:-3].any()
    starts = np.array(starts_of(300 * MOST))
    assert starts[0] == 0 and starts[-1] == 300 * MOST - PIECE and np.ptp(np.diff(starts)) <= 1


def test_bytes_that_are_many_are_read_like_the_file(tmp_path):
    content = np.random.default_rng(1).integers(0, 256, MOST + 777, dtype=np.uint8).tobytes()
    path = tmp_path / "a"
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path), read(content))
    assert len(read(content[:MOST])) == MOST and read(content[:MOST]).tobytes() == content[:MOST]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (np.zeros((2, 2), np.uint8), r"shape \(2, 2\) is no file"),
        (np.zeros(4, np.float32), "an array of float32"),
        (np.zeros(0, np.uint8), "the file is empty"),
        ("no/such/file", "cannot be read: No such file"),
        ("a\0b", "cannot be read"),
        (7, "a value of type int is no file"),
        (None, "a value of type NoneType is no file"),
        ([[1], [2, 3]], "cannot be read as bytes"),
        ({}, "a value of type dict is no file"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:12].replace("\0", "_"),
)
def test_what_is_no_file_is_an_input_error(given, said):
    with pytest.raises(InputError, match=said + r"[\s\S]*To fix: "):
        SPEC.load(given)


def test_folders_devices_and_closed_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read: it is a folder; expected a file"):
        SPEC.load(tmp_path)
    with pytest.raises(InputError, match="no file but a device"):
        SPEC.load("/dev/zero")
    closed = io.BytesIO(b"a")
    closed.close()
    with pytest.raises(InputError, match="an open file cannot be read"):
        source_of(SPEC, closed)


def test_a_zip_file_is_bytes_and_what_is_in_it_is_named(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("inner.bin", b"hello" * 50)
    assert SPEC.load(source_of(SPEC, path))[0].tobytes() == path.read_bytes()
    assert SPEC.load(source_of(SPEC, f"{path}/inner.bin"))[0].tobytes() == b"hello" * 50
    assert list(sources_of(SPEC, path)) == [path]


def test_many_files(tmp_path):
    with pytest.raises(SettingError, match="holds no files"):
        list(sources_of(SPEC, tmp_path))
    (tmp_path / "deep").mkdir()
    for name in ("deep/b", "a", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in sources_of(SPEC, tmp_path)] == ["a", "b"]
    assert len(list(sources_of(SPEC, [b"a", b"b"]))) == 2 and len(list(sources_of(SPEC, b"ab"))) == 1
    assert len(list(sources_of(SPEC, np.zeros((3, 9), np.uint8)))) == 3


def test_statistics():
    found = SPEC.statistics(SPEC.load(bytes(100) + b"a" * 50 + b"\xff" * 50))
    assert found["bytes read"] == 200 and found["zeros"] == 0.5 and found["printable"] == found["high"] == 0.25


def test_a_message_says_once_what_is_wrong_and_how_to_mend_it(tmp_path):
    (tmp_path / "none").touch()
    (tmp_path / "lfs").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, *sorted(tmp_path.iterdir())):
        with pytest.raises(InputError) as told:
            read(path)
        said = str(told.value)
        assert said.count("To fix: ") == said.count("; expected") == said.count(str(path)) == 1, said
