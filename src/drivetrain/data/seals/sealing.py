"""The test part is sealed when the split is made, and what would be trained on is compared with every seal in force."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.kind import alike, source_kind
from drivetrain.data.notices import warn
from drivetrain.data.seals.claims import claim
from drivetrain.data.seals.elsewhere import known_elsewhere, remember_project
from drivetrain.data.seals.project import Project, ProjectPlace
from drivetrain.data.seals.seal import RELATED, Known, SealedSet, Seals, identity_of
from drivetrain.data.splitting.split import Split
from drivetrain.data.splitting.ties import are_versions
from drivetrain.errors import SealError
from drivetrain.progress import say
from drivetrain.settings import place, several, text
from drivetrain.text import agreeing, counted, does, one_of, readable

SealFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
"""Seals that somebody handed over."""

LOOKS = 400
"""Pairs of pictures that are looked at a second time, at about 20 ms each; the nearest first."""


@dataclass(frozen=True)
class Match:
    """A row that would be trained or validated on, and shows what is sealed."""

    path: Path | str
    """Its file, or what the row of a table is called."""
    exact: bool
    """It has the very content; else it looks the same, or does what rows of its kind do (`verb`)."""
    twin: Path | str | None
    """The sealed one, where it is at hand."""
    verb: str = "look"

    def __str__(self) -> str:
        if self.twin is None or self.twin == self.path:
            return readable(self.path)
        how = "has the content of" if self.exact else f"{self.verb}s like"
        return f"{readable(self.path)} {how} {readable(self.twin)}"


class _ChangedMeanwhileError(Exception):
    """Another process has changed what is sealed since this one decided by it."""


Made = TypeVar("Made")


def undisturbed(seals: Seals, work: Callable[[], Made]) -> Made:
    """What `work` makes; where another process has sealed meanwhile, it is done again while others wait."""
    try:
        return work()
    except _ChangedMeanwhileError:
        with seals.project.locked():
            return work()


def seal_data(
    data: Data,
    *,
    project: ProjectPlace = None,
    seal: SealFiles = None,
    retire: str | None = None,
    version: str | None = None,
) -> Data:
    """Compare training and validation rows with all seals in force, then seal the test rows, once.

    The same test rows have the same seal, whenever and however often they are sealed. Copies of test rows that are in
    the data when they are sealed are recorded in the seal, and a warning names them; a copy that is new stops. A seal
    that nobody has used gives way to another split; see `drivetrain.data.splitting.holding`.

    Args:
        data: Divided data.
        project: The project folder; None takes the one at hand. Where it cannot be written, a warning says so.
        seal: Seals that somebody else holds: nothing they cover may be trained on.
        retire: A reason to give up, on the record, the sealed sets that stand in the way.
        version: Of the seals that the split was made by; for `undisturbed`, which makes it anew where they changed.

    Raises:
        SealError: A row that would be trained or validated on is sealed, or looks like one that is; or the record of
            the seals was tampered with.
        SettingError: `retire` is empty.
    """
    if retire is not None:
        text("retire", retire, what="a reason, in your words, to give up a sealed test set")
    seals = Seals(Project.find(project))
    data = replace(data, project=None if project is None else os.fspath(project))
    if version is not None:
        return _seal(seals, data, seal, retire, version)
    return undisturbed(seals, lambda: _seal(seals, data, seal, retire, seals.version()))


def _seal(seals: Seals, data: Data, seal: SealFiles, retire: str | None, version: str) -> Data:
    test = data.sealed_test.open()
    used = Examples.concat([data.train, data.valid])
    _check_handed_over(used, test, seal)
    leaving = _that_leave(seals, data, used, retire)
    known = seals.known()
    same = next((k for k in known if k.sealed.identity == identity_of(test.digests)), None) if len(test) else None
    fresh = _new_seal(known, data, test, used) if same is None and len(test) else None
    if not len(test) and not leaving:
        return data
    try:
        with seals.project.locked():
            if seals.version() != version:
                raise _ChangedMeanwhileError
            for left in leaving:
                _give_up(seals, left, data, retire)
            if not len(test):
                return data
            sealed = _recorded(seals, data, test, same, fresh)
            claim(seals.project.seals / sealed.id)
    except OSError as error:
        if not len(test) or (same is not None and same.retired is None):
            return data if same is None else replace(data, seal=same.sealed)
        warn(
            f"the test set is sealed for this run only: {seals.project.folder} cannot be written "
            f"({error.strerror or error}). To fix: name another folder with project=, or DRIVETRAIN_PROJECT."
        )
        return replace(data, seal=same.sealed if same else fresh)
    remember_project(seals.project)
    return replace(data, seal=sealed)


def _check_handed_over(used: Examples, test: Examples, seal: SealFiles) -> None:
    here = _ByContent(used, test)
    for sealed in _handed_over(seal):
        if found := matches(used, sealed, here):
            raise SealError(_copies(found, sealed, used.noun, "which somebody else holds", allow=False))


def _that_leave(seals: Seals, data: Data, used: Examples, retire: str | None) -> list[Known]:
    """Seals that are given up for this split: with a reason, or since nobody has used them.

    Raises:
        SealError: A row is sealed in one that stays, or looks like one.
    """
    test = data.sealed_test.open()
    identity, here, in_use = identity_of(test.digests), _ByContent(used, test), seals.in_use()
    leaving: list[Known] = []
    for known in seals.live():
        sealed = known.sealed
        found = matches(used, sealed, here, allowed=known.allowed, seen=_seen(_split_of(seals, sealed)))
        another_split = sealed.identity != identity and any(match.exact for match in found)
        if not found:
            continue
        given_up = retire is not None and sealed.identity != identity  # also where all were saved anew, as when resized
        if given_up or (another_split and sealed.id not in in_use):
            leaving.append(known)
        elif another_split and all(match.exact for match in found):
            raise SealError(_another_split(found, data, sealed, seals))
        else:  # what looks like a sealed picture is named first: no other split would mend that
            copies = [match for match in found if not match.exact] if another_split else found
            other = sealed.identity != identity
            raise SealError(_copies(copies, sealed, used.noun, f"since {sealed.created[:10]}", retire=other))
    return leaving


def _give_up(seals: Seals, known: Known, data: Data, retire: str | None) -> None:
    if retire is None:
        seals.give_way(known.sealed.id, f"another split was asked for ({_how(data.split)})")
        return
    seals.retire(known.sealed.id, retire)
    say(f"the sealed test set {known.sealed.id} is given up, on the record: {retire}")


def _how(split: Split) -> str:
    return f"{split.method}, seed={split.seed}, valid_pct={split.valid_pct:g}, test_pct={split.test_pct:g}"


def begin_trial(data: Data) -> None:
    """Put on record that a training begins, from when on its test set stays; to be called before the first step.

    Between making data and training on them another training may have begun: its test set is compared once more, by
    content. A test set that nobody has used gives way to the one of these data.

    Raises:
        SealError: A training or validation row is sealed in a test set that is in use.
    """
    seals = Seals(Project.find(data.project))
    own = None if data.seal is None else data.seal.id
    if not seals.project.log.exists():
        return
    used = Examples.concat([data.train, data.valid])
    try:
        with seals.project.locked():
            in_use = seals.in_use()
            for known in seals.live():
                exact = _exact(used, known) if known.sealed.id != own else []
                if exact and known.sealed.id in in_use:
                    raise SealError(_begun_meanwhile(used, exact, known.sealed))
                if exact:
                    seals.give_way(known.sealed.id, f"a training on some of it began ({_how(data.split)})")
            state = next((known for known in seals.known() if known.sealed.id == own), None)
            if state is not None and state.gave_way:
                seals.add(state.sealed)
            if state is not None and (state.retired is None or state.gave_way):
                seals.mark_used(state.sealed.id, "training")
    except OSError:
        return  # that nothing can be written was said when the data were made


def _exact(rows: Examples, known: Known) -> list[int]:
    """Rows with a sealed content that nobody has allowed and that was not there twice when it was sealed."""
    exact = np.array(known.sealed.rows_of(rows.digests), np.int64)
    hashes = known.sealed.hashes_of([rows.digests[row] for row in exact.tolist()])
    return exact[~_passed(hashes, known.sealed, known.allowed)].tolist()


def _passed(hashes: NDArray[np.bytes_], sealed: SealedSet, allowed: Iterable[str]) -> NDArray[np.bool_]:
    """(N,) which contents were there twice when the set was sealed, or are no copies, as somebody said."""
    passed = sorted({*sealed.overlap, *allowed})
    if not passed:
        return np.zeros(len(hashes), np.bool_)
    return np.isin(hashes, np.frombuffer(bytes.fromhex("".join(passed)), hashes.dtype))


def _begun_meanwhile(rows: Examples, exact: Sequence[int], sealed: SealedSet) -> str:
    return (
        f"{counted(len(exact), one_of(rows.noun), rows.noun)} that would be trained or validated on "
        f"{does(len(exact), 'are')} sealed as test set {sealed.id}, which "
        f"another training has begun to use since these data were made; first: {rows.inputs.name(exact[0])}.\n"
        "  To fix: make the data anew (in a shell: the same command again): it keeps that test set."
    )


class _ByContent(Mapping[str, Path | str]):
    """Content → what the row is called; found when it is asked for, since of millions of rows hardly any is."""

    def __init__(self, *parts: Examples) -> None:
        self._parts = parts

    @cached_property
    def _named(self) -> list[Sequence[Path | str]]:
        return [_places(part) for part in self._parts]

    @cached_property
    def _rows(self) -> dict[str, tuple[int, int]]:
        return {digest: (at, row) for at, part in enumerate(self._parts) for row, digest in enumerate(part.digests)}

    def __getitem__(self, digest: str, /) -> Path | str:
        at, row = self._rows[digest]
        return self._named[at][row]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _places(rows: Examples) -> Sequence[Path | str]:
    """The file of each row, or its span; of rows that are no files what they are called."""
    return list(rows.inputs) if isinstance(rows.inputs, Files) else rows.inputs.names()


def check_validation(rows: Examples, project: ProjectPlace = None) -> None:
    """Compare validation rows that a saved model is judged on again with all seals in force, by their contents.

    Raises:
        SealError: A row was sealed as a test row since the model was made, or the record of the seals was changed.
    """
    here = _ByContent(rows)
    by_content = replace(rows, signatures=())
    seals = Seals(Project.find(project))
    in_use = seals.in_use()
    for known in seals.live():
        if known.sealed.id not in in_use:
            continue
        if found := matches(by_content, known.sealed, here, allowed=known.allowed):
            raise SealError(_copies(found, known.sealed, rows.noun, f"since {known.sealed.created[:10]}"))


def matches(
    rows: Examples,
    sealed: SealedSet,
    here: Mapping[str, Path | str],
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
    hashes = sealed.hashes_of(rows.digests)
    is_passed = _passed(hashes, sealed, allowed)
    exact = np.flatnonzero(sealed.holds(rows.digests, hashes) & ~is_passed).tolist()
    places = _places(rows)
    found = [Match(places[row], True, here.get(rows.digests[row])) for row in exact]
    compare = source_kind(rows.kind).near
    if not rows.signatures or compare is None:
        return found
    open_to_look = np.flatnonzero(~is_passed).tolist()
    new = sorted({row for row in open_to_look if rows.digests[row] not in seen} - set(exact))
    if not new:
        return found
    near = compare.copies(rows.subset(new).signatures, sealed.signatures)
    contents = list(here)
    at_hand = dict(zip(sealed.hashes_of(contents).tolist(), map(here.__getitem__, contents), strict=True))
    seeming: dict[int, Match] = {}
    for looks, pair in enumerate(np.argsort(near.distance, kind="stable").tolist()):
        row, twin = new[int(near.first[pair])], at_hand.get(sealed.contents[int(near.second[pair])].item())
        if row in seeming:
            continue
        if twin is not None and looks < LOOKS:
            same = compare.same(rows.inputs[row], twin, turn=int(near.turn[pair]))
        else:
            same = int(near.distance[pair]) <= compare.sure
        if same:
            seeming[row] = Match(places[row], False, twin, alike(rows.kind))
    return [*found, *seeming.values()]


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


def _new_seal(known: Sequence[Known], data: Data, test: Examples, used: Examples) -> SealedSet:
    """The seal that the model these rows come with carries, or a new one."""
    if data.seal is not None and data.seal.identity == identity_of(test.digests):
        return data.seal
    others = [other for _, other in known_elsewhere(Project.find(data.project))]
    related = {k.sealed.id for k in (*known, *others) if _is_related(k, test)}
    return SealedSet.of(test, source=data.source, split=data.split, overlap=_overlap(used, test), related=related)


def _recorded(seals: Seals, data: Data, test: Examples, same: Known | None, fresh: SealedSet | None) -> SealedSet:
    """The seal of these test rows, as the project has it on record now."""
    if fresh is not None:
        sealed = seals.add(fresh, data.split, test)
        if fresh is data.seal:  # of a model or of another project, where it is in use
            seals.mark_used(sealed.id, "taken over")
        return sealed
    assert same is not None
    if same.retired is None:
        return same.sealed
    if not same.gave_way:
        warn(
            f"this test set was sealed before and given up on {same.retired.when[:10]} "
            f"({same.retired.facts['reason']!r}); it is sealed again. What was learnt from its rows in between "
            "makes its score flatter."
        )
    return seals.add(same.sealed)


def _is_related(known: Known, test: Examples) -> bool:
    shared = len({test.digests[row] for row in known.sealed.rows_of(test.digests)})
    return shared > 0 and shared >= RELATED * min(known.sealed.n, len(set(test.digests)))


def _overlap(used: Examples, test: Examples) -> set[str]:
    """Contents of training and validation rows that are in the test set too, or look like a test picture."""
    exact = set(used.digests) & set(test.digests)
    compare = source_kind(used.kind).near
    if not used.signatures or not test.signatures or compare is None:
        return exact
    near = compare.copies(used.signatures, test.signatures)
    nearest = np.argsort(near.distance, kind="stable").tolist()
    pairs = [(int(near.first[pair]), int(near.second[pair]), int(near.turn[pair])) for pair in nearest]
    pairs = [(row, twin, turn) for row, twin, turn in pairs if used.digests[row] != test.digests[twin]]
    same = [
        (row, twin) for row, twin, turn in pairs[:LOOKS] if compare.same(used.inputs[row], test.inputs[twin], turn=turn)
    ]
    if same and not are_versions(used):
        (row, twin), verb = same[0], alike(used.kind)
        warn(
            f"{len({row for row, _ in same})} training or validation {used.noun} {verb} like test {used.noun}, so the "
            f"test score will flatter.\n  first: {used.inputs.name(row)} {verb}s like {test.inputs.name(twin)}\n"
            "  To fix: `drivetrain audit` shows them; remove one of each pair."
        )
    return exact | {used.digests[row] for row, _, _ in pairs}


def _split_of(seals: Seals, sealed: SealedSet) -> Split | None:
    path = seals.split_file(sealed)
    return None if path is None else Split.load(path)


def _seen(split: Split | None) -> frozenset[str]:
    return frozenset() if split is None else split.find("train") | split.find("valid")


def _another_split(found: Sequence[Match], data: Data, sealed: SealedSet, seals: Seals) -> str:
    """What is wrong with a split that trains on what another one has sealed, and the two ways out; in two lines."""
    paths = {match.path for match in found if match.exact}
    trained = sum(path in paths for path in _places(data.train))
    validated = sum(path in paths for path in _places(data.valid))
    how = f" with {sealed.drawn}" if sealed.drawn and "seed" in str(sealed.drawn) else ""
    split = seals.split_file(sealed)
    keep = (
        "keep the test set by dividing the data as they were then"
        if split is None
        else f'keep the test set with split="{split.as_posix()}"'
    )
    first = next(match for match in found if match.exact)
    return (
        f"this split would train on {trained} and validate on {validated} of the {sealed.n} {data.train.noun} that are "
        f"sealed as test set {sealed.id} (since {sealed.created[:10]}, from {sealed.source}{how}) and in use; "
        f"first: {readable(first.path)}.\n"
        f"  To fix: {keep}; or give it up, on the record, with "
        f'retire="WHY" (in a shell: drivetrain seals retire {sealed.id} --reason WHY).'
    )


def _copies(
    found: Sequence[Match], sealed: SealedSet, noun: str, whose: str, *, allow: bool = True, retire: bool = False
) -> str:
    """Which files are copies of sealed pictures, and what to do with them."""
    shown = "".join(f"\n  {match}" for match in found[:5])
    more = f"\n  … ({len(found) - 5} more)" if len(found) > 5 else ""
    verb = found[0].verb
    how = ": saved anew, resized or mirrored" if noun == "pictures" else ", in other bytes"
    same = "" if any(match.exact for match in found) else f" They {verb} the same{how}."
    only_alike = (
        f" If they only {verb} alike: drivetrain seals allow {sealed.id} FILE… --reason WHY."
        if allow and not all(match.exact for match in found)
        else ""
    )
    leave = ' Or give that test set up, on the record, with retire="WHY" (in a shell: --retire WHY).' if retire else ""
    said = f"{agreeing(len(found), f'training or validation {noun}', 'are')} {'copies' if len(found) > 1 else 'a copy'}"
    return (
        f"{said} of {noun} that are sealed as test set {sealed.id}, {whose}.{same}{shown}{more}\n"
        f"  To fix: remove them from the training and validation set.{only_alike}{leave}"
    )
