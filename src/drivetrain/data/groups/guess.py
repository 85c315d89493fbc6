"""Groups that nobody named: guessed from columns, folders, file names, what the inputs tell, and looks.

A random split that tears a likely group apart is warned of; a guess changes no split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivetrain.data.examples import Examples
from drivetrain.data.groups.from_names import guess_from_names
from drivetrain.data.groups.grouping import NEAR, inner_names, is_missing
from drivetrain.data.groups.guesses import GroupGuess, Grouping
from drivetrain.data.inputs import Files
from drivetrain.data.kind import alike, hook, source_kind
from drivetrain.data.listing import Listed
from drivetrain.data.notices import warn
from drivetrain.data.splitting.split import Part
from drivetrain.data.splitting.ties import near_groups
from drivetrain.data.tables.labels import label_text
from drivetrain.runtime.decisions import Decision

FEWEST_ROWS = 20
MOST_ROWS_COMPARED = 20_000
"""Looks are compared up to this many rows; beyond, `drivetrain.audit` does it."""
TORN_LOOKS = 0.01
"""Share of the rows in near-duplicates on both sides that is worth a warning."""
LOOKED_AT = 10
MOST_CANDIDATE_COLUMNS = 3
PEOPLE_AND_THINGS = frozenset(
    (
        *("patient", "subject", "person", "speaker", "user", "participant", "session", "visit", "case"),
        *("video", "clip", "scene", "sequence", "series", "study", "animal", "individual", "donor"),
        *("writer", "author", "owner", "customer", "client", "household", "plant", "tree", "site"),
        *("hospital", "location", "device", "camera", "slide", "plate", "specimen", "family", "group"),
        *("cluster", "recording", "recordist", "recorder", "talker", "singer", "microphone", "room"),
    )
)
"""Columns so called, alone or with id, name, no, number or key, say what rows belong to."""
ENDINGS = frozenset(("id", "ids", "name", "no", "nr", "num", "number", "key", "code", "uid"))
SHELVES = frozenset(
    (
        *("images", "image", "img", "imgs", "pictures", "photos", "data", "files", "part", "batch"),
        *("shard", "chunk", "split", "folder"),
    )
)
"""Folders so called hold whatever came next."""


def guess_groups(listed: Listed, parts: Sequence[Part]) -> tuple[GroupGuess, ...]:
    """What the rows may belong to, the likeliest first; groups that are known are not guessed at.

    Args:
        listed: The rows, opened.
        parts: Of the split.
    """
    rows = listed.rows
    if rows.groups or len(rows) < FEWEST_ROWS:
        return ()
    classes = [value if isinstance(value, str) else "" for value in rows.values]
    found = _from_columns(rows, classes, parts)
    if isinstance(rows.inputs, Files):
        names = inner_names(listed)
        found += [*_from_folders(listed, names, classes, parts), *guess_from_names(names, classes, parts)]
    if guess := hook(source_kind(rows.kind), "guess_groups"):
        found += guess(rows, classes, parts)
    found += _from_looks(rows, classes, parts)
    return tuple(sorted(found, key=lambda guess: not guess.likely))


def warn_of_torn_groups(guessed: Sequence[GroupGuess]) -> dict[str, Decision]:
    """Say once that a random split tears likely groups apart, and keep it among the decisions."""
    torn = [guess for guess in guessed if guess.likely and guess.n_torn]
    if not torn:
        return {}
    first = torn[0]
    warn(
        f"rows seem to come in groups. {first.evidence[0].upper()}{first.evidence[1:]} of this random split, so the "
        f"scores may flatter. To fix: pass group={first.argument!r}; if these rows do not belong together, go on."
    )
    return {"likely groups": Decision(value=first.argument, reason=f"{first.evidence}; not followed unless asked for")}


def _from_columns(rows: Examples, classes: Sequence[str], parts: Sequence[Part]) -> list[GroupGuess]:
    named: list[GroupGuess] = []
    others: list[GroupGuess] = []
    for name, column in rows.columns.items():
        cells = [None if is_missing(cell) else cell for cell in column.tolist()]
        if any(isinstance(cell, float) and not cell.is_integer() for cell in cells):
            continue
        grouping = Grouping(["" if cell is None else label_text(cell) for cell in cells], classes)
        if len(grouping.sizes) < 2 or grouping.says_the_class() or grouping.share_in_groups_of(2) < 0.5:
            continue
        where = f"column {name!r}"
        if _names_a_group(name):
            named.append(grouping.guess(where, name, parts, likely=True))
        elif all(cell is None or isinstance(cell, str) for cell in cells) and grouping.mean_size >= 3:
            others.append(grouping.guess(where, name, parts, likely=False))
    return named + others[:MOST_CANDIDATE_COLUMNS]


def _names_a_group(column: str) -> bool:
    """Whether the column's name says so, such as patient, speaker_id or SubjectNo.

    Example:
        >>> _names_a_group("SpeakerID"), _names_a_group("camera height")
        (True, False)
    """
    words = [word.casefold() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)]
    return (
        bool(words)
        and any(w in PEOPLE_AND_THINGS or w.removesuffix("s") in PEOPLE_AND_THINGS for w in words)
        and all(w in ENDINGS or w.removesuffix("s") in PEOPLE_AND_THINGS or w in PEOPLE_AND_THINGS for w in words)
    )


def _from_folders(
    listed: Listed, names: Sequence[str], classes: Sequence[str], parts: Sequence[Part]
) -> list[GroupGuess]:
    """Folders below the class folders, or in a table the folders that the paths name; a shard is none."""
    above = 1 if listed.spec.layout == "folder" else 0
    folders = [[one for one in name.split("/")[above:-1] if not one.lower().endswith(".tar")] for name in names]
    if not all(folders):
        return []
    inner = [folder[-1] for folder in folders]
    grouping = Grouping(inner, classes)
    stems = [name.rpartition("/")[2] for name in names]
    sharded = sum(stem.startswith(folder) for stem, folder in zip(stems, inner, strict=True)) > len(names) / 2
    shelves = {re.sub(r"[\W\d_]", "", folder).casefold() for folder in inner} <= SHELVES
    if len(grouping.sizes) < 4 or grouping.mean_size < 1.5 or grouping.says_the_class() or sharded or shelves:
        return []
    one_place = len(set(inner)) == len({name.rpartition("/")[0] for name in names})
    argument = "folder" if one_place else "([^/]+)/[^/]+$"
    likely = grouping.numbered() or (grouping.n_classes > 1 and grouping.crossing() >= 0.5)
    return [grouping.guess(f"folders of the {source_kind(listed.spec.input).noun}", argument, parts, likely=likely)]


def _from_looks(examples: Examples, classes: Sequence[str], parts: Sequence[Part]) -> list[GroupGuess]:
    """Sets of rows that look alike, confirmed by a second look at some pairs on both sides."""
    kind = source_kind(examples.kind)
    if kind.near is None or not any(examples.signatures) or len(examples) > MOST_ROWS_COMPARED:
        return []
    groups = near_groups(examples)
    grouping = Grouping(groups, classes)
    trained: dict[str, int] = {}
    held_out: dict[str, int] = {}
    for row, (group, part) in enumerate(zip(groups, parts, strict=True)):
        (trained if part == "train" else held_out).setdefault(group, row)
    torn = sorted(trained.keys() & held_out.keys())
    several = [group for group, n in grouping.sizes.items() if n > 1]
    if not several:
        return []
    inputs = examples.inputs
    pairs = [(inputs[trained[group]], inputs[held_out[group]]) for group in torn[:LOOKED_AT]]
    same = sum(kind.near.same(one, other) for one, other in pairs)
    n_rows = sum(grouping.sizes[group] for group in torn)
    likely = n_rows >= max(3, TORN_LOOKS * len(examples)) and 2 * same >= len(pairs)
    alone = len(grouping.sizes) - len(several)
    where = f"{kind.noun} that {alike(examples.kind)} alike ({alone} more are alone)"
    return [GroupGuess(where, NEAR, len(several), len(torn), likely, tuple(group[:8] for group in several[:2]))]
