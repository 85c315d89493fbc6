"""LoRA: what is trained, what stays, and that adding up changes nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.training.network import Network
from drivetrain.training.recipe.low_rank import MARK, RATE, add_up, linear_layers, put_beside
from drivetrain.training.recipe.plan import Rates
from drivetrain.training.stepping import make_optimizer
from tests.training.conftest import COLOURS, paint


class Attention(nn.Module):
    """A body whose own weights are multiplied by torch itself in one place, and by calling them in another."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        mixed, _ = self.mix(rows, rows, rows)
        return self.down(torch.relu(self.up(mixed))).mean(dim=1)


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(nn.Identity(), Attention(), features=8, n_outputs=3, dropout=0.0).eval()


@pytest.fixture
def vit(tmp_path):
    """A folder of timm with a small transformer's weights."""
    folder = tmp_path / "vit"
    folder.mkdir()
    model = timm.create_model("test_vit", num_classes=0, img_size=32)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {"architecture": "test_vit", "num_features": 64, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    config["model_args"] = {"img_size": 32}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_additions_begin_without_effect_and_add_up_exactly(network):
    rows = torch.randn(4, 5, 8)
    before, names = network(rows), list(network.state_dict())
    decision = put_beside(network, 2)
    assert decision.value == 2
    assert "beside 2 linear layers 96 numbers are trained instead of 568" in decision.reason
    assert torch.equal(network(rows), before)
    with torch.no_grad():
        for name, value in network.body.named_parameters():
            if MARK in name:
                value.normal_()
    changed = network(rows)
    assert not torch.allclose(changed, before, atol=0.1)
    add_up(network)
    assert list(network.state_dict()) == names
    torch.testing.assert_close(network(rows), changed)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_attention_of_torch_is_left_alone(network):
    assert list(linear_layers(network.body)) == ["up", "down"]


@pytest.mark.parametrize("frozen", [False, True])
def test_only_additions_are_trained_whatever_was_frozen_between(network, frozen):
    put_beside(network, 2)
    network.freeze_body(True)
    network.freeze_body(frozen)
    trained = {name for name, value in network.body.named_parameters() if value.requires_grad}
    assert trained == ({name for name, _ in network.body.named_parameters() if MARK in name} if not frozen else set())


def test_additions_learn_ten_times_as_fast_as_their_layer(network):
    put_beside(network, 2)
    depth = {name: 0.0 for name, _ in Attention().named_parameters()}
    groups = make_optimizer(network, depth, Rates(1e-2, 1e-4, 1e-4), 0.0).param_groups
    rates = {rate for rate, n in ((g["lr"], len(g["params"])) for g in groups) if n}
    assert sorted(rates) == pytest.approx([RATE * 1e-4, 1e-2])


def test_a_learner_trains_additions_and_saves_an_ordinary_model(data, make_learner, vit, tmp_path):
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, lora=4, size=32)
    before = {name: value.clone() for name, value in learn.network.body.state_dict().items()}
    learn.fine_tune(1, checkpoint=False)
    after = learn.network.body.state_dict()
    assert list(after) == list(before)
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {f"{name}.weight" for name in linear_layers(learn.network.body)}
    for name in changed:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 4
    assert learn.decisions["lora"].value == 4
    said = learn.predictions()
    learn.save(tmp_path / "vit.model", precision=None)
    again = dt.Learner.load(tmp_path / "vit.model", device="cpu")
    torch.testing.assert_close(torch.tensor(again.predictions().output), torch.tensor(said.output))


def test_lora_of_a_network_of_convolutions_is_refused(make_learner):
    learn = make_learner(lora=4)
    with pytest.raises(SettingError, match=r"lora=4: only \d+ % .* expected a transformer.* To fix: leave lora out"):
        learn.fine_tune(1)


def test_lora_of_random_weights_is_refused(make_learner):
    learn = make_learner(arch="test_vit", lora=4, size=32)
    with pytest.raises(SettingError, match=r"not pretrained; expected one that is.* To fix: leave lora out"):
        learn.fine_tune(1)


@pytest.mark.parametrize("asked", [{"epochs": 1, "unfreeze": 0.5}])
def test_lora_of_a_part_is_refused(make_learner, vit, asked):
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, lora=4, size=32)
    with pytest.raises(SettingError, match=r"together with a body of which only a part.* To fix: epochs="):
        learn.fine_tune(**asked)


@pytest.mark.parametrize("rank", [0, -1, 2.5, "many", math.nan])
def test_a_rank_is_a_whole_number_above_0(rank):
    with pytest.raises(SettingError, match="lora"):
        dt.Recipe(lora=rank)


def test_an_update_by_additions_lies_between_ordinary_weights(data, squares, make_learner, vit, tmp_path):
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, lora=4, size=32)
    learn.fine_tune(1, checkpoint=False)
    learn.save(tmp_path / "vit.model", precision=None)
    rng = np.random.default_rng(3)
    for i in range(14):
        (tmp_path / "new" / "blue").mkdir(parents=True, exist_ok=True)
        paint(COLOURS["blue"], rng).save(tmp_path / "new" / "blue" / f"{i}.png")
    changed, given = [], dict(learn.network.body.named_parameters())["blocks.0.attn.qkv.weight"].detach()
    how = {"old": squares, "epochs": 1, "recipe": {"lora": 4}, "device": "cpu"}
    for alpha in (0.5, 1.0):
        done = dt.update(tmp_path / "vit.model", tmp_path / "new", alpha=alpha, **how)
        weights = dict(done.model.network.body.named_parameters())
        changed.append(weights["blocks.0.attn.qkv.weight"].detach() - given)
    torch.testing.assert_close(changed[0], changed[1] / 2)
    assert torch.linalg.matrix_rank(changed[1], rtol=1e-3) == 4
