"""Inputs and answers in a bucket of S3, by a server of its own (moto): each row once, and no key is shown."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

import drivetrain as dt
from drivetrain.batch.places import Place, quoted
from drivetrain.batch.predict import predict_into
from drivetrain.cli.main import main
from drivetrain.errors import DrivetrainError, DrivetrainWarning
from tests.runtime.test_members import tar
from tests.serving.tiny import COLOURS, make_artefact, picture

KEY, SECRET = "AKIAHUSH", "hush/hush+hush"
IN_ADDRESS = f"{KEY}:hush%2Fhush%2Bhush"
N = 400


@pytest.fixture(scope="module")
def bucket() -> Generator[Any]:
    """A file system whose folder `bucket` is an empty bucket; its server is where the environment says."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        pytest.skip("moto with its server is not installed: pip install 'moto[s3]' flask flask-cors")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        environment.setenv(name, value)
    try:
        until = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < until:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        system = fs.S3FileSystem(allow_bucket_creation=True, scheme="http", endpoint_override=f"127.0.0.1:{port}")
        system.create_dir("bucket")
        yield system
    finally:
        environment.undo()
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artefact(tmp_path_factory.mktemp("model"))


def put(system: Any, path: str, content: bytes) -> None:
    with system.open_output_stream(path) as stream:
        stream.write(content)


def answers(system: Any, out: str) -> pd.DataFrame:
    return pq.read_table(out, filesystem=system).to_pandas()


@pytest.mark.timeout(400)
def test_a_killed_command_goes_on_in_the_bucket_with_another_key(bucket: Any, model: Path, tmp_path: Path) -> None:
    names = [f"{list(COLOURS)[i % 3]} größe #1/{i}.png" for i in range(N)]
    for i, name in enumerate(names):
        put(bucket, f"bucket/my pictures/{name}", picture(list(COLOURS)[i % 3], i))
    put(bucket, "bucket/my pictures/torn.png", b"\x89PNG\r\n\x1a\n torn")
    words = [sys.executable, "-m", "drivetrain", "predict", str(model)]
    more = ["--engine", "processes", "--workers", "2", "--json"]
    inputs, out = f"s3://{IN_ADDRESS}@bucket/my pictures", f"s3://{IN_ADDRESS}@bucket/answers"
    first = subprocess.Popen(
        [*words, inputs, "--out", out, *more], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    place = Place.of("s3://bucket/answers", "--out")
    until = time.monotonic() + 200
    while not [each for each in place.below() if "/part-" in each.path] and time.monotonic() < until:
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    told = list(first.communicate())
    there = {each.path: each.mtime_ns for each in place.below() if "/part-" in each.path}
    second = subprocess.run(
        [*words, "s3://bucket/my pictures/", "--out", "s3://bucket/answers/", *more],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert second.returncode == 1, second.stderr  # torn.png
    said = json.loads(second.stdout)
    assert (said["out"], said["rows"], said["failed"]) == ("s3://bucket/answers/", N + 1, 1)
    assert 0 < len(there) <= said["kept"] < said["parts"]
    now = {each.path: each.mtime_ns for each in place.below()}
    assert {path: now[path] for path in there} == there  # not written a second time
    assert not [path for path in now if "_unfinished" in path]
    found = answers(bucket, "bucket/answers").set_index("path")
    assert sorted(found.index) == sorted(f"s3://bucket/my pictures/{name}" for name in [*names, "torn.png"])
    alone = dt.load(model).predict_many([picture(list(COLOURS)[i % 3], i) for i in range(N)])
    expected = [each.label for each in alone]
    assert found.loc[[f"s3://bucket/my pictures/{name}" for name in names], "label"].tolist() == expected
    assert "s3://bucket/my pictures/torn.png" in found["error"]["s3://bucket/my pictures/torn.png"]
    written = [bucket.open_input_stream(each.path).read() for each in place.below()]
    assert len(written) == said["parts"] + 1
    for secret in ("hush", KEY):
        assert secret not in repr([*told, second.stdout, second.stderr, *written])


def test_shards_in_a_bucket(bucket: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path))
    colours = list(COLOURS)
    pictures = [picture(colour, i) for i, colour in enumerate(colours)]
    for k in range(2):
        members = [(f"{i}.{end}", found) for i, found in enumerate(pictures) for end in ("png", "cls")]
        put(bucket, f"bucket/shards #1/{k}.tar", tar(tmp_path / f"{k}.tar", members).read_bytes())
    put(bucket, "bucket/shards #1/2.tar", b"no tar" * 200)
    done = predict_into(str(model), ["s3://bucket/shards #1"], "s3://bucket/of shards", workers=1)
    assert (done.rows, done.failed) == (7, 1)
    found = answers(bucket, "bucket/of shards").set_index("path")
    names = [f"s3://bucket/shards #1/{k}.tar/{i}.png" for k in range(2) for i in range(3)]
    assert found.index.tolist() == [*names, "s3://bucket/shards #1/2.tar/(members)"]
    assert found["label"].dropna().tolist() == [each.label for each in dt.load(model).predict_many(pictures)] * 2
    assert "2.tar cannot be read as a tar file" in found["error"].iloc[-1]


def test_a_table_in_a_bucket_is_divided(bucket: Any, tmp_path: Path) -> None:
    from tests.tuning.conftest import rows

    line = dt.Linear(dt.table(rows(), target="y", project=tmp_path / "project")).save(tmp_path / "line.model")
    frame = pd.DataFrame({name: rows(2_500)[name] for name in "abc"})
    with bucket.open_output_stream("bucket/tables/rows.parquet") as stream:
        frame.to_parquet(stream, row_group_size=700)
    done = predict_into(str(line), ["s3a://bucket/tables"], "s3://bucket/tables/answers", workers=1)
    assert (done.rows, done.failed, done.parts) == (2_500, 0, 3)
    found = answers(bucket, "bucket/tables/answers")
    assert found["row"].tolist() == list(range(1, 2_501))
    assert found["label"].tolist() == [each.label for each in dt.load(line).predict_many(frame)]
    again = predict_into(str(line), [f"s3a://{IN_ADDRESS}@bucket/tables"], "s3://bucket/tables/answers", workers=1)
    assert (again.rows, again.kept) == (2_500, 3)  # the answers below the inputs are none of them


@pytest.mark.parametrize(
    ("inputs", "out", "said"),
    [
        (f"s3://{IN_ADDRESS}@no-such-bucket/x", "out", r"s3://\*\*\*@no-such-bucket/x is not there"),
        (f"s3://{IN_ADDRESS}@bucket/nothing", "out", r"s3://\*\*\*@bucket/nothing is not there"),
        (f"s3://{KEY}:{SECRET}@bucket/one", "out", "write / and @ in a key as %2F"),
        (f"s3://{IN_ADDRESS}@bucket/one?frog=hush", "out", r"s3://\*\*\*@bucket/one\?frog"),
        ("s3://bucket/one?session_token=hush&frog=1", "out", r"session_token=\*\*\*"),
        ("s3://bucket/one", f"s3://{IN_ADDRESS}@no-such-bucket/x", r"s3://\*\*\*@no-such-bucket/x cannot be written"),
    ],
    ids=["bucket", "folder", "slash", "parameter", "token", "out"],
)
def test_what_cannot_be_used_is_told_without_the_key(
    bucket: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: str, out: str, said: str
) -> None:
    put(bucket, "bucket/one/a.png", picture("red"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DrivetrainError, match=said) as caught:
        predict_into(str(model), [inputs], out, workers=1)
    assert "To fix" in str(caught.value)
    for secret in (SECRET, KEY, "hush%2F"):
        assert secret not in str(caught.value)


def test_a_file_that_is_named_twice_is_answered_once(model: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            (tmp_path / folder / f"{i}.png").write_bytes(picture("red", i))
    names = [str(tmp_path / each) for each in ("a", "b", "a", "a/1.png", "b/.")]
    with pytest.warns(DrivetrainWarning, match="7 files named more than once: each is answered once"):
        done = predict_into(str(model), names, str(tmp_path / "out"), workers=1)
    assert done.rows == 6
    found = pd.read_parquet(tmp_path / "out")["path"].tolist()
    assert sorted(found) == sorted(str(file) for file in tmp_path.glob("[ab]/*"))


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("s3://b/a b", "b/a b"),
        ("s3://b/a%20b", "b/a b"),
        ("s3://b/a#b", "b/a#b"),
        ("s3://b/100%", "b/100%"),
        ("S3A://b/ü", "b/ü"),
    ],
    ids=["blank", "quoted blank", "number sign", "per cent", "umlaut"],
)
def test_names_in_an_address_are_as_people_write_them(written: str, path: str) -> None:
    assert quoted(written).isascii()
    assert fs.FileSystem.from_uri(f"{quoted(written)}?region=eu-1")[1] == path


def test_a_model_goes_through_a_bucket_as_plain_files(bucket: Any, model: Path, tmp_path: Path) -> None:
    fs.copy_files(str(model), "bucket/models/fruit.model", destination_filesystem=bucket)
    fs.copy_files("bucket/models/fruit.model", str(tmp_path / "back.model"), source_filesystem=bucket)
    assert dt.load(tmp_path / "back.model").self_test().passed


@pytest.mark.parametrize(
    "words",
    [
        ("predict", f"s3://{IN_ADDRESS}@bucket/fruit.model", "a.png"),
        ("push", "MODEL", f"s3://{IN_ADDRESS}@bucket/fruit"),
        ("pull", f"s3://{KEY}:{SECRET}@bucket/fruit", "--out", "new.model"),
    ],
    ids=lambda words: words[0],
)
def test_models_at_an_address_are_copied_first(
    model: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model) if word == "MODEL" else word for word in words]) == 1
    said = capsys.readouterr().err
    assert "copy the folder, as with `aws s3 sync`" in said
    for secret in ("hush", KEY):
        assert secret not in said
