"""How a text becomes what a model reads, as data in the manifest and files beside it.

Legend: L terms, T pieces, W windows.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from drivetrain.errors import ArtefactError, InputError
from drivetrain.kinds.texts.cleaning import cleaned
from drivetrain.kinds.texts.encodings import decoded
from drivetrain.kinds.texts.handing import TEXT_SUFFIXES, files_below, is_table, parts_of_many
from drivetrain.kinds.texts.languages import language_of
from drivetrain.kinds.texts.lines import lines_of
from drivetrain.kinds.texts.personal import found_in
from drivetrain.kinds.texts.terms import Terms
from drivetrain.kinds.texts.tokens import Tokens
from drivetrain.notices import warn
from drivetrain.runtime.files.below import holds_inputs
from drivetrain.runtime.files.members import bytes_of, status_of
from drivetrain.runtime.spec import Arrays, RowPart, Statistic, TensorSpec, padded
from drivetrain.runtime.spec_base import SpecBase
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

TERMS_FILE, TOKENIZER_FILE = "terms.json", "tokenizer.json"
FILES = (TERMS_FILE, TOKENIZER_FILE)
"""What an artefact of texts may keep beside the model."""
MOST_BYTES = 1 << 26
"""Of a file."""
LONGEST_NAME = 256
MOST_LETTERS = 1 << 20
"""Of a text that are read, from its beginning."""
EXPECTED = "a text, a row that holds one, or a text file or its bytes"
JOINT = "\n\n"
"""Between the cells of several columns."""
MOST_WORDS_WATCHED, MOST_LETTERS_WATCHED = 50, 1000
"""Of whose pieces are counted for the watch over a service."""
MADE_UP = ("this is a text", "another one, a little longer than the first", "why?", "it says nothing of anybody")


class Spec(SpecBase):
    """A text.

    Example:
        >>> spec = Spec(columns=("question",))
        >>> loaded = spec.load({"question": "Where is my card? "})
        >>> spec.text_of(loaded), spec.load("Where is my card?")[0].dtype
        ('Where is my card?', dtype('uint8'))
        >>> spec.load({"question": " "})
        Traceback (most recent call last):
        drivetrain.errors.InputError: the text is empty; expected ... To fix: leave the row out ...
    """

    kind: Literal["texts"] = "texts"
    columns: tuple[str, ...] = ("text",)
    """Of a row, what is read: the cells of several columns one after the other."""
    html: bool = True
    """Whether tags and entities of HTML are read as a browser does, or left as they are."""
    reads: Literal["terms", "tokens", "both"] = "terms"
    """What a model takes of a text."""
    n_terms: int = Field(default=0, ge=0)
    """In the vocabulary; the id of a term is between 1 and this."""
    terms_sha256: str | None = None
    """Of `terms.json`."""
    n_pieces: int = Field(default=1, ge=1)
    """That the tokeniser has; the id of a piece is below this."""
    tokenizer_sha256: str | None = None
    """Of `tokenizer.json`."""
    most_pieces: int = Field(default=256, ge=4, le=1 << 16)
    """Of a window, with the marks at its ends."""
    windows: int = Field(default=1, ge=1, le=64)
    """Of pieces; of a text that has more, that many are read, spread evenly from its beginning to its end."""
    specials: bool = True
    """Whether the tokeniser marks where a window begins and ends."""

    _files: dict[str, bytes] = PrivateAttr(default_factory=dict[str, bytes])

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.columns or len(set(self.columns)) < len(self.columns):
            raise ValueError("the columns of a text are not each there once")
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.columns, self.reads, self.terms_sha256, self.tokenizer_sha256))

    # ── the files beside the model ──────────────────────────────────────────────────────────────────────────────

    def files(self) -> Mapping[str, bytes]:
        """The vocabulary of terms and the tokeniser, whichever the model reads."""
        return dict(self._files)

    def with_files(self, files: Mapping[str, bytes], /) -> Self:
        """The same description, able to read texts.

        Args:
            files: By their names in the artefact; others than `FILES` are left alone.

        Raises:
            ArtefactError: One is not that which the description was made with.
        """
        said = {TERMS_FILE: self.terms_sha256, TOKENIZER_FILE: self.tokenizer_sha256}
        kept = {name: content for name, content in files.items() if said.get(name) is not None}
        for name, content in kept.items():
            if hashlib.sha256(content).hexdigest() != said[name]:
                raise ArtefactError(
                    f"{name} is not the file that the model was made with. To fix: copy or fetch the whole folder "
                    "again."
                )
        made = self.model_copy()
        made._files = kept
        return made

    def reading(self, *, terms: Terms | None = None, tokenizer: bytes | None = None, **settings: Any) -> Self:
        """The same description for a model that reads terms, pieces of a tokeniser, or both.

        Args:
            terms: The vocabulary.
            tokenizer: Content of a file `tokenizer.json`.
            settings: `most_pieces`, `windows`, `specials`.

        Example:
            >>> from drivetrain.kinds.texts.terms import fit_terms
            >>> spec = Spec().reading(terms=fit_terms(["my card", "my pin"], least=1))
            >>> [one.name for one in spec.signature()], spec.view(spec.load("card"))[0].dtype
            (['term_ids', 'term_weights'], dtype('int64'))
        """
        files: dict[str, bytes] = {}
        if terms is not None:
            files[TERMS_FILE] = terms.to_bytes()
            settings |= {"n_terms": len(terms), "terms_sha256": hashlib.sha256(files[TERMS_FILE]).hexdigest()}
        if tokenizer is not None:
            files[TOKENIZER_FILE] = tokenizer
            cut = Tokens(tokenizer, most=self.most_pieces)
            settings |= {"n_pieces": cut.n_pieces, "tokenizer_sha256": hashlib.sha256(tokenizer).hexdigest()}
        reads = "both" if len(files) == 2 else "tokens" if tokenizer is not None else "terms"
        return type(self).model_validate({**self.model_dump(), **settings, "reads": reads}).with_files(files)

    @cached_property
    def terms(self) -> Terms:
        """The vocabulary of terms."""
        return Terms.from_bytes(self._file(TERMS_FILE))

    @cached_property
    def tokens(self) -> Tokens:
        """The tokeniser."""
        content = self._file(TOKENIZER_FILE)
        return Tokens(content, most=self.most_pieces, windows=self.windows, specials=self.specials)

    def _file(self, name: str) -> bytes:
        if name not in self._files:
            raise ArtefactError(
                f"the description of the texts has no {name}, without which none can be read. To fix: open the saved "
                "model with drivetrain.load, or describe the texts anew."
            )
        return self._files[name]

    # ── one text ────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, source: Any, /) -> Arrays:
        """A text as the bytes of its cleaned UTF-8, uint8.

        Args:
            source: A text; a mapping of column names to cells; the path of a file, as a Path; or the bytes of a file.

        Raises:
            InputError: It is no text, is empty, or cannot be read.
        """
        text = self.read(source)
        if not text:
            raise InputError(f"the text is empty; expected {EXPECTED}. To fix: leave the row out, or write a text.")
        return (np.frombuffer(text.encode(), np.uint8).copy(),)

    def read(self, source: Any, /) -> str:
        """The same as text, which may be empty."""
        if isinstance(source, str):
            _warn_of_path(source)
            return cleaned(source[:MOST_LETTERS], html=self.html)
        if isinstance(source, Mapping):
            return self._of_row(cast("Mapping[str, Any]", source))
        if isinstance(source, bytes | bytearray | memoryview):
            return self._of_bytes(bytes(source))
        if isinstance(source, os.PathLike):
            return self._of_bytes(content_of(Path(cast("os.PathLike[str]", source))))
        if hasattr(source, "to_dict") and not hasattr(source, "columns"):  # a Series
            return self._of_row(cast("Mapping[str, Any]", source.to_dict()))
        raise InputError(f"not a text: {shown(source)}; expected {EXPECTED}. To fix: pass one of these.")

    def name_of(self, source: Any, /) -> str | None:
        """The path of a text that is a file; a text as it is has none."""
        path = source if isinstance(source, os.PathLike) else getattr(source, "name", None)
        return os.fspath(path) if isinstance(path, str | os.PathLike) else None

    def is_table(self, given: Any, /) -> bool:
        """Whether something is many texts by itself; see `handing.is_table`."""
        return is_table(given)

    def parts(self, given: Any, /, *, at_once: int) -> Iterator[RowPart]:
        """The texts of what people hand over as many; see `handing.parts_of_many`."""
        return parts_of_many(self, given, at_once=at_once)

    def sources(self, given: Any, /) -> Iterator[Any]:
        """The same one by one: the files of a folder, or what a list holds."""
        if isinstance(given, os.PathLike) and holds_inputs(place := Path(cast("os.PathLike[str]", given))):
            return iter(files_below(place))
        one = isinstance(given, str | os.PathLike | bytes | bytearray | Mapping) or hasattr(given, "read")
        return iter([given]) if one or not isinstance(given, Iterable) else iter(cast("Iterable[Any]", given))

    def lines(self, stream: IO[bytes], /) -> Iterator[Any]:
        """The texts of a stream, one a line; see `lines.lines_of`."""
        return lines_of(stream)

    def text_of(self, loaded: Arrays, /) -> str:
        """What was loaded, as text."""
        return loaded[0].tobytes().decode("utf-8", "replace")

    def cells_of(self, loaded: Arrays, /) -> dict[str, Any]:
        """What was loaded, as a row of a table: the first column holds the whole text."""
        return dict.fromkeys(self.columns) | {self.columns[0]: self.text_of(loaded)}

    def view(self, loaded: Arrays, /) -> Arrays:
        """What a model takes of it: (L,) ids and weights of terms; (T,) or (W, T) ids and mask of pieces; or all."""
        text = self.text_of(loaded)
        made: list[NDArray[Any]] = []
        if self.reads != "tokens":
            made += self.terms.of(text)
        if self.reads != "terms":
            made += self.tokens.of(text)
        return tuple(made)

    def signature(self) -> tuple[TensorSpec, ...]:
        """Arrays of any length."""
        made: list[TensorSpec] = []
        if self.reads != "tokens":
            made += [TensorSpec("term_ids", "int64", (None,), self.n_terms + 1)]
            made += [TensorSpec("term_weights", "float32", (None,))]
        if self.reads != "terms":
            sides = (None,) if self.windows == 1 else (None, None)
            made += [TensorSpec("input_ids", "int64", sides, self.n_pieces)]
            made += [TensorSpec("attention_mask", "int64", sides, 2)]
        return tuple(made)

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """A batch, with 0 behind what is shorter than the longest."""
        return padded(views)

    def alike(self, views: Arrays, most: int, /) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        """A batch in parts of rows of similar length, each no longer than its longest row: places, and their views.

        Args:
            views: As `stack` gives them.
            most: Rows of a part.
        """
        counted = [
            array != 0
            for one, array in zip(self.signature(), views, strict=True)
            if one.name in ("term_weights", "attention_mask")
        ]
        length = sum(each.reshape(len(each), -1).sum(axis=1) for each in counted)
        order = np.argsort(length, kind="stable")
        for start in range(0, len(order), most):
            rows = order[start : start + most]
            part = [array[rows] for array in views]
            for at, there in enumerate(counted):  # ids and what says how much each counts lie side by side
                ends = _ends(there[rows])
                part[2 * at : 2 * at + 2] = [array[(slice(None), *ends)] for array in part[2 * at : 2 * at + 2]]
            yield rows, tuple(part)

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """The text in UTF-8; as a page of HTML where reading it anew would change it."""
        content = loaded[0].tobytes()
        if self._of_bytes(content).encode() == content:
            return content, ".txt"
        inner = self.text_of(loaded).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<!DOCTYPE html><html><body><pre>{inner}</pre></body></html>".encode(), ".html"

    def made_up(self, n: int, /) -> list[Arrays]:
        """Texts that say nothing."""
        return [self.load(MADE_UP[at % len(MADE_UP)]) for at in range(n)]

    def personal(self, loaded: Arrays, /) -> frozenset[str]:
        """What personal data seem to be in the text, in words; see `personal.found_in`."""
        return found_in(self.text_of(loaded))

    def statistics(self, loaded: Arrays, /) -> dict[str, Statistic]:
        """How long the text is, its language where it can be told, and how well the model knows its words."""
        text = self.text_of(loaded)
        said: dict[str, Statistic] = {"characters": float(len(text)), "words": float(len(text.split()))}
        said["language"] = language_of(text) or "(not told)"
        if self.reads != "tokens":
            said["known words"] = self.terms.known_share(text)
        if self.reads != "terms":  # words that a tokeniser does not know fall into many pieces
            words = text[:MOST_LETTERS_WATCHED].split()[:MOST_WORDS_WATCHED]
            pieces = self.tokens.of(" ".join(words))[1].sum()
            said["pieces a word"] = float(pieces) / max(1, len(words))
        return said

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _of_row(self, row: Mapping[str, Any]) -> str:
        names = self.columns
        if len(names) == 1 and names[0] not in row and "text" in row:
            names = ("text",)
        missing = [name for name in names if name not in row]
        if missing:
            there = ", ".join(map(shown, list(row)[:8])) or "none"
            raise InputError(
                f"column {readable(missing[0])!r} is not there; the row has {there}. Expected "
                f"{', '.join(repr(readable(name)) for name in names)}. To fix: name the text so."
            )
        return JOINT.join(text for name in names if (text := self._of_cell(name, row[name])))

    def _of_cell(self, name: str, cell: Any) -> str:
        if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124 - not a number
            return ""
        if isinstance(cell, str):
            return cleaned(cell[:MOST_LETTERS], html=self.html)
        if isinstance(cell, bytes | bytearray):
            return self._of_bytes(bytes(cell))
        if isinstance(cell, int | float | np.number):
            return str(cell)
        raise InputError(
            f"column {readable(name)!r} holds {shown(cell)}; expected text. To fix: write one text into the cell."
        )

    def _of_bytes(self, content: bytes) -> str:
        if len(content) > MOST_BYTES:
            raise InputError(
                f"the text has {len(content):,} bytes; expected at most {MOST_BYTES:,}. To fix: give a part of it."
            )
        return cleaned(decoded(content).text[:MOST_LETTERS], html=self.html)


def _warn_of_path(text: str) -> None:
    """That a text is called like a file that is here."""
    short = len(text) < LONGEST_NAME and not any(map(str.isspace, text))  # asked first: it is quick, and rare
    if short and Path(text).suffix.lower() in TEXT_SUFFIXES:
        try:
            is_file = Path(text).is_file()
        except (OSError, ValueError):  # no name of a file after all
            return
        if is_file:
            warn(
                f"{shown(text)} is taken for a text of one word, but there is a file of this name. To fix: to have "
                f"that read, pass pathlib.Path({shown(text)})."
            )


def _ends(there: NDArray[np.bool_]) -> list[slice]:
    """Of each axis behind the rows, up to where anything is there; one place at least."""
    found: list[slice] = []
    for axis in range(1, there.ndim):
        others = tuple(each for each in range(there.ndim) if each != axis)
        found.append(slice(0, 1 + int(np.flatnonzero(there.any(axis=others)).max(initial=0))))
    return found


def content_of(path: Path) -> bytes:
    """The bytes of a text file. Raises InputError."""
    try:
        found = status_of(path)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_size > MOST_BYTES:
            raise ValueError(f"it has {found.st_size:,} bytes, more than {MOST_BYTES:,}")
        return bytes_of(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{readable(path)} cannot be read ({short_reason(error)}); expected a text file. To fix: check the path; "
            "or, for an answer to these words themselves, pass them as a str, in a shell by standard input: "
            "echo WORDS | drivetrain predict MODEL -"
        ) from error
