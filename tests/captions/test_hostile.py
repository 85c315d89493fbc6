"""What people, and those who mean harm, hand over instead of captions: refused in three parts, or judged as told."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DrivetrainError, DrivetrainWarning

DEEP = "[" * 100_000
THERE = {"a": ["dog"]}
REFUSED = {
    "none": {"captions": None},
    "number": {"captions": 3},
    "bytes": {"captions": b"a dog"},
    "class": {"captions": dict},
    "empty dict": {"captions": {}},
    "empty list": {"captions": []},
    "list of texts": {"captions": ["a dog", "a cat"]},
    "list of numbers": {"captions": [1, 2]},
    "ragged table": {"captions": {"image": ["a", "b"], "caption": ["a dog"]}},
    "only pictures": {"captions": {"image": ["a", "b"], "size": [1, 2]}},
    "captions are numbers": {"captions": {"image": ["a", "b"], "caption": [1, 2]}},
    "all empty": {"captions": {"a": "", "b": None}},
    "array": {"captions": np.zeros((3, 3))},
    "missing file": {"captions": "no/such.csv"},
    "file that is no table": {"captions": "notes.docx"},
    "broken json": {"captions": "broken.json"},
    "json of a number": {"captions": "number.json"},
    "deep json": {"captions": "deep.json"},
    "empty json": {"captions": "empty.json"},
    "binary json": {"captions": "binary.json"},
    "folder": {"captions": ".", "pictures": "."},
    "same column twice": {
        "captions": {"image": ["a"], "caption": ["a dog"]},
        "picture": "caption",
        "caption": "caption",
    },
    "unknown column": {"captions": {"image": ["a"], "caption": ["a dog"]}, "caption": "captoin"},
    "likelihood in percent": {"captions": {"image": ["a", "b"], "caption": ["a dog", "x"], "likelihood": [99, 10]}},
    "likelihood in words": {"captions": {"image": ["a"], "caption": ["a dog"], "likelihood": ["high"]}},
    "references of others": {"references": {"z": "a cat"}},
    "references of nothing": {"references": {"a": []}},
    "references in a number": {"references": 7},
    "objects of others": {"objects": {"z": ["cat"]}},
    "objects that are none": {"objects": {"a": []}},
    "objects without letters": {"objects": {"a": ["??"]}},
    "names without references": {"objects": ["dog", "cat"]},
    "a word for two objects": {"objects": {"a": ["dog", "cat"]}, "synonyms": {"dog": ["pet"], "cat": ["pet"]}},
    "synonyms in a list": {"synonyms": ["dog"]},
    "synonyms of numbers": {"synonyms": {"dog": [1]}},
    "pictures of others": {"pictures": ["z.jpg"]},
    "no folder of pictures": {"pictures": "no-such-folder"},
    "pictures in a number": {"pictures": 3},
    "judge that fails": {"pictures": {"a": 1, "b": 2}, "captions": {"a": "x", "b": "y"}, "model": lambda a, b: 1 / 0},
    "judge of NaN": {"pictures": {"a": 1, "b": 2}, "captions": {"a": "x", "b": "y"}, "model": lambda a, b: np.nan},
    "judge of words": {"pictures": {"a": 1, "b": 2}, "captions": {"a": "x", "b": "y"}, "model": lambda a, b: "good"},
    "writer without pictures": {"captions": lambda picture: "a dog"},
    "writer of numbers": {"captions": lambda picture: 3, "pictures": {"a": 1}},
    "writer that always fails": {"captions": lambda picture: 1 / 0, "pictures": {"a": 1}},
    "model that is no folder": {"model": "no/such/model"},
    "classifier without pictures": {"objects": dt.Predictor.__new__(dt.Predictor)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_words(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, content in (("broken", '{"a": '), ("number", "3"), ("deep", DEEP), ("empty", "[]"), ("binary", "\udcff")):
        (tmp_path / f"{file}.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "notes.docx").write_bytes(b"PK")
    asked = {"captions": {"a": "a dog"}, **REFUSED[name]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DrivetrainError) as caught:
            dt.caption_report(**asked)
    said = str(caught.value)
    assert "To fix" in said and ("xpected" in said or "does not exist" in said) and len(said) < 900, said


TAKEN = {
    "controls and directions": "a \x1b[31m dog\x07\u202e and\u0000 a cat",
    "emoji and joiners": "👩‍👩‍👧 with a dog 🐶",
    "very long": "a dog " * 100_000,
    "one letter": "x",
    "only punctuation": "...?!",
    "html": "<img src=x onerror=alert(1)> a dog",
    "formula": "=cmd|' /C calc'!A0 dog",
    "broken surrogate": "a dog \udcff",
    "right to left": "כלב dog على",
    "line breaks": "a\r\n\tdog\n",
    "the same word": "dog dog dog dog dog dog",
    "zalgo": "d\u0301\u0302\u0303og and a dog",
}


@pytest.mark.parametrize("name", TAKEN)
def test_odd_captions_are_judged_and_shown(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        report = dt.caption_report(
            {"a": TAKEN[name], "b": "a cat"},
            objects={"a": ["dog"], "b": ["dog"]},
            references={"a": "a dog", "b": "a dog on grass"},
            synonyms={"cat": []},
        )
    assert report.rows[1].absent == ("cat",)
    if "dog" in TAKEN[name]:
        assert "dog" in report.rows[0].named
    json.dumps(report.as_json())
    page = report.html()
    assert "onerror=alert(1)>" not in page and "\x1b" not in page and "\x1b" not in str(report)


def test_ten_thousand_captions_take_seconds_and_rows_without_a_caption_are_told():
    frame = pd.DataFrame(
        {"image": [f"{i}.jpg" for i in range(10_000)], "caption": ["a dog and a cat on grass"] * 9_999 + [""]}
    )
    with pytest.warns(DrivetrainWarning, match="1 row without a caption"):
        report = dt.caption_report(frame, objects={f"{i}.jpg": ["dog"] for i in range(10_000)}, synonyms={"cat": []})
    assert report.n == 9_999 and report.scores["captions_wrong"].value == 1
