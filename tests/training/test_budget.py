"""Plans keep to the time, and say what they leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.errors import SettingError
from drivetrain.runtime.times import seconds_of
from drivetrain.training.fast.costs import Costs, Way
from drivetrain.training.fast.cuts import Cut
from drivetrain.training.recipe.budget import ENOUGH_STEPS, as_decision, plan_for
from drivetrain.training.recipe.plan import MOST_EPOCHS

COSTS = Costs(
    forward=0.003,
    ways=(
        Way(None, 0.0, 0.012, 0),
        Way(Cut("low", 0.4, (8,)), 0.0015, 0.007, 1000),
        Way(Cut("high", 0.7, (8,)), 0.002, 0.004, 500),
    ),
)
ROOM = 10**9


@pytest.mark.parametrize(
    ("said", "meant"), [("90s", 90), ("5min", 300), (" 1.5 h ", 5400), ("2M", 120), (7, 7), ("7", 7), (0.5, 0.5)]
)
def test_times_as_people_write_them(said: str | float, meant: float) -> None:
    assert seconds_of(said) == meant


@pytest.mark.parametrize("said", ["", "soon", "-5s", "5 days", 0, -1, float("inf"), float("nan"), True, "5min30"])
def test_other_times_are_refused(said: object) -> None:
    with pytest.raises(SettingError, match="expected a time"):
        seconds_of(said)  # pyright: ignore[reportArgumentType]


@given(st.floats(5, 50_000), st.integers(10, 5_000), st.floats(0, 20), st.sampled_from([0, 10**6, 10**9]))
def test_a_plan_keeps_to_the_time(seconds: float, rows: int, validation: float, room: int) -> None:
    try:
        plan = plan_for(seconds, COSTS, rows=rows, steps=rows // 32 + 1, validation=validation, room_bytes=room)
    except SettingError as error:
        assert "too short" in str(error)
        assert rows * COSTS.forward + validation >= seconds * 0.9
        return
    assert 0 <= plan.epochs <= MOST_EPOCHS
    if plan.way is not None:
        store = plan.views * rows * plan.way.store
        assert rows * COSTS.forward + store + plan.epochs * (rows * plan.way.step + validation) <= seconds
        assert plan.views * rows * plan.way.row_bytes <= room


def test_more_time_trains_more_of_the_body() -> None:
    times = (12, 40, 120, 200, 300, 4000)
    plans = [plan_for(s, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=ROOM) for s in times]
    shares = [as_decision(plan).value for plan in plans]
    assert shares == [0.0, 0.3, 0.3, 0.6, 1.0, 1.0]
    assert plans[2].epochs * 63 >= ENOUGH_STEPS
    assert "views" in plans[2].reason
    assert "head alone" in plans[0].reason


def test_without_room_to_store_everything_is_trained_or_the_head_alone() -> None:
    assert plan_for(120, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=0).way == COSTS.ways[0]
    assert plan_for(20, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=0).way is None


def test_too_short_a_time_says_how_long_it_would_take() -> None:
    with pytest.raises(SettingError, match=r"budget of 3\.0 s is too short: reading 2000 rows once takes about 8\.5 s"):
        plan_for(3, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=ROOM)


@pytest.mark.parametrize("left", [2.0, 0.0, -7.0])
def test_too_short_a_time_says_where_it_goes_and_what_would_do(left: float) -> None:
    """Never a time below 0: 15 s, of which 20 go to saving and opening, leave nothing."""
    used = {"opening the data": 6.25, "saving the model": 14.0, "nothing": 0.01}
    with pytest.raises(SettingError) as told:
        plan_for(left, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=ROOM, used=used)
    said = str(told.value)
    assert f"a budget of {20.26 + left:.0f} s is too short: 14 s go to saving the model, 6.2 s go to opening" in said
    assert "-" not in said and "nothing" not in said
    assert "To fix: budget='32s' or more" in said  # 1.1 (20.26 + 8.5)
    plan_for(32 - 20.26, COSTS, rows=2000, steps=63, validation=1.0, room_bytes=ROOM, used=used)
