"""Trees in an ONNX file are admitted in one form only; what leads back, out of the tree or to no feature is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx import trees
from drivetrain.runtime.onnx.engine import MOST_SMALL_ROWS, OnnxEngine
from drivetrain.runtime.onnx.file import safe_model

Attributes = dict[str, Any]


def two_trees() -> Attributes:
    """The first: x0 ≤ 1 → 10, else x1 ≤ 2 → 20, else 30 (a gap of x0 goes right); the second adds 1 to output 1."""
    return {
        "n_targets": 2,
        "base_values": [0.5, 0.0],
        "nodes_treeids": [0, 0, 0, 0, 0, 1],
        "nodes_nodeids": [0, 1, 2, 3, 4, 0],
        "nodes_featureids": [0, 0, 1, 0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
        "nodes_values": [1.0, 0.0, 2.0, 0.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 3, 0, 0, 0],
        "nodes_falsenodeids": [2, 0, 4, 0, 0, 0],
        "nodes_missing_value_tracks_true": [0, 0, 1, 0, 0, 0],
        "target_treeids": [0, 0, 0, 1],
        "target_nodeids": [1, 3, 4, 0],
        "target_ids": [0, 0, 0, 1],
        "target_weights": [10.0, 20.0, 30.0, 1.0],
        "post_transform": "NONE",
        "aggregate_function": "SUM",
    }


def model_of(attributes: Attributes, *, width: int = 2, shape: tuple[int, ...] | None = None) -> onnx.ModelProto:
    made = helper.make_node("TreeEnsembleRegressor", ["features"], ["output"], domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["numbers", "shape"], ["features"]), made],
        "trees",
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", attributes.get("n_targets", 2)])],
        [numpy_helper.from_array(np.array(shape or (-1, width)), "shape")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def safe(model: onnx.ModelProto) -> bytes:
    return safe_model(model.SerializeToString(), "trees.onnx").content


ROWS = np.array([[1, 9], [2, 2], [2, 3], [np.nan, np.nan], [0, np.nan]], np.float32)


def test_plain_trees_are_answered_as_they_stand() -> None:
    engine = OnnxEngine(model_of(two_trees()).SerializeToString(), threads=1)
    assert engine(ROWS).tolist() == [[10.5, 1], [20.5, 1], [30.5, 1], [20.5, 1], [10.5, 1]]
    assert engine.rising and engine.most_rows == MOST_SMALL_ROWS
    many = np.tile(ROWS, (1000, 1))
    assert engine(many).shape == (5000, 2) and (engine(many)[:5] == engine(ROWS)).all()


def changed(name: str, at: int, value: Any) -> Callable[[Attributes], None]:
    def change(attributes: Attributes) -> None:
        attributes[name][at] = value

    return change


def without(name: str) -> Callable[[Attributes], None]:
    def change(attributes: Attributes) -> None:
        del attributes[name]

    return change


def with_more(name: str, value: Any) -> Callable[[Attributes], None]:
    def change(attributes: Attributes) -> None:
        attributes[name] = value

    return change


HOSTILE = {
    "a circle of two nodes": (changed("nodes_truenodeids", 2, 0), "lead back"),
    "a node that leads to itself": (changed("nodes_falsenodeids", 2, 2), "lead back"),
    "a child beyond the tree": (changed("nodes_falsenodeids", 2, 5), "nodes that are not there"),
    "a child far beyond": (changed("nodes_falsenodeids", 2, 2**31 - 1), "nodes that are not there"),
    "a child before the first": (changed("nodes_falsenodeids", 2, -1), "lead back"),
    "a node reached twice": (changed("nodes_falsenodeids", 2, 3), "reached twice, or never"),
    "two ways to one node": (changed("nodes_falsenodeids", 0, 1), "reached twice, or never"),
    "a leaf with a child": (changed("nodes_truenodeids", 1, 2), "lead back"),
    "a feature that is not there": (changed("nodes_featureids", 0, 2), "features that are not there: expected 0 to 1"),
    "a feature far away": (changed("nodes_featureids", 0, 2**40), "features that are not there"),
    "a feature before the first": (changed("nodes_featureids", 0, -1), "features that are not there"),
    "an output that is not there": (changed("target_ids", 3, 2), "outputs or nodes that are not there"),
    "an output before the first": (changed("target_ids", 3, -1), "outputs or nodes that are not there"),
    "a value for a branch": (changed("target_nodeids", 0, 0), "outputs or nodes that are not there"),
    "a value for another tree": (changed("target_treeids", 3, 0), "one value for each leaf"),
    "a threshold that is no number": (changed("nodes_values", 0, float("nan")), "not finite"),
    "an infinite value": (changed("target_weights", 0, float("inf")), "not finite"),
    "an infinite base": (changed("base_values", 0, float("-inf")), "not finite"),
    "another comparison": (changed("nodes_modes", 0, "BRANCH_EQ"), "BRANCH_LEQ"),
    "no known mode": (changed("nodes_modes", 1, "leaf"), "BRANCH_LEQ"),
    "trees counted from 1": (with_more("nodes_treeids", [1, 1, 1, 1, 1, 2]), "counted from 0, tree by tree"),
    "a tree in two pieces": (with_more("nodes_treeids", [0, 0, 1, 0, 0, 1]), "counted from 0, tree by tree"),
    "nodes counted from 1": (with_more("nodes_nodeids", [1, 2, 3, 4, 5, 1]), "not counted from 0"),
    "a node twice": (changed("nodes_nodeids", 4, 3), "counted from 0, tree by tree"),
    "a direction of gaps that is none": (changed("nodes_missing_value_tracks_true", 0, 2), "features"),
    "lists of different length": (with_more("nodes_values", [1.0]), "not of one length"),
    "a leaf without a value": (with_more("target_weights", [10.0, 20.0, 30.0]), "one value for each leaf"),
    "no thresholds": (without("nodes_values"), "not of one length"),
    "no nodes": (without("nodes_treeids"), "not of one length"),
    "no outputs": (without("n_targets"), "how many outputs"),
    "a million outputs": (with_more("n_targets", 10**6), "how many outputs"),
    "another base": (with_more("base_values", [1.0]), "how many outputs"),
    "probits": (with_more("post_transform", "PROBIT"), "another post_transform"),
    "an average": (with_more("aggregate_function", "AVERAGE"), "another aggregate_function"),
    "an attribute of another version": (with_more("nodes_hitrates", [1.0] * 6), "'nodes_hitrates' of its trees is unk"),
    "thresholds as a tensor": (
        with_more("nodes_values_as_tensor", numpy_helper.from_array(np.ones(6), "v")), "nodes_values_as_tensor",
    ),
    "numbers where words belong": (with_more("nodes_modes", [1, 2]), "'nodes_modes' of its trees"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_other_trees_are_refused(what: str) -> None:
    change, message = HOSTILE[what]
    attributes = two_trees()
    safe(model_of(attributes))
    change(attributes)
    with pytest.raises(ArtefactError, match=rf"more than a model needs.*{message}.*To fix"):
        safe(model_of(attributes))


def test_the_runtime_itself_takes_a_feature_that_is_not_there() -> None:
    """What the check is for: it would read memory that is not the row's."""
    attributes = two_trees()
    changed("nodes_featureids", 0, 1_000_000)(attributes)
    onnxruntime.InferenceSession(model_of(attributes).SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "shape", [(-1, 3), (-1, 1), (2, -1), (0, 2), (-1, -1), (-1,), (-1, 2, 1)], ids=str
)  # fmt: skip
def test_the_number_of_features_must_be_said(shape: tuple[int, ...]) -> None:
    model = model_of(two_trees(), shape=shape)
    if shape == (-1, 3):  # said, and not what is there: rows would be torn apart, which the answers show
        with pytest.raises(ArtefactError, match=r"cannot answer|gives|answered"):
            OnnxEngine(model.SerializeToString())(ROWS[:1])
        return
    with pytest.raises(ArtefactError, match=r"do not say how many features|features that are not there"):
        safe(model)


def test_the_reshape_must_be_right_before_the_trees() -> None:
    for plant in (_reads_the_input, _shape_is_computed, _reshape_with_allowzero, _another_domain):
        model = model_of(two_trees())
        plant(model)
        with pytest.raises(ArtefactError, match=r"do not say how many features|not one of those that models need"):
            safe(model)


def _reads_the_input(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[0] = "numbers"


def _shape_is_computed(model: onnx.ModelProto) -> None:
    model.graph.node.insert(0, helper.make_node("Identity", ["shape"], ["computed"]))
    model.graph.node[1].input[1] = "computed"


def _reshape_with_allowzero(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("allowzero", 1))


def _another_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def test_a_tree_that_is_too_deep_is_refused() -> None:
    """ONNX Runtime follows it by calling itself."""
    for depth, fine in ((trees.MOST_DEPTH, True), (trees.MOST_DEPTH + 1, False)):
        model = model_of(chain(depth))
        if fine:
            safe(model)
        else:
            with pytest.raises(ArtefactError, match="deeper than"):
                safe(model)


def chain(depth: int) -> Attributes:
    """Each branch has a leaf at its left."""
    n = 2 * depth + 1
    branch = [at % 2 == 0 and at < n - 1 for at in range(n)]
    leaves = [at for at in range(n) if not branch[at]]
    return {
        "n_targets": 1,
        "nodes_treeids": [0] * n,
        "nodes_nodeids": list(range(n)),
        "nodes_featureids": [0] * n,
        "nodes_modes": ["BRANCH_LEQ" if one else "LEAF" for one in branch],
        "nodes_values": [0.0] * n,
        "nodes_truenodeids": [at + 1 if branch[at] else 0 for at in range(n)],
        "nodes_falsenodeids": [at + 2 if branch[at] else 0 for at in range(n)],
        "nodes_missing_value_tracks_true": [0] * n,
        "target_treeids": [0] * len(leaves),
        "target_nodeids": leaves,
        "target_ids": [0] * len(leaves),
        "target_weights": [1.0] * len(leaves),
    }


def test_all_trees_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_NODES", 5)
    with pytest.raises(ArtefactError, match=r"not of one length|more than 5 nodes"):
        safe(model_of(two_trees()))


def test_an_attribute_twice_is_refused() -> None:
    model = model_of(two_trees())
    model.graph.node[1].attribute.append(helper.make_attribute("n_targets", 2))
    with pytest.raises(ArtefactError, match="'n_targets' of its trees"):
        safe(model)


def test_other_operators_of_that_domain_stay_refused() -> None:
    for operator in ("TreeEnsembleClassifier", "TreeEnsemble", "LinearRegressor", "SVMRegressor", "StringNormalizer"):
        model = model_of(two_trees())
        model.graph.node[1].op_type = operator
        with pytest.raises(ArtefactError, match=rf"operator ai\.onnx\.ml\.{operator}"):
            safe(model)
