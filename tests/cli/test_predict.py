"""`drivetrain predict`: a line for every picture, in order, whatever happens."""

import os
import subprocess
import sys

import pytest

from drivetrain.cli.main import main
from tests.cli.conftest import TINY


def test_json_lines_in_the_order_given(trained, pictures, run):
    files = [pictures / name / "00.png" for name in ("red", "blue", "green")]
    done = run("predict", trained, *files, "--json", "--batch-size", "2")
    assert done.code == 0, done.err
    assert [line["path"] for line in done.lines] == [str(path) for path in files]
    assert [line["label"] for line in done.lines] == ["red", "blue", "green"]
    for line in done.lines:
        assert list(line) == ["path", "label", "probability", "top", "set", "abstained"]
        assert line["top"][0] == {"label": line["label"], "probability": line["probability"]}
        assert sum(item["probability"] for item in line["top"]) == pytest.approx(1, abs=1e-5)


def test_top_k(trained, pictures, run):
    done = run("predict", trained, pictures / "red" / "00.png", "--json", "--top-k", "2")
    assert len(done.object["top"]) == 2


def test_text_is_a_line_for_each(trained, pictures, run):
    done = run("predict", trained, pictures / "red" / "00.png", pictures / "blue" / "00.png")
    first, second = done.out.splitlines()
    assert first.startswith(f"{pictures / 'red' / '00.png'}: red ") and " %" in first
    assert second.startswith(f"{pictures / 'blue' / '00.png'}: blue ")


def test_a_folder_stands_for_the_pictures_below_it(trained, pictures, run):
    done = run("predict", trained, pictures / "red", pictures / "blue" / "00.png", "--json")
    assert [line["path"] for line in done.lines] == [
        *map(str, sorted((pictures / "red").glob("*.png"))),
        str(pictures / "blue" / "00.png"),
    ]


def test_what_cannot_be_read_is_reported_in_its_place(trained, pictures, run, tmp_path):
    good = str(pictures / "red" / "00.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    inputs = [good, "missing.png", "empty", "broken.png", "x" * 5000, good]
    done = run("predict", trained, *inputs, "--json")
    assert done.code == 1
    assert [line["path"] for line in done.lines] == inputs
    assert ["error" in line for line in done.lines] == [False, True, True, True, True, False]
    assert all(line.keys() == {"path", "error"} for line in done.lines[1:5])
    assert done.err.splitlines()[-1] == "error: 4 of 6 could not be read"
    text = run("predict", trained, *inputs)
    assert (text.code, text.out.count("\n")) == (1, 2)
    assert sum("missing.png" in line for line in text.err.splitlines()) == 1


@pytest.fixture
def odd_names(pictures, tmp_path):
    """Pictures whose names are not UTF-8, hold a line break, or are not ASCII."""
    names = [b"caf\xe9.png", b"two\nlines.png", "größe-😀.png".encode()]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    try:
        for path in paths:
            path.write_bytes((pictures / "red" / "00.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    return paths


def test_any_file_name_survives_json(trained, odd_names, run):
    done = run("predict", trained, *odd_names, "--json")
    assert done.code == 0, done.err
    assert done.out.isascii()
    assert [line["path"] for line in done.lines] == list(map(str, odd_names))


def test_any_file_name_can_be_printed_anywhere(trained, odd_names):
    command = [
        sys.executable,
        "-m",
        "drivetrain.cli.main",
        "predict",
        trained,
        *odd_names,
        odd_names[0].with_name("no\udcff"),
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.stdout.count(b"\n") == 3, done.stderr
    assert done.stdout.splitlines()[0].endswith(b" %)") and b"caf\\xe9.png: red" in done.stdout.splitlines()[0]
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False), done.stderr
    assert done.stderr.splitlines()[-1] == b"error: 1 of 4 could not be read"


def test_nobody_reading_is_no_traceback(trained, pictures):
    command = [sys.executable, "-m", "drivetrain.cli.main", "predict", trained, pictures, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        reading.stdout.close()
        err = reading.stderr.read()
        assert reading.wait(60) == 1
    assert err == b""


def test_numbers_and_labels(table, run, tmp_path):
    picture = str(table.parent / "red" / "00.png")
    for target, extra in (("brightness", []), ("tags", ["--label-delim", ";"])):
        words = ["train", str(table), "--target", target, *extra, *TINY, "--epochs", "1", "--out", f"{target}.model"]
        assert main(words) == 0
    number = run("predict", "brightness.model", picture, "--json").object
    assert list(number) == ["path", "values", "intervals"] and list(number["values"]) == ["brightness"]
    labels = run("predict", "tags.model", picture, "--json").object
    assert list(labels) == ["path", "labels", "top", "set", "abstained"]
    assert run("predict", "brightness.model", picture).out.startswith(f"{picture}: brightness ")


def test_a_folder_that_is_no_model(run, tmp_path):
    (tmp_path / "a.model").mkdir()
    done = run("predict", "a.model", "a.png", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: a.model is not a drivetrain artefact")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_device_and_precision_are_passed_on(command, run, trained, pictures):
    given = [trained, next(pictures.glob("*/*.png"))] if command == "predict" else [trained]
    refused = run(command, *given, "--device", "abacus")
    assert refused.code == 1 and "--device abacus" in refused.err
    refused = run(command, *given, "--device", "cpu", "--precision", "fp16")
    assert refused.code == 1 and "needs a CUDA GPU" in refused.err
