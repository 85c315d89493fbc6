"""The description of texts for a model, fitted on the training rows alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.data.notices import warn
from drivetrain.errors import InputError
from drivetrain.kinds.texts.spec import Spec
from drivetrain.kinds.texts.terms import fit_terms
from drivetrain.kinds.texts.tokens import lengths_of
from drivetrain.runtime.decisions import Decision
from drivetrain.text import does

USUAL = 95
"""Per cent of the texts that are read whole, if that takes no more than `MOST_WINDOWS`."""
MOST_WINDOWS = 8
"""Read of a text where nobody asked for another number."""
FEW = 5
"""Per cent of the texts of which parts are not read, from which on that is a warning."""


class Windows(NamedTuple):
    """How texts are cut into windows of pieces."""

    most_pieces: int
    """Of a window, with its marks."""
    windows: int
    decision: Decision


def read_spec_of(data: Data) -> Spec:
    """How the texts of these data are read, before anything is fitted: their columns, and whether HTML is in them."""
    cells = next((part.inputs for part in (data.train, data.valid) if isinstance(part.inputs, Cells)), None)
    columns = tuple(data.spec.inputs) or (tuple(cells.columns) if cells is not None else ()) or ("text",)
    return Spec(columns=columns, html=bool(data.options.get("html", True)))


def texts_of(rows: Examples, spec: Spec) -> Iterator[str]:
    """The text of each row, in order; "" where it cannot be read any more."""
    for row in rows.inputs:
        try:
            yield spec.read(row)
        except InputError:
            yield ""


def describe(
    data: Data,
    *,
    terms: bool = True,
    tokenizer: bytes | None = None,
    fitted: dict[str, Any] | None = None,
    **settings: Any,
) -> Spec:
    """How the texts of these data are read by a model.

    Args:
        data: Of the kind `texts`; only its training rows are looked at.
        terms: Whether the model reads terms, whose vocabulary is fitted here.
        tokenizer: Content of the `tokenizer.json` of an encoder, where the model reads its pieces.
        fitted: Settings of `fit_terms`, such as ``{"least": 1}``.
        settings: Of `Spec.reading`: `most_pieces`, `windows`, `specials`.

    Example:
        ::

            spec = describe(data, terms=True)
            ids, weights = spec.view(spec.load("Where is my card?"))
    """
    spec = read_spec_of(data)
    found = fit_terms(texts_of(data.train, spec), **(fitted or {})) if terms else None
    return spec.reading(terms=found, tokenizer=tokenizer, **settings)


def fit_windows(
    data: Data,
    tokenizer: bytes,
    *,
    most_pieces: int = 256,
    most_windows: int = MOST_WINDOWS,
    reader: str = "the encoder",
) -> Windows:
    """How many windows of pieces a text is read in, by the lengths of the training texts; told where parts are lost.

    Args:
        data: Of the kind `texts`.
        tokenizer: Content of a file `tokenizer.json`.
        most_pieces: That the encoder takes at once, with the marks at the ends of a window.
        most_windows: However long the texts are.
        reader: What reads them, for messages.

    Example:
        ::

            cut = fit_windows(data, tokenizer, most_pieces=512)
            spec = describe(data, terms=False, tokenizer=tokenizer, most_pieces=512, windows=cut.windows)
    """
    lengths = lengths_of(list(texts_of(data.train, read_spec_of(data))), tokenizer)
    room = most_pieces - 2
    needed = np.maximum(1, np.ceil(lengths / room))
    usual = int(np.percentile(needed, USUAL, method="higher"))
    windows = min(usual, most_windows)
    cut = int((needed > windows).sum())
    longest = int(lengths.max())
    said = f"{math.ceil(100 * float((needed <= windows).mean()))} % of the training texts fit into it"
    reason = f"{said}; the longest has {longest:,} pieces, and a window {most_pieces}"
    if 100 * cut > FEW * len(lengths):
        parts = "parts spread from their beginning to their end" if windows > 1 else "their beginning"
        held = f"{windows} windows of {most_pieces:,} pieces" if windows > 1 else f"{most_pieces:,} pieces"
        warn(
            f"{cut:,} of {len(lengths):,} training texts {does(cut, 'are')} longer than the {held} that {reader} takes "
            f"(longest: {longest:,}); of these it reads {parts}. If what decides may stand elsewhere, give each part "
            "of a text a row of its own, with group= so that the parts of one text stay together."
        )
    return Windows(most_pieces, windows, Decision(value=windows, reason=reason))
