"""A kind of input in training of which only the bodies are known: the rest is as it is for most kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.errors import ModelError, did_you_mean
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import face
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays, InputSpec, random_views


class PlainIntake(nn.Module):
    """Views as they are: one tensor, or a tuple of them."""

    def forward(self, *views: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The same."""
        return views[0] if len(views) == 1 else views


class PlainKind:
    """A `TrainingKind`: a body that reads what its description stacks, trained from scratch, with the usual head."""

    head = None

    def __init__(
        self,
        spec: InputSpec,
        body: nn.Module,
        architecture: Architecture,
        decisions: Mapping[str, Decision],
        *,
        vary: Any = None,
        n_draws: int = 1,
    ) -> None:
        self.spec, self.body, self.architecture, self.decisions = spec, body, architecture, decisions
        self.intake, self.n_draws, self._vary = PlainIntake(), n_draws, vary
        names = [name for name, _ in body.named_parameters()]
        self.depth = {name: at / max(len(names) - 1, 1) for at, name in enumerate(names)}

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """The views of these rows."""
        return tuple(map(torch.from_numpy, self.spec.stack([self.spec.view(one) for one in loaded])))

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """What the body reads in training."""
        return self._varied(batch, draws)

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """The views of one batch, varied, row by row."""
        varied = [tensor.numpy() for tensor in self._varied(batch, draws)]
        return list(zip(*varied, strict=True))

    def _varied(self, batch: tuple[Tensor, ...], draws: Tensor) -> tuple[Tensor, ...]:
        return batch if self._vary is None else self._vary(batch, draws.to(batch[0].device))


class PlainTraining:
    """The face `training` of a kind that names its bodies, and nothing else.

    * ``BODIES``: name → function of the description that makes a body, a batch of views → (B, features), with random
      parameters; the first is the default.
    * ``describe(data) -> Spec``: how the inputs of these data are read; without it by the settings that were asked for.
    * ``vary(batch, draws) -> batch``: random views for training, by uniform numbers, (B, n_draws); without it the rows
      are learnt as they are. ``n_draws``: how many numbers one takes; without it 1.

    Args:
        kind: Of the input.
        module: Which has these.
    """

    def __init__(self, kind: str, module: Any) -> None:
        self.kind, self.module = kind, module
        if not getattr(module, "BODIES", None):
            raise ModelError(
                f"{module.__name__} says nothing of how {kind} are learnt; expected prepare, restore and rebuild, or "
                "BODIES. To fix: name at least one body."
            )

    def prepare(self, data: Data, *, arch: str | None, pretrained: bool, augment: bool, dropout: float) -> PlainKind:
        """A body with random parameters; the kind has no others, also where pretrained ones are asked for."""
        spec = self._described(data)
        names = list(self.module.BODIES)
        body = self._body(arch or names[0], spec)
        with torch.no_grad():
            features = body.eval()(PlainIntake()(*map(torch.from_numpy, random_views(spec.signature(), 2)))).shape[1]
        body.train()
        architecture = Architecture(
            name=arch or names[0], pretrained_from=None, features=int(features), dropout=dropout
        )
        only = "the only one" if len(names) == 1 else "the default"
        reason = only if arch is None else "as asked"
        return self._made(spec, body, architecture, {"arch": Decision(value=architecture.name, reason=reason)}, augment)

    def restore(self, manifest: Manifest, *, data: Data, augment: bool) -> PlainKind:
        """Of a saved model."""
        architecture, spec = manifest.architecture, manifest.input
        chosen = manifest.decisions.get("arch", Decision(value=architecture.name, reason="as saved"))
        return self._made(spec, self._body(architecture.name, spec), architecture, {"arch": chosen}, augment)

    def rebuild(self, spec: InputSpec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
        """Intake, body and the usual head."""
        return PlainIntake(), self._body(architecture.name, spec), None

    def _made(
        self,
        spec: InputSpec,
        body: nn.Module,
        architecture: Architecture,
        decisions: Mapping[str, Decision],
        augment: bool,
    ) -> PlainKind:
        vary = getattr(self.module, "vary", None) if augment else None
        return PlainKind(spec, body, architecture, decisions, vary=vary, n_draws=getattr(self.module, "n_draws", 1))

    def _described(self, data: Data) -> InputSpec:
        if hasattr(self.module, "describe"):
            return self.module.describe(data)
        made = face(self.kind, "spec").Spec
        return made(**{name: value for name, value in data.options.items() if name in made.model_fields})

    def _body(self, name: str, spec: InputSpec) -> nn.Module:
        known = self.module.BODIES
        if name not in known:
            raise ModelError(
                f"there is no body {name!r} for {self.kind}; expected one of {', '.join(map(str, known))}."
                f"{did_you_mean(name, known)} To fix: name one of these, or leave arch out."
            )
        return known[name](spec)
