"""Texts in the forms that other libraries and public data sets have them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from tests.kinds.texts.test_hostile import GOOD

TEXTS, LABELS = [row["text"] for row in GOOD], [row["label"] for row in GOOD]


@pytest.mark.parametrize(
    "source",
    [
        list(zip(TEXTS, LABELS, strict=True)),
        {"text": TEXTS, "label": LABELS},
        {"text": np.array(TEXTS), "label": pd.Series(LABELS)},
        pd.DataFrame({"text": TEXTS, "label": LABELS}).set_index("text").reset_index(),
    ],
    ids=("pairs", "dict", "arrays", "frame"),
)
def test_texts_in_memory(source: Any, tmp_path: Path) -> None:
    data = dt.texts(source, test_pct=0, project=tmp_path)
    assert data.spec.inputs == ("text",) and data.spec.target == ("label",)
    assert sorted(row["text"] for part in (data.train, data.valid) for row in part.inputs) == sorted(TEXTS)


def test_a_dict_of_splits_keeps_them(tmp_path: Path) -> None:
    parts = {"train": {"text": TEXTS[:14], "label": LABELS[:14]}, "test": {"text": TEXTS[14:], "label": LABELS[14:]}}
    data = dt.texts(parts, valid_pct=0.2, project=tmp_path)
    assert (len(data.train) + len(data.valid), data.n_test) == (14, 6)
    assert "its name, and its cells are test, train" in data.decisions["split column"].reason


@pytest.mark.parametrize("source", [TEXTS, (TEXTS, LABELS), dict(zip(TEXTS, LABELS, strict=True)), np.array(TEXTS)])
def test_other_forms_are_refused_by_what_texts_are(source: Any) -> None:
    with pytest.raises(SettingError, match=r"To fix: pass") as caught:
        dt.texts(source)
    assert "text" in str(caught.value) and ".jpg" not in str(caught.value) and "(path" not in str(caught.value)


@pytest.mark.parametrize("name", ["sms.tsv", "sms.txt"])
def test_commas_of_sentences_do_not_separate_cells_where_tabulators_do(name: str, tmp_path: Path) -> None:
    rows = [f"{label}\tWell, {text}, really" for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / name).write_text("\n".join(["kind\tsaid, heard, or read", *rows]))
    data = dt.texts(tmp_path / name, test_pct=0, project=tmp_path / "p")
    assert data.spec.inputs == ("said, heard, or read",) and data.spec.target == ("kind",)


@pytest.mark.parametrize(("suffix", "what"), [(".eml", r"20 \.eml files"), ("", "20 no-suffix files")])
def test_a_folder_of_other_files_says_what_it_holds_and_what_counts(suffix: str, what: str, tmp_path: Path) -> None:
    for at, row in enumerate(GOOD):
        place = tmp_path / "mail" / row["label"] / f"{at}{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(row["text"])
    with pytest.raises(DataError, match=rf"holds no texts, but {what}; expected files ending in .*\.txt.*To fix: ren"):
        dt.texts(tmp_path / "mail")
