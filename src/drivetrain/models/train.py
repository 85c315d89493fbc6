"""`train`: from data and a time to the best model, with all that competed and what each is worth."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError, DrivetrainError
from drivetrain.evaluation.baselines import constant_answer, constant_predictions
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores
from drivetrain.learner.arguments import asked_data
from drivetrain.learner.base import MetricLike, ModelBase
from drivetrain.learner.fitting import seconds_spent, spent_elsewhere
from drivetrain.learner.learner import Learner
from drivetrain.models.blend import Blend, grid, mixed
from drivetrain.models.constant import Constant
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.models.kept import Found, Kept, line_or_trees
from drivetrain.models.kept import net as kept_net
from drivetrain.models.leaderboard import (
    BLEND,
    CONSTANT,
    LINE,
    NET,
    TREES,
    Candidate,
    Difference,
    Leaderboard,
    chosen_by,
    rank,
)
from drivetrain.models.linear import Linear
from drivetrain.models.net import Net
from drivetrain.models.ratings.entrants import entrants
from drivetrain.models.ratings.questions import Asked, asked_of, board_of, model_of
from drivetrain.models.texts.entrants import TextEntrants, asked_architecture, encoder_name
from drivetrain.models.trees import Trees
from drivetrain.notices import warn
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.times import seconds_of
from drivetrain.settings import refuse, whole
from drivetrain.text import short_reason

FOR_THE_LINE = 0.15
"""Share of the time that the plain line may take; mostly it takes less."""
JUDGINGS = 6
"""Times as long as judging one candidate that is kept back for the end: comparisons, corrections, the blend."""
QUICK_S = 0.1
"""A model of ratings that takes no longer is fitted, however little time is left."""
LEAST_S = 1.0
"""Below which trees are not begun."""
FOR_TREES = 0.5
"""Share of what is then left that trees may take; mostly they take less."""
NET_LEAST_S = 5.0
"""Below which no network is begun."""
NET_READINGS = 4.0
"""Times as long as finding out how rows are read that preparing the network takes."""
NET_EPOCHS, ENCODER_EPOCHS = 20, 4
"""Where no time is named."""


@dataclass(frozen=True)
class Trained:
    """What `drivetrain.train` gave: the winner, ready to be used, and all that competed with it."""

    data: Data
    model: ModelBase
    """The winner itself."""
    leaderboard: Leaderboard
    seconds: float
    """That all of it took."""
    decisions: Mapping[str, Decision]
    """What was chosen, and why; those of the winner included."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that competed, the best first."""
        return self.leaderboard.candidates

    @property
    def winner(self) -> str:
        """The name of the best."""
        return self.leaderboard.winner.name

    @property
    def difference(self) -> dict[str, Difference]:
        """The winner against the runner-up, `runner_up`, and against the plain line, `plain`."""
        return {"runner_up": self.leaderboard.runner_up, "plain": self.leaderboard.plain}

    def validate(self) -> Scores:
        """The winner's scores on the validation rows, as measured; see `leaderboard` for what the choice leaves."""
        return self.model.validate()

    def test(self) -> Scores:
        """Open the sealed test set for the winner; see `ModelBase.test`."""
        return self.model.test()

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What the winner says of rows whose target is known."""
        return self.model.predict_rows(rows)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the winner as an artefact."""
        return self.model.save(path)

    def report(self, path: str | os.PathLike[str] = "report.html", **asked: Any) -> Path:
        """Write the page about the winner; see `ModelBase.report`."""
        return self.model.report(path, **asked)

    def __str__(self) -> str:
        return str(self.leaderboard)


@named
def train(
    data: Data,
    *,
    arch: str | os.PathLike[str] | None = None,
    budget: Budget = "2min",
    metrics: Sequence[MetricLike] | MetricLike | None = None,
    seed: int = 0,
) -> Trained:
    """Train what suits the data within a time, and say which model won, by how much, and whether that is real.

    Of ratings and events biases, popularity, factors, neighbours, EASE and, of ratings, a network compete by two
    questions, how wrong ratings are and which items come first, and rarely the same one is best at both: the model
    then rates as the one and ranks as the other. Of a table a constant answer, a plain line, boosted trees and a
    network are fitted, the last three blended, and all judged on the same validation rows. Of texts a constant answer,
    lines on terms (TF-IDF), on word vectors and on both compete, and an encoder where one is named. Of other data a
    `Learner` is fine-tuned. The same call after an interruption takes up what was fitted of a table before it, and
    the time that took counts as spent. What a candidate's score is worth once it is known that the best was chosen
    stands beside it (`leaderboard`); the sealed test set stays closed.

    Args:
        data: What `drivetrain.table`, `drivetrain.images` or another kind gave, with validation rows.
        arch: Of texts: "tfidf", "static" (word vectors) or "both" for these lines alone, with the one on terms always
            beside them; or the folder or the hub's name of an encoder, which competes with all of them. Of pictures
            and the like as of `Learner`; tables and ratings take none.
        budget: The time all of it may take, as "90s", "5min", "1.5h" or seconds; it may end earlier. None: as long as
            it takes; of a network that is no plan.
        metrics: What people read; candidates are compared by the first. None takes what suits the target, and
            compares by log loss, numbers by RMSE. Of ratings also "ndcg@10", "recall@10", "map@10" (any number) and
            "auc": where one of these is the first, the best at ranking wins.
        seed: Of all draws.

    Raises:
        DataError: There are no validation rows to compare on.
        SettingError: An argument cannot be used.

    Example:
        >>> import drivetrain as dt
        >>> cards = ["my card is lost", "card stolen", "where did my card go", "it ate the card", "a new card please"]
        >>> money = ["send money home", "money is missing", "pay me back", "a refund of my money", "has my salary come"]
        >>> rows = {"text": cards + money, "intent": ["card"] * 5 + ["money"] * 5}
        >>> with dt.quiet():
        ...     found = dt.train(dt.texts(rows, target="intent", valid_pct=0.2, test_pct=0), arch="tfidf", budget="10s")
        >>> found.winner
        'TF-IDF line'
    """
    began = time.monotonic()
    data, seed = asked_data(data), whole("seed", seed, least=0)
    seconds = None if budget is None else seconds_of(budget)
    deadline = Deadline.of(None if seconds is None else max(0.1, seconds - seconds_spent()))
    kind = kind_name(data.kind)
    if arch is not None and kind in ("table", "ratings"):
        refuse("arch", arch, f"None: several sorts of models of a {kind} compete", fix="To fix: leave it out.")
    texts = asked_architecture(arch) if kind == "texts" else None
    asked = asked_of(metrics, events="scale" not in data.options) if kind == "ratings" else None
    metrics = metrics if asked is None else asked.rows
    resolve_metrics(metrics, data.target)
    if not len(data.valid):
        raise DataError(
            "there are no validation rows; expected some, as candidates are compared on them. To fix: make the data "
            "with valid_pct above 0."
        )
    contest = _Contest(data, metrics, seed, deadline)
    if kind == "table":
        contest.keep(seconds)
        try:
            contest.of_tables()
            found = contest.ended(began)
        except BaseException:
            contest.stopped()
            raise
        contest.over()
        return found
    if asked is not None:
        contest.of_ratings(asked)
    elif texts is not None:
        contest.of_texts(texts)
    else:
        contest.of_networks(budget, arch)
    return contest.ended(began)


class _Contest:
    """Candidates fitted one after the other, each within its share of the time."""

    def __init__(self, data: Data, metrics: Any, seed: int, deadline: Deadline) -> None:
        self.data, self.metrics, self.seed, self.deadline = data, metrics, seed, deadline
        self.by, decided = chosen_by(metrics, data.target)
        self.decisions: dict[str, Decision] = {"compared by": decided}
        self.found: list[Candidate] = []
        self.left_out: dict[str, str] = {}
        self.line = LINE
        """The name of the plain line."""
        self.asked: Asked | None = None
        """Of ratings, which question comes first."""
        self.judging_s = 0.0
        self.reading_s = 0.0
        """How long it takes to find out how rows are read."""
        self.kept: Kept | None = None
        """Candidates of this contest that an interruption would leave behind."""

    # ── interruptions ───────────────────────────────────────────────────────────────────────────────────────────

    def keep(self, seconds: float | None) -> None:
        """Keep candidates while the contest goes on, and take up what an interrupted one has left."""
        settings = {"seconds": seconds, "seed": self.seed, "metrics": [metric.name for metric in self._metrics()]}
        self.kept = Kept(self.data, settings)

    def stopped(self) -> None:
        """What was kept stays, for the same call."""
        if self.kept is not None:
            self.kept.release()

    def over(self) -> None:
        """Nothing is kept any more."""
        if self.kept is not None:
            self.kept.delete()

    def _metrics(self) -> tuple[Metric, ...]:
        return resolve_metrics(self.metrics, self.data.target)

    # ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────

    def of_tables(self) -> None:
        """A constant, a line, trees, and what they say together."""
        data, metrics = self.data, self.metrics
        began = time.monotonic()
        self._enter(CONSTANT, lambda: Constant(data, metrics=metrics))
        self.reading_s = time.monotonic() - began - self.judging_s
        line = self._share(FOR_THE_LINE)
        self._enter(LINE, lambda: Linear(data, metrics=metrics, budget=line, seed=self.seed), self._again(Linear))
        left = self._left()
        if left < LEAST_S:
            self._leave(TREES, f"{max(0.0, left):.1f} s were left of the budget. To fix: give it more time")
        else:
            trees = self._share(FOR_TREES)
            self._enter(TREES, lambda: Trees(data, metrics=metrics, budget=trees, seed=self.seed), self._again(Trees))
        self._net()
        self._blend()

    def _net(self) -> None:
        """A network, where enough time is left to prepare it and to learn."""
        reading = NET_READINGS * self.reading_s
        left = self._left() - reading
        if left < NET_LEAST_S:
            why = f"{max(0.0, left):.0f} s would be left for learning, and it takes {NET_LEAST_S:.0f} at least"
            self._leave(NET, f"{why}. To fix: give it more time")
            return

        def new() -> Learner:
            return Learner(self.data, metrics=self.metrics, seed=self.seed, device="cpu")

        def fitted() -> Learner:
            learner = new()
            with spent_elsewhere({}):  # what the budget has lost is counted here
                if self.deadline.never:
                    return learner.fine_tune(NET_EPOCHS)
                seconds = max(1.0, self._left())
                return learner.fine_tune(budget=seconds if self.kept is None else self.kept.seconds(NET, seconds))

        self._enter(NET, fitted, lambda found: kept_net(new(), found))

    def _share(self, share: float) -> Budget:
        return None if self.deadline.never else max(0.05, self._left() * share)

    def _left(self) -> float:
        """Seconds for fitting: what is left but for judging at the end."""
        return self.deadline.left - JUDGINGS * self.judging_s

    def _again(self, kind: type[Linear | Trees]) -> Callable[[Found], ModelBase]:
        return lambda found: line_or_trees(kind, found, self.data, self.metrics)

    def _taken_up(self, name: str, again: Callable[[Found], ModelBase]) -> tuple[ModelBase, float] | None:
        """The candidate of a contest that was interrupted, and what it took then: that time is spent."""
        found = None if self.kept is None else self.kept.find(name)
        if found is None:
            return None
        try:
            model = again(found)
        except (ValueError, KeyError, RuntimeError) as error:
            warn(f"{name}: what an interrupted call had kept cannot be used ({short_reason(error)}); fitted anew")
            return None
        say(f"{name}: taken up from a call that was interrupted")
        self.deadline = self.deadline.less(found.seconds)
        return model, found.seconds

    def _enter(
        self, name: str, fit: Callable[[], ModelBase], again: Callable[[Found], ModelBase] | None = None
    ) -> None:
        if again is not None and (found := self._taken_up(name, again)) is not None:
            self._judge(name, *found)
            return
        began = time.monotonic()
        try:
            model = fit()
        except (DrivetrainError, MemoryError) as error:
            self._leave(name, str(error) or "there was not enough memory")
            return
        seconds = time.monotonic() - began
        if again is not None and self.kept is not None:
            self.kept.put(name, model, seconds)
        self._judge(name, model, seconds)

    def _judge(self, name: str, model: ModelBase, seconds: float, variants: tuple[Predictions, ...] = ()) -> None:
        began = time.monotonic()
        known = name == CONSTANT  # it is no trial: nobody chooses it, and it is not put on record as one
        said = model.predict_rows(self.data.valid) if known else model.predictions()
        scores = model.scores_of(said) if known else model.validate()
        self.found.append(Candidate(name, seconds, scores, said, model, variants))
        first = known or len(self.found) == 1  # which waits for libraries
        self.judging_s = 0.0 if first else time.monotonic() - began
        say(f"{name}: {', '.join(str(score) for score in scores.values())} ({seconds:.1f} s)")

    def _leave(self, name: str, reason: str) -> None:
        self.left_out[name] = reason
        warn(f"{name}: left out, {reason}")

    def _blend(self) -> None:
        members = [one for one in self.found if one.name != CONSTANT]
        if len(members) < 2:
            return
        began = time.monotonic()
        models = [Net(one.model) if isinstance(one.model, Learner) else one.model for one in members]
        blend = Blend(models, metrics=self.metrics)
        if max(blend.weights) == 1.0:
            best = members[blend.weights.index(1.0)].name
            self._leave_quietly(BLEND, f"no mixture was better on the validation rows than {best} alone")
            return
        tables = [one.predictions for one in members]
        others = [weights for weights in grid(len(members)) if weights != blend.weights]
        variants = tuple(mixed(tables, weights) for weights in others)
        self._judge(BLEND, blend, time.monotonic() - began, variants)

    def _leave_quietly(self, name: str, reason: str) -> None:
        self.left_out[name] = reason
        say(f"{name}: left out, {reason}")

    # ── ratings ─────────────────────────────────────────────────────────────────────────────────────────────────

    def of_ratings(self, asked: Asked) -> None:
        """Biases, popularity, factors, neighbours, EASE, by two questions: how wrong ratings are, what comes first."""
        self.asked = asked
        for one in entrants(self.data, self.metrics, self.seed):
            left = self._left()
            if one.why_not or QUICK_S < one.least_s > left:
                short = (
                    f"it takes about {one.least_s:.2g} s, and {max(0.0, left):.2g} s were left beside what judging "
                    "takes. To fix: give more time"
                )
                self._leave(one.name, one.why_not or short)
                continue
            self._enter(one.name, lambda one=one: one.fit(self._share(FOR_TREES)))

    # ── networks ────────────────────────────────────────────────────────────────────────────────────────────────

    def of_networks(self, budget: Budget, arch: str | os.PathLike[str] | None) -> None:
        """A Learner, fine-tuned, beside the constant answer."""
        if budget is None:
            refuse("budget", budget, "a time: a network has no end of its own", fix="To fix: pass such as '5min'.")
        began = time.monotonic()
        learner = Learner(self.data, arch, metrics=self.metrics)
        learner.fine_tune(budget=seconds_of(budget))
        said = learner.predictions()
        taken = time.monotonic() - began
        self.found.append(Candidate(learner.label, taken, learner.validate(), said, learner))
        self._constant_beside(learner)

    def _constant_beside(self, model: ModelBase) -> None:
        """The constant answer, judged as another candidate was."""
        answer = constant_answer(self.data.target, self.data.target.encode(self.data.train.values))
        for constant in constant_predictions(model.predictions(), answer).values():
            self.found.append(Candidate(CONSTANT, 0.0, model.scores_of(constant), constant, None))

    # ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def of_texts(self, asked: TextEntrants) -> None:
        """Lines on terms, on word vectors and on both; an encoder, which has to be had before anything is fitted."""
        learner = None
        if asked.encoder is not None:
            learner = Learner(self.data, asked.encoder, metrics=self.metrics, seed=self.seed)
        for one in asked.lines(self.data, self.metrics):
            self._enter(one.name, lambda one=one: one.fit(self._share(one.share)))
        if learner is not None:
            self._encoder(encoder_name(asked.encoder or ""), learner)
        if self.found:
            self._constant_beside(self.found[0].model)
        self.line = asked.plain

    def _encoder(self, name: str, learner: Learner) -> None:
        left = self._left()
        if left < NET_LEAST_S:
            self._leave(name, f"{max(0.0, left):.0f} s were left of the budget. To fix: give it more time")
            return

        def fitted() -> Learner:
            with spent_elsewhere({}):  # what the budget has lost is counted here
                if self.deadline.never:
                    return learner.fine_tune(ENCODER_EPOCHS)
                return learner.fine_tune(budget=max(1.0, self._left()))

        self._enter(name, fitted)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────

    def ended(self, began: float) -> Trained:
        """The candidates compared."""
        if not any(one.model is not None for one in self.found):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.left_out.items())
            raise DataError(f"no candidate could be fitted: {reasons}. To fix: see the reasons.")
        if self.asked is None:
            board = rank(self.found, self.by, left_out=self.left_out, line=self.line)
            model: ModelBase = next(one for one in board.candidates if one.model is not None).model
        else:
            board = board_of(self.found, self.by, self.asked, self.left_out)
            model = model_of(board, self.asked)
        told = Decision(value=board.winner.name, reason=board.about_the_line())
        decisions = {**model.decisions, **self.decisions, "winner": told}
        model.decisions = dict(decisions)
        say(f"winner: {board.winner.name}; {board.about_the_line()}")
        return Trained(self.data, model, board, time.monotonic() - began, decisions)


Trained.__module__ = "drivetrain"  # where people find it, so that messages and help say so
