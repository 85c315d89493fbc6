"""In which encoding bytes are, what is left of control characters, and what HTML says."""

from __future__ import annotations

import pytest

from drivetrain.errors import InputError
from drivetrain.kinds.texts.cleaning import cleaned
from drivetrain.kinds.texts.encodings import decoded
from drivetrain.kinds.texts.html_text import has_html, is_page, text_of_html
from drivetrain.kinds.texts.spec import Spec

TEXT = "Größe: “naïve” – 5 €"


@pytest.mark.parametrize(
    ("content", "text", "encoding", "guessed"),
    [
        (TEXT.encode(), TEXT, "utf-8", False),
        (b"\xef\xbb\xbf" + TEXT.encode(), TEXT, "utf-8", False),
        (TEXT.encode("utf-16"), TEXT, "utf-16", False),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), TEXT, "utf-16", False),
        (b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), TEXT, "utf-32", False),
        ("Grosse, plain".encode("utf-16-le"), "Grosse, plain", "utf-16", True),
        ("Grosse, plain".encode("utf-16-be"), "Grosse, plain", "utf-16", True),
        (TEXT.encode("cp1252"), TEXT, "cp1252", True),
        ("déjà vu".encode("latin-1"), "déjà vu", "latin-1", True),
        (b"plain", "plain", "utf-8", False),
        (b"", "", "utf-8", False),
    ],
    ids=range(11),
)
def test_an_encoding_is_told(content: bytes, text: str, encoding: str, guessed: bool) -> None:
    assert decoded(content) == (text, encoding, guessed)


@pytest.mark.parametrize(
    "content",
    [
        b"a\0b",
        bytes(100),
        b"PK\x03\x04\0\0\0\0\x21",
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xfe\0\0\x01",
    ],
    ids=range(6),
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"not a text: .*To fix: save it as text"):
        decoded(content)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\r\nb\rc\u2028d\u2029e\n\x0cf\x85", "a\nb\nc\nd\ne\nf"),
        ("a\x00b\x07c\x1b[31md\x7fe\x9bf", "abc[31mdef"),
        ("\ufeff  hi\t\n ", "hi"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83db", "a\ufffdb"),
        (
            "👩\u200d👧 می\u200cخواهم \u202bשלום\u202c co\u00adop",
            "👩\u200d👧 می\u200cخواهم \u202bשלום\u202c co\u00adop",
        ),
    ],
    ids=range(6),
)
def test_control_characters_go_and_what_words_are_made_of_stays(text: str, clean: str) -> None:
    assert cleaned(text, html=True) == clean
    assert cleaned(clean, html=True) == clean


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("5 &lt; 6 &amp; 7 &gt; 2 &euro; &#x41;&#66;", "5 < 6 & 7 > 2 € AB"),
        ("a<b and b>c", "a<b and b>c"),
        ("List<String> x = <none>; I <3 U", "List<String> x = <none>; I <3 U"),
        ("<b>bold</b> & <i class='x'>it</i> <3", "bold & it <3"),
        ("see<script>alert('<p>')</script> this<style>p{}</style>", "see this"),
        ("a <img src=x alt='cat'> b<br/>c<BR >d", "a cat b\nc\nd"),
        ("<!-- not shown --><div>shown</div>", "shown"),
        ("AT&T; R&D &c &nosuch;", "AT&T; R&D &c &nosuch;"),
        (
            "<!DOCTYPE html><html><head><title>T</title></head><body>\n <h1>A\n b</h1>\n\n<table><tr><td>1</td>"
            "<td>2</td></tr></table><pre>x\n  y</pre></body></html>",
            "T\nA b\n1\t2\nx\n  y",
        ),
        ("<html><body>unclosed <b>tags <p>here", "unclosed tags\nhere"),
        ("<?xml version='1.0'?>\n<html xmlns='x'><body>xhtml</body></html>", "xhtml"),
    ],
    ids=range(12),
)
def test_html_is_read_as_a_browser_shows_it(source: str, text: str) -> None:
    read = cleaned(source, html=True)
    assert [line.rstrip() for line in read.split("\n")] == [line.rstrip() for line in text.split("\n")]
    assert cleaned(source, html=False) == source.strip()


def test_html_that_is_not_there_is_not_found() -> None:
    assert not has_html("x <y> z, a<b, 3 > 2, &, &x; <3 <> < p > </>")
    assert not is_page("text about <html>") and is_page("\n<!-- x -->\n<!doctype HTML>")


@pytest.mark.parametrize("source", ["<" * 50_000, "<p>" * 20_000, "&" * 50_000, "<!--" * 20_000, "<a " + "x=" * 30_000])
def test_html_of_no_end_takes_no_time(source: str) -> None:
    assert isinstance(text_of_html(source), str) and isinstance(has_html(source), bool)


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "<p>a</p>",
        "&lt;p&gt; is a tag",
        "a\n\n  b\tc",
        "<html>x",
        "a\n  &amp;lt;\tb  c",
        "&amp;amp;",
        "<pre>x</pre>",
        "  <!doctype html>a &lt;b&gt;  c",
    ],
    ids=range(9),
)
def test_a_golden_example_loads_back(text: str, html: bool) -> None:
    spec = Spec(html=html)
    loaded = spec.load({"text": text})
    content, suffix = spec.encode(loaded)
    assert suffix in (".txt", ".html")
    assert spec.text_of(spec.load(content)) == spec.text_of(loaded)


PAGE = "<html><head><title>x</title>{}</head><body>{}</body></html>"


@pytest.mark.parametrize(
    ("said", "encoding", "text"),
    [
        ('<meta charset="windows-1251">', "cp1251", "Где моя карта?"),
        ("<META http-equiv=Content-Type content='text/html; charset=Shift_JIS'>", "shift_jis", "カードはどこですか"),
        ("<meta charset=gb2312>", "gb2312", "我的卡在哪里"),
        ('<meta charset="koi8-r"/>', "koi8-r", "Где моя карта?"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_announces(said: str, encoding: str, text: str) -> None:
    found = decoded(PAGE.format(said, text).encode(encoding))
    assert text in found.text and (found.encoding, found.guessed) == (encoding, False)
    assert text in decoded(f'<?xml version="1.0" encoding="{encoding}"?><a>{text}</a>'.encode(encoding)).text
    assert decoded(text.encode(encoding)).guessed, "without a word of it"


@pytest.mark.parametrize(
    "said", ["punycode", "unicode_escape", "base64", "no-such", "x" * 100, "utf-8", "utf-16", "ascii"]
)
def test_a_page_that_announces_what_it_is_not_is_guessed(said: str) -> None:
    found = decoded(PAGE.format(f"<meta charset={said}>", "größe ").encode("latin-1"))
    assert "größe" in found.text and (found.encoding, found.guessed) == ("latin-1", True)
