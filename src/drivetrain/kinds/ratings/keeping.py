"""What a saved model of ratings keeps beside its graph, so that it recommends: arrays, histories, attributes.

`ratings.npz` holds plain arrays (no pickle): the names and arrays of the ranker, the histories as a sparse matrix.
`attributes.json` holds the side tables. The ids of users and items are in the manifest, as how an input is read.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError, ExportError
from drivetrain.kinds.ratings.rankers import RANKERS, Codes, Floats, Ranker, Scores
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.runtime.artefact import GET_AGAIN, Artefact, open_artefact
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.spec_base import read_npy
from drivetrain.text import counted, readable, short_reason

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ARRAYS, ATTRIBUTES = "ratings.npz", "attributes.json"
MOST_BYTES = 1 << 30
"""Of the attributes."""
MOST_COMPARED = 16
"""Users whose scores are compared when a model is saved."""


@dataclass(frozen=True)
class SavedRatings:
    """A saved model of ratings that recommends; the same as a `RatingModel` for who asks what it likes."""

    spec: Spec
    ranker: Ranker
    users: SideTable
    items: SideTable
    label: str

    @property
    def is_events(self) -> bool:
        """Whether the rows were events."""
        return self.spec.is_events

    @property
    def seen(self) -> csr_matrix:
        """(U + 1, I) what each user had in training, by code."""
        return self.ranker.seen

    def scores(self, user_codes: Codes, /) -> Scores:
        """(U, I) of all items."""
        return self.ranker.scores(user_codes)

    def fold_in(self, item_codes: Codes, ratings: Floats | None = None, /) -> Scores:
        """(I,) for a new user."""
        return self.ranker.fold_in(item_codes, ratings)

    def item_vectors(self) -> NDArray[np.float32] | None:
        """(I, F), or None."""
        return self.ranker.item_vectors()


def saved_files(ranker: Ranker, users: SideTable, items: SideTable) -> dict[str, bytes]:
    """The files of an artefact that hold what a ranker answers with, and the side tables."""
    stream = io.BytesIO()
    seen = ranker.seen
    name = np.frombuffer(ranker.name.encode(), np.uint8)
    sides = {"seen_starts": seen.indptr.astype(np.int64), "seen_items": seen.indices.astype(np.int32)}
    arrays = {f"learnt_{one}": array for one, array in ranker.arrays.items()}
    np.savez(stream, allow_pickle=False, ranker=name, seen_values=seen.data, **sides, **arrays)
    told = {"users": _as_json(users), "items": _as_json(items)}
    return {ARRAYS: stream.getvalue(), ATTRIBUTES: json.dumps(told, ensure_ascii=False, allow_nan=False).encode()}


def check_kept(files: Mapping[str, bytes], ranker: Ranker, spec: Spec) -> None:
    """Read what was written, and compare what it says of some users with the model's own answers.

    Raises:
        ExportError: It says something else.
    """
    again = _read_ranker(files[ARRAYS], spec)
    some = np.unique(np.linspace(0, len(spec.users), MOST_COMPARED).astype(np.int64))
    if not np.array_equal(again.scores(some), ranker.scores(some)):
        raise ExportError(
            f"{ARRAYS} does not rank items as the model does; expected the same scores of "
            f"{counted(len(some), 'user')}. To fix: train the model anew, and report this: it is a fault of drivetrain."
        )


def open_ratings(artefact: Artefact | str | os.PathLike[str]) -> SavedRatings:
    """A saved model of ratings, ready to recommend.

    Args:
        artefact: The artefact, or where it lies.

    Raises:
        ArtefactError: It is none of ratings, or what it keeps is damaged.
    """
    opened = artefact if isinstance(artefact, Artefact) else open_artefact(artefact)
    spec = opened.manifest.input
    if not isinstance(spec, Spec) or ARRAYS not in opened.manifest.files:
        raise ArtefactError(
            f"{readable(opened.path)} is no model of ratings; expected one that was trained on dt.ratings(...). To "
            "fix: give such a model."
        )
    try:
        ranker = _read_ranker(opened.file(ARRAYS).read_bytes(), spec)
        told = read_json(opened.file(ATTRIBUTES).read_bytes(), most_bytes=MOST_BYTES)
        users, items = (_side(told[name]) for name in ("users", "items"))
    except (ValueError, KeyError, TypeError, IndexError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ArtefactError(f"{opened.path} is damaged: {short_reason(error)}. {GET_AGAIN}") from error
    return SavedRatings(spec, ranker, users, items, opened.manifest.architecture.name)


def _read_ranker(content: bytes, spec: Spec) -> Ranker:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for one in packed.infolist():
            if one.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{one.filename} is compressed")
            arrays[one.filename.removesuffix(".npy")] = _array(packed.read(one))
    shape = (len(spec.users) + 1, len(spec.items))
    starts, items = arrays["seen_starts"], arrays["seen_items"]
    if len(starts) != shape[0] + 1 or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] != len(items):
        raise ValueError("the histories of users have no order")
    if len(items) and not 0 <= items.min() <= items.max() < shape[1]:
        raise ValueError("a history holds an item that there is not")
    seen = csr_matrix((arrays["seen_values"], items, starts), shape)
    name = arrays["ranker"].tobytes().decode()
    learnt = {one.removeprefix("learnt_"): array for one, array in arrays.items() if one.startswith("learnt_")}
    return RANKERS[name](learnt, seen)


def _array(content: bytes) -> NDArray[Any]:
    return read_npy(content)


def _as_json(table: SideTable) -> dict[str, Any]:
    return {
        "ids": list(table.ids),
        "columns": {name: [_plain(one) for one in cells] for name, cells in table.columns.items()},
    }


def _plain(cell: Any) -> Any:
    value = cell.item() if isinstance(cell, np.generic) else cell
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):  # several values of one item
        return [_plain(one) for one in cast("Any", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _side(told: Any) -> SideTable:
    said = cast("dict[str, Any]", told)
    columns: dict[str, NDArray[Any]] = {}
    for name, cells in said["columns"].items():
        made = np.empty(len(cells), object)
        made[:] = cells
        columns[name] = made
    return SideTable(tuple(said["ids"]), columns)
