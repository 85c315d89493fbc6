"""The cache is shown and emptied, for people and for machines."""

import tarfile

import numpy as np
import pytest

from drivetrain.data.cache.arrays import ArrayCache
from drivetrain.data.cache.location import CachePlace
from drivetrain.runtime.files.members import index_of


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Three pictures of 30,000 bytes, kept in a cache of this test's own."""
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "2.5")
    place = CachePlace.from_environment()
    cache = ArrayCache(place, "as is")
    for i in range(3):
        cache.put(f"{i:032x}", (np.zeros((100, 100, 3), np.uint8),))
    cache.publish()
    return place


def test_show(run, place):
    done = run("cache")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"folder       {place.folder}",
        "inputs       3",
        "size         0.000 GB",
        "limit        2.500 GB",
        "activations  0.000 GB of 0 stopped runs of this project",
        "shards       0.000 GB of 0 indexes of tar files",
    ]
    found = run("cache", "--json").object
    assert found == {
        "folder": str(place.folder),
        "pictures": 3,
        "bytes": found["bytes"],
        "limit_bytes": 2_500_000_000,
        "activations": {"runs": 0, "bytes": 0},
        "shards": {"indexes": 0, "bytes": 0},
    }
    assert 90_000 < found["bytes"] < 91_000


def test_clear(run, place):
    assert run("cache", "clear", "--json").object["cleared"]["pictures"] == 3
    assert list(place.folder.rglob("*")) == []
    assert run("cache", "clear").out.startswith("deleted 0 inputs")


def test_activations_of_stopped_runs_go_too_and_nothing_else_of_them(run, place, tmp_path):
    checkpoints = tmp_path / "work" / "checkpoints"
    for name, files in {"a": ["features-1.bank", "step-3.pt"], "b": ["x-2.bank", "y-2.bank"]}.items():
        (checkpoints / name).mkdir(parents=True)
        for file in files:
            (checkpoints / name / file).write_bytes(bytes(1000))
    words = ["--project", tmp_path / "work", "--json"]
    assert run("cache", *words).object["activations"] == {"runs": 2, "bytes": 3000}
    cleared = run("cache", "clear", *words).object
    assert cleared["activations"] == {"runs": 0, "bytes": 0}
    assert cleared["cleared"]["bytes"] > 93_000
    assert [path.name for path in checkpoints.rglob("*") if path.is_file()] == ["step-3.pt"]


def test_indexes_of_shards_go_too(run, place, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("0.jpg"))
    assert index_of(tmp_path / "a.tar").names == ("0.jpg",)
    found = run("cache", "--json").object["shards"]
    assert found["indexes"] == 1 and found["bytes"] > 100
    assert run("cache", "clear", "--json").object["shards"] == {"indexes": 0, "bytes": 0}
    assert index_of(tmp_path / "a.tar").names == ("0.jpg",), "made anew where it is needed"


def test_off_and_wrong(run, place, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "0")
    assert "off" in run("cache").out
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "much")
    done = run("cache")
    assert (done.code, done.out) == (1, "")
    assert "DRIVETRAIN_CACHE_GB='much'" in done.err
    assert run("cache", "empty").code == 2


def test_training_fills_it(run, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "kept"))
    words = ["train", pictures, "--arch", "test_resnet", "--from-scratch", "--size", "32", "--device", "cpu"]
    assert run(*words, "--precision", "fp32", "--epochs", "1", "--out", "m.model").code == 0
    assert run("cache", "--json").object["pictures"] >= 27, "the training rows at least"
