"""Models that are no network (boosted trees, a line, one of a user's own): saved, opened, judged and told apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import ArtefactError, DrivetrainWarning, ExportError, SettingError
from drivetrain.learner.saving.onnx_model import SavedModel
from drivetrain.learner.saving.reexport import export_saved
from drivetrain.learner.saving.saved_model import gather, report_saved
from drivetrain.models.graph import Graph
from drivetrain.models.tabular import TabularModel
from drivetrain.runtime.artefact import CARD, MANIFEST, MODEL, open_artefact
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.file import safe_model
from drivetrain.runtime.trust.known_models import CACHE_DIR, is_known
from drivetrain.training.exporting import ExportPlan

N = 400


def people() -> pd.DataFrame:
    """Rows whose answers follow from age and town; dates as Americans write them, gaps, many names."""
    rng = np.random.default_rng(5)
    age = rng.integers(18, 80, N).astype(float)
    town = rng.choice([f"t{i}" for i in range(50)], N)
    hired = [f"{m:02}/{d:02}/{y}" for m, d, y in zip(*(rng.integers(*ends, N) for ends in ((1, 13), (13, 29), (1990, 2020))), strict=True)]  # fmt: skip # noqa: E501
    score = age / 40 + (pd.Series(town).str[1:].astype(int) % 5) / 3 + rng.normal(0, 0.3, N)
    age[rng.random(N) < 0.05] = np.nan
    frame = pd.DataFrame({"age": age, "town": town, "street": rng.choice([f"s{i}" for i in range(40)], N)})
    frame["hired"] = hired
    frame["club"] = rng.choice(["red", "blue"], N)
    frame["buys"] = np.where(score > 2.2, "yes", "no")
    frame["group"] = np.select([score > 2.6, score > 1.9], ["high", "middle"], "low")
    frame["pays"] = (100 + 50 * score).round(2)
    frame["tags"] = [
        f"{'old' if s > 2 else 'new'}{'|late' if c == 'red' else ''}" for s, c in zip(score, frame["club"], strict=True)
    ]
    return frame


TARGETS = ("buys", "group", "pays", "tags")


def data_of(target: str, folder: Path) -> Any:
    frame = people()
    frame = frame[[*(name for name in frame if name not in TARGETS), target]]
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "people.csv", index=False)
    options = {"label_delim": "|"} if target == "tags" else {}
    return dt.table(folder / "people.csv", target=target, project=folder / "project", **options)


@pytest.fixture(scope="module", params=TARGETS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    folder = tmp_path_factory.mktemp(request.param)
    model = dt.Trees(data_of(request.param, folder), members=1)
    yield model, model.save(folder / "trees.model")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("line")
    model = dt.Linear(data_of("buys", folder))
    return model, model.save(folder / "line.model")


def test_the_file_says_what_the_model_says(trained: tuple[Any, Path]) -> None:
    model, path = trained
    predictor = dt.load(path)
    assert isinstance(predictor.engine, OnnxEngine) and predictor.self_test().passed
    manifest = open_artefact(path).manifest
    assert manifest.export is not None
    assert (manifest.export.exporter, manifest.export.n, manifest.export.n_held_out) == ("direct", 64, 64)
    assert manifest.architecture.name == "boosted_trees" and manifest.parameters_sha256 == model.identity()
    assert "model.safetensors" not in manifest.files
    bare = model.predictions().output
    views = model.spec.view_many(model.spec.load_many(model.data.valid.inputs.columns))
    np.testing.assert_allclose(model.data.target.activate(predictor.run(*views)), bare, rtol=1e-4, atol=1e-5)
    if model.data.target.kind == "category":
        found = [one.label for one in predictor.predict_many(model.data.valid.inputs.columns)]
        assert found == model.data.target.decode(bare)


def test_others_may_open_it(trained: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict reader takes the file, and a process of its own stands the trial."""
    _, path = trained
    assert safe_model((path / MODEL).read_bytes(), MODEL).rising
    monkeypatch.setenv(CACHE_DIR, str(tmp_path))
    answer = dt.load(path).predict(people().iloc[0].to_dict())
    assert answer == dt.load(path).predict(people().iloc[0].to_dict())
    assert is_known(open_artefact(path).manifest, "tried with onnxruntime")
    assert not is_known(open_artefact(path).manifest, "saved")


def test_it_is_judged_as_it_was(trained: tuple[Any, Path]) -> None:
    model, path = trained
    found = dt.evaluate(path)
    assert str(found.precision) == "fp32 (as model.onnx answers)"
    for name, score in model.validate().items():
        assert found.scores[name].value == pytest.approx(score.value, abs=1e-5)
        assert found.scores[name].n == score.n
    assert SavedModel(path).data.options["types"] == {
        name: one for name, one in model.data.options["types"].items() if one["role"] != "left out"
    }
    opened = dt.evaluate(path, "test")
    assert opened.opening is not None and opened.scores[model.metrics[0].name].n == model.data.n_test
    assert len(open_artefact(path).manifest.test_openings) == 1
    later = people().assign(age=lambda f: f["age"].fillna(90) + 0.5)
    assert dt.evaluate(path, "new", data=later).scores[model.metrics[0].name].n == N


def test_the_page_the_card_and_the_review(trained: tuple[Any, Path], tmp_path: Path) -> None:
    _, path = trained
    page = report_saved(path, tmp_path / "report.html", probe=False).read_text()
    assert "boosted trees" in page and "rows" in page
    assert "boosted trees" in (path / CARD).read_text()
    rows = gather(path)
    assert rows.items["losses"]


def test_a_saved_model_is_compared_without_the_model(line: tuple[Any, Path], tmp_path: Path) -> None:
    model, _ = line
    trees = dt.Trees(model.data, members=1)
    saved = SavedModel(trees.save(tmp_path / "trees.model"))
    assert saved.label == "boosted trees" and saved.identity() == trees.identity()
    found = dt.compare(saved, model, metric="accuracy")
    expected = dt.compare(trees, model, metric="accuracy")
    assert found.difference == pytest.approx(expected.difference, abs=1e-6)
    again = SavedModel(saved.save(tmp_path / "again.model"))
    assert (again.identity(), again.predictions().output.tolist()) == (
        saved.identity(), saved.predictions().output.tolist(),
    )  # fmt: skip


def test_calibration_and_reference_are_those_of_the_validation_rows(line: tuple[Any, Path]) -> None:
    model, path = line
    predictor = dt.load(path)
    assert predictor.calibration is not None and predictor.calibration.n == len(model.data.valid)
    assert predictor.manifest is not None and predictor.manifest.reference is not None
    assert {"age", "hired"} <= set(predictor.manifest.reference.inputs)
    assert predictor.predict(people().iloc[0].to_dict()).set


def test_a_model_in_memory_answers_as_the_saved_one(line: tuple[Any, Path]) -> None:
    model, path = line
    row = people().iloc[3].to_dict()
    bare = dt.Predictor(*(getattr(dt.load(path), name) for name in ("reader", "target", "engine")))
    assert model.predict(row).probability == pytest.approx(bare.predict(row).probability, abs=1e-6)
    assert model.predictor(top_k=1).predict(row).top == model.predict(row).top[:1]
    assert [one.label for one in model.predict_many([row, row])] == [model.predict(row).label] * 2


def test_golden_rows_may_be_made_up(line: tuple[Any, Path], tmp_path: Path) -> None:
    model, path = line
    golden = [json.loads(file.read_text()) for file in sorted((path / "golden").glob("[0-9]*.json"))]
    assert len(golden) == 4 and all(set(row) == {"age", "town", "street", "hired", "club"} for row in golden)
    known = {tuple(row.values()) for row in people()[["town", "street"]].to_dict("records")}
    assert all((row["town"], row["street"]) in known for row in golden)
    secret = model.save(tmp_path / "secret.model", golden=0)
    assert dt.load(secret).self_test().passed
    made = [json.loads(file.read_text()) for file in sorted((secret / "golden").glob("[0-9]*.json"))]
    assert len({row["age"] for row in made}) == 1, "the median of all rows, and no row's own"


def test_what_only_a_network_can_do_says_so(line: tuple[Any, Path], tmp_path: Path) -> None:
    _, path = line
    said = r"holds plain line, which are model\.onnx alone and no network: .*Expected.*To fix: dt\.load"
    for call in (lambda: dt.Learner.load(path), lambda: export_saved(path, ExportPlan("int8"))):
        with pytest.raises(ArtefactError, match=said):
            call()
    for settings in ({"device": "cuda"}, {"precision": "bf16"}):
        with pytest.raises(SettingError, match=r"cannot be used: .*holds no network.*To fix: leave them out"):
            dt.load(path, **settings)
    with pytest.raises(SettingError, match=r"precision='bf16' cannot be used: .*To fix: leave it out"):
        dt.evaluate(path, precision="bf16")
    assert dt.evaluate(path, device="cpu", precision="fp32").scores["accuracy"].n
    assert dt.load(path, device="cpu", precision="fp32").self_test().passed


def test_without_validation_rows_too(tmp_path: Path) -> None:
    people().drop(columns=["group", "pays", "tags"]).to_csv(tmp_path / "people.csv", index=False)
    data = dt.table(tmp_path / "people.csv", target="buys", valid_pct=0, test_pct=0, project=tmp_path / "project")
    path = dt.Linear(data).save(tmp_path / "line.model")
    predictor = dt.load(path)
    assert predictor.calibration is None and predictor.self_test().passed
    assert open_artefact(path).manifest.export.n_held_out == 0


class Odd(TabularModel):
    """Says one thing, and writes another into its graph."""

    label = "odd — model"
    off = 1.0

    def outputs(self, views: Any) -> Any:
        return np.tile(np.float32([0.0, 1.0]), (len(views[0]), 1))

    def parts(self) -> Iterator[Any]:
        yield np.zeros(1)

    def as_onnx(self) -> bytes:
        graph = Graph(self.spec)
        weights = np.zeros((len(self.spec.number_names), 2), np.float32)
        raw = graph.add("MatMul", [graph.add("Where", [
            graph.add("IsNaN", ["numbers"], "gap"), graph.constant("zero", np.float32(0)), "numbers"], "known"),
            graph.constant("weights", weights)], "raw")  # fmt: skip
        answer = graph.constant("answer", np.float32([0.0, self.off]))
        return graph.model(graph.add("Add", [raw, answer], "sum"), 2).SerializeToString()


def test_a_graph_that_says_something_else_is_not_written(line: tuple[Any, Path], tmp_path: Path) -> None:
    model = Odd(line[0].data)
    path = model.save(tmp_path / "odd.model")
    manifest = open_artefact(path).manifest
    assert manifest.architecture.name == "odd_model" and SavedModel(path).label == "odd model"
    model.off = 1.1
    with pytest.raises(ExportError, match=r"does not say what the model says: raw outputs differ.*To fix: correct as_"):
        model.save(tmp_path / "other.model")
    assert not (tmp_path / "other.model").exists() and open_artefact(path).manifest == manifest


def test_the_names_of_a_model_must_be_writable(line: tuple[Any, Path], tmp_path: Path) -> None:
    model = Odd(line[0].data)
    model.label = "木"
    with pytest.raises(SettingError, match=r"label='木' cannot name a saved model: expected letters"):
        model.save(tmp_path / "odd.model")


def test_openings_outlive_a_model_that_is_saved_again(tmp_path: Path) -> None:
    model = dt.Linear(data_of("buys", tmp_path / "again"))
    path = model.save(tmp_path / "line.model")
    dt.evaluate(path, "test", project=tmp_path / "again" / "project")
    model.save(path)
    assert len(open_artefact(path).manifest.test_openings) == 1


def test_a_server_needs_no_library_of_training(line: tuple[Any, Path], tmp_path: Path) -> None:
    _, path = line
    people().drop(columns=list(TARGETS)).head(3).to_csv(tmp_path / "rows.csv", index=False)
    program = (
        "import sys, drivetrain as dt\n"
        f"answers = list(dt.load({str(path)!r}).predict_many({str(tmp_path / 'rows.csv')!r}))\n"
        "assert [one.row for one in answers] == [1, 2, 3]\n"
        "heavy = {'torch', 'pandas', 'pyarrow', 'sklearn', 'scipy', 'onnx', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_rows_that_cannot_be_read_are_answered_with_the_reason(line: tuple[Any, Path], tmp_path: Path) -> None:
    _, path = line
    predictor, frame = dt.load(path), people().head(4).astype({"age": object})
    frame.loc[2, "age"] = "old"
    answers = list(predictor.predict_many(frame))
    assert [one.error is None for one in answers] == [True, True, False, True] and answers[2].row is None
    frame.to_csv(tmp_path / "rows.csv", index=False)
    answers = predictor.predict(tmp_path / "rows.csv")
    assert [one.row for one in answers] == [1, 2, 3, 4] and answers[2].path == str(tmp_path / "rows.csv")
    assert answers[2].error.startswith("row 3: column 'age' holds 'old'")
    assert answers[2].as_json() == {"path": answers[2].path, "row": 3, "error": answers[2].error}
    assert list(answers[0].as_json())[:3] == ["path", "row", "label"]
    assert answers[3].label == predictor.predict(frame.iloc[3].to_dict()).label


def test_answers_as_an_array(line: tuple[Any, Path]) -> None:
    _, path = line
    predictor, frame = dt.load(path), people()
    found = predictor.predict_array(frame)
    answers = list(predictor.predict_many(frame))
    assert found.shape == (N, 2)
    np.testing.assert_allclose(found.max(axis=1), [one.probability for one in answers], rtol=1e-12)
    assert [predictor.target.vocab[k] for k in found.argmax(axis=1)] == [one.label for one in answers]
    assert predictor.predict_array([]).shape == (0, 2)
    odd = frame.astype({"age": object})
    odd.loc[7, "age"] = "old"
    with pytest.raises(dt.InputError, match=r"row 8: column 'age' holds 'old'.*predict_many"):
        predictor.predict_array(odd)


def test_a_manifest_that_is_too_large_is_refused_before_it_is_written(
    line: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivetrain.runtime.artefact.MOST_MANIFEST_BYTES", 5000)
    with pytest.raises(ArtefactError, match=r"description of the model takes [\d,]+ bytes: expected at most 5,000.*To"):
        line[0].save(tmp_path / "line.model")
    assert not (tmp_path / "line.model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said["columns"].append(said["columns"][0]), "two columns have one name"),
        (lambda said: said["columns"][1]["vocab"].append("t1"), "column 'town' are not each there once"),
        (lambda said: said["columns"][1]["counts"].pop(), "column 'town' are not each there once"),
        (lambda said: said["columns"][0].update(scale=0), "greater than 0"),
        (lambda said: said["columns"][3].update(parts=["century"]), "parts"),
        (lambda said: said["pairs"].append({"first": "town", "second": "age", "seen": ""}), "damaged|no category"),
        (lambda said: said["pairs"].append({"first": "town", "second": "club", "seen": "###"}), "list of numbers"),
    ],
)  # fmt: skip
def test_a_description_that_is_damaged_is_refused(
    line: tuple[Any, Path], tmp_path: Path, change: Any, message: str
) -> None:
    copy = shutil.copytree(line[1], tmp_path / "copy.model")
    manifest = json.loads((copy / MANIFEST).read_text())
    change(manifest["input"])
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=message):
        open_artefact(copy)


def test_a_card_that_was_edited_is_said(line: tuple[Any, Path]) -> None:
    path = line[1]
    (path / CARD).write_text("mine")
    with pytest.warns(DrivetrainWarning, match="was edited"):
        dt.load(path)
