"""The draw: a part for every row, by chance or class by class.

A row's part depends on the content of its file and on the seed, never on its position or name: the same pictures
give the same split in any order, in any folder, on any machine, and copies of a picture stay together.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from drivetrain.data.notices import warn
from drivetrain.data.split import Part, check_fractions
from drivetrain.errors import SplitError, first_few

Labels = Sequence[str] | Sequence[tuple[str, ...]]


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
    order = sorted(contents, key=lambda digest: rank(seed, digest))
    n_test, n_valid = share(len(order), test_pct), share(len(order), valid_pct)
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


def _draw_by_class(order: list[str], class_of: Mapping[str, str], n_test: int, n_valid: int) -> dict[str, Part]:
    """Give each class its share of the test and validation rows; at least one of each class goes on training."""
    members: dict[str, list[str]] = defaultdict(list)
    for digest in order:
        members[class_of[digest]].append(digest)
    single = sorted(name for name, rows in members.items() if len(rows) == 1)
    if single and n_test + n_valid:
        warn(
            f"{len(single)} classes have one distinct picture, which goes to the training set: {first_few(single)}. "
            "How well they are recognised cannot be measured."
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


def share(n: int, pct: float) -> int:
    """`pct` of `n`, rounded half up, at least 1 unless `pct` is 0.

    Example:
        >>> share(10, 0.25), share(10, 0.01), share(10, 0)
        (3, 1, 0)
    """
    return max(1, math.floor(n * pct + 0.5 + 1e-9)) if pct > 0 else 0


def _too_small(n: int, valid_pct: float, test_pct: float) -> SplitError:
    return SplitError(
        f"{n} distinct pictures cannot be split with valid_pct={valid_pct:g} and test_pct={test_pct:g} so that every "
        "part has a row and every class a training row. To fix: add pictures, or set test_pct=0 or valid_pct=0."
    )


def rank(seed: int, text: str) -> bytes:
    """A place in the draw: depends on nothing but the seed and the text.

    Example:
        >>> rank(1, "a") == rank(1, "a"), rank(1, "a") == rank(2, "a")
        (True, False)
    """
    return hashlib.blake2b(f"{seed}|{text}".encode(), digest_size=16).digest()
