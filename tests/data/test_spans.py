"""Rows that are spans of files, and files inside a zip file."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.inputs import Files, Spans
from drivetrain.data.tables.spans import choose_span, outside_zips
from drivetrain.runtime.files.zipped import in_folder, unpacked


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "cache"))


def test_spans_of_one_file_differ_and_the_same_span_does_not(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same content")
    nan = np.nan
    paths = [tmp_path / "a", tmp_path / "a", tmp_path / "b", tmp_path / "a"]
    rows = Spans(paths, np.array([0.0, 1.0, 1.0, nan]), np.array([1.0, 2.0, 2.0, nan]))
    digests = [rows.digest(row) for row in range(4)]
    assert digests[0] != digests[1] == digests[2]
    assert digests[3] == Files([tmp_path / "a"]).digest(0), "a whole file is that file"
    assert rows.take([2, 0]).names() == (f"{tmp_path / 'b'} 1–2", f"{tmp_path / 'a'} 0–1")


def test_a_member_is_read_from_the_folder_it_was_unpacked_to(tmp_path):
    packed = zip_of(tmp_path / "clips.zip", x__1=b"one", x__2=b"two")
    found = in_folder(packed / "x" / "2")
    assert found is not None
    assert found.read_bytes() == b"two"
    assert in_folder(tmp_path / "no.zip" / "1") is None
    assert unpacked(packed) == found.parent.parent


def test_other_content_under_the_same_name_is_unpacked_anew(tmp_path):
    packed = tmp_path / "clips.zip"
    first = in_folder(zip_of(packed, a=b"one") / "a")
    second = in_folder(zip_of(packed, a=b"other") / "a")
    assert first is not None
    assert second is not None
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"other")


@pytest.mark.parametrize("name", ["../outside", "/outside", "x/../../outside", "C:/outside"])
def test_a_name_outside_is_refused(tmp_path, name):
    packed = tmp_path / "bad.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(name, b"x")
    with pytest.raises(dt.DataError, match=r"names a file outside.*To fix: unpack it yourself"):
        unpacked(packed)


def test_a_file_made_to_fill_disks_is_refused(tmp_path):
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(60_000_000))
    with pytest.raises(dt.DataError, match="unpack to 60,000,000"):
        unpacked(packed)


def zipped(root: Path, names: list[str]) -> None:
    with zipfile.ZipFile(root / "curves.zip", "w") as file:
        for name in names:
            stream = io.BytesIO()
            np.save(stream, np.arange(4.0))
            file.writestr(name, stream.getvalue())


def test_names_are_found_in_a_zip_file_beside_the_table(tmp_path):
    names = [f"ann/{i}.npy" for i in range(9)]
    zipped(tmp_path, names)
    (tmp_path / "broken.zip").write_bytes(b"PK no zip file")
    found, told = outside_zips([*names, "bob/9.npy"], [tmp_path])
    assert all(Path(path).is_file() and Path(path).parts[-3] == "curves.zip" for path in found[:9])
    assert (
        found[9] == "bob/9.npy" and told["archive"].value == "curves.zip" and "9 of 10 names" in told["archive"].reason
    )
    assert outside_zips([*names, "x.npy", "y.npy"], [tmp_path]) == ([*names, "x.npy", "y.npy"], {})
    (tmp_path / "ann").mkdir()
    (tmp_path / names[0]).write_bytes(b"it lies beside the table")
    assert outside_zips(names, [tmp_path]) == (names, {})
    assert outside_zips([], [tmp_path]) == ([], {})


@pytest.mark.parametrize(
    ("columns", "asked", "right"),
    [
        ({"start": ["0"], "end": ["1.5"]}, None, ("start", "end")),
        ({"Begin Time (s)": [0.0, 1], "End Time (s)": [1.0, 2]}, None, ("Begin Time (s)", "End Time (s)")),
        ({"start": ["2026-01-01"], "end": ["2026-01-02"]}, None, None),
        ({"start": [None], "end": [None]}, None, None),
        ({"start": [0.0]}, None, None),
        ({"start": [0.0], "end": [1.0]}, False, None),
        ({"start": [0.0], "end": [1.0], "a": [0.0], "b": [1.0]}, ("a", "b"), ("a", "b")),
    ],
    ids=["plain", "raven", "dates", "empty", "one", "not wanted", "asked for"],
)
def test_columns_of_spans_are_known_by_their_names(columns: dict, asked: object, right: object) -> None:
    names = [("start", "end"), ("begin time (s)", "end time (s)")]
    found = choose_span(columns, asked, names)  # pyright: ignore[reportArgumentType]
    assert found.columns == right and (found.decision is not None) == (right is not None and asked is None)
