"""Where an updated model comes from: its parent, the data it has learned from since, and what that changed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from drivetrain.runtime.decisions import Decision

Share = Annotated[float, Field(ge=0, le=1)]
MOST_ENTRIES = 100_000
MOST_FLIPS = 200
"""Rows that are named."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Change(_Record):
    """The first metric of one task on its validation rows, before and after an update; None where undefined."""

    metric: str
    before: float | None
    after: float | None
    low: float | None = None
    """95 % interval of before − after, paired."""
    high: float | None = None
    n: int = Field(ge=0)


class FlipRecord(_Record):
    """Rows of the old task whose answer turned."""

    negative: int = Field(ge=0)
    positive: int = Field(ge=0)
    n: int = Field(ge=0)
    low: Share | None = None
    high: Share | None = None
    noise_floor: Share | None = None
    noise_how: str = Field(default="", max_length=1000)
    rows: tuple[str, ...] = Field(default=(), max_length=MOST_FLIPS)
    """Content hashes of those that flipped to wrong, the first ones: a report finds and shows them."""


class CurvePoint(_Record):
    """One point between old and new weights."""

    alpha: Share
    old: float | None
    new: float | None


class LowRank(_Record):
    """What was trained in place of the body's weights: matrices of low rank beside its linear layers."""

    rank: int = Field(ge=1)
    layers: int = Field(ge=1)
    """Beside which they stand."""
    numbers: int = Field(ge=1)
    """In the matrices, 4 bytes each."""
    of: int = Field(ge=1)
    """Numbers of the body, which stay."""


class Update(_Record):
    """One update."""

    when: str
    """UTC, ISO 8601."""
    parent: str = Field(pattern="^[0-9a-f]{64}$")
    """`parameters_sha256` of the model that was updated."""
    parent_name: str = Field(default="", max_length=1000)
    """What its folder was called."""
    data_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Over the sorted content hashes of the new rows that were trained on."""
    n_new: int = Field(ge=0)
    """New training rows."""
    n_rehearsed: int = Field(ge=0)
    """Old rows that were trained on again."""
    old_rows: str = Field(default="", max_length=100)
    """Where the old rows came from: found, exemplars, none."""
    new_classes: tuple[str, ...] = Field(default=(), max_length=MOST_ENTRIES)
    alpha: Share
    curve: tuple[CurvePoint, ...] = Field(default=(), max_length=100)
    old: Change | None = None
    new: Change | None = None
    flips: FlipRecord | None = None
    held_back: str | None = Field(default=None, max_length=2000)
    """Why the gate would have held it back, where it was accepted all the same."""
    decisions: dict[str, Decision] = Field(default={}, max_length=100)
    low_rank: LowRank | None = None
    """None: the weights themselves were trained."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As it was before there was `low_rank`, of an update without."""
        return {name: value for name, value in write(self).items() if name != "low_rank" or value is not None}
