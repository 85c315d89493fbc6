"""The objective called, and what its `predict` answers: predictions of one member, computed when they are asked for.

Legend: K members, n rows, A actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import shown
from drivetrain.text import readable

Array = NDArray[np.float64]


class Asked:
    """Models asked once about rows, for all members that are wanted.

    Args:
        models: Name → members.
        frame: Rows; the levers among their columns are set, but for those of `setting`.
        members: Numbers of the members that are wanted.
        setting: Name of a lever → (A,) values: all rows are asked about under each action.
    """

    def __init__(
        self,
        models: Mapping[str, Ensemble],
        frame: pd.DataFrame,
        members: Sequence[int],
        setting: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._models, self._frame, self._members, self._setting = models, frame, list(members), setting
        self._place = {k: i for i, k in enumerate(self._members)}
        self._said: dict[str, NDArray[Any]] = {}

    def of(self, name: str, member: int, block: slice | None = None) -> Array:
        """(n,) of one member of a model; of a block of actions (A · n,): all rows under its first, then its second."""
        if name not in self._said:
            model = self._models[name]
            wanted = [0] if len(model.halves) == 1 else self._members
            if self._setting:
                self._said[name] = model.profile(self._frame, self._setting, wanted)
            else:
                self._said[name] = model.predict(self._frame, wanted)
        said = self._said[name]
        mine = said[0 if len(said) == 1 else self._place[member]]
        return mine.T[block].astype(np.float64).reshape(-1) if self._setting else mine


class Predict(Mapping[str, Array]):
    """What an objective gets as `predict`: name of a model → (n,), of a column of the scenarios → (n,) its value."""

    def __init__(self, ask: Callable[[str], Array], models: Sequence[str], scenario: Mapping[str, Any], n: int) -> None:
        self._ask, self._models, self._scenario, self._n = ask, list(models), scenario, n
        self._known: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name in self._known:
            return self._known[name]
        if name in self._models:
            found = self._ask(name)
            found.flags.writeable = False  # an objective that changes it would change what others are told
        elif name in self._scenario:
            found = np.full(self._n, self._scenario[name])
        else:
            names = [*self._models, *map(str, self._scenario)]
            raise SettingError(
                f"the objective asks predict for {shown(name)}, which is no model; expected among "
                f"{first_few(map(readable, names)) or 'none'}.{did_you_mean(str(name), names)} To fix: name one of "
                "these, or add it to models=."
            )
        self._known[name] = found
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._models or name in self._scenario

    def __iter__(self) -> Iterator[str]:
        return iter([*self._models, *map(str, self._scenario)])

    def __len__(self) -> int:
        return len(self._models) + len(self._scenario)


def check_by_row(call: Callable[[NDArray[np.int64]], Array], n: int, name: str, *, at_most: int = 64) -> None:
    """Try whether the objective looks at each row by itself: some rows alone must be worth what they are among others.

    Args:
        call: Positions of rows → (places, rows) values.
        n: Rows.
        name: Of the objective.
        at_most: Rows that are tried.

    Raises:
        SettingError: It does not, such as one that divides by the mean of all rows.
    """
    if n < 2:
        return
    some = np.unique(np.linspace(0, n - 1, min(n, at_most)).astype(np.int64))
    together, alone = call(some), np.concatenate([call(some[::2]), call(some[1::2])], axis=1)
    alone = alone[:, np.argsort(np.concatenate([np.arange(len(some))[::2], np.arange(len(some))[1::2]]))]
    scale = np.abs(together).max() or 1.0
    if np.abs(together - alone).max() > 1e-4 * scale:
        raise SettingError(
            f"{readable(name)} is worth another amount for the same row when other rows are beside it; expected that "
            "each row is looked at by itself, since rows go through it in chunks. To fix: compute means or sums over "
            "rows beforehand, and put them in a column."
        )
