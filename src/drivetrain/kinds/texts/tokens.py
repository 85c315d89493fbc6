"""A text as the pieces that a pretrained encoder reads, cut by the tokeniser that it was trained with.

The tokeniser is a file of the artefact, `tokenizer.json`, as the library `tokenizers` and Hugging Face's models write
it; nothing else of these libraries is needed to answer.

Legend: T pieces of a window, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError, MissingExtraError
from drivetrain.text import short_reason

Ids = NDArray[np.int64]
AT_ONCE = 1024
"""Texts that are cut together."""


class Tokens:
    """A tokeniser that cuts a text into windows of pieces.

    Args:
        content: Of a file `tokenizer.json`.
        most: Pieces of a window, with those that mark its beginning and end.
        windows: Most windows of a text; of a longer one that many are read, spread evenly from its beginning to its
            end.
        specials: Whether each window has the marks that the tokeniser adds, such as [CLS] and [SEP].

    Raises:
        ArtefactError: It is no tokeniser.
        MissingExtraError: The library `tokenizers` is not installed.
    """

    def __init__(self, content: bytes, *, most: int, windows: int = 1, specials: bool = True) -> None:
        self.most, self.windows, self.specials = most, windows, specials
        self._cut = read_tokenizer(content)
        self._cut.no_padding()
        self._cut.enable_truncation(max_length=most)

    @property
    def n_pieces(self) -> int:
        """How many different pieces there are: each id is below it."""
        known: dict[str, int] = self._cut.get_vocab(with_added_tokens=True)
        return 1 + max(known.values(), default=0)

    def of(self, text: str) -> tuple[Ids, Ids]:
        """Ids and mask of a text: (T,) of one window, (W, T) where several are allowed.

        The mask is 1 for each piece. Of a text without any piece both have one place, of id 0 and mask 0.
        """
        found = [_padded_out(one.ids) for one in self._windows_of(text)]
        if self.windows == 1:
            return found[0]
        longest = max(len(ids) for ids, _ in found)
        made = np.zeros((2, len(found), longest), np.int64)
        for row, pair in enumerate(found):
            for place, column in enumerate(pair):
                made[place, row, : len(column)] = column
        return made[0], made[1]

    def _windows_of(self, text: str) -> list[Any]:
        whole: Any = self._cut.encode(text, add_special_tokens=self.specials)
        if self.windows == 1:
            return [whole]
        found = [whole, *whole.overflowing]
        if len(found) <= self.windows:
            return found
        return [found[round(at)] for at in np.linspace(0, len(found) - 1, self.windows)]


def lengths_of(texts: Sequence[str], content: bytes) -> Ids:
    """(N,) how many pieces each text has, without marks.

    Args:
        texts: N of them.
        content: Of a file `tokenizer.json`.
    """
    cut = read_tokenizer(content)
    cut.no_padding()
    cut.no_truncation()
    found: list[int] = []
    for start in range(0, len(texts), AT_ONCE):
        part = list(texts[start : start + AT_ONCE])
        found += [len(one.ids) for one in cut.encode_batch(part, add_special_tokens=False)]
    return np.array(found, np.int64)


def read_tokenizer(content: bytes) -> Any:
    """The tokeniser in the bytes of a file `tokenizer.json`.

    Raises:
        ArtefactError: There is none in it.
        MissingExtraError: The library `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - only where pieces are read
    except ImportError as error:
        raise MissingExtraError(
            "the pieces of a text are cut by tokenizers, which is not installed. To fix: pip install 'drivetrain[text]'"
        ) from error
    try:
        return cast("Any", Tokenizer).from_str(content.decode("utf-8"))
    except Exception as error:  # its Rust side raises Exception itself
        raise ArtefactError(
            f"tokenizer.json cannot be read: {short_reason(error)}. To fix: get the model again from whoever made it, "
            "or save it anew."
        ) from error


def _padded_out(ids: Sequence[int]) -> tuple[Ids, Ids]:
    """Ids and mask; one place that is no piece where there is none."""
    if not ids:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    return np.array(ids, np.int64), np.ones(len(ids), np.int64)
