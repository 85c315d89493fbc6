"""CIDEr-D and BLEU-4, against what the published code gives and what papers print."""

import numpy as np
import pytest

from drivetrain.captions.judging.agreement import bleu_columns, bleu_of, cider_d, overlap
from drivetrain.captions.judging.words import scored_words
from drivetrain.errors import DataError

CAPTIONS = [
    "two red apples on a wooden table",
    "a dog runs on the grass with a ball",
    "a man riding a wave on a surfboard",
    "a cat sits on a couch",
    "a a a a a a",
]
REFERENCES = [
    ["two red apples lie on a table", "red apples on a wooden table", "some fruit"],
    ["a brown dog runs across the grass", "a dog chasing a ball on the lawn"],
    ["a surfer riding a large wave", "a man on a surfboard rides a wave in the ocean", "man surfing"],
    ["a grey cat is sitting on the sofa next to a pillow"],
    ["a train at a station", "a long train waits at a platform"],
]


def test_cider_d_is_that_of_coco_caption():
    """pycocoevalcap 1.2, CiderScorer, on the same words."""
    expected = [4.12062901, 2.06420297, 1.57778745, 0.31213134, 0.0]
    assert cider_d(CAPTIONS, REFERENCES) == pytest.approx(expected, abs=1e-8)


def test_bleu_4_is_that_of_coco_caption_and_of_nltk():
    """pycocoevalcap 1.2, BleuScorer(n=4) with the closest reference; nltk 3.10's corpus_bleu gives the same."""
    columns_NC = bleu_columns(CAPTIONS, REFERENCES)
    assert float(bleu_of(columns_NC.sum(axis=0, keepdims=True))[0]) == pytest.approx(0.3236726032850363, abs=1e-9)
    assert float(bleu_of(columns_NC[:1])[0]) == pytest.approx(0.9306048587924521, abs=1e-7)


def test_clipped_precision_is_that_of_the_paper():
    """Papineni et al. (2002), example 2: "the" seven times; two of seven count."""
    columns = bleu_columns(["the the the the the the the"], [["The cat is on the mat.", "There is a cat on the mat."]])
    assert columns[0, 2] / columns[0, 6] == pytest.approx(2 / 7)


def test_brevity_penalty_is_that_of_the_paper():
    """A caption of 4 of the 8 words of its reference: exp(1 - 8/4)."""
    columns = bleu_columns(["a b c d"], [["a b c d e f g h"]])
    assert float(bleu_of(columns)[0]) == pytest.approx(np.exp(-1), abs=1e-6)


def test_captions_of_one_picture_count_its_references_once():
    twice = cider_d([CAPTIONS[0], *CAPTIONS], [REFERENCES[0], *REFERENCES], ["p0", *[f"p{i}" for i in range(5)]])
    assert twice[1:] == pytest.approx(cider_d(CAPTIONS, REFERENCES)) and twice[0] == twice[1]


def test_punctuation_and_capitals_count_for_nothing():
    assert cider_d([text.upper() + "!" for text in CAPTIONS], REFERENCES) == pytest.approx(
        cider_d(CAPTIONS, REFERENCES)
    )


def test_bounds():
    assert cider_d(
        ["a red cat sleeps", "two dogs run far"], [["a red cat sleeps"], ["two dogs run far"]]
    ) == pytest.approx([10, 10])
    assert cider_d(["!", "two dogs"], [["a cat"], ["two dogs"]])[0] == 0
    assert overlap("a b", "a b") == 1 and overlap("a", "b") == 0 and overlap("", "") == 1


def test_a_caption_without_references_is_an_error():
    with pytest.raises(DataError, match="To fix"):
        cider_d(["a"], [[]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man's dog can't run, isn't it?", "a man 's dog ca n't run is n't it"),
        ("A black-and-white dog, two-story house.", "a black-and-white dog two-story house"),
        ('"Stop" sign (red) -- at night...', "stop sign -lrb- red -rrb- at night"),
        ("kids' toys, $5.00 e.g. ice-cream", "kids toys $ 5.00 e.g. ice-cream"),
        ("A 3/4 view; 12:30 pm on 5th street", "a 3/4 view 12:30 pm on 5th street"),
        ("the U.S. flag & women’s shoes", "the u.s. flag & women 's shoes"),
    ],
)
def test_words_are_those_of_coco_caption(text, words):
    """The right column is what PTBTokenizer of pycocoevalcap 1.2 gives."""
    assert " ".join(scored_words(text)) == words
