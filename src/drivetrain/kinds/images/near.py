"""Which pictures show the same: candidates by signature, and a second look at their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivetrain.data.check import check_pictures
from drivetrain.data.examples import Examples
from drivetrain.data.kind import Candidate
from drivetrain.data.signatures import informative, near_arrays, near_pairs, same_picture
from drivetrain.runtime.signatures import N_WAVES


class _Near:
    def fingerprints(self, inputs: Any, /) -> list[bytes]:
        """The signature of each picture; b"" where it cannot be read."""
        return [checked.signature for checked in check_pictures(list(inputs.paths))]

    def pairs(self, rows: Examples, /) -> list[tuple[int, int]]:
        """Pairs whose signatures are near."""
        return near_pairs(rows.signatures)

    def candidates(self, fingerprints: Sequence[bytes], /) -> list[Candidate]:
        """The same with how near they are."""
        found = near_arrays(fingerprints)
        return [
            Candidate(int(first), int(second), int(differ) / N_WAVES, f"{differ} of {N_WAVES} signs differ")
            for first, second, differ in zip(found.first, found.second, found.distance, strict=True)
        ]

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether the picture is not too flat to be told from others."""
        return informative(fingerprint)

    def same(self, one: Path, other: Path, /) -> bool:
        """Whether the pixels agree too."""
        return same_picture(one, other)


near = _Near()
