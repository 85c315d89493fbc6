"""What listing, sealing, audit, report and review ask of a kind of input; its face `source` gives it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from drivetrain.data.inputs import Inputs

if TYPE_CHECKING:
    from drivetrain.data.check import Checked
    from drivetrain.data.examples import Examples


class NearDuplicates(Protocol):
    """How rows that show the same are found by a fingerprint, with a second look at the candidates."""

    def fingerprints(self, inputs: Inputs, /) -> Sequence[bytes]:
        """One per row; b"" where nothing can be told."""
        ...

    def pairs(self, rows: Examples, /) -> Sequence[tuple[int, int]]:
        """Pairs of rows that show the same."""
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
