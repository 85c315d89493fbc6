"""Rows of a table in training: a network on numbers, names, and cross-fitted statistics of columns and of pairs.

A row's statistics must not know its own target: in training they are those of the other folds, and a row's fold is
found by its contents, so that copies share one.

Legend: N rows, B of them in a batch, Q columns of names, J pairs, V codes of all of them, S statistics of one code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.data.inputs import Cells
from drivetrain.errors import ModelError
from drivetrain.kinds.tables.encoding import fit_statistics, fold_tables, folds_of, strongest_pairs, told_numbers
from drivetrain.kinds.tables.fitting import describe, with_pairs
from drivetrain.kinds.tables.network import Body, Intake, Members, row_keys
from drivetrain.kinds.tables.spec import UNKNOWN, Spec
from drivetrain.kinds.tables.word_fitting import crossed_words, words_decision
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import counted, does

Floats = NDArray[np.float64]

OWN_HEAD = True
ARCH = "tabular"
"""The one there is."""
MEMBERS, WIDTH, LAYERS = 8, 256, 2
NAME_DROPOUT = 0.1
"""Share of the names that training reads as unknown ones."""
MOST_SEEN = 600_000
"""Combinations of names in all pairs of columns, which the description of the rows lists."""
FEW = 32
"""Codes of a column, up to which the network itself finds out what two columns say together."""
ROWS_FOR_PAIRS = 60_000
"""Training rows among which pairs are looked for."""
FARTHEST_LOGIT = 9.0


def usual(data: Data) -> dict[str, Decision]:
    """What is done where nothing was asked for: batches, rate, label smoothing, and which epoch's parameters are kept.

    Example:
        ::

            usual(data)["batch_size"].value  # 256 of 30,000 rows
    """
    n = len(data.train)
    size = int(2 ** np.clip(np.round(np.log2(max(n, 1) / 100)), 4, 8)) if n < 1_000_000 else 1024
    return {
        "batch_size": Decision(value=size, reason=f"{counted(n, 'training row')} of a table"),
        "label_smoothing": Decision(value=0.0, reason="probabilities of a table's rows are to be frequencies"),
        "lr": Decision(value=3e-3, reason="the default of tables"),
        "kept epoch": Decision(value="best", reason="the least loss on the validation rows"),
    }


def prepare(data: Data, *, arch: str | None, pretrained: bool, augment: bool, dropout: float) -> TableKind:
    """A network with random parameters, and the statistics of these data's training rows.

    Args:
        data: Of the kind `table`.
        arch: None, or "tabular".
        pretrained: Without effect: every table is its own.
        augment: Let names be unknown now and then.
        dropout: Behind each hidden layer.

    Raises:
        ModelError: There is no such network.
    """
    if arch not in (None, ARCH):
        raise ModelError(f"there is no network {arch!r} for tables; expected {ARCH!r}. To fix: leave arch out.")
    said = told_numbers(data.target, data.train.values)
    spec, decisions = _with_pairs(data, describe(data), said)
    options = {"heads": MEMBERS, "hidden_size": WIDTH, "num_layers": LAYERS, "dim_out": said.shape[1] + 1}
    built = _built(spec, options, data.target.n_outputs, dropout)
    architecture = Architecture(
        name=ARCH, options=options, pretrained_from=None, features=built[1].features, dropout=dropout
    )
    chosen = Decision(value=ARCH, reason="the only one")
    decisions = {"arch": chosen, **decisions, **words_decision(spec)}
    kind = TableKind(spec, architecture, decisions, built, augment=augment)
    kind.tell(data, said, first=True)
    return kind


def restore(manifest: Manifest, *, data: Data, augment: bool) -> TableKind:
    """Of a saved model: its network with random parameters, and the statistics by folds of the rows that are there."""
    spec, architecture = cast(Spec, manifest.input), manifest.architecture
    said = told_numbers(data.target, data.train.values, width=int(architecture.options["dim_out"]) - 1)
    built = _built(spec, architecture.options, data.target.n_outputs, architecture.dropout)
    chosen = manifest.decisions.get("arch", Decision(value=architecture.name, reason="as saved"))
    kind = TableKind(spec, architecture, {"arch": chosen}, built, augment=augment)
    kind.tell(data, said, first=False)
    return kind


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Intake, body and head of a saved model, with random parameters."""
    return _built(spec, architecture.options, n_outputs, architecture.dropout)


class TableKind:
    """A `TrainingKind`: see there."""

    def __init__(
        self,
        spec: Spec,
        architecture: Architecture,
        decisions: Mapping[str, Decision],
        built: tuple[Intake, Body, Members],
        *,
        augment: bool,
    ) -> None:
        self.spec, self.architecture, self.decisions = spec, architecture, dict(decisions)
        self.intake, self.body, self.head = built
        self.depth = {name: 1.0 for name, _ in self.body.named_parameters()}
        self.n_draws = max(1, len(spec.categories))
        self._drop = NAME_DROPOUT if augment else 0.0
        self._tables = torch.zeros(1, 0, 1)
        """(folds, V, S) of the rows outside each fold."""
        self._keys = torch.zeros(0, dtype=torch.int64)
        self._folds = torch.zeros(0, dtype=torch.int64)
        """Of each content in `_keys`, which increase."""
        self._words = torch.zeros(0, len(spec.word_numbers))
        """Of each content in `_keys`, what the other folds say of its words."""

    def tell(self, data: Data, said: Floats, *, first: bool) -> None:
        """Learn the statistics of the training rows: those of each fold, and where they are new those of all.

        Args:
            data: Whose training rows they are.
            said: (N, S − 1) what is predicted, as numbers.
            first: Whether the network is new; of a saved one its own statistics of all rows stay.
        """
        if not self.spec.n_codes:
            return
        views = self.spec.view_many(self.spec.load_many(cast(Cells, data.train.inputs).columns))
        codes, sizes = cast("NDArray[np.int64]", views[-1]), self.spec.n_codes
        folds = folds_of(len(codes), data.train.groups, seed=data.split.seed)
        folds = self._fold(views, folds, crossed_words(self.spec, data))
        found, crossed = fit_statistics(codes, sizes, said, folds)
        by_fold = fold_tables(codes, sizes, said, folds, found.weights)
        shares = not isinstance(data.target, NumberTarget)
        self._tables = torch.from_numpy(np.stack([_scaled(table, shares) for table in by_fold]))
        if not first:
            return
        told = _scaled(crossed.reshape(len(codes), len(sizes), -1), shares).reshape(len(codes), -1)
        with torch.no_grad():
            self.intake.table.copy_(torch.from_numpy(_scaled(np.concatenate(found.tables), shares)))
            self.body.center.copy_(torch.from_numpy(told.mean(axis=0)))
            self.body.scale.copy_(torch.from_numpy(np.maximum(told.std(axis=0), 1e-3)))

    def _fold(self, views: Arrays, folds: NDArray[np.int64], words: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) the fold of each row: of rows with the same contents that of the first."""
        keys, first, place = np.unique(
            row_keys([torch.from_numpy(view) for view in views]).numpy(), return_index=True, return_inverse=True
        )
        self._keys, self._folds = torch.from_numpy(keys), torch.from_numpy(folds[first])
        self._words = torch.from_numpy(words[first])
        return folds[first][place.reshape(-1)]

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """The views of these rows."""
        raw, codes = (np.stack(column) for column in zip(*loaded, strict=True))
        return tuple(map(torch.from_numpy, self.spec.view_many((raw, codes))))

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """What the body reads in training: statistics of the other folds, and some names as unknown ones."""
        if not self.spec.n_codes:
            return batch
        codes = batch[-1]
        at = codes + self.intake.start
        content = self._content_of(batch)
        folds = self._folds.to(codes.device)[content]
        told = self._tables.to(codes.device)[folds.unsqueeze(1), at]
        n = len(self.spec.categories)
        dropped = draws[:, :n].to(codes.device) < self._drop
        own = torch.where(dropped, torch.full_like(codes[:, :n], UNKNOWN), codes[:, :n])
        numbers = batch[:-1]
        if width := self._words.shape[1]:
            words = self._words.to(codes.device)[content]
            numbers = (torch.cat([batch[0][:, : batch[0].shape[1] - width], words], dim=1),)
        return (*numbers, torch.cat([own, codes[:, n:]], dim=1), told.flatten(1))

    def _content_of(self, batch: tuple[Tensor, ...]) -> Tensor:
        """(B,) the place of each row's contents among those of the training rows."""
        keys = self._keys.to(batch[0].device)
        return torch.searchsorted(keys, row_keys(batch)).clamp(max=len(keys) - 1)


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _built(spec: Spec, options: Mapping[str, Any], n_outputs: int, dropout: float) -> tuple[Intake, Body, Members]:
    """By the options of an architecture: members, width and number of hidden layers, and S."""
    members, width, layers, n_told = (
        _size(options, name) for name in ("heads", "hidden_size", "num_layers", "dim_out")
    )
    body = Body(spec, n_told)
    head = Members(body.features, n_outputs, members=members, width=width, layers=layers, dropout=dropout)
    return Intake(spec, n_told), body, head


def _size(options: Mapping[str, Any], name: str) -> int:
    value = options.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError(
            f"the network of a table has {name}={value!r}; expected a whole number of at least 1. To fix: get the "
            "model again from whoever made it, or save it anew."
        )
    return value


def _with_pairs(data: Data, spec: Spec, said: Floats) -> tuple[Spec, dict[str, Decision]]:
    """The description with pairs of columns of many names, the strongest where there are too many pairs."""
    many = [at for at, column in enumerate(spec.categories) if column.n_codes > FEW]
    if len(many) < 2:
        return spec, {}
    rows = np.arange(len(data.train))
    if len(rows) > ROWS_FOR_PAIRS:
        rows = np.sort(np.random.default_rng(data.split.seed).choice(rows, ROWS_FOR_PAIRS, replace=False))
    some = data.train.subset(rows.tolist())
    codes = spec.load_many(cast(Cells, some.inputs).columns)[1][:, many]
    folds = folds_of(len(rows), some.groups, seed=data.split.seed)
    sizes = [spec.n_codes[at] for at in many]
    found = strongest_pairs(codes, sizes, said[rows], folds)
    names = [spec.categories[at].name for at in many]
    pairs = [(names[first], names[second]) for first, second in found]
    made = with_pairs(spec, pairs, cast(Cells, data.train.inputs).columns)
    within = np.cumsum([len(pair.seen) for pair in made.pairs]) <= MOST_SEEN
    kept = tuple(pair for pair, fits in zip(made.pairs, within, strict=True) if fits)
    told = ", ".join(f"{pair.first} × {pair.second}" for pair in kept[:4]) or "none"
    reason = f"columns of more than {FEW} names, two at a time, those first that tell most together: {told}"
    if len(kept) < len(made.pairs):
        gone = len(made.pairs) - len(kept)
        reason += f"; {gone} {does(gone, 'are')} left out: more than {MOST_SEEN:,} combinations"
    return made.model_copy(update={"pairs": kept}), {"pairs": Decision(value=len(kept), reason=reason)}


def _scaled(table: NDArray[np.float32], shares: bool) -> NDArray[np.float32]:
    """(…, S) statistics as the network reads them: shares as logarithms of odds."""
    if not shares:
        return table
    means = np.clip(table[..., :-1].astype(np.float64), 1e-9, 1 - 1e-9)
    odds = np.clip(np.log(means) - np.log1p(-means), -FARTHEST_LOGIT, FARTHEST_LOGIT)
    return np.concatenate([odds, table[..., -1:]], axis=-1).astype(np.float32)
