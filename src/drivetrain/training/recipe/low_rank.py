"""A transformer's body trained by small additions: matrices of low rank beside its linear layers (LoRA).

What a layer multiplies by becomes W + B A, of which A (rank × in) and B (out × rank) alone are trained. At the end they
are added up, so that the network is built, saved and served as any other.

Source: Hu et al. (2021), arXiv:2106.09685. The adapters are peft's.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.training.network import Network
from drivetrain.training.recipe.plan import FEATURES, PICTURES, Phase

if TYPE_CHECKING:
    from drivetrain.training.trainer import Trainer

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
MARK = ".lora_"
"""In the name of a parameter of an adapter, behind the name of its layer."""
RATE = 10.0
"""Of an adapter, beside that of the layer's own weights. Source: Schulman et al. (2025), "LoRA without regret", whose
best rates lie about ten times above those of full fine-tuning, whatever the rank."""
LEAST_SHARE = 0.5
"""Of a body's parameters, its embeddings aside, that lie in linear layers: a transformer's do."""

Factors = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A (rank, in) and B (out, rank) of one layer, whose weights grow by B A."""


@dataclass(frozen=True)
class Additions:
    """What was trained beside the linear layers of a body."""

    rank: int
    numbers: int
    """That were trained in place of the body's own."""
    of: int
    """Numbers of the body."""
    factors: dict[str, Factors] = field(default_factory=dict[str, Factors])
    """Name of a weight, as the network has it → what was added to it."""

    @property
    def decision(self) -> Decision:
        """For people."""
        layers = f"{len(self.factors)} linear layer{'' if len(self.factors) == 1 else 's'}"
        reason = f"beside {layers} {self.numbers:,} numbers are trained instead of {self.of:,}; added up at the end"
        return Decision(value=self.rank, reason=reason)


def check_low_rank(learner: Trainer, rank: int | None, phases: list[Phase], *, asked: str = "lora") -> None:
    """Whether the body can be trained by additions of this rank.

    Args:
        learner: Whose body it is.
        rank: As asked; None: there are no additions.
        phases: What is trained.
        asked: What the argument is called, for messages.

    Raises:
        SettingError: It has hardly any linear layers, or smaller ones than the additions; is not pretrained; or only a
            part of it is to be trained.
    """
    if rank is None:
        return
    body = learner.network.body
    layers = linear_layers(body)
    inside = sum(value.numel() for layer in layers.values() for value in layer.parameters())
    words = sum(value.numel() for one in body.modules() if isinstance(one, EMBEDDINGS) for value in one.parameters())
    share = inside / max(1, sum(value.numel() for value in body.parameters()) - words)
    if share < LEAST_SHARE:
        other = "choose another arch, such as 'vit_small_patch16_224'"
        if asked != "lora":
            other = "update a model that was trained with one"
        raise SettingError(
            f"{asked}={rank}: only {100 * share:.0f} % of this body's parameters, its embeddings aside, lie in linear "
            f"layers; expected a transformer, whose parameters mostly do. To fix: leave {asked} out, or {other}."
        )
    added = sum(rank * (layer.in_features + layer.out_features) for layer in layers.values())
    if added >= inside:
        most = max((one for one in range(1, rank) if one * added < inside * rank), default=0)
        fix = f"a smaller rank, at most {most}, or leave {asked} out" if most else f"leave {asked} out"
        raise SettingError(
            f"{asked}={rank}: the additions would hold {added:,} numbers, and the layers beside which they stand hold "
            f"{inside:,}; expected fewer of them. To fix: {fix}."
        )
    if not learner.pretrained:
        raise SettingError(
            f"{asked}={rank}: this body is not pretrained; expected one that is, since small additions cannot make up "
            f"for weights that have learnt nothing. To fix: leave {asked} out."
        )
    if any(phase.start not in (PICTURES, FEATURES) for phase in phases):
        raise SettingError(
            f"{asked}={rank} was given together with a body of which only a part is trained; expected one of them, "
            f"since the additions lie in all its layers. To fix: epochs= instead of budget=, and no unfreeze=; or "
            f"leave {asked} out."
        )
    if find_spec("peft") is None:
        raise SettingError(
            f"{asked}={rank} needs peft, which is not installed. To fix: pip install 'drivetrain[encoders]'."
        )


def linear_layers(body: nn.Module) -> dict[str, nn.Linear]:
    """Name → layer, of those that are called; torch's own attention multiplies by its last layer's weights itself."""
    inside = [f"{name}." for name, module in body.named_modules() if isinstance(module, nn.MultiheadAttention)]
    return {
        name: module
        for name, module in body.named_modules()
        if isinstance(module, nn.Linear) and name and not name.startswith(tuple(inside))
    }


@contextmanager
def low_rank(learner: Trainer, rank: int | None, seed: int) -> Generator[None]:
    """Within this block additions of this rank are trained in place of the body's weights, and added up at its end."""
    if rank is None:
        yield
        return
    network = learner.network
    with learner.place.own_randomness():
        torch.manual_seed(seed)
        added = put_beside(network, rank)
    learner.decisions["lora"] = added.decision
    try:
        yield
    finally:
        learner.additions = replace(added, factors=add_up(network))


def put_beside(network: Network, rank: int) -> Additions:
    """Put additions beside the linear layers of the body, which change nothing yet; all else of it is kept as it is."""
    from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415 - slow to import, and of an extra

    held = list(network.body.parameters())
    n_all, layers = sum(value.numel() for value in held), linear_layers(network.body)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(layers))
    inject_adapter_in_model(config, cast(Any, network.body))
    network.hold(held)
    added = sum(value.numel() for name, value in network.body.named_parameters() if MARK in name)
    return Additions(rank, added, n_all, _factors(network))


def _factors(network: Network) -> dict[str, Factors]:
    """A copy of what stands beside the layers of the body."""
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415

    found: dict[str, Factors] = {}
    for name, module in network.body.named_modules():
        if isinstance(module, LoraLayer):
            adapted = cast(Any, module)
            a, b = (side["default"].weight.detach().float().cpu().numpy() for side in (adapted.lora_A, adapted.lora_B))
            found[f"body.{name}.weight"] = (a.copy(), b.copy())
    return found


@torch.no_grad()
def add_up(network: Network) -> dict[str, Factors]:
    """Make each layer and what was put beside it one layer again; gives what was added."""
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415

    factors = _factors(network)
    for name, module in list(network.body.named_modules()):
        if not isinstance(module, LoraLayer):
            continue
        adapted = cast(Any, module)
        adapted.merge()
        parent, _, own = name.rpartition(".")
        setattr(network.body.get_submodule(parent), own, adapted.get_base_layer())
    network.hold([])
    return factors


def without_additions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of a network by the names that they have outside a block, as they were before the additions.

    Example:
        >>> inside = {"up.base_layer.weight": torch.ones(1), "up.lora_A.default.weight": torch.ones(1)}
        >>> sorted(without_additions(inside))
        ['up.weight']
    """
    return {name.replace(".base_layer.", "."): value for name, value in state.items() if MARK not in name}


def placed(name: str) -> tuple[str, float]:
    """The weight beside which a parameter of the body stands, and how much faster than that it learns.

    Example:
        >>> placed("blocks.0.attn.qkv.lora_A.default.weight")
        ('blocks.0.attn.qkv.weight', 10.0)
        >>> placed("blocks.0.norm.bias")
        ('blocks.0.norm.bias', 1.0)
    """
    layer, mark, _ = name.partition(MARK)
    return (f"{layer}.weight", RATE) if mark else (name, 1.0)
