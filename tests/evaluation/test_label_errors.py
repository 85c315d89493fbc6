"""Confident learning against the formulas of the paper, written out row by row, and on planted noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.label_errors import label_errors, thresholds
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def table_of(labels, probs):
    target = CategoryTarget(name="c", vocab=tuple(f"k{i}" for i in range(len(probs[0]))))
    return Predictions(ids=tables.ids(len(labels)), target=target, truth=labels, output=probs)


def by_the_paper(labels, probs):
    """Northcutt et al. (2021), eq. 1 to 3, one row at a time."""
    n, k = probs.shape
    least = [np.mean([probs[x, j] for x in range(n) if labels[x] == j]) for j in range(k)]
    counts = np.zeros((k, k))
    suspects = []
    for x in range(n):
        reached = [j for j in range(k) if probs[x, j] >= least[j]]
        if reached:
            best = max(reached, key=lambda j: probs[x, j])
            counts[labels[x], best] += 1
            if best != labels[x]:
                suspects.append(x)
    joint = np.zeros((k, k))
    for i in range(k):
        rows = sum(labels == i)
        total = counts[i].sum()
        for j in range(k):
            joint[i, j] = counts[i, j] / total * rows if total else rows * (i == j)
    return least, set(suspects), joint / joint.sum()


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_suspects_and_joint_are_those_of_the_paper(seed):
    table = tables.category(120, 4, seed=seed, strength=1.5)
    found = label_errors(table, rule="confident joint")
    least, suspects, joint = by_the_paper(table.truth, table.output)
    assert thresholds(table.truth, table.output) == pytest.approx(least)
    assert set(found.rows.tolist()) == suspects
    assert found.joint_KK == pytest.approx(joint)


def noisy(n=600, k=4, share=0.1, seed=0, strength=5.0):
    """Labels of which a share is wrong, probabilities of a good model, and the rows that are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), truth] += strength
    wrong = rng.permutation(n)[: round(share * n)]
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + rng.integers(1, k, len(wrong))) % k
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return table_of(labels, probs), wrong, truth


@pytest.mark.parametrize("rule", ["confident joint", "noise rate"])
def test_planted_errors_are_found_and_corrected(rule):
    table, wrong, truth = noisy()
    found = label_errors(table, rule=rule)
    both = set(found.rows.tolist()) & set(wrong.tolist())
    assert len(both) / len(wrong) > 0.9 and len(both) / len(found) > 0.9
    assert found.noise == pytest.approx(0.1, abs=0.02)
    corrected = found.suggested[np.isin(found.rows, wrong)] == truth[found.rows[np.isin(found.rows, wrong)]]
    assert corrected.mean() > 0.95
    assert list(found.margin) == sorted(found.margin, reverse=True)


def test_right_labels_raise_few_suspicions():
    table, _, _ = noisy(share=0.0)
    assert len(label_errors(table)) <= 0.02 * len(table)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 60))
def test_the_joint_is_a_share_of_all_rows_and_keeps_the_labels_shares(seed, k, n):
    rng = np.random.default_rng(seed)
    labels, probs = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    for rule in ("confident joint", "noise rate"):
        found = label_errors(table_of(labels, probs), rule=rule)
        assert found.joint_KK.sum() == pytest.approx(1)
        assert found.joint_KK.sum(axis=1) == pytest.approx(np.bincount(labels, minlength=k) / n)
        assert len(set(found.rows.tolist())) == len(found)
        assert all(found.suggested != labels[found.rows])


def test_a_category_with_one_row_is_left_in_peace():
    probs = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.9, 0.1, 0.0]])
    found = label_errors(table_of([0, 0, 1, 1, 2], probs))
    assert 4 not in found.rows


@pytest.mark.parametrize(("rule", "recall", "precision"), [("noise rate", 0.7, 0.7), ("confident joint", 0.6, 0.85)])
def test_handwriting_with_planted_errors_judged_out_of_fold(rule, recall, precision):
    """Real pictures: 5 % of the digits' labels are changed, a linear model judges each row without having seen it."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    digits = load_digits()
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(digits.target))[:900]
    labels = digits.target[rows].copy()
    wrong = rng.permutation(900)[:45]
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, 45)) % 10
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    probs = cross_val_predict(model, digits.data[rows], labels, method="predict_proba", cv=5)
    found = label_errors(table_of(labels, probs), rule=rule)
    both = set(found.rows.tolist()) & set(wrong.tolist())
    assert len(both) / len(wrong) > recall
    assert len(both) / len(found) > precision
    assert found.noise == pytest.approx(0.05, abs=0.015)


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(SettingError, match="one category per row"):
        label_errors(tables.categories(20))
    with pytest.raises(SettingError, match="rule"):
        label_errors(tables.category(20), rule="both")
    with pytest.raises(DataError, match="at least one"):
        label_errors(tables.category(20).subset([]))
