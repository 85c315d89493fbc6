"""What a caller asks of a list of recommendations, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError, did_you_mean
from drivetrain.kinds.ratings.recommending.anyway import makers_of
from drivetrain.kinds.ratings.recommending.catalogue import Attribute, Catalogue
from drivetrain.kinds.ratings.recommending.picking import Limit
from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats
from drivetrain.kinds.tables.parsing import category_text, is_gap
from drivetrain.settings import choice, flag, number, refuse, several, shown, whole
from drivetrain.text import readable, short_reason

By = Literal["prediction", "discovery"]
Floats64 = NDArray[np.float64]
MOST = 10_000
"""Items of one list."""
Effects = Callable[[str, Sequence[str]], Any]
"""(user, items) → what recommending each of them adds: numbers, or a table with `uplift` and `without`."""


@dataclass(frozen=True)
class Rules:
    """What a list is made by."""

    n: int = 10
    exclude_seen: bool = True
    diversity: float = 0.0
    novelty: float = 0.0
    limits: tuple[Limit, ...] = ()
    forbidden: NDArray[np.bool_] | None = None
    """(I,) items that are in no list."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes of which a list takes no value that the user has already."""
    by: By | Effects = "prediction"
    makers: tuple[str, ...] = ()
    """Columns that say whose an item is."""

    @property
    def plain(self) -> bool:
        """Whether scores alone decide, so that many users are answered at once."""
        no_rule = not (self.limits or self.unknown or self.diversity or self.novelty)
        return no_rule and self.by == "prediction"


def asked_rules(
    catalogue: Catalogue,
    *,
    n: Any = 10,
    exclude_seen: Any = True,
    diversity: Any = 0.0,
    novelty: Any = 0.0,
    at_most_per: Any = None,
    not_from: Any = None,
    by: Any = "prediction",
    found_by: Any = None,
) -> Rules:
    """The rules that a caller asks for.

    Raises:
        SettingError: A value cannot be used, or names a column or item that is not there.
    """
    if not callable(by) and not isinstance(by, str):
        expected = "'prediction', 'discovery', or a function (user, items) → what recommending each item adds"
        refuse("by", by, expected, fix="To fix: of an Uplift, pass a function that looks its effects up.")
    asked_by = by if callable(by) else choice("by", by, ("prediction", "discovery"))
    forbidden, unknown = _not_from(catalogue, not_from)
    return Rules(
        n=whole("n", n, least=1, most=MOST),
        exclude_seen=flag("exclude_seen", exclude_seen),
        diversity=number("diversity", diversity, least=0, most=1),
        novelty=number("novelty", novelty, least=0, most=1),
        limits=_limits(catalogue, at_most_per),
        forbidden=forbidden,
        unknown=unknown,
        by=cast("By | Effects", asked_by),
        makers=_makers(catalogue, found_by, needed=asked_by == "discovery"),
    )


def column(catalogue: Catalogue, setting: str, name: Any) -> Attribute:
    """A column of the items' side table; raises SettingError."""
    if isinstance(name, str) and name in catalogue.attributes:
        return catalogue.attributes[name]
    known = list(catalogue.attributes)
    if not known:
        refuse(setting, name, "nothing: no columns of the items are known", fix="To fix: make the data with items=.")
    near = did_you_mean(name, known) if isinstance(name, str) else ""
    return refuse(
        setting, name, f"a column of the items: {', '.join(map(readable, known))}",
        fix=f"{near} To fix: name one of them.".strip(),
    )  # fmt: skip


def item_codes(catalogue: Catalogue, setting: str, names: Iterable[Any]) -> Codes:
    """Codes of items by their names, or by titles that are theirs alone.

    Raises:
        SettingError: An item is not known; the message names the first, and one that is written alike.
    """
    found: list[int] = []
    for name in names:
        code = None if is_gap(name) else _item(catalogue, setting, name)
        if code is None:
            near = _near(str(name), [*catalogue.items, *catalogue.by_title])
            refuse(
                setting, name, f"items of the training data, of which there are {len(catalogue.items):,}",
                fix=f"{near} To fix: leave unknown items out; the model says nothing of them.".strip(),
            )  # fmt: skip
        found.append(code)
    return np.array(found, np.int64)


def _near(name: str, known: Sequence[str]) -> str:
    """Which of the names was perhaps meant; of very many it would take too long to find out."""
    return did_you_mean(name, known) if len(known) <= MOST else ""


def _item(catalogue: Catalogue, setting: str, name: Any) -> int | None:
    try:
        text = category_text(name)
    except ValueError:
        refuse(setting, name, "names of items")
    code = catalogue.item_code.get(text)
    return catalogue.by_title.get(text.casefold()) if code is None else code


def user_code(catalogue: Catalogue, user: Any) -> int:
    """The code of a user by name.

    Raises:
        SettingError: The user is not known.
    """
    try:
        text = "" if is_gap(user) else category_text(user)
    except ValueError:
        text = ""
    if not text:
        refuse("user", user, "the name of one user", fix="To fix: pass one that the training data have.")
    code = catalogue.user_code.get(text)
    if code is None:
        raise SettingError(
            f"user={shown(user)} is not known; expected one of the users of the training data "
            f"({len(catalogue.users):,}).{_near(text, catalogue.users)} To fix: pass favourites= "
            "with some items of the new user, or train the model anew."
        )
    return code


def asked_favourites(catalogue: Catalogue, favourites: Any, scale: tuple[float, float] | None) -> tuple[Codes, Floats]:
    """Items, and what they are worth to somebody: as a list, or a mapping of items to ratings.

    Items that are listed without ratings count as rated with the best one; events as 1.

    Raises:
        SettingError: An item is not known, a rating is none or lies beyond the scale.
    """
    if hasattr(favourites, "to_dict") and not hasattr(favourites, "columns"):  # a Series: ratings by item
        favourites = favourites.to_dict()
    if isinstance(favourites, Mapping):
        given = cast("Mapping[Any, Any]", favourites)
        names, values = list(given), [number(f"favourites[{shown(name)}]", each) for name, each in given.items()]
    else:
        names = several("favourites", favourites, "items, or a mapping of items to ratings", single=str)
        values = [scale[1] if scale is not None else 1.0] * len(names)
    if not names:
        refuse("favourites", favourites, "at least one item", fix="To fix: pass an item that the user likes.")
    codes = item_codes(catalogue, "favourites", names)
    if scale is not None:
        for name, value in zip(names, values, strict=True):
            if not scale[0] <= value <= scale[1]:
                refuse(f"favourites[{shown(name)}]", value, f"a rating between {scale[0]:g} and {scale[1]:g}")
    last = {int(code): at for at, code in enumerate(codes)}  # of an item that is named twice the last rating counts
    kept = sorted(last)
    return np.array(kept, np.int64), np.array([values[last[code]] for code in kept], np.float32)


def _limits(catalogue: Catalogue, asked: Any) -> tuple[Limit, ...]:
    if asked is None:
        return ()
    if not isinstance(asked, Mapping):
        refuse("at_most_per", asked, 'a mapping of columns to numbers, such as {"author": 1}')
    given = cast("Mapping[Any, Any]", asked)
    return tuple(
        Limit(column(catalogue, "at_most_per", name), whole(f"at_most_per[{shown(name)}]", most, least=1))
        for name, most in given.items()
    )


def _not_from(catalogue: Catalogue, asked: Any) -> tuple[NDArray[np.bool_] | None, tuple[Attribute, ...]]:
    if asked is None:
        return None, ()
    if isinstance(asked, str):
        return None, (column(catalogue, "not_from", asked),)
    forbidden = np.zeros(len(catalogue.items), bool)
    if not isinstance(asked, Mapping):
        expected = "a column whose values the user does not know yet, columns with values, or items"
        forbidden[item_codes(catalogue, "not_from", several("not_from", asked, expected))] = True
        return forbidden, ()
    for name, values in cast("Mapping[Any, Any]", asked).items():
        attribute = column(catalogue, "not_from", name)
        code = {value: at for at, value in enumerate(attribute.values)}
        where = f"not_from[{shown(name)}]"
        for value in several(where, values, "values of that column", single=(str, int, float)):
            text = None if is_gap(value) else str(category_text(value))
            if text is None or text not in code:
                near = _near(str(value), attribute.values)
                refuse(where, value, f"values that the items have in {readable(str(name))}", fix=f"{near} To fix: "
                       "leave it out, or write it as the side table does.".strip())  # fmt: skip
            forbidden |= attribute.having([code[text]])
    return forbidden, ()


def _makers(catalogue: Catalogue, asked: Any, *, needed: bool) -> tuple[str, ...]:
    if asked is None:
        return makers_of(tuple(catalogue.attributes)) if needed else ()
    names = several("found_by", asked, "columns that say whose an item is", single=str)
    return tuple(column(catalogue, "found_by", name).name for name in names)


def effects_of(by: Effects, user: str, items: Sequence[str]) -> tuple[Floats64 | None, Floats64]:
    """(I,) what a function says that a user gets anyway, where it says so, and what recommending adds.

    Args:
        by: Gives numbers, or a table with the columns `uplift` and `without`, as `Uplift.predict` does.
        user: Name; empty for somebody new.
        items: All items.

    Raises:
        DataError: It fails, or gives something else.
    """
    try:
        said: Any = by(user, items)
    except Exception as error:
        raise DataError(
            f"by= failed for user {readable(user)!r}: {type(error).__name__}: {short_reason(error)}; expected numbers. "
            "To fix: let it answer for each of the items it is called with, NaN for one that must not be recommended."
        ) from error
    named = isinstance(said, Mapping) or hasattr(said, "columns")
    if not named:
        return None, _numbers(said, len(items), user)
    if "uplift" not in said:
        raise DataError(
            f"by= gave a table without a column uplift for user {readable(user)!r}; expected uplift, and without. To "
            "fix: return what Uplift.predict gives, or numbers."
        )
    without = _numbers(said["without"], len(items), user) if "without" in said else None
    return without, _numbers(said["uplift"], len(items), user)


def _numbers(said: Any, n: int, user: str) -> Floats64:
    try:
        found = np.asarray(said, np.float64).reshape(-1)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if len(found) != n or np.isinf(found).any():
        raise DataError(
            f"by= gave {shown(said)} for user {readable(user)!r}; expected {n:,} numbers, one for each item. To fix: "
            "return an array in the order of the items it is called with, NaN for one that must not be recommended."
        )
    return found


__all__ = [
    "By", "Effects", "Rules", "asked_favourites", "asked_rules", "column", "effects_of", "item_codes", "user_code",
]  # fmt: skip
