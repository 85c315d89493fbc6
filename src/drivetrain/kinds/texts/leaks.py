"""Texts in which their own target is written: a label's name, or the number that is to be predicted.

A heading such as "Category: sports" or a line such as "Rating: 4 of 5" makes the task one of reading it, and it is
gone in use. A label may also be an everyday word of its texts ("refund"); so what is told is how far the rule "say the
label that is written in the text" gets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from drivetrain.auditing.findings import Finding, RowRef
from drivetrain.auditing.rows import AuditRows
from drivetrain.auditing.shortcut import FEWEST_ROWS, chosen_rows
from drivetrain.data.inputs import Cells
from drivetrain.data.splitting.divide import labels_of
from drivetrain.errors import InputError
from drivetrain.kinds.texts.near import plain_words
from drivetrain.kinds.texts.spec import Spec
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import readable

TOLD = 0.25
"""Share of the rows whose target the rule finds in their text, from which on it is told."""
CERTAIN = 0.9
SHOWN = 3
_NUMBER = re.compile(r"(?<![\w.,])[+-]?\d+(?:[.,]\d+)?(?![\w]|[.,]\d)")


def findings(rows: AuditRows, /, *, seed: int = 0) -> list[Finding]:
    """Whether the target is written in the texts; targets of test rows are not used."""
    chosen = chosen_rows(rows, seed=seed).tolist()
    if len(chosen) < FEWEST_ROWS:
        return []
    texts = [_read(rows, row) for row in chosen]
    if isinstance(rows.target, NumberTarget):
        found = _numbers(rows, chosen, texts, seed)
    else:
        found = _labels(rows, chosen, texts)
    return [] if found is None else [found]


def _labels(rows: AuditRows, chosen: Sequence[int], texts: Sequence[str]) -> Finding | None:
    """Labels that are named in the text, and no other label."""
    told = [tuple(labels_of(rows.examples.values[row])) for row in chosen]
    labels = {label: plain for label in {each for one in told for each in one} if (plain := plain_words(label))}
    if not labels:
        return None
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, labels.values()), key=len, reverse=True))})\b")
    named = [set(pattern.findall(plain_words(text))) for text in texts]
    right = [
        bool(one) and {labels.get(each, "") for each in one} == found for one, found in zip(told, named, strict=True)
    ]
    wrong = [bool(found) and not good for found, good in zip(named, right, strict=True)]
    share = sum(right) / len(right)
    if share < TOLD or sum(right) < 2 * sum(wrong):
        return None
    first = [rows.ref(chosen[at]) for at, good in enumerate(right) if good][:SHOWN]
    return _finding(
        rows,
        share,
        f"the label is written in {100 * share:.0f} % of the texts, and no other one",
        f"In {100 * sum(wrong) / len(wrong):.0f} % another label is. Where labels are words that such texts have "
        "anyway, that is what is to be learnt; where a heading or a tag says them, it is not there in use.",
        first,
    )


def _numbers(rows: AuditRows, chosen: Sequence[int], texts: Sequence[str], seed: int) -> Finding | None:
    """The number that is to be predicted, written in the text more often than chance has it."""
    values = [tuple(float(each) for each in rows.examples.values[row]) for row in chosen]
    written = [_numbers_in(text) for text in texts]
    hits = [any(each in found for each in value) for value, found in zip(values, written, strict=True)]
    order = np.random.default_rng(seed).permutation(len(values)).tolist()
    chance = sum(any(each in written[at] for each in values[other]) for at, other in enumerate(order)) / len(order)
    share = sum(hits) / len(hits)
    if share - chance < TOLD:
        return None
    first = [rows.ref(chosen[at]) for at, hit in enumerate(hits) if hit][:SHOWN]
    return _finding(
        rows,
        share - chance,
        f"the number that is to be predicted is written in {100 * share:.0f} % of the texts",
        f"By chance it would be in {100 * chance:.0f} %. A model may read it there; ask whether it is known in use.",
        first,
    )


def _finding(rows: AuditRows, share: float, title: str, text: str, first: Sequence[RowRef]) -> Finding:
    return Finding(
        "leak",
        "problem" if share >= CERTAIN else "warning",
        title,
        text,
        mend=f"look at these; where {readable(rows.target.name)!r} is put into the text, take it out.",
        rows=tuple(first),
        facts={"told": share},
    )


def _numbers_in(text: str) -> set[float]:
    return {float(each.replace(",", ".")) for each in _NUMBER.findall(text)}


def _read(rows: AuditRows, row: int) -> str:
    inputs = rows.examples.inputs
    columns = tuple(inputs.columns) if isinstance(inputs, Cells) else ("text",)
    try:
        return Spec(columns=columns, html=bool(rows.examples.options.get("html", True))).read(inputs[row])
    except InputError:
        return ""
