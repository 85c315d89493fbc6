"""Between two networks of one architecture: their parameters on the straight line from one to the other.

Wortsman et al. (2022), arXiv:2109.01903 (WiSE-FT). What a batch norm standardises with does not lie on that line: the
activations of averaged weights vary less than those of either end (Jordan et al. 2023, arXiv:2211.08403). So it is
measured anew at each point, and set so that both ends stay exactly what they were.

Statistics that both ends share, since a pretrained body keeps its own while it is trained, are no measurement of
either: the weights have learnt to live with them, and so have those between. Measured anew, the points between were
8 to 15 percent points below both ends; left alone, they lie between them (docs/decisions/updating).

Legend: α is 0 at the first network and 1 at the second.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from drivetrain.training.network import BATCH_NORMS, Network

State = Mapping[str, Tensor]
Batches = Callable[[], Iterable[tuple[Tensor, ...]]]
"""Gives batches of views, on the device, the same ones each time."""


@dataclass(frozen=True)
class Moments:
    """Mean and variance of what a batch norm reads, (C,) each."""

    mean: Tensor
    var: Tensor


class Line:
    """The straight line between two networks.

    Args:
        network: Of this architecture; `put` changes its parameters.
        first: Parameters at α = 0.
        second: Parameters at α = 1.
        batches: Rows by which batch norms are measured.
    """

    def __init__(self, network: Network, first: State, second: State, batches: Batches) -> None:
        self._network, self._ends, self._batches = network, (first, second), batches
        self._norms = {name: one for name, one in network.named_modules() if isinstance(one, BATCH_NORMS)}
        self._norms = {name: one for name, one in self._norms.items() if one.running_mean is not None}
        if not any(_moved(name, first, second) for name in self._norms if not name.startswith(HEAD)):
            self._norms = {}  # what the head standardises with then lies between as its weights do
        self._measured: tuple[dict[str, Moments], dict[str, Moments]] | None = None

    @torch.no_grad()
    def put(self, alpha: float) -> None:
        """Let the network be the one at α."""
        if alpha in (0.0, 1.0):
            self._network.load_state_dict(self._ends[int(alpha)])
            return
        first, second = self._ends
        mixed = {name: _between(value, second[name], alpha) for name, value in first.items()}
        if not self._norms:
            self._network.load_state_dict(mixed)
            return
        if self._measured is None:
            self._measured = (self._measure(first, None), self._measure(second, None))
        found = self._measure(mixed, alpha)
        for name, norm in self._norms.items():
            _set(norm, self._corrected(name, found[name], alpha))

    @torch.no_grad()
    def _measure(self, state: State, alpha: float | None) -> dict[str, Moments]:
        """What each batch norm reads; between the ends each standardises each batch as it will be corrected."""
        network = self._network
        network.load_state_dict(state)
        training = network.training
        network.eval()
        sums: dict[str, list[Any]] = {}

        def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            def hook(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
                values = given[0].float()
                over = [axis for axis in range(values.ndim) if axis != 1]
                mean, square = values.mean(dim=over), values.square().mean(dim=over)
                if alpha is not None:
                    var = (square - mean.square()).clamp_min(0)
                    _set(norm, self._corrected(name, Moments(mean, var), alpha))
                n = len(values)
                told = sums.setdefault(name, [0.0, 0.0, 0])
                told[0], told[1], told[2] = told[0] + mean.double() * n, told[1] + square.double() * n, told[2] + n

            return hook

        with _watching(self._norms, watch):
            for views in self._batches():
                network.answer(*views)
        network.train(training)
        found: dict[str, Moments] = {}
        for name, norm in self._norms.items():
            if name not in sums:  # a layer that no row reaches keeps what it has
                found[name] = Moments(norm.running_mean, norm.running_var)  # pyright: ignore[reportArgumentType]
                continue
            mean, square = (total / sums[name][2] for total in sums[name][:2])
            found[name] = Moments(mean.float(), (square - mean.square()).clamp_min(0).float())
        return found

    def _corrected(self, name: str, found: Moments, alpha: float) -> Moments:
        """What is measured, with the part by which the ends' own statistics differ from what is measured there."""
        assert self._measured is not None
        mean, log_var = found.mean.clone(), (found.var + TINY).log()
        for share, end, there in zip((1 - alpha, alpha), self._ends, self._measured, strict=True):
            mean += share * (end[f"{name}.running_mean"].to(mean.device) - there[name].mean)
            own = end[f"{name}.running_var"].to(mean.device)
            log_var += share * ((own + TINY).log() - (there[name].var + TINY).log())
        return Moments(mean, log_var.exp())


TINY = 1e-12
"""Beside a variance, which may be zero where a channel never changes."""


HEAD = "head."
"""What the names of the head's layers begin with."""


def _moved(name: str, first: State, second: State) -> bool:
    """Whether a batch norm standardises differently at the two ends."""
    return any(not torch.equal(first[key], second[key]) for key in (f"{name}.running_mean", f"{name}.running_var"))


def _between(first: Tensor, second: Tensor, alpha: float) -> Tensor:
    return torch.lerp(first, second, alpha) if first.is_floating_point() else second


def _set(norm: Any, moments: Moments) -> None:
    norm.running_mean.copy_(moments.mean)
    norm.running_var.copy_(moments.var)


@contextmanager
def _watching(norms: Mapping[str, nn.Module], watch: Callable[[str], Any]) -> Generator[None]:
    handles = [norm.register_forward_pre_hook(watch(name)) for name, norm in norms.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
