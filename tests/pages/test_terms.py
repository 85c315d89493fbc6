"""Terms: one source, no name twice, and a meaning on each page that uses one."""

import re
import tomllib
from pathlib import Path

import pytest

from drivetrain.cli.results import words_in
from drivetrain.pages import terms
from drivetrain.pages.html import Html, escape, explained, section, table, tag
from drivetrain.pages.page import document

PAGE = Path(__file__).parents[2] / "docs" / "terms.md"


def test_every_heading_of_the_page_is_a_term_and_no_name_stands_for_two():
    text = PAGE.read_text(encoding="utf-8")
    found = terms.read_terms(text)
    assert [term.heading for term in found] == re.findall(r"^### (.+)$", text, re.MULTILINE)
    names = [name.lower() for term in found for name in term.names]
    assert len(names) == len(set(names)) == len(terms.reference())
    assert all(term.meaning.endswith(".") and "](" not in term.meaning for term in found)


def test_a_link_becomes_what_can_be_typed_and_other_names_are_no_part_of_the_meaning():
    (term,) = terms.read_terms(
        "### Cat, tomcat\n\nSays [meow](#sound);\nsee [pets](pets.md#cats). Also: kitty, puss.\n\nMore."
    )
    assert term.names == ("Cat", "tomcat", "kitty", "puss")
    assert term.meaning == "Says meow; see `drivetrain docs pets`."


@pytest.mark.parametrize(
    ("words", "marked"),
    [
        ("Confusion matrix", ["Confusion matrix"]),
        ("right when said (precision)", ["precision"]),
        ("log loss, not loss", ["log loss", "loss"]),
        ("95 % interval", ["95 % interval"]),
        ("lineage of batches", ["lineage", "batches"]),
        ("rebatch, modelling, unfit, p-values-like", []),
        ("", []),
    ],
)
def test_whole_words_are_marked_the_longest_name_first(words, marked):
    assert re.findall(r">([^<]+)</button>", explained(words)) == marked


def test_what_is_html_already_is_left_alone_and_text_is_escaped():
    assert explained(Html("<b>loss</b>")) == "<b>loss</b>"
    assert explained(3) == 3
    assert explained("<i>") == "&lt;i&gt;"
    assert "popovertarget" not in table([escape("prior")], [["x"]], caption="c")


def test_a_page_has_each_meaning_once_and_marks_the_first_use_alone():
    page = document(
        "t",
        section("a", "The loss", None, table(["class", "recall", "loss"], [["x", 1, 2]], caption="c")),
        tag("p", '<button type="button" class="term" popovertarget="term-epoch">'),
    )
    assert re.findall(r'class="term" popovertarget="([^"]+)"', page) == ["term-loss", "term-precision-recall"]
    assert re.findall(r'<div popover="auto" id="([^"]+)"', page) == ["term-loss", "term-precision-recall"]
    assert "It must change smoothly with the parameters" in page


def test_without_the_reference_pages_are_written_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(terms, "PLACES", (tmp_path / "none.md",))
    terms.reference.cache_clear()
    terms.pattern.cache_clear()
    try:
        assert explained("loss") == "loss"
    finally:
        monkeypatch.undo()
        terms.reference.cache_clear()
        terms.pattern.cache_clear()


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("test set\n  accuracy 68.9 % [57.5, 78.4], n = 72", "drivetrain docs test set (or accuracy, interval)"),
        ("  R² 0.366 [0.162, 0.514]", "drivetrain docs r² (or interval)"),
        ("old rows: 3 of each label", None),
    ],
)
def test_a_summary_ends_with_how_its_words_are_explained(text, last):
    said = words_in(text)
    assert said == (text if last is None else f"{text}\nwhat words mean: {last}")


def test_a_wheel_brings_the_page():
    built = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    brought = built["targets"]["wheel"]["force-include"]
    source = Path(terms.__file__).relative_to(PAGE.parents[1] / "src")
    assert brought["docs/terms.md"] == (source.parent / terms.PLACES[0].name).as_posix()


def test_anchors_are_those_that_the_documentation_gives():
    slugify = pytest.importorskip("markdown.extensions.toc").slugify
    for term in terms.reference().values():
        assert slugify(term.heading, "-") == term.anchor
