"""Resident memory while thousands of inputs are read and drawn: it has to stay where it is after the first ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

N, QUICK = 10_000, 200
EVERY = 100
"""Inputs from one look at the memory to the next."""


def memory_of(spec: Any, sources: Sequence[Any], *, quick: bool) -> dict[str, Any]:
    """Megabytes after a tenth of the inputs and at the end; of fewer sources each is read several times."""
    resident: list[float] = []
    n = QUICK if quick else N
    for at in range(n):
        spec.view(spec.load(sources[at % len(sources)]))
        if at % EVERY == EVERY - 1:
            resident.append(resident_mb())
    tenth = max(len(resident) // 10, 1)
    return {
        "n": n,
        "sources": len(sources),
        "mb_after_first_tenth": resident[tenth - 1],
        "mb_at_end": resident[-1],
        "mb_most": max(resident),
    }


def in_words(row: dict[str, Any], noun: str) -> str:
    """A sentence of the page."""
    return (
        f"Resident memory while {row['n']:,} {noun} are read and drawn ({row['sources']:,} different ones, in turn): "
        f"{row['mb_after_first_tenth']:,} MB after a tenth of them, {row['mb_at_end']:,} MB at the end."
    )


def resident_mb() -> float:
    """Of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
