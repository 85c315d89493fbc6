"""Lists for one user, for somebody new and for all: the rules hold, and the reasons are true."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.ratings.recommending.reasons import in_common, reasons
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from tests.kinds.ratings.recommending.conftest import books


def test_a_known_user_gets_the_best_unseen_ones(shop: Recommender) -> None:
    found = shop.recommend("ann", 3)
    assert found.items == ("s", "j", "d")
    assert [one.score for one in found] == [8, 7, 6]
    assert found[0].title == "Sourcery"


def test_a_user_is_found_by_name_of_any_type(shop: Recommender) -> None:
    assert shop.recommend(7, 2).items == shop.recommend("7", 2).items == shop.recommend(7.0, 2).items == ("u", "e")


def test_seen_ones_are_there_on_request(shop: Recommender) -> None:
    assert shop.recommend("ann", 2, exclude_seen=False).items == ("m", "s")


def test_reasons_name_what_speaks_for_an_item(shop: Recommender) -> None:
    # without Mort, Sourcery would have 5 less, and Jingo 2.5; nothing that Ann has speaks for Ulysses
    said = {one.item: one.why for one in shop.recommend("ann", 4)}
    assert said["s"] == "because of Mort"
    assert said["u"] == "new: nobody in the training rows has it"
    assert shop.recommend("7", 1).found[0].why == "because of Dune"


def test_what_half_the_shop_shares_is_no_reason_and_what_few_share_is() -> None:
    shop = books()
    many = shop.recommend(favourites={"Dune": 5}, n=1)[0]
    assert many.why == "because of Dune"
    assert in_common(shop.catalogue, 3, [3]) == "same author: Herbert"
    assert in_common(shop.catalogue, 1, [0]) == ""  # three of six are by Pratchett


def test_a_low_rating_that_speaks_for_an_item_is_called_one() -> None:
    shop = books()
    table = shop.scorer.beside.copy()  # type: ignore[attr-defined]
    table[4, 2] = 9.0
    object.__setattr__(shop.scorer, "beside", table)
    assert shop.recommend("ann", 4).found[1].why == "because of a low rating of Emma"
    table[0, 2] = 4.0
    assert shop.recommend("ann", 4).found[1].why == "because of Mort and a low rating of Emma"
    parts = np.array([[1.0, 1.0, 0.6]])
    said = reasons(shop.catalogue, np.array([0, 4, 3]), np.array([2, 1, 5], np.float32), parts, [2])
    assert said == ["because of low ratings of Mort and Emma"]


def test_somebody_new_is_answered_from_favourites_by_name_or_title(shop: Recommender) -> None:
    found = shop.recommend(favourites={"mort": 4, "d": 2}, n=2)
    assert found.user is None
    assert found.items == ("s", "j")
    assert found[0].score == 4.0
    assert shop.recommend(favourites=["Dune"], n=1)[0].score == 5.0  # counts as the best rating


def test_favourites_may_be_a_series(shop: Recommender) -> None:
    assert shop.recommend(favourites=pd.Series({"mort": 4, "d": 2}), n=2).items == ("s", "j")


def test_lists_are_found_by_user(shop: Recommender) -> None:
    lists = shop.recommend_all(2)
    assert lists.of(7) == lists.of("7") == shop.recommend(7, 2).items
    for user in ("bob", None, ["ann"]):
        with pytest.raises(SettingError, match="one of the users of these lists"):
            lists.of(user)


def test_what_a_known_user_says_now_counts(shop: Recommender) -> None:
    found = shop.recommend("ann", 6, favourites={"Dune": 5, "Mort": 1})
    assert {one.item: one.score for one in found}["u"] == 5.0
    assert "d" not in found.items
    assert {one.item: one.score for one in found}["s"] == pytest.approx(1 - 0.4)  # Mort 1 now, Emma 2 as before


@pytest.mark.parametrize(
    ("rules", "items"),
    [
        ({"at_most_per": {"author": 1}}, ("s", "d", "u")),
        ({"at_most_per": {"author": 2}}, ("s", "j", "d", "u")),
        ({"not_from": "author"}, ("d", "u")),
        ({"not_from": {"author": ["Herbert"]}}, ("s", "j", "u")),
        ({"not_from": {"author": "Herbert"}}, ("s", "j", "u")),
        ({"not_from": ["Jingo", "u"]}, ("s", "d")),
        ({"novelty": 1.0}, ("s", "j", "u", "d")),
        ({"novelty": 0.5}, ("s", "j", "u", "d")),  # ½·0 + ½·1 of Ulysses, ½·½ + ½·.369 of Dune
        ({"diversity": 0.6}, ("s", "u", "d", "j")),
        ({"novelty": 1.0, "at_most_per": {"author": 1}}, ("s", "u", "d")),
    ],
    ids=str,
)
def test_rules(shop: Recommender, rules: dict, items: tuple) -> None:
    found = shop.recommend("ann", 10, **rules)
    assert found.items == items
    assert found.decisions["length"].value == len(items)
    assert shop.recommend_all(10, users=["ann"], **rules).of("ann") == items


def test_novelty_is_self_information_scaled_to_one(shop: Recommender) -> None:
    # of two users log2(3 / (n + 1)): 0 where both have it, .585 of 1.585 where one has, 1.585 where nobody has
    assert shop.catalogue.novelty == pytest.approx([0, 1, 1, 0.36907, 0.36907, 1], abs=1e-5)


def test_discovery_leaves_what_is_found_anyway(shop: Recommender) -> None:
    # Ann likes Mort (5, above her mean 3.5): of the other two Pratchetts she finds at least half without help
    found = shop.recommend("ann", 4, by="discovery")
    anyway = {one.item: one.anyway for one in found}
    assert anyway["s"] == pytest.approx(0.5)
    assert anyway["d"] == pytest.approx(0.5)  # half of all users have Dune
    assert anyway["u"] == 0.0
    assert "heuristic" in str(found.decisions["by"])
    assert "author" in str(found.decisions["by"])
    likes = books(is_share=True, rated=False).recommend("ann", 4, by="discovery", found_by=[])
    assert {one.item: round(one.anyway or 0, 2) for one in likes}["s"] == 0.8  # nobody has it, and it is likely


def test_a_measured_effect_ranks(shop: Recommender) -> None:
    asked: list[str] = []

    def adds(user: str, items: tuple[str, ...]) -> list[float]:
        asked.append(user)
        return [0.5 if item == "u" else 0.1 if item == "s" else np.nan for item in items]

    found = shop.recommend("ann", 4, by=adds)
    assert found.items == ("u", "s")
    assert [one.adds for one in found] == pytest.approx([0.5, 0.1])
    assert asked == ["ann"]
    with pytest.raises(DataError, match="expected 6 numbers"):
        shop.recommend("ann", 4, by=lambda *_: [1.0])


def test_a_table_of_effects_tells_what_comes_anyway(shop: Recommender) -> None:
    said = {"uplift": [0, 0.1, 0, 0, 0, 0.4], "without": [1, 0.8, 0.7, 0.2, 1, 0]}
    found = shop.recommend("ann", 1, by=lambda *_: said)
    assert (found[0].item, found[0].adds, found[0].anyway) == ("u", 0.4, 0.0)
    with pytest.raises(DataError, match="without a column uplift"):
        shop.recommend("ann", 1, by=lambda *_: {"effect": [0] * 6})
    with pytest.raises(DataError, match="by= failed for user 'ann': KeyError"):
        shop.recommend("ann", 1, by=lambda user, _: {}[user])


def test_all_users_at_once_as_one_by_one(shop: Recommender) -> None:
    lists = shop.recommend_all(3)
    assert lists.of("ann") == shop.recommend("ann", 3).items
    assert lists.of("7") == shop.recommend("7", 3).items
    table = lists.table()
    assert table["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert table["user"].tolist() == ["ann"] * 3 + ["7"] * 3
    assert len(shop.recommend_all(3, users=[])) == 0


def test_similar_items(shop: Recommender) -> None:
    found = shop.similar("Mort", 2)
    assert [name for name, _ in found] == ["s", "j"]
    assert found[0][1] == pytest.approx(1 / np.sqrt(1.01))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda shop: shop.recommend("anna"), "user='anna' is not known.*Did you mean 'ann'.*favourites"),
        (lambda shop: shop.recommend(None), "neither a user nor favourites"),
        (lambda shop: shop.recommend(float("nan")), "expected the name of one user"),
        (lambda shop: shop.recommend(["ann"]), "expected the name of one user"),
        (lambda shop: shop.recommend("ann", 0), "n=0"),
        (lambda shop: shop.recommend("ann", exclude_seen="yes"), "exclude_seen='yes'"),
        (lambda shop: shop.recommend("ann", diversity=2), "diversity=2"),
        (lambda shop: shop.recommend("ann", novelty=-1), "novelty=-1"),
        (lambda shop: shop.recommend("ann", at_most_per="author"), "at_most_per='author'.*a mapping"),
        (lambda shop: shop.recommend("ann", at_most_per={"auther": 1}), "Did you mean 'author'"),
        (lambda shop: shop.recommend("ann", at_most_per={"author": 0}), "at_most_per"),
        (lambda shop: shop.recommend("ann", not_from="publisher"), "not_from='publisher'"),
        (lambda shop: shop.recommend("ann", not_from={"author": ["Pratchet"]}), "Did you mean 'Pratchett'"),
        (lambda shop: shop.recommend("ann", not_from=["zz"]), "not_from='zz'"),
        (lambda shop: shop.recommend("ann", by="effect"), "by='effect'"),
        (lambda shop: shop.recommend("ann", by=0.5), "a function .user, items."),
        (lambda shop: shop.recommend("ann", by="discovery", found_by="publisher"), "found_by"),
        (lambda shop: shop.recommend(favourites={"m": 6}), "a rating between 1 and 5"),
        (lambda shop: shop.recommend(favourites={"m": float("nan")}), "favourites"),
        (lambda shop: shop.recommend(favourites=["Morte"]), "Did you mean 'mort'"),
        (lambda shop: shop.recommend(favourites=[]), "at least one item"),
        (lambda shop: shop.recommend(favourites=[None]), "favourites=None"),
        (lambda shop: shop.recommend(favourites=[["m"]]), "names of items"),
        (lambda shop: shop.recommend(favourites=3), "favourites=3"),
        (lambda shop: shop.similar("zz"), "item='zz'"),
        (lambda shop: shop.recommend_all(users=["ann", "bob"]), "user='bob'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(shop: Recommender, call, says: str) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        call(shop)
    assert "To fix" in str(refused.value)


def test_a_model_that_knows_no_likes_says_so() -> None:
    shop = books(folds_in=False)
    with pytest.raises(SettingError, match="do not depend on what a user likes"):
        shop.recommend(favourites=["m"])
    assert shop.recommend("ann", 1)[0].why.startswith(("popular", "by the model", "new"))


def test_a_model_without_vectors_says_so() -> None:
    shop = books()
    bare = Recommender(shop.catalogue, shop.scorer)
    for call in (lambda: bare.similar("m"), lambda: bare.recommend("ann", diversity=0.5)):
        with pytest.raises(SettingError, match="no vectors of items"):
            call()
    with pytest.warns(DrivetrainWarning, match="nothing tells what is like Ulysses"):
        assert shop.similar("Ulysses") == ()


def test_scores_that_are_none_are_left_out_and_infinite_ones_refused() -> None:
    shop = books()
    shop.scorer.known[0, 1] = np.nan  # type: ignore[attr-defined]
    assert shop.recommend("ann", 1).items == ("j",)
    shop.scorer.known[0, 1] = np.inf  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="infinite"):
        shop.recommend("ann", 1)
