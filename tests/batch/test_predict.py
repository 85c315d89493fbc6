"""Answers for very many inputs: each row once, whoever is killed, wherever inputs and answers lie."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

import drivetrain as dt
from drivetrain.batch import work
from drivetrain.batch.answering import Answerer, Job, as_arrow, schema_of
from drivetrain.batch.places import Place
from drivetrain.batch.predict import MANIFEST, predict_into
from drivetrain.batch.work import work_of
from drivetrain.errors import DrivetrainError, DrivetrainWarning, SettingError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.spec import sources_of
from drivetrain.runtime.targets import CategoriesTarget, NumberTarget
from tests.runtime.test_members import tar
from tests.tuning.conftest import rows

N = 2_500


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("line")
    line = dt.Linear(dt.table(rows(), target="y", project=folder / "project"))
    return str(line.save(folder / "line.model"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in groups of 700, so that pieces begin and end inside of them; two cells cannot be read."""
    random = np.random.default_rng(1)
    a = random.normal(size=N).round(3).astype(object)
    a[[5, 1400]] = "many"
    frame = pd.DataFrame({"a": a.astype(str), "b": random.normal(size=N), "c": random.choice(list("xyz"), N)})
    place = tmp_path_factory.mktemp("rows") / "rows.parquet"
    frame.to_parquet(place, row_group_size=700)
    return place


def answers(out: Path | str) -> pd.DataFrame:
    found = pq.read_table(str(out)).to_pandas()
    return found.sort_values(["path", "row"]).reset_index(drop=True)


def test_a_table_is_divided_and_says_what_one_process_says(model: str, table: Path, tmp_path: Path) -> None:
    done = predict_into(model, [str(table)], str(tmp_path / "out"), workers=1)
    assert (done.rows, done.failed, done.parts, done.kept) == (N, 2, 3, 0)
    found = answers(tmp_path / "out")
    assert found["row"].tolist() == list(range(1, N + 1))
    assert set(found["path"]) == {str(table)}
    alone = list(dt.load(model).predict_many(table))
    assert found["label"].dropna().tolist() == [each.label for each in alone if each.error is None]
    assert found["error"].isna().tolist() == [each.error is None for each in alone]
    assert found.loc[found["error"].notna(), "row"].tolist() == [6, 1401]
    said = [each.probability for each in alone if each.error is None]
    np.testing.assert_allclose(found["probability"].dropna(), said, rtol=1e-6)
    assert not (tmp_path / "out" / "_unfinished").exists()
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["done"] is True


@pytest.mark.timeout(400)
def test_a_command_that_is_killed_goes_on_and_no_row_is_there_twice(model: str, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    n = 64_000
    frame = pd.DataFrame({"a": random.normal(size=n), "b": random.normal(size=n), "c": random.choice(list("xyz"), n)})
    frame.to_parquet(tmp_path / "rows.parquet")
    words = [sys.executable, "-m", "drivetrain", "predict", model, "rows.parquet", "--out", "out", "--workers", "2"]
    first = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 150
    while not list((tmp_path / "out").glob("part-*")) and time.monotonic() < until:
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    there = {part.name: part.stat().st_mtime_ns for part in (tmp_path / "out").glob("part-*")}
    assert 0 < len(there) < 64
    second = subprocess.run([*words, "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert second.returncode == 0, second.stderr
    said = json.loads(second.stdout)
    assert (said["rows"], said["failed"], said["parts"]) == (n, 0, 64)
    assert len(there) <= said["kept"] < 64
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == written for name, written in there.items())
    assert answers(tmp_path / "out")["row"].tolist() == list(range(1, n + 1))


class Remote(fs.SubTreeFileSystem):
    """A file system that is none of this machine's."""


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What s3://bucket stands for."""
    place = tmp_path / "bucket"
    place.mkdir()

    def opened(address: str) -> tuple[Any, str]:
        return Remote(str(tmp_path), fs.LocalFileSystem()), address.removeprefix("s3://")

    monkeypatch.setattr("drivetrain.batch.places.opened", opened)
    return place


def test_inputs_and_answers_at_an_address(model: str, table: Path, bucket: Path) -> None:
    (bucket / "in").mkdir()
    (bucket / "in" / "rows.parquet").write_bytes(table.read_bytes())
    pd.DataFrame({"a": [0.5], "b": [1.0], "c": ["x"]}).to_csv(bucket / "in" / "few.csv", index=False)
    done = predict_into(model, ["s3://bucket/in"], "s3://bucket/out", workers=1)
    assert done.rows == N + 1
    found = answers(bucket / "out")
    assert set(found["path"]) == {"s3://bucket/in/rows.parquet", "s3://bucket/in/few.csv"}
    again = predict_into(model, ["s3://bucket/in"], "s3://bucket/out", workers=1)
    assert (again.rows, again.kept) == (N + 1, done.parts)


def test_file_addresses(model: str, table: Path, tmp_path: Path) -> None:
    done = predict_into(model, [table.as_uri()], (tmp_path / "out").as_uri(), workers=1)
    assert done.rows == N
    assert set(answers(tmp_path / "out")["path"]) == {table.as_uri()}


def test_files_are_rows_and_one_that_cannot_be_read_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.training.conftest import COLOURS, paint

    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(8):
            paint(colour, random).save(tmp_path / "pictures" / name / f"{i}.png")
    data = dt.images(tmp_path / "pictures", project=tmp_path / "project")
    learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32")
    monkeypatch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
    learn.save(tmp_path / "small.model")
    (tmp_path / "pictures" / "red" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    monkeypatch.chdir(tmp_path)
    done = predict_into("small.model", ["pictures"], "out", workers=1)
    assert (done.rows, done.failed, done.parts) == (25, 1, 2)
    found = answers("out")
    assert sorted(found["path"]) == sorted(str(each) for each in Path("pictures").rglob("*.png"))
    torn = found[found["path"] == "pictures/red/torn.png"].iloc[0]
    assert pd.isna(torn["label"])
    assert "torn.png" in torn["error"]
    one = dt.load("small.model").predict("pictures/red/0.png")
    row = found[found["path"] == "pictures/red/0.png"].iloc[0]
    assert (row["label"], row["probability"]) == (one.label, pytest.approx(one.probability, rel=1e-4))
    assert [each["label"] for each in row["top"]] == [label for label, _ in one.top]


def test_what_would_mix_answers_is_refused(model: str, table: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    predict_into(model, [str(table)], out, workers=1)
    with pytest.raises(SettingError, match="holds answers with other top_k; expected the same"):
        predict_into(model, [str(table)], out, workers=1, top_k=1)
    pd.DataFrame({"a": [1.0], "b": [1.0], "c": ["x"]}).to_csv(tmp_path / "more.csv", index=False)
    with pytest.raises(SettingError, match="holds answers with other inputs and pieces"):
        predict_into(model, [str(table), str(tmp_path / "more.csv")], out, workers=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="holds something else; expected a new folder"):
        predict_into(model, [str(table)], str(tmp_path / "mine"), workers=1)


@pytest.mark.parametrize(
    ("inputs", "more", "said"),
    [
        ("no-such-rows.parquet", {}, "is not there; expected a file or a folder"),
        ("empty", {}, "holds no inputs of table; expected files"),
        ("frog://bucket/rows", {}, "expected a path, or an address that pyarrow opens"),
        ("few.csv", {"engine": "spark"}, "engine='spark' cannot be used: expected 'processes' or 'ray'"),
        ("few.csv", {"workers": 0}, "workers=0 cannot be used"),
    ],
    ids=["missing", "empty", "an unknown address", "engine", "workers"],
)
def test_what_cannot_be_used(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: str, more: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("few.csv").write_text("a,b,c\n1,2,x\n")
    with pytest.raises(DrivetrainError, match=said) as caught:
        predict_into(model, [inputs], "out", **({"workers": 1} | more))
    assert "To fix" in str(caught.value)


def test_pieces_do_not_depend_on_who_does_them(table: Path) -> None:
    out = Place.of("out", "--out")
    one, two = (work.work_of([str(table)], "table", out, of_rows=True) for _ in range(2))
    assert one == two
    assert [(piece.start, piece.n) for piece in one.pieces] == [(0, 1000), (1000, 1000), (2000, 500)]
    assert len({piece.file for piece in one.pieces}) == 3


def test_columns_of_other_targets() -> None:
    number = NumberTarget(names=("grams",), mean=(0.0,), std=(1.0,))
    said = [Prediction("a", values={"grams": 2.0}, intervals={"grams": (1.0, 3.0)}), Prediction("b", error="torn")]
    found: Any = as_arrow(said, number, schema_of(number))
    assert found.select(["grams", "grams low", "grams high", "error"]).to_pylist() == [
        {"grams": 2.0, "grams low": 1.0, "grams high": 3.0, "error": None},
        {"grams": None, "grams low": None, "grams high": None, "error": "torn"},
    ]
    several = CategoriesTarget(name="tags", vocab=("a", "b"))
    one: Any = as_arrow([Prediction("a", labels=(), top=(("a", 0.25),))], several, schema_of(several))
    assert one.select(["labels", "top"]).to_pylist() == [{"labels": [], "top": [{"label": "a", "probability": 0.25}]}]
    assert isinstance(one, pa.Table)


@pytest.mark.timeout(400)
def test_actors_of_ray_say_the_same(model: str, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.data")
    words = [
        sys.executable,
        "-m",
        "drivetrain",
        "predict",
        model,
        str(table),
        "--out",
        "out",
        "--engine",
        "ray",
        "--json",
    ]
    done = subprocess.run(
        [*words, "--workers", "2"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, done.stderr  # two rows have no answer
    assert "2 of 2,500 could not be read" in done.stderr
    said = json.loads(done.stdout)
    assert (said["rows"], said["failed"], said["parts"]) == (N, 2, 3)
    predict_into(model, [str(table)], str(tmp_path / "alone"), workers=1)
    pd.testing.assert_frame_equal(answers(tmp_path / "out"), answers(tmp_path / "alone"))


FEW = "a,b,c\n1,2,x\n3,4,y\n"


def test_answers_in_the_folder_that_is_answered_are_no_inputs(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few.csv").write_text(FEW)
    for kept in (0, 1):
        done = predict_into(model, ["."], "out/of", workers=1)
        assert (done.rows, done.parts, done.kept) == (2, 1, kept)


def test_a_table_that_cannot_be_read_is_one_row_and_the_others_are_answered_in_order(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/1.csv").write_text(FEW)
    pd.read_csv("in/1.csv").to_parquet("in/2.parquet")
    Path("in/3.parquet").write_bytes(b"PAR1 torn")
    Path("in/4.csv").write_text("d\n1\n")
    pd.read_csv("in/1.csv").head(0).to_parquet("in/5.parquet")
    done = predict_into(model, ["in"], "out", workers=1)
    assert (done.rows, done.failed, done.parts) == (6, 2, 5)
    found = pd.read_parquet("out")  # in the order of the parts
    names = ["1.csv", "1.csv", "2.parquet", "2.parquet", "3.parquet", "4.csv"]
    assert found["path"].tolist() == [f"in/{name}" for name in names]
    assert found["error"].isna().tolist() == [True] * 4 + [False] * 2
    assert found["error"][5].startswith("in/4.csv lacks the columns 'a', 'b', 'c'")  # as it was named


def test_no_rows_are_a_table_of_no_rows(model: str, tmp_path: Path) -> None:
    pd.DataFrame({"a": [1.0], "b": [1.0], "c": ["x"]}).head(0).to_parquet(tmp_path / "none.parquet")
    assert predict_into(model, [str(tmp_path / "none.parquet")], str(tmp_path / "out"), workers=1).rows == 0
    assert list(pd.read_parquet(tmp_path / "out").columns)[:3] == ["path", "row", "label"]


def test_a_part_that_is_damaged_is_made_again(model: str, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_into(model, [str(table)], str(out), workers=1)
    before = answers(out)
    part = sorted(out.glob("part-*"))[1]
    part.write_bytes(part.read_bytes()[:100])
    with pytest.warns(DrivetrainWarning, match="cannot be read .* its part is made again"):
        again = predict_into(model, [str(table)], str(out), workers=1)
    assert (again.rows, again.failed, again.kept) == (N, 2, 2)
    pd.testing.assert_frame_equal(answers(out), before)


def test_a_model_that_is_calibrated_otherwise_is_another_one(model: str, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text(FEW)
    other = tmp_path / "line.model"
    shutil.copytree(model, other)
    predict_into(str(other), [str(tmp_path / "few.csv")], str(tmp_path / "out"), workers=1)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["calibration"]["temperature"] = 2.0
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SettingError, match="holds answers with other model"):
        predict_into(str(other), [str(tmp_path / "few.csv")], str(tmp_path / "out"), workers=1)


class Named:
    """Says of every input how it is called."""

    reader = PictureInput(channels=3, size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3)

    def predict_many(self, place: Path, *, batch_size: int) -> list[Prediction]:
        said = [Prediction(str(path), labels=()) for path in sources_of(self.reader, place)]
        return [*said, Prediction(f"{place}/lost", error=f"{place}/lost is lost")]


@pytest.mark.parametrize("here", [True, False], ids=["on this machine", "at an address"])
def test_members_of_shards(here: bool, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine each is an input; of a shard elsewhere, which is fetched whole, they are its rows."""
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "cache"))
    for k in range(2):
        tar(bucket / "in" / f"{k}.tar", [(name, b"") for name in ("0.png", "0.cls", "deep/1.png")])
    place = str(bucket / "in") if here else "s3://bucket/in"
    work = work_of([place], "images", Place.of(str(tmp_path / "out"), "--out"), of_rows=False)
    expected = [f"{place}/{k}.tar/{name}" for k in range(2) for name in ("0.png", "deep/1.png")]
    [piece] = work.pieces
    assert list(piece.named) == (expected if here else [f"{place}/0.tar", f"{place}/1.tar"])
    if here:
        [alone] = work_of([expected[1]], "images", Place.of(str(tmp_path), "--out"), of_rows=False).pieces
        assert alone.named == (expected[1],)
        return
    answerer = Answerer.__new__(Answerer)
    answerer.job, answerer.predictor = Job("", ""), Named()  # pyright: ignore[reportAttributeAccessIssue]
    found = list(answerer._said(piece))  # pyright: ignore[reportPrivateUsage]
    assert [each.path for each in found if each.error is None] == expected
    assert [each.error for each in found if each.error] == [f"{place}/{k}.tar/lost is lost" for k in range(2)]


def test_shards_elsewhere_that_are_compressed(bucket: Path, tmp_path: Path) -> None:
    (bucket / "in").mkdir()
    (bucket / "in" / "a.tgz").write_bytes(b"")
    with pytest.raises(SettingError, match="compressed"):
        work_of(["s3://bucket/in"], "images", Place.of(str(tmp_path), "--out"), of_rows=False)
