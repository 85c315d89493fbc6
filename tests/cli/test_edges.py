"""The edges of the command line: streams that are closed or full, odd names, places that cannot be written."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drivetrain.text import from_cell
from tests.cli.conftest import COLOURS, TINY, paint

GOLDEN = Path(__file__).parents[1] / "golden"
MODEL = GOLDEN / "v2.model"
PICTURE = GOLDEN / "pictures" / "blue-06.png"
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys; line breaks, and the tab, apart."""
LABELS = ("\x1b]0;pwned\x07", "\u202eturned", "=cmd|' /C calc'!A0")
COLUMN = "la\x1b[31mbel"


def shell(redirection: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = " ".join([f"'{sys.executable}' -m drivetrain", *(f"'{word}'" for word in words), redirection])
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 1, "error: standard output: it is closed\n"),
        ("<&- >&-", 1, "error: standard output: it is closed\n"),
        ("> /dev/full", 1, "error: standard output: No space left on device\n"),
        (">&- 2>&-", 1, ""),
        ("| true", 0, ""),
    ],
)
def test_streams_that_take_nothing(redirection, code, said):
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("a device of Linux")
    done = shell(redirection, "predict", MODEL, PICTURE)
    assert (done.returncode, done.stderr) == (code, said)
    assert shell(redirection, "--version").stderr == said


def test_a_closed_standard_error_changes_no_answer():
    done = shell("2>&-", "predict", MODEL, PICTURE, "missing.png")
    assert done.returncode == 1 and "blue" in done.stdout and done.stdout.count("\n") == 1


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A table whose labels, column and file names hold what a terminal obeys."""
    import numpy as np

    root = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    with (root / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", COLUMN])
        for label, (name, colour) in zip(LABELS, COLOURS.items(), strict=True):
            for i in range(12):
                path = root / f"{name}\x1b[2J\u202e{i}.png"
                paint(path, colour, rng)
                writer.writerow([path.name, label])
        writer.writerow(["missing\x1b[2J.png", LABELS[0]])
    return root


def test_nothing_that_a_terminal_obeys_is_printed(hostile, run, tmp_path):
    project = ("--project", tmp_path / "project")
    table, model = hostile / "rows.csv", tmp_path / "m.model"
    commands = [
        ("train", table, "--target", COLUMN, "--out", model, "--epochs", "1", "--export", "none", *TINY, *project),
        ("predict", model, hostile, *TINY[-2:]),
        ("predict", model, hostile / "no\x1b[2Jsuch.png", *TINY[-2:]),
        ("evaluate", model, *project),
        ("evaluate", model, "--test", *project),
        ("audit", table, "--target", COLUMN),
        ("runs", *project),
        ("seals", "--json", *project),
        ("seals", "retire", "no\x1b[2Jsuch", "--reason", "x", *project),
        ("seals", "retire", "--reason", "be\x1b[2Jcause\u202e", *project),
        ("seals", *project),
        ("train", table, "--task", "\x1b[2J", "--out", model),
        ("no\x1b[2Jsuch",),
        ("predict", "--no\x1b[2Jsuch"),
        ("predict", "no\x1b[2Jsuch", "x"),
        ("watch", model, "no\x1b[2Jsuch"),
        ("bodies", "add", "no\x1b[2Jsuch"),
    ]
    for words in commands:
        done = run(*words)
        assert not RAW.search(done.out.replace("\r\n", "\n")), words
        assert not RAW.search(done.err), words
    labels = next((tmp_path / "project").rglob("labels.csv"))
    with labels.open(newline="", encoding="utf-8") as stream:
        found = {row["label"] for row in csv.DictReader(stream)}
    assert all(cell[0] not in "=+-@\t\r" for cell in found)
    assert {from_cell(cell) for cell in found} == set(LABELS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("report", MODEL, "--out"), "--out"),
        (("audit", GOLDEN / "pictures", "--html"), "--html"),
        (("seals", "export", "--out"), "--out"),
        (("serve", MODEL, "--log-predictions"), "--log-predictions"),
        (("review", MODEL, "--no-browser", "--out"), "--out"),
    ],
)
def test_places_are_looked_at_before_the_work(words, option, run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    (tmp_path / "photo.png").write_bytes(PICTURE.read_bytes())
    inside = tmp_path / "in.model"
    inside.mkdir()
    (inside / "manifest.json").write_text("{}")
    for place, reason in (
        ("pipe", "it is a device or a pipe"),
        ("/dev/null", "it is a device or a pipe"),
        (".", "it is a folder"),
        ("file/page.html", "is a file, not a folder"),
        ("in.model/page.html", "lies inside a saved model"),
    ):
        done = run(*words, place)
        assert (done.code, done.out) == (1, ""), done.err
        assert done.err.startswith(f"error: {option} {place} cannot be written: "), done.err
        assert reason in done.err
    if option in ("--out", "--html"):
        assert "a file of another kind" in run(*words, "photo.png").err
    assert Path("/dev/null").is_char_device()


def test_folders_above_a_model_are_made_and_foreign_ones_kept(run, pictures, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.jpg").write_bytes(b"x")
    refused = run("train", pictures, "--out", "photos", *TINY)
    assert refused.code == 1 and "a folder with other files" in refused.err and "training" not in refused.err
    done = run("train", pictures, "--out", "new/-ä 模型.model", "--epochs", "1", "--export", "none", "--json", *TINY)
    assert done.code == 0, done.err
    assert json.loads(done.out)["artefact"] == "new/-ä 模型.model"
    assert (tmp_path / "new" / "-ä 模型.model" / "manifest.json").is_file()


def test_arguments_are_spelled_as_options(run, pictures):
    done = run("train", pictures, "--target", "fruit", "--out", "m.model")
    assert done.err.startswith("error: --target fruit names something in a table")
