"""`train_captioner`: a small captioner, trained on pictures with captions."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from drivetrain.calls import named
from drivetrain.captions.describing.small import (
    FORMAT,
    MOST_VOCABULARY,
    MOST_WORDS,
    PAD,
    SPECIAL,
    Decoder,
    Description,
    Sees,
    SmallCaptioner,
    digest_of,
    squared,
)
from drivetrain.captions.judging.words import words_of
from drivetrain.captions.reading.captions import Said, read_captions
from drivetrain.captions.reading.pictures import pictures_of
from drivetrain.errors import DataError, InputError, first_few
from drivetrain.kinds.images.bodies.load import choose_arch, load_body, trained_px
from drivetrain.notices import warn
from drivetrain.progress import track
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures.read import read_picture
from drivetrain.settings import flag, number, text, whole
from drivetrain.text import counted, readable

FEWEST = 10
"""Pictures; with fewer there is nothing to hold out."""
BATCH = 32
LR, WEIGHT_DECAY = 1e-3, 0.01
AT_ONCE = 16
"""Pictures that the body sees together."""


@named
def train_captioner(
    captions: Any,
    pictures: Any = None,
    *,
    arch: Any = None,
    pretrained: Any = True,
    size: Any = None,
    picture: Any = None,
    caption: Any = None,
    epochs: Any = 40,
    valid_pct: Any = 0.2,
    seed: Any = 0,
) -> SmallCaptioner:
    """Train a small captioner: a frozen body sees, a decoder of two layers puts it into words.

    It is small: for pictures of few kinds of things with captions of few words. The epoch is kept whose captions of
    pictures held out are likeliest. How far to trust it is not said by its loss: ask `caption_report`.

    Args:
        captions: A table with a column of pictures and one of captions, or a dict of picture → caption or captions.
        pictures: A folder, a list of paths, or a dict of name → picture; None takes the names in the captions as paths.
        arch: Of the body, as of `Learner`.
        pretrained: Whether its weights are pretrained; else it is random, and still tells colours and shapes apart.
        size: Side of the pictures in px; None takes what the body was trained with.
        picture: Column of the pictures, where it has no usual name.
        caption: Column of the captions, likewise.
        epochs: Passes over the captions.
        valid_pct: Share of the pictures that are held out.
        seed: Of all draws.

    Raises:
        DataError: Fewer than 10 pictures with captions can be read.
        ModelError: The body cannot be had.
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from PIL import Image
        >>> import drivetrain as dt
        >>> noise = np.random.default_rng(0).integers(0, 155, (24, 16, 16, 3), dtype=np.uint8)
        >>> said = {}
        >>> with TemporaryDirectory() as folder:
        ...     for i, pixels in enumerate(noise):
        ...         place = Path(folder, ["blue", "red"][i % 2])
        ...         place.mkdir(exist_ok=True)
        ...         said[f"{place.name}/{i}.png"] = f"a {place.name} square"
        ...         Image.fromarray(pixels + np.uint8([[0, 0, 99], [99, 0, 0]][i % 2])).save(place / f"{i}.png")
        ...     model = dt.train_captioner(said, folder, arch="embedded", size=32, epochs=2)
        ...     model.caption(f"{folder}/red/1.png").likelihood > 0.1
        True
    """
    epochs, seed = whole("epochs", epochs, least=1), whole("seed", seed, least=0)
    share = number("valid_pct", valid_pct, above=0, below=1)
    side = None if size is None else whole("size", size, least=8, most=2048)
    pretrained = flag("pretrained", pretrained)
    for setting, value in (("picture", picture), ("caption", caption)):
        if value is not None:
            text(setting, value, what="the name of a column")
    if arch is not None:
        text("arch", arch, what="the name of an architecture")
    read = read_captions(captions, picture=picture, caption=caption)
    shown, told = pictures_of(pictures, [row.picture for row in read.rows], captions)
    rows = [row for row in read.rows if row.picture in shown]
    names = list(dict.fromkeys(row.picture for row in rows))
    _enough(names, captions)
    chosen = choose_arch(arch, pretrained=pretrained)
    side = trained_px(str(chosen.value)) if side is None else side
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of a body from scratch
        body = load_body(str(chosen.value), pretrained=pretrained, channels=3, size_px=side, dropout=0.0)
    mean, std = tuple(map(float, body.config["mean"])), tuple(map(float, body.config["std"]))
    sees = Sees(body.module, mean, std).eval().requires_grad_(requires_grad=False)
    seen, learnt, broken = _seen(sees, {name: shown[name] for name in names}, side)
    if broken:
        warn(
            f"{counted(len(broken), 'picture')} of {len(names):,} cannot be read and {_are(broken)} left out: "
            f"{first_few(broken, 3)}."
        )
    names = [name for name in names if name in seen]
    _enough(names, captions)
    held = _held_out(names, share, seed)
    long = sum(len(words_of(row.text)) > MOST_WORDS - 2 for row in rows if row.picture in seen)
    if long:
        warn(f"{counted(long, 'caption')} of {len(rows):,} have over {MOST_WORDS - 2} words; only so many are learned.")
    vocab = _vocabulary([row for row in rows if row.picture in seen and row.picture not in held])
    decisions = (
        dict(read.decisions)
        | told
        | {
            "arch": chosen,
            "vocabulary": Decision(value=len(vocab), reason="words of the captions that it learns from"),
            "held out": Decision(value=len(held), reason=f"pictures of {len(names):,}: they choose the epoch"),
        }
    )
    described = Description(
        format=FORMAT,
        architecture=body.architecture,
        size_px=side,
        mean=mean,
        std=std,
        vocab=vocab,
        channels=next(iter(seen.values())).shape[-1],
        learnt=learnt,
        decisions=decisions,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = SmallCaptioner("small captioner", described, sees, Decoder(described.channels, len(vocab) + SPECIAL))
        told_words = [(row.picture, made.numbers_of(row.text)) for row in rows if row.picture in seen]
        best, loss = _fit(made.decoder, seen, told_words, held, epochs=epochs, seed=seed)
    made.decoder.eval()
    made.decisions["epoch"] = Decision(
        value=best,
        reason=f"of {epochs}: captions held out are likeliest there, {math.exp(-loss):.3f} a word on average",
    )
    return made


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _enough(names: Sequence[str], captions: Any) -> None:
    if len(names) < FEWEST:
        where = f" of {readable(str(captions))}" if isinstance(captions, str | os.PathLike) else ""
        raise DataError(
            f"{counted(len(names), 'picture')} with captions{where} can be read; expected at least {FEWEST} to learn "
            "from and to hold out. To fix: pass pictures=, the folder that the captions' names are in, or more "
            "captions."
        )


def _seen(sees: Sees, pictures: dict[str, Any], side: int) -> tuple[dict[str, Tensor], tuple[str, ...], list[str]]:
    """Picture → (A, C) what the body sees, as float16; digests of these; and those that cannot be read."""
    found: dict[str, Tensor] = {}
    learnt: dict[str, None] = {}
    broken: list[str] = []
    names = list(pictures)
    with torch.inference_mode(), track("what the body sees", len(names)) as advance:
        for start in range(0, len(names), AT_ONCE):
            batch: list[np.ndarray[Any, Any]] = []
            known: list[str] = []
            for name in names[start : start + AT_ONCE]:
                try:
                    batch.append(squared(read_picture(pictures[name], shrink_to_px=side), side))
                    known.append(name)
                    learnt[digest_of(batch[-1])] = None
                except InputError as error:
                    broken.append(f"{readable(name)} ({error})")
            if batch:
                seen = sees(torch.from_numpy(np.stack(batch))).half()
                found |= {name: one.clone() for name, one in zip(known, seen, strict=True)}
            advance(len(names[start : start + AT_ONCE]))
    return found, tuple(learnt), broken


def _held_out(names: list[str], share: float, seed: int) -> set[str]:
    order = np.random.default_rng(seed).permutation(len(names))
    return {names[i] for i in order[: min(max(round(share * len(names)), 1), len(names) - 1)].tolist()}


def _vocabulary(rows: Sequence[Said]) -> tuple[str, ...]:
    """Words of the captions, most frequent first, of many the first ones."""
    counts: dict[str, int] = {}
    for row in rows:
        for word in words_of(row.text)[: MOST_WORDS - 2]:
            counts[word] = counts.get(word, 0) + 1
    if not counts:
        raise DataError("no caption holds a word; expected captions. To fix: name their column with caption=.")
    return tuple(sorted(counts, key=lambda word: (-counts[word], word))[:MOST_VOCABULARY])


def _fit(
    decoder: Decoder,
    seen: dict[str, Tensor],
    rows: Sequence[tuple[str, list[int]]],
    held: set[str],
    *,
    epochs: int,
    seed: int,
) -> tuple[int, float]:
    """Train; the weights of the best epoch stay. Its number, from 1, and the loss per word of what is held out."""
    train = [row for row in rows if row[0] not in held]
    valid = [row for row in rows if row[0] in held]
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    steps = math.ceil(len(train) / BATCH) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=max(steps, 2))
    best, best_loss, kept = 0, math.inf, copy.deepcopy(decoder.state_dict())
    with track("epochs", epochs) as advance:
        for epoch in range(1, epochs + 1):
            decoder.train()
            order = np.random.default_rng((seed, epoch)).permutation(len(train)).tolist()
            for start in range(0, len(order), BATCH):
                loss = _loss(decoder, seen, [train[i] for i in order[start : start + BATCH]])
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
                optimiser.step()
                schedule.step()
            decoder.eval()
            with torch.inference_mode():
                parts = [valid[i : i + BATCH] for i in range(0, len(valid), BATCH)]
                words = [sum(len(row[1]) - 1 for row in part) for part in parts]
                each = [float(_loss(decoder, seen, part)) for part in parts]
            now = float(np.average(each, weights=words))
            if now < best_loss:
                best, best_loss, kept = epoch, now, copy.deepcopy(decoder.state_dict())
            advance(1, f"{math.exp(-now):.3f} a word")
    decoder.load_state_dict(kept)
    return best, best_loss


def _loss(decoder: Decoder, seen: dict[str, Tensor], rows: Sequence[tuple[str, list[int]]]) -> Tensor:
    """Mean negative log likelihood of a word."""
    longest = max(len(words) for _, words in rows)
    words_BT = torch.tensor([[*words, *[PAD] * (longest - len(words))] for _, words in rows])
    logits = decoder(torch.stack([seen[name] for name, _ in rows]), words_BT[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), words_BT[:, 1:].flatten(), ignore_index=PAD)
