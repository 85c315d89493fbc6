"""What is known of each column of a table: how it is written, and what the training rows held. Data of the manifest."""

from __future__ import annotations

import base64
import binascii
import zlib
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from drivetrain.kinds.tables.parsing import NumberStyle

Floats = NDArray[np.float64]

UNKNOWN, MISSING, FIRST = 0, 1, 2
"""Codes of a category: one that training did not see, a gap, and the first of the vocabulary."""
DAY_S = 86_400.0
FARTHEST = 1e30
"""From the centre, in scales: what a float32 holds with room to be counted with."""
DATE_PARTS = ("elapsed", "month", "weekday", "day of year", "hour")
"""What a model reads of a date: days since 1970, then where in the year, the week and the day it lies."""


MOST_NUMBERS = 5_000_000
"""Of a packed list."""


@lru_cache(maxsize=64)  # a model is recognised by its description, several times while it is opened
def packed(numbers: tuple[int, ...]) -> str:
    """Increasing whole numbers as text: the steps from one to the next, compressed.

    Args:
        numbers: At least 0, increasing.

    Example:
        >>> unpacked(packed((3, 5, 1_000_000)))
        (3, 5, 1000000)
    """
    steps = np.diff(np.array(numbers, "<i8"), prepend=0)
    return base64.b85encode(zlib.compress(steps.astype("<i8").tobytes(), 6)).decode()


def unpacked(given: Any) -> Any:
    """The numbers of such a text; what is no text as it is.

    Raises:
        ValueError: It is damaged, too long, or the numbers do not increase.
    """
    if not isinstance(given, str):
        return given
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(base64.b85decode(given.encode()), 8 * MOST_NUMBERS + 1)
    except (binascii.Error, zlib.error, UnicodeEncodeError) as error:
        raise ValueError("a list of numbers is damaged") from error
    if len(raw) % 8 or len(raw) > 8 * MOST_NUMBERS or not stream.eof:
        raise ValueError("a list of numbers is damaged or too long")
    steps = np.frombuffer(raw, "<i8")
    if len(steps) and (steps[0] < 0 or (steps[1:] <= 0).any() or (steps > 2**40).any()):
        raise ValueError("a list of numbers does not increase")
    return tuple(np.cumsum(steps).tolist())


class _Column(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str


class NumberColumn(_Column):
    """A column of numbers; the network reads (x − center)/scale, a tree the same."""

    role: Literal["number"] = "number"
    center: float = 0.0
    """Median of the training rows."""
    scale: float = Field(default=1.0, gt=0)
    """Half their interquartile range where there is one, else their deviation; above 0."""
    low: float = 0.0
    high: float = 0.0
    """Smallest and largest of the training rows: what a form offers, and beyond which a row is unlike them."""
    style: NumberStyle = "plain"
    """How it is written, where it is text."""
    gaps: tuple[str, ...] = ()
    """Words that count as a gap here."""
    missing: float = 0.0
    """Share of the training rows with a gap."""
    knots: tuple[float, ...] = ()
    """Quantiles of the training rows, increasing, after centring and scaling: for piecewise-linear embeddings."""


class DateColumn(_Column):
    """A column of dates or times."""

    role: Literal["date"] = "date"
    formats: tuple[str, ...] = ("iso",)
    """As of `datetime.strptime`, or "iso"; tried in this order, ISO 8601 at last."""
    center: float = 0.0
    """Of the elapsed days."""
    scale: float = Field(default=1.0, gt=0)
    low: float = 0.0
    high: float = 0.0
    """Days since 1970 of the earliest and latest training row."""
    parts: tuple[Literal["elapsed", "month", "weekday", "day of year", "hour"], ...] = ("elapsed",)
    """Which of `DATE_PARTS` vary in the training rows."""
    missing: float = 0.0
    knots: tuple[float, ...] = ()


class CategoryColumn(_Column):
    """A column of names; numbers among them are names too."""

    role: Literal["category"] = "category"
    vocab: tuple[str, ...] = ()
    """Of the training rows, the most frequent first; of an ordered column in its order."""
    counts: tuple[int, ...] = ()
    """Training rows of each."""
    ordered: bool = False
    text: bool = False
    """Whether cells are texts of several words, read by their words alone: there is no vocabulary."""
    missing: float = 0.0

    @property
    def n_codes(self) -> int:
        """Codes that may occur."""
        return FIRST + len(self.vocab)


class Pair(BaseModel):
    """Two columns of categories read as one: what neither tells alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    second: str
    seen: Annotated[tuple[int, ...], BeforeValidator(unpacked), PlainSerializer(packed, when_used="json")]
    """code of the first × codes of the second + code of the second, of the training rows, increasing."""

    @property
    def n_codes(self) -> int:
        """Codes that may occur; there is no gap of its own: `MISSING` does not occur."""
        return FIRST + len(self.seen)


Column = NumberColumn | DateColumn | CategoryColumn


def type_of(column: Column) -> dict[str, Any]:
    """What a column is, as the source of rows keeps it with the data.

    Example:
        >>> type_of(NumberColumn(name="age")), type_of(CategoryColumn(name="size", vocab=("S", "M"), ordered=True))
        ({'role': 'number'}, {'role': 'ordered', 'order': ['S', 'M']})
    """
    if isinstance(column, CategoryColumn):
        if column.text:
            return {"role": "text"}
        return {"role": "ordered", "order": list(column.vocab)} if column.ordered else {"role": "category"}
    if isinstance(column, DateColumn):
        return {"role": "date", "formats": list(column.formats)}
    style = {} if column.style == "plain" else {"style": column.style}
    return {"role": "number", **style, **({"gaps": list(column.gaps)} if column.gaps else {})}


def read_names(column: NumberColumn | DateColumn) -> list[str]:
    """What each number that a model reads of a column is called."""
    if isinstance(column, NumberColumn):
        return [column.name]
    return [column.name if part == "elapsed" else f"{column.name} ({part})" for part in column.parts]


def read(column: NumberColumn | DateColumn, raw: Floats) -> list[Floats]:
    """What a model reads of one column, each (N,)."""
    if isinstance(column, NumberColumn):
        with np.errstate(over="ignore"):
            return [np.clip((raw - column.center) / column.scale, -FARTHEST, FARTHEST)]
    days = raw / DAY_S
    whole = np.floor(days)
    with np.errstate(invalid="ignore"):
        dates = np.where(np.isnan(whole), 0, whole).astype(np.int64).astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    found = {
        "elapsed": (days - column.center) / column.scale,
        "month": (month.astype(np.int64) % 12) / 5.5 - 1.0,
        "weekday": ((whole + 3) % 7) / 3.0 - 1.0,  # 1970-01-01 was a Thursday
        "day of year": (dates - dates.astype("datetime64[Y]")).astype(np.int64) / 182.5 - 1.0,
        "hour": (days - whole) * 2.0 - 1.0,
    }
    return [np.where(np.isnan(raw), np.nan, found[part]) for part in column.parts]
