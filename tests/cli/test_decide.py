"""`drivetrain decide`: what it prints and writes, and one line where it cannot."""

import json

import pandas as pd
import pytest

import drivetrain as dt
from tests.decisions.shops import PLAN, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command(folder, run):
    done = run("decide", "plan.toml", "--out", "out/plan.html", "--actions", "out/plan.csv", "--save", "kept", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["parts"]["promise"]["promised"]["n"] == 20 and done.out.count("\n") == 1
    assert "read as numbers: size, price" in done.err
    assert "margin" in (folder / "out" / "plan.html").read_text(encoding="utf-8")
    assert pd.read_csv("out/plan.csv")["price"].tolist() == [3.0, 5.0] * 10
    assert dt.load_plan("kept").table["price"].tolist() == [3.0, 5.0] * 10
    said = run("decide", "plan.toml")
    assert said.out.startswith("The plan earns more than today")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('"shops.csv"', '"shop.csv"', 1, "there is no such file"),
        ("sold * (", "solt * (", 1, "Did you mean 'sold'"),
        ('logged = "log.csv"', "", 1, "names no logged rows"),
        ('["zip"]', '["zap"]', 1, "Did you mean 'zip'"),
        ('outcome = "sold"', 'outcome = "salt"', 1, "salt"),
        ('outcome = "sold"', 'path = "none.model"', 1, "path alone"),
        ("[models.sold]", '[models.other]\noutcome = "sold"\n[models.sold]', 1, "neither the objective nor a limit"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder, run, old, new, code, said):
    (folder / "plan.toml").write_text(PLAN.replace(old, new, 1))
    done = run("decide", "plan.toml")
    assert (done.code, done.out) == (code, "") and said in done.err.splitlines()[-1]


def test_places_are_looked_at_first(folder, run):
    done = run("decide", "plan.toml", "--out", "log.csv")
    assert done.code == 1 and "--out log.csv cannot be written" in done.err
    done = run("decide", "none.toml")
    assert done.code == 1 and "cannot be read as a plan" in done.err


def test_a_cell_that_a_spreadsheet_would_compute(folder, run):
    shops = pd.read_csv("shops.csv", dtype=str).rename(columns={"price": "=price"})
    shops.to_csv("shops.csv", index=False)
    plan = (
        PLAN.replace("[levers.price]", '[levers."=price"]')
        .replace("(price", "(`=price`")
        .replace('"price"', '"=price"')
    )
    (folder / "plan.toml").write_text(plan)
    log = pd.read_csv("log.csv", dtype=str).rename(columns={"price": "=price"})
    log.to_csv("log.csv", index=False)
    done = run("decide", "plan.toml", "--actions", "a.csv")
    assert done.code == 0, done.err
    assert (folder / "a.csv").read_text().startswith("row,'=price,'=price (now),expected,")


def test_a_remedy_is_one_of_the_file(folder, run):
    limit = '[[limits]]\nat_most = "sold * price"\nlimit = 1\n'
    (folder / "plan.toml").write_text(PLAN + limit)
    done = run("decide", "plan.toml")
    assert done.code == 1 and "extrapolate = true" in done.err and "for Python alone" not in done.err
