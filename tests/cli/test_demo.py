"""`drivetrain demo images`: the whole way on handwriting; the list of demos, and one of them as a page."""

import os
from pathlib import Path

import pytest
from sklearn import datasets

from drivetrain.cli import demo_images


@pytest.fixture
def few_digits(monkeypatch):
    """A hundred and twenty digits and one epoch: all the steps, in seconds."""
    digits = datasets.load_digits()
    digits.images, digits.target = digits.images[:120], digits.target[:120]
    monkeypatch.setattr(datasets, "load_digits", lambda: digits)
    monkeypatch.setattr(demo_images, "EPOCHS", 1)


def test_object_has_these_fields(few_digits, run):
    done = run("demo", "images", "--out", "here", "--json")
    assert done.code == 0, done.err
    said = done.object
    assert list(said) == [
        "artefact",
        "arch",
        "seconds",
        "n",
        "decisions",
        "validation",
        "loss",
        "test",
        "prediction",
        "report",
    ]
    assert sum(said["n"].values()) == 120
    assert said["validation"].keys() == said["test"].keys() == {"accuracy", "log_loss"}
    assert said["prediction"]["label"] in "0123456789"
    page = Path(said["report"]).read_text(encoding="utf-8")
    assert "digits" in page and "never opened" not in page
    assert sorted(path.name for path in Path("here").iterdir()) == [
        ".drivetrain",
        "digits",
        "digits.model",
        "report.html",
    ]
    assert not Path(".drivetrain").exists()


def test_text_ends_with_what_to_type_next_and_runs_twice_anywhere(few_digits, run):
    for folder in ("here", "here", "there"):  # what one demo has sealed is nothing to another
        done = run("demo", "images", "--out", folder)
        assert done.code == 0, done.err
        assert "warning" not in done.err and "in another project" not in done.err
    assert not Path(os.environ["DRIVETRAIN_INDEX_DIR"]).exists()
    assert "validation set\n  accuracy " in done.out and "test set\n  accuracy " in done.out
    assert done.out.splitlines()[-1].startswith("  drivetrain train YOUR_FOLDER --out your.model ")
    words = done.out.splitlines()[-3].split("   ")[0].split()[1:]
    assert run(*words).code == 0


def test_pictures_of_others_are_left_alone(few_digits, run, tmp_path):
    (tmp_path / "here" / "digits" / "cats").mkdir(parents=True)
    (tmp_path / "here" / "digits" / "cats" / "tom.png").write_bytes(b"meow")
    done = run("demo", "images", "--out", "here", "--json")
    assert (done.code, done.out) == (1, "")
    assert "holds tom.png, which the demo did not write" in done.err
    assert [path.name for path in (tmp_path / "here" / "digits").iterdir()] == ["cats"]


@pytest.mark.slow
def test_the_demo_keeps_its_promise(run):
    said = run("demo", "images", "--out", "here", "--json").object
    assert said["test"]["accuracy"]["value"] >= 0.97
    assert said["test"]["accuracy"]["n"] == said["n"]["test"] == 359
    assert said["prediction"]["label"] == Path(said["prediction"]["path"]).parent.name
    assert said["seconds"] < 120


@pytest.fixture
def guide(tmp_path_factory, monkeypatch):
    from tests.gallery.conftest import SMALL, put

    return put(tmp_path_factory.mktemp("demo"), monkeypatch, SMALL)


def test_without_a_name_all_are_listed_with_their_questions(guide, run):
    done = run("demo")
    assert done.code == 0
    assert "  images  The whole way" in done.out and "  small   Does it all show? (a minute or two)" in done.out
    assert "drivetrain demo small" in done.out
    listed = run("demo", "--json").object["demos"]
    assert [each["name"] for each in listed] == ["images", "small"]
    assert listed[1]["next"] == guide.next


def test_a_notebook_becomes_a_page_and_ends_with_the_command_for_own_data(guide, run, tmp_path):
    pytest.importorskip("jupytext")
    for _ in range(2):
        done = run("demo", "small", "--out", "here", "--notebook", "small.ipynb")
        assert done.code == 0, done.err
    assert "2 of 8: Kept" in done.err and "  first line\n    second <b>\n" in done.out
    assert done.out.splitlines()[-1].split("   ")[0].strip() == guide.next
    page = (tmp_path / "here" / "small" / "small.html").read_text(encoding="utf-8")
    assert "Does it all show?" in page
    assert "first line" in (tmp_path / "small.ipynb").read_text(encoding="utf-8")
    said = run("demo", "small", "--out", "here", "--json").object
    assert list(said) == ["name", "title", "seconds", "blocks", "folder", "page", "notebook", "next"]


def test_a_notebook_can_be_written_without_a_run(guide, run, tmp_path):
    pytest.importorskip("jupytext")
    done = run("demo", "small", "--notebook", "small.ipynb", "--no-run")
    assert done.code == 0 and "open it in Jupyter" in done.out
    assert '"outputs": []' in (tmp_path / "small.ipynb").read_text(encoding="utf-8")
    assert not (tmp_path / "drivetrain-demo").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["smal"], "Did you mean 'small'?"),
        (["--out", "here"], "--out is about one demo, and none was named"),
        (["--open"], "--open is about one demo"),
        (["images", "--notebook", "a.ipynb"], "images is no notebook"),
        (["small", "--no-run"], "--no-run leaves nothing to do"),
        (["small", "--notebook", "a.txt"], "--notebook a.ipynb"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "told",
)
def test_what_makes_no_sense_is_told(guide, run, words, told):
    done = run("demo", *words)
    assert done.code == 1 and told in done.err
    assert not Path("drivetrain-demo").exists()


def test_files_of_others_in_the_folder_stop_it(guide, run, tmp_path):
    (tmp_path / "here" / "small").mkdir(parents=True)
    (tmp_path / "here" / "small" / "mine.txt").write_text("mine", encoding="utf-8")
    done = run("demo", "small", "--out", "here")
    assert done.code == 1 and "holds mine.txt, which the demo did not write" in done.err
    assert (tmp_path / "here" / "small" / "mine.txt").read_text(encoding="utf-8") == "mine"
