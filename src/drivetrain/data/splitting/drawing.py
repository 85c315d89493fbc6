"""The draw: a part for every row, by chance or class by class.

A row's part depends on the content of its file and on the seed, never on its position or name: the same pictures
give the same split in any order, in any folder, on any machine, and copies of a picture stay together.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.notices import warn
from drivetrain.data.splitting.coded import Rows, coded, firsts, flat, pairs_of
from drivetrain.data.splitting.split import PARTS, Part, check_fractions
from drivetrain.errors import SplitError, first_few
from drivetrain.text import agreeing

Labels = Sequence[str] | Sequence[tuple[str, ...]]
TRAIN, VALID, TEST = range(3)
"""Parts as numbers: where they stand in `PARTS`."""


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
    contents, code = coded(digests)
    order = np.argsort(ranks(seed, contents), kind="stable")
    n_test, n_valid = share(len(order), test_pct), share(len(order), valid_pct)
    if n_test + n_valid >= len(order) and n_test + n_valid > 0:
        raise _too_small(len(order), valid_pct, test_pct)
    rows, names = flat([] if labels is None else labels)
    vocab, label_code = coded(names, in_order=True)
    of_content, label = pairs_of(code[rows], label_code)
    is_category = labels is not None and len(rows) == len(code) and all(map(_is_text, labels))
    if stratify and is_category:
        class_of = label[firsts(of_content, len(contents))]  # of a content with several, the first in the alphabet
        part_of = _draw_by_class(order, class_of, vocab, n_test, n_valid)
    else:
        part_of = np.zeros(len(contents), np.int8)
        part_of[order[n_test : n_test + n_valid]], part_of[order[:n_test]] = VALID, TEST
    _keep_every_label_in_training(order, of_content, label, part_of)
    for part, pct in ((VALID, valid_pct), (TEST, test_pct)):
        if pct > 0 and not (part_of == part).any():
            raise _too_small(len(contents), valid_pct, test_pct)
    return parts_named(part_of[code])


def parts_named(codes: NDArray[np.int8]) -> list[Part]:
    """The parts that `TRAIN`, `VALID` and `TEST` stand for.

    Example:
        >>> parts_named(np.array([TRAIN, TEST], np.int8))
        ['train', 'test']
    """
    return np.array(PARTS, object)[codes].tolist()


def _is_text(label: object) -> bool:
    return isinstance(label, str)


def _draw_by_class(order: Rows, class_of: Rows, vocab: Sequence[str], n_test: int, n_valid: int) -> NDArray[np.int8]:
    """Give each class its share of the test and validation rows; at least one of each class goes on training."""
    drawn = class_of[order]
    n_of = np.bincount(class_of, minlength=len(vocab))
    met = [int(name) for name in drawn[np.sort(np.unique(drawn, return_index=True)[1])]]
    single = sorted(vocab[name] for name in met if n_of[name] == 1)
    if single and n_test + n_valid:
        warn(
            f"{agreeing(len(single), 'classes', 'have')} one distinct row, which goes to the training set: "
            f"{first_few(single)}. "
            "How well they are recognised cannot be measured."
        )
    sizes = {name: int(n_of[name]) for name in met}
    room = {name: size - 1 for name, size in sizes.items()}
    tests = _apportion(n_test, sizes, room)
    valids = _apportion(n_valid, sizes, {name: room[name] - tests[name] for name in room})
    by_class = np.argsort(drawn, kind="stable")
    begin = np.zeros(len(vocab) + 1, np.int64)
    np.cumsum(n_of, out=begin[1:])
    place = np.empty(len(order), np.int64)  # in the draw of its class
    place[by_class] = np.arange(len(order)) - begin[drawn[by_class]]
    of_test, of_valid = (np.array([given.get(name, 0) for name in range(len(vocab))]) for given in (tests, valids))
    until_test = of_test[drawn]
    part_of = np.zeros(len(order), np.int8)
    # the test set is handed out first, then validation: changing `valid_pct` leaves the test set alone
    part_of[order] = np.where(place < until_test, TEST, np.where(place < until_test + of_valid[drawn], VALID, TRAIN))
    return part_of


def _apportion(seats: int, sizes: Mapping[int, int], room: Mapping[int, int]) -> dict[int, int]:
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


def _keep_every_label_in_training(order: Rows, of_content: Rows, label: Rows, part_of: NDArray[np.int8]) -> None:
    """Move the first row of a label that is nowhere in the training set there."""
    missing = set(np.setdiff1d(label, label[part_of[of_content] == TRAIN]).tolist())
    if not missing:
        return
    labels: dict[int, set[int]] = defaultdict(set)
    held = np.isin(label, list(missing))
    for content, name in zip(of_content[held].tolist(), label[held].tolist(), strict=True):
        labels[content].add(name)
    lacking = np.isin(order, list(labels))
    for content in reversed(order[lacking].tolist()):
        if labels[content] & missing:
            part_of[content] = TRAIN
            missing -= labels[content]


def share(n: int, pct: float) -> int:
    """`pct` of `n`, rounded half up, at least 1 unless `pct` is 0.

    Example:
        >>> share(10, 0.25), share(10, 0.01), share(10, 0)
        (3, 1, 0)
    """
    return max(1, math.floor(n * pct + 0.5 + 1e-9)) if pct > 0 else 0


def _too_small(n: int, valid_pct: float, test_pct: float) -> SplitError:
    return SplitError(
        f"{n} distinct rows cannot be split with valid_pct={valid_pct:g} and test_pct={test_pct:g} so that every "
        "part has a row and every class a training row. To fix: add rows, or set test_pct=0 or valid_pct=0."
    )


def rank(seed: int, text: str) -> bytes:
    """A place in the draw: depends on nothing but the seed and the text.

    Example:
        >>> rank(1, "a") == rank(1, "a"), rank(1, "a") == rank(2, "a")
        (True, False)
    """
    return hashlib.blake2b(f"{seed}|{text}".encode(), digest_size=16).digest()


def ranks(seed: int, texts: Iterable[str]) -> NDArray[np.bytes_]:
    """The `rank` of each text: 16 bytes, which sort as the draw goes.

    Example:
        >>> ranks(1, ["a"]).tobytes() == rank(1, "a")
        True
    """
    blake2b, before = hashlib.blake2b, f"{seed}|"
    found = b"".join([blake2b((before + text).encode(), digest_size=16).digest() for text in texts])
    return np.frombuffer(found, "S16")
