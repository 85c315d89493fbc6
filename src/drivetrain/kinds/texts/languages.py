"""In which language and script a text seems to be: by its letters, and by the small words that every text has.

A language is said where at least two of its small words stand in the text, clearly more than of any other; or where
its letters are those of one language. Else None: short texts often could be of several languages. It knows 24 languages
in Latin and Cyrillic letters, and those with letters of their own; of all others the script is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

LETTERS = 4000
"""Of a text that are looked at."""
LEAST_HITS = 2
LEAST_LEAD = 1.3
"""Times as much as the next language."""

_SMALL_WORDS = {
    "en": "the and of to in is that it for was on are with as at be this have from or by not but what i you my "
    "how can where do did has will which if when",
    "de": "der die und das ist nicht ich den mit von für auf ein eine dem sich des auch wie war aber oder wenn "
    "mein meine wir wo kann mir",
    "fr": "le les des est et une du que pas dans pour qui sur au avec je vous plus ce il ne mais nous comme "
    "mon ma cette où votre ai",
    "es": "el los las y que en una por con para es del se lo su pero como más este ya mi cuando muy hay yo está",
    "it": "il che di non è una per sono del con della gli ma le si da come più nel alla mi questo anche ho perché",
    "pt": "o os não um uma para com do da em que é se dos mas as como mais na no ao você meu muito são está",
    "nl": "de het een en van ik niet dat is op te zijn voor met die maar ook aan mijn bij naar wat heb er nog dit",
    "sv": "och att det som är jag inte på för med en har den till av ett om men var så kan från mig när vi",
    "da": "og at det er jeg ikke på for med en har den til af et om men var så kan fra mig når hvad blev efter",
    "no": "og at det er jeg ikke på for med en har den til av et om men var så kan fra meg når hva ble etter",
    "fi": "ja on ei että se hän mutta olen kun ovat niin mitä tämä kuin oli minun myös vain jos en sitä nyt tai",
    "pl": "i w nie na się z do jest to że jak ale po co tak za od jestem mnie o czy już dla są tego",
    "cs": "a se na je to že v s z do jsem jak ale by co ve pro jsou už mi si není když tak po",
    "sk": "a sa na je to že v s z do som ako ale by čo vo pre sú už mi si nie keď tak po",
    "ro": "și în nu de la cu este pe un o să că care din pentru mai sunt ce dar am fi era acest ca după",
    "hu": "a az és nem hogy egy is van ez de meg csak mint volt én már ha el vagy mert nagyon kell még így",
    "tr": "ve bir bu için de da ne ile çok ben değil mi var daha o gibi kadar ama olarak ki sonra benim nasıl",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada saya ada ke karena bisa juga kami sudah",
    "vi": "và của là không có cho một được với những trong các người này đã tôi khi đến về như để từ",
    "hr": "i je u na se da su za od s ne što kao iz a koji to ali nije bi kako sam može će",
    "ru": "и в не на что я он с как это по но из у за то его она так же для мне меня был",
    "uk": "і в не на що я він з як це по але із у за та його вона так для мені мене був є",
    "bg": "и в не на че аз той с как това по но от за да е се ще си са ми ме има",
    "sr": "и је у на се да су за од с не што као из а који то али није би како сам може",
}
_WORDS = {language: {word for word in words.split() if len(word) > 1} for language, words in _SMALL_WORDS.items()}
"""Without single letters, which are words in too many languages."""
_WORD = re.compile(r"[^\W\d_]+")

_SCRIPTS = (
    ("Latin", "41-5A 61-7A AA BA C0-D6 D8-F6 F8-24F 1E00-1EFF FF21-FF3A FF41-FF5A", None),
    ("Cyrillic", "400-52F", None),
    ("Greek", "370-3FF 1F00-1FFF", "el"),
    ("Hebrew", "590-5FF FB1D-FB4F", "he"),
    ("Arabic", "600-6FF 750-77F 8A0-8FF FB50-FDFF FE70-FEFC", None),
    ("Devanagari", "900-97F", None),
    ("Bengali", "980-9FF", None),
    ("Gurmukhi", "A00-A7F", "pa"),
    ("Gujarati", "A80-AFF", "gu"),
    ("Tamil", "B80-BFF", "ta"),
    ("Telugu", "C00-C7F", "te"),
    ("Kannada", "C80-CFF", "kn"),
    ("Malayalam", "D00-D7F", "ml"),
    ("Sinhala", "D80-DFF", "si"),
    ("Thai", "E00-E7F", "th"),
    ("Lao", "E80-EFF", "lo"),
    ("Tibetan", "F00-FFF", "bo"),
    ("Burmese", "1000-109F", "my"),
    ("Georgian", "10A0-10FF", "ka"),
    ("Hangul", "1100-11FF 3130-318F AC00-D7A3", "ko"),
    ("Ethiopic", "1200-137F", None),
    ("Khmer", "1780-17FF", "km"),
    ("Armenian", "530-58F", "hy"),
    ("Kana", "3040-30FF 31F0-31FF FF66-FF9D", "ja"),
    ("Han", "3400-4DBF 4E00-9FFF F900-FAFF 20000-2EBEF", None),
)
"""Name, code points, and the language where only one is written in it."""


def _letters_of(points: str) -> str:
    """Code points as a part of a regular expression."""
    return "".join("-".join(f"\\U{int(end, 16):08x}" for end in each.split("-")) for each in points.split())


_OF_SCRIPT = re.compile("|".join(f"(?P<{name}>[{_letters_of(points)}]+)" for name, points, _ in _SCRIPTS))
_CYRILLIC = (
    ("uk", "іїєґ", "ыэъёў"),
    ("be", "ў", "ъ"),
    ("ru", "ыэё", "іїєґў"),
    ("bg", "ъ", "ыэёіїє"),
    ("sr", "јљњћђџ", "ѓќѕ"),
    ("mk", "ѓќѕ", "ћђ"),
)
"""Language, letters that it has, and letters that it has not."""
_PERSIAN = re.compile("[پچژگکی]")
_URDU = re.compile("[ٹڈڑںے]")


def script_of(text: str) -> str | None:
    """The script that most letters of a text are in; None where it has none that is known.

    Example:
        >>> script_of("Где моя карта?"), script_of("東京に行きます"), script_of("123 !?")
        ('Cyrillic', 'Kana', None)
    """
    counts = _letters(text[:LETTERS])
    return counts.most_common(1)[0][0] if counts else None


def language_of(text: str) -> str | None:
    """The language that a text seems to be in, as ISO 639-1 names it; None where it cannot be told.

    Example:
        >>> language_of("Where is my card and how can I get it?"), language_of("Die Karte, die ich nicht habe")
        ('en', 'de')
        >>> language_of("ok"), language_of("東京に行きます"), language_of("我的卡在哪里")
        (None, 'ja', 'zh')
    """
    text = text[:LETTERS]
    script = script_of(text)
    if script in (None, "Devanagari", "Bengali", "Ethiopic"):  # which several languages write
        return None
    if script == "Han":
        return "zh"
    if script == "Arabic":
        return "ur" if _URDU.search(text) else "fa" if len(_PERSIAN.findall(text)) >= 2 else "ar"
    if script not in ("Latin", "Cyrillic"):
        return _own_language()[script]
    if script == "Cyrillic" and (language := _by_letters(set(text.lower()))) is not None:
        return language
    return _by_small_words(Counter(_WORD.findall(text.lower())))


def tell_languages(texts: Iterable[str]) -> Counter[str | None]:
    """How many texts seem to be in each language."""
    return Counter(map(language_of, texts))


@cache
def _own_language() -> dict[str, str | None]:
    return {name: language for name, _, language in _SCRIPTS}


def _letters(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for found in _OF_SCRIPT.finditer(text):
        counts[found.lastgroup or ""] += len(found.group())
    if counts["Kana"] and counts["Kana"] * 10 >= counts["Han"]:  # Japanese writes both
        counts["Kana"] += counts.pop("Han", 0)
    return +counts


def _by_letters(letters: set[str]) -> str | None:
    """The language in Cyrillic letters that some of them belong to, and to no other that is known here."""
    found = [language for language, own, foreign in _CYRILLIC if letters & set(own) and not letters & set(foreign)]
    return found[0] if len(found) == 1 else None


def _by_small_words(words: Counter[str]) -> str | None:
    """Each language by its small words in the text; one that several languages have counts a part for each."""
    hits: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for word, n in words.items():
        languages = _languages_of().get(word, ())
        for language in languages:
            hits[language] += n / len(languages)  # pyright: ignore[reportArgumentType]
            kinds[language] += 1
    ranked = hits.most_common(2)
    if not ranked or kinds[ranked[0][0]] < LEAST_HITS:
        return None
    lead = ranked[0][1] / ranked[1][1] if len(ranked) > 1 else LEAST_LEAD
    return ranked[0][0] if lead >= LEAST_LEAD else None


@cache
def _languages_of() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language, words in _WORDS.items():
        for word in words:
            found[word] = (*found.get(word, ()), language)
    return found
