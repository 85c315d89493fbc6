"""Which objects a caption names: a list of objects, how else they are called, and where they stand in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from drivetrain.captions.judging.words import STOPWORDS, placed_words, singular
from drivetrain.errors import DataError
from drivetrain.text import readable

NEGATORS = frozenset(("no", "without", "not", "never", "nor", "neither", "isn't", "aren't", "lacks", "lacking"))
REACH = 2
"""Words that may stand between "no" and the object it denies."""
SHORTEST_PART = 3
"""Letters of a word that may be a part of another one: "car pet" is a carpet, "a part" is no apart."""
_SEAM = re.compile(r"[\s_\-/]+")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Mention:
    """An object named in a caption."""

    name: str
    start: int
    """Letters before it."""
    end: int
    denied: bool
    """The caption says that it is not there: "no dog"."""


@dataclass(frozen=True)
class Vocabulary:
    """Objects, and the words that name them.

    Args:
        objects: Names, each once.
        synonyms: Object → what else it is called.
        ignore: Phrases that hold the name of an object and do not mean it, such as "hot dog".

    Raises:
        DataError: One word stands for two objects, or a name holds no letters.

    Example:
        >>> pets = Vocabulary(("dog", "polar bear"), {"dog": ["puppy"]}, ["hot dog"])
        >>> [mention.name for mention in pets.mentions("Two puppies eat hot dogs beside polar-bears, no dog.")]
        ['dog', 'polar bear', 'dog']
        >>> pets.named("Two puppies, and no polar bear"), pets.denied("no polar bear")
        (('dog',), ('polar bear',))
    """

    objects: tuple[str, ...]
    synonyms: Mapping[str, Sequence[str]]
    ignore: Sequence[str] = ()

    def __post_init__(self) -> None:
        _ = self._phrases  # checked at once

    @cached_property
    def _phrases(self) -> dict[Key, str | None]:
        """Words in a row → the object they name; None where they name none."""
        found: dict[Key, str | None] = {}
        for name in self.objects:
            for phrase in (name, *self.synonyms.get(name, ())):
                key = key_of(phrase)
                if not key:
                    raise DataError(
                        f"the object {readable(str(phrase))!r} has no letters or digits; expected words that captions "
                        "use. To fix: name it in words, or leave it out."
                    )
                known = found.setdefault(key, name)
                if known is not None and known != name:
                    raise DataError(
                        f"{readable(phrase)!r} names two objects, {readable(known)!r} and {readable(name)!r}; expected "
                        "one. To fix: leave it with one of them, or join the two."
                    )
        found |= dict.fromkeys((key for key in map(key_of, self.ignore) if key), None)
        for key, name in list(found.items()):  # a teddy bear is a teddybear, too
            if len(key) > 1:
                found.setdefault(("".join(key),), name)
        return found

    @cached_property
    def _longest(self) -> int:
        return max(2, *map(len, self._phrases)) if self._phrases else 0

    def _known(self, forms: Sequence[str], words: Sequence[str]) -> Key | None:
        """The phrase that words in a row are, written apart or, two of them, as one: a book case is a bookcase."""
        key = tuple(forms)
        if key in self._phrases:
            return key
        joined = (f"{words[0]}{forms[1]}",) if len(forms) == 2 and min(map(len, words)) >= SHORTEST_PART else key
        return joined if joined in self._phrases else None

    def mentions(self, caption: str) -> list[Mention]:
        """Every mention of an object, in order; of phrases that overlap the longest counts."""
        words = placed_words(caption)
        forms = [singular(word.form) for word in words]
        found: list[Mention] = []
        at, last = 0, -1  # the word after the last mention: what stands before it denies another object
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                key = self._known(forms[at : at + length], [word.form for word in words[at : at + length]])
                if key is not None:
                    name = self._phrases[key]
                    if name is not None:
                        before = {word.form for word in words[max(at - 1 - REACH, last, 0) : at]}
                        denied = not before.isdisjoint(NEGATORS)
                        found.append(Mention(name, words[at].start, words[at + length - 1].end, denied))
                    at += length
                    last = at
                    break
            else:
                at += 1
        return found

    def named(self, caption: str) -> tuple[str, ...]:
        """The objects that a caption says are there, each once."""
        return tuple(dict.fromkeys(mention.name for mention in self.mentions(caption) if not mention.denied))

    def denied(self, caption: str) -> tuple[str, ...]:
        """The objects that a caption says are not there, each once."""
        return tuple(dict.fromkeys(mention.name for mention in self.mentions(caption) if mention.denied))

    def rest(self, caption: str) -> list[str]:
        """Words that could name something and belong to no object: what nobody has looked at."""
        taken = [(mention.start, mention.end) for mention in self.mentions(caption)]
        return [
            word.form
            for word in placed_words(caption)
            if word.form not in STOPWORDS
            and len(word.form) > 2
            and not word.form.isdigit()
            and not any(start <= word.start < end for start, end in taken)
        ]

    def canonical(self, name: str) -> str | None:
        """The object that a name of it or a synonym stands for; None where it is no object here."""
        return self._phrases.get(key_of(name))


def key_of(phrase: str) -> Key:
    """A name as it is looked for: words without plural; hyphens, slashes and underscores part words as blanks do.

    Example:
        >>> key_of("Golden-Delicious"), key_of("polar_bears")
        (('golden', 'delicious'), ('polar', 'bear'))
    """
    return tuple(singular(word.form) for word in placed_words(_SEAM.sub(" ", phrase)))


def merged(names: Iterable[str], synonyms: Mapping[str, Sequence[str]], ignore: Sequence[str] = ()) -> Vocabulary:
    """A vocabulary of names as they were written, of which some may be one: `apples` and `Apple`, or a synonym.

    Example:
        >>> merged(["Apples", "apple", "puppy", "dog"], {"dog": ["puppy"]}).objects
        ('dog', 'Apples')
    """
    firsts: dict[Key, str] = {}
    for name, others in synonyms.items():
        for phrase in (name, *others):
            firsts.setdefault(key_of(phrase), name)
    kept = dict.fromkeys(synonyms)
    for name in names:
        kept.setdefault(firsts.setdefault(key_of(name), name))
    return Vocabulary(tuple(kept), {name: tuple(others) for name, others in synonyms.items()}, tuple(ignore))
