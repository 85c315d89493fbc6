"""`drivetrain predict` with a model of tables: a line for every row, in order, whatever a row holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 200), "town": rng.choice(["Bern", "Chur", "Zug"], 200)})
    frame["note"] = rng.normal(size=200).round(3)
    frame["old"] = np.where(frame["age"] > 50, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def model(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    rows.to_csv(folder / "people.csv", index=False)
    data = dt.table(folder / "people.csv", target="old", project=folder / "project")
    return dt.Trees(data, members=1).save(folder / "old.model")


@pytest.mark.parametrize("name", ["new.csv", "new.tsv", "new.parquet", "new.jsonl"])
def test_a_line_for_each_row_in_order(model, rows, run, tmp_path, name):
    new = rows.drop(columns="old").head(70)
    path = tmp_path / name
    if name.endswith("parquet"):
        new.to_parquet(path)
    elif name.endswith("jsonl"):
        new.to_json(path, orient="records", lines=True)
    else:
        new.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",")
    done = run("predict", model, name, "--json")
    assert done.code == 0, done.err
    assert [(line["path"], line["row"]) for line in done.lines] == [(name, at + 1) for at in range(70)]
    assert [line["label"] for line in done.lines] == rows["old"].head(70).tolist()
    assert list(done.lines[0]) == ["path", "row", "label", "probability", "top", "set", "abstained"]


def test_a_row_that_cannot_be_read_has_its_reason(model, run, tmp_path):
    (tmp_path / "new.csv").write_text("town;age;note\nBern;60;0\nChur;old;0\nBasel;;\nZug;20;1\n")
    done = run("predict", model, "new.csv", "missing.csv", "new.csv", "--json")
    assert done.code == 1
    places = [(line["path"], line.get("row"), "error" in line) for line in done.lines]
    four = [("new.csv", at, at == 2) for at in (1, 2, 3, 4)]
    assert places == [*four, ("missing.csv", None, True), *four]
    assert done.lines[1]["error"].startswith("row 2: column 'age' holds 'old'; expected a number")
    assert done.err.splitlines()[-1] == "error: 3 of 9 could not be read"
    text = run("predict", model, "new.csv")
    assert [line.split(":")[0] for line in text.out.splitlines()] == [f"new.csv, row {at}" for at in (1, 3, 4)]


def test_a_file_that_lacks_a_column_is_refused_as_a_whole(model, run, tmp_path):
    (tmp_path / "new.csv").write_text("town,note\nBern,1\nChur,2\n")
    done = run("predict", model, "new.csv", "--json")
    assert done.code == 1 and len(done.lines) == 1
    assert done.object["error"].startswith("new.csv lacks the column 'age'; it has 'town', 'note'.")


def test_it_is_judged_and_reported(model, run, tmp_path):
    done = run("evaluate", model, "--json")
    assert done.code == 0 and done.object["validation"]["accuracy"]["value"] > 0.9
    assert run("report", model, "--out", "report.html").code == 0 and "boosted trees" in Path("report.html").read_text()
    done = run("export", model)
    assert done.code == 1 and "no network" in done.err
    done = run("evaluate", model, "--device", "cuda")
    assert done.code == 1
