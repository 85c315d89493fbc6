"""What is in each picture: a table, a mapping, the references, or what a classifier of drivetrain says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from drivetrain.captions.judging.vocabulary import Vocabulary, merged
from drivetrain.captions.reading.columns import OBJECT_NAMES, cell_text, cell_texts, columns_of, two_columns
from drivetrain.captions.reading.matching import match
from drivetrain.captions.reading.pictures import Pictures
from drivetrain.errors import DataError, SettingError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.loading import load
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget
from drivetrain.settings import shown
from drivetrain.text import counted, readable

OBJECTS = (
    "a table with a column of pictures and one of objects, a dict of picture → objects, a saved classifier (its path, "
    "or what drivetrain.load gives), or a list of names to look for, with references= to say what is there"
)
DELIMITERS = ("|", ";", ",")
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Known:
    """What is known of the pictures."""

    vocabulary: Vocabulary
    present: Mapping[str, frozenset[str]]
    """Picture, as the captions name it → objects in it; a picture that nothing is known of is not here."""
    decisions: Mapping[str, Decision]


def known_objects(
    source: Any,
    names: Sequence[str],
    *,
    references: Mapping[str, Sequence[str]],
    pictures: Pictures,
    synonyms: Mapping[str, Sequence[str]],
    ignore: Sequence[str],
    picture: str | None = None,
) -> Known | None:
    """What is in each picture; None where nobody says it.

    Args:
        source: As `OBJECTS` says; None looks for the objects of `synonyms` in the references.
        names: Of the pictures in the captions.
        references: Of the pictures, named as in the captions.
        pictures: The same pictures, for a classifier.
        synonyms: Object → what else it is called.
        ignore: Phrases that name no object.
        picture: Column of the pictures.

    Raises:
        DataError: Nothing belongs to any picture, or a word stands for two objects.
        SettingError: It is nothing of the kind.
    """
    decisions: dict[str, Decision] = {}
    present: dict[str, list[str]] = {}
    looked_for: list[str] = []
    if _is_names(source):
        looked_for = [name for each in source if (name := cell_text(each)) is not None]
        if not looked_for:
            raise DataError(f"objects={shown(source)} names nothing; expected {OBJECTS}. To fix: name some.")
        if not references:
            raise DataError(
                "objects are names to look for, and nothing says which of them is in which picture; expected "
                "references beside them. To fix: pass references=, or objects= as a table of what is in each picture."
            )
    elif source is not None and _is_model(source):
        present, looked_for, decisions = _by_classifier(source, pictures)
    elif source is not None:
        present, decisions = _by_table(source, names, picture)
    elif not synonyms or not references:
        return None
    vocabulary = merged([*looked_for, *(name for several in present.values() for name in several)], synonyms, ignore)
    said = {
        name: frozenset(found for each in several if (found := vocabulary.canonical(each)) is not None)
        for name, several in present.items()
    }
    if references:
        for name, texts in references.items():
            named = frozenset(found for text in texts for found in vocabulary.named(text))
            said[name] = said.get(name, frozenset()) | named
        beside = "what objects= says, and what the references name beside it" if present else "what the references name"
        decisions["truth"] = Decision(value=beside, reason="an object is there where either says so (as CHAIR counts)")
    elif "truth" not in decisions:
        decisions["truth"] = Decision(value="what objects= says", reason="there are no references")
    return Known(vocabulary, said, decisions)


def _is_names(source: Any) -> bool:
    if isinstance(source, list | tuple | set | frozenset):
        return all(isinstance(each, str) for each in cast("Sequence[Any]", source))
    return False


def _is_model(source: Any) -> bool:
    if isinstance(source, str | os.PathLike):
        path = Path(cast("str | os.PathLike[str]", source))
        return path.is_dir() or (path / MANIFEST).exists()
    return isinstance(source, Predictor) or hasattr(source, "predict_many")


def _by_table(
    source: Any, names: Sequence[str], picture: str | None
) -> tuple[dict[str, list[str]], dict[str, Decision]]:
    columns, decisions = columns_of(source, "objects", OBJECTS, pair="objects", asked=(picture,), like=names)
    pictures, objects = two_columns(columns, "objects", "objects", OBJECT_NAMES, picture=picture)
    cells = columns[objects]
    delimiter = next(
        (mark for mark in DELIMITERS if any(mark in cell for cell in cells if isinstance(cell, str))), None
    )
    if delimiter is not None:
        decisions["objects"] = Decision(value=delimiter, reason=f"stands between the objects of {readable(objects)!r}")
    found: dict[str, list[str]] = {}
    for name, cell in zip(columns[pictures], cells, strict=True):
        key = cell_text(name)
        if key is not None:
            found.setdefault(key, []).extend(cell_texts(cell, delimiter))
    if not any(found.values()):
        raise DataError(f"objects: the column {readable(objects)!r} names none; expected some. To fix: name another.")
    pairs, way = match(names, list(found), "objects", "captions")
    missing = len(set(names)) - len(pairs)
    if missing:
        warn(
            f"objects= says nothing of {counted(missing, 'picture')} of {len(set(names)):,}; whether their captions "
            "name what is not there is not judged by it."
        )
    decisions["pictures of objects"] = Decision(
        value=f"{len(pairs):,} of {len(set(names)):,}", reason=f"compared {way}"
    )
    return {name: found[other] for name, other in pairs.items()}, decisions


def _by_classifier(source: Any, pictures: Pictures) -> tuple[dict[str, list[str]], list[str], dict[str, Decision]]:
    """What a classifier says of each picture that it answers and is sure enough of."""
    model = load(source) if isinstance(source, str | os.PathLike) else source
    target = getattr(model, "target", None)
    if not isinstance(target, CategoryTarget | CategoriesTarget):
        raise SettingError(
            f"objects={shown(source)} is a model that names nothing; expected {OBJECTS}. To fix: pass a model of "
            "categories or labels."
        )
    if not pictures:
        raise DataError(
            "objects= is a classifier, and there are no pictures to show it; expected them beside the captions. To "
            "fix: pass pictures=, the folder of them."
        )
    found: dict[str, list[str]] = {}
    unsure = 0
    for name, said in zip(pictures, model.predict_many(list(pictures.values())), strict=True):
        if said.error is not None or said.abstained:
            unsure += 1
        elif said.labels is not None:
            found[name] = list(said.labels)
        else:
            found[name] = list(said.set) or ([said.label] if said.label is not None else [])
    if unsure:
        warn(
            f"the classifier read or was sure of all but {counted(unsure, 'picture')} of {len(pictures):,}; whether "
            "the captions of those name what is not there is not judged by it."
        )
    how = "all that it does not exclude" if getattr(model, "calibration", None) else "what it says"
    told = Decision(
        value=f"a classifier of {counted(len(target.vocab), 'object')}",
        reason=f"{how} counts as there, right or wrong: its own mistakes are in these numbers",
    )
    return found, list(target.vocab), {"truth": told}
