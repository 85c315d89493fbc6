"""An update that was stopped goes on where it was, and ends as one that was not stopped."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.training.callbacks import Callback, RunView
from tests.learner.conftest import ARCH, paint

pytestmark = pytest.mark.filterwarnings("ignore:.*saved without model.onnx")
COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "black": (15, 15, 15)}


EPOCHS = 5
"""Three that were asked for, one of the head and one to settle."""


class Stop(Callback):
    """Stops a run after some epochs, as Ctrl-C does; counts those that it saw."""

    def __init__(self, after: int | None) -> None:
        self.after, self.seen = after, 0

    def on_epoch_end(self, run: RunView) -> None:
        self.seen += 1
        if self.seen == self.after:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("interrupted")
    rng = np.random.default_rng(0)
    for part, names in {"old": ("blue", "green"), "new": ("black", "green")}.items():
        for name in names:
            (root / part / name).mkdir(parents=True)
            for i in range(14):
                paint(COLOURS[name], rng).save(root / part / name / f"{i:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(root / "project"))
        learn = dt.Learner(
            dt.images(root / "old", seed=1), ARCH, size=32, pretrained=False, precision="fp32", device="cpu"
        )
        learn.fine_tune(2, checkpoint=False)
        learn.save(root / "old.model", precision=None)
    return root


def updated(world: Path, project: Path, stop: Stop, **asked: Any) -> Any:
    how: dict[str, Any] = {"epochs": 3, "device": "cpu", "precision": "fp32", "seed": 1, "project": project}
    return dt.update(world / "old.model", world / "new", old=world / "old", callbacks=stop, **(how | asked))


@pytest.mark.parametrize(
    "asked", [{}, {"distil": 1.0, "anchor": 0.1, "alpha": 0.5}], ids=["chosen", "held and between"]
)
def test_an_update_that_was_stopped_ends_as_one_that_was_not(
    world: Path, tmp_path: Path, asked: dict[str, Any]
) -> None:
    whole = updated(world, tmp_path / "a", Stop(None), **asked)
    with pytest.raises(KeyboardInterrupt):
        updated(world, tmp_path / "b", Stop(2), **asked)
    rest = Stop(None)
    resumed = updated(world, tmp_path / "b", rest, **asked)
    assert rest.seen == EPOCHS - 2
    assert resumed.alpha == whole.alpha and len(resumed.model.history) == len(whole.model.history)
    for name, value in whole.model.network.state_dict().items():
        torch.testing.assert_close(resumed.model.network.state_dict()[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("other", [{"distil": 0.5}, {"exemplars": 3}], ids=["distil", "exemplars"])
def test_another_update_begins_anew(world: Path, tmp_path: Path, other: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        updated(world, tmp_path, Stop(2), alpha=1)
    anew = Stop(None)
    updated(world, tmp_path, anew, alpha=1, **other)
    assert anew.seen == EPOCHS
