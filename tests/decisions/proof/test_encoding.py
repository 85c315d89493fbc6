import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.proof.encoding import Encoding, floats_of, texts_of
from drivetrain.errors import DataError


def test_numbers_and_categories_become_codes_and_terms():
    rows = pd.DataFrame({"age": [20.0, 40.0, np.nan], "city": ["Bonn", "Ulm", "Bonn"]})
    code = Encoding.fit(rows, ["age", "city"])
    assert code.numbers(rows).tolist() == [[20.0, 0.0], [40.0, 1.0], [-1.0, 0.0]]  # below all: 20 − 20 − 1
    assert code.terms(rows).tolist() == [[-1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    "cells", [[1, 0, 1], [1.0, 0.0, 1.0], [True, False, True], pd.Series([1, 0, 1], dtype=object)], ids=str
)
def test_an_option_is_the_same_however_its_column_stores_it(cells):
    assert texts_of(cells).tolist() == ["1", "0", "1"]


def test_what_was_never_seen_is_told():
    code = Encoding.fit(pd.DataFrame({"x": [0.0, 1.0], "c": ["a", "b"]}), ["x", "c"])
    rows = pd.DataFrame({"x": [0.5, 2.0, 0.5, np.nan], "c": ["a", "a", "z", "b"]})
    assert code.is_new(rows).tolist() == [False, True, True, False]


def test_a_missing_column_and_words_for_numbers_are_refused():
    rows = pd.DataFrame({"price": ["10", "dear"]})
    with pytest.raises(DataError, match=r"no column prize.*price"):
        Encoding.fit(rows, ["prize"])
    with pytest.raises(DataError, match="'price' holds 'dear'; expected numbers"):
        floats_of(rows, "price")
