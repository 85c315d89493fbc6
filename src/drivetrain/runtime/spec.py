"""What the ground floor asks of the description of an input, whatever its kind; no library of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]
"""One row's input, or a batch of them: one array per input of the network."""


class TensorSpec(NamedTuple):
    """One input of the network, for one row."""

    name: str
    dtype: str
    """As numpy names it: "uint8", "float32", "int64"."""
    shape: tuple[int | None, ...]
    """Of one row, without the batch; None: any length."""


class InputSpec(Protocol):
    """How a source becomes what the network reads; a frozen pydantic model, whose JSON is in the manifest.

    Two steps, so that training can make its own views between them: ``source ── load ──▶ loaded ── view ──▶ view``.
    """

    @property
    def kind(self) -> str:
        """The tag by which a manifest names the kind; see `drivetrain.runtime.kinds`."""
        ...

    def load(self, source: Any, /) -> Arrays:
        """Decode a row once; what may be cached. Raises InputError."""
        ...

    def view(self, loaded: Arrays, /) -> Arrays:
        """What the network reads when it is judged and when it answers."""
        ...

    def signature(self) -> tuple[TensorSpec, ...]:
        """The inputs of the network: what export, ONNX Runtime, the trial and the service's protocol read."""
        ...

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """A batch of views, padded where their shapes differ."""
        ...

    def cache_key(self) -> str | None:
        """All that `load` depends on besides the source; None: loading is cheap, and nothing is kept."""
        ...

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """A golden example as a file: its bytes and its suffix, which `load` reads back."""
        ...

    def statistics(self, loaded: Arrays, /) -> dict[str, float]:
        """Numbers by which a service is watched."""
        ...

    def files(self) -> Mapping[str, bytes]:
        """Further files of the artefact, such as a vocabulary."""
        ...
