"""What a folder's name says: a part of a split in any spelling, or a number in a series (batch 1, 2019, site A)."""

from __future__ import annotations

import re
from collections.abc import Collection

from drivetrain.data.split import SYNONYMS, Part

WORDS: dict[str, Part] = {
    **SYNONYMS,
    "trains": "train",
    "trainval": "train",
    "eval": "valid",
    "evaluation": "valid",
    "vali": "valid",
    "validate": "valid",
    "development": "valid",
    "tests": "test",
    "holdout": "test",
    "heldout": "test",
    **dict.fromkeys(
        ("entrenamiento", "treino", "treinamento", "entraînement", "entrainement", "apprentissage", "训练", "训练集"),
        "train",
    ),
    **dict.fromkeys(("validación", "validacion", "validação", "validacao", "validierung", "验证", "验证集"), "valid"),
    **dict.fromkeys(("prueba", "pruebas", "teste", "testes", "测试", "测试集"), "test"),
}
_FILLERS = """
set sets data dataset datasets image images img imgs picture pictures pic pics photo photos split splits sample samples
folder folders dir part subset file files final new all full jpg jpeg png the of my cropped resized v
"""
FILLERS = frozenset(_FILLERS.split())
"""Words that may stand beside one for a part."""

_COUNTED = (
    "batch|site|fold|kfold|cv|chunk|shard|session|day|week|month|round|run|cam|camera|group|patient|subject|person|user|"
    "scan|series|clip|video|trip|lot|station|farm|plot|year|version|v|split|section|subset|part|disk|machine|center|"
    "centre|hospital|clinic|lab|scanner|device|phone|source|collection|volume|vol|set|folder|dir"
)
SERIES = re.compile(rf"(?:{_COUNTED})s?(?:[\s_.-]*\d+|[\s_.-][a-z])|(?:site|group|batch|fold|camera|hospital|lab)[a-z]")
NUMBERED = re.compile(r"(?:[\s_.-]*\d+|[\s_.-]+[A-Za-z]|(?<=[a-z])[A-Z])$")
OF_CLASSES = frozenset(("class", "type", "grade", "stage", "level", "cat", "category", "label", "species", "kind", "c"))
"""Stems of classes that are merely numbered."""
DATE = re.compile(r"(?:19|20)\d\d(?:[-_. ]?\d\d?){0,2}|\d\d?[-_.]\d\d?[-_.](?:19|20)?\d\d")


def part_of(name: str, *, loosely: bool = False) -> Part | None:
    """The part that a folder's name says, or None.

    Args:
        name: Of the folder.
        loosely: Any other words may stand beside the one for the part.

    Example:
        >>> [part_of(name) for name in ("training_set", "TrainImages", "val-split", "test2017", "test kitchen", "cats")]
        ['train', 'train', 'valid', 'test', None, None]
        >>> part_of("Fruits-360 Training", loosely=True)
        'train'
    """
    words = _words(name)
    if words[-1:] in (["out"], ["up"]) and words[:-1] and words[-2] in ("hold", "held"):
        words = [*words[:-2], "holdout"]
    found: set[Part] = set()
    others = 0
    for word in words:
        part = _part_of_word(word)
        if part is not None:
            found.add(part)
        elif word not in FILLERS:
            others += 1
    if len(found) != 1 or (others and not loosely):
        return None
    return found.pop()


def is_of_a_series(name: str) -> bool:
    """Whether a name counts, dates or numbers something rather than saying what is seen.

    Example:
        >>> [is_of_a_series(name) for name in ("batch1", "Site A", "2019", "2019-05-03", "cat", "7", "set")]
        [True, True, True, True, False, False, False]
    """
    lower = name.strip().casefold()
    return bool(DATE.fullmatch(lower) or SERIES.fullmatch(lower))


def are_a_series(names: Collection[str]) -> bool:
    """Whether all names count something: each by itself, or all are one stem with a number or letter behind it.

    Example:
        >>> are_a_series(["cohort1", "cohort2"]), are_a_series(["room A", "room B"]), are_a_series(["grade1", "grade2"])
        (True, True, False)
    """
    stems = {NUMBERED.sub("", name.strip()) for name in names}
    if len(stems) == 1 and len(names) > 1 and all(NUMBERED.search(name.strip()) for name in names):
        stem = stems.pop().strip(" _-.").casefold()
        if len(stem) > 1 and stem not in OF_CLASSES:
            return True
    return bool(names) and all(map(is_of_a_series, names))


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.casefold())


def _part_of_word(word: str) -> Part | None:
    if word in WORDS:
        return WORDS[word]
    for filler in ("set", "data", "dataset", "images", "imgs", "split"):
        if word.endswith(filler) and word.removesuffix(filler) in WORDS:
            return WORDS[word.removesuffix(filler)]
    return None
