"""The report of a Learner: what stands on it is what the Learner says."""

from __future__ import annotations

from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.errors import DataError, SettingError
from drivetrain.learner.report import report_parts
from drivetrain.learner.saving.saved_model import report_saved
from drivetrain.runtime.artefact import CARD, open_artefact

from .conftest import ARCH, MakeLearner


@pytest.fixture(scope="module")
def learn(data: Data, tmp_path_factory: pytest.TempPathFactory) -> dt.Learner:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reported"))
        learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
        return learn.fit(3, checkpoint=False)


def test_a_learner_reports_on_itself(learn: dt.Learner, tmp_path: Path) -> None:
    place = learn.report(tmp_path / "r.html", title="squares", use="telling colours")
    html = place.read_text(encoding="utf-8")
    value, interval = learn.validate()["accuracy"].shown()
    for said in (
        value,
        interval,
        "majority class",
        learn.data.split.identity[:8],
        "squares",
        learn.verdict().text[:20],
    ):
        assert said in html, said
    probe = next(score for score in report_parts(learn, probe=True).baselines if score.label == "linear probe")
    assert probe.value == learn.baselines()["linear probe"]["accuracy"].value, "one name, one number"
    said = "Linear probe: a linear model on features of the body that ships with drivetrain."
    assert said in html, "there is no pretrained body"


def test_parts_are_those_of_the_learner(learn: dt.Learner) -> None:
    parts = report_parts(learn)
    assert parts.predictions is learn.predictions()
    assert parts.decisions == learn.decisions and list(parts.history) == learn.history
    assert parts.n == {"train": 36, "valid": 12, "test": 12}
    assert parts.seal is not None and parts.seal.n == 12 and not parts.seal.looks
    base = parts.baselines[0]
    classes = learn.data.target.encode(learn.data.valid.values)
    assert base.value == pytest.approx(max((classes == k).mean() for k in range(3)))
    assert parts.show is not None
    shown = parts.show(0, "a < b")
    assert shown is not None and shown.startswith('<img src="data:image/jpeg;base64,')
    assert 'alt="a &lt; b"' in shown and 'class="tiny"' in shown


def test_an_audit_is_shown(learn: dt.Learner, tmp_path: Path) -> None:
    found = dt.audit(learn.data)
    html = learn.report(tmp_path / "r.html", audit=found).read_text(encoding="utf-8")
    assert "<h3>Audit</h3>" in html
    parts = report_parts(learn, audit=found)
    assert parts.audit is not None and len(parts.audit) == len(found.findings)


def test_openings_are_on_report_and_card(make_learner: MakeLearner, tmp_path: Path) -> None:
    learn = make_learner().fit(1, checkpoint=False)
    learn.test()
    parts = report_parts(learn)
    assert parts.seal is not None and len(parts.seal.looks) == 1
    look = parts.seal.looks[0]
    assert look.score is not None and look.score.n == 12
    card = (learn.save(tmp_path / "m.model") / CARD).read_text(encoding="utf-8")
    assert "Openings: 1." in card and str(look.score) in card


def test_an_opening_of_a_saved_model_goes_into_its_card(make_learner: MakeLearner, tmp_path: Path) -> None:
    path = make_learner().fit(1, checkpoint=False).save(tmp_path / "m.model")
    before = (path / CARD).read_text(encoding="utf-8")
    assert "have never been opened" in before
    dt.evaluate(path, "test")
    after = (path / CARD).read_text(encoding="utf-8")
    assert "Openings: 1." in after and "never been opened" not in after
    assert after.partition("## Confidence")[2] == before.partition("## Confidence")[2]
    assert len(open_artefact(path).manifest.test_openings) == 1, "all its files are as the manifest says"
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".m")] == []


def test_a_saved_model_reports_as_the_learner_did(learn: dt.Learner, tmp_path: Path) -> None:
    path = learn.save(tmp_path / "m.model")
    html = report_saved(path, tmp_path / "r.html", precision="fp32", device="cpu").read_text(encoding="utf-8")
    value, interval = learn.validate()["accuracy"].shown()
    assert value in html and interval in html and "m.model" in html
    assert str(learn.decisions["batch_size"].reason) in html


def test_without_validation_there_is_no_report(make_learner: MakeLearner, squares: Path) -> None:
    learn = make_learner(dt.images(squares, valid_pct=0.0, test_pct=0.0)).fit(1, checkpoint=False)
    with pytest.raises(DataError, match="no validation set"):
        learn.report()


def test_a_place_that_cannot_be_written_is_an_error(learn: dt.Learner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file" / "where.html", tmp_path, "/dev/null"):
        with pytest.raises(SettingError, match=r"cannot be written.*To fix"):
            learn.report(place)
    assert learn.report(tmp_path / "new" / "where.html", probe=False).is_file()
