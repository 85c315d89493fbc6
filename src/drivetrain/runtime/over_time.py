"""Answers with times: what is long is answered piece by piece, and pieces with one answer become a span."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.spec import Arrays, InputSpec, source_of
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target

AT_ONCE = 16
"""Pieces that go through the network together."""


class TimeSpan(NamedTuple):
    """From when to when a label holds in a long input.

    Example:
        >>> str(TimeSpan(3.2, 4.1, "bark", 0.93))
        'bark 3.2–4.1 (.93)'
    """

    start: float
    """In the unit of the kind: seconds."""
    end: float
    label: str
    probability: float
    """Mean over the pieces that it is made of."""

    def __str__(self) -> str:
        share = f"{self.probability:.2f}".removeprefix("0")
        return f"{self.label} {self.start:.4g}–{self.end:.4g} ({share})"


class Piece(NamedTuple):
    """A window of a long input."""

    start: float
    end: float
    view: Arrays
    """As of a row that holds nothing else."""


class Pieces(Protocol):
    """A long input: what `stretches(source)` of a description of inputs gives, which may have this method.

    It is None for an input that is no longer than one window.
    """

    covered: bool
    """Whether the view of the whole leaves nothing of the input out: then the answer to it is the answer."""

    def whole(self) -> Arrays:
        """The view of the whole input as one row."""
        ...

    def __iter__(self) -> Iterator[Piece]:
        """Its windows in order of time, made as they are asked for."""
        ...


def read_row(spec: InputSpec, source: Any) -> tuple[Arrays, Pieces | None]:
    """The view of an input as a row, and its pieces where it is longer than the network reads at once.

    Raises:
        InputError: It cannot be read.
    """
    stretches = getattr(spec, "stretches", None)
    if stretches is None:
        return spec.view(spec.load(source)), None
    source = source_of(spec, source)
    pieces: Pieces | None = stretches(source)
    return (spec.view(spec.load(source)), None) if pieces is None else (pieces.whole(), pieces)


def times_and_outputs(
    pieces: Pieces, run: Callable[[list[Arrays]], NDArray[np.float32]]
) -> tuple[list[tuple[float, float]], NDArray[np.float32]]:
    """Begin and end of each piece, and what the network says of it, (N, K).

    Args:
        pieces: Of an input.
        run: The network, for a few views at a time.
    """
    times: list[tuple[float, float]] = []
    outputs: list[NDArray[np.float32]] = []
    stream = iter(pieces)
    while few := list(itertools.islice(stream, AT_ONCE)):
        times += [(piece.start, piece.end) for piece in few]
        outputs.append(run([piece.view for piece in few]))
    return times, np.concatenate(outputs)


def answer_of(
    pieces: Pieces, run: Callable[[list[Arrays]], NDArray[np.float32]]
) -> tuple[NDArray[np.float32], list[tuple[float, float]], NDArray[np.float32]]:
    """The answer to a long input, (1, K) raw outputs, and that of each of its pieces with its times.

    Of an input that its view as a row covers, the answer is that of the row. Else it is the mean over all pieces: a
    head is linear, so that its answer to the mean of what a body sees is the mean of its answers.

    Args:
        pieces: Of an input.
        run: The network, for a few views at a time.
    """
    times, outputs_NK = times_and_outputs(pieces, run)
    if pieces.covered:
        return run([pieces.whole()]), times, outputs_NK
    return outputs_NK.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32), times, outputs_NK


def spans_of(target: Target, times: Sequence[tuple[float, float]], activated_NK: NDArray[Any]) -> tuple[TimeSpan, ...]:
    """What holds from when to when.

    Each piece speaks for the time around its middle, up to half the way to its neighbours'; neighbours of one label are
    joined. With several labels a span stands for each that is at or above the threshold; numbers have none.

    Args:
        target: Of the model.
        times: Begin and end of each piece, in order.
        activated_NK: Probabilities of each.

    Example:
        >>> target = CategoryTarget(name="sound", vocab=("bark", "none"))
        >>> found = spans_of(target, [(0, 1), (0.5, 1.5), (1, 2)], np.array([[0.1, 0.9], [0.8, 0.2], [0.9, 0.1]]))
        >>> [str(span) for span in found]
        ['none 0–0.75 (.90)', 'bark 0.75–2 (.85)']
    """
    if isinstance(target, NumberTarget) or not times:
        return ()
    middles = [(start + end) / 2 for start, end in times]
    edges = [times[0][0], *((a + b) / 2 for a, b in itertools.pairwise(middles)), times[-1][1]]
    probs = np.asarray(activated_NK)
    if isinstance(target, CategoryTarget):
        holds = probs.argmax(axis=1)[:, None] == np.arange(probs.shape[1])
    else:
        holds = probs >= target.threshold
    found: list[TimeSpan] = []
    for k, label in enumerate(target.vocab):
        change = np.flatnonzero(np.diff(np.concatenate([[False], holds[:, k], [False]]).astype(np.int8)))
        for first, behind in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
            mean = float(probs[first:behind, k].mean())
            found.append(TimeSpan(round(edges[first], 6), round(edges[behind], 6), label, mean))
    return tuple(sorted(found))


TimeSpan.__module__ = "drivetrain"  # where people find it, so that messages and help say so
