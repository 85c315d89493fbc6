"""JSON lines as a source of rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from drivetrain.data.sources import read_source
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError

ROWS = [{"file": f"{at}.jpg", "n": at, "tags": ["a", "b"][: at % 3]} for at in range(6)]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.NDJSON", "rows.jsonl.gz"])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n"], ids=["n", "rn", "nn"])
def test_lines_are_read_like_a_table(name: str, between: str, tmp_path: Path) -> None:
    content = between.join(map(json.dumps, ROWS)).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    table, decisions = read_table(tmp_path / name)
    assert {column: list(cells) for column, cells in table.columns.items()} == {
        column: [row[column] for row in ROWS] for column in ("file", "n", "tags")
    }
    assert decisions == {}


def test_what_a_row_does_not_name_is_a_gap_and_so_is_nan(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": "x"}\n{"b": NaN, "c": true}\n{"a": " "}\n')
    assert dict(read_table(tmp_path / "a.jsonl")[0].columns) == {
        "a": [1, None, None],
        "b": ["x", None, None],
        "c": [None, True, None],
    }


def test_a_list_of_objects_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(ROWS, indent=1))
    assert list(read_table(tmp_path / "a.jsonl")[0].columns["n"]) == list(range(6))
    listed = read_source(tmp_path / "a.jsonl", path="file", target="tags")
    assert listed.rows.values[:3] == ((), ("a",), ("a", "b"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "has no rows"),
        ("[]", "has no rows"),
        ("{}", "line 1 holds"),
        ('"text"', "line 1 holds 'text'; expected an object"),
        ('{"a": 1}\n[1]\n', r"line 2 holds \[1\]"),
        ('{"a": 1}\n{"a": 1\n', "line 2 is no JSON"),
        ("{'a': 1}", "line 1 is no JSON"),
        ('{"a": 1, "a": 2}', "names a key twice"),
        ('{"a": {"b": 1}}', "'a' holds .*; expected text, a number"),
        ('{"a": [[1]]}', "'a' holds"),
        ("[" * 100_000, "is no JSON"),
        ('{"a": ' * 100_000, "is no JSON"),
        ("[1, 2]", "row 1 holds 1"),
    ],
    ids=range(14),
)
def test_what_is_no_table_is_told_with_its_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / "a.jsonl")
