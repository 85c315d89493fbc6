"""The shortcut audit: can the target be told without looking at what the row shows?

A small forest reads metadata alone. Where traces of how rows were taken and stored (*capture*) beat guessing, a
network can earn its score from them: that is an alarm. Coarse statistics (*contents*) and names and
times (*bookkeeping*) may tell classes apart for good reasons: they are noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.columns import FAMILIES, Column, Family, read_columns
from drivetrain.auditing.findings import Finding
from drivetrain.auditing.forests import Folds, Skill, make_folds, one_column, out_of_fold, skill
from drivetrain.auditing.rows import AuditRows, signatures_of
from drivetrain.data.check import CheckReport
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.splitting.split import Part
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Array, Target
from drivetrain.text import agreeing

MOST_ROWS = 5000
MOST_VALID_ROWS = 4000
FEWEST_ROWS = 40
NAMED = 3
LEAST_CARRIED = 0.02
"""A column that alone gets less of the way from chance to a perfect score is not named."""
BASELINE: tuple[Family, ...] = ("capture", "contents")
"""What the metadata-only baseline reads: what a network can see as well."""


@dataclass(frozen=True)
class Shortcut:
    """What one family of columns says of the target."""

    family: Family
    skill: Skill
    carriers: tuple[tuple[str, float], ...]
    """Columns with the skill of each alone, the best first."""


@dataclass(frozen=True)
class ShortcutAudit:
    """All families, and the answers of the metadata-only baseline."""

    families: tuple[Shortcut, ...] = ()
    predictions: Predictions | None = None
    """Out-of-fold answers from capture and contents, for the rows that were looked at."""
    why_not: str = ""
    """Why nothing was fitted, where nothing was."""


def chosen_rows(rows: AuditRows, *, seed: int = 0) -> NDArray[np.int64]:
    """At most MOST_ROWS of the training and validation rows, drawn at random, in order.

    Validation rows come first, so that the baseline stands beside a network's score on the same rows.
    """
    rng = np.random.default_rng(seed)
    valid, train = (rng.permutation(rows.of_part(part)) for part in ("valid", "train"))
    valid = valid[: max(MOST_VALID_ROWS, MOST_ROWS - len(train))]
    return np.sort(np.concatenate([valid, train[: MOST_ROWS - len(valid)]]))


def look_for_shortcuts(
    rows: AuditRows,
    chosen: NDArray[np.int64],
    columns: Sequence[Column],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> ShortcutAudit:
    """Fit, judge and explain, family by family.

    Args:
        rows: All rows.
        chosen: (n,) the ones to use, none of the test set.
        columns: Of these n rows.
        groups: (n,) what each belongs to, or None.
        seed: Of folds and forests.
    """
    if len(chosen) < FEWEST_ROWS:
        return ShortcutAudit(
            why_not=f"{agreeing(len(chosen), 'labelled rows', 'are')} too few; {FEWEST_ROWS} are needed"
        )
    values = [rows.examples.values[row] for row in chosen]
    truth = rows.target.encode(values)
    folds = make_folds(rows.target, truth, groups, seed=seed)
    if folds is None:
        return ShortcutAudit(why_not="all rows are of one group, or every class has one row")
    families: list[Shortcut] = []
    for family in FAMILIES:
        own = [column for column in columns if column.family == family]
        if own:
            said = out_of_fold(_matrix(own), rows.target, truth, folds, seed=seed)
            found = skill(rows.target, truth, said, folds, groups, seed=seed)
            carriers = _carriers(own, rows, truth, folds, found.chance) if found.beats_chance else ()
            families.append(Shortcut(family, found, carriers))
    read = [column for column in columns if column.family in BASELINE]
    said = out_of_fold(_matrix(read), rows.target, truth, folds, seed=seed) if read else None
    predictions = None if said is None else _table(rows, chosen, truth, said, groups)
    return ShortcutAudit(tuple(families), predictions)


def metadata_baseline(data: Data, *, seed: int = 0) -> Predictions | None:
    """What a forest fitted on the training rows says of the validation rows, from metadata alone.

    It reads *capture* and *contents*: what a network can see as well. A network that is no better has learnt nothing of
    what the rows show.

    Args:
        data: Divided data; the test set is not looked at.
        seed: Of the rows, at most 5,000, that the forest is fitted on, and of the forest.

    Returns:
        Answers for all validation rows; None with fewer than 40 training rows, without validation rows, or where all
        rows have the same metadata.
    """
    return metadata_answers(data.train, data.valid, data.target, seed=seed)


def metadata_answers(train: Examples, asked: Examples, target: Target, *, seed: int = 0) -> Predictions | None:
    """The same of any rows whose targets are known, such as those of a test set that was opened.

    Args:
        train: What the forest is fitted on.
        asked: The rows that it answers.
        target: Of both.
        seed: As of `metadata_baseline`.
    """
    if len(train) < FEWEST_ROWS or not len(asked):
        return None
    drawn = np.random.default_rng(seed).permutation(len(train))[:MOST_ROWS]
    train = train.subset(np.sort(drawn).tolist())
    examples = Examples.concat([train, asked])
    of_train: tuple[Part, ...] = ("train",) * len(train)
    of_asked: tuple[Part, ...] = ("valid",) * len(asked)
    rows = AuditRows(
        examples=examples,
        parts=of_train + of_asked,
        target=target,
        signatures=signatures_of(examples),
        report=CheckReport(),
        source="",
        layout="folder",
        kind=train.kind,
    )
    every = np.arange(len(rows))
    columns = [column for column in read_columns(rows, every) if column.family in BASELINE]
    if not columns:
        return None
    truth, answered = target.encode(examples.values), every[len(train) :]
    said = out_of_fold(_matrix(columns), target, truth, [(every[: len(train)], answered)], seed=seed)
    return _table(rows, answered, truth[answered], said[answered], asked.groups or None)


def shortcut_findings(found: ShortcutAudit, *, noun: str = "pictures") -> list[Finding]:
    """An alarm for capture, notes for the other families, nothing for what does not beat guessing."""
    return [_finding(shortcut, noun) for shortcut in found.families if shortcut.skill.beats_chance]


def _finding(shortcut: Shortcut, noun: str) -> Finding:
    named = ", ".join(f"{name} ({100 * value:.1f} %)" for name, value in shortcut.carriers[:NAMED])
    facts = {
        "family": shortcut.family,
        "value": shortcut.skill.value,
        "low": shortcut.skill.low,
        "high": shortcut.skill.high,
        "chance": shortcut.skill.chance,
        "n": shortcut.skill.n,
        "by_group": shortcut.skill.by_group,
        "carriers": dict(shortcut.carriers[:NAMED]),
    }
    carried = (
        f"{shortcut.skill} (cross-validated{' by group' if shortcut.skill.by_group else ''}). Carried by: {named}."
    )
    pictures = noun == "pictures"
    if shortcut.family == "capture":
        return Finding(
            "shortcut",
            "problem" if shortcut.skill.strong else "warning",
            f"how the {noun} were {'taken' if pictures else 'made'} or stored tells the target",
            f"A small model that sees none of them gets {carried} A network can learn these traces instead of "
            "the question, and fails where they are missing.",
            mend=f"store all {noun} alike (same {'size, format and quality' if pictures else 'format'}), or collect "
            "every class from every device and source; where that cannot be, keep each source in one part with group=.",
            facts=facts,
        )
    if shortcut.family == "contents":
        return Finding(
            "input statistics",
            "note",
            f"coarse statistics {'and file sizes alone' if pictures else f'of the {noun} alone'} tell something of the "
            "target",
            f"A small model gets {carried} That may be right{' (oranges are orange)' if pictures else ''}: a network "
            "should be well above it.",
            facts=facts,
        )
    return Finding(
        "bookkeeping",
        "note",
        "names, times or order tell the target",
        f"A small model gets {carried} No network sees these, but rows that were named or taken together may share "
        "more than their class.",
        mend="where names or times mean sessions, keep each in one part with group= or time=.",
        facts=facts,
    )


def _carriers(
    columns: Sequence[Column], rows: AuditRows, truth: Array, folds: Folds, chance: float
) -> tuple[tuple[str, float], ...]:
    """Columns that tell something alone, the best first; at least the best."""
    alone = [(column.name, one_column(column.values, rows.target, truth, folds)) for column in columns]
    alone.sort(key=lambda item: -item[1])
    return tuple(alone[:1] + [item for item in alone[1:] if item[1] > chance + LEAST_CARRIED * (1 - chance)])


def _matrix(columns: Sequence[Column]) -> Array:
    """(n, F) ranks: trees need no more, and large numbers such as times keep their order in single precision."""
    return np.column_stack([np.unique(column.values, return_inverse=True)[1] for column in columns]).astype(np.float64)


def _table(
    rows: AuditRows, chosen: NDArray[np.int64], truth: Array, said: Array, groups: Sequence[str] | None
) -> Predictions:
    examples = rows.examples.subset(chosen.tolist())
    return Predictions(
        ids=examples.digests,
        target=rows.target,
        truth=truth,
        output=said,
        groups=None if groups is None else np.array(groups),
        names=examples.inputs.names(),
    )
