"""Members fitted, calibrated, and asked about the rows that they have not seen.

Legend: K members, N logged rows, n rows to predict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.decisions.models.answering import answers
from drivetrain.decisions.models.calibrating import AS_IT_IS, FEWEST_EVENTS, Map, fit_map, mapped
from drivetrain.decisions.models.columns import Matrix
from drivetrain.decisions.models.drawing import Draws
from drivetrain.decisions.models.making import Drawn, Recipe, fit_member, recipe_of, texts_or_gaps
from drivetrain.decisions.models.profiles import Quick
from drivetrain.decisions.models.reading import FrameReader, MatrixReader, Reader
from drivetrain.decisions.models.rows import Outcome, outcome_of, usual_features, weights_of
from drivetrain.decisions.models.table import frame_of, known_column
from drivetrain.errors import DataError
from drivetrain.notices import warn
from drivetrain.progress import track
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import flag, refuse, several
from drivetrain.text import counted, does, readable

Array = NDArray[np.float64]


@dataclass
class Fitted:
    """One member: what was fitted, and the map of its probabilities."""

    model: Any
    positive: Any = 1
    by: Map = AS_IT_IS
    who: str = "the model"
    quick: Quick | None = None
    """A quicker way over many lever values, once it was tried."""
    is_tried: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: the quicker way is found anew."""
        return {**self.__dict__, "quick": None, "is_tried": False}

    def answer(self, given: Any) -> Array:
        """(n,) of what the reader made."""
        return mapped(answers(self.model, given, positive=self.positive, who=self.who), self.by)


@dataclass(frozen=True)
class Asked:
    """What was asked of `Ensemble.fit`, checked."""

    table: pd.DataFrame
    recipe: Recipe
    outcome: str
    target: Outcome
    features: tuple[str, ...]
    features_said: str
    group: str | None
    weights: Array | None
    calibrate: bool
    draws: Draws

    @property
    def truth(self) -> Array:
        """(N,) outcome as numbers, NaN where it is missing."""
        return self.target.numbers

    @classmethod
    def of(
        cls,
        table: Any,
        make: Any,
        *,
        outcome: Any,
        features: Any,
        group: Any,
        weights: Any,
        positive: Any,
        calibrate: Any,
        members: int,
        seed: int,
    ) -> Asked:
        """Check each.

        Raises:
            DataError: The rows cannot be used as they are.
            SettingError: An argument has a value that cannot be used.
        """
        frame = frame_of(table)
        if outcome is None and isinstance(table, Data):
            outcome = table.target.name
        if outcome is None:
            refuse("outcome", outcome, "the name of the column that is predicted", fix="To fix: pass outcome=.")
        outcome = known_column(frame, outcome, "outcome")
        group = None if group is None else known_column(frame, group, "group")
        weight = None if weights is None else known_column(frame, weights, "weights")
        taken = [name for name in (outcome, group, weight) if name is not None]
        if features is None:
            chosen, said = usual_features(frame, outcome, taken)
        else:
            listed = several("features", features, "names of columns", single=str)
            chosen = list(dict.fromkeys(known_column(frame, name, "features") for name in listed))
            said = "as you asked"
        if not chosen or outcome in chosen:
            refuse("features", features, "names of columns beside the outcome")
        has_text, has_gaps = texts_or_gaps(frame, chosen)
        recipe = recipe_of(make, has_text=has_text, has_gaps=has_gaps)
        target = outcome_of(frame[outcome], outcome, positive, classifier=recipe.classifier, label=recipe.label)
        draws = Draws.of(len(frame), members=members, seed=seed, group=None if group is None else frame[group])
        return cls(
            frame, recipe, outcome, target, tuple(chosen), said, group,
            None if weight is None else weights_of(frame[weight], weight), flag("calibrate", calibrate), draws,
        )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What fitting gave."""

    members: list[Fitted]
    reader: Reader
    is_probability: bool
    held_out: Array
    """(N,) mean of the members of the other half."""
    decisions: Mapping[str, Decision]


def fit_members(asked: Asked) -> Found:
    """Fit, calibrate within each half, and ask each half about the rows of the other."""
    recipe, frame, draws = asked.recipe, asked.table, asked.draws
    reader: Reader
    matrix: Matrix | None = None
    if recipe.kind == "matrix":
        matrix = Matrix.fit(frame, asked.features, recipe.style, fill=recipe.fill)
        reader = MatrixReader(matrix)
    else:
        reader = FrameReader(asked.features, {name: frame[name].dtype for name in asked.features})
    given = reader.read(frame)
    labels = _as_labels(asked.truth, recipe)
    members: list[Fitted] = []
    said = np.full((draws.members, len(frame)), np.nan, dtype=np.float32)
    seen = np.zeros((draws.members, len(frame)), dtype=bool)
    positive = asked.target.positive if recipe.kind == "rows" else 1
    with track(f"fitting {readable(asked.outcome)}", draws.members) as advance:
        for k in range(draws.members):
            drawn = _drawn(asked, k)
            seen[k, drawn.rows] = True
            model = fit_member(recipe, drawn, frame=frame, matrix=matrix, X=given, y=labels, seed=_seed(draws.seed, k))
            member = Fitted(model, positive, who=recipe.label)
            said[k] = member.answer(given)
            members.append(member)
            advance(1)
    is_probability = _is_probability(members[0].model, asked, said)
    decisions = _decisions(asked)
    if is_probability and asked.calibrate:
        decisions["calibration"] = _calibrate(asked, members, said, seen)
    held_out = np.zeros(len(frame))
    for half in (0, 1):
        judged = draws.half_of_row == half
        others = [k for k in range(draws.members) if draws.halves[k] != half]
        held_out[judged] = np.mean([mapped(said[k, judged].astype(np.float64), members[k].by) for k in others], axis=0)
    return Found(members, reader, is_probability, held_out, decisions)


def _seed(seed: int, member: int) -> int:
    return int(np.random.default_rng([seed, 2, member]).integers(2**31 - 1))


def _as_labels(y: Array, recipe: Recipe) -> NDArray[Any]:
    """Classifiers get whole numbers; what is missing is not learned from."""
    return np.where(np.isnan(y), 0, y).astype(np.int64) if recipe.classifier else y


def _drawn(asked: Asked, member: int) -> Drawn:
    """Rows of one member's draw that have an outcome.

    Raises:
        DataError: There is none, or all have the same.
    """
    counts = asked.draws.counts(member)
    times = counts.astype(np.float64) if asked.weights is None else counts * asked.weights
    rows = np.flatnonzero((times > 0) & np.isfinite(asked.truth))
    values = asked.truth[rows]
    if not len(rows) or (asked.recipe.classifier and (values == values[0]).all()):
        known = int(np.isfinite(asked.truth).sum())
        rare = min(int((asked.truth == 1).sum()), int((asked.truth == 0).sum()))
        held = f"{rare:,} {does(rare, 'are')} of the rarer kind" if asked.target.is_binary else "they have a number"
        raise DataError(
            f"member {member} would learn from {counted(len(rows), 'row')} whose {readable(asked.outcome)!r} is always "
            f"the same: of {counted(len(asked.table), 'row')} {known:,} {does(known, 'have')} an outcome, and {held}; "
            "expected both kinds in each bootstrap of one half. To fix: log more rows."
        )
    return Drawn(rows, times[rows], asked.weights is not None)


def _is_probability(model: Any, asked: Asked, said: NDArray[np.float32]) -> bool:
    if asked.recipe.kind != "rows":
        return asked.recipe.classifier and asked.target.is_binary
    if not asked.target.is_binary:
        return False
    return hasattr(model, "predict_proba") or bool(((said >= 0) & (said <= 1)).all())


def _calibrate(asked: Asked, members: Sequence[Fitted], said: NDArray[np.float32], seen: NDArray[np.bool_]) -> Decision:
    """Give the members of each half their map; they are asked about rows of their half that they have not drawn."""
    maps: list[str] = []
    for half in (0, 1):
        mine = np.flatnonzero(asked.draws.halves == half)
        rows = np.flatnonzero(asked.draws.half_of_row == half)
        own = np.where(seen[np.ix_(mine, rows)], np.nan, said[np.ix_(mine, rows)].astype(np.float64))
        found = fit_map(own, asked.truth[rows])
        if found is None:
            why = f"fewer than {FEWEST_EVENTS} rows of the rarer kind in one half"
            warn(
                f"the probabilities of {readable(asked.outcome)!r} are not calibrated: there are {why}; expected more. "
                "To fix: log more rows, or pass calibrate=False."
            )
            for member in members:
                member.by = AS_IT_IS
            return Decision(value="none", reason=why)
        maps.append(f"{found.shift:+.2f} {found.scale:.2f}·log-odds")
        for k in mine.tolist():
            members[k].by = found
    return Decision(value=" | ".join(maps), reason="Platt's map, by half, on rows that members have not drawn")


def _decisions(asked: Asked) -> dict[str, Decision]:
    shown = ", ".join(map(readable, asked.features[:20])) + (" …" if len(asked.features) > 20 else "")
    found = {
        "features": Decision(value=shown, reason=asked.features_said),
        "encoding": Decision(value=asked.recipe.kind, reason=asked.recipe.said),
    }
    if asked.target.said:
        found["outcome"] = Decision(value=str(asked.target.positive), reason=asked.target.said)
    lost = int(np.isnan(asked.truth).sum())
    if lost:
        found["rows"] = Decision(
            value=len(asked.table) - lost,
            reason=f"{lost:,} of {counted(len(asked.table), 'row')} {does(lost, 'have')} no {asked.outcome}",
        )
    return found
