"""TF-IDF as scikit-learn computes it, without scikit-learn."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from drivetrain.errors import ArtefactError
from drivetrain.kinds.texts.terms import Terms, fit_terms, folded

WORDS = (
    *("card", "pin", "money", "transfer", "where", "is", "my", "I", "a", "can't", "top-up", "£100", "3.50", "Größe"),
    *(
        "naïve",
        "ﬁle",
        "東京都",
        "привет",
        "שלום",
        "مرحبا",
        "नमस्ते",
        "😀",
        "👩‍👧",
        "…",
        "--",
        "e.g.",
        "x_y",
        "İstanbul",
        "ẞ",
    ),
)


def made(n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    blanks = (" ", "  ", "\n", "\t", "\u00a0", " , ", ". ")
    return ["".join(rng.choice(WORDS) + rng.choice(blanks) for _ in range(rng.randint(0, 30))) for _ in range(n)]


TEXTS = [folded(text) for text in made(300)]
OTHERS = [folded(text) for text in made(60, seed=1)] + ["", "unknown", "a", " "]


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize(("words", "characters"), [((1, 2), (2, 5)), ((1, 1), (3, 3)), ((2, 3), (1, 4))])
def test_terms_and_weights_are_those_of_scikit_learn(words, characters, least: int, sublinear: bool) -> None:
    terms = fit_terms(TEXTS, words=words, characters=characters, least=least, sublinear=sublinear)
    oracles = [
        TfidfVectorizer(analyzer=analyser, ngram_range=lengths, min_df=least, sublinear_tf=sublinear).fit(TEXTS)
        for analyser, lengths in (("word", words), ("char_wb", characters))
    ]
    assert terms.words.terms == tuple(oracles[0].get_feature_names_out())
    assert terms.characters.terms == tuple(oracles[1].get_feature_names_out())
    known = np.hstack([oracle.transform(OTHERS).toarray() for oracle in oracles])
    for row, text in enumerate(OTHERS):
        ids, weights = terms.of(text)
        found = np.zeros(len(terms) + 1)
        found[ids] = weights
        assert len(set(ids.tolist())) == len(ids) and found[0] == 0
        np.testing.assert_allclose(found[1:], known[row], atol=1e-6)


def test_a_vocabulary_holds_those_terms_that_are_in_most_texts() -> None:
    terms = fit_terms(["card pin", "card pin money", "card other", "card apple", "money", "pin"], least=1, most=3)
    assert terms.words.terms == ("card", "card pin", "pin")  # of equal ones the first by alphabet
    assert len(terms.characters.terms) == 3 and len(terms) == 6 and terms.n_words == 3
    again = fit_terms(["b c", "a b c"], words=(1, 1), least=1, most=1)
    assert again.words.terms == ()  # single letters are no words
    assert fit_terms([], least=1).of("card")[0].tolist() == [0]


def test_letters_may_be_composed_or_not() -> None:
    terms = fit_terms(["Größe café", "Größe café"])
    for text in ("größe", "GRO\u0308ßE"):
        assert terms.known_share(text) == 1.0
    assert terms.known_share("unknown größe") == 0.5 and terms.known_share("!") is None


def test_a_vocabulary_is_a_file() -> None:
    terms = fit_terms(TEXTS)
    again = Terms.from_bytes(terms.to_bytes())
    assert again.names == terms.names and again.sublinear == terms.sublinear
    for text in OTHERS:
        for found, known in zip(again.of(text), terms.of(text), strict=True):
            np.testing.assert_array_equal(found, known)


GOOD = {"lengths": [1, 2], "terms": ["a", "b"], "idf": [1.0, 2.0]}


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"words": GOOD, "characters": GOOD},
        {"words": GOOD, "characters": GOOD, "sublinear": 1},
        {"words": GOOD | {"terms": ["a", "a"]}, "characters": GOOD, "sublinear": True},
        {"words": GOOD | {"terms": ["a", 2]}, "characters": GOOD, "sublinear": True},
        {"words": GOOD | {"idf": [1.0]}, "characters": GOOD, "sublinear": True},
        {"words": GOOD | {"idf": [1.0, None]}, "characters": GOOD, "sublinear": True},
        {"words": GOOD | {"lengths": [1, 10**9]}, "characters": GOOD, "sublinear": True},
        {"words": GOOD | {"lengths": "12"}, "characters": GOOD, "sublinear": True},
        {"words": GOOD, "characters": None, "sublinear": True},
    ],
    ids=range(11),
)
def test_a_vocabulary_of_a_stranger_is_read_with_care(said) -> None:
    with pytest.raises(ArtefactError, match="the vocabulary of terms cannot be read"):
        Terms.from_bytes(json.dumps(said).encode())
    with pytest.raises(ArtefactError):
        Terms.from_bytes(b"\xff")


def test_a_long_text_is_read_in_a_moment() -> None:
    terms = fit_terms(TEXTS)
    ids, weights = terms.of("x" * 200_000 + " card" * 50_000)
    assert len(ids) > 3 and np.isclose(float(weights @ weights), 2.0, atol=1e-5)  # two blocks of length 1
