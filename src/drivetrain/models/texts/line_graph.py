"""A line on texts as one ONNX graph: looked up, weighted, summed.

The mean of word vectors times the line's weights is the mean of what each vector contributes, so that a table of the
contributions (P, K′) takes the place of the vectors (P, D) where it is smaller.

Legend: N rows, V terms, L of them in a row, P pieces, T of them in a row, D numbers of a vector, K′ outputs of the
line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.models.graph import Graph
from drivetrain.models.texts.design import Floats32
from drivetrain.runtime.spec import InputSpec


def line_as_onnx(
    spec: InputSpec,
    terms: Floats32,
    dense: Floats32,
    start: NDArray[Any],
    table: Floats32 | None,
    *,
    n_outputs: int,
) -> bytes:
    """A line as one ONNX graph.

    Args:
        spec: How texts are read.
        terms: (V, K′) weights; V = 0 where no terms are read.
        dense: (D, K′) weights of the mean of the vectors; D = 0 likewise.
        start: (K′,) what is added.
        table: (P, D) the vectors.
        n_outputs: K: of two categories 2, the first of which is 0.
    """
    graph = Graph(spec)
    raw = graph.constant("start", start.astype(np.float32))
    if len(terms):
        weights = graph.constant("of_terms", np.concatenate([np.zeros_like(terms[:1]), terms]))
        added = _weighted(graph, weights, "term_ids", "term_weights", "terms")
        raw = graph.add("Add", [added, raw], "with_terms")
    if len(dense):
        assert table is not None
        counts = graph.add("Cast", ["attention_mask"], "counted", to=1)
        smaller = dense.shape[1] <= dense.shape[0]
        vectors = graph.constant("of_pieces", (table @ dense if smaller else table).astype(np.float32))
        total = _weighted(graph, vectors, "input_ids", counts, "pieces")
        axis, one = graph.constant("along", np.array([1])), graph.constant("one", np.array(1, np.float32))
        n = graph.add("Max", [graph.add("ReduceSum", [counts, axis], "n_pieces", keepdims=1), one], "n")
        mean = graph.add("Div", [total, n], "mean")
        if not smaller:
            mean = graph.add("MatMul", [mean, graph.constant("of_vectors", dense.astype(np.float32))], "of_mean")
        raw = graph.add("Add", [mean, raw], "with_vectors")
    if start.shape[0] < n_outputs:  # of two categories the second against nothing
        nothing = graph.add("Sub", [raw, raw], "nothing")
        raw = graph.joined([nothing, raw], "both_categories")
    return graph.model(raw, n_outputs).SerializeToString()


def _weighted(graph: Graph, table: str, ids: str, weights: str, name: str) -> str:
    """(N, K′) the sum of the rows of a table that `ids` (N, L) names, each times its weight."""
    axis = graph.constant(f"{name}_axis", np.array([1]))
    rows = graph.add("Gather", [table, ids], f"{name}_rows", axis=0)
    line = graph.add("Unsqueeze", [weights, axis], f"{name}_weights")
    summed = graph.add("MatMul", [line, rows], f"{name}_sum")
    return graph.add("Squeeze", [summed, axis], f"{name}_total")
