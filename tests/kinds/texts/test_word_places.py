"""Words of any script, each with all its places; what is left of a text without some of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.kinds.texts.word_places import LONGEST, places, same, without, words_of

WORDS = {
    "latin": ("Isn't the e-mail 3.50 €?", ["Isn't", "the", "e-mail", "3.50", "€", "?"]),
    "address": ("ann@example.org #late", ["ann", "@", "example", ".", "org", "#late"]),
    "full stop without a blank": ("card.my", ["card", ".", "my"]),
    "hindi": ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
    "arabic": ("أين بطاقتي؟", ["أين", "بطاقتي", "؟"]),
    "persian": ("می\u200cخواهم کارت", ["می\u200cخواهم", "کارت"]),
    "chinese": ("我的卡在哪里", ["我的", "卡在", "哪里"]),
    "japanese and latin": ("ATMでカード", ["ATM", "でカ", "ード"]),
    "family": ("👨\u200d👩\u200d👧 ok", ["👨\u200d👩\u200d👧", "ok"]),
    "flag and skin": ("🇨🇭👍🏽", ["🇨🇭", "👍🏽"]),
    "decomposed": ("cafe\u0301 au lait", ["cafe\u0301", "au", "lait"]),
    "blank": (" \n\t", []),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_are_found_in_their_order(name):
    text, words = WORDS[name]
    assert [text[a:b] for a, b in places(text)] == words


def test_a_word_has_all_its_places_whatever_its_case():
    words = words_of("Card, card; CARD and ｃａｒｄ")
    assert [(word.said, len(word.places)) for word in words] == [("Card", 4), (",", 1), (";", 1), ("and", 1)]
    assert same("Straße") == same("STRASSE")


def test_a_key_of_a_thousand_letters_is_cut():
    assert [b - a for a, b in places("k" * 150)] == [LONGEST, LONGEST, 150 - 2 * LONGEST]


def test_what_is_left_has_no_double_blanks():
    text = "lost my card my pin"
    assert without(text, words_of(text)[1:2]) == "lost card pin"
    assert without(text, words_of(text)) == ""
    assert without("my card.", words_of("my card.")[1:2]) == "my ."


@given(st.text(max_size=60))
def test_places_rise_do_not_overlap_and_cover_all_but_blanks(text):
    found = places(text)
    ends = [0, *(end for _, end in found)]
    assert all(last <= start < end for last, (start, end) in zip(ends, found, strict=False))
    between = [text[last:start] for last, (start, _) in zip(ends, found, strict=False)] + [text[ends[-1] :]]
    assert not "".join(between).strip() and not without(text, words_of(text)).strip()
