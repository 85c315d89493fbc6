"""The model card says what is known, what is not, and keeps hostile text apart from its Markdown."""

import pytest

from drivetrain.evaluation import Predictions, Score, score
from drivetrain.evaluation.report import Finding, Look, ReportParts, Seal, model_card, render
from drivetrain.evaluation.report.summary import know
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def parts_of(table, **more):
    return ReportParts("fruit.model", table, score(table), **more)


def test_a_card_has_all_headings_and_admits_what_is_not_known():
    card = model_card(parts_of(tables.category(200, 5)))
    headings = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert headings == ["Use", "Data", "How good it is", "The sealed test set", "Confidence", "Limits", "How to run it"]
    assert "has not said what it is meant for" in card
    assert "Not recorded." in card
    assert "There is none: every number above comes from rows that were looked at" in card
    assert 'dt.load("fruit.model")' in card


def test_numbers_come_with_intervals_and_baselines():
    table = tables.category(200, 5)
    accuracy = score(table)["accuracy"]
    base = accuracy.model_copy(update={"label": "majority class", "value": 0.2, "low": 0.15, "high": 0.26})
    card = model_card(parts_of(table, baselines=[base], n={"train": 9, "valid": 200, "test": 7}, audit=[]))
    assert f"| accuracy | {accuracy.shown()[0]} | 95 %: {accuracy.shown()[1]} | 200 |" in card
    assert "| majority class | 20.0 % | 95 %: [15.0, 26.0] | 200 |" in card
    assert "found none" in card and "7 sealed for the test" in card


def test_openings_are_counted():
    table = tables.category(50, 3)
    one = Score(name="accuracy", label="accuracy", value=0.5, low=0.4, high=0.6, n=40, percent=True)
    looks = [Look("2026-01-02", one, "45 to 60 %; it held"), Look("2026-01-03", None)]
    sealed = model_card(parts_of(table, seal=Seal(40)))
    assert "have never been opened" in sealed
    opened = model_card(parts_of(table, seal=Seal(40, looks)))
    assert (
        "Openings: 2." in opened and "1. 2026-01-02: accuracy 50.0 %" in opened and "the first opening counts" in opened
    )


@pytest.mark.parametrize(
    ("held", "says"), [(True, "; as predicted"), (False, "; validation had predicted something else"), (None, ".")]
)
def test_whether_the_test_set_was_as_predicted_is_said_at_the_top(held, says):
    table = tables.category(40, 2)
    one = score(table, ["accuracy"])["accuracy"]
    parts = parts_of(table, seal=Seal(40, [Look("2026-01-02", one, "45 to 60 %", held)]))
    assert f"opened once; last: {one}{says}" in str(know(parts))
    assert "; predicted: 45 to 60 %" in model_card(parts)


def test_one_bin_is_not_several():
    parts = parts_of(tables.category(30, 2))
    assert "ECE, 1 bin," in model_card(parts) and "1 bins" not in render(parts)


def test_few_rows_are_called_unknown():
    card = model_card(parts_of(tables.category(12, 6)))
    assert "categories have fewer than 5 rows here" in card


def test_regression_has_no_confidence():
    card = model_card(parts_of(tables.number(50, 1)))
    assert "## Confidence" not in card and "as a number" in card


def test_hostile_text_makes_no_markdown():
    hostile = "x](http://example.com) <img src=x> | # a\n## Use `b`"
    table = tables.category(30, 2)
    target = CategoryTarget(name=hostile, vocab=(hostile, "b"))
    table = Predictions(ids=table.ids, target=target, truth=table.truth, output=table.output)
    card = model_card(
        ReportParts(
            hostile,
            table,
            score(table),
            decisions={hostile: Decision(value=hostile, reason=hostile)},
            audit=[Finding("stop", hostile, hostile)],
            facts={"source": hostile},
            warnings=[hostile],
            verdict=hostile,
            use=hostile,
        )
    )
    assert card.count("## Use") == 1
    assert "<img" not in card.replace("\\<img", "")
    assert "](http" not in card.replace("\\](http", "")
    for line in card.splitlines():
        if line.startswith("|") and "example.com" in line:
            assert line.replace("\\|", "").count("|") == 4, line
