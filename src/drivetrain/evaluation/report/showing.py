"""What a page shows of a row: its kind of input knows, see `drivetrain.runtime.kinds`, and nothing here does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drivetrain.errors import InputError
from drivetrain.evaluation.report.plain import PlainShow
from drivetrain.pages.html import Html
from drivetrain.runtime.kinds import face, has_face
from drivetrain.runtime.spec import Arrays


def shown(kind: str, loaded: Arrays, *, alt: str = "", side_px: int | None = None) -> Html:
    """What was loaded of a row, for a page."""
    sized: dict[str, Any] = {} if side_px is None else {"side_px": side_px}
    return _face(kind).show(loaded, alt=alt, **sized)


def shown_source(kind: str, source: Any, *, alt: str = "", **options: Any) -> Html | None:
    """A row as it lies at its source, before any model reads it; None where it cannot be read any more.

    Args:
        kind: Of the input.
        source: A path, or the cells of a row.
        alt: What stands for it where it cannot be seen.
        options: Of the kind, as reading its data set settled them.
    """
    try:
        return _face(kind).show_source(source, alt=alt, **options)
    except InputError:
        return None


def draws_views(kind: str) -> bool:
    """Whether pages show what a network sees of a row; of other kinds they show a row as it lies at its source."""
    own = face(kind, "show") if has_face(kind, "show") else None
    return hasattr(own, "show") and not getattr(own, "FROM_SOURCE", False)


def plays(kind: str) -> bool:
    """Whether what pages show of a row of a kind can be heard."""
    return has_face(kind, "show") and hasattr(face(kind, "show"), "player")


def text_of(kind: str, source: Any, **options: Any) -> str | None:
    """All that there is to read of a row, where its kind of input is text; None of other kinds, and where it is gone.

    Args:
        kind: Of the input.
        source: A path, or the cells of a row.
        options: Of the kind, as reading its data set settled them.
    """
    own = face(kind, "show") if has_face(kind, "show") else None
    read = getattr(own, "text_of_source", None)
    try:
        return None if read is None else read(source, **options)
    except InputError:
        return None


def _face(kind: str) -> Any:
    """The face `show` of a kind; without one, or where it leaves something out, what can be drawn of anything."""
    plain = PlainShow(kind)
    own = face(kind, "show") if has_face(kind, "show") else plain
    return SimpleNamespace(**{name: getattr(own, name, getattr(plain, name)) for name in ("show", "show_source")})
