"""Shops whose best price is known, as tables and a plan file."""

import numpy as np
import pandas as pd

PLAN = """
table = "shops.csv"
logged = "log.csv"
text = ["zip"]
[objective]
name = "margin"
value = "cost = 1; sold * (price - cost)"
[levers.price]
low = 1
high = 5
step = 0.5
randomised = true
[models.sold]
outcome = "sold"
features = ["size", "price"]
make = "linear"
n = 4
"""


def write(folder):
    """Sold: 10 · size − 2 · price, so that the best price is (10 · size + 2) / 4: 3 and 5."""
    random = np.random.default_rng(0)
    n = 300
    log = pd.DataFrame({"size": random.choice([1.0, 1.8], n), "price": random.choice(np.arange(1, 5.5, 0.5), n)})
    log["zip"] = random.choice(["01234", "99999"], n)
    log["sold"] = 10 * log["size"] - 2 * log["price"] + random.normal(0, 0.1, n)
    log.to_csv(folder / "log.csv", index=False)
    shops = pd.DataFrame({"size": [1.0, 1.8] * 10, "price": 2.0, "zip": "01234"})
    shops.to_csv(folder / "shops.csv", index=False)
    (folder / "plan.toml").write_text(PLAN)
