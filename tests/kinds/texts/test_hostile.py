"""Texts, files and tables as nobody wants them: each is read, left out with its reason, or refused in words."""

from __future__ import annotations

import gzip
import os
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, InputError, SettingError
from drivetrain.kinds.texts.languages import language_of
from drivetrain.kinds.texts.near import fingerprint
from drivetrain.kinds.texts.personal import found_in
from drivetrain.kinds.texts.spec import MOST_LETTERS, Spec
from drivetrain.kinds.texts.templates import template_of
from drivetrain.kinds.texts.terms import fit_terms
from tests.kinds.texts.test_tokens import CUT

GOOD = [
    {"text": f"{one} {other} and then {one} again", "label": "ab"[at % 2]}
    for at, (one, other) in enumerate(
        product(("river", "stone", "music", "paper"), ("hill", "lamp", "door", "song", "bird"))
    )
]
SPEC = Spec().reading(terms=fit_terms(["a text", "another text"], least=1), tokenizer=CUT, windows=3, most_pieces=16)

TEXTS: dict[str, str] = {
    "one letter": "a",
    "punctuation alone": "?!… – ...",
    "digits alone": "0123456789",
    "emoji alone": "😀👩‍👧‍👦🇨🇭👍🏽",
    "lone surrogates": "a\ud800b\udfff",
    "a pair of surrogates": "\ud83d\ude00",
    "marks on marks": "Z" + "\u0300\u0301\u0302" * 200 + "algo",
    "turned round": "\u202egnp.exe\u202c \u2066x\u2069",
    "joiners": "\u200b\u200c\u200d\u2060x",
    "tags of no width": "flag\U000e0067\U000e0062\U000e007f",
    "private letters": "\ue000\uf8ff\U000f0000 x",
    "no characters": "a\ufdd0b\uffffc",
    "one letter that becomes eighteen": "\ufdfa" * 50,
    "letters that change length in lower case": "İİİ ẞß ŉ",
    "controls": "a\x00b\x01\x02\x1b[31mred\x1b[0m\x7f\x9b",
    "returns": "one\rtwo\r\nthree\u2028four",
    "a word of no end": "x" * 300_000,
    "a text of no end": "word " * 300_000,
    "lines of no end": "\n" * 100_000 + "x",
    "open tags": "<p>" * 30_000 + "x",
    "open brackets": "<" * 60_000 + "x",
    "ampersands": "&" * 60_000 + "x",
    "open comments": "<!--" * 30_000 + "x",
    "attributes": "<a " + "x=y " * 30_000 + ">x</a>",
    "entities of no letter": "&#0; &#x110000; &#xD800; &#99999999; &nosuch; x",
    "an entity bomb": '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><lolz>&b;</lolz>',
    "a page within a page": "<html><body><iframe srcdoc='<html>'></iframe>x</body></html>",
    "markup of CDATA": "<![CDATA[ x ]]> <?php echo 1 ?> <!ELEMENT br EMPTY> x",
    "a formula": "=cmd|' /C calc'!A0",
    "a template": "{{7*7}} ${jndi:ldap://x} %s %n {0.__class__}",
    "JSON": '{"text": ["a", {"b": null}]}',
    "a path": "../../etc/passwd",
    "addresses": "@" * 50_000 + "a@b." * 20_000,
    "digits with blanks": "1 " * 60_000,
    "a number of no end": "9" * 200_000,
    "quotes": '"' * 50_000 + "“" * 50_000,
    "right to left": "שלום עולם مرحبا بالعالم 123",
    "no blanks": "東京都港区芝公園四丁目二番八号" * 2_000,
    "words joined": "a-" * 50_000,
    "vertical letters": "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ",
    "stacked letters": "กี่ที่ ผู้ใหญ่ ញ៉ាំ",
    "flags by letters": "🇨" * 999,
    "joined without end": "👩" + "\u200d👩" * 2_000,
    "colours of skin": "👍" + "🏿" * 500,
    "halves and wholes of width": "ｶﾞｷﾞ ＡＢＣ １２３",
    "numbers of other scripts": "٣٫١٤ १२३ 一二三 Ⅻ ½ ²",
    "spaces of all widths": "a\u00a0b\u2003c\u3000d\u202fe\u1680f",
    "a link of no end": "https://example.org/" + "a/" * 50_000,
    "base64": "data:image/png;base64," + "iVBORw0KGgo" * 5_000,
    "a table of pipes": "| a | b |\n|---|---|\n" * 3_000,
    "lines of a chat": "[12:01] a: hi\n" * 5_000,
    "special pieces": "[CLS] <s> </s> [UNK] <pad> ##x",
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_hostile_text_is_read(what: str) -> None:
    loaded = SPEC.load({"text": TEXTS[what]})
    clean = SPEC.text_of(loaded)
    assert clean.encode() == loaded[0].tobytes()
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in clean) and clean == clean.strip()
    ids, weights, pieces, mask = SPEC.view(loaded)
    assert ids.max() <= SPEC.n_terms and ids.min() >= 0 and np.isfinite(weights).all() and len(ids) >= 1
    assert (
        pieces.shape == mask.shape and pieces.shape[0] <= 3 and pieces.shape[1] <= 16 and pieces.max() < SPEC.n_pieces
    )
    content, _ = SPEC.encode(loaded)
    assert SPEC.text_of(SPEC.load(content)) == clean
    assert all(isinstance(value, float | str | None) for value in SPEC.statistics(loaded).values())
    assert isinstance(found_in(clean), frozenset) and len(fingerprint(clean)) in (1, 129)
    assert (isinstance(template_of(clean), str) and language_of(clean) is None) or len(language_of(clean) or "") == 2


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "\x00\x01", "<p></p>", "&nbsp; &#32;", "<!-- x --><b></b>", "\ufeff"], ids=range(7)
)
def test_a_text_that_says_nothing_is_empty(text: str) -> None:
    with pytest.raises(InputError, match=r"the text is empty; expected .*To fix"):
        SPEC.load({"text": text})


def test_of_a_text_beyond_the_limit_the_beginning_is_read() -> None:
    assert len(SPEC.load({"text": "é" * (MOST_LETTERS + 5)})[0]) == 2 * MOST_LETTERS


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        2.5,
        True,
        [],
        ["a"],
        object(),
        {},
        {"other": "x"},
        {"text": ["a"]},
        {"text": {"a": 1}},
        {"text": object()},
        np.zeros(3),
    ],
    ids=range(13),
)
def test_what_is_no_text_is_refused_in_words(source: Any) -> None:
    with pytest.raises(InputError, match=r"To fix: "):
        SPEC.load(source)


FILES: dict[str, tuple[bytes, str | None]] = {
    "empty.txt": (b"", "the text is empty"),
    "blanks.txt": (b" \n\n ", "the text is empty"),
    "mark.txt": (b"\xef\xbb\xbf", "the text is empty"),
    "nul.txt": (b"a\0b\0\0c", "NUL bytes"),
    "png.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "NUL bytes"),
    "packed.txt": (gzip.compress(b"text " * 50), "NUL bytes"),
    "half.txt": ("wide".encode("utf-16")[:-1], "begin like UTF-16"),
    "lone.txt": (b"\xff\xfe" + b"\x00\xd8x\x00", "begin like UTF-16"),
    "script.html": (b"<!doctype html><script>x</script>", "the text is empty"),
    "cut.txt": ("größe".encode()[:4], None),
    "windows.txt": ("“ok” – 5 €".encode("cp1252"), None),
    "wide.txt": ("plain words".encode("utf-16-be"), None),
    "wider.txt": ("wider words".encode("utf-32"), None),
    "says what it is not.html": ("<meta charset=big5><p>größe über alles".encode("cp1252"), None),
    "says codes.html": (b"<meta charset=unicode_escape><p>\xe4\\u0041", None),
    "without end.xml.html": (b"<?xml " + b"a " * 5_000 + b"\xe4", None),
    "many marks.txt": (b"\xef\xbb\xbf" * 3 + b"marked", None),
    "packed.md": (gzip.compress(b"x" * 900, mtime=0), "NUL bytes"),
    "UPPER.TXT": (b"loud", None),
    "page.HTM": (b"<p>hi &amp; bye", None),
    "no end.md": (b"x" * 100_000, None),
    "\u202egnp.txt": (b"turned name", None),
}


def test_hostile_files_are_read_or_left_out_with_their_reason(tmp_path: Path) -> None:
    for at, (name, (content, _)) in enumerate(FILES.items()):
        place = tmp_path / "mail" / "ab"[at % 2] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for at in range(20):
        (tmp_path / "mail" / "ab"[at % 2] / f"good {at}.txt").write_text(GOOD[at]["text"])
    (tmp_path / "mail" / "a" / "folder.txt").mkdir()
    (tmp_path / "mail" / "a" / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "mail" / "a" / "pipe.txt")
    with pytest.warns(DrivetrainWarning, match="left out"):
        data = dt.texts(tmp_path / "mail", project=tmp_path / "p")
    left = {Path(one.path).name: one.reason for one in data.report.left_out}
    for name, (_, reason) in FILES.items():
        shown = name.replace("\u202e", "\\u202e")
        assert (reason is None) == (shown not in left), name
        assert reason is None or reason in left[shown]
    assert sum(map(len, (data.train, data.valid))) + data.n_test == 20 + sum(why is None for _, why in FILES.values())
    assert str(data.decisions["encoding"].reason).count("×") >= 3
    spec = Spec()
    assert all(spec.load(row) for part in (data.train, data.valid) for row in part.inputs)


TABLES: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no text": (
        [{"n": 1.5, "label": "a"}, {"n": 2.5, "label": "b"}] * 9,
        {"text": "body"},
        DataError,
        "there is no column 'body', named by text=",
    ),
    "two texts": (
        [{"one": "a few words", "two": "other words here", "label": "a"}] * 9,
        {},
        DataError,
        r"could all be the text.*pass text=",
    ),
    "the target": (GOOD, {"text": "label", "target": "label"}, SettingError, "other columns than the target"),
    "text and path": (GOOD, {"text": "text", "path": "label"}, SettingError, "are both given"),
    "twice": (GOOD, {"text": ["text", "text"]}, SettingError, "names of different columns"),
    "all empty": ([{"text": " ", "label": "ab"[at % 2]} for at in range(9)], {}, DataError, "no usable row"),
    "one class": ([row | {"label": "a"} for row in GOOD], {}, DataError, "a"),
    "nothing": ([], {}, SettingError, "without anything in it"),
    "no rows": ({"text": [], "label": []}, {}, DataError, "no rows"),
    "a number": (7, {}, SettingError, "source is int"),
}


@pytest.mark.parametrize("what", TABLES)
def test_a_hostile_table_is_refused_in_words(what: str, tmp_path: Path) -> None:
    source, asked, error, said = TABLES[what]
    with warnings.catch_warnings(), pytest.raises(error, match=said) as caught:
        warnings.simplefilter("ignore", DrivetrainWarning)
        dt.texts(source, project=tmp_path, **asked)
    assert "To fix" in str(caught.value) or "hint" in str(caught.value) or what in ("one class",)


CELLS = [
    "NA",
    "null",
    "007",
    "?",
    "1.50",
    "nan",
    "None",
    "true",
    "=1+1",
    "'quoted'",
    "a,b",
    'say "hi"',
    "two\nlines",
    " blank ",
]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "frame", "dict"])
def test_cells_are_texts_as_they_are_written(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": CELLS * 2, "label": ["x", "y"] * len(CELLS), "id": range(2 * len(CELLS))})
    path = tmp_path / f"rows.{form}"
    if form in ("csv", "csv.gz"):
        frame.to_csv(path, index=False)
    elif form == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif form == "parquet":
        frame.to_parquet(path)
    source: Any = {"frame": frame, "dict": frame.to_dict("list")}.get(form, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)  # of copies
        data = dt.texts(source, text="text", target="label", valid_pct=0, test_pct=0, project=tmp_path / "p")
    found = [Spec().read(row) for row in data.train.inputs]
    assert sorted(found) == sorted(text.strip() for text in CELLS * 2)


def test_gaps_are_left_out_and_numbers_are_texts(tmp_path: Path) -> None:
    rows = [*GOOD, {"text": None, "label": "a"}, {"text": float("nan"), "label": "b"}, {"text": 42, "label": "a"}]
    with pytest.warns(DrivetrainWarning, match="2 × the text is empty"):
        data = dt.texts(rows, text="text", target="label", valid_pct=0, test_pct=0, project=tmp_path)
    assert len(data.train) == 21 and {"text": "42"} in list(data.train.inputs)


def test_a_list_in_a_cell_is_one_text(tmp_path: Path) -> None:
    rows = [{"text": [row["text"], "more"], "label": row["label"]} for row in GOOD]
    data = dt.texts(rows, text="text", target="label", valid_pct=0, test_pct=0, project=tmp_path)
    assert Spec().read(data.train.inputs[0]).endswith(" again more")
