"""What users have done since a model was trained, kept in its artefact: the histories of those who are folded in.

Legend: U users, I items.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import numpy as np

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.kinds.ratings.keeping import open_ratings
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.recommending.updating import Refreshed, joined, refreshed
from drivetrain.kinds.ratings.spec import UPDATES
from drivetrain.runtime.artefact import GET_AGAIN, Artefact, open_artefact, update_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.text import counted, readable, short_reason

MOST_BYTES = 1 << 30
MOST_COMPARED = 16
"""Users whose scores tell whether it is the same model."""


def save_into(recommender: Recommender, path: str | os.PathLike[str]) -> Path:
    """See `Recommender.save`."""
    scorer, catalogue = recommender.scorer, recommender.catalogue
    if not isinstance(scorer, Refreshed):
        raise SettingError(
            "save() cannot be used: there are no rows beyond those of training. Expected what update(events) gives. To "
            "fix: save the model itself, or update it before."
        )
    artefact = open_artefact(path)
    saved = open_ratings(artefact)
    n = len(saved.spec.users)
    same = saved.spec.items == catalogue.items and saved.spec.users == catalogue.users[:n]
    some = np.unique(np.linspace(0, max(n - 1, 0), MOST_COMPARED).astype(np.int64))
    if not same or not np.array_equal(saved.ranker.scores(some + 1), scorer.scorer.scores(some)):
        raise ArtefactError(
            f"{readable(path)} is another model than the one that was updated; expected the same, saved. To fix: save "
            "that model there, or update the one that is there: dt.load(...).recommender.update(events)."
        )
    fresh = np.flatnonzero(scorer.fresh).tolist()
    each = [scorer.seen.of(user) for user in fresh]
    content = {
        "users": [catalogue.users[user] for user in fresh],
        "items": [items.tolist() for items, _ in each],
        "values": [values.tolist() for _, values in each],
    }
    try:
        update_artefact(artefact, {UPDATES: json.dumps(content, ensure_ascii=False).encode()})
    except OSError as error:
        raise ArtefactError(
            f"{readable(path)} cannot be written: {short_reason(error)}; expected a folder that may be changed. To "
            "fix: copy the model to such a place, and save there."
        ) from error
    return artefact.path


def with_saved(recommender: Recommender, artefact: Artefact) -> Recommender:
    """What recommends, with the rows that an artefact keeps.

    Raises:
        ArtefactError: They are damaged.
    """
    catalogue = recommender.catalogue
    try:
        told = cast("dict[str, Any]", read_json(artefact.file(UPDATES).read_bytes(), most_bytes=MOST_BYTES))
        users, lengths = [str(one) for one in told["users"]], [len(one) for one in told["items"]]
        items = np.array([item for one in told["items"] for item in one], np.int64)
        values = np.array([value for one in told["values"] for value in one], np.float32)
        if not len(users) == len(lengths) == len(set(users)) or len(items) != len(values):
            raise ValueError("users, items and values are not as many")
        if len(items) and not 0 <= items.min() <= items.max() < len(catalogue.items):
            raise ValueError("an item is there that the model does not know")
        if not np.isfinite(values).all():
            raise ValueError("a rating is no number")
    except (ValueError, KeyError, TypeError, OSError, OverflowError) as error:
        raise ArtefactError(f"{artefact.path}/{UPDATES} is damaged: {short_reason(error)}. {GET_AGAIN}") from error
    names = dict(catalogue.user_code)
    codes = np.array([names.setdefault(user, len(names)) for user in users], np.int64)
    fresh = np.zeros(len(names), np.bool_)
    fresh[codes] = True
    shape = (len(names), len(catalogue.items))
    seen = joined(catalogue.seen, np.repeat(codes, lengths), items, values, shape=shape)
    new = len(names) - len(catalogue.users)
    reason = f"{counted(len(users), 'user')} with new rows, {new:,} of them new, saved since training"
    decision = Decision(value=len(users), reason=reason)
    return refreshed(recommender, tuple(names), fresh, seen, base=recommender.scorer, told=decision)
