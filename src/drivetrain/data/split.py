"""Which rows train, which choose the model, and which are kept for the end.

A row's part depends on the content of its file and on the seed, never on its position or name: the same pictures
give the same split in any order, in any folder, on any machine, and copies of a picture stay together.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from drivetrain.errors import DrivetrainWarning, SettingError, SplitError, did_you_mean, first_few

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
SYNONYMS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
"""What people call the parts, in lower case."""

Labels = Sequence[str] | Sequence[tuple[str, ...]]


class Split(BaseModel):
    """The content of each part, as digests: enough to find the rows again wherever the files have moved.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> split.find("valid"), split.find("test")
        (frozenset({'11'}), frozenset())
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["random", "stratified", "given"]
    seed: int
    valid_pct: float
    test_pct: float
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    identity: str
    """Hash over the three parts: two models with the same identity were trained and judged on the same rows."""

    @model_validator(mode="after")
    def _identity_is_of_these_parts(self) -> Split:
        if self.identity != _identity(self.train, self.valid, self.test):
            raise ValueError("identity does not belong to these parts")
        return self

    @classmethod
    def of(
        cls,
        digests: Sequence[str],
        parts: Sequence[Part],
        *,
        method: Literal["random", "stratified", "given"],
        seed: int,
        valid_pct: float,
        test_pct: float,
    ) -> Split:
        """The split that puts each digest in the part beside it."""
        rows = list(zip(digests, parts, strict=True))
        train, valid, test = (tuple(sorted({digest for digest, part in rows if part == name})) for name in PARTS)
        return cls(
            method=method,
            seed=seed,
            valid_pct=valid_pct,
            test_pct=test_pct,
            train=train,
            valid=valid,
            test=test,
            identity=_identity(train, valid, test),
        )

    def find(self, part: Part) -> frozenset[str]:
        """The digests of one part."""
        return frozenset({"train": self.train, "valid": self.valid, "test": self.test}[part])


def make_split(
    digests: Sequence[str],
    labels: Labels | None = None,
    *,
    valid_pct: float,
    test_pct: float,
    seed: int,
    stratify: bool = True,
) -> list[Part]:
    """Draw a part for every row.

    Parts are counted in distinct contents (copies travel together). With one label per row each class is divided in
    the same proportion (largest remainders, so the totals are right too); with several labels per row, or none,
    rows are drawn regardless. Every label keeps at least one training row.

    Args:
        digests: Content of each row's file.
        labels: The category or categories of each row; None for numbers.
        valid_pct: Fraction for validation, 0 ≤ valid_pct < 1; above 0 at least one row is taken.
        test_pct: Fraction for the test set, likewise; the two together stay below 1.
        seed: Another number draws another split.
        stratify: False draws categories regardless of class.

    Raises:
        SettingError: A fraction is out of range.
        SplitError: There are too few pictures, or too few per class, to fill the parts asked for.

    Example:
        >>> parts = make_split(["a", "b", "c", "d"], ["x", "x", "y", "y"], valid_pct=0.5, test_pct=0, seed=42)
        >>> sorted(parts)
        ['train', 'train', 'valid', 'valid']
    """
    check_fractions(valid_pct, test_pct)
    contents: dict[str, set[str]] = defaultdict(set)
    for row, digest in enumerate(digests):
        label = labels[row] if labels is not None else ()
        contents[digest].update((label,) if isinstance(label, str) else label)
    order = sorted(contents, key=lambda digest: _rank(seed, digest))
    n_test, n_valid = _share(len(order), test_pct), _share(len(order), valid_pct)
    if n_test + n_valid >= len(order) and n_test + n_valid > 0:
        raise _too_small(len(order), valid_pct, test_pct)
    by_class = stratify and labels is not None and all(isinstance(label, str) for label in labels)
    part_of: dict[str, Part]
    if by_class:
        part_of = _draw_by_class(order, {d: min(contents[d]) for d in order}, n_test, n_valid)
    else:
        part_of = {digest: _part_at(place, n_test, n_valid) for place, digest in enumerate(order)}
    _keep_every_label_in_training(order, contents, part_of)
    drawn = set(part_of.values())
    for part, pct in (("valid", valid_pct), ("test", test_pct)):
        if pct > 0 and part not in drawn:
            raise _too_small(len(order), valid_pct, test_pct)
    return [part_of[digest] for digest in digests]


def check_fractions(valid_pct: float, test_pct: float) -> None:
    """Raise SettingError unless 0 ≤ each < 1 and their sum < 1.

    Example:
        >>> check_fractions(0.2, 0.2)
    """
    for name, value in (("valid_pct", valid_pct), ("test_pct", test_pct)):
        is_number = isinstance(value, Real)
        if not is_number or not 0 <= value < 1:
            hint = f" Did you mean {value / 100:g}?" if is_number and 1 <= value < 100 else ""
            raise SettingError(f"{name} is {value!r}; expected a fraction, at least 0 and below 1.{hint}")
    if valid_pct + test_pct >= 1:
        raise SettingError(
            f"valid_pct {valid_pct:g} and test_pct {test_pct:g} leave nothing to train on; "
            "expected a sum below 1. Mend it: make one smaller."
        )


def parts_from_names(names: Iterable[str], where: str) -> list[Part]:
    """What people write (train, val, dev, ...) as parts; raises SplitError that names what is unknown.

    Example:
        >>> parts_from_names(["Train", "val"], "column 'split'")
        ['train', 'valid']
    """
    names = [name.strip() for name in names]
    unknown = sorted({name for name in names if name.casefold() not in SYNONYMS})
    if unknown:
        hint = did_you_mean(unknown[0].casefold(), ("train", "valid", "validation", "test"))
        raise SplitError(
            f"{where} has {len(unknown)} unknown values: {first_few(map(repr, unknown))}; expected train, valid or "
            f"test.{hint} Mend it: rename them, or name another split column."
        )
    return [SYNONYMS[name.casefold()] for name in names]


def _draw_by_class(order: list[str], class_of: Mapping[str, str], n_test: int, n_valid: int) -> dict[str, Part]:
    """Give each class its share of the test and validation rows; at least one of each class goes on training."""
    members: dict[str, list[str]] = defaultdict(list)
    for digest in order:
        members[class_of[digest]].append(digest)
    single = sorted(name for name, rows in members.items() if len(rows) == 1)
    if single and n_test + n_valid:
        warnings.warn(
            f"{len(single)} classes have one distinct picture, which goes to the training set: {first_few(single)}. "
            "How well they are recognised cannot be measured.",
            DrivetrainWarning,
            stacklevel=5,
        )
    sizes = {name: len(rows) for name, rows in members.items()}
    room = {name: size - 1 for name, size in sizes.items()}
    tests = _apportion(n_test, sizes, room)
    valids = _apportion(n_valid, sizes, {name: room[name] - tests[name] for name in room})
    return {
        digest: _part_at(place, tests[name], valids[name])
        for name, rows in members.items()
        for place, digest in enumerate(rows)
    }


def _part_at(place: int, n_test: int, n_valid: int) -> Part:
    """The draw hands out the test set first, then validation: changing `valid_pct` leaves the test set alone."""
    if place < n_test:
        return "test"
    return "valid" if place < n_test + n_valid else "train"


def _apportion(seats: int, sizes: Mapping[str, int], room: Mapping[str, int]) -> dict[str, int]:
    """Divide `seats` over classes in proportion to `sizes`, by largest remainders, never above `room`."""
    total = sum(sizes.values())
    quota = {name: seats * size / total for name, size in sizes.items()}
    given = {name: min(math.floor(quota[name]), room[name]) for name in sizes}
    while (left := seats - sum(given.values())) > 0:
        open_classes = [name for name in sizes if given[name] < room[name]]
        if not open_classes:
            break
        open_classes.sort(key=lambda name: given[name] - quota[name])  # of equals, the first drawn
        for name in open_classes[:left]:
            given[name] += 1
    return given


def _keep_every_label_in_training(order: list[str], contents: Mapping[str, set[str]], part_of: dict[str, Part]) -> None:
    """Move the first row of a label that is nowhere in the training set there."""
    trained = {label for digest in order if part_of[digest] == "train" for label in contents[digest]}
    for digest in reversed(order):
        if not contents[digest] <= trained:
            part_of[digest] = "train"
            trained |= contents[digest]


def _share(n: int, pct: float) -> int:
    """`pct` of `n`, rounded half up, at least 1 unless `pct` is 0."""
    return max(1, math.floor(n * pct + 0.5 + 1e-9)) if pct > 0 else 0


def _too_small(n: int, valid_pct: float, test_pct: float) -> SplitError:
    return SplitError(
        f"{n} distinct pictures cannot be split with valid_pct={valid_pct:g} and test_pct={test_pct:g} so that every "
        "part has a row and every class a training row. Mend it: add pictures, or set test_pct=0 or valid_pct=0."
    )


def _rank(seed: int, text: str) -> bytes:
    """A place in the draw: depends on nothing but the seed and the text."""
    return hashlib.blake2b(f"{seed}|{text}".encode(), digest_size=16).digest()


def _identity(*parts: Sequence[str]) -> str:
    """Order inside a part does not matter; which part a digest is in does."""
    text = "\n".join(",".join(sorted(part)) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
