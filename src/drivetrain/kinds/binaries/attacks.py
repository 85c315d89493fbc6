"""What a model says of files that were changed without changing what they do: how easily its answers turn."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import DIGITS, Files
from drivetrain.evaluation.changed import Changed, compared
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.binaries.drawing import Bytes
from drivetrain.kinds.binaries.reading import MOST, read
from drivetrain.runtime.files.members import status_of

Say = Callable[[Examples], Predictions]
Change = Callable[[Bytes, Bytes, np.random.Generator], Bytes]
"""A file, a file of another class, and random numbers → the changed file."""
MOST_ROWS = 256
HEADER = 64
"""Bytes: that of an ELF file; of a PE file the part before its real header."""


def _appended(more: Callable[[Bytes, Bytes, np.random.Generator], Bytes]) -> Change:
    return lambda content, other, rng: np.concatenate([content, more(content, other, rng)])


def _noise(share: float) -> Change:
    return _appended(lambda content, _, rng: rng.integers(0, 256, round(share * len(content)), dtype=np.uint8))


def _without_header(content: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    del other, rng
    return np.concatenate([np.zeros(min(HEADER, len(content)), np.uint8), content[HEADER:]])


CHANGES: dict[str, Change] = {
    "1 KB of zeros appended": _appended(lambda *_: np.zeros(1024, np.uint8)),
    "as many zeros as bytes appended": _appended(lambda content, *_: np.zeros(len(content), np.uint8)),
    "5 % random bytes appended": _noise(0.05),
    "25 % random bytes appended": _noise(0.25),
    "100 % random bytes appended": _noise(1.0),
    "a quarter of a file of another class appended": _appended(
        lambda content, other, _: other[: max(1, len(content) // 4)]
    ),
    f"the first {HEADER} bytes zeroed": _without_header,
}
"""All but the last leave a program running as before."""


def attacked(say: Say, rows: Examples, *, seed: int = 0, changes: Sequence[str] | None = None) -> list[Changed]:
    """Change some rows in each way, and ask the model again; files of more than a mebibyte are left out.

    Args:
        say: The model.
        rows: Of the validation set, one category each.
        seed: Of the rows, at most 256, and of what is appended.
        changes: Names of `CHANGES`; None: all.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    small = [row for row in order.tolist() if status_of(rows.inputs[row]).st_size <= MOST]
    if not small:
        return []
    chosen = rows.subset(sorted(small[:MOST_ROWS]))
    contents = [read(path) for path in chosen.inputs]
    before = say(chosen)
    asked = _Asked(say, chosen, contents, before)
    return [asked.measured(name, seed) for name in (CHANGES if changes is None else changes)]


@dataclass(frozen=True)
class _Asked:
    """Rows, what is in them, and what the model said."""

    say: Say
    rows: Examples
    contents: Sequence[Bytes]
    before: Predictions

    def measured(self, name: str, seed: int) -> Changed:
        """One change made to each, and the model asked again."""
        rng, change = np.random.default_rng(seed), CHANGES[name]
        with tempfile.TemporaryDirectory() as folder:
            paths, digests = list[Path](), list[str]()
            for row, content in enumerate(self.contents):
                made = change(content, self._of_another_class(row, rng), rng).tobytes()
                paths.append(Path(folder) / str(row))
                paths[-1].write_bytes(made)
                digests.append(hashlib.sha256(made).hexdigest()[:DIGITS])
            after = self.say(replace(self.rows, inputs=Files(paths), digests=tuple(digests), signatures=()))
        return compared(name, self.before, after)

    def _of_another_class(self, row: int, rng: np.random.Generator) -> Bytes:
        others = [at for at, value in enumerate(self.rows.values) if value != self.rows.values[row]]
        return self.contents[int(rng.choice(others))] if others else self.contents[row]
