"""A Learner and the project folder: trials on record, openings on record, a seal that travels with the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.seals.ledger import Ledger, of_kind
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import SealedSet, Seals
from drivetrain.errors import DrivetrainWarning, SealError, SettingError
from drivetrain.evaluation.record.runs import RunLog
from drivetrain.learner.report import card_of
from drivetrain.learner.saving.saved_model import report_saved
from drivetrain.runtime.artefact import SEAL, open_artefact, update_manifest
from drivetrain.training.identity import parameters_sha256
from tests.races import race

from .conftest import MakeLearner


def log() -> RunLog:
    return RunLog(Project.find())


def entries(*kinds: str):
    return of_kind(Ledger(Project.find()).entries(), *kinds)


@pytest.fixture
def sealed(squares: Path, make_learner: MakeLearner) -> Data:
    """The squares, sealed in the test's own project."""
    return dt.images(squares, valid_pct=0.2, test_pct=0.2, seed=1)


def test_every_training_is_a_trial_on_record(make_learner: MakeLearner, sealed: Data) -> None:
    learn = make_learner(sealed)
    learn.fit(2)
    learn.fit(1)
    first, second = log().runs()
    assert (first.record.epochs, second.record.epochs) == (2, 1)
    assert second.record.parameters_sha256 == parameters_sha256(learn.network)
    assert second.record.scores["accuracy"] == learn.validate()["accuracy"].value
    assert second.predictions is not None and second.predictions.ids == learn.predictions().ids
    assert second.record.seal == sealed.seal.id and second.record.split == sealed.split.identity
    assert second.record.n == {"train": 36, "valid": 12}
    assert second.record.history == tuple(learn.history[2:])
    assert second.record.decisions["lr"] == learn.decisions["lr"]


def test_a_trial_of_the_embedded_body_is_not_called_by_the_architecture_it_is_built_from(
    make_learner: MakeLearner,
) -> None:
    learn = make_learner(arch="embedded", pretrained=True)
    learn.fit(1)
    (run,) = log().runs()
    assert run.record.arch == "embedded (resnet18)"
    assert "architecture: embedded (resnet18)" in card_of(learn, "squares", []) and "embedded" in repr(learn)


def test_what_was_interrupted_or_not_validated_is_no_trial(make_learner: MakeLearner, squares: Path) -> None:
    class Stop(dt.Callback):
        def on_epoch_end(self, run: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_learner(callbacks=[Stop()]).fit(2)
    make_learner(dt.images(squares, valid_pct=0, test_pct=0)).fit(1)
    assert log().runs() == []


def test_the_best_epoch_is_what_is_on_record(make_learner: MakeLearner) -> None:
    learn = make_learner(callbacks=[dt.KeepBest()]).fit(3, lr=0.02)
    (run,) = log().runs()
    assert run.record.parameters_sha256 == parameters_sha256(learn.network)
    assert run.record.loss == pytest.approx(min(row["valid_loss"] for row in learn.history))


def test_opening_predicts_first_and_records_all(make_learner: MakeLearner, sealed: Data) -> None:
    for seed in range(3):
        learn = make_learner(sealed, seed=seed).fit(1)
    scores = learn.test()
    (opening,) = learn.test_openings
    assert opening.seal == sealed.seal.id and opening.count == 1
    assert opening.expected.trials == 3 and opening.expected.raw == learn.validate()["accuracy"].value
    assert opening.expected.n == opening.expected.n_test == 12
    assert opening.gap == pytest.approx(scores["accuracy"].value - opening.expected.value)
    assert [entry.kind for entry in entries("predicted", "opened")] == ["predicted", "opened"]
    (line,) = entries("opened")
    assert line.facts["parameters_sha256"] == parameters_sha256(learn.network) and line.hash == opening.entry


def test_openings_count_over_learners(make_learner: MakeLearner, sealed: Data, capsys: pytest.CaptureFixture) -> None:
    make_learner(sealed).fit(1).test()
    other = make_learner(sealed, seed=7).fit(1)
    with pytest.warns(DrivetrainWarning, match="opened 1 time"):
        other.test()
    assert other.test_openings[0].count == 2
    said = capsys.readouterr().err
    assert "opening 1 of this test set" in said and "opening 2 of this test set, counted over all models" in said
    assert set(other.test_openings[0].simultaneous) == {"accuracy", "log_loss"}


def test_rows_read_by_hand_count_as_an_opening(make_learner: MakeLearner, sealed: Data) -> None:
    sealed.open_test("to look at them")
    learn = make_learner(sealed).fit(1)
    with pytest.warns(DrivetrainWarning, match="opened 1 time"):
        learn.test()
    assert learn.test_openings[0].count == 2 and "accuracy" in learn.test_openings[0].simultaneous


def test_the_seal_travels_with_the_model(make_learner: MakeLearner, sealed: Data, tmp_path: Path) -> None:
    path = make_learner(sealed).fit(1).save(tmp_path / "m.model", precision=None)
    manifest = open_artefact(path).manifest
    assert manifest.seal.id == sealed.seal.id and manifest.seal.n == 12
    assert SealedSet.read(path / SEAL) == sealed.seal
    assert manifest.seal.log_head == Ledger(Project.find()).head().hash
    assert manifest.expected.metric == "accuracy" and manifest.expected.n_test == 12
    shutil.rmtree(".drivetrain")  # another machine: the model is all there is
    found = dt.evaluate(path, "test")
    assert found.opening.expected == manifest.expected
    assert [known.sealed for known in Seals(Project.find()).live()] == [sealed.seal]
    again = dt.evaluate(path, "test", project=tmp_path / "third")
    assert again.opening.count == 2, "the model remembers"
    assert [opening.count for opening in open_artefact(path).manifest.test_openings] == [1, 2]
    assert "opening 2 of this test set" in str(again)


def test_a_shortened_log_is_caught_by_the_model(make_learner: MakeLearner, sealed: Data, tmp_path: Path) -> None:
    learn = make_learner(sealed).fit(1)
    learn.test()
    path = learn.save(tmp_path / "m.model", precision=None)
    project = Project.find()
    first = project.log.read_text().splitlines()[0]
    project.log.write_text(first + "\n")
    head = json.loads(first)["hash"]
    project.head.write_text(json.dumps({"n": 1, "hash": head, "log": head}))
    with pytest.raises(SealError, match="line 2 is missing: 5 lines were written"):
        dt.evaluate(path, "test")


def test_a_model_brings_its_seal_along(make_learner: MakeLearner, sealed: Data, tmp_path: Path) -> None:
    path = make_learner(sealed).fit(1).save(tmp_path / "m.model", precision=None)
    elsewhere = tmp_path / "elsewhere"
    again = dt.Learner.load(path, project=elsewhere, precision="fp32", device="cpu")
    (known,) = Seals(Project.find(elsewhere)).live()
    assert known.sealed == again.data.seal == sealed.seal, "the same test set has one seal"


def test_training_on_goes_through_the_same_check(make_learner: MakeLearner, sealed: Data, tmp_path: Path) -> None:
    path = make_learner(sealed).fit(1).save(tmp_path / "m.model", precision=None)
    again = dt.Learner.load(path, precision="fp32", device="cpu")
    assert again.data.seal == sealed.seal
    shutil.rmtree(".drivetrain")
    assert dt.evaluate(path, device="cpu").scores.n == 12
    shutil.rmtree(".drivetrain", ignore_errors=True)
    other = dt.images(sealed.location, seed=2)  # another split is sealed meanwhile: nobody has used it, so it gives way
    assert dt.Learner.load(path, precision="fp32", device="cpu").data.seal == sealed.seal
    shutil.rmtree(".drivetrain")
    other = dt.images(sealed.location, seed=2)
    other.open_test("to have it in use")
    with pytest.raises(SealError, match=r"this split would train on .* and in use"):
        dt.Learner.load(path, precision="fp32", device="cpu")
    with pytest.raises(SealError, match="1 training or validation picture is a copy of pictures that are sealed"):
        dt.evaluate(path, device="cpu")


def test_a_model_is_judged_on_a_test_set_that_it_never_had(
    make_learner: MakeLearner, sealed: Data, squares: Path, tmp_path: Path
) -> None:
    """The holder seals, the vendor trains on other pictures, the holder opens."""
    Seals(Project.find()).export("", tmp_path / "seal.json")
    theirs = tmp_path / "theirs"
    for digest_path in (*sealed.train.inputs.paths, *sealed.valid.inputs.paths):
        place = theirs / digest_path.parent.name / digest_path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(digest_path, place)
    vendor = {"seal": tmp_path / "seal.json", "project": tmp_path / "vendor"}
    path = make_learner(dt.images(theirs, test_pct=0, **vendor)).fit(1).save(tmp_path / "v.model", precision=None)
    found = dt.evaluate(path, "test", data=squares, seal=tmp_path / "seal.json")
    assert set(found.predictions.ids) == set(sealed.sealed_test.open().digests)
    assert found.opening.seal == sealed.seal.id and found.opening.count == 1 and found.not_found == 0
    assert len(entries("opened")) == 1
    said, expected = open_artefact(path).manifest.expected, found.opening.expected  # the vendor's trials are not here
    assert (said.n_test, expected.n_test) == (said.n, 12), "of as many rows as validation had; then of those opened"
    assert expected.value == said.value and found.opening.held is not None
    with pytest.raises(SettingError, match="pass data"):
        dt.evaluate(path, "test", seal=tmp_path / "seal.json")
    with pytest.raises(SealError, match="copies of pictures that are sealed"):
        dt.images(squares, test_pct=0, **vendor)


def test_the_verdict_goes_by_validation(make_learner: MakeLearner) -> None:
    learn = make_learner()
    assert learn.verdict().state == "unknown"
    learn.fit(3)
    verdict = learn.verdict()
    assert verdict.best_epoch in {1, 2, 3}
    assert "Training loss below validation loss is no overfitting by itself" in str(verdict)


# ── rows that the model has learnt from are in no score ─────────────────────────────────────────────────────────


def copied(paths: Iterable[Path], folder: Path) -> Path:
    for path in paths:
        place = folder / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return folder


@pytest.fixture
def trained(make_learner: MakeLearner, sealed: Data, tmp_path: Path) -> Path:
    return make_learner(sealed).fit(1).save(tmp_path / "m.model", precision=None)


def seal_of_all(folder: Path, place: Path) -> Path:
    """A seal of other hands, over every picture in the folder."""
    rows = dt.images(folder, valid_pct=0, test_pct=0, project=place.parent / "hands")
    every = Examples.concat([rows.train, rows.sealed_test.open()])
    place.write_bytes(SealedSet.of(every, source="all").as_bytes())
    return place


def test_of_a_seal_that_covers_the_models_own_rows_only_the_others_are_judged(
    trained: Path, sealed: Data, squares: Path, tmp_path: Path
) -> None:
    seal = seal_of_all(squares, tmp_path / "seal.json")
    with pytest.warns(DrivetrainWarning, match=r"48 of the 60 pictures .* was trained \(36\) or validated \(12\) on"):
        found = dt.evaluate(trained, "test", data=squares, seal=seal, device="cpu")
    assert set(found.predictions.ids) == set(sealed.sealed_test.open().digests)
    assert (found.left_out, found.scores.n, found.not_found) == (48, 12, 0)


def test_where_nothing_else_is_left_nothing_is_judged(trained: Path, sealed: Data, tmp_path: Path) -> None:
    own = copied([*sealed.train.inputs.paths, *sealed.valid.inputs.paths], tmp_path / "own")
    seal = seal_of_all(own, tmp_path / "seal.json")
    with pytest.raises(SealError, match=r"48 of the 48 pictures(?s:.*)none is left to judge it by. To fix:"):
        dt.evaluate(trained, "test", data=own, seal=seal, device="cpu")
    assert not entries("opened")


def test_copies_of_training_rows_in_what_judges_are_said(
    make_learner: MakeLearner, squares: Path, tmp_path: Path
) -> None:
    """One content in two parts of a split that was given: it flatters, and every score says so."""
    root = tmp_path / "given"
    for i, path in enumerate(sorted(squares.glob("*/*.png"))):
        copied([path], root / ("test" if i % 5 == 0 else "valid" if i % 5 == 1 else "train"))
    for part in ("valid", "test"):
        twin = sorted((root / "train" / "red").iterdir())[0]
        shutil.copy(twin, root / part / "red" / "twin.png")
    with pytest.warns(DrivetrainWarning, match="more than one part"):
        data = dt.images(root)
    path = make_learner(data).fit(1).save(tmp_path / "m.model", precision=None)
    for part, words in (("valid", "validation"), ("test", "test")):
        said = rf"1 of 13 {words} rows has the content of rows .* trained on"
        with pytest.warns(DrivetrainWarning, match=said):
            dt.evaluate(path, part, device="cpu")
    with pytest.warns(DrivetrainWarning, match="1 of 13 test rows has the content of rows"):
        make_learner(data).fit(1).test()
    with pytest.warns(DrivetrainWarning, match="1 of 13 validation rows has the content of rows"):
        report_saved(path, tmp_path / "report.html", probe=False, device="cpu")


def test_a_seal_that_is_not_the_manifests_is_refused(trained: Path) -> None:
    artefact = open_artefact(trained)
    other = artefact.manifest.seal.model_copy(update={"n": 11})
    update_manifest(artefact, seal=other)
    with pytest.raises(SealError, match=r"is of 12 rows .*, and the manifest says 11"):
        dt.evaluate(trained, "test", device="cpu")


# ── a model that several people open, and save, at once ─────────────────────────────────────────────────────────

OPEN = """
import sys, time, warnings
from pathlib import Path
import timm, torch
import drivetrain as dt
from drivetrain.learner.evaluate import evaluate
from drivetrain.progress import quiet
warnings.simplefilter("ignore")
model, data, project, gate, n, own = sys.argv[1:]
(Path(gate) / own).touch()
while len(list(Path(gate).iterdir())) < int(n):
    time.sleep(0.005)
with quiet():
    print(evaluate(model, "test", data=data, project=project, device="cpu").opening.count)
"""


@pytest.mark.parametrize("projects", [1, 4])
def test_openings_of_a_shared_model_at_the_same_time_are_all_kept(
    trained: Path, squares: Path, tmp_path: Path, projects: int
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    racers = [(trained, squares, tmp_path / f"p{i % projects}", gate, 4, i) for i in range(4)]
    said = sorted(map(int, race(OPEN, racers)))
    assert said == [1, 2, 3, 4]
    manifest = open_artefact(trained).manifest
    assert [opening.count for opening in manifest.test_openings] == [1, 2, 3, 4]
    assert len({opening.entry for opening in manifest.test_openings}) == 4
