"""Rows with targets, divided and checked: what a `Learner` learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drivetrain.attributes import DATA, Told
from drivetrain.calls import named
from drivetrain.data.check import CheckReport
from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.data.kind import source_kind
from drivetrain.data.listing import SourceSpec
from drivetrain.data.seals.seal import SealedSet, read_by_hand
from drivetrain.data.splitting.split import Split
from drivetrain.errors import first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import counted, one_of, printable, readable

if TYPE_CHECKING:
    from drivetrain.data.splitting.folds import NestedFold


class Sealed:
    """Test rows that can be counted and handed on; looking into them is done by name: `open`.

    Example:
        >>> from pathlib import Path
        >>> from drivetrain.data.inputs import Files
        >>> rows = Sealed(Examples(Files([Path("a.jpg")]), ("00",), ("pear",)))
        >>> len(rows), rows
        (1, <1 sealed rows>)
        >>> rows.inputs
        Traceback (most recent call last):
        AttributeError: the test set is sealed ...
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Examples | None = None) -> None:
        self._rows = Examples() if rows is None else rows

    def open(self) -> Examples:
        """The rows, for those who judge a model by them, seal them, or look for copies of them in other parts."""
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} sealed rows>"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the test set is sealed and has no {name!r}: learn.test() or `drivetrain evaluate --test` opens it, on "
            "the record, once you have chosen a model."
        )


@dataclass(frozen=True, repr=False)
class Data(Told, elsewhere=DATA):
    """Training and validation rows, a sealed test set, and the target fitted on the training rows alone.

    Made by a kind's public function such as `drivetrain.images`; printing it shows `summary`.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> len(data.train), len(data.valid), data.target.names
        (36, 12, ('price',))
    """

    train: Examples
    valid: Examples
    target: Target
    split: Split
    spec: SourceSpec
    """How the source was read."""
    source: str
    """Where the rows came from, for people."""
    location: str | None = None
    """Absolute path of the source; None for a DataFrame."""
    further_locations: tuple[str, ...] = field(default=(), kw_only=True)
    """Of further sources, of data that an update has put together."""
    report: CheckReport = field(default_factory=CheckReport)
    """Rows left out, and why."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    sealed_test: Sealed = field(default_factory=Sealed, kw_only=True)
    """The test rows, which can be counted; `Learner.test` judges a model by them."""
    seal: SealedSet | None = field(default=None, kw_only=True)
    """What the test set is recognised by; None where there is none."""
    groups_guessed: tuple[GroupGuess, ...] = field(default=(), kw_only=True)
    """What rows may belong to together, by their names, columns and looks; the likeliest first."""
    project: str | None = field(default=None, kw_only=True)
    """The project folder that was asked for; None: the one at hand, see `drivetrain.data.seals.project`."""

    @property
    def kind(self) -> str:
        """The kind of input, as in `drivetrain.runtime.kinds`."""
        return self.spec.input

    @property
    def options(self) -> Mapping[str, Any]:
        """How that kind reads its inputs: what its public function was asked for, and what it found itself."""
        return self.spec.options

    @property
    def n_test(self) -> int:
        """Rows in the test set."""
        return len(self.sealed_test)

    @named
    def open_test(self, why: str) -> Examples:
        """The test rows themselves, with paths and targets, for what `Learner.test` does not do.

        It counts as an opening, on the record: what is chosen after somebody looked is judged by rows that were seen.

        Args:
            why: What they are needed for; it goes into the log.

        Raises:
            SettingError: No reason is given.
            SealError: The log of the project was tampered with.
        """
        read_by_hand(self.seal, self.project, why)
        return self.sealed_test.open()

    @named
    def folds(self, k: int = 5, *, seed: int | None = None) -> list[Data]:
        """The same data `k` times for cross-validation, each time with another part of the rows to validate on.

        Folds are made as the split was (by time, by group, class by class); the sealed test set is in none. See
        `drivetrain.data.splitting.folds.make_folds`, also for errors.
        """
        from drivetrain.data.splitting.folds import make_folds  # noqa: PLC0415 - brings scikit-learn

        return make_folds(self, k, seed=seed)

    @named
    def nested_folds(self, k: int = 5, *, inner: int = 4, seed: int | None = None) -> list[NestedFold]:
        """Outer folds, each with inner folds of its training rows to choose settings with.

        See `drivetrain.data.splitting.folds.make_nested_folds`.
        """
        from drivetrain.data.splitting.folds import make_nested_folds  # noqa: PLC0415 - brings scikit-learn

        return make_nested_folds(self, k, inner=inner, seed=seed)

    def summary(self) -> str:
        """Counts, target, split, rows left out and decisions, as lines of text."""
        sealed = f" (sealed as {self.seal.id})" if self.seal else " (sealed)" if self.n_test else ""
        read = [_option(name, value) for name, value in self.options.items() if isinstance(value, int | str)]
        lines = [
            ", ".join([f"{source_kind(self.kind).noun} from {self.source}", *read]),
            f"  training    {len(self.train)} rows",
            f"  validation  {len(self.valid)} rows",
            f"  test        {self.n_test} rows{sealed}",
            f"  target      {describe_target(self.target)}",
            f"  split       {self.split.how}, seed {self.split.seed}, identity {self.split.identity[:8]}",
        ]
        lines += [f"  {line}" for line in str(self.report).splitlines()]
        lines += [f"  {name}: {decision}" for name, decision in self.decisions.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return printable(self.summary())


def _option(name: str, value: Any) -> str:
    """How inputs are read, in short.

    Example:
        >>> _option("channels", 3), _option("windows", 1), _option("recorded_hz", 8000), _option("keep_silent", True)
        ('3 channels', '1 window', 'recorded_hz=8000', 'keep_silent=True')
    """
    if "_" in name or isinstance(value, bool):
        return f"{name}={value}"
    return counted(value, one_of(name), name) if isinstance(value, int) else f"{value} {name}"


def describe_target(target: Target) -> str:
    """Kind, name and categories of a target in one line.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> describe_target(CategoryTarget.fit("fruit", ["pear", "apple"]))
        "category 'fruit', 2 classes: apple, pear"
    """
    if isinstance(target, NumberTarget):
        return f"number {first_few(map(repr, target.names))}"
    classes = "classes" if target.kind == "category" else "labels"
    return f"{target.task} {target.name!r}, {len(target.vocab)} {classes}: {first_few(map(readable, target.vocab))}"


Data.__module__ = "drivetrain"  # where people find it, so that messages and help say so
