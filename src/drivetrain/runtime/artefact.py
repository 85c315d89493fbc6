"""An artefact on disk: a folder of plain files, written whole or not at all, verified before it is used."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivetrain.errors import ArtefactError, DrivetrainWarning, first_few
from drivetrain.files import locked_place
from drivetrain.names import is_litter as is_litter_name
from drivetrain.runtime.additions.finding import refuse_to_strand
from drivetrain.runtime.additions.making import made_whole
from drivetrain.runtime.additions.record import ADDITIONS, GRAPH, is_small, made_names
from drivetrain.runtime.files.places import why_not_writable
from drivetrain.runtime.files.plain_json import read_json, what_is_wrong
from drivetrain.runtime.files.replacing import flush_folder, fresh_folder, recover, replace_folder
from drivetrain.runtime.kinds import face
from drivetrain.runtime.manifest import MODEL, READABLE_VERSIONS, WEIGHTS, FileRecord, Manifest
from drivetrain.runtime.targets import check_names_of
from drivetrain.runtime.trust.known_models import is_known, remember
from drivetrain.settings import place
from drivetrain.text import readable, short_reason, without_secrets

MANIFEST = "manifest.json"
CARD = "MODEL_CARD.md"
PARTIAL = ".partial"
GOLDEN = "golden"
"""The one folder inside an artefact: a few real inputs and the answers to them."""
DATA = "data.json"
"""How the data were read and split, so that evaluation can find the same rows again."""
SEAL = "seal.json"
"""By what the test set is recognised, see `drivetrain.data.seals.seal`."""
EXEMPLARS = "exemplars.zip"
"""Training rows that travel with a model so that an update need not forget, see `learner.updating.exemplars`."""

GET_AGAIN = "To fix: get the model again from whoever made it, or save it anew."

MOST_MANIFEST_BYTES, MOST_INDENTED_BYTES = 32 * 2**20, 2**20
MOST_BYTES = {
    WEIGHTS: 16 * 2**30,
    MODEL: 2**31 - 1,
    CARD: 16 * 2**20,
    DATA: 64 * 2**20,
    SEAL: 64 * 2**20,
    "ratings.npz": 4 * 2**30,
    "attributes.json": 2**30,
    "updates.json": 2**30,
    EXEMPLARS: 2**30,
    ADDITIONS: 16 * 2**30,
    GRAPH: 2**31 - 1,
}
"""Of a file of a model from elsewhere; looked at before it is read. Of any other `MOST_OTHER_BYTES`."""
MOST_OTHER_BYTES = 32 * 2**20
MOST_UPDATES = 32
"""Small updates, each of the one before, that stand on one model."""

_NAME = re.compile(rf"(?:{GOLDEN}/)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""What a file of an artefact may be called: nothing that leads elsewhere, nothing hidden."""


@dataclass(frozen=True)
class Artefact:
    """A verified artefact: its folder and its manifest."""

    path: Path
    manifest: Manifest
    made: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Where files lie that a small update has made of its parent's, see `runtime.additions`."""

    def file(self, name: str) -> Path:
        """Path of a file the manifest lists; raises ArtefactError for any other."""
        if name not in self.manifest.files:
            raise ArtefactError(f"{self.path} has no {name}: its files are {first_few(self.manifest.files)}.")
        return self.made.get(name, self.path / name)


def sha256_of(path: Path) -> str:
    """Content hash of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_artefact(path: Path) -> bool:
    """Whether a folder says that it is an artefact (it may still be damaged)."""
    return (path / MANIFEST).is_file()


def is_litter(item: Path) -> bool:
    """Whether the operating system left this file here while somebody looked at the folder.

    Example:
        >>> is_litter(Path("/no/such/model.onnx"))
        False
    """
    return is_litter_name(item.name) and stat.S_ISREG(item.lstat().st_mode)


def check_target_path(path: str | os.PathLike[str]) -> Path:
    """Refuse a place where an artefact could not be saved, before hours of training rather than after."""
    target = Path(place("path", path))
    try:
        reason = _why_not_here(target)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        reason = f"{short_reason(error)}. To fix: give another place"
    if reason is not None:
        raise ArtefactError(f"cannot save a model to {readable(target)}: {reason}.")
    return target


def check_target_of_training(path: str | os.PathLike[str]) -> Path:
    """`check_target_path`, where what will be saved is another model than any that lies there."""
    target = check_target_path(path)
    refuse_to_strand(target, read_manifest)
    return target


def _why_not_here(target: Path) -> str | None:
    """Why no artefact can be made here; folders above it that are not there yet are made when it is."""
    recover(target)
    if not target.name:
        return "it is no name of a folder. To fix: give one, such as fruit.model"
    if target.is_dir() and not is_artefact(target) and any(not is_litter(item) for item in target.iterdir()):
        return "it is a folder with other files in it. To fix: give a new name, such as fruit.model"
    if not target.is_dir() and os.path.lexists(target):
        return "it is a file. To fix: give a new name"
    reason = why_not_writable(target.absolute().parent)
    return reason and f"{reason}. To fix: give another place"


def write_artefact(
    path: str | os.PathLike[str],
    contents: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    *,
    own: bool = True,
    made: Mapping[str, FileRecord] | None = None,
) -> Artefact:
    """Write a folder of files and its manifest; an older artefact at the same place is replaced.

    Args:
        path: The folder to make.
        contents: File name → bytes, without the manifest.
        manifest: All fields of `Manifest` but `files`, which are computed here.
        own: False where a part of it was taken over from somebody else's model: what that says is believed no more
            than before.
        made: Files that are listed and not written, of a small update: they are made of its parent's.

    Raises:
        ArtefactError: The place cannot be written to, or holds something other than an artefact, or a model that small
            updates stand on.
    """
    target = check_target_path(path)
    target = target.resolve() if target.is_symlink() else target
    try:
        with locked_place(target), fresh_folder(target) as fresh:
            record = _fill(fresh, contents, manifest, made or {})
            refuse_to_strand(target, read_manifest, record)
            replace_folder(fresh, target)
    except OSError as error:
        raise ArtefactError(
            f"cannot save a model to {target}: {short_reason(error)}. To fix: give another place, or make room."
        ) from error
    if own:
        remember(record, "saved")
    return Artefact(target, record)


def _fill(
    fresh: Path, contents: Mapping[str, bytes], manifest: Mapping[str, Any], made: Mapping[str, FileRecord]
) -> Manifest:
    files = {
        name: FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    record = Manifest.model_validate({**manifest, "files": {**files, **made}})
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
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder, a device or a pipe, not a file", os.fspath(path))
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def update_manifest(artefact: Artefact, **changes: Any) -> Artefact:
    """Replace fields of the manifest (say, to record an opening of the test set), all or nothing.

    The other fields stay as they are on disk now: another process may have changed them since `artefact` was opened.
    """
    with locked_place(artefact.path):
        record = _as_it_is_now(artefact).model_copy(update=changes)
        write_durably(artefact.path / MANIFEST, _manifest_bytes(record))
    return replace(artefact, manifest=record)


def manifest_now(artefact: Artefact) -> Manifest:
    """The manifest as it is on disk now, perhaps of another model; raises ArtefactError where there is none."""
    return read_manifest(artefact.path)


def _as_it_is_now(artefact: Artefact) -> Manifest:
    """The manifest on disk, unless it is missing or of another model."""
    try:
        found = manifest_now(artefact)
    except ArtefactError:
        return artefact.manifest
    return found if found.parameters_sha256 == artefact.manifest.parameters_sha256 else artefact.manifest


def update_artefact(artefact: Artefact, contents: Mapping[str, bytes], **changes: Any) -> Artefact:
    """Replace some files together with fields of the manifest, all or nothing; the other files are not copied.

    Raises:
        OSError: There is no room beside the artefact, or it may not be written there.
    """
    files = {
        name: FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    with locked_place(artefact.path), fresh_folder(artefact.path) as fresh:
        manifest = _as_it_is_now(artefact)
        record = manifest.model_copy(update={**changes, "files": {**manifest.files, **files}})
        if any(name.startswith(f"{GOLDEN}/") for name in record.files):
            (fresh / GOLDEN).mkdir()
        for name in sorted(set(record.files) - set(contents) - set(made_names(record))):
            _link(artefact.path / name, fresh / name)
        for name, content in {**contents, MANIFEST: _manifest_bytes(record)}.items():
            write_durably(fresh / name, content)
        replace_folder(fresh, artefact.path)
    return replace(artefact, manifest=record)


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has one name per file."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _manifest_bytes(manifest: Manifest) -> bytes:
    """For people to read, unless it holds very many names.

    Raises:
        ArtefactError: It would be too large to be opened again.
    """
    content = (manifest.model_dump_json() + "\n").encode()
    if len(content) > MOST_MANIFEST_BYTES:
        raise ArtefactError(
            f"the description of the model takes {len(content):,} bytes: expected at most {MOST_MANIFEST_BYTES:,}. It "
            "holds every name of every column. To fix: leave out columns of very many names, such as types={'id': "
            "'left out'}."
        )
    return (manifest.model_dump_json(indent=2) + "\n").encode() if len(content) <= MOST_INDENTED_BYTES else content


def open_artefact(path: str | os.PathLike[str]) -> Artefact:
    """Read and verify an artefact.

    Raises:
        ArtefactError: It is missing, of an unknown format, or a file is missing, altered or not listed.
    """
    folder = Path(place("path", path))
    try:
        return _open(folder)
    except (ArtefactError, OSError):  # another process may have replaced it in between: then nobody does now
        with locked_place(folder):
            return _open(folder)


def _open(folder: Path, depth: int = 0) -> Artefact:
    try:
        reason = _why_no_artefact(folder)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        reason = f"cannot be opened: {short_reason(error)}. To fix: check the path"
    if reason is not None:
        raise ArtefactError(f"{without_secrets(readable(folder))} {reason}.")
    manifest = read_manifest(folder)
    _verify_files(folder, manifest)
    if not is_small(manifest):
        return Artefact(folder, manifest)
    if depth >= MOST_UPDATES:
        raise ArtefactError(
            f"{readable(folder)} is an update of an update, and so on: expected at most {MOST_UPDATES} that stand on "
            f"one model. {GET_AGAIN}"
        )
    made = made_whole(
        folder,
        manifest,
        read=read_manifest,
        open_parent=lambda place: _open(place, depth + 1),
        as_parent=depth > 0,
    )
    return Artefact(folder, manifest, made)


def _why_no_artefact(folder: Path) -> str | None:
    """Why there is nothing to open here, and what to give instead, such as an artefact just above or below."""
    recover(folder)
    wanted = "give the folder that `save` or `drivetrain train` wrote"
    if not folder.is_dir():
        if not folder.exists():
            if re.match(r"\w[\w+.-]+:/", str(folder)):  # a path has made one slash of two
                return "is an address: a model is opened from a disk. To fix: copy the folder, as with `aws s3 sync`"
            return f"does not exist. To fix: {wanted}"
        near = f"give {readable(folder.absolute().parent)}" if is_artefact(folder.absolute().parent) else wanted
        return f"is a file, not a folder. To fix: {near}"
    if is_artefact(folder):
        return None
    inside = [item for item in sorted(folder.iterdir()) if is_artefact(item)]
    near = f"give one of {first_few(map(readable, inside))}" if inside else wanted
    return f"is not a drivetrain artefact: it has no {MANIFEST}. To fix: {near}"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; the other files are not compared with it.

    Raises:
        ArtefactError: It is no JSON, or says something that no manifest does.
    """
    place = folder / MANIFEST
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            raise ValueError("it is a link or something else")
        if place.stat().st_size > MOST_MANIFEST_BYTES:
            raise ValueError(f"it has {place.stat().st_size:,} bytes, more than {MOST_MANIFEST_BYTES:,}")
        raw = read_json(place.read_bytes(), most_bytes=MOST_MANIFEST_BYTES)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{place} cannot be read as JSON: {short_reason(error)}. {GET_AGAIN}") from error
    return _with_files_of_input(folder, manifest_of(raw, str(folder)))


def _with_files_of_input(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest, its input able to read: with the files that its description keeps beside the model."""
    add = getattr(manifest.input, "with_files", None)
    if add is None:
        return manifest
    names = [name for name in face(manifest.input.kind, "spec").FILES if name in manifest.files]
    found: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST_OTHER_BYTES:
            found[name] = path.read_bytes()  # what is not there, or is too large, verifying the files will tell
    return manifest.model_copy(update={"input": add(found)})


def manifest_of(raw: Any, where: str) -> Manifest:
    """A manifest of what its JSON says.

    Args:
        raw: As `read_json` gives it.
        where: Whose it is, for messages.

    Raises:
        ArtefactError: It is of an unknown format, or says something that no manifest does.
    """
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if type(version) is not int or version not in READABLE_VERSIONS:
        known = f"{READABLE_VERSIONS[0]} to {READABLE_VERSIONS[-1]}"
        raise ArtefactError(
            f"{where} has format version {repr(version)[:20]}; this drivetrain reads versions {known}. "
            "To fix: install the drivetrain that wrote it, or a newer one."
        )
    try:
        found = Manifest.model_validate(raw)
        if not is_known(found, "saved"):
            check_names_of(found.target)
        return found
    except ValueError as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{where}/{MANIFEST} is damaged: {reason}. {GET_AGAIN}") from error


def _verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare what is there with what the manifest lists. Litter is passed over; the card may have been edited."""
    found, litter = _files_in(folder)
    present = found - {MANIFEST, MANIFEST + PARTIAL}  # the latter of an update that was killed: never read
    check_names(manifest.files, readable(folder))
    listed = set(manifest.files) - set(made_names(manifest))
    if listed - present:
        raise ArtefactError(
            f"{folder} lacks {first_few(sorted(listed - present))}, which its manifest lists. "
            "To fix: copy or fetch the whole folder again."
        )
    if present - listed:
        raise ArtefactError(
            f"{folder} holds {first_few(sorted(present - listed))}, which its manifest does not list. "
            "To fix: move it elsewhere; an artefact holds only what was saved."
        )
    saved_here = is_known(manifest, "saved")
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        again = "To fix: copy or fetch the whole folder again."
        most = MOST_BYTES.get(name, MOST_OTHER_BYTES)
        if record.bytes > most and not saved_here:
            raise ArtefactError(
                f"{path} has {record.bytes:,} bytes, and the model was not saved here: expected at most {most:,}. "
                f"{GET_AGAIN}"
            )
        if name not in listed:
            continue
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ArtefactError(f"{path} is not the file that was saved: it is a link or something else. {again}")
        if path.stat().st_size != record.bytes or sha256_of(path) != record.sha256:
            if name != CARD:
                raise ArtefactError(f"{path} is not the file that was saved: its content has changed. {again}")
            warnings.warn(f"{path} was edited since the model was saved; the model is as it was.", DrivetrainWarning, 3)
    if litter:
        said = f"{len(litter)} file{'' if len(litter) == 1 else 's'} of the operating system ({first_few(litter)})"
        warnings.warn(f"{folder} holds {said}, which are no part of the model: passed over.", DrivetrainWarning, 3)


def check_names(names: Iterable[str], where: str) -> None:
    """Raise ArtefactError for names that lead out of the folder, into another one, or are hidden."""
    unsafe = sorted(name for name in names if not _NAME.fullmatch(name))
    if unsafe:
        raise ArtefactError(f"{where} lists files outside itself, or with odd names: {first_few(unsafe)}.")


def _files_in(folder: Path) -> tuple[set[str], list[str]]:
    """Names of all that lies in an artefact's folder, and in its golden/ where that is a folder of its own; litter."""
    items = list(folder.iterdir())
    golden = folder / GOLDEN
    if golden.is_dir() and not golden.is_symlink():
        items = [item for item in items if item != golden] + list(golden.iterdir())
    litter = [item for item in items if is_litter(item)]
    names = {item.relative_to(folder).as_posix() for item in set(items) - set(litter)}
    return names, sorted(item.relative_to(folder).as_posix() for item in litter)
