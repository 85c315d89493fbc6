"""Which words an answer rests on: each is left out, wherever it stands, and the model is asked again.

It is checked on the spot (Adebayo et al., Sanity checks for saliency maps, 2018): a copy of the model whose parameters
were shuffled is asked the same. Where that marks much the same words, the marks show the text, and nothing of what the
model has learnt.
Source of leaving out: occlusion, Zeiler & Fergus, Visualizing and Understanding Convolutional Networks (2014), section
4, here by word.

Legend: N texts, K outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.texts.word_places import Word, without, words_of
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked
from drivetrain.runtime.spec import InputSpec
from drivetrain.runtime.targets import NumberTarget, Target

Answer = Callable[[Sequence[str]], NDArray[Any]]
"""Texts → (N, K) probabilities, or values in the user's units."""
MOST_WORDS = 96
"""Different words that are left out one by one; of a longer text those of the stretches that matter most."""
STRETCHES = 48
"""Into which the words of a longer text are divided first."""
AT_ONCE = 32
LEAST = 0.005
"""Of a probability, or of a deviation of the target: a smaller change is told to be none."""
SHUFFLES = 3
"""Copies with shuffled parameters that the check asks."""
FEWEST = 4
"""Words with which it says something."""
ALIKE = 0.5
"""A mean rank correlation from here on is called marking the same, as `drivetrain.insight.why.checks` does."""


class OverdueError(Exception):
    """There is no time left."""


@dataclass(frozen=True)
class Weighed:
    """What is answered about a text, and without each of its words."""

    before_K: NDArray[np.float64]
    words: tuple[Word, ...]
    """That were left out one by one, in the order of the text."""
    after_WK: NDArray[np.float64]
    """Answers without each of them."""
    n_words: int
    """Different words of the text."""

    def change(self, output: int) -> NDArray[np.float64]:
        """(W,) what leaving out each word takes from an output; below 0 the word speaks against it."""
        return self.before_K[output] - self.after_WK[:, output]


def weighed(answer: Answer, text: str, *, output: int | None = None, until: float = float("inf")) -> Weighed:
    """Leave out each word of a text, wherever it stands, and ask again.

    Args:
        answer: What says the outputs of texts.
        text: As the model reads it.
        output: By which the words of a text with very many are chosen; None: the largest.
        until: On `time.monotonic`.

    Raises:
        OverdueError: It was not done by then.

    Example:
        >>> def answer(texts):
        ...     return np.array([[0.9 if "card" in text else 0.2] for text in texts])
        >>> found = weighed(answer, "my card")
        >>> [(word.said, round(float(change), 1)) for word, change in zip(found.words, found.change(0))]
        [('my', 0.0), ('card', 0.7)]
    """
    words = words_of(text)
    before_K = asked(answer, [text], until)[0].astype(np.float64)
    at = int(np.argmax(before_K)) if output is None else output
    chosen = words if len(words) <= MOST_WORDS else _chosen(answer, text, words, (at, before_K[at]), until)
    after = asked(answer, [without(text, [word]) for word in chosen], until) if chosen else np.zeros((0, len(before_K)))
    return Weighed(before_K, tuple(chosen), after.astype(np.float64), len(words))


def _chosen(answer: Answer, text: str, words: list[Word], of: tuple[int, float], until: float) -> list[Word]:
    """The words of the stretches that matter most, in their order."""
    output, before = of
    stretches = [part.tolist() for part in np.array_split(np.arange(len(words)), STRETCHES)]
    lacking = [without(text, [words[at] for at in stretch]) for stretch in stretches]
    size = np.abs(before - asked(answer, lacking, until)[:, output])
    kept: list[int] = []
    for stretch in np.argsort(-size, kind="stable").tolist():
        kept += stretches[stretch][: MOST_WORDS - len(kept)]
    return [words[at] for at in sorted(kept)]


def asked(answer: Answer, texts: Sequence[str], until: float = float("inf")) -> NDArray[Any]:
    """Answers to many texts, some at a time, those of about one length together; raises OverdueError."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    found: dict[int, NDArray[Any]] = {}
    for first in range(0, len(order), AT_ONCE):
        if time.monotonic() > until:
            raise OverdueError
        some = order[first : first + AT_ONCE]
        found.update(zip(some, answer([texts[at] for at in some]), strict=True))
    return np.stack([found[at] for at in range(len(texts))])


def sameness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's rank correlation of the sizes of two lists of changes; 0 where one of them is the same everywhere.

    Example:
        >>> sameness(np.array([1, 2, 3]), np.array([-2, 4, 9])), sameness(np.array([1, 2]), np.array([1, 1]))
        (1.0, 0.0)
    """
    first, second = (_ranks(np.abs(each)) for each in (one, other))
    size = float(np.sqrt((first @ first) * (second @ second)))
    return round(float(first @ second) / size, 12) if size > 0 else 0.0


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Less their mean; of equal values the mean rank."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    mean = np.cumsum(times) - (times - 1) / 2
    ranks = mean[place].astype(np.float64)
    return ranks - ranks.mean() if len(ranks) else ranks


def agreement(found: Weighed, others: Sequence[Answer], text: str, output: int, *, until: float) -> float | None:
    """How like the marks of shuffled copies are: a mean rank correlation; None of a text with hardly any words."""
    if len(found.words) < FEWEST or not others:
        return None
    lacking = [text, *(without(text, [word]) for word in found.words)]
    same: list[float] = []
    for answer in others:
        said = asked(answer, lacking, until)[:, output].astype(np.float64)
        same.append(sameness(found.change(output), said[0] - said[1:]))
    return float(np.mean(same))


@dataclass(frozen=True)
class Explanation:
    """An answer, and the words that it rests on."""

    prediction: Prediction
    of: str
    output: int
    text: str
    found: Weighed
    least: float
    agreement: float | None

    def as_json(self) -> dict[str, Any]:
        """Beside the answer; places count in letters (code points) of `text`."""
        told = [
            {"start": start, "end": end, "change": round(float(change), 6)}
            for word, change in zip(self.found.words, self.found.change(self.output), strict=True)
            for start, end in word.places
        ]
        return {
            "of": self.of,
            "text": self.text,
            "words": sorted(told, key=lambda one: one["start"]),
            "least": self.least,
            "asked": len(self.found.words),
            "different": self.found.n_words,
            "agreement": None if self.agreement is None else round(self.agreement, 3),
        }


def explained(target: Target, row_K: NDArray[Any]) -> int:
    """Which output is explained: the most probable category, or the first number."""
    return 0 if isinstance(target, NumberTarget) else int(np.argmax(row_K))


def least_of(target: Target, output: int) -> float:
    """The smallest change that is one."""
    return LEAST * (target.std[output] if isinstance(target, NumberTarget) else 1.0)


def answer_with(spec: InputSpec, activated: Callable[..., NDArray[Any]]) -> Answer:
    """What says the outputs of texts, of a description of texts and what answers its views."""

    def answer(texts: Sequence[str]) -> NDArray[Any]:
        return activated(*spec.stack([spec.view((encoded(text),)) for text in texts]))

    return answer


def encoded(text: str) -> NDArray[np.uint8]:
    """A text as it is loaded."""
    return np.frombuffer(text.encode("utf-8", "replace"), np.uint8)


def decoded(loaded: NDArray[np.uint8]) -> str:
    """A text that was loaded."""
    return loaded.tobytes().decode("utf-8", "replace")


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one text and mark the words that the answer rests on; costs an answer for each word, and the check.

    Args:
        model: What to ask.
        data: The text as it was sent.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        loaded = model.load(model.admit(data))
    except Refusal as refusal:
        return refusal
    predictor = model.predictor
    spec, target = predictor.reader, predictor.target
    text = decoded(loaded[0])
    said = model.say(*spec.stack([spec.view(loaded)]))[0]
    output = explained(target, said.row_K)
    try:
        found = weighed(answer_with(spec, model.activated), text, output=output, until=until)
        same = agreement(found, shuffled_answers(predictor), text, output, until=until)
    except OverdueError:
        return Refusal(504, "the explanation took too long")
    return Explanation(
        said.prediction, target.output_names[output], output, text, found, least_of(target, output), same
    )


def shuffled_answers(predictor: Any) -> list[Answer]:
    """Copies of a model with shuffled parameters, where they can be had."""
    engines: Sequence[Any] = getattr(predictor, "shuffled", tuple)()
    return [
        answer_with(predictor.reader, lambda *views, run=engine: predictor.target.activate(run(*views)))
        for engine in engines
    ]
