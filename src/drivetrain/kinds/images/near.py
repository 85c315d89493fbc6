"""Which pictures show the same: candidates by signature, and a second look at their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivetrain.data.check import open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Inputs
from drivetrain.data.kind import Candidate
from drivetrain.kinds.images.looks.same_picture import same_picture
from drivetrain.kinds.images.looks.signatures import Pairs, informative, near_arrays, near_copies, near_pairs
from drivetrain.kinds.images.looks.turns import AS_IT_IS
from drivetrain.runtime.pictures.read import Probe, probe_picture
from drivetrain.runtime.pictures.signatures import N_WAVES, VERSION
from drivetrain.runtime.pictures.wide import ValueRange
from drivetrain.text import does


def probe_pictures(
    paths: Sequence[Path], *, channels: int = 3, value_range: ValueRange | None = None, workers: int | None = None
) -> list[Probe]:
    """Digest and decode each file in a pool of threads; a bad file gets a `problem`, nothing is raised.

    Args:
        paths: Files, in any order; a path that occurs twice is read once.
        channels: As for `read_picture`.
        value_range: As for `read_picture`.
        workers: Threads; None takes one per CPU core that this process may use, at most 16.

    Raises:
        SystemLimitError: Too many files are open.

    Example:
        >>> [found.problem for found in probe_pictures([Path("/no/such.jpg")])]
        ['file is missing']
    """

    def look(path: Path) -> Probe:
        return probe_picture(path, channels=channels, value_range=value_range)

    return open_each(paths, look, noun="pictures", workers=workers)


SURE = 12
"""A picture at most this many of 256 signs from a sealed one, whose file is not at hand, counts as a copy of it."""


class _Near:
    version = VERSION
    sure = SURE

    def fingerprints(self, inputs: Inputs, /, **options: Any) -> list[bytes]:
        """The signature of each picture; b"" where it cannot be read."""
        return [probe.signature for probe in probe_pictures(list(inputs), **options)]

    def pairs(self, rows: Examples, /) -> list[tuple[int, int]]:
        """Pairs whose signatures are near."""
        return near_pairs(rows.signatures)

    def candidates(self, fingerprints: Sequence[bytes], /) -> list[Candidate]:
        """The same with how near they are."""
        found = near_arrays(fingerprints)
        return [
            Candidate(
                int(first), int(second), int(differ) / N_WAVES, f"{differ} of {N_WAVES} signs {does(differ, 'differ')}"
            )
            for first, second, differ in zip(found.first, found.second, found.distance, strict=True)
        ]

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether the picture is not too flat to be told from others."""
        return informative(fingerprint)

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes], /) -> Pairs:
        """Pictures of two lists that are near, turned and framed ones too."""
        return near_copies(fingerprints, others)

    def same(self, one: Path, other: Path, /, *, turn: int = AS_IT_IS) -> bool:
        """Whether the pixels agree too."""
        return same_picture(one, other, turn=turn)


near = _Near()
