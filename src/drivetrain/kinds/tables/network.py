"""The network that reads rows of a table: what stands below its face `training`, and knows torch.

Legend: B rows, P numbers, T bins, Q columns of names, J pairs of them, S statistics of one code, F features, M members,
K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.kinds.tables.spec import FIRST, CategoryColumn, NumberColumn, Spec
from drivetrain.runtime.targets import Array

BINS_OF_PARTS = 12
"""Of what is read of a date beside the days: where it lies in the year, the week, the day, from -1 to 1."""
NUMBER_WIDTH, FEW_WIDTH, MANY_NUMBERS = 12, 4, 64
"""Numbers that stand for each number; of more than so many columns fewer."""
FASTER = 8.0
"""Steps of the optimiser change what stands for a number by so many times more than what stands for a name: a bin is
read by few rows (Adult, 8 epochs, validation: log loss .280 with 4, .284 with 1)."""
WIDEST = 16
"""Numbers that stand for a name, at most."""
LEAST_ROWS = 5
"""Training rows below which a name has no place of its own: it is read as an unknown one, which so is trained too."""
MOST_PLACED = 20_000
"""Names of one column that have a place of their own; the statistics tell of all."""
FARTHEST = 5.0
"""Standardised statistics are cut there."""


class Intake(nn.Module):
    """Views → what the body takes: the same, and what the target was like where each code occurred.

    Args:
        spec: Whose views they are.
        n_told: S, of each code.
    """

    table: Tensor
    start: Tensor

    def __init__(self, spec: Spec, n_told: int) -> None:
        super().__init__()
        self.has_numbers = bool(spec.number_names)
        sizes = spec.n_codes
        self.n_codes = sum(sizes)
        self.register_buffer("start", torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()]) if sizes else torch.zeros(0))
        self.register_buffer("table", torch.zeros(self.n_codes, n_told))

    def forward(self, *views: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(numbers, codes, statistics), whichever there are."""
        if not self.n_codes:
            return views[0]
        codes = views[-1]
        return (*views, self.table[codes + self.start].flatten(1))


class Numbers(nn.Module):
    """Each number as a piecewise-linear function of itself, constant beyond what training saw; a gap as its own value.

    Source: Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning (2022), arXiv:2203.05556,
    section 3.2; the bins end at quantiles of the training rows.

    Args:
        knots: Of each number, where its bins end, increasing.
        width: Numbers that stand for one.
    """

    low: Tensor
    length: Tensor

    def __init__(self, knots: Sequence[Sequence[float]], width: int) -> None:
        super().__init__()
        bins = max(1, *(len(each) - 1 for each in knots))
        low, length = torch.full((len(knots), bins), 1e30), torch.ones(len(knots), bins)
        for at, each in enumerate(knots):
            ends = torch.tensor(each, dtype=torch.float32)
            low[at, : len(ends) - 1] = ends[:-1]
            length[at, : len(ends) - 1] = (ends[1:] - ends[:-1]).clamp_min(1e-6)
        self.register_buffer("low", low)
        self.register_buffer("length", length)
        spread = bins**-0.5 / FASTER
        self.weight = nn.Parameter(torch.empty(len(knots), bins + 1, width).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.empty(len(knots), width).uniform_(-spread, spread))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, P) → (B, P·width)."""
        gap = torch.eq(numbers, numbers).logical_not()  # NaN alone is not itself; files may not hold ONNX's IsNaN
        known = torch.where(gap, torch.zeros_like(numbers), numbers)
        filled = ((known.unsqueeze(2) - self.low) / self.length).clamp(0.0, 1.0)
        filled = torch.where(gap.unsqueeze(2), torch.zeros_like(filled), filled)
        read = torch.cat([filled, gap.unsqueeze(2).to(filled.dtype)], dim=2)
        by_column = torch.matmul(read.transpose(0, 1), self.weight).transpose(0, 1)
        return FASTER * (by_column + self.bias).flatten(1)


class Names(nn.Module):
    """Each name as a place; names of few training rows share that of the unknown one.

    Args:
        columns: Of categories.
    """

    def __init__(self, columns: Sequence[CategoryColumn]) -> None:
        super().__init__()
        self.places = [placed(column) for column in columns]
        self.tables = nn.ModuleList(nn.Embedding(n, width_of(n)) for n in self.places)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.3)  # pyright: ignore[reportArgumentType]

    def forward(self, codes: Tensor) -> Tensor:
        """(B, Q + J) → (B, sum of the widths)."""
        found: list[Tensor] = []
        for at, (table, n) in enumerate(zip(self.tables, self.places, strict=True)):
            own = codes[:, at]
            found.append(table(torch.where(own < n, own, torch.zeros_like(own))))
        return torch.cat(found, dim=1)


class Body(nn.Module):
    """What the intake gives → (B, F): numbers, names and standardised statistics beside each other.

    Args:
        spec: Of the rows.
        n_told: S.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, spec: Spec, n_told: int) -> None:
        super().__init__()
        n_numbers, n_codes = len(spec.number_names), len(spec.n_codes)
        width = NUMBER_WIDTH if n_numbers <= MANY_NUMBERS else FEW_WIDTH
        self.numbers = Numbers(knots_of(spec), width) if n_numbers else None
        self.names = Names(spec.categories) if n_codes else None
        self.register_buffer("center", torch.zeros(n_codes * n_told))
        self.register_buffer("scale", torch.ones(n_codes * n_told))
        self.features = n_numbers * width + n_codes * n_told
        self.features += sum(map(width_of, self.names.places)) if self.names is not None else 0

    def forward(self, *given: Tensor) -> Tensor:
        """(numbers, codes, statistics), whichever there are → (B, F)."""
        parts: list[Tensor] = []
        if self.numbers is not None:
            parts.append(self.numbers(given[0]))
        if self.names is not None:
            codes, told = given[-2], given[-1]
            parts += [self.names(codes), ((told - self.center) / self.scale).clamp(-FARTHEST, FARTHEST)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class Members(nn.Module):
    """M networks in one: all share their layers, and each scales the features its own way and has its own outputs.

    In training each row is answered by one member, drawn anew each time, so that the loss is in the mean the mean of
    the members' losses; else by the mean of all.

    Source: Gorishniy et al., TabM (2024), arXiv:2410.24210, TabM-mini.

    Args:
        features: F.
        n_outputs: K.
        members: M.
        width: Of the hidden layers.
        layers: How many of these.
        dropout: Behind each of them.
    """

    def __init__(self, features: int, n_outputs: int, *, members: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.normal(1.0, 0.5, (members, features)))
        made: list[nn.Module] = []
        for at in range(layers):
            made += [nn.Linear(features if at == 0 else width, width), nn.ReLU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*made)
        self.weight = nn.Parameter(torch.empty(members, width, n_outputs).normal_(std=0.3 * width**-0.5))
        self.bias = nn.Parameter(torch.zeros(members, 1, n_outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) → (B, K)."""
        if self.training:
            order = torch.randperm(len(features), device=features.device)
            shares = order.tensor_split(len(self.scales))
            scaled = [features[rows] * scale for rows, scale in zip(shares, self.scales, strict=True)]
            hidden = self.hidden(torch.cat(scaled)).split([len(rows) for rows in shares])
            said = [each @ weight + bias for each, weight, bias in zip(hidden, self.weight, self.bias, strict=True)]
            return torch.cat(said)[order.argsort()]
        hidden = self.hidden(features.unsqueeze(0) * self.scales.unsqueeze(1))
        return (torch.matmul(hidden, self.weight) + self.bias).mean(dim=0)

    @torch.no_grad()
    def start_from(self, outputs: Array) -> None:
        """Begin near these outputs, (K,), whatever the rows are."""
        self.bias.copy_(torch.from_numpy(np.asarray(outputs)).expand_as(self.bias))


@torch.no_grad()
def added_by_names(spec: Spec, intake: Intake, body: Body, head: Members, at: int, *, most: int) -> NDArray[np.float64]:
    """(V, H) what each name of a column adds to the first hidden layer, by place and statistics; the members' mean.

    Args:
        spec: Of the rows.
        intake: Of the network.
        body: Likewise.
        head: Likewise.
        at: Which column of names.
        most: Names, from the first of the vocabulary on.
    """
    assert body.names is not None
    n, n_told = min(spec.categories[at].n_codes, FIRST + most), intake.table.shape[1]
    codes = torch.arange(FIRST, n, device=intake.table.device)
    own = torch.where(codes < body.names.places[at], codes, torch.zeros_like(codes))
    first = int(intake.start[at])
    columns = slice(at * n_told, (at + 1) * n_told)
    told = (intake.table[first + FIRST : first + n] - body.center[columns]) / body.scale[columns]
    widths = [width_of(each) for each in body.names.places]
    begin = 0 if body.numbers is None else body.numbers.bias.numel()
    of_place = slice(begin + sum(widths[:at]), begin + sum(widths[: at + 1]))
    begin += sum(widths)
    of_told = slice(begin + columns.start, begin + columns.stop)
    weight = cast(nn.Linear, head.hidden[0]).weight * head.scales.mean(dim=0)
    found = body.names.tables[at](own) @ weight[:, of_place].T
    found = found + told.clamp(-FARTHEST, FARTHEST) @ weight[:, of_told].T
    return found.double().cpu().numpy()


def placed(column: CategoryColumn) -> int:
    """Codes of a column that have a place of their own: unknown, gap, and names of enough rows.

    Example:
        >>> placed(CategoryColumn(name="town", vocab=("Bern", "Thun", "Wil"), counts=(90, 7, 1)))
        4
    """
    if column.ordered:  # not by how frequent they are
        return min(column.n_codes, MOST_PLACED)
    return FIRST + min(MOST_PLACED, sum(count >= LEAST_ROWS for count in column.counts))


def width_of(n: int) -> int:
    """Numbers that stand for one of n names.

    Example:
        >>> width_of(4), width_of(10_000)
        (3, 16)
    """
    return min(WIDEST, round(1.6 * n**0.45))


def knots_of(spec: Spec) -> list[list[float]]:
    """(P,) where the bins of each number end."""
    found: list[list[float]] = []
    for column in (*spec.numbers, *spec.word_numbers):
        parts = ("elapsed",) if isinstance(column, NumberColumn) else column.parts
        around = np.linspace(-1, 1, BINS_OF_PARTS + 1).tolist()
        found.extend(list(column.knots) if part == "elapsed" else around for part in parts)
    return found


def row_keys(views: Sequence[Tensor]) -> Tensor:
    """(B,) a number for the contents of each row: copies have the same one.

    Args:
        views: As `Spec.view_many` gives them.
    """
    key = torch.zeros(len(views[0]), dtype=torch.int64, device=views[0].device)
    for view in views:
        whole = view
        if view.dtype == torch.float32:
            whole = torch.nan_to_num(view, nan=1.2345e33).view(torch.int32).to(torch.int64)
        for column in whole.unbind(1):
            key = (key ^ column) * 0x5851F42D4C957F2D + 0x14057B7EF767814F
            key = key ^ (key >> 29)
    return key
