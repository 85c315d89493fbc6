"""Columns of a served table are watched: what moved is named, and what did not stays still."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.kinds.tables.columns import CategoryColumn, NumberColumn
from drivetrain.kinds.tables.spec import Spec
from drivetrain.runtime.watching.compare import watch
from drivetrain.runtime.watching.log import Live, _add  # pyright: ignore[reportPrivateUsage]
from drivetrain.runtime.watching.reference import Reference

TARGET = dt.NumberTarget(names=("y",), mean=(0.0,), std=(1.0,))
TOWNS = tuple(f"t{at}" for at in range(40))
SPEC = Spec(
    columns=(
        NumberColumn(name="age"),
        NumberColumn(name="wage"),
        CategoryColumn(name="town", vocab=TOWNS, counts=tuple(range(100, 60, -1))),
    )
)


def rows(n, seed, *, age=40.0, gaps=0.1, towns=("t0", "t1", "t2"), odds=(0.5, 0.3, 0.2)):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        wage = None if rng.random() < gaps else rng.normal(5000, 900)
        yield SPEC.statistics(SPEC.load({"age": rng.normal(age, 9), "wage": wage, "town": rng.choice(towns, p=odds)}))


def compared(**moved):
    said = np.random.default_rng(1).normal(size=(500, 1))
    reference = Reference.of(TARGET, said, list(rows(500, 0)))
    live = Live()
    for row in rows(400, 1, **moved):
        _add(live, {"inputs": dict(row)})
    return {check.name: check for check in watch(reference, live).checks}


def test_nothing_moved():
    checks = compared()
    assert set(checks) == {"input age", "input wage", "input town", "input wage is missing"}
    assert not any(check.alarm for check in checks.values())


@pytest.mark.parametrize(
    ("moved", "name", "said"),
    [
        ({"age": 46.0}, "input age", "mean 39.7 → 45.4"),
        ({"odds": (0.2, 0.3, 0.5)}, "input town", "t0 "),
        ({"towns": ("t0", "t1", "elsewhere")}, "input town", "(not seen before) 0.0 % → "),
        ({"towns": ("t0", "t1", None)}, "input town", "(not known) 0.0 % → "),
        ({"towns": ("t0", "t1", "t39")}, "input town", "(others) 0.0 % → "),
        ({"gaps": 0.4}, "input wage is missing", " % → 4"),
        ({"gaps": 1.0}, "input wage is missing", " % → 100.0 %"),
    ],
    ids=str,
)
def test_the_column_that_moved_alarms_alone(moved, name, said):
    checks = compared(**moved)
    assert [check.name for check in checks.values() if check.alarm] == [name]
    assert said in checks[name].detail


def test_a_column_that_never_had_a_gap_is_watched_for_gaps():
    spec = Spec(columns=(NumberColumn(name="n"),))
    full = [spec.statistics(spec.load({"n": at})) for at in range(300)]
    reference = Reference.of(TARGET, np.zeros((300, 1)), full)
    live = Live()
    for at in range(300):
        _add(live, {"inputs": dict(spec.statistics(spec.load({"n": at if at % 5 else None})))})
    checks = {check.name: check for check in watch(reference, live).checks}
    assert checks["input n is missing"].alarm and checks["input n is missing"].detail == "0.0 % → 20.0 %"
    assert not checks["input n"].alarm


def test_false_alarms_are_as_rare_as_promised():
    said = np.zeros((300, 1))
    reference = Reference.of(TARGET, said, list(rows(300, 0)))
    alarms = 0
    for seed in range(1, 61):
        live = Live()
        for row in rows(150, seed):
            _add(live, {"inputs": dict(row)})
        alarms += bool(watch(reference, live, false_alarms=0.1, least=0).alarms)
    assert alarms <= 13  # of 60 runs 6 are promised at most; one reference serves all, so they are not independent
