"""Names and messages that can be printed, logged and stored anywhere."""

from __future__ import annotations

import os
import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a cell begins with that a spreadsheet computes; and the apostrophe, so that `from_cell` is exact."""

_SECRET_NAME = re.compile(r"(?<=:/)(/?)[^/@?]*:[^?]*(?=@)")
"""Of an address: name and password, which may themselves hold an @ or a slash."""
_SECRET_VALUE = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key|sig|credential)[^=&;]*=)[^&;#]*", re.IGNORECASE)


def readable(name: str | os.PathLike[str]) -> str:
    r"""A file name that can be printed and stored anywhere: one line, valid UTF-8.

    Example:
        >>> readable("two\nlines\udcff")
        'two\\nlines\\xff'
    """
    text = os.fspath(name)
    return text if text.isprintable() else "".join(map(_shown, text))


def printable(text: str) -> str:
    r"""A message of any number of lines whose letters a terminal shows and never obeys.

    Everything that drivetrain prints goes through here: what a label, a file name or somebody else's manifest holds
    cannot colour, overwrite or turn round what stands beside it. Line breaks stay; pass a name through `readable`
    first where it must not break the line.

    Example:
        >>> printable("cat\x1b]0;title\x07: 90 %\ndog\u202e: 10 %")
        'cat\\x1b]0;title\\x07: 90 %\ndog\\u202e: 10 %'
    """
    return "\n".join(map(readable, text.split("\n")))


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: one that could be gets an apostrophe before it.

    `from_cell` gives the text back as it was.

    Example:
        >>> cell("=cmd|' /C calc'!A0"), cell("pear"), cell("'tis")
        ("'=cmd|' /C calc'!A0", 'pear', "''tis")
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def from_cell(text: str) -> str:
    """What `cell` was given.

    Example:
        >>> from_cell("'=1+1"), from_cell("pear"), from_cell("''tis")
        ('=1+1', 'pear', "'tis")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def without_secrets(address: str) -> str:
    """An address as anybody may read it: without the key, password or token that stands in it.

    Example:
        >>> without_secrets("s3://AKIA:s/cr@t@bucket/pictures?region=eu-1&session_token=abc")
        's3://***@bucket/pictures?region=eu-1&session_token=***'
        >>> without_secrets("abfss://container@account/pictures")
        'abfss://container@account/pictures'
    """
    return _SECRET_VALUE.sub(r"\1***", _SECRET_NAME.sub(r"\1***", address))


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return f"\\x{ord(letter) - 0xDC00:02x}" if _is_byte(letter) else repr(letter)[1:-1]


def _is_byte(letter: str) -> bool:
    """Whether Python put this letter in place of a byte that is not UTF-8."""
    return "\udc80" <= letter <= "\udcff"


def number_text(value: float) -> str:
    """A number for people: four digits that matter, and all those before the decimal point.

    Example:
        >>> number_text(1.23456), number_text(20240131.0), number_text(1_700_000_059.4), number_text(2.5e-9)
        ('1.235', '20240131', '1700000059', '2.5e-09')
    """
    whole = len(f"{abs(value):.0f}") if abs(value) < 1e15 else 0  # NaN and infinity have none, either
    return f"{value:.{max(whole, 4)}g}"


def in_digits(value: float, form: str = ".4g") -> str:
    """A number to be read: in whole digits from 1,000 on, where Python's short form turns to powers of ten.

    Example:
        >>> in_digits(0.25), in_digits(13330.4), in_digits(-13330.4, "+.3g"), in_digits(2.5e29)
        ('0.25', '13,330', '-13,330', '2.5e+29')
    """
    if not 1000 <= abs(value) < 1e15:
        return f"{value:{form}}"
    return f"{value:+,.0f}" if form.startswith("+") else f"{value:,.0f}"


def bytes_text(n: int) -> str:
    """A size for people, two or three digits of it.

    Example:
        >>> bytes_text(980), bytes_text(12_345), bytes_text(1_180_000), bytes_text(86_400_000)
        ('980 bytes', '12 kB', '1.2 MB', '86 MB')
    """
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= 0.9995 * size:
            return f"{n / size:.{1 if n < 9.95 * size else 0}f} {unit}"
    return f"{n} bytes"


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things.

    Example:
        >>> counted(1, "row"), counted(1234, "row"), counted(2, "category", "categories")
        ('1 row', '1,234 rows', '2 categories')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def one_of(noun: str) -> str:
    """The singular.

    Example:
        >>> one_of("pictures"), one_of("time series"), one_of("binaries"), one_of("classes"), one_of("people")
        ('picture', 'time series', 'binary', 'class', 'person')
    """
    if noun.endswith("series"):
        return noun
    if noun.endswith("people"):
        return f"{noun.removesuffix('people')}person"
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun.removesuffix("es") if noun.endswith(("sses", "xes")) else noun.removesuffix("s")


def does(n: int, verb: str) -> str:
    """What so many things do: the verb in the form that goes with their number.

    Example:
        >>> does(1, "have"), does(2, "have"), does(1, "are"), does(1, "lie"), does(0, "differ"), does(1, "reach")
        ('has', 'have', 'is', 'lies', 'differ', 'reaches')
    """
    if n != 1:
        return verb
    irregular = {"have": "has", "are": "is", "were": "was", "do": "does"}
    return irregular.get(verb) or f"{verb}{'es' if verb.endswith(('ch', 'sh', 's')) else 's'}"


def agreeing(n: int, nouns: str, verb: str) -> str:
    """How many things do something: "1 sound has", "2 sounds have".

    Example:
        >>> agreeing(1, "training sounds", "have"), agreeing(1234, "classes", "are"), agreeing(1, "classes", "are")
        ('1 training sound has', '1,234 classes are', '1 class is')
    """
    return f"{counted(n, one_of(nouns), nouns)} {does(n, verb)}"


def short_reason(error: BaseException) -> str:
    r"""An exception's message in one line of at most 120 letters.

    Example:
        >>> short_reason(ValueError("too\n many."))
        'too many'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return readable(re.sub(r"\s+", " ", text)).strip().rstrip(".")[:120] or type(error).__name__
