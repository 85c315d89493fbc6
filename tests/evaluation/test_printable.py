"""What is printed of names that others have chosen is shown by a terminal, and never obeyed."""

from __future__ import annotations

import pytest

from drivetrain.auditing.findings import Finding, Pair, RowRef
from drivetrain.data.check import CheckReport, LeftOut
from drivetrain.evaluation.comparing import Comparison
from drivetrain.evaluation.record.selection import Selection
from drivetrain.evaluation.scores import Score, Scores
from drivetrain.evaluation.thresholds import CostChoice

ODD = "cat\x1b[2J\x9b2J\u202e"
SHOWN = r"cat\x1b[2J\x9b2J\u202e"
ROW = RowRef(ODD, "training", "cat")
SCORE = Score(name="recall", label=ODD, value=0.5, low=None, high=None, n=4, percent=True, note=ODD)


def comparison() -> Comparison:
    return Comparison(
        metric="accuracy", label="accuracy", names=(ODD, "b"), values=(0.5, 0.25), difference=0.25, low=None, high=None,
        level=0.95, method=None, higher_is_better=True, percent=True, n=4, n_groups=None, outcome="unknown", worth=0.01,
        power=None, smallest=None, mcnemar=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "found",
    [
        ROW,
        Pair(ROW, ROW, "the same"),
        Finding("broken files", "note", ODD, "text", pairs=(Pair(ROW, ROW, ODD),), rows=(ROW,)),
        CheckReport(n_rows=2, left_out=(LeftOut(ODD, "file is empty", "a"),), used={"a": 1}, notes=(ODD,)),
        comparison(),
        SCORE,
        Scores({"recall": SCORE}, part="validation", n=4),
        Selection("accuracy", ODD, True, 0, 0.5, 0.5, None, None, 4, 2),
        CostChoice({}, cost=0.5, interval=None, cost_chosen_on=0.5, cost_before=0.5, n=4, note=ODD),
    ],
    ids=lambda found: type(found).__name__,
)
def test_control_sequences_are_shown(found: object) -> None:
    said = str(found)
    assert SHOWN in said
    assert not set("\x1b\x9b\u202e") & set(said)


def test_a_table_in_a_notebook_turns_nothing_round() -> None:
    said = Scores({"recall": SCORE}, part="validation", n=4)._repr_html_()
    assert SHOWN in said
    assert "\u202e" not in said
