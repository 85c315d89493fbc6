"""Pictures that a miniature net can learn, a model trained on them, and a way to run commands in this process."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drivetrain.cli.main import main

COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (210, 50, 40)}
PER_CLASS = 15
TINY = ["--arch", "test_resnet", "--from-scratch", "--size", "32", "--precision", "fp32", "--device", "cpu"]
"""timm's own miniature, at a size that takes milliseconds."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def object(self):
        """The one JSON object that standard output holds."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out, parse_constant=pytest.fail)

    @property
    def lines(self):
        """The JSON objects on standard output, one per line."""
        return [json.loads(line, parse_constant=pytest.fail) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIVETRAIN_PROJECT")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(capsys):
    """run("train", ...) gives exit code, standard output and standard error."""

    def command(*words: str | os.PathLike[str]) -> Done:
        capsys.readouterr()
        code = main([os.fspath(word) for word in words])
        return Done(code, *capsys.readouterr())

    return command


def paint(path: Path, colour: Sequence[int], rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(np.array(colour) + rng.normal(0, 30, (32, 32, 3)), 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder with a sub-folder per colour."""
    root = tmp_path_factory.mktemp("data") / "colours"
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for i in range(PER_CLASS):
            paint(root / name / f"{i:02}.png", colour, rng)
    return root


@pytest.fixture(scope="session")
def table(pictures) -> Path:
    """The same pictures as a table: a number and several labels for each."""
    rows = ["file,brightness,tags"]
    for path in sorted(pictures.glob("*/*.png")):
        mean = np.asarray(Image.open(path)).mean()
        tags = path.parent.name + (";bright" if mean > 100 else "")
        rows.append(f"{path.parent.name}/{path.name},{mean:.2f},{tags}")
    place = pictures / "colours.csv"
    place.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def trained(pictures, tmp_path_factory) -> Path:
    """A model of the colours; tests that change it take `model`."""
    out = tmp_path_factory.mktemp("trained") / "colours.model"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out.parent)
        assert main(["train", str(pictures), *TINY, "--epochs", "6", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="package", autouse=True)
def _quick_export():
    """TorchScript's exporter first: torch.export's takes seconds, and tests/export looks at both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
        yield
