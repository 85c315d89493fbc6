"""One model of one table, in a process of its own: fitted on the rows that are not tested on; what it says of those.

    python tables_one.py MODEL TABLE.parquet TARGET ANSWERS.npz [--names COLUMNS] [--dates COLUMNS] [--budget TIME]

The table has a column `part` (train, valid, test). A model that stops by validation rows is given those of `part`; all
others are fitted on training and validation rows together. `--names` are columns whose values are names, `--dates`
those of dates, which become decimal years: drivetrain is not told, the peers are. Each has its library's defaults.

ANSWERS.npz: `answers`, (N, K) probabilities of the classes in their order or (N,) numbers, of the test rows in their
order. On stdout: JSON, a line for each model that was fitted, with its seconds and CPU seconds; of several in one run
(`line,trees,net,blend`) ANSWERS is their common beginning.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MOST_LEVELS = 254
"""That scikit-learn's histogram boosting takes of one column; rarer ones count as one more."""
EPOCHS_OF_NET = 20
EPOCHS_OF_FASTAI = 5
"""As many as its tutorial of Adult takes, and a few more: 3 there."""
EPOCHS_OF_EMBEDDINGS, PATIENCE = 30, 3
SEED = 0


@dataclass
class Rows:
    """A table divided, as the peers are given it."""

    table: pd.DataFrame
    target: str
    names: list[str]
    dates: list[str]

    def __post_init__(self) -> None:
        self.number = self.table[self.target].dtype.kind == "f"
        self.truth: Any = self.table[self.target].to_numpy()
        if not self.number:
            self.classes, self.truth = np.unique(self.truth.astype(str), return_inverse=True)
        self.part = self.table["part"].to_numpy()
        inputs = self.table.drop(columns=[self.target, "part"])
        for name in self.dates:
            date = pd.to_datetime(inputs[name])
            inputs[name] = date.dt.year + date.dt.dayofyear / 366
        for name in self.names:
            gone = inputs[name].isna()
            inputs[name] = inputs[name].astype(str).where(~gone, "(missing)")
        self.inputs = inputs
        self.numbers = [name for name in inputs if name not in self.names]

    def of(self, *parts: str) -> np.ndarray:
        return np.flatnonzero(np.isin(self.part, parts))

    def as_categories(self, most: int | None = None) -> pd.DataFrame:
        """Names as pandas' categories: those of the training rows, of more than `most` the most frequent ones."""
        made, fitted = self.inputs.copy(), self.of("train", "valid")
        for name in self.names:
            known = made[name].iloc[fitted].value_counts().index[:most]
            made[name] = pd.Categorical(made[name], categories=known)
        return made


class Clock:
    """Seconds and CPU seconds of fitting, those of child processes included."""

    def __enter__(self) -> Clock:
        self.began = (time.monotonic(), self._cpu())
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.cpu = time.monotonic() - self.began[0], self._cpu() - self.began[1]

    def _cpu(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    def told(self) -> dict[str, float]:
        return {"seconds": round(self.seconds, 2), "cpu": round(self.cpu, 2)}


Answered = tuple[np.ndarray, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("table", type=Path)
    parser.add_argument("target")
    parser.add_argument("answers", type=Path)
    parser.add_argument("--names", default="")
    parser.add_argument("--dates", default="")
    parser.add_argument("--budget", default="60s")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    table = pd.read_parquet(asked.table)
    if "," in asked.model or asked.model in OURS:
        ours(asked.model.split(","), table, asked)
        return
    rows = Rows(table, asked.target, *(list(filter(None, each.split("|"))) for each in (asked.names, asked.dates)))
    answers, told = PEERS[asked.model](rows)
    say(asked.model, asked.answers, answers, told)


def say(model: str, place: Path, answers: np.ndarray, told: dict[str, Any]) -> None:
    np.savez(place, answers=np.asarray(answers, np.float64))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"model": model, "answers": str(place), "peak_mb": round(peak), **told}), flush=True)


# ── drivetrain ──────────────────────────────────────────────────────────────────────────────────────────────────────

OURS = ("line", "trees", "net", "blend", "train")


def ours(models: list[str], table: pd.DataFrame, asked: Any) -> None:
    import drivetrain as dt

    with tempfile.TemporaryDirectory() as project, dt.quiet():
        with Clock() as reading:
            data = dt.table(table, target=asked.target, split="part", project=project)
        test, fitted, clocks = data.sealed_test.open(), {}, {}
        order = np.argsort([int(name.split()[-1]) for name in test.inputs.names()])

        def answer(model: str, made: Any, told: dict[str, Any]) -> None:
            said = made.predict_rows(test).output[order]
            place = asked.answers.with_name(f"{asked.answers.stem}-{model}.npz")
            said = said[:, 0] if data.target.kind == "number" else said
            say(model, place, said, {"reading": reading.told()["seconds"], **told})

        makes: dict[str, Callable[[], Any]] = {
            "line": lambda: dt.Linear(data),
            "trees": lambda: dt.Trees(data),
            "net": lambda: dt.Learner(data, seed=SEED, device="cpu").fine_tune(EPOCHS_OF_NET),
            "blend": lambda: blend(fitted),
        }
        for model in models:
            with Clock() as clock:
                if model == "train":
                    found = dt.train(data, budget=asked.budget)
                else:
                    fitted[model] = made = makes[model]()
            clocks[model] = clock.told()
            if model == "train":
                answer(model, found, {**clock.told(), **judged(found)})
            else:
                spent = list(clocks.values()) if model == "blend" else [clock.told()]
                told = {name: round(sum(each[name] for each in spent), 2) for name in ("seconds", "cpu")}
                answer(model, made, told)


def judged(found: Any) -> dict[str, Any]:
    """What `dt.train` says of its candidates."""
    plain = found.difference["plain"]
    return {
        "winner": found.winner,
        "plain": {"real": plain.real, "verdict": plain.verdict},
        "said": found.leaderboard.about_the_line(),
    }


def blend(fitted: dict[str, Any]) -> Any:
    import drivetrain as dt
    from drivetrain.models.net import Net

    return dt.Blend([Net(made) if name == "net" else made for name, made in fitted.items()])


# ── peers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def histgb(rows: Rows) -> Answered:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    table = rows.as_categories(MOST_LEVELS)
    for name in rows.names:  # what is left counts as one name: a gap is one of its own
        left = table[name].isna()
        table[name] = table[name].cat.add_categories("(others)")
        table.loc[left, name] = "(others)"
    kind = HistGradientBoostingRegressor if rows.number else HistGradientBoostingClassifier
    return fitted_by(rows, table, kind(categorical_features="from_dtype", random_state=SEED))


def lightgbm(rows: Rows) -> Answered:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if rows.number else LGBMClassifier
    return fitted_by(rows, rows.as_categories(), kind(random_state=SEED, n_jobs=1, verbose=-1))


def catboost(rows: Rows) -> Answered:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if rows.number else CatBoostClassifier
    model = kind(cat_features=rows.names, random_seed=SEED, thread_count=1, verbose=0, allow_writing_files=False)
    return fitted_by(rows, rows.inputs, model)


def fitted_by(rows: Rows, table: pd.DataFrame, model: Any) -> Answered:
    fitted, test = rows.of("train", "valid"), rows.of("test")
    with Clock() as clock:
        model.fit(table.iloc[fitted], rows.truth[fitted])
    asked = model.predict if rows.number else model.predict_proba
    return np.asarray(asked(table.iloc[test])), clock.told()


def autogluon(rows: Rows) -> Answered:
    from autogluon.tabular import TabularPredictor

    fitted, test = rows.of("train", "valid"), rows.of("test")
    table = rows.inputs.copy()
    for name in rows.names:
        table[name] = table[name].astype("category")
    table[rows.target] = rows.truth
    problem = "regression" if rows.number else "binary" if len(rows.classes) == 2 else "multiclass"
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(label=rows.target, problem_type=problem, path=folder, verbosity=0)
        with Clock() as clock:
            predictor.fit(table.iloc[fitted], presets="medium_quality", num_cpus=1, num_gpus=0)
        given = table.drop(columns=rows.target).iloc[test]
        said = predictor.predict(given) if rows.number else predictor.predict_proba(given)
        board = predictor.leaderboard(silent=True)["model"].tolist()
    return np.asarray(said), {**clock.told(), "models": board}


def fastai(rows: Rows) -> Answered:
    import torch
    from fastai.tabular.all import (
        Categorify,
        CategoryBlock,
        FillMissing,
        Normalize,
        RegressionBlock,
        TabularPandas,
        tabular_learner,
    )

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    table = rows.inputs.copy()
    mean, spread = (rows.truth[rows.of("train")].mean(), rows.truth[rows.of("train")].std()) if rows.number else (0, 1)
    table[rows.target] = ((rows.truth - mean) / spread).astype(np.float32) if rows.number else rows.truth
    with Clock() as clock:
        places = (rows.of("train").tolist(), rows.of("valid").tolist())
        made = TabularPandas(
            table,
            procs=[Categorify, FillMissing, Normalize],
            cat_names=rows.names,
            cont_names=rows.numbers,
            y_names=rows.target,
            y_block=RegressionBlock() if rows.number else CategoryBlock(),
            splits=places,
        )
        learner = tabular_learner(made.dataloaders(bs=min(256, max(16, len(places[0]) // 20))))
        learner.no_bar = lambda: learner
        with learner.no_logging():
            learner.remove_cb(next(one for one in learner.cbs if type(one).__name__ == "ProgressCallback"))
            learner.fit_one_cycle(EPOCHS_OF_FASTAI)
    said, _ = learner.get_preds(dl=learner.dls.test_dl(table.iloc[rows.of("test")].drop(columns=rows.target)))
    return (said.numpy()[:, 0] * spread + mean if rows.number else said.numpy()), clock.told()


def embeddings(rows: Rows) -> Answered:
    """Guo & Berkhahn, Entity Embeddings of Categorical Variables (2016): two hidden layers on embeddings and numbers.

    min(50, (levels + 1) / 2) numbers for a name, a level of a single training row is "unknown", Adam at 1e-3; stopped
    when the loss of the validation rows has not fallen for three epochs, and taken back to the best.
    """
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    train, valid, test = (rows.of(part) for part in ("train", "valid", "test"))
    codes, sizes = [], []
    for name in rows.names:
        counted = rows.inputs[name].iloc[train].value_counts()
        known = {level: at + 1 for at, level in enumerate(counted.index[counted > 1])}
        codes.append(rows.inputs[name].map(known).fillna(0).to_numpy(np.int64))
        sizes.append(len(known) + 1)
    code = torch.from_numpy(np.stack(codes, axis=1)) if codes else torch.zeros(len(rows.part), 0, dtype=torch.int64)
    raw = rows.inputs[rows.numbers].to_numpy(np.float64)
    center, scale = np.nanmean(raw[train], axis=0), np.maximum(np.nanstd(raw[train], axis=0), 1e-9)
    numbers = torch.from_numpy(np.nan_to_num((raw - center) / scale).astype(np.float32))
    mean, spread = (rows.truth[train].mean(), rows.truth[train].std()) if rows.number else (0.0, 1.0)
    truth = torch.from_numpy(((rows.truth - mean) / spread).astype(np.float32)[:, None] if rows.number else rows.truth)
    widths = [min(50, (size + 1) // 2) for size in sizes]
    n_outputs = 1 if rows.number else len(rows.classes)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tables = nn.ModuleList(nn.Embedding(*each) for each in zip(sizes, widths, strict=True))
            width = sum(widths) + numbers.shape[1]
            self.layers = nn.Sequential(
                nn.Linear(width, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, n_outputs)
            )

        def forward(self, at: torch.Tensor) -> torch.Tensor:
            read = [table(code[at, place]) for place, table in enumerate(self.tables)]
            return self.layers(torch.cat([*read, numbers[at]], dim=1))

    net = Net()
    loss = nn.functional.mse_loss if rows.number else nn.functional.cross_entropy
    size = min(256, max(16, len(train) // 20))
    best, kept, since = np.inf, net.state_dict(), 0
    with Clock() as clock:
        steps = torch.optim.Adam(net.parameters(), lr=1e-3)
        for _ in range(EPOCHS_OF_EMBEDDINGS):
            for at in torch.from_numpy(train)[torch.randperm(len(train))].split(size):
                steps.zero_grad()
                loss(net(at), truth[at]).backward()
                steps.step()
            with torch.no_grad():
                now = float(loss(net(torch.from_numpy(valid)), truth[valid]))
            since = 0 if now < best else since + 1
            if now < best:
                best, kept = now, {name: value.clone() for name, value in net.state_dict().items()}
            if since == PATIENCE:
                break
    net.load_state_dict(kept)
    with torch.no_grad():
        said = net(torch.from_numpy(test))
    if rows.number:
        return said.numpy()[:, 0] * spread + mean, clock.told()
    return said.softmax(dim=1).numpy(), clock.told()


PEERS: dict[str, Callable[[Rows], Answered]] = {
    "histgb": histgb,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "fastai": fastai,
    "embeddings": embeddings,
    "autogluon": autogluon,
}

if __name__ == "__main__":
    sys.exit(main())
