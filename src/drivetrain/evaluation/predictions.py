"""The table every judgement is made from: what a model said of each row, and what was true.

It needs no torch, so it judges any model. Legend for the arrays: N rows, K categories, D numbers per row.

========== ==================== =================================== ==============================
kind       ``output``           ``truth``                           a row is right when
========== ==================== =================================== ==============================
category   (N, K) probabilities (N,) int64 index                    the most probable one is true
categories (N, K) probabilities (N, K) float32 of 0 and 1           every label is right
number     (N, D) float64       (N, D) float64, your units   (no right or wrong)
========== ==================== =================================== ==============================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation._storage import read_table, write_table
from drivetrain.evaluation.metrics.checks import (
    as_array,
    check_finite,
    check_groups,
    check_length,
    check_output,
    check_truth,
    frozen,
)
from drivetrain.runtime.targets import Array, CategoriesTarget, CategoryTarget, NumberTarget, Target, TargetValue
from drivetrain.settings import instance, place, refuse, several, whole
from drivetrain.text import agreeing

if TYPE_CHECKING:
    import pandas as pd

    from drivetrain.data.examples import Examples


_TARGETS: tuple[type, ...] = (CategoryTarget, CategoriesTarget, NumberTarget)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model said of N rows; arrays are checked once, here, and read-only afterwards.

    Raises:
        DataError: Shapes do not fit the target, `output` is not finite or (for categories) no probability, or
            `truth` has values that the target does not know.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> said.decoded(), said.hits().tolist(), said.confidence().tolist()
        (['apple', 'pear'], [True, False], [0.9, 0.6])
    """

    ids: tuple[str, ...]
    """Digest of each row's content: the same row has the same id in every table, and copies of it have it too."""
    target: Target
    """What the model had to say."""
    truth: Array | None
    """What is true, as `target.encode` gives it; None where nothing is known."""
    output: Array
    """Probabilities, or values in the user's units, as `target.activate` gives them."""
    loss: Array | None = None
    """(N,) loss of each row: what the optimiser reads."""
    groups: Array | None = None
    """(N,) number or text: rows of one group belong together (one patient, one day)."""
    names: tuple[str, ...] | None = None
    """(N,) what a person calls the row, such as its file name."""

    def __post_init__(self) -> None:
        def put(field: str, value: object) -> None:
            object.__setattr__(self, field, value)

        instance("target", self.target, _TARGETS, "what the model says, such as data.target")
        put("ids", _texts(self.ids, "ids"))
        put("output", frozen(check_output(self.output, self.target, self.ids)))
        n = len(self.ids)
        if self.truth is not None:
            put("truth", frozen(check_truth(self.truth, self.target, self.ids)))
        if self.loss is not None:
            loss = as_array(self.loss, "loss").astype(np.float64)
            if loss.shape != (n,):
                raise DataError(
                    f"the loss has shape {loss.shape}, expected ({n},): one number per row. "
                    'To fix: compute it with reduction="none" and average over columns.'
                )
            check_finite(loss, self.ids, "loss")
            put("loss", frozen(loss))
        if self.groups is not None:
            put("groups", frozen(check_groups(self.groups, n)))
        if self.names is not None:
            put("names", _texts(self.names, "names"))
            check_length(self.names, n, "names")

    @classmethod
    def of(cls, rows: Examples, target: Target, output: Any, *, loss: Any = None) -> Predictions:
        """What a model said of rows of the data, whose ids, truth, groups and names are taken from them.

        Args:
            rows: Training, validation or test rows.
            target: What is predicted.
            output: One row for each, in their order: probabilities, or values in the user's units.
            loss: Of each row, if it is known.

        Example:
            >>> from drivetrain.data.examples import Examples
            >>> from drivetrain.data.inputs import Files
            >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
            >>> rows = Examples(Files([Path("a.jpg"), Path("b.jpg")]), ("00", "01"), ("pear", "apple"))
            >>> Predictions.of(rows, fruit, [[0.2, 0.8], [0.4, 0.6]]).hits().tolist()
            [True, False]
        """
        return cls(
            ids=rows.digests,
            target=target,
            truth=target.encode(rows.values),
            output=output,
            loss=loss,
            groups=np.array(rows.groups) if rows.groups else None,
            names=rows.inputs.names(),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        known = "unlabelled" if self.truth is None else "labelled"
        return f"Predictions(n={len(self)}, {known}, target={self.target.name!r} ({self.target.task}))"

    @cached_property
    def judged(self) -> Predictions:
        """The rows that scores and intervals are made from: each content once, see `drivetrain.evaluation.copies`.

        The same table where no id occurs twice.
        """
        from drivetrain.evaluation.copies import without_copies  # noqa: PLC0415 - it needs this module

        return without_copies([self])[0]

    @cached_property
    def units(self) -> int:
        """How many rows can be taken for independent: different contents, or groups of them."""
        groups = self.judged.groups
        return len(self.judged) if groups is None else len(np.unique(groups))

    def known_truth(self) -> Array:
        """`truth`; raises DataError where the rows are unlabelled."""
        if self.truth is None:
            raise DataError(
                f"{agreeing(len(self), 'predictions', 'are')} unlabelled, of {self.target.name!r}, and the truth is "
                "needed here. To fix: predict on rows whose target is known."
            )
        return self.truth

    def decoded(self) -> list[TargetValue]:
        """What the model says of each row, in the user's words."""
        return self.target.decode(self.output)

    def decoded_truth(self) -> list[TargetValue]:
        """What is true of each row, in the user's words."""
        return self.target.decode_truth(self.known_truth())

    def chosen(self) -> Array:
        """What the model says, encoded as `truth` is: (N,) index, (N, K) of 0 and 1, or (N, D) values."""
        return self.target.chosen(self.output)

    def confidence(self) -> NDArray[np.float64]:
        """(N,) probability the model gives to what it says.

        category: the highest probability. categories: that of its least certain label, said or not said.

        Raises:
            SettingError: The target is a number, which comes without a probability.
        """
        found = self.target.confidence(self.output)
        if found is None:
            raise SettingError(f"{self.target.name!r} is a number: a predicted number comes without a probability.")
        return found

    def hits(self) -> NDArray[np.bool_]:
        """(N,) whether the row is right: its category, or every one of its labels.

        Raises:
            DataError: The rows are unlabelled.
            SettingError: The target is a number, which is never simply right or wrong.
        """
        if self.target.kind == "number":
            raise SettingError(
                f"{self.target.name!r} is a number, which is never simply right or wrong. "
                "To fix: look at the distance, `output - truth`."
            )
        same = self.chosen() == self.known_truth()
        return same if same.ndim == 1 else same.all(axis=1)

    def subset(self, indices: Sequence[int] | Array) -> Predictions:
        """The rows at `indices` (positions, or a mask of N booleans), in that order.

        Raises:
            DataError: A position is outside 0 … N-1, or the mask has another length.
        """
        rows = np.asarray(indices)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "biu"):
            refuse("indices", indices, "positions of rows, or a mask with one truth value per row")
        if rows.dtype == np.bool_:
            check_length(rows, len(self), "mask")
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise DataError(f"row {rows.min() if rows.min() < 0 else rows.max()} is outside 0 … {len(self) - 1}.")
        parts: dict[str, Any] = {}
        for field in fields(self):
            whole = getattr(self, field.name)
            if isinstance(whole, np.ndarray):
                parts[field.name] = whole[rows]
            elif isinstance(whole, tuple):
                parts[field.name] = tuple(whole[i] for i in rows)
            else:
                parts[field.name] = whole
        return Predictions(**parts)

    def top_losses(self, n: int = 9) -> NDArray[np.int64]:
        """Positions of the `n` rows with the highest loss, highest first (all rows where there are fewer).

        Raises:
            DataError: The table carries no losses.
        """
        if self.loss is None:
            raise DataError("these predictions carry no losses. To fix: pass `loss`, one number per row.")
        n = whole("n", n, least=1)
        return np.argsort(-self.loss, kind="stable")[:n].astype(np.int64)

    def to_frame(self) -> pd.DataFrame:
        """A pandas table to read: id, name, truth, predicted, probability, loss (what is known of them).

        For several numbers per row there is a pair of columns per number, such as ``truth weight_g``.
        """
        import pandas as pd  # noqa: PLC0415 (slow to import, seldom needed)

        columns: dict[str, object] = {"id": list(self.ids)}
        if self.names is not None:
            columns["name"] = list(self.names)
        if self.target.kind == "number":
            for d, number in enumerate(self.target.names):
                suffix = f" {number}" if self.target.n_outputs > 1 else ""
                if self.truth is not None:
                    columns[f"truth{suffix}"] = self.truth[:, d]
                columns[f"predicted{suffix}"] = self.output[:, d]
        else:
            if self.truth is not None:
                columns["truth"] = [_readable(value) for value in self.decoded_truth()]
            columns["predicted"] = [_readable(value) for value in self.decoded()]
            columns["probability"] = self.confidence()
        if self.loss is not None:
            columns["loss"] = self.loss
        return pd.DataFrame(columns)

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file (zipped plain arrays and a JSON header, no pickle).

        `load` gives the same table back to the last bit. For a spreadsheet use ``to_frame().to_csv(path)``.

        Raises:
            SettingError: `path` does not end in ``.npz``.
        """
        arrays = {"truth": self.truth, "output": self.output, "loss": self.loss, "groups": self.groups}
        header = {"target": self.target.model_dump(mode="json"), "ids": self.ids, "names": self.names}
        return write_table(
            Path(place("path", path)), header, {name: array for name, array in arrays.items() if array is not None}
        )

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Read what `save` wrote.

        Raises:
            DataError: The file is missing, damaged, or no table of predictions.
        """
        target, header, arrays = read_table(Path(place("path", path)))
        return cls(
            ids=header["ids"],
            target=target,
            truth=arrays.get("truth"),
            output=arrays["output"],
            loss=arrays.get("loss"),
            groups=arrays.get("groups"),
            names=header["names"],
        )


def _texts(values: Any, what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise DataError(f"{what} is one text, expected one per row. To fix: pass a list.")
    return tuple(str(value) for value in several(what, values, "one text per row"))


def _readable(value: TargetValue) -> str:
    return value if isinstance(value, str) else ", ".join(str(part) for part in value)


Predictions.__module__ = "drivetrain"  # where people find it, so that messages and help say so
