"""An update kept small beside its parent says what it says saved whole, and nothing else is taken for its parent."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.numpy import load, load_file, save
from safetensors.torch import save_file

import drivetrain as dt
from drivetrain.cli.main import main
from drivetrain.errors import ArtefactError, SettingError
from drivetrain.export.publish import _published  # pyright: ignore[reportPrivateUsage] - what a hub would get
from drivetrain.learner.saving.reexport import export_saved
from drivetrain.runtime import artefact
from drivetrain.runtime.additions.record import ADDITIONS, GRAPH, UPDATE
from drivetrain.runtime.artefact import MANIFEST, MODEL, WEIGHTS, open_artefact
from drivetrain.runtime.onnx.wire import understood
from drivetrain.runtime.trust.known_models import CACHE_DIR
from drivetrain.training.exporting import ExportPlan
from tests.learner.conftest import paint

HOW: dict[str, Any] = {"epochs": 1, "device": "cpu", "precision": "fp32", "seed": 1, "checkpoint": False}
ACCEPTED = {"accept_forgetting": True}
BOTH = ("whole.model", "autumn.update")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A small transformer of two colours, an update with a third saved whole and small, the pictures; the update."""
    root = tmp_path_factory.mktemp("beside")
    rng = np.random.default_rng(0)
    for name, colour in {"old/red": (200, 40, 40), "old/green": (40, 200, 40), "new/blue": (40, 40, 200)}.items():
        (root / name).mkdir(parents=True)
        for i in range(16):
            paint(colour, rng).save(root / name / f"{i:02}.png")
    torch.manual_seed(0)
    body = timm.create_model("test_vit", num_classes=0, img_size=32)
    (root / "vit").mkdir()
    save_file(body.state_dict(), root / "vit" / "model.safetensors")
    config = {"architecture": "test_vit", "num_features": 64, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    (root / "vit" / "config.json").write_text(json.dumps({**config, "model_args": {"img_size": 32}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(root / "project"))
        data = dt.images(root / "old", seed=1)
        learn = dt.Learner(data, f"local-dir:{root / 'vit'}", size=32, precision="fp32", device="cpu")
        learn.fine_tune(1, checkpoint=False).save(root / "fruit.model", precision=None)
        done = dt.update(root / "fruit.model", root / "new", old=root / "old", low_rank=2, **HOW)
        done.save(root / "whole.model", **ACCEPTED)
        done.save(root / "autumn.update", beside=root / "fruit.model", **ACCEPTED)
    return root, done


@pytest.fixture
def world(made: tuple[Path, Any]) -> Path:
    return made[0]


@pytest.fixture
def done(made: tuple[Path, Any]) -> Any:
    return made[1]


@pytest.fixture(autouse=True)
def project(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(world / "project"))


@pytest.fixture
def copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the parent and the update, on a machine that has opened neither."""
    for name in ("fruit.model", "autumn.update"):
        shutil.copytree(world / name, tmp_path / "models" / name)
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "cache"))
    monkeypatch.setenv("DRIVETRAIN_TRIAL", "off")
    return tmp_path / "models"


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def rewritten(folder: Path, name: str, content: bytes) -> None:
    """A file changed, and the manifest as whoever changed it would write it."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_small_update_says_what_the_whole_one_says(world: Path) -> None:
    pictures = sorted(world.glob("*/*/*.png"))
    answers = [list(dt.load(world / name).predict_many(pictures)) for name in BOTH]
    assert [one.label for one in answers[0]] == [one.label for one in answers[1]]
    probabilities = [[one.probability for one in said] for said in answers]
    np.testing.assert_allclose(probabilities[1], probabilities[0], rtol=1e-5)
    assert {one.label for one in answers[1]} >= {"blue"}
    assert dt.load(world / "autumn.update").self_test().passed
    whole, small = (open_artefact(world / name) for name in BOTH)
    assert small.manifest.parameters_sha256 == whole.manifest.parameters_sha256
    ours, theirs = load_file(small.file(WEIGHTS)), load_file(whole.file(WEIGHTS))
    assert sorted(ours) == sorted(theirs)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
    assert small.manifest.calibration == whole.manifest.calibration
    assert small.manifest.lineage[-1].low_rank is not None


def test_it_holds_little_and_no_parameter_twice(world: Path) -> None:
    folder = world / "autumn.update"
    assert size_of(folder) < size_of(world / "whole.model") / 10
    assert not {MODEL, WEIGHTS} & {file.name for file in folder.iterdir()}
    added = load_file(folder / ADDITIONS)
    record = open_artefact(folder).manifest.lineage[-1].low_rank
    assert record is not None
    factors = {name: value for name, value in added.items() if name.startswith(("a.", "b."))}
    assert sum(value.size for value in factors.values()) == record.numbers and len(factors) == 2 * record.layers
    assert {name for name in added if name not in factors} == {"whole.head.2.bias", "whole.head.2.weight"} | {
        name for name in added if name.startswith("whole.head.1") or name.startswith("whole.head.0")
    }
    graph = understood((folder / GRAPH).read_bytes())["graph"]
    assert sum(len(one.get("raw_data", b"")) for one in graph["initializer"]) < 1000


def test_a_learner_evaluate_report_and_review_take_it_up(world: Path, tmp_path: Path) -> None:
    learners = [
        dt.Learner.load(world / name, device="cpu", precision="fp32") for name in ("whole.model", "autumn.update")
    ]
    assert learners[0].identity() == learners[1].identity()
    sources = [world / "old", world / "new"]
    judged = [dt.evaluate(world / name, data=sources, device="cpu") for name in BOTH]
    np.testing.assert_allclose(judged[1].predictions.output, judged[0].predictions.output, atol=1e-6)
    page = tmp_path / "report.html"
    assert main(["report", str(world / "autumn.update"), "--out", str(page), "--no-probe", "--device", "cpu"]) == 0
    assert "A low-rank update: matrices of rank 2 beside" in page.read_text()
    learners[1].save(tmp_path / "again.model", precision=None)  # whole, wherever it is
    assert open_artefact(tmp_path / "again.model").manifest.format_version == 2


def test_a_server_needs_no_torch_and_no_safetensors(world: Path) -> None:
    picture = next(world.glob("new/*/*.png"))
    script = (
        "import sys\nfor name in ('torch', 'safetensors', 'onnx', 'peft'): sys.modules[name] = None\n"
        f"import drivetrain as dt\nprint(dt.load({str(world / 'autumn.update')!r}).predict({str(picture)!r}).label)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "blue", done.stderr


def test_an_opening_of_the_test_set_is_recorded_in_it(copy: Path, world: Path) -> None:
    folder = copy / "autumn.update"
    dt.evaluate(folder, data=[world / "old", world / "new"], part="test", device="cpu")
    assert len(open_artefact(folder).manifest.test_openings) == 1
    assert dt.load(folder).self_test().passed


def test_one_stands_on_another(copy: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    (copy / "more" / "white").mkdir(parents=True)
    for i in range(12):
        paint((240, 240, 240), rng).save(copy / "more" / "white" / f"{i:02}.png")
    old = [world / "old", world / "new"]
    done = dt.update(copy / "autumn.update", copy / "more", old=old, low_rank=2, alpha=0.5, **HOW)
    done.save(copy / "winter.update", beside=copy / "autumn.update", precision=None, **ACCEPTED)
    shutil.rmtree(copy.parent / "cache" / "updates")
    again = dt.Learner.load(copy / "winter.update", device="cpu", precision="fp32")
    assert sorted(file.suffix for file in (copy.parent / "cache" / "updates").iterdir()) == [".safetensors"] * 2
    assert again.identity() == done.model.identity()
    parents = [one.parent_name for one in open_artefact(copy / "winter.update").manifest.lineage]
    assert parents == ["fruit.model", "autumn.update"]
    monkeypatch.setattr(artefact, "MOST_UPDATES", 1)
    open_artefact(copy / "autumn.update")
    with pytest.raises(ArtefactError, match=r"an update of an update.*expected at most 1"):
        open_artefact(copy / "winter.update")


# ── parents ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _other(models: Path) -> None:
    weights = load_file(models / "fruit.model" / WEIGHTS)
    name = max(weights)
    rewritten(models / "fruit.model", WEIGHTS, save({**weights, name: weights[name] + 1}))


def _altered(models: Path) -> None:
    file = models / "fruit.model" / WEIGHTS
    file.write_bytes(file.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda models: shutil.rmtree(models / "fruit.model"),
            r"fruit.model, which does not lie beside it: expected ",
        ),
        (_other, r"under that name is another model \(\w{12}…\): expected the model .* \w{12}…"),
        (_altered, r"which cannot be opened: .*model.safetensors is not the file that was saved"),
        (lambda models: (models / "fruit.model" / MANIFEST).write_text("{"), r"does not lie beside it: expected"),
    ],
    ids=["missing", "another", "altered", "damaged"],
)
@pytest.mark.parametrize("opened_before", [False, True])
def test_what_is_no_parent_is_refused(
    copy: Path, harm: Callable[[Path], Any], message: str, opened_before: bool
) -> None:
    if opened_before:
        open_artefact(copy / "autumn.update")
    harm(copy)
    with pytest.raises(ArtefactError, match=rf"autumn.update is an update of .*{message}.* To fix: "):
        dt.load(copy / "autumn.update")


def test_a_parent_is_known_by_its_content(copy: Path) -> None:
    (copy / "fruit.model").rename(copy / "fruit, of spring")
    assert dt.load(copy / "autumn.update").self_test().passed
    (copy / "fruit, of spring").rename(copy.parent / "fruit.model")
    (copy / "body").symlink_to(copy.parent / "fruit.model", target_is_directory=True)
    assert dt.load(copy / "autumn.update").self_test().passed


def test_a_link_to_an_update_is_opened_as_it_is(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(copy / "autumn.update", target_is_directory=True)
    assert dt.load(tmp_path / "current").self_test().passed
    (copy / "fruit.model").rename(tmp_path / "fruit.model")  # beside the link alone
    assert dt.load(tmp_path / "current").self_test().passed


def test_a_model_on_which_updates_stand_is_not_replaced_by_another(
    copy: Path, world: Path, done: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other, here = done.model, {"device": "cpu", "precision": "fp32"}
    refused = r"fruit.model: autumn.update would lose the model there, .* To fix: give another place, or rename"
    shutil.copytree(copy / "autumn.update", copy / "nothing.update")
    said = json.loads((copy / "nothing.update" / MANIFEST).read_text())  # one that changed nothing is no copy of it
    said["files"][WEIGHTS] = json.loads((copy / "fruit.model" / MANIFEST).read_text())["files"][WEIGHTS]
    (copy / "nothing.update" / MANIFEST).write_text(json.dumps(said))
    with pytest.raises(ArtefactError, match=refused.replace("update would", "update, nothing.update would")):
        other.save(copy / "fruit.model", precision=None)
    (copy / "fruit.model").rename(copy.parent / "elsewhere")
    with pytest.raises(
        ArtefactError, match=r"^\S*autumn.update is an update of fruit.model, which does not lie beside"
    ):
        dt.load(copy / "autumn.update")
    (copy.parent / "elsewhere").rename(copy / "fruit.model")
    shutil.rmtree(copy / "nothing.update")
    assert main(["train", str(copy), "--out", str(copy / "fruit.model")]) == 1, "before anything is read"
    assert "autumn.update would lose the model there" in capsys.readouterr().err
    assert dt.load(copy / "autumn.update").self_test().passed
    same = dt.Learner.load(copy / "fruit.model", data=world / "old", **here)
    same.save(copy / "fruit.model", precision=None)
    shutil.copytree(copy / "fruit.model", copy / "kept.model")
    other.save(copy / "fruit.model", precision=None)
    assert dt.load(copy / "autumn.update").self_test().passed


# ── strangers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _added(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        rewritten(folder, ADDITIONS, save(change(load((folder / ADDITIONS).read_bytes()))))

    return harm


def _told(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        said = json.loads((folder / UPDATE).read_text())
        change(said)
        rewritten(folder, UPDATE, json.dumps(said).encode())

    return harm


def _listed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        said = json.loads((folder / MANIFEST).read_text())
        change(said["files"])
        (folder / MANIFEST).write_text(json.dumps(said))

    return harm


LAYER = "body.blocks.0.attn.qkv.weight"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / ADDITIONS).write_bytes(b"x"), "additions.safetensors is not the file"),
        (lambda folder: (folder / GRAPH).unlink(), "lacks graph.onnx"),
        (lambda folder: (folder / MODEL).write_bytes(b"x"), "holds model.onnx"),
        (_added(lambda had: {**had, f"a.{LAYER}": 2 * had[f"a.{LAYER}"]}), "does not make the model .* SHA-256"),
        (_added(lambda had: {**had, f"a.{LAYER}": had[f"a.{LAYER}"][:, :9]}), "does not fit the parent"),
        (_added(lambda had: {n: v for n, v in had.items() if n != f"b.{LAYER}"}), "does not fit the parent"),
        (_added(lambda had: {n: v for n, v in had.items() if n != f"a.{LAYER}"}), "neither a parameter nor one of two"),
        (_added(lambda had: {**had, "__class__": had[f"a.{LAYER}"]}), "neither a parameter nor one of two"),
        (_added(lambda had: {**had, "a.body.pos_embed": had[f"a.{LAYER}"]}), "does not fit the parent"),
        (_added(lambda had: {**had, f"a.{LAYER}": np.zeros((64, 64), "f4"), f"b.{LAYER}": np.zeros((192, 64), "f4")}),
         "not of low rank"),
        (_added(lambda had: {**had, "whole.more": np.zeros(9, "f4")}), r"take [\d,]+ bytes, and [\d,]+ are listed"),
        (lambda folder: rewritten(folder, ADDITIONS, b"\x80\x04c"), "its header is said to have"),
        (_told(lambda said: said["parent"].update(name="../fruit.model")), "update.json is damaged: parent.name"),
        (_told(lambda said: said["parent"].update(sha256="ab")), "update.json is damaged: parent.sha256"),
        (_told(lambda said: said.update(format_version=2)), "update.json is damaged: format_version"),
        (_told(lambda said: said["places"][0].update(index=10**6)), "has no place in its graph"),
        (_told(lambda said: said["places"][0].update(parameter="head.9")), "has no place in its graph"),
        (_told(lambda said: said["places"][0].update(parameter="head.2.weight")), "does not fit its place"),
        (_told(lambda said: said["places"].append(said["places"][0])), "larger than the whole"),
        (_told(lambda said: said["places"].pop()), "onnx file has the SHA-256"),
        (lambda folder: rewritten(folder, UPDATE, b'{"parent": 1, "parent": 2}'), "update.json is damaged"),
        (lambda folder: rewritten(folder, GRAPH, b"\x07"), "does not make the model"),
        (_listed(lambda files: files.pop(WEIGHTS)), "lists no model.safetensors"),
        (_listed(lambda files: files[WEIGHTS].update(bytes=2**40)), "expected at most"),
        (_listed(lambda files: files.pop(UPDATE)), r"lacks model.onnx, model.safetensors"),
    ],
)  # fmt: skip
def test_an_update_made_to_do_harm_is_refused(copy: Path, harm: Callable[[Path], None], message: str) -> None:
    folder = copy / "autumn.update"
    harm(folder)
    with pytest.raises(ArtefactError, match=message):
        dt.load(folder)
    cache = copy.parent / "cache" / "updates"
    assert not cache.is_dir() or not [file for file in cache.iterdir() if file.name.startswith(".")]


def test_one_from_elsewhere_is_tried_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.delenv("DRIVETRAIN_TRIAL")
    monkeypatch.setattr("drivetrain.runtime.trust.quarantine._try", lambda one, *_: tried.append(one.path.name))
    dt.load(copy / "autumn.update")
    dt.load(copy / "autumn.update")
    assert tried == ["autumn.update"]


def test_what_the_cache_holds_is_compared_and_made_anew(copy: Path) -> None:
    made = open_artefact(copy / "autumn.update").file(WEIGHTS)
    content = made.read_bytes()
    assert made.parent == copy.parent / "cache" / "updates" and made.stem == hashlib.sha256(content).hexdigest()
    made.write_bytes(content[:-1] + b"x")
    assert open_artefact(copy / "autumn.update").file(WEIGHTS).read_bytes() == content
    made.unlink()
    assert open_artefact(copy / "autumn.update").file(WEIGHTS).read_bytes() == content


def test_without_a_cache_that_can_be_written_it_says_so(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_DIR, str(copy / "fruit.model" / MANIFEST))
    with pytest.raises(
        ArtefactError, match=r"cannot be kept in .*manifest.json/updates: .* Expected a folder .* To fix: set DRIVETR"
    ):
        open_artefact(copy / "autumn.update")


def test_a_hub_gets_it_whole(copy: Path, tmp_path: Path) -> None:
    contents = _published(open_artefact(copy / "autumn.update"), "ada/fruit", exemplars=False)
    assert {MODEL, WEIGHTS} <= contents.keys() and not {UPDATE, GRAPH, ADDITIONS} & contents.keys()
    folder = tmp_path / "pulled.model"
    for name, content in contents.items():
        if name != "README.md":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    assert dt.load(folder).self_test().passed and load(contents[WEIGHTS])
    assert BytesIO(contents[MODEL]).read(1)


# ── saving ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_saved_beside_its_parent_alone(world: Path, done: Any, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for path, parent in ((tmp_path / "a.update", "fruit.model"), (world / "fruit.model", "fruit.model")):
        with pytest.raises(ArtefactError, match=r"does not lie beside .* expected a new name in .* To fix: save it as"):
            done.save(path, beside=world / parent, **ACCEPTED)
    with pytest.raises(ArtefactError, match=r"holds another model than the one that was updated: expected .* To fix"):
        done.save(world / "b.update", beside=world / "whole.model", **ACCEPTED)
    with pytest.raises(SettingError, match=r"precision='int8' .* beside=: expected 'fp32'.* To fix"):
        done.save(world / "b.update", beside=world / "fruit.model", precision="int8", **ACCEPTED)
    with pytest.raises(SettingError, match="goldn"):
        done.save(world / "b.update", beside=world / "fruit.model", goldn=3, **ACCEPTED)
    with pytest.raises(ArtefactError, match=r"small update, which answers in fp32.* To fix: take it up"):
        export_saved(world / "autumn.update", ExportPlan("int8"))
    assert not (world / "b.update").exists()


def test_what_is_mostly_new_is_no_small_update(world: Path, done: Any) -> None:
    state = done.model.network.state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    try:
        for value in state.values():
            value.add_(1)
        with pytest.raises(
            ArtefactError, match=r"no small one: .* expected at most half. To fix: save it whole, or make"
        ):
            done.save(world / "b.update", beside=world / "fruit.model", precision=None, **ACCEPTED)
    finally:
        done.model.network.load_state_dict(kept)


def test_one_that_was_trained_on_says_what_it_is_now(world: Path, done: Any) -> None:
    state = done.model.network.state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    try:
        state[LAYER].add_(0.25)  # no longer what was added to it
        done.save(world / "on.update", beside=world / "fruit.model", precision=None, **ACCEPTED)
        saved = load_file(open_artefact(world / "on.update").file(WEIGHTS))[LAYER]
        np.testing.assert_array_equal(saved, state[LAYER].numpy())
    finally:
        done.model.network.load_state_dict(kept)


def test_the_command_line_saves_it_beside(
    copy: Path, world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "drivetrain.learner.saving.save._exported", lambda *_: (None, dt.Decision(value=None, reason=""))
    )
    asked = ["update", str(copy / "fruit.model"), str(world / "new"), "--old", str(world / "old"), "--epochs", "1"]
    asked += ["--accept-forgetting", "--device", "cpu", "--json", "--low-rank", "2", "--beside", "--out"]
    assert main([*asked, str(copy / "cli.update")]) == 0
    assert json.loads(capsys.readouterr().out)["written"] is True
    assert open_artefact(copy / "cli.update").manifest.format_version == 3
