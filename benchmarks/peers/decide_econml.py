"""EconML's own answer to: which offer for whom, when offers cost something? In the environment of the peers.

python decide_econml.py LOGGED.csv NEW.csv OUT.json VALUE COSTS.json
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import econml
import numpy as np
import pandas as pd
from econml.dr import DRLearner
from econml.policy import DRPolicyForest, DRPolicyTree
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

logged, new, out, value, costs = sys.argv[1:6]
rows, coming, worth = pd.read_csv(logged), pd.read_csv(new), float(value)
price: dict[str, float] = json.loads(costs)
features = ["age", "visits", "spent", "member"]
offers = list(price)
X, T = rows[features].to_numpy(float), rows["offer"].map({o: i for i, o in enumerate(offers)}).to_numpy()
Y = worth * rows["bought"].to_numpy(float) - np.array(list(price.values()))[T]
Z = coming[features].to_numpy(float)
nuisance = {
    "model_propensity": HistGradientBoostingClassifier(random_state=0),
    "model_regression": HistGradientBoostingRegressor(random_state=0),
}
answers: dict[str, Any] = {}


def timed(name: str, choose: Any) -> None:
    started = time.perf_counter()
    chosen, promised = choose()
    answers[name] = {
        "offer": [offers[int(i)] for i in chosen],
        "promised": None if promised is None else float(promised),
        "seconds": time.perf_counter() - started,
    }


def policy(made: Any) -> Any:
    def choose() -> tuple[Any, Any]:
        made.fit(Y, T, X=X)
        chosen = made.predict(Z)
        gained = made.predict_value(Z)  # of each offer less the first, of rows like these
        return chosen, np.take_along_axis(np.c_[np.zeros(len(Z)), gained], chosen[:, None], 1).mean()

    return choose


def learner() -> tuple[Any, Any]:
    made = DRLearner(
        model_propensity=nuisance["model_propensity"],
        model_regression=nuisance["model_regression"],
        model_final=HistGradientBoostingRegressor(random_state=0),
    )
    made.fit(Y, T, X=X)
    gained = np.c_[np.zeros(len(Z)), *[made.effect(Z, T0=0, T1=i) for i in range(1, len(offers))]]
    return gained.argmax(axis=1), gained.max(axis=1).mean()


timed("DRPolicyTree", policy(DRPolicyTree(max_depth=3, random_state=0, **nuisance)))
timed("DRPolicyForest", policy(DRPolicyForest(max_depth=5, n_estimators=200, n_jobs=1, random_state=0, **nuisance)))
timed("DRLearner, best of each row", learner)
with open(out, "w") as file:  # noqa: PTH123 - the peer's own script
    json.dump({"version": econml.__version__, "answers": answers}, file)
