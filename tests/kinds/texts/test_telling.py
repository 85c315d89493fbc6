"""Languages, scripts and personal data, told by small rules."""

from __future__ import annotations

import pytest

from drivetrain.kinds.texts.describing import CONTENTS, told_of
from drivetrain.kinds.texts.languages import language_of, script_of, tell_languages
from drivetrain.kinds.texts.personal import counted, found_in, is_card, is_iban

# After article 1 of the Universal Declaration of Human Rights.
ARTICLE = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met het.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuft och samvete.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem.",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan, eikä se ole vain niin kuin.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve bir için.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они не так наделены разумом.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق",
    "fa": "تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند که پس",
    "he": "כל בני האדם נולדו בני חורין",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระ",
    "ko": "모든 인간은 태어날 때부터 자유로우며",
    "ja": "すべての人間は、生まれながらにして自由であり",
    "zh": "人人生而自由,在尊严和权利上一律平等",
    "ka": "ყველა ადამიანი იბადება თავისუფალი",
    "ta": "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே",
}


@pytest.mark.parametrize("language", ARTICLE)
def test_a_language_is_told(language: str) -> None:
    assert language_of(ARTICLE[language]) == language


@pytest.mark.parametrize(
    "text", ["", "ok", "hello", "123 456", "😀😀", "Zürich Bern", "मेरा कार्ड", "lorem ipsum dolor", "i a o e"]
)
def test_what_cannot_be_told_is_not(text: str) -> None:
    assert language_of(text) is None


def test_scripts_and_counts() -> None:
    assert script_of("Привет, world wide wide") == "Latin" and script_of("Привет, world") == "Cyrillic"
    assert script_of("東京 abc") == "Latin" and script_of("東京都 ab") == "Han" and script_of("カタカナ漢字") == "Kana"
    assert script_of("\u0939\u093f\u0928\u094d\u0926\u0940") == "Devanagari"
    assert tell_languages([*ARTICLE.values(), "ok"])[None] == 1
    assert language_of(ARTICLE["de"] * 10_000) == "de"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail ann.b+c@mail.example.co.uk today", "an e-mail address"),
        ("<ann@example.org>", "an e-mail address"),
        ("call +41 44 668 18 00", "a telephone number"),
        ("call (415) 555-0132 now", "a telephone number"),
        ("01 42 68 53 00", "a telephone number"),
        ("0049 170 1234567", "a telephone number"),
        ("IBAN: GB82 WEST 1234 5698 7654 32.", "an account number (IBAN)"),
        ("CH9300762011623852957", "an account number (IBAN)"),
        ("card 4111-1111-1111-1111", "a card number"),
        ("5500 0000 0000 0004", "a card number"),
        ("378282246310005", "a card number"),
    ],
    ids=range(11),
)
def test_personal_data_are_found(text: str, found: str) -> None:
    assert found_in(text) == {found}


@pytest.mark.parametrize(
    "text",
    [
        *("a@b", "@ann", "x@", "price 12.345,67", "2026-11-29 12:30:59", "01-02-2026", "01/02/2026 10:30", "10.0.0.1"),
        *("version 1.2.3.4", "3.14159265358979", "order 4111111111111112", "GB82 WEST 1234 5698 7654 33", "0" * 16),
        *("ISBN 978-3-16-148410-0", "1,234,567,890", "100-200", "call 112", "8.8.8.8:8080", "\u0664\u0661\u0661" * 6),
    ],
    ids=range(19),
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert found_in(text) == frozenset()


def test_check_digits() -> None:
    """Examples of ISO 13616 and of the card companies; each other last digit is wrong."""
    assert is_iban("DE89370400440532013000") and is_iban("NL91 ABNA 0417 1643 00") and is_iban("NO93 8601 1117 947")
    assert not any(is_iban(f"DE8937040044053201300{digit}") for digit in "123456789")
    assert not is_iban("XX89370400440532013000") and not is_iban("DE8937040044053201300")
    assert [last for last in "0123456789" if is_card(f"411111111111111{last}")] == ["1"]
    assert counted(["a@b.example", "c@d.example +41 44 668 18 00", ""]) == {
        "an e-mail address": 2,
        "a telephone number": 1,
    }


def test_what_is_told_of_a_text() -> None:
    told = told_of("WHERE is it, 42%?", " WHERE is it, 42%?\r\n", "cp1252")
    assert told["words"] == 4 and told["lines"] == 1 and told["last sign"] == "?" and told["first letter"] == "capital"
    assert told["share of capitals"] == pytest.approx(5 / 17) and told["share of digits"] == pytest.approx(2 / 17)
    assert told["share of punctuation"] == pytest.approx(3 / 17) and told["blanks at the ends"] == "yes"
    assert (told["HTML"], told["line breaks"], told["encoding"]) == ("no", "\\r\\n", "cp1252")
    assert told.keys() > CONTENTS and told_of("", "", None)["words"] == 0
