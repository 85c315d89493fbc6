"""An update by additions of low rank: asked for, put in place exactly, and put on record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from drivetrain.errors import SettingError
from drivetrain.learner.recipe import Recipe
from drivetrain.learner.updating.old import OldModel
from drivetrain.runtime.additions.adding import added_up
from drivetrain.runtime.lineage import LowRank
from drivetrain.training.recipe.low_rank import Additions

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner

ASKED = "low_rank"
"""The argument, and the decision that tells of it."""


def with_low_rank(recipe: Recipe, rank: int | None) -> Recipe:
    """A recipe that trains additions of this rank; None leaves it as it is.

    Raises:
        SettingError: It has another rank already.

    Example:
        >>> with_low_rank(Recipe(mixup=0.2), 8)
        Recipe(mixup=0.2, lora=8)
    """
    if rank is None:
        return recipe
    if recipe.lora not in (None, rank):
        raise SettingError(
            f"{ASKED}={rank} was given together with a recipe of lora={recipe.lora}: expected one rank. To fix: leave "
            "lora out of the recipe."
        )
    return replace(recipe, lora=rank)


@torch.no_grad()
def put_exactly(learner: Learner, old: OldModel, alpha: float) -> None:
    """Let each layer be the old one and what was added to it, summed as `added_up` does, on any machine alike.

    The network at α of the way differs from that in the last digits alone. What is judged, saved whole and made of the
    small update is then one model, bit for bit.
    """
    added = learner.additions
    if added is None:
        return
    parameters = dict(learner.network.named_parameters())
    share = np.float32(alpha)
    factors = {name: (a, b * share) for name, (a, b) in added.factors.items()}
    for name, (a, b) in factors.items():
        whole = added_up(old.state[name].float().cpu().numpy(), a, b)
        parameters[name].copy_(torch.from_numpy(whole))
    learner.additions = replace(added, factors=factors)


def low_rank_record(learner: Learner) -> LowRank | None:
    """What the manifest keeps of the additions; None where there were none."""
    added: Additions | None = learner.additions
    if added is None:
        return None
    return LowRank(rank=added.rank, layers=len(added.factors), numbers=added.numbers, of=added.of)
