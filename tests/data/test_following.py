"""Likely groups divide the rows of a kind that asks for it; others are warned of, as before."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetrain.data.assemble import open_source
from drivetrain.errors import DrivetrainWarning


@pytest.fixture(autouse=True)
def _a_project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))


def table(root: Path, n_people: int = 5) -> dict[str, list[str]]:
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {"path": [], "label": [], "patient": [], "part": [], "when": []}
    parts = ["train", "train", "train", "valid", "test"]
    for i in range(40):
        path = root / f"{i:04}.png"
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
        said = (str(path), "ab"[i % 2], f"p{i // 2 % n_people}", parts[i // 2 % 5], f"2026-01-{1 + i % 28:02}")
        for column, value in zip(rows.values(), said, strict=True):
            column.append(value)
    return rows


def some(rows: dict[str, list[str]], *more: str) -> dict[str, list[str]]:
    return {name: rows[name] for name in ("path", "label", "patient", *more)}


def test_likely_groups_are_followed_where_a_kind_asks_for_it(tmp_path: Path) -> None:
    rows = some(table(tmp_path))
    with pytest.warns(DrivetrainWarning, match=r"pictures seem to come in groups\. Column 'patient': 5 groups"):
        data = open_source(rows, "images", target="label", follow_groups=True)
    assert data.split.group == "patient" and data.split.method == "stratified grouped"
    assert not set(data.train.groups) & set(data.valid.groups)
    with pytest.warns(DrivetrainWarning, match="so the scores may flatter"):
        assert open_source(rows, "images", target="label").split.method == "stratified"


@pytest.mark.parametrize(
    ("said", "group"), [({"group": "patient"}, "patient"), ({"split": "part"}, None), ({"time": "when"}, None)]
)
def test_what_is_asked_for_stands(tmp_path: Path, said: dict, group: str | None) -> None:
    rows = some(table(tmp_path), *(name for name in ("part", "when") if name in said.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = open_source(rows, "images", target="label", follow_groups=True, **said)
    assert data.split.group == group


def test_two_groups_are_too_few_for_three_parts(tmp_path: Path) -> None:
    with pytest.warns(DrivetrainWarning, match="so the scores may flatter"):
        data = open_source(some(table(tmp_path, 2)), "images", target="label", follow_groups=True)
    assert data.split.method == "stratified"
