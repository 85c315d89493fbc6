"""What listing, sealing, audit, report and review ask of a kind of input; its face `source` gives it. No torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.inputs import Inputs
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import face, kind_name

if TYPE_CHECKING:
    from drivetrain.data.check import Checked
    from drivetrain.data.examples import Examples
    from drivetrain.data.groups.guesses import GroupGuess
    from drivetrain.data.splitting.split import Part


class Candidate(NamedTuple):
    """Two rows, first < second, that seem to show the same."""

    first: int
    second: int
    apart: float
    """From 0, the same, to 1."""
    how: str
    """In words."""


class Pairs(Protocol):
    """Pairs of rows of two lists that seem to show the same, as arrays (P,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    """Of the fingerprints: how much speaks against it."""
    turn: NDArray[np.int64]
    """How the first has to be turned to show the second; the kind's own numbers, 0 for not at all."""


class NearDuplicates(Protocol):
    """How rows that show the same are found by a fingerprint, with a second look at the candidates."""

    def fingerprints(self, inputs: Inputs, /, **options: Any) -> Sequence[bytes]:
        """One per row, read by the options of `check`; b"" where nothing can be told."""
        ...

    def pairs(self, rows: Examples, /) -> Sequence[tuple[int, int]]:
        """Pairs of rows, the smaller first, that seem to show the same by their fingerprints."""
        ...

    def candidates(self, fingerprints: Sequence[bytes], /) -> Sequence[Candidate]:
        """The same with how far apart they are, for the audit."""
        ...

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether a fingerprint tells its row from others."""
        ...

    @property
    def sure(self) -> int:
        """Largest distance at which a pair counts as the same without a second look."""
        ...

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes], /) -> Pairs:
        """What of one list seems to show what of another one shows, turned ones too."""
        ...

    def same(self, one: Any, other: Any, /, *, turn: int = 0) -> bool:
        """Whether two inputs, a pair of these, do show the same, on a second look."""
        ...


class SourceKind(Protocol):
    """A kind of input as the source of rows. A module may be one: these are then its functions and constants."""

    @property
    def name(self) -> str:
        """As in `drivetrain.runtime.kinds`: "images"."""
        ...

    @property
    def noun(self) -> str:
        """What rows are called, in the plural: "pictures"."""
        ...

    @property
    def suffixes(self) -> frozenset[str]:
        """Of its files, in lower case with the dot, and "*" where any file is one; none: its rows are cells."""
        ...

    def check(self, inputs: Any, /, **options: Any) -> list[Checked]:
        """Open each row once: its digest, its fingerprint, and what is wrong with it."""
        ...

    def groupings(self) -> Mapping[str, Callable[[Examples], Sequence[str]]]:
        """Name → what each row belongs to, as the inputs tell it: camera, day, speaker; "" where one tells nothing."""
        ...

    @property
    def near(self) -> NearDuplicates | None:
        """None: copies are found by content alone."""
        ...

    def metadata(self, rows: Examples, /) -> Mapping[str, Sequence[Any]]:
        """Columns that tell about a row without looking at what it shows; for the audit of shortcuts."""
        ...


@dataclass(frozen=True)
class Settled:
    """What all rows of a data set together decide about how each is read, and what deserves a word."""

    checked: Sequence[Checked]
    """As given; or, of rows that are read otherwise now, what was found when they were opened again."""
    options: Mapping[str, Any]
    """Those that were asked for, and what was found."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    notes: tuple[str, ...] = ()


class Settles(Protocol):
    """What the face `source` of a kind may have besides; what is there is used."""

    METADATA: str
    """What `metadata` gives, in words: "file size and camera"."""
    METADATA_BESIDE: bool
    """Whether what metadata alone reach stands beside every score, not in reports alone: where it costs little."""
    ALIKE: str
    """How near-duplicates are alike, in words, where not as pictures are: "nearly the same words"."""
    METRICS: tuple[str, ...]
    """Names of the metrics of categories that are shown where nothing was asked for; the first is the headline."""
    COLUMNS_ARGUMENT: str
    """What its public function calls the columns of its inputs: "text"; without it "columns"."""
    CELLS: bool
    """Whether rows may be cells of a table as well, of a kind that has `suffixes`: where no column names its files."""
    AS_WRITTEN: bool
    """Whether cells stay the texts that they are, as "007" and "NA", instead of becoming numbers and gaps."""
    SEEM: str
    """What rows do that seem to be the same: "sound"; where it is left out they "look" the same."""
    VERSIONS: bool
    """Whether rows that look the same are versions of one thing rather than copies: a split by time keeps them."""
    TELLER: str
    """What in the inputs tells the groups of `groupings`, for messages: "EXIF"."""

    def settle(self, inputs: Any, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
        """Look at all rows together; without `decide` the options stay, as those of a model that is judged."""
        ...

    def choose_cells(
        self, columns: Mapping[str, Sequence[Any]], apart: Collection[str], targets: Collection[str], /
    ) -> tuple[list[str], Decision]:
        """Of a table, which columns are the input where none was named; without it all that say nothing else."""
        ...

    def as_files(self, source: Any, options: Mapping[str, Any], /) -> Any:
        """A table of files for a table that holds the inputs of many rows itself; any other source as it is."""
        ...

    def findings(self, rows: Any, /, *, seed: int) -> list[Any]:
        """What an audit of such rows says of targets that are given away, instead of what it says of columns."""
        ...

    def guess_groups(self, rows: Examples, classes: Sequence[str], parts: Sequence[Part], /) -> list[GroupGuess]:
        """What rows may belong to, by the inputs: see `drivetrain.data.groups.guess`."""
        ...


OF_A_SOURCE = ("name", "noun", "suffixes", "check", "groupings", "near", "metadata")
"""What `SourceKind` asks for."""


class PlainSource:
    """The face `source` of a kind that leaves something out.

    Rows are then cells of a table, all of them can be used, nothing groups them, copies are found by content alone, and
    nothing is known of a row beside what it holds.
    """

    suffixes: frozenset[str] = frozenset()
    near: NearDuplicates | None = None

    def __init__(self, name: str, module: Any) -> None:
        self.name, self.noun = name, "rows"
        for said, value in vars(module).items():
            if not said.startswith("_"):
                setattr(self, said, value)

    def check(self, inputs: Any, /) -> list[Checked]:
        """The digest of each row; of a file also whether the description of its kind can load it."""
        from drivetrain.data.check import check_cells, check_files  # noqa: PLC0415 - which imports this

        if not self.suffixes:
            return check_cells(inputs)
        return check_files(inputs, face(self.name, "spec").Spec(), noun=self.noun)

    def groupings(self) -> Mapping[str, Callable[[Examples], Sequence[str]]]:
        """None."""
        return {}

    def metadata(self, rows: Examples, /) -> Mapping[str, Sequence[Any]]:
        """None."""
        return {}


def source_kind(name: str) -> SourceKind:
    """The face `source` of a kind of input.

    Raises:
        SettingError: There is no such kind, or it has no such face.

    Example:
        >>> source_kind("images").noun
        'pictures'
    """
    module = face(name, "source")
    if all(hasattr(module, said) for said in OF_A_SOURCE):
        return module
    return cast("SourceKind", PlainSource(kind_name(name), module))


def options_of(kind: SourceKind) -> tuple[str, ...]:
    """The names of the options that its `check` takes.

    Example:
        >>> options_of(source_kind("images"))
        ('channels', 'value_range')
    """
    arguments = inspect.signature(kind.check).parameters.values()
    return tuple(each.name for each in arguments if each.kind is each.KEYWORD_ONLY)


def checked_options(kind: SourceKind, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that were asked for, each one that the kind has.

    Raises:
        SettingError: It has no such option.

    Example:
        >>> checked_options(source_kind("images"), {"chanels": 1})
        Traceback (most recent call last):
        drivetrain.errors.SettingError: images have no option 'chanels'; ... Did you mean 'channels'? ...
    """
    known = options_of(kind)
    for name in options or {}:
        if name not in known:
            raise SettingError(
                f"{kind.name} have no option {name!r}; expected {first_few(map(repr, known)) or 'none'}."
                f"{did_you_mean(str(name), known)} To fix: leave it out, or name one of these."
            )
    return dict(options or {})


def hook(kind: SourceKind, name: str) -> Callable[..., Any] | None:
    """One of what `Settles` names, where the kind has it."""
    return getattr(kind, name, None)


def first_of_pairs(kind: str) -> str:
    """What pairs begin with, of a list of (…, label): a path, or the cell that is the input itself.

    Example:
        >>> first_of_pairs("images"), first_of_pairs("texts")
        ('path', 'text')
    """
    found = source_kind(kind)
    return str(getattr(found, "COLUMNS_ARGUMENT", "path")) if hook(found, "CELLS") else "path"


def alike(kind: str) -> str:
    """What rows of a kind do that seem to be the same.

    Example:
        >>> [f"they {alike(kind)} alike" for kind in ("images", "sounds")]
        ['they look alike', 'they sound alike']
    """
    return getattr(source_kind(kind), "SEEM", "look")


def as_files(name: str, source: Any, options: Mapping[str, Any]) -> Any:
    """A table that holds the inputs of a kind itself, as a table of files, where the kind can write them."""
    own = hook(source_kind(name), "as_files")
    return source if own is None else own(source, options)
