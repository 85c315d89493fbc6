"""A loaded model that is trained on is held against what it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import drivetrain as dt
from tests.learner.conftest import ARCH, paint

pytestmark = pytest.mark.filterwarnings("ignore:.*saved without model.onnx")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Trained on two colours; in `tmp_path/two`."""
    rng = np.random.default_rng(0)
    for name, colour in {"blue": (40, 60, 200), "green": (40, 180, 60)}.items():
        (tmp_path / "two" / name).mkdir(parents=True)
        for i in range(20):
            paint(colour, rng).save(tmp_path / "two" / name / f"{i:02}.png")
    learn = dt.Learner(
        dt.images(tmp_path / "two", seed=1), ARCH, size=32, pretrained=False, precision="fp32", device="cpu"
    )
    assert learn.fine_tune(3, checkpoint=False).forgetting is None
    return learn.save(tmp_path / "two.model", precision=None)


def test_a_loaded_model_that_is_trained_on_is_judged_against_the_saved_one(model: Path, capsys) -> None:
    learn = dt.Learner.load(model, device="cpu", precision="fp32")
    before = learn.predictions()
    assert learn.forgetting is None
    learn.fit(1, lr=1e-5, checkpoint=False)
    found = learn.forgetting
    assert found is not None and found.flips is not None and found.flips.n == len(learn.data.valid) == 8
    right, still = before.hits(), learn.predictions().hits()
    assert found.flips.negative == (right & ~still).sum() and found.flips.positive == (~right & still).sum()
    assert found.judged.before["accuracy"].value == right.mean()
    assert "against two.model, by the same validation rows (n = 8)" in capsys.readouterr().err
    learn.fit(1, lr=1e-5, checkpoint=False)  # still against what was saved
    assert learn.forgetting is not None and learn.forgetting.judged.before["accuracy"].value == right.mean()


def test_one_that_is_ruined_is_warned_of(model: Path) -> None:
    def backwards(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(-outputs, targets, reduction="none")

    learn = dt.Learner.load(model, device="cpu", precision="fp32", loss=backwards)
    assert learn.predictions().hits().all()
    with pytest.warns(dt.DrivetrainWarning, match=r"significantly worse than two\.model.* To fix: "):
        learn.fit(8, lr=0.05, checkpoint=False)


def test_without_validation_rows_a_line_says_how_to_have_it_judged(model: Path, tmp_path: Path, capsys) -> None:
    learn = dt.Learner.load(model, device="cpu", precision="fp32")
    kept = tmp_path / "rest"
    for file in map(Path, map(str, learn.data.train.inputs)):
        (kept / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, kept / file.parent.name / file.name)
    with pytest.warns(dt.DrivetrainWarning, match="not in"):
        rest = dt.Learner.load(model, data=kept, device="cpu", precision="fp32")
    rest.fit(1, lr=1e-5, checkpoint=False)
    assert rest.forgetting is None
    assert "To have it judged: Learner.load(PATH, data=PLACES)" in capsys.readouterr().err
