"""The project folder: what a piece of work remembers from run to run, as plain files.

```
.drivetrain/            in the working directory; DRIVETRAIN_PROJECT, project= or --project name another place
    checkpoints/        of runs that go on
    log.jsonl           what was sealed, retired and opened: append-only, each line holds the hash of the one before;
                        there from before the first seal on
    log.head            number and hash of the last line
    runs/RUN/           one folder per trial: run.json, predictions.npz
    seals/ID/           one folder per sealed test set: seal.json, split.json, labels.csv
```

Nothing is written before there is something to remember, and two processes may write at the same time.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.files import locked
from drivetrain.settings import place

PROJECT = "DRIVETRAIN_PROJECT"
"""Environment variable that names the folder."""
FOLDER = ".drivetrain"

ProjectPlace = str | os.PathLike[str] | None
"""The project folder; None takes what DRIVETRAIN_PROJECT says, or `.drivetrain` in the working directory."""


@dataclass(frozen=True)
class Project:
    """The folder, and where things lie in it.

    Example:
        >>> Project.find("shop").seals.as_posix()
        'shop/seals'
    """

    folder: Path

    @classmethod
    def find(cls, project: ProjectPlace = None) -> Project:
        """The project that was asked for, or the one at hand; it need not exist yet.

        Raises:
            SettingError: There is a file in its place.
        """
        asked = None if project is None else place("project", project)
        folder = Path(asked or os.environ.get(PROJECT) or FOLDER)
        if folder.is_file():
            raise SettingError(f"the project {folder} is a file. To fix: name a folder, which may be new.")
        return cls(folder)

    @property
    def checkpoints(self) -> Path:
        """Of runs that go on."""
        return self.folder / "checkpoints"

    def stored_activations(self) -> list[Path]:
        """Files of activations that stopped runs have left; a run that is taken up again makes its own anew."""
        return sorted(self.checkpoints.glob("*/*.bank"))

    @property
    def log(self) -> Path:
        """What was sealed, retired and opened."""
        return self.folder / "log.jsonl"

    @property
    def head(self) -> Path:
        """Number and hash of the log's last line."""
        return self.folder / "log.head"

    @property
    def runs(self) -> Path:
        """One folder per trial."""
        return self.folder / "runs"

    @property
    def seals(self) -> Path:
        """One folder per sealed test set."""
        return self.folder / "seals"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Inside this block no other process reads the log to decide by it, and none changes it.

        A block may stand inside another one. On a file system without locks, none is held.

        Raises:
            DataError: Another process has held it for a minute.
            OSError: The folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "log.lock"):
            yield


def add_folder(folder: Path, fill: Callable[[Path], None]) -> bool:
    """Make a folder, whole or not at all; False where it is there already, which is left as it is.

    Args:
        folder: Where it shall be.
        fill: Writes the files into the empty folder that it is given.
    """
    if folder.exists():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    fresh.mkdir()
    try:
        fill(fresh)
        fresh.rename(folder)
    except OSError:
        if folder.exists():  # another process was a moment earlier
            return False
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True
