"""A small update made whole: its parent is found beside it, and the files of the updated model are made in the cache.

They are named by their content, compared with the hashes that the manifest lists each time, and made anew where they
are not there any more.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from drivetrain.errors import ArtefactError
from drivetrain.runtime.additions.finding import DIGITS, Reader, parent_of
from drivetrain.runtime.additions.graph import put_back
from drivetrain.runtime.additions.record import ADDITIONS, DAMAGED, GRAPH, SmallUpdate, made_names, read_record
from drivetrain.runtime.additions.weights import TensorFile, described_whole, whole_size, write_weights
from drivetrain.runtime.files.tensor_file import described
from drivetrain.runtime.manifest import WEIGHTS, FileRecord, Manifest
from drivetrain.runtime.trust.known_models import CACHE_DIR, cache_folder
from drivetrain.text import readable, short_reason

if TYPE_CHECKING:
    from drivetrain.runtime.artefact import Artefact

FOLDER = "updates"
UNUSED_S = 30 * 86400
"""After that a file in the cache is removed, when another is made."""


def made_whole(
    folder: Path,
    manifest: Manifest,
    *,
    read: Reader,
    open_parent: Callable[[Path], Artefact],
    as_parent: bool = False,
) -> dict[str, Path]:
    """Name → where each file of the updated model lies that its folder does not hold.

    Args:
        folder: Of the small update; its files are compared with the manifest already.
        manifest: Of the whole model.
        read: Gives the manifest of a folder.
        open_parent: Opens and verifies one.
        as_parent: Only what an update of it is made of: its parameters.

    Raises:
        ArtefactError: The parent is missing, altered or another one; what is made is not what the manifest lists; or
            the cache cannot be written to.
    """
    if WEIGHTS not in manifest.files:
        raise ArtefactError(f"{readable(folder)} is damaged: its manifest lists no {WEIGHTS}. {DAMAGED}")
    record = read_record(folder)
    parent = parent_of(folder, record, read, open_parent)
    cache = _cache(folder)
    wanted = {name: manifest.files[name] for name in made_names(manifest) if name == WEIGHTS or not as_parent}
    made = {name: cache / f"{one.sha256}{Path(name).suffix}" for name, one in wanted.items()}
    try:
        for name, one in wanted.items():
            if _is_there(made[name], one):
                with suppress(OSError):
                    os.utime(made[name])
                continue
            _remove_unused(cache)
            if name == WEIGHTS:
                _make_weights(made[name], one, parent.file(WEIGHTS), folder / ADDITIONS)
            else:
                _make_graph(made[name], one, made[WEIGHTS], folder / GRAPH, record)
    except OSError as error:
        raise _no_room(folder, readable(cache), short_reason(error)) from error
    except ValueError as error:
        raise ArtefactError(
            f"{readable(folder)} does not make the model that it describes: {error}. Expected what its parent "
            f"{readable(parent.path.name)} and its own files give. {DAMAGED}"
        ) from error
    return made


def _cache(folder: Path) -> Path:
    home = cache_folder()
    if home is None:
        raise _no_room(folder, "the cache", "this user has no home")
    place = home / FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_room(folder, readable(place), short_reason(error)) from error
    return place


def _no_room(folder: Path, cache: str, reason: str) -> ArtefactError:
    return ArtefactError(
        f"{readable(folder)} is a small update, and the model that it makes cannot be kept in {cache}: {reason}. "
        f"Expected a folder that can be written to, with room for it. To fix: set {CACHE_DIR} to one, or save the "
        "update whole where it was made."
    )


def _is_there(path: Path, wanted: FileRecord) -> bool:
    if not path.is_file() or path.stat().st_size != wanted.bytes:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == wanted.sha256


def _make_weights(path: Path, wanted: FileRecord, parent: Path, added: Path) -> None:
    with _opened(parent) as base, _opened(added) as more, _written(path, wanted) as write:
        size = whole_size(described_whole(base.tensors, more.tensors))
        if size != wanted.bytes:
            raise ValueError(f"its parameters take {size:,} bytes, and {wanted.bytes:,} are listed")
        write_weights(write, base, more)


def _make_graph(path: Path, wanted: FileRecord, weights: Path, graph: Path, record: SmallUpdate) -> None:
    with _opened(weights) as tensors, _written(path, wanted) as write:
        write(put_back(graph.read_bytes(), record.places, wanted.bytes, tensors.content, tensors))


@contextmanager
def _opened(path: Path) -> Generator[TensorFile]:
    with path.open("rb") as stream:
        yield TensorFile(stream, described(stream, path.stat().st_size))


@contextmanager
def _written(path: Path, wanted: FileRecord) -> Generator[Callable[[bytes], object]]:
    """Takes the bytes of a file, which is put in place where they are what the manifest lists."""
    stream = cast(BinaryIO, tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False))  # noqa: SIM115 - below
    partial, found, size = Path(stream.name), hashlib.sha256(), 0
    try:
        with stream:

            def write(piece: bytes) -> None:
                found.update(piece)
                stream.write(piece)

            yield write
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.tell()
        if size != wanted.bytes or found.hexdigest() != wanted.sha256:
            has, of = f"{found.hexdigest()[:DIGITS]}…", f"{wanted.sha256[:DIGITS]}…"
            raise ValueError(f"its {path.suffix[1:]} file has the SHA-256 {has}, and its manifest lists {of}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_unused(cache: Path) -> None:
    """Files that no update has asked for in a long time; whoever asks again makes them again."""
    for item in cache.iterdir():
        with suppress(OSError):
            if time.time() - item.stat().st_mtime > UNUSED_S:
                item.unlink()
