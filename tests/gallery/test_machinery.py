"""The gallery's machinery on a small notebook: read, run, written as a page and for Jupyter."""

import json
import os
from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.gallery import notebook, reading
from drivetrain.gallery.folder import own_folder
from drivetrain.gallery.notebook import notebook_of
from drivetrain.gallery.page import page_of
from drivetrain.gallery.running import run
from tests.gallery.conftest import SMALL, guide_of


@pytest.fixture
def done(guide, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return run(guide, folder)


def test_a_file_is_divided_into_prose_and_code(guide):
    assert (guide.title, guide.name, guide.takes) == ("Small: a notebook", "small", "a minute or two")
    assert [part.kind for part in guide.parts][:4] == ["prose", "code", "prose", "code"]
    lines = SMALL.splitlines()
    for part in guide.parts:
        assert lines[part.line - 1] == part.text.splitlines()[0]
    assert [part.heading for part in guide.code][:2] == ["", "Kept"]


@pytest.mark.parametrize("asked", ["small", "03-small", "03-small.md", "3", "03", "Small"])
def test_a_notebook_goes_by_the_names_that_people_give_it(guide, asked):
    assert reading.find(asked) is guide


def test_a_name_that_is_not_there_is_told_with_the_one_that_was_meant(guide):
    with pytest.raises(dt.SettingError, match=r"no demo 'smal'; expected one of images, small\. Did you mean 'small'"):
        reading.find("smal")


def test_front_matter_that_lacks_something_is_named(tmp_path):
    file = tmp_path / "04-x.md"
    file.write_text("---\ntitle: X\nname: x\n---\ntext\n", encoding="utf-8")
    with pytest.raises(dt.SettingError, match=r"04-x\.md has no question and next"):
        reading.read(file)


def test_each_block_shows_what_jupyter_would(done):
    kinds = [
        [(one.text, bool(one.html), bool(one.chart), bool(one.png), one.warning) for one in shown]
        for shown in done.shown
    ]
    assert kinds[0] == []
    assert kinds[1] == [("first line\n  second <b>", False, False, False, False)]
    assert kinds[2] == [("Two bars: a: 1; b: 2.", False, True, False, False)] or kinds[2][0][2]
    assert kinds[4] == [("4", False, False, False, False)]
    assert kinds[5] == []
    assert [one.text for one in done.shown[6] if one.warning] == ["warning: look here"]
    assert "<table" in done.shown[6][-1].html
    assert [(one.text, one.png[:4]) for one in done.shown[7]] == [("figure: A line", b"\x89PNG")]


def test_it_runs_in_its_folder_and_leaves_this_process_as_it_was(done, tmp_path, monkeypatch):
    assert (tmp_path / "work" / "kept.txt").read_text(encoding="utf-8") == "1 < 2"
    assert Path.cwd() != tmp_path / "work"
    before = dict(os.environ)
    looks = guide_of(
        tmp_path,
        monkeypatch,
        "import os\nprint(os.environ['DRIVETRAIN_INDEX_DIR'] == '', 'DRIVETRAIN_PROJECT' in os.environ)\n",
    )
    folder = tmp_path / "again"
    folder.mkdir()
    assert run(looks, folder).shown[0][0].text == "True False"
    assert dict(os.environ) == before


def test_a_block_that_fails_is_named_with_its_line(tmp_path, monkeypatch):
    bad = guide_of(tmp_path, monkeypatch, "x = 1\n1 / 0\n")
    with pytest.raises(
        dt.DrivetrainError, match=r"03-small\.md stopped in the block at line 11: ZeroDivisionError: "
    ) as told:
        run(bad, tmp_path)
    assert isinstance(told.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("library", "extras"),
    [("statsmodels_", "train"), ("statsmodels.nothing", "train,statistics"), ("optuna.gone", "train,tune")],
)
def test_a_library_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch, library, extras):
    needs = guide_of(tmp_path, monkeypatch, f"import {library}\n")
    with pytest.raises(dt.MissingExtraError, match=rf"needs {library.partition('.')[0]}, .*drivetrain\[{extras}\]"):
        run(needs, tmp_path)


def test_the_page_holds_it_all_and_loads_nothing(done):
    page = page_of(done)
    assert "<h1>Small: a notebook</h1>" in page
    assert "second &lt;b&gt;" in page
    assert "see terms (<code>drivetrain docs terms</code>)" in page
    assert "<details><summary>Is 1 < 2?</summary>" in page
    assert "<p>Yes, <strong>always</strong>." in page
    assert page.count('id="f') == len(set(__import__("re").findall(r'id="(f[^"]+)"', page)))
    assert "drivetrain train YOUR_FOLDER" in page and "drivetrain demo small" in page
    assert "<style scoped" not in page and ' style="' not in page
    assert 'src="http' not in page and "url(http" not in page


def test_a_notebook_for_jupyter_is_valid_with_and_without_outputs(done, guide):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("jupytext")
    bare, full = (nbformat.reads(notebook_of(guide, one), as_version=4) for one in (None, done))
    assert [cell.source for cell in bare.cells] == [cell.source for cell in full.cells]
    assert bare.cells[0].source.startswith("# Small: a notebook")
    codes = [cell for cell in full.cells if cell.cell_type == "code"]
    assert len(codes) == len(guide.code) and not any(cell.get("outputs") for cell in bare.cells)
    assert codes[1].outputs[0].text == "first line\n  second <b>\n"
    assert {"image/svg+xml", "text/html", "text/plain"} == set(codes[2].outputs[0].data)
    assert codes[7].outputs[0].output_type == "display_data"
    assert notebook_of(guide) == notebook_of(guide)


def test_without_the_libraries_of_notebooks_it_says_how_to_get_them(guide, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jupytext", None)
    with pytest.raises(dt.MissingExtraError, match=r"needs jupytext.*pip install 'drivetrain\[notebooks\]'"):
        notebook.check_libraries()


def test_a_folder_is_emptied_of_what_an_earlier_run_wrote_and_of_nothing_else(tmp_path):
    place = tmp_path / "a" / "small"
    for _ in range(2):
        with own_folder(place, "small") as folder:
            assert list(folder.iterdir()) in ([], [folder / ".drivetrain-demo.json"])
            (folder / "deep").mkdir()
            (folder / "deep" / "file").write_text("x", encoding="utf-8")
    (place / "deep" / "mine.txt").write_text("mine", encoding="utf-8")
    with (
        pytest.raises(dt.DataError, match=r"holds deep/mine\.txt, which the demo did not write"),
        own_folder(place, "small"),
    ):
        pass
    assert (place / "deep" / "file").exists()


@pytest.mark.parametrize(
    "record", ["", "[]", '{"name": "other", "files": ["a"]}', '{"name": "small"}', '{"name": "small", "files": 3}']
)
def test_a_record_that_is_not_one_of_this_notebook_protects_nothing(tmp_path, record):
    (tmp_path / ".drivetrain-demo.json").write_text(record, encoding="utf-8")
    (tmp_path / "a").write_text("x", encoding="utf-8")
    with pytest.raises(dt.DataError, match="holds a, which the demo did not write"), own_folder(tmp_path, "small"):
        pass


def test_a_run_that_was_stopped_leaves_a_record_too(tmp_path):
    with pytest.raises(KeyboardInterrupt), own_folder(tmp_path, "small") as folder:
        (folder / "half").write_text("x", encoding="utf-8")
        raise KeyboardInterrupt
    assert json.loads((tmp_path / ".drivetrain-demo.json").read_text(encoding="utf-8"))["files"] == ["half"]
    with own_folder(tmp_path, "small") as folder:
        assert not (folder / "half").exists()
