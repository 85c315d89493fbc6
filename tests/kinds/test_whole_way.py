"""A kind of input that drivetrain has never heard of goes the whole way, found by its entry point alone.

The toy kind reads curves in .npy files; nothing under src/ knows of it. Whatever fails here has taken pictures for
granted. The second toy reads rows of a table.
"""

import base64
import html
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.auditing.section import audit_page
from drivetrain.cli.commands.review import Desk
from drivetrain.cli.commands.review_server import ReviewServer
from drivetrain.cli.main import main
from drivetrain.data.assemble import open_source
from drivetrain.errors import InputError, ModelError
from drivetrain.runtime import kinds
from drivetrain.serving.settings import Settings
from tests.serving.conftest import running
from tests.serving.service import Service as Process

ROOT = Path(__file__).parents[2]
SHAPES = {"sine": np.sin, "ramp": lambda x: x / 3, "step": np.sign}
ENTRY_POINTS = "[drivetrain.kinds]\ntoy = tests.kinds.toy\ntoy_table = tests.kinds.toy_table\n"
PICTURES = re.compile(r"\b(picture|image|photo|pixel|camera)s?\b", re.IGNORECASE)
NO_TORCH = """
import sys
sys.modules["torch"] = None
import drivetrain as dt
model = dt.load("curves.model")
print(model.predict("curves/sine/m0-00.npy").label, model.predict([0.0, 1.0, 2.0, 3.0]).label)
"""


def said(page: str) -> str:
    """What a page says, without style and script."""
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def about_pictures(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if PICTURES.search(line)]


def draw(folder: Path) -> pd.DataFrame:
    """24 curves of each shape, below one folder per shape, and a table that says the same."""
    rows = []
    for at, (name, shape) in enumerate(SHAPES.items()):
        for i in range(24):
            path = folder / name / f"m{i % 8}-{i:02}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            x = np.linspace(-3, 3, 40 + i % 5)
            np.save(path, shape(x) + np.random.default_rng([at, i]).normal(0, 0.1, len(x)))
            os.utime(path, (1e9, 1e9))
            rows.append({"curve": str(path), "shape": name, "machine": f"m{i % 8}"})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of curves, and a package of somebody else's that brings the kinds by its entry points."""
    folder = tmp_path_factory.mktemp("whole_way")
    package = folder / "site" / "toys-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(package.parent))
        patch.setattr(kinds, "_added", {})
        patch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
        patch.setenv("DRIVETRAIN_PROJECT", str(folder / "project"))
        patch.chdir(folder)
        kinds._installed.cache_clear()
        yield SimpleNamespace(folder=folder, site=package.parent, table=draw(folder / "curves"))
    kinds._installed.cache_clear()


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(place.folder / "project"))


@pytest.fixture(scope="module")
def data(place):
    return open_source("curves", "toy", group="machine", project=str(place.folder / "project"))


@pytest.fixture(scope="module")
def learn(data):
    return dt.Learner(data, device="cpu", precision="fp32").fine_tune(25, lr=0.03, checkpoint=False)


@pytest.fixture(scope="module")
def audit(data):
    return dt.audit(data)


@pytest.fixture(scope="module")
def model(learn):
    learn.save("curves.model")
    return "curves.model"


def test_the_kind_is_small_and_found_by_its_entry_point(place):
    assert kinds.packages()["toy"] == "tests.kinds.toy"
    written = [file.read_text().splitlines() for file in (ROOT / "tests/kinds/toy").glob("*.py")]
    assert sum(map(len, written)) <= 65
    for file in (ROOT / "src").rglob("*.py"):
        assert "toy" not in file.read_text().replace("toys", ""), file


def test_a_folder_and_a_table_give_the_same_rows(place, data):
    assert (data.kind, data.train.kind) == ("toy", "toy")
    table = open_source(place.table, "toy", target="shape", group="machine", project=str(place.folder / "other"))
    everything = [{*one.train.digests, *one.valid.digests, *one.sealed_test.open().digests} for one in (data, table)]
    assert everything[0] == everything[1] and len(everything[0]) == 72
    assert not {*data.train.groups} & {*data.valid.groups}


def test_it_learns_and_scores_have_intervals(learn):
    assert len(learn.history) == 25
    accuracy = learn.validate()["accuracy"]
    assert accuracy.value > 0.8 and accuracy.low < accuracy.value and accuracy.n == len(learn.data.valid)
    assert learn.decisions["arch"].value == "conv1d"


def test_it_is_fitted_from_scratch_and_without_augmentation(data):
    one, other = (
        dt.Learner(data, "conv1d", pretrained=False, augment=False, device="cpu").fit(1, checkpoint=False)
        for _ in range(2)
    )
    assert one.identity() == other.identity()
    with pytest.raises(ModelError, match=r"no body 'conv1' for toy; .* Did you mean 'conv1d'\?"):
        dt.Learner(data, "conv1")


def test_baselines_are_those_that_there_are(learn, capsys):
    found = learn.baselines()
    assert next(iter(found)) == "majority class" and "linear probe" not in found
    assert "left out (there is no pretrained body for curves)" in capsys.readouterr().err


def test_the_audit_speaks_of_curves(audit):
    assert about_pictures(str(audit)) == []
    page = audit_page(audit)
    assert about_pictures(said(page)) == [] and "by content alone" in page


def test_the_report_draws_each_row(learn, audit, place):
    page = learn.report(place.folder / "report.html", audit=audit).read_text()
    gallery = page.split('<ul class="gallery">', 1)[1].split("</section>")[0]
    assert gallery.count("<li>") == gallery.count('class="accent curve"') >= 1
    assert about_pictures(said(page)) == []


def test_charts_draw_rows(learn, place):
    for name, chart in {"b": learn.show_batch(4), "r": learn.show_results(4), "t": learn.plot_top_losses(4)}.items():
        assert chart.save(place.folder / f"{name}.svg").read_text().count('class="accent curve"') == 4


def test_the_review_page_shows_curves(learn, place):
    desk = Desk(learn.review(), place.folder / "review.jsonl")
    page = desk.items()
    assert about_pictures(json.dumps({key: page[key] for key in page if key != "apply"})) == []
    content, media_type = desk.picture(desk.rows.shown()[0])
    assert media_type == "image/svg+xml" and b"accent curve" in content


def test_what_is_saved_answers_as_what_was_trained(learn, model, data):
    card = Path(model, "MODEL_CARD.md").read_text()
    assert "Says of a curve one of 3 categories" in card and about_pictures(card) == []
    loaded = dt.load(model)
    assert loaded.manifest.export is not None and Path(model, "model.onnx").is_file()
    found = [max(loaded.predict(path).top, key=lambda pair: pair[1])[0] for path in data.valid.inputs]
    known = learn.predictions()
    assert found == [known.target.vocab[i] for i in known.output.argmax(axis=1)]
    with pytest.raises(InputError, match=r"not a curve: shape \(2, 2\).*To fix:"):
        loaded.predict([[1, 2], [3, 4]])


def test_it_predicts_in_a_process_without_torch(place, model):
    path = os.pathsep.join([str(place.site), str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["sine", "ramp"]


def test_it_is_taken_up_again_and_evaluated(learn, model):
    again = dt.Learner.load(model, device="cpu", precision="fp32")
    assert str(again.validate()["accuracy"]) == str(learn.validate()["accuracy"])
    assert dt.evaluate(model).scores["accuracy"].value == learn.validate()["accuracy"].value


def test_the_test_set_is_sealed_and_opened_on_the_record(data, model):
    with pytest.raises(AttributeError, match="sealed"):
        _ = data.sealed_test.inputs
    first, second = (dt.evaluate(model, "test").opening for _ in range(2))
    assert (first.count, second.count) == (1, 2)


def test_it_is_served_with_its_page(model):
    curve = np.sin(np.linspace(-3, 3, 50))
    stream = io.BytesIO()
    np.save(stream, curve)
    with running(Path(model), Settings(threads=1)) as live:
        as_json = live.post("/predict", json.dumps(curve.tolist()).encode())
        as_npy = live.post("/predict", stream.getvalue(), headers={"content-type": "application/octet-stream"})
        assert as_json.json()["label"] == as_npy.json()["label"] == "sine", as_json.text
        refused = live.post("/predict", b"[[1, 2], [3, 4]]")
        assert refused.status_code == 422 and "not a curve" in refused.json()["error"]
        spec = dt.load(model).reader
        view = spec.view(spec.load(curve.tolist()))[0].tolist()
        tensor = {"name": "curve", "datatype": "FP32", "shape": [1, 64], "data": view}
        encoded = base64.b64encode(stream.getvalue()).decode()
        bytes_ = {"name": "inputs", "datatype": "BYTES", "shape": [1], "data": [encoded]}
        for given in (tensor, bytes_):
            answer = live.post("/v2/models/curves/infer", json.dumps({"inputs": [given]}).encode())
            labels = [one["data"] for one in answer.json()["outputs"] if one["name"] == "label"]
            assert labels == [["sine"]], answer.text
        page = live.get("/")
        assert page.status_code == 200 and about_pictures(said(page.text)) == []


def test_a_process_of_its_own_serves_it(place, model):
    path = os.pathsep.join([str(place.site), str(ROOT / "src"), str(ROOT)])
    service = Process(model, "--port", "0", PYTHONPATH=path)
    try:
        url = service.wait_for("listening")["address"]
        assert httpx.post(f"{url}/predict", content=b"[0, 1, 2, 3, 4]", timeout=20).json()["label"] == "ramp"
    finally:
        assert service.end() == 0


def stop(_: object) -> None:
    raise KeyboardInterrupt


def run(*words: str) -> int:
    return main([str(word) for word in words])


def test_the_command_line_takes_it(place, capsys, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(place.folder / "project2"))
    monkeypatch.setattr(ReviewServer, "run", stop)
    train = "train curves --input toy --group machine --epochs 2 --device cpu --precision fp32 --out c.model"
    for words in (
        "audit curves --input toy",
        train,
        "evaluate c.model",
        "evaluate c.model --test",
        "report c.model --out c.html",
        "predict c.model curves/sine/m0-00.npy",
        "export c.model",
        "runs",
        "seals",
        "review c.model --no-browser",
    ):
        assert run(*words.split()) == 0, (words, capsys.readouterr())
        printed = capsys.readouterr()
        assert about_pictures(printed.out + printed.err) == [], words
    assert about_pictures(said((place.folder / "c.html").read_text())) == []


def test_rows_of_a_table_go_the_same_way(place):
    x = np.random.default_rng(0).normal(size=(120, 2))
    table = pd.DataFrame({"height": 170 + 10 * x[:, 0], "weight": 70 + 9 * x[:, 1]})
    table["size"] = np.where(x.sum(axis=1) > 0, "big", "small")
    table.loc[3, "weight"] = np.nan
    data = open_source(table, "toy_table", target="size", project=str(place.folder / "rows"))
    learn = dt.Learner(data, device="cpu", precision="fp32").fine_tune(8, lr=0.01, checkpoint=False)
    assert learn.validate()["accuracy"].value > 0.8
    page = learn.report("rows.html", audit=dt.audit(data)).read_text()
    gallery = page.split('<ul class="gallery">', 1)[1].split("</section>")[0]
    assert gallery.count("<li>") == gallery.count("<svg") >= 1 and about_pictures(said(page)) == []
    assert learn.show_batch(2).svg and learn.review().n_valid == len(data.valid)
    learn.save("rows.model")
    assert dt.load("rows.model").predict({"height": 190, "weight": 90}).label == "big"
    assert dt.evaluate("rows.model", data=table, project=str(place.folder / "rows")).scores["accuracy"].value > 0.8
    assert learn.test()["accuracy"].n == data.n_test
