"""Reports of models whose classes are people, and that every kind which says what carries a model can be asked."""

from types import SimpleNamespace

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.kinds.drawn.people import claims_of_people
from drivetrain.runtime.kinds import face, has_face, packages
from drivetrain.runtime.targets import CategoryTarget


def model(name: str, people: str, *, told: bool = True) -> SimpleNamespace:
    """Two validation rows of each person; told apart, or answered alike."""
    target = CategoryTarget(name=name, vocab=tuple(people))
    truth = np.repeat(np.arange(len(people)), 2)
    output = (
        0.7 * np.eye(len(people))[truth] + 0.3 / len(people)
        if told
        else np.full((len(truth), len(people)), 1 / len(people))
    )
    said = dt.Predictions(ids=tuple(map(str, range(len(truth)))), target=target, truth=truth, output=output)
    data = SimpleNamespace(target=target, valid=range(len(truth)))
    return SimpleNamespace(data=data, predict_rows=lambda rows: said)


def test_people_are_judged_by_claims() -> None:
    [(title, html)] = claims_of_people(model("user id", "abcdef"))
    assert title == "Is it this person?" and "AUC 1.0" in str(html) and "EER 0.0" in str(html)
    assert str(html).count('<th scope="row">') == 6 and "see drivetrain.verify" in str(html)


def test_who_cannot_be_told_apart_is_said() -> None:
    [(_, html)] = claims_of_people(model("speaker", "abcdef", told=False))
    assert "It cannot tell" in str(html)


def test_too_few_people_are_told() -> None:
    [(_, html)] = claims_of_people(model("person", "abc"))
    assert "This is not judged" in str(html)


def test_other_classes_are_no_people() -> None:
    assert claims_of_people(model("gesture", "abcdef")) == []


@pytest.mark.parametrize("kind", sorted(packages()))
def test_a_report_can_ask_every_kind(kind: str) -> None:
    if has_face(kind, "understanding"):
        assert callable(face(kind, "understanding").model_sections)
