"""Whether the held-out rows look, and were stored, like the training rows; no target is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.balance import ALPHA, LEAST_SHIFT, g_test
from drivetrain.auditing.columns import Column
from drivetrain.auditing.findings import Finding
from drivetrain.data.splitting.split import PART_WORDS, Part
from drivetrain.text import counted

NAMED = 3


def shift_findings(
    columns: Sequence[Column], parts: Sequence[Part], method: str, *, noun: str = "pictures"
) -> list[Finding]:
    """Columns that differ between the training rows and a held-out part by more than chance, and by enough to matter.

    Args:
        columns: Of N rows; bookkeeping is not looked at.
        parts: (N,).
        noun: What rows are called.
        method: How the parts were drawn: by time, or as given, a difference may be meant.
    """
    seen = [column for column in columns if column.family != "bookkeeping"]
    where = np.array(parts)
    found: list[Finding] = []
    for part in PART_WORDS:
        if part == "train" or not (where == part).any() or not (where == "train").any():
            continue
        tests = [(column, *_differ(column, where == "train", where == part)) for column in seen]
        allowed = ALPHA / (2 * max(1, len(tests)))
        differing = sorted((-size, column.name, p) for column, p, size in tests if p < allowed and size >= LEAST_SHIFT)
        if not differing:
            continue
        word = PART_WORDS[part]
        named = ", ".join(f"{name} ({-size:.2f})" for size, name, _ in differing[:NAMED])
        found.append(
            Finding(
                "input shift",
                "note" if method in ("time", "given") else "warning",
                f"the {word} {noun} differ from the training {noun} in {len(differing)} of "
                f"{counted(len(tests), 'property', 'properties')}",
                f"Most in {named}: 0 is no difference, 1 is nothing in common. Chance makes such differences in fewer "
                "than one of 1,000 data sets.",
                mend=f"see whether both come from the same source; for {noun} of another source this score is the one "
                f"that counts, and more training {noun} of that source help.",
                facts={"part": word, "columns": {name: -size for size, name, _ in differing}},
            )
        )
    return found


def _differ(column: Column, train: NDArray[np.bool_], own: NDArray[np.bool_]) -> tuple[float, float]:
    """p, and how far the two distributions are apart, 0 to 1."""
    from scipy.stats import ks_2samp  # noqa: PLC0415 - slow to import

    a, b = column.values[train], column.values[own]
    if not column.categorical:
        test: Any = ks_2samp(a, b)
        return float(test.pvalue), float(test.statistic)
    known = np.unique(column.values)
    table = np.array([[(part == value).sum() for value in known] for part in (a, b)], dtype=np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    return g_test(table), float(np.abs(shares[0] - shares[1]).sum() / 2)
