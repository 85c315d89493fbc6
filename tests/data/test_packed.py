"""Tables in gzip and in ZIP archives: found, or told what is wrong."""

import gzip
import io
import json
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import drivetrain as dt
from drivetrain.cli.main import app
from drivetrain.data.tables import packed
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError

TEXT = "age,town,y\n30,Bern,no\n41,Chur,yes\n"
COLUMNS = {"age": ["30", "41"], "town": ["Bern", "Chur"], "y": ["no", "yes"]}


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__DOT__", ".").replace("__IN__", "/"), content)
    return stream.getvalue()


def parquet():
    stream = io.BytesIO()
    pd.DataFrame(COLUMNS).to_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv.gz", gzip.compress(TEXT.encode())),
        ("ROWS.CSV.GZ", gzip.compress(TEXT.encode())),
        ("rows.tsv.gz", gzip.compress(TEXT.replace(",", "\t").encode())),
        ("two.csv.gz", gzip.compress(TEXT[:20].encode()) + gzip.compress(TEXT[20:].encode())),
        ("rows.parquet.gz", gzip.compress(parquet())),
        ("rows.zip", archive(rows__DOT__csv=TEXT)),
        ("mac.zip", archive(**{"data__IN__rows__DOT__csv": TEXT, "__MACOSX/._rows.csv": "x", "read__DOT__me": "hi"})),
        ("parquet.zip", archive(rows__DOT__parquet=parquet())),
    ],
    ids=["csv.gz", "capitals", "tsv.gz", "two members", "parquet.gz", "zip", "with a note", "parquet.zip"],
)
def test_what_is_packed_is_the_same_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert dict(read_table(tmp_path / name)[0].columns) == COLUMNS


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv.gz", gzip.compress(TEXT.encode())[:-12], "cannot be unpacked"),
        ("rows.csv.gz", TEXT.encode(), "cannot be unpacked.*gzip"),
        ("rows.csv.gz", gzip.compress(b"\n"), "no columns"),
        ("rows.zip", archive(a__DOT__csv=TEXT, b__DOT__csv=TEXT), r"2 tables \(a.csv, b.csv\); expected one"),
        ("rows.zip", archive(a__DOT__txt__DOT__bak=TEXT), r"no table \(a.txt.bak\)"),
        ("rows.zip", archive(), r"no table \(nothing\)"),
        ("rows.zip", archive(rows__DOT__csv=TEXT)[:60], "cannot be unpacked"),
        ("rows.zip", archive(rows__DOT__csv=TEXT).replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"),
         "encrypted"),
    ],
    ids=["cut", "no gzip", "nothing in it", "two", "no table", "empty", "cut zip", "encrypted"],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_explained(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"(?s){says}.*To fix"):
        read_table(tmp_path / name)


def test_nothing_in_a_packed_file_is_an_empty_table(tmp_path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="is empty; expected a table"):
        read_table(tmp_path / "rows.csv.gz")


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "MOST_BYTES", 1 << 20)
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"0" * (1 << 26)))
    with pytest.raises(DataError, match="holds more than"):
        read_table(tmp_path / "rows.csv.gz")


def rows(n=200):
    x = np.random.default_rng(0).normal(size=n).round(3)
    return pd.DataFrame({"x": x, "z": np.arange(n) % 7, "y": np.where(x > 0, "yes", "no")})


def test_a_packed_file_is_trained_on_and_answered(tmp_path):
    file, out = tmp_path / "rows.csv.gz", tmp_path / "m.model"
    rows().to_csv(file, index=False)
    dt.Linear(dt.table(file, target="y")).save(out)
    done = CliRunner().invoke(app, ["predict", str(out), str(file), "--json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 200 and lines[0]["label"] == rows()["y"][0]


def test_the_rows_of_a_query_are_the_rows_of_the_file(tmp_path):
    shop = sqlite3.connect(tmp_path / "shop.db")
    rows().to_sql("rows", shop, index=False)
    asked = dt.table(shop.execute("SELECT * FROM rows"), target="y", project=tmp_path / "a")
    shop.close()
    assert asked.train.digests == dt.table(rows(), target="y", project=tmp_path / "b").train.digests


def test_duckdb_relations_and_cursors_are_tables(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    frame = rows()
    expected = dt.table(frame, target="y", project=tmp_path / "a").train.digests
    with duckdb.connect() as shop:
        shop.register("frame", frame)
        assert dt.table(shop.sql("SELECT * FROM frame"), target="y", project=tmp_path / "b").train.digests == expected
        asked = shop.execute("SELECT * FROM frame")
        assert dt.table(asked, target="y", project=tmp_path / "c").train.digests == expected
