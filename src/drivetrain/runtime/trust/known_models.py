"""Which models this user has saved, or tried before: a list in the user's cache, by content.

A model of this list is not tried again (see `quarantine`), and only for one that was saved here counts what it says of
places on this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Literal

from drivetrain.runtime.manifest import Manifest

CACHE_DIR = "DRIVETRAIN_CACHE_DIR"
LIST = "models.txt"
MOST_BYTES = 16 * 2**20
"""A list that is longer begins anew."""

How = Literal["saved", "tried with onnxruntime", "tried with torch"]

_CHANGES = ("MODEL_CARD.md",)
"""Files that an opening of the test set writes anew."""


def identity(manifest: Manifest) -> str:
    """Hash over all that answers depend on; openings of the test set leave it as it is.

    Example:
        ::

            identity(open_artefact("fruit.model").manifest)
    """
    described = manifest.model_dump(mode="json", include={"input", "target", "architecture", "calibration", "export"})
    files = {name: record.sha256 for name, record in manifest.files.items() if name not in _CHANGES}
    return hashlib.sha256(json.dumps([described, files], sort_keys=True).encode()).hexdigest()


def is_known(manifest: Manifest, how: How) -> bool:
    """Whether this user saved or tried exactly this model."""
    place = _list()
    if place is None:
        return False
    try:
        return f"{identity(manifest)} {how}\n" in place.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def remember(manifest: Manifest, how: How) -> None:
    """Add a model to the list; where the cache cannot be written the model is tried again next time."""
    place = _list()
    if place is None or is_known(manifest, how):
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.stat().st_size > MOST_BYTES:
            place.unlink()
        there = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(there, f"{identity(manifest)} {how}\n".encode())  # one write: lines of two processes do not mix
        finally:
            os.close(there)
    except OSError:
        return


def cache_folder() -> Path | None:
    """Where this user's cache lies, be it there yet or not; None where there is no home."""
    try:
        named = os.environ.get(CACHE_DIR)
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drivetrain"
        return Path(named) if named else cache
    except RuntimeError:  # there is no home
        return None


def _list() -> Path | None:
    cache = cache_folder()
    return None if cache is None else cache / LIST
