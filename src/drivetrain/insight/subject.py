"""What is looked into: a trained network, and rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.data.cache.store import Store
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError, ModelError
from drivetrain.insight.parts import Subject
from drivetrain.kinds.drawn.spec import DrawnSpec
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.pages.html import Html
from drivetrain.runtime.kinds import face
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.settings import whole
from drivetrain.training.fast.inference import for_inference, on_device
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place

MOST_ROWS = 2500
"""Rows looked at where nobody says how many: what a page of 15 MB can show."""


class Trained(Protocol):
    """A `Learner`, as far as it is needed here; of a saved model `Learner.load(path, data=…)`."""

    @property
    def data(self) -> Data:
        """What it was trained on."""
        ...

    network: Network
    kind: TrainingKind
    place: Place
    label: str


def subject_of(trained: Trained, *, rows: int | None = None, seed: int = 0, label: str | None = None) -> Subject:
    """Take up a Learner to look into: a copy of its network that answers in fp32, and its validation rows.

    The sealed test rows are not touched: they are neither listed nor opened.

    Args:
        trained: A Learner; a saved model is taken up by `Learner.load`.
        rows: How many validation rows to look at; of more, so many are drawn by chance, class by class in proportion.
            None takes at most 2,500.
        seed: Of that draw.
        label: What the page calls it; None takes the Learner's.

    Raises:
        DataError: There are no validation rows.
        ModelError: The input is neither a picture nor a sound.
        SettingError: `rows` or `seed` is no whole number in range.

    Example:
        ::

            subject = subject_of(learn)
            subject.rows, subject.picture(0).shape
    """
    most = MOST_ROWS if rows is None else whole("rows", rows, least=1)
    valid, spec = trained.data.valid, trained.kind.spec
    if not len(valid):
        raise DataError(
            f"there are no validation rows to look at: the data hold {len(trained.data.train)} training rows and a "
            "sealed test set, which is opened to judge alone. To fix: make the data with valid_pct=0.2."
        )
    if not isinstance(spec, PictureInput) and not _is_drawn(spec):
        raise ModelError(
            f"inside is shown of pictures and sounds, and this model reads {spec.kind}. Expected a model made with "
            "drivetrain.images or drivetrain.sounds. To fix: none; report says what this model rests on."
        )
    chosen = draw(valid, most, whole("seed", seed, least=0))
    looked_at = valid if len(chosen) == len(valid) else valid.subset(chosen)
    place = trained.place.judging()
    drawn = isinstance(spec, DrawnSpec)
    loader = _DrawnLoader(looked_at, spec, place) if drawn else _Loader(looked_at, spec, place)
    network, _ = for_inference(trained.network, place, loader.views([0]))
    network.frozen = []  # else no gradient would pass a body that was frozen in training
    if drawn:
        network.intake = OneWindow(network.intake)
    return Subject(
        label=trained.label if label is None else label,
        network=network,
        rows=looked_at,
        target=trained.data.target,
        truth=trained.data.target.encode(looked_at.values),
        batch=loader,
        picture=loader.picture,
        size=loader.size,
        device=str(place.device),
        rising=drawn,
        play=loader.player if isinstance(loader, _DrawnLoader) else None,
        notes=loader.notes,
    )


def _is_drawn(spec: InputSpec) -> bool:
    """Whether a kind draws its inputs as pictures that people read, and says how."""
    return isinstance(spec, DrawnSpec) and hasattr(face(spec.kind, "show"), "as_picture")


def draw(rows: Examples, most: int, seed: int = 0) -> NDArray[np.int64]:
    """At most so many rows, in their order: of each value in proportion, by chance within it.

    Example:
        >>> from pathlib import Path
        >>> from drivetrain.data.inputs import Files
        >>> pears = Examples(Files([Path(f"{i}.jpg") for i in range(6)]), values=("pear",) * 4 + ("fig",) * 2)
        >>> [pears.values[i] for i in draw(pears, 3)]
        ['pear', 'pear', 'fig']
    """
    n = len(rows)
    if n <= most:
        return np.arange(n)
    numbers: dict[Any, int] = {}
    value_N = np.array([numbers.setdefault(value, len(numbers)) for value in rows.values])
    shuffled = np.random.default_rng(seed).permutation(n)
    by_value = shuffled[np.argsort(value_N[shuffled], kind="stable")]
    return np.sort(by_value[(np.arange(most) * n) // most])


class OneWindow(nn.Module):
    """An intake that reads one window of each row, (B, 1, C, H, W) → what a body takes as pictures, (B, C, H, W)."""

    def __init__(self, intake: nn.Module) -> None:
        super().__init__()
        self.intake = intake

    def forward(self, windows: Tensor) -> Tensor:
        """(B, C, H, W)."""
        taken = self.intake(windows)
        return taken[:, 0] if taken.ndim == 5 else taken


class _Loader:
    """Row numbers → views on the device, or a picture as people see it."""

    notes: tuple[str, ...] = ()

    def __init__(self, rows: Examples, spec: Any, place: Place) -> None:
        self._store = Store(rows.inputs, spec, digests=rows.digests or None)
        self._spec = spec
        self._place = place

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a view."""
        return self._spec.size_px, self._spec.size_px

    def views(self, rows: Sequence[int]) -> Arrays:
        """A batch of views; raises DataError where a file cannot be read any more."""
        return self._spec.stack([self.view(loaded) for loaded in self.loaded(rows)])

    def view(self, loaded: Arrays) -> Arrays:
        """Of one row."""
        return self._spec.view(loaded)

    def loaded(self, rows: Sequence[int]) -> list[Arrays]:
        """What was loaded of the rows; raises DataError likewise."""
        found: list[Arrays] = []
        for row, loaded in zip(rows, self._store.get([int(row) for row in rows]), strict=True):
            if loaded is None:
                raise DataError(
                    f"{self._store.name(row)} cannot be read any more; expected what it was when the data were made. "
                    "To fix: put it back and look again."
                )
            found.append(loaded)
        return found

    def __call__(self, rows: Sequence[int]) -> tuple[Tensor, ...]:
        """As of `Subject.batch`."""
        return on_device(self.views(rows), self._place)

    def picture(self, row: int) -> NDArray[np.uint8]:
        """As of `Subject.picture`."""
        return as_seen(self.views([row])[0][0])


class _DrawnLoader(_Loader):
    """The same of inputs that are drawn as pictures: of each row the window in its middle."""

    def __init__(self, rows: Examples, spec: Any, place: Place) -> None:
        super().__init__(rows, spec, place)
        self._show = face(spec.kind, "show")
        self.notes = (self._show.AS_PICTURE.format(**spec.model_dump()),)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a view."""
        return self._spec.height_px, self._spec.width_px

    def view(self, loaded: Arrays) -> Arrays:
        """(1, C, H, W) of the window in the middle."""
        return (self._spec.draw(loaded, self._middle(loaded))[None],)

    def picture(self, row: int) -> NDArray[np.uint8]:
        """As of `Subject.picture`."""
        return self._show.as_picture(self.views([row])[0][0, 0])

    def player(self, row: int) -> Html:
        """As of `Subject.play`."""
        [loaded] = self.loaded([row])
        return self._show.window_player(self._spec, loaded, self._middle(loaded))

    def _middle(self, loaded: Arrays) -> int:
        return max(0, self._spec.length(loaded) - self._spec.window()) // 2


def as_seen(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width, 3): a view of any number of channels as people see it.

    Grey and other numbers of channels than 3 or 4 are shown by their mean; of 4 the first three are colours.

    Example:
        >>> as_seen(np.full((2, 2, 1), 7, np.uint8)).shape
        (2, 2, 3)
    """
    channels = pixels_HWC.shape[2]
    if channels in (3, 4):
        return np.ascontiguousarray(pixels_HWC[:, :, :3])
    return np.repeat(pixels_HWC.mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2)
