"""Hostile files and folders: each ends in Data or in an error and warning of ours, and good files are kept."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hostile_cases import FILES, N_GOOD, NAMES, encode, every_path, exif, outcome, picture

from drivetrain.errors import DrivetrainError, PictureError
from drivetrain.runtime.pictures.read import read_picture


@pytest.fixture
def root(class_folder):
    """Good pictures of two classes; hostile ones go to a third folder beside them, or among them."""
    return class_folder(apple=N_GOOD, pear=N_GOOD)


@pytest.mark.parametrize(("name", "content", "expected"), FILES, ids=[case[0] for case in FILES])
def test_one_hostile_file_among_good_ones(name, content, expected, root):
    path = root / "pear" / name
    path.write_bytes(content)
    data, said = outcome(root)
    assert not isinstance(data, DrivetrainError), data
    kept = path in every_path(data)
    assert len(every_path(data)) == 2 * N_GOOD + kept
    assert kept == (not any(str(path) in row.path or row.path.endswith(name) for row in data.report.left_out))
    assert kept or name in said
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
        ours = str(folder).startswith(str(root.parents[1])) and "self" not in str(folder)
        return scandir(folder if ours else "/proc/self/ns")

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


def test_all_hostile_files_at_once(root):
    for name, content, _ in FILES:
        (root / "pear" / name).write_bytes(content)
    data, said = outcome(root)
    assert f"of {len(FILES) + 2 * N_GOOD} rows can be used" in said
    assert len(every_path(data)) + len(data.report.left_out) == len(FILES) + 2 * N_GOOD
    assert len({case[0] for case in FILES}) == len(FILES)


def test_there_are_two_hundred():
    assert len(FILES) + len(NAMES) >= 200
