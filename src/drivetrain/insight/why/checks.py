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

from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.intervals import Interval, bootstrap_interval, mean_of
from drivetrain.insight.parts import Check, Floats, Layer, Subject
from drivetrain.insight.reading import answer, in_batches, spread_rows
from drivetrain.insight.why.methods import FEWEST_STEPS, TESTED, Asked, Method, asked
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
TESTS: tuple[Test, Test] = ("deletion", "insertion")


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
    covering = [_Covering(each) for each in about]
    by_chance = np.array([each.areas([rng.permutation(each.cells) for _ in range(4)]).mean() for each in covering])
    with track("testing the explanations", len(methods)) as advance:
        for name, method in methods.items():
            try:
                maps = [method(each) for each in about]
                found.append(_sanity(name, method, about, maps, random))
            except DrivetrainError:  # the method does not apply to this network: its map is not shown, either
                advance(1)
                continue
            own = [each.of_map(map_HW) for each, map_HW in zip(covering, maps, strict=True)]
            found += [_fidelity(name, test, np.array([areas[test] for areas in own]), by_chance) for test in TESTS]
            advance(1)
    return tuple(found)


def checks_of_one(about: Asked, maps: Mapping[str, Floats], *, seed: int = 0) -> tuple[Check, ...]:
    """Insertion and deletion for one picture, against 19 orders by chance: passed if better than all of them."""
    rng, covering = np.random.default_rng(seed), _Covering(about)
    by_chance = covering.areas([rng.permutation(covering.cells) for _ in range(ORDERS)])
    own = {name: covering.of_map(map_HW) for name, map_HW in maps.items()}
    found: list[Check] = []
    for test in TESTS:
        for name, areas in own.items():
            value = areas[test]
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
    others = [[method(replace(each, network=network, most_steps=FEWEST_STEPS)) for each in about] for network in random]
    n = len(about)
    same = np.array([np.mean([sameness(maps[i], group[i]) for group in others]) for i in range(n)])
    # what is common to all maps of the method (more in the middle, say) is no sameness: a map beside another picture's
    apart = np.array([np.mean([sameness(maps[i], group[(i + 1) % n]) for group in others]) for i in range(n)])
    value, against = float(same.mean()), float(apart.mean())
    flat = sum(np.ptp(map_HW) == 0 for map_HW in maps)
    passed = value < ALIKE and flat <= n / 2
    if flat > n / 2:
        verdict = f"{flat} of {n} maps are the same everywhere, so it says nothing about the decision"
    elif passed:
        verdict = "the map depends on what the network has learnt"
    else:
        verdict = "it looks the same with random weights, so it says nothing about the decision"
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


class _Covering:
    """One picture whose cells are covered and uncovered; it is asked about with all cells and with none once."""

    def __init__(self, about: Asked) -> None:
        self._about = about
        height, width = about.inputs.shape[2:]
        rows, columns = (np.arange(side) * min(GRID, side) // side for side in (height, width))
        self._cell_HW = rows[:, None] * (int(columns.max()) + 1) + columns[None, :]
        self.cells = int(self._cell_HW.max()) + 1
        self._empty = torch.zeros_like(about.inputs)
        self._ends = about.degree(torch.cat([self._empty, about.inputs]))

    def of_map(self, map_HW: Floats) -> dict[Test, float]:
        """Both areas of the order in which a map marks the cells."""
        cell = self._cell_HW.ravel()
        sums = np.bincount(cell, weights=map_HW.astype(np.float64).ravel(), minlength=self.cells)
        by_chance = np.random.default_rng(0).permutation(self.cells)  # of cells that a map marks alike
        order = np.lexsort((by_chance, -sums / np.bincount(cell))).astype(np.int64)
        deletion, insertion = self.areas([order[::-1], order])
        return {"deletion": float(deletion), "insertion": float(insertion)}

    def areas(self, orders: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Of each order the area under the answer's degree while its cells are uncovered one after the other.

        Covering in an order passes through the same pictures as uncovering in the opposite one, from the other end: the
        area is the same, so that an order by chance serves both tests.
        """
        device = self._about.inputs.device
        uncovered = [round(self.cells * step / STEPS) for step in range(1, STEPS)]
        turns_HW = [np.argsort(order)[self._cell_HW] for order in orders]
        wanted = [(turn_HW, n) for turn_HW in turns_HW for n in uncovered]
        degrees: list[Floats] = []
        for some in in_batches(range(len(wanted))):
            seen_BHW = np.stack([wanted[i][0] < wanted[i][1] for i in some])
            seen = torch.from_numpy(seen_BHW).to(device)[:, None]
            degrees.append(self._about.degree(torch.where(seen, self._about.inputs, self._empty)))
        between = np.concatenate(degrees).astype(np.float64).reshape(len(orders), STEPS - 1)
        first, last = (np.full((len(orders), 1), end) for end in self._ends.astype(np.float64))
        degrees_OS = np.concatenate([first, between, last], axis=1)
        return np.asarray(np.trapezoid(degrees_OS, dx=1 / STEPS, axis=1))
