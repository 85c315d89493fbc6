"""What a graph may do: operators of models, no loops, and sizes that no input can change.

A graph is a program. With loops, or with tensors whose size is computed from what is in a row, a few hundred bytes can
take all memory and all time, and only for the input that its maker chose. So every operator must be on a list, and for
every tensor it is found out what its *values* and its *shape* depend on. A shape may depend on the number of rows,
never on what is in them. Where it only rises with that number, a run with the largest one, which `trial` makes, bounds
them all; where it does not, the model is tried with every number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from drivetrain.runtime.onnx.trees import TREES, check_trees
from drivetrain.runtime.onnx.wire import Message

_OPERATORS = """
Abs Add And AveragePool BatchNormalization Cast Ceil Celu Clip Col2Im Concat Constant ConstantOfShape Conv
ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp
Expand Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization IsNaN LRN LSTM
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul MatMulInteger Max MaxPool Mean Min
Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow QuantizeLinear RMSNormalization Range Reciprocal ReduceL1 ReduceL2
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round ScatterElements ScatterND Selu Shape
Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu
Tile Transpose Trilu Unsqueeze Where Xor
"""
OPERATORS = frozenset(_OPERATORS.split())
"""What torch's exporters write for timm's families, their activations and poolings, and for 8 and 16 bits; and what
models of tables write themselves."""

MOST_NODES = 50_000
MOST_INPUTS = 4096
MOST_RANK = 8
LARGEST = 2**31 - 1
BYTES_OF = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""TensorProto data type → bytes of one number."""
_ATTRIBUTES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
"""AttributeProto type → where its value lies."""


class Depends(IntEnum):
    """What numbers depend on, the harmless first."""

    POSITIVE = 0
    """Nothing: constants of at least 0."""
    NOTHING = 1
    RISING = 2
    """The number of rows: never below 0, and never less for more rows."""
    MIXED = 3
    """Some rise, some are constants of any sign."""
    ANYHOW = 4
    """The number of rows, in some way."""
    INPUT = 5


_P, _C, _R, _M, _A, _X = Depends
_MOVING_TEXT = """
Cast Concat Expand Flatten Gather GatherElements GatherND Identity Reshape Slice Split Squeeze Tile Transpose
Unsqueeze ReduceMax ReduceMin Ceil Floor Max Min
"""
_MOVING = frozenset(_MOVING_TEXT.split())
"""Give numbers that they were given, some or all of them."""
_SIZED_BY: Mapping[str, tuple[int, ...]] = {
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "ConstantOfShape": (0,), "Resize": (2, 3), "Slice": (2,),
}  # fmt: skip
"""Operator → inputs that say how large its output is; it may rise with the number of rows."""
_CONSTANT: Mapping[str, tuple[int, ...]] = {
    "Slice": (1, 3, 4), "Pad": (1, 3), "Split": (1,), "Squeeze": (1,), "Unsqueeze": (1,), "Range": (0, 2),
    "ReduceL1": (1,), "ReduceL2": (1,), "ReduceMax": (1,), "ReduceMean": (1,), "ReduceMin": (1,), "ReduceProd": (1,),
    "ReduceSum": (1,), "Col2Im": (1, 2), "OneHot": (1,), "CumSum": (1,), "Trilu": (1,),
}  # fmt: skip
"""Operator → inputs that must be constants: sizes, axes, steps."""


def check_graph(model: Message) -> bool:
    """Refuse a graph that could take any memory or time.

    Args:
        model: As `onnx_wire.understood` gives it.

    Returns:
        Whether every shape rises with the number of rows, so that the largest number says how large they get.

    Raises:
        ValueError: It has an operator that is not on the list, a tensor whose data are not as large as it says, or a
            shape that the input decides.
    """
    graph = model.get("graph")
    if graph is None:
        raise ValueError("it holds no graph")
    for opset in model.get("opset_import", []):
        if _text(opset.get("domain", b"")) not in ("", "ai.onnx", "ai.onnx.ml", "com.microsoft"):
            raise ValueError(f"it uses operators of {_text(opset['domain'])!r}")
    nodes, initializers = graph.get("node", []), graph.get("initializer", [])
    if len(nodes) > MOST_NODES or len(initializers) > MOST_NODES:
        raise ValueError(f"it has {max(len(nodes), len(initializers)):,} parts, more than {MOST_NODES:,}")
    for tensor in initializers:
        _check_tensor(tensor)
    for node in nodes:
        _check_node(node)
    check_trees(graph)
    return _Tracing(graph).follow(nodes)


def _text(run: bytes | memoryview) -> str:
    return bytes(run[:200]).decode("utf-8", "replace")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _check_tensor(tensor: Message) -> None:
    name = _text(tensor.get("name", b""))
    dims = [_signed(side) for side in tensor.get("dims", [])]
    kind = tensor.get("data_type", 0)
    if kind not in BYTES_OF:
        raise ValueError(f"the tensor {name!r} is of the type {kind}, which models have not")
    if len(dims) > MOST_RANK or any(not 0 <= side <= LARGEST for side in dims):
        raise ValueError(f"the tensor {name!r} has the shape {dims[:MOST_RANK]}")
    count = math.prod(dims)
    held = [key for key in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
            if tensor.get(key)]  # fmt: skip
    if len(held) > 1:
        raise ValueError(f"the tensor {name!r} holds its numbers twice")
    there = _count(tensor, held[0], kind) if held else 0
    if there != count:
        raise ValueError(f"the tensor {name!r} says {count:,} numbers and holds {there:,}")


def _count(tensor: Message, key: str, kind: int) -> int:
    value = tensor[key]
    if key == "raw_data":
        return -1 if len(value) % BYTES_OF[kind] else len(value) // BYTES_OF[kind]
    if key in ("float_data", "double_data"):
        return sum(map(len, value)) // (4 if key == "float_data" else 8)
    return len(value)


def _check_node(node: Message) -> None:
    operator, domain = _text(node.get("op_type", b"")), _text(node.get("domain", b""))
    if (domain, operator) == TREES:
        return  # has a check of its own
    quantised = domain == "com.microsoft" and operator in ("QuantizeLinear", "DequantizeLinear")
    if not quantised and (domain not in ("", "ai.onnx") or operator not in OPERATORS):
        said = f"{domain}.{operator}" if domain else operator
        raise ValueError(f"it has the operator {said[:80]}, which is not one of those that models need")
    if len(node.get("input", [])) > MOST_INPUTS or len(node.get("output", [])) > MOST_INPUTS:
        raise ValueError(f"{operator} has more than {MOST_INPUTS:,} inputs or outputs")
    seen: set[str] = set()
    for attribute in node.get("attribute", []):
        name, place = _text(attribute.get("name", b"")), _ATTRIBUTES.get(attribute.get("type", 0))
        others = set(_ATTRIBUTES.values()) - {place}
        if place is None or name in seen or others & attribute.keys():
            raise ValueError(f"the attribute {name!r} of {operator} is not one plain value")
        seen.add(name)
        numbers = [attribute["i"]] if "i" in attribute else attribute.get("ints", [])
        if len(numbers) > MOST_NODES or any(
            abs(_signed(number)) > LARGEST for number in _limited(operator, name, numbers)
        ):
            raise ValueError(f"the attribute {name!r} of {operator} is out of range")
        if "t" in attribute:
            _check_tensor(attribute["t"])


def _whole(attribute: Message) -> list[int]:
    return [attribute["i"]] if "i" in attribute else attribute.get("ints", [])


def _limited(operator: str, name: str, numbers: Sequence[int]) -> Sequence[int]:
    """Whole numbers that say sizes: all but plain constants, which may be the largest there is ("to the end")."""
    return () if operator == "Constant" and name.startswith("value") else numbers


class _Tracing:
    """For every tensor, what its values and its shape depend on."""

    def __init__(self, graph: Message) -> None:
        self.values: dict[str, Depends] = {}
        self.shapes: dict[str, Depends] = {}
        for tensor in graph.get("initializer", []):
            self._set([_text(tensor.get("name", b""))], _of_constant(tensor), _P)
        inputs = [name for name in (_text(value.get("name", b"")) for value in graph.get("input", []))
                  if name not in self.values]  # fmt: skip
        self._set(inputs, _X, _R)

    def _set(self, names: Sequence[str], values: Depends, shapes: Depends) -> None:
        for name in names:
            if name in self.values:
                raise ValueError(f"the tensor {name!r} is made twice")
            if name:
                self.values[name], self.shapes[name] = values, shapes

    def follow(self, nodes: Sequence[Message]) -> bool:
        """Whether all shapes rise with the number of rows; raises ValueError at the first that the input decides."""
        rising = True
        for node in nodes:
            operator = _text(node.get("op_type", b""))
            names = [_text(name) for name in node.get("input", [])]
            missing = [name for name in names if name and name not in self.values]
            if missing:
                raise ValueError(f"{operator} reads {missing[0]!r}, which is made later or nowhere")
            values = [self.values[name] if name else None for name in names]
            shapes = [self.shapes[name] for name in names if name]
            shape = max([_P, *shapes, *self._sizes(operator, values)])
            if shape is _X:
                raise ValueError(f"the size of what comes out of {operator} depends on the input")
            rising = rising and shape is not _A
            made = [_text(name) for name in node.get("output", [])]
            self._set(made, self._values(node, operator, values, shapes), shape)
        return rising

    def _sizes(self, operator: str, values: Sequence[Depends | None]) -> list[Depends]:
        """What the output's shape depends on beside the inputs' shapes."""
        found: list[Depends] = []
        for place in _CONSTANT.get(operator, ()):
            value = values[place] if place < len(values) else None
            if value is not None and value > _C:
                found.append(_X if value is _X else _A)
        for place in _SIZED_BY.get(operator, ()):
            value = values[place] if place < len(values) else None
            if value is not None:
                found.append(_R if value is _M else _P if value is _C else value)
        if operator == "Range" and len(values) == 3 and values[1] is not None:
            limit, step = values[1], values[2]
            found.append(_A if limit is _A or (limit in (_R, _M) and step is not _P) else _R if limit is _M else limit)
        return found

    def _values(
        self, node: Message, operator: str, values: Sequence[Depends | None], shapes: Sequence[Depends]
    ) -> Depends:
        """What the output's values depend on."""
        there = [value for value in values if value is not None]
        most = max(there, default=_C)
        if operator == "Constant":
            found = _of_node(node)
        elif operator in ("Shape", "Size"):
            found = max(shapes, default=_P)
        elif operator == "ConstantOfShape":
            found = _C
        elif operator in _MOVING:
            moved = [v for place, v in enumerate(values) if v is not None and not _only_sizes(operator, place)]
            most = max(moved, default=_C)
            found = _M if most is _R and _C in moved else most
        elif most in (_A, _X) or most <= _C:
            found = _P if operator in ("Add", "Mul", "Div") and most is _P else max(most, _C)
        else:
            found = _calculated(operator, values)
        return found


def _of_node(node: Message) -> Depends:
    """What the values of a Constant depend on: nothing; whether they are at least 0."""
    attributes = node.get("attribute", [])
    for attribute in attributes:
        if "t" in attribute:
            return _of_constant(attribute["t"])
    whole = [number for attribute in attributes for number in _whole(attribute)]
    return _P if whole and all(_signed(number) >= 0 for number in whole) else _C


def _only_sizes(operator: str, place: int) -> bool:
    """Whether an input says where or how much, and not what."""
    if place in (*_CONSTANT.get(operator, ()), *_SIZED_BY.get(operator, ())):
        return True
    return operator == "Slice" and place == 2


def _calculated(operator: str, values: Sequence[Depends | None]) -> Depends:
    """Sums, products and the like of numbers that rise."""
    if len(values) == 2:
        first, second = values
        if operator in ("Add", "Mul") and {first, second} <= {_P, _R}:
            return _R
        if operator == "Add" and {first, second} <= {_P, _C, _R, _M}:
            return _M
        if operator == "Div" and first is _R and second is _P:
            return _R
        if operator == "Sub" and first in (_P, _C, _R, _M) and second in (_P, _C):
            return _M
    return _R if operator in ("Sqrt", "Relu", "Round") and values[0] is _R else _A


def _of_constant(tensor: Message) -> Depends:
    """Whether a constant's numbers are small whole ones of at least 0; only those are looked at."""
    kind, dims = tensor.get("data_type", 0), tensor.get("dims", [])
    if kind not in (6, 7) or math.prod(dims) > 4096:
        return _C
    raw: Any = tensor.get("raw_data")
    if raw is not None and len(raw):
        size = BYTES_OF[kind]
        numbers = [int.from_bytes(raw[at : at + size], "little", signed=True) for at in range(0, len(raw), size)]
    else:
        numbers = [_signed(n) for n in [*tensor.get("int64_data", []), *tensor.get("int32_data", [])]]
    return _P if all(number >= 0 for number in numbers) else _C
