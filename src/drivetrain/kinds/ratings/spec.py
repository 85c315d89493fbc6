"""How a pair of user and item becomes two codes, as data in the manifest.

Legend: N rows, U users, I items. A code is 0 for an id that is not known, else its place in the vocabulary from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from drivetrain.errors import InputError, MissingExtraError, did_you_mean
from drivetrain.kinds.ratings.ids import UNKNOWN, codes_of, id_text
from drivetrain.kinds.tables.rows import is_table, parts_of
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.spec import Arrays, RowPart, Statistic, TensorSpec
from drivetrain.runtime.spec_base import SpecBase
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

if TYPE_CHECKING:
    from drivetrain.runtime.artefact import Artefact

Codes = NDArray[np.int64]
MOST_ROW_BYTES = 1 << 16
WATCHED = 30
"""Items that are watched each by itself: those that training saw most often."""


class Named(NamedTuple):
    """A column that a row has."""

    name: str


class Spec(SpecBase):
    """A pair of user and item.

    Example:
        >>> spec = Spec(user="who", item="book", users=("ann", "bob"), items=("emma",))
        >>> [int(code) for code in spec.load({"who": "bob", "book": "emma"})]
        [2, 1]
        >>> [int(code) for code in spec.load({"who": "bob", "book": "ulysses"})]  # an item that is not known
        [2, 0]
    """

    kind: Literal["ratings"] = "ratings"
    user: str
    """The column of users."""
    item: str
    """The column of items."""
    users: tuple[str, ...]
    """(U,) ids as text; code c is place c - 1."""
    items: tuple[str, ...]
    """(I,) likewise."""
    n_trained: int = 0
    """How many of the items, the first ones, training has rows of; the others are known by the table of items alone."""
    scale: tuple[float, float] | None = None
    """The lowest and the highest rating; None of events, which have none."""
    rating: str | None = None
    """The column of ratings, by which rows of a saved model are found again; likewise `time` and `weight`."""
    time: str | None = None
    weight: str | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Spec:
        for name, ids in (("users", self.users), ("items", self.items)):
            if len(set(ids)) < len(ids):
                raise ValueError(f"an id of the {name} is there twice")
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError("the scale of the ratings has no two ends")
        return self

    @property
    def low(self) -> float | None:
        """The lowest rating."""
        return None if self.scale is None else self.scale[0]

    @property
    def high(self) -> float | None:
        """The highest rating."""
        return None if self.scale is None else self.scale[1]

    @property
    def is_events(self) -> bool:
        """Whether rows are events, which say that something happened and not how it pleased."""
        return self.scale is None

    @property
    def columns(self) -> tuple[Named, Named]:
        """What is read of a row."""
        return Named(self.user), Named(self.item)

    @cached_property
    def user_codes(self) -> dict[str, int]:
        """Id → code."""
        return {name: at + 1 for at, name in enumerate(self.users)}

    @cached_property
    def item_codes(self) -> dict[str, int]:
        """Id → code."""
        return {name: at + 1 for at, name in enumerate(self.items)}

    def load(self, source: Any, /) -> Arrays:
        """The codes of one pair, 0 for an id that is not known; two arrays without dimensions.

        Args:
            source: A mapping of column names to cells, a Series, or JSON in bytes or text.

        Raises:
            InputError: It is no row, a column is not there, or an id is missing.
        """
        row = self._row_of(source)
        codes = ((self.user, self.user_codes), (self.item, self.item_codes))
        return tuple(np.array(known.get(self._id(row, name), UNKNOWN), np.int64) for name, known in codes)

    def signature(self) -> tuple[TensorSpec, ...]:
        """Two codes."""
        return (
            TensorSpec("user", "int64", (), len(self.users) + 1),
            TensorSpec("item", "int64", (), len(self.items) + 1),
        )

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """The ids as JSON; one that was not known by a name that is in no vocabulary."""
        return json.dumps(self.cells_of(loaded)).encode(), ".json"

    def cells_of(self, loaded: Arrays, /) -> dict[str, str]:
        """What was loaded, as cells."""
        known = ((self.user, self.users, self.user_codes), (self.item, self.items, self.item_codes))
        codes = (int(code) for code in loaded)
        return {
            name: ids[code - 1] if code else _unseen(of) for (name, ids, of), code in zip(known, codes, strict=True)
        }

    def made_up(self, n: int, /) -> list[Arrays]:
        """Pairs of the first users and items, one after the other: an artefact says nothing of who rated what."""
        sides = len(self.users) + 1, len(self.items) + 1
        return [tuple(np.array(at % side, np.int64) for side in sides) for at in range(n)]

    def statistics(self, loaded: Arrays, /) -> dict[str, Statistic]:
        """Whether the user is known, and which item it is, by its place where it is one of the first."""
        user, item = (int(code) for code in loaded)
        which = "(not seen before)" if not item else self.items[item - 1] if item <= WATCHED else "(others)"
        return {self.user: "known" if user else "(not seen before)", self.item: which}

    # ── many rows ───────────────────────────────────────────────────────────────────────────────────────────────

    def load_many(self, columns: Mapping[str, NDArray[Any]], /) -> Arrays:
        """All rows at once: (N,) codes of users and (N,) of items, of columns as `Cells` keeps them.

        Raises:
            InputError: A column is not there, or an id is missing; the message names the first such row.
        """
        found: list[Codes] = []
        for name, known in ((self.user, self.user_codes), (self.item, self.item_codes)):
            if name not in columns:
                raise self._no_column(name, columns)
            codes, gaps = codes_of(columns[name], known)
            if gaps.any():
                raise InputError(f"row {int(np.argmax(gaps)) + 1}: {_gap_in(name, None)}")
            found.append(codes)
        return tuple(found)

    def view_many(self, loaded: Arrays, /) -> Arrays:
        """What was loaded, as it is."""
        return loaded

    def is_table(self, given: Any, /) -> bool:
        """Whether something is many rows by itself; see `drivetrain.kinds.tables.rows.is_table`."""
        return is_table(given)

    def parts(self, given: Any, /, *, at_once: int) -> Iterator[RowPart]:
        """The rows of what people hand over as many, read together."""
        return parts_of(self, given, at_once=at_once)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _id(self, row: Mapping[str, Any], name: str) -> str:
        if name not in row:
            raise self._no_column(name, row)
        try:
            found = id_text(row[name])
        except ValueError as error:
            raise InputError(
                f"column {readable(name)!r} holds {shown(row[name])}; expected one id, as text or a number. To fix: "
                "correct the cell."
            ) from error
        if found is None:
            raise InputError(_gap_in(name, row[name]))
        return found

    def _no_column(self, name: str, given: Mapping[str, Any]) -> InputError:
        near = did_you_mean(name, [str(each) for each in given])
        return InputError(
            f"column {readable(name)!r} is not there; expected {readable(self.user)!r} and {readable(self.item)!r}."
            f"{near} To fix: add it."
        )

    def _row_of(self, source: Any) -> Mapping[str, Any]:
        example = f'{{"{readable(self.user)}": "ann", "{readable(self.item)}": "emma"}}'
        if isinstance(source, bytes | bytearray | str):
            try:
                data = source.encode() if isinstance(source, str) else bytes(source)
                source = read_json(data, most_bytes=MOST_ROW_BYTES)
            except ValueError as error:
                raise InputError(
                    f"not a row: {short_reason(error)}; expected JSON. To fix: pass such as {example}."
                ) from error
        if isinstance(source, Mapping):
            return source  # pyright: ignore[reportUnknownVariableType]
        if hasattr(source, "to_dict") and not hasattr(source, "columns"):  # a Series
            return source.to_dict()
        raise InputError(f"not a row: {shown(source)}; expected user and item. To fix: pass such as {example}.")


def _gap_in(name: str, cell: Any) -> str:
    return (
        f"column {readable(name)!r} holds {shown(cell)}; expected an id, as text or a number. To fix: leave the row "
        "out, or say who or what it is."
    )


def _unseen(known: Mapping[str, int]) -> str:
    """A name that is in no vocabulary."""
    name = "(unknown)"
    while name in known:
        name = f"({name})"
    return name


COMPANION_FILES = ("ratings.npz", "attributes.json")
"""What an artefact of ratings keeps beside the model."""
UPDATES = "updates.json"
"""What users have done since, where that was saved."""
MORE_FILES = (UPDATES,)


def companion(artefact: Artefact) -> Any:
    """What recommends, from the files of an artefact; raises ArtefactError or MissingExtraError."""
    try:
        from drivetrain.kinds.ratings.keeping import open_ratings  # noqa: PLC0415 - who predicts needs none of it
        from drivetrain.kinds.ratings.recommending.making import recommender_of  # noqa: PLC0415

        saved = open_ratings(artefact)
    except ImportError as error:
        raise MissingExtraError(f"recommending needs {error.name}: pip install 'drivetrain[serve]'") from error
    target: Any = artefact.manifest.target
    found = recommender_of(saved.spec, saved.ranker, saved.items, target.name)
    if UPDATES not in artefact.manifest.files:
        return found
    from drivetrain.kinds.ratings.recommending.kept_updates import with_saved  # noqa: PLC0415

    return with_saved(found, artefact)
