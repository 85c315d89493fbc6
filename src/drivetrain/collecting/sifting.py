"""What of all that came is kept: one file of each content, none that is broken, small, blank or under two labels.

Everything is decided anew from the log each time, in the order of the lists, whatever order files came in; so a run
that goes on decides as one that was never interrupted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivetrain.collecting.lists import Wanted
from drivetrain.collecting.log import Outcome
from drivetrain.collecting.places import Places, folders_before, put
from drivetrain.data.kind import source_kind
from drivetrain.errors import first_few

REMOVED = "removed by hand: its file is not there any more"
STAND_IN_FROM = 3
"""From so many addresses on that all lead to one and the same file, it stands for what is not there any more."""


@dataclass(frozen=True)
class Kept:
    """A file that is used."""

    wanted: Wanted
    outcome: Outcome
    path: Path


@dataclass(frozen=True)
class Aside:
    """An address whose file is not used, or that gave none."""

    wanted: Wanted
    outcome: Outcome | None
    reason: str
    """As "group: detail"."""
    path: Path | None = None

    @property
    def failed(self) -> bool:
        """Whether there never was a file."""
        return self.outcome is None or self.outcome.state == "failed"


def sift(
    wanted: Sequence[Wanted], outcomes: Mapping[str, Outcome], places: Places, *, kind: str, least_px: int
) -> tuple[list[Kept], list[Aside]]:
    """Decide what is used, and put every file where it belongs.

    Args:
        wanted: In the order of the lists.
        outcomes: Of their addresses.
        places: Where files lie.
        kind: "images", "sounds" or "files".
        least_px: Shortest side of a picture that is used.
    """
    aside: list[Aside] = []
    there: list[tuple[Wanted, Outcome]] = []
    _follow(wanted, outcomes, places)
    likely = _likely(wanted, outcomes, places)
    for one in wanted:
        outcome = outcomes.get(one.url)
        if outcome is None or outcome.state == "failed":
            aside.append(Aside(one, outcome, "not asked for yet" if outcome is None else outcome.reason))
        elif _found(outcome, likely) is None:
            aside.append(Aside(one, outcome, _why_gone(one, outcome, places)))
        else:
            there.append((one, outcome))
    reasons = _wrong(there, kind, least_px)
    rest = [row for row in range(len(there)) if row not in reasons]
    reasons |= _repeated(there, rest, likely, kind)
    kept = {
        row: places.folder(there[row][0].label) / there[row][1].name for row in range(len(there)) if row not in reasons
    }
    _put_all(there, kept, places, likely)
    aside += [Aside(*there[row], reason, places.aside / there[row][1].name) for row, reason in reasons.items()]
    return [Kept(*there[row], path) for row, path in kept.items()], aside


Likely = Mapping[str, Sequence[Path]]
"""Name of a file → where it may lie: in the folders of its rows' labels, or aside."""


def _likely(wanted: Sequence[Wanted], outcomes: Mapping[str, Outcome], places: Places) -> Likely:
    found: dict[str, dict[Path, None]] = defaultdict(dict)
    for one in wanted:
        outcome = outcomes.get(one.url)
        if outcome is not None and outcome.state == "got":
            found[outcome.name] |= {places.folder(one.label) / outcome.name: None, places.aside / outcome.name: None}
    return {name: sorted(paths) for name, paths in found.items()}


def _found(outcome: Outcome, likely: Likely) -> Path | None:
    """Where a file lies now."""
    return next((path for path in likely[outcome.name] if path.is_file()), None)


def _follow(wanted: Sequence[Wanted], outcomes: Mapping[str, Outcome], places: Places) -> None:
    """Bring the files of rows that the list now labels otherwise into the folder of their new label."""
    before = folders_before(places.table)
    for one in wanted:
        outcome = outcomes.get(one.url)
        folder = before.get(one.url)
        if outcome is None or outcome.state != "got" or folder is None:
            continue
        old, new = places.out / folder / outcome.name, places.folder(one.label) / outcome.name
        if old != new and old.is_file() and not new.is_file():
            put(old, new)


def _why_gone(one: Wanted, outcome: Outcome, places: Places) -> str:
    """Why a file is not where it belongs."""
    elsewhere = next(iter(sorted(places.out.glob(f"*/{outcome.name}"))), None)
    if elsewhere is None:
        return REMOVED
    return f"moved by hand: it lies in {elsewhere.parent.name!r}, and the list says {one.label!r}; change the list, too"


def _wrong(there: Sequence[tuple[Wanted, Outcome]], kind: str, least_px: int) -> dict[int, str]:
    """Rows whose file says by itself that it is not to be used."""
    found = {row: outcome.reason for row, (_, outcome) in enumerate(there) if outcome.reason}
    if kind != "images":
        return found
    for row, (_, outcome) in enumerate(there):
        if row not in found and min(outcome.height, outcome.width) < least_px:
            found[row] = f"too small: {outcome.width} × {outcome.height} pixels"
    return found


def _repeated(
    there: Sequence[tuple[Wanted, Outcome]], rows: Sequence[int], likely: Likely, kind: str
) -> dict[int, str]:
    """Rows that show what another one shows: of each group the largest is kept, and none where labels differ."""
    reasons: dict[int, str] = {}
    by_content: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_content[there[row][1].sha256].append(row)
    for same in by_content.values():
        ends = {there[row][1].final_url for row in same}
        starts = {there[row][0].url for row in same}
        if len(starts) >= STAND_IN_FROM and len(ends) == 1 and not starts & ends:
            said = f"stand-in: {len(starts)} addresses lead to the same {next(iter(ends))}"
            reasons |= dict.fromkeys(same, said)
    firsts = [same[0] for same in by_content.values() if same[0] not in reasons]
    for group in _near(there, firsts, likely, kind):
        copies = sorted(row for first in group for row in by_content[there[first][1].sha256])
        labels = list(dict.fromkeys(there[row][0].label for row in copies))
        if len(labels) > 1:
            said = f"two labels: the same under {first_few(map(repr, labels))}"
            reasons |= dict.fromkeys(copies, said)
            continue
        best = max(copies, key=lambda row: (there[row][1].height * there[row][1].width, -row))
        for row in copies:
            same = there[row][1].sha256 == there[best][1].sha256
            if row != best:
                reasons[row] = f"{'duplicate' if same else 'near-duplicate'}: of {there[best][0].url}"
    return reasons


def _near(there: Sequence[tuple[Wanted, Outcome]], firsts: Sequence[int], likely: Likely, kind: str) -> list[list[int]]:
    """Rows of different content in groups that show the same; groups of one, too."""
    group = {row: row for row in firsts}

    def top(row: int) -> int:
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    compare = source_kind(kind).near if kind != "files" else None
    told = [row for row in firsts if there[row][1].looks]
    if compare is not None and len(told) > 1:
        for pair in compare.candidates([there[row][1].fingerprint for row in told]):
            one, other = told[pair.first], told[pair.second]
            paths = [_found(there[row][1], likely) for row in (one, other)]
            if top(one) != top(other) and None not in paths and compare.same(paths[0], paths[1]):
                group[max(top(one), top(other))] = min(top(one), top(other))
    found: dict[int, list[int]] = defaultdict(list)
    for row in firsts:
        found[top(row)].append(row)
    return list(found.values())


def _put_all(there: Sequence[tuple[Wanted, Outcome]], kept: Mapping[int, Path], places: Places, likely: Likely) -> None:
    """Every content where it is used, or else aside, and nowhere twice."""
    wanted_at: dict[str, set[Path]] = defaultdict(set)
    for row, path in kept.items():
        wanted_at[there[row][1].name].add(path)
    for name in dict.fromkeys(outcome.name for _, outcome in there):
        lying = [path for path in likely[name] if path.is_file()]
        target = next(iter(wanted_at[name]), places.aside / name)
        if target not in lying:
            put(lying[0], target)
        for path in lying:
            if path != target and path.is_file():
                path.unlink()
