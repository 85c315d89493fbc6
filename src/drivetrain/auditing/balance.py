"""How the targets are spread: over the classes, and over the parts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.findings import Finding
from drivetrain.auditing.missing import missing_findings
from drivetrain.auditing.rows import AuditRows
from drivetrain.data.splitting.divide import labels_of
from drivetrain.data.splitting.split import PART_WORDS
from drivetrain.errors import first_few
from drivetrain.text import counted

FEW_ROWS = 10
"""A class with fewer training rows is hardly learnt, and its score is hardly known."""
UNEVEN = 20
"""Largest over smallest class from which it is worth a note."""
ALPHA = 0.001
"""A difference between parts is reported where chance makes one so large once in a thousand data sets."""
LEAST_SHIFT = 0.1
"""... and where it is at least this large: share of rows that would have to change class, or distance between
distributions. With many rows chance makes no such difference, and smaller ones do no harm."""
EXPECTED = 5.0
"""Classes are counted together until each count expected is at least this, as the test needs."""


def balance_findings(rows: AuditRows) -> list[Finding]:
    """Rare and uneven classes, classes that a part has no row of, and differences between the parts."""
    found = [_uneven(rows), *missing_findings(rows)]
    found += [_class_shift(rows, "valid", tests=2), _class_shift(rows, "test", tests=2)]
    return [finding for finding in found if finding is not None]


def _uneven(rows: AuditRows) -> Finding | None:
    counts = Counter(label for row in rows.of_part("train") for label in labels_of(rows.examples.values[row]))
    if not counts:
        return None
    least, most = min(counts.values()), max(counts.values())
    rare = sorted((n, label) for label, n in counts.items() if n < FEW_ROWS)
    if not rare and most < UNEVEN * least:
        return None
    smallest = first_few([f"{label!r} ({n})" for n, label in sorted((n, label) for label, n in counts.items())], most=3)
    title = (
        f"{len(rare)} of {counted(len(counts), 'class', 'classes')} with fewer than {FEW_ROWS} training rows"
        if rare
        else f"the largest class has {most // least} times the rows of the smallest"
    )
    return Finding(
        "class balance",
        "note",
        title,
        f"Classes have between {least:,} and {most:,} training rows; the smallest: {smallest}. Look at them in the "
        "table per class: the overall score is made by the large ones.",
        mend="add rows of them, or join classes that need not be told apart.",
        facts={"classes": len(counts), "least": least, "most": most, "rare": len(rare)},
    )


def _class_shift(rows: AuditRows, held_out: str, *, tests: int) -> Finding | None:
    """Whether a held-out part has other classes, or other numbers, than the training set."""
    if rows.parts is None:
        return None
    part = "valid" if held_out == "valid" else "test"
    own, train = rows.of_part(part), rows.of_part("train")
    if not len(own) or not len(train):
        return None
    word = PART_WORDS[part]
    if rows.target.kind == "number":
        p, size, what = _number_shift(rows, train, own)
    else:
        p, size, what = _label_shift(rows, train, own)
    if p >= ALPHA / tests or size < LEAST_SHIFT:
        return None
    said = "" if part == "test" else f" The largest difference: {what}."
    meant = rows.method in ("time", "given")
    return Finding(
        "class shift",
        "note" if meant else "warning",
        f"the {word} set has other proportions than the training set",
        f"{100 * size:.0f} % of its rows would have to be of another kind to match; chance makes such a difference in "
        f"fewer than one of 1,000 data sets.{said} The score holds for proportions like these only.",
        mend="" if meant else "let drivetrain draw the split (stratify=True), or weigh the score per class.",
        facts={"part": word, "p": p, "distance": size},
    )


def _label_shift(rows: AuditRows, train: NDArray[np.int64], own: NDArray[np.int64]) -> tuple[float, float, str]:
    """P of the G test, total variation distance, and the label that differs most."""
    counts = [Counter(label for row in part for label in labels_of(rows.examples.values[row])) for part in (train, own)]
    labels = sorted(set(counts[0]) | set(counts[1]))
    table = np.array([[count[label] for label in labels] for count in counts], dtype=np.float64)
    if len(labels) < 2 or not table.sum(axis=1).all():
        return 1.0, 0.0, ""
    shares = table / table.sum(axis=1, keepdims=True)
    most = int(np.abs(shares[1] - shares[0]).argmax())
    what = (
        f"{labels[most]!r}, {100 * shares[0, most]:.1f} % of the training rows and {100 * shares[1, most]:.1f} % there"
    )
    return g_test(table), float(np.abs(shares[0] - shares[1]).sum() / 2), what


def _number_shift(rows: AuditRows, train: NDArray[np.int64], own: NDArray[np.int64]) -> tuple[float, float, str]:
    """Smallest p of the Kolmogorov-Smirnov tests (times their number), its distance, and the number that differs."""
    from scipy.stats import ks_2samp  # noqa: PLC0415 - slow to import

    encoded = rows.target.encode(rows.examples.values)
    tests: list[Any] = [ks_2samp(encoded[train, d], encoded[own, d]) for d in range(encoded.shape[1])]
    least = int(np.argmin([test.pvalue for test in tests]))
    names = getattr(rows.target, "names", ("",))
    medians = [float(np.median(encoded[part, least])) for part in (train, own)]
    what = f"{names[least]!r}, median {medians[0]:.4g} in training and {medians[1]:.4g} there"
    return min(1.0, float(tests[least].pvalue) * len(tests)), float(tests[least].statistic), what


def g_test(table: NDArray[np.float64]) -> float:
    """P of the G test that two rows of counts have the same proportions; rare columns are counted together.

    Args:
        table: (2, K) counts, each row with at least one.

    Example:
        >>> bool(g_test(np.array([[50.0, 50.0], [50.0, 50.0]])) > 0.9)
        True
        >>> bool(g_test(np.array([[90.0, 10.0], [10.0, 90.0]])) < 1e-6)
        True
    """
    from scipy.stats import chi2_contingency  # noqa: PLC0415 - slow to import

    totals = table.sum(axis=0)
    table = table[:, np.argsort(-totals, kind="stable")]
    share_of_least = float(table.sum(axis=1).min() / table.sum())
    common = int((table.sum(axis=0) * share_of_least >= EXPECTED).sum())
    joined = np.column_stack([table[:, :common], table[:, common:].sum(axis=1)])
    joined = joined[:, joined.sum(axis=0) > 0]
    if joined.shape[1] < 2:
        return 1.0
    if joined[:, -1].sum() * share_of_least < EXPECTED and joined.shape[1] > 2:  # the rest is rare itself
        joined = np.column_stack([joined[:, :-2], joined[:, -2:].sum(axis=1)])
    found: Any = chi2_contingency(joined, correction=False, lambda_="log-likelihood")
    return float(found.pvalue)
