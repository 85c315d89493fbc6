"""What is known of users and of items themselves: titles, authors, genres, by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SideTable:
    """Attributes by id.

    Example:
        >>> books = SideTable(("emma", "ulysses"), {"author": np.array(["Austen", "Joyce"], object)})
        >>> books.of(("ulysses", "dune"), "author").tolist()
        ['Joyce', None]
    """

    ids: tuple[str, ...] = ()
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    """Name → one cell for each id."""

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: tuple[str, ...], name: str) -> NDArray[Any]:
        """(len(ids),) the cells of a column as objects, None for an id that is not in the table."""
        place = {one: at for at, one in enumerate(self.ids)}
        cells = self.columns[name]
        found = np.full(len(ids), None, object)
        for row, one in enumerate(ids):
            if (at := place.get(one)) is not None:
                found[row] = cells[at].item() if isinstance(cells[at], np.generic) else cells[at]
        return found
