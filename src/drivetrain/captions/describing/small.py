"""A small captioner that is trained here: what a frozen body sees of a picture, and a decoder that puts it into words.

What the body sees is cut into `GRID` × `GRID` areas, so that where things are and how many there are can be told; the
decoder is a transformer (Vaswani et al. 2017) that looks at these areas while it writes, word by word. It is small: for
pictures of few kinds of things, and for showing the whole way, not for photographs of anything.

Legend: B pictures, A areas, C channels, T words, V words of the vocabulary, D width.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from drivetrain.captions.describing.base import LEAST, Describes
from drivetrain.captions.judging.words import words_of
from drivetrain.errors import InputError, ModelError, SettingError
from drivetrain.kinds.images.bodies.load import restore_body
from drivetrain.kinds.images.bodies.normalise import Normalise
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.places import file_to_write
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.pictures.read import digest
from drivetrain.runtime.targets import Array
from drivetrain.settings import place
from drivetrain.text import readable, short_reason

GRID = 4
PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = 4
"""Places before the words of the vocabulary."""
WIDTH, HEADS, LAYERS = 128, 4, 2
MOST_WORDS, MOST_VOCABULARY = 64, 20_000
"""Of a caption, with its beginning and end; and of all captions."""
DESCRIPTION, WEIGHTS = "captioner.json", "captioner.safetensors"
MOST_BYTES = 20_000_000
FORMAT = 1


class Description(BaseModel):
    """What is in the folder of a saved captioner, beside its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(ge=1, le=FORMAT)
    architecture: Architecture
    size_px: int = Field(ge=8, le=4096)
    mean: tuple[float, ...] = Field(min_length=3, max_length=3)
    std: tuple[float, ...] = Field(min_length=3, max_length=3)
    vocab: tuple[str, ...] = Field(min_length=1, max_length=MOST_VOCABULARY)
    channels: int = Field(ge=1, le=65_536)
    """Of what the body sees of an area."""
    learnt: tuple[str, ...] = ()
    """Digests of the pictures that it was trained on, as it saw them."""
    abstain_below: float | None = None
    decisions: dict[str, Decision] = {}


class Sees(nn.Module):
    """A frozen body: pictures → what it sees of each area, (B, A, C).

    Args:
        body: A module of timm.
        mean: Of the pixels that its weights expect, 0 to 1.
        std: Likewise.
    """

    def __init__(self, body: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.body, self.normalise = body, Normalise(mean, std)

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """(B, A, C) of (B, 3, S, S) uint8."""
        seen: Tensor = self.body.forward_features(self.normalise(pictures_BCHW))  # pyright: ignore[reportCallIssue]
        if seen.ndim == 3:  # tokens of a transformer; those before the picture's are left out
            tokens = seen[:, int(getattr(self.body, "num_prefix_tokens", 0)) :]
            side = math.isqrt(tokens.shape[1])
            tokens = tokens[:, : side * side]
            seen = tokens.transpose(1, 2).reshape(len(seen), -1, side, side)
        elif seen.shape[-1] == getattr(self.body, "num_features", None) != seen.shape[1]:
            seen = seen.permute(0, 3, 1, 2)
        height, width = seen.shape[2:]
        if max(height, width) > GRID:
            seen = functional.adaptive_avg_pool2d(seen, (min(height, GRID), min(width, GRID)))
        return seen.flatten(2).transpose(1, 2)


class Decoder(nn.Module):
    """Words, one after another, looking at the areas of a picture.

    Args:
        channels: Of what is seen of an area.
        n_words: Of the vocabulary, with the special ones.
        dropout: While training.
    """

    def __init__(self, channels: int, n_words: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.scale = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, WIDTH)
        self.area = nn.Parameter(0.02 * torch.randn(GRID * GRID, WIDTH))
        self.words = nn.Embedding(n_words, WIDTH, padding_idx=PAD)
        self.place = nn.Parameter(0.02 * torch.randn(MOST_WORDS, WIDTH))
        layer = nn.TransformerDecoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=dropout, batch_first=True, norm_first=True, activation="gelu"
        )
        self.layers = nn.TransformerDecoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH))
        self.says = nn.Linear(WIDTH, n_words)

    def forward(self, seen_BAC: Tensor, words_BT: Tensor) -> Tensor:
        """(B, T, V) logits of the word after each."""
        areas = self.project(self.scale(seen_BAC.float()))
        areas = areas + self.area[: areas.shape[1]]
        n = words_BT.shape[1]
        ahead = torch.ones(n, n, dtype=torch.bool, device=words_BT.device).triu(1)
        written = self.words(words_BT) + self.place[:n]
        found: Tensor = self.layers(written, areas, tgt_mask=ahead, tgt_is_causal=True)
        return self.says(found)


class SmallCaptioner(Describes):
    """A captioner of `train_captioner`, or of the folder that it was saved to."""

    def __init__(self, name: str, described: Description, sees: Sees, decoder: Decoder, most_words: int = 40) -> None:
        super().__init__(name, abstain_below=described.abstain_below)
        self.described, self.sees, self.decoder = described, sees.eval(), decoder.eval()
        self.most_words = min(most_words, MOST_WORDS - 2)
        self.decisions = dict(described.decisions)
        self.shrink_to_px = described.size_px
        self._learnt = frozenset(described.learnt)
        self._place = {word: i + SPECIAL for i, word in enumerate(described.vocab)}

    def _write(self, picture: Array) -> tuple[str, float]:
        words, logs = [BEGIN], 0.0
        with torch.inference_mode():
            seen = self._seen(picture)
            while len(words) <= self.most_words:
                logits_V = self.decoder(seen, torch.tensor([words]))[0, -1]
                logits_V[[PAD, BEGIN, UNKNOWN]] = -math.inf  # what cannot be written
                logs_V = logits_V.log_softmax(dim=0)
                best = int(logs_V.argmax())
                words.append(best)
                logs += float(logs_V[best])
                if best == END:
                    break
        text = " ".join(self.described.vocab[word - SPECIAL] for word in words[1:] if word >= SPECIAL)
        return text, math.exp(logs / (len(words) - 1))

    def _likelihood(self, picture: Array, text: str) -> float:
        words = self.numbers_of(text)
        with torch.inference_mode():
            logits_TV = self.decoder(self._seen(picture), torch.tensor([words[:-1]]))[0]
            logits_TV[:, [PAD, BEGIN]] = -math.inf
            logs_TV = logits_TV.log_softmax(dim=1)
            logs_T = logs_TV.gather(1, torch.tensor(words[1:])[:, None])[:, 0]
        unknown = torch.tensor(words[1:]) == UNKNOWN  # as likely as a word that was never seen
        return float(logs_T.where(~unknown, torch.tensor(math.log(LEAST))).mean().exp())

    def has_learnt(self, picture: Any) -> bool:
        """Whether it was trained on this picture, of which it knows more than of others; unread ones it has not met."""
        try:
            return digest_of(squared(self._read(picture), self.described.size_px)) in self._learnt
        except (InputError, SettingError):
            return False

    def numbers_of(self, text: str) -> list[int]:
        """The words of a text as places of the vocabulary, with its beginning and end."""
        places = [self._place.get(word, UNKNOWN) for word in words_of(text)[: MOST_WORDS - 2]]
        return [BEGIN, *places, END]

    def _seen(self, picture: Array) -> Tensor:
        return self.sees(torch.from_numpy(squared(picture, self.described.size_px))[None])

    def save(self, path: Any) -> Path:
        """Write the captioner into a folder: its description as JSON, its weights as safetensors.

        Args:
            path: Of the folder, which is made; files of an older captioner in it are replaced.

        Raises:
            SettingError: It is no path, or cannot be written.
        """
        folder = Path(place("path", path))
        file_to_write(folder / DESCRIPTION, "path", over=(".json",))
        described = self.described.model_copy(update={"abstain_below": self.abstain_below, "decisions": self.decisions})
        weights = {f"sees.{name}": value for name, value in self.sees.state_dict().items()}
        weights |= {f"decoder.{name}": value for name, value in self.decoder.state_dict().items()}
        save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
        (folder / DESCRIPTION).write_text(described.model_dump_json(indent=1), encoding="utf-8")
        return folder


def squared(picture: Array, size_px: int) -> NDArray[np.uint8]:
    """(3, S, S) of an (H, W, 3) uint8 picture, squeezed into a square: nothing of it is cut off.

    Example:
        >>> squared(np.zeros((20, 30, 3), np.uint8), 8).shape
        (3, 8, 8)
    """
    image = Image.fromarray(picture).resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))


def digest_of(pixels: NDArray[np.uint8]) -> str:
    """Of what is seen of a picture; half as long as that of a file, as a description holds many."""
    return digest(pixels.tobytes())[:16]


def load_small(folder: Path, most_words: int) -> SmallCaptioner:
    """A captioner that was saved by `SmallCaptioner.save`.

    Raises:
        ModelError: A file is missing, damaged, or does not fit the other.
    """
    fix = "To fix: save the captioner again, or copy its folder whole."
    try:
        raw = (folder / DESCRIPTION).read_bytes()
        if len(raw) > MOST_BYTES:
            raise ModelError(f"{readable(folder / DESCRIPTION)} is too large to be a description. {fix}")
        described = Description.model_validate(json.loads(raw))
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, ValidationError, SafetensorError, RecursionError) as error:
        raise ModelError(
            f"{readable(folder)} cannot be read as a captioner: {short_reason(error)}. Expected {DESCRIPTION} and "
            f"{WEIGHTS}. {fix}"
        ) from error
    body = restore_body(described.architecture, 3, described.size_px).module
    sees, decoder = (
        Sees(body, described.mean, described.std),
        Decoder(described.channels, len(described.vocab) + SPECIAL),
    )
    try:
        for part, name in ((sees, "sees."), (decoder, "decoder.")):
            part.load_state_dict({k.removeprefix(name): v for k, v in weights.items() if k.startswith(name)})
    except RuntimeError as error:
        raise ModelError(
            f"{readable(folder)}: its weights do not fit its description: {short_reason(error)}. {fix}"
        ) from error
    return SmallCaptioner(readable(folder.name), described, sees, decoder, most_words)
