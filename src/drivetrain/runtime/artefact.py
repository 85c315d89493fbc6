"""An artefact on disk: a folder of plain files, written whole or not at all, verified before it is used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivetrain.errors import ArtefactError, first_few
from drivetrain.runtime.manifest import READABLE_VERSIONS, FileRecord, Manifest
from drivetrain.runtime.replacing import flush_folder, fresh_folder, recover, replace_folder
from drivetrain.settings import place

MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
MODEL = "model.onnx"
CARD = "MODEL_CARD.md"
PARTIAL = ".partial"
GOLDEN = "golden"
"""The one folder inside an artefact: a few real inputs and the answers to them."""
DATA = "data.json"
"""How the data were read and split, so that evaluation can find the same rows again."""
SEAL = "seal.json"
"""By what the test set is recognised, see `drivetrain.data.seal`."""

_NAME = re.compile(rf"(?:{GOLDEN}/)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""What a file of an artefact may be called: nothing that leads elsewhere, nothing hidden."""


@dataclass(frozen=True)
class Artefact:
    """A verified artefact: its folder and its manifest."""

    path: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """Path of a file the manifest lists; raises ArtefactError for any other."""
        if name not in self.manifest.files:
            raise ArtefactError(f"{self.path} has no {name}: its files are {first_few(self.manifest.files)}.")
        return self.path / name


def sha256_of(path: Path) -> str:
    """Content hash of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_artefact(path: Path) -> bool:
    """Whether a folder says that it is an artefact (it may still be damaged)."""
    return (path / MANIFEST).is_file()


def check_target_path(path: str | os.PathLike[str]) -> Path:
    """Refuse a place where an artefact could not be saved, before hours of training rather than after."""
    target = Path(place("path", path))
    recover(target)
    if target.is_dir() and not is_artefact(target) and any(target.iterdir()):
        raise ArtefactError(
            f"cannot save a model to {target}: it is a folder with other files in it. "
            "To fix: give a new name, such as fruit.model."
        )
    if target.exists() and not target.is_dir():
        raise ArtefactError(f"cannot save a model to {target}: it is a file. To fix: give a new name.")
    parent = target.absolute().parent
    if not parent.is_dir():
        raise ArtefactError(f"cannot save a model to {target}: the folder {parent} does not exist. To fix: create it.")
    if not os.access(parent, os.W_OK):
        raise ArtefactError(f"cannot save a model to {target}: {parent} is not writable.")
    return target


def write_artefact(
    path: str | os.PathLike[str], contents: Mapping[str, bytes], manifest: Mapping[str, Any]
) -> Artefact:
    """Write a folder of files and its manifest; an older artefact at the same place is replaced.

    Args:
        path: The folder to make.
        contents: File name → bytes, without the manifest.
        manifest: All fields of `Manifest` but `files`, which are computed here.

    Raises:
        ArtefactError: The place cannot be written to, or holds something other than an artefact.
    """
    target = check_target_path(path)
    try:
        with fresh_folder(target) as fresh:
            record = _fill(fresh, contents, manifest)
            replace_folder(fresh, target)
    except OSError as error:
        raise ArtefactError(f"cannot save a model to {target}: {error}.") from error
    return Artefact(target, record)


def _fill(fresh: Path, contents: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Manifest:
    files = {
        name: FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    record = Manifest.model_validate({**manifest, "files": files})
    if any(name.startswith(f"{GOLDEN}/") for name in contents):
        (fresh / GOLDEN).mkdir()
    for name, content in {**contents, MANIFEST: _manifest_bytes(record)}.items():
        assert _NAME.fullmatch(name), name
        write_durably(fresh / name, content)
    if (fresh / GOLDEN).is_dir():
        flush_folder(fresh / GOLDEN)
    return record


def write_durably(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to disk, then move it there."""
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def update_manifest(artefact: Artefact, **changes: Any) -> Artefact:
    """Replace fields of the manifest (say, to record an opening of the test set), all or nothing."""
    record = artefact.manifest.model_copy(update=changes)
    write_durably(artefact.path / MANIFEST, _manifest_bytes(record))
    return Artefact(artefact.path, record)


def update_artefact(artefact: Artefact, contents: Mapping[str, bytes], **changes: Any) -> Artefact:
    """Replace some files together with fields of the manifest, all or nothing; the other files are not copied.

    Raises:
        OSError: There is no room beside the artefact, or it may not be written there.
    """
    files = {
        name: FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    record = artefact.manifest.model_copy(update={**changes, "files": {**artefact.manifest.files, **files}})
    with fresh_folder(artefact.path) as fresh:
        if any(name.startswith(f"{GOLDEN}/") for name in record.files):
            (fresh / GOLDEN).mkdir()
        for name in sorted(set(record.files) - set(contents)):
            _link(artefact.path / name, fresh / name)
        for name, content in {**contents, MANIFEST: _manifest_bytes(record)}.items():
            write_durably(fresh / name, content)
        replace_folder(fresh, artefact.path)
    return Artefact(artefact.path, record)


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has one name per file."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _manifest_bytes(manifest: Manifest) -> bytes:
    return (manifest.model_dump_json(indent=2) + "\n").encode()


def open_artefact(path: str | os.PathLike[str]) -> Artefact:
    """Read and verify an artefact.

    Raises:
        ArtefactError: It is missing, of an unknown format, or a file is missing, altered or not listed.
    """
    folder = Path(place("path", path))
    recover(folder)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise ArtefactError(f"{folder} {what}. To fix: give the folder that `save` or `drivetrain train` wrote.")
    if not is_artefact(folder):
        raise ArtefactError(f"{folder} is not a drivetrain artefact: it has no {MANIFEST}.")
    manifest = _read_manifest(folder)
    _verify_files(folder, manifest)
    return Artefact(folder, manifest)


def _read_manifest(folder: Path) -> Manifest:
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{folder / MANIFEST} cannot be read as JSON: {error}.") from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if type(version) is not int or version not in READABLE_VERSIONS:
        known = f"{READABLE_VERSIONS[0]} to {READABLE_VERSIONS[-1]}"
        raise ArtefactError(
            f"{folder} has format version {version!r}; this drivetrain reads versions {known}. "
            "To fix: install the drivetrain that wrote it, or a newer one."
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtefactError(f"{folder / MANIFEST} is damaged: {where}: {first['msg']}.") from error


def _verify_files(folder: Path, manifest: Manifest) -> None:
    present = _files_in(folder) - {MANIFEST, MANIFEST + PARTIAL}  # the latter of an update that was killed: never read
    listed = set(manifest.files)
    check_names(listed, str(folder))
    if listed - present:
        raise ArtefactError(f"{folder} lacks {first_few(sorted(listed - present))}, which its manifest lists.")
    if present - listed:
        raise ArtefactError(
            f"{folder} holds {first_few(sorted(present - listed))}, which its manifest does not list. "
            "To fix: move it elsewhere; an artefact holds only what was saved."
        )
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ArtefactError(f"{path} is not the file that was saved: it is a link or something else.")
        if path.stat().st_size != record.bytes or sha256_of(path) != record.sha256:
            raise ArtefactError(f"{path} is not the file that was saved: its content has changed.")


def check_names(names: Iterable[str], where: str) -> None:
    """Raise ArtefactError for names that lead out of the folder, into another one, or are hidden."""
    unsafe = sorted(name for name in names if not _NAME.fullmatch(name))
    if unsafe:
        raise ArtefactError(f"{where} lists files outside itself, or with odd names: {first_few(unsafe)}.")


def _files_in(folder: Path) -> set[str]:
    """Names of all that lies in an artefact's folder, and in its golden/ where that is a folder of its own."""
    found = {item.name for item in folder.iterdir()}
    golden = folder / GOLDEN
    if golden.is_dir() and not golden.is_symlink():
        found = (found - {GOLDEN}) | {f"{GOLDEN}/{item.name}" for item in golden.iterdir()}
    return found
