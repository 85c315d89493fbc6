"""A copy of a network that only answers: batch norm folded into the convolutions, weights as they are used.

Folding is checked, not trusted: which batch norm reads which convolution is watched while one input passes, and the
folded copy must give the same features as the network. Where it does not, the copy stays as the network is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrize import is_parametrized

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import Arrays, head
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.splitting import is_split

FOLD_TOLERANCE = 1e-3
"""Largest difference between features of the folded copy and of the network, as a share of the largest feature.
Rounding alone moved a pretrained MobileNetV1 by 1e-6."""

Pair = tuple[str, str]
"""Names of a convolution and of the batch norm that alone reads it."""


@dataclass(frozen=True)
class Folding:
    """Which layers of a network fold together, and why these."""

    pairs: tuple[Pair, ...]
    decision: Decision


_foldings: WeakKeyDictionary[nn.Module, Folding] = WeakKeyDictionary()
"""What was found once holds while training changes the numbers: validating after each epoch does not look again."""


def for_inference(network: Network, place: Place, example: Arrays) -> tuple[Network, Decision]:
    """A copy for answering, in evaluation mode, and what was folded in it; the network itself is not touched.

    Args:
        network: On the device of `place`.
        place: Its precision becomes that of the body's convolution and linear weights, once instead of at every call.
        example: A batch of views; the first row is used, and only the first time a network is seen.

    Example:
        ::

            copy, folding = for_inference(network, place, views)
            print(folding)  # True (20 of 20 batch norms folded into convolutions)
    """
    _refuse_split(network)
    if network not in _foldings:
        with torch.no_grad():
            _foldings[network] = _find_folding(network, network.taken(*on_device(head(example, 1), place)))
    folding = _foldings[network]
    made = _frozen_copy(network)
    _fold(made.body, folding.pairs)
    if place.dtype is not torch.float32:
        _lower(made.body, place.dtype)
    return made, folding.decision


def part_for_inference(network: Network, part: nn.Module, place: Place, inputs: tuple[Tensor, ...]) -> nn.Module:
    """Such a copy of the body, or of a part that was cut from it and names its layers ``body.…``.

    Args:
        network: As for `for_inference`.
        part: The body, or a part of it.
        place: As for `for_inference`.
        inputs: What the body takes; the first row is used.
    """
    _refuse_split(network)
    if network not in _foldings:
        _foldings[network] = _find_folding(network, tuple(tensor[:1] for tensor in inputs))
    made = copy.deepcopy(part).requires_grad_(False).eval()
    prefix = "" if part is network.body else "body."
    layers = {name for name, _ in made.named_modules()}
    pairs = [(prefix + conv, prefix + norm) for conv, norm in _foldings[network].pairs]
    _fold(made, [pair for pair in pairs if layers.issuperset(pair)])
    if place.dtype is not torch.float32:
        _lower(made, place.dtype)
    return made


def _refuse_split(network: Network) -> None:
    if any(is_split(value) for value in network.parameters()):
        raise SettingError(
            "looking into a network, or asking it for single rows, cannot be done while it lies split over processes "
            "(FSDP); expected one that lies whole in one process. To fix: save it in all processes, learn.save(PATH), "
            "and take it up in one: dt.Learner.load(PATH), or dt.load(PATH) to predict."
        )


class TorchEngine:
    """Runs a network on a batch of views, one array for each of the signature → (N, n_outputs) float32."""

    def __init__(self, network: Network, place: Place) -> None:
        self.network = network
        self.place = place

    def __call__(self, *views: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs, one row per row of the views."""
        return self.tensor(*views).cpu().numpy()

    def tensor(self, *views: NDArray[Any]) -> Tensor:
        """The same, left on the device; the network's mode is put back afterwards."""
        training = self.network.training
        if training:
            self.network.eval()
        try:
            # what a split network gathers into is kept, and gradients must be able to come of it later
            answering = torch.no_grad() if self.place.split else torch.inference_mode()
            with answering, self.place.autocast(), _all_bits(self.place):
                return self.network.answer(*on_device(views, self.place)).float()
        finally:
            if training:
                self.network.train()


def _all_bits(place: Place) -> AbstractContextManager[Any]:
    """In fp32 a GPU's convolutions use all 32 bits, as a CPU does, not the 19 of TF32 that cuDNN takes by default."""
    if place.device.type != "cuda" or place.dtype is not torch.float32:
        return nullcontext()
    now: Any = torch.backends.cudnn
    return now.flags(now.enabled, now.benchmark, deterministic=now.deterministic, allow_tf32=False)


def on_device(views: Arrays, place: Place) -> tuple[Tensor, ...]:
    """The same numbers as tensors on the device."""
    writable = [array if array.flags.writeable else array.copy() for array in views]  # torch warns of others
    return tuple(torch.from_numpy(array).to(place.device) for array in writable)


def _find_folding(network: Network, inputs: tuple[Tensor, ...]) -> Folding:
    """Pairs that fold, after a trial in fp32."""
    trial = _frozen_copy(network)
    norms = sum(isinstance(layer, nn.BatchNorm2d) for layer in trial.body.modules())
    if norms == 0:
        return _unfolded("there are no batch norms in the body to fold")
    with torch.no_grad():
        try:
            expected, pairs = _watch(trial.body, inputs)
            _fold(trial.body, pairs)
            found: Tensor = trial.body(*inputs)
        except Exception as error:  # noqa: BLE001 - bodies are other people's code, and folding is optional
            return _unfolded(f"folding batch norm failed: {type(error).__name__}: {str(error).splitlines()[:1]}")
    if not pairs:
        return _unfolded("no batch norm of the body reads a convolution directly")
    error = float((found - expected).abs().max() / expected.abs().max().clamp_min(torch.finfo(torch.float32).tiny))
    if not error <= FOLD_TOLERANCE:  # also where it is not a number
        return _unfolded(f"with batch norm folded the features differed by {100 * error:.2g} %")
    reason = f"{len(pairs)} of {norms} batch norms folded into convolutions"
    return Folding(tuple(pairs), Decision(value=True, reason=reason))


def _unfolded(reason: str) -> Folding:
    return Folding((), Decision(value=False, reason=reason))


def _watch(body: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, list[Pair]]:
    """Features of one input, and every batch norm whose input was the untouched output of a convolution."""
    made: dict[int, tuple[str, Tensor, int]] = {}  # holding the tensors keeps their ids from being used again
    read: list[Pair] = []
    calls: dict[str, int] = {}

    def convolved(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: Any, output: Tensor) -> None:
            calls[name] = calls.get(name, 0) + 1
            made[id(output)] = (name, output, output._version)

        return hook

    def normed(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] = calls.get(name, 0) + 1
            source = made.get(id(inputs[0]))
            if source is not None and source[2] == inputs[0]._version:
                read.append((source[0], name))

        return hook

    handles: list[Any] = []
    for name, layer in body.named_modules():
        if isinstance(layer, nn.Conv2d) and not is_parametrized(layer):  # else its weight is computed at each call
            handles.append(layer.register_forward_hook(convolved(name)))
        elif isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            handles.append(layer.register_forward_pre_hook(normed(name)))
    try:
        features: Tensor = body(*given)
    finally:
        for handle in handles:
            handle.remove()
    readers = [conv for conv, _ in read]
    once = [pair for pair in read if calls[pair[0]] == calls[pair[1]] == 1 and readers.count(pair[0]) == 1]
    return features, once


@torch.no_grad()
def _fold(body: nn.Module, pairs: tuple[Pair, ...] | list[Pair]) -> None:
    """Scale each convolution as its batch norm would; of the batch norm stays what comes after (timm's act)."""
    for conv_name, norm_name in pairs:
        conv = cast(nn.Conv2d, body.get_submodule(conv_name))
        norm = cast(nn.BatchNorm2d, body.get_submodule(norm_name))
        assert norm.running_mean is not None and norm.running_var is not None
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        conv.requires_grad_(False)
        follows = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if part is not None]
        parent, _, last = norm_name.rpartition(".")
        setattr(body.get_submodule(parent), last, nn.Sequential(*follows) if follows else nn.Identity())


def _lower(body: nn.Module, dtype: torch.dtype) -> None:
    """Convert what autocast would convert at every call; layers of other classes may use their weights otherwise."""
    for layer in body.modules():
        if type(layer) in (nn.Conv2d, nn.Linear):
            layer.to(dtype)


def _frozen_copy(network: Network) -> Network:
    """The same parameters and buffers in new memory, without gradients."""
    known: dict[int, Any] = {
        id(value): nn.Parameter(value.detach().clone(), requires_grad=False) for value in network.parameters()
    }  # given to deepcopy, so that it does not copy the gradients as well
    return copy.deepcopy(network, known).eval()
