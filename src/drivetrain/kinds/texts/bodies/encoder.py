"""Encoders of Hugging Face as bodies: from a local folder or the hub, built again from plain data.

Weights are read from safetensors files alone, and code that comes with a model is never run. A saved model holds the
encoder's configuration as plain numbers, switches and words (`runtime.trust.encoder_config`), from which transformers
builds it with random parameters.

Legend: B rows, W windows of a row, T pieces of a window, D numbers of a piece.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from drivetrain.errors import MissingExtraError, ModelError
from drivetrain.kinds.texts.bodies.pooling import masked_mean
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.trust.encoder_config import plain_config
from drivetrain.text import readable, short_reason

if TYPE_CHECKING:
    from transformers import PretrainedConfig

LOCAL = "local-dir:"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
"""Of a parameter's name: which layer it belongs to."""
MEAN, FIRST = "mean", "first"
"""How a text is read off its pieces: the mean over all, or what the first one, the mark [CLS], has become."""
MOST_PIECES = 256
"""Of a window, where the encoder itself allows more: the work grows with its square."""


class Encoder(NamedTuple):
    """An encoder that was loaded."""

    body: EncoderBody
    architecture: Architecture
    tokenizer: bytes
    """Content of a file `tokenizer.json`."""
    most_pieces: int
    """That one window may have."""


class EncoderBody(nn.Module):
    """Pieces and their mask → (B, D).

    Args:
        encoder: Of transformers.
        pooling: "mean" or "first".
    """

    def __init__(self, encoder: nn.Module, pooling: str = MEAN) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, T) or (B, W, T) twice → (B, D); of several windows the mean over the pieces of all of them."""
        flat_ids, flat_mask = (ids.flatten(0, 1), mask.flatten(0, 1)) if ids.ndim == 3 else (ids, mask)
        # A window without any piece would be a mean over nothing: there its first place is attended to.
        seen = torch.cat([torch.ones_like(flat_mask[:, :1]), flat_mask[:, 1:]], dim=1)
        hidden: Tensor = self.encoder(input_ids=flat_ids, attention_mask=seen).last_hidden_state
        if self.pooling == FIRST:
            hidden, mask = hidden[:, 0].unsqueeze(1), mask[..., :1]
            hidden = hidden.reshape(*ids.shape[:-1], 1, hidden.shape[-1])
        elif ids.ndim == 3:
            hidden = hidden.reshape(*ids.shape, hidden.shape[-1])
        return masked_mean(hidden, mask)


def load_encoder(arch: str, *, pretrained: bool) -> Encoder:
    """An encoder with its tokeniser.

    Args:
        arch: A local folder in the layout of Hugging Face (config.json, model.safetensors, tokenizer.json), with or
            without ``local-dir:`` before it, or the name of a model on the hub.
        pretrained: With its weights, or with random ones.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: There is no such folder or model, or it cannot be used.
    """
    place, folder = _place_of(arch)
    config = _config(place, local=folder is not None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = _network(config, place if pretrained else None, local=folder is not None)
        tokenizer = _tokenizer(place, local=folder is not None)
    plain = plain_config(config.to_dict())
    name = str(config.model_type).replace("-", "_")
    pooling = _pooling(folder)
    architecture = Architecture(
        name=name,
        options={"global_pool": pooling},
        config=plain,
        pretrained_from=(f"{LOCAL}{folder}" if folder else place) if pretrained else None,
        features=_width(config, arch),
        dropout=0,
    )
    return Encoder(EncoderBody(network, pooling), architecture, tokenizer, _most_pieces(config, tokenizer))


def rebuild_encoder(architecture: Architecture) -> EncoderBody:
    """The body of a saved model, with random parameters.

    Raises:
        ModelError: transformers knows no such encoder, or its configuration cannot be used.
    """
    library = _library()
    model_type = next((known for known in library.CONFIG_MAPPING if known.replace("-", "_") == architecture.name), None)
    if model_type is None or not _reads_texts(model_type):
        raise ModelError(
            f"{architecture.name!r} is no encoder of texts that the installed transformers {library.__version__} "
            "builds. To fix: install the version that the model was saved with, which its manifest names."
        )
    try:
        config = library.AutoConfig.for_model(model_type, **plain_config(architecture.config))
        network = _network(config, None, local=True)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{architecture.name!r} cannot be built as described: {short_reason(error)}. To fix: get the model again "
            "from whoever made it, or save it anew."
        ) from error
    return EncoderBody(network, str(architecture.options.get("global_pool", MEAN)))


def depths(body: nn.Module) -> dict[str, float]:
    """Parameter → 0 (nearest the input) to 1 (nearest the head): by the number of its layer, before them 0."""
    names = [name for name, _ in body.named_parameters()]
    numbers = {name: int(found[1]) for name in names if (found := LAYER.search(name))}
    most = max(numbers.values(), default=-1) + 1
    after = max((at for at, name in enumerate(names) if name in numbers), default=len(names))
    return {
        name: (numbers[name] + 1) / most if name in numbers else 1.0 if at > after else 0.0
        for at, name in enumerate(names)
    }


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _library() -> Any:
    try:
        import transformers  # noqa: PLC0415 - slow to import, and only where an encoder is trained
    except ImportError as error:
        raise MissingExtraError(
            "encoders are loaded by transformers, which is not installed. To fix: pip install 'drivetrain[encoders]'"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _place_of(arch: str) -> tuple[str, Path | None]:
    """What transformers is asked for, and the folder where it is one."""
    said = arch.removeprefix(LOCAL)
    folder = Path(said).expanduser()
    try:
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                raise ModelError(
                    f"arch={readable(said)!r} is a folder without config.json; expected an encoder in the layout of "
                    "Hugging Face: config.json, model.safetensors and tokenizer.json. To fix: name the folder that "
                    "holds them."
                )
            return str(folder), folder
    except OSError as error:
        raise ModelError(
            f"arch={readable(said)!r} cannot be read: {short_reason(error)}. To fix: name another."
        ) from error
    if arch.startswith(LOCAL) or os.sep in said.strip("/").replace("/", "", 1) or not HUB_NAME.fullmatch(said):
        raise ModelError(
            f"there is no folder {readable(said)!r}; expected the folder of an encoder, the name of one on the hub, "
            "such as 'sentence-transformers/all-MiniLM-L6-v2', or 'static'. To fix: correct the path."
        )
    return said, None


def _config(place: str, *, local: bool) -> PretrainedConfig:
    library = _library()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = library.AutoConfig.from_pretrained(place, local_files_only=local, trust_remote_code=False)
    except Exception as error:  # what meets a stranger's file, a hub or a broken network cannot be listed
        raise _not_had(place, error, local=local) from error
    if config.model_type not in library.CONFIG_MAPPING or not _reads_texts(config.model_type):
        raise ModelError(
            f"arch={readable(place)!r} is a model of the type {config.model_type!r}, which reads no texts; expected an "
            "encoder, such as BERT, RoBERTa or MPNet. To fix: name another."
        )
    return config


def _reads_texts(model_type: str) -> bool:
    """Whether transformers classifies texts with models of that type: a list without pictures, sounds and timm."""
    from transformers.models.auto.modeling_auto import (  # noqa: PLC0415 - after `_library` has said what is missing
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    )

    return model_type in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES


def _network(config: PretrainedConfig, place: str | None, *, local: bool) -> nn.Module:
    """With the weights of a place, or with random ones."""
    auto = _library().AutoModel
    problems: list[Exception] = []
    for attention in ("sdpa", "eager"):
        try:
            if place is None:
                made = auto.from_config(config, attn_implementation=attention, trust_remote_code=False)
            else:
                made = auto.from_pretrained(
                    place,
                    config=config,
                    attn_implementation=attention,
                    dtype=torch.float32,
                    local_files_only=local,
                    trust_remote_code=False,
                    use_safetensors=True,
                )
        except ValueError as error:  # a family without this way to compute attention
            problems.append(error)
            continue
        except Exception as error:  # what meets a stranger's file, a hub or a broken network cannot be listed
            raise _not_had(place or config.model_type, error, local=local) from error
        if getattr(made, "pooler", None) is not None:  # it reads the first piece alone, and is not read here
            made.pooler = None
        return cast("nn.Module", made.float())
    raise _not_had(place or config.model_type, problems[-1], local=local) from problems[-1]


def _tokenizer(place: str, *, local: bool) -> bytes:
    """As the library `tokenizers` writes it."""
    if local and (file := Path(place) / "tokenizer.json").is_file():
        return file.read_bytes()
    try:
        cut = _library().AutoTokenizer.from_pretrained(
            place, use_fast=True, local_files_only=local, trust_remote_code=False
        )
        return cut.backend_tokenizer.to_str().encode()
    except Exception as error:
        raise ModelError(
            f"{readable(place)} has no tokeniser that can be used here: {short_reason(error)}; expected a "
            "tokenizer.json. To fix: AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(FOLDER) writes "
            "one beside the weights."
        ) from error


def _pooling(folder: Path | None) -> str:
    """As a folder of sentence-transformers says; else the mean."""
    file = None if folder is None else folder / "1_Pooling" / "config.json"
    try:
        said: Any = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return MEAN
    return FIRST if isinstance(said, Mapping) and said.get("pooling_mode_cls_token") is True else MEAN


def _width(config: Any, arch: str) -> int:
    for name in ("hidden_size", "dim", "d_model", "n_embd"):
        if isinstance(width := getattr(config, name, None), int):
            return width
    raise ModelError(f"arch={readable(arch)!r} does not say how wide it is (hidden_size). To fix: name another.")


def _most_pieces(config: Any, tokenizer: bytes) -> int:
    positions = getattr(config, "max_position_embeddings", None) or MOST_PIECES
    reserved = 2 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer") else 0
    return max(8, min(int(positions) - reserved, MOST_PIECES))


def _not_had(place: str, error: Exception, *, local: bool) -> ModelError:
    what = "the folder" if local else "there is no such folder, and the hub's model"
    how = (
        "check that it holds config.json and model.safetensors"
        if local
        else ("check the name and the connection, or download it and name the folder")
    )
    return ModelError(
        f"{what} {readable(place)} cannot be loaded: {short_reason(error)}; expected an encoder that transformers "
        f"builds without code of its own, with weights in safetensors files. To fix: {how}."
    )
