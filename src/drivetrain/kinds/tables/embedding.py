"""What a network has learnt of the names of a column: a place for each, a table of them, who is near whom, a map.

Legend: V names, D numbers that say where a name lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.pages.chart import Chart
from drivetrain.pages.svg import Plot, dot, drawing, plot, spread, text, width_px
from drivetrain.settings import whole
from drivetrain.text import counted, readable

Floats = NDArray[np.float64]

MOST_WIDE = 16
"""D at most."""
WIDTH, HEIGHT = 640.0, 460.0
LABEL_PX = 14.0
"""Height of a label, with the room around it."""
LONGEST_LABEL = 24


@dataclass(frozen=True, eq=False, repr=False)
class Embedding:
    """Where the names of a column lie: names near each other move the network's answers alike.

    Example:
        >>> towns = Embedding("town", ("Bern", "Thun", "Genf"), (60, 9, 31), np.array([[0.0], [0.1], [2.0]]), 1.0)
        >>> towns
        Embedding(town: 3 names, 1 numbers each)
        >>> towns.neighbours("Bern", 1)
        [('Thun', 0.1)]
        >>> towns.table()["town 1"]
        [0.0, 0.1, 2.0]
    """

    column: str
    names: tuple[str, ...]
    """(V,) of the training rows, the most frequent first, or in their order."""
    rows: tuple[int, ...]
    """(V,) training rows of each."""
    places: Floats
    """(V, D) principal components, the widest first; distances are those of what a name adds to the network's first
    layer."""
    share: float
    """Of the spread of all that the names add, how much `places` keep."""

    def __repr__(self) -> str:
        return (
            f"Embedding({readable(self.column)}: {counted(len(self.names), 'name')}, "
            f"{counted(self.places.shape[1], 'number')} each)"
        )

    def table(self) -> dict[str, list[Any]]:
        """Columns of a table, a row per name: features elsewhere, joined by the name.

        `pandas.DataFrame(embedding.table())` makes a DataFrame of it.
        """
        found: dict[str, list[Any]] = {self.column: list(self.names), "training rows": list(self.rows)}
        return found | {f"{self.column} {at + 1}": part.tolist() for at, part in enumerate(self.places.T)}

    @named
    def neighbours(self, name: str, n: int = 5) -> list[tuple[str, float]]:
        """The n names nearest to one, and how far each is, the nearest first.

        Raises:
            SettingError: The name is in no training row.
        """
        n = whole("n", n, least=1)
        if name not in self.names:
            near = did_you_mean(str(name), self.names)
            raise SettingError(
                f"name={name!r} is in no training row of column {readable(self.column)!r}; expected one of its "
                f"{len(self.names):,} names.{near} To fix: name one of them."
            )
        at = self.names.index(name)
        far = np.linalg.norm(self.places - self.places[at], axis=1)
        order = [int(each) for each in np.argsort(far, kind="stable") if each != at]
        return [(self.names[each], float(far[each])) for each in order[:n]]

    @named
    def map(self, most: int = 60) -> Chart:
        """The names in two dimensions, the most frequent of them named where there is room.

        Args:
            most: Names drawn, those of the most training rows.
        """
        most = whole("most", most, least=2)
        drawn = np.sort(np.argsort(-np.array(self.rows), kind="stable")[:most])
        flat = np.zeros((len(drawn), 2))
        flat[:, : min(2, self.places.shape[1])] = self.places[drawn, :2]
        (left, low), (right, high) = flat.min(axis=0), flat.max(axis=0)
        field = plot(
            WIDTH, HEIGHT, x=spread(left, right), y=spread(low, high), x_name="first component", y_name="second"
        )
        labels = free_labels(field, flat, [self.names[at] for at in drawn])
        points = [
            dot(
                field.x.at(x),
                field.y.at(y),
                3.2,
                "accent point",
                f"{readable(self.names[at])}: {counted(self.rows[at], 'row')}",
            )
            for at, (x, y) in zip(drawn, flat.tolist(), strict=True)
        ]
        title = f"What the network has learnt of {readable(self.column)}"
        others = f"{len(drawn):,} of {len(self.names):,} names" if len(drawn) < len(self.names) else "All names"
        said = f"{others}; those near each other move its answers alike. The two directions keep "
        said += f"{100 * self._flat_share():.0f} % of the spread."
        return Chart(drawing("names", WIDTH, HEIGHT, title, said, field.frame(), points, labels))

    def _flat_share(self) -> float:
        spreads = self.places.var(axis=0)
        return self.share * float(spreads[:2].sum() / spreads.sum()) if spreads.sum() > 0 else 0.0


def embedding_from(column: str, names: tuple[str, ...], rows: tuple[int, ...], added: Floats) -> Embedding:
    """The embedding of names by what each adds to a layer, (V, H): its principal components.

    Example:
        >>> added = np.array([[0.0, 0.0], [3.0, 4.0]])
        >>> found = embedding_from("town", ("Bern", "Thun"), (2, 1), added)
        >>> np.abs(found.places).round(6).tolist(), [(name, round(far, 6)) for name, far in found.neighbours("Bern", 1)]
        ([[2.5], [2.5]], [('Thun', 5.0)])
    """
    centred = added - added.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    total = float((sizes**2).sum())
    wide = max(1, min(MOST_WIDE, int((sizes > 1e-6 * max(sizes[0], 1e-30)).sum()))) if total else 1
    places = left[:, :wide] * sizes[:wide]
    turned = np.sign(places[np.abs(places).argmax(axis=0), np.arange(wide)])  # a component's sign is anyone's
    share = float((sizes[:wide] ** 2).sum()) / total if total else 0.0
    return Embedding(column, names, rows, places * np.where(turned == 0, 1.0, turned), share)


def free_labels(field: Plot, flat: Floats, names: list[str]) -> list[Any]:
    """The names that find room, each to the right of its point or to the left of it."""
    taken: list[tuple[float, float, float, float]] = []
    found: list[Any] = []
    for (x, y), name in zip(flat.tolist(), names, strict=True):
        said = readable(name)
        said = said if len(said) <= LONGEST_LABEL else f"{said[: LONGEST_LABEL - 1]}…"
        wide, across, down = width_px(said, 12), field.x.at(x), field.y.at(y)
        for start in (across + 6, across - 6 - wide):
            box = (start, down - LABEL_PX / 2, start + wide, down + LABEL_PX / 2)
            free = all(box[2] < o[0] or o[2] < box[0] or box[3] < o[1] or o[3] < box[1] for o in taken)
            if free and box[0] > field.x.at(field.x.low) and box[2] < WIDTH - 2:
                taken.append(box)
                found.append(text(start, down + 4, said, "small"))
                break
    return found


Embedding.__module__ = "drivetrain"  # where people meet it, so that messages and help say so
