"""Texts in training: a table of word vectors that fine-tunes, or an encoder of Hugging Face.

Legend: B rows, W windows of a row, T pieces of a window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.errors import MissingExtraError, ModelError
from drivetrain.kinds.texts.bodies.encoder import depths, load_encoder, rebuild_encoder
from drivetrain.kinds.texts.bodies.pooling import PieceMean, Pieces
from drivetrain.kinds.texts.bodies.word_vectors import WORDLLAMA, word_vectors
from drivetrain.kinds.texts.fitting import MOST_WINDOWS, fit_windows, read_spec_of
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.trust.installed import NotInstalledError
from drivetrain.settings import flag

if TYPE_CHECKING:
    from drivetrain.kinds.texts.spec import Spec

STATIC = "static"
"""The table of word vectors, as a body."""
UNTRAINED = STATIC
FASTER = 10.0
"""Steps of the optimiser change a word vector by so many times more than the weights of an encoder."""
STATIC_PIECES = 2048
"""That are read of a text for the table of word vectors, at most: its work only grows with their number."""
KEPT_VIEWS = 200_000
"""Texts whose pieces are kept in memory, so that they are cut once and not in every epoch."""


def usual(data: Data) -> dict[str, Decision]:
    """What is done where nothing was asked for.

    Example:
        ::

            usual(data)["label_smoothing"].value  # 0.0
    """
    return {"label_smoothing": Decision(value=0.0, reason="the default of texts")}


def asked_augmentation(augment: object) -> bool:
    """What `augment=` means: nothing is varied yet, so that True, what is usual, is as good as False."""
    return False if augment in (None, "none") else flag("augment", augment)


def prepare(data: Data, *, arch: str | None, pretrained: bool, augment: bool, dropout: float) -> TextKind:
    """A body with its tokeniser, and how the texts are read for it.

    Args:
        data: Of the kind `texts`.
        arch: "static" (a table of word vectors, as the package wordllama brings it), a local folder of an encoder in
            the layout of Hugging Face, or the name of one on the hub. None takes "static".
        pretrained: With the body's weights, or with random ones.
        augment: Without effect.
        dropout: Of the head.

    Raises:
        ModelError: The body cannot be had.
        MissingExtraError: A library that it needs is not installed.
    """
    if arch in (None, STATIC, WORDLLAMA.name):
        return _static(data, asked=arch is not None, pretrained=pretrained, dropout=dropout)
    found = load_encoder(arch, pretrained=pretrained)
    architecture = found.architecture.model_copy(update={"dropout": dropout})
    spec, windows = _described(data, found.tokenizer, found.most_pieces, windows=MOST_WINDOWS, specials=True)
    reason = "as asked" if pretrained else "as asked, with random weights"
    decisions = {"arch": Decision(value=architecture.label, reason=reason), "windows": windows}
    return TextKind(spec, found.body, architecture, decisions)


def restore(manifest: Manifest, *, data: Data, augment: bool) -> TextKind:
    """Of a saved model, its body with random parameters."""
    architecture, spec = manifest.architecture, manifest.input
    chosen = manifest.decisions.get("arch", Decision(value=architecture.name, reason="as saved"))
    decisions = {"arch": chosen}
    if "windows" in manifest.decisions:
        decisions["windows"] = manifest.decisions["windows"]
    return TextKind(spec, _body(spec, architecture), architecture, decisions)


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    """Intake and body of a saved model, the body with random parameters; its head is the usual one."""
    return Pieces(), _body(spec, architecture), None


class TextKind:
    """A `TrainingKind`: texts as pieces, with a body that reads them."""

    head = None
    n_draws = 1

    def __init__(
        self, spec: Spec, body: nn.Module, architecture: Architecture, decisions: Mapping[str, Decision]
    ) -> None:
        self.spec, self.body, self.architecture, self.decisions = spec, body, architecture, dict(decisions)
        self.intake = Pieces()
        self.depth = depths(body)
        self._views: dict[bytes, Arrays] = {}

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """(B, T) or (B, W, T) ids and mask of the pieces."""
        return tuple(map(torch.from_numpy, self.spec.stack([self._view(one) for one in loaded])))

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """The same: texts are learnt as they are."""
        return batch

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """The same, row by row."""
        return list(zip(*(tensor.numpy() for tensor in batch), strict=True))

    def _view(self, loaded: Arrays) -> Arrays:
        key = loaded[0].tobytes()
        found = self._views.get(key)
        if found is None:
            found = self.spec.view(loaded)
            if len(self._views) < KEPT_VIEWS:
                self._views[key] = found
        return found


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _static(data: Data, *, asked: bool, pretrained: bool, dropout: float) -> TextKind:
    try:
        vectors = word_vectors()
    except NotInstalledError as error:
        raise MissingExtraError(
            f"no encoder was named, and {error} Or: arch=, the folder or the hub's name of an encoder."
        ) from error
    spec, windows = _described(data, vectors.tokenizer, STATIC_PIECES, windows=1, specials=False)
    architecture = Architecture(
        name=STATIC,
        options={"num_features": WORDLLAMA.pieces},
        pretrained_from=WORDLLAMA.name if pretrained else None,
        features=WORDLLAMA.width,
        dropout=dropout,
    )
    body = _body(spec, architecture)
    assert isinstance(body, PieceMean)
    if pretrained:
        body.take(torch.from_numpy(vectors.table.copy()))
    else:
        nn.init.normal_(body.table.weight, std=1 / FASTER)
    reason = "as asked" if asked else f"no encoder was named; word vectors of the package {WORDLLAMA.table.package}"
    return TextKind(spec, body, architecture, {"arch": Decision(value=STATIC, reason=reason), "windows": windows})


def _body(spec: Spec, architecture: Architecture) -> nn.Module:
    """By its description, with random parameters."""
    if architecture.name != STATIC:
        return rebuild_encoder(architecture)
    pieces = architecture.options.get("num_features")
    if not isinstance(pieces, int) or isinstance(pieces, bool) or pieces < spec.n_pieces:
        raise ModelError(
            f"the table of word vectors is said to have {pieces!r} pieces, and the tokeniser {spec.n_pieces:,}. To "
            "fix: get the model again from whoever made it, or save it anew."
        )
    return PieceMean(pieces, architecture.features, faster=FASTER)


def _described(data: Data, tokenizer: bytes, most: int, *, windows: int, specials: bool) -> tuple[Spec, Decision]:
    """How texts are read for a body, and in how many windows: by the lengths of the training rows.

    Args:
        data: Whose training rows are measured.
        tokenizer: Of the body.
        most: Pieces of a window.
        windows: That may be read of a text.
        specials: Whether windows have marks at their ends.
    """
    reader = "the encoder" if specials else "the table of word vectors"
    found = fit_windows(data, tokenizer, most_pieces=most, most_windows=windows, reader=reader)
    settings: dict[str, Any] = {"most_pieces": most, "windows": found.windows, "specials": specials}
    return read_spec_of(data).reading(tokenizer=tokenizer, **settings), found.decision
