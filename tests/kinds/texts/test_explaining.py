"""Which words an answer rests on, of models whose truth is known."""

import numpy as np
import pytest

from drivetrain.kinds.texts import explaining
from drivetrain.kinds.texts.explaining import OverdueError, agreement, asked, sameness, weighed

VALUES = {"lost": 3.0, "card": 2.0, "thanks": -1.0}


def scores(texts):
    """Sums of what each word is worth, as a bag of words has it."""
    return np.array([[0.0, sum(VALUES.get(word, 0.0) for word in set(text.lower().split()))] for text in texts])


def answer(texts):
    raw = np.exp(scores(texts))
    return raw / raw.sum(axis=1, keepdims=True)


def test_each_word_takes_what_it_is_worth():
    found = weighed(scores, "I lost my card thanks", output=1)
    told = {word.said: change for word, change in zip(found.words, found.change(1), strict=True)}
    assert told == {"I": 0, "lost": 3, "my": 0, "card": 2, "thanks": -1}
    assert found.n_words == 5 and found.before_K.tolist() == [0, 4]


def test_a_word_that_stands_twice_is_left_out_at_both_places():
    found = weighed(scores, "card and Card")
    assert [(word.said, word.places) for word in found.words] == [("card", ((0, 4), (9, 13))), ("and", ((5, 8),))]
    assert found.change(1).tolist() == [2, 0]


def test_of_several_outputs_the_largest_decides_which_words_of_a_long_text_are_asked(monkeypatch):
    monkeypatch.setattr(explaining, "MOST_WORDS", 12)
    monkeypatch.setattr(explaining, "STRETCHES", 10)
    words = [f"w{at}" for at in range(50)]
    words[33], words[7] = "lost", "card"
    calls = []

    def counted(texts):
        calls.extend(texts)
        return scores(texts)

    found = weighed(counted, " ".join(words))
    kept = [word.said for word in found.words]
    assert found.n_words == 50 and len(kept) <= 12 and {"lost", "card"} <= set(kept)
    assert kept == sorted(kept, key=words.index), "in the order of the text"
    assert len(calls) == 1 + 10 + len(kept)


@pytest.mark.parametrize("text", ["", " ", "lost"], ids=["empty", "blank", "one word"])
def test_a_text_of_hardly_any_words(text):
    found = weighed(scores, text)
    assert len(found.words) == len(text.split()) and found.after_WK.shape == (len(found.words), 2)
    assert agreement(found, [scores], text, 1, until=np.inf) is None


def test_answers_come_back_in_the_order_of_the_texts():
    texts = [f"{'x' * (at % 7)} lost" if at % 3 else "card" for at in range(90)]
    np.testing.assert_array_equal(asked(scores, texts), scores(texts))


def test_time_is_kept():
    with pytest.raises(OverdueError):
        weighed(scores, "lost card", until=0.0)


def test_rank_correlation_is_that_of_scipy():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.integers(-3, 4, 12), rng.normal(size=12)
        assert sameness(one, other) == pytest.approx(spearmanr(np.abs(one), np.abs(other)).statistic, abs=1e-9)
    assert sameness(np.zeros(4), np.arange(4)) == 0


def test_a_copy_that_marks_the_same_agrees_and_one_that_marks_others_does_not():
    text = "I lost my card thanks a b c"
    found = weighed(scores, text, output=1)

    def other(texts):
        worth = {"I": 5.0, "my": 4.0, "a": 3.0, "b": 2.0, "c": 1.0}
        return np.array([[0.0, sum(worth.get(word, 0.0) for word in set(text.split()))] for text in texts])

    assert agreement(found, [scores], text, 1, until=np.inf) == pytest.approx(1.0)
    assert agreement(found, [other], text, 1, until=np.inf) < -0.5
    assert agreement(found, [], text, 1, until=np.inf) is None
