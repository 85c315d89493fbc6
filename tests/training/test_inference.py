"""The copy that answers says what the network says, and the network stays as it was."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

import drivetrain as dt
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.kinds.images.training import PictureIntake
from drivetrain.learner.saving.torch_predictor import load_with_torch
from drivetrain.runtime.artefact import open_artefact
from drivetrain.training.fast.inference import TorchEngine, for_inference, on_device
from drivetrain.training.identity import parameters_sha256
from drivetrain.training.network import Network
from drivetrain.training.place import Place, find_place

from .conftest import ARCH, MakeLearner

PX = 64
READER = PictureInput(channels=3, size_px=PX, mean=(0.5,) * 3, std=(0.2,) * 3)
FAMILIES = [
    "test_resnet",
    "resnet18",
    "mobilenetv1_100",
    "test_efficientnet",
    "test_byobnet",
    "test_convnext",
    "test_vit",
]
WITHOUT_BATCH_NORM = {"test_convnext", "test_vit"}


def network_of(body: nn.Module, features: int) -> Network:
    """With statistics and scales that a mistake in folding would show in."""
    torch.manual_seed(0)
    network = Network(PictureIntake(READER), body, features=features, n_outputs=5, dropout=0.1)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.normal_(0, 0.3)
                layer.running_var.uniform_(0.5, 2)
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(0, 0.3)
        network.head[-1].weight.normal_()  # pyright: ignore[reportCallIssue]
    return network.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


def timm_network(arch: str) -> Network:
    options = {"img_size": PX} if arch == "test_vit" else {}
    body = timm.create_model(arch, num_classes=0, **options)
    return network_of(body, body.num_features if arch != "mobilenetv1_100" else body.head_hidden_size)


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, PX, PX, 3), dtype=np.uint8)


@pytest.fixture
def place() -> Place:
    return find_place("cpu", "fp32")


@pytest.mark.parametrize("arch", FAMILIES)
def test_the_copy_says_the_same(arch: str, place: Place) -> None:
    network = timm_network(arch)
    copy, folding = for_inference(network, place, (pictures(1),))
    before, after = TorchEngine(network, place)(pictures(3)), TorchEngine(copy, place)(pictures(3))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())
    assert folding.value is (arch not in WITHOUT_BATCH_NORM)
    left = sum(isinstance(layer, nn.BatchNorm2d) for layer in copy.body.modules())
    assert left == 0, folding


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_row_is_the_same_in_any_batch(n: int, place: Place) -> None:
    copy, _ = for_inference(timm_network(ARCH), place, (pictures(1),))
    engine = TorchEngine(copy, place)
    np.testing.assert_allclose(engine(pictures(7))[:n], engine(pictures(7)[:n]), rtol=1e-4, atol=1e-4)


def test_weights_are_converted_once_and_mean_what_autocast_means(place: Place) -> None:
    """Without batch norm to fold there is no other rounding: bit by bit what the network says under autocast."""
    place = find_place("cpu", "bf16")
    network = timm_network("test_convnext")
    copy, _ = for_inference(network, place, (pictures(1),))
    assert {layer.weight.dtype for layer in copy.body.modules() if type(layer) is nn.Linear} == {torch.bfloat16}
    assert copy.head[-1].weight.dtype == torch.float32
    np.testing.assert_array_equal(TorchEngine(copy, place)(pictures(2)), TorchEngine(network, place)(pictures(2)))


def test_lower_precision_after_folding_drifts_little(place: Place) -> None:
    network = timm_network("resnet18")
    lower = find_place("cpu", "bf16")
    exact = TorchEngine(network, place)(pictures(8))
    folded = TorchEngine(for_inference(network, lower, (pictures(1),))[0], lower)(pictures(8))
    assert np.abs(folded - exact).max() < 0.1 * exact.std()


def test_the_network_is_not_touched(place: Place) -> None:
    network = timm_network(ARCH).train()
    network.head[-1].weight.grad = torch.ones_like(network.head[-1].weight)  # pyright: ignore[reportArgumentType]
    before = parameters_sha256(network)
    copy, _ = for_inference(network, find_place("cpu", "bf16"), (pictures(1),))
    TorchEngine(copy, place)
    assert parameters_sha256(network) == before
    assert network.training and network.body.training
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())
    assert all(value.requires_grad for value in network.parameters())
    assert not any(value.requires_grad or value.grad is not None for value in copy.parameters())


def test_the_copy_has_the_numbers_of_now(place: Place) -> None:
    """What folds is found once for a network; its parameters go on changing."""
    network = timm_network(ARCH)
    for_inference(network, place, (pictures(1),))
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn_like(value))
    copy, _ = for_inference(network, place, (pictures(1),))
    before, after = TorchEngine(network, place)(pictures(3)), TorchEngine(copy, place)(pictures(3))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())


class Plain(nn.Module):
    """A convolution, a batch norm, and whatever a subclass makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).mean((2, 3))


class ReadTwice(Plain):
    """The convolution's output is used a second time, as it is: looks like a pair, and is none."""

    def forward(self, x: Tensor) -> Tensor:
        made = self.conv(x)
        return (self.norm(made) + made).mean((2, 3))


class ChangedBetween(Plain):
    """The same tensor reaches the batch norm, with other values in it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).relu_()).mean((2, 3))


class Asks(Plain):
    """Reads an attribute that only a batch norm has."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.norm.eps


class CalledTwice(Plain):
    """One batch norm after the same convolution, twice over."""

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).mean((2, 3)) + self.norm(self.conv(x.flip(0, 1))).mean((2, 3))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (ReadTwice, "features differed by"),
        (ChangedBetween, "no batch norm of the body reads"),
        (Asks, "folding batch norm failed: AttributeError"),
        (CalledTwice, "no batch norm of the body reads"),
    ],
)
def test_what_does_not_fold_stays_as_it_is(body: type[nn.Module], why: str, place: Place) -> None:
    network = network_of(body(), 8)
    copy, folding = for_inference(network, place, (pictures(1),))
    assert folding.value is False and why in folding.reason
    np.testing.assert_array_equal(TorchEngine(copy, place)(pictures(2)), TorchEngine(network, place)(pictures(2)))


def test_the_plain_pair_folds(place: Place) -> None:
    """So the bodies above fail for the reason they name."""
    _, folding = for_inference(network_of(Plain(), 8), place, (pictures(1),))
    assert str(folding) == "True (1 of 1 batch norms folded into convolutions)"


@pytest.fixture(scope="module")
def in_fp32(data: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained in fp32."""
    learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")  # pyright: ignore
    learn.fit(2, checkpoint=False)
    return learn.save(tmp_path_factory.mktemp("inference") / "fp32.model")


@pytest.fixture
def native_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.usefixtures("native_bf16")
def test_a_model_is_loaded_in_the_precision_it_was_judged_in(in_fp32: Path) -> None:
    decisions = load_with_torch(open_artefact(in_fp32), device="cpu", precision="auto", top_k=5).decisions
    assert decisions["precision"].value == "fp32" and "judged" in decisions["precision"].reason
    assert decisions["folding"].value is True
    assert dt.load(in_fp32, device="cpu", precision="bf16").decisions["precision"].reason == "as asked"


@pytest.mark.usefixtures("native_bf16")
def test_evaluate_judges_in_fp32_unless_asked(in_fp32: Path, squares: Path) -> None:
    found = dt.evaluate(in_fp32, data=squares, device="cpu")
    exact = dt.evaluate(in_fp32, data=squares, device="cpu", precision="fp32")
    assert found.precision.value == "fp32"
    np.testing.assert_array_equal(found.predictions.output, exact.predictions.output)
    assert dt.evaluate(in_fp32, data=squares, device="cpu", precision="bf16").precision.reason == "as asked"


def test_validating_leaves_the_training_network_alone(make_learner: MakeLearner) -> None:
    learn = make_learner()
    before = parameters_sha256(learn.network)
    learn.validate()
    assert parameters_sha256(learn.network) == before
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in learn.network.body.modules())


def test_predicting_is_silent(in_fp32: Path, squares: Path, capfd: pytest.CaptureFixture[str]) -> None:
    predictor = dt.load(in_fp32)
    predictor.predict(next(squares.rglob("*.png")))
    list(predictor.predict_many(squares))
    assert capfd.readouterr() == ("", "")


def test_loading_a_model_brings_only_what_predicting_needs() -> None:
    heavy = ("accelerate", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "rich")
    module = "drivetrain.learner.saving.torch_predictor"
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pixels_that_nobody_may_change_are_answered_without_a_warning(place: Place) -> None:
    pixels = np.full((1, 4, 4, 3), 9, np.uint8)
    pixels.flags.writeable = False  # as pictures of the right size come out of Pillow
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert on_device((pixels,), place)[0].tolist() == [[[[9] * 3] * 4] * 4]
