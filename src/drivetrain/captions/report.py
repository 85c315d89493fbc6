"""`caption_report`: captions by anyone's model, and how far they can be trusted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from drivetrain.calls import named
from drivetrain.captions import measuring
from drivetrain.captions.asking import Judge, described_by, judge_of, likelihoods_of, synonyms_of
from drivetrain.captions.judging.foreign import foreign
from drivetrain.captions.judging.judged import Judged, judge, not_looked_at
from drivetrain.captions.reading.captions import ReadCaptions, Said, read_captions, read_references
from drivetrain.captions.reading.matching import match
from drivetrain.captions.reading.objects import Known, known_objects
from drivetrain.captions.reading.pictures import Pictures, pictures_of
from drivetrain.captions.result import CaptionReport
from drivetrain.evaluation.scores import Score
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import number, several, text, whole
from drivetrain.text import counted

MOST_RANKED = 400
"""Pictures in the ranking test: each is read with the captions of its rivals."""
FEW = 20
"""Below so many captions the numbers say little, which is told."""
MOST_WORDS = 30
TOLD = ("No caption names", "The captions seem")
"""Notes that are warnings, too: the numbers may mean nothing."""


@named
def caption_report(
    captions: Any,
    pictures: Any = None,
    *,
    references: Any = None,
    objects: Any = None,
    model: Any = None,
    synonyms: Any = None,
    ignore: Any = (),
    picture: Any = None,
    caption: Any = None,
    likelihood: Any = None,
    rivals: Any = 4,
    level: Any = 0.95,
    seed: Any = 0,
    note: Any = "",
) -> CaptionReport:
    """How far captions can be trusted: what they name that is not there, and whether that could be heard.

    Args:
        captions: A table with a column of pictures and one of captions (a CSV, TSV, Parquet, JSON or JSON-lines file, a
            DataFrame, a dict of lists), a dict of picture → caption or captions, a function that is given a picture and
            gives its caption, or (caption, mean probability of its words), or the folder of a captioner.
        pictures: A folder, a list of paths, or a dict of name → picture; None takes the names in the captions as paths,
            where there are such files. Needed for functions, captioners, classifiers and `model`; else for the page.
        references: What people wrote: a table or a dict of picture → captions.
        objects: What is in each picture: a table or dict of picture → objects, a saved classifier of drivetrain, or
            names to look for, which are there where a reference names them.
        model: Says how well a picture and a text fit: a captioner, its folder, or a function (picture, text) → number,
            larger is better. Of a captioner its likelihood of each caption is judged too.
        synonyms: Object → what else it is called. English plurals are known.
        ignore: Phrases that hold the name of an object and do not mean it, such as "hot dog".
        picture: Column of the pictures, where it has no usual name.
        caption: Column of the captions, likewise.
        likelihood: Column of the mean probability (or log probability) of a caption's words, likewise.
        rivals: Other pictures that each one meets in the ranking test.
        level: Of the intervals. Captions of one picture count together.
        seed: Of all draws.
        note: What the captions are; shown on the page.

    Raises:
        DataError: Captions, pictures, references or objects cannot be read, or do not belong together.
        SettingError: An argument has a value that cannot be used.

    Source: what is named and not there is counted as CHAIR does (Rohrbach et al., Object Hallucination in Image
    Captioning, 2018), over your own objects; other numbers name theirs where they are computed.

    Example:
        >>> said = {"1.jpg": "two red apples", "2.jpg": "an apple and a pear", "3.jpg": "a lemon"}
        >>> there = {"1.jpg": ["apple"], "2.jpg": ["pear"], "3.jpg": ["lemon"]}
        >>> report = caption_report(said, objects=there)
        >>> report.scores["hallucinated"].value, report.worst()[0].absent
        (0.25, ('apple',))
    """
    for setting, value in (("picture", picture), ("caption", caption), ("likelihood", likelihood)):
        if value is not None:
            text(setting, value, what="the name of a column")
    rivals, seed = whole("rivals", rivals, least=1), whole("seed", seed, least=0)
    level, note = number("level", level, above=0, below=1), text("note", note, empty=True)
    words = synonyms_of(synonyms)
    ignored = [text("ignore", each, what="phrases") for each in several("ignore", ignore, "phrases", single=str)]
    judge_model = judge_of(model)
    is_model = callable(captions) or _is_folder(captions) or hasattr(captions, "caption_many")
    if is_model:
        read, shown, own = described_by(captions, pictures)
        judge_model = judge_model or own
        told: dict[str, Decision] = {}
    else:
        read = read_captions(captions, picture=picture, caption=caption, likelihood=likelihood)
        shown, told = pictures_of(pictures, [row.picture for row in read.rows], captions)
    told = dict(read.decisions) | told
    rows = read.rows
    own_texts, more = _references(references, rows, picture, caption)
    told |= more
    known = known_objects(
        objects,
        [row.picture for row in rows],
        references=own_texts,
        pictures=shown,
        synonyms=words,
        ignore=ignored,
        picture=picture,
    )
    told |= {} if known is None else dict(known.decisions)
    rows, of_model = _with_likelihoods(read, judge_model, shown)
    told |= of_model
    judged, told["how captions sound"] = judge(rows, known, own_texts)
    scores = _scores(judged, judge_model, shown, rivals=rivals, level=level, seed=seed)
    likely, surest, bins = measuring.of_likelihood(judged, level, seed)
    unknown = [] if known is None else not_looked_at(judged, known.vocabulary)
    notes = _notes(read, judged, known, unknown)
    _say(notes, alone=known is None and not own_texts and judge_model is None)
    return CaptionReport(
        scores=scores | likely,
        rows=tuple(judged),
        objects=tuple(measuring.object_table(judged)),
        surest=tuple(surest),
        reliability=tuple(bins),
        unknown_words=tuple(unknown[:MOST_WORDS]),
        decisions=told,
        notes=tuple(notes),
        level=level,
        note=note,
        pictures=shown,
    )


def _is_folder(source: Any) -> bool:
    try:
        return isinstance(source, str | os.PathLike) and Path(cast("str", source)).is_dir()
    except (OSError, ValueError):
        return False


def _references(
    source: Any, rows: Sequence[Said], picture: str | None, caption: str | None
) -> tuple[dict[str, list[str]], dict[str, Decision]]:
    """References of the pictures, named as in the captions."""
    if source is None:
        return {}, {}
    names = [row.picture for row in rows]
    texts, decisions = read_references(source, picture=picture, caption=caption, like=names)
    pairs, way = match(names, list(texts), "references", "captions")
    missing = len(set(names)) - len(pairs)
    if missing:
        warn(
            f"{counted(missing, 'picture')} of {len(set(names)):,} have no references; what is said by references "
            "leaves their captions out."
        )
    told = Decision(value=f"{len(pairs):,} of {len(set(names)):,} pictures", reason=f"names compared {way}")
    return {name: texts[other] for name, other in pairs.items()}, decisions | {"references": told}


def _with_likelihoods(
    read: ReadCaptions, model: Judge | None, pictures: Pictures
) -> tuple[tuple[Said, ...], dict[str, Decision]]:
    """The captions with the likelihood that the model gives them, where they come without one."""
    rows = read.rows
    if read.likelihood_of is not None:
        return rows, {"likelihood": Decision(value=read.likelihood_of, reason="it comes with the captions")}
    if model is None or not model.is_likelihood:
        return rows, {}
    sure = likelihoods_of(model, rows, pictures)
    told = Decision(value="model=", reason=f"it read {counted(sum(s is not None for s in sure), 'caption')} again")
    return tuple(replace(row, sure=value) for row, value in zip(rows, sure, strict=True)), {"likelihood": told}


def _scores(
    rows: Sequence[Judged], model: Judge | None, pictures: Pictures, *, rivals: int, level: float, seed: int
) -> dict[str, Score]:
    found = measuring.of_objects(rows, level) | measuring.of_fluency(rows, level)
    found |= measuring.of_references(rows, level, seed) | measuring.of_several(rows, level)
    label = "told from another picture's caption (guessing: 50 %)"
    if model is None or not pictures:
        why = "a model= that reads pictures is needed" if model is None else "there are no pictures"
        return found | {"ranking": Score(name="ranking", label=label, value=None, n=0, note=why)}
    firsts = {row.said.picture: row.said.text for row in reversed(rows) if row.said.picture in pictures}
    names = _some(list(firsts), seed)
    fit = cast("Callable[[int, int], float]", lambda a, b: model.fit(pictures[names[a]], firsts[names[b]], names[a]))
    return found | {"ranking": measuring.of_ranking(fit, len(names), rivals=rivals, level=level, seed=seed)}


def _some(names: list[str], seed: int) -> list[str]:
    if len(names) <= MOST_RANKED:
        return names
    import numpy as np  # noqa: PLC0415

    warn(f"the ranking test takes {MOST_RANKED} of {len(names):,} pictures, by chance.")
    return [names[i] for i in np.random.default_rng(seed).choice(len(names), MOST_RANKED, replace=False).tolist()]


def _notes(
    read: ReadCaptions, rows: Sequence[Judged], known: Known | None, unknown: Sequence[tuple[str, int]]
) -> list[str]:
    """What was left out or cannot be said, in sentences."""
    found: list[str] = []
    if read.n_empty:
        found.append(f"{counted(read.n_empty, 'row')} without a caption or picture {_are(read.n_empty)} left out.")
    judged = sum(row.marks is not None for row in rows)
    if known is None:
        found.append(
            "Nothing says what is in the pictures, so nothing is said of what is not there. To fix: pass objects=, or "
            "synonyms= with references=."
        )
    elif judged < len(rows):
        found.append(f"Of {counted(len(rows) - judged, 'caption')} the objects in the picture are not known.")
    if judged and not any(row.marks for row in rows):
        found.append(
            "No caption names any object that was looked for, so it is not known whether they are right. To fix: give "
            "the words that the captions use in synonyms=."
        )
    if known is not None and (tongue := foreign([row.said.text for row in rows])) is not None:
        found.append(tongue)
    if 0 < judged < FEW:
        found.append(f"{counted(judged, 'caption')} {_are(judged)} few: see how wide the intervals are.")
    denied = [mark for row in rows for mark in row.marks or () if mark.denied]
    if denied:
        false = sum(mark.there for mark in denied)
        found.append(
            f"{counted(len(denied), 'mention')} after 'no', 'without' or 'not' {_are(len(denied))} not counted as "
            f"named; {false} of {len(denied)} deny something that is there."
        )
    if known is not None and unknown:
        often = ", ".join(f"{word} ({n})" for word, n in unknown[:5])
        found.append(
            f"{counted(len(unknown), 'word')} of captions may name things that are no object here and were not looked "
            f"at: {often}. To fix: add them to objects= or synonyms=."
        )
    return found


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _say(notes: Sequence[str], *, alone: bool) -> None:
    """What was left out is a warning, too; and that nothing is known, where nothing was given beside the captions."""
    for note in notes:
        if note.endswith("left out.") or note.startswith(TOLD) or (alone and note.startswith("Nothing says")):
            warn(note)
