"""Who answers queries: a function of yours, or one that a package brings, with a key that is yours.

None is built in, and nothing is scraped: whoever offers a search for programs says in its terms what may be done with
what it finds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.notices import warn
from drivetrain.settings import refuse, several, shown
from drivetrain.text import readable, short_reason

GROUP = "drivetrain.providers"
"""Of entry points: the entry's name is what `--provider` says, its value is the provider."""


class Provider(Protocol):
    """Whoever answers queries with rows."""

    def __call__(self, query: str, /) -> Iterable[Mapping[str, Any]]:
        """Rows for a query, each with the address of a file (`url`), and what else is known: license, origin, ..."""
        ...


def provider_of(given: Any) -> tuple[str, Provider]:
    """A provider and its name: the function itself, or one that a package brings.

    Raises:
        SettingError: There is none of that name, or it is no function.

    Example:
        >>> provider_of("bing")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: provider='bing' cannot be used: expected a function from a query to rows, ...
    """
    expected = "a function from a query to rows, or the name of one that a package brings"
    if isinstance(given, str):
        found = {entry.name: entry for entry in entry_points(group=GROUP)}
        if given not in found:
            here = f"here is {first_few(sorted(found))}" if found else "here is none"
            refuse(
                "provider", given, f"{expected} ({here})",
                fix=f"{did_you_mean(given, found).strip()} To fix: install the package that brings it, or write such a "
                "function with the key that you have.".strip(),
            )  # fmt: skip
        try:
            loaded = found[given].load()
        except Exception as error:
            raise SettingError(
                f"provider={given!r} cannot be loaded: {short_reason(error)}; expected {expected}. "
                "To fix: install its package again."
            ) from error
        return given, _callable(loaded, given, expected)
    name = str(getattr(given, "__qualname__", type(given).__name__))
    return name, _callable(given, given, expected)


def _callable(found: Any, given: Any, expected: str) -> Provider:
    if isinstance(found, type) and callable(found):
        try:
            found = found()
        except Exception as error:
            raise SettingError(
                f"provider={shown(given)} cannot be made: {short_reason(error)}; expected {expected}. "
                "To fix: pass one that is made, with its key."
            ) from error
    return cast("Provider", found) if callable(found) else refuse("provider", given, expected)


def answers(given: Any, queries: Any, folder: Path) -> list[Mapping[str, Any]]:
    """The rows of all queries, each with its query as label unless it has one of its own.

    What was answered is kept, and not asked again.

    Args:
        given: As `provider_of` takes it.
        queries: One, or several.
        folder: Where answers are kept.

    Raises:
        DataError: The provider fails, or its rows are none.
    """
    name, provider = provider_of(given)
    asked = several("lists", queries, "a query, or several, for a provider", single=str)
    if not asked or not all(isinstance(one, str) and one.strip() for one in asked):
        refuse("lists", queries, "a query, or several, for a provider", fix="To fix: pass them as text.")
    rows: list[Mapping[str, Any]] = []
    for query in dict.fromkeys(cast("Sequence[str]", asked)):
        key = hashlib.sha256(f"{name}\0{query}".encode()).hexdigest()[:32]
        place = folder / f"{key}.json"
        found = _kept(place)
        if found is None:
            found = _asked(provider, name, query)
            beside = place.with_suffix(".part")
            beside.write_text(json.dumps({"provider": name, "query": query, "rows": found}), encoding="utf-8")
            beside.replace(place)
        if not found:
            warn(f"the provider {readable(name)} has no rows for {query!r}.")
        rows += [{"label": query, **{key: value for key, value in row.items() if value is not None}} for row in found]
    if not rows:
        raise DataError(
            f"the provider {readable(name)} gave no row for {first_few(map(repr, asked))}; expected some. "
            "To fix: ask otherwise."
        )
    return rows


def _kept(place: Path) -> list[dict[str, Any]] | None:
    try:
        return cast("list[dict[str, Any]]", json.loads(place.read_text(encoding="utf-8"))["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _asked(provider: Provider, name: str, query: str) -> list[dict[str, Any]]:
    """What it answers, as plain as JSON has it."""
    try:
        found = list(provider(query))
        rows = json.loads(json.dumps(found, default=str))
    except Exception as error:  # somebody else's code
        raise DataError(
            f"the provider {readable(name)} failed for {query!r}: {type(error).__name__}: {short_reason(error)}; "
            "expected rows. To fix: look at its key and its limits, and try again: what was answered before is kept."
        ) from error
    for row in cast("list[Any]", rows):
        if not isinstance(row, dict):
            raise DataError(
                f"the provider {readable(name)} gave {shown(row)} for {query!r}; expected rows with names and values. "
                'To fix: give such as {"url": "https://a.org/1.jpg"}.'
            )
    return cast("list[dict[str, Any]]", rows)
