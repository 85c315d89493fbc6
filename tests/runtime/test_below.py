"""What a place stands for where inputs are asked for: tar shards are looked into, and nothing is lost in silence."""

import gzip
import os
import warnings

import pytest

from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.kinds.texts.handing import files_below
from drivetrain.runtime.files import members as shards
from drivetrain.runtime.files.below import inputs_below
from drivetrain.runtime.spec import sources_of
from tests.runtime.test_members import tar

PICTURES = PictureInput(channels=3, size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(shards, "TRUSTED_S", 0.0)


def asked(place):
    return [str(path.relative_to(place.parent)) for path in sources_of(PICTURES, place)]


def test_a_folder_of_shards_and_a_shard_stand_for_their_members(tmp_path):
    tar(tmp_path / "s" / "b.tar", [("z.JPG", b""), ("z.cls", b"fig"), ("cat/._a.png", b""), ("cat/a.png", b"")])
    tar(tmp_path / "s" / "deep" / "a.tar", [("0.png", b""), ("0.png", b""), ("0.txt", b"")])
    tar(tmp_path / "s" / ".hidden.tar", [("1.png", b"")])
    (tmp_path / "s" / "folder.tar").mkdir()
    first = ["s/b.tar/z.JPG", "s/b.tar/cat/a.png"]
    assert asked(tmp_path / "s") == [*first, "s/deep/a.tar/0.png", "s/deep/a.tar/@512/0.png"]
    assert asked(tmp_path / "s" / "b.tar") == [path.removeprefix("s/") for path in first]
    assert [path.name for path in files_below(tmp_path / "s")] == ["0.txt"]


def test_of_shards_beside_inputs_it_is_told_that_they_are_passed_over(tmp_path):
    (tmp_path / "0.png").write_bytes(b"")
    tar(tmp_path / "deep" / "backup.tar", [("1.png", b"")])
    with pytest.warns(DrivetrainWarning, match="1 tar file beside the inputs"):
        assert [path.name for path in sources_of(PICTURES, tmp_path)] == ["0.png"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no tar" * 200, "cannot be read as a tar file"),
        (gzip.compress(b"x" * 2000), "compressed"),
        (None, "No such file"),
    ],
    ids=["damaged", "compressed under another name", "a link to nothing"],
)
def test_a_shard_that_cannot_be_listed_is_an_input_that_cannot_be_read(content, why, tmp_path):
    """The others are answered."""
    tar(tmp_path / "b.tar", [("0.png", b"")])
    if content is None:
        (tmp_path / "a.tar").symlink_to(tmp_path / "gone.tar")
    else:
        (tmp_path / "a.tar").write_bytes(content)
    first, second = sources_of(PICTURES, tmp_path)
    assert second == tmp_path / "b.tar" / "0.png"
    with pytest.raises(OSError, match=why):
        shards.bytes_of(first)


def test_a_compressed_shard_and_one_without_inputs_are_errors(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"")
    with pytest.raises(SettingError, match=r"a\.tar\.gz is compressed.*To fix: unpack it"):
        sources_of(PICTURES, tmp_path)
    with pytest.raises(SettingError, match=r"b\.tar holds no pictures"):
        sources_of(PICTURES, tar(tmp_path / "b.tar", [("0.txt", b"")]))


def test_what_an_index_says_is_told(tmp_path):
    path = tar(tmp_path / "a.tar", [("0.png", b"x")])
    os.truncate(path, 1024)
    with pytest.warns(DrivetrainWarning, match="1 × it ends without the mark"):
        assert asked(path) == ["a.tar/0.png"]


class Reader:
    """A kind of one's own, without a list of suffixes."""


def test_of_a_kind_without_suffixes_all_but_classes_are_inputs(tmp_path):
    path = tar(tmp_path / "a.tar", [("0.abc", b""), ("0.cls", b""), (".x", b"")])
    assert list(sources_of(Reader(), path)) == list(sources_of(Reader(), tmp_path)) == [path / "0.abc"]


def test_a_folder_without_shards_is_listed_as_before(tmp_path):
    (tmp_path / "a.tar").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inputs_below(tmp_path, lambda folder: [folder / "x"], lambda _: True) == [tmp_path / "x"]
