"""Pairs of user and item in training: embeddings of both and a hidden layer, whose ratings stay within the scale.

rating = low + (high − low) · sigmoid(biases + what a hidden layer makes of both embeddings)

An id that training does not know has a row of its own, which is trained: now and then a known one is read as it.

Legend: B rows, U users and I items with code 0, E length of an embedding, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.errors import ModelError
from drivetrain.kinds.ratings.describing import described
from drivetrain.kinds.ratings.ids import UNKNOWN
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import counted, readable

OWN_HEAD = True
ARCH = "embeddings"
"""The one there is."""
EMBEDDING, HIDDEN = 32, 64
UNKNOWN_SHARE = 0.05
"""Of the users, and of the items, that training reads as unknown ones."""


def usual(data: Data) -> dict[str, Decision]:
    """What is done where nothing was asked for: batches, rate, and which epoch's parameters are kept.

    Example:
        ::

            usual(data)["batch_size"].value  # 512 of 80,000 rows
    """
    n = len(data.train)
    size = int(2 ** np.clip(np.round(np.log2(max(n, 1) / 150)), 4, 12))
    return {
        "batch_size": Decision(value=size, reason=f"{counted(n, 'training row')} of ratings"),
        "lr": Decision(value=3e-3, reason="the default of ratings"),
        "kept epoch": Decision(value="best", reason="the least loss on the validation rows"),
    }


def prepare(data: Data, *, arch: str | None, pretrained: bool, augment: bool, dropout: float) -> RatingKind:
    """A network with random parameters for the users and items of these data.

    Args:
        data: Of the kind `ratings`.
        arch: None, or "embeddings".
        pretrained: Without effect: ids mean nothing elsewhere.
        augment: Let users and items be unknown now and then.
        dropout: Of hidden units.

    Raises:
        ModelError: There is no such network, or the rows are events.
    """
    if arch not in (None, ARCH):
        raise ModelError(f"there is no network {arch!r} for ratings; expected {ARCH!r}. To fix: leave arch out.")
    spec = described(data)
    if spec.is_events:
        raise ModelError(
            "these rows are events, and all of them say the same; expected ratings, which a network can learn. To fix: "
            "name their column, as dt.ratings(..., rating=...), or take dt.Ease or dt.Factors."
        )
    if (weight := data.options.get("weight")) is not None:
        warn(
            f"the network counts each row once, whatever column {readable(weight)!r} says. To fix: take dt.Factors, "
            "which weighs rows"
        )
    architecture = Architecture(
        name=ARCH,
        options={"hidden_size": HIDDEN, "dim_out": EMBEDDING},
        pretrained_from=None,
        features=HIDDEN + 1,
        dropout=dropout,
    )
    body, head = _built(spec, architecture)
    head.tell(cast(NumberTarget, data.target), spec)
    return RatingKind(spec, architecture, Decision(value=ARCH, reason="the only one"), (body, head), augment=augment)


def restore(manifest: Manifest, *, data: Data, augment: bool) -> RatingKind:
    """Of a saved model: its network with random parameters."""
    del data
    architecture, spec = manifest.architecture, cast(Spec, manifest.input)
    chosen = manifest.decisions.get("arch", Decision(value=architecture.name, reason="as saved"))
    return RatingKind(spec, architecture, chosen, _built(spec, architecture), augment=augment)


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Intake, body and head of a saved model, with random parameters."""
    del n_outputs  # a rating is one number
    return Intake(), *_built(spec, architecture)


class Intake(nn.Module):
    """Codes as they are."""

    def forward(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """The same."""
        return users, items


class Body(nn.Module):
    """Codes of users and items → (B, H + 1): hidden units, and the sum of both biases.

    Args:
        spec: Says how many users and items there are.
        embedding: E.
        hidden: H.
        dropout: Of hidden units.
    """

    def __init__(self, spec: Spec, embedding: int, hidden: int, dropout: float) -> None:
        super().__init__()
        sizes = {"user": len(spec.users) + 1, "item": len(spec.items) + 1}
        self.embeddings = nn.ModuleDict({name: nn.Embedding(size, embedding) for name, size in sizes.items()})
        self.biases = nn.ModuleDict({name: nn.Embedding(size, 1) for name, size in sizes.items()})
        self.hidden = nn.Linear(2 * embedding, hidden)
        self.dropout = nn.Dropout(dropout)
        for each in self.embeddings.values():
            nn.init.normal_(cast(nn.Embedding, each).weight, std=0.1)
        for each in self.biases.values():
            nn.init.zeros_(cast(nn.Embedding, each).weight)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(B,) of users and (B,) of items."""
        both = torch.cat([self.embeddings["user"](users), self.embeddings["item"](items)], dim=1)
        bias = self.biases["user"](users) + self.biases["item"](items)
        return torch.cat([self.dropout(torch.relu(self.hidden(both))), bias], dim=1)


class Head(nn.Module):
    """Features of the body → (B, 1): ratings within the scale, standardised as the target is.

    Args:
        hidden: H.
    """

    ends: Tensor
    line: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.last = nn.Linear(hidden, 1)
        self.register_buffer("ends", torch.tensor([0.0, 1.0]))
        self.register_buffer("line", torch.tensor([0.0, 1.0]))

    @torch.no_grad()
    def tell(self, target: NumberTarget, spec: Spec) -> None:
        """The scale, and mean and deviation of the ratings; begin at their mean."""
        assert spec.low is not None and spec.high is not None
        margin = 0.05 * (spec.high - spec.low)  # a sigmoid does not reach its ends
        low, high = spec.low - margin, spec.high + margin
        self.ends.copy_(torch.tensor([low, high]))
        self.line.copy_(torch.tensor([target.mean[0], target.std[0]]))
        share = float(np.clip((target.mean[0] - low) / (high - low), 0.01, 0.99))
        self.last.bias.fill_(float(np.log(share / (1 - share))))

    def forward(self, features: Tensor) -> Tensor:
        """(B, H + 1)."""
        logit = self.last(features[:, :-1]) + features[:, -1:]
        rating = self.ends[0] + (self.ends[1] - self.ends[0]) * torch.sigmoid(logit)
        return (rating - self.line[0]) / self.line[1]

    @torch.no_grad()
    def start_from(self, outputs: Any) -> None:
        """It begins at the mean of the ratings already."""


class RatingKind:
    """A `TrainingKind`: see there."""

    n_draws = 2

    def __init__(
        self, spec: Spec, architecture: Architecture, arch: Decision, built: tuple[Body, Head], *, augment: bool
    ) -> None:
        self.spec, self.architecture, self.decisions = spec, architecture, {"arch": arch}
        self.intake, (self.body, self.head) = Intake(), built
        self.depth = {name: 1.0 for name, _ in self.body.named_parameters()}
        self._unknown = UNKNOWN_SHARE if augment else 0.0

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """(B,) codes of users and (B,) of items."""
        return tuple(torch.from_numpy(np.array(column, np.int64)) for column in zip(*loaded, strict=True))

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """What the body reads in training: some users and some items as unknown ones."""
        unknown = draws.to(batch[0].device) < self._unknown
        return tuple(codes.masked_fill(unknown[:, at], UNKNOWN) for at, codes in enumerate(batch))


def arrays_of(body: Body, head: Head) -> Mapping[str, Any]:
    """What a trained network answers with, as plain arrays: see `NetRanker`."""
    found = {name: value.detach().cpu().numpy() for name, value in body.state_dict().items()}
    layer, bias = found["hidden.weight"], found["hidden.bias"]
    n = layer.shape[1] // 2
    last = {name: value.detach().cpu().numpy() for name, value in head.state_dict().items()}
    return {
        "mean": last["last.bias"].astype(np.float64),
        "user_bias": found["biases.user.weight"][:, 0],
        "item_bias": found["biases.item.weight"][:, 0],
        "user_hidden": found["embeddings.user.weight"] @ layer[:, :n].T + bias,
        "item_hidden": found["embeddings.item.weight"] @ layer[:, n:].T,
        "item_embeddings": found["embeddings.item.weight"],
        "last": last["last.weight"][0],
        "ends": last["ends"].astype(np.float64),
    }


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _built(spec: Spec, architecture: Architecture) -> tuple[Body, Head]:
    hidden, embedding = (_size(architecture.options, name) for name in ("hidden_size", "dim_out"))
    return Body(spec, embedding, hidden, architecture.dropout), Head(hidden)


def _size(options: Mapping[str, Any], name: str) -> int:
    value = options.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 4096:
        raise ModelError(
            f"the network of ratings has {name}={value!r}; expected a whole number between 1 and 4096. To fix: get the "
            "model again from whoever made it, or save it anew."
        )
    return value
