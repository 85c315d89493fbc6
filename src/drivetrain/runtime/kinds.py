"""The table of kinds of input: which package describes, reads, trains, shows and serves each of them.

A kind is a package with up to seven modules, its faces, which stand on different floors: `spec` (runtime), `serve`
(runtime), `source` (no torch), `show` (no torch), `understanding` (what a model goes by, for its report; no torch),
`judging` (scores of a saved model beside those of its rows; no torch) and `training` (torch). They are imported when
they are asked for. A kind from another package joins through the entry-point group ``drivetrain.kinds``: the entry's
name is the kind's, its value is the package that holds the faces.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, Literal

from drivetrain.errors import SettingError, did_you_mean

Face = Literal["spec", "source", "training", "show", "serve", "understanding", "judging"]

GROUP = "drivetrain.kinds"
"""Of entry points."""

_BUILT_IN = {
    "binaries": "drivetrain.kinds.binaries",
    "images": "drivetrain.kinds.images",
    "ratings": "drivetrain.kinds.ratings",
    "sounds": "drivetrain.kinds.sounds",
    "table": "drivetrain.kinds.tables",
    "texts": "drivetrain.kinds.texts",
    "traces": "drivetrain.kinds.traces",
}
_TAGS = {"picture": "images"}
"""What artefacts of released formats call a kind → the name it has now."""

_added: dict[str, str] = {}


@cache
def _installed() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def packages() -> dict[str, str]:
    """Kind → package, of all that can be had; a name that is taken cannot be taken again.

    Example:
        >>> packages()["images"]
        'drivetrain.kinds.images'
    """
    return {**_installed(), **_added, **_BUILT_IN}


def add_kind(name: str, package: str) -> None:
    """Let a package of somebody else's be a kind, in this process: what an entry point does for all processes.

    Raises:
        SettingError: The name is taken by another package.

    Example:
        >>> import drivetrain as dt
        >>> dt.add_kind("images", "smells.kind")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: the kind of input 'images' ...
    """
    taken = packages().get(name)
    if taken not in (None, package):
        raise SettingError(f"the kind of input {name!r} is {taken} already. To fix: give yours another name.")
    _added[name] = package


def known_kind(tag: str) -> str:
    """The name of a kind, by its name or by what an artefact calls it.

    Raises:
        SettingError: There is no such kind here.

    Example:
        >>> known_kind("picture")
        'images'
    """
    name = kind_name(tag)
    if name not in packages():
        near = did_you_mean(name, packages())
        raise SettingError(
            f"there is no kind of input {name!r} here; expected one of {', '.join(sorted(packages()))}.{near} "
            "To fix: install the package that brings it."
        )
    return name


def kind_name(tag: str) -> str:
    """The name of a kind by what an artefact calls it."""
    return _TAGS.get(tag, tag)


def face(kind: str, which: Face) -> Any:
    """One face of a kind.

    Raises:
        SettingError: There is no such kind, or it has no such face.

    Example:
        >>> face("image", "spec")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: there is no kind of input 'image' ...
    """
    name = known_kind(kind)
    package = packages()[name]
    module = f"{package}.{which}"
    if find_spec(module) is None:
        raise SettingError(f"the kind of input {name!r} ({package}) has no {which}. To fix: add {module}.")
    return import_module(module)


def has_face(kind: str, which: Face) -> bool:
    """Whether a kind of the table has that face; "show", "serve" and parts of others may be left out.

    Example:
        >>> has_face("images", "show")
        True
    """
    package = packages().get(kind_name(kind))
    return package is not None and find_spec(f"{package}.{which}") is not None
