"""What can be asked of everything that recommends: a model, a saved one, a recommender by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.kinds.ratings.recommending.rules import asked_rules
from drivetrain.settings import number, several, whole

if TYPE_CHECKING:
    from drivetrain.kinds.ratings.recommending.effect import EffectTable
    from drivetrain.kinds.ratings.recommending.lists import Lists, Recommendations
    from drivetrain.kinds.ratings.recommending.recommender import Recommender

MOST_USERS = 200
"""Users of a table of effects, where none are named."""


class Recommends:
    """Lists for one user, for somebody new, for all; items that are alike; what recommending adds."""

    def _recommender(self) -> Recommender:
        """What recommends; a class that has this says it."""
        raise NotImplementedError

    @property
    def recommender(self) -> Recommender:
        """What recommends: items and users by name, scores, reasons."""
        return self._recommender()

    @named
    def recommend(
        self,
        user: Any = None,
        n: int = 10,
        *,
        favourites: Any = None,
        exclude_seen: bool = True,
        diversity: float = 0.0,
        novelty: float = 0.0,
        at_most_per: Any = None,
        not_from: Any = None,
        by: Any = "prediction",
        found_by: Any = None,
    ) -> Recommendations:
        """The best items for one user, each with the reason in words.

        Args:
            user: Name of a user of the training data; None: somebody new, by `favourites`.
            n: How many; fewer where the rules leave no more.
            favourites: What somebody likes, without training anew: items, or a mapping of items to ratings. Of a known
                user: what they have taken since. Titles do as well as names, where one item alone has them.
            exclude_seen: Whether what the user has (training rows and favourites) is left out.
            diversity: 0 takes the best ones; 1 those least like each other (maximal marginal relevance).
            novelty: 0 takes the best ones; 1 the least known of all.
            at_most_per: Column of the items' side table → how many with the same value, such as {"author": 1}.
            not_from: A column, such as "author": none of whose values the user knows; {"author": ["Pratchett"]}: none
                of these; or a list of items.
            by: "prediction"; "discovery", which discounts what the user would find anyway, a heuristic; or a function
                (user, items) → what recommending each item adds, as numbers, or a table with the columns `uplift` and
                `without`, as `Uplift.predict` gives it.
            found_by: Columns that say whose an item is, for "discovery"; None: those called author, series, artist, …

        Raises:
            SettingError: An argument cannot be used, or a user, an item or a column is not known.

        Example:
            ::

                for one in model.recommend("ann", 5, at_most_per={"author": 1}):
                    print(one.title, one.score, one.why)
        """
        one = self.recommender
        rules = asked_rules(
            one.catalogue, n=n, exclude_seen=exclude_seen, diversity=diversity, novelty=novelty,
            at_most_per=at_most_per, not_from=not_from, by=by, found_by=found_by,
        )  # fmt: skip
        return one.list_for(user, favourites, rules)

    @named
    def recommend_all(
        self,
        n: int = 10,
        *,
        users: Any = None,
        exclude_seen: bool = True,
        diversity: float = 0.0,
        novelty: float = 0.0,
        at_most_per: Any = None,
        not_from: Any = None,
        by: Any = "prediction",
        found_by: Any = None,
    ) -> Lists:
        """The best items for many users, without reasons: by one product of matrices after the other, exact.

        Args:
            n: How many for each.
            users: Names; None: all users of the training data.
            exclude_seen: As of `recommend`, like the others. Rules take about a millisecond for each user.
            diversity: As there.
            novelty: As there.
            at_most_per: As there.
            not_from: As there.
            by: As there.
            found_by: As there.

        Raises:
            SettingError: An argument cannot be used, or a user, an item or a column is not known.
        """
        one = self.recommender
        rules = asked_rules(
            one.catalogue, n=n, exclude_seen=exclude_seen, diversity=diversity, novelty=novelty,
            at_most_per=at_most_per, not_from=not_from, by=by, found_by=found_by,
        )  # fmt: skip
        return one.lists_for(users, rules)

    @named
    def similar(self, item: Any, n: int = 10) -> tuple[tuple[str, float], ...]:
        """Items that are like one: name and cosine of their vectors, the most similar first.

        Args:
            item: Its name, or a title that it has alone.
            n: How many.

        Raises:
            SettingError: The item is not known, or the model has no vectors of items.
        """
        return self.recommender.alike(item, whole("n", n, least=1, most=10_000))

    @named
    def by_effect(
        self,
        users: Any = None,
        n: int = 10,
        *,
        by: Any = "discovery",
        likely: float = 0.5,
        found_by: Any = None,
        exclude_seen: bool = True,
        at_most_per: Any = None,
        not_from: Any = None,
    ) -> EffectTable:
        """For some users: recommended by prediction, of these got anyway, recommended by effect.

        Args:
            users: Names; None: 200 users at most, evenly out of all.
            n: Items of a list.
            by: "discovery", the heuristic, or a function, as of `recommend`.
            likely: An item counts as got anyway from this probability on.
            found_by: As of `recommend`.
            exclude_seen: As of `recommend`, for both lists.
            at_most_per: Likewise.
            not_from: Likewise.

        Raises:
            SettingError: An argument cannot be used, or a user, an item or a column is not known.
        """
        from drivetrain.kinds.ratings.recommending.effect import effect_table  # noqa: PLC0415 - it reads recommenders

        one = self.recommender
        if users is None:
            step = max(1, len(one.catalogue.users) // MOST_USERS)
            users = one.catalogue.users[::step][:MOST_USERS]
        return effect_table(
            one,
            several("users", users, "names of users", single=str),
            n,
            by=by,
            likely=number("likely", likely, least=0, most=1),
            found_by=found_by,
            exclude_seen=exclude_seen,
            at_most_per=at_most_per,
            not_from=not_from,
        )

    @named
    def update(self, events: Any) -> Recommender:
        """A recommender that knows what users have done since, without training anew.

        Whoever has new rows, known or not, is answered by folding in all that they have. Items stay as they were
        trained: rows of items that training did not know are left out, which is told. What it gives has all of these
        calls; the model itself stays as it is.

        Args:
            events: A table with the columns that the model was trained on.

        Raises:
            DataError: It lacks a column, or no row is of a known item.
            SettingError: The model's scores do not depend on what a user likes.
        """
        from drivetrain.kinds.ratings.recommending.updating import updated  # noqa: PLC0415 - brings tables

        return updated(self.recommender, events)
