"""Is it this person? Pairs of a probe and a claim, judged by ROC AUC and equal error rate, with people as the sample.

A pair is genuine where the probe is of the person that is claimed, else an impostor's. Scores of one person's pairs
hang together on both sides, so intervals draw people anew, not pairs: a pair counts as often as both of its people were
drawn (the vertex bootstrap of Snijders & Borgatti 1999; Bolle, Ratha & Pankanti 2004 do the same by subsets).

Legend: N pairs, U people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Spans
from drivetrain.data.kind import source_kind
from drivetrain.data.splitting.divide import fit_target
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.settings import function, instance, number, shown, whole
from drivetrain.text import agreeing, counted, printable, readable

Floats = NDArray[np.float64]

FEWEST_PEOPLE = 5
DRAWS = 1000
LEAST = 1e-12
"""A probability below this counts as this."""
MOST_PAIRS = 5_000_000


@dataclass(frozen=True)
class Estimate:
    """A number, and where it lies with 95 % confidence (or the level that was asked for)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class OfPerson:
    """One person's row of the table."""

    person: str
    probes: int
    auc: float
    """Of their own probes against impostors who claim to be them."""
    refused: float
    """Share of their own probes that the common threshold refuses."""
    let_in: float
    """Share of the impostors' probes, claiming to be them, that it lets in."""


@dataclass(frozen=True)
class Verification:
    """How well claims can be told.

    Example:
        >>> import drivetrain as dt
        >>> people = list("abcdef")
        >>> pairs = [(one, other) for one in people for other in people]
        >>> scores = [1.0 if one == other else 0.1 * (ord(one) % 3) for one, other in pairs]
        >>> claims = {"person": [one for one, _ in pairs], "claimed": [other for _, other in pairs]}
        >>> found = dt.verification({"score": scores, **claims})
        >>> found.auc.value, found.eer.value, found.n_genuine
        (1.0, 0.0, 6)
    """

    auc: Estimate
    """Probability that a genuine pair has a higher score than an impostor's."""
    eer: Estimate
    """The error rate at the threshold where as many genuine pairs are refused as impostors let in."""
    threshold: float
    """That one, common to all people."""
    people: tuple[OfPerson, ...]
    n_genuine: int
    n_impostors: int
    strangers: bool | None
    """Whether impostors were people whom the model had never seen; None where nobody said."""
    metadata: Estimate | None = None
    """AUC of the same claims by metadata alone; None where the kind of input has none, or nobody asked."""

    @property
    def can_tell(self) -> bool:
        """Whether the interval of the AUC excludes .5, which guessing reaches."""
        return self.auc.low > 0.5

    def table(self) -> list[dict[str, Any]]:
        """Person → their row, those that are told worst first; for a DataFrame."""
        return [vars(one) | {} for one in sorted(self.people, key=lambda one: one.auc)]

    def __str__(self) -> str:
        who = {True: "whom the model had never seen", False: "whom the model had learnt", None: ""}[self.strangers]
        lines = [
            f"AUC {self.auc}, EER {self.eer}",
            f"{counted(self.n_genuine, 'genuine pair')} of {counted(len(self.people), 'person', 'people')}, "
            f"{counted(self.n_impostors, 'pair')} with impostors {who}".rstrip(),
        ]
        if self.metadata is not None:
            lines.append(f"without the model: metadata alone (the nearest of those enrolled) AUC {self.metadata}")
        if not self.can_tell:
            lines.append("It cannot tell: the interval of the AUC includes .5, which guessing reaches.")
        if self.strangers is False:
            lines.append("Strangers are harder to refuse than people whom the model has learnt: see drivetrain.verify.")
        worst = self.table()[:3]
        said = ", ".join(f"{readable(row['person'])} {row['auc']:.2f}" for row in worst)
        lines.append(f"told worst (AUC of one person): {said}")
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        return str(self)


@named
def verification(said: Any, *, level: float = 0.95, seed: int = 0) -> Verification:
    """Judge claims: ROC AUC and equal error rate, with intervals by people, and a row for each person.

    Args:
        said: What a model said: `Predictions` whose categories are people, each of which every row is held against; or
            a table (a dict of lists, a DataFrame) with the columns score (higher: more likely genuine), person (whose
            probe it is) and claimed (who it is said to be of).
        level: Of the intervals.
        seed: Of the draws.

    Raises:
        DataError: Fewer than 5 people have genuine pairs, or there are no impostors.
        SettingError: It is nothing of the kind.

    Example:
        >>> people = list("abcdef")
        >>> pairs = [(one, other) for one in people for other in people]
        >>> scores = [1.0 if one == other else 0.1 * (ord(one) % 3) for one, other in pairs]
        >>> table = {"score": scores, "person": [p for p, _ in pairs], "claimed": [c for _, c in pairs]}
        >>> found = verification(table)
        >>> found.auc.value, found.eer.value, found.can_tell
        (1.0, 0.0, True)
    """
    level, seed = number("level", level, above=0, below=1), whole("seed", seed, least=0)
    if isinstance(said, Predictions):
        score, person, claimed = _of_predictions(said)
        return judge(score, person, claimed, level=level, seed=seed, strangers=False)
    score, person, claimed = _of_table(said)
    return judge(score, person, claimed, level=level, seed=seed)


@named
def verify(
    data: Data, train: Callable[[Data], Any], *, folds: int = 5, level: float = 0.95, seed: int = 0
) -> Verification:
    """Is it this person? Judged with impostors whom the model has never seen, as they are in life.

    The target of the data says the person; training rows enrol, validation rows are the probes. People are divided into
    folds. For each of them, the model is trained without these people, and their probes then claim to be everybody who
    is enrolled. Genuine pairs are scored by the models that have the person enrolled; scores are log probabilities, and
    where rows are spans of files, means over the spans of a file: then the file is the probe.

    Args:
        data: Whose target is a category, the person; each has rows in both parts, of different sessions.
        train: Called with the data of each fold; gives a trained model, such as
            ``lambda fold: dt.Learner(fold, "resnet18").fine_tune(20)``.
        folds: How many times people are left out; each trains a model.
        level: Of the intervals.
        seed: Of the folds and draws.

    Raises:
        DataError: Fewer than 5 people have training and validation rows.
        SettingError: The target is no category, or `train` gives something that does not answer.

    Example:
        >>> import drivetrain as dt
        >>> heights = [10.0 * (i % 6) + i / 100 for i in range(90)]
        >>> data = dt.table({"height": heights, "person": [f"p{i % 6}" for i in range(90)]}, target="person")
        >>> found = dt.verify(data, dt.Linear, folds=2)
        >>> found.auc.value > 0.5
        True
    """
    data = instance("data", data, Data, "what dt.traces(...) or another kind gives")
    train = function("train", train, "a function that is given the data of a fold, and gives a trained model")
    folds, seed = whole("folds", folds, least=2), whole("seed", seed, least=0)
    level = number("level", level, above=0, below=1)
    if not isinstance(data.target, CategoryTarget):
        raise SettingError(
            f"the target is a {data.target.kind}; expected a category that names the person. To fix: open the data "
            "with target=, the column of people."
        )
    probes = cast("list[str]", list(data.valid.values))
    people = sorted({cast("str", value) for value in data.train.values} & set(probes))
    if len(people) < max(FEWEST_PEOPLE, 2 * folds):
        raise DataError(
            f"{agreeing(len(people), 'people', 'have')} rows both in training and in validation; {folds} folds need "
            f"{max(FEWEST_PEOPLE, 2 * folds)}. To fix: let the sessions of each person be divided, by split= or "
            "without group=, or ask for fewer folds."
        )
    order = np.random.default_rng(seed).permutation(len(people))
    session = sessions_of(data.valid)
    genuine: dict[Any, list[float]] = {}
    pairs: list[tuple[float, str, str]] = []
    for number_of, left in enumerate(np.array_split(order, folds), start=1):
        strangers = {people[place] for place in left.tolist()}
        model = train(
            without(data, strangers, f"{number_of} of {folds} (without {counted(len(strangers), 'person', 'people')})")
        )
        for (who, which), chances in by_session(probes, session, chances_of(model, data.valid)).items():
            if who in strangers:
                pairs += [(score, who, claimed) for claimed, score in chances.items()]
            elif who in chances:
                genuine.setdefault((who, which), []).append(chances[who])
    pairs += [(float(np.mean(scores)), who, who) for (who, _), scores in genuine.items()]
    found = _of_pairs(pairs, level=level, seed=seed, strangers=True)
    by_metadata = metadata_pairs(data, people)
    return replace(found, metadata=_of_pairs(by_metadata, level=level, seed=seed).auc) if by_metadata else found


def _of_pairs(pairs: Sequence[tuple[float, str, str]], **how: Any) -> Verification:
    score, person, claimed = (np.array(column) for column in zip(*pairs, strict=True))
    return judge(score.astype(np.float64), person, claimed, **how)


def metadata_pairs(data: Data, people: Sequence[str]) -> list[tuple[float, str, str]]:
    """(score, whose probe, claimed) by metadata alone: minus the distance to the nearest row that the claimed enrolled.

    Numbers are compared in standard deviations of the training rows, text by whether it is the same. Nothing is
    learnt of people, so that all are strangers to it. Empty where the kind of input knows no metadata that vary.
    """
    enrolled = data.train.subset([row for row, who in enumerate(data.train.values) if who in people])
    probes = data.valid.subset([row for row, who in enumerate(data.valid.values) if who in people])
    of_kind = source_kind(data.kind)
    known, asked = of_kind.metadata(enrolled), of_kind.metadata(probes)
    apart = [_apart(known[name], asked[name]) for name in known]
    apart = [one for one in apart if one.any()]
    if not apart:
        return []
    distance = np.sum(apart, axis=0)
    owner = np.array(enrolled.values)
    nearest = {who: distance[:, owner == who].min(axis=1) for who in people}
    chances = [{who: -float(nearest[who][row]) for who in people} for row in range(len(probes))]
    said = by_session(cast("list[str]", list(probes.values)), sessions_of(probes), chances)
    return [(score, who, claimed) for (who, _), of in said.items() for claimed, score in of.items()]


def _apart(known: Sequence[Any], asked: Sequence[Any]) -> Floats:
    """(probes, enrolled) how far the cells of one column are apart; what is not known is at the mean."""
    if any(isinstance(cell, str) for cell in (*known, *asked)):
        return (np.array(asked, dtype=object)[:, None] != np.array(known, dtype=object)[None]).astype(np.float64)
    first, second = np.array(known, np.float64), np.array(asked, np.float64)
    if not np.isfinite(first).any():
        return np.zeros((len(second), len(first)))
    mean, deviation = float(np.nanmean(first)), float(np.nanstd(first))
    first, second = (np.nan_to_num((one - mean) / max(deviation, LEAST)) for one in (first, second))
    return np.abs(second[:, None] - first[None]) if deviation > 0 else np.zeros((len(second), len(first)))


def sessions_of(rows: Examples) -> list[Any]:
    """What makes one probe: the file of spans, else the row itself."""
    inputs = rows.inputs
    return list(inputs.paths) if isinstance(inputs, Spans) else list(range(len(rows)))


def by_session(
    people: Sequence[str], sessions: Sequence[Any], chances: Sequence[Mapping[str, float]]
) -> dict[tuple[str, Any], dict[str, float]]:
    """(person, session) → mean log probability of each claim.

    Example:
        >>> by_session(["ann", "ann"], ["a", "a"], [{"ann": -1.0}, {"ann": -3.0}])
        {('ann', 'a'): {'ann': -2.0}}
    """
    found: dict[tuple[str, Any], list[Mapping[str, float]]] = {}
    for who, session, one in zip(people, sessions, chances, strict=True):
        found.setdefault((who, session), []).append(one)
    return {key: {name: float(np.mean([one[name] for one in of])) for name in of[0]} for key, of in found.items()}


def without(data: Data, people: set[str], fold: str) -> Data:
    """The data without some people, whose target does not know them."""
    parts = {
        part: rows.subset([row for row, value in enumerate(rows.values) if value not in people])
        for part, rows in (("train", data.train), ("valid", data.valid))
    }
    target = fit_target(data.spec.kind, data.spec.target or ("class",), parts["train"].values)
    told = {**data.decisions, "fold": Decision(value=fold, reason="verification with strangers")}
    split = data.split.model_copy(update={"fold": fold})
    return replace(data, train=parts["train"], valid=parts["valid"], target=target, split=split, decisions=told)


def chances_of(model: Any, rows: Examples) -> list[dict[str, float]]:
    """Of each row, person → log probability, whether or not the model knows the row's person.

    Raises:
        SettingError: It is no model with a predictor, or a row was not answered.
    """
    if not hasattr(model, "predictor") or not hasattr(model, "data"):
        raise SettingError(
            f"train gives {shown(model)}; expected a trained model. To fix: return it, such as "
            "dt.Learner(fold).fine_tune(20)."
        )
    names = model.data.target.vocab
    found: list[dict[str, float]] = []
    for answer in model.predictor(top_k=len(names)).predict_many(rows.inputs):
        if answer.error is not None:
            raise DataError(f"{answer.error} To fix: open the data anew, and leave out what cannot be read.")
        found.append({label: float(np.log(max(chance, LEAST))) for label, chance in answer.top})
    return found


def judge(
    score: Floats,
    person: NDArray[Any],
    claimed: NDArray[Any],
    *,
    level: float = 0.95,
    seed: int = 0,
    strangers: bool | None = None,
) -> Verification:
    """AUC, EER and the table of people, of pairs; see `verification`."""
    names, index = np.unique(np.concatenate([person, claimed]).astype(str), return_inverse=True)
    who, said = index[: len(person)], index[len(person) :]
    is_genuine = who == said
    enrolled = np.unique(said[is_genuine])
    if len(enrolled) < FEWEST_PEOPLE or is_genuine.all():
        raise DataError(
            f"{agreeing(len(enrolled), 'people', 'have')} genuine pairs, and "
            f"{agreeing(int((~is_genuine).sum()), 'pairs', 'are')} impostors'; expected at least {FEWEST_PEOPLE} "
            "people and some impostors. To fix: give more people."
        )
    order = np.argsort(-score, kind="stable")
    ties = np.flatnonzero(np.diff(score[order]) != 0)
    ranked = (is_genuine[order], who[order], said[order], np.append(ties, len(order) - 1))
    auc, eer, at = rates(np.ones(len(score)), ranked[0], ranked[3])
    threshold = float(score[order][at])
    rng = np.random.default_rng(seed)
    drawn = np.array([_of_a_draw(rng, len(names), ranked) for _ in range(DRAWS)])
    tails = ((1 - level) / 2, (1 + level) / 2)
    (auc_low, eer_low), (auc_high, eer_high) = np.nanquantile(drawn, tails, axis=0)
    rows = tuple(
        _of_person(str(names[one]), score[said == one], who[said == one] == one, threshold) for one in enrolled
    )
    return Verification(
        Estimate(auc, float(auc_low), float(auc_high)),
        Estimate(eer, float(eer_low), float(eer_high)),
        threshold,
        rows,
        int(is_genuine.sum()),
        int((~is_genuine).sum()),
        strangers,
    )


def rates(weight: Floats, is_genuine: NDArray[np.bool_], ends: NDArray[np.int64]) -> tuple[float, float, int]:
    """AUC, EER and the place of its threshold, of weighted pairs in the order of falling scores.

    Args:
        weight: (N,) how often each pair counts.
        is_genuine: (N,).
        ends: Last place of each run of equal scores.

    Example:
        >>> rates(np.ones(4), np.array([True, False, True, False]), np.arange(4))
        (0.75, 0.5, 1)
    """
    genuine = np.cumsum(weight * is_genuine)[ends]
    impostor = np.cumsum(weight * ~is_genuine)[ends]
    if genuine[-1] <= 0 or impostor[-1] <= 0:
        return np.nan, np.nan, 0
    hit, false = genuine / genuine[-1], impostor / impostor[-1]
    before_hit, before_false = np.append(0.0, hit[:-1]), np.append(0.0, false[:-1])
    auc = float(((false - before_false) * (hit + before_hit) / 2).sum())
    gap = np.abs(false - (1 - hit))
    place = int(np.argmin(gap))
    return auc, float((false[place] + 1 - hit[place]) / 2), int(ends[place])


def _of_a_draw(rng: np.random.Generator, n: int, ranked: tuple[NDArray[Any], ...]) -> tuple[float, float]:
    is_genuine, who, said, ends = ranked
    times = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
    weight = np.where(is_genuine, times[who], times[who] * times[said])
    return rates(weight, is_genuine, ends)[:2]


def _of_person(name: str, score: Floats, is_own: NDArray[np.bool_], threshold: float) -> OfPerson:
    """Of the pairs that claim to be one person."""
    own, others = score[is_own], score[~is_own]
    higher = (own[:, None] > others[None]).mean() + (own[:, None] == others[None]).mean() / 2 if len(others) else np.nan
    let_in = float((others >= threshold).mean()) if len(others) else np.nan
    return OfPerson(name, len(own), float(higher), float((own < threshold).mean()), let_in)


def _of_predictions(said: Predictions) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    if not isinstance(said.target, CategoryTarget):
        raise SettingError(
            f"the predictions are of a {said.target.kind}; expected a category that names the person. To fix: give "
            "those of a model whose target is the person."
        )
    n, k = said.output.shape
    if n * k > MOST_PAIRS:
        raise DataError(
            f"{counted(n, 'row')} × {k:,} people are more than {MOST_PAIRS:,} pairs. To fix: judge a part of the rows."
        )
    names = np.array(said.target.vocab)
    score = np.log(np.maximum(said.output.astype(np.float64), LEAST)).ravel()
    return score, np.repeat(names[said.truth], k), np.tile(names, n)


def _of_table(said: Any) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    wanted = ("score", "person", "claimed")
    is_table = isinstance(said, Mapping) or (hasattr(said, "columns") and hasattr(said, "__getitem__"))
    if not is_table or any(name not in said for name in wanted):
        raise SettingError(
            f"said={shown(said)} is no table of pairs; expected Predictions, or a table with the columns score, person "
            "and claimed. To fix: pass one of these."
        )
    columns = [cast("Sequence[Any]", said[name]) for name in wanted]
    try:
        score = np.asarray(columns[0], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError("score holds something else than numbers. To fix: pass numbers.") from error
    people = [np.array([str(cell) for cell in column]) for column in columns[1:]]
    if score.ndim != 1 or {len(score)} != {len(one) for one in people} or not len(score):
        raise DataError("score, person and claimed have different lengths, or none. To fix: give one of each a pair.")
    if not np.isfinite(score).all():
        raise DataError("score holds values that are not finite. To fix: leave these pairs out.")
    return score, people[0], people[1]


for _public in (Estimate, OfPerson, Verification):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
