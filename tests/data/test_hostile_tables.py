"""Hostile tables, cells and sources: each ends in Data or in an error and warning of ours."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile_cases import CELLS, N_GOOD, encode, every_path, outcome, picture, zipped

from drivetrain.errors import DataError, DrivetrainError


@pytest.fixture
def root(class_folder):
    """Good pictures of two classes; hostile ones go to a third folder beside them, or among them."""
    return class_folder(apple=N_GOOD, pear=N_GOOD)


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
    ("no-header", GOOD_ROWS.encode(), "names a file; expected the names of the columns"),
    ("nul-bytes", (HEAD + GOOD_ROWS + "a\0b,c\n").encode(), "NUL bytes"),
    ("only-nul", bytes(1000), "NUL bytes"),
    ("open-quote", (HEAD + '"' + GOOD_ROWS).encode(), None),
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
