"""Table files as columns of typed cells."""

import pandas as pd
import pytest

from drivetrain.data.tables import columns_of, read_table
from drivetrain.errors import DataError, DrivetrainWarning


@pytest.fixture
def csv(tmp_path):
    def write(content: str | bytes, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_cells_keep_what_was_written(csv):
    columns, decisions = read_table(
        csv("path, n, x, code, name\na.jpg, 1, 1.5, 007, None\n b.jpg ,-2,1e3,012,\n\nc d.jpg,,NaN,,null\n")
    )
    assert columns == {
        "path": ["a.jpg", "b.jpg", "c d.jpg"],
        "n": [1, -2, None],
        "x": [1.5, 1000.0, None],
        "code": ["007", "012", None],
        "name": ["None", None, None],
    }
    assert decisions == {}
    assert [type(cell) for cell in columns["n"][:2]] == [int, int]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(csv, delimiter, encoding):
    text = f'path{delimiter}"a,b;c|d"\nü.jpg{delimiter}"x{delimiter}y"\n'
    columns, decisions = read_table(csv(text.encode(encoding)))
    assert columns == {"path": ["ü.jpg"], "a,b;c|d": [f"x{delimiter}y"]}
    assert ("delimiter" in decisions) == (delimiter != ",")
    assert ("encoding" in decisions) == (encoding == "utf-16")


def test_latin_1_is_read_with_a_warning(csv):
    with pytest.warns(DrivetrainWarning, match="is not UTF-8.*To fix"):
        columns, decisions = read_table(csv("path,label\na.jpg,Käse\n".encode("latin-1")))
    assert columns["label"] == ["Käse"]
    assert decisions["encoding"].value == "latin-1"


def test_short_rows_have_missing_cells_and_quotes_may_span_lines(csv):
    columns, _ = read_table(csv('path,label\na.jpg\n"b\n.jpg",x\n'))
    assert columns == {"path": ["a.jpg", "b\n.jpg"], "label": [None, "x"]}


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "t.csv", "is empty"),
        ("\n\n", "t.csv", "cannot be read as a table|no columns"),
        ("path,label\n", "t.csv", "no rows below its header"),
        ("path,label,label\na,b,c\n", "t.csv", "more than one column named 'label'"),
        ("path,label\na,b,c,d\n", "t.csv", "Expected 2 fields in line 2, saw 4.*To fix"),
        ("path,label\na\0.jpg,b\n", "t.csv", "NUL bytes"),
        (b"\xff\xfep\xd8", "t.csv", "begins like UTF-16"),
        ('path,label\n"a.jpg,x\n', "t.csv", "cannot be read as a table"),
        ("x", "t.xlsx", "is not a table; expected a folder or a file ending in"),
        ("path,label\na,b\n", "t.parquet", "cannot be read as Parquet"),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "t.parquet", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_explained(csv, content, name, says):
    with pytest.raises(DataError, match=says):
        read_table(csv(content, name))


def test_parquet_reads_like_the_frame(tmp_path):
    frame = pd.DataFrame({"path": ["a.jpg", None], "tags": [["x", "y"], []], "n": [1, 2]})
    frame.to_parquet(tmp_path / "t.parquet")
    columns, _ = read_table(tmp_path / "t.parquet")
    assert columns["path"] == ["a.jpg", None]
    assert [list(cell) for cell in columns["tags"]] == [["x", "y"], []]
    assert columns["n"] == [1, 2]


def test_frames():
    frame = pd.DataFrame(
        {
            0: ["a", " "],
            "n": pd.array([1, None], dtype="Int64"),
            "c": pd.Categorical(["x", None]),
            "t": [pd.Timestamp(0), pd.NaT],
            "l": [["x"], None],
        }
    )
    columns = columns_of(frame)
    assert columns == {
        "0": ["a", None],
        "n": [1, None],
        "c": ["x", None],
        "t": [pd.Timestamp(0), None],
        "l": [["x"], None],
    }
    with pytest.raises(DataError, match="more than one column named '1'"):
        columns_of(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with pytest.raises(DataError, match="no rows"):
        columns_of(pd.DataFrame({"path": []}))
