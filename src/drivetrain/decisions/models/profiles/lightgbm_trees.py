"""Boosted trees of LightGBM, as nodes that scikit-learn's compiled code reads; LightGBM itself is not needed here."""

from __future__ import annotations

from typing import Any

import numpy as np

from drivetrain.decisions.models.profiles.trees import Trees


def trees_of_lightgbm(model: Any) -> Trees | None:
    """The trees of an estimator of LightGBM with one score per row, numbers alone; None of anything else.

    What it dumps as text is read: splits are ``<=`` of a number, and what is missing goes the way that is written down,
    or counts as 0. The result is tried against the library's own answer before it is used.
    """
    if not type(model).__module__.startswith("lightgbm"):
        return None
    try:
        dumped = model.booster_.dump_model()
        return read_dump(dumped, int(model.n_features_in_))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def read_dump(dumped: Any, p: int) -> Trees | None:
    """Trees of a dumped model over p columns; None where it has splits of another kind."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE  # noqa: PLC0415 - slow to import
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # noqa: PLC0415

    if dumped["num_tree_per_iteration"] != 1 or dumped.get("average_output"):
        return None
    none = np.zeros((0, 8), dtype=np.uint32)
    predictors: list[Any] = []
    for tree in dumped["tree_info"]:
        rows = _rows(tree["tree_structure"])
        if rows is None:
            return None
        nodes: Any = np.zeros(len(rows), dtype=PREDICTOR_RECORD_DTYPE)
        for i, row in enumerate(rows):
            for name, value in row.items():
                nodes[name][i] = value
        predictors.append(TreePredictor(nodes, none, none))
    order = np.arange(p)
    return Trees(predictors, 0.0, none, np.zeros(p, dtype=np.uint32), order, order)


def _rows(root: Any) -> list[dict[str, float]] | None:
    """Nodes of a tree, parents first; None where a split is of another kind."""
    found: list[dict[str, float]] = []
    left: list[tuple[Any, int, str, int]] = [(root, -1, "", 0)]
    while left:
        node, parent, side, depth = left.pop()
        if parent >= 0:
            found[parent][side] = len(found)
        if "split_feature" not in node:
            found.append({"is_leaf": 1, "value": node["leaf_value"], "depth": depth})
            continue
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            return None
        threshold = float(node["threshold"])
        missing = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        place = len(found)
        found.append(
            {
                "feature_idx": node["split_feature"],
                "num_threshold": threshold,
                "missing_go_to_left": int(missing),
                "depth": depth,
            }
        )
        left += [(node["right_child"], place, "right", depth + 1), (node["left_child"], place, "left", depth + 1)]
    return found
