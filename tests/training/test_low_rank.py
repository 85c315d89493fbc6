"""LoRA: what is trained, what stays, and that adding up changes nothing."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.runtime.artefact import open_artefact
from drivetrain.training.network import Network
from drivetrain.training.recipe.low_rank import MARK, RATE, add_up, check_low_rank, linear_layers, put_beside
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
    given = {f"body.{name}.weight": layer.weight.clone() for name, layer in linear_layers(network.body).items()}
    decision = put_beside(network, 2).decision
    assert decision.value == 2
    assert "beside 2 linear layers 96 numbers are trained instead of 568" in decision.reason
    assert torch.equal(network(rows), before)
    with torch.no_grad():
        for name, value in network.body.named_parameters():
            if MARK in name:
                value.normal_()
    changed = network(rows)
    assert not torch.allclose(changed, before, atol=0.1)
    factors = add_up(network)
    for name, (a, b) in factors.items():
        weights = dict(network.named_parameters())[name]
        torch.testing.assert_close(weights, weights.new_tensor(b) @ weights.new_tensor(a) + given[name])
    assert list(factors) == ["body.up.weight", "body.down.weight"]
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


def test_additions_larger_than_the_layers_are_refused(make_learner, vit):
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, lora=64, size=32)
    with pytest.raises(SettingError, match=r"lora=64: the additions .* To fix: a smaller rank, at most (\d+),") as told:
        learn.fine_tune(1)
    most = int(re.search(r"at most (\d+)", str(told.value))[1])
    check_low_rank(learn, most, [])
    with pytest.raises(SettingError, match="a smaller rank"):
        check_low_rank(learn, most + 1, [])


def test_embeddings_do_not_count_against_a_transformer(make_learner, vit):
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, size=32)
    learn.network.body.words = nn.Embedding(30_000, 64)  # as of an encoder of texts: most of its numbers
    check_low_rank(learn, 2, [])
    learn.network.body.words = nn.Conv2d(64, 30_000, 1)
    with pytest.raises(SettingError, match=r"low_rank=2: only \d+ % .* To fix: leave low_rank out"):
        check_low_rank(learn, 2, [], asked="low_rank")


@pytest.mark.parametrize("rank", [0, -1, 2.5, "many", math.nan])
def test_a_rank_is_a_whole_number_above_0(rank):
    with pytest.raises(SettingError, match="lora"):
        dt.Recipe(lora=rank)


@pytest.fixture
def updated(data, squares, make_learner, vit, tmp_path):
    """What updates a small transformer that was trained on three colours, with a fourth."""
    learn = make_learner(arch=f"local-dir:{vit}", pretrained=True, size=32)
    learn.fine_tune(1, checkpoint=False)
    learn.save(tmp_path / "vit.model", precision=None)
    rng = np.random.default_rng(3)
    for i in range(14):
        (tmp_path / "new" / "blue").mkdir(parents=True, exist_ok=True)
        paint(COLOURS["blue"], rng).save(tmp_path / "new" / "blue" / f"{i}.png")

    def update(**settings):
        how = {"old": squares, "epochs": 1, "device": "cpu", "checkpoint": False}
        return dt.update(tmp_path / "vit.model", tmp_path / "new", **(how | settings))

    update.given = dict(learn.network.named_parameters())
    return update


def test_an_update_by_additions_lies_between_ordinary_weights(updated):
    changed, name = [], "body.blocks.0.attn.qkv.weight"
    for asked in ({"alpha": 0.5, "low_rank": 4}, {"alpha": 1.0, "recipe": {"lora": 4}}):
        done = updated(**asked)
        weights = dict(done.model.network.named_parameters())[name].detach()
        changed.append(weights - updated.given[name].detach())
        a, b = done.model.additions.factors[name]
        np.testing.assert_allclose(changed[-1], b @ a, atol=1e-6)
    torch.testing.assert_close(changed[0], changed[1] / 2)
    assert torch.linalg.matrix_rank(changed[1], rtol=1e-3) == 4


def test_an_update_by_additions_is_told_of(updated, tmp_path):
    done = updated(low_rank=2)
    n_layers, body = len(linear_layers(done.model.network.body)), done.model.network.body
    n = sum(2 * (layer.in_features + layer.out_features) for layer in linear_layers(body).values())
    record = done.lineage.low_rank
    assert (record.rank, record.layers, record.numbers) == (2, n_layers, n)
    assert record.of == sum(value.numel() for value in body.parameters())
    assert done.decisions["low_rank"].value == 2
    saved = done.save(tmp_path / "whole.model", accept_forgetting=True, precision=None)
    assert open_artefact(saved).manifest.lineage[-1].low_rank == record
    assert f"rank 2 beside {n_layers} linear layers, {n:,} numbers" in done.report(tmp_path / "u.html").read_text()
    assert "low_rank" not in updated(alpha=1.0).lineage.model_dump()  # as it was before there was any


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"low_rank": 0}, r"low_rank=0 .* expected .* To fix"),
        ({"low_rank": 2.5}, r"low_rank=2.5 .* To fix"),
        ({"low_rank": "some"}, r"low_rank='some' .* To fix"),
        ({"low_rank": 4, "unfreeze": 0.5}, r"low_rank=4 .* unfreeze=0.5: expected one .* To fix"),
        ({"low_rank": 4, "recipe": {"lora": 2}}, r"low_rank=4 .* lora=2: expected one rank.* To fix"),
        ({"low_rank": 500}, r"low_rank=500: the additions .* To fix: a smaller rank"),
    ],
    ids=["none", "half", "text", "part", "two ranks", "too many"],
)
def test_a_rank_that_no_update_can_have_is_refused(updated, asked, said):
    with pytest.raises(SettingError, match=said):
        updated(**asked)
