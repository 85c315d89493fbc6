"""A kind that is drawn as pictures goes from a folder to an answer, in one window and in several."""

import numpy as np
import pytest
import torch
from torch import nn

import drivetrain as dt
from drivetrain.data.assemble import open_source
from drivetrain.errors import ModelError
from drivetrain.export.converting import EXPORTERS, convert
from drivetrain.kinds.drawn.training import DrawnIntake, OverWindows, picture_body
from drivetrain.runtime import kinds
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.training.exporting import EXACT, Deployed
from drivetrain.training.fast.cuts import CuttableBody
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.network import Network
from tests.kinds.toy_drawn.spec import Spec


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """60 curves, high or low; the kind that draws them is known meanwhile."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    for name, level in {"high": 0.7, "low": 0.3}.items():
        (folder / "curves" / name).mkdir(parents=True)
        for i in range(30):
            np.save(folder / "curves" / name / f"{i}.npy", level + rng.uniform(-0.2, 0.2, 60 + 3 * i))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "_added", {**kinds._added, "toy_drawn": "tests.kinds.toy_drawn"})
        patch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
        patch.setenv("DRIVETRAIN_PROJECT", str(folder / "project"))
        patch.chdir(folder)
        yield folder


@pytest.fixture(autouse=True)
def _here(drawn, monkeypatch):
    monkeypatch.chdir(drawn)
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(drawn / "project"))


@pytest.mark.parametrize("windows", [1, 3])
def test_it_learns_is_saved_and_answers_as_it_was_trained(drawn, windows):
    data = open_source("curves", "toy_drawn", options={"windows": windows}, project=str(drawn / f"p{windows}"))
    learn = dt.Learner(data, device="cpu", precision="fp32")
    learn.fine_tune(2, lr=0.01, unfreeze=0.4, checkpoint=False)
    assert learn.decisions["unfreeze"].value < 1  # the body was cut
    learn.save("drawn.model")
    model = dt.load("drawn.model")
    assert model.manifest.export is not None and model.manifest.input.windows == windows
    known = learn.predictions()
    found = np.array(
        [[dict(one.top)[name] for name in data.target.vocab] for one in model.predict_many(data.valid.inputs)]
    )
    np.testing.assert_array_equal(found.argmax(1), known.output.argmax(1))
    assert dt.evaluate("drawn.model").scores["accuracy"].value == learn.validate()["accuracy"].value
    assert model.self_test().passed
    again = dt.Learner.load("drawn.model", device="cpu", precision="fp32")
    assert again.validate()["accuracy"].value == learn.validate()["accuracy"].value
    assert learn.show_batch(2).svg


def test_a_budget_finds_its_cuts(drawn):
    data = open_source("curves", "toy_drawn", options={"windows": 2}, project=str(drawn / "budget"))
    learn = dt.Learner(data, device="cpu", precision="fp32").fine_tune(budget=5, checkpoint=False)
    assert len(learn.history) and learn.validate()["accuracy"].n == len(data.valid)


def network(windows: int) -> Network:
    torch.manual_seed(0)
    spec = Spec(windows=windows)
    body, _ = picture_body("test_resnet", spec, pretrained=False, dropout=0.0)
    module = body.module if windows == 1 else OverWindows(body.module)
    return Network(DrawnIntake(spec), module, features=96, n_outputs=2, dropout=0.0).eval()


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("windows", [1, 3])
def test_windows_are_exported_and_one_alone_can_be_asked(exporter, windows):
    made, signature = network(windows), Spec(windows=windows).signature()
    copy, folding = for_inference(made, EXACT, (np.zeros((1, windows, 3, 32, 32), np.uint8),))
    assert folding.value
    model = OnnxEngine(convert(Deployed(copy).eval(), signature, 2, exporter), threads=1)
    views = np.random.default_rng(0).integers(0, 256, (5, windows, 3, 32, 32), dtype=np.uint8)
    found = model(views)
    np.testing.assert_allclose(found, TorchEngine(made, EXACT)(views), atol=1e-4)
    apart = np.stack([model(views[:, [i]]) for i in range(windows)])
    np.testing.assert_allclose(found, apart.mean(0), atol=1e-4)


def test_the_mean_over_windows_is_of_each_row():
    body = OverWindows(nn.Flatten())
    rows = torch.arange(24.0).reshape(2, 3, 1, 2, 2)
    assert body(rows).tolist() == [[4, 5, 6, 7], [16, 17, 18, 19]]
    assert body(rows[:, 0]).tolist() == [[0, 1, 2, 3], [12, 13, 14, 15]]


def test_a_body_over_windows_has_the_cuts_of_the_body_itself():
    body = network(1).body
    example = torch.zeros(2, 3, 32, 32)
    alone, over = (CuttableBody(one, example) for one in (body, OverWindows(body)))
    assert len(alone.cuts) > 3
    assert [(cut.below, cut.shape) for cut in over.cuts] == [(cut.below, cut.shape) for cut in alone.cuts]


def test_a_body_that_reads_squares_alone_says_so():
    oblong = Spec(height_px=32, width_px=48)
    body, _ = picture_body("test_resnet", oblong, pretrained=False, dropout=0.0)
    assert body.module(torch.zeros(1, 3, 32, 48)).shape == (1, 96)
    with pytest.raises(ModelError, match=r"test_vit3 cannot read pictures of 32 × 48 px: .*To fix: take another body"):
        picture_body("test_vit3", oblong, pretrained=False, dropout=0.0)


@pytest.mark.parametrize(
    "wrong",
    [{"mean": (0.5,)}, {"channels": 1}, {"std": (0.0, 1.0, 1.0)}, {"dtype": "int8"}, {"windows": 0}, {"windows": 65}],
)
def test_a_description_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="validation error"):
        Spec(**wrong)


def test_windows_begin_evenly_and_equal_ones_are_drawn_once(monkeypatch):
    spec = Spec(windows=4)
    drawn, draw = [], Spec.draw
    monkeypatch.setattr(Spec, "draw", lambda self, loaded, start: drawn.append(start) or draw(self, loaded, start))
    assert spec.view((np.ones(100, np.float32),))[0].shape == (4, 3, 32, 32) and drawn == [0, 23, 45, 68]
    drawn.clear()
    spec.view((np.ones(20, np.float32),))
    assert drawn == [0]
