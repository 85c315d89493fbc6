"""The page of an update, and the lineage in report and card: counted by hand, safe with hostile names."""

from dataclasses import replace

import numpy as np
import pytest

from drivetrain.evaluation import Predictions, score
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.open_set import open_set
from drivetrain.evaluation.report import ReportParts, model_card, render
from drivetrain.evaluation.updates import page as update_page
from drivetrain.evaluation.updates.between import between
from drivetrain.evaluation.updates.classes import by_class
from drivetrain.evaluation.updates.flips import flips_in_words, lost_gallery, turned
from drivetrain.evaluation.updates.lineage import change_text, update_in_words, updates_section
from drivetrain.evaluation.updates.parts import Task, UpdateParts
from drivetrain.pages.html import tag
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.lineage import Change, CurvePoint, FlipRecord, Update
from drivetrain.runtime.targets import CategoryTarget

from . import tables
from .test_report import HOSTILE, Page, show

FRUIT = CategoryTarget(name="fruit", vocab=("apple", "pear", "fig"))
CURVE = tuple(
    CurvePoint(alpha=alpha, old=old, new=new)
    for alpha, old, new in ((0, 0.9, 0.2), (0.25, 0.88, 0.6), (0.5, 0.86, 0.8), (1, 0.5, 0.9))
)


def said(truth, answers, ids=None, target=FRUIT):
    """Answers with a probability of 0.8, the rest shared."""
    output = np.full((len(truth), len(target.vocab)), 0.2 / (len(target.vocab) - 1))
    output[np.arange(len(truth)), answers] = 0.8
    names = ids or tuple(f"row{i}" for i in range(len(truth)))
    return Predictions(ids=names, target=target, truth=truth, output=output, names=names)


def task(name, before, after):
    metric = (
        "mae" if before.target.kind == "number" else "accuracy" if before.target.kind == "category" else "exact_match"
    )
    comparison = compare(before, after, metric, names=("before", "after"))
    return Task(name, score(before, [metric]), score(after, [metric]), comparison, (before, after))


def record(**changes):
    told = {
        "when": "2026-11-29T03:19:00+00:00",
        "parent": "ab" * 32,
        "parent_name": "fruit.model",
        "data_sha256": "cd" * 32,
        "n_new": 40,
        "n_rehearsed": 20,
        "old_rows": "found",
        "new_classes": ("fig",),
        "alpha": 0.5,
        "curve": CURVE,
        "old": Change(metric="accuracy", before=0.9, after=0.86, low=-0.01, high=0.09, n=50),
        "new": Change(metric="accuracy", before=0.0, after=0.8, n=20),
        "flips": FlipRecord(negative=3, positive=1, n=50, low=0.02, high=0.16, noise_floor=0.04, noise_how="by seeds"),
        "decisions": {"alpha": Decision(value=0.5, reason="the best mean")},
    }
    return Update(**{**told, **changes})


OLD = task("old", said([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0]), said([0, 0, 0, 1, 1, 1], [0, 2, 0, 1, 0, 2]))
"""Two rows were right and are wrong now, one the other way round, one is wrong both times."""
NEW = task("new", said([2, 2], [0, 0], ("x", "y")), said([2, 2], [2, 0], ("x", "y")))


def parts(**changes):
    told = {"title": "fruit-2.model", "record": record(), "old": OLD, "new": NEW, "show": lambda id_, alt: show(0, alt)}
    return UpdateParts(**{**told, **changes})


def test_what_turned_by_hand():
    lost, won = turned(OLD)
    assert sorted(lost.tolist()) == [1, 4] and won.tolist() == [2]
    assert [(one.name, one.n, one.before, one.after, one.negative, one.positive) for one in by_class(OLD)] == [
        ("pear", 3, 2, 1, 1, 0),
        ("apple", 3, 2, 2, 1, 1),
    ]


def test_labels_turn_each_by_itself():
    before = tables.categories(40, 3)
    after = replace(before, output=np.where(np.arange(40)[:, None] < 10, 0.0, before.output).astype(np.float32))
    found = {one.name: one for one in by_class(task("old", before, after))}
    has = before.truth == 1
    was = before.chosen() == 1
    for k, name in enumerate(before.target.vocab):
        expected = int((has[:10, k] & was[:10, k]).sum())
        assert (found[name].negative, found[name].positive) == (expected, 0)
        assert found[name].n == int(has[:, k].sum()) and found[name].before - found[name].after == expected


def test_numbers_turn_by_their_errors():
    before = tables.number(30, 1)
    output = before.output.copy()
    output[3] += 500.0
    output[7] = before.truth[7]
    lost, won = turned(task("old", before, replace(before, output=output, loss=None)))
    assert (lost.tolist(), won.tolist()) == ([3], [7])
    assert by_class(task("old", before, before)) == []


def test_words():
    assert flips_in_words(record().flips) == (
        "3 of 50 old rows were right and are wrong now: 6.0 % [2.0, 16.0]; 1 was wrong and is right now. Another "
        "training with another seed would flip 4.0 % anyway (by seeds)."
    )
    bare = FlipRecord(negative=0, positive=2, n=1, noise_how="not measured")
    assert flips_in_words(bare) == (
        "0 of 1 old row was right and is wrong now: 0.0 %; 2 were wrong and are right now. How many another training "
        "with another seed would flip anyway was not measured."
    )
    assert change_text(None) == "not judged"
    assert update_in_words(record()) == (
        "Made from fruit.model on 2026-11-29 with 40 new rows and 20 old rows again; new: fig. Old task (accuracy): "
        "90.0 % → 86.0 %. Right before and wrong now: 6.0 % [2.0, 16.0] of its rows."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"show": None},
        {"old": None, "record": record(old=None, flips=None, old_rows="none", held_back="it cannot be judged")},
        {"new": None, "record": record(new=None, curve=())},
        {"old": None, "new": None, "record": record(old=None, new=None, flips=None, curve=(), new_classes=())},
        {"old": task("old", tables.number(60, 2), tables.number(60, 2, noise=0.9)), "new": None,
         "record": record(flips=None, curve=(), new_classes=(), old=Change(metric="mae", before=1.0, after=2.0, n=60))},
        {"old": task("old", tables.categories(60, 4), tables.categories(60, 4, seed=0)), "new": None},
        {"old": task("old", tables.category(300, 81), tables.category(300, 81, seed=0, strength=1.0)), "new": None},
    ],
    ids=["all", "nothing to show", "no old rows", "no new rows", "nothing judged", "numbers", "labels", "81 classes"],
)  # fmt: skip
def test_the_page_is_whole_whatever_is_missing(changes):
    html = update_page.render(parts(**changes))
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) and "What was decided" not in page.text
    assert all(not value or value.startswith("data:") for one in page.all("img") for value in [one.get("src")])
    assert "nan" not in page.text.lower().split() and "None" not in page.text


def test_the_page_says_what_turned():
    page = Page(update_page.render(parts()))
    assert "Right before, wrong now: 2 rows" in page.text and "Wrong before, right now: 1 row" in page.text
    assert "was apple 80 %" in page.text and "now fig 80 %" in page.text and "labelled apple" in page.text
    assert "the best mean" in page.text and "Another training with another seed would flip 4.0 %" in page.text
    assert "both together" in page.text
    held = Page(update_page.render(parts(record=record(held_back="the old task is significantly worse"))))
    assert "Held back: the old task is significantly worse." in held.text and "speaks against" not in held.text
    assert "exemplars that the old model was trained on" not in page.text
    carried = Page(update_page.render(parts(record=record(old_rows="exemplars"))))
    assert carried.text.count("exemplars that the old model was trained on") == 2
    assert "Nothing that was measured speaks against" in page.text and "Was it noticed" not in page.text
    told = Page(update_page.render(parts(novelty=open_set(OLD.said[0], NEW.said[0].output))))
    assert "By how sure it was, the old model sets apart" in told.text


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name):
    target = CategoryTarget(name=name, vocab=(name, "pear", "fig"))
    old = task(
        "old",
        said([0, 0, 1], [0, 0, 1], (name, "b", "c"), target),
        said([0, 0, 1], [1, 0, 0], (name, "b", "c"), target),
    )
    told = record(
        parent_name=name[:50], new_classes=(name,), held_back=name, decisions={name: Decision(value=name, reason=name)}
    )
    page = Page(update_page.render(parts(title=name, record=told, old=old, new=None, decisions=told.decisions)))
    assert len(page.all("script")) == 1 and len(page.all("style")) == 1
    assert not any("onload" in attributes for _, attributes in page.tags)


def test_the_curve_marks_the_point_that_was_taken():
    drawn = "".join(map(str, between(record(), "curve")))
    assert drawn.count("<circle") == len(CURVE) + 1 and drawn.count("accent ring") == 1
    assert "at 0.5 old 86.0 %, new 80.0 %" in drawn
    assert "At the end of the training it would have had old 50.0 %, new 90.0 %" in drawn
    alone = tuple(CurvePoint(alpha=point.alpha, old=None, new=point.new) for point in CURVE)
    assert "new task" in "".join(map(str, between(record(curve=alone), "curve")))
    assert between(record(curve=()), "curve") == []
    same = tuple(CurvePoint(alpha=alpha, old=0.0, new=1.0) for alpha in (0, 1))
    assert "−" not in Page(str(between(record(curve=same), "curve")[1])).text  # no share below 0


def test_lineage_in_report_and_card():
    table = said([0, 1, 2], [0, 0, 2])
    lineage = (record(held_back="flips"), record(flips=FlipRecord(negative=2, positive=0, n=3, rows=("row1", "gone"))))
    told = ReportParts("m", table, score(table, ["accuracy"]), lineage=lineage, show=show)
    page = Page(render(told))
    assert "What updates changed" in page.text and "Every update" in page.text
    assert "1 row of them could not be found" in page.text and "now apple 80 %" in page.text
    assert "held back" not in page.text  # that was the update before
    card = model_card(told)
    assert "## Updates" in card and "2 times" in card and "held back, written as asked: flips" in card
    rows = [line for line in card.splitlines() if line.startswith("|") and "fruit.model" in line]
    assert len(rows) == 2 and all(row.count("|") == rows[0].count("|") for row in rows)
    bare = ReportParts("m", table, score(table, ["accuracy"]))
    assert "What updates changed" not in render(bare) and "## Updates" not in model_card(bare)
    assert updates_section((), None, None) is None


def test_rows_are_found_by_their_ids_alone():
    table = said([0, 1, 2], [0, 0, 2])
    asked = []
    lost_gallery(table, ("row2", "elsewhere", "row1"), lambda id_, alt: asked.append(id_) or tag("b", alt))
    assert asked == ["row2", "row1"]
    assert lost_gallery(table, ("elsewhere",), lambda id_, alt: tag("b", alt)) == []
