"""Classes that one part has no row of, while other parts have some."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from drivetrain.auditing.findings import Finding
from drivetrain.auditing.rows import AuditRows
from drivetrain.data.splitting.divide import labels_of
from drivetrain.data.splitting.split import PART_WORDS, PARTS, Part
from drivetrain.errors import first_few
from drivetrain.text import counted, does

ALPHA = 0.01
"""Missing classes are an alarm where a random draw over the same rows would miss such in fewer than this share of data
sets, all parts together; otherwise a note."""
NAMED = 5
MEND = {
    "random": "let drivetrain divide each class (stratify=True), or add rows of it.",
    "time": "add rows of it from that time, or give that part a longer time.",
    "grouped": "add groups that have it, or give that part more groups.",
    "stratified grouped": "add groups that have it, or give that part more groups.",
    "given": "move rows of it there, or leave split= out: drivetrain divides each class (stratify=True).",
}
"""By how the parts were drawn, where a row has one class."""
MORE_ROWS = "add rows of it, or make that part larger."
UNJUDGED = "What is not there is not judged: the score of that part says nothing about it."
UNLEARNT = "What has no training row is never answered."

Counts = Mapping[str, Counter[Part]]
"""Class → rows in each part."""


def missing_findings(rows: AuditRows) -> list[Finding]:
    """Classes, or labels where rows have several, of which a part has no row."""
    if rows.parts is None or rows.target.kind == "number":
        return []
    counts = _counts(rows)
    found: list[Finding] = []
    for part in PARTS:
        missing = [label for label, n in counts.items() if part in rows.parts and not n[part]]
        strange = _beyond_chance(missing, _chances(part, rows)) if missing else []
        explained = [label for label in missing if label not in strange]
        found += [_finding(part, strange, rows, counts, alarm=True)] if strange else []
        found += [_finding(part, explained, rows, counts, alarm=False)] if explained else []
    return found


def _counts(rows: AuditRows) -> Counts:
    """Of the classes that training or validation rows have: what test rows alone have is not named."""
    counts: dict[str, Counter[Part]] = defaultdict(Counter)
    for value, part in zip(rows.examples.values, rows.parts or (), strict=True):
        for label in labels_of(value):
            counts[label][part] += 1
    return {label: n for label, n in sorted(counts.items()) if n["train"] or n["valid"]}


def _chances(part: Part, rows: AuditRows) -> dict[str, float]:
    """Class → how often a random draw leaves it out of the part; groups, and copies of a file, are drawn together."""
    from scipy.stats import hypergeom  # noqa: PLC0415 - slow to import

    units = rows.examples.groups or rows.examples.digests
    with_it: dict[str, set[str]] = defaultdict(set)
    for unit, value in zip(units, rows.examples.values, strict=True):
        for label in labels_of(value):
            with_it[label].add(unit)
    n_drawn = len({units[row] for row in rows.of_part(part).tolist()})
    sizes = [len(own) for own in with_it.values()]
    return dict(zip(with_it, hypergeom.pmf(0, len(set(units)), sizes, n_drawn).tolist(), strict=True))


def _beyond_chance(missing: Sequence[str], chances: Mapping[str, float]) -> list[str]:
    """Those of the missing classes that a random draw would hardly miss, alone or so many of them together.

    How many classes a draw misses, of those that are as hard to miss as a given one, is nearly a Poisson number.
    """
    from scipy.stats import poisson  # noqa: PLC0415 - slow to import

    ordered = sorted(missing, key=lambda label: (chances[label], label))
    allowed = ALPHA / (len(PARTS) - 1) / len(ordered)
    strange = 0
    for n, label in enumerate(ordered, start=1):
        expected = sum(chance for chance in chances.values() if chance <= chances[label])
        if poisson.sf(n - 1, expected) < allowed:
            strange = n
    return sorted(ordered[:strange])


def _finding(part: Part, missing: Sequence[str], rows: AuditRows, counts: Counts, *, alarm: bool) -> Finding:
    word, many_per_row = PART_WORDS[part], rows.target.kind == "categories"
    have = does(len(missing), "have")
    one, several = ("label", "labels") if many_per_row else ("class", "classes")
    shown = {label: _shown(counts[label], rows) for label in missing}
    told = first_few([f"{label!r} ({_in_words(shown[label])})" for label in missing], most=NAMED)
    why = "" if alarm else " Chance explains it: with so few rows some part often has none."
    mend = MORE_ROWS if many_per_row else MEND.get(rows.method, MORE_ROWS)
    return Finding(
        "missing class",
        "warning" if alarm else "note",
        f"{len(missing):,} of {counted(len(counts), one, several)} {have} no {word} row",
        f"{told}. {UNLEARNT if part == 'train' else UNJUDGED}{why}",
        mend="put rows of it in the training set." if part == "train" else mend,
        facts={"part": word, "of": len(counts), "missing": shown},
    )


def _shown(counts: Counter[Part], rows: AuditRows) -> dict[str, int | None]:
    """Rows per part that has rows; None for test rows: how many a class has stays sealed, unless it has none."""
    assert rows.parts is not None, "nothing is missing where nothing is divided"
    return {
        PART_WORDS[part]: None if part == "test" and counts[part] else counts[part]
        for part in PARTS
        if part in rows.parts
    }


def _in_words(counts: Mapping[str, int | None]) -> str:
    """Counts as part of a sentence.

    Example:
        >>> _in_words({"training": 1200, "validation": 0, "test": None})
        '1,200 training, 0 validation, some test rows'
    """
    return ", ".join(f"{'some' if n is None else f'{n:,}'} {word}" for word, n in counts.items()) + " rows"
