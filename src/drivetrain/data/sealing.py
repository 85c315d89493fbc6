"""The test part is sealed when the split is made, and what would be trained on is compared with every seal in force."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivetrain.data.data import Data
from drivetrain.data.divide import Division
from drivetrain.data.examples import Examples
from drivetrain.data.notices import warn
from drivetrain.data.project import Project, ProjectPlace
from drivetrain.data.seal import RELATED, Known, SealedSet, Seals, identity_of
from drivetrain.data.signatures import near_arrays, same_picture
from drivetrain.data.split import Part, Split
from drivetrain.errors import SealError
from drivetrain.progress import say
from drivetrain.settings import place, several, text
from drivetrain.text import readable

SealFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
"""Seals that somebody handed over."""

SURE = 12
"""A picture at most this many of 256 signs from a sealed one, whose file is not at hand, counts as a copy of it."""
LOOKS = 400
"""Pairs of pictures that are looked at a second time, at about 20 ms each; the nearest first."""


@dataclass(frozen=True)
class Match:
    """A row that would be trained or validated on, and shows what is sealed."""

    path: Path
    exact: bool
    """It has the very content; else it looks the same."""
    twin: Path | None
    """The sealed picture, where it is at hand."""

    def __str__(self) -> str:
        if self.twin is None or self.twin == self.path:
            return readable(self.path)
        return f"{readable(self.path)} {'has the content of' if self.exact else 'looks like'} {readable(self.twin)}"


def seal_data(data: Data, *, project: ProjectPlace = None, seal: SealFiles = None, retire: str | None = None) -> Data:
    """Compare training and validation rows with all seals in force, then seal the test rows, once.

    The same test rows have the same seal, whenever and however often they are sealed. Copies of test rows that are in
    the data when they are sealed are recorded in the seal, and a warning names them; a copy that is new stops.

    Args:
        data: Divided data.
        project: The project folder; None takes the one at hand. Where it cannot be written, a warning says so.
        seal: Seals that somebody else holds: nothing they cover may be trained on.
        retire: A reason to give up, on the record, the sealed sets that stand in the way.

    Raises:
        SealError: A row that would be trained or validated on is sealed, or looks like one that is; or the record of
            the seals was tampered with.
        SettingError: `retire` is empty.
    """
    if retire is not None:
        text("retire", retire, what="a reason, in your words, to give up a sealed test set")
    seals = Seals(Project.find(project))
    data = replace(data, project=None if project is None else os.fspath(project))
    test = data.sealed_test.open()
    used = Examples.concat([data.train, data.valid])
    here = dict(zip((*used.digests, *test.digests), (*used.paths, *test.paths), strict=True))
    for sealed in _handed_over(seal):
        if found := matches(used, sealed, here):
            raise SealError(_copies(found, sealed, "which somebody else holds", allow=False))
    identity = identity_of(test.digests)
    for known in seals.live():
        split = _split_of(seals, known.sealed)
        found = matches(used, known.sealed, here, allowed=known.allowed, seen=_seen(split))
        if not found:
            continue
        another_split = known.sealed.identity != identity and any(match.exact for match in found)
        if another_split and retire is not None:
            seals.retire(known.sealed.id, retire)
            say(f"the sealed test set {known.sealed.id} is given up, on the record: {retire}")
        elif another_split and all(match.exact for match in found):
            raise SealError(_another_split(found, data, known.sealed, seals))
        else:  # what looks like a sealed picture is named first: no other split would mend that
            copies = [match for match in found if not match.exact] if another_split else found
            raise SealError(_copies(copies, known.sealed, f"since {known.sealed.created[:10]}"))
    if not len(test):
        return data
    try:
        return replace(data, seal=_sealed(seals, data, test, used))
    except OSError as error:
        warn(
            f"the test set is sealed for this run only: {seals.project.folder} cannot be written "
            f"({error.strerror or error}). To fix: name another folder with project=, or DRIVETRAIN_PROJECT."
        )
        return replace(data, seal=SealedSet.of(test, source=data.source, split=data.split))


def check_validation(rows: Examples, project: ProjectPlace = None) -> None:
    """Compare validation rows that a saved model is judged on again with all seals in force, by their contents.

    Raises:
        SealError: A row was sealed as a test row since the model was made, or the record of the seals was changed.
    """
    here = dict(zip(rows.digests, rows.paths, strict=True))
    by_content = replace(rows, signatures=())
    for known in Seals(Project.find(project)).live():
        if found := matches(by_content, known.sealed, here, allowed=known.allowed):
            raise SealError(_copies(found, known.sealed, f"since {known.sealed.created[:10]}"))


def keep_sealed(division: Division, examples: Examples, seed: int, project: ProjectPlace = None) -> Division:
    """A draw that leaves the test set as the same draw sealed it before, where pictures were added or taken away since.

    The rows that were sealed are the test set, what is new is trained or validated on. Other seeds and fractions are
    another split, which this leaves alone (see `seal_data`); so are splits by group or time, and given ones.

    Args:
        division: A part for every row.
        examples: The rows.
        seed: Of the draw.
        project: The project folder; None takes the one at hand.
    """
    if division.method not in ("random", "stratified") or not division.test_pct:
        return division
    seals = Seals(Project.find(project))
    for known in seals.live():
        drawn, sealed = known.sealed.drawn, set(known.sealed.rows_of(examples.digests))
        same = drawn and (drawn.method, drawn.seed, drawn.test_pct) == (division.method, seed, division.test_pct)
        if not same or not sealed:
            continue
        if sealed == {row for row, part in enumerate(division.parts) if part == "test"}:
            return division
        split = _split_of(seals, known.sealed)
        validated: frozenset[str] = frozenset() if split is None else split.find("valid")
        parts: list[Part | None] = []
        for row, part in enumerate(division.parts):
            other = ("valid" if examples.digests[row] in validated else "train") if part == "test" else part
            parts.append("test" if row in sealed else other)
        why = f"{division.decision.reason}; the test set stays as it was sealed ({known.sealed.id})"
        return replace(division, parts=tuple(parts), decision=division.decision.model_copy(update={"reason": why}))
    return division


def matches(
    rows: Examples,
    sealed: SealedSet,
    here: Mapping[str, Path],
    *,
    allowed: Iterable[str] = (),
    seen: frozenset[str] = frozenset(),
) -> list[Match]:
    """Which rows have the content of a sealed picture, or look like one.

    Looks count where the pixels agree as well, if the sealed picture is at hand, or else where hardly a sign differs.
    Flat pictures look like all others of their kind: they are compared by content alone.

    Args:
        rows: What would be trained or validated on.
        sealed: One seal.
        here: Content → file, of all that is at hand.
        allowed: Salted hashes of contents that were found to be no copies.
        seen: Contents that were there when the test set was sealed: what they look like was recorded then.
    """
    passed = {*sealed.overlap, *allowed}
    hashes = [sealed.hash_of(digest) for digest in rows.digests]
    exact = [row for row, found in enumerate(hashes) if found in sealed.looks and found not in passed]
    found = [Match(rows.paths[row], True, here.get(rows.digests[row])) for row in exact]
    new = [row for row, digest in enumerate(rows.digests) if digest not in seen and hashes[row] not in passed]
    new = sorted(set(new) - set(exact)) if rows.signatures else []
    if not new:
        return found
    near = near_arrays([rows.signatures[row] for row in new], sealed.signatures)
    at_hand = {sealed.hash_of(digest): path for digest, path in here.items()}
    alike: dict[int, Match] = {}
    for looks, pair in enumerate(np.argsort(near.distance, kind="stable").tolist()):
        row, twin = new[int(near.first[pair])], at_hand.get(sealed.hashes[int(near.second[pair])])
        if row in alike:
            continue
        if twin is not None and looks < LOOKS:
            same = same_picture(rows.paths[row], twin)
        else:
            same = int(near.distance[pair]) <= SURE
        if same:
            alike[row] = Match(rows.paths[row], False, twin)
    return [*found, *alike.values()]


def asked_seals(seal: SealFiles) -> list[str]:
    """The files of seals that were handed over.

    Raises:
        SettingError: Something among them is no path.

    Example:
        >>> asked_seals("their.seal.json"), asked_seals(None)
        (['their.seal.json'], [])
    """
    expected = "the file of a seal, or a list of such files"
    files = [] if seal is None else several("seal", seal, expected, single=(str, os.PathLike))
    return [place("seal", file, what=expected) for file in files]


def _handed_over(seal: SealFiles) -> list[SealedSet]:
    return [SealedSet.read(file) for file in asked_seals(seal)]


def _sealed(seals: Seals, data: Data, test: Examples, used: Examples) -> SealedSet:
    """The seal of these test rows: the one on record, the one that the model they come with carries, or a new one."""
    known = seals.known()
    identity = identity_of(test.digests)
    same = next((k for k in known if k.sealed.identity == identity), None)
    if same is not None and same.retired is None:
        return same.sealed
    if same is not None and same.retired is not None:
        warn(
            f"this test set was sealed before and given up on {same.retired.when[:10]} "
            f"({same.retired.facts['reason']!r}); it is sealed again. What was learnt from its pictures in between "
            "makes its score flatter."
        )
        return seals.add(same.sealed)
    if data.seal is not None and data.seal.identity == identity:
        return seals.add(data.seal, data.split, test)
    related = [k.sealed.id for k in known if _is_related(k, test)]
    sealed = SealedSet.of(test, source=data.source, split=data.split, overlap=_overlap(used, test), related=related)
    return seals.add(sealed, data.split, test)


def _is_related(known: Known, test: Examples) -> bool:
    shared = len({test.digests[row] for row in known.sealed.rows_of(test.digests)})
    return shared > 0 and shared >= RELATED * min(known.sealed.n, len(set(test.digests)))


def _overlap(used: Examples, test: Examples) -> set[str]:
    """Contents of training and validation rows that are in the test set too, or look like a test picture."""
    exact = set(used.digests) & set(test.digests)
    if not used.signatures or not test.signatures:
        return exact
    near = near_arrays(used.signatures, test.signatures)
    pairs = [
        (int(near.first[pair]), int(near.second[pair])) for pair in np.argsort(near.distance, kind="stable").tolist()
    ]
    pairs = [(row, twin) for row, twin in pairs if used.digests[row] != test.digests[twin]]
    same = [(row, twin) for row, twin in pairs[:LOOKS] if same_picture(used.paths[row], test.paths[twin])]
    if same:
        row, twin = same[0]
        warn(
            f"{len({row for row, _ in same})} training or validation pictures look like test pictures, so the test "
            f"score will flatter.\n  first: {readable(used.paths[row])} looks like {readable(test.paths[twin])}\n"
            "  To fix: `drivetrain audit` shows them; remove one of each pair."
        )
    return exact | {used.digests[row] for row, _ in pairs}


def _split_of(seals: Seals, sealed: SealedSet) -> Split | None:
    path = seals.split_file(sealed)
    return None if path is None else Split.load(path)


def _seen(split: Split | None) -> frozenset[str]:
    return frozenset() if split is None else split.find("train") | split.find("valid")


def _another_split(found: Sequence[Match], data: Data, sealed: SealedSet, seals: Seals) -> str:
    """What is wrong with a split that trains on what another one has sealed, and the two ways out."""
    paths = {match.path for match in found if match.exact}
    trained = sum(path in paths for path in data.train.paths)
    validated = sum(path in paths for path in data.valid.paths)
    how = f" with {sealed.drawn}" if sealed.drawn and "seed" in str(sealed.drawn) else ""
    split = seals.split_file(sealed)
    keep = "divide the data as they were then" if split is None else f'split="{split.as_posix()}"'
    first = next(match for match in found if match.exact)
    return (
        f"this split would train on {trained} and validate on {validated} of the {sealed.n} pictures that are sealed "
        f"as test set {sealed.id} (since {sealed.created[:10]}, from {sealed.source}{how}).\n"
        f"  first: {readable(first.path)}\n"
        f"  To fix: keep the sealed test set with {keep}. "
        f'Or give it up, on the record, with retire="WHY" (in a shell: drivetrain seals retire {sealed.id} '
        "--reason WHY). To try other seeds of the training, pass seed to Learner."
    )


def _copies(found: Sequence[Match], sealed: SealedSet, whose: str, *, allow: bool = True) -> str:
    """Which files are copies of sealed pictures, and what to do with them."""
    shown = "".join(f"\n  {match}" for match in found[:5])
    more = f"\n  … ({len(found) - 5} more)" if len(found) > 5 else ""
    same = " They look the same: saved anew, resized or mirrored." if not any(match.exact for match in found) else ""
    alike = (
        f" If they only look alike: drivetrain seals allow {sealed.id} FILE… --reason WHY."
        if allow and not all(match.exact for match in found)
        else ""
    )
    return (
        f"{len(found)} training or validation pictures are copies of pictures that are sealed as test set {sealed.id}, "
        f"{whose}.{same}{shown}{more}\n  To fix: remove them from the training and validation set.{alike}"
    )
