"""What listing, sealing, audit, report and review ask of a kind of input; its face `source` gives it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from drivetrain.data.inputs import Inputs

if TYPE_CHECKING:
    from drivetrain.data.check import Checked
    from drivetrain.data.examples import Examples


class Candidate(NamedTuple):
    """Two rows, first < second, that seem to show the same."""

    first: int
    second: int
    apart: float
    """From 0, the same, to 1."""
    how: str
    """In words."""


class NearDuplicates(Protocol):
    """How rows that show the same are found by a fingerprint, with a second look at the candidates."""

    def fingerprints(self, inputs: Any, /) -> Sequence[bytes]:
        """One per row; b"" where nothing can be told."""
        ...

    def pairs(self, rows: Examples, /) -> Sequence[tuple[int, int]]:
        """Pairs of rows that seem to show the same by their fingerprints."""
        ...

    def candidates(self, fingerprints: Sequence[bytes], /) -> Sequence[Candidate]:
        """The same with how far apart they are, for the audit."""
        ...

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether a fingerprint tells its row from others."""
        ...

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two inputs, a pair of these, do show the same, on a second look."""
        ...


class SourceKind(Protocol):
    """A kind of input as the source of rows. A module may be one: these are then its functions and constants."""

    name: str
    """As in `drivetrain.runtime.kinds`: "images"."""
    noun: str
    """What one row is called, in the plural: "pictures"."""
    suffixes: frozenset[str]
    """Of its files, in lower case with the dot; none: its rows are cells of a table."""

    def check(self, inputs: Inputs, /, **options: Any) -> list[Checked]:
        """Open each row once: its digest, its fingerprint, and what is wrong with it."""
        ...

    def groupings(self) -> Mapping[str, Callable[[Examples], Sequence[str]]]:
        """Name → what each row belongs to, as the inputs tell it: camera, day, speaker."""
        ...

    @property
    def near(self) -> NearDuplicates | None:
        """None: copies are found by content alone."""
        ...

    def metadata(self, rows: Examples, /) -> Mapping[str, Sequence[Any]]:
        """Columns that tell about a row without looking at what it shows; for the audit of shortcuts."""
        ...
