"""The rows of a saved model found again, by content, wherever their files are now.

Every file is read and hashed; only what the model's own split does not hold is decoded as well, to tell new rows from
broken files. The others could be decoded when the split was made, and their content is the same.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from drivetrain.data.check import CheckReport, LeftOut
from drivetrain.data.data import Data, Sealed
from drivetrain.data.examples import Examples
from drivetrain.data.groups.grouping import groups_told
from drivetrain.data.listing import GroupBy, SourceSpec
from drivetrain.data.notices import warn
from drivetrain.data.record import saved_data, seal_of
from drivetrain.data.review import apply_review, read_review, with_new_values
from drivetrain.data.rows import open_rows
from drivetrain.data.seals.seal import SealedSet
from drivetrain.data.sources import Source, reread_source
from drivetrain.data.splitting.divide import PART_WORDS, leave_out_unknown
from drivetrain.data.splitting.new_rows import known_rows, only_new
from drivetrain.data.splitting.split import PARTS, Part, Split
from drivetrain.errors import DataError, SealError, SettingError
from drivetrain.progress import say
from drivetrain.runtime.artefact import Artefact
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target, TargetValue
from drivetrain.text import counted, does, one_of, readable


class Matched(NamedTuple):
    """Rows to evaluate, and how many are not there."""

    examples: Examples
    n_missing: int = 0
    """Stored contents that the source does not have; of all rows, those whose class the model does not know."""
    n_left_out: int = 0
    """Rows of a sealed test set that are among the model's own training or validation rows."""


class NotThereError(DataError):
    """None of the rows asked for is in the source."""


@dataclass(frozen=True)
class Reopened:
    """The rows of a source as a saved model reads them; none is in a part yet."""

    examples: Examples
    given: tuple[Part, ...] | None
    """The part that the source itself names for each row."""
    spec: SourceSpec
    """How the source was read when the model was trained, with what a review relabels now."""
    group_by: GroupBy | None
    """What tells groups here."""
    target: Target
    split: Split | None
    description: str
    report: CheckReport

    def part(self, part: Part) -> Matched:
        """The rows that are in one part of the split, and of a class that the model knows.

        Raises:
            NotThereError: There is none.
            DataError: None is of a class that the model knows.
        """
        assert self.split is not None
        rows, n_missing = match_by_content(self.examples.digests, self.split, part, given=self.given)
        if not rows:
            fix = "pass the data the model was trained from; or judge rows that are new to it, part='new' (--new)"
            n = len(self.split.find(part))
            raise NotThereError(
                none_there(f"{n} {self.examples.noun} of the stored {PART_WORDS[part]} set", self.description, fix)
            )
        known = frozenset[str]().union(*(self.split.find(each) for each in PARTS))
        n_new = len(set(self.examples.digests) - known)
        if n_new:
            say(
                f"{self.description} holds {counted(n_new, one_of(self.examples.noun), self.examples.noun)} that the "
                "model was not made with, and that the score leaves out. To judge them: part='new' (--new)"
            )
        found, unknown = self._of_known_classes(rows, part)
        if not len(found):
            report = CheckReport(self.report.n_rows, unknown)
            raise DataError(f"{self.description} has no row with a class the model knows. {report}")
        return Matched(found, n_missing)

    def new(self) -> Matched:
        """The rows that no part of the split holds, of classes that the model knows; raises DataError where none is."""
        assert self.split is not None
        rows, _ = self._judgeable()
        return Matched(self._grouped(only_new(rows, self.split, self.target, self.description)))

    def training(self) -> Examples:
        """The training rows that are there, perhaps none, for what is fitted on them to stand beside a model."""
        assert self.split is not None
        rows, _ = match_by_content(self.examples.digests, self.split, "train", given=self.given)
        return self._of_known_classes(rows, "train")[0]

    def all(self) -> Matched:
        """Every row of a class that the model knows; raises DataError where there is none."""
        rows, n_unknown = self._judgeable()
        return Matched(self._grouped(rows), n_unknown)

    def sealed(self, sealed: SealedSet, trained_with: Split, *, of: str, seal: str) -> Matched:
        """The rows of a sealed test set, without those that a model was trained on or chosen by.

        Args:
            sealed: The test set.
            trained_with: The split of the model.
            of: What the model is called.
            seal: What the seal is called.

        Raises:
            DataError: None of them is there.
            SealError: All are rows that the model was trained on or chosen by.
        """
        rows, _ = self._judgeable()
        rows = rows.subset(sealed.rows_of(rows.digests))
        if not len(rows):
            fix = "pass the data that the seal was made from"
            raise DataError(none_there(f"{sealed.n} {self.examples.noun} of {seal}", "the data", fix))
        kept = _never_seen(rows, trained_with, of, sealed)
        left = self._grouped(rows.subset(kept))
        return Matched(left, sealed.n - len(set(rows.digests)), len(rows) - len(kept))

    def parts(self, artefact: str) -> dict[Part, Examples]:
        """The rows of all three parts; a warning says how many are not there any more.

        Raises:
            DataError: None of the training rows is there.
        """
        assert self.split is not None
        parts: dict[Part, Examples] = {}
        n_missing = 0
        for part in PARTS:
            rows, not_there = match_by_content(self.examples.digests, self.split, part, given=self.given)
            parts[part], unknown = self._of_known_classes(rows, part)
            n_missing += not_there + len(unknown)
        if not len(parts["train"]):
            what = f"{len(self.split.find('train'))} training {self.examples.noun} of {artefact}"
            raise DataError(none_there(what, self.description, "pass the data the model was trained from"))
        if n_missing:
            warn(
                f"{counted(n_missing, one_of(self.examples.noun), self.examples.noun)} that {artefact} was made with "
                f"{does(n_missing, 'are')} not in {self.description} any more; the rest is used."
            )
        return parts

    def _judgeable(self) -> tuple[Examples, int]:
        kept, unknown = known_rows(self.examples, self.target, self.description)
        return self.examples.subset(kept), len(unknown)

    def _of_known_classes(self, rows: Sequence[int], part: Part) -> tuple[Examples, tuple[LeftOut, ...]]:
        found = self.examples.subset(rows)
        judged: list[Part] = [part] * len(found)
        kept, unknown = leave_out_unknown(found, judged, self.target)
        return self._grouped(found.subset(kept)), unknown

    def _grouped(self, rows: Examples) -> Examples:
        """With the groups that only the pictures tell: of these rows alone, since no group is in two parts."""
        if len(rows.groups) or self.group_by is None:
            return rows
        return replace(rows, groups=groups_told(rows, self.group_by))


def reopen(
    source: Source,
    spec: SourceSpec,
    target: Target,
    *,
    split: Split | None = None,
    known: Container[str] | None = None,
    review: str | os.PathLike[str] | None = None,
) -> Reopened:
    """List a source as the one that a model was trained from, and find out the content of each row.

    Args:
        source: Folder, table file or DataFrame, or a list of them; files may have moved or been renamed since training.
        spec: How the training source was read; the same columns are read here.
        target: The trained model's target.
        split: The stored split, whose contents are not decoded again.
        known: Other contents that need not be decoded; None takes those of `split`.
        review: File of decisions; its labels count instead of those of the source, and a warning says how many.

    Raises:
        DataError: The source cannot be read, or no row is usable.
        SettingError: The target columns are not as many as the model says numbers.

    Example:
        >>> fruit = CategoryTarget.fit("fruit", ["apple", "pear"])
        >>> reopen("/no/such", SourceSpec(layout="folder"), fruit)
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such does not exist; ...
    """
    several = sources_of(source)
    if len(several) > 1:
        each = [reopen(one, spec, target, split=split, known=known, review=review) for one in several]
        return _together(each)
    source = several[0]
    spec = spec.model_copy(update={"kind": target.kind})
    if isinstance(target, NumberTarget) and spec.target and len(spec.target) != len(target.names):
        raise SettingError(f"{len(spec.target)} target columns given; the model says {len(target.names)} numbers.")
    classes = target.vocab if isinstance(target, CategoryTarget) else ()
    listed = reread_source(source, spec, with_parts=split is not None, known=classes)
    if known is None:
        known = frozenset[str]().union(*(split.find(part) for part in PARTS)) if split else frozenset[str]()
    by, listed = listed.spec.group_by, replace(listed, spec=listed.spec.model_copy(update={"group_by": None}))
    opened = open_rows(listed, decide=False, known=known)
    examples, given, relabelled = opened.rows, opened.parts, dict[str, TargetValue]()
    if review is not None:
        examples, kept, relabelled = _with_review(examples, review, spec)
        left: list[Part] = [] if given is None else [given[row] for row in kept]
        given = None if given is None else tuple(left)
    spec = spec.model_copy(update={"relabelled": relabelled})
    return Reopened(examples, given, spec, by, target, split, listed.description, opened.report)


def data_of(artefact: Artefact, source: Source | None = None, *, review: str | os.PathLike[str] | None = None) -> Data:
    """The rows a model was trained, validated and is to be tested on, each in the part that it had.

    Args:
        artefact: Opened and verified.
        source: Folder, table or DataFrame that holds the rows now; None takes the place they were trained from.
        review: File of decisions whose labels count instead of those of the data.

    Raises:
        ArtefactError: What the artefact says of its data is damaged.
        DataError: The source cannot be read, or holds none of the training rows.
    """
    saved = saved_data(artefact)
    saved.tell_of_labels(review)
    target = artefact.manifest.target
    place = saved.places() if source is None else source
    found = reopen(place, saved.spec, target, split=saved.split, review=review)
    parts, locations = found.parts(str(artefact.path)), locations_of(place)
    return Data(
        train=parts["train"],
        valid=parts["valid"],
        sealed_test=Sealed(parts["test"]),
        seal=seal_of(artefact),
        target=target,
        split=saved.split,
        spec=found.spec,
        source=found.description,
        location=locations[0] if locations else None,
        further_locations=tuple(locations[1:]),
        report=found.report,
    )


def sources_of(source: Source) -> list[Source]:
    """The sources that a list of them names; any other source is one.

    Example:
        >>> sources_of(["fruit", "more fruit"]), sources_of([("a.jpg", "apple")])
        (['fruit', 'more fruit'], [[('a.jpg', 'apple')]])
    """
    if not isinstance(source, list | tuple) or not source:
        return [source]
    each = list(cast("Sequence[Any]", source))
    are_sources = all(isinstance(one, str | os.PathLike) or hasattr(one, "columns") for one in each)
    return each if are_sources else [source]


def locations_of(source: Source) -> list[str]:
    """Absolute paths of those sources that are folders or files."""
    found = [one for one in sources_of(source) if isinstance(one, str | os.PathLike)]
    return [os.path.abspath(one) for one in found]  # noqa: PTH100 - keeps links


def _together(found: Sequence[Reopened]) -> Reopened:
    """Several sources as one: each content once, where they overlap."""
    if len(found) == 1:
        return found[0]
    first = found[0]
    rows = Examples.concat([one.examples for one in found])
    given = None
    if all(one.given is not None for one in found):
        given = [part for one in found for part in one.given or ()]
    seen: set[str] = set()
    own: set[str] = set()
    kept: list[int] = []
    ends = np.cumsum([len(one.examples) for one in found]).tolist()
    for row, digest in enumerate(rows.digests):
        if row == ends[0]:  # copies within one source stay copies
            ends, seen = ends[1:], seen | own
            own = set()
        if digest not in seen:
            kept.append(row)
            own.add(digest)
    report = CheckReport(
        sum(one.report.n_rows for one in found), tuple(each for one in found for each in one.report.left_out)
    )
    return replace(
        first,
        examples=rows.subset(kept),
        given=None if given is None else tuple(given[row] for row in kept),
        description=" and ".join(one.description for one in found),
        report=report,
    )


def none_there(what: str, where: str, fix: str) -> str:
    """What to say where none of the rows asked for is found."""
    return f"none of the {what} is in {where} (compared by content). To fix: {fix}."


def _with_review(
    examples: Examples, review: str | os.PathLike[str], spec: SourceSpec
) -> tuple[Examples, list[int], Mapping[str, TargetValue]]:
    """Rows that a review leaves in, which they are, and digest → new label; a warning says how many it changed."""
    name = readable(os.path.basename(review))  # noqa: PTH119 - of a name, not of a file
    found = apply_review(read_review(review), examples, kind=spec.kind, n_numbers=max(len(spec.target), 1), name=name)
    kept = [row for row in range(len(examples)) if row not in found.left_out]
    warn(f"labels count as decided in {found.decision}")
    return with_new_values(examples.subset(kept), found.relabelled), kept, found.relabelled


def match_by_content(
    digests: Sequence[str], split: Split, part: Part, *, given: Sequence[Part] | None = None
) -> tuple[list[int], int]:
    """Row numbers whose content is in `part`, and how many stored contents were not found.

    Args:
        digests: Content of each row.
        split: The stored split.
        part: Which part of it.
        given: The part that the source itself names for each row; settles contents that are in several parts.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> match_by_content(["11", "22"], split, "valid")
        ([0], 0)
    """
    wanted = split.find(part)
    elsewhere = frozenset[str]().union(*(split.find(other) for other in PARTS if other != part))
    rows = [
        row
        for row, digest in enumerate(digests)
        if digest in wanted and (given is None or digest not in elsewhere or given[row] == part)
    ]
    return rows, len(wanted - {digests[row] for row in rows})


def warn_of_learnt(digests: Sequence[str], split: Split, part: Literal["valid", "test"]) -> None:
    """Say so where rows that judge a model have the content of rows that it was trained on, or chosen by.

    Args:
        digests: Content of each row that judges.
        split: Of the model.
        part: What the rows are.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> warn_of_learnt(["11"], split, "valid")
    """
    trained, chosen = split.find("train"), split.find("valid")
    n_trained = sum(digest in trained for digest in digests)
    n_chosen = sum(digest in chosen - trained for digest in digests) if part == "test" else 0
    if n_trained or n_chosen:
        also = f", and {n_chosen} that of validation rows" if n_chosen else ""
        warn(
            f"{n_trained} of {len(digests)} {PART_WORDS[part]} rows {does(n_trained, 'have')} the content of rows "
            "that this model was "
            f"trained on{also}, so the score flatters. To fix: remove the copies from the data, and train again."
        )


def _never_seen(examples: Examples, split: Split, model: str, sealed: SealedSet) -> list[int]:
    """Those rows of a sealed test set that a model was neither trained on nor chosen by; a warning counts the others.

    Raises:
        SealError: There are none.
    """
    trained, validated = split.find("train"), split.find("valid")
    n_trained = sum(digest in trained for digest in examples.digests)
    kept = [row for row, digest in enumerate(examples.digests) if digest not in trained and digest not in validated]
    left_out = len(examples) - len(kept)
    if not left_out:
        return kept
    what = (
        f"{left_out} of the {len(examples)} {examples.noun} of the test set {sealed.id} {does(left_out, 'are')} among "
        f"those that {model} "
        f"was trained ({n_trained}) or validated ({left_out - n_trained}) on"
    )
    if not kept:
        raise SealError(
            f"{what}: none is left to judge it by. To fix: judge a model that was trained with this seal "
            f"(seal=, --seal), or seal {examples.noun} that nobody has trained on."
        )
    warn(f"{what}; they are left out, and the score is of the other {len(kept)}.")
    return kept
