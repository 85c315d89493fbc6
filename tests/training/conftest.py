"""Small pictures that a small net can learn, and Learners on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.data.data import Data

ARCH = "test_resnet"
"""timm's own miniature for tests: 0.5 M parameters."""

COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (210, 50, 40)}


def paint(colour: tuple[int, int, int], rng: np.random.Generator, px: int = 40) -> Image.Image:
    """A noisy field with a square of the colour at a random place."""
    picture = rng.integers(90, 170, (px, px, 3), dtype=np.uint8)
    top, left = rng.integers(0, px // 2, 2)
    picture[top : top + px // 2, left : left + px // 2] = np.clip(
        np.array(colour) + rng.integers(-25, 25, (px // 2, px // 2, 3)), 0, 255
    )
    return Image.fromarray(picture)


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three classes of 20 pictures."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for i in range(20):
            paint(colour, rng).save(folder / name / f"{i:02}.png")
    return folder


@pytest.fixture(scope="session")
def data(squares: Path) -> Data:
    return dt.images(squares, valid_pct=0.2, test_pct=0.2, seed=1)


RECIPE = {field.name for field in fields(dt.Recipe)}
"""Settings that a test may write beside the others."""
MakeLearner = Callable[..., dt.Learner]


@pytest.fixture
def make_learner(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLearner:
    """A fresh Learner from scratch at 32 px in fp32; project and checkpoints are in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIVETRAIN_PROJECT")

    def make(data: Data = data, arch: str = ARCH, **options: object) -> dt.Learner:
        settings: dict[str, object] = {"pretrained": False, "size": 32, "precision": "fp32", "device": "cpu"}
        recipe = {name: options.pop(name) for name in [*options] if name in RECIPE}
        return dt.Learner(data, arch, recipe=recipe, **(settings | options))

    return make


@pytest.fixture(scope="package", autouse=True)
def _quick_export() -> Iterator[None]:
    """TorchScript's exporter first: torch.export's takes seconds, and tests/export looks at both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
        yield
