"""What a project and the folders around it hold: models, pages, trials, sealed test sets, services that answer."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import Known, Seals
from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.record.runs import RunLog, Trials
from drivetrain.evaluation.record.selection import Selection
from drivetrain.pages.page import GENERATOR
from drivetrain.runtime.artefact import is_artefact, read_manifest
from drivetrain.runtime.manifest import Manifest
from drivetrain.text import counted, short_reason

DEEPEST = 4
"""Folders within folders that are looked through."""
MOST_FOLDERS = 5000
PASSED_OVER = {"node_modules", "site-packages", "__pycache__", "venv"}
"""Besides those whose names begin with a dot."""
HEAD_BYTES = 512 * 1024
"""Of a page, which hold its title and the words below it: the style sheet lies before them."""
SERVICE_WAIT_S = 2.0
MOST_BYTES = 1_000_000
"""Of what a service says of itself."""

_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_SAID = re.compile(r'<header>.*?<p class="soft">(.*?)</p>', re.DOTALL)


@dataclass(frozen=True)
class FoundModel:
    """A saved model, or a folder that should be one."""

    folder: Path
    manifest: Manifest | None
    problem: str = ""
    """Why its manifest cannot be read."""

    @property
    def key(self) -> str:
        """Its name in an address: the same whatever else comes and goes."""
        return _key(self.folder)


@dataclass(frozen=True)
class FoundPage:
    """A page that drivetrain wrote: a report, a look inside, a plan, an audit."""

    file: Path
    title: str
    said: str
    changed: datetime

    @property
    def key(self) -> str:
        """Its name in an address: the same whatever else comes and goes."""
        return _key(self.file)


@dataclass(frozen=True)
class Service:
    """A service that was named, and what it says of itself."""

    address: str
    about: dict[str, Any] | None
    problem: str = ""


@dataclass(frozen=True)
class Group:
    """Trials on the same validation rows, and the best of them with its corrected score."""

    trials: Trials
    best: str | None
    """Its id."""
    worth: Selection | None
    problem: str = ""
    """Why there is no corrected score."""


@dataclass(frozen=True)
class Found:
    """All that the page shows."""

    folder: Path
    project: Project
    models: Sequence[FoundModel]
    pages: Sequence[FoundPage]
    groups: Sequence[Group]
    seals: Sequence[Known]
    services: Sequence[Service]
    problems: Sequence[str]
    """What could not be looked at."""


class Finder:
    """Looks anew whenever it is asked; what takes computing is kept as long as its trials are the same.

    Args:
        folder: Where models and pages are looked for.
        project: Where trials and seals are.
        services: Addresses of running services.
    """

    def __init__(self, folder: Path, project: Project, services: Sequence[str] = ()) -> None:
        self.folder, self.project, self.services = folder, project, services
        self._worth: dict[tuple[str, ...], Group] = {}

    def find(self) -> Found:
        """What there is now."""
        problems: list[str] = []
        models, pages, left_out = self._files()
        if left_out:
            problems.append(f"More than {MOST_FOLDERS:,} folders: those beyond were not looked through.")
        seals: Sequence[Known] = ()
        try:
            seals = Seals(self.project).known()
        except DrivetrainError as error:
            problems.append(f"The sealed test sets cannot be listed: {error}")
        groups = [self._group(trials) for trials in reversed(RunLog(self.project).groups())]
        unread = RunLog(self.project).n_folders - sum(len(group.trials.runs) for group in groups)
        if unread > 0:
            problems.append(
                f"{counted(unread, 'training')} on record cannot be read, so that less is shown here than there was: "
                "drivetrain runs says which."
            )
        services = [ask(address) for address in self.services]
        return Found(self.folder, self.project, models, pages, groups, seals, services, problems)

    def _files(self) -> tuple[list[FoundModel], list[FoundPage], bool]:
        models: list[FoundModel] = []
        pages: list[FoundPage] = []
        n = 0
        for n, (place, files) in enumerate(folders(self.folder)):
            if n == MOST_FOLDERS:
                break
            if is_artefact(place):
                models.append(model_of(place))
                continue
            pages += [page for name in files if name.endswith(".html") and (page := page_of(place / name))]
        models.sort(key=lambda model: model.manifest.created if model.manifest else "", reverse=True)
        pages.sort(key=lambda page: page.changed, reverse=True)
        return models, pages, n == MOST_FOLDERS

    def _group(self, trials: Trials) -> Group:
        key = tuple(run.id for run in trials.runs)
        if key not in self._worth:
            self._worth[key] = _judged(trials)
        return self._worth[key]


def _judged(trials: Trials) -> Group:
    try:
        best = trials.best()
    except DrivetrainError as error:
        return Group(trials, None, None, str(error))
    return Group(trials, None, None) if best is None else Group(trials, best[0].id, best[1])


def folders(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those in it, the upper ones first, with the names of their files; links are not followed.

    What is inside a model is its own, and folders that hold no work of this project are passed over.
    """
    for place, inside, files in os.walk(top):
        here = Path(place)
        yield here, sorted(files)
        deep = len(here.relative_to(top).parts) >= DEEPEST
        kept = [] if deep or is_artefact(here) else [n for n in inside if n[0] != "." and n not in PASSED_OVER]
        inside[:] = sorted(kept)


def model_of(folder: Path) -> FoundModel:
    """A model by its manifest; its other files are not read."""
    try:
        return FoundModel(folder, read_manifest(folder))
    except (DrivetrainError, OSError) as error:
        return FoundModel(folder, None, str(error))


def page_of(file: Path) -> FoundPage | None:
    """A page, if drivetrain wrote it."""
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES).decode("utf-8", "replace")
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None
    title = _TITLE.search(head)
    if GENERATOR not in head or title is None:
        return None
    said = _SAID.search(head)
    return FoundPage(file, html.unescape(title[1]), _words(said[1]) if said else "", changed)


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def ask(address: str) -> Service:
    """What a service says of itself."""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/about", timeout=SERVICE_WAIT_S) as answer:
            about = json.loads(answer.read(MOST_BYTES))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)  # urllib puts its own words around it
        return Service(address, None, short_reason(reason if isinstance(reason, OSError) else error))
    if not isinstance(about, dict) or "model" not in about:
        return Service(address, None, "what answers there is no service of drivetrain")
    return Service(address, about)
