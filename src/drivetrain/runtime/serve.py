"""What a service asks of a kind of input; its face `serve` gives it. A kind without one gets JSON in and JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from drivetrain.runtime.refusals import Refusal


class Admitted(Protocol):
    """A request's input that may be decoded."""

    @property
    def data(self) -> bytes:
        """As it was sent."""
        ...

    @property
    def suffix(self) -> str:
        """Of a file that holds it."""
        ...

    @property
    def large(self) -> bool:
        """Decoded in a process of its own, one at a time."""
        ...


class Asked(Protocol):
    """The model of a service, as an explanation asks it; `drivetrain.serving.model.Model` is one."""

    predictor: Any

    def admit(self, data: bytes, /) -> Any:
        """Raises Refusal."""
        ...

    def load(self, admitted: Any, /) -> Any:
        """What the spec loads of it; raises Refusal."""
        ...

    def pieces(self, admitted: Any, /) -> Any:
        """What the spec's `stretches` gives of it: of what its view as a row does not cover; else None."""
        ...

    def say(self, *views: NDArray[Any]) -> Sequence[Any]:
        """Answers for a batch of views."""
        ...

    def say_over_time(self, pieces: Any, /, *, until: float = ...) -> Any:
        """The answer to a long input; raises Refusal."""
        ...

    def activated(self, *views: NDArray[Any]) -> NDArray[Any]:
        """(N, K) probabilities, or values in the user's units."""
        ...


class Explanation(Protocol):
    """What an answer rests on."""

    @property
    def prediction(self) -> Any:
        """The answer."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """What is said beside it."""
        ...


@dataclass(frozen=True)
class Call:
    """A further route of a kind: a question as JSON, an answer as plain data."""

    answer: Callable[[Any, bytes], Any]
    """(the model of the service, the body) → plain data; raises Refusal."""
    gives: Any
    """A pydantic model, or list of one, of the answer, for the documentation."""
    said: str
    """What it is for, likewise."""


class ServeKind(Protocol):
    """A kind of input in a service. A module may be one: these are then its functions and constants.

    Beyond these it may have ``explain(model, data, *, until) -> Explanation | Refusal``, with a pydantic model
    ``Explained`` of what `Explanation.as_json` gives; without it nothing is explained. And ``rows(data, media_type)``,
    the inputs of a body that holds several, as bytes; None of a body that holds one. They are answered together. And
    ``CALLS``, path → `Call`, what can be asked of such a model beside predictions; ``MICROPHONE``: True where its page
    records and plays sounds, which browsers are then told to allow.
    """

    NOUN: str
    """What one input is called: "picture"."""
    MEDIA_TYPES: tuple[str, ...]
    """Of a body that holds one input, beside those that say nothing."""
    REFUSED: str
    """What status 415 means, for the documentation."""
    ENCODED: str
    """Name of the encoded input in the Open Inference Protocol, as BYTES."""
    EXAMPLES: tuple[str, str]
    """Names of two files that could be sent."""
    PAGE: Any
    """Folder, as of `importlib.resources`, with `page.js` and pieces of the frame (see `serving/page`)."""

    def admit(self, data: bytes, limits: Any, spec: Any, /) -> Admitted:
        """Look at an input before it is decoded; raises Refusal (413, 415, 422)."""
        ...

    def source(self, admitted: Any, /) -> Any:
        """What the spec's `load` reads; raises Refusal."""
        ...

    def about(self, spec: Any, /) -> Mapping[str, Any]:
        """What the page says of the input."""
        ...


def too_many_bytes(noun: str, most: int) -> Refusal:
    """413 for one input."""
    return Refusal(413, f"the {noun} has more than {most:,} bytes")
