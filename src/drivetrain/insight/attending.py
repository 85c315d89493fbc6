"""Where a transformer looks: the weights of attention, as maps of the view.

They say which tokens a block mixes, not why an answer was given.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from drivetrain.insight.parts import Floats, Layer, Subject


def attention_maps(subject: Subject, layers: Sequence[Layer], rows: Sequence[int]) -> dict[str, Floats]:
    """How much weight each place gets in the blocks of a transformer.

    Args:
        subject: What is looked into.
        layers: Of it; those that are no blocks of tokens, or whose attention stays within windows, are passed over.
        rows: Of the subject.

    Returns:
        Layer's name → (B, heads, places high, places wide): from the class token where there is one, else the mean over
        all places. What is not given to places (class token, registers) is left out: a map adds up to 1 or less.

    Example:
        ::

            maps = attention_maps(subject, layers_of(subject), [0])
            maps["body.blocks.11"][0].mean(0)  # (14, 14)
    """
    blocks = [layer for layer in layers if layer.reading.layout == "tokens"]
    kept: dict[str, Floats] = {}
    with torch.no_grad(), _within(subject, blocks) as running, _Watched(running, kept):
        subject.network.answer(*subject.batch(rows))
    return kept


class _Running:
    """The block that runs now."""

    layer: Layer | None = None


@contextmanager
def _within(subject: Subject, blocks: Sequence[Layer]) -> Generator[_Running]:
    running = _Running()
    handles: list[Any] = []
    for layer in blocks:
        module = subject.network.get_submodule(layer.reading.module)

        def enter(*_: Any, layer: Layer = layer) -> None:
            running.layer = layer

        def leave(*_: Any) -> None:
            running.layer = None

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield running
    finally:
        for handle in handles:
            handle.remove()


class _Watched(TorchFunctionMode):
    """Keeps what attention weighs, be it one call or written out as a softmax."""

    def __init__(self, running: _Running, kept: dict[str, Floats]) -> None:
        super().__init__()
        self._running = running
        self._kept = kept

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What a function of torch gives."""
        kwargs = dict(kwargs or {})
        made = func(*args, **kwargs)
        layer, name = self._running.layer, str(getattr(func, "__name__", ""))
        if layer is not None and name in ("softmax", "scaled_dot_product_attention"):
            weights = made if name == "softmax" else weighed(args, kwargs)
            high, wide = layer.resolution
            prefix = layer.reading.prefix
            n = prefix + high * wide
            if isinstance(weights, Tensor) and weights.ndim == 4 and tuple(weights.shape[2:]) == (n, n):
                asking = weights[:, :, :1] if prefix else weights
                of_places = asking.mean(2)[:, :, prefix:].unflatten(-1, (high, wide))
                self._kept[layer.name] = cast(Floats, of_places.float().cpu().numpy())
        return made


def weighed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """The weights of `scaled_dot_product_attention`, called with these arguments.

    Example:
        >>> q = torch.zeros(1, 1, 2, 4)
        >>> weighed((q, q, q), {})[0, 0].tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    query, key = (args[i] if len(args) > i else kwargs[word] for i, word in enumerate(("query", "key")))
    mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
    scale = kwargs.get("scale") or 1 / math.sqrt(query.shape[-1])
    scores: Tensor = query @ key.transpose(-2, -1) * scale
    if isinstance(mask, Tensor):
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype is torch.bool else scores + mask
    return scores.softmax(-1)
