"""What a model of ratings recommends and has learnt, as sections of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivetrain.errors import DrivetrainError
from drivetrain.kinds.ratings.recommending.catalogue import Catalogue
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.understanding.looks import FEWEST, dividing, genre_of, liked_beyond
from drivetrain.kinds.tables.embedding import HEIGHT, WIDTH, embedding_from, free_labels
from drivetrain.pages.html import Cell, Html, breakable, figure, scrolling, table, tag
from drivetrain.pages.svg import dot, drawing, plot, spread
from drivetrain.pages.words import with_minus
from drivetrain.text import counted, in_digits, readable

MOST_ON_MAP = 120
SHOWN_USERS, LISTED = 6, 5
"""Rows of the table of effects, and items of each list."""
SHOWN_ITEMS = 8
NEIGHBOURS, LOOKED_AT = 3, 200
"""Neighbours that are shown, out of so many: those that hardly anybody has are passed over."""
HISTORY = 8


def model_sections(model: Any) -> list[tuple[str, Html]]:
    """What the report of a model of ratings shows beside its scores.

    Args:
        model: Fitted or saved; one that cannot recommend has no sections.
    """
    try:
        recommender: Recommender = model.recommender
    except (AttributeError, DrivetrainError):
        return []
    if not len(recommender.catalogue.items) or not len(recommender.catalogue.seen.items):
        return []
    return [
        ("What it recommends", _recommended(recommender)),
        ("What items are like", _items(recommender)),
        ("One user", _user(recommender)),
    ]


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _recommended(recommender: Recommender) -> Html:
    found = recommender.by_effect(n=LISTED)
    lead = (
        "A good prediction is not a good recommendation: who has read one book of an author finds the others without "
        "help, and what everybody buys is bought anyway. Beside the list by prediction stand those of its items that "
        "the user would probably get anyway, and a list that discounts them. Both go by a heuristic, no measured "
        "effect: the share of users who have an item, whose it is, and how certain it is. Where showing was "
        "randomised, dt.uplift measures what recommending adds."
    )
    head = ["user", "recommended by prediction", "got anyway", "recommended by effect"]
    rows = [
        [readable(row.user), _listed(row.by_prediction), _listed(row.anyway), _listed(row.by_effect)]
        for row in found.rows[:SHOWN_USERS]
    ]
    return tag(
        "div",
        tag("p", lead),
        tag("p", tag("strong", found.verdict), f" (means of {counted(len(found.rows), 'user')}.)"),
        scrolling("lists", table(head, rows, caption=f"Lists of {counted(found.n, 'item')}")),
    )


def _listed(items: Sequence[str]) -> Html | str:
    if not items:
        return "–"
    return tag("div", [tag("div", breakable(readable(one))) for one in items])


# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _items(recommender: Recommender) -> Html:
    parts = [_map(recommender), _neighbours(recommender)]
    if recommender.scale is not None:
        parts += [_beyond(recommender.catalogue), _dividing(recommender.catalogue, recommender.scale)]
    return tag("div", [part for part in parts if part is not None])


def _popular(catalogue: Catalogue, most: int) -> list[int]:
    order = np.argsort(-catalogue.counts, kind="stable")[:most]
    return [int(item) for item in order if catalogue.counts[item]]


def _map(recommender: Recommender) -> Html | None:
    catalogue, vectors = recommender.catalogue, recommender.vectors
    drawn = _popular(catalogue, MOST_ON_MAP)
    if vectors is None or len(drawn) < 3:
        return None
    names = [readable(catalogue.shown(item)) for item in drawn]
    counts = [int(catalogue.counts[item]) for item in drawn]
    made = embedding_from("items", tuple(names), tuple(counts), vectors[drawn].astype(np.float64))
    flat = np.zeros((len(drawn), 2))
    flat[:, : min(2, made.places.shape[1])] = made.places[:, :2]
    (left, low), (right, high) = flat.min(axis=0), flat.max(axis=0)
    field = plot(WIDTH, HEIGHT, x=spread(left, right), y=spread(low, high), x_name="first component", y_name="second")
    points = [
        dot(field.x.at(x), field.y.at(y), 3.2, "accent point", f"{name}: {counted(n, 'user')}")
        for (x, y), name, n in zip(flat.tolist(), names, counts, strict=True)
    ]
    spreads = made.places.var(axis=0)
    kept = made.share * float(spreads[:2].sum() / spreads.sum()) if spreads.sum() > 0 else 0.0
    said = (
        f"The {counted(len(drawn), 'item')} that most users have; those near each other are liked by the same users. "
        f"The two directions keep {100 * kept:.0f} % of the spread."
    )
    drawn_map = drawing(
        "items", WIDTH, HEIGHT, "Map of items", said, field.frame(), points, free_labels(field, flat, names)
    )
    return tag("div", tag("h3", "Map of items"), figure(drawn_map, said))


def _neighbours(recommender: Recommender) -> Html | None:
    catalogue = recommender.catalogue
    if recommender.vectors is None or len(catalogue.items) < 2:
        return None
    rows: list[list[Any]] = []
    for item in _popular(catalogue, SHOWN_ITEMS):
        near = [
            (catalogue.item_code[name], value) for name, value in recommender.similar(catalogue.items[item], LOOKED_AT)
        ]
        known = [(code, value) for code, value in near if catalogue.counts[code] >= FEWEST] or near
        shown = [f"{readable(catalogue.shown(code))} ({value:.2f})" for code, value in known[:NEIGHBOURS]]
        rows.append([breakable(readable(catalogue.shown(item))), int(catalogue.counts[item]), "; ".join(shown)])
    head = ["item", "users", "nearest (cosine)"]
    return tag(
        "div", tag("h3", "Neighbours"), scrolling("neighbours", table(head, rows, caption="Nearest items", numeric=[1]))
    )


def _beyond(catalogue: Catalogue) -> Html | None:
    name = genre_of(catalogue.attributes)
    found = liked_beyond(catalogue, None if name is None else catalogue.attributes[name])
    if not found:
        return None
    title = "Loved beyond their genre" if name is not None else "Loved most"
    by = (
        f"the mean of other items with the same {readable(name)}" if name is not None else "no genre: no column says it"
    )
    lead = (
        "How far an item is rated above what its users usually give, in points; little is believed of items with few "
        f"ratings. Compared with {by}."
    )
    head = ["item", "liked", "its genre", "beyond", "ratings"]
    rows = [
        [
            breakable(readable(catalogue.shown(one.item))),
            *(Cell(_signed(value), value) for value in (one.own, one.genre, one.beyond)),
            one.n,
        ]
        for one in (*found[:SHOWN_ITEMS], *found[max(SHOWN_ITEMS, len(found) - NEIGHBOURS) :])
    ]
    said = f"The first {min(SHOWN_ITEMS, len(found))}, and the last {min(NEIGHBOURS, max(0, len(found) - SHOWN_ITEMS))}"
    shown = table(head, rows, caption=said, numeric=[1, 2, 3, 4])
    return tag("div", tag("h3", title), tag("p", lead), scrolling("beyond", shown))


def _dividing(catalogue: Catalogue, scale: tuple[float, float]) -> Html | None:
    found = dividing(catalogue, scale)[:SHOWN_ITEMS]
    if not found:
        return None
    step = (scale[1] - scale[0]) / 4
    lead = (
        "Items whose ratings lie furthest apart, once what each user usually gives is taken off; low and high are at "
        f"least {in_digits(step)} below and above it."
    )
    rows = [
        [
            breakable(readable(catalogue.shown(one.item))),
            Cell(in_digits(one.spread, ".2f"), one.spread),
            Cell(f"{100 * one.low:.0f} %", one.low),
            Cell(f"{100 * one.high:.0f} %", one.high),
            one.n,
        ]
        for one in found
    ]
    head = ["item", "spread", "low", "high", "ratings"]
    shown = table(head, rows, caption="Most polarising items", numeric=[1, 2, 3, 4])
    return tag("div", tag("h3", "Most polarising"), tag("p", lead), scrolling("polarising", shown))


def _signed(value: float) -> str:
    return with_minus(f"{round(value, 2) + 0.0:+.2f}")


# ── a user ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _user(recommender: Recommender) -> Html:
    """The page of the user with the middle number of items."""
    catalogue = recommender.catalogue
    lengths = np.diff(catalogue.seen.starts)
    some = np.flatnonzero(lengths > 0)
    code = int(some[np.argsort(lengths[some], kind="stable")[len(some) // 2]])
    name = catalogue.users[code]
    own, values = catalogue.seen.of(code)
    order = np.lexsort((own, -values))[:HISTORY]
    rated = recommender.scale is not None
    history = [
        [breakable(readable(catalogue.shown(int(own[at])))), *([in_digits(float(values[at]))] if rated else [])]
        for at in order.tolist()
    ]
    found = recommender.recommend(name, SHOWN_ITEMS)
    listed = [
        [breakable(readable(one.title or one.item)), Cell(in_digits(one.score, ".3g"), one.score), readable(one.why)]
        for one in found
    ]
    lead = (
        f"User {readable(name)} has {counted(len(own), 'item')}, as many as the middle one of all users. The score is "
        f"the {found.says}."
    )
    head = ["has", "rating"] if rated else ["has"]
    return tag(
        "div",
        tag("p", lead),
        scrolling(
            "history", table(head, history, caption="Best liked" if rated else "Has", numeric=[1] if rated else ())
        ),
        scrolling("list", table(["recommended", "score", "why"], listed, caption="Recommended", numeric=[1])),
    )
