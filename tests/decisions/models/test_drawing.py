"""Halves and bootstraps: who learns from what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.models.drawing import Draws, group_numbers
from drivetrain.errors import DataError


def test_a_member_draws_from_its_own_half_as_many_rows_as_that_has() -> None:
    draws = Draws.of(101, members=5, seed=7)
    assert sorted(np.bincount(draws.half_of_row).tolist()) == [50, 51]
    for k in range(5):
        counts = draws.counts(k)
        assert counts[draws.half_of_row != draws.halves[k]].sum() == 0
        assert counts.sum() == (draws.half_of_row == draws.halves[k]).sum()


def test_rows_of_a_group_are_in_one_half_and_drawn_together() -> None:
    group = pd.Series(np.repeat(np.arange(20), 5)).astype(str)
    draws = Draws.of(100, members=4, seed=1, group=group)
    for values in [draws.half_of_row, *(draws.counts(k) for k in range(4))]:
        assert (pd.Series(values).groupby(group).nunique() == 1).all()


def test_a_bootstrap_leaves_out_a_row_with_the_probability_that_theory_gives() -> None:
    draws = Draws.of(400, members=200, seed=0)
    mine = [(draws.counts(k)[draws.half_of_row == draws.halves[k]] == 0).mean() for k in range(200)]
    assert np.mean(mine) == pytest.approx((1 - 1 / 200) ** 200, abs=0.005)


def test_the_same_seed_draws_the_same_whatever_the_outcome_or_the_number_of_members() -> None:
    few, many = Draws.of(50, members=2, seed=3), Draws.of(50, members=9, seed=3)
    assert np.array_equal(few.half_of_row, many.half_of_row)
    assert np.array_equal(few.counts(1), many.counts(1))
    assert not np.array_equal(few.counts(1), Draws.of(50, members=2, seed=4).counts(1))


@pytest.mark.parametrize(("n", "group"), [(1, None), (3, pd.Series(["a", "a", "a"]))], ids=["one row", "one group"])
def test_nothing_to_halve_is_an_error(n: int, group: pd.Series | None) -> None:
    with pytest.raises(DataError, match="expected at least 2"):
        Draws.of(n, members=2, seed=0, group=group)


def test_a_row_without_a_group_is_a_group_of_its_own() -> None:
    assert group_numbers(pd.Series([np.nan, "b", None, "b"])).tolist() == [1, 0, 2, 0]
