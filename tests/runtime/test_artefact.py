"""The artefact on disk: whole after any kill, and nothing but what was saved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drivetrain.errors import ArtefactError, DrivetrainWarning
from drivetrain.runtime.artefact import (
    CARD,
    MANIFEST,
    MODEL,
    open_artefact,
    update_artefact,
    update_manifest,
    write_artefact,
)
from drivetrain.runtime.files import replacing
from drivetrain.runtime.golden import EXPECTED, Expected
from drivetrain.runtime.loading import load

from .models import describe, light_bytes

GOLDEN = Expected(inputs=("0.jpg",), outputs=((0.0, 0.0),), tolerance=1.0).model_dump_json().encode()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    contents = {MODEL: light_bytes(), "golden/0.jpg": b"a picture", EXPECTED: GOLDEN}
    return write_artefact(tmp_path / "a.model", contents, describe()).path


def test_what_is_written_is_read(model: Path) -> None:
    found = open_artefact(model)
    assert found.manifest.format_version == 2
    assert found.file("golden/0.jpg").read_bytes() == b"a picture"
    assert set(found.manifest.files) == {MODEL, "golden/0.jpg", EXPECTED}


def _edit(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        manifest = json.loads((path / MANIFEST).read_text())
        change(manifest)
        (path / MANIFEST).write_text(json.dumps(manifest))

    return edit


def _swap(path: Path) -> None:
    one, other = path / "golden" / "0.jpg", path / EXPECTED
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _link(path: Path) -> None:
    shutil.copy(path / MODEL, path.parent / "elsewhere.onnx")
    (path / MODEL).unlink()
    (path / MODEL).symlink_to(path.parent / "elsewhere.onnx")


def _link_golden(path: Path) -> None:
    (path / "golden").rename(path.parent / "elsewhere")
    (path / "golden").symlink_to(path.parent / "elsewhere")


FAKE = {"bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / MODEL).write_bytes((p / MODEL).read_bytes()[:-1]), r"model\.onnx is not the file"),
        (lambda p: (p / MODEL).write_bytes(b"x" + (p / MODEL).read_bytes()[1:]), r"model\.onnx is not the file"),
        (_swap, r"golden/0\.jpg is not the file|expected\.json is not the file"),
        (_link, r"model\.onnx is not the file that was saved: it is a link"),
        (_link_golden, "lacks golden"),
        (lambda p: (p / "golden" / "0.jpg").unlink(), r"lacks golden/0\.jpg"),
        (lambda p: (p / "golden" / "1.jpg").write_bytes(b""), r"holds golden/1\.jpg"),
        (lambda p: (p / "golden" / "deep").mkdir(), "holds golden/deep"),
        (lambda p: (p / "other").mkdir(), "holds other"),
        (lambda p: (p / ".hidden").write_bytes(b""), r"holds \.hidden"),
        (lambda p: (p / "model.onnx.data").write_bytes(b""), r"holds model\.onnx\.data"),
        (lambda p: (p / "model.pkl").write_bytes(b"cos\nsystem"), r"holds model\.pkl"),
        (_edit(lambda m: m["files"].update({"golden/../../x": FAKE})), "outside itself"),
        (_edit(lambda m: m["files"].update({"other/x": FAKE})), "outside itself"),
        (_edit(lambda m: m["files"].update({"/x": FAKE})), "outside itself"),
        (_edit(lambda m: m["files"].update({"golden/.x": FAKE})), "odd names"),
        (_edit(lambda m: m["files"].update({"golden": FAKE})), "lacks golden"),
        (_edit(lambda m: m.update(format_version=4)), r"format version 4; this drivetrain reads versions 1 to 3"),
        (_edit(lambda m: m.update(format_version="2")), "format version '2'"),
        (_edit(lambda m: m.update(format_version=True)), "format version True"),
        (_edit(lambda m: m["export"].update(precision="int4")), "damaged: export.precision"),
    ],
)
def test_anything_else_is_refused_by_name(model: Path, damage: Callable[[Path], None], message: str) -> None:
    open_artefact(model)
    damage(model)
    with pytest.raises(ArtefactError, match=message):
        open_artefact(model)


def test_litter_of_the_operating_system_is_passed_over(model: Path) -> None:
    for name in (".DS_Store", "._model.onnx", "Thumbs.db", "desktop.ini", "golden/.DS_Store", "golden/._0.jpg"):
        (model / name).write_bytes(b"litter")
    with pytest.warns(DrivetrainWarning, match=r"6 files of the operating system \(\.DS_Store, .* passed over"):
        found = open_artefact(model)
    assert set(found.manifest.files) == {MODEL, "golden/0.jpg", EXPECTED}
    with pytest.raises(ArtefactError, match=r"has no \.DS_Store"):
        found.file(".DS_Store")
    update_artefact(found, {MODEL: light_bytes()})
    assert sorted(item.name for item in model.rglob("*") if item.is_file()) == [
        "0.jpg",
        "expected.json",
        "manifest.json",
        "model.onnx",
    ]
    open_artefact(model)  # without a warning


@pytest.mark.parametrize("name", [".DS_Store", "._x", "Thumbs.db"])
def test_what_only_bears_the_name_of_litter_is_refused(model: Path, name: str) -> None:
    (model / name).mkdir()
    with pytest.raises(ArtefactError, match="which its manifest does not list"):
        open_artefact(model)
    (model / name).rmdir()
    (model / name).symlink_to(model / MODEL)
    with pytest.raises(ArtefactError, match="which its manifest does not list"):
        open_artefact(model)


def test_a_person_may_edit_the_card_and_nothing_else(tmp_path: Path) -> None:
    contents = {MODEL: light_bytes(), CARD: b"# a model\n"}
    path = write_artefact(tmp_path / "a.model", contents, describe()).path
    (path / CARD).write_text("# our model, checked by Ada\n")
    with pytest.warns(DrivetrainWarning, match=r"MODEL_CARD\.md was edited"):
        assert open_artefact(path).file(CARD).read_text() == "# our model, checked by Ada\n"
    (path / CARD).unlink()
    (path / CARD).symlink_to(path / MODEL)
    with pytest.raises(ArtefactError, match="it is a link"):
        open_artefact(path)


@pytest.mark.parametrize(
    "content", [b"{", b'{"inputs": [], "outputs": [], "tolerance": 1}', GOLDEN.replace(b"0.jpg", b"../x")]
)
def test_golden_examples_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    path = write_artefact(tmp_path / "a.model", {MODEL: light_bytes(), EXPECTED: content}, describe()).path
    with pytest.raises(ArtefactError, match=r"expected\.json is damaged|has no golden/"):
        load(path)


def test_format_version_1_is_still_read(model: Path) -> None:
    new = ("export", "calibration", "reference", "seal")

    def older(manifest: dict) -> None:
        manifest["format_version"] = 1
        for name in new:
            manifest.pop(name, None)

    _edit(older)(model)
    assert open_artefact(model).manifest.export is None


def killed(folder: Path, what: str, steps: str) -> tuple[int, str]:
    script = Path(__file__).with_name("killed_saves.py")
    command = [sys.executable, str(script), str(folder), what, steps]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tried, _, rest = done.stdout.strip().partition(" ")
    return int(tried), rest


@pytest.mark.skipif(sys.platform != "linux", reason="forks and kills")
@pytest.mark.parametrize(("what", "steps"), [("save", "one"), ("save", "two"), ("update", "one")])
def test_a_kill_at_any_step_leaves_the_old_artefact_or_the_new_one(tmp_path: Path, what: str, steps: str) -> None:
    """Real kills (signal 9) at every step that touches the disk; the next save clears away what they left."""
    tried, rest = killed(tmp_path, what, steps)
    assert tried > (20 if what == "save" else 4)
    assert rest == "['new', 'old'] ['a.model']"


def test_folders_change_places_in_one_step(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    (one / "x").touch()
    if not replacing.exchange(one, other):
        pytest.skip("this system cannot")
    assert (other / "x").exists() and not (one / "x").exists()
    assert not replacing.exchange(one, tmp_path / "missing")


def test_what_another_save_is_filling_is_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    target = tmp_path / "[a]*.model"
    with replacing.fresh_folder(target) as first:
        (first / "x").touch()
        with replacing.fresh_folder(target):
            assert (first / "x").exists()
    leftover = tmp_path / first.name
    leftover.mkdir()
    other = tmp_path / ".b.model.fresh-1"
    other.mkdir()
    with replacing.fresh_folder(target):
        assert not leftover.exists() and other.exists()


def test_an_update_keeps_all_else(model: Path) -> None:
    before = open_artefact(model)
    update_manifest(before, created="later")
    after = open_artefact(model)
    assert after.manifest == before.manifest.model_copy(update={"created": "later"})
