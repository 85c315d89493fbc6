"""`drivetrain report`: a page about a saved model."""

import re
import shutil

import pytest

import drivetrain as dt
from tests.cli.conftest import COLOURS
from tests.reading import without_tags


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    return shutil.copytree(trained, tmp_path_factory.mktemp("report") / "colours.model")


def test_a_page_is_written_and_the_test_set_stays_sealed(model, run, tmp_path):
    before = (model / "manifest.json").read_bytes()
    done = run("report", model, "--out", "page.html", "--use", "sorting balls", "--json")
    assert done.code == 0, done.err
    assert list(done.object) == ["artefact", "report", "bytes"]
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert done.object["bytes"] == len(html.encode()) < 3_000_000
    assert (model / "manifest.json").read_bytes() == before
    for said in ("colours.model", *COLOURS, "majority class", "never opened", "by epoch", "from scratch"):
        assert said in html, said
    assert "accuracy on the validation set" in without_tags(html).lower()
    assert html.count("data:image/jpeg;base64,") >= 1


def test_the_page_says_what_evaluate_says(model, run, tmp_path):
    scores = run("evaluate", model, "--json").object["validation"]
    run("report", model)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<strong>{100 * scores['accuracy']['value']:.1f}<span>" in html
    assert f"[{100 * scores['accuracy']['low']:.1f}, {100 * scores['accuracy']['high']:.1f}]" in html


def test_rows_that_are_gone_are_said_on_the_page(model, pictures, run, tmp_path):
    for path in sorted(pictures.glob("*/*.png"))[:-12]:
        (tmp_path / "some" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "some" / path.parent.name / path.name)
    done = run("report", model, "--data", tmp_path / "some")
    assert done.code == 0, done.err
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(r"\d+ of 9 validation rows could not be found", html)


def test_a_model_of_another_project_is_compared_with_the_seals_of_that_one(model, pictures, run, tmp_path):
    with dt.quiet():
        dt.images(pictures, seed=99, project="other").open_test("a look")  # some are rows of the model
    done = run("report", model, "--no-probe", "--project", "other")
    assert done.code == 1 and "sealed as test set" in done.err
    done = run("report", model, "--no-probe", "--project", "elsewhere")
    assert done.code == 0, done.err
    assert len(list((tmp_path / "elsewhere" / "seals").iterdir())) == 1


def test_what_cannot_be_written_is_an_error(model, run, tmp_path):
    (tmp_path / "no").write_text("a file")
    done = run("report", model, "--out", tmp_path / "no" / "such" / "folder.html")
    assert done.code == 1 and "cannot be written" in done.err


def test_an_artefact_has_a_card(model):
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# colours.model\n") and "never been opened" in card
    assert all(name in card for name in COLOURS)
