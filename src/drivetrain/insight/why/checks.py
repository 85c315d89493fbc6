"""Whether a map of what an answer rests on can be believed: tests that are run beside it, and shown.

* **randomised parameters** (Adebayo et al., Sanity checks for saliency maps, 2018): the network's numbers are shuffled.
  A map that still looks the same shows the picture, and nothing of what the network decides by.
* **insertion** and **deletion** (Petsiuk, Das & Saenko, RISE, 2018): the places that a map marks are uncovered or
  covered first. If they matter, the answer comes, or goes, sooner than when places are taken by chance. What is covered
  has the inputs' mean colour; the paper starts insertion from a blurred picture, which holds the answer already where
  colours alone decide.

Legend: R pictures, S steps, H × W side of the view, N cells of it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.intervals import Interval, bootstrap_interval, mean_of
from drivetrain.insight.parts import Check, Floats, Layer, Subject
from drivetrain.insight.reading import answer, spread_rows
from drivetrain.insight.why.methods import TESTED, Asked, Method, asked
from drivetrain.progress import track
from drivetrain.settings import whole
from drivetrain.training.network import BATCH_NORMS, Network

ROWS = 12
"""Pictures that a method is tested on."""
ALIKE = 0.5
"""A mean rank correlation from here on is called looking the same. Adebayo et al. give no such number; there a map
shares a quarter of its variance of ranks with one of a network that knows nothing."""
GRID = 14
"""Cells on each side that are covered or uncovered: all methods are judged at the same grain."""
STEPS = 10
ORDERS = 19
"""By chance, for one picture: better than all 19 is as unlikely as 1 in 20."""
_SETTLING = 64
"""Rows that a shuffled network's batch normalisation learns its statistics from."""

Test = Literal["insertion", "deletion"]


def checks(
    subject: Subject,
    layers: Sequence[Layer],
    methods: Mapping[str, Method] = TESTED,
    *,
    n_rows: int = ROWS,
    seed: int = 0,
) -> tuple[Check, ...]:
    """Every test of every method, over some pictures.

    Args:
        subject: What is looked into.
        layers: Of its network, from pixels to answer.
        methods: Name → method; those of a page and the projections by default. One that does not apply to the network
            (the deconvnet where there are other activations than rectifiers) has no check.
        n_rows: Pictures, drawn evenly from the classes.
        seed: Of the draw, of the shuffled networks and of chance's orders.
    """
    whole("n_rows", n_rows, least=2)
    rows = spread_rows(subject, n_rows, seed=seed)
    about = [asked(subject, row, list(layers)) for row in rows]
    random = [randomised(subject, seed=seed + i) for i in range(3)]
    found: list[Check] = []
    rng = np.random.default_rng(seed)
    orders = [[rng.permutation(_cells(each)) for _ in range(4)] for each in about]
    by_chance = {test: _areas_of(about, orders, test) for test in ("deletion", "insertion")}
    with track("testing the explanations", len(methods)) as advance:
        for name, method in methods.items():
            try:
                maps = [method(each) for each in about]
                found.append(_sanity(name, method, about, maps, random))
            except DrivetrainError:  # the method does not apply to this network: its map is not shown, either
                advance(1)
                continue
            for test in ("deletion", "insertion"):
                own = _areas_of(about, [[_order(each, map_HW)] for each, map_HW in zip(about, maps, strict=True)], test)
                found.append(_fidelity(name, test, own, by_chance[test]))
            advance(1)
    return tuple(found)


def checks_of_one(about: Asked, maps: Mapping[str, Floats], *, seed: int = 0) -> tuple[Check, ...]:
    """Insertion and deletion for one picture, against 19 orders by chance: passed if better than all of them."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(_cells(about)) for _ in range(ORDERS)]
    found: list[Check] = []
    for test in ("deletion", "insertion"):
        by_chance = _areas(about, orders, test)
        for name, map_HW in maps.items():
            value = float(_areas(about, [_order(about, map_HW)], test)[0])
            passed = bool(value < by_chance.min() if test == "deletion" else value > by_chance.max())
            said = _said_of_fidelity(name, test, value, float(by_chance.mean()))
            verdict = "better" if passed else "not better"
            said += f"; {verdict} than all of {ORDERS} orders by chance"
            found.append(Check(name, test, value, float(by_chance.mean()), passed, said))
    return tuple(found)


def randomised(subject: Subject, *, seed: int = 0) -> Network:
    """A copy whose parameters are shuffled, each tensor within itself: the same numbers, and nothing learnt.

    Unlike a fresh start this needs no rule of how each kind of layer starts, and keeps the size of the weights. Batch
    normalisation then learns the statistics of the shuffled network from some rows, as otherwise its activations would
    vanish or overflow. Parameters with one number alone, or the same everywhere, stay.
    """
    network = copy.deepcopy(subject.network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            shuffled = parameter.flatten()[torch.randperm(parameter.numel(), generator=generator).to(parameter.device)]
            parameter.copy_(shuffled.view_as(parameter))
    norms = [layer for layer in network.modules() if isinstance(layer, BATCH_NORMS) and layer.track_running_stats]
    if norms:
        _settle(network, norms, subject)
    return network.eval()


def sameness(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation of two maps, by size; 0 where one of them is the same everywhere.

    Example:
        >>> rising = np.arange(6.0).reshape(2, 3)
        >>> sameness(rising, rising**2), sameness(rising, np.zeros((2, 3)))
        (1.0, 0.0)
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to import

    ranks = [np.asarray(rankdata(np.abs(each).ravel())) for each in (one, other)]
    first, second = (each - each.mean() for each in ranks)
    size = float(np.sqrt((first @ first) * (second @ second)))
    return round(float(first @ second) / size, 12) if size > 0 else 0.0


def _settle(network: Network, norms: Sequence[Any], subject: Subject) -> None:
    """Let batch normalisation know the statistics of the shuffled network, layers in turn, from some rows."""
    rows = list(range(min(_SETTLING, len(subject.rows))))
    network.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = 1.0
    with torch.inference_mode():
        if len(rows) > 1:
            answer(network, *network.taken(*subject.batch(rows)))


def _sanity(
    name: str, method: Method, about: Sequence[Asked], maps: Sequence[Floats], random: Sequence[Network]
) -> Check:
    """Whether a method's maps change when the network's numbers are shuffled."""
    others = [[method(replace(each, network=network)) for each in about] for network in random]
    n = len(about)
    same = np.array([np.mean([sameness(maps[i], group[i]) for group in others]) for i in range(n)])
    # what is common to all maps of the method (more in the middle, say) is no sameness: a map beside another picture's
    apart = np.array([np.mean([sameness(maps[i], group[(i + 1) % n]) for group in others]) for i in range(n)])
    value, against = float(same.mean()), float(apart.mean())
    passed = value < ALIKE
    verdict = (
        "the map follows what the network has learnt"
        if passed
        else "it looks the same with random weights, so it says nothing about the decision"
    )
    interval = _interval(same)
    ends = "" if interval is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    said = (
        f"{name}: rank correlation {value:.2f}{ends} with the maps of networks whose parameters were shuffled, "
        f"{against:.2f} with their maps of other pictures; {verdict}"
    )
    return Check(name, "randomised parameters", value, against, passed, said)


def _fidelity(name: str, test: Test, own: NDArray[np.float64], by_chance: NDArray[np.float64]) -> Check:
    """Whether the places that a method marks matter more than others, over some pictures."""
    better = by_chance - own if test == "deletion" else own - by_chance
    interval = _interval(better)
    passed = interval is not None and interval.low > 0
    said = _said_of_fidelity(name, test, float(own.mean()), float(by_chance.mean()))
    if interval is None:
        said += "; too few pictures to tell, or all alike"
    else:
        verdict = "better than chance" if passed else "not shown to be better than chance"
        said += f"; {verdict} by {better.mean():.3f} [{interval.low:.3f}, {interval.high:.3f}], {len(own)} pictures"
    return Check(name, test, float(own.mean()), float(by_chance.mean()), passed, said)


def _said_of_fidelity(name: str, test: Test, value: float, against: float) -> str:
    what = "covering" if test == "deletion" else "uncovering"
    better = "lower" if test == "deletion" else "higher"
    return f"{name}, {what} what it marks first: {value:.3f} ({better} is better), in an order by chance {against:.3f}"


def _interval(values: NDArray[Any]) -> Interval | None:
    """Of a mean over pictures."""
    return None if np.ptp(values) == 0 else bootstrap_interval(mean_of(values), len(values))


def _areas_of(about: Sequence[Asked], orders: Sequence[Sequence[NDArray[np.int64]]], test: Test) -> NDArray[np.float64]:
    """(R,) the area of each picture, mean over its orders."""
    return np.array([_areas(each, own, test).mean() for each, own in zip(about, orders, strict=True)])


def _areas(about: Asked, orders: Sequence[NDArray[np.int64]], test: Test) -> NDArray[np.float64]:
    """Of each order of the cells the area under the answer's degree while they are covered or uncovered."""
    picture = about.inputs
    cells = _cells(about)
    empty = torch.zeros_like(picture)
    start, end = (picture, empty) if test == "deletion" else (empty, picture)
    rows, columns = _grid(about)
    cell_HW = rows[:, None] * (int(columns.max()) + 1) + columns[None, :]
    found: list[float] = []
    for order in orders:
        turn = torch.empty(cells, dtype=torch.long, device=picture.device)
        turn[torch.from_numpy(order).to(picture.device)] = torch.arange(cells, device=picture.device)
        when_HW = turn[cell_HW]
        steps = [torch.where(when_HW < cells * step / STEPS, end, start) for step in range(STEPS + 1)]
        degrees = about.degree(torch.cat(steps)).astype(np.float64)
        found.append(float(np.trapezoid(degrees, dx=1 / STEPS)))
    return np.array(found)


def _order(about: Asked, map_HW: Floats) -> NDArray[np.int64]:
    """Cells from the one that the map marks most to the one that it marks least."""
    rows, columns = (each.cpu().numpy() for each in _grid(about))
    cell_HW = rows[:, None] * (int(columns.max()) + 1) + columns[None, :]
    sums = np.bincount(cell_HW.ravel(), weights=map_HW.astype(np.float64).ravel(), minlength=_cells(about))
    return np.argsort(-sums / np.bincount(cell_HW.ravel()), kind="stable").astype(np.int64)


def _grid(about: Asked) -> tuple[Tensor, Tensor]:
    """(H,) and (W,) the row and column of cells that each pixel belongs to."""
    height, width = about.inputs.shape[2:]
    device = about.inputs.device
    return tuple(
        torch.div(torch.arange(side, device=device) * min(GRID, side), side, rounding_mode="floor")
        for side in (height, width)
    )  # pyright: ignore[reportReturnType] - two of them


def _cells(about: Asked) -> int:
    height, width = about.inputs.shape[2:]
    return min(GRID, height) * min(GRID, width)
