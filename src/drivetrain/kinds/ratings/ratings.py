"""`ratings`: from a table of ratings or events to checked, divided rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Literal

from drivetrain.calls import named
from drivetrain.data.asking import asked_column
from drivetrain.data.assemble import Asked, assemble
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import Project, ProjectPlace
from drivetrain.data.seals.sealing import SealFiles, asked_seals
from drivetrain.data.sources import Source
from drivetrain.data.splitting.divide import Fractions
from drivetrain.data.splitting.split import asked_fractions
from drivetrain.data.splitting.split_files import AskedSplit, read_split
from drivetrain.data.tables.times import Gap, seconds_of_gap
from drivetrain.errors import SettingError
from drivetrain.kinds.ratings.listing import Roles, held_out_within_user, list_ratings
from drivetrain.kinds.ratings.side_reading import RatingsData, read_side
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, number, refuse, several, text, whole

HoldOut = Literal["time", "chance", "within user"]


@named
def ratings(
    source: Source,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    users: Source | None = None,
    items: Source | None = None,
    scale: Sequence[float] | None = None,
    hold_out: HoldOut | None = None,
    split: AskedSplit | None = None,
    group: Literal["user", "item"] | None = None,
    gap: Gap = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    broken: Broken = "leave out",
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> RatingsData:
    """Who rated or did what, checked and divided into training, validation and test set.

    Args:
        source: A long table: a row for each rating or event. A CSV, TSV or Parquet file; a DataFrame of any library, an
            Arrow table, a dict of lists or arrays, a list of dicts; or the cursor of a database.
        user: The column of users; ids may be of any type.
        item: The column of items.
        rating: The column of ratings; None: each row is an event (a purchase, a click), which says that it happened.
        time: When it happened. Where it is given, the newest rows are validated and tested on.
        weight: How much a row counts; of events how often they happened.
        users: A table of what is known of users, by their id.
        items: A table of what is known of items (title, author, genre), by their id.
        scale: The ends of the scale of the ratings; None takes the lowest and the highest that occur, and says so.
        hold_out: How rows are drawn: "time", the newest; "chance"; or "within user", by chance the same share of the
            rows of each user. None takes time where it is given.
        split: As of `drivetrain.images`.
        group: "user" or "item": hold out whole users, or whole items: how well strangers are served.
        gap: As of `drivetrain.images`.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; None means 0.2, or what the source itself sets apart.
        seed: Another number draws another split.
        broken: "leave out" goes on without rows that cannot be used, with a warning; "error" stops.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source cannot be read, lacks a column, no row is usable, or all ratings are equal.
        SplitError: The parts cannot be made as asked.
        SealError: Rows that would be trained or validated on are sealed as test rows.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> ratings("/no/such.csv")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such.csv does not exist; expected a CSV, TSV or Parquet file, ...
    """
    user, item = text("user", user, what="the name of a column"), text("item", item, what="the name of a column")
    rating, time, weight = (
        asked_column(name, value) for name, value in (("rating", rating), ("time", time), ("weight", weight))
    )
    hold_out = choice("hold_out", hold_out, (None, "time", "chance", "within user"))
    group = choice("group", group, (None, "user", "item"))
    broken = choice("broken", broken, ("leave out", "error"))
    seed = whole("seed", seed, least=0)
    valid_pct, test_pct = asked_fractions(valid_pct, test_pct)
    ends = _asked_scale(scale, rating)
    by_time = _by_time(hold_out, time, group)
    if gap is not None and not by_time:
        raise SettingError(f"gap={gap!r} has no effect without a split by time. To fix: pass time=, or leave gap out.")
    seal, retire = asked_seals(seal), None if retire is None else text("retire", retire, what="a reason, in your words")
    Project.find(project)  # says so now if it cannot be one
    split_column, brought = read_split(split)
    about_users, about_items = read_side(users, user, "users"), read_side(items, item, "items")
    roles = Roles(user, item, rating, time, weight, split_column)
    if hold_out == "within user" and split is not None:
        raise SettingError(
            "hold_out='within user' draws the parts, and split= brings them; expected one of both. To fix: leave "
            "one out."
        )
    listed = list_ratings(source, roles, {} if ends is None else {"scale": ends}, by_time=by_time)
    if hold_out == "within user":
        listed = held_out_within_user(listed, valid_pct, test_pct, seed)
        valid_pct = test_pct = None
    asked = Asked(
        Fractions(valid_pct, test_pct, seed, False, seconds_of_gap(gap)),
        brought,
        group,
        listed.spec.options["time"] if by_time else None,
        broken,
        None,
        seal,
        retire,
        project,
        os.path.abspath(source) if isinstance(source, str | os.PathLike) else None,  # noqa: PTH100 - keeps links
    )
    data = assemble(listed, asked)
    if hold_out == "within user":
        told = Decision(value="within user", reason="by chance, the same share of the rows of each user")
        data = replace(data, decisions={**data.decisions, "split": told})
    own: dict[str, Any] = {each.name: getattr(data, each.name) for each in fields(data)}
    return RatingsData(**own, users=about_users, items=about_items)


def _by_time(hold_out: HoldOut | None, time: str | None, group: str | None) -> bool:
    """Whether the newest rows are held out."""
    if hold_out == "time" and time is None:
        raise SettingError("hold_out='time' needs time=, the column that says when. To fix: pass time=.")
    if group is not None and hold_out is not None:
        raise SettingError(
            f"group={group!r} holds out whole {group}s, and hold_out={hold_out!r} rows. To fix: leave one of them out."
        )
    return time is not None and group is None and hold_out in (None, "time")


def _asked_scale(scale: Sequence[float] | None, rating: str | None) -> tuple[float, float] | None:
    if scale is None:
        return None
    expected = "two numbers, the lowest and the highest rating there can be"
    ends = [number("scale", one) for one in several("scale", scale, expected)]
    if len(ends) != 2 or not ends[0] < ends[1]:
        refuse("scale", scale, expected, fix="To fix: pass such as (1, 5).")
    if rating is None:
        raise SettingError(f"scale={scale!r} has no effect without rating=. To fix: pass rating=, or leave scale out.")
    return ends[0], ends[1]
