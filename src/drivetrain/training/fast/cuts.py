"""Where a body can be cut in two, so that what is frozen below the cut is computed once.

A cut is a place that everything later depends on through a single tensor: between two blocks of a convolutional
network or a transformer. The places are found in the graph of the body's forward pass (torch.fx), not by the names
of its layers, so that any architecture that can be traced has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from timm.models import get_notrace_functions, get_notrace_modules
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from drivetrain.errors import ModelError

_CONTAINERS = (nn.Sequential, nn.ModuleList)
OPERATIONS_PER_NUMBER = 50
"""Floating-point operations that a processor could do while it writes and reads back one number."""
_DEEPEST = 5
"""Modules nested deeper are taken whole: a block, not the layers in it."""


@dataclass(frozen=True)
class Cut:
    """A place to cut a body."""

    name: str
    """Of the last layer below."""
    below: float
    """Share of the forward pass's work done below, 0 to 1: operations, and numbers written. Counted rather than timed,
    so that the same share names the same layer in every run."""
    shape: tuple[int, ...]
    """Of what passes through, for one input."""


class CutBody:
    """A body in two parts that share its parameters: `upper(lower(x))` is `body(x)`."""

    def __init__(self, lower: nn.Module, upper: nn.Module) -> None:
        self.lower = lower
        self.upper = upper


class Tracer(fx.Tracer):
    """Traces the order of a body's blocks and leaves what is in them alone.

    What a traced function decides by its module's mode (training or not) would be fixed for ever; therefore only
    containers are traced through.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self._body = body
        self._whole = tuple(get_notrace_modules())

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node of the graph."""
        if m is self._body or isinstance(m, (*_CONTAINERS, _OneInput)):
            return False
        if isinstance(m, self._whole) or module_qualified_name.count(".") >= _DEEPEST:
            return True
        return not any(isinstance(child, _CONTAINERS) and len(child) > 1 for child in m.children())


class _OneInput(nn.Module):
    """A body without its optional inputs, which would otherwise be values that pass every cut."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        """What the body gives."""
        return self.body(inputs)


class CuttableBody:
    """The graph of a body, with the places where it can be cut.

    Args:
        body: Takes one tensor of inputs, gives (B, features).
        example: A batch of inputs, on the body's device.
        more: Of a body with further inputs.

    Raises:
        ModelError: The body cannot be traced, or takes several inputs.
    """

    def __init__(self, body: nn.Module, example: Tensor, *more: Tensor) -> None:
        if more:
            raise ModelError(f"this body cannot be cut: it takes {1 + len(more)} inputs, and a cut lets one through.")
        self.body = body
        self._root = _OneInput(body)
        self.example = example
        try:
            self._graph = Tracer(body).trace(self._root)
            costed = _Costed(fx.GraphModule(self._root, self._graph))
            with _evaluating(body), torch.no_grad():
                costed.run(example)
        except Exception as error:  # what tracing meets in foreign code cannot be listed
            raise ModelError(f"this body cannot be cut: {type(error).__name__}: {str(error)[:200]}") from error
        self._nodes = list(self._graph.nodes)
        self.cuts = self._find(costed)

    def _find(self, costed: _Costed) -> list[Cut]:
        last_use = {node: max((self._nodes.index(user) for user in node.users), default=-1) for node in self._nodes}
        spent = list(accumulate(costed.costs.get(node, 0.0) for node in self._nodes))
        found: list[Cut] = []
        for i, node in enumerate(self._nodes[:-1]):
            value = costed.shapes.get(node)
            if node.op not in ("call_module", "call_function", "call_method") or value is None:
                continue
            through = [m for m in self._nodes[: i + 1] if last_use[m] > i and m.op != "get_attr"]
            if through == [node]:
                found.append(Cut(node.name, spent[i] / spent[-1], value))
        return found

    def cut(self, name: str) -> CutBody:
        """Cut behind the layer of that name.

        Raises:
            ModelError: The parts share parameters, or together are not the body.
        """
        place = next(i for i, node in enumerate(self._nodes) if node.name == name)
        parts = CutBody(
            self._part(self._nodes[: place + 1], self._nodes[place]),
            self._part(self._nodes[place + 1 :], self._nodes[-1]),
        )
        if set(parts.lower.parameters()) & set(parts.upper.parameters()):
            raise ModelError(f"this body cannot be cut behind {name}: both parts use the same parameters.")
        with _evaluating(self.body), torch.no_grad():
            whole, joined = self.body(self.example), parts.upper(parts.lower(self.example))
        if not torch.allclose(whole, joined, rtol=1e-3, atol=1e-3 * float(whole.abs().max())):
            raise ModelError(f"this body cannot be cut behind {name}: its parts together give other features.")
        return parts

    def _part(self, nodes: Sequence[fx.Node], result: fx.Node) -> nn.Module:
        """The nodes as a module of one input: what comes from outside is the one value passed in."""
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        entry: fx.Node | None = None

        def copy_of(node: fx.Node) -> fx.Node:
            nonlocal entry
            if node in copies:
                return copies[node]
            if node.op == "get_attr":  # a parameter used above, though read below
                copies[node] = graph.node_copy(node)
                return copies[node]
            assert entry is None, "a cut lets one value through"
            entry = copies[node] = graph.placeholder("through")
            return entry

        for node in nodes:
            if node.op == "placeholder":
                if entry is None:
                    entry = copies[node] = graph.placeholder("through")
            elif node.op != "output":
                copies[node] = graph.node_copy(node, copy_of)
        last = result.args[0] if result.op == "output" else result
        assert isinstance(last, fx.Node)
        graph.output(copy_of(last))
        return fx.GraphModule(self._root, graph)


class _Costed(fx.Interpreter):
    """Notes what each node costs and the shape of its result."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.costs: dict[fx.Node, float] = {}
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        with FlopCounterMode(display=False) as counter:
            value = super().run_node(n)
        self.costs[n] = counter.get_total_flops()
        if isinstance(value, Tensor):
            self.costs[n] += value.numel() * OPERATIONS_PER_NUMBER
            if value.is_floating_point() and value.ndim > 1:
                self.shapes[n] = tuple(value.shape[1:])
        return value


class _evaluating:
    """The module in evaluation mode; the mode of each of its parts is put back."""

    def __init__(self, module: nn.Module) -> None:
        self._modes = [(part, part.training) for part in module.modules()]
        self._module = module

    def __enter__(self) -> None:
        self._module.eval()

    def __exit__(self, *_: object) -> None:
        for part, mode in self._modes:
            part.training = mode
