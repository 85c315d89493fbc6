"""What rows look like, found when somebody asks: rows found again by content are read, hashed, and not decoded.

A fingerprint (see `drivetrain.data.kind.NearDuplicates`) takes a decoded input. Those of rows that a model was saved
with are kept in the cache of inputs, by content: a report or a review of the model need not decode them either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from drivetrain.data.kind import source_kind

if TYPE_CHECKING:
    from drivetrain.data.cache.arrays import ArrayCache
    from drivetrain.data.examples import Examples
    from drivetrain.data.inputs import Inputs


class _How(NamedTuple):
    """What fingerprints depend on besides the content of inputs."""

    kind: str
    options: tuple[tuple[str, Any], ...]

    @property
    def identity(self) -> str:
        version = getattr(source_kind(self.kind).near, "version", 0)
        return f"fingerprints {version} of {self.kind} read with {self.options}"


class Looks(Sequence[bytes]):
    """The signatures of N rows, some of them not known yet; all of them are found as soon as one is asked for.

    Args:
        inputs: (N,) rows.
        digests: (N,) contents.
        found: Content → signature; shared by all that are taken from one another, so that none is found twice.
        how: How they are read.
    """

    def __init__(self, inputs: Inputs, digests: Sequence[str], found: dict[str, bytes], how: _How) -> None:
        self._inputs, self._digests, self._found, self._how = inputs, digests, found, how
        self._looked = False

    def __len__(self) -> int:
        return len(self._digests)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, row: int | slice) -> bytes | tuple[bytes, ...]:
        self._look()
        if isinstance(row, slice):
            return tuple(self._found[digest] for digest in self._digests[row])
        return self._found[self._digests[row]]

    def __iter__(self) -> Iterator[bytes]:
        self._look()
        return iter([self._found[digest] for digest in self._digests])

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Looks | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def take(self, rows: Sequence[int]) -> Looks:
        """Those of some rows, still without a look at them."""
        return Looks(self._inputs.take(rows), [self._digests[i] for i in rows], self._found, self._how)

    def join(self, other: Looks) -> Looks:
        """These, then the others, which are decoded alike."""
        self._found.update({digest: look for digest, look in other._found.items() if digest not in self._found})
        inputs = self._inputs.join(other._inputs)
        return Looks(inputs, [*self._digests, *other._digests], self._found, self._how)

    def is_like(self, other: Sequence[bytes]) -> bool:
        """Whether `join` may be asked for."""
        return isinstance(other, Looks) and other._how == self._how

    def _look(self) -> None:
        """Find what is not known: in the cache, or else in the files; one that has changed tells nothing."""
        if self._looked:
            return
        self._looked = True
        missing = {digest: row for row, digest in enumerate(self._digests) if digest not in self._found}
        if not missing:
            return
        cache = _cache_of(self._how)
        kept = {digest: None if cache is None else cache.get(digest) for digest in missing}
        self._found.update({digest: look[0].tobytes() for digest, look in kept.items() if look is not None})
        left = [digest for digest, look in kept.items() if look is None]
        kind = source_kind(self._how.kind)
        inputs = self._inputs.take([missing[digest] for digest in left])
        checked = kind.check(inputs, **dict(self._how.options)) if left else []
        looks = {d: c.signature if c.digest == d else b"" for d, c in zip(left, checked, strict=True)}
        self._found.update(looks)
        _keep(cache, looks)


def looks_of(rows: Examples, found: Mapping[str, bytes]) -> Sequence[bytes]:
    """(N,) fingerprints: as they were found, or, where some are not known, a sequence that finds them when asked.

    Args:
        rows: With digests.
        found: Content → fingerprint.

    Example:
        >>> from pathlib import Path
        >>> from drivetrain.data.examples import Examples
        >>> from drivetrain.data.inputs import Files
        >>> looks_of(Examples(Files([Path("a.jpg")]), ("00",), ("x",)), {"00": b"x"})
        (b'x',)
    """
    if source_kind(rows.kind).near is None:
        return ()
    if all(digest in found for digest in rows.digests):
        return tuple(found[digest] for digest in rows.digests)
    return Looks(rows.inputs, rows.digests, dict(found), _how_of(rows))


def looks_at(looks: Sequence[bytes], rows: Sequence[int]) -> Sequence[bytes]:
    """Those of some rows; none where none are known.

    Example:
        >>> looks_at((b"x", b"y"), [1]), looks_at((), [1])
        ((b'y',), ())
    """
    if isinstance(looks, Looks):
        return looks.take(rows)
    return tuple(looks[row] for row in rows) if looks else ()


def joined_looks(parts: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
    """Those of all parts, one after the other; none where a part knows none.

    Example:
        >>> joined_looks([(b"x",), (b"y",)]), joined_looks([(b"x",), ()])
        ((b'x', b'y'), ())
    """
    if not all(parts):
        return ()
    first, *others = parts or [()]
    if isinstance(first, Looks) and all(first.is_like(other) for other in others):
        for other in others:
            assert isinstance(other, Looks)
            first = first.join(other)
        return first
    return tuple(look for part in parts for look in part)


def keep_looks(rows: Examples) -> None:
    """Remember what rows look like, in the cache of inputs; nothing is kept where that is off or full."""
    if rows.signatures and not isinstance(rows.signatures, Looks):
        _keep(_cache_of(_how_of(rows)), dict(zip(rows.digests, rows.signatures, strict=True)))


def _how_of(rows: Examples) -> _How:
    return _How(rows.kind, tuple(sorted(rows.options.items())))


def _cache_of(how: _How) -> ArrayCache | None:
    from drivetrain.data.cache.arrays import ArrayCache  # noqa: PLC0415 - needs platformdirs, which reading tables does not
    from drivetrain.data.cache.location import CachePlace  # noqa: PLC0415

    place = CachePlace.from_environment()
    return ArrayCache(place, how.identity) if place.limit_bytes > 0 else None


def _keep(cache: ArrayCache | None, looks: Mapping[str, bytes]) -> None:
    if cache is None:
        return
    for digest, look in looks.items():
        if look:
            cache.put(digest, (np.frombuffer(look, np.uint8),))
    cache.publish()
