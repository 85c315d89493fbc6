"""Files go from a folder to a report and a service, and what a split hides is said."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.kinds.binaries.attacks import CHANGES, attacked
from drivetrain.kinds.binaries.serve import Explained
from drivetrain.kinds.binaries.simple import simple_predictions
from drivetrain.kinds.binaries.source import near
from drivetrain.serving.settings import Settings
from tests.kinds.binaries.conftest import FAMILIES, content
from tests.serving.conftest import running


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole_way")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
        yield folder


@pytest.fixture(scope="module")
def learn(families, place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.binaries(families, project=str(place / "project"))
    made = dt.Learner(data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32")
    return made.fine_tune(4, lr=0.01, checkpoint=False)


@pytest.fixture(scope="module")
def model(learn, place):
    learn.save(place / "files.model")
    return str(place / "files.model")


def test_files_without_suffixes_are_rows(learn):
    data = learn.data
    assert data.target.vocab == FAMILIES and len(data.train) + len(data.valid) + data.n_test == 60
    assert [metric.name for metric in learn.metrics] == ["f1", "accuracy", "log_loss"]
    assert "no column says when" in data.decisions["time"].reason


def test_it_answers_as_it_was_trained(learn, model):
    loaded = dt.load(model)
    assert loaded.manifest.export is not None and loaded.self_test().passed
    known = learn.predictions()
    found = [one.label for one in loaded.predict_many(learn.data.valid.inputs)]
    assert found == known.decoded()
    path = learn.data.valid.inputs[0]
    answers = [loaded.predict(each) for each in (path, path.read_bytes(), np.fromfile(path, np.uint8))]
    assert len({one.top for one in answers}) == 1
    assert dt.evaluate(model).scores["f1"].value == learn.validate()["f1"].value


def test_the_report_holds_it_against_simpler_ways_and_attacks(learn, place):
    page = re.sub(r"<(style|script)\b.*?</\1>", "", learn.report(place / "r.html", probe=False).read_text(), flags=re.S)
    text = re.sub(r"<[^>]+>", " ", page)
    for said in (
        "byte histogram + logistic regression",
        "the first 1,024 bytes alone",
        "size and entropy alone",
        *CHANGES,
        "Nobody said when these files were made",
        "not a guard",
    ):
        assert said in text, said
    assert page.count("<img") >= 3
    assert not re.search(r"\b(picture files|pixels|camera)\b", text)


def test_attacks_are_measured_on_the_changed_bytes(learn):
    class Guard:
        """Calls anything that ends in many zeros a table, and the rest what it is."""

        def say(self, rows):
            self.seen = [Path(path).read_bytes() for path in rows.inputs]
            vocab = learn.data.target.vocab
            named = [
                vocab.index("table" if one.endswith(bytes(1024)) else value)
                for one, value in zip(self.seen, rows.values, strict=True)
            ]
            return dt.Predictions.of(rows, learn.data.target, np.eye(3)[named])

    guard = Guard()
    zeros, noise = attacked(
        guard.say, learn.data.valid, changes=["1 KB of zeros appended", "100 % random bytes appended"]
    )
    tables = learn.data.valid.values.count("table") / len(learn.data.valid)
    assert (zeros.right_before, zeros.right) == (1, pytest.approx(tables))
    assert zeros.changed == pytest.approx(1 - tables) and zeros.low < zeros.changed < zeros.high
    assert (noise.changed, noise.right) == (0, 1)
    sizes = sorted(2 * path.stat().st_size for path in learn.data.valid.inputs)
    assert sorted(map(len, guard.seen)) == sizes


def test_simpler_ways_are_fitted_on_training_rows_alone(learn):
    found = simple_predictions(learn.data, learn.data.valid)
    histogram = found["byte histogram + logistic regression"]
    assert dt.score(histogram)["accuracy"].value == 1 and histogram.ids == learn.data.valid.digests


def test_a_service_answers_and_explains(learn, model):
    path = learn.data.valid.inputs[0]
    known = dt.load(model).predict(path).label
    with running(Path(model), Settings(threads=1)) as live:
        answer = live.post("/predict", path.read_bytes(), headers={"content-type": "application/octet-stream"})
        assert answer.json()["label"] == known
        assert live.post("/predict", b"").status_code in (400, 422)
        told = live.post("/explain", path.read_bytes(), headers={"content-type": "application/octet-stream"}).json()
        found = Explained.model_validate({name: told[name] for name in ("bytes", "stretches")})
        assert found.bytes == path.stat().st_size and found.stretches[-1].end == found.bytes
        page = live.get("/")
        assert "never run, never unpacked" in page.text


def test_the_command_line_trains_predicts_and_audits(families, place, capsys, monkeypatch):
    from drivetrain.cli.main import main

    monkeypatch.chdir(place)
    common = [str(families), "--input", "binaries", "--json"]
    trained = [*common, "--arch", "test_resnet", "--from-scratch", "--size", "32", "--epochs", "1", "--device", "cpu"]
    assert main(["train", *trained, "--option", "layout=hilbert", "--out", "cli.model"]) == 0
    assert dt.load("cli.model").manifest.input.layout == "hilbert"
    assert main(["predict", "cli.model", str(families / "code" / "m00"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["label"] in FAMILIES
    assert main(["audit", *common]) == 0


def test_versions_of_one_file_are_near_duplicates(tmp_path):
    folder = tmp_path / "versions"
    for family in FAMILIES:
        (folder / family).mkdir(parents=True)
        for module in range(6):
            for version in (1, 2, 3):
                (folder / family / f"m{module}v{version}").write_bytes(content(family, module, version))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dt.binaries(folder, project=str(tmp_path / "one"))
    told = " ".join(str(one.message) for one in caught)
    assert "near-duplicates" in told or "look like test files" in told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.binaries(folder, group="near-duplicates", project=str(tmp_path / "two"))
    trained = {(path.parent.name, path.name[:2]) for path in data.train.inputs}
    assert not trained & {(path.parent.name, path.name[:2]) for path in data.valid.inputs}
    one, other = (content("packed", 0, version) for version in (1, 2))
    assert near.same(one, other) and not near.same(one, content("packed", 1))


@pytest.mark.parametrize("column", ["date", "Release-Day", "first_seen"])
def test_a_column_of_dates_that_is_not_followed_is_told(families, tmp_path, column):
    paths = sorted(path for path in families.rglob("*") if path.is_file())
    table = {
        "path": list(map(str, paths)),
        "family": [path.parent.name for path in paths],
        column: [f"20{10 + int(path.name[1:])}-01-01" for path in paths],
    }
    with pytest.warns(DrivetrainWarning, match=rf"column '{column}' says when files were made[\s\S]*time='{column}'"):
        dt.binaries(table, target="family", project=str(tmp_path / "one"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.binaries(table, target="family", time=column, project=str(tmp_path / "two"))
    assert data.split.method == "time" and data.decisions["time"].value == column
    assert max(data.train.times) < min(data.valid.times)


def test_archives_and_huge_files_are_told(tmp_path):
    for family in ("a", "b"):
        (tmp_path / "files" / family).mkdir(parents=True)
        for i in range(8):
            name, start = tmp_path / "files" / family / str(i), b"PK\x03\x04" if family == "a" else b"\x7fELF"
            name.write_bytes(start + np.random.default_rng([i, len(start)]).bytes(900))
    with (tmp_path / "files" / "b" / "huge").open("wb") as file:
        file.truncate(3 << 20)
    with pytest.warns(DrivetrainWarning) as caught:
        dt.binaries(tmp_path / "files", project=str(tmp_path / "p"))
    told = " ".join(str(one.message) for one in caught)
    assert "1 of 17 files is larger than a mebibyte" in told and "8 of 17 files are archives" in told


@pytest.mark.parametrize(
    "wrong", [{"layout": "spiral"}, {"pieces": 0}, {"pieces": 64}, {"pieces": 1.5}, {"pairs": "perhaps"}], ids=str
)
def test_settings_are_refused_in_words(families, wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        dt.binaries(families, **wrong)
