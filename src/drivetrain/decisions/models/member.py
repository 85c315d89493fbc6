"""What the rest of the room asks of a model: members, and which half of the rows each has learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Members(Protocol):
    """A model with its uncertainty: an `Ensemble`, or whatever behaves like one.

    Legend: K members, n rows, L values of a lever.
    """

    @property
    def name(self) -> str:
        """What the objective calls it: "accept"."""
        ...

    @property
    def halves(self) -> NDArray[np.int64]:
        """(K,) which half of the logged rows each member has learned from: 0 or 1; −1 where all or unknown.

        What a member of one half says of the rows of the other is honest. Members of one model and of another that were
        fitted on the same table with one seed have the same halves and the same draws of rows: member k of each goes
        with member k of the other, so that an objective of several models keeps what ties them.
        """
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads, levers among them."""
        ...

    @property
    def outcome(self) -> str | None:
        """Column of the logged rows that it predicts; None where it was handed over fitted."""
        ...

    @property
    def logged(self) -> pd.DataFrame | None:
        """The rows it was fitted on, with levers and outcome; None where it was handed over fitted."""
        ...

    @property
    def half_of_row(self) -> NDArray[np.int64] | None:
        """(rows of `logged`,) the half that each belongs to; rows of one group belong to one half."""
        ...

    @property
    def is_probability(self) -> bool:
        """Whether it answers probabilities (of the second of two classes, or of 1) rather than numbers."""
        ...

    @property
    def scores(self) -> Mapping[str, Any]:
        """How good it is on rows that its members have not seen: name → `Score`; empty where unknown."""
        ...

    def predict(self, frame: pd.DataFrame, members: Sequence[int] | None = None) -> Array:
        """(K, n) answers, of the named members alone where given."""
        ...

    def profile(
        self, frame: pd.DataFrame, levers: Mapping[str, NDArray[Any]], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """(K, n, L) answers with the levers set: each of `levers` is name → (L,) values, one combination a place.

        The same as setting the columns and calling `predict` L times, and faster where the model allows it.
        """
        ...
