"""Models that are no network as ONNX graphs: of tables, codes become statistics, and trees or a line read them.

Legend: N rows, P numbers, Q + J codes, F features, K outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.spec import InputSpec, TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET, OPSET_OF_TREES = 18, 3
OUTPUT = "output"


class Tree(NamedTuple):
    """One tree as plain arrays, one place per node, the root first; children come after their parent."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    """A row goes left where its feature is at most this."""
    gap_left: NDArray[np.bool_]
    """Whether a gap (NaN) goes left."""
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaf: NDArray[np.bool_]
    value: NDArray[np.float32]
    """Of a leaf: what it adds."""
    output: int
    """Which output it adds to."""


class Graph:
    """A graph in the making.

    Args:
        spec: How rows are read: its signature is the graph's.
    """

    def __init__(self, spec: InputSpec) -> None:
        from onnx import TensorProto, helper  # noqa: PLC0415 - slow to import

        self.spec = spec
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        types = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
        self.inputs = [
            helper.make_tensor_value_info(each.name, types[each.dtype], ["N", *_sides(each)])
            for each in spec.signature()
        ]

    def add(self, operator: str, inputs: Sequence[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        """One more node; the name of what it gives."""
        from onnx import helper  # noqa: PLC0415

        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """One more constant; its name."""
        from onnx import numpy_helper  # noqa: PLC0415

        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def code(self, at: int) -> str:
        """(N,) one column of codes, within its range: a code from elsewhere counts as unknown."""
        name = f"code_{at}"
        if not any(name in node.output for node in self.nodes):
            self.add("Gather", ["codes", self.constant(f"{name}_at", np.array(at))], name, axis=1)
        return name

    def numbers(self) -> list[str]:
        """(N, P), where there are any."""
        return ["numbers"] if any(each.name == "numbers" for each in self.spec.signature()) else []

    def looked_up(self, at: int, table: NDArray[np.float32], name: str) -> str:
        """(N, S) a row of `table` (V, S) for each code of one column."""
        return self.add("Gather", [self.constant(f"{name}_table", table), self.code(at)], name, axis=0)

    def as_float(self, at: int) -> str:
        """(N, 1) one column of codes as numbers."""
        from onnx import TensorProto  # noqa: PLC0415

        flat = self.add("Cast", [self.code(at)], f"float_{at}", to=TensorProto.FLOAT)
        axis = self.constant(f"float_{at}_axis", np.array([1]))
        return self.add("Unsqueeze", [flat, axis], f"column_{at}")

    def joined(self, parts: Sequence[str], name: str = "features") -> str:
        """(N, F)."""
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, name, axis=1)

    def trees(
        self, features: str, trees: Sequence[Tree], base: NDArray[np.float64], name: str, *, n_features: int
    ) -> str:
        """(N, K) base plus what each tree adds; the graph itself says how many features there are, for who checks it.

        Args:
            features: (N, F).
            trees: Which read these features.
            base: (K,) what all rows begin with.
            name: Of the output.
            n_features: F.
        """
        shape = self.constant(f"{name}_shape", np.array([-1, n_features]))
        features = self.add("Reshape", [features, shape], f"{name}_features")
        at = np.concatenate([np.arange(len(tree.leaf)) for tree in trees])
        tree_of = np.concatenate([np.full(len(tree.leaf), number) for number, tree in enumerate(trees)])
        leaf = np.concatenate([tree.leaf for tree in trees])
        joined = {field: np.concatenate([getattr(tree, field) for tree in trees]) for field in Tree._fields[:-1]}
        output = np.concatenate([np.full(len(tree.leaf), tree.output) for tree in trees])
        return self.add(
            "TreeEnsembleRegressor",
            [features],
            name,
            domain="ai.onnx.ml",
            n_targets=len(base),
            base_values=base.astype(np.float32).tolist(),
            nodes_treeids=tree_of.tolist(),
            nodes_nodeids=at.tolist(),
            nodes_featureids=np.where(leaf, 0, joined["feature"]).tolist(),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_values=np.where(leaf, 0, joined["threshold"]).astype(np.float32).tolist(),
            nodes_truenodeids=np.where(leaf, 0, joined["left"]).tolist(),
            nodes_falsenodeids=np.where(leaf, 0, joined["right"]).tolist(),
            nodes_missing_value_tracks_true=np.where(leaf, 0, joined["gap_left"]).astype(int).tolist(),
            target_treeids=tree_of[leaf].tolist(),
            target_nodeids=at[leaf].tolist(),
            target_ids=output[leaf].tolist(),
            target_weights=joined["value"][leaf].astype(np.float32).tolist(),
            post_transform="NONE",
            aggregate_function="SUM",
        )

    def include(self, model: bytes, prefix: str, given: Mapping[str, str]) -> str:
        """Another graph within this one; the name of its output here.

        Args:
            model: The other graph, as it is written.
            prefix: Of its names in this one.
            given: Its inputs → what they are called here.
        """
        from onnx import load_from_string  # noqa: PLC0415

        other = load_from_string(model).graph

        def renamed(name: str) -> str:
            return given.get(name, prefix + name) if name else ""

        for constant in other.initializer:
            constant.name = renamed(constant.name)
            self.constants.append(constant)
        for node in other.node:
            node.name = ""
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
            self.nodes.append(node)
        return renamed(other.output[0].name)

    def model(self, output: str, n_outputs: int) -> ModelProto:
        """The finished graph, whose output (N, K) is this one."""
        from onnx import TensorProto, checker, helper  # noqa: PLC0415

        self.add("Identity", [output], OUTPUT)
        made = helper.make_graph(
            self.nodes,
            "table",
            self.inputs,
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", n_outputs])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain for node in self.nodes):
            opsets.append(helper.make_opsetid("ai.onnx.ml", OPSET_OF_TREES))
        model = helper.make_model(made, opset_imports=opsets, ir_version=9)
        checker.check_model(model)
        return model


def _sides(one: TensorSpec) -> list[str | int]:
    """Of one row; those of any length by a name."""
    return [f"{one.name}_{at}" if side is None else side for at, side in enumerate(one.shape, start=1)]


def tree_of(nodes: NDArray[Any], output: int, share: float = 1.0) -> Tree:
    """A tree of scikit-learn's histogram boosting.

    Its thresholds are doubles; what it reads are floats: the largest float that is not above a threshold divides the
    same floats.

    Args:
        nodes: As scikit-learn keeps them.
        output: Which one the tree adds to.
        share: What it adds is multiplied by this.
    """
    exact = nodes["num_threshold"].astype(np.float64)
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    above = rounded.astype(np.float64) > exact
    threshold = np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    largest = np.finfo(np.float32).max
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        np.clip(threshold, -largest, largest).astype(np.float32),
        nodes["missing_go_to_left"].astype(bool),
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["is_leaf"].astype(bool),
        (nodes["value"] * share).astype(np.float32),
        output,
    )
