"""New rows beside the old ones: what is new, how it is divided, and the data that the updated model learns from.

Old classes keep their places: new ones come behind them. Rows of the old model's sealed test set are left out of what
is trained on, wherever they turn up, and stay test rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data, Sealed
from drivetrain.data.examples import Examples
from drivetrain.data.notices import warn
from drivetrain.data.reopen import Reopened, locations_of, reopen
from drivetrain.data.seals.sealing import seal_data
from drivetrain.data.splitting.divide import Fractions, labels_of, leave_out_unknown
from drivetrain.data.splitting.holding import divide_beside_seals
from drivetrain.data.splitting.split import PARTS, Part, Split
from drivetrain.errors import DataError, first_few
from drivetrain.learner.updating.exemplars import by_class
from drivetrain.learner.updating.old import OldModel, with_exemplars
from drivetrain.learner.updating.renamed import warn_of_spellings
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import counted, does, one_of, readable

if TYPE_CHECKING:
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source

OLD, NEW = 0, 1
"""What a training row is of."""


@dataclass(frozen=True)
class Joined:
    """What the updated model learns from and is judged by."""

    data: Data
    """Rehearsed and new rows together; the validation rows of both, the old ones first."""
    n_rehearsed: int
    """Training rows that are old; they come first."""
    per_class: int
    """Of these, in each epoch: so many of each class."""
    n_old_valid: int
    new_classes: tuple[str, ...]
    decisions: dict[str, Decision]
    new_source: str
    """Where the new rows came from, for people."""

    @property
    def sorts(self) -> NDArray[np.int64]:
        """(N,) `OLD` or `NEW`, of the training rows."""
        return np.where(np.arange(len(self.data.train)) < self.n_rehearsed, OLD, NEW).astype(np.int64)

    def drawn(self, random: np.random.Generator) -> NDArray[np.int64]:
        """The rows of an epoch: some old ones of each class, by chance, and all new ones.

        So the epochs together see many old rows in the time that a few take.
        """
        old = _drawn(self._old_of_class, self.per_class, random)
        return np.concatenate([old, np.arange(self.n_rehearsed, len(self.data.train))])

    @cached_property
    def _old_of_class(self) -> list[list[int]]:
        return _of_class(self.data.train, self.n_rehearsed)


@dataclass(frozen=True)
class NewRows:
    """The rows that the old model was not made with, each content once."""

    source: Reopened
    examples: Examples
    given: list[Part] | None
    """The parts that their source names."""
    locations: tuple[str, ...]


def join(
    old: OldModel,
    new: NewRows,
    *,
    rehearse: int,
    valid_pct: float | None,
    test_pct: float | None,
    seed: int,
    project: ProjectPlace,
) -> tuple[OldModel, Joined]:
    """Divide the new rows, and put the old ones beside them.

    Args:
        old: The model, with its rows where they are at hand.
        new: As `read_new_rows` found them.
        rehearse: Old training rows of each class that an epoch takes, drawn anew for each where there are more.
        valid_pct: Of the new rows; None as for any data.
        test_pct: Likewise.
        seed: Of what is drawn.
        project: The project folder.

    Returns:
        The old model with the rows that stand for its own, and what is learned from.

    Raises:
        DataError: No row is left to train on.
        SealError: New rows are sealed as test rows, or look like some.
    """
    reopened, rows, given = new.source, new.examples, new.given
    asked = Fractions(valid_pct, test_pct, seed)
    divided = divide_beside_seals(
        rows, given, kind=old.source.kind, asked=asked, giver="the source", project=project
    ).division
    kept = [row for row, part in enumerate(divided.parts) if part is not None]
    parts: list[Part] = [part for part in divided.parts if part is not None]
    rows = rows.subset(kept)
    target, new_classes = _grown(old.target, [v for v, part in zip(rows.values, parts, strict=True) if part == "train"])
    known, _ = leave_out_unknown(rows, parts, target)
    rows = rows.subset(known)
    parts = [parts[row] for row in known]
    by_part = {part: rows.subset([row for row, one in enumerate(parts) if one == part]) for part in PARTS}
    if not len(by_part["train"]):
        raise DataError(f"{reopened.description} leaves no new row to train on. To fix: pass more rows.")
    old = with_exemplars(old, rows, rehearse=rehearse > 0)
    rehearsed = _rehearsed(old.train, rehearse, len(by_part["train"]), np.random.default_rng([seed, OLD]))
    test = Examples.concat([old.test.open(), by_part["test"]])
    drawn = Fractions(divided.valid_pct, divided.test_pct, seed)
    split = _joined_split(old, rows, parts, drawn)
    places = list(dict.fromkeys([*old.locations, *new.locations]))
    decisions = {
        "old rows": old.rows,
        "split": divided.decision,
        "rehearsed": Decision(value=len(rehearsed), reason=_says_rehearsed(rehearsed, old, rehearse)),
    }
    if not isinstance(target, NumberTarget):
        warn_of_spellings(new_classes, old.target.vocab)  # pyright: ignore[reportAttributeAccessIssue] - no numbers
        names = first_few(map(readable, new_classes), 8) or "none"
        decisions["new classes"] = Decision(value=len(new_classes), reason=names)
    data = Data(
        train=Examples.concat([rehearsed, by_part["train"]]),
        valid=Examples.concat([old.valid, by_part["valid"]]),
        sealed_test=Sealed(test),
        target=target,
        split=split,
        spec=old.source,
        source=f"{reopened.description}, beside what {old.name} was made with",
        location=places[0] if places else None,
        further_locations=tuple(places[1:]),
        report=reopened.report,
        decisions=decisions,
    )
    sealed = seal_data(data, project=project)
    return old, Joined(sealed, len(rehearsed), rehearse, len(old.valid), new_classes, decisions, reopened.description)


def read_new_rows(new: Source, old: OldModel) -> NewRows:
    """Read new rows as the old model's were read; the rows of the model itself need not be at hand for that.

    Args:
        new: Folder, table or DataFrame.
        old: The model.

    Raises:
        DataError: No row is new, or the source cannot be read so.
    """
    reopened = reopen(new, old.source, old.target, split=old.split)
    part_of = {digest: part for part in PARTS for digest in old.split.find(part)}
    examples = reopened.examples
    fresh = [row for row, digest in enumerate(examples.digests) if digest not in part_of]
    seen = Counter(part_of[digest] for digest in examples.digests if digest in part_of)
    if not fresh:
        counts = ", ".join(f"{n} of its {part} set" for part, n in seen.items())
        raise DataError(
            f"{reopened.description} holds no row that is new to {old.name}: {counts}. Expected rows that it was not "
            "made with. To fix: pass the new data; the old ones go to old= (--old)."
        )
    if seen["test"]:
        warn(
            f"{counted(seen['test'], one_of(examples.noun), examples.noun)} of {reopened.description} "
            f"{does(seen['test'], 'are')} in the sealed test set of {old.name}, {does(seen['test'], 'stay')} there, "
            f"and {does(seen['test'], 'are')} not trained on."
        )
    given: list[Part] | None = None if reopened.given is None else [reopened.given[row] for row in fresh]
    return NewRows(reopened, examples.subset(fresh), given, tuple(locations_of(new)))


def _grown(target: Target, values: list[object]) -> tuple[Target, tuple[str, ...]]:
    """The old target with the classes that are new behind its own; numbers stay what they are."""
    if isinstance(target, NumberTarget):
        return target, ()
    labels = {label for value in values for label in labels_of(value)}  # pyright: ignore[reportArgumentType]
    new = tuple(sorted(labels - set(target.vocab)))
    return target.model_copy(update={"vocab": (*target.vocab, *new)}), new


def _rehearsed(rows: Examples, per_class: int, n_new: int, random: np.random.Generator) -> Examples:
    """As many old rows as there are new ones, of each class as many, and of none fewer than an epoch takes.

    So old and new rows speak as loudly where the head is solved for; and however many old ones there are, they do not
    take more time than the new ones do.
    """
    if not len(rows) or per_class == 0:
        return rows.subset([])
    of_class = _of_class(rows)
    return rows.subset(_drawn(of_class, max(per_class, math.ceil(n_new / len(of_class))), random).tolist())


def _of_class(rows: Examples, n: int | None = None) -> list[list[int]]:
    """The first n rows by class; of numbers by tenths of them."""
    return [mine for _, mine in sorted(by_class(rows.values, range(len(rows) if n is None else n)).items())]


def _drawn(of_class: Sequence[list[int]], per_class: int, random: np.random.Generator) -> NDArray[np.int64]:
    """At most so many rows of each class, in their order."""
    kept = {row for rows in of_class for row in random.permutation(np.array(rows))[:per_class].tolist()}
    return np.array(sorted(kept), dtype=np.int64)


def _says_rehearsed(rehearsed: Examples, old: OldModel, per_class: int) -> str:
    if not per_class:
        return "as asked"
    if not len(old.train):
        return "no old training rows are at hand"
    each = f"an epoch takes up to {per_class} of each class, drawn anew"
    return f"of {len(old.train)} old training rows at hand; {each}; a head that is solved for takes all of them"


def _joined_split(old: OldModel, rows: Examples, parts: Sequence[Part], asked: Fractions) -> Split:
    """All that the model has been trained on, was chosen by or is to be tested on, whether it is at hand or not."""
    told: dict[str, Part] = dict.fromkeys(old.split.find("test"), "test")
    told |= dict.fromkeys(old.split.find("valid"), "valid")
    told |= dict.fromkeys(old.split.find("train"), "train")
    told |= dict(zip(rows.digests, parts, strict=True))
    return Split.of(
        list(told),
        list(told.values()),
        method="given",
        seed=asked.seed,
        valid_pct=asked.valid_pct or 0.0,
        test_pct=asked.test_pct or 0.0,
    )
