"""Every guided notebook that comes with the package: it has the form, and runs from top to bottom."""

import ast
import importlib.util
import json
import re
import time
from pathlib import Path

import pytest
import torch

import drivetrain as dt
from drivetrain.gallery.notebook import notebook_of
from drivetrain.gallery.page import page_of, prose
from drivetrain.gallery.reading import find, guides
from drivetrain.gallery.running import run

NAMES = [guide.name for guide in guides()]
ORDER = ["learn", "honest", "inside", "signals", "update", "tables", "ratings", "slope", "decide", "production"]
"""Of the lesson."""
LEAST_QUESTIONS = 3
MOST_SECONDS = 180
"""Of the processor, which says the same on a busy machine."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_they_stand_in_the_order_of_the_lesson():
    assert [name for name in ORDER if name in NAMES] == NAMES
    assert all(int(guide.file.stem[:2]) == ORDER.index(guide.name) + 1 for guide in guides())


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_the_form(name):
    guide = find(name)
    assert guide.question.endswith("?") or "?" in guide.question
    assert guide.next.startswith("drivetrain ")
    whole = "\n".join(part.text for part in guide.parts if part.kind == "prose")
    headings = re.findall(r"^## (.+)$", whole, re.MULTILINE)
    assert headings[-2:] == ["Questions to test yourself", "Further reading"]
    questions = whole.partition("## Questions to test yourself")[2].partition("## Further reading")[0]
    folded = re.findall(
        r"^<details><summary>(.+?)</summary>\n\n(.+?)\n\n?</details>$", questions, re.MULTILINE | re.DOTALL
    )
    assert len(folded) >= LEAST_QUESTIONS and len(folded) == questions.count("<details>")
    assert re.findall(r"^\* ", whole.partition("## Further reading")[2], re.MULTILINE)
    assert guide.parts[0].kind == "prose"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_imports_public_names_alone(name):
    for part in find(name).code:
        imported = [node for node in ast.walk(ast.parse(part.text)) if isinstance(node, ast.ImportFrom)]
        assert [node.module for node in imported if (node.module or "").startswith("drivetrain")] == []


@pytest.mark.parametrize("name", NAMES)
def test_links_to_the_documentation_lead_somewhere(name):
    guide = find(name)
    root = guide.file.parents[3]
    if not (root / "docs").is_dir():
        pytest.skip("installed, without docs/")
    for part in guide.parts:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", part.text if part.kind == "prose" else ""):
            assert (guide.file.parent / link).resolve().is_relative_to(root / "docs"), link
            assert (guide.file.parent / link).exists(), link


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_figures(name, tmp_path, monkeypatch):
    """Where `make docs` has run it, of the same text and the same package, what that has shown; else it runs here."""
    guide = find(name)
    kept = guided().place_of(guide)
    if kept.exists():
        book, folder = json.loads(kept.read_text(encoding="utf-8")), str(kept.parent)
    else:
        pytest.importorskip("jupytext")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        began = time.process_time()
        with dt.quiet():
            done = run(guide, tmp_path)
        assert time.process_time() - began < MOST_SECONDS
        assert str(tmp_path) not in page_of(done)
        book, folder = json.loads(notebook_of(guide, done)), str(tmp_path)
    codes = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]).strip() for cell in codes] == [part.text.strip() for part in guide.code]
    shown = [one for cell in codes for one in cell["outputs"]]
    figures = [one for one in shown if {"image/png", "image/svg+xml"} & one.get("data", {}).keys()]
    assert figures or "<img" in json.dumps(shown)
    assert folder not in json.dumps(book)


def guided():
    """scripts/guided.py, with which the documentation runs them."""
    spec = importlib.util.spec_from_file_location("guided", Path(__file__).parents[2] / "scripts" / "guided.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_notebook_runs_in_jupyter(guide, tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("DRIVETRAIN_INDEX_DIR", "")
    monkeypatch.delenv("DRIVETRAIN_PROJECT")
    book = nbformat.reads(notebook_of(guide), as_version=4)
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    codes = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.source.strip() for cell in codes] == [part.text.strip() for part in guide.code]
    outputs = [one for cell in codes for one in cell.outputs]
    pictures = [one for one in outputs if "text/html" in one.get("data", {}) or "image/png" in one.get("data", {})]
    assert len(pictures) >= 3  # charts show themselves
    assert not [one for one in outputs if one.output_type == "error"]


def test_a_term_that_a_guide_stresses_opens_its_meaning():
    made = prose("## The *loss* & co\n\nAn **epoch** is *one pass*; the epoch ends.")
    assert made.count('popovertarget="term-epoch"') == 1 and "<strong><button" in made
    assert "<em><button" in made and "&amp; co" in made
