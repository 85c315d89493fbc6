"""Which objects a caption names."""

import pytest

from drivetrain.captions.judging.vocabulary import Vocabulary, merged
from drivetrain.captions.judging.words import singular, words_of
from drivetrain.errors import DataError

PETS = Vocabulary(
    ("dog", "polar bear", "child", "glass", "potato"), {"dog": ("puppy", "hound"), "child": ("kid",)}, ("hot dog",)
)


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("A dog.", ("dog",)),
        ("DOGS, dogs and one more Dog!", ("dog",)),
        ("three puppies", ("dog",)),
        ("the dog's bowl", ("dog",)),
        ("polar-bears on ice", ("polar bear",)),
        ("a bear near the polar station", ()),
        ("children and a kid", ("child",)),
        ("two hot dogs", ()),
        ("a hot dog and a dog", ("dog",)),
        ("a dogma, a doghouse", ()),
        ("mashed potatoes in glasses", ("potato", "glass")),
        ("a glass", ("glass",)),
        ("no dog", ()),
        ("a street without any dogs", ()),
        ("not a dog but a child", ("child",)),
        ("no dog, one child", ("child",)),
        ("there is no grass and the dog sleeps", ("dog",)),
        ("", ()),
        ("🐶🐶", ()),
    ],
)
def test_objects_are_found_as_people_write_them(caption, named):
    assert PETS.named(caption) == named


def test_what_is_denied_is_told_apart():
    assert PETS.denied("a child without a dog") == ("dog",)


def test_chinese_and_japanese_need_no_blanks():
    fruit = Vocabulary(("リンゴ", "苹果"), {})
    assert fruit.named("赤いリンゴが二つ") == ("リンゴ",) and fruit.named("桌上有苹果") == ("苹果",)


def test_other_letters_and_composed_ones():
    food = Vocabulary(("café", "Äpfel", "яблоко"), {})
    assert Vocabulary(("कुत्ता", "قِطّة"), {}).named("एक कुत्ता، قِطّة") == ("कुत्ता", "قِطّة")
    assert food.named("a cafe\u0301 with ÄPFEL and яблоко") == ("café", "Äpfel", "яблоко")


def test_mentions_say_where():
    [first, second] = PETS.mentions("a dog, 2 puppies")
    assert ("a dog, 2 puppies"[first.start : first.end], "a dog, 2 puppies"[second.start : second.end]) == (
        "dog",
        "puppies",
    )


def test_names_that_mean_one_object_are_joined():
    assert merged(["Apples", "apple", "kitten"], {"cat": ("kitten",)}).objects == ("cat", "Apples")


@pytest.mark.parametrize(
    ("objects", "synonyms", "said"),
    [
        (("dog", "cat"), {"cat": ("dog",)}, "names two objects"),
        (("!!",), {}, "no letters"),
        (("",), {}, "no letters"),
    ],
)
def test_a_vocabulary_that_means_nothing_is_refused(objects, synonyms, said):
    with pytest.raises(DataError, match=said):
        Vocabulary(objects, synonyms)


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("boxes", "box"), ("dishes", "dish"), ("cherries", "cherry"), ("shoes", "shoe"), ("grass", "grass"),
        ("bus", "bus"), ("buses", "bus"), ("knives", "knife"), ("cacti", "cactus"), ("toes", "toe"), ("ties", "tie"),
        ("cookies", "cookie"), ("peaches", "peach"), ("caches", "cache"), ("axes", "axe"), ("horses", "horse"),
        ("movies", "movie"),
        ("kiwis", "kiwi"), ("skis", "ski"), ("irises", "iris"), ("octopuses", "octopus"), ("houses", "house"),
        ("firemen", "fireman"), ("grandchildren", "grandchild"), ("olives", "olive"), ("tennis", "tennis"),
    ],
)  # fmt: skip
def test_plurals(plural, one):
    assert singular(plural) == singular(one)


def test_words_are_without_punctuation_and_capitals():
    assert words_of("Two RED apples -- on a table's edge (3)!") == [
        "two",
        "red",
        "apples",
        "on",
        "a",
        "table's",
        "edge",
        "3",
    ]


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("two teddybears", ("teddy bear",)),
        ("a teddy-bear", ("teddy bear",)),
        ("three book cases", ("bookcase",)),
        ("cellphones and wineglasses", ("cell phone", "wine glass")),
        ("a book and a case", ()),
        ("a part of it", ()),
        ("two hotdogs", ()),
    ],
)
def test_compounds_are_one_word_or_two(caption, named):
    kinds = Vocabulary(("teddy bear", "bookcase", "cell phone", "wine glass", "apart", "dog"), {}, ("hot dog",))
    assert kinds.named(caption) == named
