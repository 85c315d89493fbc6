"""A network that lies split over several processes: each holds a share of every weight, gradient and moment (FSDP).

torch's `fully_shard` does it (Zhao et al. 2023, arXiv:2304.11277). A block is gathered whole while it computes: what a
process holds is its share of all blocks, and one or two of them whole. What is here is what the house needs around
that: which blocks, whole values to be saved, shares of what was saved, and a whole copy for the artefact.

Whatever gathers is asked by all processes, or those that ask wait for ever.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from drivetrain.errors import ModelError, SettingError, did_you_mean
from drivetrain.runtime.decisions import Decision
from drivetrain.text import short_reason
from drivetrain.training.fast.memory import give_back_at_once
from drivetrain.training.kind import to_device
from drivetrain.training.launching import Sharding
from drivetrain.training.network import Network
from drivetrain.training.place import Place

MADE_OF_LAYERS = (
    nn.Module,
    nn.Sequential,
    nn.ModuleList,
    nn.ModuleDict,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
"""Of torch's own modules, those that hold several layers."""
NOT_UPDATED = "update it in one process, or without --use_fsdp."
"""What to do instead of an update."""


class Split:
    """A network that was split, and what it takes to have it whole again.

    Args:
        network: Whole, on the CPU; it is split in place.
        place: Of several processes, all with the same network.

    Raises:
        ModelError: Its body cannot be split.
        SettingError: The launcher was told to split it at a class of layers that it does not have.
    """

    def __init__(self, network: Network, place: Place) -> None:
        from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415 - only where networks are split
        from torch.distributed.fsdp import fully_shard  # noqa: PLC0415

        assert place.sharding is not None
        give_back_at_once()
        self._network, self._main = network, place.main
        self._blank = _without_weights(network) if place.main else None
        blocks = blocks_of(network.body, place.sharding)
        kinds = Counter(type(block).__name__ for block in blocks)  # which then get a class of their own
        mesh = init_device_mesh(place.device.type, (place.world,))
        try:
            for part in (*reversed(blocks), network):  # from within: what is split already is left alone
                fully_shard(part, mesh=mesh, reshard_after_forward=True)
        except (ValueError, RuntimeError, NotImplementedError) as error:
            raise ModelError(
                f"this network cannot be split over {place.world} processes: {short_reason(error)}. Expected one that "
                "torch's fully_shard takes. To fix: another arch, or leave --use_fsdp out: each has all of it."
            ) from error
        named = ", ".join(f"{n} {name}" for name, n in kinds.items())
        how = f"gathered one at a time: {named}" if named else "its body repeats no block: gathered all at once"
        self.decision = Decision(
            value=f"split over {place.world} processes", reason=f"FSDP was asked of the launcher; {how}"
        )

    def whole(self) -> Network | None:
        """A whole copy on the CPU in the first process, None in the others; all have to ask."""
        state = gathered(self._network.state_dict(), keep=self._main)
        if self._blank is None:
            return None
        made = copy.deepcopy(self._blank)
        try:
            made.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise ModelError(
                f"the network has other layers than when it was split: {short_reason(error)}. Expected those that its "
                "Learner made. To fix: change layers before, or train without --use_fsdp."
            ) from error
        return made


def settle(network: Network, place: Place) -> Split | None:
    """Put a network where it is trained: on the device, or split over processes; of the latter, what makes it whole."""
    if place.split:
        return Split(network, place)
    to_device(network, place.device)
    return None


def decided(place: Place, split: Split | None) -> dict[str, Decision]:
    """What became of the wish that networks be split, where there was one."""
    if split is not None:
        return {"weights": split.decision}
    why = "FSDP was asked of the launcher, and there is one process: nothing to split over"
    return {} if place.sharding is None else {"weights": Decision(value="whole", reason=why)}


def refuse_split(place: Place, what: str, instead: str) -> None:
    """Raises SettingError where networks are split: this cannot be done with them, and what can be done instead."""
    if place.split:
        raise SettingError(
            f"{what} cannot be used with a network that lies split over {place.world} processes (FSDP); expected one "
            f"that lies whole in each. To fix: {instead}"
        )


def is_split(value: Tensor) -> bool:
    """Whether this process holds a share of a value only."""
    return hasattr(value, "full_tensor")


def gathered(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Whole values on the CPU, of some that may be split; nothing where they are not to be kept. All have to ask."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if is_split(value) or keep:
            entire = whole(value.detach())
            if keep:
                found[name] = entire.cpu()
    return found


def whole(value: Tensor) -> Tensor:
    """All of a value that may be split; all have to ask."""
    return cast(Any, value).full_tensor() if is_split(value) else value


def divided(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of whole values that a network's are named by, this process's shares; other values as they are."""
    known = network.state_dict()
    return {name: share_of(known[name], value) if name in known else value for name, value in tensors.items()}


def share_of(like: Tensor, value: Tensor) -> Tensor:
    """This process's share of a whole value, split as another is; the value itself where that is whole."""
    if not is_split(like) or is_split(value):
        return value
    from torch.distributed.tensor import distribute_tensor  # noqa: PLC0415 - only where networks are split

    model = cast(Any, like)
    return distribute_tensor(value.to(like.device), model.device_mesh, model.placements, src_data_rank=None)


def _without_weights(network: Network) -> Network:
    """A copy that takes no memory but for its buffers, some of which no state names."""
    known: dict[int, Any] = {
        id(value): nn.Parameter(torch.empty_like(value, device="meta"), requires_grad=False)
        for value in network.parameters()
    }  # given to deepcopy, which then copies none of them
    return copy.deepcopy(network, known)


def blocks_of(body: nn.Module, asked: Sharding) -> list[nn.Module]:
    """Modules that are gathered one at a time, the outer ones first."""
    if asked.least is not None:
        least = asked.least
        return [part for part in body.modules() if part is not body and _size(part) > least]
    classes = set(asked.classes)
    there = {type(part).__name__ for part in body.modules()}
    for name in asked.classes:
        if name not in there:
            raise SettingError(
                f"--fsdp_transformer_layer_cls_to_wrap {name}: the body has no such layers; expected among "
                f"{', '.join(sorted(there))}.{did_you_mean(name, sorted(there))} To fix: leave it out, and the blocks "
                "that the body repeats are taken."
            )
    classes = classes or _repeated(body)
    return [part for part in body.modules() if type(part).__name__ in classes and _size(part)]


def _repeated(body: nn.Module) -> set[str]:
    """Classes that lists of the body hold several of, such as the blocks of a transformer; torch's own layers not."""
    lists = [part for part in body.modules() if isinstance(part, nn.Sequential | nn.ModuleList)]
    held = Counter(type(child).__name__ for part in lists for child in part if not _is_layer(child) and _size(child))
    return {name for name, n in held.items() if n > 1}


def _is_layer(part: nn.Module) -> bool:
    """Whether it is one of torch's own layers, or derived from one."""
    of_torch = {base for base in type(part).__mro__ if base.__module__.startswith("torch.nn.")}
    return bool(of_torch.difference(MADE_OF_LAYERS))


def _size(part: nn.Module) -> int:
    return sum(value.numel() for value in part.parameters())
