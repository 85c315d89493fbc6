"""Boosted trees in an ONNX file: node lists that are plain trees, and read nothing but the features that there are.

The operator is a program of its own: ONNX Runtime follows its node lists, and neither looks whether they come to an end
nor whether a feature exists. So they are admitted in one form only, the one `drivetrain.models.graph` writes: trees and
nodes counted from 0 in order, every node but a root the child of exactly one earlier node, one finite value for each
leaf, and before the operator a Reshape that says how many features there are.

Legend: V nodes of all trees together, L leaves, T trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.onnx.wire import Message

TREES = ("ai.onnx.ml", "TreeEnsembleRegressor")
"""Domain and operator."""
MOST_NODES = 5_000_000
"""Of all trees together."""
MOST_DEPTH = 512
"""ONNX Runtime follows nodes by calling itself when it loads a tree."""
MOST_OUTPUTS = 4096
_OF_NODES = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)  # fmt: skip
_OF_LEAVES = ("target_treeids", "target_nodeids", "target_ids")
_WORDS = {"post_transform": b"NONE", "aggregate_function": b"SUM"}
_FLOATS = ("nodes_values", "target_weights", "base_values")
_NAMES = {*_OF_NODES, *_OF_LEAVES, *_WORDS, *_FLOATS, "nodes_modes", "n_targets"}

Whole = NDArray[np.int64]


def check_trees(graph: Message) -> None:
    """Refuse trees that are not plain ones, or read features that may not be there.

    Args:
        graph: As `wire.understood` gives it.

    Raises:
        ValueError: A list of nodes has a circle, a node that does not exist, a number that is not finite, …
    """
    nodes = graph.get("node", [])
    forests = [node for node in nodes if _operator(node) == TREES]
    if not forests:
        return
    constants = {bytes(one.get("name", b"")): one for one in graph.get("initializer", [])}
    made = {bytes(name): node for node in nodes for name in node.get("output", [])}
    left = MOST_NODES
    for node in forests:
        left -= _check(node, _width(node, made, constants))
        if left < 0:
            raise ValueError(f"its trees have more than {MOST_NODES:,} nodes")


def _operator(node: Message) -> tuple[str, str]:
    domain, operator = (bytes(node.get(key, b"")[:80]).decode("utf-8", "replace") for key in ("domain", "op_type"))
    return domain, operator


def _width(node: Message, made: Mapping[bytes, Message], constants: Mapping[bytes, Message]) -> int:
    """How many features the trees are given, by the Reshape before them."""
    read = [bytes(name) for name in node.get("input", [])]
    before = made.get(read[0]) if len(read) == 1 else None
    shaped = before is not None and _operator(before)[1] == "Reshape" and _operator(before)[0] in ("", "ai.onnx")
    inputs = [bytes(name) for name in before.get("input", [])] if before is not None and shaped else []
    shape = constants.get(inputs[1]) if len(inputs) == 2 else None
    sides = _sides(shape) if shape is not None and before is not None and not before.get("attribute") else []
    if len(sides) != 2 or sides[0] != -1 or sides[1] < 1 or len(node.get("output", [])) != 1:
        raise ValueError("its trees do not say how many features they read, by a Reshape to (-1, features)")
    return sides[1]


def _sides(tensor: Message) -> list[int]:
    if tensor.get("data_type") != 7 or list(tensor.get("dims", [])) != [2]:
        return []
    raw = tensor.get("raw_data")
    numbers = np.frombuffer(raw, "<i8") if raw is not None and len(raw) == 16 else _whole(tensor.get("int64_data", []))
    return [int(side) for side in numbers]


def _check(node: Message, width: int) -> int:
    """How many nodes there are."""
    given = _attributes(node)
    counts = {name: _whole(given.get(name, {}).get("ints", [])) for name in (*_OF_NODES, *_OF_LEAVES)}
    n = len(counts["nodes_treeids"])
    modes = given.get("nodes_modes", {}).get("strings", [])
    n_outputs = given.get("n_targets", {}).get("i", 0)
    values, weights, base = (_floats(given.get(name, {}).get("floats", [])) for name in _FLOATS)
    if not 0 < n <= MOST_NODES or any(len(counts[name]) != n for name in _OF_NODES) or {len(modes), len(values)} != {n}:
        raise ValueError("the lists of its trees' nodes are not of one length")
    if not 0 < n_outputs <= MOST_OUTPUTS or len(base) not in (0, n_outputs):
        raise ValueError("its trees do not say how many outputs they have")
    if not all(np.isfinite(floats).all() for floats in (values, weights, base)):
        raise ValueError("its trees hold numbers that are not finite")
    known = {b"BRANCH_LEQ": False, b"LEAF": True}
    leaf = np.array([known.get(bytes(mode)) for mode in modes], object)
    if any(mode is None for mode in leaf.tolist()):
        raise ValueError("its trees have nodes that neither compare (BRANCH_LEQ) nor end (LEAF)")
    _check_shape({name: counts[name] for name in _OF_NODES}, leaf.astype(bool), width)
    _check_leaves(counts, leaf.astype(bool), weights, n_outputs)
    return n


def _check_shape(nodes: Mapping[str, Whole], leaf: NDArray[np.bool_], width: int) -> None:
    """That the lists are trees: no circles, nothing twice, nothing beyond the end."""
    tree, at, feature, left, right, gap = (nodes[name] for name in _OF_NODES)
    n = len(tree)
    starts = np.flatnonzero(at == 0)
    sizes = np.diff([*starts.tolist(), n])
    if not len(starts) or starts[0] != 0:
        raise ValueError("its trees are not counted from 0")
    in_order = np.array_equal(tree, np.repeat(np.arange(len(starts)), sizes))
    if not in_order or not np.array_equal(at, np.arange(n) - np.repeat(starts, sizes)):
        raise ValueError("its trees' nodes are not counted from 0, tree by tree")
    if ((feature < 0) | (feature >= width)).any() or ((gap != 0) & (gap != 1)).any():
        raise ValueError(f"its trees read features that are not there: expected 0 to {width - 1}")
    branch = np.flatnonzero(~leaf)
    size = np.repeat(sizes, sizes)
    children: list[Whole] = []
    for each in (left, right):
        if ((each[branch] <= at[branch]) | (each[branch] >= size[branch])).any() or each[leaf].any():
            raise ValueError("its trees lead back, or to nodes that are not there")
        children.append(each[branch] + (branch - at[branch]))
    if not np.array_equal(np.sort(np.concatenate([*children, starts])), np.arange(n)):
        raise ValueError("a node of its trees is reached twice, or never")
    depth = [0] * n
    for parent, first, second in zip(branch.tolist(), *(each.tolist() for each in children), strict=True):
        depth[first] = depth[second] = depth[parent] + 1  # children come after their parent
    if max(depth) > MOST_DEPTH:
        raise ValueError(f"its trees are deeper than {MOST_DEPTH} nodes")


def _check_leaves(counts: Mapping[str, Whole], leaf: NDArray[np.bool_], weights: NDArray[Any], n_outputs: int) -> None:
    """One value for each leaf, in order."""
    tree, at, output = (counts[name] for name in _OF_LEAVES)
    ends = np.flatnonzero(leaf)
    one_each = len(weights) == len(output) == len(ends)
    if not one_each or not np.array_equal(tree, counts["nodes_treeids"][ends]):
        raise ValueError("its trees do not have one value for each leaf")
    if not np.array_equal(at, counts["nodes_nodeids"][ends]) or ((output < 0) | (output >= n_outputs)).any():
        raise ValueError("its trees add to outputs or nodes that are not there")


def _attributes(node: Message) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for attribute in node.get("attribute", []):
        name = bytes(attribute.get("name", b"")[:80]).decode("utf-8", "replace")
        place = _place(name)
        if place is None or name in found or set(attribute) - {"name", "type", place[1]}:
            raise ValueError(f"the attribute {name!r} of its trees is unknown, or not one plain value")
        if attribute.get("type") != place[0]:
            raise ValueError(f"the attribute {name!r} of its trees is of another type")
        found[name] = attribute
    for name, word in _WORDS.items():
        if bytes(found.get(name, {}).get("s", word)) != word:
            raise ValueError(f"its trees have another {name} than {word.decode()}")
    return found


def _place(name: str) -> tuple[int, str] | None:
    """Type of an attribute, and where its value lies; None: there is none of that name."""
    if name not in _NAMES:
        return None
    if name == "n_targets":
        return 2, "i"
    if name in _WORDS:
        return 3, "s"
    if name in _FLOATS:
        return 6, "floats"
    return (8, "strings") if name == "nodes_modes" else (7, "ints")


def _whole(numbers: Any) -> Whole:
    """As int64; a negative number of a protocol buffer is read as a very large one, and is out of any range here."""
    return np.array(numbers, np.uint64).astype(np.int64) if len(numbers) else np.zeros(0, np.int64)


def _floats(runs: Any) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(runs), "<f4")
