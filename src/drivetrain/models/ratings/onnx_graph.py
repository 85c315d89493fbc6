"""Models of ratings as ONNX graphs: two codes in, a rating or a place out.

Legend: N rows, U users, I items, F factors, H items of the longest history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ExportError
from drivetrain.kinds.ratings.rankers import LEAST_NEAR, NEAR, FactorRanker, ItemRanker, NetRanker, Ranker
from drivetrain.kinds.ratings.sparse import shape_of
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import counted, does

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET = 18
MOST_ITEMS = 20_000
"""Weights between all pairs of so many items are 1.6 GB; a graph is at most 2 GB."""
MOST_HISTORY = 100_000


class _Graph:
    """A graph in the making; each step says what its output is called."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.n = 0

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper  # noqa: PLC0415 - slow to import

        self.n += 1
        name = f"{operator.lower()}_{self.n}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        from onnx import numpy_helper  # noqa: PLC0415

        self.n += 1
        name = f"constant_{self.n}"
        array: NDArray[Any] = np.asarray(values)
        self.constants.append(numpy_helper.from_array(np.array(array, dtype, order="C"), name))
        return name

    def column(self, flat: str) -> str:
        """(N, 1) of (N,)."""
        return self.add("Unsqueeze", flat, self.constant([1], np.int64))


def as_onnx(ranker: Ranker, spec: Spec, target: NumberTarget) -> bytes:
    """The model as one ONNX graph: the codes of `Spec.view` → raw outputs (N, 1), which the target activates.

    Args:
        ranker: What answers.
        spec: The scale, and how many users and items there are.
        target: What outputs mean.

    Raises:
        ExportError: There are too many items, or too long a history, for one graph.
    """
    from onnx import TensorProto, checker, helper  # noqa: PLC0415 - slow to import

    graph = _Graph()
    said = _place(graph, ranker) if spec.is_events else _rating(graph, ranker, spec)
    centred = graph.add("Sub", said, graph.constant(target.mean[0]))
    output = graph.add("Div", centred, graph.constant(target.std[0]))
    graph.nodes.append(helper.make_node("Identity", [output], ["output"]))
    made = helper.make_graph(
        graph.nodes,
        "ratings",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["N"]) for name in ("user", "item")],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 1])],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()


def _rating(graph: _Graph, ranker: Ranker, spec: Spec) -> str:
    """(N, 1) within the scale."""
    assert spec.low is not None and spec.high is not None
    start, slope = ranker.arrays["line"].tolist()
    score = _own_score(graph, _scores(graph, ranker)) if isinstance(ranker, ItemRanker) else _pair(graph, ranker)
    raw = graph.add("Add", graph.add("Mul", score, graph.constant(slope)), graph.constant(start))
    return graph.add("Clip", raw, graph.constant(spec.low), graph.constant(spec.high))


def _place(graph: _Graph, ranker: Ranker) -> str:
    """(N, 1) the share of items that score less."""
    scores = _scores(graph, ranker)
    own = _own_score(graph, scores)
    mean = graph.add("ReduceMean", scores, graph.constant([1], np.int64), keepdims=1)
    off = graph.add("Sub", scores, mean)
    spread = graph.add("Sqrt", graph.add("ReduceMean", graph.add("Mul", off, off), graph.constant([1], np.int64)))
    near = graph.add("Add", graph.add("Mul", spread, graph.constant(2 * NEAR)), graph.constant(LEAST_NEAR))
    scaled = graph.add("Div", graph.add("Sub", own, scores), near)
    ends = graph.constant(0.0), graph.constant(1.0)
    share = graph.add("Clip", graph.add("Add", scaled, graph.constant(0.5)), *ends)
    mean = graph.add("ReduceMean", share, graph.constant([1], np.int64), keepdims=1)
    known = graph.column(graph.add("Greater", "item", graph.constant(0, np.int64)))
    return graph.add("Where", known, mean, graph.constant(0.0))


def _own_score(graph: _Graph, scores: str) -> str:
    """(N, 1) the score of each row's item of (N, I); 0 of one that is not known."""
    zero = graph.constant(0, np.int64)
    before = graph.add("Sub", "item", graph.constant(1, np.int64))
    place = graph.column(graph.add("Max", before, zero))
    own = graph.add("GatherElements", scores, place, axis=1)
    known = graph.column(graph.add("Greater", "item", zero))
    return graph.add("Where", known, own, graph.constant(0.0))


def _gathered(graph: _Graph, values: NDArray[Any], code: str) -> str:
    return graph.add("Gather", graph.constant(values), code, axis=0)


def _pair(graph: _Graph, ranker: Ranker) -> str:
    """(N, 1) sum of biases, and of factors, of each pair."""
    arrays = ranker.arrays
    users, items = (_gathered(graph, arrays[f"{name}_bias"], name) for name in ("user", "item"))
    found = graph.add("Add", graph.add("Add", users, items), graph.constant(arrays["mean"][0]))
    found = graph.column(found)
    if isinstance(ranker, NetRanker):
        return _of_net(graph, ranker, found)
    if not isinstance(ranker, FactorRanker):
        return found
    vectors = [_gathered(graph, arrays[f"{name}_factors"], name) for name in ("user", "item")]
    product = graph.add("ReduceSum", graph.add("Mul", *vectors), graph.constant([1], np.int64), keepdims=1)
    return graph.add("Add", found, product)


def _of_net(graph: _Graph, ranker: NetRanker, biases: str) -> str:
    """(N, 1) of each pair, within the ends of the sigmoid."""
    both = graph.add("Add", *(_gathered(graph, ranker.arrays[f"{name}_hidden"], name) for name in ("user", "item")))
    last = graph.constant(ranker.arrays["last"][:, None])
    logit = graph.add("Add", graph.add("MatMul", graph.add("Relu", both), last), biases)
    low, high = ranker.arrays["ends"].tolist()
    share = graph.add("Mul", graph.add("Sigmoid", logit), graph.constant(high - low))
    return graph.add("Add", share, graph.constant(low))


def _scores(graph: _Graph, ranker: Ranker) -> str:
    """(N, I) of all items for each row's user."""
    if isinstance(ranker, ItemRanker):
        return _scores_by_items(graph, ranker)
    arrays = ranker.arrays
    users = graph.column(_gathered(graph, arrays["user_bias"], "user"))
    found = graph.add("Add", users, graph.constant(arrays["mean"][0] + arrays["item_bias"][None, 1:]))
    if not isinstance(ranker, FactorRanker):
        return found
    vectors = _gathered(graph, arrays["user_factors"], "user")
    product = graph.add("MatMul", vectors, graph.constant(arrays["item_factors"][1:].T))
    return graph.add("Add", product, found)


def _scores_by_items(graph: _Graph, ranker: ItemRanker) -> str:
    """(N, I): the history of each row's user, as zeros and ones, times the weights."""
    seen, n = ranker.seen, shape_of(ranker.seen)[1]
    counts = np.diff(seen.indptr)
    longest = int(counts.max(initial=1)) or 1
    if n > MOST_ITEMS or longest > MOST_HISTORY:
        raise ExportError(
            f"there {does(n, 'are')} {counted(n, 'item')}, and a user with {longest:,} of them; a graph that keeps the "
            f"weights of all pairs holds at most {MOST_ITEMS:,} items. To fix: save dt.Factors instead, or leave out "
            "items that few had."
        )
    steps = graph.constant(np.arange(longest)[None, :], np.int64)
    start = graph.column(graph.add("Gather", graph.constant(seen.indptr[:-1], np.int64), "user", axis=0))
    count = graph.column(graph.add("Gather", graph.constant(counts, np.int64), "user", axis=0))
    there = graph.add("Less", steps, count)
    nowhere = graph.constant(seen.nnz, np.int64)
    place = graph.add("Where", there, graph.add("Add", start, steps), nowhere)
    history = graph.add("Gather", graph.constant(np.append(seen.indices, n), np.int64), place, axis=0)
    none = graph.add("Mul", graph.column(graph.add("Cast", "user", to=1)), graph.constant(np.zeros((1, n + 1))))
    one = graph.add("Cast", there, to=1)
    had = graph.add("ScatterElements", none, history, one, axis=1, reduction="add")
    ends = [graph.constant([end], np.int64) for end in (0, n, 1)]  # from, to, along
    had = graph.add("Slice", had, *ends)
    weights = ranker.weights
    dense = weights.toarray() if hasattr(weights, "toarray") else weights
    return graph.add(
        "Add", graph.add("MatMul", had, graph.constant(dense)), graph.constant(ranker.arrays["base"][None, :])
    )
