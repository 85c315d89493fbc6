"""`drivetrain slope`: the names that scripts rely on, and a page."""

import json

import pandas as pd
import pytest

from tests.statistics.fitting.test_covariance import table


@pytest.fixture
def csv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(table()).to_csv("t.csv", index=False)
    return "t.csv"


def test_prints_one_object(csv, run):
    words = ["--outcome", "y", "--of", "x", "--controls", "z,log1p:w", "--cluster", "group", "--claim", "-0.5"]
    done = run("slope", csv, *words, "--simulations", "200", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert found["claim"] == {**found["claim"], "value": -0.5, "excluded": True}
    assert found["controls"] == ["z", "log1p:w"]
    assert found["verdict"] in {"effect", "too_small", "none", "cannot_tell"}


def test_says_the_answer_first_and_writes_the_page(csv, run, tmp_path):
    words = ["--outcome", "y", "--of", "x", "--prior", "-0.1,0.2", "--note", "Simulated.", "--simulations", "0"]
    done = run("slope", csv, *words, "--html", "out/slope.html")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].startswith("The data cannot tell whether y differs with x")
    page = (tmp_path / "out" / "slope.html").read_text(encoding="utf-8")
    assert "Simulated." in page and "your prior" in page


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--outcome", "y", "--of", "nothing"], 1, "no column 'nothing', named by --of"),
        (["--outcome", "y"], 2, "--of"),
        (["--outcome", "y", "--of", "x", "--claim", "much"], 2, "claim"),
        (["--outcome", "y", "--of", "x", "--simulations", "7"], 1, "at least 200"),
        (["--outcome", "y", "--of", "x", "--html", "t.csv"], 1, "--html t.csv cannot be written"),
    ],
    ids=["column", "missing", "claim", "simulations", "page"],
)
def test_what_cannot_be_done_is_one_line(csv, run, words, code, said):
    done = run("slope", csv, *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
