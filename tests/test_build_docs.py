"""scripts/build_docs.py: what it collects, and which faults of a site it finds."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import drivetrain as dt

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_docs"] = module
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_in_the_reference_where_it_is_defined(build):
    pages = build.reference()
    together = "\n".join(pages.values())
    for name in dt.__all__:
        assert f'<a id="{name}"></a>' in together
    assert "::: drivetrain.learner.learner.Learner\n" in pages["reference/learning.md"]
    assert "::: drivetrain.data.review.record\n" in pages["reference/data.md"]


def test_every_command_has_its_options(build):
    text = build.commands()
    assert "## train { #train }" in text
    assert "| `--valid-pct` |" in text
    assert "| `MODEL` |" in text


def test_links_lead_to_pages_of_the_site_and_others_become_words(build, tmp_path):
    page = tmp_path / "docs" / "a.md"
    page.parent.mkdir()
    page.write_text("[b](b.md#x) [code](../src/x.py) [web](https://example.com) [in](#here) ![img](images/i.png)")
    places = {(tmp_path / "docs" / "b.md").resolve(): "deep/c.md"}
    assert build.relinked(page, "results/a.md", places) == (
        "[b](../deep/c.md#x) code [web](https://example.com) [in](#here) ![img](images/i.png)"
    )


def test_faults_of_a_site_are_found(build, tmp_path):
    (tmp_path / "reference").mkdir()
    names = "".join(f'<h2 id="{name}"></h2>' for name in dt.__all__ if name != "Learner")
    (tmp_path / "reference" / "all.html").write_text(names, encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<a href="reference/all.html#Data">ok</a><a href="gone.html">x</a><a href="reference/all.html#Nothing">y</a>'
        '<script src="https://example.com/x.js"></script><a href="https://example.com">fine</a>',
        encoding="utf-8",
    )
    assert list(build.faults(tmp_path)) == [
        "index.html loads https://example.com/x.js",
        "index.html leads to gone.html, which is not there",
        "index.html leads to reference/all.html#Nothing, and there is no such place on that page",
        "the reference lacks Learner",
    ]


def test_versions_stand_beside_each_other_with_the_newest_at_the_front(build, tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("now", encoding="utf-8")
    old = tmp_path / "web" / "0.0.9"
    old.mkdir(parents=True)
    (old / "index.html").write_text("before", encoding="utf-8")
    monkeypatch.setattr(build, "SITE", site)
    build.publish(tmp_path / "web")
    assert (tmp_path / "web" / dt.__version__ / "index.html").read_text() == "now"
    assert f"url={dt.__version__}/" in (tmp_path / "web" / "index.html").read_text()
    assert '"0.0.9"' in (tmp_path / "web" / "versions.json").read_text()


def test_every_guided_notebook_stands_in_the_navigation():
    from drivetrain.gallery.reading import guides

    nav = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert [guide.name for guide in guides() if f'"notebooks/{guide.name}.md"' not in nav] == []


def test_a_guided_notebook_becomes_a_page_with_its_output_and_figures(build, tmp_path, monkeypatch):
    from drivetrain.gallery.notebook import notebook_of
    from drivetrain.gallery.running import run
    from tests.gallery.conftest import SMALL, put

    pytest.importorskip("jupytext")
    guide = put(tmp_path, monkeypatch, SMALL)
    (tmp_path / "work").mkdir()
    book = json.loads(notebook_of(guide, run(guide, tmp_path / "work")))
    figures: dict[str, bytes] = {}
    page = build.guided.page_of(guide, book, figures)
    assert page.startswith("# Small: a notebook\n\n*Does it all show?*\n")
    assert "[small.ipynb](small.ipynb)" in page and '<details markdown="1"><summary>' in page
    assert "~~~~text\nfirst line\n  second <b>\n~~~~" in page
    assert '<img src="small-0-light.svg#only-light" alt="Two bars: ' in page
    assert "<table> <thead>" in page and 'class="dataframe"' not in page and "<style" not in page
    assert sorted(figures) == [
        "small-0-dark.svg",
        "small-0-light.svg",
        "small-2-dark.svg",
        "small-2-light.svg",
        "small-4.png",
    ]
    assert b"#131518" in figures["small-0-dark.svg"] and b"#131518" not in figures["small-0-light.svg"]


def test_long_sentences_are_folded_and_columns_stay(build):
    sentence = "  " + "word " * 40
    folded = build.guided._folded(sentence)
    assert len(folded) == 3 and all(len(line) <= build.guided.LONGEST_LINE for line in folded)
    assert all(line.startswith("  word") for line in folded) and " ".join(folded).split() == sentence.split()
    columns = "a" * 60 + "   " + "b" * 60
    assert build.guided._folded(columns) == [columns] and build.guided._folded("") == [""]


@pytest.mark.parametrize(("wide", "kept"), [(640, False), (1276, True)])
def test_a_wide_drawing_scrolls_at_its_own_size(build, wide, kept):
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} 50" width="{wide}" height="50"></svg>'
    shown = list(build.guided._shown({"data": {"image/svg+xml": svg, "text/plain": "A chart"}}, "small", {}))
    assert len(shown) == 2
    assert all((f"width: {wide}px; max-width: none" in one and "overflow-x: auto" in one) == kept for one in shown)


def test_a_notebook_is_run_once_for_each_content(build, tmp_path, monkeypatch):
    from tests.gallery.conftest import SMALL, put

    guide = put(tmp_path, monkeypatch, SMALL)
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text("1", encoding="utf-8")
    monkeypatch.setattr(build.guided, "PACKAGE", package)
    monkeypatch.setattr(build.guided, "KEPT", tmp_path / "kept")
    runs = []

    def stands_in(command, **options):
        runs.append(command)
        Path(command[command.index("--notebook") + 1]).write_text("{}", encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, '{"seconds": 1}', "")

    monkeypatch.setattr(build.guided.subprocess, "run", stands_in)
    first = build.guided.notebook_of(guide)
    assert build.guided.notebook_of(guide) == first and len(runs) == 1
    (package / "a.py").write_text("2", encoding="utf-8")
    assert build.guided.notebook_of(guide) != first and len(runs) == 2
    assert not first.exists()
