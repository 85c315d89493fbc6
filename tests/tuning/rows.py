"""A small table that trees learn in a tenth of a second; a process that needs no more than it starts without torch."""

from __future__ import annotations

import numpy as np


def rows(n: int = 150) -> dict[str, list[object]]:
    """Two numbers and a name; the class follows from two of them, with noise."""
    random = np.random.default_rng(0)
    a, b, c = random.normal(size=n), random.normal(size=n), random.choice(list("xyz"), n)
    yes = a + (c == "x") + random.normal(size=n) > 0.3
    return {"a": a.tolist(), "b": b.tolist(), "c": c.tolist(), "y": np.where(yes, "yes", "no").tolist()}
