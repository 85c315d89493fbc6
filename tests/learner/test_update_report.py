"""The page of an update, and what the report and the card of the updated model say of it; it forgets on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.learner.saving.saved_model import report_saved
from drivetrain.learner.updating.updated import Updated
from drivetrain.runtime.artefact import CARD, open_artefact

from .conftest import ARCH, COLOURS, paint

NEW = {f"{name} again": colour for name, colour in COLOURS.items()}
"""New classes that look like the old ones: without an old row nothing keeps the old answers."""


@pytest.fixture(scope="module")
def updated(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Updated, Path]:
    """Colours learnt, then others without any old row: it forgets, and its old rows are there to see it."""
    folder = tmp_path_factory.mktemp("update")
    rng = np.random.default_rng(3)
    for name, colour in NEW.items():
        (folder / "new" / name).mkdir(parents=True)
        for i in range(10):
            paint(colour, rng).save(folder / "new" / name / f"{i:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        data = dt.images(squares, seed=0)
        learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
        learn.fit(4, lr=3e-3, checkpoint=False)
        old = learn.save(folder / "old.model")
        found = dt.update(
            old, folder / "new", old=squares, epochs=3, lr=0.01, exemplars=0, alpha=1.0, distil=0.0, anchor=0.0,
            device="cpu", precision="fp32",
        )  # fmt: skip
        saved = found.save(folder / "new.model", accept_forgetting=True)
    return found, saved


def test_the_page_shows_each_answer_that_turned(updated: tuple[Updated, Path], tmp_path: Path) -> None:
    found, _ = updated
    assert found.flips is not None and found.flips.negative > 0, "it was made to forget"
    page = found.report(tmp_path / "update.html").read_text(encoding="utf-8")
    assert f"Right before, wrong now: {found.flips.negative} row" in page
    assert page.count("data:image/") >= min(found.flips.negative, 24)
    for name in (*NEW, "Held back", "old.model", found.lineage.data_sha256[:12]):
        assert name in page, name


def test_the_report_of_the_updated_model_finds_these_rows_again(
    updated: tuple[Updated, Path], squares: Path, tmp_path: Path
) -> None:
    found, saved = updated
    record = open_artefact(saved).manifest.lineage[-1]
    assert record.flips is not None and found.flips is not None
    assert record.flips.rows == found.flips.rows and set(record.flips.rows) <= set(found.model.data.valid.digests)
    page = report_saved(saved, tmp_path / "r.html", probe=False, device="cpu").read_text(encoding="utf-8")
    assert "What updates changed" in page and "Right before, wrong now" in page and "It was held back" in page
    card = (saved / CARD).read_text(encoding="utf-8")
    assert "## Updates" in card and "held back, written as asked" in card
    told = card + open_artefact(saved).manifest.model_dump_json() + found.report(tmp_path / "u.html").read_text()
    assert str(squares) not in told, "what is passed on names no place of this machine"


@pytest.mark.parametrize("place", [".", "missing/update.html", "new.model/update.html"])
def test_a_place_that_cannot_be_written_is_an_error(
    updated: tuple[Updated, Path], tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, saved = updated
    monkeypatch.chdir(saved.parent)
    if place == "missing/update.html":
        (tmp_path / "missing").write_text("a file")
        place = str(tmp_path / place)
    with pytest.raises((SettingError, DataError), match="To fix"):
        found.report(place)
