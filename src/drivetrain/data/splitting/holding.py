"""Rows that are sealed and in use stay the test set, whatever split is asked for; the others are divided as asked.

| what is asked for                           | a test set nobody has used | one that is in use (`Seals.in_use`)      |
|---------------------------------------------|----------------------------|------------------------------------------|
| the same draw, of more or fewer pictures    | stays                      | stays                                    |
| another seed, method or `test_pct`          | gives way, on the record   | stays; the seed divides the other rows   |
| another `valid_pct`, target, table, k folds | stays                      | stays                                    |
| by group or time                            | gives way, on the record   | stays where no group is torn; else stops |
| a given split that trains on sealed rows    | gives way, on the record   | stops                                    |
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivetrain.data.examples import Examples
from drivetrain.data.listing import Kind
from drivetrain.data.notices import warn
from drivetrain.data.seals.elsewhere import is_asked_for, known_elsewhere
from drivetrain.data.seals.project import Project, ProjectPlace
from drivetrain.data.seals.seal import RELATED, Known, Seals
from drivetrain.data.splitting.divide import TEST_PCT, VALID_PCT, Division, Fractions, divide, draw_parts, method_of
from drivetrain.data.splitting.drawing import share
from drivetrain.data.splitting.split import PART_WORDS, Part
from drivetrain.data.splitting.ties import tie
from drivetrain.data.tables.times import IN_GAP, OUTRUN
from drivetrain.errors import SealError
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.text import agreeing, counted, does, one_of

GROUPED = ("grouped", "stratified grouped", "time")


@dataclass(frozen=True)
class Divided:
    """A split, and the seal of another project that its test set has, where one is taken over."""

    division: Division
    adopted: Known | None = None


def divide_beside_seals(
    examples: Examples,
    given: Sequence[Part] | None,
    *,
    kind: Kind,
    asked: Fractions,
    giver: str,
    project: ProjectPlace = None,
) -> Divided:
    """As `drivetrain.data.splitting.divide.divide`; rows that are sealed stay test rows, see the table above.

    Raises:
        SealError: They cannot: a group or a stretch of time would be torn apart.
    """
    here = Project.find(project)
    seals = Seals(here)
    is_drawn = given is None or ("test" not in given and bool(asked.test_pct))
    kept = _kept(seals, examples, kind, asked) if is_drawn else []
    elsewhere = [] if kept else _elsewhere(here, examples)
    if elsewhere and (is_asked_for(project) or not is_drawn):
        _say_of_elsewhere(elsewhere, examples)
        elsewhere = []
    kept = kept or [known for _, known in elsewhere]
    pool = [row for row in range(len(examples)) if given is None or given[row] == "train"]
    held = sorted({row for known in kept for row in known.sealed.rows_of(examples.digests)} & set(pool))
    if not held:
        return Divided(divide(examples, given, kind=kind, asked=asked, giver=giver))
    same = any(_is_same_draw(known, examples, kind, asked) for known in kept)
    division = _as_drawn_before(examples, given, held, kind=kind, asked=asked, giver=giver) if same else None
    if division is None or elsewhere:
        _say_what_stays(kept, held, examples, asked, [other for other, _ in elsewhere], followed=same)
    division = division or _around(examples, given, pool, held, kept, kind=kind, asked=asked)
    return Divided(division, kept[0] if elsewhere else None)


def _kept(seals: Seals, examples: Examples, kind: Kind, asked: Fractions) -> list[Known]:
    """The seals whose rows stay test rows."""
    in_use = seals.in_use()
    return [
        known
        for known in seals.live()
        if (known.sealed.id in in_use or _is_same_draw(known, examples, kind, asked))
        and known.sealed.rows_of(examples.digests)
    ]


def _is_same_draw(known: Known, examples: Examples, kind: Kind, asked: Fractions) -> bool:
    drawn = known.sealed.drawn
    test_pct = TEST_PCT if asked.test_pct is None else asked.test_pct
    wanted = (method_of(examples, kind, asked), asked.seed, test_pct)
    return drawn is not None and (drawn.method, drawn.seed, drawn.test_pct) == wanted


def _as_drawn_before(
    examples: Examples, given: Sequence[Part] | None, held: Sequence[int], *, kind: Kind, asked: Fractions, giver: str
) -> Division | None:
    """The draw itself, where it gives the rows that are sealed: then nothing has changed since."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        division = divide(examples, given, kind=kind, asked=asked, giver=giver)
    if list(held) != [row for row, part in enumerate(division.parts) if part == "test"]:
        return None
    for each in said:
        warn(str(each.message))
    return division


def _around(
    examples: Examples,
    given: Sequence[Part] | None,
    pool: Sequence[int],
    held: Sequence[int],
    kept: Sequence[Known],
    *,
    kind: Kind,
    asked: Fractions,
) -> Division:
    """Training and validation rows drawn from what is not sealed; what the source gives stays as it is."""
    reasons = _left_out(examples, pool, held, kept, asked.gap)
    taken = {*held, *reasons}
    rest = [row for row in pool if row not in taken]
    if not rest:
        raise SealError(
            f"all {len(pool)} {examples.noun} that could be trained on are sealed as test set {_names(kept)}.\n"
            f'  To fix: add other {examples.noun}; or give the test set up, on the record, with retire="WHY" '
            "(--retire WHY)."
        )
    n_all, n_rest = (len({examples.digests[row] for row in rows}) for rows in (pool, rest))
    valid_pct = VALID_PCT if asked.valid_pct is None else asked.valid_pct
    if given is not None and "valid" in given:
        valid_pct = 0.0
    test_pct = TEST_PCT if asked.test_pct is None else asked.test_pct
    lacking = _lacking(kept, held, examples, n_all, test_pct)
    wanted = replace(
        asked,
        valid_pct=min(share(n_all, valid_pct), n_rest - 1) / n_rest if valid_pct else 0.0,
        test_pct=min(lacking, n_rest - 1) / n_rest,
    )
    new = draw_parts(examples.subset(rest), kind, wanted)
    parts: list[Part | None] = [None] * len(examples) if given is None else list(given)
    for row in (*held, *reasons):
        parts[row] = None if row in reasons else "test"
    for row, part in zip(rest, new.parts, strict=True):
        parts[row] = part
    reasons |= {rest[row]: why for row, why in new.reasons.items()}
    why = f"{new.decision.reason}; the test set stays as it was sealed ({_names(kept)})"
    method = new.method if given is None else "given"
    return Division(tuple(parts), method, valid_pct, test_pct, Decision(value=method, reason=why), reasons)


def _lacking(kept: Sequence[Known], held: Sequence[int], examples: Examples, n_all: int, test_pct: float) -> int:
    """Contents to be drawn beside the sealed ones: where most of what was sealed is not here, these are other data."""
    contents = len({examples.digests[row] for row in held})
    are_others = all(contents < RELATED * known.sealed.n for known in kept)
    return max(0, share(n_all, test_pct) - contents) if are_others and not len(examples.times) else 0


def _left_out(
    examples: Examples, pool: Sequence[int], held: Sequence[int], kept: Sequence[Known], gap: float
) -> dict[int, str]:
    """Rows that can be neither trained on nor tested beside the sealed ones, and why.

    Raises:
        SealError: They are too many to be left out: what was sealed knew nothing of these groups or times.
    """
    if not len(examples.groups) and not len(examples.times):
        return {}
    sealed = set(held)
    units = tie(examples).units
    of_sealed = {units[row] for row in held}
    torn = [row for row in pool if row not in sealed and units[row] in of_sealed]
    if torn and not all(known.sealed.drawn is not None and known.sealed.drawn.method in GROUPED for known in kept):
        raise _torn(
            f"{agreeing(len(torn), examples.noun, 'are')} of a group that has sealed test {examples.noun}",
            examples,
            torn,
            kept,
        )
    reasons = dict.fromkeys(torn, OUTRUN.format(part=PART_WORDS["test"]))
    if len(examples.times):
        start = min(examples.times[row] for row in held)
        later = [row for row in pool if row not in sealed and row not in reasons and examples.times[row] >= start]
        if later:
            raise _torn(
                f"{agreeing(len(later), examples.noun, 'are')} as late as sealed test {examples.noun}, or later",
                examples,
                later,
                kept,
            )
        reasons |= {
            row: IN_GAP.format(part=PART_WORDS["test"])
            for row in pool
            if row not in sealed and row not in reasons and examples.times[row] > start - gap
        }
    return reasons


def _torn(what: str, examples: Examples, rows: Sequence[int], kept: Sequence[Known]) -> SealError:
    return SealError(
        f"{what} ({_names(kept)}), so this split cannot keep the test set; first: "
        f"{examples.inputs.name(rows[0])}.\n"
        "  To fix: divide as before, without group and time; or give the test set up, on the record, with "
        'retire="WHY" (in a shell: --retire WHY).'
    )


def _elsewhere(here: Project, examples: Examples) -> list[tuple[Project, Known]]:
    """Seals in use of this user's other projects that cover some of the rows; none where the project has its own."""
    if any(known.sealed.rows_of(examples.digests) for known in Seals(here).live()):
        return []
    return [(other, known) for other, known in known_elsewhere(here) if known.sealed.rows_of(examples.digests)]


def _say_of_elsewhere(found: Sequence[tuple[Project, Known]], examples: Examples) -> None:
    other, known = found[0]
    n = len(known.sealed.rows_of(examples.digests))
    say(
        f"note: {n} of these {examples.noun} are sealed as test set {known.sealed.id} in another project, "
        f"{other.folder}, which is not asked here. To go on with that test set: project={str(other.folder)!r} "
        "(in a shell: --project)."
    )


def _say_what_stays(
    kept: Sequence[Known],
    held: Sequence[int],
    examples: Examples,
    asked: Fractions,
    others: Sequence[Project],
    *,
    followed: bool,
) -> None:
    """One line, where something else was asked for than what comes out."""
    if followed and not others:
        return
    n, size = len(held), share(len(set(examples.digests)), TEST_PCT if asked.test_pct is None else asked.test_pct)
    where = f" in {others[0].folder}" if others else ""
    sealed = f"the {counted(n, one_of(examples.noun), examples.noun)} sealed as test set {_names(kept)}{where}"
    parts = [f"{sealed} {does(n, 'stay')} the test set"]
    parts.append(f"seed {asked.seed} divides the others into training and validation")
    if size != len({examples.digests[row] for row in held}):
        parts.append(f"test_pct would be {size} and is not followed")
    say(f'{"; ".join(parts)} (to give it up: retire="WHY")')


def _names(kept: Sequence[Known]) -> str:
    return ", ".join(dict.fromkeys(known.sealed.id for known in kept))  # two projects may hold the same
