"""scripts/build_docs.py: what it collects, and which faults of a site it finds."""

import importlib.util
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
