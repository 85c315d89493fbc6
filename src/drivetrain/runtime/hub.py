"""Models on a Hugging Face hub: put there, and fetched, with the standard library alone.

Nothing that is fetched is believed: names and sizes come from the manifest, contents must have its hashes, and the
folder is opened as any artefact before it is put in place.

Source: the hub's HTTP interface as its own client uses it (huggingface_hub 1.x: `_commit_api.py`, `lfs.py`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from drivetrain.errors import ArtefactError, HubError
from drivetrain.progress import track
from drivetrain.runtime.artefact import (
    CARD,
    DATA,
    MANIFEST,
    MOST_BYTES,
    MOST_MANIFEST_BYTES,
    MOST_OTHER_BYTES,
    SEAL,
    Artefact,
    check_names,
    check_target_path,
    is_artefact,
    manifest_of,
    open_artefact,
)
from drivetrain.runtime.hub_http import ODD, Hub, find_hub
from drivetrain.runtime.manifest import FileRecord, Manifest
from drivetrain.runtime.plain_json import read_json
from drivetrain.runtime.replacing import fresh_folder, replace_folder
from drivetrain.text import readable

README = "README.md"
SPARE_BYTES = 256 * 2**20
"""Of the disk that a model is fetched to: left free."""
SAMPLE_BYTES = 512
"""Of each file, for the hub to tell text from binary."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_LFS = "application/vnd.git-lfs+json"


def push(path: str | os.PathLike[str], repository: str, *, private: bool = False, hub: Hub | None = None) -> str:
    """Put an artefact on the hub, in one commit; the repository is made where there is none.

    Where the pictures lay on this machine is left out of what is put there; golden examples, which are pictures, and
    content hashes of all rows are in it.

    Args:
        path: The artefact.
        repository: ``owner/name``.
        private: Of a repository that is made now.
        hub: Where; None takes what the environment says (`HF_ENDPOINT`, `HF_TOKEN`).

    Returns:
        Address of the commit.

    Raises:
        ArtefactError: The artefact cannot be used.
        HubError: The hub cannot be reached or refuses.
    """
    artefact = open_artefact(path)
    hub, repository = hub or find_hub(), _checked(repository)
    contents = _published(artefact, repository)
    _make_repository(hub, repository, private)
    modes = _upload_modes(hub, repository, contents)
    large = {name: contents[name] for name, mode in modes.items() if mode == "lfs" and contents[name]}
    _upload(hub, repository, large)
    header = {"summary": f"drivetrain model {artefact.path.name}", "description": ""}
    lines: list[dict[str, Any]] = [{"key": "header", "value": header}]
    for name, content in contents.items():
        if name in large:
            value = {"path": name, "algo": "sha256", "oid": _sha256(content), "size": len(content)}
            lines.append({"key": "lfsFile", "value": value})
        else:
            encoded = base64.b64encode(content).decode()
            lines.append({"key": "file", "value": {"content": encoded, "path": name, "encoding": "base64"}})
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    answer = hub.ask("POST", f"/api/models/{repository}/commit/main", body, kind="application/x-ndjson")
    return str(answer.get("commitUrl") or f"{hub.endpoint}/{repository}")


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
    hub, repository = hub or find_hub(), _checked(repository)
    target = check_target_path(out)
    commit = find_commit(hub, repository, revision)
    base = f"{hub.endpoint}/{repository}/resolve/{quote(commit, safe='')}"
    with fresh_folder(target) as fresh:
        _fetch(hub, f"{base}/{MANIFEST}", fresh / MANIFEST, MOST_MANIFEST_BYTES)
        manifest = _manifest_of((fresh / MANIFEST).read_bytes(), repository)
        check_names(manifest.files, f"{repository} on the hub")
        _check_sizes(manifest, repository, fresh)
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
    hub, repository = hub or find_hub(), _checked(repository)
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


def _checked(repository: str) -> str:
    if not _NAME.fullmatch(repository) or ".." in repository:
        raise HubError(f"{repository!r} is no name on the hub: expected owner/name, such as ada/fruit.")
    return repository


def _published(artefact: Artefact, repository: str) -> dict[str, bytes]:
    """File name → content as it is put on the hub."""
    contents = {name: artefact.file(name).read_bytes() for name in artefact.manifest.files}
    files = dict(artefact.manifest.files)
    if DATA in contents:
        reading = json.loads(contents[DATA]) | {"source": None}  # a path of this machine
        contents[DATA] = (json.dumps(reading, indent=1) + "\n").encode()
    if SEAL in contents:  # seals of earlier versions hold such a path too
        sealed = json.loads(contents[SEAL])
        source = re.split(r"[/\\]", str(sealed["source"]).rstrip("/\\"))[-1]
        if source != sealed["source"]:
            contents[SEAL] = (json.dumps(sealed | {"source": source}, indent=0) + "\n").encode()
    for name in {DATA, SEAL, CARD} & contents.keys():  # what was changed just now, and what a person may have edited
        files[name] = FileRecord(bytes=len(contents[name]), sha256=_sha256(contents[name]))
    manifest = artefact.manifest.model_copy(update={"files": files})
    contents[MANIFEST] = (manifest.model_dump_json(indent=2) + "\n").encode()
    contents[README] = _readme(manifest, repository, contents.get(CARD, b"")).encode()
    return contents


def _readme(manifest: Manifest, repository: str, card: bytes) -> str:
    """What the hub's page of the model shows: the model card, below what the hub's search reads."""
    task = "image-classification" if manifest.target.kind != "number" else "other"
    body = card.decode(errors="replace") if card else f"# {repository.split('/')[1]}\n"
    use = f'import drivetrain as dt\n\ndt.load("hf-hub:{repository}").predict("picture.jpg")'
    return (
        f"---\nlibrary_name: drivetrain\npipeline_tag: {task}\ntags:\n- drivetrain\n- onnx\n---\n\n"
        f"{body}\n## Load it\n\n```python\n{use}\n```\n"
    )


def _make_repository(hub: Hub, repository: str, private: bool) -> None:
    owner, name = repository.split("/")
    visibility = "private" if private else "public"
    asked = {"name": name, "organization": owner, "type": "model", "visibility": visibility}
    try:
        hub.ask("POST", "/api/repos/create", asked)
    except HubError as error:
        if error.status != 409:  # it is there already
            raise


def _upload_modes(hub: Hub, repository: str, contents: Mapping[str, bytes]) -> dict[str, str]:
    """File name → "lfs" or "regular", as the hub wants it."""
    asked = [
        {"path": name, "size": len(content), "sample": base64.b64encode(content[:SAMPLE_BYTES]).decode()}
        for name, content in contents.items()
    ]
    answer = hub.ask("POST", f"/api/models/{repository}/preupload/main", {"files": asked})
    modes = {str(file.get("path")): str(file.get("uploadMode")) for file in _objects(answer, "files")}
    if not modes.keys() >= contents.keys():
        raise HubError(f"{hub.endpoint} does not say how to upload {sorted(contents.keys() - modes.keys())}.")
    return modes


def _upload(hub: Hub, repository: str, large: Mapping[str, bytes]) -> None:
    """Put contents into the hub's store for large files, those that it does not have yet."""
    if not large:
        return
    by_hash = {_sha256(content): content for content in large.values()}
    asked = {
        "operation": "upload",
        "transfers": ["basic"],
        "hash_algo": "sha256",
        "objects": [{"oid": oid, "size": len(content)} for oid, content in by_hash.items()],
    }
    answer = hub.ask("POST", f"/{repository}.git/info/lfs/objects/batch", asked, kind=_LFS)
    with track("uploading", sum(map(len, by_hash.values()))) as advance:
        for found in _objects(answer, "objects"):
            if "error" in found:
                raise HubError(f"{hub.endpoint} refuses a file of {repository}: {readable(str(found['error'])[:300])}.")
            content, actions = by_hash.get(str(found.get("oid"))), found.get("actions") or {}
            if content is None:
                raise HubError(f"{hub.endpoint} asks for a file that is not of {repository}. {ODD}")
            try:
                steps = {name: (str(one["href"]), dict(one.get("header") or {})) for name, one in actions.items()}
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise HubError(f"{hub.endpoint} does not say where a file of {repository} goes. {ODD}") from error
            if "upload" in steps:
                href, said = steps["upload"]
                hub.open("PUT", href, content, {"Content-Type": "application/octet-stream", **said}).close()
            if "verify" in steps:
                proof = json.dumps({"oid": found["oid"], "size": len(content)}).encode()
                hub.open("POST", steps["verify"][0], proof, {"Content-Type": _LFS}).close()
            advance(len(content))


def _objects(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list in an answer of the hub; raises HubError where it is none."""
    found = answer.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in cast("list[Any]", found)):
        raise HubError(f"the hub answered oddly: expected a list of objects in {name!r}. {ODD}")
    return cast("list[dict[str, Any]]", found)


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


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
