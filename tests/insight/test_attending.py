"""Attention's weights are those that the block itself would write out."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from drivetrain.insight.attending import attention_maps, weighed
from drivetrain.insight.finding import find_layers
from drivetrain.insight.parts import Subject
from drivetrain.training.network import Network
from tests.insight.test_projecting import subject_of


def transformer(fused: bool, **options: object) -> tuple[nn.Module, Subject]:
    torch.manual_seed(0)
    body = timm.create_model("test_vit", num_classes=0, img_size=96, **options).eval()
    for block in body.blocks:
        block.attn.fused_attn = fused
        nn.init.normal_(block.attn.qkv.weight, std=0.3)
    return body, subject_of(body, torch.randn(2, 3, 96, 96))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("class_token", [True, False])
def test_weights_are_those_of_the_block(fused: bool, class_token: bool) -> None:
    options = {} if class_token else {"class_token": False, "global_pool": "avg"}
    body, subject = transformer(fused, **options)
    layers = find_layers(subject.network, (96, 96), 3)
    maps = attention_maps(subject, layers, [0, 1])
    assert [*maps] == [f"body.blocks.{i}" for i in range(6)]
    kept: list[torch.Tensor] = []
    block = body.blocks[2].attn
    handle = block.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
    with torch.no_grad():
        body(subject.batch([0, 1])[0])
        handle.remove()
        x = kept[0]
        n, heads = x.shape[1], block.num_heads
        q, k, _ = block.qkv(x).reshape(2, n, 3, heads, -1).permute(2, 0, 3, 1, 4)
        expected = (q @ k.transpose(-2, -1) * block.head_dim**-0.5).softmax(-1)
    expected = expected[:, :, 0, 1:] if class_token else expected.mean(2)
    np.testing.assert_allclose(maps["body.blocks.2"], expected.reshape(2, heads, 6, 6).numpy(), atol=1e-6)
    assert maps["body.blocks.2"].std() > 1e-3


def test_without_attention_there_is_nothing() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    network = Network(nn.Identity(), body, features=1, n_outputs=1, dropout=0.0, head=nn.Identity()).eval()
    subject = subject_of(body, torch.randn(1, 3, 47, 47))
    assert attention_maps(subject, find_layers(network, (47, 47), 3), [0]) == {}


def test_masks_are_heeded() -> None:
    q = torch.zeros(1, 1, 2, 4)
    assert weighed((q, q, q, torch.tensor([[True, False], [True, True]])), {})[0, 0].tolist() == [[1, 0], [0.5, 0.5]]
    added = torch.tensor([[0.0, -1e9], [0.0, 0.0]])
    assert weighed((q, q, q), {"attn_mask": added})[0, 0].tolist() == [[1, 0], [0.5, 0.5]]
