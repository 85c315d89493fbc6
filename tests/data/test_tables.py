"""Table files as columns of cells as they were written."""

import pandas as pd
import pytest

from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, DrivetrainWarning


@pytest.fixture
def csv(tmp_path):
    def write(content: str | bytes, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_cells_keep_what_was_written(csv):
    table, decisions = read_table(
        csv("path, n, x, code, name\na.jpg, 1, 1.50, 007, None\n b.jpg ,-2,1e3,012,\n\nc d.jpg,,NaN,,null\n")
    )
    assert table.columns == {
        "path": ["a.jpg", "b.jpg ", "c d.jpg"],
        "n": ["1", "-2", None],
        "x": ["1.50", "1e3", "NaN"],
        "code": ["007", "012", None],
        "name": ["None", None, "null"],
    }
    assert decisions == {}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(csv, delimiter, encoding):
    text = f'path{delimiter}"a,b;c|d"\nü.jpg{delimiter}"x{delimiter}y"\n'
    table, decisions = read_table(csv(text.encode(encoding)))
    assert table.columns == {"path": ["ü.jpg"], "a,b;c|d": [f"x{delimiter}y"]}
    assert ("delimiter" in decisions) == (delimiter != ",")
    assert ("encoding" in decisions) == (encoding == "utf-16")


def test_latin_1_is_read_with_a_warning(csv):
    with pytest.warns(DrivetrainWarning, match="is not UTF-8.*To fix"):
        table, decisions = read_table(csv("path,label\na.jpg,Käse\n".encode("latin-1")))
    assert table.columns["label"] == ["Käse"]
    assert decisions["encoding"].value == "latin-1"


def test_short_rows_have_missing_cells_and_are_told(csv):
    with pytest.warns(DrivetrainWarning, match=r"2 of 3 rows of .* have fewer cells .* the first on line 2"):
        table, _ = read_table(csv("path,label,n\na.jpg\nb.jpg,x,1\nc.jpg,y\n"))
    assert table.columns["label"] == [None, "x", "y"]
    assert table.columns["n"] == [None, "1", None]


def test_quoted_cells_with_commas_may_span_lines(csv):
    table, decisions = read_table(csv('path,note,label\na.jpg,"nice\npicture, of, it",x\nb.jpg,"one,\ntwo\n",y\n'))
    assert table.columns["note"] == ["nice\npicture, of, it", "one,\ntwo\n"]
    assert decisions == {}


def test_quoted_cells_may_span_lines(csv):
    table, _ = read_table(csv('path,label,note\n"b\n.jpg",x,"two, three\nlines\n"\nc.jpg,y,"say ""hi"""\n'))
    assert table.columns == {
        "path": ["b\n.jpg", "c.jpg"],
        "label": ["x", "y"],
        "note": ["two, three\nlines\n", 'say "hi"'],
    }


def test_sentences_over_lines_are_one_cell_where_their_lines_could_be_rows(csv):
    texts = ["I have an account, but it\n.", "first, so\nsecond, then\nthird, done", "one,two\nthree"]
    rows = "".join(f'"{text}",money\n' for text in texts)
    assert read_table(csv(f"text,label\nplain,card\n{rows}"))[0].columns["text"] == ["plain", *texts]


@pytest.mark.parametrize("second", ['"pear', 'pear"', '"pear" or fig', "pear"])
@pytest.mark.parametrize("quoted", [False, True])
def test_stray_quotation_marks_swallow_no_rows(csv, second, quoted):
    lines = [f'{i}.jpg,"apple, {i % 3}"' if quoted else f"{i}.jpg,apple" for i in range(60)]
    lines[11], lines[28] = '11.jpg,"fig', f"28.jpg,{second}"
    if quoted:
        lines[12:28] = [f"{i}.jpg,apple" for i in range(12, 28)]
    with pytest.warns(DrivetrainWarning, match=r"t.csv has a stray quotation mark on line 13.*To fix"):
        table, _ = read_table(csv("path,label\n" + "\n".join(lines)))
    assert table.columns["path"] == [f"{i}.jpg" for i in range(60)]
    assert table.columns["label"][11] == "fig"
    assert table.columns["label"][28].strip('"').startswith("pear")
    assert table.columns["label"][20] == "apple"
    assert table.columns["label"][2] == ("apple, 2" if quoted else "apple")


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("sep=;\npath;n\na.jpg;1,5\nb.jpg;2", ("delimiter", ";")),
        ('"SEP=\t"\npath\tn\na.jpg\t1,5\nb.jpg\t2', ("delimiter", "\t")),
        ("path;n\na.jpg;1,5\nb.jpg;2", ("delimiter", ";")),
        ("path|n|\na.jpg|1,5|\nb.jpg|2|\n", ("delimiter", "|")),
        ("path;n\na.jpg;1,5;\nb.jpg;2;\n", ("delimiter", ";")),
        ("# made by hand\n\n# twice\npath;n\na.jpg;1,5\nb.jpg;2\n#end", ("comments", 3)),
        ("#path;n\na.jpg;1,5\nb.jpg;2", None),
        (";path;n\n0;a.jpg;1,5\n1;b.jpg;2", ("row names", "left out")),
        ("path;n\n1;a.jpg;1,5\n2;b.jpg;2", ("row names", "the first cell")),
        ("\n\n path ; n\r\na.jpg;1,5\r\n\r\nb.jpg;2\r\n", None),
        ("path;n\ra.jpg;1,5\rb.jpg;2\r", None),
        ("path;n;;\na.jpg;1,5;;\nb.jpg;2;;\n;;;\n ; ;;\n", ("empty rows", 2)),
    ],
)
def test_what_spreadsheets_and_people_write(csv, text, decision):
    table, decisions = read_table(csv(text))
    assert table.columns == {"path": ["a.jpg", "b.jpg"], "n": ["1,5", "2"]}
    if decision is not None:
        assert decisions[decision[0]].value == decision[1]


def test_a_first_line_that_is_a_row_is_told(csv):
    with pytest.raises(DataError, match=r"is '0,a', and 'a' is a value of its column; expected the names.*To fix"):
        read_table(csv("0,a\n1,b\n2,a\n"))
    with pytest.warns(DrivetrainWarning, match=r"is 'x0,a', and 'a' is a value of its column: the line is taken as"):
        read_table(csv("x0,a\nx1,b\nx2,a\n"))
    assert list(read_table(csv("0,1\nx1,1\nx2,0\n"))[0].columns) == ["0", "1"]  # as pandas numbers columns
    table, decisions = read_table(csv("path,label\na.jpg,x\npath,label\nb.jpg,label\n"))  # two files in one
    assert table.columns == {"path": ["a.jpg", "b.jpg"], "label": ["x", "label"]}
    assert decisions["headers"].value == 1


def test_a_cell_too_many_is_no_row_name(csv):
    with pytest.raises(DataError, match=r"line 2 has 3 cells, the header 2; 1 more line too.*decimal commas"):
        read_table(csv("path,w\na.jpg,1,5\nb.jpg,2,5\n"))


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "t.csv", "is empty"),
        ("\n\n", "t.csv", "cannot be read as a table|no columns"),
        ("path,label\n", "t.csv", "no rows below its header"),
        ("path,label,label\na,b,c\n", "t.csv", "more than one column named 'label'"),
        ("path,label\na,b,c,d\n", "t.csv", "line 2 has 4 cells, the header 2.*To fix"),
        ("path,label\na\0.jpg,b\n", "t.csv", "NUL bytes"),
        (
            "Survey of 2024\n\npath,label\na,b\n",
            "t.csv",
            "is 'Survey of 2024', but line 3 has 2 cells.*such as a title",
        ),
        ('"path,label"\n"a.jpg,b"\n"b.jpg,c"\n', "t.csv", "is one cell in quotation marks, such as 'path,label'"),
        ("path label\na.jpg 1\nb.jpg 2\n", "t.txt", "separated by blanks; expected commas.*read_csv"),
        (b"\xff\xfep\xd8", "t.csv", "begins like UTF-16"),
        ("x", "t.xlsx", r"is not a table; expected a folder or a file ending in .csv.*To fix.*read_excel\('.*t.xlsx'"),
        ("{}", "t.json", "is not a table.*read_json"),
        ("{}", "t.jsonl", r"line 1 holds \{\}; expected an object"),
        ('{"a": 1}\n{"a": ', "t.jsonl", "line 2 is no JSON"),
        ('{"a": 1, "a": 2}', "t.jsonl", "names a key twice"),
        ('{"a": {"b": 1}}', "t.ndjson", "line 1: 'a' holds .*; expected text"),
        ("x", "t.csv.gz", "cannot be unpacked.*unpack it yourself"),
        ("x", "t.gz", "is not a table.*name it by what is in it"),
        ("x", "t.pkl", "is not a table.*never opened"),
        ("x", "t.zip", "cannot be unpacked.*unpack it yourself"),
        ("x", "t.tgz", "is not a table.*unpack it, and pass the folder"),
        ("x", "t.docx", "is not a table.*export the table as CSV"),
        ("path,label\na,b\n", "t.parquet", "cannot be read as Parquet"),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "t.parquet", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_explained(csv, content, name, says):
    with pytest.raises(DataError, match=says):
        read_table(csv(content, name), suffixes=frozenset({".jpg"}))


def test_parquet_reads_like_the_frame(tmp_path):
    frame = pd.DataFrame({"path": ["a.jpg", None], "tags": [["x", "y"], []], "n": pd.Categorical([1, 2])})
    frame.set_index(pd.Index([5, 7])).to_parquet(tmp_path / "t.parquet")
    table, _ = read_table(tmp_path / "t.parquet")
    assert table.columns == {"path": ["a.jpg", None], "tags": [["x", "y"], []], "n": [1, 2]}
    assert table.stated == {"n"}
