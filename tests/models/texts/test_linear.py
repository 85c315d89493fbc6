"""Lines on texts: what they learn, what they are saved as, what they refuse."""

import importlib.metadata

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, MissingExtraError, SettingError
from drivetrain.models.texts import linear
from tests.models.conftest import straight
from tests.models.texts.conftest import frame

FEATURES = ["terms", "static", "both"]


@pytest.fixture(scope="module", params=FEATURES)
def line(request, topics):
    return dt.TextLinear(topics, features=request.param)


def test_topics_are_learnt(line):
    assert line.validate()["accuracy"].value > 0.8
    assert line.decisions["strength"].value in linear.STRENGTHS
    assert ("terms" in line.decisions) == (line.features != "static")
    assert ("word vectors" in line.decisions) == (line.features != "terms")


def test_what_is_saved_says_the_same(line, tmp_path):
    saved = dt.load(line.save(tmp_path / "line.model"))
    valid = line.data.valid
    expected = line.predict_rows(valid).output
    found = saved.predict_array([row["question"] for row in valid.inputs])
    raw = np.argsort(expected, axis=1)
    assert (np.argsort(found, axis=1) == raw).mean() > 0.98  # calibration moves probabilities, and no order
    assert saved.self_test().passed
    assert saved.predict("the pin is blocked, what can I do").label == "pin"


@pytest.mark.parametrize("features", FEATURES)
def test_two_categories_are_one_line(features, tmp_path):
    rows = frame()
    rows = rows[rows["topic"] != "money"]
    with dt.quiet():
        made = dt.TextLinear(dt.texts(rows, target="topic"), features=features)
    assert made.weights.start.shape == (1,)
    assert dt.load(made.save(tmp_path / "two.model")).predict("the card was swallowed").label == "card"


@pytest.mark.parametrize("features", FEATURES)
def test_numbers_and_labels(features, tmp_path):
    rows = frame()
    minutes = rows["topic"].map({"card": 10.0, "pin": 30.0, "money": 50.0})
    noise = np.random.default_rng(0).normal(size=len(rows))
    numbers = pd.DataFrame({"question": rows["question"], "minutes": minutes + noise})
    labels = pd.DataFrame(
        {"question": rows["question"], "tags": rows["topic"] + "|" + np.where(minutes > 20, "b", "a")}
    )
    with dt.quiet():
        of_numbers = dt.TextLinear(dt.texts(numbers, target="minutes", text="question"), features=features)
        data = dt.texts(labels, target="tags", label_delim="|", text="question")
        of_labels = dt.TextLinear(data, features=features)
    assert of_numbers.validate()["r2"].value > 0.5
    said = dt.load(of_labels.save(tmp_path / "labels.model")).predict("I forgot my pin")
    assert set(said.labels) >= {"pin", "b"}
    assert dt.load(of_numbers.save(tmp_path / "numbers.model")).self_test().passed


def test_the_strength_that_is_asked_for(topics):
    with dt.quiet():
        few = dt.texts(frame(40), target="topic", valid_pct=0, test_pct=0)
    assert dt.TextLinear(few).decisions["strength"].value == linear.USUAL
    asked = dt.TextLinear(topics, strength=3)
    assert (asked.decisions["strength"].value, asked.decisions["strength"].reason[:8]) == (3, "as asked")


def test_many_outputs_read_fewer_terms(topics, monkeypatch):
    monkeypatch.setattr(linear, "MOST_WEIGHTS", 0)
    monkeypatch.setattr(linear, "LEAST_TERMS", 50)
    few = dt.TextLinear(topics)
    assert few.spec.n_terms == 100 and "at most 50 of each" in few.decisions["terms"].reason


def test_a_time_that_is_too_short_is_told(topics):
    found = dt.TextLinear(topics, budget=0.001)
    assert found.decisions["steps"].value == "cut short"


def test_identities_tell_lines_apart(topics):
    first, same, other = (dt.TextLinear(topics, strength=strength) for strength in (1, 1, 3))
    assert first.identity() == same.identity() != other.identity()


def test_what_is_refused(topics, monkeypatch):
    with pytest.raises(SettingError, match="features"):
        dt.TextLinear(topics, features="words")
    with pytest.raises(SettingError, match="strength"):
        dt.TextLinear(topics, strength=0)
    with dt.quiet(), pytest.raises(DataError, match="reads texts"):
        dt.TextLinear(dt.table(straight(), target="y"))
    linear.word_vectors.cache_clear()

    def none(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("drivetrain.runtime.trust.installed.distribution", none)
    with pytest.raises(MissingExtraError, match="wordllama"):
        dt.TextLinear(topics, features="static")
