"""Copies: the same content twice, and rows that show the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.findings import Finding, Pair, share
from drivetrain.auditing.neighbours import close_pairs
from drivetrain.auditing.rows import AuditRows
from drivetrain.data.inputs import Files
from drivetrain.data.kind import NearDuplicates
from drivetrain.data.splitting.split import PART_WORDS, Part
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.text import counted, does

LOOKS = 4000
"""Pairs of rows that are looked at a second time, at about 20 ms each where they are not the same."""
SERIOUS_SHARE = 0.01
"""Share of the held-out rows with a copy in training from which on the score is wrong, not just a little."""
SAME_FILE = "same content"


@dataclass(frozen=True)
class Copy:
    """Two rows, first < second, that show the same."""

    first: int
    second: int
    how: str


@dataclass(frozen=True)
class Copies:
    """All copies that were found, and how thoroughly was looked."""

    pairs: tuple[Copy, ...]
    looked_at: int = 0
    """Candidate pairs that were looked at a second time."""
    not_looked_at: int = 0
    """Candidate pairs beyond the limit."""
    not_comparable: int = 0
    """Rows that say too little to be told from others."""


class _Candidate(NamedTuple):
    """A pair that may be a copy: how far apart, from what is found by signature to what is found by features."""

    apart: float
    how: str


def find_copies(rows: AuditRows, features: NDArray[np.floating] | None = None, *, looks: int = LOOKS) -> Copies:
    """Copies among all rows: by content, by signature, and with features among their neighbours.

    Args:
        rows: N rows.
        features: (N, D) of a body that reads these rows; finds crops of pictures, which signatures do not. May
            end early: the last rows are then compared without.
        looks: How many candidate pairs are confirmed at their pixels: first those between parts, then those with
            different targets. A pair that is not looked at is not reported.
    """
    exact, distinct = _same_files(rows.examples.digests)
    near = rows.of_kind.near
    if near is None:
        return Copies(tuple(exact))
    kept = [rows.signatures[row] for row in distinct]
    candidates: dict[tuple[int, int], _Candidate] = {}
    for found in near.candidates(kept):
        candidates[distinct[found.first], distinct[found.second]] = _Candidate(found.apart, found.how)
    if features is not None:
        with_features = np.array([row for row in distinct if row < len(features)], dtype=np.int64)
        for first, second, cosine in close_pairs(features[with_features]):
            how = _Candidate(2 - cosine, f"features alike, cosine {cosine:.2f}")
            candidates.setdefault((distinct[first], distinct[second]), how)
    order = sorted(candidates, key=lambda pair: (_urgency(rows, pair), candidates[pair].apart, pair))
    confirmed = _confirmed(rows, near, order[:looks])
    pairs = [*exact, *(Copy(*pair, candidates[pair].how) for pair in confirmed)]
    return Copies(
        tuple(pairs),
        looked_at=min(looks, len(order)),
        not_looked_at=max(0, len(order) - looks),
        not_comparable=sum(not near.tells(signature) for signature in kept),
    )


def copies_findings(rows: AuditRows, copies: Copies) -> list[Finding]:
    """What the copies mean: leaks between parts, contradictions, and repetition."""
    found = [_across(rows, copies, held_out) for held_out in ("valid", "test")]
    found += [_conflicts(rows, copies), _within(rows, copies)]
    return [finding for finding in found if finding is not None]


def _same_files(digests: Sequence[str]) -> tuple[list[Copy], list[int]]:
    """Pairs of rows with one content, each with the first of them; and the first row of every content."""
    first: dict[str, int] = {}
    pairs: list[Copy] = []
    for row, digest in enumerate(digests):
        earlier = first.setdefault(digest, row)
        if earlier != row:
            pairs.append(Copy(earlier, row, SAME_FILE))
    return pairs, sorted(first.values())


def _urgency(rows: AuditRows, pair: tuple[int, int]) -> int:
    first, second = pair
    if rows.parts is not None and rows.parts[first] != rows.parts[second]:
        return 0
    return 1 if rows.examples.values[first] != rows.examples.values[second] else 2


def _confirmed(rows: AuditRows, near: NearDuplicates, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that are the same on a second look."""

    def look(pair: tuple[int, int]) -> bool:
        return near.same(*rows.sources_of(pair))

    confirmed: list[tuple[int, int]] = []
    with track("looking at copies", len(pairs)) as advance, ThreadPoolExecutor(min(16, usable_cpus())) as pool:
        for pair, same in zip(pairs, pool.map(look, pairs), strict=True):
            advance(1)
            if same:
                confirmed.append(pair)
    return confirmed


def _across(rows: AuditRows, copies: Copies, held_out: Part) -> Finding | None:
    """Held-out rows that show the same as a training row (for the test set: or as a validation row)."""
    if rows.parts is None:
        return None
    pairs: dict[int, Copy] = {}
    for seen, row, copy in _with_exact_groups(rows, copies, held_out):
        pairs.setdefault(row, copy if copy.first == seen else Copy(seen, row, copy.how))
    if not pairs:
        return None
    n = len(rows.of_part(held_out))
    word = PART_WORDS[held_out]
    exact = sum(copy.how == SAME_FILE for copy in pairs.values())
    alike = getattr(rows.of_kind, "ALIKE", "cut, resized or saved anew")
    kinds = f"The same file: {exact:,}; {alike}: {len(pairs) - exact:,}"
    kinds = kinds if isinstance(rows.examples.inputs, Files) else kinds.replace("The same file", "The same content")
    return Finding(
        "copies across parts",
        "problem" if len(pairs) >= SERIOUS_SHARE * n else "warning",
        f"{share(len(pairs), n)} {word} {rows.of_kind.noun} {does(len(pairs), 'have')} a copy in the "
        f"{_seen_words(held_out)}",
        f"{kinds}. On these rows the score counts memory, not understanding.",
        mend="remove the copies from one side, or let drivetrain draw the split (leave split= out) with "
        "group='near-duplicates', which keeps copies together.",
        pairs=_as_pairs(rows, pairs.values()),
        facts={"part": word, "rows": len(pairs), "of": n, "same_file": exact},
    )


def _seen_words(held_out: Part) -> str:
    return "training set" if held_out == "valid" else "training or validation set"


def _with_exact_groups(rows: AuditRows, copies: Copies, held_out: Part) -> list[tuple[int, int, Copy]]:
    """(row seen before, held-out row, copy) for pairs between parts; equal files are compared each with each part."""
    assert rows.parts is not None
    seen_parts = ("train",) if held_out == "valid" else ("train", "valid")
    groups: dict[int, list[int]] = defaultdict(list)
    found: list[tuple[int, int, Copy]] = []
    for copy in copies.pairs:
        if copy.how == SAME_FILE:
            groups[copy.first].append(copy.second)
            continue
        for seen, row in ((copy.first, copy.second), (copy.second, copy.first)):
            if rows.parts[row] == held_out and rows.parts[seen] in seen_parts:
                found.append((seen, row, copy))
    for first, others in groups.items():
        members = [first, *others]
        seen = next((row for row in members if rows.parts[row] in seen_parts), None)
        if seen is not None:
            exact = [row for row in members if rows.parts[row] == held_out]
            found = [(seen, row, Copy(seen, row, SAME_FILE)) for row in exact] + found
    return found


def _conflicts(rows: AuditRows, copies: Copies) -> Finding | None:
    """Copies whose targets differ; test rows take no part."""
    sealed = {int(row) for row in rows.of_part("test")}
    values = rows.examples.values
    pairs = [
        copy
        for copy in copies.pairs
        if values[copy.first] != values[copy.second] and not sealed & {copy.first, copy.second}
    ]
    if not pairs:
        return None
    exact = sum(copy.how == SAME_FILE for copy in pairs)
    return Finding(
        "conflicting labels",
        "problem" if exact else "warning",
        f"{counted(len(pairs), 'pair')} of copies with different targets",
        f"At least one of each pair is wrong, or the question has no single answer. The same file: {exact:,}.",
        mend="look at them, and correct or remove one of each (`drivetrain review`).",
        pairs=_as_pairs(rows, pairs),
        facts={"pairs": len(pairs), "same_file": exact},
    )


def _within(rows: AuditRows, copies: Copies) -> Finding | None:
    """Copies inside one part, or anywhere where nothing is divided."""
    pairs = [copy for copy in copies.pairs if rows.part_word(copy.first) == rows.part_word(copy.second)]
    if not pairs:
        return None
    families = _families(pairs)
    spare = sum(len(family) - 1 for family in families)
    undivided, noun = rows.parts is None, rows.of_kind.noun
    return Finding(
        "copies within a part",
        "warning" if undivided and spare >= SERIOUS_SHARE * len(rows) else "note",
        f"{share(spare, len(rows))} {noun} {'is a copy' if spare == 1 else 'are copies'} of another"
        + ("" if undivided else " in the same part"),
        f"{len(families):,} of these {noun} {does(len(families), 'are')} there several times, one of them "
        f"{max(map(len, families)):,} times. "
        + (
            "A random split would put some of them on both sides."
            if undivided
            else "They count as often as they come, in training and in the score."
        ),
        mend="keep one of each, or pass group='near-duplicates', which keeps copies together." if undivided else "",
        pairs=_as_pairs(rows, pairs),
        facts={"families": len(families), "spare": spare},
    )


def _families(pairs: Sequence[Copy]) -> list[list[int]]:
    """Rows that are joined by pairs, each family sorted."""
    leader: dict[int, int] = {}

    def find(row: int) -> int:
        while leader.setdefault(row, row) != row:
            leader[row] = leader[leader[row]]
            row = leader[row]
        return row

    for pair in pairs:
        one, other = find(pair.first), find(pair.second)
        leader[max(one, other)] = min(one, other)
    families: dict[int, list[int]] = defaultdict(list)
    for row in sorted(leader):
        families[find(row)].append(row)
    return list(families.values())


def _as_pairs(rows: AuditRows, copies: Iterable[Copy]) -> tuple[Pair, ...]:
    return tuple(Pair(rows.ref(copy.first), rows.ref(copy.second), copy.how) for copy in copies)
