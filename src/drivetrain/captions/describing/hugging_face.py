"""Captioners of Hugging Face transformers: any architecture that turns a picture into text.

How likely the model finds a text is computed by teacher forcing: the text is given, and the probability of each token
after those before it is read off. Encoder-decoders take the text as decoder_input_ids, the others as input_ids, some
with picture tokens before it; the last positions are those of the text in all of them. That the reading fits the
architecture is checked when a model is loaded, on a grey picture: a model of which nothing can be had is refused then.

Legend: T tokens, V words of the vocabulary.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from drivetrain.captions.describing.base import LEAST, Describes
from drivetrain.errors import InputError, MissingExtraError, ModelError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import Array
from drivetrain.text import readable, short_reason

AGREE = 0.5
"""Share of places at which writing and teacher forcing must find the same token likeliest: 1 where the reading is
right, but for rounding."""
TRIED = 8
"""Tokens of the caption by which a model is tried."""
OTHER = "To fix: take another architecture, such as BLIP, GIT or ViT-GPT2."


class HuggingFaceCaptioner(Describes):
    """An image-to-text model of transformers; made by `drivetrain.captioner`.

    Args:
        name: Folder, or name on the hub.
        prompt: Words that captions begin with.
        most_tokens: Of a caption.
        abstain_below: As of `Describes`.

    Raises:
        ModelError: It cannot be loaded.
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, name: str, *, prompt: str | None, most_tokens: int, abstain_below: float | None) -> None:
        super().__init__(name, abstain_below=abstain_below)
        if find_spec("transformers") is None:
            raise MissingExtraError(
                "captioners of Hugging Face need transformers, which is not installed. To fix: pip install "
                "'drivetrain[encoders]'"
            )
        self.prompt, self.most_tokens = prompt, most_tokens
        try:
            with _quietly():
                self._load(name)
        except Exception as error:
            raise ModelError(
                f"{readable(name)} cannot be loaded as a model that turns pictures into text: {short_reason(error)}. "
                "Expected config.json, model.safetensors, a tokeniser and an image processor, of an architecture that "
                "transformers knows. To fix: get the folder again, whole; or take another model."
            ) from error
        self.decisions["model"] = Decision(
            value=type(self._model).__name__, reason="by its config.json; safetensors, no code of its own"
        )
        self._prefix_ids = self._tried()

    def _load(self, name: str) -> None:
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer  # noqa: PLC0415

        safe: dict[str, Any] = {"trust_remote_code": False}
        self._tokens: Any = AutoTokenizer.from_pretrained(name, **safe)
        if len(self._tokens) <= len(self._tokens.all_special_tokens):  # made up where there is no file of one
            raise ModelError("it has no tokeniser with words in it")
        self._pixels: Any = AutoImageProcessor.from_pretrained(name, **safe)
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            name, **safe, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        self._model, info = loaded
        missing = sorted(info.get("missing_keys", ()))
        if missing:
            raise ModelError(f"its file lacks {len(missing)} weights, such as {missing[0]}")
        self._model.eval()

    def _tried(self) -> Tensor:
        """The tokens that captions begin with, of a model that writes them and whose probabilities can be read.

        Raises:
            ModelError: It has no caption of a grey picture, or what it finds likeliest while it writes is not what is
                read off a text that is given: then the architecture has its probabilities elsewhere.
        """
        with _quietly(), torch.inference_mode():
            try:
                pixels = self._pixel_values(np.full((64, 64, 3), 127, dtype=np.uint8))
                ids, prefix, written_TV = self._generate(pixels, TRIED)
                read_TV = self._logits(pixels, prefix, ids)
            except ModelError:
                raise
            except Exception as error:
                raise ModelError(
                    f"{readable(self.name)} ({type(self._model).__name__}) has no caption of a grey picture: "
                    f"{short_reason(error)}. Expected a model that is given pixels and writes a caption, without more. "
                    f"{OTHER}"
                ) from error
        agree = float((read_TV.argmax(dim=-1) == written_TV.argmax(dim=-1)).float().mean())
        if agree < AGREE:
            raise ModelError(
                f"{readable(self.name)}: of the words of a caption, {100 * agree:.0f} % are as likely when it is given "
                f"as when the model writes it, so its probabilities cannot be read; expected nearly all. {OTHER}"
            )
        return prefix

    def _write(self, picture: Array) -> tuple[str, float]:
        with _quietly(), torch.inference_mode():
            try:
                pixels = self._pixel_values(picture)
                ids, prefix, _ = self._generate(pixels, self.most_tokens)
                sure = self._probability(pixels, prefix, ids)
            except Exception as error:
                raise InputError(
                    f"{readable(self.name)} has no caption of this picture: {short_reason(error)}. Expected a picture "
                    "that the model can read. To fix: try another one; if none works, another model."
                ) from error
        shown = ids if self.prompt is None else torch.cat([self._words(self.prompt), ids])
        text = str(self._tokens.decode(shown, skip_special_tokens=True))
        return " ".join(text.split()), sure

    def _likelihood(self, picture: Array, text: str) -> float:
        with _quietly(), torch.inference_mode():
            try:
                pixels = self._pixel_values(picture)
                said = text.strip()
                if self.prompt and said.casefold().startswith(self.prompt.casefold()):
                    said = said[len(self.prompt) :]
                return self._probability(pixels, self._prefix_ids, self._ids(said, len(self._prefix_ids)))
            except Exception as error:
                raise InputError(
                    f"{readable(self.name)} cannot say how likely {text[:40]!r} is: {short_reason(error)}. Expected a "
                    "caption and a picture that the model can read. To fix: try others."
                ) from error

    def _pixel_values(self, picture: Array) -> Tensor:
        found = self._pixels(images=Image.fromarray(picture), return_tensors="pt")
        return cast("Tensor", found["pixel_values"])

    def _ids(self, text: str, n_before: int) -> Tensor:
        """(T,) tokens of a text and the one that ends it, as many as there is room for."""
        ids, end = self._words(text)[: max(self._room() - n_before - 1, 1)], self._end()
        return ids if end is None else torch.cat([ids, torch.tensor([end])])

    def _room(self) -> int:
        """Positions that the text model has."""
        config = self._model.config
        parts = [getattr(config, name, None) for name in ("text_config", "decoder", "get_text_config")]
        found = [
            int(value)
            for part in (config, *parts)
            for name in ("max_position_embeddings", "n_positions")
            if isinstance(value := getattr(part, name, None), int)
        ]
        return max(min(found, default=512), 8)

    def _end(self) -> int | None:
        end = getattr(self._model.generation_config, "eos_token_id", None)
        end = end[0] if isinstance(end, list) else end
        return end if end is not None else self._tokens.eos_token_id or self._tokens.sep_token_id

    def _generate(self, pixels: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """(T,) tokens of a caption, word by word, those that it begins with, and the (T, V) logits that it was made of.

        What the model's settings ask for beside the likeliest word (a shortest length, no repetitions) is kept; the
        logits are those before that.
        """
        n_prompt = 0 if self.prompt is None else len(self._words(self.prompt))
        most = max(min(most, self._room() - n_prompt - 2), 1)
        asked: dict[str, Any] = {"max_new_tokens": most, "num_beams": 1, "do_sample": False, "pixel_values": pixels}
        asked |= {"min_length": 0, "output_logits": True, "return_dict_in_generate": True}
        if self.prompt is None:
            return _written(self._model.generate(**asked))
        given = self._tokens(self.prompt, return_tensors="pt")["input_ids"]
        words = self._words(self.prompt)
        name = "decoder_input_ids" if self._model.config.is_encoder_decoder else "input_ids"
        ends = given.shape[1] > 1 and int(given[0, -1]) in (self._tokens.sep_token_id, self._tokens.eos_token_id)
        for one in (given[:, :-1], given) if ends else (given,):  # BLIP takes the last one off itself
            ids, prefix, logits_TV = _written(self._model.generate(**asked, **{name: one}))
            if torch.equal(prefix[-len(words) :], words):
                return ids, prefix, logits_TV
        raise ModelError(
            f"{readable(self.name)} does not begin its captions with prompt={self.prompt!r}; expected a model that "
            "does. To fix: leave prompt out."
        )

    def _words(self, text: str) -> Tensor:
        """(T,) tokens of a text alone."""
        return self._tokens(text, add_special_tokens=False, return_tensors="pt")["input_ids"][0].long()

    def _probability(self, pixels: Tensor, prefix: Tensor, ids: Tensor) -> float:
        """Mean probability (geometric) of tokens after those that a caption begins with."""
        if not len(ids):
            return LEAST
        logs_T = self._logits(pixels, prefix, ids).log_softmax(dim=-1).gather(1, ids[:, None])[:, 0]
        return float(logs_T.mean().exp())

    def _logits(self, pixels: Tensor, prefix: Tensor, ids: Tensor) -> Tensor:
        """(T, V) of each of the tokens after those that a caption begins with, all of them given."""
        whole = torch.cat([prefix, ids])[None]
        name = "decoder_input_ids" if self._model.config.is_encoder_decoder else "input_ids"
        asked: dict[str, Any] = {name: whole}
        if name == "input_ids":
            asked["attention_mask"] = torch.ones_like(whole)
        logits: Tensor = self._model(pixel_values=pixels, **asked).logits
        return logits[0, -whole.shape[1] :][len(prefix) - 1 : -1].float()


def _written(made: Any) -> tuple[Tensor, Tensor, Tensor]:
    """(T,) tokens that were written, those before them (of some models with places of the picture), (T, V) logits."""
    whole, logits_TV = made.sequences[0], torch.cat(made.logits)
    n_before = len(whole) - len(logits_TV)
    return whole[n_before:], whole[:n_before], logits_TV


@contextmanager
def _quietly() -> Generator[None]:
    """Transformers says much on standard error, and warns of its own future; what matters here is told by us."""
    from transformers.utils import logging  # noqa: PLC0415

    before, bars = logging.get_verbosity(), os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if bars is None:
            logging.enable_progress_bar()
