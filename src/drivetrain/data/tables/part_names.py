"""What a folder's name says: a part of a split in any spelling, or a number in a series (batch 1, 2019, site A)."""

from __future__ import annotations

import re
from collections.abc import Collection

from drivetrain.data.splitting.split import SYNONYMS, Part
from drivetrain.names import normal

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
    **dict.fromkeys(("addestramento", "allenamento", "eğitim", "trening", "treningowy", "treningowe"), "train"),
    **dict.fromkeys(("convalida", "validazione", "validatie", "doğrulama", "walidacja", "walidacyjny"), "valid"),
    **dict.fromkeys(("prüfung", "pruefung", "testowy", "testowe"), "test"),
    **dict.fromkeys(("обучение", "обучающая", "обучающие", "тренировка", "тренировочная", "тренировочные"), "train"),
    **dict.fromkeys(("валидация", "валидационная", "проверка", "проверочная"), "valid"),
    **dict.fromkeys(("тест", "тестовая", "тестовые"), "test"),
    **dict.fromkeys(("訓練", "学習", "トレーニング", "훈련", "학습"), "train"),
    **dict.fromkeys(("検証", "검증"), "valid"),
    **dict.fromkeys(("テスト", "評価", "테스트", "시험"), "test"),
}
_FILLERS = """
set sets data dataset datasets image images img imgs picture pictures pic pics photo photos split splits sample samples
folder folders dir part subset file files final new all full jpg jpeg png the of my cropped resized v
daten datensatz bilder выборка данные データ 画像
"""
FILLERS = frozenset(_FILLERS.split())
"""Words that may stand beside one for a part."""

_ENDINGS = (
    *("set", "data", "dataset", "images", "imgs", "split", "daten", "sdaten", "bilder", "sbilder", "menge", "smenge"),
    *("データ", "用データ", "画像", "用", "데이터"),
)
"""What may be joined to a word for a part."""

_COUNTED = (
    "batch|site|fold|kfold|cv|chunk|shard|session|day|week|month|round|run|cam|camera|group|patient|subject|person|user|"
    "scan|series|clip|video|trip|lot|station|farm|plot|year|version|v|split|section|subset|part|disk|machine|center|"
    "centre|hospital|clinic|lab|scanner|device|phone|source|collection|volume|vol|set|folder|dir"
)
SERIES = re.compile(rf"(?:{_COUNTED})s?(?:[\s_.-]*\d+|[\s_.-][a-z])|(?:site|group|batch|fold|camera|hospital|lab)[a-z]")
NUMBERED = re.compile(r"(?:[\s_.-]*\d+|[\s_.-]+[A-Za-z]|(?<=[a-z])[A-Z])$")
OF_CLASSES = frozenset(("class", "type", "grade", "stage", "level", "cat", "category", "label", "species", "kind", "c"))
"""Stems of classes that are merely numbered."""
CAMERA_FOLDER = re.compile(r"[1-9]\d\d(?=[a-z\d_]*[a-z])[a-z\d_]{5}")
"""As cameras name them: 100CANON, 101_PANA."""
BATCH = re.compile(
    r"(?:batch|fold|session|day|week|month|run|trip|clip|video|chunk|shard|part|folder|dir|new folder|untitled folder)"
    r"[\s_.-]*\(?\d+\)?"
)
DATE = re.compile(r"(?:19|20)\d\d(?:[-_. ]?\d\d?){0,2}|\d\d?[-_.]\d\d?[-_.](?:19|20)?\d\d")


_PICTURES = "images image imgs img jpegimages pictures photos originals original rgb input inputs"
PICTURES = frozenset(_PICTURES.split())
_DRAWN = """
masks mask labels label annotations annotation gt groundtruth segmentation segmentations segmentationclass
segmentationobject segmasks imagelabels overlays bboxes contours depth
"""
DRAWN = frozenset(_DRAWN.split())


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


def without_part(name: str) -> str:
    """What is left of a name without the word that says a part; empty where there is no such word or no other.

    Example:
        >>> without_part("Cat 2_train"), without_part("test-set"), without_part("seg_test"), without_part("trainA")
        ('Cat 2', '', 'seg', 'A')
    """
    pieces = re.split(r"([\s_.-]+|(?<=[a-z])(?=[A-Z]))", normal(name).strip())
    words = [piece for piece in pieces[::2] if piece]
    said = [place for place, word in enumerate(pieces[::2]) if part_of(word)]
    if len(said) != 1 or all(part_of(word) or word.casefold() in FILLERS for word in words):
        return ""
    place = 2 * said[0]
    left = pieces[:place] + pieces[place + 2 :] if place else pieces[2:]
    return "".join(left).strip(" _.-")


def say_when(names: Collection[str]) -> bool:
    """Whether all names say when or in which lot pictures were taken, and so hardly what is seen.

    Example:
        >>> say_when(["100CANON", "101CANON"]), say_when(["2024-05-01", "2024-05-02"]), say_when(["7", "12"])
        (True, True, False)
    """
    lower = [name.strip().casefold() for name in names]
    return len(lower) > 1 and any(all(map(pattern.fullmatch, lower)) for pattern in (CAMERA_FOLDER, DATE, BATCH))


def are_pictures_and_masks(names: Collection[str]) -> bool:
    """Whether some names are those of pictures, and some of what is drawn over them.

    Example:
        >>> are_pictures_and_masks(["images", "masks"]), are_pictures_and_masks(["with mask", "no mask"])
        (True, False)
    """
    plain = {re.sub(r"[\s_-]", "", name).casefold() for name in names}
    return bool(plain & PICTURES) and bool(plain & DRAWN)


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
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", normal(name))
    return re.findall(r"[^\W\d_]+", spaced.casefold())


def _part_of_word(word: str) -> Part | None:
    if word in WORDS:
        return WORDS[word]
    for filler in _ENDINGS:
        if word.endswith(filler) and word.removesuffix(filler) in WORDS:
            return WORDS[word.removesuffix(filler)]
    return None
