"""`drivetrain cache`: where decoded pictures are kept, how many, and how to get rid of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drivetrain.cli.results import AsJson, answers, as_json, quoted

if TYPE_CHECKING:
    from drivetrain.data.cache_place import Usage


def cache(
    action: Annotated[
        Literal["show", "clear"], typer.Argument(help="Say what is kept, or delete it.", metavar="[show|clear]")
    ] = "show",
    json: AsJson = False,
) -> None:
    """Show the decoded pictures that are kept on disk for later epochs and runs, or delete them.

    DRIVETRAIN_CACHE_DIR says where they are, DRIVETRAIN_CACHE_GB how many gigabytes they may take (0: none are kept).
    """
    from drivetrain.data.cache_place import CachePlace  # noqa: PLC0415 - an extra that a server does not have

    with answers() as answer:
        place = CachePlace.from_environment()
        cleared = place.clear() if action == "clear" else None
        usage = place.usage()
        if json:
            answer(as_json(_object(usage, cleared)))
        else:
            answer(_text(usage, cleared))


def _object(usage: Usage, cleared: Usage | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "folder": str(usage.folder),
        "pictures": usage.n_pictures,
        "bytes": usage.n_bytes,
        "limit_bytes": usage.limit_bytes,
    }
    if cleared is not None:
        found["cleared"] = {"pictures": cleared.n_pictures - usage.n_pictures, "bytes": cleared.n_bytes - usage.n_bytes}
    return found


def _text(usage: Usage, cleared: Usage | None) -> str:
    lines = [
        f"folder    {quoted(usage.folder)}",
        f"pictures  {usage.n_pictures:,}",
        f"size      {_gigabytes(usage.n_bytes)}",
        f"limit     {_gigabytes(usage.limit_bytes) if usage.limit_bytes else 'off (DRIVETRAIN_CACHE_GB=0)'}",
    ]
    if cleared is not None:
        gone = cleared.n_pictures - usage.n_pictures
        lines.insert(0, f"deleted {gone:,} pictures, {_gigabytes(cleared.n_bytes - usage.n_bytes)}")
    return "\n".join(lines)


def _gigabytes(n_bytes: int) -> str:
    """In GB of 10⁹ bytes.

    Example:
        >>> _gigabytes(1_234_567_890)
        '1.235 GB'
    """
    return f"{n_bytes / 1e9:.3f} GB"
