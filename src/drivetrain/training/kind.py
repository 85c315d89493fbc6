"""What training asks of a kind of input, and how its face `training` is found."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import face, kind_name
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.settings import shown
from drivetrain.training.network import Network

if TYPE_CHECKING:
    from drivetrain.data.data import Data


class TrainingKind(Protocol):
    """A kind of input together with a network's body that reads it.

    The face `training` of a kind has three functions that make one, and may have more:

    * ``prepare(data, *, arch, pretrained, augment, dropout, ...) -> TrainingKind``, which may take further options by
      name, such as `size_px`; one that it does not take is refused where somebody asks for it;
    * ``restore(manifest, *, data, augment) -> TrainingKind``: of a saved model, its body with random parameters;
    * ``rebuild(spec, architecture, n_outputs) -> (intake, body, head)``: the same without data; `head` as below;
    * ``asked_augmentation(augment)``: what `augment=` means; without it True or False;
    * ``usual(data) -> mapping of decisions``: what is done where nothing was asked for, among "batch_size", "lr",
      "label_smoothing", and "kept epoch" ("best": that of the least validation loss); without it as for pictures;
    * ``OWN_HEAD``: True where `rebuild` gives a head, so that the usual one is not looked for in a saved model;
    * ``UNTRAINED``: name of a body that can always be had and has not learnt from anybody's data: the linear probe
      stands on it where the model's own body was not pretrained.

    Instead of these a face may have ``BODIES`` alone, see `drivetrain.training.plain.PlainTraining`. A `TrainingKind`
    may have ``drawn(batch, draws) -> list of Arrays``: views as `vary` makes them, in the form that the face `show`
    draws; without it the rows are drawn as they are. And ``cut(loaded, draws) -> loaded``: of rows that are long, the
    part that their draws ask for, so that a batch need not hold all of them.
    """

    @property
    def spec(self) -> InputSpec:
        """How the input is read."""
        ...

    @property
    def architecture(self) -> Architecture:
        """How the body is built again."""
        ...

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What was chosen for the input and the body: at least `arch`."""
        ...

    @property
    def intake(self) -> nn.Module:
        """Views (a batch of them, as the spec stacks them) → what the body takes; exported with the network."""
        ...

    @property
    def body(self) -> nn.Module:
        """What the intake gives → (B, features)."""
        ...

    @property
    def head(self) -> nn.Module | None:
        """None: batch norm, dropout and a linear layer, whose best weights can be solved for."""
        ...

    @property
    def depth(self) -> Mapping[str, float]:
        """Body parameter → 0 (nearest the input) to 1 (nearest the head)."""
        ...

    @property
    def n_draws(self) -> int:
        """Uniform random numbers that one training view takes."""
        ...

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """What was loaded, as tensors of one batch, each with a row for every input."""
        ...

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """What the body reads in training: random views, one by row of `draws` (B, n_draws), which lie on the CPU."""
        ...


def training_face(kind: str) -> Any:
    """The face `training` of a kind; of one that names `BODIES` alone, with the rest of it made from these."""
    from drivetrain.training.plain import PlainTraining  # noqa: PLC0415 - which is a TrainingKind

    module = face(kind, "training")
    return module if hasattr(module, "prepare") else PlainTraining(kind_name(kind), module)


def asked_augmentation(data: Data, augment: Any) -> Any:
    """True, False, or settings of the kind's own: what `augment=` means; SettingError where it means nothing."""
    own = getattr(training_face(data.kind), "asked_augmentation", None)
    if own is not None:
        return own(augment)
    if not isinstance(augment, bool):
        raise SettingError(
            f"augment={shown(augment)} means nothing for {kind_name(data.kind)}; expected True or False. "
            "To fix: leave it out."
        )
    return augment


def usual_of(data: Data) -> Mapping[str, Decision]:
    """What a kind does where nothing was asked for; empty where it says nothing."""
    own = getattr(training_face(data.kind), "usual", None)
    return {} if own is None else own(data)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Whether a kind's `prepare` takes what was asked for; None was not.

    Raises:
        SettingError: It does not.

    Example:
        >>> check_options("images", {"size_px": 64, "pitch": 440})
        Traceback (most recent call last):
        drivetrain.errors.SettingError: pitch=440 means nothing for images; expected among arch, ...
    """
    takes = [each for each in inspect.signature(training_face(name).prepare).parameters if each != "data"]
    for option, value in options.items():
        if value is not None and option not in takes:
            asked, own = option.removesuffix("_px"), ", ".join(each.removesuffix("_px") for each in takes)
            raise SettingError(
                f"{asked}={shown(value)} means nothing for {kind_name(name)}; expected among {own}. "
                f"To fix: leave {asked}= out."
            )


def prepare_kind(data: Data, *, arch: str | Manifest | None, augment: Any, **options: Any) -> TrainingKind:
    """Build the body and the input description that suit the data; options as of the kind's `prepare`.

    Of a saved model's manifest instead of an architecture both are what they were, whatever the other options say.

    Raises:
        SettingError: An option was asked for that the kind does not have.
    """
    kind = training_face(data.kind)
    if isinstance(arch, Manifest):
        return kind.restore(arch, data=data, augment=augment)
    takes = inspect.signature(kind.prepare).parameters
    check_options(data.kind, options)
    return kind.prepare(
        data, arch=arch, augment=augment, **{name: value for name, value in options.items() if name in takes}
    )


def rebuild_network(manifest: Manifest) -> Network:
    """The network of a saved model, with random parameters."""
    architecture, n_outputs = manifest.architecture, manifest.target.n_outputs
    intake, body, head = training_face(manifest.input.kind).rebuild(manifest.input, architecture, n_outputs)
    return Network(
        intake, body, features=architecture.features, n_outputs=n_outputs, dropout=architecture.dropout, head=head
    )


def to_device(network: nn.Module, device: torch.device) -> None:
    """Move a network; what convolutions of pictures multiply by is stored channel by channel, as they like it."""
    network.to(device)
    for value in (*network.parameters(), *network.buffers()):
        if value.ndim == 4:
            value.data = value.data.contiguous(memory_format=torch.channels_last)
