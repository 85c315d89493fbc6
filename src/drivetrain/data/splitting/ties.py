"""What must stay together: rows of one group, copies of one file, and pictures that are copies to the eye."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drivetrain.data.examples import Examples
from drivetrain.data.kind import source_kind
from drivetrain.data.splitting.coded import Rows, coded

MOST_LOOKED_AT = 200
"""Near pairs of different groups that get a second look, at about 20 ms each; a kind may say `most_looks` itself."""


class Ties(NamedTuple):
    """Which rows go together."""

    units: tuple[str, ...]
    """(N,) rows with the same name stay in one part; the name depends on no path and no order."""
    n_joined: int = 0
    """Near-identical pictures that joined two groups, or two rows without a group."""
    n_not_looked_at: int = 0
    """Near pairs of different groups beyond those that were looked at."""


class Unions:
    """Things that belong together, transitively.

    Example:
        >>> unions = Unions()
        >>> unions.join("a", "b"), unions.join("c", "b"), unions.join("a", "c")
        (True, True, False)
        >>> unions.find("a") == unions.find("c") != unions.find("d")
        True
    """

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def find(self, thing: Hashable) -> Hashable:
        """The one that stands for all that `thing` belongs to."""
        top = thing
        while (above := self._above.get(top, top)) != top:
            top = above
        while (above := self._above.get(thing, top)) != top:
            self._above[thing] = top
            thing = above
        return top

    def join(self, one: Hashable, other: Hashable) -> bool:
        """Put the two together; False where they were already."""
        a, b = self.find(one), self.find(other)
        if a == b:
            return False
        self._above[b] = a
        return True


def tie(examples: Examples, *, looks: bool = True) -> Ties:
    """Name for each row what it must stay together with.

    Args:
        examples: Rows, with groups where they are known.
        looks: Also join pictures that look the same and, on a second look at the pixels, are.

    Example:
        >>> from pathlib import Path
        >>> from drivetrain.data.inputs import Files
        >>> rows = Examples(Files((Path("a"),) * 4), ("00", "11", "00", "22"), ("x",) * 4, groups=("p", "q", "r", "s"))
        >>> tie(rows).units
        ('p', 'q', 'p', 's')
    """
    contents, content = coded(examples.digests)
    names = coded(examples.groups if len(examples.groups) else examples.digests, in_order=True)
    bundle = _bundles(content, names.codes, len(contents), len(names.distinct))
    joined, not_looked_at = (0, 0)
    if looks and any(examples.signatures):
        bundle, joined, not_looked_at = _join_near(examples, bundle)
    least = np.full(int(bundle.max(initial=-1)) + 1, len(names.distinct))
    np.minimum.at(least, bundle, names.codes)
    units = np.array(names.distinct, object)[least[bundle]]
    return Ties(tuple(units.tolist()), joined, not_looked_at)


def _bundles(content: Rows, group: Rows, n_contents: int, n_groups: int) -> Rows:
    """(N,) rows with the same number have a content or a group in common, or are joined by rows that have."""
    n = n_contents + n_groups
    graph = coo_array((np.ones(len(content), np.int8), (content, n_contents + group)), (n, n))
    return connected_components(graph, directed=False)[1][content].astype(np.int64)


def are_versions(examples: Examples) -> bool:
    """Whether rows that look the same are versions that a split by time is to tell apart, not copies."""
    return bool(len(examples.times)) and bool(getattr(source_kind(examples.kind), "VERSIONS", False))


def near_groups(examples: Examples) -> tuple[str, ...]:
    """A group for each set of pictures that look alike: the least digest among them."""
    unions = Unions()
    near = source_kind(examples.kind).near
    for i, j in () if near is None else near.pairs(examples):
        unions.join(examples.digests[i], examples.digests[j])
    tops = [unions.find(digest) for digest in examples.digests]
    names = _least(zip(tops, examples.digests, strict=True))
    return tuple(names[top] for top in tops)


def _join_near(examples: Examples, bundle: Rows) -> tuple[Rows, int, int]:
    """Join what lies apart and is the same picture; counts what was joined, and what was left for want of time."""
    near = source_kind(examples.kind).near
    if near is None:
        return bundle, 0, 0
    digests, own = examples.digests, bundle.tolist()
    unions = Unions()
    pairs = sorted(tuple(sorted(((digests[i], i), (digests[j], j)))) for i, j in near.pairs(examples))
    joined = looked_at = left = 0
    most = getattr(near, "most_looks", MOST_LOOKED_AT)
    for (_, i), (_, j) in pairs:
        if unions.find(own[i]) == unions.find(own[j]):
            continue
        if looked_at == most:
            left += 1
            continue
        looked_at += 1
        if near.same(examples.inputs[i], examples.inputs[j]):
            joined += unions.join(own[i], own[j])
    tops = np.fromiter(map(unions.find, range(int(bundle.max()) + 1)), np.int64) if joined else None
    return bundle if tops is None else tops[bundle], joined, left


def _least(named: Iterable[tuple[Hashable, str]]) -> dict[Hashable, str]:
    """The least name of each."""
    least: dict[Hashable, str] = {}
    for top, name in named:
        least[top] = min(name, least.get(top, name))
    return least
