"""A long sound piece by piece: its windows in order of time, with no more than a few seconds of it in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.drawn.spec import evenly_spread
from drivetrain.kinds.sounds.mel import Samples
from drivetrain.kinds.sounds.reading import at_rate, opened
from drivetrain.runtime.over_time import Piece
from drivetrain.runtime.spec import Arrays

if TYPE_CHECKING:
    from drivetrain.kinds.sounds.spec import SoundInput


class Stretches:
    """A sound that is longer than a window. It is read twice: once for its level and its own view, once for the pieces.

    Args:
        spec: How it is read.
        source: As `SoundInput.load` takes it.

    Raises:
        InputError: It cannot be read to its end, or is silent.
    """

    def __init__(self, spec: SoundInput, source: Any) -> None:
        self.spec, self._source = spec, source
        with opened(source) as sound:
            self.begin = sound.begin_s
            self.length = -(-sound.n_frames * spec.sample_rate // sound.facts.sample_rate)
            self.covered = spec.covers(self.length)
            starts = evenly_spread(self.length, spec.window(), spec.windows).tolist()
            heard = _Peak(at_rate(sound, spec.sample_rate, spec.channel))
            self._whole = list(cut(heard, list(dict.fromkeys(starts)), spec.window()))
            for _ in heard:  # to the end
                pass
        self._starts = starts
        spec.require_sound(heard.peak)
        self._peak = heard.peak

    def whole(self) -> Arrays:
        """What `view` makes of the sound as one row, bit for bit."""
        known = dict(zip(dict.fromkeys(self._starts), self._whole, strict=True))
        drawn = {start: self._picture(part) for start, part in known.items()}
        return (np.stack([drawn[start] for start in self._starts]),)

    @property
    def starts(self) -> list[int]:
        """Where the windows begin, in samples."""
        return self.spec.starts_over_time(self.length)

    def __iter__(self) -> Iterator[Piece]:
        """All windows."""
        return self.only(self.starts)

    def only(self, starts: Sequence[int]) -> Iterator[Piece]:
        """The windows that begin there, in order of time."""
        spec, rate = self.spec, self.spec.sample_rate
        with opened(self._source) as sound:
            parts = cut(at_rate(sound, rate, spec.channel), starts, spec.window())
            for start, part in zip(starts, parts, strict=True):
                begin = self.begin + start / rate
                yield Piece(begin, begin + len(part) / rate, (self._picture(part)[None],))

    def _picture(self, part: Samples) -> NDArray[np.float32]:
        return self.spec.picture(self.spec.as_kept(part, self._peak))


class _Peak:
    """Blocks as they come, and the largest sample of those that have come."""

    def __init__(self, blocks: Iterator[Samples]) -> None:
        self.peak = 0.0
        self._blocks = blocks

    def __iter__(self) -> _Peak:
        return self

    def __next__(self) -> Samples:
        block = next(self._blocks)
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        return block


def cut(blocks: Iterable[Samples], starts: Sequence[int], length: int) -> Iterator[Samples]:
    """The windows of a waveform that comes in blocks, one for each start in order; shorter behind the end.

    Example:
        >>> [part.tolist() for part in cut([np.arange(3.0), np.arange(3.0, 6.0)], [0, 2, 4], 3)]
        [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0]]
    """
    held: Samples = np.zeros(0, np.float32)
    begin, stream = 0, iter(blocks)
    for start in starts:
        while begin + len(held) < start + length and (block := next(stream, None)) is not None:
            held = np.concatenate([held, block])
            past = min(max(0, start - begin), len(held))
            held, begin = held[past:], begin + past
        yield held[start - begin : start - begin + length]
