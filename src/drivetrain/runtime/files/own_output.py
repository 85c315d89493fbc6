"""What drivetrain itself has written: never input, wherever it lies and whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from drivetrain.runtime.trust.system_limits import patiently

FIGURE_MARK = b"drivetrain figure"
"""In the metadata of saved figures, see `drivetrain.pages.chart`."""
FIGURE_HEAD = 512
MANIFEST_FORMAT = re.compile(rb'"format"\s*:\s*"drivetrain artefact"')
SPACE_MARK = b"written by drivetrain"
GUIDE_RECORD = ".drivetrain-demo.json"
"""In the folder of a guided notebook: which files it has written."""
PARTS_OF_MODELS = {"model.safetensors", "model.onnx"}


def own_output(folder: Path, names: Collection[str]) -> str:
    """What a folder is where drivetrain has written it, or an empty string.

    Args:
        folder: The folder.
        names: Of what is in it.

    Example:
        >>> own_output(Path("runs"), {"log.jsonl", "log.head", "seals"})
        'a project folder of drivetrain'
    """
    found = set(names)
    by_content = {
        "a model that drivetrain saved": lambda: _is_model(folder, found),
        "a cache of drivetrain": lambda: _is_cache(folder, found),
        "a Space that drivetrain wrote": lambda: _is_space(folder, found),
    }
    by_names = {
        "a model that drivetrain saved, or a part of one": bool(
            PARTS_OF_MODELS & found and {"golden", "data.json"} & found
        ),
        "examples of a model that drivetrain saved": "expected.json" in found and folder.name == "golden",
        "a project folder of drivetrain": "log.jsonl" in found
        and bool({"log.head", "seals", "runs", "log.lock"} & found),
        "a demo that drivetrain wrote": {"digits", "digits.model", ".drivetrain"} <= found or GUIDE_RECORD in found,
        "a checkpoint of drivetrain": "checkpoint.safetensors" in found
        or any(name.endswith(".bank") for name in found),
    }
    told = [what for what, is_it in by_names.items() if is_it]
    return next((what for what, looks in by_content.items() if looks()), "") or (told[0] if told else "")


def is_own_figure(start: bytes) -> bool:
    """Whether a PNG or JPEG file begins as figures that drivetrain saved do."""
    return start[:3] in (b"\x89PN", b"\xff\xd8\xff") and FIGURE_MARK in start[:FIGURE_HEAD]


def _is_model(folder: Path, names: Collection[str]) -> bool:
    return "manifest.json" in names and bool(MANIFEST_FORMAT.search(_start(folder / "manifest.json", 65_536)))


def _is_cache(folder: Path, names: Collection[str]) -> bool:
    packs = sorted(name for name in names if name.endswith(".pack"))
    return bool(packs) and _start(folder / packs[0], 8) == b"dtpack01"


def _is_space(folder: Path, names: Collection[str]) -> bool:
    return {"app.py", "requirements.txt"} <= set(names) and SPACE_MARK in _start(folder / "app.py", 1024)


def _start(path: Path, most: int) -> bytes:
    """The first bytes of a file; b"" where it cannot be read."""

    def read() -> bytes:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(most)

    try:
        return patiently(read, path)
    except OSError:
        return b""
