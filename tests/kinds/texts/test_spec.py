"""The description of a text in an artefact, and texts that are handed over one by one or as many."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.errors import ArtefactError, DrivetrainWarning, InputError, SettingError
from drivetrain.export.golden import may_travel
from drivetrain.kinds.texts.handing import MOST_TOGETHER
from drivetrain.kinds.texts.spec import Spec
from drivetrain.runtime.artefact import open_artefact, update_manifest
from tests.kinds.texts.tiny import SPEC, questions


def read(given: object, at_once: int = 4) -> list[str | None]:
    """The words of each text that the model knows; None where it cannot be read."""
    found: list[str | None] = []
    for part in SPEC.parts(given, at_once=at_once):
        rows = iter(zip(*part.views, strict=True)) if part.views else iter(())
        found += [None if at in part.errors else _known_words(*next(rows)) for at in range(part.n)]
        assert all("To fix" in error for error in part.errors.values())
    return found


def _known_words(ids: np.ndarray, weights: np.ndarray) -> str:
    names, n_words = SPEC.terms.names, SPEC.terms.n_words
    return " ".join(sorted(names[one - 1] for one in ids[weights > 0].tolist() if one <= n_words))


def test_an_artefact_keeps_the_vocabulary_and_gives_it_back(model_path: Path, tmp_path: Path) -> None:
    opened = open_artefact(model_path)
    spec = opened.manifest.input
    assert spec == SPEC and spec.files().keys() == {"terms.json"} <= opened.manifest.files.keys()
    for found, known in zip(spec.view(spec.load("my card")), SPEC.view(SPEC.load("my card")), strict=True):
        np.testing.assert_array_equal(found, known)
    copy = tmp_path / "m"
    shutil.copytree(model_path, copy)
    again = update_manifest(open_artefact(copy), n={"train": 1})
    assert again.manifest.input.view(SPEC.load("my card"))[0].size > 1
    (copy / "terms.json").write_bytes((copy / "terms.json").read_bytes() + b" ")
    with pytest.raises(ArtefactError, match=r"terms\.json"):
        open_artefact(copy)
    (copy / "terms.json").unlink()
    with pytest.raises(ArtefactError, match=r"lacks terms\.json"):
        open_artefact(copy)


def test_many_texts_are_read_from_wherever_they_are(tmp_path: Path) -> None:
    texts = ["my card", "", "my pin", None]
    frame = pd.DataFrame({"question": texts, "n": range(4)})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    expected = read(texts)
    assert [one is None for one in expected] == [False, True, False, True] and "card" in str(expected[0])
    for given in (tmp_path / "a.csv", str(tmp_path / "a.csv"), tmp_path / "a.jsonl", tmp_path / "a.parquet", frame):
        assert read(given) == expected
    assert read({"question": ["my card"]}) == read(["my card"]) == read("my card") == read({"question": "my card"})
    assert read(iter(["my card", 3, b"my pin", Path("/no/such.txt")]))[1::2] == [None, None]
    assert read(io.BytesIO(b"my pin")) == read(["my pin"])


def test_an_empty_cell_of_a_table_of_one_column_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('question\nmy card\n""\nmy pin\n')
    with pytest.warns(DrivetrainWarning, match="empty rows get no answer: 1"):
        assert read(tmp_path / "a.csv") == read(["my card", "my pin"])


def test_files_and_folders_are_read_each_as_one_text(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "b.txt").write_text("my card,\nmy pin")
    (tmp_path / "in" / "a.html").write_text("<p>my card</p>")
    (tmp_path / "in" / ".hidden.txt").write_text("no")
    (tmp_path / "in" / "x.bin").write_bytes(b"\0")
    parts = list(SPEC.parts(tmp_path, at_once=2))
    assert [Path(str(path)).name for part in parts for path in part.paths or ()] == ["b.txt", "a.html"]
    assert list(SPEC.sources(tmp_path)) == [tmp_path / "b.txt", tmp_path / "in" / "a.html"]
    assert read(tmp_path / "b.txt") == read(["my card,\nmy pin"])
    shutil.rmtree(tmp_path / "in")
    (tmp_path / "b.txt").unlink()
    with pytest.raises(SettingError, match="holds no text files"):
        read(tmp_path)
    with pytest.raises(SettingError, match="holds no texts"):
        read(7)


def test_a_table_without_the_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the column 'question'; it has 'other'"):
        read(pd.DataFrame({"other": ["a"]}))


def test_batches_have_a_bounded_size_and_keep_the_order() -> None:
    texts = ["my card", "x" * 5, None, *["my pin"] * (2 * MOST_TOGETHER)]
    parts = list(SPEC.parts(texts, at_once=32))
    assert all(part.n <= MOST_TOGETHER for part in parts) and sum(part.n for part in parts) == len(texts)
    assert read(texts)[:3] == [read(["my card"])[0], "", None]


def test_a_text_that_is_called_like_a_file_stays_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mail.txt").write_text("my card")
    with pytest.warns(DrivetrainWarning, match=r"taken for a text of one word, .*pathlib\.Path\('mail\.txt'\)"):
        assert SPEC.text_of(SPEC.load("mail.txt")) == "mail.txt"
    assert SPEC.text_of(SPEC.load(Path("mail.txt"))) == "my card"
    assert SPEC.text_of(SPEC.load({"question": "mail.txt"})) == "mail.txt"
    assert SPEC.name_of("mail.txt") is None and SPEC.name_of(Path("mail.txt")) == "mail.txt"
    assert not SPEC.is_table("rows.csv") and SPEC.is_table(Path("rows.csv"))


def test_cells_of_several_columns_are_one_text() -> None:
    spec = Spec(columns=("title", "body"))
    assert spec.read({"title": "Lost", "body": "my card\n", "n": 3}) == "Lost\n\nmy card"
    assert spec.read({"title": None, "body": "my card"}) == "my card"
    with pytest.raises(InputError, match=r"column 'body' is not there; the row has 'title'"):
        spec.load({"title": "x"})
    with pytest.raises(ValueError, match="each there once"):
        Spec(columns=("a", "a"))
    assert Spec(columns=("question",)).read({"text": "x"}) == "x"


def test_what_holds_personal_data_does_not_travel() -> None:
    loaded = [SPEC.load(text) for text in ("my card", "write to ann@example.org", "call +41 44 668 18 00 please")]
    with pytest.warns(DrivetrainWarning, match=r"2 of the 3 .* seem to hold a telephone number, an e-mail address"):
        sent = may_travel(SPEC, loaded)
    texts = list(map(SPEC.text_of, sent))
    assert len(sent) == 3 and texts[0] == "my card" and not any("@" in text or "+41" in text for text in texts)
    assert may_travel(SPEC, loaded[:1]) == loaded[:1]


def test_languages_and_personal_data_are_told_of(tmp_path: Path) -> None:
    rows = [{"text": text, "topic": topic} for text, topic in questions(60)]
    rows += [
        {"text": f"Wo ist meine Karte, die ich nicht habe? {word}", "topic": "card"}
        for word in ("A b", "C d", "E f", "G h")
    ]
    rows += [{"text": "please write to ann@example.org about my card", "topic": "card"}]
    with pytest.warns(DrivetrainWarning) as told:
        data = dt.texts(rows, target="topic", project=tmp_path)
    said = " ".join(str(one.message) for one in told)
    assert "in several languages (en " in said and "de 4" in said
    assert "1 of 65 texts seems to hold personal data (an e-mail address in 1)" in said
    assert data.decisions["languages"].value == "en" and "de 4" in data.decisions["languages"].reason
    assert data.decisions["texts"].value == "text"
    assert all(isinstance(one, GroupGuess) for one in data.groups_guessed)
