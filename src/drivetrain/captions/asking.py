"""Models that are asked: somebody's function or a captioner, which writes captions or says how well one fits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from drivetrain.captions.caption import Caption, Captioner, has_word
from drivetrain.captions.reading.captions import ReadCaptions, Said
from drivetrain.captions.reading.columns import cell_text
from drivetrain.captions.reading.pictures import Pictures, listed_pictures
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse, shown
from drivetrain.text import counted, readable, short_reason

LEAST = 1e-12
"""A probability below this counts as this."""


@dataclass(frozen=True)
class Judge:
    """Says how well a picture and a text fit."""

    fit: Callable[[Any, str, str], float]
    """Picture, text, name of the picture → a number; larger is better."""
    is_likelihood: bool
    """The number is the logarithm of the mean probability of the text's words."""


def judge_of(model: Any) -> Judge | None:
    """What `model=` says, asked with care.

    Raises:
        SettingError: It is neither a captioner, nor the folder of one, nor a function.
        ModelError: The folder holds no captioner.
    """
    if model is None:
        return None
    if isinstance(model, str | os.PathLike):
        model = _loaded(model)
    if isinstance(model, type) or not (isinstance(model, Captioner) or callable(model)):
        refuse("model", model, "a captioner, the folder of one, or a function (picture, text) → number")
    if isinstance(model, Captioner):
        likelihood = model.likelihood

        def likely(picture: Any, text: str, _: str) -> float:
            return math.log(max(likelihood(picture, text), LEAST) if has_word(text) else LEAST)

        return Judge(likely, is_likelihood=True)
    function = cast("Callable[[Any, str], Any]", model)

    def fit(picture: Any, text: str, name: str) -> float:
        try:
            found = float(function(picture, text))
        except Exception as error:
            raise DataError(
                f"model= could not say how well {readable(name)} and {shown(text)} fit: {short_reason(error)}. "
                "Expected a number. To fix: try the function on this picture."
            ) from error
        if not math.isfinite(found):
            raise DataError(
                f"model= answered {found} for {readable(name)}; expected a finite number, larger where picture and "
                "text fit better. To fix: let it answer with one."
            )
        return found

    return Judge(fit, is_likelihood=False)


def _loaded(path: str | os.PathLike[str]) -> Captioner:
    from drivetrain.captions.describing.captioner import captioner  # noqa: PLC0415 - brings torch

    return captioner(path)


def described_by(source: Any, pictures: Any) -> tuple[ReadCaptions, Pictures, Judge | None]:
    """Captions that a function or a captioner writes of pictures, and the captioner as a judge.

    Raises:
        DataError: There are no pictures, the function fails, or it gives no text.
        SettingError: It is a class, or gives something else than text.
    """
    if pictures is None:
        raise SettingError(
            "captions is a model, and there are no pictures to show it; expected them beside it. To fix: pass "
            "pictures=, a folder or a list of paths."
        )
    model = _loaded(source) if isinstance(source, str | os.PathLike) else source
    known = listed_pictures(pictures)
    rows: list[Said] = []
    failed: list[str] = []
    if isinstance(model, Captioner):
        _tell_learnt(model, known)
        for name, said in zip(known, model.caption_many(known.values()), strict=True):
            if said.error is not None:
                failed.append(f"{readable(name)} ({said.error})")
            elif has_word(said.text):
                rows.append(Said(name, said.text, said.likelihood))
        of, judge = "the captioner", judge_of(model)
    else:
        function = cast("Callable[[Any], Any]", model)
        if isinstance(source, type):
            refuse("captions", source, "a function that is given a picture and gives its caption")
        for name, picture in known.items():
            try:
                answer = function(picture)
            except Exception as error:  # noqa: BLE001 - somebody else's code
                failed.append(f"{readable(name)} ({short_reason(error)})")
                continue
            rows += _answers(name, answer)
        of, judge = "the function", None
    if failed:
        warn(f"{of} has no caption of {counted(len(failed), 'picture')} of {len(known):,}: {first_few(failed, 3)}.")
    if not rows:
        raise DataError(
            f"{of} gave no caption of any of {counted(len(known), 'picture')}: {first_few(failed, 2) or 'all empty'}. "
            "Expected texts. To fix: try it on one picture."
        )
    empty = len(known) - len(failed) - len({row.picture for row in rows})
    sure = of if any(row.sure is not None for row in rows) else None
    told = {"captions": Decision(value=counted(len(rows), "caption"), reason=f"written by {of} for this report")}
    return ReadCaptions(tuple(rows), told, empty, sure), known, judge


def _tell_learnt(model: Captioner, pictures: Pictures) -> None:
    """Of pictures that it was trained on a captioner knows more than of others."""
    has_learnt = getattr(model, "has_learnt", None)
    n = 0 if has_learnt is None else sum(bool(has_learnt(picture)) for picture in pictures.values())
    if n:
        warn(
            f"the captioner was trained on {n:,} of {counted(len(pictures), 'picture')}: these numbers flatter it. To "
            "fix: judge it on pictures that it has not seen."
        )


def _answers(name: str, answer: Any) -> list[Said]:
    """Captions of one picture: a text, (text, probability), what a captioner answers, or a list of these."""
    if isinstance(answer, Caption):
        return [Said(name, answer.text, answer.likelihood)] if answer.text.strip() else []
    if isinstance(answer, tuple) and len(cast("tuple[Any, ...]", answer)) == 2 and not isinstance(answer[1], str):
        text, sure = cast("tuple[Any, Any]", answer)
        if (
            not isinstance(text, str)
            or isinstance(sure, bool)
            or not isinstance(sure, int | float)
            or not 0 <= sure <= 1
        ):
            refuse("captions", answer, "a caption, or (caption, probability from 0 to 1), for each picture")
        return [Said(name, text.strip(), max(float(sure), LEAST))] if text.strip() else []
    if isinstance(answer, list | tuple):
        return [said for each in cast("Sequence[Any]", answer) for said in _answers(name, each)]
    text = None
    if answer is None or isinstance(answer, str | Mapping):
        with suppress(DataError):
            text = cell_text(answer)  # of pipelines of Hugging Face, too: {"generated_text": …}
    if answer is not None and not isinstance(answer, str) and text is None:
        refuse("captions", answer, "a function that gives text for each picture")
    return [] if text is None else [Said(name, text)]


def likelihoods_of(model: Judge, rows: Sequence[Said], pictures: Pictures) -> list[float | None]:
    """How likely the model finds each caption; None where there is no picture."""
    return [
        None if row.picture not in pictures else math.exp(model.fit(pictures[row.picture], row.text, row.picture))
        for row in rows
    ]


def synonyms_of(source: Any) -> dict[str, tuple[str, ...]]:
    """Object → what else it is called.

    Raises:
        SettingError: It is no mapping of texts.

    Example:
        >>> synonyms_of({"dog": ["puppy", "hound"], "cat": "kitten"})
        {'dog': ('puppy', 'hound'), 'cat': ('kitten',)}
    """
    expected = "a dict of object → what else it is called, such as {'dog': ['puppy', 'hound']}"
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        refuse("synonyms", source, expected)
    found: dict[str, tuple[str, ...]] = {}
    for name, others in cast("Mapping[Any, Any]", source).items():
        listed = [others] if isinstance(others, str) else others
        if not isinstance(name, str) or not name.strip() or not isinstance(listed, list | tuple | set | frozenset):
            refuse("synonyms", source, expected)
        words = list(cast("Sequence[Any]", listed))
        if not all(isinstance(word, str) and word.strip() for word in words):
            refuse("synonyms", source, expected)
        found[name] = tuple(words)
    return found
