"""Models fetched from a Hugging Face hub, with the standard library alone: a server needs no more.

Nothing that is fetched is believed: names and sizes come from the manifest, contents must have its hashes, and the
folder is opened as any artefact before it is put in place.

The hub's own client puts models there (`drivetrain.export.publish`). It does not fetch them: it stops neither at a file
that is larger than announced nor at one that comes a byte a second.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

from drivetrain.errors import ArtefactError, HubError
from drivetrain.progress import track
from drivetrain.runtime.additions.finding import refuse_to_strand
from drivetrain.runtime.additions.record import is_small
from drivetrain.runtime.artefact import (
    MANIFEST,
    MOST_BYTES,
    MOST_MANIFEST_BYTES,
    MOST_OTHER_BYTES,
    Artefact,
    check_names,
    check_target_path,
    is_artefact,
    manifest_of,
    open_artefact,
    read_manifest,
)
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.files.replacing import fresh_folder, replace_folder
from drivetrain.runtime.hub.http import Hub, find_hub
from drivetrain.runtime.manifest import Manifest
from drivetrain.text import without_secrets

SPARE_BYTES = 256 * 2**20
"""Of the disk that a model is fetched to: left free."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def pull(repository: str, out: str | os.PathLike[str], *, revision: str = "main", hub: Hub | None = None) -> Artefact:
    """Fetch an artefact from the hub, verify it, and put it in place in one step.

    Args:
        repository: ``owner/name``.
        out: The folder to make; an artefact that stands there is replaced.
        revision: Branch, tag or commit.
        hub: Where; None takes what the environment says.

    Raises:
        ArtefactError: It is no artefact, is damaged, or cannot be written to `out`.
        HubError: The hub cannot be reached, or has no such model.
    """
    hub, repository = hub or find_hub(), check_repository(repository)
    target = check_target_path(out)
    commit = find_commit(hub, repository, revision)
    base = f"{hub.endpoint}/{repository}/resolve/{quote(commit, safe='')}"
    with fresh_folder(target) as fresh:
        _fetch(hub, f"{base}/{MANIFEST}", fresh / MANIFEST, MOST_MANIFEST_BYTES)
        manifest = _manifest_of((fresh / MANIFEST).read_bytes(), repository)
        check_names(manifest.files, f"{repository} on the hub")
        if is_small(manifest):
            raise ArtefactError(
                f"{repository} on the hub is a small update, which is opened beside the model that it came from: "
                "expected a whole model. To fix: ask whoever put it there to use drivetrain push, which puts it there "
                "whole."
            )
        _check_sizes(manifest, repository, fresh)
        refuse_to_strand(target, read_manifest, manifest)
        with track("fetching", sum(record.bytes for record in manifest.files.values())) as advance:
            for name, record in manifest.files.items():
                (fresh / name).parent.mkdir(exist_ok=True)
                if _fetch(hub, f"{base}/{quote(name)}", fresh / name, record.bytes) != record.sha256:
                    raise ArtefactError(f"{repository}/{name} on the hub is not the file that its manifest lists.")
                advance(record.bytes, name)
        open_artefact(fresh)
        replace_folder(fresh, target)
    return open_artefact(target)


def pull_cached(name: str, *, hub: Hub | None = None) -> Path:
    """The folder of a model of the hub in this user's cache, fetched where that commit is not there yet.

    Args:
        name: ``owner/name``, optionally with ``@revision`` behind it.
        hub: Where; None takes what the environment says.
    """
    repository, _, revision = name.partition("@")
    hub, repository = hub or find_hub(), check_repository(repository)
    commit = find_commit(hub, repository, revision or "main")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drivetrain" / "hub"
    place = root / repository.replace("/", "--") / commit
    if not is_artefact(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        pull(repository, place, revision=commit, hub=hub)
    return place


def find_commit(hub: Hub, repository: str, revision: str) -> str:
    """The commit that a branch or tag points to now, so that all files come from the same one."""
    found = hub.ask("GET", f"/api/models/{repository}/revision/{quote(revision, safe='')}").get("sha")
    if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{7,64}", found):
        raise HubError(f"{hub.endpoint} does not say which commit {revision!r} of {repository} is.")
    return found


def check_repository(repository: str) -> str:
    """The name of a model on the hub, as given; raises HubError where it is none."""
    if not _NAME.fullmatch(repository) or ".." in repository:
        fix = "To fix: give such a name."
        if "://" in repository:
            fix = (
                "To fix: give such a name; or copy the folder, as with `aws s3 sync`: it is plain files, which are "
                "verified wherever it is opened."
            )
        raise HubError(
            f"{without_secrets(repository)!r} is no name on the hub: expected owner/name, such as ada/fruit. {fix}"
        )
    return repository


def _fetch(hub: Hub, address: str, file: Path, most_bytes: int) -> str:
    """Write what lies at an address to a file, never more than was announced; gives its SHA-256."""
    found = hashlib.sha256()
    answer = hub.open("GET", address)
    with file.open("wb") as stream:

        def take(piece: bytes) -> None:
            found.update(piece)
            stream.write(piece)

        hub.read(answer, take, most_bytes=most_bytes)
        stream.flush()
        os.fsync(stream.fileno())
    return found.hexdigest()


def _check_sizes(manifest: Manifest, repository: str, folder: Path) -> None:
    """Refuse what no model takes, and what there is no room for, before it is fetched."""
    for name, record in manifest.files.items():
        most = MOST_BYTES.get(name, MOST_OTHER_BYTES)
        if record.bytes > most:
            raise ArtefactError(
                f"{repository}/{name} on the hub is said to have {record.bytes:,} bytes: expected at most {most:,}. "
                "To fix: ask whoever put it there."
            )
    wanted, free = sum(record.bytes for record in manifest.files.values()), shutil.disk_usage(folder).free
    if wanted + SPARE_BYTES > free:
        raise HubError(
            f"{repository} takes {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free at {folder.parent}: expected "
            f"{SPARE_BYTES / 1e9:.1f} GB more than it takes. To fix: make room, or fetch it to another disk."
        )


def _manifest_of(raw: bytes, repository: str) -> Manifest:
    try:
        said = read_json(raw, most_bytes=MOST_MANIFEST_BYTES)
        return manifest_of(said, f"{repository} on the hub")
    except (ValueError, ArtefactError) as error:
        raise ArtefactError(f"{repository} on the hub is not a drivetrain artefact: {error}") from error
