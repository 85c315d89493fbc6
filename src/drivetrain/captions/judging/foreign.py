"""Captions in another language than English: what is known of English alone does not hold for them."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.kinds.texts.languages import LETTERS, language_of, script_of

NO_BLANKS = ("Thai", "Lao", "Khmer", "Burmese", "Tibetan")
"""Scripts that part no words, and whose letters are no words either."""


def foreign(captions: Sequence[str]) -> str | None:
    """What does not hold where captions are not in English; None where they seem to be, or are too short to say.

    Example:
        >>> print(foreign(["ein Hund und eine Katze", "kein Hund auf der Wiese"]))
        The captions seem to be in another language than English (de): plurals, ...
        >>> foreign(["a dog and a cat on the grass", "the dog is in the house"]) is None
        True
    """
    text, at = "", 0
    while at < len(captions) and len(text) < LETTERS:
        text += captions[at] + "\n"
        at += 1
    language, script = language_of(text), script_of(text)
    if language == "en" or (language is None and script in (None, "Latin")):
        return None
    blanks = ", and objects are not found in the middle of words that no blanks part" if script in NO_BLANKS else ""
    return (
        f"The captions seem to be in another language than English ({language or script}): plurals, and that 'no', "
        f"'without' or 'not' denies an object, are known of English alone{blanks}. To fix: give the other forms of an "
        "object in synonyms=, and leave out captions that say what is not there."
    )
