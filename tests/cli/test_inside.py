"""`drivetrain inside`: the page, the names that scripts rely on, and words that cannot be used."""

import pytest


@pytest.fixture
def known(trained, pictures):
    """A saved model, and the pictures that it was trained on."""
    return trained, pictures


def test_names_that_scripts_rely_on(known, run, tmp_path):
    place, pictures = known
    out = tmp_path / "pages" / "inside.html"
    done = run("inside", place, "--data", pictures, "--out", out, "--quick", "--features", "2", "--json")
    assert done.code == 0, done.err
    found = done.object
    assert {"layers", "rows", "seconds", "seconds_plain_pass", "checks"} <= set(found)
    for layer in found["layers"]:
        assert layer["projection"] in {"deconvnet", "gradient × input"} and layer["reason"]
        assert layer["channels"] > 0 and layer["receptive_field_px"] > 0
    assert out.stat().st_size == found["bytes"] < 15_000_000


def test_against_itself_nothing_has_changed(known, run, tmp_path):
    place, pictures = known
    words = ["--layer", "conv1.0", "--feature", "conv1.0:3", "--features", "1", "--quick", "--json"]
    done = run("inside", place, "--data", pictures, "--against", place, *words)
    assert done.code == 0, done.err
    [change] = done.object["changes"]
    assert change["layer"] == "body.conv1.0" and change["cka"] == pytest.approx(1, abs=1e-6)
    assert done.object["layers"][0]["features"][0]["channel"] == 3
    assert "Before and after" in (tmp_path / "inside.html").read_text(encoding="utf-8")


def test_a_chart_instead_of_the_page(known, run, tmp_path):
    place, pictures = known
    done = run("inside", place, "--data", pictures, "--out", "inside.svg", "--quick", "--features", "1", "--rows", "9")
    assert done.code == 0 and (tmp_path / "inside.svg").read_text(encoding="utf-8").startswith("<svg")
    assert done.out.startswith("inside colours.model: ") and "inside.svg" in done.out


@pytest.mark.parametrize(
    "words",
    [["--features", "0"], ["--explain", "-1"], ["--rows", "0"], ["--seed", "x"], ["--out", ""]],
    ids=" ".join,
)
def test_values_that_cannot_be_used_are_usage_errors(words, known, run):
    assert run("inside", known[0], *words).code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "inside.docx"], "expected a name that ends in .html"),
        (["--feature", "conv1.0"], "a layer and one of its channels"),
        (["--layer", "conv9"], "is not known. Did you mean"),
        (["--against", "pretrained"], "trained from scratch"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_what_cannot_be_done_is_said_in_one_line(words, said, known, run):
    done = run("inside", known[0], "--data", known[1], "--quick", *words)
    assert done.code == 1 and said in done.err and "Traceback" not in done.err
