"""What a network has learnt of the names of a table's column, found for those who ask the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.kinds.tables.embedding import Embedding, embedding_from
from drivetrain.kinds.tables.spec import Spec
from drivetrain.settings import text
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.learner.base import ModelBase

MOST_NAMES = 20_000
"""Of a column, those of the most training rows."""


def embedding_of(model: ModelBase, column: str) -> Embedding:
    """The names of one column as the network of a table sees them.

    Raises:
        SettingError: The model is no network of a table, or has no such column of names.
    """
    from drivetrain.kinds.tables.network import Body, Intake, Members, added_by_names  # noqa: PLC0415 - torch

    column = text("column", column, what="the name of a column")
    network, kind = getattr(model, "network", None), getattr(model, "kind", None)
    intake, body, head = (getattr(network, part, None) for part in ("intake", "body", "head"))
    if not (isinstance(intake, Intake) and isinstance(body, Body) and isinstance(head, Members)):
        raise SettingError(
            f"a {type(model).__name__} of {model.data.kind} has no embeddings of names; expected a network of a table. "
            "To fix: dt.Learner(dt.table(...))."
        )
    spec = cast(Spec, cast(Any, kind).spec)
    names = [each.name for each in spec.categories]
    if column not in names:
        there = ", ".join(map(readable, names[:12])) or "none"
        raise SettingError(
            f"column={column!r} is no column of names that this network reads; expected one of {there}."
            f'{did_you_mean(column, names)} To fix: name one of them, or say types={{{column!r}: "category"}}.'
        )
    at = names.index(column)
    told = spec.categories[at]
    added = added_by_names(spec, intake, body, head, at, most=MOST_NAMES)
    return embedding_from(column, told.vocab[:MOST_NAMES], told.counts[:MOST_NAMES], added)
