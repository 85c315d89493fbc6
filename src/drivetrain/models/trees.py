"""Boosted trees on a table: numbers as they are, few names by their code, many names by cross-fitted statistics.

Legend: N rows, K outputs, P numbers, Q + J codes, F features.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.kinds.tables.columns import read_names
from drivetrain.kinds.tables.encoding import Statistics, fit_statistics, folds_of, strongest_pairs
from drivetrain.kinds.tables.fitting import with_pairs
from drivetrain.kinds.tables.spec import Spec
from drivetrain.learner.base import MetricLike
from drivetrain.models import contributing
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.models.forests import (
    FIELDS,
    Features,
    Forest,
    Growth,
    Held,
    faster,
    grow,
    pace,
    round_seconds,
)
from drivetrain.models.graph import Graph, Tree, tree_of
from drivetrain.models.tabular import (
    Floats,
    Outputs,
    TabularModel,
    as_outputs,
    loss_of,
    split_views,
    training_views,
    views_of,
)
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoryTarget, NumberTarget
from drivetrain.settings import flag, number, refuse, whole
from drivetrain.text import counted, does

MEMBERS = 3
"""Forests that are averaged: each learns from statistics of other folds."""
FEW = 32
"""Of columns with at most so many codes the code itself is read, the most frequent name first: a few splits single out
any name, where statistics would add noise (Adult: log loss .276 so, .279 with statistics of all columns)."""
MOST_SEARCHED = 50_000
"""Training rows among which the strongest pairs of columns are looked for."""

MOST_SEEN = 1_000_000
"""Combinations of names in all pairs that are kept: they travel with the model."""
MARGIN = 1.2
"""Times as long as the longest forest so far that must be left before another one is begun."""

GROWTHS = (
    Growth("large trees", 31, 20, 0.0, 1.0),
    Growth("small trees on a third of the features", 8, 50, 10.0, 0.3),
)
"""Large trees suit numbers and few names; where statistics of many names overlap (Amazon access), small trees that see
some of them at a time predict better. The validation rows choose, by the first member of each."""
AS_ASKED = "as asked"


def asked_growths(
    *,
    leaves: int | None = None,
    least_rows: int | None = None,
    shrink: float | None = None,
    share: float | None = None,
    rate: float | None = None,
) -> tuple[Growth, ...]:
    """How trees are grown: as asked, or where nothing is, in both usual ways.

    Raises:
        SettingError: A value cannot be used.
    """
    asked: dict[str, Any] = {
        "leaves": None if leaves is None else whole("leaves", leaves, least=2, most=65_536),
        "least_rows": None if least_rows is None else whole("least_rows", least_rows, least=1),
        "shrink": None if shrink is None else number("shrink", shrink, least=0),
        "share": None if share is None else number("share", share, above=0, most=1),
        "rate": None if rate is None else number("rate", rate, above=0, most=1),
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return (replace(GROWTHS[0], name=AS_ASKED, **given),) if given else GROWTHS


class Trees(TabularModel):
    """Gradient-boosted trees (scikit-learn's, on histograms), stopped where the validation rows say so.

    Args:
        data: What `drivetrain.table` gave.
        metrics: What people read; None takes what suits the target.
        members: Forests that are averaged.
        pairs: Also read the strongest pairs of columns of many names as one column each.
        monotone: Column of numbers → 1 (more of it never lowers the answer; of two classes that of the second) or −1.
        quantile: Predict this quantile, in (0, 1), rather than the mean; numbers alone.
        leaves: Of each tree, at most. Where this or one of the next four is given, trees are grown in this way alone;
            else the validation rows choose between large trees (31 leaves) and small ones on a third of the features.
        least_rows: In a leaf; else 20.
        shrink: Penalty on the values of leaves; else 0.
        share: Of the features, in (0, 1], that each split may choose from; else all.
        rate: What each tree adds is multiplied by it, in (0, 1]; else 0.05.
        budget: The time that growing may take, such as "90s": fewer forests, and steps as large as it needs; None
            grows until the validation loss falls no more.
        seed: Of all draws.

    Raises:
        DataError: The data are no table.
        SettingError: An argument cannot be used.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> trees = dt.Trees(data, members=1)
        >>> trees.predictions().output.shape
        (12, 1)
    """

    label = "boosted trees"

    @named
    def __init__(
        self,
        data: Data,
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        members: int = MEMBERS,
        pairs: bool = True,
        monotone: Mapping[str, int] | None = None,
        quantile: float | None = None,
        leaves: int | None = None,
        least_rows: int | None = None,
        shrink: float | None = None,
        share: float | None = None,
        rate: float | None = None,
        budget: Budget = None,
        seed: int = 0,
    ) -> None:
        growths = asked_growths(leaves=leaves, least_rows=least_rows, shrink=shrink, share=share, rate=rate)
        super().__init__(data, metrics=metrics)
        self.members, self.seed = whole("members", members, least=1), whole("seed", seed, least=0)
        self.monotone = self._asked_monotone(monotone)
        self.quantile = None if quantile is None else number("quantile", quantile, above=0, below=1)
        if self.quantile is not None and not isinstance(self.data.target, NumberTarget):
            refuse("quantile", quantile, "None: the target is no number", fix="To fix: leave it out.")
        self.statistics = Statistics((), ())
        self.forests: list[list[Forest]] = []
        """Of each member one forest for a category, one per label or number else."""
        self._fit(flag("pairs", pairs), Deadline.of(budget), growths)

    # ── fitting ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _fit(self, pairs: bool, deadline: Deadline, growths: Sequence[Growth]) -> None:
        train, valid, target = self.data.train, self.data.valid, self.data.target
        said = as_outputs(target, train.values)
        if pairs:
            self._find_pairs(said, deadline)
        seen = training_views(self.spec, self.data)
        self.statistics, told = self._told(seen, said, 0)
        features, truth = self._features(seen, told), target.training_form(target.encode(train.values))
        held = None
        if len(valid):
            held = self._features(views_of(self.spec, valid)), target.training_form(target.encode(valid.values))
        clock = _Clock(deadline)
        growths = self._paced(growths if held is not None else growths[:1], features, truth, deadline)
        first: list[tuple[float, list[Forest], Growth]] = []
        for growth in growths:
            if first and not clock.enough:
                break
            with clock:
                member = self._member(growth, features, truth, held, member=0, deadline=deadline)
            lost = 0.0 if held is None else loss_of(target, self._raw([member], held[0]), held[1], self.quantile)
            first.append((lost, member, growth))
        _, member, growth = min(first, key=lambda each: each[0])
        self.forests = [member]
        while len(self.forests) < self.members and clock.enough:
            with clock:
                at = len(self.forests)
                features = self._features(seen, self._told(seen, said, at)[1])
                self.forests.append(self._member(growth, features, truth, held, member=at, deadline=deadline))
        self._say(growth, [growth for _, _, growth in first], deadline)

    def _paced(
        self, growths: Sequence[Growth], features: Features, truth: NDArray[Any], deadline: Deadline
    ) -> list[Growth]:
        """The ways to grow trees, with steps so large that one forest fits into the time."""
        if deadline.never:
            return list(growths)
        outputs = 1 if truth.ndim == 1 else truth.shape[1]
        one = truth if truth.ndim == 1 else truth[:, 0]
        taken = round_seconds(growths[0], features, one, **self._settings(features, 0, deadline))
        return [faster(growth, pace(deadline.left, taken * outputs)) for growth in growths]

    def _say(self, growth: Growth, growths: Sequence[Growth], deadline: Deadline) -> None:
        judged = len(self.data.valid) > 0
        why = "less loss on the validation rows than other settings" if judged else "no validation rows to choose by"
        if judged and len(growths) == 1:
            why = f"no time to try other settings; steps of {growth.rate:.2g}"
        if growth.name == AS_ASKED:
            why = f"{growth.leaves} leaves, {counted(growth.least_rows, 'row')} in one, steps of {growth.rate:.2g}"
        self.decisions["trees"] = Decision(value=growth.name, reason=why)
        rounds = max(forest.rounds for member in self.forests for forest in member)
        stopped = "the validation loss" if judged else "the loss of training rows that were held out"
        reason = "the time was up" if deadline.over else f"{stopped} did not fall any more"
        self.decisions["rounds"] = Decision(value=rounds, reason=reason)
        reason = "as asked" if len(self.forests) == self.members else f"of {self.members}: no time for more"
        self.decisions["members"] = Decision(value=len(self.forests), reason=reason)
        say(
            f"boosted trees: {len(self.forests)} × {counted(rounds, 'round')} on {counted(len(self.data.train), 'row')}"
        )

    def _find_pairs(self, said: Floats, deadline: Deadline) -> None:
        many = [at for at, size in enumerate(self.spec.n_codes) if size > FEW]
        if len(many) < 2:
            return
        if deadline.over:
            self.decisions["pairs"] = Decision(value=0, reason="there was no time to look for them")
            return
        train, names = self.data.train, [column.name for column in self.spec.categories]
        some = np.sort(np.random.default_rng(self.seed).permutation(len(train))[:MOST_SEARCHED])
        rows = train if len(some) == len(train) else train.subset(some)
        codes, folds = views_of(self.spec, rows)[1], folds_of(len(rows), _one_fold(rows), seed=self.seed)
        sizes = [self.spec.n_codes[at] for at in many]
        found = strongest_pairs(codes[:, many], sizes, said[some], folds)
        chosen = [(names[many[first]], names[many[second]]) for first, second in found]
        made = with_pairs(self.spec, chosen, cast(Cells, train.inputs).columns)
        within = np.cumsum([len(pair.seen) for pair in made.pairs]) <= MOST_SEEN
        kept = tuple(pair for pair, fits in zip(made.pairs, within, strict=True) if fits)
        self.spec = Spec(columns=made.columns, pairs=kept, words=made.words)
        told = ", ".join(f"{pair.first} × {pair.second}" for pair in kept[:4]) or "none"
        reason = f"columns of many names, two by two, the strongest first: {told}"
        if gone := len(made.pairs) - len(kept):
            reason += f"; {gone} more {does(gone, 'are')} left out: over {MOST_SEEN:,} combinations"
        self.decisions["pairs"] = Decision(value=len(kept), reason=reason)

    def _told(self, seen: Arrays, said: Floats, member: int) -> tuple[Statistics, Features]:
        """Statistics of columns of many names, and those of the training rows by folds that are drawn anew."""
        train, many = self.data.train, self._many
        folds = folds_of(len(train), _one_fold(train), seed=self.seed + member)
        sizes = [self.spec.n_codes[at] for at in many]
        return fit_statistics(seen[1][:, many], sizes, said, folds, self.statistics.weights)

    def _member(
        self,
        growth: Growth,
        features: Features,
        truth: NDArray[Any],
        held: Held | None,
        *,
        member: int,
        deadline: Deadline,
    ) -> list[Forest]:
        """One forest for a category, one per label or number else."""
        columns: list[Any] = [()] if truth.ndim == 1 else [(slice(None), at) for at in range(truth.shape[1])]
        found: list[Forest] = []
        for at, column in enumerate(columns):
            own = None if held is None else (held[0], held[1][column])
            settings = self._settings(features, member, deadline.part(1 / (len(columns) - at)))
            found.append(grow(growth, features, truth[column], own, **settings))
        return found

    def _settings(self, features: Features, member: int, deadline: Deadline) -> dict[str, Any]:
        loss: dict[str, Any] | None = None
        if isinstance(self.data.target, NumberTarget):
            loss = {} if self.quantile is None else {"loss": "quantile", "quantile": self.quantile}
        return {
            "loss": loss,
            "constraints": self._constraints(features.shape[1]),
            "seed": self.seed + member,
            "deadline": deadline,
        }

    # ── features ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _few(self) -> list[int]:
        """Columns whose code is read."""
        return [at for at, size in enumerate(self.spec.n_codes) if size <= FEW]

    @property
    def _many(self) -> list[int]:
        """Columns, and pairs, whose statistics are read."""
        return [at for at, size in enumerate(self.spec.n_codes) if size > FEW]

    @property
    def n_features(self) -> int:
        """What each tree may read: numbers, codes, statistics."""
        return len(self.spec.number_names) + len(self._few) + sum(table.shape[1] for table in self.statistics.tables)

    def _features(self, seen: Arrays, told: Features | None = None) -> Features:
        numbers, codes = seen
        told = self.statistics.of(codes[:, self._many]) if told is None else told
        return np.concatenate([numbers, codes[:, self._few].astype(np.float32), told], axis=1)

    def _constraints(self, n_features: int) -> NDArray[np.int8] | None:
        if not self.monotone:
            return None
        made = np.zeros(n_features, np.int8)
        for name, sign in self.monotone.items():
            made[self.spec.number_names.index(name)] = sign
        return made

    def _asked_monotone(self, asked: Mapping[str, int] | None) -> dict[str, int]:
        if asked is not None and not isinstance(asked, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            refuse("monotone", asked, "columns of numbers, each with 1 or -1", fix='To fix: pass such as {"age": 1}.')
        found = dict(asked or {})
        if isinstance(self.data.target, CategoryTarget) and self.data.target.n_outputs > 2 and found:
            refuse("monotone", asked, "None: there are more than two classes", fix="To fix: leave it out.")
        for name, sign in found.items():
            if name not in self.spec.number_names or sign not in (-1, 1):
                expected = (
                    f"columns of numbers, each with 1 or -1; there are {', '.join(self.spec.number_names) or 'none'}"
                )
                refuse("monotone", asked, expected, fix='To fix: pass such as {"age": 1}.')
        return found

    # ── answering ───────────────────────────────────────────────────────────────────────────────────────────────

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) logarithms of odds, or numbers in deviations from their mean."""
        return self._raw(self.forests, self._features(split_views(self.spec, views, len(views[0])))).astype(np.float32)

    def _raw(self, members: Sequence[Sequence[Forest]], features: Features) -> Floats:
        """(N, K) the mean of all members; of two classes the second against nothing."""
        said = [np.concatenate([forest.raw(features) for forest in member], axis=1) for member in members]
        found: Floats = np.mean(said, axis=0)
        if isinstance(self.data.target, CategoryTarget) and found.shape[1] == 1:
            found = np.concatenate([np.zeros_like(found), found], axis=1)
        return found

    def added(self, views: Arrays) -> Floats:
        """(N, C, K′) Shapley values of the trees' paths, summed over what is read of a column; see `contributing`."""
        features, owned = self._features(views), self._owned()
        total: Floats = np.zeros((len(features), owned.shape[1], len(self.start())))
        for member in self._leaves:
            first = 0
            for forest, leaves in member:
                last = first + len(forest.start)
                total[:, :, first:last] += contributing.contributions(leaves, features, owned, len(forest.start))
                first = last
        return total / len(self.forests)

    def start(self) -> Floats:
        """(K′,) the raw output of a row of which nothing is known: the mean of those of the rows it was grown on."""
        said = [
            np.concatenate([contributing.expected(forest, leaves) for forest, leaves in member])
            for member in self._leaves
        ]
        return np.mean(said, axis=0)

    @cached_property
    def _leaves(self) -> list[list[tuple[Forest, list[contributing.Leaves]]]]:
        """Of each member its forests, with their leaves."""
        return [[(forest, contributing.leaves_of(forest)) for forest in member] for member in self.forests]

    def _owned(self) -> Floats:
        """(F, C) which share of a feature is each column's: all of it, or half of a pair's."""
        spec = self.spec
        names = [(column.name,) for column in spec.numbers for _ in read_names(column)]
        names += [(words.column,) for words in spec.words for number in words.numbers for _ in read_names(number)]
        of_codes = [*((column.name,) for column in spec.categories), *((one.first, one.second) for one in spec.pairs)]
        names += [of_codes[at] for at in self._few]
        for at, table in zip(self._many, self.statistics.tables, strict=True):
            names += [of_codes[at]] * table.shape[1]
        place = {column.name: at for at, column in enumerate(spec.columns)}
        found: Floats = np.zeros((len(names), len(place)))
        for feature, owners in enumerate(names):
            for name in owners:
                found[feature, place[name]] += 1 / len(owners)
        return found

    def parts(self) -> Iterator[NDArray[Any]]:
        """Statistics, then the trees."""
        yield from self.statistics.tables
        for member in self.forests:
            for forest in member:
                yield forest.start
                for tree in forest.trees:
                    yield from (tree[field] for field in FIELDS)

    def learnt(self) -> dict[str, NDArray[Any]]:
        """Statistics and trees, by name."""
        found: dict[str, NDArray[Any]] = {"weights": np.array(self.statistics.weights)}
        found |= {f"told.{at}": table for at, table in enumerate(self.statistics.tables)}
        for member, forests in enumerate(self.forests):
            for at, forest in enumerate(forests):
                found |= {f"forest.{member}.{at}.{name}": array for name, array in forest.as_arrays().items()}
        return found

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Be the trees of these arrays."""
        self.seed, self.monotone, self.quantile = 0, {}, None
        weights = arrays["weights"].tolist()
        self.statistics = Statistics(tuple(arrays[f"told.{at}"] for at in range(len(weights))), tuple(weights))
        members: dict[int, dict[int, dict[str, NDArray[Any]]]] = {}
        for name, array in arrays.items():
            if name.startswith("forest."):
                _, member, at, field = name.split(".")
                members.setdefault(int(member), {}).setdefault(int(at), {})[field] = array
        self.forests = [[Forest.of_arrays(one[at]) for at in sorted(one)] for _, one in sorted(members.items())]
        self.members = len(self.forests)

    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: what `Spec.view` gives → raw outputs."""
        graph, n_outputs = Graph(self.spec), self.data.target.n_outputs
        few = [graph.as_float(at) for at in self._few]
        tables = zip(self._many, self.statistics.tables, strict=True)
        told = [graph.looked_up(at, table, f"told_{at}") for at, table in tables]
        base, trees = np.zeros(n_outputs), list[Tree]()
        for member in self.forests:
            for place, forest in enumerate(member):
                start = forest.start
                two = isinstance(self.data.target, CategoryTarget) and len(start) == 1
                first = 1 if two else place
                base[first : first + len(start)] += start / len(self.forests)
                each = enumerate(forest.trees)
                trees += [tree_of(nodes, first + at % len(start), 1 / len(self.forests)) for at, nodes in each]
        features = graph.joined([*graph.numbers(), *few, *told])
        raw = graph.trees(features, trees, base, "raw", n_features=self.n_features)
        return graph.model(raw, n_outputs).SerializeToString()


def _one_fold(rows: Examples) -> Sequence[str]:
    """What is to be in one fold: groups, or else the copies of a row, which would tell each other's target."""
    if rows.groups or len(set(rows.digests)) == len(rows):
        return rows.groups
    return rows.digests


class _Clock:
    """Whether there is time for one more forest like the longest so far."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline, self.longest, self._began = deadline, 0.0, 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.longest = max(self.longest, time.monotonic() - self._began)

    @property
    def enough(self) -> bool:
        return self.deadline.left > self.longest * MARGIN


Trees.__module__ = "drivetrain"  # where people find it, so that messages and help say so
