"""Which model of ratings is best at which question: how wrong ratings are, and which items come first.

Legend: T candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drivetrain.errors import DataError
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.ranking import MEASURES, Beyond, K, Ranking
from drivetrain.models.leaderboard import Candidate, Difference, Leaderboard, against, rank
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.both import Both
from drivetrain.text import printable

PLAIN = ("biases", "popularity")
"""What is simpler than all others, of ratings and of events."""
RATING, RANKING = "rating error", "ranking"


@dataclass(frozen=True)
class RatingsLeaderboard(Leaderboard):
    """All candidates by the question that was asked first, and by the other one."""

    question: str = RATING
    other: Leaderboard | None = None
    """By the other question; None: there is no other."""
    protocol: str = ""
    """Of the ranking."""
    beyond: Mapping[str, Beyond] | None = None
    """Candidate → what it recommends besides hits."""

    @property
    def boards(self) -> dict[str, Leaderboard]:
        """Question → who is best at it."""
        second = RANKING if self.question == RATING else RATING
        return {self.question: self, **({} if self.other is None else {second: self.other})}

    def as_json(self) -> dict[str, Any]:
        """As of `Leaderboard`; and `questions`, the winner of each with the order of all, and the protocol."""
        found = super().as_json()
        questions = {
            name: {
                "metric": board.by.name,
                "winner": board.winner.name,
                "order": [one.name for one in board.candidates],
                "runner_up": board.runner_up.as_json(),
            }
            for name, board in self.boards.items()
        }
        beyond = {name: one.as_json() for name, one in (self.beyond or {}).items()}
        return {**found, "questions": questions, "protocol": self.protocol, "beyond": beyond}

    def __str__(self) -> str:
        width = max(len(candidate.name) for candidate in self.candidates)
        lines: list[str] = []
        for name, board in self.boards.items():
            lines.append(f"{name}, by {board.by.label}, on the same validation rows:")
            if name == RANKING:
                lines.append(f"  {self.protocol}")
            for one in board.candidates:
                score = one.scores[board.by.name]
                score = score if name == RATING else score.model_copy(update={"note": None})  # it is said above
                lines.append(f"  {one.name:<{width}}  {score}  ({one.seconds:.1f} s)")
                if name == RANKING and self.beyond and one.name in self.beyond:
                    lines.append(f"  {'':<{width}}  {self.beyond[one.name]}")
        lines += [f"  {name:<{width}}  left out: {reason}" for name, reason in self.left_out.items()]
        return printable("\n".join([*lines, *(self._verdict(name, board) for name, board in self.boards.items())]))

    def _verdict(self, question: str, board: Leaderboard) -> str:
        best, second = board.winner, board.runner_up
        real = "" if second.other == best.name else f"; against {second.other}: {second.verdict}"
        said = f"best at {question}: {best.name}{real}"
        others = [(name, one) for name, one in self.boards.items() if one is not board]
        for name, other in others:
            place = [one.name for one in other.candidates].index(best.name) + 1 if _takes_part(best, other) else 0
            if place > 1:
                said += f". At {name} it is number {place} of {len(other.candidates)}"
        return said

    def about_the_line(self) -> str:
        """Whether the simplest model is beaten."""
        if self.winner.name in PLAIN:
            return f"{self.winner.name} is not beaten: nothing here is better than the simplest model"
        if self.plain.real:
            return f"{self.plain.other} is beaten"
        return f"{self.plain.other} is not beaten on these rows, and it is simpler: {self.plain.verdict}"


def _takes_part(one: Candidate, board: Leaderboard) -> bool:
    return any(one.name == other.name for other in board.candidates)


@dataclass(frozen=True)
class Asked:
    """The question that candidates are compared by first, and how long a list of recommendations is."""

    question: str
    ranking: str
    """The measure of the ranking, such as "ndcg@10"."""
    rows: tuple[Any, ...] | None
    """Metrics of rows; None takes what suits the target."""

    @property
    def k(self) -> int:
        """Places of a list."""
        return int(self.ranking.partition("@")[2] or K)


def asked_of(metrics: Any, *, events: bool) -> Asked:
    """What metrics ask for, of which some are of rows and some of rankings.

    Example:
        >>> asked_of(["ndcg@5", "rmse"], events=False).question, asked_of(None, events=False).question
        ('ranking', 'rating error')
    """
    given = (
        []
        if metrics is None
        else [metrics]
        if isinstance(metrics, str | Metric) or callable(metrics)
        else list(metrics)
    )
    rankings = [str(one) for one in given if is_ranking(one)]
    rows = tuple(one for one in given if not is_ranking(one))
    first = RANKING if events or (given and is_ranking(given[0])) else RATING
    return Asked(first, rankings[0] if rankings else f"ndcg@{K}", rows or None)


def is_ranking(name: Any) -> bool:
    """Whether it is a measure of a ranking: "ndcg@10", "recall@5", "map@20", "auc".

    Example:
        >>> [is_ranking(name) for name in ("ndcg@10", "auc", "rmse", "ndcg@0", "map@x")]
        [True, True, False, False, False]
    """
    if not isinstance(name, str):
        return False
    kind, at, places = name.partition("@")
    if name == "auc":
        return True
    return kind in MEASURES and kind != "auc" and at == "@" and places.isdecimal() and int(places) > 0


def board_of(found: Sequence[Candidate], by: Metric, asked: Asked, left_out: Mapping[str, str]) -> RatingsLeaderboard:
    """The candidates by both questions; of events by one.

    Args:
        found: Fitted and judged on the same validation rows.
        by: What they are compared by where ratings are.
        asked: The question that comes first.
        left_out: Candidates that could not take part → why.
    """
    rankings: dict[str, Ranking] = {}
    for one in found:
        try:
            rankings[one.name] = one.model.ranking(k=asked.k)
        except DataError:  # nothing held out could be a hit: one question is left
            break
    beyond = {one.name: one.model.beyond(rankings[one.name]) for one in found if one.name in rankings}
    boards: dict[str, Leaderboard] = {}
    if any(not one.model.is_events for one in found) or not rankings:
        boards[RATING] = rank(found, by, left_out=left_out)
    if len(rankings) == len(found):
        first = next(iter(rankings.values()))
        metric = next(one for one in first.metrics() if one.name == asked.ranking)
        tables = [_ranked(one, rankings[one.name]) for one in found]
        boards[RANKING] = rank(tables, metric, left_out=left_out)
    question = asked.question if asked.question in boards else next(iter(boards))
    own = boards[question]
    protocol = str(next(iter(rankings.values())).protocol) if rankings else ""
    other = next((board for name, board in boards.items() if name != question), None)
    plain = _against_plain(own)
    return RatingsLeaderboard(
        own.by, own.candidates, own.runner_up, plain, own.left_out, own.line, question, other, protocol, beyond
    )


def _ranked(one: Candidate, ranking: Ranking) -> Candidate:
    scores = one.scores
    if any(name not in scores for name in ranking.names):  # another number of places than validate() shows
        scores = replace(scores, scores={**scores.scores, **ranking.scores()})
    return Candidate(one.name, one.seconds, scores, ranking.predictions(), one.model)


def _against_plain(board: Leaderboard) -> Difference:
    plain = next((one for name in PLAIN for one in board.candidates if one.name == name), None)
    return board.plain if plain is None else against(board, plain)


def model_of(board: RatingsLeaderboard, asked: Asked) -> RatingModel:
    """What is handed over: the winner; of ratings, unless a ranking was asked for first, both winners in one."""
    best: RatingModel = board.winner.model
    if board.other is None or asked.question == RANKING:
        return best
    ranked: RatingModel = board.other.winner.model
    return best if ranked is best else Both(best, ranked)
