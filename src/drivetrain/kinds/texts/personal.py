"""Personal data in a text: addresses of e-mail, telephone numbers, account and card numbers.

What has a check digit is checked (IBAN: ISO 7064 mod 97; cards: Luhn), so that order numbers are seldom taken for it.
Names and postal addresses are not found: they cannot be told by their form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
CARD = re.compile(r"(?<![\d.,-])(?:\d[ -]?){12,18}\d(?![\d]|[.,-]\d)")
PHONE = re.compile(
    r"(?<![\w.,/-])(?:"
    r"(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(0?\d{1,4}\)[ ./-]?)?\d{2,4}(?:[ ./-]?\d{2,4}){1,4}"  # with the country
    r"|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}"  # (415) 555-0132
    r"|[2-9]\d{2}[.-][2-9]\d{2}[.-]\d{4}"  # 415-555-0132
    r"|0[1-9]\d{0,3}[ /-]\d{2,4}(?:[ -]\d{2,4}){1,3}"  # 01 42 68 53 00
    r"|0[1-9]\d{1,3}[ /-]\d{5,9}"  # 030 901820
    r")(?![\w-]|[.,/:]\d)"
)
DIGITS_OF_PHONE = (9, 15)
"""Eight are a date as well."""
ISSUERS = ("34", "37", "4", "5", "2", "6", "30", "36", "38", "39", "35")
"""What numbers of cards begin with."""
IBAN_LENGTHS = {
    **{"AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18},
    **{"EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23},
    **{"IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28},
    **{"PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29},
}


def found_in(text: str) -> frozenset[str]:
    """What seems to be in a text, in words.

    Example:
        >>> sorted(found_in("Write to ann@example.org or call +49 30 901820."))
        ['a telephone number', 'an e-mail address']
        >>> sorted(found_in("IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111"))
        ['a card number', 'an account number (IBAN)']
        >>> found_in("Order 4111111111111112 of 2026-11-29, 3.14159265 m, 10.0.0.1")
        frozenset()
    """
    found: set[str] = set()
    if "@" in text and EMAIL.search(text):
        found.add("an e-mail address")
    if not any(map(str.isdigit, text)):
        return frozenset(found)
    for pattern, is_one, what in ((IBAN, is_iban, "an account number (IBAN)"), (CARD, is_card, "a card number")):
        for each in pattern.findall(text):
            if is_one(each):
                found.add(what)
                text = text.replace(each, " ")  # parts of it look like telephone numbers
    if any(_is_phone(each) for each in PHONE.findall(text)):
        found.add("a telephone number")
    return frozenset(found)


def is_iban(written: str) -> bool:
    """Whether it is an IBAN with the right check digits.

    Example:
        >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
        (True, False)
    """
    plain = re.sub(r"[ -]", "", written).upper()
    if len(plain) != IBAN_LENGTHS.get(plain[:2], 0):
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def is_card(written: str) -> bool:
    """Whether it is a number of a card with the right check digit (Luhn).

    Example:
        >>> is_card("4111-1111-1111-1111"), is_card("4111-1111-1111-1112"), is_card("0000000000000000")
        (True, False, False)
    """
    digits = re.sub(r"\D", "", written)
    if not 13 <= len(digits) <= 19 or not digits.startswith(ISSUERS) or len(set(digits)) < 2:
        return False
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def counted(texts: Iterable[str]) -> Mapping[str, int]:
    """What is found → in how many texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(found_in(text))
    return counts


def _is_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    return DIGITS_OF_PHONE[0] <= len(digits) <= DIGITS_OF_PHONE[1] and len(set(digits)) > 2
