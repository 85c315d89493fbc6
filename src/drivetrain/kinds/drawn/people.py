"""The section of a report of a model whose classes are people: is it this person?"""

from __future__ import annotations

import re
from typing import Any

from drivetrain.data.data import Data
from drivetrain.errors import DataError
from drivetrain.evaluation.verification import verification
from drivetrain.pages.html import Html, scrolling, table, tag
from drivetrain.runtime.targets import CategoryTarget

PEOPLE = frozenset({"person", "people", "user", "speaker", "subject", "participant", "writer", "signer", "who"})
"""Words in the name of a target whose categories are people."""
MOST_ROWS = 40
"""People of the table."""


def names_people(target: str) -> bool:
    """Whether a target is so called that its categories are people.

    Example:
        >>> [names_people(name) for name in ("person", "user_id", "Speaker", "userland", "class")]
        [True, True, True, False, False]
    """
    return not PEOPLE.isdisjoint(re.findall("[a-z]+", target.lower()))


def claims_of_people(model: Any) -> list[tuple[str, Html]]:
    """What `drivetrain.verification` says of the validation rows, where the target is called as people are."""
    data: Data = model.data
    if not isinstance(data.target, CategoryTarget) or not names_people(data.target.name) or not len(data.valid):
        return []
    try:
        found = verification(model.predict_rows(data.valid))
    except DataError as error:
        return [("Is it this person?", tag("p", f"This is not judged: {error}"))]
    rows = found.table()
    head = [name.replace("_", " ") for name in rows[0]]
    people = [[_said(value) for value in row.values()] for row in rows[:MOST_ROWS]]
    caption = f"{len(people)} of {len(rows)} people, those that are told worst first"
    shown = scrolling(caption, table(head, people, caption=caption, numeric=range(1, len(head))))
    told = [tag("p", line) for line in ("Each validation row claims to be each person.", *str(found).splitlines())]
    return [("Is it this person?", tag("div", told, shown))]


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
