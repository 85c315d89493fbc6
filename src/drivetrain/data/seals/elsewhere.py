"""Other projects of the same user: a test set stays a test set when somebody changes into another folder.

A list in the user's data folder (`DRIVETRAIN_INDEX_DIR` names another; empty switches it off) holds the path of each
project folder that has sealed something, and nothing else: no names, no pictures, no contents. What is sealed there
is read from the project itself, by content. Where the list cannot be written, or a project is gone, nothing is known.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from drivetrain.data.seals.ledger import Entry
from drivetrain.data.seals.project import PROJECT, Project, ProjectPlace
from drivetrain.data.seals.seal import Known, SealedSet, Seals
from drivetrain.errors import DrivetrainError
from drivetrain.runtime.artefact import write_durably

INDEX_DIR = "DRIVETRAIN_INDEX_DIR"
"""Environment variable that names the folder of the list."""
MOST_PROJECTS = 50
"""Looked into, the latest first."""
FORGOTTEN_S = 90 * 24 * 3600.0
"""After this time a project that is not there is taken off the list."""


def remember_project(project: Project) -> None:
    """Put a project on the list; where that cannot be written, nothing happens."""
    place, path = _index(), os.path.realpath(project.folder)
    if place is None:
        return
    entry = place / f"{hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()}.json"
    with suppress(OSError, UnicodeError):
        if _project_in(entry) == path:
            os.utime(entry)
            return
        place.mkdir(parents=True, exist_ok=True)
        write_durably(entry, (json.dumps({"project": path}) + "\n").encode())


def other_projects(project: Project) -> list[Project]:
    """Projects on the list that are still there, the latest first, without this one."""
    place, own = _index(), os.path.realpath(project.folder)
    found: list[tuple[float, Project]] = []
    with suppress(OSError):
        for entry in [] if place is None else place.glob("*.json"):
            path = _project_in(entry)
            used_s = entry.stat().st_mtime
            if path is None or not Path(path).is_dir():
                if time.time() - used_s > FORGOTTEN_S:  # a disk that is not connected today may be so tomorrow
                    entry.unlink(missing_ok=True)
            elif path != own:
                found.append((used_s, Project(Path(path))))
    return [other for _, other in sorted(found, key=lambda each: -each[0])[:MOST_PROJECTS]]


def known_elsewhere(project: Project) -> list[tuple[Project, Known]]:
    """The seals in use of other projects; a project whose record cannot be read is passed over."""
    found: list[tuple[Project, Known]] = []
    for other in other_projects(project):
        with suppress(DrivetrainError, OSError, KeyError, ValueError):
            seals = Seals(other)
            in_use = seals.in_use()
            found += [(other, known) for known in seals.live() if known.sealed.id in in_use]
    return found


def opened_elsewhere(project: Project, sealed: SealedSet) -> list[Entry]:
    """Openings on record in other projects of a test set, and of others there that are much the same."""
    found: list[Entry] = []
    for other in other_projects(project):
        with suppress(DrivetrainError, OSError, KeyError, ValueError):
            found += Seals(other).openings(sealed)
    return found


def is_asked_for(project: ProjectPlace) -> bool:
    """Whether somebody named the project, rather than standing in some folder."""
    return project is not None or bool(os.environ.get(PROJECT))


def _index() -> Path | None:
    named = os.environ.get(INDEX_DIR)
    if named is None:
        try:
            return user_data_path("drivetrain", appauthor=False) / "projects"
        except (OSError, RuntimeError):  # nobody's home
            return None
    return Path(named) if named else None


def _project_in(entry: Path) -> str | None:
    try:
        value: Any = json.loads(entry.read_text(encoding="utf-8"))
        return str(value["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
