"""Which model a small update stands on, and which small updates stand on a model: they lie in one folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.errors import ArtefactError, DrivetrainError, first_few
from drivetrain.runtime.additions.record import UPDATE, SmallUpdate, read_record
from drivetrain.runtime.manifest import WEIGHTS, Manifest
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.runtime.artefact import Artefact

MOST_NEIGHBOURS = 1000
"""Folders beside an update that are looked at for its parent."""
DIGITS = 12
"""Of a hash, where it is shown."""
Reader = Callable[[Path], Manifest]
"""Gives the manifest of a folder."""


def parent_of(folder: Path, record: SmallUpdate, read: Reader, open_parent: Callable[[Path], Artefact]) -> Artefact:
    """The model that an update came from: in the same folder as it, or as a link to it, known by its content.

    Args:
        folder: Of the update.
        record: What it says of itself.
        read: Gives the manifest of a folder.
        open_parent: Opens and verifies one.

    Raises:
        ArtefactError: The parent is missing, altered or another one.
    """
    above = tuple(dict.fromkeys((Path(os.path.realpath(folder)).parent, folder.absolute().parent)))
    named = [place / record.parent.name for place in above]
    places = (*named, *(item for place in above for item in _neighbours(folder, place)))
    found = next((place for place in places if _is(place, record.parent.sha256, read)), None)
    what = f"{readable(folder)} is an update of {readable(record.parent.name)}"
    put = f"To fix: put the {readable(record.parent.name)} that it came from into {readable(above[0])}"
    if found is not None:
        try:
            return open_parent(found)
        except DrivetrainError as error:
            raise ArtefactError(f"{what}, which cannot be opened: {error}") from error
    wanted = f"the model whose parameters have the SHA-256 {record.parent.sha256[:DIGITS]}…"
    other = next((other for place in named if (other := _hash(place, read)) is not None), None)
    if other is not None:
        raise ArtefactError(
            f"{what}, and what lies there under that name is another model ({other[:DIGITS]}…): expected {wanted}. "
            f"{put}, or save the update whole where it was made."
        )
    raise ArtefactError(
        f"{what}, which does not lie beside it: expected {wanted}, in the same folder. {put} (a link to it does as "
        "well), or save the update whole where it was made."
    )


def _neighbours(folder: Path, above: Path) -> list[Path]:
    """Folders that lie there, but for one itself and links to it."""
    try:
        items = sorted(above.iterdir())[:MOST_NEIGHBOURS]
    except OSError:
        return []
    own = os.path.realpath(folder)
    seen = (item for item in items if item.name[0] != "." and os.path.realpath(item) != own)
    return [item for item in seen if os.path.isdir(item)]  # noqa: PTH112 - Path.is_dir raises for a link that leads where nobody may look


def _is(place: Path, parent: str, read: Reader) -> bool:
    """Whether a folder holds a model by the hash of its parameters; an update of it that changed nothing is no copy."""
    return _hash(place, read) == parent and _parent_hash(place) != parent


def _hash(place: Path, read: Reader) -> str | None:
    """What the manifest of a folder says of its parameters; None where it is no model."""
    try:
        found = read(place).files.get(WEIGHTS)
    except (DrivetrainError, OSError):
        return None
    return None if found is None else found.sha256


def refuse_to_strand(target: Path, read: Reader, new: Manifest | None = None) -> None:
    """Refuse to put another model in the place of one that small updates stand on.

    Args:
        target: Of the model that is replaced; there may be none.
        read: Gives the manifest of a folder.
        new: Of what takes its place; None where that is not known yet.

    Raises:
        ArtefactError: Small updates that lie beside it could not be opened any more.
    """
    was = _hash(target, read)
    if was is None or (new is not None and WEIGHTS in new.files and new.files[WEIGHTS].sha256 == was):
        return
    beside = _neighbours(target, Path(os.path.realpath(target)).parent)
    standing = [item for item in beside if _parent_hash(item) == was]
    if not standing or any(_is(item, was, read) for item in beside):
        return
    names = first_few([readable(item.name) for item in standing])
    one = readable(standing[0].name)
    raise ArtefactError(
        f"cannot save a model to {readable(target)}: {names} would lose the model there, of which "
        f"{'they are small updates' if len(standing) > 1 else 'it is a small update'}, and could not be opened any "
        "more. Expected a place on whose model none stands. To fix: give another place, or rename the model there; or "
        f"save what stands on it whole first: dt.Learner.load({one!r}).save({f'whole-{one}'!r})."
    )


def _parent_hash(place: Path) -> str | None:
    """Hash of the parameters of the model that a folder is a small update of; None where it is none."""
    try:
        return read_record(place).parent.sha256 if (place / UPDATE).is_file() else None
    except (DrivetrainError, OSError):
        return None
