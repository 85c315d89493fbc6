"""A plan made up by hand: 12 customers, a price and an offer, four members, so that every number is known."""

import dataclasses

import numpy as np
import pandas as pd

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.optimise.problem import Binding
from drivetrain.decisions.plan.facts import Facts, ModelFacts, Scored
from drivetrain.decisions.plan.parts import (
    CurvePart,
    LeverEffect,
    Parts,
    Promise,
    Proof,
    Sensitive,
    Support,
    Valued,
)
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.table import plan_table
from drivetrain.decisions.simulator import Simulator
from drivetrain.decisions.worth import Worth
from drivetrain.runtime.decisions import Decision

N = 12
PRICE = Lever("price", 400.0, 900.0, step=50.0, randomised=True)
OFFER = Lever("offer", options=("none", "letter"), cost={"none": 0.0, "letter": 2.0})
OBJECTIVE = "cost = 300; accept * (price - claims - cost)"


def rows():
    return pd.DataFrame(
        {
            "age": np.arange(20, 20 + N) * 1.0,
            "region": ["north", "south", "west"] * 4,
            "price": [500.0] * 6 + [600.0] * 6,
            "offer": ["none"] * N,
        },
        index=[f"c{i}" for i in range(N)],
    )


def proposed():
    return {
        "price": np.array([550.0] * 4 + [500.0] * 2 + [550.0] * 3 + [900.0] * 3),
        "offer": np.array(["none"] * 8 + ["letter"] * 4, dtype=object),
    }


def worth(value, low, high, method="cross-fitted over members"):
    return Worth(value, low, high, n=N, method=method)


def parts(**changes):
    expected = np.linspace(90.0, 112.0, N)
    today = np.linspace(85.0, 90.0, N)
    where = np.array(["inside"] * 9 + ["edge"] * 2 + ["outside"])
    found = {
        "promise": Promise(
            worth(101.0, 95.0, 107.0), worth(109.0, 103.0, 115.0), worth(87.5, 82.0, 93.0), worth(13.5, 9.0, 18.0),
            0.03, expected, expected - 5, expected + 5, today,
        ),
        "support": Support(where, {"inside": 9 / 12, "edge": 2 / 12, "outside": 1 / 12}, "the 50 nearest logged rows"),
        "effects": (
            LeverEffect(
                "price", "accept", worth(-0.0010, -0.0014, -0.0006), worth(-0.0011, -0.0016, -0.0006), 0.01, True, True,
                "the two agree",
            ),
            LeverEffect(
                "offer", "accept", worth(0.2, 0.1, 0.3), worth(0.02, -0.05, 0.09), 0.4, None, False,
                "letters went to those who accept anyway",
            ),
        ),
        "proof": Proof(
            (
                Valued(
                    "the plan", worth(100.0, 80.0, 120.0), worth(101.0, 85.0, 117.0), worth(100.5, 93.0, 108.0), 40.0
                ),
                Valued("today", worth(88.0, 80.0, 96.0), worth(88.0, 81.0, 95.0), worth(87.9, 84.0, 92.0), 400.0),
                Valued(
                    "prediction + 20 %", worth(60.0, 50.0, 70.0), worth(61.0, 51.0, 71.0), worth(60.0, 55.0, 65.0), 90.0
                ),
            ),
            "known",
            "customer",
            "the plan beats today's prices on the logged rows, too",
        ),
        "bindings": (
            Binding("at most 4 letters", 4.0, 4.0, True, 3.25),
            Binding("mean discount at most 5 %", 0.01, 0.05, False, 0.0),
        ),
        "curves": (
            CurvePart(
                "price", tuple(float(v) for v in range(400, 901, 100)), np.array([60.0, 88, 100, 99, 90, 70]),
                np.array([55.0, 83, 95, 92, 80, 55]), np.array([65.0, 93, 105, 106, 100, 85]), 600.0, True, 550.0,
                (600.0, 700.0),
            ),
            CurvePart(
                "offer", ("none", "letter"), np.array([98.0, 100.0]), np.array([92.0, 94.0]), np.array([104.0, 106.0]),
                "letter", False, "none", None,
            ),
        ),
        "sensitivity": (
            Sensitive("cost", 0.8, 240.0, 121.0, 0.1, 120.5),
            Sensitive("cost", 1.2, 360.0, 82.0, 0.25, 80.0),
        ),
        "method": "Lagrangian dual",
        "gap": 0.002,
        "warnings": ("price rises above what was seen for 1 row", "offer was not randomised"),
        "decisions": {"risk": Decision(value="mean", reason="as asked")},
    }  # fmt: skip
    return Parts(**{**found, **changes})


def facts():
    score = Scored("log loss", "0.412", "[0.390, 0.434]", 2000)
    return Facts(
        (
            ModelFacts("accept", "accepted", ("age", "region", "price", "offer"), 20, True, 2000, (score,)),
            ModelFacts("claims", None, ("age", "region"), 1, False, None),
        ),
        ("age", "region", "price", "offer"),
    )


def simulator(data=None):
    """Four members who differ by a level: the objective is 100 − (price − 600)²/1000 + 3 with a letter + member."""

    def member(level):
        return lambda frame: 100 - (frame["price"] - 600) ** 2 / 1000 + 3 * (frame["offer"] == "letter") + level

    models = as_models({"worth": [member(level) for level in (-2.0, -1.0, 1.0, 2.0)]})
    levers = (PRICE, dataclasses.replace(OFFER, cost=None))
    return Simulator(as_objective("worth"), rows() if data is None else data, levers, models)


def plan(simulator=None, **changes):
    made = parts(**changes)
    now = {name: rows()[name].to_numpy() for name in ("price", "offer")}
    table = plan_table(rows().index, (PRICE, OFFER), now, proposed(), promise=made.promise, support=made.support)
    return Plan(made, table, (PRICE, OFFER), as_objective(OBJECTIVE, name="profit"), simulator=simulator, facts=facts())
