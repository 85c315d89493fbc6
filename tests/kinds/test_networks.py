"""Networks that are not those of pictures: two inputs, one of any length, and a head of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drivetrain.errors import ModelError
from drivetrain.export.converting import EXPORTERS, convert
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.spec import TensorSpec, head, padded, random_views
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.exporting import EXACT, Deployed
from drivetrain.training.fast.cuts import CuttableBody
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.feeding import Loaded, MicroBatch, Step
from drivetrain.training.kind import to_device
from drivetrain.training.network import Network
from drivetrain.training.recipe.losses import make_loss
from drivetrain.training.recipe.plan import Rates
from drivetrain.training.stepping import Stepper, make_optimizer

SIGNATURE = (TensorSpec("words", "int64", (None,), below=9), TensorSpec("size", "float32", (2,)))
PARITY = CategoryTarget(name="parity", vocab=("even", "odd"))


class Intake(nn.Module):
    def forward(self, words: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        return words, size / 2


class Body(nn.Module):
    """Words beyond the end of a row are 0 and count for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.dense = nn.Embedding(9, 6, padding_idx=0), nn.Linear(8, 8)

    def forward(self, words: Tensor, size: Tensor) -> Tensor:
        return self.dense(torch.cat([self.embed(words).sum(1), size], 1)).relu()


def network() -> Network:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 2))
    made = Network(Intake(), Body(), features=8, n_outputs=2, dropout=0.0, head=own)
    to_device(made, torch.device("cpu"))
    return made.eval()


def rows(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(n)
    return [(rng.integers(1, 9, 3 + i % 4), rng.random(2).astype(np.float32)) for i in range(n)]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_two_inputs_of_any_length_are_exported_by_name(exporter) -> None:
    made = network()
    copy, folding = for_inference(made, EXACT, random_views(SIGNATURE, 1))
    assert folding.value is False
    model = OnnxEngine(convert(Deployed(copy).eval(), SIGNATURE, 2, exporter), threads=1)
    assert model.signature == tuple(spec._replace(below=None) for spec in SIGNATURE)
    for n in (1, 5, 40):
        batch = padded(rows(n))
        np.testing.assert_allclose(model(*batch), TorchEngine(made, EXACT)(*batch), atol=1e-5)
        np.testing.assert_allclose(model(*head(batch, 1)), model(*batch)[:1], atol=1e-5)


def test_a_body_of_two_inputs_is_not_cut_and_its_own_head_is_not_solved_for() -> None:
    made = network()
    with pytest.raises(ModelError, match="takes 2 inputs"):
        CuttableBody(made.body, *map(torch.from_numpy, padded(rows(2))))
    before = made.head[2].bias.clone()  # pyright: ignore
    made.start_from(np.array([5.0, -5.0], np.float32))
    assert not made.solvable and torch.equal(before, made.head[2].bias)  # pyright: ignore


class Kind:
    n_draws = 1

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor) -> tuple[Tensor, ...]:
        return Intake()(*batch)


def test_it_learns() -> None:
    made, data = network().train(), rows(64)
    truth = np.array([len(words) % 2 for words, _ in data])
    loss = make_loss(None, PARITY, label_smoothing=0.0, class_weights=None, training_rows=truth)
    depth = {name: 0.5 for name, _ in made.body.named_parameters()}
    optimizer = make_optimizer(made, depth, Rates(3e-2, 3e-2, 3e-2), 0.0)
    stepper = Stepper(made, optimizer, loss, Kind(), EXACT)  # pyright: ignore[reportArgumentType]
    loaded = Loaded(tuple(map(torch.from_numpy, padded(data))), torch.zeros(64, 1))
    step = Step(0, 64, 0, [MicroBatch(loaded, torch.from_numpy(truth), 1 / 64)])
    losses = [stepper.take(step) for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]
