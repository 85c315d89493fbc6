"""A saved model of somebody else: its word against yours does not count, and its sizes are compared first."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.data.record import saved_data
from drivetrain.data.review import record
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning
from drivetrain.learner.saving.reexport import export_saved
from drivetrain.runtime.artefact import DATA, MANIFEST, WEIGHTS, open_artefact
from drivetrain.runtime.trust.known_models import CACHE_DIR, is_known
from drivetrain.training.exporting import ExportPlan
from drivetrain.training.shapes import check_shapes, stored_shapes

from .conftest import ARCH


@pytest.fixture(scope="module")
def saved(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
    learn.fit(1, checkpoint=False)
    return learn.save(tmp_path_factory.mktemp("saved") / "squares.model", precision=None)


def rewritten(saved: Path, folder: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy with one file changed, and the manifest as whoever changed it would write it."""
    copy = shutil.copytree(saved, folder / "copy.model")
    content = change((copy / name).read_bytes())
    (copy / name).write_bytes(content)
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    return copy


def with_data(saved: Path, folder: Path, **changes: Any) -> Path:
    return rewritten(saved, folder, DATA, lambda content: json.dumps({**json.loads(content), **changes}).encode())


def all_red(saved: Path) -> dict[str, Any]:
    """The `spec` of a data.json that calls every validation picture red."""
    reading = json.loads((saved / DATA).read_text())
    return {**reading["spec"], "relabelled": dict.fromkeys(reading["split"]["valid"], "red")}


def test_a_relabelling_inside_the_model_does_not_count(saved: Path, squares: Path, tmp_path: Path) -> None:
    honest = dt.evaluate(saved, data=squares).predictions
    strange = with_data(saved, tmp_path, spec=all_red(saved))
    with pytest.warns(DrivetrainWarning, match="a review gave 12 rows another label; here .* those of the data"):
        found = dt.evaluate(strange, data=squares)
    assert list(found.predictions.truth) == list(honest.truth)
    with pytest.warns(DrivetrainWarning, match="another label"):
        learn = dt.Learner.load(strange, data=squares, device="cpu")
    assert sorted(learn.data.valid.values) == sorted(["blue", "green", "red"] * 4)


def test_a_review_that_is_named_counts_and_is_said(saved: Path, squares: Path, tmp_path: Path) -> None:
    digests = json.loads((saved / DATA).read_text())["split"]["valid"]
    review = tmp_path / "review.json"
    for digest in digests[:3]:
        record(review, digest, "relabel", "red")
    record(review, digests[3], "remove")
    with pytest.warns(DrivetrainWarning, match=r"labels count as decided in review\.json .*3 relabelled, 1 removed"):
        found = dt.evaluate(saved, data=squares, review=review)
    truth = dict(zip(found.predictions.ids, found.predictions.truth, strict=True))
    assert len(truth) == 11


def test_places_that_a_strangers_model_names_are_not_followed(saved: Path, tmp_path: Path, squares: Path) -> None:
    strange = with_data(saved, tmp_path, source="/dev/zero")
    for call in (dt.evaluate, dt.Learner.load):
        with pytest.raises(DataError, match=r"was not saved by you on this machine.*To fix: pass data"):
            call(strange)
    assert dt.evaluate(saved).scores["accuracy"].n == 12, "our own model knows where its pictures are"


def test_patterns_of_a_stranger_are_not_compiled(saved: Path, tmp_path: Path, squares: Path) -> None:
    spec = json.loads((saved / DATA).read_text())["spec"] | {"group": "((a+)+)+$(", "group_by": "pattern"}
    strange = with_data(saved, tmp_path, spec=spec)
    assert saved_data(open_artefact(strange)).spec.group is None
    assert dt.evaluate(strange, data=squares).scores["accuracy"].n == 12


def test_a_strangers_model_stays_a_strangers_when_it_is_exported_anew(
    saved: Path, tmp_path: Path, squares: Path
) -> None:
    spec = json.loads((saved / DATA).read_text())["spec"] | {"group": "((a+)+)+$(", "group_by": "pattern"}
    strange = with_data(saved, tmp_path, spec=spec)
    export_saved(strange, ExportPlan(golden=0), data=squares)
    assert is_known(open_artefact(saved).manifest, "saved")
    assert not is_known(open_artefact(strange).manifest, "saved")
    assert saved_data(open_artefact(strange)).spec.group is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"[]", "expected an object"),
        (b'{"spec": {}, "split": {}}', "layout"),
        (b'{"spec": NaN, "split": {}}', "NaN"),
        (b"[" * 100_000, "levels"),
        (b'{"evil": 1, "spec": {}, "split": {}}', "expected an object with"),
        (b" " * (64 * 2**20 + 1), "more than 67,108,864|at most 67,108,864"),
    ],
)
def test_a_damaged_reading_is_an_error(
    saved: Path, tmp_path: Path, squares: Path, content: bytes, message: str
) -> None:
    strange = rewritten(saved, tmp_path, DATA, lambda _: content)
    with pytest.raises(ArtefactError, match=rf"{message}.*To fix"):
        dt.evaluate(strange, data=squares)


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        header, data = header_of(content)
        text = json.dumps(change(header)).encode()
        return struct.pack("<Q", len(text)) + text + data

    return changed


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a tensor of terabytes": lambda h: {**h, "t": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
    "a shape that is larger": lambda h: {**h, "head.2.bias": {**h["head.2.bias"], "shape": [10**9]}},
    "a negative shape": lambda h: {**h, "head.2.bias": {**h["head.2.bias"], "shape": [-3]}},
    "an unknown type": lambda h: {**h, "head.2.bias": {**h["head.2.bias"], "dtype": "PICKLE"}},
    "a list": list,
    "one tensor less": lambda h: {name: said for name, said in h.items() if name != "head.2.bias"},
    "a vector of three rows": lambda h: {**h, "head.2.bias": {**h["head.2.bias"], "shape": [3, 1]}},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_sizes_are_found_at_once(saved: Path, tmp_path: Path, lie: str) -> None:
    strange = rewritten(saved, tmp_path, WEIGHTS, with_header(LIES[lie]))
    began = time.monotonic()
    with pytest.raises(ArtefactError, match=r"does not fit the manifest: .*To fix"):
        check_shapes(open_artefact(strange))
    assert time.monotonic() - began < 5
    with pytest.raises(ArtefactError, match="does not fit the manifest"):
        dt.load(strange, device="cpu")


def test_shapes_are_those_that_are_stored(saved: Path) -> None:
    shapes = stored_shapes(saved / WEIGHTS)
    assert shapes["head.2.bias"] == (3,) and shapes["head.2.weight"][0] == 3
    check_shapes(open_artefact(saved))


def test_a_network_larger_than_what_is_stored_is_not_built(saved: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(saved, tmp_path / "copy.model")
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["architecture"]["options"] = {"channels": [65_000] * 4}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"body\..* is \(.*\), test_resnet as described has \(65000"):
        check_shapes(open_artefact(copy))


def test_a_model_that_another_user_saved_is_tried_and_loaded(
    saved: Path, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "our cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dt.load(saved, device="cpu").predict(next(squares.rglob("*.png"))).label in ("blue", "green", "red")
    assert "tried with torch" in (tmp_path / "our cache" / "models.txt").read_text()
    with pytest.raises(DataError, match="not saved by you"):
        dt.evaluate(saved)
