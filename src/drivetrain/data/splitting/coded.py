"""Columns of text as whole numbers: what is asked of a million rows is asked of arrays. And long lists, packed."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
MOST_LISTED = 20_000
"""Contents that JSON lists one by one, for people; longer lists are packed."""


class Coded(NamedTuple):
    """A column of N cells, of which D differ."""

    distinct: list[str]
    """(D,) in the order in which they are met first, or sorted."""
    codes: Rows
    """(N,) which of them each cell is."""


def coded(cells: Iterable[str], *, in_order: bool = False) -> Coded:
    """Number the distinct cells of a column.

    Args:
        cells: Text, in a tuple, a list or an array.
        in_order: Number them as they sort, instead of as they are met.

    Example:
        >>> coded(["b", "a", "b"]).codes.tolist(), coded(["b", "a", "b"], in_order=True).codes.tolist()
        ([0, 1, 0], [1, 0, 1])
    """
    cells = texts(cells)
    distinct = sorted(set(cells)) if in_order else list(dict.fromkeys(cells))
    code_of = dict(zip(distinct, range(len(distinct)), strict=True))
    return Coded(distinct, np.fromiter(map(code_of.__getitem__, cells), np.int64, len(cells)))


def texts(cells: Iterable[str]) -> Sequence[str]:
    """A column of text that Python goes through fast: of an array its cells, as a list."""
    return (
        cells.tolist() if isinstance(cells, np.ndarray) else cells if isinstance(cells, list | tuple) else list(cells)
    )


def firsts(codes: Rows, n: int) -> Rows:
    """(n,) the first row of each code, all of which occur.

    Example:
        >>> firsts(np.array([0, 1, 0]), 2).tolist()
        [0, 1]
    """
    found = np.empty(n, np.int64)
    found[codes[::-1]] = np.arange(len(codes))[::-1]
    return found


def flat(rows: Sequence[str] | Sequence[tuple[str, ...]]) -> tuple[Rows, list[str]]:
    """The labels of all rows, one after the other, and whose each is.

    Example:
        >>> flat([("red", "round"), (), ("red",)])[0].tolist(), flat(["pear", "fig"])[1]
        ([0, 0, 2], ['pear', 'fig'])
    """
    cells: list[str | tuple[str, ...]] = rows.tolist() if isinstance(rows, np.ndarray) else list(rows)
    several = [(cell,) if isinstance(cell, str) else cell for cell in cells]
    sizes = np.fromiter(map(len, several), np.int64, len(several))
    return np.repeat(np.arange(len(several)), sizes), list(chain.from_iterable(several))


def pairs_of(first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """The distinct pairs of two columns of codes, sorted.

    Example:
        >>> [column.tolist() for column in pairs_of(np.array([1, 0, 1]), np.array([5, 2, 5]))]
        [[0, 1], [2, 5]]
    """
    if not len(first):
        return first, second
    width = int(second.max()) + 1
    both = np.unique(first * width + second)
    return both // width, both % width


def packed(digests: Sequence[str]) -> object:
    """Hexadecimal digests as bytes in base64: a third shorter than in JSON; as they are where they are of many lengths.

    Example:
        >>> packed(["00ff", "10ff"])
        {'digits': 4, 'packed': 'AP8Q/w=='}
    """
    lengths = {len(digest) for digest in digests}
    if len(lengths) != 1 or min(lengths) % 2:
        return list(digests)
    try:
        content = bytes.fromhex("".join(digests))
    except ValueError:
        return list(digests)
    if content.hex() != "".join(digests):
        return list(digests)
    return {"digits": min(lengths), "packed": base64.b64encode(content).decode()}


def unpacked(said: Mapping[str, object]) -> tuple[str, ...]:
    """What `packed` was given; raises ValueError where it did not make this.

    Example:
        >>> unpacked(packed(["00ff", "10ff"]))
        ('00ff', '10ff')
    """
    digits, content = said.get("digits"), said.get("packed")
    if set(said) != {"digits", "packed"} or type(digits) is not int or not isinstance(content, str):
        raise ValueError("expected the number of digits, and digests packed in base64")
    digests = base64.b64decode(content, validate=True).hex()
    if digits < 2 or digits % 2 or len(digests) % digits:
        raise ValueError(f"these are no digests of {digits} digits")
    return tuple(digests[start : start + digits] for start in range(0, len(digests), digits))
