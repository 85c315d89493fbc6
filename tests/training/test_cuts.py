"""A body cut in two computes what the whole does, forwards and backwards."""

import pytest
import timm
import torch
from torch import nn

from drivetrain.errors import ModelError
from drivetrain.training.fast.costs import CANDIDATE_DEPTHS, candidates
from drivetrain.training.fast.cuts import Cut, CuttableBody

FAMILIES = [
    "test_resnet",
    "test_efficientnet",
    "test_convnext",
    "test_vit",
    "test_byobnet",
    "test_mambaout",
    "test_nfnet",
    "test_vit4",
    "mobilenetv1_100",
    "levit_128s",
]


def body_of(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    body = timm.create_model(name, num_classes=0).eval()
    side = body.pretrained_cfg["input_size"][1] if body.pretrained_cfg.get("fixed_input_size") else 64
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return body, torch.randn(2, 3, side, side)


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_together_are_the_whole(name: str) -> None:
    body, inputs = body_of(name)
    cuttable = CuttableBody(body, inputs)
    shares = [cut.below for cut in cuttable.cuts]
    assert len(shares) >= 3
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
    chosen = min(cuttable.cuts, key=lambda cut: abs(cut.below - 0.5))
    parts = cuttable.cut(chosen.name)
    with torch.no_grad():
        passed = parts.lower(inputs)
        assert tuple(passed.shape[1:]) == chosen.shape
        torch.testing.assert_close(parts.upper(passed), body(inputs))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_gradients_reach_the_bodys_own_parameters(name: str) -> None:
    body, inputs = body_of(name)
    cuttable = CuttableBody(body, inputs)
    parts = cuttable.cut(min(cuttable.cuts, key=lambda cut: abs(cut.below - 0.5)).name)
    body.train()
    body(inputs).square().sum().backward()
    whole = {key: p.grad.clone() for key, p in body.named_parameters() if p.grad is not None}
    body.zero_grad()
    parts.upper(parts.lower(inputs)).square().sum().backward()
    assert whole
    for key, parameter in body.named_parameters():
        if key in whole:
            torch.testing.assert_close(parameter.grad, whole[key], rtol=1e-3, atol=1e-4 * float(whole[key].abs().max()))


def test_finding_cuts_leaves_the_body_alone() -> None:
    body, inputs = body_of("test_resnet")
    body.train()
    body.layer1.eval()
    before = {key: value.clone() for key, value in body.state_dict().items()}
    CuttableBody(body, inputs)
    assert body.training
    assert not body.layer1.training
    assert all(torch.equal(value, before[key]) for key, value in body.state_dict().items())


class Undecided(nn.Module):
    """What it does depends on the values it sees: it has no graph."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean((2, 3)) if inputs.sum() > 0 else inputs.amax((2, 3))


class Twice(nn.Module):
    """Uses one layer on both sides of every cut."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.pool(self.layer(self.layer(inputs))).flatten(1)


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be cut"):
        CuttableBody(Undecided(), torch.randn(2, 3, 8, 8))
    twice = CuttableBody(Twice(), torch.randn(2, 3, 8, 8))
    with pytest.raises(ModelError, match="same parameters"):
        twice.cut(twice.cuts[0].name)


def test_a_wrong_part_is_noticed() -> None:
    body, inputs = body_of("test_resnet")
    cuttable = CuttableBody(body, inputs)
    name = cuttable.cuts[len(cuttable.cuts) // 2].name
    body.register_forward_hook(lambda module, args, output: output + 1)  # the graph does not know of it
    with pytest.raises(ModelError, match="other features"):
        cuttable.cut(name)


def test_candidates_are_the_nearest_each_once() -> None:
    cuts = [Cut(str(i), i / 10, (1,)) for i in range(1, 10)]
    found = candidates(cuts)
    assert [cut.below for cut in found] == pytest.approx([0.3, 0.4, 0.5, 0.7, 0.8], abs=0.11)
    assert len(candidates(cuts[:1])) == 1
    assert len(CANDIDATE_DEPTHS) >= len(found)
    assert candidates([]) == []
