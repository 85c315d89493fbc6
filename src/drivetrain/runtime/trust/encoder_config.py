"""What a description may say of an encoder of Hugging Face: sizes, switches and words, and nothing else.

Its configuration reaches the class that builds it. Keys that name files, addresses, code, other models or machines are
left out where a model is saved, and refused where a stranger's description has them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

LARGEST = 2**22
"""Of a number: pieces of a vocabulary, or widths."""
MOST_LAYERS = 256
MOST_ENTRIES, DEEPEST = 256, 3
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,39}")
_LAYERS = re.compile(r"(num_.*layers|n_layers?|layers|num_hidden_groups|inner_group_num|.*num_.*blocks)")

_LEFT_OUT_TEXT = """
architectures auto_map attn_implementation backbone backbone_config backbone_kwargs custom_pipelines dtype torch_dtype
experts_implementation id2label label2id kernel_config model_type name_or_path problem_type quantization_config
task_specific_params tokenizer_class transformers_version use_pretrained_backbone use_timm_backbone output_attentions
output_hidden_states return_dict tie_word_embeddings chunk_size_feed_forward is_encoder_decoder sep_token_id
decoder_start_token_id finetuning_task prefix pruned_heads use_cache
"""
LEFT_OUT = frozenset(_LEFT_OUT_TEXT.split())
"""They say nothing of how the encoder computes, or name what must not be named."""


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration is kept: plain numbers, switches and words.

    Example:
        >>> plain_config({"hidden_size": 384, "_name_or_path": "some/place", "hidden_act": "gelu", "id2label": {}})
        {'hidden_size': 384, 'hidden_act': 'gelu'}
    """
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if name in LEFT_OUT or not _KEY.fullmatch(name) or value is None:
            continue
        try:
            _check(name, value, DEEPEST)
        except ValueError:
            continue
        kept[name] = value
    return kept


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse a configuration that says more than an encoder needs.

    Raises:
        ValueError: A key names what must not be named, or a value is no number, switch or word.

    Example:
        >>> check_config({"hidden_size": 384, "rope_parameters": {"rope_theta": 1e4}})
        >>> check_config({"auto_map": {"AutoModel": "evil.Model"}})
        Traceback (most recent call last):
        ValueError: the setting 'auto_map' is not one that a description may give
    """
    if len(config) > MOST_ENTRIES:
        raise ValueError(f"it has {len(config):,} settings, more than {MOST_ENTRIES}")
    for name, value in config.items():
        if name in LEFT_OUT or not _KEY.fullmatch(name):
            raise ValueError(f"the setting {name[:60]!r} is not one that a description may give")
        _check(name, value, DEEPEST)


def _check(name: str, value: Any, levels: int) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise ValueError(f"the setting {name!r} is out of range: expected a number of at most {LARGEST:,}")
        if _LAYERS.fullmatch(name) and value > MOST_LAYERS:
            raise ValueError(f"the setting {name!r} is out of range: expected at most {MOST_LAYERS}")
        return
    if isinstance(value, str) and (not value or _WORD.fullmatch(value)):
        return
    if isinstance(value, list | tuple | Mapping) and levels and len(cast("Sequence[Any]", value)) <= MOST_ENTRIES:
        inner = cast("Mapping[Any, Any]", value)
        for key in inner if isinstance(value, Mapping) else ():
            if not isinstance(key, str) or key in LEFT_OUT or not _KEY.fullmatch(key):
                raise ValueError(f"the setting {name!r} has the key {str(key)[:60]!r}, which it may not")
        for one in inner.values() if isinstance(value, Mapping) else cast("Sequence[Any]", value):
            _check(name, one, levels - 1)
        return
    raise ValueError(f"the setting {name!r} is no number, switch or word")
