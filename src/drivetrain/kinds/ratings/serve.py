"""Ratings in a service: a rating of a pair as rows of a table are answered; lists, similar items, and their page."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, cast

import numpy as np
from pydantic import BaseModel

from drivetrain.errors import DrivetrainError, did_you_mean
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.kinds.tables.serve import EXAMPLES, MEDIA_TYPES, REFUSED, admit, rows, source
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Call
from drivetrain.settings import text, whole

__all__ = [
    "CALLS", "ENCODED", "EXAMPLES", "MEDIA_TYPES", "NOUN", "PAGE", "REFUSED", "about", "admit", "rows", "source",
]  # fmt: skip

NOUN = "rating"
ENCODED = "rows"
PAGE = files("drivetrain.kinds.ratings") / "page"
MOST_BYTES = 1 << 20
MOST_LISTED = 1000
"""Items of one answer."""
RULES = ("n", "favourites", "exclude_seen", "diversity", "novelty", "at_most_per", "not_from", "by", "found_by")


class Item(BaseModel):
    """A recommended item."""

    item: str
    score: float
    why: str
    title: str | None = None
    anyway: float | None = None


class Listed(BaseModel):
    """A list of recommendations, the best first."""

    user: str | None
    says: str
    """What a score is."""
    items: list[Item]
    told: dict[str, str]
    """What was decided, and why."""


class Found(BaseModel):
    """An item by its words."""

    item: str
    title: str
    users: int


class Rules(BaseModel):
    """What lists may be asked to obey."""

    columns: list[str]
    """Of the items."""
    folds_in: bool
    """Whether somebody new can be answered, by favourites."""
    says: str


class Alike(BaseModel):
    """A similar item."""

    item: str
    title: str
    similarity: float


def recommend(model: Any, data: bytes) -> dict[str, Any]:
    """A list for one user, or for somebody new; raises Refusal."""
    asked = _object(data, ("user", *RULES))
    n = asked.setdefault("n", 10)
    if isinstance(n, int) and n > MOST_LISTED:
        raise Refusal(413, f"n={n}: a list has at most {MOST_LISTED} items. To fix: ask for fewer")
    try:
        found = _recommender(model).recommend(asked.pop("user", None), **asked)
    except DrivetrainError as error:
        raise Refusal(422, str(error)) from error
    told = {name: str(decision) for name, decision in found.decisions.items()}
    return {"user": found.user, "says": found.says, "items": found.as_json(), "told": told}


def search(model: Any, data: bytes) -> list[dict[str, Any]]:
    """Items whose title or name holds some words, those of most users first; raises Refusal."""
    asked = _object(data, ("words", "n"))
    recommender = _recommender(model)
    try:
        words = text("words", asked.get("words", ""), empty=True).casefold().split()
        n = whole("n", asked.get("n", 20), least=1, most=MOST_LISTED)
    except DrivetrainError as error:
        raise Refusal(422, str(error)) from error
    catalogue = recommender.catalogue
    found: list[dict[str, Any]] = []
    for code in np.argsort(-catalogue.counts, kind="stable").tolist():
        title = catalogue.shown(code)
        if all(word in f"{title} {catalogue.items[code]}".casefold() for word in words):
            found.append({"item": catalogue.items[code], "title": title, "users": int(catalogue.counts[code])})
            if len(found) == n:
                break
    return found


def similar(model: Any, data: bytes) -> list[dict[str, Any]]:
    """Items like one; raises Refusal."""
    asked = _object(data, ("item", "n"))
    recommender = _recommender(model)
    try:
        alike = recommender.similar(asked.get("item"), asked.get("n", 10))
    except DrivetrainError as error:
        raise Refusal(422, str(error)) from error
    catalogue = recommender.catalogue
    return [
        {"item": item, "title": catalogue.shown(catalogue.item_code[item]), "similarity": round(value, 4)}
        for item, value in alike
    ]


def rules(model: Any, data: bytes) -> dict[str, Any]:
    """Columns of the items that rules may name."""
    _object(data, ())
    recommender = _recommender(model)
    names = [name for name in recommender.catalogue.attributes if name != recommender.catalogue.title]
    return {"columns": names, "folds_in": recommender.scorer.folds_in, "says": recommender.scorer.says}


CALLS = {
    "/recommend": Call(
        recommend, Listed,
        'The best items for one user ({"user": "ann", "n": 10}), or for somebody new ({"favourites": {"item 7": 5}}), '
        "with reasons; rules as of model.recommend: exclude_seen, diversity, novelty, at_most_per, not_from, by.",
    ),
    "/items": Call(search, list[Found], 'Items by words of their title or name: {"words": "wyrd sisters", "n": 20}.'),
    "/similar": Call(similar, list[Alike], 'Items that are like one: {"item": "item 7", "n": 10}.'),
    "/rules": Call(rules, Rules, "Columns that at_most_per and not_from may name, and whether favourites can be told."),
}  # fmt: skip
"""Path → what is asked there."""


def about(spec: Spec) -> dict[str, Any]:
    """What the page is made of."""
    return {
        "user": spec.user,
        "item": spec.item,
        "n_users": len(spec.users),
        "n_items": len(spec.items),
        "scale": None if spec.is_events else [spec.low, spec.high],
    }


def _recommender(model: Any) -> Recommender:
    try:
        return model.predictor.recommender
    except DrivetrainError as error:
        raise Refusal(422, str(error)) from error


def _object(data: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        value = read_json(data or b"{}", most_bytes=MOST_BYTES)
    except ValueError as error:
        raise Refusal(422, f"the question is not read as JSON: {error}"[:300]) from error
    if not isinstance(value, dict):
        raise Refusal(422, 'the question is no JSON object; expected such as {"user": "ann"}')
    asked = cast("dict[str, Any]", value)
    for name in asked:
        if name not in known:
            near = did_you_mean(name, known)
            raise Refusal(422, f"there is no {name!r} to ask for; expected among {', '.join(known)}.{near}"[:300])
    return asked
