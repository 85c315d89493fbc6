"""From a model's scores to lists: for one user, for somebody new, for all, and items that are alike.

Legend: U users, I items, H what one user has, n wanted, K length of a vector.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError
from drivetrain.kinds.ratings.recommending.anyway import SAID, found_anyway
from drivetrain.kinds.ratings.recommending.catalogue import Catalogue
from drivetrain.kinds.ratings.recommending.lists import Lists, Recommendations, Recommended
from drivetrain.kinds.ratings.recommending.picking import pick, unit
from drivetrain.kinds.ratings.recommending.ranking import NOTHING, Codes, Floats, scaled, top
from drivetrain.kinds.ratings.recommending.reasons import reasons
from drivetrain.kinds.ratings.recommending.recommends import Recommends
from drivetrain.kinds.ratings.recommending.rules import (
    Rules,
    asked_favourites,
    effects_of,
    item_codes,
    user_code,
)
from drivetrain.kinds.ratings.recommending.scoring import Scorer
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse, several
from drivetrain.text import counted, readable

SCORES_AT_ONCE = 4_000_000
"""Scores that are in memory together: 16 MB."""


@dataclass(frozen=True)
class Somebody:
    """A user, known or new, as a model sees them."""

    name: str | None
    own: Codes
    """(H,) items."""
    values: Floats
    """(H,) their ratings; of events 1, or how often."""
    scores: Floats
    """(I,)"""


@dataclass(frozen=True)
class Beside:
    """(I,) numbers that a list may go by beside the scores."""

    anyway: NDArray[np.float64] | None = None
    """How probable it is that the user gets each item without a recommendation."""
    adds: NDArray[np.float64] | None = None
    """What recommending adds; NaN: it must not be recommended."""


@dataclass(frozen=True)
class Recommender(Recommends):
    """A model of ratings or events with its items and users.

    Args:
        catalogue: Items and users by name.
        scorer: The model.
        vectors_IK: By which items are alike, or what makes them when they are needed; None: the model has none.
        scale: The smallest and the largest rating; None of events.
        columns: Names of the columns of users, of items, and of ratings where there are some.
        decisions: What became of it since it was trained.
    """

    catalogue: Catalogue
    scorer: Scorer
    vectors_IK: Floats | Callable[[], Floats | None] | None = None
    scale: tuple[float, float] | None = None
    columns: tuple[str, ...] = ("user", "item", "rating")
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def _recommender(self) -> Recommender:
        """Itself."""
        return self

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Keep what `update` brought in the saved model that it is of, which then recommends and is served with it.

        Ratings of pairs, and what it says of itself, stay as they were trained.

        Args:
            path: Where that model lies.

        Raises:
            ArtefactError: There is another model, or none.
            SettingError: Nothing was brought.
        """
        from drivetrain.kinds.ratings.recommending.kept_updates import save_into  # noqa: PLC0415 - brings files

        return save_into(self, path)

    # ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────

    def list_for(self, user: Any, favourites: Any, rules: Rules) -> Recommendations:
        """See `Recommends.recommend`."""
        self._check(rules)
        somebody = self.somebody(user, favourites)
        found, beside = self.chosen(somebody, rules)
        own, values = somebody.own, somebody.values
        parts = self.scorer.contributions(own, values, np.array(found, np.int64))
        said = reasons(self.catalogue, own, values if self.scorer.reads_values else None, parts, found)
        listed = tuple(self._recommended(item, somebody, why, beside) for item, why in zip(found, said, strict=True))
        return Recommendations(somebody.name, listed, self.scorer.says, self._told(rules, len(found), len(own)))

    def lists_for(self, users: Any, rules: Rules) -> Lists:
        """See `Recommends.recommend_all`."""
        self._check(rules)
        codes = np.arange(len(self.catalogue.users))
        if users is not None:
            asked_users = several("users", users, "names of users", single=str)
            codes = np.array([user_code(self.catalogue, one) for one in asked_users], np.int64)
        found = [self._listed(part, rules) for part in self._parts(codes)]
        wide = min(rules.n, len(self.catalogue.items))
        items = np.concatenate([one[0] for one in found]) if found else np.zeros((0, wide), np.int64)
        scores = np.concatenate([one[1] for one in found]) if found else np.zeros((0, wide), np.float32)
        names = self.catalogue.users
        return Lists(tuple(names[code] for code in codes.tolist()), items, scores, self.catalogue.items)

    def alike(self, item: Any, n: int) -> tuple[tuple[str, float], ...]:
        """See `Recommends.similar`."""
        code = int(item_codes(self.catalogue, "item", [item])[0])
        unit_IK = self._unit
        if not unit_IK[code].any():
            warn(f"nothing tells what is like {readable(self.catalogue.shown(code))}: too few users have it")
            return ()
        cosine = unit_IK @ unit_IK[code]
        cosine[code] = -np.inf
        found, values = top(cosine[None], min(n, len(cosine)))
        names = self.catalogue.items
        return tuple((names[at], float(value)) for at, value in zip(found[0], values[0], strict=True) if at != NOTHING)

    # ── one user ────────────────────────────────────────────────────────────────────────────────────────────────

    def somebody(self, user: Any, favourites: Any = None) -> Somebody:
        """One user with scores and what they have: as trained, and as told now, which counts where both say something.

        Raises:
            SettingError: The user is not known, or the model does not depend on what a user likes.
        """
        catalogue = self.catalogue
        if user is None and favourites is None:
            raise SettingError(
                "recommend() was given neither a user nor favourites; expected one of them. To fix: pass the name of a "
                "user, or favourites= with some items of a new one."
            )
        code = None if user is None else user_code(catalogue, user)
        name = None if code is None else catalogue.users[code]
        own, values = (np.zeros(0, np.int64), np.zeros(0, np.float32)) if code is None else catalogue.seen.of(code)
        if favourites is None:
            return Somebody(name, own, values, _finite(self.scorer.scores(np.array([code])))[0])
        if not self.scorer.folds_in:
            refuse(
                "favourites", favourites, "none: this model's scores do not depend on what a user likes",
                fix="To fix: take a model that folds new users in, such as dt.Factors or dt.Ease.",
            )  # fmt: skip
        more, their = asked_favourites(catalogue, favourites, self.scale)
        kept = ~np.isin(own, more)
        own, values = np.concatenate([own[kept], more]), np.concatenate([values[kept], their])
        return Somebody(name, own, values, _finite(self.scorer.fold_in(own, values)[None])[0])

    def chosen(self, one: Somebody, rules: Rules) -> tuple[list[int], Beside]:
        """Codes of the items of a list, and what is known of all items beside their scores."""
        allowed = self._allowed(one, rules)
        beside = self.beside(one, rules)
        if beside.adds is not None:
            allowed &= ~np.isnan(beside.adds)
        worth = np.full(len(allowed), -np.inf, np.float32)
        if beside.adds is not None:
            worth[allowed] = beside.adds[allowed]
        else:
            worth[allowed] = one.scores[allowed]
            if beside.anyway is not None:
                worth[allowed] = scaled(worth)[allowed] * (1 - beside.anyway[allowed])
        if rules.novelty or rules.diversity:
            worth[allowed] = (1 - rules.novelty) * scaled(worth)[allowed]
            worth[allowed] += rules.novelty * self.catalogue.novelty[allowed]
        unit_IK = self._unit if rules.diversity else None
        return pick(worth, rules.n, limits=rules.limits, diversity=rules.diversity, unit_IK=unit_IK), beside

    def beside(self, one: Somebody, rules: Rules) -> Beside:
        """What a user finds anyway, by the heuristic or by an experiment, and what recommending adds."""
        if callable(rules.by):
            return Beside(*effects_of(rules.by, one.name or "", self.catalogue.items))
        if rules.by == "prediction":
            return Beside()
        liked = one.own[one.values >= one.values.mean()] if self.catalogue.rated and len(one.own) else one.own
        certain = one.scores if self.scorer.is_share else None
        return Beside(found_anyway(self.catalogue, liked, rules.makers, certain))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def vectors(self) -> Floats | None:
        """(I, K) by which items are alike; None where the model has none."""
        return self.vectors_IK() if callable(self.vectors_IK) else self.vectors_IK

    @cached_property
    def _unit(self) -> Floats:
        vectors = self.vectors
        if vectors is None:
            raise SettingError(
                "there are no vectors of items, by which items are alike: the model has none of its own, and one user, "
                "or one item, tells nothing. Expected dt.Factors, or rows of more users and items. To fix: take such a "
                "model, or leave diversity= out."
            )
        return unit(np.asarray(vectors, np.float32))

    def _check(self, rules: Rules) -> None:
        if rules.diversity:
            _ = self._unit

    def _allowed(self, one: Somebody, rules: Rules) -> NDArray[np.bool_]:
        allowed = np.isfinite(one.scores)
        if rules.exclude_seen:
            allowed[one.own] = False
        if rules.forbidden is not None:
            allowed &= ~rules.forbidden
        for attribute in rules.unknown:
            known = {int(code) for item in one.own.tolist() for code in attribute.of(item)}
            allowed &= ~attribute.having(known)
        return allowed

    def _recommended(self, item: int, one: Somebody, why: str, beside: Beside) -> Recommended:
        name, shown = self.catalogue.items[item], self.catalogue.shown(item)
        anyway, adds = (None if each is None else float(each[item]) for each in (beside.anyway, beside.adds))
        return Recommended(name, float(one.scores[item]), why, None if shown == name else shown, anyway, adds)

    def _told(self, rules: Rules, n_found: int, n_own: int) -> dict[str, Decision]:
        told: dict[str, Decision] = {}
        if n_found < rules.n:
            reason = f"{counted(rules.n, 'item')} asked for; no others are left by the rules"
            told["length"] = Decision(value=n_found, reason=reason)
        if rules.by == "discovery":
            whose = ", ".join(rules.makers) or "no column says whose an item is (found_by= names one)"
            told["by"] = Decision(value="discovery", reason=f"{SAID}. Whose an item is: {whose}")
        if not n_own:
            told["history"] = Decision(value=0, reason="nothing is known of this user in the training rows")
        return told

    def _parts(self, codes: Codes) -> Iterator[Codes]:
        at_once = max(1, SCORES_AT_ONCE // max(1, len(self.catalogue.items)))
        for start in range(0, len(codes), at_once):
            yield codes[start : start + at_once]

    def _listed(self, codes: Codes, rules: Rules) -> tuple[Codes, Floats]:
        """(u, n) items and scores of some users."""
        scores = _finite(self.scorer.scores(codes))
        wide = min(rules.n, scores.shape[1])
        if rules.plain:
            if rules.exclude_seen:
                rows, items = self._seen_of(codes)
                scores[rows, items] = -np.inf
            if rules.forbidden is not None:
                scores[:, rules.forbidden] = -np.inf
            return top(scores, wide)
        chosen: Codes = np.full((len(codes), wide), NOTHING, np.int64)
        values: Floats = np.full((len(codes), wide), -np.inf, np.float32)
        for row, code in enumerate(codes.tolist()):
            own = self.catalogue.seen.of(code)
            found, _ = self.chosen(Somebody(self.catalogue.users[code], *own, scores[row]), rules)
            chosen[row, : len(found)], values[row, : len(found)] = found, scores[row, found]
        return chosen, values

    def _seen_of(self, codes: Codes) -> tuple[Codes, Codes]:
        """Places of what these users have: row and item."""
        seen = self.catalogue.seen
        starts, lengths = seen.starts[codes], seen.starts[codes + 1] - seen.starts[codes]
        rows = np.repeat(np.arange(len(codes)), lengths)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return rows, seen.items[np.repeat(starts, lengths) + within]


def _finite(scores_UI: Floats) -> Floats:
    """Scores of ours to change, an undefined one as -inf; raises DataError where one is infinitely good."""
    found = np.array(scores_UI, np.float32)
    found[np.isnan(found)] = -np.inf
    if np.isposinf(found).any():
        raise DataError(
            "the model gives an item an infinite score; expected finite ones. To fix: train it on fewer steps, or with "
            "more regularisation."
        )
    return found
