"""`drivetrain cache`: what is kept on disk to save time, where, how much, and how to get rid of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from drivetrain.data.cache.location import Usage
    from drivetrain.data.seals.project import Project


@dataclass(frozen=True)
class Held:
    """What is on disk."""

    pictures: Usage
    runs: int
    """Stopped runs that left activations in the project."""
    activation_bytes: int
    indexes: int
    """Of tar shards: which member lies where."""
    index_bytes: int


def cache(
    action: Annotated[
        Literal["show", "clear"], typer.Argument(help="Say what is kept, or delete it.", metavar="[show|clear]")
    ] = "show",
    *,
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """Show what is kept on disk to save time, or delete it.

    These are the decoded pictures of all projects, for later epochs and runs; the activations of this project's
    runs that were stopped (runs that go on make theirs anew); and what lies where in tar shards.
    DRIVETRAIN_CACHE_DIR says where pictures are kept, DRIVETRAIN_CACHE_GB how many gigabytes they may take (0: none
    are kept).
    """
    from drivetrain.data.cache.location import CachePlace  # noqa: PLC0415 - an extra that a server does not have
    from drivetrain.data.seals.project import Project  # noqa: PLC0415

    with answers() as answer:
        place, work = CachePlace.from_environment(), Project.find(project)
        before = _held(place.clear(), work) if action == "clear" else None
        if before is not None:
            _delete(work)
        now = _held(place.usage(), work)
        answer(as_json(_object(now, before)) if json else _text(now, before))


def _held(pictures: Usage, project: Project) -> Held:
    from drivetrain.runtime.files.tar_index import kept_indexes  # noqa: PLC0415

    files, indexes = project.stored_activations(), kept_indexes()
    return Held(pictures, len({file.parent for file in files}), _sizes(files), len(indexes), _sizes(indexes))


def _sizes(files: Iterable[Path]) -> int:
    found = 0
    for file in files:
        with suppress(FileNotFoundError):  # its run has just ended
            found += file.stat().st_size
    return found


def _delete(project: Project) -> None:
    from drivetrain.runtime.files.tar_index import kept_indexes  # noqa: PLC0415

    for file in (*project.stored_activations(), *kept_indexes()):
        file.unlink(missing_ok=True)


def _object(now: Held, before: Held | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "folder": str(now.pictures.folder),
        "pictures": now.pictures.n_pictures,
        "bytes": now.pictures.n_bytes,
        "limit_bytes": now.pictures.limit_bytes,
        "activations": {"runs": now.runs, "bytes": now.activation_bytes},
        "shards": {"indexes": now.indexes, "bytes": now.index_bytes},
    }
    if before is not None:
        found["cleared"] = {
            "pictures": before.pictures.n_pictures - now.pictures.n_pictures,
            "bytes": _bytes(before) - _bytes(now),
        }
    return found


def _text(now: Held, before: Held | None) -> str:
    limit = now.pictures.limit_bytes
    lines = [
        f"folder       {quoted(now.pictures.folder)}",
        f"inputs       {now.pictures.n_pictures:,}",
        f"size         {_gigabytes(now.pictures.n_bytes)}",
        f"limit        {_gigabytes(limit) if limit else 'off (DRIVETRAIN_CACHE_GB=0)'}",
        f"activations  {_gigabytes(now.activation_bytes)} of {now.runs:,} stopped runs of this project",
        f"shards       {_gigabytes(now.index_bytes)} of {now.indexes:,} indexes of tar files",
    ]
    if before is not None:
        gone = before.pictures.n_pictures - now.pictures.n_pictures
        lines.insert(0, f"deleted {gone:,} inputs, {_gigabytes(_bytes(before) - _bytes(now))} in all")
    return "\n".join(lines)


def _bytes(held: Held) -> int:
    return held.pictures.n_bytes + held.activation_bytes + held.index_bytes


def _gigabytes(n_bytes: int) -> str:
    """In GB of 10⁹ bytes.

    Example:
        >>> _gigabytes(1_234_567_890)
        '1.235 GB'
    """
    return f"{n_bytes / 1e9:.3f} GB"
