"""pymc-marketing's own answer to: how much to which channel, within a budget? In an environment of its own.

python decide_pymc.py WEEKS.csv OUT.json BUDGET PERIODS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd
import pymc_marketing
import xarray as xr
from pymc_marketing.mmm import LogisticSaturation, NoAdstock
from pymc_marketing.mmm.multidimensional import MMM, MultiDimensionalBudgetOptimizerWrapper

weeks, out, budget, periods = sys.argv[1:5]
rows, channels = pd.read_csv(weeks, parse_dates=["date"]), ["tv", "web"]
started = time.perf_counter()
model = MMM(date_column="date", channel_columns=channels, adstock=NoAdstock(l_max=1), saturation=LogisticSaturation())
model.fit(
    rows[["date", *channels]], rows["sales"].rename("y"), draws=300, tune=500, chains=2, cores=1, random_seed=0,
    progressbar=False,
)  # fmt: skip
first = rows["date"].max() + pd.Timedelta(weeks=1)
last = first + pd.Timedelta(weeks=int(periods) - 1)
within = xr.DataArray(
    [[0.0, float(budget)]] * 2, dims=["channel", "bound"], coords={"channel": channels, "bound": ["lower", "upper"]}
)
# the optimiser of mmm.MMM, which is deprecated, divides spends by their scales twice in 0.19.2
chooser = MultiDimensionalBudgetOptimizerWrapper(model=model, start_date=str(first.date()), end_date=str(last.date()))
found = chooser.optimize_budget(budget=float(budget), budget_bounds=within)[0]
said = {
    "version": pymc_marketing.__version__,
    "spent": {name: float(found.sel(channel=name)) for name in channels},
    "seconds": time.perf_counter() - started,
}
Path(out).write_text(json.dumps(said), encoding="utf-8")
