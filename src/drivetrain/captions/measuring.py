"""The numbers of a caption report, from judged captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from drivetrain.captions.judging import numbers
from drivetrain.captions.judging.agreement import bleu_columns, overlap
from drivetrain.captions.judging.judged import Judged
from drivetrain.captions.judging.pairs import Fit, partners, share_interval, told_apart
from drivetrain.captions.result import OfObject, Surest
from drivetrain.evaluation.calibration import calibration_error, reliability
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.pages.charts import Bin
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget

Value = TypeVar("Value")
SHARES = (1.0, 0.75, 0.5, 0.25)
"""Of captions, the surest first, that are looked at."""
FEWEST = 8
"""Captions in a share, so that its interval says something."""


def of_objects(rows: Sequence[Judged], level: float) -> dict[str, Score]:
    """What is named and not there, what is there and not named; as CHAIR (Rohrbach et al. 2018, eq. 1 and 2) has it."""
    known = [row for row in rows if row.marks is not None]
    pictures = [row.said.picture for row in known]
    absent = [len(row.absent) for row in known]
    all_named, missed = [len(row.named) for row in known], [len(row.missed) for row in known]
    present = [len(row.present) for row in known]
    lower_is: dict[str, Any] = {"level": level, "higher_is_better": False}
    label = "objects named that are not there (CHAIR-i)"
    return {
        "hallucinated": numbers.ratio("hallucinated", label, absent, all_named, pictures, **lower_is),
        "captions_wrong": numbers.ratio(
            "captions_wrong", "captions that name one (CHAIR-s)", [float(row.wrong) for row in known],
            [1.0] * len(known), pictures, **lower_is,
        ),
        "missed": numbers.ratio("missed", "objects there that are not named", missed, present, pictures, **lower_is),
    }  # fmt: skip


def of_fluency(rows: Sequence[Judged], level: float) -> dict[str, Score]:
    """How often the half of captions that sounds best is wrong, and whether the sound tells right from wrong."""
    known = [row for row in rows if row.marks is not None]
    middle = float(np.median([row.sounds for row in known])) if known else 0.0
    best = [row for row in known if row.sounds >= middle]
    rest = [row for row in known if row.sounds < middle]
    lower_is: dict[str, Any] = {"level": level, "higher_is_better": False}

    def wrong(name: str, label: str, half: Sequence[Judged]) -> Score:
        pictures = [row.said.picture for row in half]
        return numbers.ratio(name, label, [float(row.wrong) for row in half], [1.0] * len(half), pictures, **lower_is)

    tells = _auc("fluency_tells", "AUC of how captions sound, for right against wrong", known, level)
    return {
        "sounds_right_is_wrong": wrong("sounds_right_is_wrong", "wrong, of the half that sounds best", best),
        "sounds_poor_is_wrong": wrong("sounds_poor_is_wrong", "wrong, of the rest", rest),
        "fluency_tells": tells,
    }


def _auc(name: str, label: str, rows: Sequence[Judged], level: float) -> Score:
    wrong = sum(row.wrong for row in rows)
    if not wrong or wrong == len(rows):
        note = "all captions are wrong" if wrong else "no caption is wrong"
        return Score(name=name, label=label, value=None, n=len(rows), note=note if rows else "nothing is known")
    p_N = np.array([row.sounds for row in rows])
    target = CategoryTarget(name="caption", vocab=("wrong", "right"))
    said = Predictions(
        ids=tuple(map(str, range(len(rows)))),
        target=target,
        truth=np.array([0 if row.wrong else 1 for row in rows]),
        output=np.stack([1 - p_N, p_N], axis=1),
        groups=np.array([row.said.picture for row in rows]),
    )
    return score(said, ["roc_auc"], level=level)["roc_auc"].model_copy(update={"name": name, "label": label})


def of_references(rows: Sequence[Judged], level: float, seed: int) -> dict[str, Score]:
    """CIDEr-D and BLEU-4 of the captions whose pictures have references."""
    with_cider = [row for row in rows if row.cider is not None]
    known = [row for row in rows if row.references]
    found: dict[str, Score] = {}
    if with_cider:
        values = np.array([row.cider for row in with_cider], dtype=np.float64)
        pictures = [row.said.picture for row in with_cider]
        found["cider_d"] = numbers.mean(
            "cider_d", "CIDEr-D (0 to 10)", values, pictures, level=level, seed=seed, higher_is_better=True
        )
    else:
        note = "there are no references" if not known else "references of two pictures are needed"
        found["cider_d"] = Score(name="cider_d", label="CIDEr-D (0 to 10)", value=None, n=len(known), note=note)
    if known:
        columns_NC = bleu_columns([row.said.text for row in known], [row.references for row in known])
        found["bleu_4"] = numbers.bleu(columns_NC, [row.said.picture for row in known], level=level, seed=seed)
    else:
        found["bleu_4"] = Score(name="bleu_4", label="BLEU-4", value=None, n=0, note="there are no references")
    return found


def of_several(rows: Sequence[Judged], level: float) -> dict[str, Score]:
    """How far several captions of one picture agree, and whether what only few of them name is there."""
    of_picture: dict[str, list[Judged]] = {}
    for row in rows:
        of_picture.setdefault(row.said.picture, []).append(row)
    several = {name: group for name, group in of_picture.items() if len(group) > 1}
    label = "words that captions of one picture share"
    if not several:
        note = "each picture has one caption"
        return {"consistency": Score(name="consistency", label=label, value=None, n=0, note=note)}
    names = list(several)
    words = [_mean_of_pairs([row.said.text for row in several[name]], overlap) for name in names]
    ones = [1.0] * len(names)
    found = {"consistency": numbers.ratio("consistency", label, words, ones, names, level=level, n=len(names))}
    known = {name: group for name, group in several.items() if group[0].marks is not None}
    if known:
        same = [_mean_of_pairs([frozenset(row.named) for row in group], _jaccard) for group in known.values()]
        found["object_consistency"] = numbers.ratio(
            "object_consistency", "objects that captions of one picture share", same, [1.0] * len(same), list(known),
            level=level, n=len(same),
        )  # fmt: skip
    rare: list[tuple[str, bool]] = []
    common: list[tuple[str, bool]] = []
    for name, group in known.items():
        counts = Counter(each for row in group for each in row.named)
        for each, times in counts.items():
            (common if 2 * times > len(group) else rare).append((name, each not in group[0].present))
    for key, label, them in (
        ("absent_if_rare", "not there, of objects that at most half of a picture's captions name", rare),
        ("absent_if_common", "not there, of objects that more of them name", common),
    ):
        if them:
            wrong, pictures = [float(gone) for _, gone in them], [name for name, _ in them]
            found[key] = numbers.ratio(
                key, label, wrong, [1.0] * len(them), pictures, level=level, higher_is_better=False
            )
    return found


def _mean_of_pairs(values: Sequence[Value], alike: Callable[[Value, Value], float]) -> float:
    return float(np.mean([alike(one, other) for one, other in combinations(values, 2)]))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def of_ranking(fit: Fit, n: int, *, rivals: int, level: float, seed: int) -> Score:
    """How often two pictures and their captions are put together the right way round."""
    label = "told from another picture's caption (guessing: 50 %)"
    if n < 2:
        return Score(name="ranking", label=label, value=None, n=n, note="two pictures are needed")
    pairs = partners(n, rivals, seed)
    hits_P = told_apart(fit, pairs)
    interval = share_interval(pairs, hits_P, n, level)
    return numbers.score_of(
        "ranking", label, float(hits_P.mean()), interval, len(pairs), units=n, percent=True, higher_is_better=True
    )


def of_likelihood(rows: Sequence[Judged], level: float, seed: int) -> tuple[dict[str, Score], list[Surest], list[Bin]]:
    """Whether the model's own likelihood means what it says, and what abstaining by it would bring."""
    known = [row for row in rows if row.marks is not None and row.said.sure is not None]
    label = "calibration error of the model's likelihood"
    if not known:
        note = "there are no likelihoods of captions whose pictures are known"
        return {"calibration_error": Score(name="calibration_error", label=label, value=None, n=0, note=note)}, [], []
    sure_N = np.array([row.said.sure for row in known], dtype=np.float64)
    right_N = np.array([not row.wrong for row in known])
    said = Predictions(
        ids=tuple(map(str, range(len(known)))),
        target=CategoriesTarget(name="caption", vocab=("right",)),
        truth=right_N[:, None].astype(np.float32),
        output=sure_N[:, None],
        groups=np.array([row.said.picture for row in known]),
    )
    off = calibration_error(said, level=level, seed=seed)
    found = Score(
        name="calibration_error", label=label, value=off.value, low=off.low, high=off.high, n=off.n, level=level,
        method=off.method if off.low is not None else None, percent=True, higher_is_better=False,
    )  # fmt: skip
    return {"calibration_error": found}, surest(known, level), list(reliability(said, level=level))


def surest(rows: Sequence[Judged], level: float) -> list[Surest]:
    """How often the surest captions are wrong, for some shares of all."""
    ordered = sorted(rows, key=lambda row: -(row.said.sure or 0.0))
    found: list[Surest] = []
    for share in SHARES:
        some = ordered[: round(share * len(ordered))]
        if len(some) < FEWEST:
            continue
        pictures = [row.said.picture for row in some]
        wrong = numbers.ratio(
            "wrong", f"wrong, of the surest {100 * share:.0f} %", [float(row.wrong) for row in some],
            [1.0] * len(some), pictures, level=level, higher_is_better=False,
        )  # fmt: skip
        found.append(Surest(share, float(some[-1].said.sure or 0.0), wrong))
    return found


def object_table(rows: Sequence[Judged]) -> list[OfObject]:
    """A row for each object, those that are named where they are not there most first."""
    known = [row for row in rows if row.marks is not None]
    present = Counter(name for row in known for name in row.present)
    said = Counter(name for row in known for name in row.named)
    absent = Counter(name for row in known for name in row.absent)
    missed = Counter(name for row in known for name in row.missed)
    found = [OfObject(name, present[name], said[name], absent[name], missed[name]) for name in {*present, *said}]
    return sorted(found, key=lambda one: (-one.absent, -one.missed, -one.in_pictures, one.name))
