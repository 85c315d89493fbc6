"""What a training that starts from a saved model holds on to: where it started, and what the old model answers.

Legend: B rows, K outputs of the old model, which come first among those of the new one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from drivetrain.training.network import Network

FAR_BELOW = -1e4
"""Raw output of a class that cannot be said."""
TEMPERATURE = 2.0
"""Of both models' answers in distillation: Hinton et al. (2015), arXiv:1503.02531; 2 as in Li and Hoiem (2016)."""


@dataclass(frozen=True)
class Hold:
    """What is held on to, and how strongly.

    Sources: L2 towards the start in place of zero, Li et al. (2018), arXiv:1802.01483, decoupled from the gradient as
    in AdamW; distillation on the new rows, Li and Hoiem (2016), arXiv:1606.09282.
    """

    teacher: Network
    """The old model, on the device of the training."""
    task: str
    """Of the target: "category", "multilabel" or "number"."""
    n_old: int
    """K."""
    anchor: float = 0.0
    """Share of the way back to the start that a parameter goes at a step of rate 1, as weight decay goes to zero."""
    absent: Tensor | None = None
    """(all outputs,) classes of which no row is trained on, on the device; None: there are none."""
    distil: float = 0.0
    """Weight of the distance to the old model's answers, beside the loss, whose weight is 1."""

    rehearsed: bool = True
    """Whether old rows are trained on, too. Then these say what the head has to keep: solved for afresh, it was 3.5
    points better on the old rows and 4.8 on the new ones than held near where it starts, and its confidence was right;
    see docs/decisions/updating. Without any it is held there."""

    @property
    def facts(self) -> list[float]:
        """What tells a run that holds so from another."""
        return [self.anchor, self.distil, float(self.rehearsed)]

    @property
    def solves(self) -> bool:
        """Whether the rows speak of all outputs of the head: those of absent classes would only be pushed down."""
        return self.absent is None

    def present(self, outputs: Tensor) -> Tensor:
        """(B, all outputs) as the loss sees them: classes that no row has do not compete, and so are not unlearnt.

        Source: the softmax over the classes at hand alone, Zeno et al. (2018), arXiv:1803.10123, "labels trick".
        """
        return outputs if self.absent is None else outputs.masked_fill(self.absent, FAR_BELOW)

    @torch.no_grad()
    def pull(self, network: nn.Module, optimizer: Optimizer) -> None:
        """Move what was just trained a little towards where it started; of a grown head, the old rows."""
        if not self.anchor:
            return
        start = dict(self.teacher.named_parameters())
        rates = {id(one): float(group["lr"]) for group in optimizer.param_groups for one in group["params"]}
        for name, now in network.named_parameters():
            if id(now) not in rates or name not in start:
                continue
            then = start[name]
            old = now[tuple(slice(size) for size in then.shape)] if now.shape != then.shape else now
            old.lerp_(then, min(1.0, rates[id(now)] * self.anchor))

    def teacher_of(self, part: nn.Module | None) -> nn.Module:
        """The old model from where the steps enter the network: its body, or the same upper part of it."""
        if part is None:
            return self.teacher.body
        upper = copy.deepcopy(part).requires_grad_(False)
        known = {f"body.{name}": value for name, value in self.teacher.body.state_dict().items()}
        upper.load_state_dict({name: known[name] for name in upper.state_dict()})
        return upper.eval()

    def distance(self, teacher: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        """(B,) how far the outputs are from the old model's."""
        with torch.no_grad():
            features: Any = teacher(*inputs)
            with torch.autocast(inputs[0].device.type, enabled=False):
                said = self.teacher.head(features.float())
        now = outputs.float()[:, : self.n_old]
        if self.task == "number":
            return functional.mse_loss(now, said, reduction="none").mean(dim=1)
        if self.task == "multilabel":
            return functional.binary_cross_entropy_with_logits(now, said.sigmoid(), reduction="none").mean(dim=1)
        old, new = (functional.log_softmax(logits / TEMPERATURE, dim=1) for logits in (said, now))
        return functional.kl_div(new, old, reduction="none", log_target=True).sum(dim=1) * TEMPERATURE**2


def absent_of(target: Tensor, n_outputs: int, task: str) -> Tensor | None:
    """(n_outputs,) of one class per row, the classes that no row has; None where each has one, or they do not compete.

    Example:
        >>> absent_of(torch.tensor([0, 2]), 3, "category").tolist()
        [False, True, False]
    """
    if task != "category":
        return None
    missing = torch.bincount(target, minlength=n_outputs) == 0
    return missing if bool(missing.any()) else None


def grown(state: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of an old network in the shapes of a new one: what has more outputs keeps its own further ones.

    Args:
        state: Of the old network.
        like: Of the new one, by the same names.

    Example:
        >>> found = grown({"bias": torch.ones(2)}, {"bias": torch.zeros(3)})
        >>> found["bias"].tolist()
        [1.0, 1.0, 0.0]
    """
    made: dict[str, Tensor] = {}
    for name, now in like.items():
        then = state[name].to(now.device, now.dtype)
        if then.shape == now.shape:
            made[name] = then.clone()
            continue
        whole = now.detach().clone()
        whole[tuple(slice(size) for size in then.shape)] = then
        made[name] = whole
    return made
