"""What pages show of a text: its beginning as people wrote it, safe in a page; and words marked by what they did."""

import re

import pytest

from drivetrain.errors import InputError
from drivetrain.evaluation.report.showing import shown, shown_source, text_of
from drivetrain.kinds.texts.show import Marked, beginning, marked, seen, show_source
from drivetrain.pages.chart import picture_panel


def words(shown: str) -> str:
    return re.sub("<[^>]+>", "", shown)


@pytest.mark.parametrize("kind", ["row", "rows", "file", "page", "bytes", "text"])
def test_a_text_is_shown_whatever_holds_it(tmp_path, kind):
    file, page = tmp_path / "a.txt", tmp_path / "a.html"
    file.write_bytes("Grüße & <x>".encode("utf-16"))
    page.write_text("<html><body><p>Gr&uuml;&szlig;e &amp; &lt;x&gt;</p></body></html>")
    sources = {
        "row": {"question": "Grüße & <x>"},
        "rows": {"a": "Grüße &", "b": "<x>"},
        "file": file,
        "page": page,
        "bytes": "Grüße & <x>".encode(),
        "text": "Grüße & <x>",
    }
    assert show_source(sources[kind], html=kind == "page") == '<p class="text" dir="auto">Grüße &amp; &lt;x&gt;</p>'


def test_what_cannot_be_read_is_no_text(tmp_path):
    with pytest.raises(InputError):
        show_source(tmp_path / "gone.txt")
    assert shown_source("texts", tmp_path / "gone.txt") is None
    assert text_of("texts", tmp_path / "gone.txt") is None and text_of("images", tmp_path / "a.png") is None
    assert text_of("texts", {"a": "one", "b": "two"}) == "one\n\ntwo"


def test_of_a_long_text_the_beginning_is_shown_and_the_rest_is_counted():
    drawn = show_source("word " * 5000, side_px=100, alt="said pin, labelled card")
    assert words(drawn) == f"{('word ' * 28).strip()} … 24,860 more letters"
    assert 'title="said pin, labelled card"' in drawn
    assert len(words(show_source("x" * 9000, side_px=100))) < 200


@pytest.mark.parametrize("text", ["ab" + "e\u0301" * 9, "👨\u200d👩\u200d👧" * 9], ids=["marks", "family"])
def test_no_letter_is_cut_from_its_marks(text):
    for most in range(1, len(text)):
        left = text[len(beginning(text, most)) :]
        assert not left.startswith(("\u0301", "\u200d")) or len(beginning(text, most)) == 1


def test_what_turns_or_hides_its_neighbours_is_left_out():
    assert seen("a\u202eb\u200fc\u00ad \n\t d") == "abc d"
    drawn = show_source("می\u200cخواهم \u202e<script>alert(1)</script>", html=False)
    assert "\ufffd" not in drawn and "<script" not in drawn


def test_marks_are_stronger_where_more_was_done_and_say_against():
    text = "my card is not lost"
    marks = [
        Marked(3, 7, 0.4, "+40"),
        Marked(11, 14, -0.2, "−20"),
        Marked(15, 19, 0.09, "+9"),
        Marked(0, 2, 0.01, "+1"),
    ]
    drawn = marked(text, marks)
    assert words(drawn) == text
    assert re.findall(r'class="(\w+ s\d)" title="(\S+)">(\w+)<', drawn) == [
        ("for s4", "+40", "card"),
        ("against s2", "−20", "not"),
        ("for s1", "+9", "lost"),
    ]
    assert marked(text, []) == f'<p class="text" dir="auto">{text}</p>'


def test_of_a_long_text_what_lies_around_the_strongest_mark_is_shown():
    text = f"{'before ' * 300}<b>card</b>{' after' * 300}"
    start = text.index("card")
    drawn = marked(text, [Marked(start, start + 4, -1.0, "x"), Marked(0, 6, 0.5, "y")], most=100)
    shown_words = words(drawn)
    assert (
        len(shown_words) < 140 and "card" in shown_words and shown_words.startswith("… ") and shown_words.endswith("…")
    )
    assert "&lt;b&gt;" in drawn and 'class="against s4"' in drawn and "for s" not in drawn


def test_figures_and_the_review_draw_it_as_lines_of_words():
    drawn = picture_panel(shown_source("texts", {"q": "Where is my card? " * 9}), 200)
    assert drawn.startswith("<svg") and drawn.count("<text") > 3
    import numpy as np

    loaded = (np.frombuffer("Grüße".encode(), np.uint8),)
    assert words(shown("texts", loaded)) == "Grüße"
