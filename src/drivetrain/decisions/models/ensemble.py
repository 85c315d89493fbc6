"""A model with its uncertainty: members that each learned from a bootstrap of one half of the logged rows.

Legend: K members, N logged rows, n rows to predict, L combinations of lever values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.models.drawing import Draws
from drivetrain.decisions.models.fitting import Asked, Fitted, fit_members
from drivetrain.decisions.models.judging import Learned, scores_of
from drivetrain.decisions.models.profiles import profile_of, values_of
from drivetrain.decisions.models.reading import Reader
from drivetrain.decisions.models.residuals import Residuals
from drivetrain.decisions.models.table import frame_of
from drivetrain.evaluation.scores import Score
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse, several, text, whole
from drivetrain.text import counted

Array = NDArray[np.float64]


class Ensemble:
    """A model as members that differ by the rows they learned from: its answers come with their uncertainty.

    Made by `Ensemble.fit`. Members 0, 2, 4, … learned from one half of the rows, the others from the other: what the
    members of one half say of the rows of the other is honest, which the promise of a plan rests on.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn.linear_model import LogisticRegression
        >>> random = np.random.default_rng(0)
        >>> rows = pd.DataFrame({"price": random.uniform(1, 3, 400)})
        >>> rows["accept"] = (random.random(400) < 1 / rows["price"]).astype(int)
        >>> accept = Ensemble.fit(rows, LogisticRegression(), outcome="accept", n=4)
        >>> accept.predict(pd.DataFrame({"price": [1.0, 3.0]})).shape  # members, rows
        (4, 2)
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Fitted],
        reader: Reader,
        *,
        halves: NDArray[np.int64],
        is_probability: bool,
        learned: Learned | None = None,
    ) -> None:
        self._name = name
        self._members = tuple(members)
        self._reader = reader
        self._halves = halves
        self._is_probability = is_probability
        self.learned = learned or Learned()
        self._scores: Mapping[str, Score] | None = None

    @classmethod
    @named
    def fit(
        cls,
        table: Any,
        make: Any,
        *,
        outcome: str | None = None,
        features: Sequence[str] | None = None,
        n: int = 20,
        group: str | None = None,
        weights: str | None = None,
        positive: Any = None,
        calibrate: bool = True,
        name: str | None = None,
        seed: int = 0,
    ) -> Ensemble:
        """Fit the members.

        Args:
            table: Logged rows: a DataFrame, any other table, or `drivetrain.Data` whose rows are cells. Rows without
                an outcome (the claims of somebody who did not accept) are not learned from, and keep their places: so
                the members of several models of one table go together.
            make: A scikit-learn estimator (it is cloned), a function () → estimator, or a function (rows) → what has
                predict_proba or predict, or can be called with rows. Texts are encoded for estimators; pipelines that
                encode, and functions, get the columns as they are.
            outcome: Column that is predicted.
            features: Columns that are read, the levers among them; None: all but outcome, group and weights. Name only
                what is known of the rows to decide on.
            n: Members, half of them for each half of the rows.
            group: Column whose equal values belong together (a customer, a day): they are in one half, and drawn
                together.
            weights: Column of what each row counts.
            positive: Value of the outcome whose probability is meant; None: the second of two (1, "yes", True).
            calibrate: Whether probabilities are mapped so that the mean of members is right on rows that they have not
                seen.
            name: What the objective calls it; None: the outcome.
            seed: Of halves and draws. Use one seed for all models of a table.

        Raises:
            DataError: The rows cannot be used as they are.
            SettingError: An argument has a value that cannot be used.
            TrainingError: The estimator fails.

        Example:
            >>> from sklearn.linear_model import LogisticRegression
            >>> random = np.random.default_rng(0)
            >>> rows = pd.DataFrame({"price": random.uniform(1, 3, 400)})
            >>> rows["accept"] = (random.random(400) < 1 / rows["price"]).astype(int)
            >>> accept = Ensemble.fit(rows, LogisticRegression(), outcome="accept", n=4)
            >>> accept.predict(pd.DataFrame({"price": [1.0, 3.0]})).shape, accept.halves.tolist()
            ((4, 2), [0, 1, 0, 1])
        """
        asked = Asked.of(
            table, make, outcome=outcome, features=features, group=group, weights=weights, positive=positive,
            calibrate=calibrate, members=whole("n", n, least=2, most=10_000), seed=whole("seed", seed, least=0),
        )  # fmt: skip
        called = asked.outcome if name is None else text("name", name, what="a name")
        found = fit_members(asked)
        learned = Learned(
            asked.outcome,
            asked.table,
            asked.draws.half_of_row,
            asked.group,
            found.held_out,
            asked.truth,
            found.decisions,
            asked.draws,
        )
        return cls(
            called, found.members, found.reader, halves=asked.draws.halves, is_probability=found.is_probability,
            learned=learned,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """What the objective calls it."""
        return self._name

    @property
    def halves(self) -> NDArray[np.int64]:
        """(K,) which half of the logged rows each member has learned from; −1: not known."""
        return self._halves

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads, levers among them; empty where that is not known."""
        return self._reader.columns

    @property
    def outcome(self) -> str | None:
        """Column of the logged rows that it predicts."""
        return self.learned.outcome

    @property
    def logged(self) -> pd.DataFrame | None:
        """The rows it was fitted on, those without an outcome among them."""
        return self.learned.logged

    @property
    def half_of_row(self) -> NDArray[np.int64] | None:
        """(N,) the half that each logged row belongs to."""
        return self.learned.half_of_row

    @property
    def draws(self) -> Draws | None:
        """Which logged rows each member drew; None where nothing is known of it."""
        return self.learned.draws

    @property
    def truth(self) -> Array | None:
        """(N,) logged outcome as numbers: of two classes 1 for the one whose probability is answered; NaN: missing."""
        return self.learned.truth

    @property
    def is_probability(self) -> bool:
        """Whether it answers probabilities."""
        return self._is_probability

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What was chosen in fitting, and why."""
        return self.learned.decisions

    @property
    def scores(self) -> Mapping[str, Score]:
        """How good it is: each logged row judged by the members of the other half, which have not seen it.

        Computed when first asked for; empty where the members were handed over.
        """
        if self._scores is None:
            self._scores = scores_of(self.learned, is_probability=self.is_probability)
        return self._scores

    @property
    def residuals(self) -> Residuals | None:
        """How outcomes scatter around what it says of rows that its members have not seen; None: not known."""
        said, truth = self.learned.held_out, self.learned.truth
        return None if self.is_probability or said is None or truth is None else Residuals.of(truth, said)

    def __len__(self) -> int:
        """Members."""
        return len(self._members)

    def __repr__(self) -> str:
        what = "probability" if self.is_probability else "number"
        of = "" if self.outcome is None else f", outcome={self.outcome!r}"
        rows = "" if self.learned.logged is None else f", {counted(len(self.learned.logged), 'row')}"
        return f"Ensemble({self.name!r}, {counted(len(self), 'member')}, {what}{of}{rows})"

    def called(self, name: str) -> Ensemble:
        """The same under another name."""
        found = copy(self)
        found._name = name
        return found

    @named
    def predict(self, frame: pd.DataFrame, members: Sequence[int] | None = None) -> Array:
        """(K, n) answers, of the named members alone where given.

        Raises:
            DataError: A column that it reads is not there.
        """
        chosen = self._chosen(members)
        given = self._reader.read(frame_of(frame, "frame", empty=True))
        return np.stack([member.answer(given) for member in chosen])

    @named
    def profile(
        self, frame: pd.DataFrame, levers: Mapping[str, NDArray[Any]], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """(K, n, L) answers with the levers set: each of `levers` is name → (L,) values, one combination a place.

        The same as setting the columns and calling `predict` L times, and faster where the model allows it.
        """
        known = frame_of(frame, "frame", empty=True)
        return profile_of(self._chosen(members), self._reader, known, values_of(levers))

    def _chosen(self, members: Sequence[int] | None) -> list[Fitted]:
        if members is None:
            return list(self._members)
        places = [whole("members", k, least=0, most=len(self) - 1) for k in several("members", members, "numbers")]
        if not places:
            refuse("members", members, "at least one number of a member")
        return [self._members[k] for k in places]


Ensemble.__module__ = "drivetrain"  # where people find it, so that messages and help say so
