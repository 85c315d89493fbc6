"""Where things lie in the folder that is collected into, under names that are made here."""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.runtime.files.places import why_not_writable
from drivetrain.text import readable

OWN = ".collect"
"""Hidden, so that nobody takes what is in it for a class."""
NOT_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
LONGEST_NAME = 80


@dataclass(frozen=True)
class Places:
    """The parts of a folder.

    Example:
        >>> Places(Path("fruit")).folder("pear") == Path("fruit/pear")
        True
    """

    out: Path

    @property
    def log(self) -> Path:
        """What came of each address."""
        return self.out / OWN / "log.jsonl"

    @property
    def lock(self) -> Path:
        """Who collects here."""
        return self.out / OWN / "lock"

    @property
    def queries(self) -> Path:
        """What a provider answered."""
        return self.out / OWN / "queries"

    @property
    def parts(self) -> Path:
        """Files that are not whole yet."""
        return self.out / OWN / "parts"

    @property
    def aside(self) -> Path:
        """Files that are not used."""
        return self.out / OWN / "set-aside"

    @property
    def table(self) -> Path:
        """Of what is used."""
        return self.out / "collected.csv"

    @property
    def aside_table(self) -> Path:
        """Of what is not, and why."""
        return self.out / "set_aside.csv"

    def folder(self, label: str) -> Path:
        """Of a label; without one the folder itself."""
        return self.out / folder_name(label) if label else self.out

    def made(self) -> Places:
        """The same, with all folders there.

        Raises:
            SettingError: They cannot be made.
        """
        why = why_not_writable(self.out)
        if why is None and self.out.exists() and not self.out.is_dir():
            why = "it is a file"
        if why is None and (self.out / "manifest.json").is_file():
            why = "it is a saved model"
        if why is not None:
            raise SettingError(
                f"out={readable(self.out)!r} cannot be collected into: {why}; expected a folder, or the name of a new "
                "one. To fix: give another place."
            )
        for folder in (self.parts, self.aside, self.queries):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self.parts.iterdir():  # of a run that was killed
            with suppress(OSError):
                left.unlink()
        return self


def folder_name(label: str) -> str:
    """A label as the name of a folder that every system takes, and that leads nowhere else.

    Where letters had to go, a few digits of its hash keep it apart from others.

    Example:
        >>> folder_name("sea lion"), folder_name("../etc")[:4], folder_name("CON")[:4]
        ('sea lion', 'etc-', 'CON-')
    """
    composed = unicodedata.normalize("NFC", label)
    kept = "".join(
        letter if letter.isalnum() or unicodedata.category(letter).startswith("M") or letter in " _-+.,()'&" else "_"
        for letter in composed
    )
    kept = kept.strip(" ._").lstrip(" ._+-'")  # a spreadsheet would compute what begins with + or -
    while len(kept.encode()) > LONGEST_NAME:
        kept = kept[:-1].rstrip(" .")
    if kept == composed and not NOT_ON_WINDOWS.fullmatch(kept):
        return kept
    return f"{kept or 'label'}-{hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def put(source: Path, target: Path) -> None:
    """Give a file another place; its folder is made."""
    if source == target:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def folders_before(table: Path) -> dict[str, str]:
    """Address → the folder of its file when the table was written; none where there is no such table."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(row.get("url") or "", (row.get("path") or "").split("/")) for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return {}
    folders = {url: path[0] if len(path) == 2 else "" for url, path in rows if len(path) < 3}
    return {url: folder for url, folder in folders.items() if folder_name(folder) == folder or not folder}
